//! The loss around the weights that training came to, over a plane through them.

use analyze::principal_plane;
use compute::RunError;
use compute::train::Trainer;
use model::Random;
use serde::{Deserialize, Serialize};
use web_time::Instant;

/// Values of each parameter, as [`Trainer::values`] has them.
pub type Weights = Vec<Vec<f32>>;

/// Most cells along a side of a surface.
pub const MAX_SIZE: usize = 201;
/// Room around a path, of its extent.
const MARGIN: f64 = 0.3;

/// The plane that is looked at; its origin are the weights in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Plane {
    /// The one in which the paths lie best: their first two principal components.
    Path,
    /// Two random directions, each filter as long as the filter of the weights (Li, Xu, Taylor,
    /// Studer and Goldstein, "Visualizing the Loss Landscape of Neural Nets", 2018, section 4); biases
    /// and scales stay as they are. From -1 to 1.
    #[allow(missing_docs)]
    Random { seed: u64 },
}

/// A place of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// Step of the training.
    pub step: u64,
    /// Its shadow on the plane.
    pub at: [f64; 2],
    /// How far it lies beside the plane, of its distance from the middle: 0 in it, 1 at right angles.
    pub beside: f64,
}

/// The way that a training took.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Of the training.
    pub name: String,
    /// In the order of steps.
    pub spots: Vec<Spot>,
}

/// Losses over a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// Which plane it is.
    pub plane: Plane,
    /// Share of the paths' squared distances from the middle along each direction; of random
    /// directions NaN.
    pub explained: [f64; 2],
    /// Cells along a side.
    pub size: usize,
    /// First and last x, and y, of the cells.
    pub extent: [[f64; 2]; 2],
    /// Mean losses, row by row from the first y; NaN where not computed yet.
    pub losses: Vec<f64>,
    /// Cells that are computed.
    pub done: usize,
    /// The paths that led here.
    pub traces: Vec<Trace>,
    /// Examples that each loss is the mean of.
    pub examples: usize,
    /// The step whose weights are in the middle.
    pub step: u64,
}

impl Surface {
    /// Coordinates of a cell.
    pub fn place(&self, column: usize, row: usize) -> [f64; 2] {
        let along = |[first, last]: [f64; 2], i: usize| {
            first + (last - first) * i as f64 / (self.size - 1).max(1) as f64
        };
        [along(self.extent[0], column), along(self.extent[1], row)]
    }

    /// The loss at a place between cells, where all four around it are known.
    pub fn at(&self, [x, y]: [f64; 2]) -> Option<f64> {
        let cell = |[first, last]: [f64; 2], v: f64| {
            let at = (v - first) / (last - first) * (self.size - 1) as f64;
            let low = at.floor().clamp(0.0, (self.size - 2) as f64);
            (low as usize, at - low)
        };
        let ((i, a), (j, b)) = (cell(self.extent[0], x), cell(self.extent[1], y));
        if !(0.0..=1.0).contains(&a) || !(0.0..=1.0).contains(&b) {
            return None;
        }
        let loss = |i: usize, j: usize| self.losses[j * self.size + i];
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        let low = mix(loss(i, j), loss(i + 1, j), a);
        let high = mix(loss(i, j + 1), loss(i + 1, j + 1), a);
        Some(mix(low, high, b)).filter(|v| !v.is_nan())
    }
}

/// Computes a surface, cell by cell, coarse before fine.
pub struct Explorer {
    surface: Surface,
    middle: Weights,
    directions: [Weights; 2],
    /// Cells still to be computed, the next one last.
    open: Vec<usize>,
    picks: Vec<u32>,
}

