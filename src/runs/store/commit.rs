//! Two threads: one writes and syncs, so that any number of requests share a sync; the other turns
//! logs into parts meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use model::Record;

use super::frame::{LEAD, MAX_BODY};
use super::log::Log;
use super::{Accepted, Batch, Options, StoreError, name, part, wire};

/// Bytes that share a sync at most, so that the first of them does not wait for long.
const GROUP: usize = 64 << 20;
/// Logs that are synced at once: the disk can join what comes together.
const SYNCS: usize = 8;
/// Files that are held open.
const OPEN: usize = 64;

type Done = Box<dyn FnOnce(Result<Accepted, StoreError>) + Send>;

/// A request on its way to disk.
pub(super) struct Job {
    run: String,
    batch: Option<Batch>,
    tags: Vec<String>,
    count: u64,
    frame: Vec<u8>,
    done: Done,
}

impl Job {
    /// Encodes `records`, on the thread that asks.
    pub(super) fn new(
        run: &str,
        batch: Option<Batch>,
        records: &[Record],
        done: Done,
    ) -> Result<Self, StoreError> {
        if let Some(why) = name::objection(run) {
            let name = run.chars().take(60).collect();
            return Err(StoreError::Name { name, why });
        }
        let mut frame = Vec::with_capacity(64 + records.iter().map(part::weight).sum::<usize>());
        frame.resize(LEAD + 8, 0);
        let numbered = (0..).zip(records);
        let frame = wire::encode(frame, batch, numbered).map_err(StoreError::Record)?;
        if frame.len() - LEAD > MAX_BODY {
            return Err(StoreError::Record(
                "a request above 4 GiB cannot be stored".into(),
            ));
        }
        let tags: BTreeSet<String> = records.iter().map(part::tag_of).collect();
        Ok(Job {
            run: run.to_string(),
            batch,
            tags: tags.into_iter().collect(),
            count: records.len() as u64,
            frame,
            done,
        })
    }
}

