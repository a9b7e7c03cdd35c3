//! Grad-CAM++: Grad-CAM whose mean over places is weighted, so that several objects count alike.

use super::grad_cam::{Cam, SETTINGS};
use super::{Method, Settings, Subject, Work};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "grad_cam_plus",
    name: "Grad-CAM++",
    about: "Grad-CAM that sees each of several objects, and small ones.",
    source: "Chattopadhay, Sarkar, Howlader, Balasubramanian: Grad-CAM++, 2017 (arXiv:1710.11063)",
    settings: SETTINGS,
    layered: true,
    start,
};

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    Ok(Box::new(Cam::new(subject, settings, &METHOD, weight)?))
}

/// Equations 5 and 19 of the paper, with `exp(score)` as the function that is differentiated: its higher
/// derivatives are powers of the gradient, and the exponential cancels.
fn weight(values: &[f32], gradient: &[f32]) -> f32 {
    let sum: f32 = values.iter().sum();
    let one = |&g: &f32| {
        let below = 2.0 * g * g + sum * g * g * g;
        match below != 0.0 {
            true => g * g / below * g.max(0.0),
            false => 0.0,
        }
    };
    gradient.iter().map(one).sum()
}
