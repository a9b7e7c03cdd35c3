//! From a body to the disk, whichever way it came.

use std::sync::{Arc, Mutex, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use model::Record;
use runs::store::{Batch, Store, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::guard::Guard;
use crate::limits::{Limits, Rate};
use crate::live::Listeners;
use crate::problems::Problems;
use crate::refusal::Refusal;

/// Bytes above which a body is parsed aside, so that others are served meanwhile.
const LARGE: usize = 32 << 10;
const UNIT: usize = 1 << 10;

/// What all connections share.
pub(crate) struct Server {
    pub(crate) guard: Guard,
    pub(crate) limits: Limits,
    pub(crate) rate: Rate,
    /// `None` when it is closed.
    pub(crate) store: RwLock<Option<Store>>,
    pub(crate) aside: Arc<Aside>,
    memory: Semaphore,
}

/// What the store's thread reports to. Apart from the server, which owns the store.
#[derive(Default)]
pub(crate) struct Aside {
    pub(crate) problems: Mutex<Problems>,
    pub(crate) listeners: Listeners,
}

/// What a sender learns.
pub(crate) struct Taken {
    /// Records of the request; 0 where its batch had been taken before.
    pub(crate) accepted: usize,
    /// Sequence number of the run's next record.
    pub(crate) next: u64,
}

/// A request that is on its way to disk.
pub(crate) type Answer = oneshot::Receiver<Result<Taken, Refusal>>;

impl Server {
    pub(crate) fn new(guard: Guard, limits: Limits, store: Store) -> Self {
        Server {
            guard,
            rate: Rate::new(limits.requests_per_second),
            memory: Semaphore::new(limits.bytes_in_flight.div_ceil(UNIT).max(1)),
            limits,
            store: RwLock::new(Some(store)),
            aside: Arc::default(),
        }
    }

    /// One request of the allowed rate.
    pub(crate) fn allowed(&self) -> Result<(), Refusal> {
        self.rate.take(std::time::Instant::now()).map_err(|seconds| {
            let most = self.limits.requests_per_second;
            let why = format!("at most {most} requests a second are taken; send more records in each");
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, why).later(seconds)
        })
    }

    /// Waits until so many bytes may be held in memory.
    pub(crate) async fn room(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Refusal> {
        let most = self.limits.bytes_in_flight.div_ceil(UNIT).max(1);
        let units = bytes.div_ceil(UNIT).clamp(1, most) as u32;
        let waiting = tokio::time::timeout(self.limits.patience, self.memory.acquire_many(units));
        match waiting.await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Refusal::from(StoreError::Busy)),
        }
    }

    /// Parses `bytes` bytes of something, aside where it is much.
    pub(crate) async fn parse<T: Send + 'static>(
        self: &Arc<Self>,
        bytes: usize,
        parse: impl FnOnce(&Server) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        if bytes < LARGE {
            return parse(self);
        }
        let server = self.clone();
        let parsed = tokio::task::spawn_blocking(move || parse(&server));
        let stopped = |_| Err(Refusal::from(StoreError::Closed));
        parsed.await.unwrap_or_else(stopped)
    }

    /// Sends records to disk.
    pub(crate) fn submit(
        &self,
        run: &str,
        batch: Option<Batch>,
        mut records: Vec<Record>,
    ) -> Result<Answer, Refusal> {
        let count = records.len();
        let (marks, changes) = {
            let problems = self.aside.problems.lock().unwrap_or_else(|e| e.into_inner());
            problems.examine(run, &records, now())
        };
        records.extend(marks);
        let records = Arc::new(records);
        let (answer, answered) = oneshot::channel();
        let (aside, name, kept) = (self.aside.clone(), run.to_string(), records.clone());
        let done = move |result: Result<runs::store::Accepted, StoreError>| {
            let mut problems = aside.problems.lock().unwrap_or_else(|e| e.into_inner());
            match &result {
                Ok(accepted) if accepted.taken > 0 => {
                    problems.remember(&name, changes);
                    aside.listeners.tell(&name, &kept);
                }
                Err(StoreError::Full(_)) => problems.full(&name),
                _ => {}
            }
            drop(problems);
            let taken = result.map(|accepted| Taken {
                accepted: if accepted.taken > 0 { count } else { 0 },
                next: accepted.next,
            });
            // Who asked may have gone; what is on disk stays.
            let _ = answer.send(taken.map_err(Refusal::from));
        };
        let store = self.store.read().unwrap_or_else(|e| e.into_inner());
        let store = store.as_ref().ok_or(StoreError::Closed)?;
        store.submit(run, batch, &records, done)?;
        Ok(answered)
    }
}

/// The answer, once it is there.
pub(crate) async fn settled(answer: Answer) -> Result<Taken, Refusal> {
    answer
        .await
        .unwrap_or_else(|_| Err(Refusal::from(StoreError::Closed)))
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |d| d.as_secs_f64())
}

/// `SENDER-NUMBER`: 16 hexadecimal digits, and a number that grows with each batch.
pub(crate) fn batch(text: &str) -> Result<Batch, Refusal> {
    let parsed = text.split_once('-').and_then(|(sender, number)| {
        let sender = (sender.len() == 16).then(|| u64::from_str_radix(sender, 16).ok())??;
        let number = number.parse().ok()?;
        Some(Batch { sender, number })
    });
    parsed.ok_or_else(|| {
        Refusal::wrong(format!(
            "batch {text:?}: 16 hexadecimal digits, - and a growing number are expected"
        ))
    })
}
