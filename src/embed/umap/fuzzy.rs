//! Distances to neighbours as membership, 0 to 1: umap-learn's `smooth_knn_dist`.

use crate::Neighbours;
use crate::weighing::Weighing;

const ROWS_A_STEP: usize = 4096;
const ROUNDS: usize = 64;
const TOLERANCE: f64 = 1e-5;
/// The least scale, as a share of the mean distance.
const LEAST_SCALE: f64 = 1e-3;

/// The scales of rows, found in slices.
pub struct Calibration {
    rows: Weighing,
    mean: f64,
}

impl Calibration {
    pub fn new(found: Neighbours, order: Vec<u32>) -> Self {
        // The row itself counts, at distance 0.
        let sum: f64 = found.distances.iter().map(|&d| f64::from(d)).sum();
        let mean = sum / (order.len() * (found.k + 1)) as f64;
        Calibration {
            rows: Weighing::new(found, order),
            mean,
        }
    }

    pub fn fraction(&self) -> f32 {
        self.rows.fraction()
    }

    /// Some more rows; what [`Weighing::step`] gives.
    pub fn step(&mut self) -> Option<(Vec<(u32, f32)>, usize)> {
        let mean = self.mean;
        self.rows.step(ROWS_A_STEP, |distances, weights| {
            memberships(distances, mean, weights);
        })
    }
}

/// exp(-(distance - nearest) / scale), with the scale at which they sum to log2 of the neighbours, the row
/// itself counted among those.
pub fn memberships(distances: &[f32], mean: f64, out: &mut [f32]) {
    let target = ((distances.len() + 1) as f64).log2();
    let nearest = distances.iter().copied().find(|&d| d > 0.0);
    let nearest = f64::from(nearest.unwrap_or(0.0));
    let beyond = |d: f32| f64::from(d) - nearest;
    let (mut low, mut high, mut scale) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..ROUNDS {
        let terms = distances.iter().map(|&d| {
            if beyond(d) > 0.0 {
                (-beyond(d) / scale).exp()
            } else {
                1.0
            }
        });
        let sum: f64 = terms.sum();
        if (sum - target).abs() < TOLERANCE {
            break;
        }
        if sum > target {
            high = scale;
            scale = (low + high) / 2.0;
        } else {
            low = scale;
            scale = if high.is_finite() {
                (low + high) / 2.0
            } else {
                scale * 2.0
            };
        }
    }
    let own: f64 = distances.iter().map(|&d| f64::from(d)).sum::<f64>() / (distances.len() + 1) as f64;
    scale = scale.max(LEAST_SCALE * if nearest > 0.0 { own } else { mean });
    for (out, &d) in out.iter_mut().zip(distances) {
        *out = match beyond(d) <= 0.0 || scale == 0.0 {
            true => 1.0,
            false => (-beyond(d) / scale).exp() as f32,
        };
    }
}
