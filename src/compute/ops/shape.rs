//! Operators that move elements without changing them.

use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, FloatDType, Shape, Slice};
use model::{DType, TensorData};

pub use super::pad::{pad, pad_spatial, surround};
use super::{Context, Output, Outputs};
use crate::value::{
    Doubles, Ints, Texts, Value, axis as resolve, broadcast, dims, elements, expand, index, reshape as view,
    strides,
};

/// The cells `begin..end` along each axis.
pub fn range<B: Backend>(t: FloatTensor<B>, ranges: &[(usize, usize)]) -> FloatTensor<B> {
    let whole = dims::<B>(&t).iter().zip(ranges).all(|(&d, &r)| r == (0, d));
    if whole {
        return t;
    }
    let slices: Vec<Slice> = ranges
        .iter()
        .map(|&(b, e)| Slice::new(b as isize, Some(e as isize), 1))
        .collect();
    B::float_slice(t, &slices)
}

/// The elements of `x` at `places` along `axis`.
pub fn take<B: Backend>(x: &Value<B>, axis: usize, places: &[usize], device: &B::Device) -> Value<B> {
    if let Value::Float(t) = x {
        let places = Ints::new(vec![places.len()], places.iter().map(|&p| p as i64).collect());
        return Value::Float(B::float_select(t.clone(), axis, index::<B>(&places, device)));
    }
    let mut shape = x.shape();
    let inner: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let size = std::mem::replace(&mut shape[axis], places.len());
    let picks = (0..outer).flat_map(|o| {
        places
            .iter()
            .flat_map(move |&p| (0..inner).map(move |k| (o * size + p) * inner + k))
    });
    pick(x, shape, picks)
}

/// Elements of a host tensor at `indices` of the flattened one; other values stay as they are.
fn pick<B: Backend>(x: &Value<B>, shape: Vec<usize>, indices: impl Iterator<Item = usize>) -> Value<B> {
    match x {
        Value::Int(i) => Value::Int(i.pick(shape, indices)),
        Value::Text(t) => Value::Text(t.pick(shape, indices)),
        Value::Double(d) => Value::Double(Doubles {
            shape,
            data: indices.map(|i| d.data[i]).collect(),
        }),
        other => other.clone(),
    }
}

/// The same elements under another shape.
pub fn with_shape<B: Backend>(x: &Value<B>, shape: Vec<usize>) -> Output<B> {
    let own = x.shape();
    if elements(&shape).ok() != Some(own.iter().product::<usize>()) {
        return Err(format!(
            "{own:?} cannot be viewed as {shape:?}: the element counts differ"
        ));
    }
    Ok(match x {
        Value::Float(t) => Value::Float(view::<B>(t.clone(), &shape)),
        Value::Int(i) => Value::Int(Ints { shape, ..i.clone() }),
        Value::Text(t) => Value::Text(Texts { shape, ..t.clone() }),
        Value::Double(d) => Value::Double(Doubles { shape, ..d.clone() }),
        other => return Err(other.unexpected("a tensor is")),
    })
}

/// `Reshape`: 0 keeps a size, -1 takes what is left.
pub fn reshape<B: Backend>(c: &Context<B>, shape: &Option<Vec<i64>>, allow_zero: bool) -> Output<B> {
    let x = c.value(0)?;
    let own = x.shape();
    let wanted = c.list(shape, 1)?.ok_or("the new shape is missing")?;
    let mut to = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (i, &w) in wanted.iter().enumerate() {
        to.push(match w {
            0 if !allow_zero => *own
                .get(i)
                .ok_or_else(|| format!("size {i} of {own:?} is asked for"))?,
            -1 if open.is_none() => {
                open = Some(i);
                1
            }
            w => usize::try_from(w).map_err(|_| format!("new shape {wanted:?}"))?,
        });
    }
    if let Some(i) = open {
        let known = elements(&to)?.max(1);
        to[i] = own.iter().product::<usize>() / known;
    }
    with_shape(x, to)
}

/// `Flatten` to a matrix.
pub fn flatten<B: Backend>(c: &Context<B>, axis: i64) -> Output<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let at = if axis < 0 { axis + shape.len() as i64 } else { axis };
    let at = usize::try_from(at).ok().filter(|&a| a <= shape.len());
    let at = at.ok_or_else(|| format!("axis {axis} of {shape:?}"))?;
    with_shape(
        x,
        vec![shape[..at].iter().product(), shape[at..].iter().product()],
    )
}