impl Explorer {
    /// A plane through `middle`, weights of `step`, with the paths of trainings of the same network:
    /// name, and weights by step. The surface has `size` cells a side; each loss is the mean over the
    /// training examples `picks`. `shapes` are those of [`Trainer::parameters`].
    ///
    /// # Errors
    /// A sentence where paths and weights do not fit, or a path stands still.
    pub fn new(
        shapes: &[(String, Vec<usize>)],
        (step, middle): (u64, Weights),
        paths: &[(String, Vec<(u64, Weights)>)],
        plane: Plane,
        size: usize,
        picks: Vec<u32>,
    ) -> Result<Self, String> {
        if !(3..=MAX_SIZE).contains(&size) {
            return Err(format!("a side of {size} cells: 3 to {MAX_SIZE} are expected"));
        }
        if picks.is_empty() {
            return Err("no examples to take the loss of".into());
        }
        let same =
            |w: &Weights| w.len() == middle.len() && w.iter().zip(&middle).all(|(a, b)| a.len() == b.len());
        let all = paths.iter().flat_map(|(_, path)| path);
        if !all.clone().all(|(_, w)| same(w)) || shapes.len() != middle.len() {
            return Err("the paths are of other networks".into());
        }
        let offset = |weights: &Weights| -> Vec<f32> {
            let pairs = weights.iter().flatten().zip(middle.iter().flatten());
            pairs.map(|(a, b)| a - b).collect()
        };
        let offsets: Vec<Vec<f32>> = all.map(|(_, w)| offset(w)).collect();
        let (flat, explained) = match plane {
            Plane::Path => {
                let found = principal_plane(&offsets)
                    .ok_or("the path stands still: take some steps first, then look around")?;
                (found.directions, found.explained)
            }
            Plane::Random { seed } => {
                let of = |i: u64| filters(shapes, &middle, &mut Random::new(&[seed, i]));
                ([of(0), of(1)], [f64::NAN; 2])
            }
        };
        let shadows = shadows(&flat, &offsets);
        let extent = match plane {
            Plane::Random { .. } => [[-1.0, 1.0]; 2],
            Plane::Path => extent(&shadows),
        };
        let mut rest = shadows.into_iter();
        let traces = paths.iter().map(|(name, path)| Trace {
            name: name.clone(),
            spots: path
                .iter()
                .zip(&mut rest)
                .map(|((step, _), (at, beside))| Spot {
                    step: *step,
                    at,
                    beside,
                })
                .collect(),
        });
        let surface = Surface {
            plane,
            explained,
            size,
            extent,
            losses: vec![f64::NAN; size * size],
            done: 0,
            traces: traces.collect(),
            examples: picks.len(),
            step,
        };
        Ok(Explorer {
            surface,
            directions: flat.map(|d| split(d, &middle)),
            middle,
            open: order(size),
            picks,
        })
    }

    /// What is known so far.
    pub fn surface(&self) -> &Surface {
        &self.surface
    }

    /// True once every cell is computed.
    pub fn finished(&self) -> bool {
        self.open.is_empty()
    }

    /// Computes cells for about so many seconds, at least one, by the network of `trainer`.
    ///
    /// # Errors
    /// [`RunError`] as for a pass.
    pub async fn go(&mut self, trainer: &mut Trainer, seconds: f64) -> Result<(), RunError> {
        let begin = Instant::now();
        while let Some(&cell) = self.open.last() {
            let size = self.surface.size;
            let [x, y] = self.surface.place(cell % size, cell / size);
            let loss = trainer.loss_at(&self.weights(x, y), &self.picks).await?;
            self.surface.losses[cell] = loss;
            self.surface.done += 1;
            self.open.pop();
            if begin.elapsed().as_secs_f64() > seconds {
                break;
            }
        }
        Ok(())
    }

    /// The weights at a place.
    fn weights(&self, x: f64, y: f64) -> Weights {
        let (x, y) = (x as f32, y as f32);
        let [u, v] = &self.directions;
        let parts = self.middle.iter().zip(u).zip(v);
        parts
            .map(|((m, u), v)| {
                let values = m.iter().zip(u).zip(v);
                values.map(|((m, u), v)| m + x * u + y * v).collect()
            })
            .collect()
    }
}

