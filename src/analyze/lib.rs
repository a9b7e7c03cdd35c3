//! Arithmetic on arrays: statistics, histograms, colour ranges, probabilities, similarity,
//! classification scores.
//!
//! In: slices of numbers. Out: numbers, computed in float64. It knows no file, no network, no
//! GPU and no screen.
//!
//! # Values that are not finite
//! Activations and weights of a network gone wrong hold NaN and infinities, and a picture of
//! them must still come out. So:
//! - *Descriptions of many values* ([`Moments`], [`Histogram`], [`quantiles`],
//!   [`robust_range`]) leave non-finite values out and, where they keep counts, count them.
//! - *Formulas over all values* ([`softmax`], [`log_softmax`], [`entropy`], [`cosine`])
//!   follow IEEE arithmetic as SciPy does: one NaN makes the result NaN.
//! - *Orders* ([`top_k`]) put NaN last.

#![forbid(unsafe_code)]

mod classes;
mod histogram;
mod moments;
mod probability;
mod quantile;
mod similarity;

pub use classes::{Confusion, ConfusionError, MAX_CLASSES, accuracy};
pub use histogram::{Bins, Histogram, histogram};
pub use moments::Moments;
pub use probability::{Ranked, entropy, log_softmax, softmax, top_k};
pub use quantile::{ROBUST, quantiles, robust_range, symmetric_range};
pub use similarity::{cosine, cosine_matrix};
