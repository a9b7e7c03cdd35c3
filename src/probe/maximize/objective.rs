//! What shall be large.

use model::{Network, Role, TensorId};

use crate::ProbeError;

/// A part of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// One element of what it holds for an example, row-major: a unit of a feature map, a logit.
    Element(usize),
    /// The mean of one channel over all its places.
    Channel(usize),
    /// The mean of everything.
    All,
}

/// A number that shall be large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objective {
    /// A tensor that the main graph computes.
    pub tensor: TensorId,
    /// The part of it.
    pub aim: Aim,
}

impl Objective {
    /// Of each of `each` elements for one example, how much it counts; `shape` is that of the whole
    /// tensor, batch first.
    pub(super) fn weights(
        &self,
        network: &Network,
        shape: &[usize],
        each: usize,
    ) -> Result<Vec<f32>, ProbeError> {
        let tensor = network.tensor(self.tensor);
        let missing = |element: usize, elements: usize| ProbeError::Element {
            name: tensor.name.clone(),
            element,
            elements,
        };
        let mut weights = vec![0.0; each];
        match self.aim {
            Aim::Element(i) => *weights.get_mut(i).ok_or_else(|| missing(i, each))? = 1.0,
            Aim::All => weights.fill(1.0 / each.max(1) as f32),
            Aim::Channel(c) => {
                let axes = tensor.spec.axes.as_ref().filter(|a| a.len() == shape.len());
                let role = axes.and_then(|a| a.iter().position(|a| a.role == Role::Channel));
                let axis = role.filter(|&a| a > 0).unwrap_or(1);
                let channels = shape.get(axis).copied().unwrap_or(1);
                if c >= channels {
                    return Err(ProbeError::Tensor {
                        name: tensor.name.clone(),
                        problem: format!("there is no channel {c} of {channels}"),
                    });
                }
                let inner: usize = shape[axis + 1..].iter().product();
                let of = |i: usize| i / inner.max(1) % channels == c;
                let share = channels as f32 / each.max(1) as f32;
                let here = weights.iter_mut().enumerate().filter(|(i, _)| of(*i));
                here.for_each(|(_, w)| *w = share);
            }
        }
        Ok(weights)
    }
}
