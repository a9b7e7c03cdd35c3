//! Operators that move, cut, join and resize.

use model::op::{Op as ModelOp, Resize};
use model::{DType, TensorData};

use super::{Made, input};
use crate::channels::{Flow, Node, Order, Sizes};
use crate::error::Fault;
use crate::tflite::op::{Graph, Op};

pub(super) fn make(g: &mut Graph, op: &Op) -> Made {
    match op.kind.as_str() {
        "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => reshape(g, op),
        "TRANSPOSE" => transpose(g, op),
        "CONCATENATION" => concat(g, op),
        "SPLIT" => split(g, op),
        "PACK" => pack(g, op),
        "UNPACK" => unpack(g, op),
        "PAD" | "PADV2" | "MIRROR_PAD" => pad(g, op),
        "STRIDED_SLICE" => strided(g, op),
        "SLICE" => slice(g, op),
        "GATHER" => gather(g, op),
        "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" => resize(g, op),
        "DEPTH_TO_SPACE" | "SPACE_TO_DEPTH" => blocks(g, op),
        "CAST" => cast(g, op),
        "TILE" | "BROADCAST_TO" => repeat(g, op),
        _ => Ok(None),
    }
}

/// A shape for `Reshape`: one free size may be left to it.
pub(super) fn target(shape: &Sizes) -> Option<Vec<i64>> {
    let free = shape.iter().filter(|s| s.is_none()).count();
    let sizes = shape
        .iter()
        .map(|s| s.map_or(Some(-1), |n| i64::try_from(n).ok()));
    if free <= 1 { sizes.collect() } else { None }
}

fn product(sizes: &[Option<u64>]) -> Option<u64> {
    sizes.iter().try_fold(1u64, |p, s| p.checked_mul((*s)?))
}

/// The file states the new shape. Flattened images stay channels first.
fn reshape(g: &mut Graph, op: &Op) -> Made {
    let shape = g.shape(op, 0)?;
    let Some(to) = target(&shape) else { return Ok(None) };
    let x = g.flow(input(op, 0))?;
    let x = g.b.settled(&x)?;
    let with = ModelOp::Reshape {
        shape: Some(to),
        allow_zero: false,
    };
    let from = x.shape.clone().unwrap_or_default();
    let mut order = Order::File;
    let mut read = x.clone();
    if g.b.order(&x) == Order::ChannelsFirst && from.len() >= 3 {
        let (channels, space) = (from[from.len() - 1], product(&from[1..from.len() - 1]));
        match (channels, space) {
            // One pixel or one channel: both orders are the same in memory.
            (Some(1), _) | (_, Some(1)) => {}
            (Some(channels), Some(space)) if shape.len() == 2 && shape[1] == channels.checked_mul(space) => {
                order = Order::Flat { channels, space };
            }
            _ => read = g.b.file(&x)?,
        }
    } else {
        read = g.b.file(&x)?;
    }
    g.main(op, with, vec![Some(read.tensor)], order, 0).map(Some)
}

fn transpose(g: &mut Graph, op: &Op) -> Made {
    let Some(perm) = g.ints(input(op, 1)) else {
        return Ok(None);
    };
    let x = g.flow(input(op, 0))?;
    let x = g.b.file(&x)?;
    g.main(
        op,
        ModelOp::Transpose { perm: Some(perm) },
        vec![Some(x.tensor)],
        Order::File,
        0,
    )
    .map(Some)
}

/// All inputs in one order: that of images where one of them is an image.
fn alike(g: &mut Graph, places: &[i32]) -> Result<(Vec<Flow>, Order), Fault> {
    let mut flows = Vec::new();
    for &place in places {
        let flow = g.flow(place)?;
        flows.push(g.b.settled(&flow)?);
    }
    let images = flows.iter().any(|f| g.b.order(f) == Order::ChannelsFirst);
    for flow in &mut flows {
        *flow = match images {
            true => g.b.first(flow)?,
            false => g.b.file(flow)?,
        };
    }
    Ok((flows, if images { Order::ChannelsFirst } else { Order::File }))
}

