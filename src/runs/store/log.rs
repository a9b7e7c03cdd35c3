//! The log of one run, as its only writer sees it.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::frame::{HEAD, LEAD, seal};
use super::part::{self, Index};
use super::{Batch, StoreError, folder};

/// What is known of a run, and where its next record goes.
pub(super) struct Log {
    pub(super) dir: PathBuf,
    /// Sequence number of the next record.
    pub(super) next: u64,
    /// Tags behind their kinds.
    pub(super) tags: HashSet<String>,
    /// Number of the last batch of each sender.
    senders: BTreeMap<u64, u64>,
    segment: Option<Segment>,
    /// Names of logs that nothing is written to any more, to be turned into parts.
    pub(super) finished: Vec<String>,
}

struct Segment {
    name: String,
    file: Option<File>,
    /// Bytes that are on disk.
    synced: u64,
    /// Bytes that are written.
    written: u64,
    /// Where to cut before going on: what stands behind it was refused.
    cut: Option<u64>,
    /// Senders before what is not synced yet.
    before: Vec<(u64, Option<u64>)>,
}

/// What a request became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Sequence number that the run's next record will get.
    pub next: u64,
    /// Records that were taken: all, or none where the batch had been taken before.
    pub taken: u64,
}

impl Log {
    /// A run that begins now.
    pub(super) fn create(dir: PathBuf) -> Result<Self, StoreError> {
        let failed = |e| StoreError::io(&dir, e);
        std::fs::create_dir(&dir).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::Name {
                name: dir.file_name().unwrap_or_default().to_string_lossy().into(),
                why: "on this disk another run has that name but for case or form".into(),
            },
            _ => failed(e),
        })?;
        dir.parent().map_or(Ok(()), folder::sync).map_err(failed)?;
        Ok(Log::at(dir))
    }

    fn at(dir: PathBuf) -> Self {
        Log {
            dir,
            next: 0,
            tags: HashSet::new(),
            senders: BTreeMap::new(),
            segment: None,
            finished: Vec::new(),
        }
    }

    /// A run from its folder; returns the logs too that are to be turned into parts, and what is damaged.
    pub(super) fn open(dir: &Path) -> Result<(Self, Vec<String>, Vec<String>), StoreError> {
        let failed = |e| StoreError::io(dir, e);
        let listing = folder::list(dir).map_err(failed)?;
        for leftover in &listing.leftovers {
            std::fs::remove_file(leftover).map_err(failed)?;
        }
        let mut log = Log::at(dir.to_path_buf());
        let mut warnings = Vec::new();
        let mut index = Index::read(dir).unwrap_or_else(|e| {
            warnings.push(e.to_string());
            Index::default()
        });
        log.next = listing.parts.last().map_or(0, |p| p.end);
        let mut closed = Vec::new();
        for segment in listing.segments {
            let path = dir.join(&segment.name);
            let bytes = std::fs::read(&path).map_err(|e| StoreError::io(&path, e))?;
            super::check_version(&path, &bytes)?;
            log.next = log.next.max(segment.first);
            let damage = part::batches(&path.display().to_string(), bytes.into(), |(batch, records)| {
                index.note(batch, &records);
                let end = records.last().map_or(0, |(sequence, _)| sequence + 1);
                log.next = log.next.max(end);
            });
            warnings.extend(damage);
            closed.push(segment.name);
        }
        log.tags = index.tags.into_iter().collect();
        let parsed = index.senders.iter();
        log.senders = parsed
            .filter_map(|(sender, number)| Some((u64::from_str_radix(sender, 16).ok()?, *number)))
            .collect();
        Ok((log, closed, warnings))
    }

    /// True where the batch was taken before.
    pub(super) fn has(&self, batch: Option<Batch>) -> bool {
        batch.is_some_and(|b| self.senders.get(&b.sender).is_some_and(|&last| b.number <= last))
    }

    /// Writes a frame, whose first [`LEAD`] + 8 bytes are free and whose body holds `count` records.
    /// It is on disk after [`Log::sync`]. On failure nothing of it stays.
    pub(super) fn append(
        &mut self,
        frame: &mut [u8],
        count: u64,
        batch: Option<Batch>,
    ) -> Result<Accepted, StoreError> {
        frame[LEAD..LEAD + 8].copy_from_slice(&self.next.to_le_bytes());
        seal(frame);
        self.repair()?;
        let (dir, next) = (&self.dir, self.next);
        let segment = match &mut self.segment {
            Some(segment) => segment,
            none => none.insert(Segment::create(dir, next)?),
        };
        segment.write(dir, frame)?;
        self.next += count;
        if let Some(Batch { sender, number }) = batch {
            segment.before.push((sender, self.senders.insert(sender, number)));
        }
        Ok(Accepted {
            next: self.next,
            taken: count,
        })
    }

    /// Cuts what was refused but could not be undone, and ends that log: at the place of the cut
    /// another program may have read what is now gone.
    fn repair(&mut self) -> Result<(), StoreError> {
        let Some((segment, cut)) = self.segment.as_mut().and_then(|s| s.cut.map(|cut| (s, cut))) else {
            return Ok(());
        };
        let path = self.dir.join(&segment.name);
        let done = segment.open(&self.dir).and_then(|file| {
            file.set_len(cut)?;
            file.sync_all()
        });
        done.map_err(|e| StoreError::io(&path, e))?;
        self.close();
        Ok(())
    }

    /// Makes everything appended last.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        let Some(segment) = &mut self.segment else {
            return Ok(());
        };
        let path = self.dir.join(&segment.name);
        match segment.open(&self.dir).and_then(|file| file.sync_data()) {
            Ok(()) => {
                segment.synced = segment.written;
                segment.before.clear();
                Ok(())
            }
            Err(e) => {
                // After a failed sync the system may hold pages that never reach the disk: they are
                // cut, and their sequence numbers are not used again.
                segment.cut = Some(segment.synced);
                for (sender, last) in segment.before.drain(..).rev() {
                    match last {
                        Some(last) => self.senders.insert(sender, last),
                        None => self.senders.remove(&sender),
                    };
                }
                // A second failure is found, and told, by the next append.
                let error = StoreError::io(&path, e);
                let _ = self.repair();
                Err(error)
            }
        }
    }

    /// Bytes of the open log.
    pub(super) fn size(&self) -> u64 {
        self.segment.as_ref().map_or(0, |s| s.written)
    }

    /// Ends the open log.
    pub(super) fn close(&mut self) {
        self.finished.extend(self.segment.take().map(|s| s.name));
    }

    /// Lets the system's file go; the next append opens it again.
    pub(super) fn rest(&mut self) {
        if let Some(segment) = &mut self.segment {
            segment.file = None;
        }
    }
}

