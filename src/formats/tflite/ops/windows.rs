//! Convolutions, pooling, products.

use model::op::{Binary, Op as ModelOp, Padding, Window};

use super::{Made, input};
use crate::channels::{Flow, Order, permute, reshaped};
use crate::error::Fault;
use crate::tflite::op::{Graph, Op};

pub(super) fn make(g: &mut Graph, op: &Op) -> Made {
    match op.kind.as_str() {
        "CONV_2D" => conv(g, op),
        "DEPTHWISE_CONV_2D" => depthwise(g, op),
        "TRANSPOSE_CONV" => {
            let strides = [op.step(2)?, op.step(1)?];
            transpose(g, op, [2, 1, 3], strides, op.byte(3)?)
        }
        // MediaPipe's own, with the options of TRANSPOSE_CONV: padding, step in width and height.
        "CUSTOM Convolution2DTransposeBias" => match op.custom[..] {
            [_, width, height, ..] if width > 0 && height > 0 => {
                transpose(g, op, [0, 1, 2], [i64::from(height), i64::from(width)], 0)
            }
            _ => Ok(None),
        },
        "MAX_POOL_2D" => pool(g, op, true),
        "AVERAGE_POOL_2D" => pool(g, op, false),
        "FULLY_CONNECTED" => dense(g, op),
        "BATCH_MATMUL" => product(g, op),
        _ => Ok(None),
    }
}

/// The input as an image, channels first.
fn image(g: &mut Graph, op: &Op, i: usize) -> Result<Flow, Fault> {
    let flow = g.flow(input(op, i))?;
    match flow.rank() {
        Some(4) => g.b.first(&flow),
        rank => Err(Fault::new(
            "",
            format!("expected an input of 4 axes, found {}", rank.unwrap_or(0)),
        )),
    }
}

fn with_bias(
    g: &mut Graph,
    op: &Op,
    mut inputs: Vec<Option<model::TensorId>>,
    i: usize,
) -> Result<Vec<Option<model::TensorId>>, Fault> {
    if input(op, i) >= 0 {
        let bias = g.flow(input(op, i))?;
        inputs.push(Some(bias.tensor));
    }
    Ok(inputs)
}

/// Filters `[out, height, width, in]`.
fn conv(g: &mut Graph, op: &Op) -> Made {
    let x = image(g, op, 0)?;
    let (Some(channels), Some(filter)) = (x.last(), g.data(input(op, 1)).map(|d| d.shape.clone())) else {
        return Ok(None);
    };
    let Some(weights) = g.laid(input(op, 1), "", 4, |d| permute(d, &[0, 3, 1, 2]))? else {
        return Ok(None);
    };
    let each = filter[3];
    if each == 0 || channels % each != 0 {
        return Err(Fault::new(
            "",
            format!("{channels} channels meet filters of {each}"),
        ));
    }
    let window = Window {
        kernel: vec![filter[1] as i64, filter[2] as i64],
        strides: vec![op.step(2)?, op.step(1)?],
        dilations: vec![op.step(5)?, op.step(4)?],
        padding: op.padding(0)?,
    };
    let with = ModelOp::Conv {
        window,
        groups: (channels / each) as i64,
    };
    let inputs = with_bias(g, op, vec![Some(x.tensor), Some(weights)], 2)?;
    g.main(op, with, inputs, Order::ChannelsFirst, op.byte(3)?)
        .map(Some)
}

/// Filters `[1, height, width, out]`.
fn depthwise(g: &mut Graph, op: &Op) -> Made {
    let x = image(g, op, 0)?;
    let (Some(channels), Some(filter)) = (x.last(), g.data(input(op, 1)).map(|d| d.shape.clone())) else {
        return Ok(None);
    };
    let Some(weights) = g.laid(input(op, 1), "", 4, |d| permute(d, &[3, 0, 1, 2]))? else {
        return Ok(None);
    };
    if filter[0] != 1 || channels == 0 || filter[3] % channels != 0 {
        return Err(Fault::new(
            "",
            format!("{channels} channels meet filters {filter:?}"),
        ));
    }
    let window = Window {
        kernel: vec![filter[1] as i64, filter[2] as i64],
        strides: vec![op.step(2)?, op.step(1)?],
        dilations: vec![op.step(6)?, op.step(5)?],
        padding: op.padding(0)?,
    };
    let with = ModelOp::Conv {
        window,
        groups: channels as i64,
    };
    let inputs = with_bias(g, op, vec![Some(x.tensor), Some(weights)], 2)?;
    g.main(op, with, inputs, Order::ChannelsFirst, op.byte(4)?)
        .map(Some)
}

