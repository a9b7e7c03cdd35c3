//! What works cell by cell: activations, batch normalisation, biases, sums of two tensors.

use model::op::{Binary, Op, Unary, Variadic};
use model::{LayerId, TensorId};
use statrs::function::erf::erf;

use super::{MOST_STEPS, Pass, Rule, Terms, index, place};
use crate::ProbeError;

/// The one computed input of a layer that makes each number of its output from the number at the same
/// place; the others are stored.
fn input(pass: &Pass, id: LayerId) -> Option<TensorId> {
    let layer = pass.layer(id);
    let computed = |slots: &[usize]| -> Option<TensorId> {
        let mut found = slots
            .iter()
            .filter_map(|&s| pass.input(id, s))
            .filter(|&t| pass.computed(t));
        let one = found.next()?;
        found.next().is_none().then_some(one)
    };
    let from = match &layer.op {
        Op::Unary(Unary::Not | Unary::IsNan | Unary::IsInf) => None,
        Op::Unary(_) | Op::Clip { .. } | Op::PRelu | Op::BatchNorm { .. } => computed(&[0]),
        Op::Identity | Op::Dropout { .. } => computed(&[0]),
        Op::Reshape { .. } | Op::Flatten { .. } | Op::Squeeze { .. } | Op::Unsqueeze { .. } => computed(&[0]),
        Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Div) => computed(&[0, 1]),
        _ => None,
    }?;
    // What is repeated along an axis has no cell of its own for each of the output.
    let size = |t: TensorId| pass.shape(t).map(|s| s.iter().product::<usize>());
    let (before, after) = (size(from), pass.output(id).and_then(size));
    (before.is_none() || after.is_none() || before == after).then_some(from)
}

/// The layers that lead to `id` cell by cell, from the one that mixes numbers on, `id` last.
pub(super) fn back(pass: &Pass, id: LayerId) -> Vec<LayerId> {
    let mut path = vec![id];
    let mut now = id;
    while path.len() < MOST_STEPS {
        let Some(from) = input(pass, now) else { break };
        let producer = pass.network.tensor(from).producer;
        let Some(producer) = producer.filter(|p| pass.output(*p) == Some(from)) else {
            break;
        };
        if pass.layer(producer).graph != pass.layer(id).graph {
            break;
        }
        path.push(producer);
        now = producer;
    }
    path.reverse();
    path
}

/// Appends the layers that alone read the number and work cell by cell, as it goes on.
pub(super) fn onward(pass: &Pass, id: LayerId, path: &mut Vec<LayerId>) {
    let graph = pass.network.graph(pass.layer(id).graph);
    let mut now = id;
    while path.len() < MOST_STEPS {
        let Some(tensor) = pass.output(now) else { return };
        if graph.outputs.contains(&tensor) {
            return;
        }
        let mut readers = graph
            .layers
            .iter()
            .filter(|l| pass.layer(**l).inputs.contains(&Some(tensor)));
        let (Some(&reader), None) = (readers.next(), readers.next()) else {
            return;
        };
        let reshapes = matches!(
            pass.layer(reader).op,
            Op::Reshape { .. } | Op::Flatten { .. } | Op::Squeeze { .. } | Op::Unsqueeze { .. }
        );
        if reshapes || input(pass, reader) != Some(tensor) {
            return;
        }
        path.push(reader);
        now = reader;
    }
}

/// A number as it stands in a formula.
fn n(value: f32) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 1.0 => 3,
        v if v >= 1e-3 => 4,
        _ => return format!("{value:.2e}").replace('-', "−"),
    };
    format!("{value:.digits$}").replace('-', "−")
}

/// In brackets where it begins with a sign.
fn b(value: f32) -> String {
    if value < 0.0 {
        format!("({})", n(value))
    } else {
        n(value)
    }
}

/// What `id` makes of the number `x` at the row-major place `cell`, in words and as a number.
pub(super) fn apply(pass: &Pass, id: LayerId, x: f32, cell: usize) -> Result<(String, f32), ProbeError> {
    let shape = pass.output(id).and_then(|t| pass.shape(t)).unwrap_or_default();
    let at = index(cell, &shape);
    let stored = |slot: usize, at: &[usize]| -> Result<Option<f32>, ProbeError> {
        match pass.input(id, slot) {
            Some(tensor) => {
                let found = pass.numbers(tensor)?;
                Ok(found.values.get(place(at, &found.shape)).copied())
            }
            None => Ok(None),
        }
    };
    Ok(match &pass.layer(id).op {
        Op::Unary(kind) => match unary(*kind, f64::from(x)) {
            Some((words, value)) => (words, value as f32),
            None => {
                let value = pass.given(id, cell);
                let value = value.ok_or_else(|| pass.problem(id, "its function is not computed here"))?;
                (format!("{}({})", pass.layer(id).kind.to_lowercase(), n(x)), value)
            }
        },
        Op::Clip { min, max } => {
            let low = min.or(stored(1, &[])?).unwrap_or(f32::NEG_INFINITY);
            let high = max.or(stored(2, &[])?).unwrap_or(f32::INFINITY);
            let words = format!("{} between {} and {}", n(x), n(low), n(high));
            (words, x.max(low).min(high))
        }
        Op::PRelu => {
            let slopes = pass.input(id, 1).and_then(|t| pass.shape(t)).unwrap_or_default();
            // Before opset 7: one for each channel.
            let old = pass.network.opset(id).is_some_and(|o| o < 7);
            let slope = match old && slopes.len() == 1 && slopes.first() == shape.get(1) {
                true => stored(1, &at[1..2])?,
                false => stored(1, &at)?,
            };
            let slope = slope.unwrap_or(0.0);
            let words = format!("{} if positive, else times {}", n(x), n(slope));
            (words, if x < 0.0 { slope * x } else { x })
        }
        Op::BatchNorm { epsilon } => {
            let channel = [at.get(1).copied().unwrap_or(0)];
            let get = |slot| stored(slot, &channel).map(|v| v.unwrap_or(0.0));
            let (scale, shift, mean, variance) = (get(1)?, get(2)?, get(3)?, get(4)?);
            let value = (x - mean) / (variance + epsilon).sqrt() * scale + shift;
            let words = format!(
                "({} − {}) / √({} + {}) · {} + {}",
                n(x),
                b(mean),
                n(variance),
                n(*epsilon),
                b(scale),
                b(shift)
            );
            (words, value)
        }
        Op::Binary(kind) => {
            let first = pass.input(id, 0).is_some_and(|t| pass.computed(t));
            let other = stored(usize::from(first), &at)?.unwrap_or(0.0);
            let (left, right) = if first { (x, other) } else { (other, x) };
            let (sign, value) = match kind {
                Binary::Sub => ("−", left - right),
                Binary::Mul => ("·", left * right),
                Binary::Div => ("/", left / right),
                _ => ("+", left + right),
            };
            (format!("{} {sign} {}", n(left), b(right)), value)
        }
        _ => (n(x), x),
    })
}

