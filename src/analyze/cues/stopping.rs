//! The best epoch, and when waiting for a better one would have ended.

use serde::{Deserialize, Serialize};

/// What is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Less, as of a loss.
    #[default]
    Less,
    /// More, as of an accuracy.
    More,
}

/// The best epoch, and where training would have stopped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// Index of the best value; its weights are the ones to keep.
    pub best: usize,
    /// Index at which it would have stopped; `None` while it would still wait.
    pub stopped: Option<usize>,
}

/// Early stopping as Keras' callback `EarlyStopping` does it: a value improves if it is better than
/// the best by more than `min_delta` (its sign does not matter, NaN acts as 0), and after `patience`
/// values that do not, training stops, but never at the first.
///
/// Looks no further than where it stops. A NaN never improves, except that Keras 3 takes a NaN that
/// comes first as the best for ever, where this one waits for a number. `None` without numbers before
/// it stops.
///
/// ```
/// use analyze::{Goal, early_stopping};
/// let got = early_stopping(&[3.0, 2.0, 2.1, 2.2, 1.0], 2, 0.0, Goal::Less).unwrap();
/// assert_eq!((got.best, got.stopped), (1, Some(3)));
/// ```
pub fn early_stopping(values: &[f64], patience: usize, min_delta: f64, goal: Goal) -> Option<EarlyStopping> {
    let delta = if min_delta.is_nan() { 0.0 } else { min_delta.abs() };
    let mut best: Option<(usize, f64)> = None;
    let mut wait = 0;
    for (i, &value) in values.iter().enumerate() {
        wait += 1;
        let improves = match (best, goal) {
            (None, _) => !value.is_nan(),
            (Some((_, best)), Goal::Less) => value + delta < best,
            (Some((_, best)), Goal::More) => value - delta > best,
        };
        if improves {
            best = Some((i, value));
            wait = 0;
        } else if wait >= patience && i > 0 {
            let (best, _) = best?;
            return Some(EarlyStopping {
                best,
                stopped: Some(i),
            });
        }
    }
    let (best, _) = best?;
    Some(EarlyStopping { best, stopped: None })
}
