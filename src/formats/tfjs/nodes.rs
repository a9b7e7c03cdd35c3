//! TensorFlow's operators in inference graphs.

use model::op::{Binary, Op, Padding, Reduction, Resize, Unary, Variadic, Window};
use model::{TensorData, TensorId};

use super::graph::{Graph, Node};
use crate::channels::{Flow, Order, Sizes, broadcasting, permute, reshaped, windowed};
use crate::error::Fault;

type Made = Result<Option<Flow>, Fault>;

/// The operators of one node; `None` where it can only be shown as it is.
pub(super) fn make(g: &mut Graph, node: &Node) -> Made {
    if !matches!(node.text("data_format").as_str(), "" | "NHWC") || node.inputs.is_empty() {
        return Ok(None);
    }
    if let Some(op) = unary(node) {
        let x = g.flow(node, 0)?;
        let x = g.b.settled(&x)?;
        let order = g.b.order(&x);
        return g.layer(node, op, vec![Some(x.tensor)], x.shape, order).map(Some);
    }
    match node.op {
        "Conv2D" | "_FusedConv2D" | "DepthwiseConv2dNative" | "FusedDepthwiseConv2dNative" => conv(g, node),
        "MaxPool" | "AvgPool" => pool(g, node),
        "MatMul" | "_FusedMatMul" => product(g, node),
        "BiasAdd" | "Add" | "AddV2" => pair(g, node, Op::Binary(Binary::Add)),
        "Sub" => pair(g, node, Op::Binary(Binary::Sub)),
        "Mul" => pair(g, node, Op::Binary(Binary::Mul)),
        "RealDiv" => pair(g, node, Op::Binary(Binary::Div)),
        "Maximum" => pair(g, node, Op::Variadic(Variadic::Max)),
        "Minimum" => pair(g, node, Op::Variadic(Variadic::Min)),
        "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" if !node.flag("is_training") => {
            batch(g, node)
        }
        "Mean" => reduce(g, node, Reduction::Mean),
        "Sum" => reduce(g, node, Reduction::Sum),
        "Max" => reduce(g, node, Reduction::Max),
        "Min" => reduce(g, node, Reduction::Min),
        "Softmax" => along(g, node),
        "Reshape" => reshape(g, node),
        "Squeeze" => squeeze(g, node),
        "ConcatV2" => concat(g, node),
        "Pad" | "PadV2" => pad(g, node),
        "AddN" => pair(g, node, Op::Variadic(Variadic::Sum)),
        "Prelu" => prelu(g, node),
        "ResizeBilinear" | "ResizeNearestNeighbor" => resize(g, node),
        "Transpose" => transpose(g, node),
        "Square" | "Rsqrt" => twice(g, node),
        _ => Ok(None),
    }
}

fn unary(node: &Node) -> Option<Op> {
    let unary = Op::Unary;
    Some(match node.op {
        "Identity" | "StopGradient" | "Snapshot" => Op::Identity,
        "Relu" => unary(Unary::Relu),
        "Relu6" => Op::Clip {
            min: Some(0.0),
            max: Some(6.0),
        },
        "LeakyRelu" => unary(Unary::LeakyRelu {
            alpha: node.float("alpha", 0.2),
        }),
        "Elu" => unary(Unary::Elu { alpha: 1.0 }),
        "Sigmoid" => unary(Unary::Sigmoid),
        "Tanh" => unary(Unary::Tanh),
        "Softplus" => unary(Unary::Softplus),
        "Exp" => unary(Unary::Exp),
        "Log" => unary(Unary::Log),
        "Sqrt" => unary(Unary::Sqrt),
        "Neg" => unary(Unary::Neg),
        "Abs" => unary(Unary::Abs),
        "Floor" => unary(Unary::Floor),
        _ => return None,
    })
}

