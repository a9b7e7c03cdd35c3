//! Convolution and its transpose over one to three spatial axes.

use burn_backend::Backend;
use burn_backend::ops::{ConvOptions, ConvTransposeOptions};
use burn_backend::tensor::FloatTensor;
use model::op::{Padding, Window};

use super::host::Done;
use super::host_window::{Convolution, Slide};
use super::{Context, Output, elementwise};
use crate::value::{Value, broadcast, dims, reshape};

/// The padding of one spatial axis, begin and end.
pub type Ends = (usize, usize);

/// Elements of a tensor of `shape`, where that is a number of elements to make.
///
/// # Errors
/// A sentence for more than 2^30.
pub fn bounded(shape: &[usize]) -> Result<usize, String> {
    let total = shape.iter().try_fold(1usize, |p, &d| p.checked_mul(d));
    let total = total.filter(|&t| t <= 1 << 30);
    total.ok_or_else(|| format!("a tensor of shape {shape:?} would be too large"))
}

/// Resolves a window's padding for the input sizes `input` and kernel extents `kernel`.
pub fn padding(window: &Window, input: &[usize], kernel: &[usize]) -> Result<Vec<Ends>, String> {
    let axes = input.len();
    (0..axes)
        .map(|i| match &window.padding {
            Padding::Valid => Ok((0, 0)),
            Padding::Explicit(p) if p.is_empty() => Ok((0, 0)),
            Padding::Explicit(p) => match (p.get(i), p.get(i + axes)) {
                (Some(&b), Some(&e)) if b >= 0 && e >= 0 => Ok((b as usize, e as usize)),
                _ => Err(format!("padding {p:?} does not fit {axes} spatial axes")),
            },
            same => {
                let stride = window.stride(i).max(1) as usize;
                let extent = (kernel[i] - 1) * window.dilation(i).max(1) as usize + 1;
                let outputs = input[i].div_ceil(stride);
                let total = (outputs.saturating_sub(1) * stride + extent).saturating_sub(input[i]);
                let small = total / 2;
                Ok(match same {
                    Padding::SameLower => (total - small, small),
                    _ => (small, total - small),
                })
            }
        })
        .collect()
}

/// Checks a window against its input and returns its strides and dilations.
pub fn steps(window: &Window, axes: usize) -> Result<(Vec<usize>, Vec<usize>), String> {
    let positive = |v: i64, what: &str| {
        usize::try_from(v)
            .ok()
            .filter(|&v| v > 0)
            .ok_or_else(|| format!("{what} {v}: at least 1 is expected"))
    };
    let strides = (0..axes)
        .map(|i| positive(window.stride(i), "stride"))
        .collect::<Result<_, _>>()?;
    let dilations = (0..axes)
        .map(|i| positive(window.dilation(i), "dilation"))
        .collect::<Result<_, _>>()?;
    Ok((strides, dilations))
}

