//! Arithmetic on arrays: statistics, histograms, colour ranges, probabilities, similarity,
//! classification scores; curves of training smoothed, drawn and judged.
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
//! - *Curves* ([`smooth`], [`decimate`]) are worked on as if such values were not there, which
//!   come back where they were.

#![forbid(unsafe_code)]

mod attention;
mod band;
mod classes;
mod correlation;
mod cues;
mod decimate;
mod distribution;
mod gradient;
mod histogram;
mod importance;
mod interquartile;
mod moments;
mod numbers;
mod outliers;
mod power_law;
mod principal;
mod probability;
mod quantile;
mod query;
mod similarity;
mod smoothing;
mod spectrum;
mod ssim;
mod trend;

pub use attention::{
    Habit, HeadSummary, Token, Weights, attention_flow, attention_rollout, brightest, mean_of_heads,
};
pub use band::{BandPoint, RunCurve, band, common_steps};
pub use classes::{Confusion, ConfusionError, MAX_CLASSES, accuracy};
pub use correlation::{Correlation, spearman};
pub use cues::{
    Cue, CueKind, EarlyStopping, Goal, Place, dead_units, divergence, early_stopping, exploding_gradient,
    gradient_by_depth, not_finite, overfitting, plateau, unstable_rate,
};
pub use decimate::{Curve, Decimated, Levels, Window, decimate};
pub use distribution::{Bucket, DISTRIBUTION_LINES, Rebinned, common_edges, quantile_lines, rebin};
pub use gradient::{NoiseScale, NoiseScaleAverage, UnitUse, cosines_with_mean, successive_cosines};
pub use histogram::{Bins, Histogram, histogram};
pub use importance::{
    Column, FEWEST_RUNS, Importance, ImportanceError, Importances, MOST_CATEGORIES, importance,
};
pub use interquartile::{Interval, interquartile_interval, interquartile_mean};
pub use moments::Moments;
pub use outliers::{Clipped, TENSORBOARD_OUTLIERS, clip_outliers};
pub use power_law::{PowerLaw, power_law};
pub use principal::{PrincipalPlane, principal_plane};
pub use probability::{Ranked, entropy, log_softmax, softmax, top_k};
pub use quantile::{ROBUST, quantiles, robust_range, symmetric_range};
pub use query::{FUNCTIONS, Query, QueryError, Value};
pub use similarity::{cosine, cosine_matrix};
pub use smoothing::{Smoothing, smooth};
pub use spectrum::{MAX_SIDE, Spectrum, SpectrumError};
pub use ssim::ssim;
pub use trend::{MAX_TREND, Trend, mann_kendall};
