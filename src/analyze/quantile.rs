//! Quantiles, and the ranges that colours are spread over.

/// The part of the values that a colour range covers by default: 0.5 % to 99.5 %.
pub const ROBUST: (f64, f64) = (0.005, 0.995);

/// Quantiles of the finite values, linearly interpolated (`numpy.quantile`'s default method).
///
/// `at` holds fractions from 0 to 1 in any order; fractions outside are taken as the nearest
/// end, and NaN as 0. Answers one number a fraction, or `None` when no value is finite.
pub fn quantiles(values: &[f32], at: &[f64]) -> Option<Vec<f64>> {
    let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let last = finite.len().checked_sub(1)?;
    // Two order statistics a fraction, each found in linear time while there are few of them.
    if at.len() > 8 {
        finite.sort_unstable_by(f32::total_cmp);
    }
    let sorted = at.len() > 8;
    let mut ranked = |rank: usize| {
        if !sorted {
            finite.select_nth_unstable_by(rank, f32::total_cmp);
        }
        f64::from(finite[rank])
    };
    let quantile = |&fraction: &f64| {
        let fraction = if fraction.is_nan() { 0.0 } else { fraction };
        let place = fraction.clamp(0.0, 1.0) * last as f64;
        let below = (place.floor() as usize).min(last);
        let (low, high) = (ranked(below), ranked((below + 1).min(last)));
        low + (high - low) * (place - below as f64)
    };
    Some(at.iter().map(quantile).collect())
}

/// The range to spread colours over: the `lower` and the `upper` quantile (see [`ROBUST`]) of
/// the finite values, so that a few outliers do not wash the rest out.
///
/// Where the two are equal (a ReLU output that is nearly all 0) it falls back to the least and
/// the greatest value. `None` when no value is finite; both ends are equal when all values are.
pub fn robust_range(values: &[f32], lower: f64, upper: f64) -> Option<(f32, f32)> {
    let ends = quantiles(values, &[lower, upper, 0.0, 1.0])?;
    let (low, high) = match ends[0] < ends[1] {
        true => (ends[0], ends[1]),
        false => (ends[2], ends[3]),
    };
    Some((low as f32, high as f32))
}

/// A range around 0 for a diverging colour map: the larger distance of the two ends of
/// [`robust_range`] from 0, on both sides.
pub fn symmetric_range(values: &[f32], lower: f64, upper: f64) -> Option<(f32, f32)> {
    let (low, high) = robust_range(values, lower, upper)?;
    let reach = low.abs().max(high.abs());
    Some((-reach, reach))
}
