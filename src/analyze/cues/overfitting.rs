//! Overfitting.

use super::{Cue, CueKind, Place, blocks, brief, finite};
use crate::band::RunCurve;
use crate::numbers::median;
use crate::smoothing::{Smoothing, smooth};
use crate::trend::{careful_trend, noise_of};

/// Points that a curve is condensed to.
const BLOCKS: usize = 64;
/// Least Mann-Kendall statistic.
const SURE: f64 = 2.0;
/// A rise below this part of what had been gained is not worth a word.
const LEAST_RISE: f64 = 0.05;

/// Overfitting: after its best place, the validation loss rises by more than noise explains (a
/// Mann-Kendall test at z > 2, corrected for noise that drags on) and by at least 5 % of what it
/// had gained, while the training loss stays or falls.
///
/// Both are losses over steps, recorded as seldom or often as you like, at least 8 validation
/// values; NaN are left out. The place begins at the smoothed minimum of the validation loss; the
/// strength is the part of the gain that was lost again.
///
/// Of curves that rise again by 20 % to 80 % of their gain, it missed none from 50 steps on with noise
/// of up to 3 % (bound: 5 %), and 19 % of those with noise of 10 % and up to 200 steps (bound: 25 %).
/// It saw overfitting in 0.6 % of curves without (bound: 1 %; at most 2 % of a sort: both settle, both
/// fall, both rise, a gap opens over a level validation loss).
pub fn overfitting(training: &RunCurve, validation: &RunCurve) -> Option<Cue> {
    let (steps, values) = finite(validation);
    if values.len() < 8 {
        return None;
    }
    let noise = noise_of(&values);
    let (steps_of, level) = (blocks(&steps, BLOCKS), blocks(&values, BLOCKS));
    let window = (level.len() / 8).max(3) | 1;
    let smoothed = smooth(&level, &Smoothing::Median { window });
    let least = |best: usize, i: usize| if smoothed[i] < smoothed[best] { i } else { best };
    let best = (1..level.len()).fold(0, least);
    // Around a minimum that noise has chosen, values rise by themselves.
    let tail = &level[(best + window / 2).min(level.len())..];
    if tail.len() < 5 {
        return None;
    }
    let trend = careful_trend(tail)?;
    let rise = smoothed[level.len() - 1] - smoothed[best];
    let gain = smoothed[0] - smoothed[best];
    let per_block = noise / (values.len() as f64 / level.len() as f64).sqrt();
    let line = trend.slope * tail.len() as f64;
    let grows = line > LEAST_RISE * gain && line > 2.0 * per_block && rise > 0.0;
    if trend.z < SURE || !grows {
        return None;
    }
    // The training loss over the same steps.
    let (train_steps, train) = finite(training);
    let from = train_steps.partition_point(|s| *s < steps_of[best]);
    let rest = blocks(&train[from..], BLOCKS);
    if rest.len() < 5 {
        return None;
    }
    let third = rest.len() / 3;
    let change = median(&rest[rest.len() - third..]) - median(&rest[..third]);
    if change > 0.25 * line {
        return None;
    }
    let strength = if gain > 0.0 {
        (rise / gain).clamp(0.0, 1.0)
    } else {
        1.0
    };
    let (from, to) = (steps_of[best], steps[steps.len() - 1]);
    let moved = if change < 0.0 { "fell" } else { "rose" };
    Some(Cue {
        kind: CueKind::Overfitting,
        place: Place::Steps(from, to),
        strength,
        why: format!(
            "From step {} to {} the validation loss rose by {} ({:.0} % of what it had gained, \
             trend z = {:.1}), while the training loss {moved} by {}.",
            brief(from),
            brief(to),
            brief(rise),
            100.0 * strength,
            trend.z,
            brief(change.abs()),
        ),
    })
}
