//! What a person who looks at curves of training would point out: each detector says what it saw,
//! where, why, and how strongly.
//!
//! Curves are noisy, and a detector that cries wolf is switched off. Each one was tried on generated
//! curves with and without the fault, and says how often it was wrong: curves of 20 to 1,000 steps,
//! independent noise and such that drags on (neighbours correlate by 0.5), its standard deviation 1 %,
//! 3 % and 10 % of what the curve gains. `tests/measure/cues.rs` makes them, and fails above the bounds.

use serde::{Deserialize, Serialize};

use crate::band::RunCurve;

mod depth;
mod divergence;
mod overfitting;
mod plateau;
mod stopping;
mod unstable;

pub use depth::{dead_units, gradient_by_depth};
pub use divergence::{divergence, exploding_gradient, not_finite};
pub use overfitting::overfitting;
pub use plateau::plateau;
pub use stopping::{EarlyStopping, Goal, early_stopping};
pub use unstable::unstable_rate;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CueKind {
    /// The validation loss rises while the training loss does not.
    Overfitting,
    /// Nothing improves any more.
    Plateau,
    /// The loss left where it had come to, and did not return.
    Divergence,
    /// The loss jumps up and down between steps.
    UnstableRate,
    /// NaN or an infinity.
    NotFinite,
    /// Gradients fade towards the input.
    VanishingGradient,
    /// Gradients grow without bound, over steps or towards the input.
    ExplodingGradient,
    /// Units that no sample activates.
    DeadUnits,
}

/// Where it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// From one step to another.
    Steps(f64, f64),
    /// From one layer to another, counted from the input.
    Layers(usize, usize),
}

/// A fault that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cue {
    /// What it is.
    pub kind: CueKind,
    /// Where it is.
    pub place: Place,
    /// How much of it there is, from 0 (just seen) to 1.
    pub strength: f64,
    /// The reason, one sentence with numbers.
    pub why: String,
}

/// The finite points of a curve: steps and values. Values beyond 1e100 are that, so that no sum of
/// them is infinite.
fn finite(curve: &RunCurve) -> (Vec<f64>, Vec<f64>) {
    let points = curve.points().into_iter().filter(|p| p.1.is_finite());
    points.map(|(s, v)| (s, v.clamp(-1e100, 1e100))).unzip()
}

/// Means of as equal blocks as can be, `most` at most, of steps or values.
fn blocks(values: &[f64], most: usize) -> Vec<f64> {
    let count = values.len().min(most);
    let block = |i: usize| &values[i * values.len() / count..(i + 1) * values.len() / count];
    (0..count).map(|i| crate::numbers::mean(block(i))).collect()
}

/// A number for a sentence: three digits, and no more than it needs.
fn brief(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let digits = if size < 1.0 {
        4
    } else if size < 100.0 {
        2
    } else {
        0
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}
