//! Lookups by index, and ranges.

use burn_backend::Backend;
use model::DType;

use super::shape::{take, with_shape};
use super::{Context, Output, Outputs};
use crate::value::{Ints, Value, axis as resolve, float, order, wrap as wrap_to};

fn wrap(i: i64, size: usize) -> Result<usize, String> {
    let at = if i < 0 { i + size as i64 } else { i };
    usize::try_from(at)
        .ok()
        .filter(|&a| a < size)
        .ok_or_else(|| format!("index {i} of an axis of size {size}"))
}

/// `Gather` along `axis`.
pub fn gather<B: Backend>(c: &Context<B>, axis: i64) -> Output<B> {
    lookup(c, c.value(0)?, &c.ints(1)?, axis)
}

/// An embedding layer of an architecture file: tokens first, table second.
pub fn embedding<B: Backend>(c: &Context<B>) -> Output<B> {
    lookup(c, c.value(1)?, &c.ints(0)?, 0)
}

fn lookup<B: Backend>(c: &Context<B>, x: &Value<B>, indices: &Ints, axis: i64) -> Output<B> {
    let shape = x.shape();
    let axis = resolve(axis, shape.len())?;
    let places: Vec<usize> = indices
        .data
        .iter()
        .map(|&i| wrap(i, shape[axis]))
        .collect::<Result<_, _>>()?;
    let to = [&shape[..axis], &indices.shape, &shape[axis + 1..]].concat();
    with_shape(&take(x, axis, &places, c.device), to)
}

/// `GatherElements`: one index an output element.
pub fn gather_elements<B: Backend>(c: &Context<B>, axis: i64) -> Output<B> {
    let (x, indices) = (c.value(0)?, c.ints(1)?);
    let shape = x.shape();
    let axis = resolve(axis, shape.len())?;
    let fits = indices.shape.len() == shape.len()
        && (0..shape.len()).all(|i| i == axis || indices.shape[i] <= shape[i]);
    if !fits {
        return Err(format!("indices {:?} into {shape:?}", indices.shape));
    }
    let (own, from) = (
        crate::value::strides(&indices.shape),
        crate::value::strides(&shape),
    );
    let mut flat = Vec::with_capacity(indices.data.len());
    for (k, &i) in indices.data.iter().enumerate() {
        let place = |a: usize| {
            if a == axis {
                wrap(i, shape[axis])
            } else {
                Ok(k / own[a] % indices.shape[a])
            }
        };
        let at: Result<usize, String> = (0..shape.len()).map(|a| Ok(place(a)? * from[a])).sum();
        flat.push(at?);
    }
    let line = with_shape(x, vec![shape.iter().product()])?;
    with_shape(&take(&line, 0, &flat, c.device), indices.shape)
}

/// `CumSum` along the axis in input 1.
pub fn cum_sum<B: Backend>(c: &Context<B>, exclusive: bool, reverse: bool) -> Output<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let axis = c.ints(1)?.data.first().copied().ok_or("the axis is missing")?;
    let axis = resolve(axis, shape.len())?;
    let mut t = match x {
        Value::Int(i) => return Ok(Value::Int(running_sum(i, axis, exclusive, reverse))),
        other => other.floats(c.device)?,
    };
    if reverse {
        t = B::float_flip(t, &[axis]);
    }
    let mut y = B::float_cumsum(t.clone(), axis);
    if exclusive {
        y = B::float_sub(y, t);
    }
    if reverse {
        y = B::float_flip(y, &[axis]);
    }
    Ok(Value::Float(y))
}

