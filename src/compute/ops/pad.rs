//! Padding.

use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, FloatDType, Shape, Slice};

use super::conv::Ends;
use super::shape::take;
use super::{Context, Output};
use crate::value::{Ints, Value, axis as resolve, dims, elements};

/// Surrounds every axis with `value`.
pub fn pad<B: Backend>(t: FloatTensor<B>, pads: &[Ends], value: f32, device: &B::Device) -> FloatTensor<B> {
    if pads.iter().all(|&p| p == (0, 0)) {
        return t;
    }
    let shape = dims::<B>(&t);
    let to: Vec<usize> = shape.iter().zip(pads).map(|(d, p)| d + p.0 + p.1).collect();
    let full = B::float_full(Shape::from(to), value.into(), device, FloatDType::F32);
    let place: Vec<Slice> = shape
        .iter()
        .zip(pads)
        .map(|(&d, p)| Slice::new(p.0 as isize, Some((p.0 + d) as isize), 1))
        .collect();
    B::float_slice_assign(full, &place, t)
}

/// Surrounds the axes after the second with `value`.
pub fn pad_spatial<B: Backend>(
    t: FloatTensor<B>,
    pads: &[Ends],
    value: f32,
    device: &B::Device,
) -> FloatTensor<B> {
    let all = [&[(0, 0); 2], pads].concat();
    pad::<B>(t, &all, value, device)
}

/// `Pad`: constant, edge, reflect or wrap; negative padding crops.
pub fn pad_op<B: Backend>(
    c: &Context<B>,
    mode: &str,
    pads: &Option<Vec<i64>>,
    value: Option<f32>,
) -> Output<B> {
    let x = c.value(0)?;
    let rank = x.shape().len();
    let given = c.list(pads, 1)?.ok_or("the padding is missing")?;
    let axes = match if pads.is_some() { None } else { c.opt_ints(3)? } {
        Some(axes) => axes
            .iter()
            .map(|&a| resolve(a, rank))
            .collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    if given.len() != 2 * axes.len() {
        return Err(format!(
            "{} numbers of padding for {} axes",
            given.len(),
            axes.len()
        ));
    }
    let fill = match value {
        Some(v) => v,
        None if pads.is_none() => c.scalar(2)?.unwrap_or(0.0),
        None => 0.0,
    };
    let whole = match c.opt(2) {
        Some(Value::Int(i)) if pads.is_none() => i.data.first().copied(),
        _ => None,
    };
    let mut x = x.clone();
    for (k, &axis) in axes.iter().enumerate() {
        let (begin, end) = (given[k], given[k + axes.len()]);
        if (begin, end) == (0, 0) {
            continue;
        }
        let mut to = x.shape();
        let size = to[axis] as i64;
        let padded = begin.checked_add(end).and_then(|n| n.checked_add(size));
        let padded = padded.and_then(|n| usize::try_from(n).ok());
        to[axis] = padded.ok_or_else(|| format!("padding {begin} and {end} of an axis of {size}"))?;
        elements(&to)?;
        // What one end takes off must be there.
        if begin.min(end) < -size || begin.max(end) > 1 << 40 {
            return Err(format!("padding {begin} and {end} of an axis of {size}"));
        }
        if mode == "constant" {
            let kept: Vec<usize> = ((-begin).max(0)..size - (-end).max(0))
                .map(|p| p as usize)
                .collect();
            if kept.len() as i64 != size {
                x = take(&x, axis, &kept, c.device);
            }
            let mut ends = vec![(0, 0); rank];
            ends[axis] = (begin.max(0) as usize, end.max(0) as usize);
            x = match &x {
                Value::Float(t) => Value::Float(pad::<B>(t.clone(), &ends, fill, c.device)),
                Value::Int(i) => Value::Int(surround(i, axis, ends[axis], whole.unwrap_or(fill as i64))),
                other => return Err(other.unexpected("numbers are")),
            };
            continue;
        }
        if size == 0 {
            return Err(format!("{mode} padding of an empty axis"));
        }
        let place = |p: i64| -> Result<usize, String> {
            let period = (2 * (size - 1)).max(1);
            Ok(match mode {
                "edge" => p.clamp(0, size - 1),
                "wrap" => p.rem_euclid(size),
                "reflect" => {
                    let q = p.rem_euclid(period);
                    if q < size { q } else { period - q }
                }
                other => {
                    return Err(format!(
                        "padding mode {other:?}: constant, edge, reflect or wrap is expected"
                    ));
                }
            } as usize)
        };
        let places: Vec<usize> = (-begin..size + end).map(place).collect::<Result<_, _>>()?;
        x = take(&x, axis, &places, c.device);
    }
    Ok(x)
}

/// Surrounds one axis of integers with `fill`.
pub fn surround(x: &Ints, axis: usize, (begin, end): Ends, fill: i64) -> Ints {
    let (size, inner) = (x.shape[axis], x.shape[axis + 1..].iter().product::<usize>());
    let mut shape = x.shape.clone();
    shape[axis] += begin + end;
    let mut data = vec![fill; shape.iter().product()];
    for (at, &v) in x.data.iter().enumerate() {
        let (outer, rest) = (at / (size * inner), at % (size * inner));
        data[(outer * (size + begin + end) + begin) * inner + rest] = v;
    }
    Ints::new(shape, data).typed(x.dtype)
}