/// A direction of random normal numbers, each filter of it as long as that of the weights.
fn filters(shapes: &[(String, Vec<usize>)], middle: &Weights, random: &mut Random) -> Vec<f32> {
    let mut direction = Vec::new();
    for ((_, shape), weights) in shapes.iter().zip(middle) {
        if shape.len() < 2 {
            direction.extend(std::iter::repeat_n(0.0, weights.len()));
            continue;
        }
        let length = weights.len() / shape[0].max(1);
        for filter in weights.chunks(length.max(1)) {
            let drawn: Vec<f64> = filter.iter().map(|_| random.normal()).collect();
            let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
            let wanted = norm(&mut filter.iter().map(|&w| f64::from(w)));
            let scale = wanted / norm(&mut drawn.iter().copied()).max(1e-12);
            direction.extend(drawn.iter().map(|d| (d * scale) as f32));
        }
    }
    direction
}

/// The shadow of each offset on the plane, and how far it lies beside it.
fn shadows([u, v]: &[Vec<f32>; 2], offsets: &[Vec<f32>]) -> Vec<([f64; 2], f64)> {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    // Random directions are not quite at right angles: least squares.
    let (uu, vv, uv) = (dot(u, u), dot(v, v), dot(u, v));
    let determinant = uu * vv - uv * uv;
    let one = |offset: &Vec<f32>| {
        let (a, b, all) = (dot(offset, u), dot(offset, v), dot(offset, offset));
        let at = match (determinant > 1e-12 * uu * vv, uu > 0.0) {
            (true, _) => [(a * vv - b * uv) / determinant, (b * uu - a * uv) / determinant],
            (false, true) => [a / uu, 0.0],
            (false, false) => [0.0; 2],
        };
        let inside = at[0] * a + at[1] * b;
        let beside = if all > 0.0 {
            (1.0 - inside / all).max(0.0).sqrt()
        } else {
            0.0
        };
        (at, beside)
    };
    offsets.iter().map(one).collect()
}

/// What holds all shadows and the middle, with room around; both sides of one length, so that the
/// shape of the loss is not stretched.
fn extent(shadows: &[([f64; 2], f64)]) -> [[f64; 2]; 2] {
    let side = |axis: usize| {
        let (mut low, mut high) = (0f64, 0f64);
        for (at, _) in shadows {
            (low, high) = (low.min(at[axis]), high.max(at[axis]));
        }
        [low, high]
    };
    let sides = [side(0), side(1)];
    let widest = sides.iter().map(|[low, high]| high - low).fold(0.0, f64::max);
    let half = (0.5 + MARGIN) * widest.max(1e-6);
    sides.map(|[low, high]| {
        let middle = (low + high) / 2.0;
        [middle - half, middle + half]
    })
}

/// A direction, parameter by parameter.
fn split(flat: Vec<f32>, like: &Weights) -> Weights {
    let mut rest = flat.as_slice();
    let take = |weights: &Vec<f32>| {
        let (own, others) = rest.split_at(weights.len());
        rest = others;
        own.to_vec()
    };
    like.iter().map(take).collect()
}