/// The steps that fused operators name after themselves.
fn fused(g: &mut Graph, node: &Node, x: Flow) -> Made {
    let (order, mut tensor) = (g.b.order(&x), x.tensor);
    for name in node.texts("fused_ops") {
        let op = match name.as_str() {
            // Its values are an input.
            "BiasAdd" => continue,
            "Relu" => Op::Unary(Unary::Relu),
            "Relu6" => Op::Clip {
                min: Some(0.0),
                max: Some(6.0),
            },
            "Elu" => Op::Unary(Unary::Elu { alpha: 1.0 }),
            "Sigmoid" => Op::Unary(Unary::Sigmoid),
            "LeakyRelu" => Op::Unary(Unary::LeakyRelu {
                alpha: node.float("leakyrelu_alpha", 0.2),
            }),
            "Prelu" => {
                let Some(slope) = g.data(node, 3).cloned() else {
                    return Ok(None);
                };
                let rank = x.rank().unwrap_or(4);
                let slope = broadcasting(&slope, rank, order);
                let slope = g.b.stored(&format!("{}/slope", node.name), || Ok(slope))?;
                tensor = g.b.one(
                    &format!("{}:{name}", node.name),
                    node.op,
                    Op::PRelu,
                    &[tensor, slope],
                )?;
                continue;
            }
            _ => return Ok(None),
        };
        tensor =
            g.b.one(&format!("{}:{name}", node.name), node.op, op, &[tensor])?;
    }
    Ok(Some(g.b.flow(tensor, x.shape, order)))
}

/// Steps of height and width out of a list for all axes.
fn steps(node: &Node, key: &str) -> Option<Vec<i64>> {
    match node.ints(key)[..] {
        [] => Some(vec![1, 1]),
        [_, h, w, _] if h > 0 && w > 0 => Some(vec![h, w]),
        _ => None,
    }
}

fn padding(node: &Node) -> Option<Padding> {
    match node.text("padding").as_str() {
        "SAME" => Some(Padding::SameUpper),
        "VALID" => Some(Padding::Valid),
        "EXPLICIT" => match node.ints("explicit_paddings")[..] {
            [0, 0, top, bottom, left, right, 0, 0] => Some(Padding::Explicit(vec![top, left, bottom, right])),
            _ => None,
        },
        _ => None,
    }
}

fn sized(x: &Flow, window: &Window, channels: u64) -> Option<Sizes> {
    let shape = x.shape.as_ref()?;
    let same = matches!(window.padding, Padding::SameUpper);
    let size = |i: usize| {
        let more = match &window.padding {
            Padding::Explicit(p) => u64::try_from(p[i] + p[i + 2]).ok()?,
            _ => 0,
        };
        let n = shape[i + 1]?.checked_add(more)?;
        windowed(
            n,
            *window.kernel.get(i)?,
            window.stride(i),
            window.dilation(i),
            same,
        )
    };
    Some(vec![shape[0], size(0), size(1), Some(channels)])
}

/// Filters `[height, width, in, out]`, or `[height, width, in, multiplier]` one for each channel.
fn conv(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let (Some(filter), Some(padding)) = (g.data(node, 1).cloned(), padding(node)) else {
        return Ok(None);
    };
    let (Some(strides), Some(dilations)) = (steps(node, "strides"), steps(node, "dilations")) else {
        return Ok(None);
    };
    if x.rank() != Some(4) || filter.shape.len() != 4 || filter.is_empty() {
        return Ok(None);
    }
    let depthwise = node.op.contains("Depthwise");
    let [h, w, from, to] = [0, 1, 2, 3].map(|i| filter.shape[i]);
    let channels = if depthwise { from.saturating_mul(to) } else { to };
    let weights = g.b.stored(&format!("{}/filters", node.name), || {
        Ok(match depthwise {
            true => reshaped(&permute(&filter, &[2, 3, 0, 1]), &[channels, 1, h, w]),
            false => permute(&filter, &[3, 2, 0, 1]),
        })
    })?;
    let Some(read) = x.last() else { return Ok(None) };
    let groups = if depthwise { from } else { read / from };
    if read
        != if depthwise {
            from
        } else {
            groups.saturating_mul(from)
        }
        || groups == 0
    {
        let problem = format!("{read} channels meet filters for {from}");
        return Err(Fault::new(format!("node {:?}", node.name), problem));
    }
    let window = Window {
        kernel: vec![h as i64, w as i64],
        strides,
        dilations,
        padding,
    };
    let x = g.b.first(&x)?;
    let shape = sized(&x, &window, channels);
    let mut inputs = vec![Some(x.tensor), Some(weights)];
    if node.texts("fused_ops").first().is_some_and(|f| f == "BiasAdd") {
        inputs.push(Some(g.flow(node, 2)?.tensor));
    }
    let op = Op::Conv {
        window,
        groups: groups as i64,
    };
    let y = g.layer(node, op, inputs, shape, Order::ChannelsFirst)?;
    fused(g, node, y)
}

