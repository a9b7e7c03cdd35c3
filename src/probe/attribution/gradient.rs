//! The gradient itself: how much the number changes when a cell does, a little.

use super::averaged::Averaged;
use super::{Kind, Method, Setting, Settings, Subject, Work};
use crate::ProbeError;

pub(super) const ABSOLUTE: Setting = Setting {
    id: "absolute",
    name: "Magnitude",
    about: "Magnitudes only: a change in either direction counts.",
    kind: Kind::Switch { default: false },
};

pub(super) const METHOD: Method = Method {
    id: "gradient",
    name: "Gradient (saliency)",
    about: "How much the score rises when a cell rises a little.",
    source: "Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2013 (arXiv:1312.6034)",
    settings: &[ABSOLUTE],
    layered: false,
    start,
};

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let work = Averaged::one(subject);
    Ok(Box::new(match settings.on(&METHOD, "absolute") {
        true => work.with(|v| v, f32::abs),
        false => work,
    }))
}
