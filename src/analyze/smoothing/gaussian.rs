//! Gaussian weights, at a cost that does not grow with their width.

use super::{convolve, extended};

/// From here on the filter works on every `sigma / 8`th point.
const COARSE: f64 = 16.0;

/// `values` are finite.
pub(super) fn filter(values: &[f64], sigma: f64) -> Vec<f64> {
    if sigma.is_nan() || sigma <= 0.0 {
        return values.to_vec();
    }
    let sigma = sigma.min(values.len() as f64);
    match sigma < COARSE {
        true => {
            // SciPy's radius, for truncate = 4.
            let kernel = kernel(sigma, (4.0 * sigma + 0.5) as usize);
            convolve(&extended(values, kernel.len() - 1), &kernel)
        }
        false => in_three_steps(values, sigma),
    }
}

/// Half a kernel, from its centre on; the whole has a sum of 1.
fn kernel(sigma: f64, radius: usize) -> Vec<f64> {
    let weight = |d: usize| (-0.5 * (d as f64 / sigma).powi(2)).exp();
    let half: Vec<f64> = (0..=radius).map(weight).collect();
    let sum = 2.0 * half.iter().sum::<f64>() - 1.0;
    half.iter().map(|w| w / sum).collect()
}

/// Variances add: a narrow Gaussian to every `stride`th point, a wide one between those, a narrow
/// one back to all points. Two narrow ones of one stride each leave 3e-9 of what the stride cannot
/// tell apart. All weights are positive, so that a spike of 1e30 leaves no rounding errors where
/// it does not reach, as a Fourier transform would.
fn in_three_steps(values: &[f64], sigma: f64) -> Vec<f64> {
    let stride = (sigma / 8.0) as usize;
    let narrow = kernel(stride as f64, 6 * stride);
    let middle = ((sigma * sigma - 2.0 * (stride * stride) as f64).sqrt()) / stride as f64;
    let wide = kernel(middle, (4.0 * middle + 0.5) as usize);

    // Coarse points reach 6 strides and the wide kernel over both ends.
    let reach = 6 + wide.len();
    let padded = extended(values, (reach + 6) * stride);
    let coarse_count = (values.len() - 1) / stride + 2 * reach + 1;
    let coarse = |j: usize| {
        // Place of coarse point j in the padded values.
        let centre = (j + 6) * stride;
        let before = padded[centre + 1 - narrow.len()..centre].iter().rev();
        let after = padded[centre + 1..].iter();
        let sides = before.zip(after).zip(&narrow[1..]);
        narrow[0] * padded[centre] + sides.map(|((b, a), w)| w * (b + a)).sum::<f64>()
    };
    let coarse: Vec<f64> = (0..coarse_count).map(coarse).collect();
    let coarse = convolve(&coarse, &wide);

    // Point i is `phase` points behind coarse point `at + 6` of those that are left.
    let phases: Vec<[f64; 13]> = (0..stride)
        .map(|phase| {
            let mut weights = [0.0; 13];
            for (k, w) in weights.iter_mut().enumerate() {
                let away = (k as f64 - 6.0) - phase as f64 / stride as f64;
                *w = (-0.5 * away * away).exp();
            }
            let sum: f64 = weights.iter().sum();
            weights.map(|w| w / sum)
        })
        .collect();
    // `convolve` took `wide.len() - 1` at the front, so coarse point 0 now is 7 strides before
    // value 0.
    let mut out = Vec::with_capacity(values.len());
    for (at, chunk) in values.chunks(stride).enumerate() {
        for weights in &phases[..chunk.len()] {
            let near = coarse[at + 1..].iter().zip(weights);
            out.push(near.map(|(v, w)| v * w).sum());
        }
    }
    out
}
