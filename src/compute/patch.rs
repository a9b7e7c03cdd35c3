//! Interventions: a part of a tensor scaled before anything reads it.

use burn_backend::Backend;
use model::TensorId;

use crate::value::{Value, dims, float};

/// A part of a tensor that is scaled in the middle of a pass: by 0 it is ablated.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// What is changed.
    pub tensor: TensorId,
    /// Along this axis,
    pub axis: usize,
    /// from this element on,
    pub start: usize,
    /// so many of them,
    pub count: usize,
    /// and as many again after each so many elements; 0 for once.
    pub every: usize,
    /// What they are multiplied by.
    pub factor: f32,
}

impl Patch {
    /// What each of `length` elements of the axis is multiplied by; `None` where nothing is changed.
    fn factors(&self, length: usize) -> Option<Vec<f32>> {
        let mut factors = vec![1.0; length];
        let mut start = self.start;
        while start < length {
            let end = start.saturating_add(self.count).min(length);
            factors[start..end].fill(self.factor);
            match self.every {
                0 => break,
                every => start += every,
            }
        }
        (self.start < length && self.count > 0).then_some(factors)
    }
}

/// `value` with those of `patches` that are of `tensor`. What lies outside of it changes nothing.
pub(crate) fn patched<B: Backend>(
    patches: &[Patch],
    tensor: TensorId,
    value: Value<B>,
    device: &B::Device,
) -> Value<B> {
    let mut value = value;
    for patch in patches.iter().filter(|p| p.tensor == tensor) {
        let Value::Float(t) = value else { return value };
        let mut shape = dims::<B>(&t);
        let length = shape.get(patch.axis).copied().unwrap_or(0);
        value = Value::Float(match patch.factors(length) {
            Some(factors) => {
                shape.fill(1);
                shape[patch.axis] = length;
                B::float_mul(t, float::<B>(factors, &shape, device))
            }
            None => t,
        });
    }
    value
}
