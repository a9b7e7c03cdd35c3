//! Functions of each element, normalisations and reductions.

use model::op::{Binary, Op as ModelOp, Reduction, Unary, Variadic};

use super::{Made, input};
use crate::channels::{Flow, Order};
use crate::error::Fault;
use crate::tflite::op::{Graph, Op};

pub(super) fn make(g: &mut Graph, op: &Op) -> Made {
    if let Some(with) = unary(op)? {
        return alike(g, op, with);
    }
    match op.kind.as_str() {
        "ADD" | "SUB" | "MUL" | "DIV" | "POW" | "MAXIMUM" | "MINIMUM" | "SQUARED_DIFFERENCE" => pair(g, op),
        "ADD_N" => sum(g, op),
        "PRELU" => prelu(g, op),
        "SQUARE" | "RSQRT" => twice(g, op),
        "SOFTMAX" if op.float(0, 1.0)? != 1.0 => Ok(None),
        "SOFTMAX" | "LOG_SOFTMAX" | "L2_NORMALIZATION" => along(g, op),
        "MEAN" => reduce(g, op, Reduction::Mean),
        "SUM" => reduce(g, op, Reduction::Sum),
        "REDUCE_MAX" => reduce(g, op, Reduction::Max),
        "REDUCE_MIN" => reduce(g, op, Reduction::Min),
        "REDUCE_PROD" => reduce(g, op, Reduction::Prod),
        "ARG_MAX" | "ARG_MIN" => arg(g, op),
        _ => Ok(None),
    }
}

fn unary(op: &Op) -> Result<Option<ModelOp>, Fault> {
    let clip = |min: f32, max: f32| ModelOp::Clip {
        min: Some(min),
        max: Some(max),
    };
    let unary = ModelOp::Unary;
    Ok(Some(match op.kind.as_str() {
        "RELU" => unary(Unary::Relu),
        "RELU6" => clip(0.0, 6.0),
        "RELU_N1_TO_1" => clip(-1.0, 1.0),
        "RELU_0_TO_1" => clip(0.0, 1.0),
        "LEAKY_RELU" => unary(Unary::LeakyRelu {
            alpha: op.float(0, 0.0)?,
        }),
        "ELU" => unary(Unary::Elu { alpha: 1.0 }),
        "LOGISTIC" => unary(Unary::Sigmoid),
        "TANH" => unary(Unary::Tanh),
        "HARD_SWISH" => unary(Unary::HardSwish),
        "GELU" => unary(Unary::Gelu { tanh: op.flag(0)? }),
        "EXP" => unary(Unary::Exp),
        "LOG" => unary(Unary::Log),
        "SQRT" => unary(Unary::Sqrt),
        "NEG" => unary(Unary::Neg),
        "ABS" => unary(Unary::Abs),
        "SIN" => unary(Unary::Sin),
        "COS" => unary(Unary::Cos),
        "FLOOR" => unary(Unary::Floor),
        "CEIL" => unary(Unary::Ceil),
        "ROUND" => unary(Unary::Round),
        "SIGN" => unary(Unary::Sign),
        // All floats are float32 here, and quantised values are floats.
        "DEQUANTIZE" | "QUANTIZE" | "FAKE_QUANT" | "DENSIFY" => ModelOp::Identity,
        _ => return Ok(None),
    }))
}

/// The input in an order that a layer without a wish keeps.
fn any(g: &mut Graph, op: &Op) -> Result<(Flow, Order), Fault> {
    let flow = g.flow(input(op, 0))?;
    let flow = g.b.settled(&flow)?;
    let order = g.b.order(&flow);
    Ok((flow, order))
}

fn alike(g: &mut Graph, op: &Op, with: ModelOp) -> Made {
    // Stored values lose their packing at once.
    if matches!(with, ModelOp::Identity)
        && let Some(data) = g.data(input(op, 0)).cloned()
        && let [place] = op.outputs[..]
        && let Ok(place) = usize::try_from(place)
        && place < g.tensors.len()
    {
        g.tensors[place].data = Some(data);
        return Ok(Some(Vec::new()));
    }
    let (x, order) = any(g, op)?;
    g.main(op, with, vec![Some(x.tensor)], order, 0).map(Some)
}

/// Tensors in one order, and which.
type Operands = (Vec<Option<model::TensorId>>, Order);

/// Inputs of an operator that broadcasts, in one order.
fn operands(g: &mut Graph, op: &Op) -> Result<Option<Operands>, Fault> {
    let rank = g.shape(op, 0)?.len();
    let mut orders = Vec::new();
    for &place in &op.inputs {
        if g.entry(place)?.data.is_none() {
            let flow = g.flow(place)?;
            let flow = if flow.rank() == Some(rank) {
                g.b.settled(&flow)?
            } else {
                flow
            };
            orders.push(g.b.order(&flow));
        }
    }
    let order = match orders.contains(&Order::ChannelsFirst) && rank >= 3 {
        true => Order::ChannelsFirst,
        // Flattened images keep their order among themselves.
        false
            if !orders.is_empty()
                && orders.len() == op.inputs.len()
                && orders.iter().all(|o| *o == orders[0]) =>
        {
            orders[0]
        }
        false => Order::File,
    };
    let mut inputs = Vec::new();
    for &place in &op.inputs {
        let tensor = match order {
            Order::Flat { .. } => Some(g.flow(place)?.tensor),
            _ => g.operand(place, rank, order)?,
        };
        let Some(tensor) = tensor else { return Ok(None) };
        inputs.push(Some(tensor));
    }
    Ok(Some((inputs, order)))
}

