//! Layers that act on each position: products with a matrix, activations, lookups.

use model::TensorData;
use model::op::{Binary, Op, Padding, Unary, Window};
use serde_json::Value;

use crate::channels::{Flow, Order, broadcasting, permute, reshaped};
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    let x = &x[0];
    Some(match at.class() {
        "Dense" => dense(r, at, x),
        "EinsumDense" => einsum(r, at, x),
        "Embedding" => embedding(r, at, x),
        "Dropout" | "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D" | "GaussianDropout"
        | "AlphaDropout" => at
            .float("rate", 0.5)
            .and_then(|ratio| alike(r, at, x, Op::Dropout { ratio })),
        // They act in training only.
        "GaussianNoise" | "ActivityRegularization" | "Identity" => alike(r, at, x, Op::Identity),
        "Activation" => {
            let activation = Activation::of(r, at, "activation");
            activate(r, at, x, activation)
        }
        "ReLU" => relu(r, at, x),
        "LeakyReLU" => leaky(r, at, x),
        "ELU" => at
            .float("alpha", 1.0)
            .and_then(|alpha| alike(r, at, x, Op::Unary(Unary::Elu { alpha }))),
        "ThresholdedReLU" => at
            .float("theta", 1.0)
            .and_then(|alpha| alike(r, at, x, Op::Unary(Unary::ThresholdedRelu { alpha }))),
        "PReLU" => prelu(r, at, x),
        "Softmax" => softmax(r, at, x),
        _ => return None,
    })
}

/// An operator that keeps shape and order.
pub(super) fn alike(r: &mut Reader, at: &At, x: &Flow, op: Op) -> Made {
    let x = r.b.settled(x)?;
    let order = r.b.order(&x);
    let y = r.main(
        at,
        op,
        vec![Some(x.tensor)],
        x.shape.clone(),
        order,
        Activation::Linear,
    )?;
    Ok(Some(vec![y]))
}

/// A layer that is only an activation has its name.
fn activate(r: &mut Reader, at: &At, x: &Flow, activation: Activation) -> Made {
    let op = match &activation {
        Activation::Linear => Op::Identity,
        Activation::Unary(kind) => Op::Unary(*kind),
        Activation::Clip(min, max) => Op::Clip {
            min: Some(*min),
            max: Some(*max),
        },
        Activation::Softmax => return along(r, at, x, -1, false),
        Activation::LogSoftmax => return along(r, at, x, -1, true),
        _ => return Ok(Some(vec![activation.apply(r, at, x.clone())?])),
    };
    alike(r, at, x, op)
}

fn along(r: &mut Reader, at: &At, x: &Flow, axis: i64, log: bool) -> Made {
    let x = r.b.settled(x)?;
    let axis = r.b.axis(&x, axis).unwrap_or(axis);
    let op = match log {
        true => Op::LogSoftmax { axis, coerce: false },
        false => Op::Softmax { axis, coerce: false },
    };
    alike(r, at, &x, op)
}

fn relu(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let (slope, threshold) = (at.float("negative_slope", 0.0)?, at.float("threshold", 0.0)?);
    let max = at
        .value("max_value")
        .map(|_| at.float("max_value", 0.0))
        .transpose()?;
    let first = match (slope, threshold) {
        (0.0, 0.0) if max.is_some() => return alike(r, at, x, Op::Clip { min: Some(0.0), max }),
        (0.0, 0.0) => Op::Unary(Unary::Relu),
        (alpha, 0.0) => Op::Unary(Unary::LeakyRelu { alpha }),
        (0.0, alpha) => Op::Unary(Unary::ThresholdedRelu { alpha }),
        _ => return Ok(None),
    };
    let made = alike(r, at, x, first)?;
    let (Some(mut made), Some(max)) = (made.clone(), max) else {
        return Ok(made);
    };
    let order = r.b.order(&made[0]);
    let y = r.step(
        at,
        "max",
        Op::Clip {
            min: None,
            max: Some(max),
        },
        &[made[0].tensor],
    )?;
    made[0] = r.b.flow(y, made[0].shape.clone(), order);
    Ok(Some(made))
}

