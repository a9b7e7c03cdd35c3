//! How far one batch's gradient can be trusted, and how its direction changes.

use serde::{Deserialize, Serialize};

use crate::similarity::cosine;

/// Unbiased estimates behind the gradient noise scale (McCandlish, Kaplan, Amodei et al., "An
/// Empirical Model of Large-Batch Training", 2018, appendix A.1).
///
/// One estimate is noisy, and its gradient may even come out negative: average many
/// ([`NoiseScaleAverage`]) before dividing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseScale {
    /// Squared norm of the true gradient, `|G|^2`.
    pub gradient: f64,
    /// Trace of the covariance of one sample's gradient, `S`.
    pub variance: f64,
}

impl NoiseScale {
    /// From the squared norms of the gradients of a small and a large batch of so many samples.
    /// `None` unless `0 < small samples < large samples`; NaN in, NaN out.
    pub fn of_norms(small: (f64, f64), large: (f64, f64)) -> Option<NoiseScale> {
        let ((small_samples, small), (large_samples, large)) = (small, large);
        let valid = small_samples > 0.0 && small_samples < large_samples;
        (valid && large_samples.is_finite()).then(|| NoiseScale {
            gradient: (large_samples * large - small_samples * small) / (large_samples - small_samples),
            variance: (small - large) / (1.0 / small_samples - 1.0 / large_samples),
        })
    }

    /// From the mean gradients of at least two parts of a batch, of `samples` samples each (1 for
    /// gradients of single samples): the parts are the small batches, their mean the large one.
    ///
    /// `None` for fewer than two, for gradients of different lengths, and without samples.
    pub fn of_gradients(gradients: &[&[f32]], samples: f64) -> Option<NoiseScale> {
        let mean = mean_gradient(gradients)?;
        let parts = gradients.len() as f64;
        let square = |g: &[f32]| g.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        let small = gradients.iter().map(|g| square(g)).sum::<f64>() / parts;
        let large = mean.iter().map(|v| v * v).sum();
        NoiseScale::of_norms((samples, small), (samples * parts, large))
    }

    /// The simple noise scale `S / |G|^2`, in samples: up to about that batch size, larger batches
    /// learn faster; beyond, they only cost more. NaN where the gradient's estimate is not positive.
    pub fn simple(&self) -> f64 {
        match self.gradient > 0.0 {
            true => self.variance / self.gradient,
            false => f64::NAN,
        }
    }
}

/// Exponential averages of both estimates, which the paper divides only then; each is divided by
/// the weight that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseScaleAverage {
    weight: f64,
    gradient: f64,
    variance: f64,
    seen: f64,
}

impl NoiseScaleAverage {
    /// `weight` of what was before, 0 to below 1 (0.99 averages over about 100); others act as the
    /// nearest, NaN as 0.
    pub fn new(weight: f64) -> NoiseScaleAverage {
        let weight = if weight.is_nan() { 0.0 } else { weight };
        NoiseScaleAverage {
            weight: weight.clamp(0.0, 1.0 - 1e-9),
            gradient: 0.0,
            variance: 0.0,
            seen: 0.0,
        }
    }

    /// Takes in one more; estimates that are not finite are left out.
    pub fn add(&mut self, estimate: &NoiseScale) {
        if !estimate.gradient.is_finite() || !estimate.variance.is_finite() {
            return;
        }
        let (old, new) = (self.weight, 1.0 - self.weight);
        self.gradient = old * self.gradient + new * estimate.gradient;
        self.variance = old * self.variance + new * estimate.variance;
        self.seen = old * self.seen + new;
    }

    /// The averages so far; `None` before the first.
    pub fn estimate(&self) -> Option<NoiseScale> {
        (self.seen > 0.0).then(|| NoiseScale {
            gradient: self.gradient / self.seen,
            variance: self.variance / self.seen,
        })
    }
}

/// Mean of at least two gradients of one length.
fn mean_gradient(gradients: &[&[f32]]) -> Option<Vec<f64>> {
    let length = gradients.first()?.len();
    if gradients.len() < 2 || gradients.iter().any(|g| g.len() != length) {
        return None;
    }
    let mut mean = vec![0.0; length];
    for gradient in gradients {
        mean.iter_mut()
            .zip(*gradient)
            .for_each(|(m, &v)| *m += f64::from(v));
    }
    mean.iter_mut().for_each(|m| *m /= gradients.len() as f64);
    Some(mean)
}

/// Cosine between each gradient and the next: near 1 on a straight way, below 0 where steps go
/// back and forth. One number less than gradients; NaN where a gradient is 0 or not finite. `None`
/// where lengths differ.
pub fn successive_cosines(gradients: &[&[f32]]) -> Option<Vec<f64>> {
    gradients.windows(2).map(|w| cosine(w[0], w[1])).collect()
}

/// Cosine between each part's gradient and their mean, the gradient of the full batch; parts that
/// disagree are far below 1. `None` for fewer than two, and where lengths differ.
pub fn cosines_with_mean(gradients: &[&[f32]]) -> Option<Vec<f64>> {
    let mean = mean_gradient(gradients)?;
    // Scaled, because the cosine takes float32, which has fewer magnitudes.
    let largest = mean.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    let mean: Vec<f32> = mean.iter().map(|v| (v / largest) as f32).collect();
    gradients.iter().map(|g| cosine(g, &mean)).collect()
}

/// How the units of a layer are used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitUse {
    /// Share of units that were never active, 0 to 1.
    pub dead: f64,
    /// Share of units that were active for every sample: they pass on a linear function.
    pub always: f64,
    /// Share of units that were saturated for at least 95 of 100 samples; NaN where not counted.
    pub saturated: f64,
    /// Number of units that would be as varied if all were active equally often: the exponential of
    /// the entropy of their shares of all activity; 0 where nothing was active.
    pub effective: f64,
}

impl UnitUse {
    /// From how many of `samples` each unit was active for (above 0 after a ReLU), and how many it
    /// was saturated for (an empty slice where nobody counted). Every mean over units is NaN
    /// without units or samples. `None` where the lengths differ or a count is above `samples`.
    pub fn of(active: &[u64], saturated: &[u64], samples: u64) -> Option<UnitUse> {
        let fits = saturated.is_empty() || saturated.len() == active.len();
        if !fits || active.iter().chain(saturated).any(|&c| c > samples) {
            return None;
        }
        let units = match samples {
            0 => f64::NAN,
            _ => active.len() as f64,
        };
        let share = |is: &dyn Fn(u64) -> bool, counts: &[u64]| {
            counts.iter().filter(|&&c| is(c)).count() as f64 / units
        };
        let total: f64 = active.iter().map(|&c| c as f64).sum();
        let part = |&c: &u64| c as f64 / total;
        let parts = active.iter().filter(|&&c| c > 0).map(part);
        let entropy: f64 = parts.map(|p| -p * p.ln()).sum();
        Some(UnitUse {
            dead: share(&|c| c == 0, active),
            always: share(&|c| c == samples, active),
            saturated: match saturated.is_empty() {
                true => f64::NAN,
                false => share(&|c| c as f64 >= 0.95 * samples as f64, saturated),
            },
            effective: if total > 0.0 { entropy.exp() } else { 0.0 },
        })
    }
}
