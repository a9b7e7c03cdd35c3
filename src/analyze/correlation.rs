//! Correlation of ranks.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A rank correlation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Spearman's coefficient, -1 to 1.
    pub rho: f64,
    /// Probability of a coefficient at least as far from 0 if nothing depends on the other (two
    /// sides, Student's t, as SciPy); a rough number below 20 pairs.
    pub p: f64,
    /// Pairs of finite numbers.
    pub count: usize,
}

/// Spearman's rank correlation (`scipy.stats.spearmanr`), ties by their mean rank.
///
/// Pairs in which a number is NaN are left out; infinities rank as largest and smallest. `None`
/// where the lengths differ, with fewer than three pairs, and where all numbers of one side are
/// equal.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<Correlation> {
    if a.len() != b.len() {
        return None;
    }
    let pairs = a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.map(|(a, b)| (*a, *b)).unzip();
    let count = a.len();
    if count < 3 {
        return None;
    }
    let (a, b) = (ranks(&a), ranks(&b));
    let mean = (count + 1) as f64 / 2.0;
    let product =
        |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum() };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    if scale == 0.0 {
        return None;
    }
    let rho = (product(&a, &b) / scale).clamp(-1.0, 1.0);
    let freedom = (count - 2) as f64;
    let t = rho.abs() * (freedom / ((1.0 + rho) * (1.0 - rho))).sqrt();
    let p = match StudentsT::new(0.0, 1.0, freedom) {
        Ok(distribution) if t.is_finite() => 2.0 * distribution.sf(t),
        _ => 0.0,
    };
    Some(Correlation { rho, p, count })
}

/// Ranks from 1 on; equal values share the mean of theirs (`scipy.stats.rankdata`).
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = before as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        before += equal.len();
    }
    ranks
}