fn leaky(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let key = if at.value("alpha").is_some() {
        "alpha"
    } else {
        "negative_slope"
    };
    let alpha = at.float(key, 0.3)?;
    alike(r, at, x, Op::Unary(Unary::LeakyRelu { alpha }))
}

fn prelu(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let x = r.b.settled(x)?;
    let (mut order, Some(rank)) = (r.b.order(&x), x.rank()) else {
        return Ok(None);
    };
    let x = match order {
        Order::Flat { .. } => r.b.file(&x)?,
        _ => x,
    };
    order = r.b.order(&x);
    let lay = |data: &TensorData| {
        // Without the batch's axis, which broadcasting adds.
        let full = broadcasting(data, rank, order);
        Ok(reshaped(&full, &full.shape[1..]))
    };
    let alpha = r.laid(at, "alpha", &format!("alpha{}", suffix(order)), rank - 1, lay)?;
    let inputs = vec![Some(x.tensor), Some(alpha)];
    Ok(Some(vec![r.main(
        at,
        Op::PRelu,
        inputs,
        x.shape.clone(),
        order,
        Activation::Linear,
    )?]))
}

/// Tells apart what a shared layer lays out in two ways.
pub(super) fn suffix(order: Order) -> String {
    match order {
        Order::File => String::new(),
        Order::ChannelsFirst => ":channels first".into(),
        Order::Flat { channels, space } => format!(":{channels} channels of {space}"),
    }
}

fn softmax(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let axis = match at.value("axis") {
        Some(Value::Array(list)) if list.len() == 1 => list[0].as_i64(),
        Some(Value::Array(_)) => None,
        _ => Some(at.int("axis", -1)?),
    };
    match axis {
        Some(axis) => along(r, at, x, axis, false),
        None => Ok(None),
    }
}

fn dense(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let activation = Activation::of(r, at, "activation");
    let units = at.size("units", None)?;
    let bias = at.flag("use_bias", true);
    let x = match x.rank() {
        Some(1) => return Ok(None),
        Some(3..) => r.b.settled(x)?,
        _ => x.clone(),
    };
    let order = r.b.order(&x);
    let mut shape = x.shape.clone();
    if let Some(last) = shape.as_mut().and_then(|s| s.last_mut()) {
        *last = Some(units as u64);
    }
    let check = |data: &TensorData| match (x.last(), data.shape[0], data.shape[1]) {
        (last, rows, columns) if last.is_none_or(|n| n == rows) && columns == units as u64 => Ok(()),
        (last, rows, columns) => {
            let last = last.map_or("?".into(), |n| n.to_string());
            let problem = format!("weight \"kernel\": expected [{last}, {units}], found [{rows}, {columns}]");
            Err(at.fault(problem))
        }
    };
    let name = format!("kernel{}", suffix(order));
    let kernel = r.laid(at, "kernel", &name, 2, |data| {
        check(data)?;
        Ok(match order {
            // A product with each pixel: a convolution by a window of 1.
            Order::ChannelsFirst => {
                let turned = permute(data, &[1, 0]);
                let mut to = turned.shape.clone();
                to.extend(std::iter::repeat_n(1, x.rank_or(4) - 2));
                reshaped(&turned, &to)
            }
            Order::Flat { channels, space } if channels.checked_mul(space) == Some(data.shape[0]) => {
                let rows = reshaped(data, &[space, channels, data.shape[1]]);
                reshaped(&permute(&rows, &[1, 0, 2]), &data.shape)
            }
            Order::Flat { .. } => {
                return Err(at.fault("weight \"kernel\": its rows are not the features read"));
            }
            Order::File => data.clone(),
        })
    })?;
    let mut inputs = vec![Some(x.tensor), Some(kernel)];
    let flat = x.rank_or(2) == 2;
    if bias && (flat || order == Order::ChannelsFirst) {
        inputs.push(Some(r.stored(at, "bias", 1)?));
    }
    let op = match order {
        Order::ChannelsFirst => {
            let window = Window {
                kernel: vec![],
                strides: vec![],
                dilations: vec![],
                padding: Padding::Valid,
            };
            Op::Conv { window, groups: 1 }
        }
        _ if flat => Op::Gemm {
            alpha: 1.0,
            beta: 1.0,
            trans_a: false,
            trans_b: false,
        },
        _ => Op::MatMul,
    };
    let order = if order == Order::ChannelsFirst {
        order
    } else {
        Order::File
    };
    if !bias || flat || order == Order::ChannelsFirst {
        return Ok(Some(vec![r.main(at, op, inputs, shape, order, activation)?]));
    }
    let product = r.main(at, op, inputs, shape.clone(), order, Activation::Linear)?;
    let bias = r.stored(at, "bias", 1)?;
    finish(
        r,
        at,
        "bias",
        Op::Binary(Binary::Add),
        vec![product.tensor, bias],
        shape,
        activation,
    )
}

