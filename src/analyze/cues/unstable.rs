//! A learning rate that is too high to settle.

use std::ops::Range;

use super::{Cue, CueKind, Place, brief, finite};
use crate::band::RunCurve;
use crate::numbers::{median, quantile_of_sorted, sorted_finite};
use crate::trend::noise_of;

/// Points before and after one that it is compared with.
const NEIGHBOURS: usize = 5;

/// A loss that jumps: it has spikes (at least 3, and 1 value in 200, stand above the medians of the 5
/// values before and after by 10 times the noise between neighbours), or it overshoots and comes back
/// from step to step (it turns at more than 85 % of its points, where independent noise turns at two
/// thirds; the turning-point test says so with z > 3.5, over all steps, a half of them or the last two
/// thirds; jumps below 1 % of what was gained do not count). With the learning rate over the same
/// steps, it says how spikes and deviations differ between high and low rates.
///
/// Needs at least 30 finite values; NaN are left out. The strength is the share of spikes, 1 at 5 %, or
/// that of turns from 85 % to 100 %.
///
/// From 50 steps on it missed none of the curves with spikes, and none of those that overshoot by 2 to
/// 6 times their noise (bound: 2 %); it saw none in others (bound: 1 %: noise, noise of heavy tails,
/// two spikes, a rate that falls in steps).
pub fn unstable_rate(loss: &RunCurve, rate: Option<&RunCurve>) -> Option<Cue> {
    let (steps, values) = finite(loss);
    if values.len() < 30 {
        return None;
    }
    let noise = noise_of(&values);
    let spikes: Vec<usize> = match noise > 0.0 {
        true => (0..values.len())
            .filter(|&i| stands_out(&values, i, 10.0 * noise))
            .collect(),
        false => Vec::new(),
    };
    // Spikes of several steps count once.
    let apart: Vec<usize> = spikes.chunk_by(|a, b| b - a <= 2).map(|c| c[0]).collect();
    let related = || {
        rate.and_then(|r| by_rate(r, &steps, &values, &spikes))
            .unwrap_or_default()
    };
    if apart.len() >= 3 && spikes.len() * 200 >= values.len() {
        let share = spikes.len() as f64 / values.len() as f64;
        let (from, to) = (steps[apart[0]], steps[apart[apart.len() - 1]]);
        return Some(Cue {
            kind: CueKind::UnstableRate,
            place: Place::Steps(from, to),
            strength: (share / 0.05).min(1.0),
            why: format!(
                "From step {} to {} the loss has {} spikes of more than 10 times its usual noise of \
                 {}{}.",
                brief(from),
                brief(to),
                apart.len(),
                brief(noise),
                related(),
            ),
        });
    }
    let (turns, at) = most_turns(&values)?;
    let (from, to) = (steps[at.start], steps[at.end - 1]);
    Some(Cue {
        kind: CueKind::UnstableRate,
        place: Place::Steps(from, to),
        strength: ((turns - 0.85) / 0.15).clamp(0.0, 1.0),
        why: format!(
            "From step {} to {} the loss overshoots and comes back: it turns at {:.0} % of its points, \
             with jumps of about {}{}.",
            brief(from),
            brief(to),
            100.0 * turns,
            brief(jump(&values[at])),
            related(),
        ),
    })
}

/// Whether a value is above both what is before and what is after it by more than `by`.
fn stands_out(values: &[f64], i: usize, by: f64) -> bool {
    if i < 2 || i + 2 >= values.len() {
        return false;
    }
    let before = &values[i.saturating_sub(NEIGHBOURS)..i];
    let after = &values[i + 1..(i + 1 + NEIGHBOURS).min(values.len())];
    // Few are, and medians take time.
    let least = before.iter().copied().fold(f64::INFINITY, f64::min);
    values[i] - least > by && values[i] - median(before).max(median(after)) > by
}

/// Median distance of neighbours.
fn jump(values: &[f64]) -> f64 {
    median(&values.windows(2).map(|w| (w[1] - w[0]).abs()).collect::<Vec<_>>())
}

/// The part of the curve that turns most, with its share of turns, if independent noise hardly does.
fn most_turns(values: &[f64]) -> Option<(f64, Range<usize>)> {
    let n = values.len();
    let sorted = sorted_finite(values);
    let gain = quantile_of_sorted(&sorted, 0.95) - quantile_of_sorted(&sorted, 0.05);
    let parts = [0..n, n / 3..n, 0..n / 2, n / 2..n]
        .into_iter()
        .filter(|p| p.len() >= 20);
    let seen = parts.filter_map(|at| {
        let part = &values[at.clone()];
        let turns = part
            .windows(3)
            .filter(|w| (w[1] > w[0]) == (w[1] > w[2]) && w[1] != w[0]);
        let (count, n) = (turns.count() as f64, part.len() as f64);
        let (expected, variance) = (2.0 * (n - 2.0) / 3.0, (16.0 * n - 29.0) / 90.0);
        let share = count / (n - 2.0);
        let sure = (count - expected) / variance.sqrt() > 3.5;
        (sure && share > 0.85 && jump(part) > 0.01 * gain).then_some((share, at))
    });
    seen.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// How the loss differs between the upper and the lower half of rates, if they differ.
fn by_rate(rate: &RunCurve, steps: &[f64], values: &[f64], spikes: &[usize]) -> Option<String> {
    let (at, rates) = finite(rate);
    // The rate that held at each step of the loss.
    let held = |step: &f64| {
        let after = at.partition_point(|s| s <= step);
        rates.get(after.saturating_sub(1)).copied()
    };
    let held: Vec<f64> = steps.iter().map(held).collect::<Option<_>>()?;
    let (low, high) = held
        .iter()
        .fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
    if low <= 0.0 || high < 1.5 * low {
        return None;
    }
    let middle = (low * high).sqrt();
    let of = |upper: bool| -> f64 {
        let steps = values
            .windows(2)
            .zip(&held)
            .filter(|(_, r)| (**r >= middle) == upper);
        median(&steps.map(|(w, _)| (w[1] - w[0]).abs()).collect::<Vec<_>>())
    };
    let above = spikes.iter().filter(|&&i| held[i] >= middle).count();
    Some(format!(
        "; at rates from {} on: {above} values in spikes, jumps of {}; below: {}, {}",
        brief(middle),
        brief(of(true)),
        spikes.len() - above,
        brief(of(false)),
    ))
}
