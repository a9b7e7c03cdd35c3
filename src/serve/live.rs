//! Records handed on, inside this process, as they are accepted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use model::Record;

/// Requests that may wait for who listens.
const WAITING: usize = 1024;

/// A run's name and the records of one request.
pub type Accepted = (Arc<str>, Arc<Vec<Record>>);

/// Hears of records once they are on disk.
pub struct Live {
    records: Receiver<Accepted>,
    lost: Arc<AtomicBool>,
}

impl Live {
    /// What was accepted since the last call, without waiting; in order. `None` once where more came
    /// than is kept for one that does not listen: then everything is to be read from the store again.
    pub fn take(&self) -> Option<Vec<Accepted>> {
        let records = self.records.try_iter().collect();
        match self.lost.swap(false, Ordering::Relaxed) {
            true => None,
            false => Some(records),
        }
    }
}

/// All who listen.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<(SyncSender<Accepted>, Arc<AtomicBool>)>>);

impl Listeners {
    pub(crate) fn add(&self) -> Live {
        let (sender, records) = sync_channel(WAITING);
        let lost = Arc::new(AtomicBool::new(false));
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        all.push((sender, lost.clone()));
        Live { records, lost }
    }

    pub(crate) fn tell(&self, run: &str, records: &Arc<Vec<Record>>) {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if all.is_empty() {
            return;
        }
        let run: Arc<str> = run.into();
        all.retain(
            |(sender, lost)| match sender.try_send((run.clone(), records.clone())) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    lost.store(true, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_sleeps_is_told_to_read_again() {
        let listeners = Listeners::default();
        let live = listeners.add();
        let records = Arc::new(Vec::new());
        listeners.tell("a", &records);
        assert_eq!(live.take().map(|r| r.len()), Some(1));
        (0..=WAITING).for_each(|_| listeners.tell("a", &records));
        assert!(live.take().is_none());
        assert_eq!(live.take().map(|r| r.len()), Some(0));
        drop(live);
        listeners.tell("a", &records);
        assert!(listeners.0.lock().unwrap().is_empty());
    }
}