fn concat(g: &mut Graph, op: &Op) -> Made {
    let (flows, order) = alike(g, &op.inputs)?;
    let Some(axis) = g.b.axis(&flows[0], op.int(0, 0)?) else {
        return Ok(None);
    };
    let inputs = flows.iter().map(|f| Some(f.tensor)).collect();
    g.main(op, ModelOp::Concat { axis }, inputs, order, op.byte(1)?)
        .map(Some)
}

fn split(g: &mut Graph, op: &Op) -> Made {
    let Some(axis) = g.ints(input(op, 0)).and_then(|a| a.first().copied()) else {
        return Ok(None);
    };
    let x = g.flow(input(op, 1))?;
    let x = g.b.settled(&x)?;
    let (order, Some(axis)) = (g.b.order(&x), g.b.axis(&x, axis)) else {
        return Ok(None);
    };
    if let Order::Flat { .. } = order {
        return Ok(None);
    }
    let outputs = i64::try_from(op.outputs.len()).ok();
    g.main(
        op,
        ModelOp::Split {
            axis,
            sizes: None,
            outputs,
        },
        vec![Some(x.tensor)],
        order,
        0,
    )
    .map(Some)
}

fn pack(g: &mut Graph, op: &Op) -> Made {
    let axis = op.int(1, 0)?;
    let mut parts = Vec::new();
    for &place in &op.inputs {
        let flow = g.flow(place)?;
        let flow = g.b.file(&flow)?;
        parts.push(Some(g.step(
            op,
            "axis",
            ModelOp::Unsqueeze {
                axes: Some(vec![axis]),
            },
            &[flow.tensor],
        )?));
    }
    g.main(op, ModelOp::Concat { axis }, parts, Order::File, 0)
        .map(Some)
}

fn unpack(g: &mut Graph, op: &Op) -> Made {
    let axis = op.int(1, 0)?;
    let x = g.flow(input(op, 0))?;
    let x = g.b.file(&x)?;
    let node = Node {
        outputs: op.outputs.len().clamp(1, 64),
        ..Node::new(
            &format!("{}:parts", g.name(op)),
            &op.kind,
            ModelOp::Split {
                axis,
                sizes: None,
                outputs: i64::try_from(op.outputs.len()).ok(),
            },
            &[x.tensor],
        )
    };
    let mut flows = Vec::new();
    for (i, part) in g.b.add(node)?.into_iter().enumerate() {
        let y = g.step(
            op,
            "part",
            ModelOp::Squeeze {
                axes: Some(vec![axis]),
            },
            &[part],
        )?;
        let shape = g.shape(op, i)?;
        flows.push(g.b.flow(y, Some(shape), Order::File));
    }
    Ok(Some(flows))
}

/// The file's axes in the order of `flow`: where each of its own axes stands in the file.
fn places(g: &Graph, flow: &Flow) -> Option<Vec<usize>> {
    let rank = flow.rank()?;
    let mut places = vec![0; rank];
    for axis in 0..rank {
        places[usize::try_from(g.b.axis(flow, axis as i64)?).ok()?] = axis;
    }
    Some(places)
}

fn pad(g: &mut Graph, op: &Op) -> Made {
    let Some(pads) = g.ints(input(op, 1)) else {
        return Ok(None);
    };
    let x = g.flow(input(op, 0))?;
    let mut x = g.b.settled(&x)?;
    if let Order::Flat { .. } = g.b.order(&x) {
        x = g.b.file(&x)?;
    }
    let Some(places) = places(g, &x).filter(|p| pads.len() == 2 * p.len()) else {
        return Ok(None);
    };
    let value = match input(op, 2) {
        place if op.kind == "PADV2" => g.data(place).and_then(|d| d.to_f32()?.first().copied()),
        _ => Some(0.0),
    };
    let Some(value) = value else { return Ok(None) };
    let mode = match op.kind.as_str() {
        "MIRROR_PAD" if op.byte(0)? != 0 => return Ok(None),
        "MIRROR_PAD" => "reflect",
        _ => "constant",
    };
    let begin = places.iter().map(|&p| pads[2 * p]);
    let end = places.iter().map(|&p| pads[2 * p + 1]);
    let with = ModelOp::Pad {
        mode: mode.into(),
        pads: Some(begin.chain(end).collect()),
        value: Some(value),
    };
    let order = g.b.order(&x);
    g.main(op, with, vec![Some(x.tensor)], order, 0).map(Some)
}

