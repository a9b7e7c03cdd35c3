//! Interventions: a part of a tensor scaled before anything reads it.

use burn_backend::{Backend, Slice};
use model::TensorId;

use crate::value::{Value, dims};

/// A part of a tensor that is scaled in the middle of a pass: by 0 it is ablated.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// What is changed.
    pub tensor: TensorId,
    /// Along this axis,
    pub axis: usize,
    /// from this element on,
    pub start: usize,
    /// so many of them.
    pub count: usize,
    /// What they are multiplied by.
    pub factor: f32,
}

fn slice(start: usize, end: usize) -> Slice {
    Slice::new(start as isize, Some(end as isize), 1)
}

/// `value` with those of `patches` that are of `tensor`. What lies outside of it changes nothing.
pub(crate) fn patched<B: Backend>(patches: &[Patch], tensor: TensorId, value: Value<B>) -> Value<B> {
    let mut value = value;
    for patch in patches.iter().filter(|p| p.tensor == tensor) {
        let Value::Float(t) = value else { return value };
        let shape = dims::<B>(&t);
        let end = (patch.start + patch.count).min(shape.get(patch.axis).copied().unwrap_or(0));
        if patch.start >= end {
            value = Value::Float(t);
            continue;
        }
        let mut slices: Vec<Slice> = shape.iter().map(|&d| slice(0, d)).collect();
        slices[patch.axis] = slice(patch.start, end);
        let part = B::float_slice(t.clone(), &slices);
        let part = B::float_mul_scalar(part, patch.factor.into());
        value = Value::Float(B::float_slice_assign(t, &slices, part));
    }
    value
}
