//! Elementwise functions of several values: sums, choices, slopes, bounds.

use burn_backend::Backend;
use model::op::Variadic;

use super::elementwise::{bool_type, pair};
use super::{Context, Output, host};
use crate::value::{Ints, Texts, Value, broadcast, dims, expand, mask, order, reshape, spread, wrap};

/// Sum, maximum or minimum of integers of one type.
fn whole_numbers(parts: &[&Ints], kind: Variadic) -> Result<Ints, String> {
    let (first, rest) = parts.split_first().ok_or("there are no inputs")?;
    let dtype = first.dtype;
    let mut sum = (*first).clone();
    for next in rest {
        let shape = broadcast(&sum.shape, &next.shape)?;
        let (a, b) = (sum.expand(&shape), next.expand(&shape));
        let one = |(&a, &b): (&i64, &i64)| match kind {
            Variadic::Max if order(dtype, a, b).is_lt() => b,
            Variadic::Min if order(dtype, a, b).is_gt() => b,
            Variadic::Max | Variadic::Min => a,
            Variadic::Sum | Variadic::Mean => wrap(dtype, a.wrapping_add(b)),
        };
        let data = a.data.iter().zip(b.data.iter()).map(one).collect();
        sum = Ints::new(shape, data).typed(dtype);
    }
    Ok(sum)
}

/// Sum, mean, maximum or minimum of any number of values.
pub fn variadic<B: Backend>(c: &Context<B>, kind: Variadic) -> Output<B> {
    let integers = c.inputs.iter().map(|v| match v {
        Some(Value::Int(i)) => Some(i),
        _ => None,
    });
    if let (Some(parts), false) = (integers.collect::<Option<Vec<_>>>(), kind == Variadic::Mean) {
        return whole_numbers(&parts, kind).map(Value::Int);
    }
    let mut sum = c.float(0)?;
    let mut shape = dims::<B>(&sum);
    for i in 1..c.inputs.len() {
        let next = c.float(i)?;
        shape = broadcast(&shape, &dims::<B>(&next))?;
        let (a, b) = (expand::<B>(sum, &shape), expand::<B>(next, &shape));
        let fast = match kind {
            Variadic::Sum | Variadic::Mean => host::zip::<B>(&a, &b, &shape, |a, b| a + b, c.device),
            _ => None,
        };
        if let Some(fast) = fast {
            sum = fast;
            continue;
        }
        sum = match kind {
            Variadic::Sum | Variadic::Mean => B::float_add(a, b),
            // By mask rather than by a + relu(b - a), which would round.
            Variadic::Max => {
                let swap = B::float_lower(a.clone(), b.clone(), bool_type::<B>(&a));
                B::float_mask_where(a, swap, b)
            }
            Variadic::Min => {
                let swap = B::float_greater(a.clone(), b.clone(), bool_type::<B>(&a));
                B::float_mask_where(a, swap, b)
            }
        };
    }
    if kind == Variadic::Mean {
        sum = B::float_div_scalar(sum, (c.inputs.len() as f32).into());
    }
    Ok(Value::Float(sum))
}

/// `Where(condition, X, Y)`.
pub fn select<B: Backend>(c: &Context<B>) -> Output<B> {
    let (condition, x, y) = (c.ints(0)?, c.value(1)?, c.value(2)?);
    let shape = broadcast(&broadcast(&condition.shape, &x.shape())?, &y.shape())?;
    let condition = condition.expand(&shape);
    if let (Value::Text(a), Value::Text(b)) = (x, y) {
        let (p, q) = (spread(&a.shape, &shape), spread(&b.shape, &shape));
        let pick = |i: usize| match condition.data[i] {
            0 => b.data[q[i]].clone(),
            _ => a.data[p[i]].clone(),
        };
        let data = (0..condition.data.len()).map(pick).collect();
        return Ok(Value::Text(Texts::new(shape, data)));
    }
    if let (Value::Int(x), Value::Int(y)) = (x, y) {
        let dtype = x.dtype;
        let (x, y) = (x.expand(&shape), y.expand(&shape));
        let data = (0..condition.data.len()).map(|i| {
            if condition.data[i] != 0 {
                x.data[i]
            } else {
                y.data[i]
            }
        });
        return Ok(Value::Int(Ints::new(shape, data.collect()).typed(dtype)));
    }
    let (x, y) = (
        expand::<B>(x.floats(c.device)?, &shape),
        expand::<B>(y.floats(c.device)?, &shape),
    );
    Ok(Value::Float(B::float_mask_where(
        y,
        mask::<B>(&condition, c.device),
        x,
    )))
}

/// Parametric ReLU; the slope broadcasts from the right, or before opset 7 along the channels.
pub fn prelu<B: Backend>(c: &Context<B>) -> Output<B> {
    if let (Value::Int(x), Value::Int(slope)) = (c.value(0)?, c.value(1)?) {
        let slope = slope.expand(&x.shape);
        let one = |(&x, &s): (&i64, &i64)| if x < 0 { x.wrapping_mul(s) } else { x };
        let data = x.data.iter().zip(slope.data.iter()).map(one);
        let data = data.map(|v| wrap(x.dtype, v)).collect();
        return Ok(Value::Int(Ints::new(x.shape.clone(), data).typed(x.dtype)));
    }
    let (x, mut slope) = (c.float(0)?, c.float(1)?);
    let (shape, own) = (dims::<B>(&x), dims::<B>(&slope));
    if c.opset < 7 && own.len() == 1 && shape.len() > 1 && own[0] == shape[1] {
        let mut to = vec![1; shape.len()];
        to[1] = own[0];
        slope = reshape::<B>(slope, &to);
    }
    let (x, slope) = pair::<B>(x, slope)?;
    let positive = B::relu(x.clone());
    let negative = B::float_clamp_max(x, 0f32.into());
    Ok(Value::Float(B::float_add(
        positive,
        B::float_mul(negative, slope),
    )))
}

/// Bounds as attributes or as inputs 1 and 2.
pub fn clip<B: Backend>(c: &Context<B>, min: Option<f32>, max: Option<f32>) -> Output<B> {
    if let Value::Int(i) = c.value(0)? {
        let given = |bound: Option<f32>, at| match bound {
            Some(v) => Ok(Some(v as i64)),
            None => Ok::<_, String>(c.opt_ints(at)?.and_then(|v| v.first().copied())),
        };
        let (min, max) = (given(min, 1)?, given(max, 2)?);
        let bound = |v: i64| {
            let v = min.filter(|&m| order(i.dtype, v, m).is_lt()).unwrap_or(v);
            max.filter(|&m| order(i.dtype, v, m).is_gt()).unwrap_or(v)
        };
        let data = i.data.iter().map(|&v| bound(v)).collect();
        return Ok(Value::Int(Ints::new(i.shape.clone(), data).typed(i.dtype)));
    }
    let min = min.map_or_else(|| c.scalar(1), |v| Ok(Some(v)))?;
    let max = max.map_or_else(|| c.scalar(2), |v| Ok(Some(v)))?;
    let mut x = c.float(0)?;
    if let Some(min) = min {
        x = B::float_clamp_min(x, min.into());
    }
    if let Some(max) = max {
        x = B::float_clamp_max(x, max.into());
    }
    Ok(Value::Float(x))
}
