//! Normalisation and softmax.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

use super::{Context, Output, Outputs, Statistics, host, host_axis};
use crate::value::{Value, axis_of as resolve, broadcast, dims, expand, raise, reshape};

/// `[C]` as `[1, C, 1, ...]`.
fn per_channel<B: Backend>(t: FloatTensor<B>, shape: &[usize]) -> Result<FloatTensor<B>, String> {
    let own = dims::<B>(&t);
    if shape.len() < 2 || own != [shape[1]] {
        return Err(format!("{own:?} values for the channels of {shape:?}"));
    }
    let mut to = vec![1; shape.len()];
    to[1] = shape[1];
    Ok(reshape::<B>(t, &to))
}

/// An error where one of `axes` is empty: nothing has no mean.
fn filled(shape: &[usize], axes: &[usize]) -> Result<(), String> {
    match axes.iter().any(|&a| shape[a] == 0) {
        true => Err(format!("{shape:?} has no values to take the mean of")),
        false => Ok(()),
    }
}

/// Batch normalisation (Ioffe and Szegedy 2015): with the running statistics, or in training with
/// those of the batch, which are left in [`Context::statistics`].
pub fn batch<B: Backend>(c: &Context<B>, epsilon: f32) -> Output<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let at = |i| per_channel::<B>(c.float(i)?, &shape);
    let (scale, bias) = (at(1)?, at(2)?);
    let Some(statistics) = c.statistics else {
        let (mean, var) = (at(3)?, at(4)?);
        let gain = B::float_div(scale, B::float_sqrt(B::float_add_scalar(var, epsilon.into())));
        let offset = B::float_sub(bias, B::float_mul(mean, gain.clone()));
        if let Some(y) = host::scale_and_shift::<B>(&x, &gain, &offset, c.device) {
            return Ok(Value::Float(y));
        }
        return Ok(Value::Float(B::float_add(B::float_mul(x, gain), offset)));
    };
    let count = shape.iter().product::<usize>() / shape[1].max(1);
    let keep = |mean: FloatTensor<B>, var: FloatTensor<B>| -> Result<(), String> {
        let at = |i: usize, what: &str| {
            let input = c.layer.inputs.get(i).copied().flatten();
            input.ok_or_else(|| format!("no running {what}"))
        };
        statistics.borrow_mut().push(Statistics {
            mean: (at(3, "mean")?, mean),
            variance: (at(4, "variance")?, var),
            count,
        });
        Ok(())
    };
    if let Some(done) = super::host_learn::batch_norm::<B>(&x, &c.float(1)?, &c.float(2)?, epsilon) {
        keep(done.mean, done.variance)?;
        return Ok(Value::Float(done.y));
    }
    let over = |mut t: FloatTensor<B>| {
        for a in (0..shape.len()).filter(|&a| a != 1) {
            t = B::float_mean_dim(t, a);
        }
        t
    };
    let mean = over(x.clone());
    let centred = B::float_sub(x, mean.clone());
    let var = over(B::float_mul(centred.clone(), centred.clone()));
    keep(mean, var.clone())?;
    let y = B::float_div(centred, B::float_sqrt(B::float_add_scalar(var, epsilon.into())));
    Ok(Value::Float(B::float_add(B::float_mul(y, scale), bias)))
}

/// Zero mean and unit variance along `axes`; with `centre` off, unit root mean square.
fn standard<B: Backend>(x: FloatTensor<B>, axes: &[usize], epsilon: f32, centre: bool) -> FloatTensor<B> {
    statistics::<B>(x, axes, epsilon, centre).0
}

/// The normalised tensor, the mean that was taken off where it is centred, and the deviation.
fn statistics<B: Backend>(
    x: FloatTensor<B>,
    axes: &[usize],
    epsilon: f32,
    centre: bool,
) -> (FloatTensor<B>, Option<FloatTensor<B>>, FloatTensor<B>) {
    let mean = |mut t: FloatTensor<B>| {
        for &a in axes {
            t = B::float_mean_dim(t, a);
        }
        t
    };
    let middle = centre.then(|| mean(x.clone()));
    let x = match &middle {
        Some(middle) => B::float_sub(x, middle.clone()),
        None => x,
    };
    let square = mean(B::float_mul(x.clone(), x.clone()));
    let deviation = B::float_sqrt(B::float_add_scalar(square, epsilon.into()));
    (B::float_div(x, deviation.clone()), middle, deviation)
}

