//! Dense layers, matrix products, softmax, attention: numbers along one axis.

use model::op::{Op, Scores};
use model::{LayerId, TensorId};

use super::{Numbers, Pass, Rule, Terms, place};
use crate::ProbeError;

/// `length` numbers of `x`, each from the place that `from` gives.
fn along(rule: Rule, source: TensorId, x: &Numbers, length: usize, from: impl Fn(usize) -> usize) -> Terms {
    Terms {
        rule,
        shape: vec![length],
        source,
        inputs: (0..length).map(|k| x.values[from(k)]).collect(),
        places: (0..length).map(|k| Some(from(k))).collect(),
        weights: Vec::new(),
        factor: None,
        bias: None,
    }
}

/// `Y = alpha A' B' + beta C`, `at` is `[m, n]`.
pub(super) fn dense(pass: &Pass, id: LayerId, at: &[usize]) -> Result<Terms, ProbeError> {
    let Op::Gemm {
        alpha,
        beta,
        trans_a,
        trans_b,
    } = pass.layer(id).op
    else {
        return Err(pass.problem(id, "a dense layer is expected"));
    };
    let ((source, a), (_, b)) = (pass.needed(id, 0)?, pass.needed(id, 1)?);
    let told = || pass.problem(id, format!("{:?} times {:?}", a.shape, b.shape));
    let (&[rows, columns], &[up, down]) = (&a.shape[..], &b.shape[..]) else {
        return Err(told());
    };
    let length = if trans_a { rows } else { columns };
    if length != if trans_b { down } else { up } || at.len() != 2 {
        return Err(told());
    }
    let from = |k: usize| {
        if trans_a {
            k * columns + at[0]
        } else {
            at[0] * columns + k
        }
    };
    let by = |k: usize| {
        if trans_b {
            at[1] * down + k
        } else {
            k * down + at[1]
        }
    };
    let bias = match pass.input(id, 2) {
        Some(tensor) => {
            let c = pass.numbers(tensor)?;
            c.values.get(place(at, &c.shape)).map(|v| v * beta)
        }
        None => None,
    };
    Ok(Terms {
        weights: (0..length).map(|k| b.values[by(k)]).collect(),
        factor: (alpha != 1.0).then_some(alpha),
        bias,
        ..along(Rule::WeightedSum, source, &a, length, from)
    })
}

/// `[..., M, K]` times `[..., K, N]`, with one axis as NumPy has it; stacks are broadcast.
pub(super) fn matrices(pass: &Pass, id: LayerId, at: &[usize]) -> Result<Terms, ProbeError> {
    let ((source, a), (_, b)) = (pass.needed(id, 0)?, pass.needed(id, 1)?);
    let told = || pass.problem(id, format!("{:?} times {:?}", a.shape, b.shape));
    let (left, right) = (
        match a.shape[..] {
            [k] => vec![1, k],
            _ => a.shape.clone(),
        },
        match b.shape[..] {
            [k] => vec![k, 1],
            _ => b.shape.clone(),
        },
    );
    if left.len() < 2 || right.len() < 2 || left[left.len() - 1] != right[right.len() - 2] {
        return Err(told());
    }
    let length = left[left.len() - 1];
    // The axes that one-dimensional factors leave out.
    let mut stack = at.to_vec();
    let column = if b.shape.len() == 1 { Some(0) } else { stack.pop() };
    let row = if a.shape.len() == 1 { Some(0) } else { stack.pop() };
    let (Some(column), Some(row)) = (column, row) else {
        return Err(told());
    };
    let from = |k: usize| place(&[&stack[..], &[row, k]].concat(), &left);
    let by = |k: usize| place(&[&stack[..], &[k, column]].concat(), &right);
    let fits = (0..length).all(|k| from(k) < a.values.len() && by(k) < b.values.len());
    if !fits {
        return Err(told());
    }
    Ok(Terms {
        weights: (0..length).map(|k| b.values[by(k)]).collect(),
        ..along(Rule::WeightedSum, source, &a, length, from)
    })
}

/// All numbers along `axis`, and which of them the cell is.
pub(super) fn softmax(
    pass: &Pass,
    id: LayerId,
    axis: i64,
    at: &[usize],
) -> Result<(Terms, usize), ProbeError> {
    let (source, x) = pass.needed(id, 0)?;
    let rank = x.shape.len() as i64;
    let axis = if axis < 0 { axis + rank } else { axis };
    let Some(&length) = x.shape.get(axis as usize).filter(|_| at.len() == x.shape.len()) else {
        return Err(pass.problem(id, format!("input {:?}, axis {axis}", x.shape)));
    };
    let from = |k: usize| {
        let mut at = at.to_vec();
        at[axis as usize] = k;
        place(&at, &x.shape)
    };
    let terms = along(Rule::Softmax, source, &x, length, from);
    Ok((terms, at[axis as usize]))
}

/// One feature that a head of the operator `Attention` gives one query: values, weighted by how much the
/// query attends to each key. Values are `[N, H, T, D]` or `[N, T, H * D]`.
pub(super) fn attention(pass: &Pass, id: LayerId, at: &[usize]) -> Result<Terms, ProbeError> {
    let Op::Attention(attention) = &pass.layer(id).op else {
        return Err(pass.problem(id, "an attention is expected"));
    };
    let kept = pass.layer(id).outputs.get(3).copied().flatten();
    let weights = kept
        .filter(|_| attention.scores == Scores::Softmax)
        .ok_or_else(|| pass.problem(id, "its operator keeps the weights to itself"))?;
    let (w, (source, v)) = (pass.numbers(weights)?, pass.needed(id, 2)?);
    let told = || pass.problem(id, format!("weights {:?}, values {:?}", w.shape, v.shape));
    let &[_, heads, _, keys] = &w.shape[..] else {
        return Err(told());
    };
    let sharing = |own: usize| heads / own.max(1);
    let (head, query, from): (usize, usize, Box<dyn Fn(usize) -> usize>) = match (&v.shape[..], at) {
        (&[_, own, long, wide], &[n, head, query, feature]) if long == keys && own > 0 => {
            let group = head / sharing(own).max(1);
            (
                head,
                query,
                Box::new(move |k| ((n * own + group) * long + k) * wide + feature),
            )
        }
        (&[_, long, wide], &[n, query, feature]) if long == keys => {
            let own = if attention.kv_heads > 0 {
                attention.kv_heads as usize
            } else {
                heads
            };
            let size = (wide / own.max(1)).max(1);
            let (head, feature) = (feature / size, feature % size);
            let group = head / sharing(own).max(1);
            (
                head,
                query,
                Box::new(move |k| (n * long + k) * wide + group * size + feature),
            )
        }
        // Keys and values of earlier calls stand before these.
        _ => return Err(told()),
    };
    let row = place(&[at[0], head, query, 0], &w.shape);
    Ok(Terms {
        weights: w.values[row..][..keys].to_vec(),
        ..along(Rule::WeightedSum, source, &v, keys, from)
    })
}
