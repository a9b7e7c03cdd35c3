//! Distances to neighbours as probabilities of one perplexity.

use crate::Neighbours;
use crate::weighing::Weighing;

const ROWS_A_STEP: usize = 1024;
const ROUNDS: usize = 100;
/// Of the entropy, in nats.
const TOLERANCE: f64 = 1e-5;

/// The bandwidths of rows, found in slices.
pub struct Affinities {
    rows: Weighing,
    perplexity: f64,
}

impl Affinities {
    pub fn new(found: Neighbours, order: Vec<u32>, perplexity: f64) -> Self {
        Affinities {
            rows: Weighing::new(found, order),
            perplexity,
        }
    }

    pub fn fraction(&self) -> f32 {
        self.rows.fraction()
    }

    /// Some more rows; what [`Weighing::step`] gives.
    pub fn step(&mut self) -> Option<(Vec<(u32, f32)>, usize)> {
        let perplexity = self.perplexity;
        self.rows.step(ROWS_A_STEP, |distances, weights| {
            probabilities(distances, perplexity, weights);
        })
    }
}

/// Gaussian probabilities of squared distances, with the bandwidth at which their perplexity (the
/// exponential of their entropy) is the one asked for. Equal distances are equally likely.
pub fn probabilities(distances: &[f32], perplexity: f64, out: &mut [f32]) {
    let wanted = perplexity.ln();
    let nearest = distances.iter().fold(f32::INFINITY, |m, &d| m.min(d));
    // The nearest taken off all: the same probabilities, and none is lost below float32.
    let squares = |d: f32| f64::from(d).powi(2) - f64::from(nearest).powi(2);
    let mean = distances.iter().map(|&d| squares(d)).sum::<f64>() / distances.len() as f64;
    if mean <= 0.0 || !mean.is_finite() {
        out.fill(1.0 / distances.len() as f32);
        return;
    }
    // The mean is the scale of a start.
    let (mut low, mut high, mut precision) = (0.0, f64::INFINITY, 1.0 / mean);
    for _ in 0..ROUNDS {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (out, &d) in out.iter_mut().zip(distances) {
            let d = squares(d) * precision;
            // float32 is enough for a term: their sum is what the tolerance is for.
            let term = f64::from((-d as f32).exp());
            (sum, weighted) = (sum + term, weighted + d * term);
            *out = term as f32;
        }
        let entropy = sum.ln() + weighted / sum;
        out.iter_mut().for_each(|v| *v /= sum as f32);
        if (entropy - wanted).abs() < TOLERANCE {
            return;
        }
        if entropy > wanted {
            low = precision;
            precision = if high.is_finite() {
                (low + high) / 2.0
            } else {
                precision * 2.0
            };
        } else {
            high = precision;
            precision = (low + high) / 2.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_is_as_asked() {
        let distances: Vec<f32> = (1..=90).map(|i| 3.0 + (i as f32).sqrt()).collect();
        let mut out = vec![0.0; 90];
        for perplexity in [1.5, 10.0, 30.0, 60.0] {
            probabilities(&distances, perplexity, &mut out);
            let entropy: f64 = out
                .iter()
                .filter(|&&p| p > 0.0)
                .map(|&p| -f64::from(p) * f64::from(p).ln())
                .sum();
            assert!((entropy.exp() - perplexity).abs() < 1e-3 * perplexity);
            assert!((out.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        probabilities(&[2.0; 4], 3.0, &mut out[..4]);
        assert_eq!(out[..4], [0.25; 4]);
    }
}
