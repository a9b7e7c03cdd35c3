//! Trends that are told from noise.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::numbers::{mean, median, sorted_finite};

/// Longest series that is compared pair by pair; longer ones are averaged in blocks first.
pub const MAX_TREND: usize = 512;

/// A monotone trend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Mann and Kendall's statistic, standard normal where there is no trend; above 0 it rises.
    pub z: f64,
    /// Probability of a statistic at least as far from 0 without a trend (two sides).
    pub p: f64,
    /// Theil and Sen's slope: the median slope of all pairs, a point.
    pub slope: f64,
}

/// The Mann-Kendall test with Theil and Sen's slope (`pymannkendall.original_test`): whether values
/// rise or fall, whatever the shape, from the signs of the differences of all pairs.
///
/// Values that are not finite are left out. `None` with fewer than three, or more than
/// [`MAX_TREND`] others. The test takes values for independent; noise that drags on makes it too
/// sure.
pub fn mann_kendall(values: &[f64]) -> Option<Trend> {
    let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let n = values.len();
    if !(3..=MAX_TREND).contains(&n) {
        return None;
    }
    let mut score = 0i64;
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate().skip(i + 1) {
            score += i64::from(b > a) - i64::from(b < a);
            slopes.push((b - a) / (j - i) as f64);
        }
    }
    let spread = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let sorted = sorted_finite(&values);
    let ties = sorted.chunk_by(|a, b| a == b).map(|t| spread(t.len() as f64));
    let variance = (spread(n as f64) - ties.sum::<f64>()) / 18.0;
    // One less, because the score moves in steps of two.
    let z = match score {
        0 => 0.0,
        s => (s - s.signum()) as f64 / variance.sqrt(),
    };
    let normal = Normal::standard();
    Some(Trend {
        z,
        p: 2.0 * normal.sf(z.abs()),
        slope: median(&slopes),
    })
}

/// The trend with what neighbours share taken into account: `z` is divided by the square root of
/// `(1 + r) / (1 - r)`, where `r` is the correlation of what the slope leaves with itself one point
/// later, 0 to 0.6 (after Yue and Wang 2004), or to 0.3 where fewer than 12 points say it.
pub(crate) fn careful_trend(values: &[f64]) -> Option<Trend> {
    let trend = mann_kendall(values)?;
    let line = |(i, v): (usize, &f64)| v - trend.slope * i as f64;
    let rest: Vec<f64> = values.iter().enumerate().map(line).collect();
    let r = lag_one(&rest).clamp(0.0, if values.len() < 12 { 0.3 } else { 0.6 });
    let z = trend.z / ((1.0 + r) / (1.0 - r)).sqrt();
    let p = 2.0 * Normal::standard().sf(z.abs());
    Some(Trend { z, p, ..trend })
}

/// Correlation of each value with the next; 0 without any.
pub(crate) fn lag_one(values: &[f64]) -> f64 {
    let centre = mean(values);
    let square: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
    let pairs = values.windows(2).map(|w| (w[0] - centre) * (w[1] - centre));
    match square > 0.0 {
        true => pairs.sum::<f64>() / square,
        false => 0.0,
    }
}

/// Standard deviation of the noise: from the differences of neighbours, their median for
/// robustness, so that neither a slow trend nor a few spikes count.
pub(crate) fn noise_of(values: &[f64]) -> f64 {
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let noise = 1.4826 * median(&steps) / std::f64::consts::SQRT_2;
    if noise.is_nan() { 0.0 } else { noise }
}
