//! Small random shifts, turns and changes of scale, through which the network sees a picture: what rests
//! on single cells at exact places does not survive them.

use model::Random;

/// How far a picture is moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shake {
    /// Cells that it is shifted by at most, along rows and along columns.
    pub jitter: usize,
    /// Its scale changes by at most this share.
    pub scale: f32,
    /// It is turned by at most this angle.
    pub degrees: f32,
}

impl Default for Shake {
    /// For small pictures; those of 224 cells a side bear a jitter of 8.
    fn default() -> Self {
        Shake {
            jitter: 2,
            scale: 0.05,
            degrees: 5.0,
        }
    }
}

impl Shake {
    /// The picture as it is.
    pub const NONE: Shake = Shake {
        jitter: 0,
        scale: 0.0,
        degrees: 0.0,
    };
}

/// Where each place of what is seen comes from: four neighbours and their shares. Beyond the border are
/// the cells of the border.
pub(super) struct Transform {
    taps: Vec<[(u32, f32); 4]>,
}

impl Transform {
    pub fn draw(shake: &Shake, [height, width]: [usize; 2], random: &mut Random) -> Self {
        let mut within = |most: f32| (2.0 * random.uniform() as f32 - 1.0) * most;
        let shift = [
            within(shake.jitter as f32).round(),
            within(shake.jitter as f32).round(),
        ];
        let scale = 1.0 / (1.0 + within(shake.scale));
        let (sin, cos) = within(shake.degrees).to_radians().sin_cos();
        let middle = [(height as f32 - 1.0) / 2.0, (width as f32 - 1.0) / 2.0];
        let of = |place: usize| {
            let (y, x) = (
                (place / width) as f32 - middle[0],
                (place % width) as f32 - middle[1],
            );
            let at = [
                middle[0] + scale * (cos * y - sin * x) + shift[0],
                middle[1] + scale * (sin * y + cos * x) + shift[1],
            ];
            let split = |v: f32, size: usize| {
                let v = v.clamp(0.0, (size - 1) as f32);
                let low = v.floor() as usize;
                (low, (low + 1).min(size - 1), v - low as f32)
            };
            let ((top, bottom, b), (left, right, r)) = (split(at[0], height), split(at[1], width));
            let cell = |y: usize, x: usize| (y * width + x) as u32;
            [
                (cell(top, left), (1.0 - b) * (1.0 - r)),
                (cell(top, right), (1.0 - b) * r),
                (cell(bottom, left), b * (1.0 - r)),
                (cell(bottom, right), b * r),
            ]
        };
        Transform {
            taps: (0..height * width).map(of).collect(),
        }
    }

    /// Planes `[C, H, W]` as they are seen.
    pub fn apply(&self, planes: &[f32]) -> Vec<f32> {
        let one = |plane: &[f32]| -> Vec<f32> {
            let of = |taps: &[(u32, f32); 4]| taps.iter().map(|&(i, w)| w * plane[i as usize]).sum();
            self.taps.iter().map(of).collect()
        };
        planes.chunks(self.taps.len()).flat_map(one).collect()
    }

    /// The gradient of the planes, from that of what is seen.
    pub fn adjoint(&self, slopes: &[f32]) -> Vec<f32> {
        let mut out = vec![0f32; slopes.len()];
        for (from, to) in slopes
            .chunks(self.taps.len())
            .zip(out.chunks_mut(self.taps.len()))
        {
            for (g, taps) in from.iter().zip(&self.taps) {
                taps.iter().for_each(|&(i, w)| to[i as usize] += w * g);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_gradients_go_back() {
        let mut random = Random::new(&[5]);
        let still = Transform::draw(&Shake::NONE, [4, 6], &mut random);
        let plane: Vec<f32> = (0..24).map(|i| (i * 7 % 24) as f32).collect();
        assert_eq!(still.apply(&plane), plane);
        let moved = Transform::draw(&Shake::default(), [4, 6], &mut random);
        assert!(moved.apply(&[1.0; 24]).iter().all(|v| (v - 1.0).abs() < 1e-5));
        let slopes: Vec<f32> = (0..24).map(|i| (i * 5 % 24) as f32).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let (there, back) = (
            dot(&moved.apply(&plane), &slopes),
            dot(&plane, &moved.adjoint(&slopes)),
        );
        assert!((there / back - 1.0).abs() < 1e-4, "{there} {back}");
    }
}
