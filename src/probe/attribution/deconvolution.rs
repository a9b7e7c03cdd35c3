//! Deconvolution: the score sent back through a network whose rectifiers look at what comes back.

use compute::Turn;

use super::guided::rectified;
use super::{Method, Settings, Subject, Work};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "deconvolution",
    name: "Deconvolution",
    about: "The score sent back with the rectifiers applied to what comes back instead of their own slopes.",
    source: "Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2013 (arXiv:1311.2901)",
    settings: &[],
    layered: false,
    start,
};

fn start(subject: &Subject, _: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    rectified(subject, &METHOD, Turn::PositivePassed)
}