/// Convolution: `X [N, C, ...]`, `W [M, C / groups, ...]`, optional `B [M]`.
pub fn conv<B: Backend>(c: &Context<B>, window: &Window, groups: i64) -> Output<B> {
    let (mut x, w, bias) = (c.float(0)?, c.float(1)?, c.opt_float(2)?);
    let (xs, ws) = (dims::<B>(&x), dims::<B>(&w));
    let axes = xs.len().saturating_sub(2);
    let groups = usize::try_from(groups)
        .ok()
        .filter(|&g| g > 0)
        .ok_or("group must be positive")?;
    if !(1..=3).contains(&axes) || ws.len() != xs.len() || ws[1] * groups != xs[1] || ws[0] % groups != 0 {
        return Err(format!(
            "input {xs:?} and weights {ws:?} in {groups} groups do not fit"
        ));
    }
    if let Some(b) = &bias
        && dims::<B>(b) != [ws[0]]
    {
        return Err(format!("bias {:?} for {} channels", dims::<B>(b), ws[0]));
    }
    let (mut strides, dilations) = steps(window, axes)?;
    let mut pads = padding(window, &xs[2..], &ws[2..])?;
    let thinning = c
        .unit_strides
        .then(|| std::mem::replace(&mut strides, vec![1; axes]));
    for i in 0..axes {
        let extent = (ws[i + 2] - 1) * dilations[i] + 1;
        if xs[i + 2] + pads[i].0 + pads[i].1 < extent {
            return Err(format!(
                "a window of {extent} does not fit input {xs:?} with padding {pads:?}"
            ));
        }
    }
    let padded = |i: usize| xs[i + 2] + pads[i].0 + pads[i].1;
    bounded(&[&xs[..2], &(0..axes).map(padded).collect::<Vec<_>>()].concat())?;
    let sum = c.opt_float(3)?;
    if axes <= 2 && thinning.is_none() {
        // A single axis is the last one of two.
        let of = |all: &[usize]| [if axes == 2 { all[0] } else { 1 }, all[axes - 1]];
        let flat = |t: &FloatTensor<B>| match dims::<B>(t)[..] {
            [n, channels, width] => reshape::<B>(t.clone(), &[n, channels, 1, width]),
            _ => t.clone(),
        };
        let flat_sum = sum.as_ref().map(flat);
        let convolution = Convolution::<B> {
            x: &flat(&x),
            weights: &flat(&w),
            bias: bias.as_ref(),
            sum: flat_sum.as_ref(),
            groups,
            slide: Slide {
                kernel: of(&ws[2..]),
                strides: of(&strides),
                dilations: of(&dilations),
                pads: [if axes == 2 { pads[0] } else { (0, 0) }, pads[axes - 1]],
            },
            activation: c.layer.activation,
        };
        let learned = || {
            let y = super::host_learn::conv::<B>(
                convolution.x,
                convolution.weights,
                bias.as_ref(),
                groups,
                convolution.slide,
            )?;
            Some((y, Done::default()))
        };
        if let Some((y, done)) = convolution.run(c.device).or_else(learned) {
            let ys = dims::<B>(&y);
            let y = match axes {
                1 => reshape::<B>(y, &[ys[0], ys[1], ys[3]]),
                _ => y,
            };
            return finished(c, Value::Float(y), sum, done);
        }
    }
    if pads.iter().any(|(b, e)| b != e) {
        x = super::shape::pad_spatial::<B>(x, &pads, 0.0, c.device);
        pads.fill((0, 0));
    }
    let pad: Vec<usize> = pads.iter().map(|p| p.0).collect();
    let mut y = Value::Float(match axes {
        1 => B::conv1d(
            x,
            w,
            bias,
            ConvOptions::new([strides[0]], [pad[0]], [dilations[0]], groups),
        ),
        2 => B::conv2d(
            x,
            w,
            bias,
            ConvOptions::new(two(&strides), two(&pad), two(&dilations), groups),
        ),
        _ => B::conv3d(
            x,
            w,
            bias,
            ConvOptions::new(three(&strides), three(&pad), three(&dilations), groups),
        ),
    });
    for (i, step) in thinning.unwrap_or_default().into_iter().enumerate() {
        if step > 1 {
            let places: Vec<usize> = (0..y.shape()[i + 2]).step_by(step).collect();
            y = super::shape::take(&y, i + 2, &places, c.device);
        }
    }
    finished(c, y, sum, Done::default())
}

/// `y` with `sum` added and the layer's activation applied, as far as that has not been done.
pub fn finished<B: Backend>(
    c: &Context<B>,
    y: Value<B>,
    sum: Option<FloatTensor<B>>,
    done: Done,
) -> Output<B> {
    let y = match (y, sum) {
        (Value::Float(y), Some(sum)) if !done.summed => {
            let (y, sum) = elementwise::pair::<B>(y, sum)?;
            broadcast(&dims::<B>(&y), &dims::<B>(&sum))?;
            Value::Float(B::float_add(y, sum))
        }
        (y, _) => y,
    };
    match c.layer.activation {
        Some(kind) if !done.activated => elementwise::unary_value(c, &y, kind),
        _ => Ok(y),
    }
}

fn two(v: &[usize]) -> [usize; 2] {
    [v[0], v[1]]
}

fn three(v: &[usize]) -> [usize; 3] {
    [v[0], v[1], v[2]]
}

