//! Functions that exporters write out in many operators.

use model::op::{Binary, Op, Reduction, Unary};
use model::{Layer, LayerId, TensorId};

use super::{Merge, Work};

/// `id` as operator `op` of `inputs`, in place of `absorbed`, the last of which gives the result.
fn merged(
    work: &Work,
    base: LayerId,
    op: Op,
    inputs: Vec<TensorId>,
    absorbed: Vec<LayerId>,
) -> Option<Merge> {
    let layer = Layer {
        op,
        inputs: inputs.into_iter().map(Some).collect(),
        subgraphs: Vec::new(),
        ..work.layer(base).clone()
    };
    Some(Merge {
        base,
        layer,
        last: *absorbed.last()?,
        absorbed,
        added: Vec::new(),
    })
}

fn is(work: &Work, id: LayerId, kind: Binary) -> bool {
    *work.op(id) == Op::Binary(kind) && work.layer(id).activation.is_none()
}

/// What the mean `id` is taken of, where that is over the last axis, which stays.
fn mean(work: &Work, id: LayerId) -> Option<TensorId> {
    let layer = work.layer(id);
    let Op::Reduce {
        kind: Reduction::Mean,
        axes,
        keep_dims: true,
        ..
    } = &layer.op
    else {
        return None;
    };
    let x = work.input(id, 0)?;
    let axes = match (axes, work.input(id, 1)) {
        (Some(axes), _) => axes.clone(),
        (None, Some(t)) => work.network.tensor(t).data.as_ref()?.to_i64()?,
        (None, None) => return None,
    };
    let rank = work.network.tensor(x).spec.rank()? as i64;
    (axes == [-1] || axes == [rank - 1]).then_some(x)
}

/// Layer normalisation over the last axis by means, difference, square and root.
pub(super) fn layer_norm(work: &Work, base: LayerId) -> Option<Merge> {
    let x = mean(work, base)?;
    let from = |id: LayerId| work.input(id, 0);
    // The difference is taken once, or anew for the quotient.
    let differences = work.readers(base);
    let minus = |&d: &LayerId| is(work, d, Binary::Sub) && from(d) == Some(x);
    if !(1..=2).contains(&differences.len()) || !differences.iter().all(minus) {
        return None;
    }
    let squares = |&id: &LayerId| match work.op(id) {
        Op::Binary(Binary::Mul) => work.input(id, 0) == work.input(id, 1),
        Op::Binary(Binary::Pow) => work.input(id, 1).and_then(|t| work.number(t)) == Some(2.0),
        _ => false,
    };
    let mut square = None;
    let mut quotients = Vec::new();
    for &d in differences {
        for &reader in work.readers(d) {
            match squares(&reader) {
                true => square = Some(reader),
                false => quotients.push(reader),
            }
        }
    }
    let (square, [divided]) = (square?, &quotients[..]) else {
        return None;
    };
    let variance = work.reader(square)?;
    (mean(work, variance)? == work.output(square)?).then_some(())?;
    let added = work.reader(variance)?;
    let epsilon = work.number(work.beside(added, work.output(variance)?)?)?;
    let root = work.reader(added)?;
    let rooted = is(work, added, Binary::Add) && matches!(work.op(root), Op::Unary(Unary::Sqrt));
    let by = work.input(*divided, 1);
    if !rooted
        || work.reader(root)? != *divided
        || !is(work, *divided, Binary::Div)
        || by != work.output(root)
    {
        return None;
    }
    let vector = |t: TensorId| {
        work.network
            .tensor(t)
            .data
            .as_ref()
            .is_some_and(|d| d.shape.len() == 1)
    };
    let scaled = work.reader(*divided)?;
    let gain = work
        .beside(scaled, work.output(*divided)?)
        .filter(|&t| vector(t))?;
    let shifted = work.reader(scaled)?;
    let shift = work
        .beside(shifted, work.output(scaled)?)
        .filter(|&t| vector(t))?;
    if !is(work, scaled, Binary::Mul) || !is(work, shifted, Binary::Add) {
        return None;
    }
    let mut absorbed = differences.to_vec();
    absorbed.extend([square, variance, added, root, *divided, scaled, shifted]);
    let op = Op::LayerNorm { axis: -1, epsilon };
    merged(work, base, op, vec![x, gain, shift], absorbed)
}

