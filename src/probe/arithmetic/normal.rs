//! Normalisations over axes, and reductions: one number from all along them.

use model::LayerId;
use std::ops::Range;

use model::op::{Op, Reduction};

use super::{MOST_TERMS, Pass, Rule, Terms, place};
use crate::ProbeError;

/// The row-major places of `shape` whose index lies in a range along each axis.
fn within(
    pass: &Pass,
    id: LayerId,
    shape: &[usize],
    ranges: &[Range<usize>],
) -> Result<Vec<usize>, ProbeError> {
    let count: usize = ranges.iter().map(Range::len).product();
    if count > MOST_TERMS {
        return Err(pass.problem(id, format!("{count} terms are more than can be shown")));
    }
    let axes = shape.iter().zip(ranges);
    Ok(axes.fold(vec![0], |before, (&length, range)| {
        let further = |at: usize| range.clone().map(move |k| at * length + k);
        before.into_iter().flat_map(further).collect()
    }))
}

/// Less the mean and over the deviation of its group, times a scale, plus a shift.
pub(super) fn normalised(pass: &Pass, id: LayerId, at: &[usize]) -> Result<Terms, ProbeError> {
    let (source, x) = pass.needed(id, 0)?;
    let rank = x.shape.len();
    if at.len() != rank || rank < 2 {
        return Err(pass.problem(id, format!("input {:?}", x.shape)));
    }
    let from = |axis: i64| (if axis < 0 { axis + rank as i64 } else { axis }).clamp(0, rank as i64) as usize;
    let op = pass.layer(id).op.clone();
    let channels = x.shape[1];
    // How many axes in front stand apart, how many channels go together, and whether the mean is taken off.
    let (apart, together, epsilon, centred) = match op {
        Op::LayerNorm { axis, epsilon } => (from(axis), 1, epsilon, true),
        Op::RmsNorm { axis, epsilon } => (from(axis), 1, epsilon, false),
        Op::InstanceNorm { epsilon } => (2, 1, epsilon, true),
        Op::GroupNorm { epsilon, groups } => (2, channels / (groups.max(1) as usize), epsilon, true),
        _ => return Err(pass.problem(id, "a normalisation is expected")),
    };
    let together = together.max(1);
    let ranges: Vec<Range<usize>> = (0..rank)
        .map(|axis| match axis {
            1 if apart > 1 => {
                let first = at[1] / together * together;
                first..first + together
            }
            _ if axis < apart => at[axis]..at[axis] + 1,
            _ => 0..x.shape[axis],
        })
        .collect();
    let places = within(pass, id, &x.shape, &ranges)?;
    let own = places.iter().position(|&p| p == place(at, &x.shape));
    let own = own.ok_or_else(|| pass.problem(id, format!("{at:?} of {:?}", x.shape)))?;
    let inputs: Vec<f32> = places.iter().map(|&p| x.values[p]).collect();
    let mean_of = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / inputs.len().max(1) as f64;
    let mean = match centred {
        true => mean_of(&mut inputs.iter().map(|&v| f64::from(v))),
        false => 0.0,
    };
    let variance = mean_of(&mut inputs.iter().map(|&v| (f64::from(v) - mean).powi(2)));
    let by_channel = matches!(op, Op::InstanceNorm { .. } | Op::GroupNorm { .. });
    let stored = |slot: usize| -> Result<Option<f32>, ProbeError> {
        let Some(tensor) = pass.input(id, slot) else {
            return Ok(None);
        };
        let found = pass.numbers(tensor)?;
        let place = match by_channel {
            // Before opset 21 one stands for a group.
            true if found.values.len() != channels => at[1] / together,
            true => at[1],
            false => place(at, &found.shape),
        };
        Ok(found.values.get(place).copied())
    };
    Ok(Terms {
        rule: Rule::Normalised {
            own,
            mean: mean as f32,
            deviation: (variance + f64::from(epsilon)).sqrt() as f32,
        },
        shape: vec![inputs.len()],
        source,
        places: places.into_iter().map(Some).collect(),
        inputs,
        weights: Vec::new(),
        factor: stored(1)?,
        bias: stored(2)?,
    })
}

/// Sums, means, largest and norms over axes.
pub(super) fn reduced(pass: &Pass, id: LayerId, at: &[usize]) -> Result<Terms, ProbeError> {
    let Op::Reduce {
        kind,
        axes,
        keep_dims,
        noop_if_empty,
    } = pass.layer(id).op.clone()
    else {
        return Err(pass.problem(id, "a reduction is expected"));
    };
    let (source, x) = pass.needed(id, 0)?;
    let rank = x.shape.len();
    let given = match (axes, pass.input(id, 1)) {
        (Some(axes), _) => axes,
        (None, Some(tensor)) => pass.numbers(tensor)?.values.iter().map(|&v| v as i64).collect(),
        (None, None) => Vec::new(),
    };
    let whole = given.is_empty();
    let gone = |axis: usize| match whole {
        true => !noop_if_empty,
        false => given
            .iter()
            .any(|&a| a == axis as i64 || a + rank as i64 == axis as i64),
    };
    // The axes that are left, in the order of the output.
    let mut rest = at.iter();
    let wanted: Vec<Option<usize>> = (0..rank)
        .map(|axis| match (gone(axis), keep_dims) {
            (true, true) => {
                rest.next();
                None
            }
            (true, false) => None,
            (false, _) => rest.next().copied(),
        })
        .collect();
    let ranges = wanted.iter().zip(&x.shape).map(|(wanted, &length)| match wanted {
        Some(at) => *at..at + 1,
        None => 0..length,
    });
    let places = within(pass, id, &x.shape, &ranges.collect::<Vec<_>>())?;
    let rule = match kind {
        Reduction::Sum => Rule::Sum,
        Reduction::Mean => Rule::Mean(places.len()),
        Reduction::Max => Rule::Max,
        Reduction::Prod => Rule::Product,
        Reduction::L1 => Rule::Norm(1),
        Reduction::L2 => Rule::Norm(2),
        _ => {
            return Err(pass.problem(
                id,
                "sums, means, products, maxima and norms are worked out, not this",
            ));
        }
    };
    Ok(Terms {
        rule,
        shape: vec![places.len()],
        source,
        inputs: places.iter().map(|&p| x.values[p]).collect(),
        places: places.into_iter().map(Some).collect(),
        weights: Vec::new(),
        factor: None,
        bias: None,
    })
}
