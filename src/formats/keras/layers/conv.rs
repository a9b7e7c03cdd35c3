//! Convolutions: kernels `[space, in, out]` become `[out, in, space]`.

use model::TensorData;
use model::op::{Op, Padding, Window};

use crate::channels::{Flow, Order, Sizes, permute, reshaped, windowed};
use crate::error::Fault;
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    let x = &x[0];
    let axes = match at.class() {
        c if c.contains("1D") => 1,
        c if c.contains("2D") => 2,
        _ => 3,
    };
    Some(match at.class() {
        "Conv1D" | "Conv2D" | "Conv3D" => plain(r, at, x, axes),
        "Conv1DTranspose" | "Conv2DTranspose" | "Conv3DTranspose" => transpose(r, at, x, axes),
        "DepthwiseConv1D" | "DepthwiseConv2D" => depthwise(r, at, x, axes),
        "SeparableConv1D" | "SeparableConv2D" => separable(r, at, x, axes),
        _ => return None,
    })
}

/// `x` with its channels second, and how the result is kept: layers that want their channels first
/// keep the file's order.
pub(super) fn spatial(r: &mut Reader, at: &At, x: &Flow) -> Result<(Flow, Order), Fault> {
    match at.channels_first() {
        true => Ok((r.b.file(x)?, Order::File)),
        false => Ok((r.b.first(x)?, Order::ChannelsFirst)),
    }
}

/// The shape with sizes of space and channels replaced.
pub(super) fn resized(
    at: &At,
    x: &Flow,
    channels: Option<u64>,
    size: impl Fn(usize, u64) -> Option<u64>,
) -> Option<Sizes> {
    let mut shape = x.shape.clone()?;
    let last = shape.len() - 1;
    let (channel, space) = if at.channels_first() {
        (1, 2..last + 1)
    } else {
        (last, 1..last)
    };
    for (i, axis) in space.enumerate() {
        shape[axis] = shape[axis].and_then(|n| size(i, n));
    }
    if channels.is_some() {
        *shape.get_mut(channel)? = channels;
    }
    Some(shape)
}

fn window(at: &At, axes: usize, kernel: &[i64]) -> Result<(Window, bool), Fault> {
    let strides = at.axes("strides", axes, 1)?;
    let dilations = at.axes("dilation_rate", axes, 1)?;
    let padding = match at.text("padding").unwrap_or("valid") {
        "valid" => Padding::Valid,
        "same" => Padding::SameUpper,
        // Only what came before: all padding stands at the beginning.
        "causal" if axes == 1 => Padding::Explicit(vec![(kernel[0] - 1).saturating_mul(dilations[0]), 0]),
        other => {
            return Err(at.fault(format!(
                "\"padding\": expected valid, same or causal, found {other:?}"
            )));
        }
    };
    let same = !matches!(padding, Padding::Valid);
    let window = Window {
        kernel: kernel.to_vec(),
        strides,
        dilations,
        padding,
    };
    Ok((window, same))
}

/// Rank that the input must have.
fn check_rank(at: &At, x: &Flow, axes: usize) -> Result<(), Fault> {
    match x.rank() {
        Some(rank) if rank != axes + 2 => {
            Err(at.fault(format!("expected an input of {} axes, found {rank}", axes + 2)))
        }
        _ => Ok(()),
    }
}

fn channels(at: &At, x: &Flow) -> Option<u64> {
    if at.channels_first() { x.size(1) } else { x.last() }
}

/// `[space, in, out]` to `[out, in, space]`, its window checked.
fn kernel_first(at: &At, role: &str, data: &TensorData, kernel: &[i64]) -> Result<TensorData, Fault> {
    let axes = kernel.len();
    if !data.shape[..axes]
        .iter()
        .zip(kernel)
        .all(|(&a, &b)| a == b as u64)
    {
        let found = data.spec();
        return Err(at.fault(format!(
            "weight {role:?}: expected a window of {kernel:?}, found {found}"
        )));
    }
    let perm: Vec<usize> = [axes + 1, axes].into_iter().chain(0..axes).collect();
    Ok(permute(data, &perm))
}

