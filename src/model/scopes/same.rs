//! Whether two groups of layers are built alike: operators, attributes, shapes of weights, wiring.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::parts::flow::{Flow, From};
use crate::{Op, TensorId};

/// Turns what is written into a hash.
struct Hashed(DefaultHasher);

impl Write for Hashed {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        s.hash(&mut self.0);
        Ok(())
    }
}

/// The known sizes of a tensor; others count as alike.
fn sizes(flow: &Flow, tensor: TensorId) -> Option<Vec<u64>> {
    let dims = flow.network.tensor(tensor).spec.dims()?;
    Some(dims.iter().map(|d| d.known().unwrap_or(u64::MAX)).collect())
}

/// Equal for layers that are alike but for their wiring.
pub(super) fn token(flow: &Flow, i: usize) -> u64 {
    let layer = flow.layer(i);
    let mut hash = Hashed(DefaultHasher::new());
    layer.kind.hash(&mut hash.0);
    match &layer.op {
        Op::Constant { value } => value.shape.hash(&mut hash.0),
        // Writing into a hash cannot fail.
        op => write!(hash, "{op:?}").unwrap_or_default(),
    }
    for from in &flow.inputs[i] {
        let stored = match from {
            From::Stored(t) => Some(sizes(flow, *t)),
            _ => None,
        };
        stored.hash(&mut hash.0);
    }
    for output in &layer.outputs {
        output.map(|t| sizes(flow, t)).hash(&mut hash.0);
    }
    hash.0.finish()
}

/// True when the layers at places `a` are, one by one, built and wired as those at `b`.
pub(super) fn same(flow: &Flow, a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| alike(flow, a, b)) && wired(flow, a, b)
}

fn alike(flow: &Flow, a: usize, b: usize) -> bool {
    let (x, y) = (flow.layer(a), flow.layer(b));
    let stored = |(f, g): (&From, &From)| match (f, g) {
        (From::Stored(s), From::Stored(t)) => sizes(flow, *s) == sizes(flow, *t),
        (From::Stored(_), _) | (_, From::Stored(_)) => false,
        _ => true,
    };
    let outputs = |(s, t): (&Option<TensorId>, &Option<TensorId>)| match (s, t) {
        (Some(s), Some(t)) => sizes(flow, *s) == sizes(flow, *t),
        (s, t) => s.is_none() == t.is_none(),
    };
    let operators = match (&x.op, &y.op) {
        (Op::Constant { value: v }, Op::Constant { value: w }) => v.shape == w.shape,
        (p, q) => p == q && x.attributes == y.attributes,
    };
    x.kind == y.kind
        && operators
        && x.subgraphs.len() == y.subgraphs.len()
        && flow.inputs[a].len() == flow.inputs[b].len()
        && x.outputs.len() == y.outputs.len()
        && flow.inputs[a].iter().zip(&flow.inputs[b]).all(stored)
        && x.outputs.iter().zip(&y.outputs).all(outputs)
}

/// True when both read the same of their own layers, and what they read from outside is alike too:
/// where one reads a tensor twice, so does the other.
fn wired(flow: &Flow, a: &[usize], b: &[usize]) -> bool {
    let place = |of: &[usize]| -> HashMap<usize, usize> { of.iter().copied().zip(0..).collect() };
    let (of_a, of_b) = (place(a), place(b));
    let mut outside: HashMap<TensorId, TensorId> = HashMap::new();
    for (&i, &j) in a.iter().zip(b) {
        let inputs = flow.layer(i).inputs.iter().zip(&flow.layer(j).inputs);
        for ((s, t), (f, g)) in inputs.zip(flow.inputs[i].iter().zip(&flow.inputs[j])) {
            let inner = |f: &From, of: &HashMap<usize, usize>| match f {
                From::Layer(p) => of.get(p).copied(),
                _ => None,
            };
            let (Some(s), Some(t)) = (s, t) else {
                if s != t {
                    return false;
                }
                continue;
            };
            match (inner(f, &of_a), inner(g, &of_b)) {
                (Some(p), Some(q)) => {
                    let slot =
                        |i: usize, t: &TensorId| flow.layer(i).outputs.iter().position(|o| *o == Some(*t));
                    if p != q || slot(a[p], s) != slot(b[q], t) {
                        return false;
                    }
                }
                (None, None) => {
                    let stored = matches!(f, From::Stored(_));
                    if !stored && *outside.entry(*s).or_insert(*t) != *t {
                        return false;
                    }
                }
                _ => return false,
            }
        }
    }
    true
}
