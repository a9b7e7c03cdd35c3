//! Pooling by windows and over all of space.

use model::op::{Op, Padding, Reduction, Window};

use super::conv::{resized, spatial};
use crate::channels::{Flow, Order, Sizes, windowed};
use crate::error::Fault;
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    let (rest, max) = match at.class() {
        c if c.starts_with("GlobalMaxPool") => return Some(global(r, at, &x[0], true)),
        c if c.starts_with("GlobalAveragePool") => return Some(global(r, at, &x[0], false)),
        c => match (c.strip_prefix("MaxPooling"), c.strip_prefix("AveragePooling")) {
            (Some(rest), _) => (rest, true),
            (_, Some(rest)) => (rest, false),
            _ => return None,
        },
    };
    let axes = match rest {
        "1D" => 1,
        "2D" => 2,
        "3D" => 3,
        _ => return None,
    };
    Some(pool(r, at, &x[0], axes, max))
}

fn operator(window: Window, max: bool) -> Op {
    match max {
        true => Op::MaxPool {
            window,
            ceil: false,
            column_major: false,
        },
        false => Op::AveragePool {
            window,
            ceil: false,
            count_include_pad: false,
        },
    }
}

fn pool(r: &mut Reader, at: &At, x: &Flow, axes: usize, max: bool) -> Made {
    if let Some(rank) = x.rank().filter(|&rank| rank != axes + 2) {
        return Err(at.fault(format!("expected an input of {} axes, found {rank}", axes + 2)));
    }
    let kernel = at.axes("pool_size", axes, 2)?;
    let strides = match at.value("strides") {
        Some(_) => at.axes("strides", axes, 1)?,
        None => kernel.clone(),
    };
    let (padding, same) = match at.text("padding").unwrap_or("valid") {
        "valid" => (Padding::Valid, false),
        "same" => (Padding::SameUpper, true),
        other => return Err(at.fault(format!("\"padding\": expected valid or same, found {other:?}"))),
    };
    let (input, order) = spatial(r, at, x)?;
    let shape = resized(at, &input, None, |i, n| {
        windowed(n, kernel[i], strides[i], 1, same)
    });
    let window = Window {
        kernel,
        strides,
        dilations: vec![],
        padding,
    };
    if axes == 3
        && let Some(made) = volume(r, at, &input, &shape, &window, max, order)?
    {
        return Ok(Some(vec![made]));
    }
    let op = operator(window, max);
    let y = r.main(at, op, vec![Some(input.tensor)], shape, order, Activation::Linear)?;
    Ok(Some(vec![y]))
}

/// Pooling of volumes, which separates: first height and width, then depth.
fn volume(
    r: &mut Reader,
    at: &At,
    x: &Flow,
    shape: &Option<Sizes>,
    window: &Window,
    max: bool,
    order: Order,
) -> Result<Option<Flow>, Fault> {
    let sizes = |shape: &Option<Sizes>| -> Option<Vec<i64>> {
        let sizes: Vec<i64> = shape.as_ref()?[1..]
            .iter()
            .map(|s| i64::try_from((*s)?).ok())
            .collect::<Option<_>>()?;
        Some(match order {
            Order::ChannelsFirst => [&sizes[3..], &sizes[..3]].concat(),
            _ => sizes,
        })
    };
    let (Some(from), Some(to)) = (sizes(&x.shape), sizes(shape)) else {
        return Ok(None);
    };
    let (c, d, h, w) = (from[0], from[1], from[2], from[3]);
    let (d2, h2, w2) = (to[1], to[2], to[3]);
    let (Some(planes), Some(pixels)) = (c.checked_mul(d), h2.checked_mul(w2)) else {
        return Ok(None);
    };
    let reshape = |shape: Vec<i64>| Op::Reshape {
        shape: Some(shape),
        allow_zero: false,
    };
    let part = |range: std::ops::Range<usize>, line: bool| {
        let of = |list: &[i64]| {
            let mut list = list[range.clone()].to_vec();
            if line {
                list.push(1);
            }
            list
        };
        let window = Window {
            kernel: of(&window.kernel),
            strides: of(&window.strides),
            dilations: vec![],
            padding: window.padding.clone(),
        };
        operator(window, max)
    };
    let y = r.step(at, "planes", reshape(vec![-1, planes, h, w]), &[x.tensor])?;
    let y = r.step(at, "height and width", part(1..3, false), &[y])?;
    let y = r.step(at, "lines", reshape(vec![-1, c, d, pixels]), &[y])?;
    let y = r.step(at, "depth", part(0..1, true), &[y])?;
    let op = reshape(vec![-1, c, d2, h2, w2]);
    Ok(Some(r.main(
        at,
        op,
        vec![Some(y)],
        shape.clone(),
        order,
        Activation::Linear,
    )?))
}

fn global(r: &mut Reader, at: &At, x: &Flow, max: bool) -> Made {
    let axes = x.rank_or(4).saturating_sub(2);
    if axes == 0 {
        return Err(at.fault(format!(
            "expected an input of 3 to 5 axes, found {}",
            x.rank_or(0)
        )));
    }
    let keep = at.flag("keepdims", false);
    let channels = if at.channels_first() { x.size(1) } else { x.last() };
    let batch = x.size(0);
    let kind = if max { Reduction::Max } else { Reduction::Mean };
    // A sequence that no convolution made keeps its order.
    if axes == 1 && !at.channels_first() && r.b.order(x) == Order::File {
        let x = r.b.file(x)?;
        let op = Op::Reduce {
            kind,
            axes: Some(vec![1]),
            keep_dims: keep,
            noop_if_empty: false,
        };
        let shape = if keep {
            vec![batch, Some(1), channels]
        } else {
            vec![batch, channels]
        };
        let y = r.main(
            at,
            op,
            vec![Some(x.tensor)],
            Some(shape),
            Order::File,
            Activation::Linear,
        )?;
        return Ok(Some(vec![y]));
    }
    let (input, order) = spatial(r, at, x)?;
    let op = if max {
        Op::GlobalMaxPool
    } else {
        Op::GlobalAveragePool
    };
    let ones = std::iter::repeat_n(Some(1), axes);
    let kept: Sizes = match order {
        Order::ChannelsFirst => std::iter::once(batch).chain(ones).chain([channels]).collect(),
        _ => [batch, channels].into_iter().chain(ones).collect(),
    };
    let y = r.main(
        at,
        op,
        vec![Some(input.tensor)],
        Some(kept),
        order,
        Activation::Linear,
    )?;
    if keep {
        return Ok(Some(vec![y]));
    }
    let y = r.step(at, "flat", Op::Flatten { axis: 1 }, &[y.tensor])?;
    Ok(Some(vec![r.b.flow(y, Some(vec![batch, channels]), Order::File)]))
}
