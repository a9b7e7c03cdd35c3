//! Power-law tails.

use serde::{Deserialize, Serialize};

use crate::numbers::sorted_finite;

/// A density that falls as `x^-alpha` from `x_min` on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PowerLaw {
    /// Exponent of the density.
    pub alpha: f64,
    /// Where the tail begins.
    pub x_min: f64,
    /// Largest distance between the tail's and the law's cumulative distributions (Kolmogorov and
    /// Smirnov), 0 to 1; above about `1.4 / sqrt(tail)` the tail follows no power law.
    pub distance: f64,
    /// Number of values in the tail. Below about 50 the exponent is a guess.
    pub tail: usize,
    /// Standard error of the exponent, `(alpha - 1) / sqrt(tail)`.
    pub error: f64,
}

/// The power law that the tail of positive `values` follows best: the exponent by maximum likelihood
/// for each possible beginning of the tail, and of those the one whose distributions are closest
/// (Clauset, Shalizi and Newman, "Power-Law Distributions in Empirical Data", 2009; the packages
/// `powerlaw` and, on it, `weightwatcher`).
///
/// Values that are not finite and positive are left out. `None` with fewer than two different ones.
/// The time grows with the square of the number of values: 0.2 s for 10,000.
pub fn power_law(values: &[f64]) -> Option<PowerLaw> {
    let mut sorted = sorted_finite(values);
    sorted.drain(..sorted.partition_point(|v| *v <= 0.0));
    let logs: Vec<f64> = sorted.iter().map(|v| v.ln()).collect();
    let n = logs.len();
    // Sums from the largest on.
    let mut sums = logs.clone();
    for i in (0..n.saturating_sub(1)).rev() {
        sums[i] += sums[i + 1];
    }
    let mut best: Option<PowerLaw> = None;
    for start in 0..n {
        let begins = start == 0 || sorted[start] > sorted[start - 1];
        // The largest value alone is no tail.
        if !begins || sorted[start] == sorted[n - 1] {
            continue;
        }
        let tail = n - start;
        let spread = sums[start] - tail as f64 * logs[start];
        let alpha = 1.0 + tail as f64 / spread;
        if !alpha.is_finite() {
            continue;
        }
        let limit = best.map_or(f64::INFINITY, |b| b.distance);
        if let Some(distance) = distance(&logs[start..], alpha, limit) {
            best = Some(PowerLaw {
                alpha,
                x_min: sorted[start],
                distance,
                tail,
                error: (alpha - 1.0) / (tail as f64).sqrt(),
            });
        }
    }
    best
}

/// Distance between the shares of the values below each and what the law expects there; `None` when
/// it comes to `limit`.
fn distance(logs: &[f64], alpha: f64, limit: f64) -> Option<f64> {
    let (mut worst, mut below) = (0.0f64, 0);
    for (i, log) in logs.iter().enumerate() {
        if i > 0 && *log > logs[i - 1] {
            below = i;
        }
        let expected = 1.0 - ((1.0 - alpha) * (log - logs[0])).exp();
        worst = worst.max((expected - below as f64 / logs.len() as f64).abs());
        if worst >= limit {
            return None;
        }
    }
    Some(worst)
}
