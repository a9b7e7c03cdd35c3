//! Layers that move, cut, repeat and resize.

use model::TensorData;
use model::op::{Op, Resize};
use serde_json::Value;

use super::conv::{resized, spatial};
use crate::channels::{Flow, Order, Sizes};
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    let x = &x[0];
    let axes = match at.class() {
        c if c.ends_with("1D") => 1,
        c if c.ends_with("2D") => 2,
        _ => 3,
    };
    Some(match at.class() {
        "Flatten" => flatten(r, at, x),
        "Reshape" => reshape(r, at, x),
        "Permute" => permute(r, at, x),
        "RepeatVector" => repeat(r, at, x),
        "ZeroPadding1D" | "ZeroPadding2D" | "ZeroPadding3D" => pad(r, at, x, axes),
        "Cropping1D" | "Cropping2D" | "Cropping3D" => crop(r, at, x, axes),
        "UpSampling1D" | "UpSampling2D" | "UpSampling3D" => up(r, at, x, axes),
        "Resizing" => resize(r, at, x),
        _ => return None,
    })
}

fn product(sizes: &[Option<u64>]) -> Option<u64> {
    sizes.iter().try_fold(1u64, |p, s| p.checked_mul((*s)?))
}

/// Images are flattened channels first; what reads the features lays out its weights accordingly.
fn flatten(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let op = Op::Flatten { axis: 1 };
    let Some(shape) = x.shape.clone().filter(|s| s.len() >= 2) else {
        return Ok(None);
    };
    let (batch, rest) = (shape[0], &shape[1..]);
    let x = r.b.settled(x)?;
    let flat = |n| Some(vec![batch, n]);
    if r.b.order(&x) == Order::ChannelsFirst
        && !at.channels_first()
        && let (Some(channels), Some(space)) = (rest[rest.len() - 1], product(&rest[..rest.len() - 1]))
    {
        let order = match (channels, space) {
            (1, _) | (_, 1) => Order::File,
            _ => Order::Flat { channels, space },
        };
        let all = channels.checked_mul(space);
        return Ok(Some(vec![r.main(
            at,
            op,
            vec![Some(x.tensor)],
            flat(all),
            order,
            Activation::Linear,
        )?]));
    }
    // Rank 2 keeps what it is.
    let order = r.b.order(&x);
    if let Order::Flat { .. } = order {
        return Ok(Some(vec![r.main(
            at,
            op,
            vec![Some(x.tensor)],
            Some(shape),
            order,
            Activation::Linear,
        )?]));
    }
    let x = r.b.file(&x)?;
    let all = product(rest);
    Ok(Some(vec![r.main(
        at,
        op,
        vec![Some(x.tensor)],
        flat(all),
        Order::File,
        Activation::Linear,
    )?]))
}

fn reshape(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let target = at.value("target_shape").and_then(Value::as_array);
    let target: Option<Vec<i64>> = target.and_then(|l| {
        let one = |v: &Value| v.as_i64().filter(|n| *n == -1 || (1..1 << 31).contains(n));
        l.iter().map(one).collect()
    });
    let Some(target) = target.filter(|t| t.len() <= 7 && t.iter().filter(|n| **n == -1).count() <= 1) else {
        return Err(at.fault("\"target_shape\": expected sizes with at most one -1"));
    };
    let x = r.b.file(x)?;
    let total = x.shape.as_ref().and_then(|s| product(&s[1..]));
    let known = target
        .iter()
        .filter(|n| **n > 0)
        .try_fold(1u64, |p, n| p.checked_mul(*n as u64));
    let open = total.zip(known).and_then(|(t, k)| t.checked_div(k));
    let mut shape: Sizes = vec![x.size(0)];
    shape.extend(
        target
            .iter()
            .map(|&n| if n == -1 { open } else { Some(n as u64) }),
    );
    // The batch is kept (0), and one size may be left to the operator.
    let to: Vec<i64> = match (target.contains(&-1), total.is_some()) {
        (true, true) => shape[1..].iter().map(|s| s.map_or(-1, |n| n as i64)).collect(),
        _ => target,
    };
    let to = [vec![0], to].concat();
    let op = Op::Reshape {
        shape: Some(to),
        allow_zero: false,
    };
    Ok(Some(vec![r.main(
        at,
        op,
        vec![Some(x.tensor)],
        Some(shape),
        Order::File,
        Activation::Linear,
    )?]))
}

fn permute(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let dims = at.value("dims").and_then(Value::as_array);
    let dims: Option<Vec<usize>> =
        dims.and_then(|l| l.iter().map(|v| usize::try_from(v.as_u64()?).ok()).collect());
    let (Some(dims), Some(rank)) = (dims, x.rank()) else {
        return Ok(None);
    };
    let perm: Vec<usize> = std::iter::once(0).chain(dims).collect();
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(at.fault(format!("\"dims\": expected a permutation of 1 to {}", rank - 1)));
    }
    let x = r.b.file(x)?;
    let shape = x.shape.as_ref().map(|s| perm.iter().map(|&p| s[p]).collect());
    let op = Op::Transpose {
        perm: Some(perm.iter().map(|&p| p as i64).collect()),
    };
    Ok(Some(vec![r.main(
        at,
        op,
        vec![Some(x.tensor)],
        shape,
        Order::File,
        Activation::Linear,
    )?]))
}

