//! Numbers that only stand elsewhere afterwards: transposed, gathered, joined, split, repeated.

use model::LayerId;
use model::op::Op;

use super::{Pass, Rule, Terms, place};
use crate::ProbeError;

/// The number of an input that stands at `at` of the output.
pub(super) fn moved(pass: &Pass, id: LayerId, at: &[usize]) -> Result<Terms, ProbeError> {
    let told = |shape: &[usize]| pass.problem(id, format!("{at:?} of {shape:?}"));
    let resolved = |axis: i64, rank: usize| (if axis < 0 { axis + rank as i64 } else { axis }) as usize;
    let (mut source, mut x) = pass.needed(id, 0)?;
    let rank = x.shape.len();
    let from = match &pass.layer(id).op {
        Op::Transpose { perm } => {
            let mut from = vec![0; rank];
            for (axis, &at) in at.iter().enumerate() {
                let to = match perm {
                    Some(perm) => perm.get(axis).copied().unwrap_or(-1) as usize,
                    None => rank.wrapping_sub(axis + 1),
                };
                *from.get_mut(to).ok_or_else(|| told(&x.shape))? = at;
            }
            from
        }
        Op::Gather { axis } => {
            let axis = resolved(*axis, rank);
            let (_, indices) = pass.needed(id, 1)?;
            let many = indices.shape.len();
            let (before, rest) = at.split_at(axis.min(at.len()));
            let (chosen, after) = rest.split_at(many.min(rest.len()));
            let index = indices.values.get(place(chosen, &indices.shape));
            let index = *index.ok_or_else(|| told(&indices.shape))? as i64;
            let length = *x.shape.get(axis).ok_or_else(|| told(&x.shape))?;
            [before, &[resolved(index, length)], after].concat()
        }
        Op::Concat { axis } => {
            let axis = resolved(*axis, rank);
            let mut from = at.to_vec();
            let mut slot = 0;
            loop {
                let length = *x.shape.get(axis).ok_or_else(|| told(&x.shape))?;
                if from[axis] < length {
                    break;
                }
                from[axis] -= length;
                slot += 1;
                (source, x) = pass.needed(id, slot)?;
            }
            from
        }
        // What is repeated along an axis has size 1 there.
        Op::Split { .. } | Op::Expand => at.to_vec(),
        _ => return Err(pass.problem(id, "it does more than move numbers")),
    };
    let place = place(&from, &x.shape);
    let value = *x.values.get(place).ok_or_else(|| told(&x.shape))?;
    Ok(Terms {
        rule: Rule::Moved,
        shape: vec![1],
        source,
        inputs: vec![value],
        places: vec![Some(place)],
        weights: Vec::new(),
        factor: None,
        bias: None,
    })
}