/// A last step with the layer's activation.
pub(super) fn finish(
    r: &mut Reader,
    at: &At,
    suffix: &str,
    op: Op,
    inputs: Vec<model::TensorId>,
    shape: Option<crate::channels::Sizes>,
    activation: Activation,
) -> Made {
    let y = r.step(at, suffix, op, &inputs)?;
    let flow = r.b.flow(y, shape, Order::File);
    Ok(Some(vec![activation.apply(r, at, flow)?]))
}

/// The equation's last letter is summed over, one new letter stands in its place.
fn einsum(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let activation = Activation::of(r, at, "activation");
    let equation: String = at
        .text("equation")
        .unwrap_or("")
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let plain = || -> Option<()> {
        let (left, right) = equation.split_once("->")?;
        let (a, b) = left.split_once(',')?;
        let (lead, sum) = a.split_at(a.len().checked_sub(1)?);
        let new = b.strip_prefix(sum)?;
        (new.len() == 1 && a.is_ascii() && right == format!("{lead}{new}") && !a.contains(new)).then_some(())
    };
    if plain().is_none() || (at.text("bias_axes").is_some_and(|b| b.len() != 1)) {
        return Ok(None);
    }
    let x = r.b.file(x)?;
    let kernel = r.stored(at, "kernel", 2)?;
    let mut shape = x.shape.clone();
    let columns = at.weight(r.weights, "kernel", 2)?.map(|k| k.shape[1]);
    if let Some(last) = shape.as_mut().and_then(|s| s.last_mut()) {
        *last = columns;
    }
    let inputs = vec![Some(x.tensor), Some(kernel)];
    if at.value("bias_axes").is_none() {
        return Ok(Some(vec![r.main(
            at,
            Op::MatMul,
            inputs,
            shape,
            Order::File,
            activation,
        )?]));
    }
    let product = r.main(
        at,
        Op::MatMul,
        inputs,
        shape.clone(),
        Order::File,
        Activation::Linear,
    )?;
    let bias = r.stored(at, "bias", 1)?;
    finish(
        r,
        at,
        "bias",
        Op::Binary(Binary::Add),
        vec![product.tensor, bias],
        shape,
        activation,
    )
}

fn embedding(r: &mut Reader, at: &At, x: &Flow) -> Made {
    if at.flag("mask_zero", false) {
        let sentence = format!(
            "layer {:?}: masks (mask_zero) are not applied: padding counts as input",
            at.path
        );
        r.b.warn(sentence);
    }
    let x = r.b.file(x)?;
    let table = r.stored(at, "embeddings", 2)?;
    let width = at.size("output_dim", None)?;
    let shape = x.shape.clone().map(|mut s| {
        s.push(Some(width as u64));
        s
    });
    let inputs = vec![Some(x.tensor), Some(table)];
    Ok(Some(vec![r.main(
        at,
        Op::Embedding,
        inputs,
        shape,
        Order::File,
        Activation::Linear,
    )?]))
}
