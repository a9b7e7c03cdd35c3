//! The range of an axis that a few extreme values do not stretch.

use serde::{Deserialize, Serialize};

use crate::numbers::{quantile_of_sorted, sorted_finite};

/// The fractions between which TensorBoard's "ignore outliers" draws.
pub const TENSORBOARD_OUTLIERS: (f64, f64) = (0.05, 0.95);

/// The range of an axis, and what it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clipped {
    /// Lower end of the axis.
    pub low: f64,
    /// Upper end of the axis.
    pub high: f64,
    /// Finite values below it.
    pub below: usize,
    /// Finite values above it.
    pub above: usize,
    /// Values that are not finite.
    pub odd: usize,
}

/// An axis for all `curves` together: from the least to the greatest finite value between the
/// quantiles `keep.0` and `keep.1` (fractions from 0 to 1; `numpy.quantile`'s default), as
/// TensorBoard's line chart does, and `margin` of that range more at each end (but no further than
/// the values reach), and how many values are outside.
///
/// Up to two finite values are never clipped. Where the quantiles are equal (nearly all values
/// are), all values are kept. Equal ends mean that all values are equal. `None` when no value is
/// finite.
pub fn clip_outliers(curves: &[&[f64]], keep: (f64, f64), margin: f64) -> Option<Clipped> {
    let total: usize = curves.iter().map(|c| c.len()).sum();
    let sorted = match curves {
        [one] => sorted_finite(one),
        many => sorted_finite(&many.concat()),
    };
    let (least, greatest) = (*sorted.first()?, *sorted.last()?);
    let quantile = |f: f64| quantile_of_sorted(&sorted, if f.is_nan() { 0.0 } else { f });
    let (low, high) = (quantile(keep.0), quantile(keep.1));
    let (mut low, mut high) = match sorted.len() > 2 && low < high {
        // The nearest values inside.
        true => {
            let first = sorted.partition_point(|v| *v < low);
            let end = sorted.partition_point(|v| *v <= high);
            (sorted[first.min(sorted.len() - 1)], sorted[end.max(1) - 1])
        }
        false => (least, greatest),
    };
    if low > high {
        // No value lies between the quantiles.
        (low, high) = (least, greatest);
    }
    // Halves first: the span of the largest numbers is not finite.
    let reach = (high / 2.0 - low / 2.0) * margin.max(0.0) * 2.0;
    let (low, high) = ((low - reach).max(least), (high + reach).min(greatest));
    Some(Clipped {
        low,
        high,
        below: sorted.partition_point(|v| *v < low),
        above: sorted.len() - sorted.partition_point(|v| *v <= high),
        odd: total - sorted.len(),
    })
}
