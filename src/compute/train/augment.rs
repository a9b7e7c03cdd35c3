//! Examples varied as they are fed, so that none is seen twice the same.

use model::Random;
use serde::{Deserialize, Serialize};

use super::plan::within;

/// How pictures `[channels, height, width]` are varied; noise alone goes on any shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Half of the pictures are mirrored left to right.
    pub flip: bool,
    /// Pictures are moved by up to so many pixels each way, zeros come in (padding and random crop:
    /// He et al. 2016).
    pub shift: usize,
    /// Pictures are turned by up to so many degrees each way, bilinear, zeros come in.
    pub rotate: f64,
    /// A square of so many pixels is zero (cutout: DeVries and Taylor 2017).
    pub cutout: usize,
    /// Deviation of normal noise that is added.
    pub noise: f64,
}

impl Augmentation {
    /// Checks its numbers.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(), String> {
        within("augmentation.rotate", self.rotate, 0.0, 180.0)?;
        within("augmentation.noise", self.noise, 0.0, f64::MAX)
    }

    /// True where examples are fed as they are.
    pub fn is_none(&self) -> bool {
        *self == Augmentation::default()
    }

    /// True where it asks for pictures.
    pub fn wants_pictures(&self) -> bool {
        Augmentation { noise: 0.0, ..*self } != Augmentation::default()
    }

    /// Varies one example of `shape` in place.
    pub fn apply(&self, values: &mut [f32], shape: &[usize], random: &mut Random) {
        if let &[channels, height, width] = shape {
            self.picture(values, [channels, height, width], random);
        }
        if self.noise > 0.0 {
            let scale = self.noise;
            values
                .iter_mut()
                .for_each(|v| *v += (scale * random.normal()) as f32);
        }
    }

    fn picture(&self, values: &mut [f32], [channels, height, width]: [usize; 3], random: &mut Random) {
        if self.flip && random.bits() & 1 == 1 {
            values.chunks_exact_mut(width.max(1)).for_each(<[f32]>::reverse);
        }
        if self.shift > 0 {
            let mut draw = || random.below(2 * self.shift + 1) as i64 - self.shift as i64;
            let (down, right) = (draw(), draw());
            resample(values, [channels, height, width], |y, x| {
                ((y - down) as f32, (x - right) as f32)
            });
        }
        if self.rotate > 0.0 {
            let angle = (self.rotate * (2.0 * random.uniform() - 1.0)).to_radians();
            let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
            let (middle_y, middle_x) = ((height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0);
            resample(values, [channels, height, width], |y, x| {
                let (y, x) = (y as f32 - middle_y, x as f32 - middle_x);
                (cos * y - sin * x + middle_y, sin * y + cos * x + middle_x)
            });
        }
        if self.cutout > 0 && height > 0 && width > 0 {
            let (y, x) = (random.below(height), random.below(width));
            let side = |at: usize, size: usize| {
                let from = at.saturating_sub(self.cutout / 2);
                from..(at + self.cutout.div_ceil(2)).min(size)
            };
            for plane in values.chunks_exact_mut(height * width) {
                for row in side(y, height) {
                    plane[row * width..][side(x, width)].fill(0.0);
                }
            }
        }
    }
}

/// Each pixel from the place that `from` names, bilinear; outside is zero.
fn resample(
    values: &mut [f32],
    [channels, height, width]: [usize; 3],
    from: impl Fn(i64, i64) -> (f32, f32),
) {
    let plane = height * width;
    for channel in 0..channels {
        let own = &mut values[channel * plane..(channel + 1) * plane];
        let before = own.to_vec();
        let at = |y: i64, x: i64| match (0..height as i64).contains(&y) && (0..width as i64).contains(&x) {
            true => before[y as usize * width + x as usize],
            false => 0.0,
        };
        for (i, value) in own.iter_mut().enumerate() {
            let (y, x) = from((i / width) as i64, (i % width) as i64);
            let (top, left) = (y.floor(), x.floor());
            let (down, right) = (y - top, x - left);
            let (top, left) = (top as i64, left as i64);
            let upper = at(top, left) * (1.0 - right) + at(top, left + 1) * right;
            let lower = at(top + 1, left) * (1.0 - right) + at(top + 1, left + 1) * right;
            *value = upper * (1.0 - down) + lower * down;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varied(how: Augmentation, seed: u64) -> Vec<f32> {
        let mut values: Vec<f32> = (1..=25).map(|v| v as f32).collect();
        how.apply(&mut values, &[1, 5, 5], &mut Random::new(&[seed]));
        values
    }

    #[test]
    fn pictures_are_mirrored_moved_and_cut() {
        let flip = Augmentation {
            flip: true,
            ..Augmentation::default()
        };
        let plain: Vec<f32> = (1..=25).map(|v| v as f32).collect();
        let both: Vec<Vec<f32>> = (0..20).map(|s| varied(flip, s)).collect();
        assert!(both.contains(&plain));
        let mirrored = both.iter().find(|v| **v != plain).unwrap();
        assert_eq!(mirrored[..5], [5.0, 4.0, 3.0, 2.0, 1.0]);

        let shift = Augmentation {
            shift: 2,
            ..Augmentation::default()
        };
        for seed in 0..20 {
            let moved = varied(shift, seed);
            // The middle pixel moves by whole pixels, and zeros come in.
            let place = moved.iter().position(|&v| v == 13.0).unwrap() as i64;
            let (down, right) = (place / 5 - 2, place % 5 - 2);
            let lost = 25 - (5 - down.abs()) * (5 - right.abs());
            assert_eq!(moved.iter().filter(|&&v| v == 0.0).count() as i64, lost);
        }

        let cutout = Augmentation {
            cutout: 2,
            ..Augmentation::default()
        };
        let zeros = varied(cutout, 3).iter().filter(|&&v| v == 0.0).count();
        assert!([1, 2, 4].contains(&zeros), "{zeros}");
    }

    #[test]
    fn a_turn_keeps_the_middle_and_noise_has_its_deviation() {
        let rotate = Augmentation {
            rotate: 90.0,
            ..Augmentation::default()
        };
        let turned = varied(rotate, 1);
        assert!((turned[12] - 13.0).abs() < 1e-5 && turned != varied(rotate, 2));
        let noise = Augmentation {
            noise: 0.5,
            ..Augmentation::default()
        };
        let mut values = vec![0.0; 40_000];
        noise.apply(&mut values, &[40_000], &mut Random::new(&[1]));
        let square = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        assert!((square - 0.25).abs() < 0.01, "{square}");
    }
}
