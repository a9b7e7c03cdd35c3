//! Normalisation and rescaling.

use model::op::{Binary, Op};
use model::{TensorData, TensorId};
use serde_json::Value;

use super::dense::alike;
use crate::channels::{Flow, Order};
use crate::error::Fault;
use crate::keras::activation::Activation;
use crate::keras::at::{At, Made, Reader};

pub(super) fn layer(r: &mut Reader, at: &At, x: &[Flow]) -> Option<Made> {
    let x = &x[0];
    Some(match at.class() {
        "BatchNormalization" => batch(r, at, x),
        "GroupNormalization" => group(r, at, x),
        "LayerNormalization" | "RMSNormalization" => trailing(r, at, x),
        "UnitNormalization" => unit(r, at, x),
        "Rescaling" => rescaling(r, at, x),
        "Normalization" => standard(r, at, x),
        _ => return None,
    })
}

/// The axes that a layer names, none negative.
fn axes(at: &At, key: &str, rank: usize) -> Option<Vec<usize>> {
    let one = |v: &Value| {
        let axis = v.as_i64()?;
        let axis = if axis < 0 {
            axis.checked_add(rank as i64)?
        } else {
            axis
        };
        usize::try_from(axis).ok().filter(|&a| a < rank)
    };
    match at.value(key) {
        None => Some(vec![rank.checked_sub(1)?]),
        Some(Value::Array(list)) => list.iter().map(one).collect(),
        Some(value) => Some(vec![one(value)?]),
    }
}

/// `x` with the axis that the layer names second; `None` for another axis than first or last.
fn channel_second(r: &mut Reader, at: &At, x: &Flow) -> Result<Option<(Flow, Order)>, Fault> {
    let rank = x.rank_or(4);
    let Some(axes) = axes(at, "axis", rank) else {
        return Ok(None);
    };
    Ok(match axes[..] {
        [1] if rank == 2 => Some((r.b.file(x)?, Order::File)),
        [a] if a + 1 == rank => Some((r.b.first(x)?, Order::ChannelsFirst)),
        [1] => Some((r.b.file(x)?, Order::File)),
        _ => None,
    })
}

/// A weight for each channel, or `value` everywhere where the layer has none.
fn or_fixed(
    r: &mut Reader,
    at: &At,
    role: &str,
    has: bool,
    count: Option<u64>,
    value: f32,
) -> Result<TensorId, Fault> {
    if has {
        return r.stored(at, role, 1);
    }
    let count = count.filter(|&n| n <= 1 << 24);
    let count = count.ok_or_else(|| at.fault("the number of channels is not known"))?;
    let data = TensorData::from_f32(&[count], &vec![value; count as usize]);
    Ok(r.b.constant(&format!("{}/{role}", at.path), data))
}

fn batch(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let Some((input, order)) = channel_second(r, at, x)? else {
        return Ok(None);
    };
    let epsilon = at.float("epsilon", 1e-3)?;
    let count = at.weight(r.weights, "moving_mean", 1)?.map(|d| d.shape[0]);
    let inputs = vec![
        Some(input.tensor),
        Some(or_fixed(r, at, "gamma", at.flag("scale", true), count, 1.0)?),
        Some(or_fixed(r, at, "beta", at.flag("center", true), count, 0.0)?),
        Some(r.stored(at, "moving_mean", 1)?),
        Some(r.stored(at, "moving_variance", 1)?),
    ];
    let op = Op::BatchNorm { epsilon };
    let y = r.main(at, op, inputs, input.shape.clone(), order, Activation::Linear)?;
    Ok(Some(vec![y]))
}

fn group(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let Some((input, order)) = channel_second(r, at, x)? else {
        return Ok(None);
    };
    let epsilon = at.float("epsilon", 1e-3)?;
    let stored =
        |role| -> Result<Option<u64>, Fault> { Ok(at.weight(r.weights, role, 1)?.map(|d| d.shape[0])) };
    let known = if order == Order::ChannelsFirst {
        input.last()
    } else {
        input.size(1)
    };
    let count = known.or(stored("gamma")?).or(stored("beta")?);
    let groups = match at.int("groups", 32)? {
        -1 => count.and_then(|c| i64::try_from(c).ok()).unwrap_or(1),
        groups => groups,
    };
    let inputs = vec![
        Some(input.tensor),
        Some(or_fixed(r, at, "gamma", at.flag("scale", true), count, 1.0)?),
        Some(or_fixed(r, at, "beta", at.flag("center", true), count, 0.0)?),
    ];
    let op = Op::GroupNorm { epsilon, groups };
    let y = r.main(at, op, inputs, input.shape.clone(), order, Activation::Linear)?;
    Ok(Some(vec![y]))
}

