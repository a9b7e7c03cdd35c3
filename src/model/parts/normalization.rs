//! Normalizations written out: layer normalization (Ba et al. 2016) by mean and variance, RMS
//! normalization (Zhang and Sennrich 2019) by the mean square.

use std::collections::BTreeSet;

use crate::op::{Binary, Op, Reduction, Unary, Variadic};

use super::Part;
use super::flow::{Flow, From};

pub(super) fn find(flow: &Flow, _: &[Part]) -> Vec<Part> {
    let find = |i| match flow.op(i) {
        Op::LayerNorm { .. } => Some(single("LayerNorm", i)),
        Op::RmsNorm { .. } => Some(single("RMSNorm", i)),
        _ => at(flow, i),
    };
    (0..flow.layers.len()).filter_map(find).collect()
}

/// One operator: a scope of it has the kind.
fn single(name: &'static str, i: usize) -> Part {
    Part {
        kind: "normalization",
        name,
        members: BTreeSet::from([i]),
    }
}

/// The normalization whose mean square is the layer at `i`.
fn at(flow: &Flow, i: usize) -> Option<Part> {
    let square = mean(flow, i)?.layer()?;
    let base = squared(flow, square)?;
    let mut members = BTreeSet::from([i, square]);
    // Centred by its own mean, it is the variance.
    let mut name = "RMSNorm";
    let mut source = base;
    if let From::Layer(centred) = base
        && matches!(flow.op(centred), Op::Binary(Binary::Sub))
        && let [x, From::Layer(m)] = flow.inputs[centred][..]
        && mean(flow, m) == Some(x)
    {
        members.extend([centred, m]);
        name = "LayerNorm";
        source = x;
    }
    // Mean square, epsilon, root, inverse, product.
    let (mut at, mut rooted) = (i, false);
    let end = loop {
        at = flow.reader(at)?;
        members.insert(at);
        match flow.op(at) {
            Op::Unary(Unary::Sqrt) if !rooted => rooted = true,
            Op::Binary(Binary::Pow) if !rooted && flow.sole(at).is_some() => rooted = true,
            Op::Unary(Unary::Reciprocal) | Op::Cast { .. } | Op::Identity => (),
            Op::Binary(Binary::Add) if !rooted && flow.sole(at).is_some() => (),
            Op::Clip { .. } | Op::Variadic(Variadic::Max) if !rooted => (),
            Op::Binary(Binary::Div) if rooted && flow.sole(at).is_some() => (),
            Op::Binary(Binary::Div | Binary::Mul) if rooted && flow.computed(at).count() == 2 => {
                break at;
            }
            _ => return None,
        }
    };
    // What is divided is what was squared, or, subtracted anew, the same.
    let scaled = flow
        .computed(end)
        .find(|f| !matches!(f, From::Layer(p) if members.contains(p) && *f != base))
        .unwrap_or(base);
    if let From::Layer(again) = scaled
        && scaled != source
        && scaled != base
    {
        let twice = matches!(flow.op(again), Op::Binary(Binary::Sub) | Op::Cast { .. });
        if !twice || flow.inputs[again].first() != Some(&source) {
            return None;
        }
        members.insert(again);
    } else if scaled != source && scaled != base {
        return None;
    }
    // Gain and shift.
    let mut end = end;
    while let Some(next) = flow.reader(end) {
        let gain = matches!(flow.op(next), Op::Binary(Binary::Mul)) && flow.sole(next).is_some();
        let cast = matches!(flow.op(next), Op::Cast { .. });
        if !(gain || cast && name == "RMSNorm" || flow.bias(next) && name == "LayerNorm") {
            break;
        }
        members.insert(next);
        end = next;
        if flow.bias(next) {
            break;
        }
    }
    Some(Part {
        kind: "normalization",
        name,
        members,
    })
}

/// What the layer at `i` takes the mean of.
fn mean(flow: &Flow, i: usize) -> Option<From> {
    let kind = match flow.op(i) {
        Op::Reduce { kind, .. } => kind,
        _ => return None,
    };
    matches!(kind, Reduction::Mean).then(|| flow.sole(i)).flatten()
}

/// What the layer at `i` squares.
fn squared(flow: &Flow, i: usize) -> Option<From> {
    match (flow.op(i), &flow.inputs[i][..]) {
        (Op::Binary(Binary::Mul), [a, b]) if a == b => Some(*a),
        (Op::Binary(Binary::Pow), [a, From::Stored(power)]) => {
            let power = flow.network.tensor(*power).data.as_ref()?.to_f32()?;
            (power == [2.0]).then_some(*a)
        }
        _ => None,
    }
}
