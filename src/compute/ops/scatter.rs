//! Lookups and writes at lists of places, and masks of triangles.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::DType;

use super::shape::{take, with_shape};
use super::{Context, Outputs};
use crate::value::{Ints, Value, axis as resolve, dims, expand, mask, order, reshape, strides, wrap};

/// The place that `i` names on an axis of `size`; negative ones count from the end.
fn place(i: i64, size: usize) -> Result<usize, String> {
    let at = if i < 0 { i.saturating_add(size as i64) } else { i };
    let at = usize::try_from(at).ok().filter(|&a| a < size);
    at.ok_or_else(|| format!("index {i} of an axis of size {size}"))
}

/// Rows of `x` that the last axis of `indices` names, counted over its axes up to the last that an
/// index speaks of, and the number of those axes.
fn rows(shape: &[usize], indices: &Ints, batch: usize) -> Result<(Vec<usize>, usize), String> {
    let wrong = || format!("indices {:?} into {shape:?}", indices.shape);
    let (&depth, lead) = indices.shape.split_last().ok_or_else(wrong)?;
    let axes = batch + depth;
    if axes > shape.len() || batch > lead.len() || lead[..batch] != shape[..batch] {
        return Err(wrong());
    }
    let each: usize = lead[batch..].iter().product();
    let count = lead.iter().product::<usize>();
    let mut rows = Vec::with_capacity(count);
    for n in 0..count {
        let mut row = n / each.max(1);
        for k in 0..depth {
            let size = shape[batch + k];
            row = row * size + place(indices.data[n * depth + k], size)?;
        }
        rows.push(row);
    }
    Ok((rows, axes))
}

/// `GatherND`.
pub fn gather_nd<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let (x, indices) = (c.value(0)?, c.ints(1)?);
    let shape = x.shape();
    let batch = usize::try_from(c.attrs().int("batch_dims", 0)?).map_err(|_| "negative batch axes")?;
    let (rows, axes) = rows(&shape, &indices, batch)?;
    let table = with_shape(
        x,
        vec![shape[..axes].iter().product(), shape[axes..].iter().product()],
    )?;
    let lead = &indices.shape[..indices.shape.len() - 1];
    let to = [lead, &shape[axes..]].concat();
    Ok(vec![with_shape(&take(&table, 0, &rows, c.device), to)?])
}

/// `ScatterND`.
pub fn scatter_nd<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let (x, indices, updates) = (c.value(0)?, c.ints(1)?, c.value(2)?);
    let shape = x.shape();
    let (rows, axes) = rows(&shape, &indices, 0)?;
    let inner = shape[axes..].iter().product();
    write(c, x, &rows, inner, updates)
}

/// `ScatterElements`: one index an update.
pub fn scatter_elements<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let (x, indices, updates) = (c.value(0)?, c.ints(1)?, c.value(2)?);
    let shape = x.shape();
    let axis = resolve(c.attrs().int("axis", 0)?, shape.len())?;
    let fits = indices.shape.len() == shape.len()
        && indices.shape == updates.shape()
        && (0..shape.len()).all(|a| a == axis || indices.shape[a] <= shape[a]);
    if !fits || shape.is_empty() {
        return Err(format!(
            "indices {:?} and updates {:?} into {shape:?}",
            indices.shape,
            updates.shape()
        ));
    }
    let (own, from) = (strides(&indices.shape), strides(&shape));
    let mut places = Vec::with_capacity(indices.data.len());
    for (k, &i) in indices.data.iter().enumerate() {
        let mut at = place(i, shape[axis])? * from[axis];
        for a in (0..shape.len()).filter(|&a| a != axis) {
            at += k / own[a] % indices.shape[a] * from[a];
        }
        places.push(at);
    }
    write(c, x, &places, 1, updates)
}

/// `x` with `updates` written into its rows of `inner` elements.
fn write<B: Backend>(
    c: &Context<B>,
    x: &Value<B>,
    rows: &[usize],
    inner: usize,
    updates: &Value<B>,
) -> Outputs<B> {
    let shape = x.shape();
    let how = c.attrs().string("reduction", "none")?;
    if updates.shape().iter().product::<usize>() != rows.len() * inner {
        return Err(format!("updates {:?} for {} places", updates.shape(), rows.len()));
    }
    let total = shape.iter().product::<usize>() / inner.max(1);
    if rows.is_empty() || inner == 0 {
        return Ok(vec![x.clone()]);
    }
    match (x, updates) {
        (Value::Int(old), Value::Int(new)) => {
            let mut data = old.data.to_vec();
            for (k, &row) in rows.iter().enumerate() {
                for i in 0..inner {
                    let (cell, v) = (&mut data[row * inner + i], new.data[k * inner + i]);
                    *cell = wrap(old.dtype, combined(how, old.dtype, *cell, v)?);
                }
            }
            Ok(vec![Value::Int(Ints::new(shape, data).typed(old.dtype))])
        }
        (Value::Text(old), Value::Text(new)) if how == "none" => {
            let mut data = old.data.to_vec();
            for (k, &row) in rows.iter().enumerate() {
                data[row * inner..(row + 1) * inner].clone_from_slice(&new.data[k * inner..(k + 1) * inner]);
            }
            Ok(vec![Value::Text(crate::value::Texts::new(shape, data))])
        }
        _ => {
            let table = reshape::<B>(x.floats(c.device)?, &[total, inner]);
            let new = reshape::<B>(updates.floats(c.device)?, &[rows.len(), inner]);
            let y = write_floats(c, table, rows, new, how)?;
            Ok(vec![Value::Float(reshape::<B>(y, &shape))])
        }
    }
}

