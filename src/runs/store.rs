//! A store: records of any number of runs, on disk before they are acknowledged, by one process at
//! a time; any number of others may read along.
//!
//! In: [`Record`]s under the name of a run. Out: the same, after a crash at any moment, each once.
//! A store is a folder:
//!
//! - `.layerscope-store`: says that it is one, and its version; `.lock` is held by who writes.
//! - `RUN/N-ID.log`: an append-only log (its frames: `store/frame.rs`); `N` is the sequence number
//!   of its first record. A request is one frame, written and synced before it is acknowledged, one
//!   sync for all requests that wait.
//! - `RUN/A-B.parquet`, `RUN/A-B.records`: what a full or closed log becomes, in the background: its
//!   scalars, which any program that reads Parquet can read, and the rest in frames. The log goes when
//!   both are on disk. Until then records are in both, and their sequence numbers tell so.
//! - `RUN/index.json`: the run's tags, and the number of the last batch of each sender: what is sent
//!   again because its acknowledgement was lost is taken once.
//!
//! It knows no network protocol.

mod commit;
mod folder;
mod follow;
mod frame;
mod log;
mod name;
mod part;
mod table;
mod wire;

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use model::Record;
use serde::{Deserialize, Serialize};

pub use follow::{Follower, News, read};
pub use log::Accepted;
pub use wire::TYPES;

use commit::{Committer, Job};

/// Name of the file that makes a folder a store.
const MARKER: &str = ".layerscope-store";
const VERSION: u32 = 1;
/// Requests that may wait for the disk.
const WAITING: usize = 1024;

/// What keeps a store from being opened, or a request from being taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process writes to it.
    #[error("another process writes to this store; one at a time can: {}", .0.display())]
    Locked(PathBuf),
    /// It was written by a newer layerscope.
    #[error("version {VERSION} of a store is expected, this is version {found}: {}", path.display())]
    Version {
        /// Which file says so.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// It is no store.
    #[error("a folder that layerscope serve wrote is expected: {}", .0.display())]
    Foreign(PathBuf),
    /// No room. Nothing of the request was kept; it can be sent again.
    #[error("the disk is full, nothing was written: {}", .0.display())]
    Full(PathBuf),
    /// The system refused.
    #[error("{why}: {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// In its words.
        why: String,
    },
    /// A run cannot be called this.
    #[error("run {name:?}: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A record that cannot be stored.
    #[error("{0}")]
    Record(String),
    /// More runs or tags than are allowed.
    #[error("at most {limit} {what} are allowed, and {limit} are there")]
    Limit {
        /// Of what.
        what: String,
        /// How many.
        limit: usize,
    },
    /// More requests wait for the disk than it can take.
    #[error("the disk does not keep up; send again later")]
    Busy,
    /// It was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    fn io(path: &Path, error: std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let path = path.to_path_buf();
        match error.kind() {
            StorageFull | QuotaExceeded => StoreError::Full(path),
            _ => StoreError::Io {
                path,
                why: error.to_string(),
            },
        }
    }
}

/// What a sender calls a request: its numbers grow, so that none is taken twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Random, one for each process that sends.
    pub sender: u64,
    /// Grows with each batch of that sender to a run.
    pub number: u64,
}

/// Settings of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes after which a log becomes Parquet.
    pub segment_bytes: u64,
    /// Runs that it may hold.
    pub runs: usize,
    /// Tags that a run may have, those of each kind counted.
    pub tags: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            segment_bytes: 16 << 20,
            runs: 10_000,
            tags: 100_000,
        }
    }
}

/// A store that this process writes to. Closed when dropped.
pub struct Store {
    jobs: Option<SyncSender<Job>>,
    committer: Option<JoinHandle<()>>,
    warnings: Arc<Mutex<Vec<String>>>,
    // Held until everything is written.
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`, or makes one there. Logs that an earlier process left are made parts
    /// in the background.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let failed = |e| StoreError::io(dir, e);
        std::fs::create_dir_all(dir).map_err(failed)?;
        // Truncating would change nothing: it is empty.
        let lock = File::options().create(true).append(true).open(dir.join(".lock"));
        let lock = lock.map_err(failed)?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => StoreError::Locked(dir.into()),
            TryLockError::Error(e) => failed(e),
        })?;
        let marker = dir.join(MARKER);
        match marker.try_exists().map_err(failed)? {
            true => check_marker(dir)?,
            false => {
                let text = format!("{{\"layerscope store\": {VERSION}}}\n");
                folder::write(&marker, |f| f.write_all(text.as_bytes()))
                    .map_err(|e| StoreError::io(&marker, e))?;
            }
        }
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let committer = Committer::open(dir, options, warnings.clone())?;
        let (jobs, queue) = sync_channel(WAITING);
        let committer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || committer.work(queue))
            .map_err(failed)?;
        Ok(Store {
            jobs: Some(jobs),
            committer: Some(committer),
            warnings,
            _lock: lock,
        })
    }

    /// Hands `records` of `run` over, all or none. `done` is called, on the store's thread, when they
    /// are on disk, or are not taken. Fails at once where they never can be, or too much waits.
    pub fn submit(
        &self,
        run: &str,
        batch: Option<Batch>,
        records: &[Record],
        done: impl FnOnce(Result<Accepted, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let job = Job::new(run, batch, records, Box::new(done))?;
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.try_send(job).map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }

    /// Waits until `records` of `run` are on disk, all or none.
    pub fn append(
        &self,
        run: &str,
        batch: Option<Batch>,
        records: &[Record],
    ) -> Result<Accepted, StoreError> {
        let (answer, answered) = sync_channel(1);
        // The receiver waits, so sending cannot fail.
        let done = move |result| drop(answer.send(result));
        let job = Job::new(run, batch, records, Box::new(done))?;
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(job).map_err(|_| StoreError::Closed)?;
        answered.recv().map_err(|_| StoreError::Closed)?
    }

    /// Problems since the last call: damage, a compaction that failed and will be tried again.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.lock().unwrap_or_else(|e| e.into_inner());
        std::mem::take(&mut warnings)
    }

    /// Takes nothing more, and waits until all logs are Parquet. Returns the problems that were left.
    pub fn close(mut self) -> Vec<String> {
        self.finish();
        self.warnings()
    }

    fn finish(&mut self) {
        self.jobs = None;
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            let mut warnings = self.warnings.lock().unwrap_or_else(|e| e.into_inner());
            warnings.push("the store's thread ended early; what was acknowledged is in its logs".into());
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.finish();
    }
}

/// True where `dir` is a store.
pub fn is_store(dir: &Path) -> bool {
    dir.join(MARKER).is_file()
}

fn check_marker(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(MARKER);
    let text = std::fs::read_to_string(&path).map_err(|_| StoreError::Foreign(dir.into()))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|_| StoreError::Foreign(dir.into()))?;
    match json.get("layerscope store").and_then(|v| v.as_u64()) {
        Some(v) if v == VERSION as u64 => Ok(()),
        Some(v) => Err(StoreError::Version {
            path,
            found: v as u32,
        }),
        None => Err(StoreError::Foreign(dir.into())),
    }
}

/// Refuses a log of another version; a head that is damaged is found by who reads the frames.
fn check_version(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let (name, version) = frame::HEAD.split_at(frame::HEAD.len() - 1);
    match bytes.strip_prefix(name).and_then(|rest| rest.first()) {
        Some(found) if [*found] != version => Err(StoreError::Version {
            path: path.into(),
            found: *found as u32,
        }),
        _ => Ok(()),
    }
}