/// A slice by lists for the file's axes.
fn cut(g: &mut Graph, op: &Op, x: Flow, lists: [Vec<i64>; 3], shrunk: bool) -> Made {
    let x = if shrunk { g.b.file(&x)? } else { x };
    let Some(places) = places(g, &x).filter(|p| lists.iter().all(|l| l.len() == p.len())) else {
        return Ok(None);
    };
    let rank = places.len() as i64;
    let mut inputs = vec![x.tensor];
    let turned = |list: &Vec<i64>| places.iter().map(|&p| list[p]).collect::<Vec<i64>>();
    let [begin, end, steps] = &lists;
    for (name, list) in [
        ("starts", turned(begin)),
        ("ends", turned(end)),
        ("axes", (0..rank).collect()),
        ("steps", turned(steps)),
    ] {
        let data = TensorData::from_i64(&[list.len() as u64], &list);
        inputs.push(g.b.constant(&format!("{}/{name}", g.name(op)), data));
    }
    let with = ModelOp::Slice {
        starts: None,
        ends: None,
        axes: None,
    };
    let order = g.b.order(&x);
    if !shrunk {
        return g
            .main(op, with, inputs.into_iter().map(Some).collect(), order, 0)
            .map(Some);
    }
    let y = g.step(op, "slice", with, &inputs)?;
    let Some(to) = target(&g.shape(op, 0)?) else {
        return Ok(None);
    };
    let with = ModelOp::Reshape {
        shape: Some(to),
        allow_zero: false,
    };
    g.main(op, with, vec![Some(y)], Order::File, 0).map(Some)
}

/// The input of a slice, images as they are kept.
fn sliced(g: &mut Graph, op: &Op) -> Result<Flow, Fault> {
    let x = g.flow(input(op, 0))?;
    let x = g.b.settled(&x)?;
    match g.b.order(&x) {
        Order::Flat { .. } => g.b.file(&x),
        _ => Ok(x),
    }
}

fn strided(g: &mut Graph, op: &Op) -> Made {
    let lists = [1, 2, 3].map(|i| g.ints(input(op, i)));
    let [Some(mut begin), Some(mut end), Some(steps)] = lists else {
        return Ok(None);
    };
    let masks = [0, 1, 2, 3, 4].map(|field| op.int(field, 0));
    let [first, last, ellipsis, new, shrink] = masks;
    let (first, last, shrink) = (first?, last?, shrink?);
    let x = sliced(g, op)?;
    let fits = [&begin, &end, &steps].iter().all(|l| Some(l.len()) == x.rank());
    if ellipsis? != 0 || new? != 0 || op.flag(5)? || !fits {
        return Ok(None);
    }
    for i in 0..steps.len() {
        if shrink >> i & 1 == 1 {
            // One place; -1 is the last, whose end is not 0.
            end[i] = if begin[i] == -1 {
                i64::MAX
            } else {
                begin[i].saturating_add(1)
            };
            continue;
        }
        let forward = steps[i] > 0;
        if first >> i & 1 == 1 {
            begin[i] = if forward { 0 } else { i64::MAX };
        }
        if last >> i & 1 == 1 {
            end[i] = if forward { i64::MAX } else { i64::MIN + 1 };
        }
    }
    cut(g, op, x, [begin, end, steps], shrink != 0)
}

fn slice(g: &mut Graph, op: &Op) -> Made {
    let (Some(begin), Some(size)) = (g.ints(input(op, 1)), g.ints(input(op, 2))) else {
        return Ok(None);
    };
    let x = sliced(g, op)?;
    let end = begin
        .iter()
        .zip(&size)
        .map(|(b, s)| if *s == -1 { i64::MAX } else { b.saturating_add(*s) });
    let end = end.collect();
    let steps = vec![1; begin.len()];
    cut(g, op, x, [begin, end, steps], false)
}