/// GELU by its error function (Hendrycks and Gimpel 2016): `x * (1 + erf(x / sqrt 2)) / 2`, the half
/// anywhere.
pub(super) fn gelu(work: &Work, base: LayerId) -> Option<Merge> {
    if !matches!(work.op(base), Op::Unary(Unary::Erf)) {
        return None;
    }
    let scaled = work.network.tensor(work.input(base, 0)?).producer?;
    let alone = work.reader(scaled) == Some(base);
    let x = work.input(scaled, 0)?;
    let scales = match work.op(scaled) {
        Op::Binary(Binary::Div) => work.with(scaled, x, std::f32::consts::SQRT_2),
        Op::Binary(Binary::Mul) => work.with(scaled, x, std::f32::consts::FRAC_1_SQRT_2),
        _ => false,
    };
    let plus = work.reader(base)?;
    if !alone || !scales || !is(work, plus, Binary::Add) || !work.with(plus, work.output(base)?, 1.0) {
        return None;
    }
    let mut absorbed = vec![scaled, plus];
    let (mut halved, mut joined) = (false, false);
    let mut end = plus;
    while !(halved && joined) {
        let next = work.reader(end).filter(|&n| is(work, n, Binary::Mul))?;
        let (known, other) = (work.output(end)?, work.beside(next, work.output(end)?)?);
        if !halved && work.with(next, known, 0.5) {
            halved = true;
        } else if !joined && other == x {
            joined = true;
        } else if !joined && !halved {
            let half = work.network.tensor(other).producer?;
            let halves = is(work, half, Binary::Mul) && work.with(half, x, 0.5);
            (halves && work.reader(half) == Some(next)).then_some(())?;
            absorbed.push(half);
            (halved, joined) = (true, true);
        } else {
            return None;
        }
        absorbed.push(next);
        end = next;
    }
    merged(
        work,
        base,
        Op::Unary(Unary::Gelu { tanh: false }),
        vec![x],
        absorbed,
    )
}

/// `x * sigmoid(x)` (SiLU: Elfwing et al. 2017), and the same of the hard sigmoid.
pub(super) fn gate(work: &Work, base: LayerId) -> Option<Merge> {
    let op = match work.op(base) {
        Op::Unary(Unary::Sigmoid) => Unary::Swish { alpha: 1.0 },
        Op::Unary(Unary::HardSigmoid { alpha, beta }) if (alpha - 1.0 / 6.0).abs() < 1e-6 && *beta == 0.5 => {
            Unary::HardSwish
        }
        _ => return None,
    };
    let x = work.input(base, 0)?;
    let joined = work.reader(base)?;
    let gates = is(work, joined, Binary::Mul) && work.beside(joined, work.output(base)?) == Some(x);
    gates
        .then(|| merged(work, base, Op::Unary(op), vec![x], vec![joined]))
        .flatten()
}

/// `x * clip(x + 3, 0, 6) / 6` (hard swish: Howard et al. 2019).
pub(super) fn hard_swish(work: &Work, base: LayerId) -> Option<Merge> {
    let layer = work.layer(base);
    let Op::Clip { min, max } = layer.op else {
        return None;
    };
    let bound = |stated: Option<f32>, i: usize| stated.or_else(|| work.number(work.input(base, i)?));
    let raised = work.network.tensor(work.input(base, 0)?).producer?;
    let x = work
        .layer(raised)
        .inputs
        .iter()
        .flatten()
        .find(|t| work.with(raised, **t, 3.0));
    let x = *x?;
    let joined = work.reader(base)?;
    let divided = work.reader(joined)?;
    let fits = bound(min, 1) == Some(0.0)
        && bound(max, 2) == Some(6.0)
        && is(work, raised, Binary::Add)
        && work.reader(raised) == Some(base)
        && is(work, joined, Binary::Mul)
        && work.beside(joined, work.output(base)?) == Some(x)
        && match work.op(divided) {
            Op::Binary(Binary::Div) => work.with(divided, work.output(joined)?, 6.0),
            Op::Binary(Binary::Mul) => work.with(divided, work.output(joined)?, 1.0 / 6.0),
            _ => false,
        };
    let absorbed = vec![raised, joined, divided];
    fits.then(|| merged(work, base, Op::Unary(Unary::HardSwish), vec![x], absorbed))
        .flatten()
}
