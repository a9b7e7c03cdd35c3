//! A learning rate that is too high to settle.

use std::ops::Range;

use super::{Cue, CueKind, Place, brief, finite};
use crate::band::RunCurve;
use crate::numbers::{median, quantile_of_sorted, sorted_finite};
use crate::trend::noise_of;

/// Points before and after one that it is compared with.
const NEIGHBOURS: usize = 5;

/// A loss that jumps, in one of three ways:
/// - *Spikes*: at least 3, and 1 value in 200, stand above the medians of the 5 values before and after
///   by 10 times the noise between neighbours, most of it in one step.
/// - *Bursts*: at least 3 times it climbs by a tenth of the range of its values and 15 times its noise,
///   and comes back at least half of the way.
/// - *Overshooting*: it turns at more than 85 % of its points, where independent noise turns at two
///   thirds; the turning-point test says so with z > 3.5, over all steps, a half of them or the last two
///   thirds; jumps below 1 % of the range do not count.
///
/// Spikes and bursts during which the rate rises by half do not count: warm restarts cause them. With the
/// learning rate over the same steps, it also says how spikes and jumps differ between high and low
/// rates. Needs at least 30 finite values; NaN are left out. The strength is the share of spikes, 1 at
/// 5 %; the number of bursts, 1 at 10; or the share of turns, from 85 % to 100 %.
///
/// From 50 steps on it missed none of the curves with spikes, and none of those that overshoot by 2 to
/// 6 times their noise (bound: 2 %); it saw none in others (bound: 1 %: noise, noise of heavy tails,
/// two spikes, a rate that falls in steps, overfitting).
pub fn unstable_rate(loss: &RunCurve, rate: Option<&RunCurve>) -> Option<Cue> {
    let (steps, values) = finite(loss);
    if values.len() < 30 {
        return None;
    }
    let noise = noise_of(&values);
    let sorted = sorted_finite(&values);
    let range = quantile_of_sorted(&sorted, 0.95) - quantile_of_sorted(&sorted, 0.05);
    let held = rate.and_then(|r| held_rates(r, &steps));
    let rises = |at: Range<usize>| {
        let held = held.as_ref().map(|h| h[at.end] > 1.5 * h[at.start]);
        held.unwrap_or(false)
    };
    let spike =
        |&i: &usize| noise > 0.0 && stands_out(&values, i, 10.0 * noise) && !rises(i.saturating_sub(3)..i);
    let spikes: Vec<usize> = (0..values.len()).filter(spike).collect();
    // Spikes of several steps count once.
    let apart: Vec<usize> = spikes.chunk_by(|a, b| b - a <= 2).map(|c| c[0]).collect();
    let mut bursts = bursts(&values, (0.1 * range).max(15.0 * noise));
    bursts.retain(|b| !rises(b.clone()));
    let (at, strength, what) = if apart.len() >= 3 && spikes.len() * 200 >= values.len() {
        let share = spikes.len() as f64 / values.len() as f64;
        let count = apart.len();
        let what = format!(
            "has {count} spikes of more than 10 times its usual noise of {}",
            brief(noise)
        );
        (apart[0]..apart[count - 1], share / 0.05, what)
    } else if bursts.len() >= 3 {
        let count = bursts.len();
        let climb = |b: &Range<usize>| values[b.end] - values[b.start];
        let most = bursts.iter().map(climb).fold(0.0, f64::max);
        let what = format!(
            "climbs and comes back {count} times, by up to {} (its values range over {})",
            brief(most),
            brief(range)
        );
        let at = bursts[0].start..bursts[count - 1].end;
        (at, count as f64 / 10.0, what)
    } else {
        let (turns, part) = most_turns(&values, range)?;
        let what = format!(
            "overshoots and comes back: it turns at {:.0} % of its points, with jumps of about {}",
            100.0 * turns,
            brief(jump(&values[part.clone()])),
        );
        (part.start..part.end - 1, (turns - 0.85) / 0.15, what)
    };
    let (from, to) = (steps[at.start], steps[at.end]);
    let related = held.and_then(|h| by_rate(&h, &values, &spikes));
    Some(Cue {
        kind: CueKind::UnstableRate,
        place: Place::Steps(from, to),
        strength: strength.clamp(0.0, 1.0),
        why: format!(
            "From step {} to {} the loss {what}{}.",
            brief(from),
            brief(to),
            related.unwrap_or_default(),
        ),
    })
}

/// Climbs by at least `by` that came back half of the way: from the lowest to the highest value.
fn bursts(values: &[f64], by: f64) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut low, mut high) = (0, 0);
    for i in 1..values.len() {
        let climb = values[high] - values[low];
        if values[i] > values[high] {
            high = i;
        } else if climb > by && by > 0.0 && values[high] - values[i] > 0.5 * climb {
            out.push(low..high);
            (low, high) = (i, i);
        } else if values[i] < values[low] {
            (low, high) = (i, i);
        }
    }
    out
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
    if values[i] - least <= by {
        return false;
    }
    let above = values[i] - median(before).max(median(after));
    // A spike jumps; what climbs over many steps is a burst.
    let step = (values[i] - values[i - 1]).max(values[i - 1] - values[i - 2]);
    above > by && step > 0.5 * (values[i] - least)
}

/// Median distance of neighbours.
fn jump(values: &[f64]) -> f64 {
    median(&values.windows(2).map(|w| (w[1] - w[0]).abs()).collect::<Vec<_>>())
}

/// The part of the curve that turns most, with its share of turns, if independent noise hardly does.
fn most_turns(values: &[f64], range: f64) -> Option<(f64, Range<usize>)> {
    let n = values.len();
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
        (sure && share > 0.85 && jump(part) > 0.01 * range).then_some((share, at))
    });
    seen.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// The rate that held at each step of the loss.
fn held_rates(rate: &RunCurve, steps: &[f64]) -> Option<Vec<f64>> {
    let (at, rates) = finite(rate);
    let held = |step: &f64| {
        let after = at.partition_point(|s| s <= step);
        rates.get(after.saturating_sub(1)).copied()
    };
    steps.iter().map(held).collect()
}

/// How the loss differs between the upper and the lower half of rates, if they differ.
fn by_rate(held: &[f64], values: &[f64], spikes: &[usize]) -> Option<String> {
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
            .zip(held)
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