/// `Squeeze`: axes as attribute, as input 1, or all of size 1.
pub fn squeeze<B: Backend>(c: &Context<B>, axes: &Option<Vec<i64>>) -> Output<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let gone: Vec<usize> = match c.list(axes, 1)? {
        Some(axes) => axes
            .iter()
            .map(|&a| resolve(a, shape.len()))
            .collect::<Result<_, _>>()?,
        None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
    };
    with_shape(
        x,
        (0..shape.len())
            .filter(|i| !gone.contains(i))
            .map(|i| shape[i])
            .collect(),
    )
}

/// `Unsqueeze`: axes as attribute or as input 1.
pub fn unsqueeze<B: Backend>(c: &Context<B>, axes: &Option<Vec<i64>>) -> Output<B> {
    let x = c.value(0)?;
    let axes = c.list(axes, 1)?.ok_or("the axes are missing")?;
    let rank = x.shape().len() + axes.len();
    let new: Vec<usize> = axes.iter().map(|&a| resolve(a, rank)).collect::<Result<_, _>>()?;
    let mut rest = x.shape().into_iter();
    let shape = (0..rank).map(|i| if new.contains(&i) { Some(1) } else { rest.next() });
    let shape: Option<Vec<usize>> = shape.collect();
    with_shape(x, shape.ok_or_else(|| format!("axes {axes:?} repeat"))?)
}

/// `Transpose`; without `perm` the axes are reversed.
pub fn transpose<B: Backend>(c: &Context<B>, perm: Option<&[i64]>) -> Output<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let perm: Vec<usize> = match perm {
        Some(p) => p
            .iter()
            .map(|&a| resolve(a, shape.len()))
            .collect::<Result<_, _>>()?,
        None => (0..shape.len()).rev().collect(),
    };
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if sorted != (0..shape.len()).collect::<Vec<_>>() {
        return Err(format!("permutation {perm:?} of {shape:?}"));
    }
    Ok(permute(x, &perm))
}

fn permute<B: Backend>(x: &Value<B>, perm: &[usize]) -> Value<B> {
    if let Value::Float(t) = x {
        return Value::Float(B::float_permute(t.clone(), perm));
    }
    let shape = x.shape();
    let to: Vec<usize> = perm.iter().map(|&p| shape[p]).collect();
    let (from, out) = (strides(&shape), strides(&to));
    let total: usize = to.iter().product();
    let at = |flat: usize| (0..to.len()).map(|k| flat / out[k] % to[k] * from[perm[k]]).sum();
    pick(x, to.clone(), (0..total).map(at))
}

/// `Concat`.
pub fn concat<B: Backend>(c: &Context<B>, axis: i64) -> Output<B> {
    let values: Vec<Value<B>> = c.inputs.iter().flatten().cloned().collect();
    join(&values, axis, c.device)
}

/// Values one after the other along `axis`.
pub fn join<B: Backend>(values: &[Value<B>], axis: i64, device: &B::Device) -> Output<B> {
    let shapes: Vec<Vec<usize>> = values.iter().map(Value::shape).collect();
    let first = shapes.first().ok_or("there is nothing to join")?;
    let axis = resolve(axis, first.len())?;
    let fits = |s: &Vec<usize>| s.len() == first.len() && (0..s.len()).all(|i| i == axis || s[i] == first[i]);
    if axis >= first.len() || !shapes.iter().all(fits) {
        return Err(format!("shapes {shapes:?} do not join along axis {axis}"));
    }
    if values
        .iter()
        .any(|v| matches!(v, Value::Float(_) | Value::Double(_)))
    {
        let parts = values.iter().map(|v| v.floats(device));
        return Ok(Value::Float(B::float_cat(parts.collect::<Result<_, _>>()?, axis)));
    }
    let mut shape = first.clone();
    shape[axis] = shapes.iter().map(|s| s[axis]).sum();
    let outer: usize = shape[..axis].iter().product();
    let block = |i: usize| shapes[i][axis..].iter().product::<usize>();
    if let Value::Text(_) = &values[0] {
        let mut data = Vec::new();
        for o in 0..outer {
            for (i, value) in values.iter().enumerate() {
                let Value::Text(t) = value else {
                    return Err(value.unexpected("strings are"));
                };
                data.extend_from_slice(&t.data[o * block(i)..(o + 1) * block(i)]);
            }
        }
        return Ok(Value::Text(Texts::new(shape, data)));
    }
    let mut data = Vec::with_capacity(shape.iter().product());
    let mut dtype = DType::I64;
    for o in 0..outer {
        for (i, value) in values.iter().enumerate() {
            let Value::Int(t) = value else {
                return Err(value.unexpected("integers are"));
            };
            dtype = t.dtype;
            data.extend_from_slice(&t.data[o * block(i)..(o + 1) * block(i)]);
        }
    }
    if let (0, Value::Int(t)) = (outer, &values[0]) {
        dtype = t.dtype;
    }
    Ok(Value::Int(Ints::new(shape, data).typed(dtype)))
}