/// Cells of a square, the first to be computed last: every eighth, every fourth, and so on.
fn order(size: usize) -> Vec<usize> {
    let level = |cell: usize| {
        let (i, j) = (cell % size, cell / size);
        let fine = |n: usize| if n == 0 { 3 } else { n.trailing_zeros().min(3) };
        fine(i).min(fine(j))
    };
    let mut cells: Vec<usize> = (0..size * size).collect();
    cells.sort_by_key(|&c| (level(c), std::cmp::Reverse(c)));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Vec<(String, Vec<usize>)> {
        vec![("w".into(), vec![2, 3]), ("b".into(), vec![2])]
    }

    fn weights(by: f32) -> Weights {
        vec![(0..6).map(|i| by * (i as f32 + 1.0)).collect(), vec![by, -by]]
    }

    #[test]
    fn random_filters_are_as_long_as_those_of_the_weights() {
        let explorer = Explorer::new(
            &shapes(),
            (9, weights(1.0)),
            &[],
            Plane::Random { seed: 3 },
            5,
            vec![0],
        )
        .unwrap();
        for direction in &explorer.directions {
            let norm = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>().sqrt();
            for row in 0..2 {
                let rows = row * 3..row * 3 + 3;
                let (drawn, own) = (norm(&direction[0][rows.clone()]), norm(&weights(1.0)[0][rows]));
                assert!((drawn - own).abs() < 1e-5);
            }
            assert_eq!(direction[1], [0.0, 0.0]);
        }
        assert_eq!(explorer.weights(0.0, 0.0), weights(1.0));
        assert_eq!(explorer.surface().place(4, 0), [1.0, -1.0]);
    }

    #[test]
    fn a_straight_path_lies_in_its_plane() {
        let path: Vec<(u64, Weights)> = (0..4).map(|i| (i, weights(0.25 * i as f32))).collect();
        let paths = [("run".to_string(), path)];
        let explorer =
            Explorer::new(&shapes(), (4, weights(1.0)), &paths, Plane::Path, 9, vec![0, 1]).unwrap();
        let surface = explorer.surface();
        assert!((surface.explained[0] - 1.0).abs() < 1e-9);
        let spots = &surface.traces[0].spots;
        let length = weights(1.0)
            .iter()
            .flatten()
            .map(|v| f64::from(v * v))
            .sum::<f64>()
            .sqrt();
        for (i, spot) in spots.iter().enumerate() {
            let left = 1.0 - 0.25 * i as f64;
            assert!((spot.at[0].abs() - left * length).abs() < 1e-4 && spot.at[1] == 0.0);
            assert!(spot.beside < 1e-3);
            let [x, y] = surface.extent;
            assert!(x[0] < spot.at[0] && spot.at[0] < x[1] && y[0] < 0.0 && 0.0 < y[1]);
            let back = explorer.weights(spot.at[0], spot.at[1]);
            let pairs = back.iter().flatten().zip(paths[0].1[i].1.iter().flatten());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }

    #[test]
    fn cells_come_once_and_coarse_first() {
        let mut cells = order(17);
        assert_eq!(
            &cells.iter().rev().take(3).copied().collect::<Vec<_>>()[..],
            [0, 8, 16]
        );
        cells.sort_unstable();
        assert_eq!(cells, (0..17 * 17).collect::<Vec<_>>());
    }

    #[test]
    fn what_makes_no_plane_is_said() {
        let still = [("run".to_string(), vec![(0, weights(1.0))])];
        let of = |paths: &[_], size, picks| {
            let made = Explorer::new(&shapes(), (4, weights(1.0)), paths, Plane::Path, size, picks);
            made.err().unwrap_or_default()
        };
        assert!(of(&still, 9, vec![0]).contains("stands still"));
        assert!(of(&still, 2, vec![0]).contains("2 cells"));
        assert!(of(&still, 9, vec![]).contains("no examples"));
        let other = [("run".to_string(), vec![(0, vec![vec![1.0]])])];
        assert!(of(&other, 9, vec![0]).contains("other networks"));
    }

    #[test]
    fn between_cells_the_loss_is_a_mean() {
        let mut surface = Explorer::new(
            &shapes(),
            (0, weights(1.0)),
            &[],
            Plane::Random { seed: 1 },
            3,
            vec![0],
        )
        .unwrap()
        .surface;
        surface.losses = (0..9).map(f64::from).collect();
        assert_eq!(surface.at([0.0, 0.0]), Some(4.0));
        assert_eq!(surface.at([1.0, 1.0]), Some(8.0));
        assert_eq!(surface.at([-0.5, -0.5]), Some(2.0));
        assert_eq!(surface.at([1.5, 0.0]), None);
        surface.losses[0] = f64::NAN;
        assert_eq!(surface.at([-0.5, -0.5]), None);
    }
}