fn gather(g: &mut Graph, op: &Op) -> Made {
    if op.int(1, 0)? != 0 {
        return Ok(None);
    }
    let (x, indices) = (g.flow(input(op, 0))?, g.flow(input(op, 1))?);
    let (x, indices) = (g.b.file(&x)?, g.b.file(&indices)?);
    let inputs = vec![Some(x.tensor), Some(indices.tensor)];
    g.main(
        op,
        ModelOp::Gather { axis: op.int(0, 0)? },
        inputs,
        Order::File,
        0,
    )
    .map(Some)
}

fn resize(g: &mut Graph, op: &Op) -> Made {
    let x = g.flow(input(op, 0))?;
    let Some(sizes) = g
        .ints(input(op, 1))
        .filter(|s| s.len() == 2 && x.rank() == Some(4))
    else {
        return Ok(None);
    };
    let x = g.b.first(&x)?;
    let linear = op.kind == "RESIZE_BILINEAR";
    // The flags of the bilinear operator stand after two retired fields.
    let (align, half) = match linear {
        true => (op.flag(2)?, op.flag(3)?),
        false => (op.flag(0)?, op.flag(1)?),
    };
    let (coordinates, nearest) = match (align, half, linear) {
        (true, _, _) => ("align_corners", "round_prefer_ceil"),
        (_, true, true) => ("half_pixel", "floor"),
        (_, true, false) => ("tf_half_pixel_for_nn", "floor"),
        _ => ("asymmetric", "floor"),
    };
    let with = ModelOp::Resize(Resize {
        mode: if linear { "linear" } else { "nearest" }.into(),
        coordinates: coordinates.into(),
        nearest: nearest.into(),
        cubic_a: -0.75,
        exclude_outside: false,
        axes: Some(vec![2, 3]),
        aspect: "stretch".into(),
        two_inputs: false,
        antialias: false,
        extrapolation: 0.0,
    });
    let data = TensorData::from_i64(&[2], &sizes);
    let sizes = g.b.constant(&format!("{}/sizes", g.name(op)), data);
    g.main(
        op,
        with,
        vec![Some(x.tensor), None, None, Some(sizes)],
        Order::ChannelsFirst,
        0,
    )
    .map(Some)
}

fn blocks(g: &mut Graph, op: &Op) -> Made {
    let x = g.flow(input(op, 0))?;
    if x.rank() != Some(4) {
        return Ok(None);
    }
    let x = g.b.first(&x)?;
    let block = op.step(0)?;
    let with = match op.kind.as_str() {
        "DEPTH_TO_SPACE" => ModelOp::DepthToSpace {
            block,
            column_row_depth: false,
        },
        _ => ModelOp::SpaceToDepth { block },
    };
    g.main(op, with, vec![Some(x.tensor)], Order::ChannelsFirst, 0)
        .map(Some)
}

fn cast(g: &mut Graph, op: &Op) -> Made {
    let x = g.flow(input(op, 0))?;
    let x = g.b.settled(&x)?;
    let order = g.b.order(&x);
    let to = op
        .outputs
        .first()
        .map_or(Ok(DType::Unknown), |&p| Ok::<_, Fault>(g.entry(p)?.dtype))?;
    if to.bits() == 0 {
        return Ok(None);
    }
    g.main(op, ModelOp::Cast { to }, vec![Some(x.tensor)], order, 0)
        .map(Some)
}

fn repeat(g: &mut Graph, op: &Op) -> Made {
    if g.ints(input(op, 1)).is_none() {
        return Ok(None);
    }
    let (x, times) = (g.flow(input(op, 0))?, g.flow(input(op, 1))?);
    let x = g.b.file(&x)?;
    let with = if op.kind == "TILE" {
        ModelOp::Tile
    } else {
        ModelOp::Expand
    };
    g.main(op, with, vec![Some(x.tensor), Some(times.tensor)], Order::File, 0)
        .map(Some)
}