fn pair(g: &mut Graph, op: &Op) -> Made {
    let Some((inputs, order)) = operands(g, op)? else {
        return Ok(None);
    };
    if let Some((kind, fused)) = super::windows::binary(&op.kind) {
        let fused = fused.map_or(Ok(0), |f| op.byte(f))?;
        return g.main(op, ModelOp::Binary(kind), inputs, order, fused).map(Some);
    }
    match op.kind.as_str() {
        "MAXIMUM" => g
            .main(op, ModelOp::Variadic(Variadic::Max), inputs, order, 0)
            .map(Some),
        "MINIMUM" => g
            .main(op, ModelOp::Variadic(Variadic::Min), inputs, order, 0)
            .map(Some),
        _ => {
            let both: Vec<_> = inputs.into_iter().flatten().collect();
            let d = g.step(op, "difference", ModelOp::Binary(Binary::Sub), &both)?;
            g.main(op, ModelOp::Binary(Binary::Mul), vec![Some(d), Some(d)], order, 0)
                .map(Some)
        }
    }
}

fn sum(g: &mut Graph, op: &Op) -> Made {
    let Some((inputs, order)) = operands(g, op)? else {
        return Ok(None);
    };
    g.main(op, ModelOp::Variadic(Variadic::Sum), inputs, order, 0)
        .map(Some)
}

fn prelu(g: &mut Graph, op: &Op) -> Made {
    let (x, order) = any(g, op)?;
    let x = match order {
        Order::Flat { .. } => g.b.file(&x)?,
        _ => x,
    };
    let order = g.b.order(&x);
    let rank = x.rank().unwrap_or(4);
    let Some(slope) = g.operand(input(op, 1), rank, order)? else {
        return Ok(None);
    };
    g.main(op, ModelOp::PRelu, vec![Some(x.tensor), Some(slope)], order, 0)
        .map(Some)
}

fn twice(g: &mut Graph, op: &Op) -> Made {
    let (x, order) = any(g, op)?;
    match op.kind.as_str() {
        "SQUARE" => {
            let inputs = vec![Some(x.tensor), Some(x.tensor)];
            g.main(op, ModelOp::Binary(Binary::Mul), inputs, order, 0)
                .map(Some)
        }
        _ => {
            let root = g.step(op, "root", ModelOp::Unary(Unary::Sqrt), &[x.tensor])?;
            g.main(op, ModelOp::Unary(Unary::Reciprocal), vec![Some(root)], order, 0)
                .map(Some)
        }
    }
}

/// Along the last axis of the file's order.
fn along(g: &mut Graph, op: &Op) -> Made {
    let (x, order) = any(g, op)?;
    let Some(axis) = g.b.axis(&x, -1) else {
        return Ok(None);
    };
    let with = match op.kind.as_str() {
        "SOFTMAX" => ModelOp::Softmax { axis, coerce: false },
        "LOG_SOFTMAX" => ModelOp::LogSoftmax { axis, coerce: false },
        _ => ModelOp::LpNorm { axis, p: 2 },
    };
    g.main(op, with, vec![Some(x.tensor)], order, 0).map(Some)
}

fn reduce(g: &mut Graph, op: &Op, kind: Reduction) -> Made {
    let Some(axes) = g.ints(input(op, 1)) else {
        return Ok(None);
    };
    let (mut x, mut order) = any(g, op)?;
    let keep = op.flag(0)?;
    let Some(rank) = x.rank() else { return Ok(None) };
    let wrapped: Option<Vec<i64>> = axes
        .iter()
        .map(|&a| Some(if a < 0 { a + rank as i64 } else { a }).filter(|a| (0..rank as i64).contains(a)))
        .collect();
    let Some(wrapped) = wrapped.filter(|w| !w.is_empty()) else {
        return Ok(None);
    };
    // Over all of space: what is left is a batch of channels in either order.
    let space: Vec<i64> = (1..rank as i64 - 1).collect();
    let all_space = space.iter().all(|a| wrapped.contains(a));
    if !keep && !all_space || matches!(order, Order::Flat { .. }) {
        x = g.b.file(&x)?;
        order = Order::File;
    }
    let axes: Option<Vec<i64>> = wrapped.iter().map(|&a| g.b.axis(&x, a)).collect();
    let with = ModelOp::Reduce {
        kind,
        axes,
        keep_dims: keep,
        noop_if_empty: false,
    };
    let order = if keep { order } else { Order::File };
    g.main(op, with, vec![Some(x.tensor)], order, 0).map(Some)
}

fn arg(g: &mut Graph, op: &Op) -> Made {
    let Some(axis) = g.ints(input(op, 1)).and_then(|a| a.first().copied()) else {
        return Ok(None);
    };
    let x = g.flow(input(op, 0))?;
    let x = g.b.file(&x)?;
    let with = match op.kind.as_str() {
        "ARG_MAX" => ModelOp::ArgMax {
            axis,
            keep_dims: false,
            last: false,
        },
        _ => ModelOp::ArgMin {
            axis,
            keep_dims: false,
            last: false,
        },
    };
    g.main(op, with, vec![Some(x.tensor)], Order::File, 0).map(Some)
}