fn running_sum(x: &Ints, axis: usize, exclusive: bool, reverse: bool) -> Ints {
    let (size, inner) = (x.shape[axis], x.shape[axis + 1..].iter().product::<usize>());
    let mut data = vec![0; x.data.len()];
    for line in 0..x.data.len() / size.max(1) {
        let first = line / inner * size * inner + line % inner;
        let mut sum = 0i64;
        for k in 0..size {
            let at = first + inner * if reverse { size - 1 - k } else { k };
            let before = sum;
            sum = sum.wrapping_add(x.data[at]);
            data[at] = wrap_to(x.dtype, if exclusive { before } else { sum });
        }
    }
    Ints::new(x.shape.clone(), data).typed(x.dtype)
}

/// `Range(start, limit, delta)`.
pub fn range<B: Backend>(c: &Context<B>) -> Output<B> {
    const LIMIT: f64 = (1u64 << 30) as f64;
    if let (Value::Int(s), Value::Int(l), Value::Int(d)) = (c.value(0)?, c.value(1)?, c.value(2)?) {
        let one = |i: &Ints| i.data.first().copied().ok_or("an empty bound");
        let (s, l, d) = (one(s)?, one(l)?, one(d)?);
        let count = ((l as f64 - s as f64) / d as f64).ceil().max(0.0);
        if count.is_nan() || count > LIMIT {
            return Err(format!("range from {s} to {l} by {d}"));
        }
        let data: Vec<i64> = (0..count as i64)
            .map(|i| s.wrapping_add(i.wrapping_mul(d)))
            .collect();
        let dtype = c.dtype(0);
        return Ok(Value::Int(Ints::new(vec![data.len()], data).typed(dtype)));
    }
    let one = |i| c.scalar(i)?.ok_or_else(|| "a bound is missing".to_string());
    let (s, l, d) = (one(0)?, one(1)?, one(2)?);
    let count = ((l as f64 - s as f64) / d as f64).ceil().max(0.0);
    if count.is_nan() || count > LIMIT {
        return Err(format!("range from {s} to {l} by {d}"));
    }
    let data: Vec<f32> = (0..count as usize).map(|i| s + i as f32 * d).collect();
    let shape = [data.len()];
    Ok(Value::Float(float::<B>(data, &shape, c.device)))
}

/// `TopK`: values and their places, sorted.
pub fn top_k<B: Backend>(c: &Context<B>, axis: i64, largest: bool, k: Option<i64>) -> Outputs<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let axis = resolve(axis, shape.len())?;
    let k = match k {
        Some(k) => k,
        None => c.ints(1)?.data.first().copied().ok_or("k is missing")?,
    };
    let k = usize::try_from(k).ok().filter(|&k| k <= shape[axis]);
    let k = k.ok_or_else(|| format!("k along axis {axis} of {shape:?}"))?;
    let compare: Box<dyn Fn(usize, usize) -> std::cmp::Ordering> = match x {
        Value::Int(i) => Box::new(|a, b| order(i.dtype, i.data[a], i.data[b])),
        _ => {
            let values = c.host(0)?;
            Box::new(|a, b| values[a].total_cmp(&values[b]))
        }
    };
    let inner: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let mut to = shape.clone();
    to[axis] = k;
    let mut top = vec![0usize; to.iter().product()];
    let mut places = vec![0i64; top.len()];
    for o in 0..outer {
        for i in 0..inner {
            let at = |p: usize| (o * shape[axis] + p) * inner + i;
            let mut sorted: Vec<usize> = (0..shape[axis]).collect();
            sorted.sort_by(|&a, &b| {
                let by = compare(at(a), at(b));
                if largest { by.reverse() } else { by }
            });
            for (r, &p) in sorted[..k].iter().enumerate() {
                let slot = (o * k + r) * inner + i;
                (top[slot], places[slot]) = (at(p), p as i64);
            }
        }
    }
    drop(compare);
    // Picked on the device, so that gradients reach what was picked.
    let line = with_shape(x, vec![shape.iter().product()])?;
    let values = with_shape(&take(&line, 0, &top, c.device), to.clone())?;
    Ok(vec![values, Value::Int(Ints::new(to, places).typed(DType::I64))])
}