/// Per sample and channel, over the spatial axes.
pub fn instance<B: Backend>(c: &Context<B>, epsilon: f32) -> Output<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let axes: Vec<usize> = (2..shape.len()).collect();
    filled(&shape, &axes)?;
    let (scale, bias) = (
        per_channel::<B>(c.float(1)?, &shape)?,
        per_channel::<B>(c.float(2)?, &shape)?,
    );
    let y = standard::<B>(x, &axes, epsilon, true);
    Ok(Value::Float(B::float_add(B::float_mul(y, scale), bias)))
}

/// Per sample and group of channels (Wu and He 2018).
pub fn group<B: Backend>(c: &Context<B>, epsilon: f32, groups: i64) -> Output<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let groups = groups.max(1) as usize;
    if shape.len() < 2 || !shape[1].is_multiple_of(groups) {
        return Err(format!("{groups} groups of the channels of {shape:?}"));
    }
    let rest = shape[1..].iter().product::<usize>() / groups;
    filled(&[rest], &[0])?;
    let y = standard::<B>(reshape::<B>(x, &[shape[0], groups, rest]), &[2], epsilon, true);
    // Before opset 21 scale and bias stand for a whole group.
    let each = |t: FloatTensor<B>| match dims::<B>(&t) == [groups] && groups != shape[1] {
        true => {
            let t = expand::<B>(reshape::<B>(t, &[groups, 1]), &[groups, shape[1] / groups]);
            per_channel::<B>(reshape::<B>(t, &[shape[1]]), &shape)
        }
        false => per_channel::<B>(t, &shape),
    };
    let (scale, bias) = (each(c.float(1)?)?, each(c.float(2)?)?);
    Ok(Value::Float(B::float_add(
        B::float_mul(reshape::<B>(y, &shape), scale),
        bias,
    )))
}

/// Over the axes from `axis` on (Ba et al. 2016; without `centre`: Zhang and Sennrich 2019). Out: the
/// normalised tensor, and where it is centred mean and inverse deviation.
pub fn layer<B: Backend>(c: &Context<B>, axis: i64, epsilon: f32, centre: bool) -> Outputs<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let rank = shape.len();
    let axes: Vec<usize> = (resolve(axis, rank)?..rank).collect();
    filled(&shape, &axes)?;
    if centre && axes == [rank - 1] && c.layer.outputs.len() == 1 {
        let [gain, shift] = [c.opt_float(1)?, c.opt_float(2)?];
        let line = |t: &Option<FloatTensor<B>>| t.as_ref().is_none_or(|t| dims::<B>(t) == [shape[rank - 1]]);
        if line(&gain) && line(&shift) {
            let both = [gain.as_ref(), shift.as_ref()];
            if let Some(y) = host_axis::normalize::<B>(&x, both, epsilon, c.device) {
                return Ok(vec![Value::Float(y)]);
            }
        }
    }
    let (mut y, mean, deviation) = statistics::<B>(x, &axes, epsilon, centre);
    for i in 1..3 {
        let Some(t) = c.opt_float(i)? else { continue };
        if broadcast(&dims::<B>(&t), &shape)? != shape {
            return Err(format!("input {i} is {:?} for {shape:?}", dims::<B>(&t)));
        }
        let t = raise::<B>(t, rank);
        y = if i == 1 {
            B::float_mul(y, t)
        } else {
            B::float_add(y, t)
        };
    }
    let mut outputs = vec![Value::Float(y)];
    if let (Some(mean), true) = (mean, c.layer.outputs.len() > 1) {
        outputs.extend([mean, B::float_recip(deviation)].map(Value::Float));
    }
    Ok(outputs)
}

/// Zero mean and unit variance along `axes`, without scale and bias.
pub fn mean_variance<B: Backend>(c: &Context<B>, axes: &[i64]) -> Output<B> {
    let x = c.float(0)?;
    let rank = dims::<B>(&x).len();
    let axes: Vec<usize> = axes.iter().map(|&a| resolve(a, rank)).collect::<Result<_, _>>()?;
    filled(&dims::<B>(&x), &axes)?;
    let over = |mut t: FloatTensor<B>| {
        axes.iter().for_each(|&a| t = B::float_mean_dim(t.clone(), a));
        t
    };
    let centred = B::float_sub(x.clone(), over(x));
    let square = over(B::float_mul(centred.clone(), centred.clone()));
    // The specification adds to the deviation, not to the variance.
    let deviation = B::float_add_scalar(B::float_sqrt(square), 1e-9f32.into());
    Ok(Value::Float(B::float_div(centred, deviation)))
}

