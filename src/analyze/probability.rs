//! From scores to probabilities and back to names.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Probabilities of `logits`: `exp(x) / sum(exp(x))`, safe from overflow
/// (`scipy.special.softmax`). Minus infinity (a masked score) gives 0; NaN or plus infinity
/// among the logits, or nothing but minus infinity, makes every result NaN.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let top = maximum(logits);
    let powers: Vec<f64> = logits.iter().map(|&x| (f64::from(x) - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| (p / sum) as f32).collect()
}

/// Natural logarithm of [`softmax`], exact where the probability itself would round to 0
/// (`scipy.special.log_softmax`). Minus infinity stays so; what makes [`softmax`] NaN makes every
/// result NaN here too.
pub fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let top = maximum(logits);
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - top).exp()).sum();
    let log_sum = sum.ln();
    let one = |&x: &f32| (f64::from(x) - top - log_sum) as f32;
    logits.iter().map(one).collect()
}

/// Greatest value; NaN when one is.
fn maximum(values: &[f32]) -> f64 {
    let start = f64::NEG_INFINITY;
    values.iter().fold(start, |top, &v| {
        if top.is_nan() || v.is_nan() {
            f64::NAN
        } else {
            top.max(f64::from(v))
        }
    })
}

/// Shannon entropy of a distribution, in nats: 0 when certain, `ln(n)` when all `n` outcomes
/// are equal (`scipy.stats.entropy`). The weights are first divided by their sum.
///
/// NaN for a negative or non-finite weight, and when all are 0 or there are none.
pub fn entropy(weights: &[f32]) -> f64 {
    if weights.iter().any(|&w| !w.is_finite() || w < 0.0) {
        return f64::NAN;
    }
    let sum: f64 = weights.iter().map(|&w| f64::from(w)).sum();
    if sum == 0.0 {
        return f64::NAN;
    }
    let positive = weights.iter().filter(|&&w| w > 0.0);
    let terms = positive.map(|&w| {
        let p = f64::from(w) / sum;
        -p * p.ln()
    });
    // A sum of no terms, or of the term of a certainty, is -0.0.
    terms.sum::<f64>() + 0.0
}

/// One of the best: where it stands and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Index into the values.
    pub index: usize,
    /// The value there.
    pub value: f32,
}

/// The `k` greatest values, greatest first; all, when there are fewer. Equal values keep their
/// order, and NaN comes last (`numpy.argsort(-x, kind="stable")[:k]`).
pub fn top_k(values: &[f32], k: usize) -> Vec<Ranked> {
    let better = |a: &Ranked, b: &Ranked| {
        let order = match (a.value.is_nan(), b.value.is_nan()) {
            (false, false) => b.value.partial_cmp(&a.value).unwrap_or(Ordering::Equal),
            (a, b) => a.cmp(&b),
        };
        order.then(a.index.cmp(&b.index))
    };
    let indexed = values.iter().enumerate();
    let mut ranked: Vec<Ranked> = indexed.map(|(index, &value)| Ranked { index, value }).collect();
    if k == 0 {
        return Vec::new();
    }
    if k < ranked.len() {
        ranked.select_nth_unstable_by(k - 1, better);
        ranked.truncate(k);
    }
    ranked.sort_unstable_by(better);
    ranked
}
