//! Guided backpropagation: the gradient along ways that raise the score at every rectifier.

use std::collections::HashSet;

use compute::Turn;
use model::op::{Op, Unary};
use model::{Layer, Network, TensorId};

use super::averaged::Averaged;
use super::{Method, Settings, Subject, Work};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "guided",
    name: "Guided backpropagation",
    about: "The gradient without what is negative at a rectifier on the way back. Sharp, but it shows edges of \
            the picture whatever the network has learned: see the sanity check.",
    source: "Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for Simplicity, 2014 (arXiv:1412.6806)",
    settings: &[],
    layered: false,
    start,
};

fn start(subject: &Subject, _: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    rectified(subject, &METHOD, Turn::Positive)
}

/// The gradient with `turn` at every rectifier.
///
/// # Errors
/// [`ProbeError::NoRectifier`] for a network without one, where it would be the plain gradient.
pub(super) fn rectified(
    subject: &Subject,
    method: &'static Method,
    turn: Turn,
) -> Result<Box<dyn Work>, ProbeError> {
    let network = subject.network();
    let layers = network.main().layers.iter().map(|&l| network.layer(l));
    let inside = layers.clone().any(|l| l.activation == Some(Unary::Relu));
    let found = layers.filter(|l| rectifies(network, l));
    let outputs: HashSet<TensorId> = found.flat_map(|l| l.outputs.iter().flatten().copied()).collect();
    if outputs.is_empty() && !inside {
        return Err(ProbeError::NoRectifier { method: method.name });
    }
    // One that was inside another layer has a layer of its own by now.
    let turns = move |layer: &Layer| {
        let known = layer.outputs.iter().flatten().any(|t| outputs.contains(t));
        match known || layer.op == Op::Unary(Unary::Relu) {
            true => turn,
            false => Turn::Own,
        }
    };
    Ok(Box::new(Averaged::one(subject).turned(turns)))
}

/// True for rectifiers, those with an upper bound (ReLU6) too; the papers speak of no other activation.
fn rectifies(network: &Network, layer: &Layer) -> bool {
    match layer.op {
        Op::Unary(Unary::Relu) => true,
        Op::Clip { min: Some(low), .. } => low == 0.0,
        Op::Clip { min: None, .. } => {
            let bound = layer.inputs.get(1).copied().flatten();
            let stored = bound.and_then(|t| network.tensor(t).data.as_ref()?.to_f32());
            stored.is_some_and(|low| low == [0.0])
        }
        _ => false,
    }
}