fn plain(r: &mut Reader, at: &At, x: &Flow, axes: usize) -> Made {
    check_rank(at, x, axes)?;
    let activation = Activation::of(r, at, "activation");
    let kernel = at.axes("kernel_size", axes, 1)?;
    let (filters, groups) = (at.size("filters", None)?, at.size("groups", Some(1))?);
    let (window, same) = window(at, axes, &kernel)?;
    let (input, order) = spatial(r, at, x)?;
    let from = channels(at, &input);
    let weight = r.laid(at, "kernel", "kernel", axes + 2, |data| {
        let each = data.shape[axes].checked_mul(groups as u64);
        if from.is_some_and(|c| Some(c) != each) || data.shape[axes + 1] != filters as u64 {
            let found = data.spec();
            let from = from.map_or("?".into(), |c| c.to_string());
            return Err(at.fault(format!(
                "weight \"kernel\": expected {from} channels in {groups} groups to {filters}, found {found}"
            )));
        }
        kernel_first(at, "kernel", data, &kernel)
    })?;
    let mut inputs = vec![Some(input.tensor), Some(weight)];
    if at.flag("use_bias", true) {
        inputs.push(Some(r.stored(at, "bias", 1)?));
    }
    let shape = resized(at, &input, Some(filters as u64), |i, n| {
        windowed(n, kernel[i], window.stride(i), window.dilation(i), same)
    });
    let op = Op::Conv { window, groups };
    Ok(Some(vec![r.main(at, op, inputs, shape, order, activation)?]))
}

/// A kernel `[space, in, multiplier]` for one group a channel.
fn depthwise_kernel(
    r: &mut Reader,
    at: &At,
    role: &str,
    kernel: &[i64],
    from: Option<u64>,
) -> Result<(model::TensorId, Option<u64>), Fault> {
    let axes = kernel.len();
    let mut stored = None;
    if let Some(data) = at.weight(r.weights, role, axes + 2)? {
        stored = Some(data.shape[axes]);
        if from.is_some_and(|c| c != data.shape[axes]) {
            let found = data.spec();
            let from = from.unwrap_or(0);
            return Err(at.fault(format!(
                "weight {role:?}: expected {from} channels, found {found}"
            )));
        }
    }
    let id = r.laid(at, role, role, axes + 2, |data| {
        // Channels run slower than their multiples.
        let perm: Vec<usize> = [axes, axes + 1].into_iter().chain(0..axes).collect();
        kernel_first(at, role, data, kernel)?;
        let turned = permute(data, &perm);
        let many = turned.shape[0].saturating_mul(turned.shape[1]);
        let to: Vec<u64> = [many, 1]
            .into_iter()
            .chain(turned.shape[2..].iter().copied())
            .collect();
        Ok(reshaped(&turned, &to))
    })?;
    Ok((id, from.or(stored)))
}

fn depthwise(r: &mut Reader, at: &At, x: &Flow, axes: usize) -> Made {
    check_rank(at, x, axes)?;
    let activation = Activation::of(r, at, "activation");
    let kernel = at.axes("kernel_size", axes, 1)?;
    let multiplier = at.size("depth_multiplier", Some(1))?;
    let (window, same) = window(at, axes, &kernel)?;
    let (input, order) = spatial(r, at, x)?;
    let (weight, from) = depthwise_kernel(r, at, "kernel", &kernel, channels(at, &input))?;
    let Some(groups) = from.and_then(|c| i64::try_from(c).ok()) else {
        return Ok(None);
    };
    let mut inputs = vec![Some(input.tensor), Some(weight)];
    if at.flag("use_bias", true) {
        inputs.push(Some(r.stored(at, "bias", 1)?));
    }
    let many = (groups as u64).checked_mul(multiplier as u64);
    let shape = resized(at, &input, many, |i, n| {
        windowed(n, kernel[i], window.stride(i), window.dilation(i), same)
    });
    let op = Op::Conv { window, groups };
    Ok(Some(vec![r.main(at, op, inputs, shape, order, activation)?]))
}

