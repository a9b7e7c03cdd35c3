//! The residual stream: the tensors that travel from sum to sum through a network (He et al. 2015).

use crate::TensorId;
use crate::op::{Binary, Op, Variadic};

use super::flow::{Flow, From};

/// Layers that a shortcut passes at most.
const REACH: usize = 256;

/// The tensors that a sum adds to what was computed from them, and such sums, in order.
pub(crate) fn find(flow: &Flow) -> Vec<TensorId> {
    let mut found = Vec::new();
    for i in 0..flow.layers.len() {
        let sums = matches!(flow.op(i), Op::Binary(Binary::Add) | Op::Variadic(Variadic::Sum));
        if !sums || flow.computed(i).count() != 2 {
            continue;
        }
        let inputs = &flow.layer(i).inputs;
        for (input, from) in inputs.iter().zip(&flow.inputs[i]) {
            let output = flow.layer(i).outputs.first().copied().flatten();
            // A mask or a bias is broadcast; what travels on is not.
            let whole = input.zip(output).is_some_and(|(a, b)| {
                let sizes = |t| flow.network.tensor(t).spec.dims();
                sizes(a).zip(sizes(b)).is_none_or(|(a, b)| a == b)
            });
            if let (Some(tensor), true) = (input, whole && skips(flow, i, *from)) {
                found.push(*tensor);
                found.extend(flow.layer(i).outputs.iter().flatten().take(1));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// True when the other operand of the sum at `i` is computed from `from`.
fn skips(flow: &Flow, i: usize, from: From) -> bool {
    let first = match from {
        From::Layer(p) if i - p <= REACH && flow.readers(p).nth(1).is_some() => p,
        From::Fed(_) => 0,
        _ => return false,
    };
    let mut stack: Vec<From> = flow.computed(i).filter(|f| *f != from).collect();
    let mut seen = std::collections::HashSet::new();
    while let Some(at) = stack.pop() {
        let From::Layer(p) = at else { continue };
        if p < first || i - p > REACH || !seen.insert(p) {
            continue;
        }
        if flow.computed(p).any(|f| f == from) {
            return true;
        }
        stack.extend(flow.computed(p));
    }
    false
}