/// Batch normalisation by the statistics of its batch. Out: the normalised tensor, and running mean
/// and variance moved toward them.
pub fn batch_training<B: Backend>(c: &Context<B>, epsilon: f32, momentum: f32) -> Outputs<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let at = |i| per_channel::<B>(c.float(i)?, &shape);
    let axes: Vec<usize> = (0..shape.len()).filter(|&a| a != 1).collect();
    filled(&shape, &axes)?;
    let over = |mut t: FloatTensor<B>| {
        axes.iter().for_each(|&a| t = B::float_mean_dim(t.clone(), a));
        t
    };
    let (scale, bias, mut outputs) = (at(1)?, at(2)?, Vec::new());
    let middle = over(x.clone());
    let centred = B::float_sub(x, middle.clone());
    let variance = over(B::float_mul(centred.clone(), centred.clone()));
    let deviation = B::float_sqrt(B::float_add_scalar(variance.clone(), epsilon.into()));
    let y = B::float_mul(B::float_div(centred, deviation), scale);
    outputs.push(Value::Float(B::float_add(y, bias)));
    for (i, now) in [(3, middle), (4, variance)] {
        let old = B::float_mul_scalar(at(i)?, momentum.into());
        let moved = B::float_add(old, B::float_mul_scalar(now, (1.0 - momentum).into()));
        outputs.push(Value::Float(reshape::<B>(moved, &[shape[1]])));
    }
    Ok(outputs)
}

/// Local response normalisation across channels (Krizhevsky et al. 2012).
pub fn lrn<B: Backend>(c: &Context<B>, alpha: f32, beta: f32, bias: f32, size: i64) -> Output<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let size = usize::try_from(size)
        .ok()
        .filter(|&s| s > 0)
        .ok_or("size must be positive")?;
    if shape.len() < 3 {
        return Err(format!("input {shape:?}: channels and space are expected"));
    }
    let square = B::float_mul(x.clone(), x.clone());
    let mut pads = vec![(0, 0); shape.len()];
    pads[1] = ((size - 1) / 2, size / 2);
    let padded = super::shape::pad::<B>(square, &pads, 0.0, c.device);
    let mut ranges: Vec<(usize, usize)> = shape.iter().map(|&d| (0, d)).collect();
    let mut sum: Option<FloatTensor<B>> = None;
    for k in 0..size {
        ranges[1] = (k, k + shape[1]);
        let part = super::shape::range::<B>(padded.clone(), &ranges);
        sum = Some(match sum {
            Some(s) => B::float_add(s, part),
            None => part,
        });
    }
    let sum = B::float_mul_scalar(sum.expect("size is positive"), (alpha / size as f32).into());
    let scale = B::float_powf_scalar(B::float_add_scalar(sum, bias.into()), beta.into());
    Ok(Value::Float(B::float_div(x, scale)))
}

/// Division by the L1 or L2 norm along `axis`.
pub fn lp<B: Backend>(c: &Context<B>, axis: i64, p: i64) -> Output<B> {
    let x = c.float(0)?;
    let axis = resolve(axis, dims::<B>(&x).len())?;
    let norm = if p == 1 {
        B::float_sum_dim(B::float_abs(x.clone()), axis)
    } else {
        B::float_sqrt(B::float_sum_dim(B::float_mul(x.clone(), x.clone()), axis))
    };
    // What is 0 everywhere stays 0.
    let kind = burn_backend::get_device_settings::<B>(c.device).bool_dtype;
    let none = B::float_equal_elem(norm.clone(), 0f32.into(), kind);
    let norm = B::float_mask_fill(norm, none, 1f32.into());
    Ok(Value::Float(B::float_div(x, norm)))
}

/// Softmax, or its logarithm, along `axis`; `coerce`: over all axes from `axis` on.
pub fn softmax<B: Backend>(c: &Context<B>, axis: i64, coerce: bool, log: bool) -> Output<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let mut axis = resolve(axis, shape.len())?;
    if shape.contains(&0) {
        return Ok(Value::Float(x));
    }
    let flat = if coerce {
        let (lead, rest) = shape.split_at(axis);
        axis = 1;
        reshape::<B>(x, &[lead.iter().product(), rest.iter().product()])
    } else {
        x
    };
    let last = axis + 1 == dims::<B>(&flat).len();
    let fast = match last {
        true => host_axis::softmax::<B>(&flat, log, c.device),
        false => None,
    };
    let y = match fast {
        Some(y) => y,
        None if log => B::log_softmax(flat, axis),
        None => B::softmax(flat, axis),
    };
    Ok(Value::Float(reshape::<B>(y, &shape)))
}
