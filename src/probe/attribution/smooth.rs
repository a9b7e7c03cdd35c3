//! SmoothGrad: the mean of gradients around the example.

use model::Random;

use super::averaged::Averaged;
use super::gradient::ABSOLUTE;
use super::{Kind, Method, Setting, Settings, Subject, Work};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "smooth",
    name: "SmoothGrad",
    about: "The gradient, averaged over copies of the example with noise: what it shares with its surroundings.",
    source: "Smilkov, Thorat, Kim, Viegas, Wattenberg: SmoothGrad, 2017 (arXiv:1706.03825)",
    settings: &[
        Setting {
            id: "samples",
            name: "Copies",
            about: "Copies with noise.",
            kind: Kind::Whole {
                default: 32,
                low: 1,
                high: 4096,
            },
        },
        Setting {
            id: "noise",
            name: "Noise",
            about: "Deviation of the noise, of the distance from the smallest cell to the largest.",
            kind: Kind::Number {
                default: 0.15,
                low: 0.0,
                high: 2.0,
            },
        },
        Setting {
            id: "squared",
            name: "Squares",
            about: "The mean of squares instead (SmoothGrad-Squared).",
            kind: Kind::Switch { default: false },
        },
        ABSOLUTE,
        SEED,
    ],
    layered: false,
    start,
};

pub(super) const SEED: Setting = Setting {
    id: "seed",
    name: "Seed",
    about: "The same seed draws the same numbers.",
    kind: Kind::Whole {
        default: 0,
        low: 0,
        high: u32::MAX as u64,
    },
};

/// How many times `each` values are in what is `given`.
pub(super) fn whole(name: &str, given: usize, each: usize) -> Result<usize, ProbeError> {
    if given == 0 || each == 0 || !given.is_multiple_of(each) {
        return Err(ProbeError::Setting {
            name: name.into(),
            problem: format!("{given} values given, a multiple of {each} expected"),
        });
    }
    Ok(given / each)
}

/// Draws the noise of copies.
const STREAM: u64 = 0x5300;

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let example = subject.example().to_vec();
    let extreme = |f: fn(f32, f32) -> f32, from: f32| example.iter().copied().fold(from, f);
    let range = extreme(f32::max, f32::NEG_INFINITY) - extreme(f32::min, f32::INFINITY);
    let deviation = settings.of(&METHOD, "noise") * f64::from(range);
    let seed = settings.whole(&METHOD, "seed") as u64;
    let given = settings.given.get("noise").cloned();
    let count = match &given {
        Some(noise) => whole("noise", noise.len(), example.len())?,
        None => settings.whole(&METHOD, "samples"),
    };
    let sample = move |i: usize| {
        let mut copy = example.clone();
        match &given {
            Some(noise) => {
                let noise = &noise[i * copy.len()..];
                copy.iter_mut().zip(noise).for_each(|(v, n)| *v += n);
            }
            None => {
                let mut random = Random::new(&[seed, STREAM, i as u64]);
                copy.iter_mut()
                    .for_each(|v| *v += (deviation * random.normal()) as f32);
            }
        }
        (copy, 1.0 / count as f32)
    };
    let work = Averaged::new(count, Box::new(sample));
    Ok(Box::new(
        match (settings.on(&METHOD, "squared"), settings.on(&METHOD, "absolute")) {
            (true, _) => work.with(|v| v * v, |v| v),
            // The mean of magnitudes, not the magnitude of the mean, as the authors have it.
            (false, true) => work.with(f32::abs, |v| v),
            (false, false) => work,
        },
    ))
}
