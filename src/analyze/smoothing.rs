//! Curves without their noise.

use serde::{Deserialize, Serialize};

mod gaussian;
mod median;
mod polynomial;

/// How a curve is smoothed.
///
/// Smoothing is by point: neighbours count by how many points they are away, whatever steps or
/// seconds lie between them. A curve recorded at irregular steps is smoothed less where points are
/// sparse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Smoothing {
    /// As recorded.
    #[default]
    None,
    /// TensorBoard's: an exponential moving average that starts from 0 and is divided by the
    /// weight it has seen. It looks back only.
    Exponential {
        /// Weight of what was before, 0 to 1; NaN counts as 0. At 1 all is 0, as in TensorBoard.
        weight: f64,
    },
    /// `scipy.ndimage.gaussian_filter1d(values, sigma, mode="nearest")`.
    Gaussian {
        /// Standard deviation in points. Above the number of points it acts as that number.
        sigma: f64,
    },
    /// Median of the points around (`pandas.Series.rolling(window, center=True, min_periods=1)`);
    /// spikes vanish, edges stay.
    Median {
        /// Points; an even window has one more before than after. It shrinks at the ends.
        window: usize,
    },
    /// Polynomials fitted to the points around
    /// (`scipy.signal.savgol_filter(values, window, degree)`, whose mode is "interp"); peaks keep
    /// their height.
    SavitzkyGolay {
        /// Points; made odd by one more. A series that is shorter has the largest odd window.
        window: usize,
        /// Degree of the polynomials; below the window, and 16 at most.
        degree: usize,
    },
}

/// One smoothed value for each of `values`.
///
/// Values that are not finite come back as they are, and the rest is smoothed as if they were not
/// there. Parameters out of range act as the nearest that is in range.
///
/// ```
/// use analyze::{Smoothing, smooth};
/// let weight = 0.5;
/// assert_eq!(smooth(&[1.0, f64::NAN, 4.0], &Smoothing::Exponential { weight })[2], 3.0);
/// ```
pub fn smooth(values: &[f64], smoothing: &Smoothing) -> Vec<f64> {
    if *smoothing == Smoothing::None {
        return values.to_vec();
    }
    if values.iter().all(|v| v.is_finite()) {
        return smooth_finite(values, smoothing);
    }
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let mut smoothed = smooth_finite(&finite, smoothing).into_iter();
    let place = |&v: &f64| match v.is_finite() {
        true => smoothed.next().unwrap_or(v),
        false => v,
    };
    values.iter().map(place).collect()
}

fn smooth_finite(values: &[f64], smoothing: &Smoothing) -> Vec<f64> {
    // TensorBoard too: equal values stay what they are, to the last bit.
    if values.windows(2).all(|w| w[0] == w[1]) {
        return values.to_vec();
    }
    match *smoothing {
        Smoothing::None => values.to_vec(),
        Smoothing::Exponential { weight } => exponential(values, weight),
        Smoothing::Gaussian { sigma } => gaussian::filter(values, sigma),
        Smoothing::Median { window } => median::filter(values, window),
        Smoothing::SavitzkyGolay { window, degree } => polynomial::filter(values, window, degree),
    }
}

fn exponential(values: &[f64], weight: f64) -> Vec<f64> {
    let weight = match weight.is_nan() {
        true => 0.0,
        false => weight.clamp(0.0, 1.0),
    };
    let (mut last, mut seen) = (0.0, 0.0);
    let step = |&value: &f64| {
        last = last * weight + (1.0 - weight) * value;
        seen += 1.0;
        // What an average that began with 0 lacks.
        let debias = match weight < 1.0 {
            true => 1.0 - weight.powf(seen),
            false => 1.0,
        };
        last / debias
    };
    values.iter().map(step).collect()
}

/// `kernel[0] * padded[i] + sum of kernel[d] * (padded[i - d] + padded[i + d])` for every `i` that
/// has all its neighbours.
fn convolve(padded: &[f64], kernel: &[f64]) -> Vec<f64> {
    let radius = kernel.len().saturating_sub(1);
    let mut out = vec![0.0; padded.len().saturating_sub(2 * radius)];
    // Blocks that stay in the first cache while the whole kernel passes over them.
    for (block, out) in out.chunks_mut(1024).enumerate() {
        let centre = block * 1024 + radius;
        for (d, &weight) in kernel.iter().enumerate() {
            let before = &padded[centre - d..][..out.len()];
            let after = &padded[centre + d..][..out.len()];
            let weight = if d == 0 { weight / 2.0 } else { weight };
            for ((o, b), a) in out.iter_mut().zip(before).zip(after) {
                *o += weight * (b + a);
            }
        }
    }
    out
}

/// The values with the first and the last repeated `by` times at the ends.
fn extended(values: &[f64], by: usize) -> Vec<f64> {
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(values.len() + 2 * by);
    out.resize(by, first);
    out.extend_from_slice(values);
    out.resize(values.len() + 2 * by, last);
    out
}