fn combined(how: &str, dtype: DType, old: i64, new: i64) -> Result<i64, String> {
    Ok(match how {
        "none" => new,
        "add" => old.wrapping_add(new),
        "mul" => old.wrapping_mul(new),
        "max" if order(dtype, old, new).is_lt() => new,
        "min" if order(dtype, old, new).is_gt() => new,
        "max" | "min" => old,
        other => return Err(format!("reduction {other:?} is not known")),
    })
}

/// In rounds, each of which writes to a row once: masks and lookups only, so that gradients flow
/// and every backend can do it.
fn write_floats<B: Backend>(
    c: &Context<B>,
    mut table: FloatTensor<B>,
    rows: &[usize],
    new: FloatTensor<B>,
    how: &str,
) -> Result<FloatTensor<B>, String> {
    let shape = dims::<B>(&table);
    let mut rounds: Vec<Vec<Option<usize>>> = Vec::new();
    let mut written = vec![0usize; shape[0]];
    for (k, &row) in rows.iter().enumerate() {
        // The last write stays.
        let round = if how == "none" { 0 } else { written[row] };
        if rounds.len() <= round {
            rounds.push(vec![None; shape[0]]);
        }
        rounds[round][row] = Some(k);
        written[row] += 1;
    }
    let new = Value::<B>::Float(new);
    for round in rounds {
        let from: Vec<usize> = round.iter().map(|k| k.unwrap_or(0)).collect();
        let Value::Float(update) = take(&new, 0, &from, c.device) else {
            return Err("floats are expected".into());
        };
        let here = round.iter().map(|k| k.is_some() as i64).collect();
        let here = Ints::new(vec![shape[0], 1], here).expand(&shape);
        let here = mask::<B>(&here, c.device);
        let bools = burn_backend::get_device_settings::<B>(c.device).bool_dtype;
        let made = match how {
            "none" => update,
            "add" => B::float_add(table.clone(), update),
            "mul" => B::float_mul(table.clone(), update),
            "max" => {
                let swap = B::float_lower(table.clone(), update.clone(), bools);
                B::float_mask_where(table.clone(), swap, update)
            }
            "min" => {
                let swap = B::float_greater(table.clone(), update.clone(), bools);
                B::float_mask_where(table.clone(), swap, update)
            }
            other => return Err(format!("reduction {other:?} is not known")),
        };
        table = B::float_mask_where(table, here, made);
    }
    Ok(table)
}

/// `Compress`: the cells of an axis, or of the flattened tensor, where a condition holds.
pub fn compress<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let (x, condition) = (c.value(0)?, c.ints(1)?);
    let shape = x.shape();
    let (x, axis) = match c.attrs().opt_int("axis")? {
        Some(a) => (x.clone(), resolve(a, shape.len())?),
        None => (with_shape(x, vec![shape.iter().product()])?, 0),
    };
    let size = *x.shape().get(axis).ok_or("an axis is expected")?;
    let places: Vec<usize> = (condition.data.iter().enumerate())
        .filter(|(_, v)| **v != 0)
        .map(|(i, _)| i)
        .collect();
    if places.iter().any(|&p| p >= size) {
        return Err(format!("{} conditions for {size} cells", condition.data.len()));
    }
    if places.is_empty() {
        let mut to = x.shape();
        to[axis] = 0;
        return Ok(vec![empty(&x, to, c.device)]);
    }
    Ok(vec![take(&x, axis, &places, c.device)])
}

/// No elements, of the kind of `x`.
pub fn empty<B: Backend>(x: &Value<B>, shape: Vec<usize>, device: &B::Device) -> Value<B> {
    match x {
        Value::Int(i) => Value::Int(Ints::new(shape, Vec::new()).typed(i.dtype)),
        Value::Text(_) => Value::Text(crate::value::Texts::new(shape, Vec::new())),
        _ => Value::Float(crate::value::float::<B>(Vec::new(), &shape, device)),
    }
}