fn pool(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let (Some(kernel), Some(strides), Some(padding)) =
        (steps(node, "ksize"), steps(node, "strides"), padding(node))
    else {
        return Ok(None);
    };
    let (Some(4), Some(channels)) = (x.rank(), x.last()) else {
        return Ok(None);
    };
    let x = g.b.first(&x)?;
    let window = Window {
        kernel,
        strides,
        dilations: vec![],
        padding,
    };
    let shape = sized(&x, &window, channels);
    let op = match node.op {
        "MaxPool" => Op::MaxPool {
            window,
            ceil: false,
            column_major: false,
        },
        _ => Op::AveragePool {
            window,
            ceil: false,
            count_include_pad: false,
        },
    };
    g.layer(node, op, vec![Some(x.tensor)], shape, Order::ChannelsFirst)
        .map(Some)
}

fn product(g: &mut Graph, node: &Node) -> Made {
    let (x, w) = (g.flow(node, 0)?, g.flow(node, 1)?);
    let (x, w) = (g.b.file(&x)?, g.b.file(&w)?);
    let (Some(2), Some(2)) = (x.rank(), w.rank()) else {
        return Ok(None);
    };
    let (trans_a, trans_b) = (node.flag("transpose_a"), node.flag("transpose_b"));
    let rows = x.size(usize::from(trans_a));
    let columns = w.size(usize::from(!trans_b));
    let mut inputs = vec![Some(x.tensor), Some(w.tensor)];
    if node.texts("fused_ops").first().is_some_and(|f| f == "BiasAdd") {
        inputs.push(Some(g.flow(node, 2)?.tensor));
    }
    let op = Op::Gemm {
        alpha: 1.0,
        beta: 1.0,
        trans_a,
        trans_b,
    };
    let y = g.layer(node, op, inputs, Some(vec![rows, columns]), Order::File)?;
    fused(g, node, y)
}

/// Tensors that broadcast, in one order.
fn pair(g: &mut Graph, node: &Node, op: Op) -> Made {
    let count = node.inputs.len();
    let flows = (0..count)
        .map(|i| g.flow(node, i))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(rank) = flows.iter().map(Flow::rank).max().flatten() else {
        return Ok(None);
    };
    let mut settled = Vec::new();
    for (i, flow) in flows.iter().enumerate() {
        let stored = g.data(node, i).is_some() || flow.rank() != Some(rank);
        settled.push(if stored { flow.clone() } else { g.b.settled(flow)? });
    }
    let computed = |i: &usize| g.data(node, *i).is_none();
    let image = |i: usize| g.b.order(&settled[i]) == Order::ChannelsFirst;
    let images = rank >= 3 && (0..count).filter(computed).any(image);
    let order = if images { Order::ChannelsFirst } else { Order::File };
    let mut inputs: Vec<Option<TensorId>> = Vec::new();
    for (i, flow) in settled.iter().enumerate() {
        inputs.push(Some(match g.data(node, i).cloned() {
            Some(data) => {
                let suffix = if images { ":channels first" } else { "" };
                let name = format!("{}:{rank} axes{suffix}", node.inputs[i].0);
                g.b.stored(&name, || Ok(broadcasting(&data, rank, order)))?
            }
            None if images && flow.rank() != Some(rank) => return Ok(None),
            None if images => g.b.first(flow)?.tensor,
            None => g.b.file(flow)?.tensor,
        }));
    }
    let shapes: Option<Vec<Sizes>> = flows.iter().map(|f| f.shape.clone()).collect();
    let shape = shapes.map(|s| broadcast(&s, rank));
    g.layer(node, op, inputs, shape, order).map(Some)
}