/// Filters `[out, height, width, in]`; `places` of image, filters and bias among the inputs.
fn transpose(g: &mut Graph, op: &Op, places: [usize; 3], strides: [i64; 2], fused: u8) -> Made {
    let x = image(g, op, places[0])?;
    let Some(filter) = g.data(input(op, places[1])).map(|d| d.shape.clone()) else {
        return Ok(None);
    };
    let Some(weights) = g.laid(input(op, places[1]), "", 4, |d| permute(d, &[3, 0, 1, 2]))? else {
        return Ok(None);
    };
    let to = g.shape(op, 0)?;
    let (mut begin, mut end, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..2 {
        let (Some(from), Some(Some(to))) = (x.size(i + 1), to.get(i + 1)) else {
            return Ok(None);
        };
        // The padding of the convolution that this one turns around.
        let whole = i128::from(from).saturating_sub(1) * i128::from(strides[i]) + i128::from(filter[i + 1]);
        let surplus = i64::try_from(whole - i128::from(*to)).unwrap_or(i64::MAX);
        begin.push(surplus.max(0) / 2);
        end.push(surplus.max(0) - surplus.max(0) / 2);
        more.push(surplus.saturating_neg().max(0));
    }
    let window = Window {
        kernel: vec![filter[1] as i64, filter[2] as i64],
        strides: strides.to_vec(),
        dilations: vec![],
        padding: Padding::Explicit([begin, end].concat()),
    };
    let with = ModelOp::ConvTranspose {
        window,
        groups: 1,
        output_padding: more,
        output_shape: None,
    };
    let inputs = with_bias(g, op, vec![Some(x.tensor), Some(weights)], places[2])?;
    g.main(op, with, inputs, Order::ChannelsFirst, fused).map(Some)
}

fn pool(g: &mut Graph, op: &Op, max: bool) -> Made {
    let x = image(g, op, 0)?;
    let window = Window {
        kernel: vec![op.step(4)?, op.step(3)?],
        strides: vec![op.step(2)?, op.step(1)?],
        dilations: vec![],
        padding: op.padding(0)?,
    };
    let with = match max {
        true => ModelOp::MaxPool {
            window,
            ceil: false,
            column_major: false,
        },
        false => ModelOp::AveragePool {
            window,
            ceil: false,
            count_include_pad: false,
        },
    };
    g.main(op, with, vec![Some(x.tensor)], Order::ChannelsFirst, op.byte(5)?)
        .map(Some)
}

/// Weights `[out, in]`; what is read is flattened to rows of `in`.
fn dense(g: &mut Graph, op: &Op) -> Made {
    let Some(weights) = g
        .data(input(op, 1))
        .map(|d| d.shape.clone())
        .filter(|s| s.len() == 2)
    else {
        return Ok(None);
    };
    if op.byte(1)? != 0 {
        return Ok(None);
    }
    let (out, width) = (weights[0], weights[1]);
    let mut x = g.flow(input(op, 0))?;
    let order = g.b.order(&x);
    let mut stored = None;
    if let Order::Flat { channels, space } = order
        && channels.checked_mul(space) == Some(width)
    {
        // The features of an image that was flattened channels first.
        let lay = |d: &model::TensorData| {
            let rows = reshaped(d, &[out, space, channels]);
            reshaped(&permute(&rows, &[0, 2, 1]), &[out, width])
        };
        stored = g.laid(input(op, 1), &format!(":{channels} channels"), 2, lay)?;
    } else {
        x = g.b.file(&x)?;
    }
    let weights = match stored {
        Some(stored) => stored,
        None => g.flow(input(op, 1))?.tensor,
    };
    let mut rows = x.tensor;
    let shape = g.shape(op, 0)?;
    if x.rank() != Some(2) || x.last() != Some(width) {
        let flat = ModelOp::Reshape {
            shape: Some(vec![-1, width as i64]),
            allow_zero: false,
        };
        rows = g.step(op, "rows", flat, &[rows])?;
    }
    let inputs = with_bias(g, op, vec![Some(rows), Some(weights)], 2)?;
    let with = ModelOp::Gemm {
        alpha: 1.0,
        beta: 1.0,
        trans_a: false,
        trans_b: true,
    };
    let mut flows = g.main(op, with, inputs, Order::File, op.byte(0)?)?;
    if shape.len() != 2 {
        let Some(to) = super::moves::target(&shape) else {
            return Ok(None);
        };
        let back = ModelOp::Reshape {
            shape: Some(to),
            allow_zero: false,
        };
        let y = g.step(op, "shape", back, &[flows[0].tensor])?;
        flows[0] = g.b.flow(y, Some(shape), Order::File);
    }
    Ok(Some(flows))
}

fn product(g: &mut Graph, op: &Op) -> Made {
    let mut sides = Vec::new();
    for i in 0..2 {
        let flow = g.flow(input(op, i))?;
        let flow = g.b.file(&flow)?;
        let Some(rank) = flow.rank().filter(|&r| r >= 2) else {
            return Ok(None);
        };
        let mut tensor = flow.tensor;
        if op.flag(i)? {
            let mut perm: Vec<i64> = (0..rank as i64).collect();
            perm.swap(rank - 1, rank - 2);
            tensor = g.step(op, "turned", ModelOp::Transpose { perm: Some(perm) }, &[tensor])?;
        }
        sides.push(Some(tensor));
    }
    g.main(op, ModelOp::MatMul, sides, Order::File, 0).map(Some)
}

/// Keeps the list of elementwise operators in one place.
pub(super) fn binary(kind: &str) -> Option<(Binary, Option<usize>)> {
    // With the option that names the activation, where there is one.
    Some(match kind {
        "ADD" => (Binary::Add, Some(0)),
        "SUB" => (Binary::Sub, Some(0)),
        "MUL" => (Binary::Mul, Some(0)),
        "DIV" => (Binary::Div, Some(0)),
        "POW" => (Binary::Pow, None),
        _ => return None,
    })
}
