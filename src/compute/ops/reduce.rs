//! Reductions.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Reduction;

use super::{Context, Output};
use crate::value::{Ints, Value, axis as resolve, float, order, reshape, strides, truncate, wrap};

/// Reduces along `axes`, whose sizes become 1.
pub fn floats<B: Backend>(
    x: FloatTensor<B>,
    kind: Reduction,
    axes: &[usize],
) -> Result<FloatTensor<B>, String> {
    use Reduction::*;
    let over = |mut t: FloatTensor<B>, f: fn(FloatTensor<B>, usize) -> FloatTensor<B>| {
        for &a in axes {
            t = f(t, a);
        }
        t
    };
    let square = |t: FloatTensor<B>| B::float_mul(t.clone(), t);
    Ok(match kind {
        Sum => over(x, B::float_sum_dim),
        Mean => over(x, B::float_mean_dim),
        Max => over(x, B::float_max_dim),
        Min => over(x, B::float_min_dim),
        Prod => over(x, B::float_prod_dim),
        L1 => over(B::float_abs(x), B::float_sum_dim),
        L2 => B::float_sqrt(over(square(x), B::float_sum_dim)),
        SumSquare => over(square(x), B::float_sum_dim),
        LogSum => B::float_log(over(x, B::float_sum_dim)),
        LogSumExp => {
            let top = over(x.clone(), B::float_max_dim);
            let shifted = B::float_exp(B::float_sub(x, top.clone()));
            B::float_add(B::float_log(over(shifted, B::float_sum_dim)), top)
        }
    })
}

fn ints(x: &Ints, kind: Reduction, axes: &[usize]) -> Result<Ints, String> {
    let mut shape = x.shape.clone();
    axes.iter().for_each(|&a| shape[a] = 1);
    let (from, to) = (strides(&x.shape), strides(&shape));
    let total = shape.iter().product();
    let mut parts: Vec<Vec<i64>> = vec![Vec::new(); total];
    for (flat, &v) in x.data.iter().enumerate() {
        let at = (0..shape.len())
            .filter(|&i| shape[i] != 1)
            .map(|i| flat / from[i] % x.shape[i] * to[i])
            .sum::<usize>();
        parts[at].push(v);
    }
    let sum = |part: &[i64]| part.iter().fold(0i64, |s, &v| s.wrapping_add(v));
    let one = |part: Vec<i64>| -> Option<i64> {
        Some(match kind {
            Reduction::Sum => sum(&part),
            Reduction::Mean => sum(&part).checked_div(part.len() as i64)?,
            Reduction::Max => part.into_iter().max_by(|&a, &b| order(x.dtype, a, b))?,
            Reduction::Min => part.into_iter().min_by(|&a, &b| order(x.dtype, a, b))?,
            Reduction::Prod => part.iter().fold(1, |p, &v| p.wrapping_mul(v)),
            Reduction::L1 => sum(&part.iter().map(|v| v.wrapping_abs()).collect::<Vec<_>>()),
            Reduction::SumSquare => sum(&part.iter().map(|v| v.wrapping_mul(*v)).collect::<Vec<_>>()),
            Reduction::L2 => truncate(
                x.dtype,
                part.iter().map(|&v| (v as f64).powi(2)).sum::<f64>().sqrt(),
            ),
            Reduction::LogSum => truncate(x.dtype, (sum(&part) as f64).ln()),
            Reduction::LogSumExp => {
                truncate(x.dtype, part.iter().map(|&v| (v as f64).exp()).sum::<f64>().ln())
            }
        })
    };
    let one = |part| one(part).map(|v| wrap(x.dtype, v));
    let data = parts.into_iter().map(one).collect::<Option<Vec<i64>>>();
    let data = data.ok_or_else(|| format!("{kind:?} of integers {:?} along {axes:?}", x.shape))?;
    Ok(Ints::new(shape, data).typed(x.dtype))
}

/// What no values reduce to.
fn of_nothing(kind: Reduction) -> f32 {
    match kind {
        Reduction::Sum | Reduction::L1 | Reduction::L2 | Reduction::SumSquare => 0.0,
        Reduction::Prod => 1.0,
        Reduction::Max | Reduction::LogSum | Reduction::LogSumExp => f32::NEG_INFINITY,
        Reduction::Min => f32::INFINITY,
        Reduction::Mean => f32::NAN,
    }
}

/// A reduction operator: axes as attribute or as input 1.
pub fn reduce<B: Backend>(
    c: &Context<B>,
    kind: Reduction,
    axes: &Option<Vec<i64>>,
    keep: bool,
    noop: bool,
) -> Output<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let given = c.list(axes, 1)?.unwrap_or_default();
    if given.is_empty() && noop {
        return Ok(x.clone());
    }
    let mut axes: Vec<usize> = given
        .iter()
        .map(|&a| resolve(a, shape.len()))
        .collect::<Result<_, _>>()?;
    if axes.is_empty() {
        axes = (0..shape.len()).collect();
    }
    let kept: Vec<usize> = if keep {
        (0..shape.len())
            .map(|i| if axes.contains(&i) { 1 } else { shape[i] })
            .collect()
    } else {
        (0..shape.len())
            .filter(|i| !axes.contains(i))
            .map(|i| shape[i])
            .collect()
    };
    Ok(match x {
        Value::Float(_) if shape.contains(&0) => {
            let all = vec![of_nothing(kind); kept.iter().product()];
            Value::Float(float::<B>(all, &kept, c.device))
        }
        Value::Float(t) => Value::Float(reshape::<B>(floats::<B>(t.clone(), kind, &axes)?, &kept)),
        Value::Int(i) => {
            let mut y = ints(i, kind, &axes)?;
            y.shape = kept;
            Value::Int(y)
        }
        other => return Err(other.unexpected("numbers are")),
    })
}

/// Place of the largest (or smallest) element along `axis`; ties go to the first, or to the last.
pub fn arg<B: Backend>(c: &Context<B>, axis: i64, keep: bool, last: bool, largest: bool) -> Output<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let axis = resolve(axis, shape.len())?;
    if shape.get(axis).is_none_or(|&d| d == 0) {
        return Err(format!("axis {axis} of {shape:?} has no elements"));
    }
    // How element `a` compares with element `b`.
    let compare: Box<dyn Fn(usize, usize) -> Option<std::cmp::Ordering>> = match x {
        Value::Int(i) => Box::new(|a, b| Some(order(i.dtype, i.data[a], i.data[b]))),
        _ => {
            let values = c.host(0)?;
            Box::new(|a, b| values[a].partial_cmp(&values[b]))
        }
    };
    let wanted = if largest {
        std::cmp::Ordering::Greater
    } else {
        std::cmp::Ordering::Less
    };
    let inner: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let mut found = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for i in 0..inner {
            let at = |k: usize| (o * shape[axis] + k) * inner + i;
            let mut best = 0;
            for k in 1..shape[axis] {
                let found = compare(at(k), at(best));
                if found == Some(wanted) || (last && found == Some(std::cmp::Ordering::Equal)) {
                    best = k;
                }
            }
            found.push(best as i64);
        }
    }
    drop(compare);
    let mut to = shape;
    to[axis] = 1;
    if !keep {
        to.remove(axis);
    }
    Ok(Value::Int(Ints::new(to, found)))
}
