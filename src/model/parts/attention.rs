//! Attention (Vaswani et al. 2017) in whatever operators it is written: the softmax of a product of
//! queries and keys, times values, with the projections before and after; or one operator for it.

use std::collections::BTreeSet;

use crate::op::{Binary, Op, Reduction, Unary};

use super::Part;
use super::flow::{Flow, From};

/// Layers on the way from scores to the softmax, and from there to the values.
const STEPS: usize = 12;
/// Layers that queries, keys and values may pass from their projections.
const MOST: usize = 160;

/// Operators of `com.microsoft` that are an attention by themselves.
const FUSED: [&str; 8] = [
    "Attention",
    "QAttention",
    "MultiHeadAttention",
    "GroupQueryAttention",
    "PackedAttention",
    "PackedMultiHeadAttention",
    "DecoderMaskedMultiHeadAttention",
    "SparseAttention",
];

pub(super) fn find(flow: &Flow, _: &[Part]) -> Vec<Part> {
    let find = |i| match flow.op(i) {
        Op::Softmax { .. } => written(flow, i),
        Op::Attention(_) | Op::FlexAttention { .. } | Op::LinearAttention(_) => fused(flow, i),
        Op::Other { name, .. } if FUSED.contains(&name.as_str()) => fused(flow, i),
        _ => None,
    };
    (0..flow.layers.len()).filter_map(find).collect()
}

/// The product of queries and keys that the softmax at `i` turns into weights of an attention.
pub(crate) fn product_of(flow: &Flow, i: usize) -> Option<usize> {
    written(flow, i)?;
    scores(flow, i, &mut BTreeSet::new())
}

/// The attention whose weights the softmax at `i` gives.
fn written(flow: &Flow, i: usize) -> Option<Part> {
    let Op::Softmax { axis, .. } = flow.op(i) else {
        return None;
    };
    let rank = flow.layer(i).outputs.first().copied().flatten();
    let rank = rank.and_then(|t| flow.network.tensor(t).spec.rank());
    if *axis != -1 && rank.is_some_and(|r| *axis + 1 != r as i64) {
        return None;
    }
    let mut members = BTreeSet::from([i]);
    let scores = scores(flow, i, &mut members)?;
    // Weights times values.
    let mut at = i;
    let mix = (0..STEPS).find_map(|_| {
        at = flow.reader(at)?;
        members.insert(at);
        flow.multiplies(at).then_some(at)
    })?;
    let path: Vec<usize> = members.range(i + 1..mix).copied().collect();
    if !path.iter().all(|&p| softens(flow, p)) {
        return None;
    }
    for product in [scores, mix] {
        for from in flow.computed(product) {
            gather(flow, from, &mut members);
        }
    }
    Some(part(flow, members, mix))
}

/// The product of queries and keys behind the softmax at `i`.
fn scores(flow: &Flow, i: usize, members: &mut BTreeSet<usize>) -> Option<usize> {
    let mut at = i;
    for _ in 0..STEPS {
        // A mask or a bias beside the scores leads to no product of two computed tensors.
        let before = flow.computed(at).filter_map(From::layer);
        let before: Vec<usize> = before.collect();
        if let Some(&product) = before.iter().find(|&&p| flow.multiplies(p)) {
            members.insert(product);
            return Some(product);
        }
        at = *before.iter().find(|&&p| softens(flow, p) && leads(flow, p))?;
        members.insert(at);
    }
    None
}

/// True when a product of two computed tensors is near behind `i`.
fn leads(flow: &Flow, mut i: usize) -> bool {
    for _ in 0..STEPS {
        let mut before = flow.computed(i).filter_map(From::layer);
        if flow.multiplies(i) {
            return true;
        }
        let next = before.find(|&p| flow.multiplies(p) || softens(flow, p));
        let Some(next) = next else { return false };
        i = next;
    }
    false
}

/// What may stand between scores, softmax and values: scales, masks, biases, moves.
fn softens(flow: &Flow, i: usize) -> bool {
    let counts = match flow.op(i) {
        Op::Binary(b) => matches!(b, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div),
        Op::Where | Op::Clip { .. } | Op::Concat { .. } | Op::Unary(Unary::Tanh) => true,
        Op::Variadic(_) => true,
        _ => false,
    };
    counts || flow.moves(i)
}

fn fused(flow: &Flow, i: usize) -> Option<Part> {
    let mut members = BTreeSet::from([i]);
    for from in flow.inputs[i].iter().take(3) {
        gather(flow, *from, &mut members);
    }
    Some(part(flow, members, i))
}

/// Adds the layers from the projections to `from`.
fn gather(flow: &Flow, from: From, members: &mut BTreeSet<usize>) {
    let mut found = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(from) = stack.pop() {
        let From::Layer(i) = from else { continue };
        if flow.side[i] || members.contains(&i) || found.len() > MOST {
            continue;
        }
        if flow.projects(i) {
            found.insert(i);
        } else if prepares(flow, i) && found.insert(i) {
            stack.extend(flow.computed(i));
        }
    }
    members.extend(found);
}

/// What may be done to queries, keys and values: biases, scales, moves, rotations, norms, caches.
fn prepares(flow: &Flow, i: usize) -> bool {
    match flow.op(i) {
        // A sum of two computed tensors is a rotation of two products, and else a residual one.
        Op::Binary(Binary::Add | Binary::Sub) if flow.computed(i).count() == 2 => flow
            .computed(i)
            .all(|f| matches!(f, From::Layer(p) if matches!(flow.op(p), Op::Binary(Binary::Mul)))),
        Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Pow) => true,
        Op::Unary(Unary::Neg | Unary::Sqrt | Unary::Reciprocal) => true,
        Op::Reduce { kind, .. } => matches!(kind, Reduction::Mean),
        Op::Concat { .. } | Op::Gather { .. } | Op::RotaryEmbedding { .. } => true,
        Op::LayerNorm { .. } | Op::RmsNorm { .. } | Op::LpNorm { .. } => true,
        Op::TensorScatter { .. } | Op::Where => true,
        Op::Other { name, .. } => name == "RotaryEmbedding",
        _ => flow.moves(i),
    }
}

/// The attention with what follows `mix` up to its output projection.
fn part(flow: &Flow, mut members: BTreeSet<usize>, mix: usize) -> Part {
    let (mut last, mut at, mut path) = (mix, mix, Vec::new());
    for _ in 0..STEPS {
        let Some(next) = flow.reader(at) else { break };
        path.push(next);
        if flow.projects(next) {
            let bias = flow.reader(next).filter(|&b| flow.bias(b));
            path.extend(bias);
            members.extend(&path);
            last = bias.unwrap_or(next);
            break;
        }
        if !flow.moves(next) {
            break;
        }
        at = next;
    }
    flow.prune(&mut members, |m| m == last);
    Part {
        kind: "attention",
        name: "attention",
        members,
    }
}