/// Transposed convolution: `X [N, C, ...]`, `W [C, M / groups, ...]`, optional `B [M]`.
pub fn transpose<B: Backend>(
    c: &Context<B>,
    window: &Window,
    groups: i64,
    output_padding: &[i64],
    output_shape: Option<&[i64]>,
) -> Output<B> {
    let (x, w, bias) = (c.float(0)?, c.float(1)?, c.opt_float(2)?);
    let (xs, ws) = (dims::<B>(&x), dims::<B>(&w));
    let axes = xs.len().saturating_sub(2);
    let groups = usize::try_from(groups)
        .ok()
        .filter(|&g| g > 0)
        .ok_or("group must be positive")?;
    if !(1..=3).contains(&axes) || ws.len() != xs.len() || ws[0] != xs[1] || ws[0] % groups != 0 {
        return Err(format!(
            "input {xs:?} and weights {ws:?} in {groups} groups do not fit"
        ));
    }
    let (strides, dilations) = steps(window, axes)?;
    if let Some(b) = &bias
        && dims::<B>(b) != [ws[1] * groups]
    {
        return Err(format!("bias {:?} for {} channels", dims::<B>(b), ws[1] * groups));
    }
    if xs[2..].contains(&0) || ws[2..].contains(&0) || output_shape.is_some_and(|s| s.len() != axes) {
        return Err(format!("output shape {output_shape:?} from {xs:?} under {ws:?}"));
    }
    let mut extra: Vec<usize> = (0..axes)
        .map(|i| output_padding.get(i).map_or(0, |&p| p.max(0) as usize))
        .collect();
    // Run without padding, then crop: any begin and end is possible then.
    let mut full: Vec<usize> = (0..axes)
        .map(|i| (xs[i + 2] - 1) * strides[i] + (ws[i + 2] - 1) * dilations[i] + 1 + extra[i])
        .collect();
    // A larger output than the windows reach ends in cells that only the bias fills.
    for (i, &wanted) in output_shape.unwrap_or_default().iter().enumerate() {
        let more = (wanted.max(0) as usize).saturating_sub(full[i]);
        if more > 1 << 24 {
            return Err(format!("output shape {output_shape:?} from {xs:?}"));
        }
        extra[i] += more;
        full[i] += more;
    }
    bounded(&[&[xs[0], ws[1] * groups], &full[..]].concat())?;
    let pads: Vec<Ends> = match (output_shape, &window.padding) {
        (Some(wanted), _) => shares(&full, wanted.iter().map(|&v| v.max(0) as usize), window),
        (None, Padding::SameUpper | Padding::SameLower) => {
            shares(&full, (0..axes).map(|i| xs[i + 2] * strides[i]), window)
        }
        (None, _) => padding(window, &xs[2..], &ws[2..])?,
    };
    let y = if axes == 1 {
        let x4 = reshape::<B>(x, &[xs[0], xs[1], 1, xs[2]]);
        let w4 = reshape::<B>(w, &[ws[0], ws[1], 1, ws[2]]);
        let options =
            ConvTransposeOptions::new([1, strides[0]], [0, 0], [0, extra[0]], [1, dilations[0]], groups);
        let y = B::conv_transpose2d(x4, w4, bias, options);
        let ys = dims::<B>(&y);
        reshape::<B>(y, &[ys[0], ys[1], ys[3]])
    } else if axes == 2 {
        let options = ConvTransposeOptions::new(two(&strides), [0, 0], two(&extra), two(&dilations), groups);
        B::conv_transpose2d(x, w, bias, options)
    } else {
        let (strides, extra, dilations) = (three(&strides), three(&extra), three(&dilations));
        let options = ConvTransposeOptions::new(strides, [0; 3], extra, dilations, groups);
        B::conv_transpose3d(x, w, bias, options)
    };
    crop::<B>(y, &pads).map(Value::Float)
}

fn shares(full: &[usize], wanted: impl Iterator<Item = usize>, window: &Window) -> Vec<Ends> {
    full.iter()
        .zip(wanted)
        .map(|(&f, w)| {
            let total = f.saturating_sub(w);
            let small = total / 2;
            match window.padding {
                Padding::SameUpper => (small, total - small),
                _ => (total - small, small),
            }
        })
        .collect()
}

fn crop<B: Backend>(t: FloatTensor<B>, pads: &[Ends]) -> Result<FloatTensor<B>, String> {
    if pads.iter().all(|&p| p == (0, 0)) {
        return Ok(t);
    }
    let shape = dims::<B>(&t);
    let mut ranges = vec![(0, shape[0]), (0, shape[1])];
    for (i, (begin, end)) in pads.iter().enumerate() {
        let size = shape[i + 2];
        if begin + end >= size {
            return Err(format!("padding {pads:?} leaves nothing of {shape:?}"));
        }
        ranges.push((*begin, size - end));
    }
    Ok(super::shape::range::<B>(t, &ranges))
}
