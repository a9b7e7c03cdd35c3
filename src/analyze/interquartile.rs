//! A mean over runs and tasks that outliers do not move, and how sure it is (Agarwal, Schwarzer,
//! Castro, Courville and Bellemare, "Deep Reinforcement Learning at the Edge of the Statistical
//! Precipice", 2021; their package is `rliable`).

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::numbers::{mean, quantile_of_sorted, sorted_finite};

/// Mean of the middle half of the finite values: a quarter of them, rounded down, is left out at
/// each end (`scipy.stats.trim_mean(values, 0.25)`). NaN without finite values.
pub fn interquartile_mean(values: &[f64]) -> f64 {
    middle(&mut sorted_finite(values))
}

/// Puts the values in order as far as it has to.
fn middle(values: &mut [f64]) -> f64 {
    let (cut, n) = (values.len() / 4, values.len());
    if cut > 0 {
        values.select_nth_unstable_by(cut, f64::total_cmp);
        values[cut..].select_nth_unstable_by(n - 2 * cut - 1, f64::total_cmp);
    }
    mean(&values[cut..n - cut])
}

/// An estimate with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The interquartile mean of all scores of all tasks (or of one group alone), with its stratified
/// bootstrap interval: scores are drawn anew with replacement within each task, `repetitions`
/// times (rliable: 50,000; 2,000 are enough for two digits), and the interval holds the middle
/// `confidence` (0 to 1) of the means. The same `seed` gives the same interval.
///
/// Scores that are not finite are left out, and so are tasks without others. `None` without
/// scores or repetitions, and for a confidence outside 0 to 1.
pub fn interquartile_interval(
    tasks: &[&[f64]],
    confidence: f64,
    repetitions: usize,
    seed: u64,
) -> Option<Interval> {
    let tasks: Vec<Vec<f64>> = tasks.iter().map(|t| sorted_finite(t)).collect();
    let mut pooled = tasks.concat();
    if pooled.is_empty() || repetitions == 0 || !(0.0..=1.0).contains(&confidence) {
        return None;
    }
    let estimate = middle(&mut pooled);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut means = Vec::with_capacity(repetitions);
    for _ in 0..repetitions {
        pooled.clear();
        for task in tasks.iter().filter(|t| !t.is_empty()) {
            let draw = |_| task[random.random_range(0..task.len())];
            pooled.extend((0..task.len()).map(draw));
        }
        means.push(middle(&mut pooled));
    }
    means.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Some(Interval {
        estimate,
        low: quantile_of_sorted(&means, tail),
        high: quantile_of_sorted(&means, 1.0 - tail),
    })
}
