//! What a server takes at most.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Caps; each refused request says which one it met.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of a WebSocket message.
    pub message_bytes: usize,
    /// Bytes of all bodies and messages that are worked on at once; who comes then waits.
    pub bytes_in_flight: usize,
    /// Records of a request.
    pub records: usize,
    /// Elements of an array.
    pub elements: u64,
    /// Bytes of a tag.
    pub tag_bytes: usize,
    /// Tags of a run.
    pub tags: usize,
    /// Runs of the store.
    pub runs: usize,
    /// Requests and messages a second, as a mean; twice as many may come at once.
    pub requests_per_second: f64,
    /// Connections at once.
    pub connections: usize,
    /// Time in which a request must have come.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 64 << 20,
            message_bytes: 16 << 20,
            bytes_in_flight: 512 << 20,
            records: 100_000,
            elements: 16 << 20,
            tag_bytes: 500,
            tags: 20_000,
            runs: 10_000,
            requests_per_second: 2000.0,
            connections: 128,
            patience: Duration::from_secs(60),
        }
    }
}

/// A bucket of requests, refilled as time passes.
pub(crate) struct Rate {
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl Rate {
    /// Full: twice what one second brings.
    pub(crate) fn new(per_second: f64) -> Self {
        let state = Mutex::new(((2.0 * per_second).max(1.0), Instant::now()));
        Rate { per_second, state }
    }

    /// Takes one, or says after how many seconds there is one again.
    pub(crate) fn take(&self, now: Instant) -> Result<(), u64> {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let (left, since) = *state;
        let passed = now.saturating_duration_since(since).as_secs_f64();
        let full = (2.0 * self.per_second).max(1.0);
        let left = (left + passed * self.per_second).min(full);
        *state = (left, now.max(since));
        if left < 1.0 {
            return Err((((1.0 - left) / self.per_second).ceil() as u64).max(1));
        }
        state.0 -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let rate = Rate::new(10.0);
        let start = Instant::now();
        assert_eq!((0..20).filter(|_| rate.take(start).is_ok()).count(), 20);
        assert_eq!(rate.take(start), Err(1));
        let later = start + Duration::from_millis(500);
        assert_eq!((0..20).filter(|_| rate.take(later).is_ok()).count(), 5);
        let slow = Rate::new(0.1);
        assert_eq!(slow.take(start), Ok(()));
        assert_eq!(slow.take(start), Err(10));
    }
}
