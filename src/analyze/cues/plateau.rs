//! Nothing improves any more.

use super::{Cue, CueKind, Goal, Place, blocks, brief, finite};
use crate::band::RunCurve;
use crate::numbers::mean;
use crate::trend::{careful_trend, noise_of};

const BLOCKS: usize = 48;

/// A plateau: over at least the last quarter, the curve surely improved by less than 5 % of all that
/// it had gained, and got worse by less than 10 % (the ends of the 95 % interval of its straight line
/// say so, and not only its slope, so that noise does not pass for rest; neither half of the stretch
/// moves by 10 % or has a trend), and if it improves without doubt, then by less than 1 %; or, a curve
/// that never moved out of its noise.
///
/// Needs at least 12 values; NaN are left out. The place begins where the longest such stretch does;
/// the strength is its part of the curve.
///
/// Of curves that came to rest, it missed none with noise of up to 1 % of the gain (bound: 2 %), but
/// 45 % with 3 % and 10 %, where a slow gain could hide: a curve has to be long, or quiet. Of curves
/// that never moved, it missed 7 % (bound: 12 %). It saw a plateau in 0.4 % of curves without (bound:
/// 1 %; at most 2 % of a sort: straight ones, slower and slower ones, ones that rise again).
pub fn plateau(curve: &RunCurve, goal: Goal) -> Option<Cue> {
    let (steps, values) = finite(curve);
    if values.len() < 12 {
        return None;
    }
    let (first, last) = (steps[0], steps[steps.len() - 1]);
    let level = blocks(&values, BLOCKS);
    let starts = blocks(&steps, BLOCKS);
    let end = level.len();
    let sign = if goal == Goal::Less { 1.0 } else { -1.0 };
    let last_quarter = mean(&level[end - end / 4..]);
    let whole = Line::of(&level);
    // Noise that drags on looks smaller between neighbours than it is.
    let noise = noise_of(&level);
    let quarters = blocks(&level, 4);
    let inside = quarters.iter().all(|q| (q - mean(&quarters)).abs() < 2.0 * noise);
    let halves = level.split_at(end / 2);
    let trend = trends(&level, 2.2) || trends(halves.0, 2.5) || trends(halves.1, 2.5);
    if !trend && inside && whole.rest < 2.5 * noise || noise == 0.0 && whole.rest == 0.0 {
        return Some(Cue {
            kind: CueKind::Plateau,
            place: Place::Steps(first, last),
            strength: 1.0,
            why: format!(
                "From step {} to {} the value stays at {} within its noise of {}.",
                brief(first),
                brief(last),
                brief(mean(&level)),
                brief(whole.rest),
            ),
        });
    }
    let gain = sign * (mean(&level[..(end / 12).max(1)]) - last_quarter);
    let quiet = |&start: &usize| {
        let (line, length) = (Line::of(&level[start..]), (end - start) as f64);
        let (change, doubt) = (sign * line.slope * length, 1.96 * line.error * length);
        let (first, second) = level[start..].split_at((end - start) / 2);
        // A fall and a rise together have no slope.
        let rests = |half: &[f64]| {
            let moves = Line::of(half).slope.abs() * half.len() as f64;
            moves < 0.1 * gain && !trends(half, 2.5)
        };
        // What is slow and sure is no rest: the ends of curves that fall slower and slower.
        let improves = careful_trend(&level[start..]).is_some_and(|t| sign * t.z < -2.0);
        if improves && change < -0.01 * gain {
            return false;
        }
        change - doubt > -0.05 * gain && change + doubt < 0.1 * gain && rests(first) && rests(second)
    };
    let latest = end - (end / 4).max(4);
    let start = (0..=latest).find(quiet).filter(|_| gain > 0.0)?;
    let line = Line::of(&level[start..]);
    Some(Cue {
        kind: CueKind::Plateau,
        place: Place::Steps(starts[start], last),
        strength: (end - start) as f64 / end as f64,
        why: format!(
            "From step {} to {} the value stays at {}: it moves by {}, little beside the {} gained \
             before.",
            brief(starts[start]),
            brief(last),
            brief(mean(&level[start..])),
            brief((line.slope * (end - start) as f64).abs()),
            brief(gain),
        ),
    })
}

fn trends(values: &[f64], z: f64) -> bool {
    careful_trend(values).is_some_and(|t| t.z.abs() > z)
}

/// Least squares.
struct Line {
    slope: f64,
    /// Standard error of the slope.
    error: f64,
    /// Standard deviation of what the line leaves.
    rest: f64,
}

impl Line {
    fn of(values: &[f64]) -> Line {
        let n = values.len() as f64;
        let (middle, centre) = ((n - 1.0) / 2.0, mean(values));
        let place = |i: usize| i as f64 - middle;
        let square = n * (n * n - 1.0) / 12.0;
        let product = values.iter().enumerate().map(|(i, v)| place(i) * (v - centre));
        let slope = product.sum::<f64>() / square;
        let left = |(i, v): (usize, &f64)| (v - centre - slope * place(i)).powi(2);
        let rest: f64 = values.iter().enumerate().map(left).sum();
        let rest = (rest / (n - 2.0).max(1.0)).sqrt();
        Line {
            slope,
            error: rest / square.sqrt(),
            rest,
        }
    }
}
