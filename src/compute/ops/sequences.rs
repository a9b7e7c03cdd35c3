//! Operators on sequences and optional values.

use burn_backend::Backend;
use model::DType;

use super::shape::{join, take, with_shape};
use super::{Context, Outputs};
use crate::value::{Ints, Value, axis as resolve};

fn sequence<'a, B: Backend>(c: &'a Context<B>, i: usize) -> Result<&'a [Value<B>], String> {
    match c.value(i)? {
        Value::Sequence(values) => Ok(values),
        Value::Optional(Some(held)) => match &**held {
            Value::Sequence(values) => Ok(values),
            other => Err(other.unexpected("a sequence is")),
        },
        other => Err(other.unexpected("a sequence is")),
    }
}

/// The place that input `i` names among `count` elements, or in front of them when `open`.
fn place<B: Backend>(c: &Context<B>, i: usize, count: usize, open: bool) -> Result<usize, String> {
    let at = c.ints(i)?.data.first().copied().ok_or("the position is empty")?;
    let from = if at < 0 {
        at.saturating_add(count as i64)
    } else {
        at
    };
    let at_most = count + usize::from(open);
    let found = usize::try_from(from).ok().filter(|&p| p < at_most);
    found.ok_or_else(|| format!("position {at} in a sequence of {count}"))
}

/// `SequenceEmpty`.
pub fn nothing<B: Backend>(_: &Context<B>) -> Outputs<B> {
    Ok(vec![Value::Sequence(Vec::new())])
}

/// `SequenceConstruct`.
pub fn construct<B: Backend>(c: &Context<B>) -> Outputs<B> {
    Ok(vec![Value::Sequence(
        c.inputs.iter().flatten().cloned().collect(),
    )])
}

/// `SequenceLength`.
pub fn length<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let count = sequence(c, 0)?.len() as i64;
    Ok(vec![Value::Int(Ints::new(vec![], vec![count]))])
}

/// `SequenceAt`.
pub fn at<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let values = sequence(c, 0)?;
    Ok(vec![values[place(c, 1, values.len(), false)?].clone()])
}

/// `SequenceInsert`: at a position, or at the end.
pub fn insert<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let mut values = sequence(c, 0)?.to_vec();
    let at = match c.opt(2) {
        Some(_) => place(c, 2, values.len(), true)?,
        None => values.len(),
    };
    values.insert(at, c.value(1)?.clone());
    Ok(vec![Value::Sequence(values)])
}

/// `SequenceErase`: at a position, or the last one.
pub fn erase<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let mut values = sequence(c, 0)?.to_vec();
    let at = match c.opt(1) {
        Some(_) => place(c, 1, values.len(), false)?,
        None => values.len().checked_sub(1).ok_or("the sequence is empty")?,
    };
    values.remove(at);
    Ok(vec![Value::Sequence(values)])
}

/// `SplitToSequence`: parts of given sizes along an axis, or single cells.
pub fn split<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let axis = resolve(c.attrs().int("axis", 0)?, shape.len())?;
    let size = *shape.get(axis).ok_or("an axis is expected")?;
    let keep = c.attrs().flag("keepdims", true)?;
    let sizes: Vec<usize> = match c.opt(1) {
        None => vec![1; size],
        Some(_) => {
            let given = c.ints(1)?;
            let wrong = || format!("parts {:?} of axis {axis} of {shape:?}", given.data);
            let one = |&v: &i64| usize::try_from(v).map_err(|_| wrong());
            let parts = given.data.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            if given.shape.is_empty() {
                let each = parts.first().copied().filter(|&e| e > 0).ok_or_else(wrong)?;
                (0..size.div_ceil(each))
                    .map(|i| each.min(size - i * each))
                    .collect()
            } else {
                let sum = parts.iter().try_fold(0usize, |s, &p| s.checked_add(p));
                if sum != Some(size) {
                    return Err(wrong());
                }
                parts
            }
        }
    };
    let mut begin = 0;
    let mut values = Vec::with_capacity(sizes.len());
    for part in sizes {
        let places: Vec<usize> = (begin..begin + part).collect();
        begin += part;
        let mut value = match part {
            0 => {
                let mut to = shape.clone();
                to[axis] = 0;
                super::scatter::empty(x, to, c.device)
            }
            _ => take(x, axis, &places, c.device),
        };
        if c.opt(1).is_none() && !keep {
            let mut to = shape.clone();
            to.remove(axis);
            value = with_shape(&value, to)?;
        }
        values.push(value);
    }
    Ok(vec![Value::Sequence(values)])
}

/// `ConcatFromSequence`: along an axis, or a new one.
pub fn concat<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let values = sequence(c, 0)?;
    let axis = c
        .attrs()
        .opt_int("axis")?
        .ok_or("attribute \"axis\" is missing")?;
    if !c.attrs().flag("new_axis", false)? {
        return Ok(vec![join(values, axis, c.device)?]);
    }
    let rank = values.first().ok_or("the sequence is empty")?.shape().len();
    let axis = resolve(axis, rank + 1)?;
    let raised = values.iter().map(|v| {
        let mut shape = v.shape();
        shape.insert(axis.min(shape.len()), 1);
        with_shape(v, shape)
    });
    let raised = raised.collect::<Result<Vec<_>, _>>()?;
    Ok(vec![join(&raised, axis as i64, c.device)?])
}

/// `Optional`: its input, or nothing.
pub fn optional<B: Backend>(c: &Context<B>) -> Outputs<B> {
    Ok(vec![Value::Optional(c.opt(0).cloned().map(Box::new))])
}

/// `OptionalGetElement`.
pub fn held<B: Backend>(c: &Context<B>) -> Outputs<B> {
    match c.value(0)? {
        Value::Optional(None) => Err("the optional value holds nothing".into()),
        Value::Optional(Some(held)) => Ok(vec![(**held).clone()]),
        other => Ok(vec![other.clone()]),
    }
}

/// `OptionalHasElement`.
pub fn holds<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let yes = !matches!(c.opt(0), None | Some(Value::Optional(None)));
    let yes = Ints::new(vec![], vec![yes as i64]).typed(DType::Bool);
    Ok(vec![Value::Int(yes)])
}