fn separable(r: &mut Reader, at: &At, x: &Flow, axes: usize) -> Made {
    check_rank(at, x, axes)?;
    let activation = Activation::of(r, at, "activation");
    let kernel = at.axes("kernel_size", axes, 1)?;
    let filters = at.size("filters", None)?;
    let (window, same) = window(at, axes, &kernel)?;
    let (input, order) = spatial(r, at, x)?;
    let (weight, from) = depthwise_kernel(r, at, "depthwise_kernel", &kernel, channels(at, &input))?;
    let Some(groups) = from.and_then(|c| i64::try_from(c).ok()) else {
        return Ok(None);
    };
    let shape = resized(at, &input, Some(filters as u64), |i, n| {
        windowed(n, kernel[i], window.stride(i), window.dilation(i), same)
    });
    let each = r.step(
        at,
        "depthwise",
        Op::Conv { window, groups },
        &[input.tensor, weight],
    )?;
    let ones = vec![1; axes];
    let weight = r.laid(at, "pointwise_kernel", "pointwise_kernel", axes + 2, |data| {
        kernel_first(at, "pointwise_kernel", data, &ones)
    })?;
    let mut inputs = vec![Some(each), Some(weight)];
    if at.flag("use_bias", true) {
        inputs.push(Some(r.stored(at, "bias", 1)?));
    }
    let window = Window {
        kernel: ones,
        strides: vec![],
        dilations: vec![],
        padding: Padding::Valid,
    };
    let op = Op::Conv { window, groups: 1 };
    Ok(Some(vec![r.main(at, op, inputs, shape, order, activation)?]))
}

/// The gradient of a convolution: the padding is that of the convolution which it turns around.
fn transpose(r: &mut Reader, at: &At, x: &Flow, axes: usize) -> Made {
    check_rank(at, x, axes)?;
    let activation = Activation::of(r, at, "activation");
    let kernel = at.axes("kernel_size", axes, 1)?;
    let filters = at.size("filters", None)?;
    let (strides, dilations) = (at.axes("strides", axes, 1)?, at.axes("dilation_rate", axes, 1)?);
    if at.value("output_padding").is_some() {
        return Ok(None);
    }
    let same = match at.text("padding").unwrap_or("valid") {
        "same" => true,
        "valid" => false,
        other => return Err(at.fault(format!("\"padding\": expected valid or same, found {other:?}"))),
    };
    let (input, order) = spatial(r, at, x)?;
    let from = channels(at, &input);
    let weight = r.laid(at, "kernel", "kernel", axes + 2, |data| {
        if from.is_some_and(|c| c != data.shape[axes + 1]) || data.shape[axes] != filters as u64 {
            let found = data.spec();
            return Err(at.fault(format!(
                "weight \"kernel\": expected {filters} filters, found {found}"
            )));
        }
        kernel_first(at, "kernel", data, &kernel)
    })?;
    let extent = |i: usize| (kernel[i] - 1).saturating_mul(dilations[i]).saturating_add(1);
    // What the whole product has more than wanted is cut, what it lacks is added at the end.
    let surplus = |i: usize| {
        if same {
            extent(i) - strides[i]
        } else {
            (extent(i) - strides[i]).min(0)
        }
    };
    let cut: Vec<i64> = (0..axes).map(|i| surplus(i).max(0)).collect();
    let begin = cut.iter().map(|c| c / 2);
    let end = cut.iter().map(|c| c - c / 2);
    let window = Window {
        kernel: kernel.clone(),
        strides: strides.clone(),
        dilations: dilations.clone(),
        padding: Padding::Explicit(begin.chain(end).collect()),
    };
    let mut inputs = vec![Some(input.tensor), Some(weight)];
    if at.flag("use_bias", true) {
        inputs.push(Some(r.stored(at, "bias", 1)?));
    }
    let shape = resized(at, &input, Some(filters as u64), |i, n| {
        let all = n.checked_mul(strides[i] as u64)?;
        let more = if same {
            0
        } else {
            (extent(i) - strides[i]).max(0) as u64
        };
        all.checked_add(more)
    });
    let op = Op::ConvTranspose {
        window,
        groups: 1,
        output_padding: (0..axes).map(|i| (-surplus(i)).max(0)).collect(),
        output_shape: None,
    };
    Ok(Some(vec![r.main(at, op, inputs, shape, order, activation)?]))
}