/// Over the last axes.
fn trailing(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let Some(rank) = x.rank() else { return Ok(None) };
    let Some(mut over) = axes(at, "axis", rank) else {
        return Ok(None);
    };
    over.sort_unstable();
    let first = over.first().copied().unwrap_or(0);
    if first == 0 || over != (first..rank).collect::<Vec<_>>() {
        return Ok(None);
    }
    let root = at.class() == "RMSNormalization" || at.flag("rms_scaling", false);
    let x = r.b.file(x)?;
    let epsilon = at.float(
        "epsilon",
        if at.class() == "RMSNormalization" {
            1e-6
        } else {
            1e-3
        },
    )?;
    let mut inputs = vec![Some(x.tensor)];
    let weights = rank - first;
    let scale = at.class() == "RMSNormalization" || at.flag("scale", true);
    inputs.push(match scale {
        true => Some(r.stored(at, "gamma", weights)?),
        false => None,
    });
    if !root && at.flag("center", true) {
        inputs.push(Some(r.stored(at, "beta", weights)?));
    }
    let axis = first as i64;
    let op = if root {
        Op::RmsNorm { axis, epsilon }
    } else {
        Op::LayerNorm { axis, epsilon }
    };
    let y = r.main(at, op, inputs, x.shape.clone(), Order::File, Activation::Linear)?;
    Ok(Some(vec![y]))
}

fn unit(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let Some(&[axis]) = x.rank().and_then(|rank| axes(at, "axis", rank)).as_deref() else {
        return Ok(None);
    };
    let x = r.b.file(x)?;
    alike(
        r,
        at,
        &x,
        Op::LpNorm {
            axis: axis as i64,
            p: 2,
        },
    )
}

/// A number, or one a channel.
fn numbers(value: Option<&Value>) -> Option<TensorData> {
    let one = |v: &Value| v.as_f64().map(|v| v as f32);
    match value? {
        // Normalization notes its lists inside lists of one.
        Value::Array(list) if list.len() == 1 && list[0].is_array() => numbers(list.first()),
        Value::Array(list) => {
            let values = list.iter().map(one).collect::<Option<Vec<f32>>>()?;
            Some(TensorData::from_f32(&[values.len() as u64], &values))
        }
        value => Some(TensorData::from_f32(&[], &[one(value)?])),
    }
}

/// One more step with a fixed tensor that belongs to each channel, or to all.
fn with(
    r: &mut Reader,
    at: &At,
    x: Flow,
    suffix: &str,
    kind: Binary,
    values: &TensorData,
) -> Result<Flow, Fault> {
    let order = r.b.order(&x);
    let data = match values.shape.len() {
        0 => values.clone(),
        _ => Reader::per_channel(values, x.rank_or(2), order),
    };
    let id = r.b.constant(&format!("{}/{suffix}", at.path), data);
    let y = r.step(at, suffix, Op::Binary(kind), &[x.tensor, id])?;
    Ok(r.b.flow(y, x.shape.clone(), order))
}

/// `x` in an order in which channels are easy to reach.
fn reachable(r: &mut Reader, x: &Flow) -> Result<Flow, Fault> {
    let x = r.b.settled(x)?;
    match r.b.order(&x) {
        Order::Flat { .. } => r.b.file(&x),
        _ => Ok(x),
    }
}

fn rescaling(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let (Some(scale), Some(offset)) = (
        numbers(at.value("scale")),
        numbers(Some(at.value("offset").unwrap_or(&Value::from(0.0)))),
    ) else {
        return Ok(None);
    };
    let mut x = reachable(r, x)?;
    if scale.to_f32().is_some_and(|v| v.iter().any(|&v| v != 1.0)) {
        x = with(r, at, x, "scale", Binary::Mul, &scale)?;
    }
    if offset.to_f32().is_some_and(|v| v.iter().any(|&v| v != 0.0)) {
        x = with(r, at, x, "offset", Binary::Add, &offset)?;
    }
    Ok(Some(vec![x]))
}

/// Zero mean and unit deviation by stored statistics of the training data.
fn standard(r: &mut Reader, at: &At, x: &Flow) -> Made {
    let rank = x.rank_or(2);
    let last = match at.value("axis") {
        None => true,
        // No axis at all: one number for everything.
        Some(_) => axes(at, "axis", rank).is_some_and(|a| a.is_empty() || a == [rank - 1]),
    };
    let statistic = |key: &str| {
        let stored = r.weights.get(&at.path, &format!("{}{key}", at.part)).cloned();
        numbers(at.value(key)).or(stored).filter(|d| d.shape.len() <= 1)
    };
    let (mean, variance) = (statistic("mean"), statistic("variance"));
    let (Some(mean), Some(variance), true, false) = (mean, variance, last, at.flag("invert", false)) else {
        return Ok(None);
    };
    let Some(variance) = variance.to_f32() else {
        return Ok(None);
    };
    let deviation: Vec<f32> = variance.iter().map(|v| v.sqrt().max(1e-7)).collect();
    if mean.len() != deviation.len() {
        return Err(at.fault("weights \"mean\" and \"variance\" differ in size"));
    }
    let deviation = TensorData::from_f32(&mean.shape, &deviation);
    let x = reachable(r, x)?;
    let x = with(r, at, x, "mean", Binary::Sub, &mean)?;
    Ok(Some(vec![with(r, at, x, "deviation", Binary::Div, &deviation)?]))
}
