//! Guided backpropagation: the gradient along ways that raise the score at every rectifier.

use compute::Turn;
use model::Layer;
use model::op::{Op, Unary};

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

/// True for the rectifier; the papers speak of no other activation.
pub(super) fn rectifies(layer: &Layer) -> bool {
    layer.op == Op::Unary(Unary::Relu)
}

fn start(subject: &Subject, _: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let turn = |layer: &Layer| match rectifies(layer) {
        true => Turn::Positive,
        false => Turn::Own,
    };
    Ok(Box::new(Averaged::one(subject).turned(turn)))
}
