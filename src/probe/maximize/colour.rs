//! Colours whose parts vary independently in natural pictures.

/// The square root of the covariance of the colours of ImageNet's pixels (Lucid,
/// `color_correlation_svd_sqrt`), by the length of its longest column.
const MIX: [[f32; 3]; 3] = {
    const LENGTH: f32 = 0.461_952_4;
    [
        [0.26 / LENGTH, 0.09 / LENGTH, 0.02 / LENGTH],
        [0.27 / LENGTH, 0.00 / LENGTH, -0.05 / LENGTH],
        [0.27 / LENGTH, -0.09 / LENGTH, 0.03 / LENGTH],
    ]
};

/// Red, green and blue, `[3, H, W]`, of planes that are independent: brightness, and two differences of
/// colours.
pub(super) fn correlated(planes: &[f32]) -> Vec<f32> {
    mixed(planes, |to, from| MIX[to][from])
}

/// The way back of a gradient.
pub(super) fn adjoint(slopes: &[f32]) -> Vec<f32> {
    mixed(slopes, |to, from| MIX[from][to])
}

fn mixed(planes: &[f32], weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let places = planes.len() / 3;
    let at = |c: usize, p: usize| (0..3).map(|k| weight(c, k) * planes[k * places + p]).sum();
    (0..3 * places).map(|i| at(i / places, i % places)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_plane_is_brightness() {
        let grey = correlated(&[1.0, 0.0, 0.0]);
        assert!(grey.iter().all(|&v| (v - 0.57).abs() < 0.02), "{grey:?}");
        let (a, b) = ([0.3, -0.2, 0.9], [0.1, 0.5, -0.4]);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!((dot(&correlated(&a), &b) - dot(&a, &adjoint(&b))).abs() < 1e-6);
    }
}
