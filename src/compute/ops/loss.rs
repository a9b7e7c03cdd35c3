//! Losses of classifiers.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

use super::shape::take;
use super::{Context, Outputs};
use crate::value::{Ints, Value, dims, float, reshape};

/// `NegativeLogLikelihoodLoss` of log probabilities `[N, C, ...]` and classes `[N, ...]`.
pub fn negative_log_likelihood<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let x = c.float(0)?;
    Ok(vec![Value::Float(loss(c, x)?)])
}

/// `SoftmaxCrossEntropyLoss` of scores, and the log probabilities.
pub fn cross_entropy<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let x = c.float(0)?;
    if dims::<B>(&x).len() < 2 {
        return Err(format!(
            "scores {:?}: batch and classes are expected",
            dims::<B>(&x)
        ));
    }
    if dims::<B>(&x).contains(&0) {
        return Err(format!("scores {:?} are empty", dims::<B>(&x)));
    }
    let logs = B::log_softmax(x, 1);
    Ok(vec![Value::Float(loss(c, logs.clone())?), Value::Float(logs)])
}

fn loss<B: Backend>(c: &Context<B>, logs: FloatTensor<B>) -> Result<FloatTensor<B>, String> {
    let (shape, target) = (dims::<B>(&logs), c.ints(1)?);
    let wrong = || format!("classes {:?} for scores {shape:?}", target.shape);
    if shape.len() < 2 || target.shape != [&shape[..1], &shape[2..]].concat() {
        return Err(wrong());
    }
    let (classes, inner) = (shape[1], shape[2..].iter().product::<usize>());
    let ignored = c.attrs().opt_int("ignore_index")?;
    let count = target.data.len();
    let (mut places, mut chosen, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for (k, &class) in target.data.iter().enumerate() {
        let skip = ignored == Some(class);
        let at = usize::try_from(class).ok().filter(|&t| t < classes);
        let at = if skip {
            at.unwrap_or(0)
        } else {
            at.ok_or_else(|| format!("class {class} of {classes}"))?
        };
        places.push((k / inner * classes + at) * inner + k % inner);
        chosen.push(at);
        counts.push(if skip { 0f32 } else { 1.0 });
    }
    let line = Value::<B>::Float(reshape::<B>(logs, &[shape.iter().product()]));
    let Value::Float(picked) = take(&line, 0, &places, c.device) else {
        return Err(wrong());
    };
    let mut weight = float::<B>(counts, &[count], c.device);
    if let Some(given) = c.opt_float(2)? {
        if dims::<B>(&given) != [classes] {
            return Err(format!("weights {:?} for {classes} classes", dims::<B>(&given)));
        }
        if let Value::Float(own) = take(&Value::<B>::Float(given), 0, &chosen, c.device) {
            weight = B::float_mul(weight, own);
        }
    }
    let losses = B::float_neg(B::float_mul(picked, weight.clone()));
    let scalar = |t| reshape::<B>(B::float_sum(t), &[]);
    Ok(match c.attrs().string("reduction", "mean")? {
        "none" => reshape::<B>(losses, &target.shape),
        "sum" => scalar(losses),
        "mean" => {
            let one = |t| reshape::<B>(B::float_sum(t), &[1]);
            reshape::<B>(B::float_div(one(losses), one(weight)), &[])
        }
        other => return Err(format!("reduction {other:?}: none, sum or mean is expected")),
    })
}

/// `Dropout`: in training elements fall away, the others are scaled up. The mask is the second
/// output.
pub fn dropout<B: Backend>(c: &Context<B>, ratio: f32) -> Outputs<B> {
    let x = c.value(0)?;
    let shape = x.shape();
    let count = shape.iter().product::<usize>();
    let stated = match c.opt(2) {
        Some(Value::Int(ints)) => ints.data.first().is_some_and(|&v| v != 0),
        _ => false,
    };
    // A network that learns drops, whatever mode its file was written in.
    let training = stated || c.seed.is_some();
    let ratio = c.scalar(1)?.unwrap_or(ratio);
    let all = |data| Value::Int(Ints::new(shape.clone(), data).typed(model::DType::Bool));
    if !training || ratio == 0.0 {
        return Ok(vec![x.clone(), all(vec![1; count])]);
    }
    if !(0.0..1.0).contains(&ratio) {
        return Err(format!("a ratio from 0 to below 1 is expected, {ratio} found"));
    }
    let scale = 1.0 / (1.0 - ratio);
    if let (Some(seed), 1) = (c.drawn(), c.layer.outputs.len()) {
        let mut random = model::Random::new(&[seed]);
        let gain = |_| {
            if random.uniform() >= ratio as f64 {
                scale
            } else {
                0.0
            }
        };
        let gains = float::<B>((0..count).map(gain).collect(), &shape, c.device);
        return Ok(vec![Value::Float(B::float_mul(x.floats(c.device)?, gains))]);
    }
    let seed = match c.drawn() {
        Some(seed) => seed as u32,
        None => c.attrs().int("seed", 0)? as u32,
    };
    let mut random = super::random::Twister::new(seed);
    let kept: Vec<i64> = (0..count)
        .map(|_| (random.uniform() >= ratio as f64) as i64)
        .collect();
    let gains = kept.iter().map(|&k| k as f32 * scale).collect();
    let y = B::float_mul(x.floats(c.device)?, float::<B>(gains, &shape, c.device));
    Ok(vec![Value::Float(y), all(kept)])
}
