//! What follows a convolution or a product: normalisation and bias go into its weights, a sum and an
//! activation into its last step.

use model::op::{Binary, Op, Variadic};
use model::{Layer, LayerId, TensorId};

use super::{Merge, Work, parameter};

/// Whether `id` is a product whose last step is still free.
fn product(work: &Work, id: LayerId) -> bool {
    let layer = work.layer(id);
    let kind = match layer.op {
        Op::Conv { .. } | Op::MatMul => true,
        Op::Gemm { alpha, beta, .. } => alpha == 1.0 && beta == 1.0,
        _ => false,
    };
    kind && layer.activation.is_none()
}

fn input(layer: &Layer, i: usize) -> Option<TensorId> {
    layer.inputs.get(i).copied().flatten()
}

/// `layer` with input `i` replaced.
fn given(layer: &Layer, inputs: impl IntoIterator<Item = (usize, TensorId)>) -> Layer {
    let mut layer = layer.clone();
    for (i, tensor) in inputs {
        if layer.inputs.len() <= i {
            layer.inputs.resize(i + 1, None);
        }
        layer.inputs[i] = Some(tensor);
    }
    layer
}

/// A convolution, then a batch normalisation, or a product or sum with a stored number for each
/// channel: both are one convolution (Jacob et al. 2018, section 3.2).
pub(super) fn affine(work: &Work, base: LayerId) -> Option<Merge> {
    let layer = work.layer(base);
    if !matches!(layer.op, Op::Conv { .. }) || !product(work, base) || input(layer, 3).is_some() {
        return None;
    }
    let next = work.reader(base)?;
    let (mut weights, shape) = work.stored(input(layer, 1)?)?;
    let channels = *shape.first()? as usize;
    let mut bias = match input(layer, 2) {
        Some(bias) => work.stored(bias)?.0,
        None => vec![0.0; channels],
    };
    let (gain, shift) = channelwise(work, base, next, channels)?;
    if channels == 0 || bias.len() != channels || weights.len() % channels != 0 {
        return None;
    }
    let each = weights.len() / channels;
    for c in 0..channels {
        weights[c * each..][..each].iter_mut().for_each(|w| *w *= gain[c]);
        bias[c] = bias[c] * gain[c] + shift[c];
    }
    let TensorId(first) = work.next();
    Some(Merge {
        base,
        layer: given(layer, [(1, TensorId(first)), (2, TensorId(first + 1))]),
        absorbed: vec![next],
        last: next,
        added: vec![
            parameter(format!("{}/weights", layer.name), &shape, &weights)?,
            parameter(format!("{}/bias", layer.name), &[channels as u64], &bias)?,
        ],
    })
}

/// Gain and shift for each channel of what `next` does with the output of `base`.
fn channelwise(work: &Work, base: LayerId, next: LayerId, channels: usize) -> Option<(Vec<f32>, Vec<f32>)> {
    let (output, after) = (work.output(base)?, work.layer(next));
    match &after.op {
        Op::BatchNorm { epsilon } if input(after, 0) == Some(output) && after.outputs.len() == 1 => {
            let mut all = Vec::with_capacity(4);
            for i in 1..5 {
                let values = work.stored(input(after, i)?)?.0;
                all.push((values.len() == channels).then_some(values)?);
            }
            let [scale, offset, mean, variance] = <[Vec<f32>; 4]>::try_from(all).ok()?;
            let gain: Vec<f32> = scale
                .iter()
                .zip(variance)
                .map(|(s, v)| s / (v + epsilon).sqrt())
                .collect();
            let shift = offset.iter().zip(mean).zip(&gain).map(|((o, m), g)| o - m * g);
            let shift = shift.collect();
            Some((gain, shift))
        }
        Op::Binary(kind @ (Binary::Mul | Binary::Add)) => {
            let (mut values, shape) = work.stored(work.beside(next, output)?)?;
            let rank = work.network.tensor(output).spec.rank()?;
            if values.len() == 1 && shape.len() <= rank {
                values = vec![values[0]; channels];
                return Some(match kind {
                    Binary::Mul => (values, vec![0.0; channels]),
                    _ => (vec![1.0; channels], values),
                });
            }
            // `[C, 1, 1]`, or the same with axes of one element before it.
            let axis = shape.len().checked_sub(rank.checked_sub(1)?)?;
            let own = shape.len() <= rank && shape.get(axis) == Some(&(channels as u64));
            if !own || values.len() != channels {
                return None;
            }
            Some(match kind {
                Binary::Mul => (values, vec![0.0; channels]),
                _ => (vec![1.0; channels], values),
            })
        }
        _ => None,
    }
}

/// A matrix product, then a sum with a stored number for each column.
pub(super) fn bias(work: &Work, base: LayerId) -> Option<Merge> {
    let layer = work.layer(base);
    let matrix = matches!(layer.op, Op::MatMul | Op::Gemm { .. });
    if !matrix || !product(work, base) || input(layer, 2).or(input(layer, 3)).is_some() {
        return None;
    }
    // A weight: a vector would have no columns.
    let weights = work.network.tensor(input(layer, 1)?);
    if weights.data.as_ref()?.shape.len() != 2 || work.network.tensor(input(layer, 0)?).spec.rank()? < 2 {
        return None;
    }
    let turned = matches!(layer.op, Op::Gemm { trans_b: true, .. });
    let columns = weights.data.as_ref()?.shape[usize::from(!turned)];
    let next = work.reader(base)?;
    let other = work.beside(next, work.output(base)?)?;
    if !matches!(work.op(next), Op::Binary(Binary::Add)) || work.stored(other)?.1 != [columns] {
        return None;
    }
    Some(Merge {
        base,
        layer: given(layer, [(2, other)]),
        absorbed: vec![next],
        last: next,
        added: Vec::new(),
    })
}

/// A product, then a sum with another tensor.
pub(super) fn sum(work: &Work, base: LayerId) -> Option<Merge> {
    let layer = work.layer(base);
    if !product(work, base) || input(layer, 3).is_some() {
        return None;
    }
    let next = work.reader(base)?;
    let sums = matches!(
        work.op(next),
        Op::Binary(Binary::Add) | Op::Variadic(Variadic::Sum)
    );
    let other = work.beside(next, work.output(base)?)?;
    // Of equal rank, as far as is known: what is larger would make the result larger.
    let rank = |t| work.network.tensor(t).spec.rank();
    let alike = rank(other).is_some() && rank(other) == rank(work.output(base)?);
    (sums && alike && work.network.tensor(other).data.is_none()).then(|| Merge {
        base,
        layer: given(layer, [(3, other)]),
        absorbed: vec![next],
        last: next,
        added: Vec::new(),
    })
}

/// A product, then an activation.
pub(super) fn activation(work: &Work, base: LayerId) -> Option<Merge> {
    let layer = work.layer(base);
    let next = work.reader(base)?;
    let Op::Unary(kind) = *work.op(next) else {
        return None;
    };
    product(work, base).then(|| Merge {
        base,
        layer: Layer {
            activation: Some(kind),
            ..layer.clone()
        },
        absorbed: vec![next],
        last: next,
        added: Vec::new(),
    })
}
