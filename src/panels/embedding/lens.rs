//! Where a point of the cloud is on the screen: one matrix, for the processor and for the graphics device.

use std::ops::Range;

use egui::{Pos2, Rect, Vec2, pos2};

/// How much nearer points are larger.
const BEND: f32 = 0.18;
/// Share of the points that the first view shows: a few far ones must not shrink the rest.
const SEEN: usize = 98;
/// Points from which the size of a large cloud is told.
const SAMPLE: usize = 50_000;

/// The middle of a cloud and how far it reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    pub middle: [f32; 3],
    /// In space, along x, along y.
    pub reach: [f32; 3],
}

impl Fit {
    /// Of points x 3.
    pub fn of(places: &[f32]) -> Self {
        let count = places.len() / 3;
        let mut middle = [0f64; 3];
        for point in places.chunks_exact(3) {
            for (m, v) in middle.iter_mut().zip(point) {
                *m += f64::from(*v);
            }
        }
        // Divided at the end, so that points on one place have it as their middle.
        let middle = middle.map(|m| (m / count.max(1) as f64) as f32);
        // What lies nearer to each other than rounding of float32 allows to tell is one place.
        let least = middle.iter().fold(1e-12f32, |m, v| m.max(1e-5 * v.abs()));
        let sample = || places.chunks_exact(3).step_by(count.div_ceil(SAMPLE).max(1));
        let reach = |axes: Range<usize>| {
            let away = |p: &[f32]| axes.clone().map(|k| (p[k] - middle[k]).powi(2)).sum::<f32>();
            let mut all: Vec<f32> = sample().map(away).collect();
            if all.is_empty() {
                return 1.0;
            }
            let at = all.len() * SEEN / 100;
            let at = at.min(all.len() - 1);
            all.select_nth_unstable_by(at, f32::total_cmp).1.sqrt().max(least)
        };
        Fit {
            middle,
            reach: [reach(0..3), reach(0..1), reach(1..2)],
        }
    }

    /// On the way to another.
    pub fn towards(&self, to: &Fit, share: f32) -> Fit {
        let mix = |a: [f32; 3], b: [f32; 3]| std::array::from_fn(|k| a[k] + (b[k] - a[k]) * share);
        Fit {
            middle: mix(self.middle, to.middle),
            reach: mix(self.reach, to.reach),
        }
    }
}

/// Turned, moved, brought nearer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pose {
    pub yaw: f32,
    pub pitch: f32,
    pub zoom: f32,
    pub shift: Vec2,
    /// Two dimensions are not turned.
    pub flat: bool,
}

/// From places to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lens {
    /// Rows of the matrix from places to clip space.
    rows: [[f32; 4]; 4],
    rect: Rect,
    /// Points of the screen that a unit of places takes at w = 1.
    scale: f32,
    /// Of the ellipse that most points stand in, square points of the screen.
    area: f32,
    /// What w loses over a unit of places, at most.
    bend: f32,
    flat: bool,
}

impl Lens {
    pub fn new(fit: &Fit, pose: &Pose, rect: Rect) -> Self {
        let [far, x, y] = fit.reach;
        let scale = pose.zoom
            * match pose.flat {
                true => 0.44 * (rect.width() / x).min(rect.height() / y),
                false => 0.52 * rect.width().min(rect.height()) / far,
            };
        let bend = if pose.flat { 0.0 } else { BEND / far };
        let ([sy, cy], [sp, cp]) = match pose.flat {
            true => ([0.0, 1.0], [0.0, 1.0]),
            false => (
                [pose.yaw.sin(), pose.yaw.cos()],
                [pose.pitch.sin(), pose.pitch.cos()],
            ),
        };
        let row = |of: [f32; 3], more: f32| {
            let moved: f32 = of.iter().zip(fit.middle).map(|(a, m)| a * m).sum();
            [of[0], of[1], of[2], more - moved]
        };
        let right = row([cy, 0.0, sy], 0.0);
        let up = row([sp * sy, cp, -sp * cy], 0.0);
        let w = row([-cp * sy, sp, cp * cy].map(|v| -bend * v), 1.0);
        let clip = |of: [f32; 4], by: f32, shift: f32| std::array::from_fn(|k| of[k] * by + w[k] * shift);
        let (width, height) = (rect.width().max(1.0), rect.height().max(1.0));
        let across = if pose.flat { x * y } else { far * far };
        Lens {
            area: std::f32::consts::PI * across * scale * scale,
            rows: [
                clip(right, 2.0 * scale / width, 2.0 * pose.shift.x / width),
                clip(up, 2.0 * scale / height, -2.0 * pose.shift.y / height),
                // What is nearer has the larger quotient with w.
                [0.0, 0.0, 0.0, 0.05],
                w,
            ],
            rect,
            scale,
            bend,
            flat: pose.flat,
        }
    }

