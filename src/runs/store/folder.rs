//! What lies in a run's folder, and how a file gets there whole.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// A log that is being written, or that has not become a part yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    /// Sequence number of its first record.
    pub(super) first: u64,
    /// Its file's name, which no other segment ever has.
    pub(super) name: String,
}

/// The files of a run.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In order of writing.
    pub(super) segments: Vec<Segment>,
    /// Sequence numbers of the Parquet parts, ascending.
    pub(super) parts: Vec<Range<u64>>,
    /// What an interrupted compaction left behind.
    pub(super) leftovers: Vec<PathBuf>,
}

impl Listing {
    /// Whether a part has this record.
    pub(super) fn covers(&self, sequence: u64) -> bool {
        let i = self.parts.partition_point(|p| p.end <= sequence);
        self.parts.get(i).is_some_and(|p| p.contains(&sequence))
    }
}

/// Name of the log whose first record is `first`.
pub(super) fn segment_name(first: u64) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |d| d.as_nanos() as u64);
    let mixed = nanos.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((std::process::id() as u64) << 32);
    format!("{first:012}-{mixed:016x}.log")
}

/// Path of a file of the part that holds `range`.
pub(super) fn part(dir: &Path, range: &Range<u64>, extension: &str) -> PathBuf {
    dir.join(format!("{:012}-{:012}.{extension}", range.start, range.end))
}

/// Lists the folder of a run.
pub(super) fn list(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut records = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let Some((stem, extension)) = name.rsplit_once('.') else {
            continue;
        };
        if extension == "tmp" {
            listing.leftovers.push(path);
            continue;
        }
        let Some((a, b)) = stem.split_once('-') else {
            continue;
        };
        let Ok(start) = a.parse::<u64>() else { continue };
        match (extension, b.parse::<u64>()) {
            ("log", _) => listing.segments.push(Segment {
                first: start,
                name: name.to_string(),
            }),
            ("parquet", Ok(end)) if start < end => listing.parts.push(start..end),
            ("records", Ok(end)) => records.push((start..end, path)),
            _ => {}
        }
    }
    listing.segments.sort();
    listing.parts.sort_by_key(|p| p.start);
    records.retain(|(range, _)| !listing.parts.contains(range));
    listing
        .leftovers
        .extend(records.into_iter().map(|(_, path)| path));
    Ok(listing)
}

/// Makes what was created, renamed or removed in `dir` last.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and renaming is on the system's own log.
    match cfg!(unix) {
        true => File::open(dir)?.sync_all(),
        false => Ok(()),
    }
}

/// Writes `path` so that it is there whole or not at all, at any moment and after a loss of power.
pub(super) fn write<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let written = (|| {
        let mut file = File::create(&temporary)?;
        fill(&mut file)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        Ok(path.parent().map_or(Ok(()), sync)?)
    })();
    if written.is_err() {
        // A second error says nothing new; what stays is removed when the store is next opened.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// The content of a file that nothing writes to any more, mapped.
#[allow(unsafe_code)]
pub(super) fn map(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the mapping is private and read-only and lives as long as the last slice of it. The
    // store renames such files into place when they are whole and never changes them. Another
    // program that does is what every program that maps files accepts.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    Ok(Bytes::from_owner(map))
}
