//! Data sets that are made here, from a seed: shapes in the plane, and series.

use model::{Cells, Column, Dataset, Random, Targets};
use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// Most examples that are made.
pub const MAX_COUNT: usize = 1 << 22;

/// A set that is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Generated {
    /// Two half circles that reach into each other (scikit-learn's `make_moons`).
    Moons {
        /// Examples.
        #[serde(default = "thousand")]
        count: usize,
        /// Deviation of normal noise.
        #[serde(default = "tenth")]
        noise: f64,
    },
    /// A circle in a circle of twice its radius.
    Circles {
        /// Examples.
        #[serde(default = "thousand")]
        count: usize,
        /// Deviation of normal noise.
        #[serde(default = "twentieth")]
        noise: f64,
    },
    /// Arms that wind around one another (Lang and Witbrock 1988).
    Spirals {
        /// Examples.
        #[serde(default = "thousand")]
        count: usize,
        /// Deviation of normal noise.
        #[serde(default = "fiftieth")]
        noise: f64,
        /// Arms, each a class.
        #[serde(default = "two")]
        classes: usize,
    },
    /// Sums of two sine waves of random phase and period: a window, and the value that follows.
    Sines {
        /// Examples.
        #[serde(default = "thousand")]
        count: usize,
        /// Deviation of normal noise.
        #[serde(default = "twentieth")]
        noise: f64,
        /// Values that are seen.
        #[serde(default = "window")]
        window: usize,
    },
}

fn thousand() -> usize {
    1000
}

fn two() -> usize {
    2
}

fn window() -> usize {
    32
}

fn tenth() -> f64 {
    0.1
}

fn twentieth() -> f64 {
    0.05
}

fn fiftieth() -> f64 {
    0.02
}

impl Generated {
    /// The examples; a share of them is kept aside to judge by. Equal seeds give equal sets.
    ///
    /// # Errors
    /// [`DataError::Request`] for sizes that make no sense.
    pub fn make(&self, validation: f64, seed: u64) -> Result<Dataset, DataError> {
        let (Generated::Moons { count, noise }
        | Generated::Circles { count, noise }
        | Generated::Spirals { count, noise, .. }
        | Generated::Sines { count, noise, .. }) = *self;
        let within = |what: &str, found: usize, high: usize| match (2..=high).contains(&found) {
            true => Ok(()),
            false => Err(DataError::request(
                what,
                found.to_string(),
                format!("2 to {high}"),
            )),
        };
        within("count", count, MAX_COUNT)?;
        if !(noise >= 0.0 && noise.is_finite()) {
            return Err(DataError::request("noise", noise.to_string(), "0 or more"));
        }
        let mut random = Random::new(&[seed, 0x5e7]);
        let set = match *self {
            Generated::Sines { window, .. } => {
                within("window", window, 4096)?;
                sines(count, noise, window, &mut random)
            }
            Generated::Spirals { classes, .. } => {
                within("classes", classes, 100)?;
                plane("spirals", classes, count, noise, &mut random, |class, t| {
                    let angle = 3.0 * std::f64::consts::PI * t
                        + std::f64::consts::TAU * class as f64 / classes as f64;
                    let radius = 0.1 + 0.9 * t;
                    [radius * angle.cos(), radius * angle.sin()]
                })
            }
            Generated::Circles { .. } => plane("circles", 2, count, noise, &mut random, |class, t| {
                let (sin, cos) = (std::f64::consts::TAU * t).sin_cos();
                let radius = if class == 0 { 1.0 } else { 0.5 };
                [radius * cos, radius * sin]
            }),
            Generated::Moons { .. } => plane("moons", 2, count, noise, &mut random, |class, t| {
                let (sin, cos) = (std::f64::consts::PI * t).sin_cos();
                match class {
                    0 => [cos, sin],
                    _ => [1.0 - cos, 0.5 - sin],
                }
            }),
        };
        Ok(set.split(validation, seed))
    }
}

/// Points `at(class, t)` for t from 0 to 1, the classes in turn.
fn plane(
    name: &str,
    classes: usize,
    count: usize,
    noise: f64,
    random: &mut Random,
    at: impl Fn(usize, f64) -> [f64; 2],
) -> Dataset {
    let mut points = Vec::with_capacity(2 * count);
    let mut labels = Vec::with_capacity(count);
    for i in 0..count {
        let class = i % classes;
        for v in at(class, random.uniform()) {
            points.push((v + noise * random.normal()) as f32);
        }
        labels.push(class as i64);
    }
    Dataset {
        name: name.into(),
        inputs: vec![Column {
            name: String::new(),
            shape: vec![2],
            cells: Cells::Floats(points),
        }],
        targets: Targets::Classes(Column {
            name: String::new(),
            shape: vec![],
            cells: Cells::Ints(labels),
        }),
        classes: (0..classes).map(|c| c.to_string()).collect(),
        ..Dataset::default()
    }
}

fn sines(count: usize, noise: f64, window: usize, random: &mut Random) -> Dataset {
    let mut seen = Vec::with_capacity(count * window);
    let mut next = Vec::with_capacity(count);
    for _ in 0..count {
        let waves = [0.7, 0.3].map(|height| {
            let period = 6.0 + 18.0 * random.uniform();
            (height, period, std::f64::consts::TAU * random.uniform())
        });
        let at = |t: usize| {
            let wave = |&(height, period, phase): &(f64, f64, f64)| {
                height * (std::f64::consts::TAU * t as f64 / period + phase).sin()
            };
            waves.iter().map(wave).sum::<f64>()
        };
        seen.extend((0..window).map(|t| (at(t) + noise * random.normal()) as f32));
        next.push(at(window) as f32);
    }
    let column = |shape: &[usize], cells| Column {
        name: String::new(),
        shape: shape.to_vec(),
        cells: Cells::Floats(cells),
    };
    Dataset {
        name: "sines".into(),
        inputs: vec![column(&[window, 1], seen)],
        targets: Targets::Values(column(&[1], next)),
        ..Dataset::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_sets_are_whole_and_repeat() {
        let sets = [
            Generated::Moons {
                count: 200,
                noise: 0.0,
            },
            Generated::Circles {
                count: 200,
                noise: 0.0,
            },
            Generated::Spirals {
                count: 201,
                noise: 0.0,
                classes: 3,
            },
            Generated::Sines {
                count: 60,
                noise: 0.0,
                window: 8,
            },
        ];
        for set in sets {
            let made = set.make(0.25, 3).unwrap();
            assert_eq!(made.check(), Ok(()), "{set:?}");
            assert_eq!(made, set.make(0.25, 3).unwrap());
            assert_ne!(made, set.make(0.25, 4).unwrap());
            let share = made.validation.len() as f64 / made.len() as f64;
            assert!((share - 0.25).abs() < 0.01, "{set:?}: {share}");
        }
        // Without noise the points lie on their curves.
        let circles = sets[1].make(0.0, 1).unwrap();
        for i in 0..200 {
            let point = circles.inputs[0].floats(&[i]);
            let radius = point[0].hypot(point[1]);
            let wanted = if i % 2 == 0 { 1.0 } else { 0.5 };
            assert!((radius - wanted).abs() < 1e-5);
        }
        let wrong = Generated::Moons { count: 1, noise: 0.0 };
        assert!(wrong.make(0.0, 1).unwrap_err().to_string().contains("count"));
    }
}
