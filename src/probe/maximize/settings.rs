//! What pictures are legal, and how one is sought.

use super::Shake;
use crate::ProbeError;

/// The values that a legal input has: those of a black and of a white pixel after the model's
/// preprocessing, one for all channels or one each.
#[derive(Clone, Debug, PartialEq)]
pub struct Legal {
    /// Of a pixel of 0.
    pub low: Vec<f32>,
    /// Of a pixel of 255.
    pub high: Vec<f32>,
}

impl Default for Legal {
    /// From 0 to 1.
    fn default() -> Self {
        Legal {
            low: vec![0.0],
            high: vec![1.0],
        }
    }
}

impl Legal {
    /// After `(pixel / 255 - mean) / std`.
    pub fn normalised(mean: &[f32], std: &[f32]) -> Self {
        let count = mean.len().max(std.len()).max(1);
        let of = |v: &[f32], c: usize, none: f32| v.get(c).or(v.last()).copied().unwrap_or(none);
        let at = |pixel: f32| {
            (0..count)
                .map(|c| (pixel - of(mean, c, 0.0)) / of(std, c, 1.0))
                .collect()
        };
        Legal {
            low: at(0.0),
            high: at(1.0),
        }
    }

    /// Lowest value and range of a channel.
    pub(super) fn of(&self, channel: usize) -> (f32, f32) {
        let get = |v: &[f32], none: f32| v.get(channel).or(v.last()).copied().unwrap_or(none);
        let (low, high) = (get(&self.low, 0.0), get(&self.high, 1.0));
        (low, high - low)
    }
}

/// How a picture is sought.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Pictures that are sought at once.
    pub images: usize,
    /// Adam's learning rate. Small pictures are where 0.05, Lucid's, brings them in 512 steps in 192.
    pub rate: f32,
    /// Power of the frequency that the spectrum is divided by: 1 as in natural pictures, 0 for plain
    /// cells.
    pub decay: f32,
    /// Three channels are moved along the colours that vary independently in natural pictures.
    pub decorrelate: bool,
    /// What the network sees it through.
    pub shake: Shake,
    /// Weight of the penalty for pictures that look alike to a layer; needs two pictures.
    pub diversity: f32,
    /// Rows and columns, where the network takes any.
    pub size: Option<[usize; 2]>,
    /// The same seed gives the same pictures.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            images: 1,
            rate: 0.15,
            decay: 1.0,
            decorrelate: true,
            shake: Shake::default(),
            diversity: 0.0,
            size: None,
            seed: 0,
        }
    }
}

/// Most pictures at once.
const MOST: usize = 64;

/// Numbers that make sense.
pub(super) fn check(settings: &Settings) -> Result<(), ProbeError> {
    let fail = |name: &str, problem: String| {
        Err(ProbeError::Setting {
            name: name.into(),
            problem,
        })
    };
    if !(1..=MOST).contains(&settings.images) {
        return fail(
            "images",
            format!("{} given, 1 to {MOST} expected", settings.images),
        );
    }
    for (name, value) in [
        ("rate", settings.rate),
        ("decay", settings.decay),
        ("diversity", settings.diversity),
        ("scale", settings.shake.scale),
        ("degrees", settings.shake.degrees),
    ] {
        if !(value >= 0.0 && value.is_finite()) {
            return fail(name, format!("{value} given, a number of 0 or more expected"));
        }
    }
    if settings.shake.scale >= 1.0 {
        return fail(
            "scale",
            format!("{} given, a number below 1 expected", settings.shake.scale),
        );
    }
    Ok(())
}