fn broadcast(shapes: &[Sizes], rank: usize) -> Sizes {
    let of = |s: &Sizes, i: usize| (i + s.len()).checked_sub(rank).map_or(Some(1), |j| s[j]);
    let joined = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(1), n) | (n, Some(1)) => n,
        (n, None) | (None, n) => n,
        (n, _) => n,
    };
    let one = |i: usize| shapes.iter().map(|s| of(s, i)).fold(Some(1), joined);
    (0..rank).map(one).collect()
}

fn prelu(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let mut x = g.b.settled(&x)?;
    if let Order::Flat { .. } = g.b.order(&x) {
        x = g.b.file(&x)?;
    }
    let (Some(rank), Some(slope), order) = (x.rank(), g.data(node, 1).cloned(), g.b.order(&x)) else {
        return Ok(None);
    };
    let name = format!("{}/slope", node.name);
    let slope = g.b.stored(&name, || Ok(broadcasting(&slope, rank, order)))?;
    let inputs = vec![Some(x.tensor), Some(slope)];
    g.layer(node, Op::PRelu, inputs, x.shape, order).map(Some)
}

fn resize(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let Some(sizes) = g.ints(node, 1).filter(|s| s.len() == 2 && x.rank() == Some(4)) else {
        return Ok(None);
    };
    let linear = node.op == "ResizeBilinear";
    let coordinates = match (
        node.flag("align_corners"),
        node.flag("half_pixel_centers"),
        linear,
    ) {
        (true, _, _) => "align_corners",
        (_, true, true) => "half_pixel",
        (_, true, false) => "tf_half_pixel_for_nn",
        _ => "asymmetric",
    };
    let x = g.b.first(&x)?;
    let how = Resize {
        mode: if linear { "linear" } else { "nearest" }.into(),
        coordinates: coordinates.into(),
        nearest: if coordinates == "align_corners" {
            "round_prefer_ceil"
        } else {
            "floor"
        }
        .into(),
        cubic_a: -0.75,
        exclude_outside: false,
        axes: Some(vec![2, 3]),
        aspect: "stretch".into(),
        two_inputs: false,
        antialias: false,
        extrapolation: 0.0,
    };
    let shape = vec![
        x.size(0),
        u64::try_from(sizes[0]).ok(),
        u64::try_from(sizes[1]).ok(),
        x.last(),
    ];
    let data = TensorData::from_i64(&[2], &sizes);
    let sizes = g.b.constant(&format!("{}/sizes", node.name), data);
    let inputs = vec![Some(x.tensor), None, None, Some(sizes)];
    g.layer(node, Op::Resize(how), inputs, Some(shape), Order::ChannelsFirst)
        .map(Some)
}

fn transpose(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let (Some(perm), Some(shape)) = (g.ints(node, 1), x.shape.clone()) else {
        return Ok(None);
    };
    let sizes: Option<Sizes> = perm
        .iter()
        .map(|&p| shape.get(usize::try_from(p).ok()?).copied())
        .collect();
    if sizes.as_ref().is_none_or(|s| s.len() != shape.len()) {
        return Ok(None);
    }
    let x = g.b.file(&x)?;
    let op = Op::Transpose { perm: Some(perm) };
    g.layer(node, op, vec![Some(x.tensor)], sizes, Order::File)
        .map(Some)
}

