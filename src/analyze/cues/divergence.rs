//! Losses and gradients that leave for good.

use super::{Cue, CueKind, Place, brief, finite};
use crate::band::RunCurve;
use crate::numbers::median;
use crate::smoothing::{Smoothing, smooth};
use crate::trend::noise_of;

/// A loss that left for good: the median of its last twentieth (3 values at least) is above the best
/// level that it had by 1.5 times all that it had gained, and by 9 times its noise; it is worse than
/// where it began. Spikes that return and overfitting are none.
///
/// Needs at least 8 finite values. The place begins where it last was near its best; the strength
/// grows with the part of the final level that is loss.
///
/// Of curves that ended at 3 to 10,000 times their best level, it missed none (bound: 2 %); it saw
/// divergence in 0.1 % of others (bound: 1 %; at most 2 % of a sort: settling, level, spikes that
/// return, overfitting).
pub fn divergence(loss: &RunCurve) -> Option<Cue> {
    let (steps, values) = finite(loss);
    if values.len() < 8 {
        return None;
    }
    let window = (values.len() / 20).max(3) | 1;
    let level = smooth(&values, &Smoothing::Median { window });
    let end = median(&values[values.len() - window..]);
    let start = median(&values[..window]);
    let best = level.iter().copied().fold(f64::INFINITY, f64::min);
    let gain = start - best;
    // The noise before it left: a quarter of all values is enough to know it.
    let quiet = &values[..(values.len() / 4).max(8)];
    let noise = noise_of(quiet).min(noise_of(&values));
    let left = end - best;
    if left <= 1.5 * gain || left <= 9.0 * noise || left <= 0.0 {
        return None;
    }
    let near = best + (0.5 * gain).max(3.0 * noise);
    let from = level.iter().rposition(|v| *v <= near).unwrap_or(0);
    let (from, to) = (steps[from], steps[steps.len() - 1]);
    Some(Cue {
        kind: CueKind::Divergence,
        place: Place::Steps(from, to),
        strength: (1.0 - (1.5 * gain + 9.0 * noise) / left).clamp(0.0, 1.0),
        why: format!(
            "From step {} to {} the loss rose from {} to {}; it had begun at {}.",
            brief(from),
            brief(to),
            brief(best),
            brief(end),
            brief(start),
        ),
    })
}

/// Gradient norms over steps that grow without bound: the median of the last twentieth (3 values at
/// least) is 30 times the median of all before, or is infinite. One spike is none.
///
/// Needs at least 8 values above 0. The strength is 1 at 30,000 times.
///
/// Of norms that grew by 2 to 8 decades, with noise of 0.1 and 0.3 decades, it missed none (bound:
/// 2 %); it saw an explosion in 0.1 % of others (bound: 1 %; at most 2 % of a sort: drift by up to a
/// decade, spikes of 3 decades at one step in 20).
pub fn exploding_gradient(norms: &RunCurve) -> Option<Cue> {
    let points = norms.points();
    let (steps, values): (Vec<f64>, Vec<f64>) = points.into_iter().filter(|p| p.1 > 0.0).unzip();
    if values.len() < 8 {
        return None;
    }
    let count = (values.len() / 20).max(3);
    let (before, last) = values.split_at(values.len() - count);
    let usual = median(before);
    // `median` leaves infinities out.
    let infinite = last.iter().filter(|v| v.is_infinite()).count() * 2 > count;
    let end = if infinite { f64::INFINITY } else { median(last) };
    let times = end / usual;
    if times.is_nan() || times < 30.0 {
        return None;
    }
    let from = before.iter().rposition(|v| *v <= 3.0 * usual).unwrap_or(0);
    let (from, to) = (steps[from], steps[steps.len() - 1]);
    Some(Cue {
        kind: CueKind::ExplodingGradient,
        place: Place::Steps(from, to),
        strength: ((times / 30.0).log10() / 3.0).clamp(0.0, 1.0),
        why: format!(
            "From step {} to {} the norm of the gradient grew from {} to {}, {} times.",
            brief(from),
            brief(to),
            brief(usual),
            brief(end),
            brief(times),
        ),
    })
}

/// The first value that is NaN or infinite, with how many of the rest are. Never wrong.
pub fn not_finite(curve: &RunCurve) -> Option<Cue> {
    let points = curve.points();
    let first = points.iter().position(|p| !p.1.is_finite())?;
    let odd = points.iter().filter(|p| !p.1.is_finite()).count();
    let (step, value) = points[first];
    let before = match points[..first].iter().rfind(|p| p.1.is_finite()) {
        Some((step, value)) => format!("after {} at step {}", brief(*value), brief(*step)),
        None => "from the beginning".to_string(),
    };
    Some(Cue {
        kind: CueKind::NotFinite,
        place: Place::Steps(step, points[points.len() - 1].0),
        strength: odd as f64 / (points.len() - first) as f64,
        why: format!(
            "The value is {value} at step {} {before}; {odd} of the {} values from there are not \
             finite.",
            brief(step),
            points.len() - first,
        ),
    })
}