/// `Split` into given or equal parts.
pub fn split<B: Backend>(
    c: &Context<B>,
    axis: i64,
    sizes: &Option<Vec<i64>>,
    outputs: Option<i64>,
) -> Outputs<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let axis = resolve(axis, shape.len())?;
    let parts: Vec<usize> = match c.list(sizes, 1)? {
        Some(sizes) => sizes.iter().map(|&s| s.max(0) as usize).collect(),
        None => {
            let count = outputs
                .map_or(c.layer.outputs.len(), |n| n.max(1) as usize)
                .max(1);
            let each = shape[axis].div_ceil(count);
            (0..count)
                .map(|i| each.min(shape[axis].saturating_sub(i * each)))
                .collect()
        }
    };
    let sum = parts.iter().try_fold(0usize, |s, &p| s.checked_add(p));
    if sum != Some(shape[axis]) {
        return Err(format!("parts {parts:?} of axis {axis} of {shape:?}"));
    }
    let mut begin = 0;
    Ok(parts
        .into_iter()
        .map(|size| {
            let mut ranges: Vec<(usize, usize)> = shape.iter().map(|&d| (0, d)).collect();
            ranges[axis] = (begin, begin + size);
            begin += size;
            match x {
                Value::Float(t) => Value::Float(range::<B>(t.clone(), &ranges)),
                _ => take(
                    x,
                    axis,
                    &(ranges[axis].0..ranges[axis].1).collect::<Vec<_>>(),
                    c.device,
                ),
            }
        })
        .collect())
}

/// `Slice`, by attributes or by inputs 1 to 4.
pub fn slice<B: Backend>(
    c: &Context<B>,
    starts: &Option<Vec<i64>>,
    ends: &Option<Vec<i64>>,
    axes: &Option<Vec<i64>>,
) -> Output<B> {
    let mut x = c.value(0)?.clone();
    let rank = x.shape().len();
    let starts_given = c.list(starts, 1)?.ok_or("starts are missing")?;
    let ends_given = c.list(ends, 2)?.ok_or("ends are missing")?;
    let axes_given = match c.list(axes, 3)? {
        Some(axes) => axes,
        None => (0..starts_given.len() as i64).collect(),
    };
    let steps = if starts.is_some() { None } else { c.opt_ints(4)? };
    let steps = steps.unwrap_or_else(|| vec![1; starts_given.len()]);
    if [ends_given.len(), axes_given.len(), steps.len()] != [starts_given.len(); 3] {
        return Err("starts, ends, axes and steps differ in length".into());
    }
    for (k, &a) in axes_given.iter().enumerate() {
        let axis = resolve(a, rank)?;
        let size = x.shape()[axis];
        let places = places(size as i64, starts_given[k], ends_given[k], steps[k])?;
        x = match &x {
            Value::Float(t) if steps[k] == 1 && !places.is_empty() => {
                let mut ranges: Vec<(usize, usize)> = x.shape().iter().map(|&d| (0, d)).collect();
                ranges[axis] = (places[0], places[0] + places.len());
                Value::Float(range::<B>(t.clone(), &ranges))
            }
            _ => take(&x, axis, &places, c.device),
        };
    }
    Ok(x)
}

fn places(size: i64, start: i64, end: i64, step: i64) -> Result<Vec<usize>, String> {
    if step == 0 {
        return Err("a slice step is 0".into());
    }
    let wrap = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let mut at = wrap(start).clamp(low.max(0), high.max(0));
    let end = wrap(end).clamp(low, high);
    let mut places = Vec::new();
    while size > 0 && if step > 0 { at < end } else { at > end } {
        places.push(at as usize);
        at = at.saturating_add(step);
    }
    Ok(places)
}