fn twice(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let x = g.b.settled(&x)?;
    let (order, t) = (g.b.order(&x), x.tensor);
    if node.op == "Square" {
        let op = Op::Binary(Binary::Mul);
        return g
            .layer(node, op, vec![Some(t), Some(t)], x.shape, order)
            .map(Some);
    }
    let root = g.b.one(
        &format!("{}:root", node.name),
        node.op,
        Op::Unary(Unary::Sqrt),
        &[t],
    )?;
    let op = Op::Unary(Unary::Reciprocal);
    g.layer(node, op, vec![Some(root)], x.shape, order).map(Some)
}

fn batch(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    if x.rank() != Some(4) || (1..5).any(|i| g.data(node, i).is_none()) {
        return Ok(None);
    }
    let x = g.b.first(&x)?;
    let mut inputs = vec![Some(x.tensor)];
    for i in 1..5 {
        inputs.push(Some(g.flow(node, i)?.tensor));
    }
    let op = Op::BatchNorm {
        epsilon: node.float("epsilon", 1e-4),
    };
    g.layer(node, op, inputs, x.shape, Order::ChannelsFirst).map(Some)
}

fn reduce(g: &mut Graph, node: &Node, kind: Reduction) -> Made {
    let x = g.flow(node, 0)?;
    let (Some(axes), Some(rank)) = (g.ints(node, 1), x.rank()) else {
        return Ok(None);
    };
    let mut x = g.b.settled(&x)?;
    let keep = node.flag("keep_dims");
    let wrapped: Vec<usize> = axes
        .iter()
        .map(|&a| if a < 0 { a.saturating_add(rank as i64) } else { a })
        .filter_map(|a| usize::try_from(a).ok().filter(|&a| a < rank))
        .collect();
    if wrapped.len() != axes.len() || wrapped.is_empty() {
        return Ok(None);
    }
    let all_space = (1..rank.saturating_sub(1)).all(|a| wrapped.contains(&a));
    if !keep && !all_space || matches!(g.b.order(&x), Order::Flat { .. }) {
        x = g.b.file(&x)?;
    }
    let order = if keep { g.b.order(&x) } else { Order::File };
    let own: Option<Vec<i64>> = wrapped.iter().map(|&a| g.b.axis(&x, a as i64)).collect();
    let shape = x.shape.as_ref().map(|s| {
        let one = |(i, n): (usize, &Option<u64>)| match wrapped.contains(&i) {
            false => Some(*n),
            true => keep.then_some(Some(1)),
        };
        s.iter().enumerate().filter_map(one).collect()
    });
    let op = Op::Reduce {
        kind,
        axes: own,
        keep_dims: keep,
        noop_if_empty: false,
    };
    g.layer(node, op, vec![Some(x.tensor)], shape, order).map(Some)
}

fn along(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let x = g.b.settled(&x)?;
    let Some(axis) = g.b.axis(&x, -1) else {
        return Ok(None);
    };
    let order = g.b.order(&x);
    let op = Op::Softmax { axis, coerce: false };
    g.layer(node, op, vec![Some(x.tensor)], x.shape, order).map(Some)
}

fn reshape(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let Some(to) = g
        .ints(node, 1)
        .filter(|t| t.len() <= 8 && t.iter().filter(|n| **n < 0).count() <= 1)
    else {
        return Ok(None);
    };
    let x = g.b.file(&x)?;
    let known = to
        .iter()
        .filter(|n| **n >= 0)
        .try_fold(1u64, |p, n| p.checked_mul(*n as u64));
    let total = x
        .shape
        .as_ref()
        .and_then(|s| s.iter().try_fold(1u64, |p, n| p.checked_mul((*n)?)));
    let open = total.zip(known).and_then(|(t, k)| t.checked_div(k));
    let shape = to.iter().map(|&n| u64::try_from(n).ok().or(open)).collect();
    let op = Op::Reshape {
        shape: Some(to),
        allow_zero: true,
    };
    g.layer(node, op, vec![Some(x.tensor)], Some(shape), Order::File)
        .map(Some)
}