impl Segment {
    fn create(dir: &Path, first: u64) -> Result<Self, StoreError> {
        let name = folder::segment_name(first);
        let path = dir.join(&name);
        let created = (|| {
            let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
            file.write_all(&HEAD)?;
            file.sync_all()?;
            folder::sync(dir)?;
            Ok(file)
        })();
        match created {
            Ok(file) => Ok(Segment {
                name,
                file: Some(file),
                synced: HEAD.len() as u64,
                written: HEAD.len() as u64,
                cut: None,
                before: Vec::new(),
            }),
            Err(e) => {
                // An empty log that stays is harmless: it is removed when the store is next opened.
                let _ = std::fs::remove_file(&path);
                Err(StoreError::io(&path, e))
            }
        }
    }

    fn open(&mut self, dir: &Path) -> std::io::Result<&mut File> {
        if self.file.is_none() {
            let file = OpenOptions::new().append(true).open(dir.join(&self.name))?;
            self.file = Some(file);
        }
        self.file
            .as_mut()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, dir: &Path, frame: &[u8]) -> Result<(), StoreError> {
        let path = dir.join(&self.name);
        let written = self.written;
        let file = self.open(dir).map_err(|e| StoreError::io(&path, e))?;
        match file.write_all(frame) {
            Ok(()) => {
                self.written += frame.len() as u64;
                Ok(())
            }
            Err(e) => {
                if file.set_len(written).is_err() {
                    self.cut = Some(written);
                }
                Err(StoreError::io(&path, e))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Follower, read, wire};
    use model::{Point, Record};

    fn frame(value: f64) -> Vec<u8> {
        let point = Point {
            step: 0,
            wall: 0.0,
            value,
        };
        let tag = "v".to_string();
        wire::encode(vec![0; LEAD + 8], None, [(0, &Record::Scalar { tag, point })]).unwrap()
    }

    fn batch(number: u64) -> Option<Batch> {
        Some(Batch { sender: 1, number })
    }

    /// A device that takes writes and can neither be synced nor cut.
    fn failing() -> Option<File> {
        Some(OpenOptions::new().append(true).open("/dev/null").unwrap())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_failed_sync_left_in_doubt_is_cut_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        drop(crate::store::Store::open(folder.path(), Default::default()).unwrap());
        let mut log = Log::create(folder.path().join("run")).unwrap();
        log.append(&mut frame(1.0), 1, batch(1)).unwrap();
        log.sync().unwrap();
        log.append(&mut frame(2.0), 1, batch(2)).unwrap();
        // Another program has seen it meanwhile.
        let mut follower = Follower::open(folder.path()).unwrap();
        assert_eq!(follower.refresh().unwrap().records.len(), 2);
        log.segment.as_mut().unwrap().file = failing();
        assert!(log.sync().is_err());
        assert!(
            !log.has(batch(2)) && log.has(batch(1)),
            "the sender may send it again"
        );
        assert!(
            log.append(&mut frame(2.0), 1, batch(2)).is_err(),
            "it cannot be cut yet"
        );
        log.segment.as_mut().unwrap().file = None;
        let accepted = log.append(&mut frame(3.0), 1, batch(2)).unwrap();
        log.sync().unwrap();
        assert_eq!((accepted.next, log.finished.len()), (3, 1));
        let (runs, warnings) = read(folder.path()).unwrap();
        let values: Vec<f64> = runs[0].series["v"].points().map(|p| p.value).collect();
        assert_eq!((values, warnings), (vec![1.0, 3.0], vec![]));
        assert_eq!(follower.refresh().unwrap().records.len(), 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_write_that_failed_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(crate::store::Store::open(folder.path(), Default::default()).unwrap());
        let mut log = Log::create(folder.path().join("run")).unwrap();
        log.append(&mut frame(1.0), 1, None).unwrap();
        // Every write fails there as on a full disk, and it cannot be cut.
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        log.segment.as_mut().unwrap().file = Some(full);
        let refused = log.append(&mut frame(2.0), 1, None);
        assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
        log.segment.as_mut().unwrap().file = None;
        log.append(&mut frame(3.0), 1, None).unwrap();
        log.sync().unwrap();
        let (runs, warnings) = read(folder.path()).unwrap();
        let values: Vec<f64> = runs[0].series["v"].points().map(|p| p.value).collect();
        assert_eq!((values, warnings), (vec![1.0, 3.0], vec![]));
    }
}