/// `Expand`: broadcast of both shapes.
pub fn expand_op<B: Backend>(c: &Context<B>) -> Output<B> {
    let x = c.value(0)?;
    let wanted: Vec<usize> = c.ints(1)?.data.iter().map(|&d| d.max(0) as usize).collect();
    let shape = broadcast(&x.shape(), &wanted)?;
    elements(&shape)?;
    Ok(match x {
        Value::Float(t) => Value::Float(expand::<B>(t.clone(), &shape)),
        Value::Int(i) => Value::Int(i.expand(&shape)),
        Value::Text(t) => {
            let places = Ints::new(t.shape.clone(), (0..t.data.len() as i64).collect()).expand(&shape);
            Value::Text(t.pick(shape, places.data.iter().map(|&p| p as usize)))
        }
        other => return Err(other.unexpected("a tensor is")),
    })
}

/// `Tile`.
pub fn tile<B: Backend>(c: &Context<B>) -> Output<B> {
    let mut x = c.value(0)?.clone();
    let repeats = c.ints(1)?.data.to_vec();
    if repeats.len() != x.shape().len() {
        return Err(format!("{repeats:?} repeats of {:?}", x.shape()));
    }
    for (axis, &times) in repeats.iter().enumerate() {
        let mut to = x.shape();
        let size = to[axis];
        let times = usize::try_from(times).map_err(|_| format!("{times} repeats"))?;
        to[axis] = size
            .checked_mul(times)
            .ok_or_else(|| format!("{times} repeats of {size}"))?;
        elements(&to)?;
        let places: Vec<usize> = (0..to[axis]).map(|p| p % size).collect();
        if times != 1 {
            x = take(&x, axis, &places, c.device);
        }
    }
    Ok(x)
}

/// `Shape`, or a part of it.
pub fn shape_of<B: Backend>(c: &Context<B>, start: i64, end: Option<i64>) -> Output<B> {
    let shape: Vec<i64> = c.value(0)?.shape().iter().map(|&d| d as i64).collect();
    let part = places(shape.len() as i64, start, end.unwrap_or(i64::MAX), 1)?;
    let data: Vec<i64> = part.iter().map(|&i| shape[i]).collect();
    Ok(Value::Int(Ints::new(vec![data.len()], data)))
}

/// `ConstantOfShape`: one element everywhere.
pub fn constant_of_shape<B: Backend>(c: &Context<B>, value: &TensorData) -> Output<B> {
    let shape: Vec<usize> = c.ints(0)?.data.iter().map(|&d| d.max(0) as usize).collect();
    let total = elements(&shape)?;
    if value.dtype.is_float() {
        let one = value.to_f32().and_then(|v| v.first().copied()).unwrap_or(0.0);
        return Ok(Value::Float(B::float_full(
            Shape::from(shape),
            one.into(),
            c.device,
            FloatDType::F32,
        )));
    }
    let one = value.to_i64().and_then(|v| v.first().copied()).unwrap_or(0);
    Ok(Value::Int(Ints::new(shape, vec![one; total]).typed(value.dtype)))
}

/// `DepthToSpace`, in depth-column-row or column-row-depth order.
pub fn depth_to_space<B: Backend>(c: &Context<B>, block: i64, column_row_depth: bool) -> Output<B> {
    let x = c.value(0)?;
    let (s, b) = (x.shape(), block.max(1) as usize);
    if s.len() != 4 || b > 1 << 20 || s[1] % (b * b) != 0 {
        return Err(format!("blocks of {b} from {s:?}"));
    }
    let depth = s[1] / (b * b);
    let (six, perm) = if column_row_depth {
        (vec![s[0], depth, b, b, s[2], s[3]], [0, 1, 4, 2, 5, 3])
    } else {
        (vec![s[0], b, b, depth, s[2], s[3]], [0, 3, 4, 1, 5, 2])
    };
    with_shape(
        &permute(&with_shape(x, six)?, &perm),
        vec![s[0], depth, s[2] * b, s[3] * b],
    )
}

/// `SpaceToDepth`.
pub fn space_to_depth<B: Backend>(c: &Context<B>, block: i64) -> Output<B> {
    let x = c.value(0)?;
    let (s, b) = (x.shape(), block.max(1) as usize);
    if s.len() != 4 || b > 1 << 20 || s[2] % b != 0 || s[3] % b != 0 {
        return Err(format!("blocks of {b} from {s:?}"));
    }
    let six = with_shape(x, vec![s[0], s[1], s[2] / b, b, s[3] / b, b])?;
    with_shape(
        &permute(&six, &[0, 3, 5, 1, 2, 4]),
        vec![s[0], s[1] * b * b, s[2] / b, s[3] / b],
    )
}
