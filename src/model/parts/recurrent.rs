//! Cells of recurrent layers in graphs that are unrolled over time: LSTM (Hochreiter and
//! Schmidhuber 1997) and GRU (Cho et al. 2014).

use std::collections::BTreeSet;

use crate::op::{Binary, Op, Unary};

use super::Part;
use super::flow::{Flow, From};

/// Layers of a cell at most.
const MOST: usize = 64;

pub(super) fn find(flow: &Flow, _: &[Part]) -> Vec<Part> {
    let find = |i| lstm(flow, i).or_else(|| gru(flow, i));
    (0..flow.layers.len()).filter_map(find).collect()
}

/// `h = sigmoid(o) * tanh(c)`, `c = sigmoid(f) * c + sigmoid(i) * tanh(g)`.
fn lstm(flow: &Flow, i: usize) -> Option<Part> {
    let (open, squashed) = pair(
        flow,
        i,
        Binary::Mul,
        |op| is(op, Unary::Sigmoid),
        |op| is(op, Unary::Tanh),
    )?;
    let state = behind(flow, squashed)?;
    let [a, b] = operands(flow, state, Binary::Add)?;
    let write = |p| {
        pair(
            flow,
            p,
            Binary::Mul,
            |op| is(op, Unary::Sigmoid),
            |op| is(op, Unary::Tanh),
        )
    };
    let (kept, written) = match (forget(flow, a), write(b)) {
        (Some(kept), Some(written)) => (kept, written),
        _ => (forget(flow, b)?, write(a)?),
    };
    let core = [i, open, squashed, state, a, b, kept, written.0, written.1];
    Some(cell(
        flow,
        "LSTM cell",
        &core,
        &[open, kept, written.0, written.1],
    ))
}

/// The gate of `sigmoid(f) * c`, where `c` is computed or fed.
fn forget(flow: &Flow, i: usize) -> Option<usize> {
    if !matches!(flow.op(i), Op::Binary(Binary::Mul)) {
        return None;
    }
    let mut gates = flow.inputs[i].iter().filter_map(|f| match f {
        From::Layer(p) if is(flow.op(*p), Unary::Sigmoid) => Some(*p),
        _ => None,
    });
    let tanh = |f: &From| matches!(f, From::Layer(p) if is(flow.op(*p), Unary::Tanh));
    gates.next().filter(|_| !flow.inputs[i].iter().any(tanh))
}

/// `h = (1 - z) * n + z * h`, or `n + z * (h - n)`.
fn gru(flow: &Flow, i: usize) -> Option<Part> {
    let [a, b] = operands(flow, i, Binary::Add)?;
    for (a, b) in [(a, b), (b, a)] {
        let blend = pair(
            flow,
            a,
            Binary::Mul,
            |op| matches!(op, Op::Binary(Binary::Sub)),
            |op| is(op, Unary::Tanh),
        );
        if let Some((rest, new)) = blend {
            let gate = flow.computed(rest).find_map(From::layer)?;
            let keeps =
                matches!(flow.op(b), Op::Binary(Binary::Mul)) && flow.inputs[b].contains(&From::Layer(gate));
            if is(flow.op(gate), Unary::Sigmoid) && keeps {
                let core = [i, a, b, rest, new, gate];
                return Some(cell(flow, "GRU cell", &core, &[gate, new]));
            }
        }
        let step = pair(
            flow,
            b,
            Binary::Mul,
            |op| is(op, Unary::Sigmoid),
            |op| matches!(op, Op::Binary(Binary::Sub)),
        );
        if let Some((gate, difference)) = step
            && is(flow.op(a), Unary::Tanh)
            && flow.inputs[difference].contains(&From::Layer(a))
        {
            let core = [i, a, b, gate, difference];
            return Some(cell(flow, "GRU cell", &core, &[gate, a]));
        }
    }
    None
}

/// The cell of `core` with its projections.
fn cell(flow: &Flow, name: &'static str, core: &[usize], gates: &[usize]) -> Part {
    let mut members: BTreeSet<usize> = core.iter().copied().collect();
    let state = members.clone();
    let mut stack: Vec<From> = gates.iter().flat_map(|&g| flow.computed(g)).collect();
    while let Some(from) = stack.pop() {
        let From::Layer(i) = from else { continue };
        if flow.side[i] || members.contains(&i) || members.len() > MOST {
            continue;
        }
        let combines = matches!(
            flow.op(i),
            Op::Binary(Binary::Add | Binary::Mul) | Op::Variadic(_)
        );
        let combines = combines || is(flow.op(i), Unary::Sigmoid) || matches!(flow.op(i), Op::Concat { .. });
        if flow.projects(i) {
            members.insert(i);
        } else if combines || flow.moves(i) {
            members.insert(i);
            stack.extend(flow.computed(i));
        }
    }
    // The state is read by the next step.
    flow.prune(&mut members, |m| state.contains(&m));
    Part {
        kind: "recurrent cell",
        name,
        members,
    }
}

/// Both layers that the elementwise layer at `i` combines.
fn operands(flow: &Flow, i: usize, op: Binary) -> Option<[usize; 2]> {
    if *flow.op(i) != Op::Binary(op) {
        return None;
    }
    match flow.inputs[i][..] {
        [From::Layer(a), From::Layer(b)] => Some([a, b]),
        _ => None,
    }
}

/// The layers that `i` combines, in the order of the predicates that they satisfy.
fn pair(
    flow: &Flow,
    i: usize,
    op: Binary,
    first: impl Fn(&Op) -> bool,
    second: impl Fn(&Op) -> bool,
) -> Option<(usize, usize)> {
    let [a, b] = operands(flow, i, op)?;
    let fits = |a: usize, b: usize| first(flow.op(a)) && second(flow.op(b));
    if fits(a, b) {
        return Some((a, b));
    }
    fits(b, a).then_some((b, a))
}

fn behind(flow: &Flow, i: usize) -> Option<usize> {
    flow.sole(i).and_then(From::layer)
}

fn is(op: &Op, unary: Unary) -> bool {
    *op == Op::Unary(unary)
}