fn repeat(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let n = at.size("n", None)?;
    let x = r.b.file(x)?;
    let row = r.step(at, "row", Op::Unsqueeze { axes: Some(vec![1]) }, &[x.tensor])?;
    let times = r.ints(at, "times", &[1, n, 1]);
    let shape = vec![x.size(0), Some(n as u64), x.size(1)];
    let inputs = vec![Some(row), Some(times)];
    Ok(Some(vec![r.main(
        at,
        Op::Tile,
        inputs,
        Some(shape),
        Order::File,
        Activation::Linear,
    )?]))
}

fn pad(r: &mut Reader, at: &At, x: &Flow, axes: usize) -> Made {
    let ends = at.ends("padding", axes, 1)?;
    let (input, order) = spatial(r, at, x)?;
    let begin = ends.iter().map(|e| e.0);
    let end = ends.iter().map(|e| e.1);
    let pads: Vec<i64> = [0, 0].into_iter().chain(begin).chain([0, 0]).chain(end).collect();
    let shape = resized(at, &input, None, |i, n| {
        n.checked_add((ends[i].0 + ends[i].1) as u64)
    });
    let op = Op::Pad {
        mode: "constant".into(),
        pads: Some(pads),
        value: Some(0.0),
    };
    Ok(Some(vec![r.main(
        at,
        op,
        vec![Some(input.tensor)],
        shape,
        order,
        Activation::Linear,
    )?]))
}

fn crop(r: &mut Reader, at: &At, x: &Flow, axes: usize) -> Made {
    let ends = at.ends("cropping", axes, 1)?;
    let (input, order) = spatial(r, at, x)?;
    let op = Op::Slice {
        starts: Some(ends.iter().map(|e| e.0).collect()),
        ends: Some(
            ends.iter()
                .map(|e| if e.1 == 0 { i64::MAX } else { -e.1 })
                .collect(),
        ),
        axes: Some((2..axes as i64 + 2).collect()),
    };
    let shape = resized(at, &input, None, |i, n| {
        n.checked_sub((ends[i].0 + ends[i].1) as u64)
    });
    Ok(Some(vec![r.main(
        at,
        op,
        vec![Some(input.tensor)],
        shape,
        order,
        Activation::Linear,
    )?]))
}

fn resampling(mode: &str) -> Option<Resize> {
    let (mode, coordinates) = match mode {
        "nearest" => ("nearest", "half_pixel"),
        "bilinear" => ("linear", "half_pixel"),
        "bicubic" => ("cubic", "half_pixel"),
        _ => return None,
    };
    Some(Resize {
        mode: mode.into(),
        coordinates: coordinates.into(),
        nearest: "round_prefer_ceil".into(),
        cubic_a: -0.5,
        exclude_outside: true,
        axes: None,
        aspect: "stretch".into(),
        two_inputs: true,
        antialias: false,
        extrapolation: 0.0,
    })
}

fn up(r: &mut Reader, at: &At, x: &Flow, axes: usize) -> Made {
    let key = if at.value("size").is_some() || axes > 1 {
        "size"
    } else {
        "length"
    };
    let factors = at.axes(key, axes, 2)?;
    let mode = at.text("interpolation").unwrap_or("nearest");
    let Some(mut how) = resampling(mode) else {
        return Ok(None);
    };
    if mode == "nearest" {
        (how.coordinates, how.nearest) = ("asymmetric".into(), "floor".into());
    }
    let (input, order) = spatial(r, at, x)?;
    let scales: Vec<f32> = [1.0, 1.0]
        .into_iter()
        .chain(factors.iter().map(|&f| f as f32))
        .collect();
    let scales = TensorData::from_f32(&[scales.len() as u64], &scales);
    let scales = r.b.constant(&format!("{}/scales", at.path), scales);
    let shape = resized(at, &input, None, |i, n| n.checked_mul(factors[i] as u64));
    let inputs = vec![Some(input.tensor), Some(scales)];
    Ok(Some(vec![r.main(
        at,
        Op::Resize(how),
        inputs,
        shape,
        order,
        Activation::Linear,
    )?]))
}

fn resize(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let (height, width) = (at.size("height", None)?, at.size("width", None)?);
    let flags = ["crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"];
    if flags.iter().any(|f| at.flag(f, false)) {
        return Ok(None);
    }
    let Some(mut how) = resampling(at.text("interpolation").unwrap_or("bilinear")) else {
        return Ok(None);
    };
    (how.two_inputs, how.axes) = (false, Some(vec![2, 3]));
    let (input, order) = spatial(r, at, x)?;
    let sizes = r.ints(at, "sizes", &[height, width]);
    let to = [height as u64, width as u64];
    let shape = resized(at, &input, None, |i, _| Some(to[i]));
    let inputs = vec![Some(input.tensor), None, None, Some(sizes)];
    Ok(Some(vec![r.main(
        at,
        Op::Resize(how),
        inputs,
        shape,
        order,
        Activation::Linear,
    )?]))
}
