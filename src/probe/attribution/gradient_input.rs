//! The gradient times the input: what each cell adds where the network is taken as linear.

use super::averaged::Averaged;
use super::{Method, Settings, Subject, Work};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "gradient_input",
    name: "Gradient x input",
    about: "What a cell adds to the score, if the network were as linear everywhere as it is here.",
    source: "Shrikumar, Greenside, Shcherbina, Kundaje: Not Just a Black Box, 2016 (arXiv:1605.01713)",
    settings: &[],
    layered: false,
    start,
};

fn start(subject: &Subject, _: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    Ok(Box::new(Averaged::one(subject).times(subject.example().to_vec())))
}
