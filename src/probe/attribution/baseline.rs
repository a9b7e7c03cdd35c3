//! What stands for "nothing there" in an example.

use super::settings::{Kind, Setting};
use super::{Picture, Settings, Subject};
use crate::ProbeError;

/// The setting that methods with a baseline have.
pub(super) const SETTING: Setting = Setting {
    id: "baseline",
    name: "Baseline",
    about: "What stands for nothing: zero, the mean of each channel, or the example without its details.",
    kind: Kind::Choice {
        options: &["zero", "mean", "blurred"],
        default: 0,
    },
};

/// A baseline, in the order that the setting `baseline` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// 0 everywhere; of normalised inputs that is the mean of the data.
    Zero,
    /// The mean of each channel.
    Mean,
    /// The example under a wide Gaussian.
    Blurred,
}

impl Baseline {
    /// In place of `example`.
    pub fn make(self, picture: &Picture, example: &[f32]) -> Vec<f32> {
        match self {
            Baseline::Zero => vec![0.0; example.len()],
            Baseline::Mean => {
                let planes = picture.planes(example);
                let one = |plane: &[f32]| {
                    let mean = plane.iter().sum::<f32>() / plane.len().max(1) as f32;
                    vec![mean; plane.len()]
                };
                let means: Vec<f32> = planes.chunks(picture.places().max(1)).flat_map(one).collect();
                picture.example(&means)
            }
            Baseline::Blurred => blur(picture, example),
        }
    }
}

/// What is set, or given.
pub(super) fn of(subject: &Subject, settings: &Settings, choice: f64) -> Result<Vec<f32>, ProbeError> {
    if let Some(given) = settings.given.get("baseline") {
        return match given.len() == subject.example().len() {
            true => Ok(given.clone()),
            false => Err(ProbeError::Setting {
                name: "baseline".into(),
                problem: format!("{} values for {}", given.len(), subject.example().len()),
            }),
        };
    }
    let kind = [Baseline::Zero, Baseline::Mean, Baseline::Blurred][(choice as usize).min(2)];
    Ok(kind.make(subject.picture(), subject.example()))
}

/// Petsiuk et al. 2018 blur ImageNet's 224 pixels with a deviation of 5 pixels.
const DEVIATION: f64 = 5.0 / 224.0;
const LEAST: f64 = 1.5;

/// A Gaussian over rows and columns; at the border its weights are those of the cells that are there.
fn blur(picture: &Picture, example: &[f32]) -> Vec<f32> {
    let side = picture.height.max(picture.width) as f64;
    let deviation = (DEVIATION * side).max(LEAST);
    let reach = (3.0 * deviation).ceil() as isize;
    let kernel: Vec<f64> = (-reach..=reach)
        .map(|d| (-0.5 * (d as f64 / deviation).powi(2)).exp())
        .collect();
    let along = |line: &[f32]| -> Vec<f32> {
        let one = |i: usize| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for (k, w) in kernel.iter().enumerate() {
                let at = i as isize + k as isize - reach;
                if at >= 0 && (at as usize) < line.len() {
                    sum += w * f64::from(line[at as usize]);
                    weight += w;
                }
            }
            (sum / weight) as f32
        };
        (0..line.len()).map(one).collect()
    };
    let (height, width) = (picture.height, picture.width);
    let mut planes = picture.planes(example);
    for plane in planes.chunks_mut(picture.places().max(1)) {
        for row in plane.chunks_mut(width) {
            let blurred = along(row);
            row.copy_from_slice(&blurred);
        }
        for x in 0..width {
            let column: Vec<f32> = (0..height).map(|y| plane[y * width + x]).collect();
            for (y, v) in along(&column).into_iter().enumerate() {
                plane[y * width + x] = v;
            }
        }
    }
    picture.example(&planes)
}

#[cfg(test)]
mod tests {
    use model::TensorSpec;

    use super::*;

    #[test]
    fn baselines_keep_the_level_and_lose_the_details() {
        let picture = Picture::of(&TensorSpec::unknown(), &[1, 2, 8, 8]);
        let spot: Vec<f32> = (0..128)
            .map(|i| f32::from(u8::from(i == 27 || i >= 64)))
            .collect();
        assert_eq!(Baseline::Zero.make(&picture, &spot), vec![0.0; 128]);
        let mean = Baseline::Mean.make(&picture, &spot);
        assert!((mean[0] - 1.0 / 64.0).abs() < 1e-6 && mean[127] == 1.0);
        let blurred = Baseline::Blurred.make(&picture, &spot);
        let most = blurred[..64].iter().fold(0f32, |a, &b| a.max(b));
        assert!(most == blurred[27] && most < 0.2, "{most}");
        // A plane of one level stays as it is, at the border too.
        assert!(blurred[64..].iter().all(|v| (v - 1.0).abs() < 1e-5));
    }
}