/// `ReverseSequence`: the first steps of each sample backwards.
pub fn reverse_sequence<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let (x, lengths) = (c.value(0)?, c.ints(1)?);
    let shape = x.shape();
    let (time, batch) = (c.attrs().int("time_axis", 0)?, c.attrs().int("batch_axis", 1)?);
    if shape.len() < 2 || !matches!((time, batch), (0, 1) | (1, 0)) {
        return Err(format!("time axis {time} and batch axis {batch} of {shape:?}"));
    }
    let (time, batch) = (time as usize, batch as usize);
    let (steps, samples) = (shape[time], shape[batch]);
    if lengths.data.len() != samples || lengths.data.iter().any(|&l| l < 0 || l as usize > steps) {
        return Err(format!("lengths {:?} for {shape:?}", lengths.data));
    }
    let mut rows = Vec::with_capacity(steps * samples);
    for first in 0..shape[0] {
        for second in 0..shape[1] {
            let (t, n) = if time == 0 {
                (first, second)
            } else {
                (second, first)
            };
            let length = lengths.data[n] as usize;
            let from = if t < length { length - 1 - t } else { t };
            rows.push(if time == 0 {
                from * samples + n
            } else {
                n * steps + from
            });
        }
    }
    let table = with_shape(x, vec![steps * samples, shape[2..].iter().product()])?;
    Ok(vec![with_shape(&take(&table, 0, &rows, c.device), shape)?])
}

/// `Trilu`: the triangle above or below a diagonal.
pub fn trilu<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let k = match c.opt(1) {
        Some(_) => c.ints(1)?.data.first().copied().unwrap_or(0),
        None => 0,
    };
    let upper = c.attrs().flag("upper", true)?;
    let &[.., rows, columns] = &shape[..] else {
        return Err(format!("matrices are expected, {shape:?} found"));
    };
    let gone = |i: usize| {
        let distance = (i % columns) as i64 - (i / columns) as i64;
        (if upper { distance < k } else { distance > k }) as i64
    };
    let matrix = Ints::new(vec![rows, columns], (0..rows * columns).map(gone).collect());
    Ok(vec![match x {
        Value::Int(ints) => {
            let gone = matrix.expand(&shape);
            let keep = |(&v, &g): (&i64, &i64)| if g != 0 { 0 } else { v };
            let data = ints.data.iter().zip(gone.data.iter()).map(keep).collect();
            Value::Int(Ints::new(shape, data).typed(ints.dtype))
        }
        _ if shape.contains(&0) => x.clone(),
        _ => {
            let gone = mask::<B>(&matrix.expand(&shape), c.device);
            Value::Float(B::float_mask_fill(x.floats(c.device)?, gone, 0f32.into()))
        }
    }])
}

/// `CumProd` along the axis in input 1.
pub fn cum_prod<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let axis = c.ints(1)?.data.first().copied().ok_or("the axis is missing")?;
    let axis = resolve(axis, shape.len())?;
    let (exclusive, reverse) = (
        c.attrs().flag("exclusive", false)?,
        c.attrs().flag("reverse", false)?,
    );
    let size = *shape.get(axis).ok_or("an axis is expected")?;
    if let Value::Int(ints) = x {
        let inner: usize = shape[axis + 1..].iter().product();
        let mut data = vec![1i64; ints.data.len()];
        for line in 0..ints.data.len() / size.max(1) {
            let first = line / inner * size * inner + line % inner;
            let mut product = 1i64;
            for k in 0..size {
                let at = first + inner * if reverse { size - 1 - k } else { k };
                let before = product;
                product = product.wrapping_mul(ints.data[at]);
                data[at] = wrap(ints.dtype, if exclusive { before } else { product });
            }
        }
        return Ok(vec![Value::Int(Ints::new(shape, data).typed(ints.dtype))]);
    }
    let mut t = x.floats(c.device)?;
    if shape.contains(&0) {
        return Ok(vec![x.clone()]);
    }
    if reverse {
        t = B::float_flip(t, &[axis]);
    }
    if exclusive {
        let mut one = shape.clone();
        one[axis] = 1;
        let ones = crate::value::float::<B>(vec![1.0], &vec![1; shape.len()], c.device);
        let ones = expand::<B>(ones, &one);
        let mut kept: Vec<(usize, usize)> = shape.iter().map(|&d| (0, d)).collect();
        kept[axis] = (0, size - 1);
        t = match size {
            1 => ones,
            _ => B::float_cat(vec![ones, super::shape::range::<B>(t, &kept)], axis),
        };
    }
    let mut y = B::float_cumprod(t, axis);
    if reverse {
        y = B::float_flip(y, &[axis]);
    }
    Ok(vec![Value::Float(y)])
}