/// The writing thread's state.
pub(super) struct Committer {
    dir: PathBuf,
    options: Options,
    logs: HashMap<String, Log>,
    /// Logs that an earlier process left.
    left: Vec<(PathBuf, String)>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Committer {
    /// Finds what is in the store.
    pub(super) fn open(
        dir: &Path,
        options: Options,
        warnings: Arc<Mutex<Vec<String>>>,
    ) -> Result<Self, StoreError> {
        let mut committer = Committer {
            dir: dir.to_path_buf(),
            options,
            logs: HashMap::new(),
            left: Vec::new(),
            warnings,
        };
        for (run, path) in folders(dir)? {
            let (log, closed, problems) = Log::open(&path)?;
            committer.logs.insert(run, log);
            let closed = closed.into_iter().map(|name| (path.clone(), name));
            committer.left.extend(closed);
            warn(&committer.warnings, problems);
        }
        Ok(committer)
    }

    /// Works until no one can ask any more, then turns all logs into parts.
    pub(super) fn work(mut self, queue: Receiver<Job>) {
        let (closed, logs) = channel();
        let warnings = self.warnings.clone();
        let compactor = std::thread::Builder::new()
            .name("store parts".into())
            .spawn(move || compact(logs, &warnings));
        for log in std::mem::take(&mut self.left) {
            let _ = closed.send(log);
        }
        while let Ok(first) = queue.recv() {
            let mut bytes = first.frame.len();
            let mut group = vec![first];
            while bytes < GROUP
                && let Ok(job) = queue.try_recv()
            {
                bytes += job.frame.len();
                group.push(job);
            }
            self.commit(group, &closed);
        }
        for log in self.logs.values_mut() {
            log.close();
            hand_over(log, &closed);
        }
        drop(closed);
        match compactor {
            Ok(thread) => drop(thread.join()),
            Err(e) => warn(&self.warnings, vec![format!("no thread to write Parquet: {e}")]),
        }
    }

    fn commit(&mut self, group: Vec<Job>, closed: &Sender<(PathBuf, String)>) {
        let mut answers = Vec::new();
        let mut touched = BTreeSet::new();
        for mut job in group {
            let answer = self.write(&mut job);
            if answer.is_ok() {
                touched.insert(job.run.clone());
            }
            answers.push((job.run, job.done, answer));
        }
        let dirty: Vec<(&String, &mut Log)> = self
            .logs
            .iter_mut()
            .filter(|(run, _)| touched.contains(*run))
            .collect();
        let failed = sync(dirty);
        for run in &touched {
            let Some(log) = self.logs.get_mut(run) else {
                continue;
            };
            if log.size() > self.options.segment_bytes && !failed.contains_key(run) {
                log.close();
            }
            hand_over(log, closed);
        }
        for (run, done, answer) in answers {
            done(answer.and_then(|accepted| failed.get(&run).map_or(Ok(accepted), |e| Err(e.clone()))));
        }
        if self.logs.len() > OPEN {
            self.logs.values_mut().for_each(Log::rest);
        }
    }

    fn write(&mut self, job: &mut Job) -> Result<Accepted, StoreError> {
        let count = self.logs.len();
        let log = match self.logs.entry(job.run.clone()) {
            std::collections::hash_map::Entry::Occupied(log) => log.into_mut(),
            std::collections::hash_map::Entry::Vacant(_) if count >= self.options.runs => {
                return Err(StoreError::Limit {
                    what: "runs".into(),
                    limit: self.options.runs,
                });
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                limit_tags(job.tags.len(), self.options.tags, &job.run)?;
                entry.insert(Log::create(self.dir.join(name::folder(&job.run)))?)
            }
        };
        if log.has(job.batch) {
            return Ok(Accepted {
                next: log.next,
                taken: 0,
            });
        }
        let new: Vec<&String> = job.tags.iter().filter(|t| !log.tags.contains(*t)).collect();
        if !new.is_empty() {
            limit_tags(log.tags.len() + new.len(), self.options.tags, &job.run)?;
        }
        let accepted = log.append(&mut job.frame, job.count, job.batch)?;
        log.tags.extend(new.into_iter().cloned());
        Ok(accepted)
    }
}

/// Syncs logs, several at a time; returns those that failed.
fn sync(mut dirty: Vec<(&String, &mut Log)>) -> HashMap<String, StoreError> {
    let some = |part: &mut [(&String, &mut Log)]| -> Vec<(String, StoreError)> {
        let failed = |(run, log): &mut (&String, &mut Log)| Some((run.to_string(), log.sync().err()?));
        part.iter_mut().filter_map(failed).collect()
    };
    if dirty.len() < 2 {
        return some(&mut dirty).into_iter().collect();
    }
    let each = dirty.len().div_ceil(SYNCS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = dirty
            .chunks_mut(each)
            .map(|part| scope.spawn(|| some(part)))
            .collect();
        let joined = threads.into_iter().flat_map(|t| match t.join() {
            Ok(failed) => failed,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}

/// Sends the logs that are finished to the thread that makes parts of them.
fn hand_over(log: &mut Log, closed: &Sender<(PathBuf, String)>) {
    for name in log.finished.drain(..) {
        // Without that thread they are made parts when the store is next opened.
        let _ = closed.send((log.dir.clone(), name));
    }
}

fn limit_tags(tags: usize, limit: usize, run: &str) -> Result<(), StoreError> {
    match tags > limit {
        true => Err(StoreError::Limit {
            what: format!("tags of run {run:?}"),
            limit,
        }),
        false => Ok(()),
    }
}

/// Runs and their folders, sorted by name.
pub(super) fn folders(dir: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let failed = |e| StoreError::io(dir, e);
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let run = path.file_name().and_then(|n| n.to_str()).and_then(name::run);
        if let Some(run) = run.filter(|_| path.is_dir()) {
            folders.push((run, path));
        }
    }
    folders.sort();
    Ok(folders)
}

fn compact(logs: Receiver<(PathBuf, String)>, warnings: &Mutex<Vec<String>>) {
    let mut again: Vec<(PathBuf, String)> = Vec::new();
    for log in logs {
        // What found no room is tried again with the next: then something may have changed.
        again.push(log);
        again.retain(|(dir, name)| match part::compact(dir, name) {
            Ok(damage) => {
                warn(warnings, damage);
                false
            }
            Err(e) => {
                warn(warnings, vec![format!("{e}; its records stay in the log {name}")]);
                true
            }
        });
    }
}

fn warn(warnings: &Mutex<Vec<String>>, new: Vec<String>) {
    let mut warnings = warnings.lock().unwrap_or_else(|e| e.into_inner());
    for warning in new {
        if warnings.len() < 1000 && !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}