/// A function of one number, in words and computed; `None` for those that speak for themselves.
fn unary(kind: Unary, x: f64) -> Option<(String, f64)> {
    let s = n(x as f32);
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    Some(match kind {
        Unary::Relu => (format!("max(0, {s})"), x.max(0.0)),
        Unary::LeakyRelu { alpha } => (
            format!("{s} if positive, else times {}", n(alpha)),
            if x >= 0.0 { x } else { f64::from(alpha) * x },
        ),
        Unary::Elu { alpha } => (
            format!("{s} if positive, else {} · (exp({s}) − 1)", n(alpha)),
            if x >= 0.0 {
                x
            } else {
                f64::from(alpha) * x.exp_m1()
            },
        ),
        Unary::Gelu { tanh: false } => (
            format!("{s} · Φ({s}), Φ the normal distribution"),
            0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        ),
        Unary::Gelu { tanh: true } => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            (format!("{s} · Φ({s}), Φ by tanh"), 0.5 * x * (1.0 + inner.tanh()))
        }
        Unary::Sigmoid => (format!("1 / (1 + exp(−{}))", b(x as f32)), sigmoid(x)),
        Unary::HardSigmoid { alpha, beta } => (
            format!("{} · {s} + {} between 0 and 1", n(alpha), n(beta)),
            (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
        ),
        Unary::HardSwish => (
            format!("{s} · ({s} / 6 + 0.5 between 0 and 1)"),
            x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        ),
        Unary::Swish { alpha } => (format!("{s} · sigmoid({s})"), x * sigmoid(f64::from(alpha) * x)),
        Unary::Softplus => (format!("ln(1 + exp({s}))"), x.max(0.0) + (-x.abs()).exp().ln_1p()),
        Unary::Tanh => (format!("tanh({s})"), x.tanh()),
        Unary::Erf => (format!("erf({s})"), erf(x)),
        Unary::Exp => (format!("exp({s})"), x.exp()),
        Unary::Log => (format!("ln({s})"), x.ln()),
        Unary::Sqrt => (format!("√{s}"), x.sqrt()),
        Unary::Reciprocal => (format!("1 / {s}"), 1.0 / x),
        Unary::Abs => (format!("|{s}|"), x.abs()),
        Unary::Neg => (format!("−{}", b(x as f32)), -x),
        _ => return None,
    })
}

/// Numbers of two or more tensors at one place, or the one that comes in.
pub(super) fn terms(pass: &Pass, id: LayerId, at: &[usize]) -> Result<Terms, ProbeError> {
    let layer = pass.layer(id);
    let rule = match &layer.op {
        Op::Binary(Binary::Add) | Op::Variadic(Variadic::Sum) => Rule::Sum,
        Op::Binary(Binary::Sub) => Rule::Difference,
        Op::Binary(Binary::Mul) => Rule::Product,
        Op::Binary(Binary::Div) => Rule::Quotient,
        Op::Variadic(Variadic::Max) => Rule::Max,
        _ if input(pass, id).is_some() => Rule::Given,
        _ => {
            let problem = "it mixes numbers in a way that is not worked out cell by cell; choose a convolution, \
                           pooling, dense layer, matrix product, softmax, attention, normalisation, sum or activation";
            return Err(pass.problem(id, problem));
        }
    };
    let slots = match rule {
        Rule::Given => 1,
        _ => layer.inputs.len(),
    };
    let (mut inputs, mut places, mut source) = (Vec::new(), Vec::new(), None);
    for slot in 0..slots {
        let (tensor, found) = pass.needed(id, slot)?;
        let at = match rule {
            // The same place, whatever the axes are.
            Rule::Given => place(
                at,
                &pass.output(id).and_then(|t| pass.shape(t)).unwrap_or_default(),
            ),
            _ => place(at, &found.shape),
        };
        let value = found.values.get(at);
        inputs.push(*value.ok_or_else(|| pass.problem(id, format!("input {:?}", found.shape)))?);
        let first = *source.get_or_insert(tensor);
        places.push((tensor == first || rule == Rule::Max).then_some(at));
    }
    let source = source.ok_or_else(|| pass.problem(id, "it reads nothing"))?;
    Ok(Terms {
        rule,
        shape: vec![inputs.len()],
        source,
        inputs,
        places,
        weights: Vec::new(),
        factor: None,
        bias: None,
    })
}