fn squeeze(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let Some(shape) = x.shape.clone() else {
        return Ok(None);
    };
    let wrap = |a: i64| {
        if a < 0 {
            a.saturating_add(shape.len() as i64)
        } else {
            a
        }
    };
    let gone: Vec<i64> = node.ints("squeeze_dims").into_iter().map(wrap).collect();
    if gone.is_empty() || gone.iter().any(|a| !(0..shape.len() as i64).contains(a)) {
        return Ok(None);
    }
    let x = g.b.file(&x)?;
    let kept = shape
        .iter()
        .enumerate()
        .filter(|(i, _)| !gone.contains(&(*i as i64)))
        .map(|(_, n)| *n);
    let op = Op::Squeeze {
        axes: Some(gone.clone()),
    };
    g.layer(node, op, vec![Some(x.tensor)], Some(kept.collect()), Order::File)
        .map(Some)
}

fn concat(g: &mut Graph, node: &Node) -> Made {
    let count = node.inputs.len() - 1;
    let Some(axis) = g.ints(node, count).and_then(|a| a.first().copied()) else {
        return Ok(None);
    };
    let mut flows = Vec::new();
    for i in 0..count {
        let flow = g.flow(node, i)?;
        flows.push(g.b.settled(&flow)?);
    }
    let Some(rank) = flows.first().and_then(Flow::rank) else {
        return Ok(None);
    };
    if flows.iter().any(|f| f.rank() != Some(rank)) {
        return Ok(None);
    }
    let images = flows.iter().any(|f| g.b.order(f) == Order::ChannelsFirst);
    for flow in &mut flows {
        *flow = if images { g.b.first(flow)? } else { g.b.file(flow)? };
    }
    let place = if axis < 0 {
        axis.saturating_add(rank as i64)
    } else {
        axis
    };
    let (Some(own), Ok(place)) = (g.b.axis(&flows[0], axis), usize::try_from(place)) else {
        return Ok(None);
    };
    let mut shape = flows[0].shape.clone().unwrap_or_default();
    shape[place] = flows
        .iter()
        .map(|f| f.size(place))
        .reduce(|a, b| a?.checked_add(b?))
        .flatten();
    let order = g.b.order(&flows[0]);
    let inputs = flows.iter().map(|f| Some(f.tensor)).collect();
    g.layer(node, Op::Concat { axis: own }, inputs, Some(shape), order)
        .map(Some)
}

fn pad(g: &mut Graph, node: &Node) -> Made {
    let x = g.flow(node, 0)?;
    let (Some(pads), Some(rank)) = (g.ints(node, 1), x.rank()) else {
        return Ok(None);
    };
    let value = match node.op {
        "PadV2" => g
            .data(node, 2)
            .and_then(TensorData::to_f32)
            .and_then(|v| v.first().copied()),
        _ => Some(0.0),
    };
    let mut x = g.b.settled(&x)?;
    if let Order::Flat { .. } = g.b.order(&x) {
        x = g.b.file(&x)?;
    }
    let (Some(value), true) = (
        value,
        pads.len() == 2 * rank && pads.iter().all(|p| (0..1 << 31).contains(p)),
    ) else {
        return Ok(None);
    };
    let mut own = vec![0; 2 * rank];
    for axis in 0..rank {
        let Some(to) = g.b.axis(&x, axis as i64).and_then(|a| usize::try_from(a).ok()) else {
            return Ok(None);
        };
        (own[to], own[to + rank]) = (pads[2 * axis], pads[2 * axis + 1]);
    }
    let shape = x.shape.as_ref().map(|s| {
        let one = |(i, n): (usize, &Option<u64>)| {
            n.and_then(|n| n.checked_add((pads[2 * i] + pads[2 * i + 1]) as u64))
        };
        s.iter().enumerate().map(one).collect()
    });
    let order = g.b.order(&x);
    let op = Op::Pad {
        mode: "constant".into(),
        pads: Some(own),
        value: Some(value),
    };
    g.layer(node, op, vec![Some(x.tensor)], shape, order).map(Some)
}