    /// The part of the screen that most points stand on, square points.
    pub fn area(&self) -> f32 {
        self.area
    }

    /// Clip w of the nearest and of the farthest points that are told apart; equal in two dimensions.
    pub fn depths(&self) -> [f32; 2] {
        match self.flat {
            true => [1.0; 2],
            false => [1.0 - 1.5 * BEND, 1.0 + 1.5 * BEND],
        }
    }

    /// The matrix, column by column.
    pub fn matrix(&self) -> [[f32; 4]; 4] {
        std::array::from_fn(|c| std::array::from_fn(|r| self.rows[r][c]))
    }

    /// Where a place is, and its clip w; `None` behind the eye.
    pub fn at(&self, p: [f32; 3]) -> Option<(Pos2, f32)> {
        let row = |r: usize| {
            let m = &self.rows[r];
            m[0] * p[0] + m[1] * p[1] + m[2] * p[2] + m[3]
        };
        let w = row(3);
        (w > 0.05).then(|| {
            let (x, y) = (row(0) / w, row(1) / w);
            let from = self.rect.left_top();
            let at = pos2(
                from.x + (0.5 + 0.5 * x) * self.rect.width(),
                from.y + (0.5 - 0.5 * y) * self.rect.height(),
            );
            (at, w)
        })
    }

    /// How near: 0 far, 1 near; 1 in two dimensions.
    pub fn nearness(&self, w: f32) -> f32 {
        let [near, far] = self.depths();
        match self.flat {
            true => 1.0,
            false => ((far - w) / (far - near)).clamp(0.0, 1.0),
        }
    }

    /// The middle and the radius, on the screen, of all that is within `radius` of a place.
    pub fn ball(&self, middle: [f32; 3], radius: f32) -> Option<(Pos2, f32)> {
        let (at, w) = self.at(middle)?;
        let nearest = (w - self.bend * radius).max(0.05);
        // What bends also shifts what is beside the middle of the view.
        let away = (at - self.rect.center()).length() * (w / nearest - 1.0);
        Some((at, radius * self.scale / nearest + away))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::vec2;

    fn places() -> Vec<f32> {
        (0..300)
            .map(|i| ((i * 37 + 11) % 97) as f32 / 48.0 - 1.0)
            .collect()
    }

    #[test]
    fn the_matrix_and_the_formula_agree() {
        let places = places();
        let fit = Fit::of(&places);
        let rect = Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 300.0));
        for flat in [false, true] {
            let pose = Pose {
                yaw: 0.7,
                pitch: -0.3,
                zoom: 1.3,
                shift: vec2(12.0, -7.0),
                flat,
            };
            let lens = Lens::new(&fit, &pose, rect);
            let m = lens.matrix();
            for p in places.chunks_exact(3) {
                let p = [p[0], p[1], p[2]];
                let clip: [f32; 4] =
                    std::array::from_fn(|r| m[0][r] * p[0] + m[1][r] * p[1] + m[2][r] * p[2] + m[3][r]);
                let (at, w) = lens.at(p).unwrap();
                let x = rect.min.x + (0.5 + 0.5 * clip[0] / clip[3]) * rect.width();
                let y = rect.min.y + (0.5 - 0.5 * clip[1] / clip[3]) * rect.height();
                assert!((at - pos2(x, y)).length() < 1e-2 && (w - clip[3]).abs() < 1e-5);
                // Everything within a ball is within its circle.
                let (middle, radius) = lens.ball([p[0] + 0.1, p[1], p[2] - 0.1], 0.15).unwrap();
                assert!(middle.distance(at) <= radius, "{middle} {radius} {at}");
            }
            // The middle of the cloud stands in the middle of the view.
            let at = lens.at(fit.middle).unwrap().0;
            assert!((at - (rect.center() + pose.shift)).length() < 1e-2, "{at}");
        }
    }

    #[test]
    fn a_far_point_does_not_shrink_the_rest() {
        let mut places = places();
        let before = Fit::of(&places);
        places[0] = 1e4;
        let reach = Fit::of(&places).reach[0];
        assert!(reach < 200.0 * before.reach[0] && reach.is_finite());
        assert_eq!(Fit::of(&[]).reach, [1.0; 3]);
        assert_eq!(
            Fit::of(&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]).reach,
            [3e-5; 3],
            "one place"
        );
    }
}
