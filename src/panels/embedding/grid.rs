//! Points in cells of space, made once for places at rest: the point under the pointer and the points in
//! sight are found without asking every point in every frame.

use egui::{Pos2, Rect};

use super::lens::{Fit, Lens};

/// Points of a cell, about.
const FULL: usize = 24;
/// Most cells along an axis.
const SIDE: usize = 32;

struct Cell {
    middle: [f32; 3],
    radius: f32,
    first: u32,
    len: u32,
}

/// Cells with the points in them.
pub(super) struct Grid {
    cells: Vec<Cell>,
    order: Vec<u32>,
}

impl Grid {
    /// Of points x 3. Points outside of where most are belong to the outermost cells.
    pub fn new(places: &[f32], fit: &Fit) -> Self {
        let count = places.len() / 3;
        let side = ((count / FULL) as f32).cbrt().ceil().clamp(1.0, SIDE as f32) as usize;
        let cell = |p: &[f32]| {
            let along = |k: usize| {
                let share = 0.5 + 0.5 * (p[k] - fit.middle[k]) / fit.reach[0];
                ((share * side as f32) as usize).min(side - 1)
            };
            (along(2) * side + along(1)) * side + along(0)
        };
        let of: Vec<u32> = places.chunks_exact(3).map(|p| cell(p) as u32).collect();
        let mut first = vec![0u32; side * side * side + 1];
        of.iter().for_each(|c| first[*c as usize + 1] += 1);
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        let mut next = first.clone();
        let mut order = vec![0u32; count];
        for (point, c) in of.iter().enumerate() {
            order[next[*c as usize] as usize] = point as u32;
            next[*c as usize] += 1;
        }
        let bounds = |first: u32, end: u32| {
            let (mut low, mut high) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
            for point in &order[first as usize..end as usize] {
                for k in 0..3 {
                    let v = places[3 * *point as usize + k];
                    (low[k], high[k]) = (low[k].min(v), high[k].max(v));
                }
            }
            let middle: [f32; 3] = std::array::from_fn(|k| 0.5 * (low[k] + high[k]));
            let radius = (0..3).map(|k| (high[k] - middle[k]).powi(2)).sum::<f32>().sqrt();
            // A little more than rounding takes away.
            (middle, radius * 1.001 + 1e-6 * fit.reach[0])
        };
        let cells = first.windows(2).filter(|f| f[1] > f[0]).map(|f| {
            let (middle, radius) = bounds(f[0], f[1]);
            Cell {
                middle,
                radius,
                first: f[0],
                len: f[1] - f[0],
            }
        });
        Grid {
            cells: cells.collect(),
            order,
        }
    }

    /// Points of the cells of which something may be in `rect`.
    fn about<'a>(&'a self, lens: &'a Lens, rect: Rect) -> impl Iterator<Item = usize> + 'a {
        let seen = move |c: &&Cell| {
            // A cell around the eye may be anywhere.
            let Some((at, radius)) = lens.ball(c.middle, c.radius) else {
                return true;
            };
            rect.expand(radius).contains(at)
        };
        let points = |c: &Cell| &self.order[c.first as usize..][..c.len as usize];
        self.cells
            .iter()
            .filter(seen)
            .flat_map(points)
            .map(|p| *p as usize)
    }

    /// The point nearest to the pointer, at most `reach` away on the screen.
    pub fn nearest(&self, places: &[f32], lens: &Lens, pointer: Pos2, reach: f32) -> Option<usize> {
        let rect = Rect::from_center_size(pointer, egui::Vec2::splat(2.0 * reach));
        let away = |i: usize| Some((i, lens.at(place(places, i))?.0.distance(pointer)));
        let found = self.about(lens, rect).filter_map(away).filter(|f| f.1 <= reach);
        found
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
            .map(|f| f.0)
    }

    /// The points in `rect` with where they are and their clip w; `None` where they are more than `most`.
    pub fn inside(
        &self,
        places: &[f32],
        lens: &Lens,
        rect: Rect,
        most: usize,
    ) -> Option<Vec<(usize, Pos2, f32)>> {
        let mut found = Vec::new();
        for i in self.about(lens, rect) {
            if let Some((at, w)) = lens.at(place(places, i)).filter(|f| rect.contains(f.0)) {
                if found.len() == most {
                    return None;
                }
                found.push((i, at, w));
            }
        }
        Some(found)
    }
}

/// The place of a point.
pub(super) fn place(places: &[f32], i: usize) -> [f32; 3] {
    std::array::from_fn(|k| places[3 * i + k])
}

#[cfg(test)]
mod tests {
    use super::super::lens::Pose;
    use super::*;
    use egui::{pos2, vec2};

    #[test]
    fn what_the_grid_finds_is_what_every_point_tells() {
        let mut state = 7u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut places: Vec<f32> = (0..3 * 5000).map(|_| random() * random()).collect();
        places[..3].copy_from_slice(&[40.0, -3.0, 2.0]);
        let fit = Fit::of(&places);
        let grid = Grid::new(&places, &fit);
        let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(640.0, 400.0));
        for (zoom, flat) in [(1.0, false), (9.0, false), (2.0, true)] {
            let pose = Pose {
                yaw: 0.4,
                pitch: 0.9,
                zoom,
                shift: vec2(30.0, -20.0),
                flat,
            };
            let lens = Lens::new(&fit, &pose, rect);
            let all: Vec<(usize, Pos2)> = (0..5000)
                .filter_map(|i| Some((i, lens.at(place(&places, i))?.0)))
                .collect();
            for k in 0..40 {
                let pointer = pos2(16.0 * k as f32, 10.0 * ((k * 7) % 40) as f32);
                let expected = all
                    .iter()
                    .map(|(i, at)| (*i, at.distance(pointer)))
                    .filter(|f| f.1 <= 10.0)
                    .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
                    .map(|f| f.0);
                assert_eq!(
                    grid.nearest(&places, &lens, pointer, 10.0),
                    expected,
                    "{zoom} {k}"
                );
            }
            let view = rect.shrink(60.0);
            let expected = all.iter().filter(|f| view.contains(f.1)).count();
            let found = grid.inside(&places, &lens, view, 5000).unwrap();
            assert_eq!(found.len(), expected);
            assert!(grid.inside(&places, &lens, view, expected - 1).is_none());
        }
        // One point, and points on one place.
        for places in [vec![1.0; 3], vec![1.0; 30], vec![]] {
            let fit = Fit::of(&places);
            let lens = Lens::new(
                &fit,
                &Pose {
                    yaw: 0.0,
                    pitch: 0.0,
                    zoom: 1.0,
                    shift: vec2(0.0, 0.0),
                    flat: false,
                },
                rect,
            );
            let found = Grid::new(&places, &fit).nearest(&places, &lens, rect.center(), 10.0);
            assert_eq!(found, (!places.is_empty()).then_some(0));
        }
    }
}
