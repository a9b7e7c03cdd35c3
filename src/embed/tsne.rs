//! t-SNE: places whose neighbours are those of the rows, seen through heavy tails.
//!
//! Van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008), with openTSNE's defaults (Poličar,
//! Stražar and Zupan 2024). Repulsion is exact for few rows; for many it is interpolated on a grid in two
//! dimensions and taken from a tree in three.

mod affinity;
mod exact;
mod grid;
mod pull;
mod tree;

use crate::error::within;
use crate::graph::{Graph, Symmetric};
use crate::progress::{Progress, Stage};
use crate::random::Random;
use crate::{EmbedError, Metric, Search, Table, par};

/// Rows up to which all pairs push each other.
const EXACT: usize = 1500;
/// A step of one point is no longer than this.
const LONGEST: f32 = 5.0;
const LEAST_GAIN: f32 = 0.01;
/// Rows that one core moves at a time.
const ROWS_A_JOB: usize = 4096;

/// What t-SNE goes by; the defaults are openTSNE's.
#[derive(Clone, Debug, PartialEq)]
pub struct TsneSettings {
    /// 2 or 3.
    pub dimensions: usize,
    /// Neighbours that count, smoothly: from 1 to a third of the other rows.
    pub perplexity: f32,
    /// Iterations in which attraction is exaggerated, and how much.
    pub early_iterations: usize,
    /// By what attraction is multiplied in those.
    pub early_exaggeration: f32,
    /// Iterations after those.
    pub iterations: usize,
    /// By what attraction is multiplied in these; 1 is t-SNE.
    pub exaggeration: f32,
    /// `None` for rows / exaggeration (Belkina et al. 2019).
    pub learning_rate: Option<f32>,
    /// Share of the last step that goes on, 0 to 1: early and after.
    pub momentum: [f32; 2],
    /// What near means.
    pub metric: Metric,
    /// The same seed gives the same places.
    pub seed: u64,
}

impl Default for TsneSettings {
    fn default() -> Self {
        TsneSettings {
            dimensions: 2,
            perplexity: 30.0,
            early_iterations: 250,
            early_exaggeration: 12.0,
            iterations: 500,
            exaggeration: 1.0,
            learning_rate: None,
            momentum: [0.8, 0.8],
            metric: Metric::Euclidean,
            seed: 0,
        }
    }
}

impl TsneSettings {
    /// The largest perplexity that a number of rows allows.
    pub fn most_perplexity(rows: usize) -> f32 {
        rows.saturating_sub(1) as f32 / 3.0
    }
}

enum Work<'a> {
    Search(Box<Search<'a>>),
    Calibrate(affinity::Affinities),
    Join(Symmetric),
    Iterate,
    Done,
}

/// A projection that goes on by [`Tsne::step`].
pub struct Tsne<'a> {
    settings: TsneSettings,
    work: Work<'a>,
    /// Row of each point, in the order in which points are kept.
    order: Vec<u32>,
    graph: Graph,
    points: Vec<f32>,
    updates: Vec<f32>,
    gains: Vec<f32>,
    grid: grid::Grid,
    /// Sum over all pairs of 1 / (1 + distance²), of the last iteration.
    total: f64,
    places: Vec<f32>,
    iteration: usize,
}

impl<'a> Tsne<'a> {
    /// Nothing is done yet; all places are 0.
    ///
    /// # Errors
    /// For fewer than 4 rows, and for settings out of their range: `perplexity` may be a third of the
    /// number of other rows.
    pub fn new(table: Table<'a>, settings: TsneSettings) -> Result<Self, EmbedError> {
        table.at_least(4)?;
        let rows = table.rows();
        let s = &settings;
        within("dimensions", s.dimensions as f64, 2.0, 3.0)?;
        let most = f64::from(TsneSettings::most_perplexity(rows));
        within("perplexity", f64::from(s.perplexity), 1.0, most)?;
        within("early exaggeration", f64::from(s.early_exaggeration), 1e-3, 1e6)?;
        within("exaggeration", f64::from(s.exaggeration), 1e-3, 1e6)?;
        if let Some(rate) = s.learning_rate {
            within("learning rate", f64::from(rate), 1e-6, 1e12)?;
        }
        for momentum in s.momentum {
            within("momentum", f64::from(momentum), 0.0, 0.999)?;
        }
        let k = (3.0 * f64::from(s.perplexity)) as usize;
        let search = Search::new(table, k.clamp(1, rows - 1), s.metric, s.seed)?;
        Ok(Tsne {
            work: Work::Search(Box::new(search)),
            order: Vec::new(),
            graph: Graph::default(),
            points: Vec::new(),
            updates: Vec::new(),
            gains: Vec::new(),
            grid: grid::Grid::default(),
            total: 0.0,
            places: vec![0.0; rows * s.dimensions],
            iteration: 0,
            settings,
        })
    }

    /// Up to `budget` pieces of work, each of which is an iteration or some 50 ms of what comes before. Not
    /// to call it again is to cancel.
    pub fn step(&mut self, budget: usize) -> Progress {
        let mut moved = false;
        for _ in 0..budget {
            moved |= self.piece();
        }
        if moved {
            let d = self.settings.dimensions;
            for (&row, point) in self.order.iter().zip(self.points.chunks(d)) {
                self.places[row as usize * d..][..d].copy_from_slice(point);
            }
        }
        self.progress()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let all = self.settings.early_iterations + self.settings.iterations;
        let (stage, fraction) = match &self.work {
            Work::Search(search) => (Stage::Neighbours, search.fraction()),
            Work::Calibrate(a) => (Stage::Graph, a.fraction() * 0.5),
            Work::Join(s) => (Stage::Graph, 0.5 + 0.5 * s.fraction()),
            Work::Iterate => (Stage::Places, self.iteration as f32 / all.max(1) as f32),
            Work::Done => (Stage::Done, 1.0),
        };
        Progress {
            stage,
            fraction,
            iterations: self.iteration,
        }
    }

    /// Rows × dimensions: where each row is now.
    pub fn places(&self) -> &[f32] {
        &self.places
    }

    /// Kullback and Leibler's divergence of the rows' neighbourhoods from the places', in nats: what t-SNE
    /// makes small. `None` until the first iteration; its repulsive part is of the latest iteration's start.
    pub fn divergence(&self) -> Option<f64> {
        (self.total > 0.0)
            .then(|| pull::divergence(&self.graph, &self.points, self.settings.dimensions, self.total))
    }

    fn piece(&mut self) -> bool {
        match &mut self.work {
            Work::Search(search) => {
                if search.step() {
                    self.order = search.order().to_vec();
                    self.begin();
                }
                false
            }
            Work::Calibrate(affinities) => {
                if let Some((edges, k)) = affinities.step() {
                    self.work = Work::Join(Symmetric::new(edges, k));
                }
                false
            }
            Work::Join(symmetric) => {
                // All weights together are 1.
                let share = 0.5 / self.order.len() as f32;
                if let Some(graph) = symmetric.step(|a, b| (a + b) * share) {
                    self.graph = graph;
                    self.work = Work::Iterate;
                    return true;
                }
                false
            }
            Work::Iterate => {
                let all = self.settings.early_iterations + self.settings.iterations;
                if self.iteration < all {
                    self.iterate();
                }
                if self.iteration == all {
                    self.work = Work::Done;
                }
                true
            }
            Work::Done => false,
        }
    }

    /// Principal components, of which the first has a deviation of 1e-4.
    fn begin(&mut self) {
        let d = self.settings.dimensions;
        let Work::Search(search) = std::mem::replace(&mut self.work, Work::Done) else {
            return;
        };
        let mut points = search.principal(d);
        let rows = self.order.len() as f64;
        let squares: f64 = points.iter().step_by(d).map(|&v| f64::from(v).powi(2)).sum();
        let scale = if squares > 0.0 {
            1e-4 / (squares / rows).sqrt()
        } else {
            0.0
        };
        // Equal rows must be able to part.
        let mut random = Random::new(&[self.settings.seed, 0x75e]);
        for v in &mut points {
            *v = (f64::from(*v) * scale + 1e-8 * random.normal()) as f32;
        }
        self.updates = vec![0.0; points.len()];
        self.gains = vec![1.0; points.len()];
        self.points = points;
        let affinities = affinity::Affinities::new(
            search.finish(),
            self.order.clone(),
            f64::from(self.settings.perplexity),
        );
        self.work = Work::Calibrate(affinities);
    }

    /// Gradient, less the factor 4, as it is in openTSNE.
    fn gradient(&mut self, exaggeration: f32) -> Vec<f32> {
        let d = self.settings.dimensions;
        let mut push = vec![0.0; self.points.len()];
        self.total = match (self.order.len() <= EXACT, d) {
            (true, 2) => exact::push::<2>(&self.points, &mut push),
            (true, _) => exact::push::<3>(&self.points, &mut push),
            (false, 2) => self.grid.push(&self.points, &mut push),
            (false, _) => tree::push::<3>(&self.points, &mut push),
        }
        .max(f64::MIN_POSITIVE);
        let scale = (1.0 / self.total) as f32;
        match d {
            2 => pull::gradient::<2>(&self.graph, &self.points, exaggeration, scale, &mut push),
            _ => pull::gradient::<3>(&self.graph, &self.points, exaggeration, scale, &mut push),
        }
        push
    }

    fn iterate(&mut self) {
        let (s, d) = (&self.settings, self.settings.dimensions);
        let early = self.iteration < s.early_iterations;
        let exaggeration = if early {
            s.early_exaggeration
        } else {
            s.exaggeration
        };
        let momentum = s.momentum[usize::from(!early)];
        let rate = s.learning_rate.unwrap_or(self.order.len() as f32 / exaggeration);
        let gradient = self.gradient(exaggeration);
        let all = [&mut self.points[..], &mut self.updates, &mut self.gains];
        let sums = par::beside(all, d * ROWS_A_JOB, |b, [points, updates, gains]| {
            let gradient = &gradient[b * d * ROWS_A_JOB..];
            let mut sum = [0f64; 3];
            let motion = updates.chunks_mut(d).zip(gains.chunks_mut(d));
            for ((point, (update, gain)), gradient) in
                points.chunks_mut(d).zip(motion).zip(gradient.chunks(d))
            {
                let mut length = 0.0;
                for k in 0..d {
                    // As NumPy's sign has it: 0 is a sign of its own.
                    let sign = |v: f32| if v == 0.0 { 0.0 } else { v.signum() };
                    let same = sign(update[k]) == sign(gradient[k]);
                    gain[k] = if same {
                        gain[k] * 0.8 + LEAST_GAIN
                    } else {
                        gain[k] + 0.2
                    };
                    update[k] = momentum * update[k] - rate * gain[k] * gradient[k];
                    length += update[k] * update[k];
                }
                let shrink = if length > LONGEST * LONGEST {
                    LONGEST / length.sqrt()
                } else {
                    1.0
                };
                for k in 0..d {
                    update[k] *= shrink;
                    point[k] += update[k];
                    sum[k] += f64::from(point[k]);
                }
            }
            sum
        });
        let rows = self.order.len() as f64;
        let mean = [0, 1, 2].map(|k| (sums.iter().map(|s| s[k]).sum::<f64>() / rows) as f32);
        par::chunks(&mut self.points, d * ROWS_A_JOB, |_, points| {
            for point in points.chunks_mut(d) {
                point.iter_mut().zip(&mean).for_each(|(p, m)| *p -= m);
            }
        });
        self.iteration += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that are kept in their own order.
    fn begun(rows: usize, dimensions: usize) -> Tsne<'static> {
        let mut random = Random::new(&[4]);
        let values: Vec<f32> = (0..rows * 5).map(|_| random.normal() as f32).collect();
        let table = Table::shared(values.into(), 5).unwrap();
        let settings = TsneSettings {
            perplexity: 8.0,
            dimensions,
            ..TsneSettings::default()
        };
        let mut tsne = Tsne::new(table, settings).unwrap();
        while !matches!(tsne.work, Work::Iterate) {
            tsne.step(1);
        }
        tsne.points = (0..rows * dimensions).map(|_| random.normal() as f32).collect();
        tsne
    }

    #[test]
    fn the_gradient_is_that_of_the_divergence() {
        for dimensions in [2, 3] {
            let mut tsne = begun(60, dimensions);
            let gradient = tsne.gradient(1.0);
            let at = |tsne: &mut Tsne<'_>, i: usize, step: f32| {
                let before = tsne.points[i];
                tsne.points[i] = before + step;
                tsne.gradient(1.0);
                let divergence = tsne.divergence().unwrap();
                tsne.points[i] = before;
                divergence
            };
            for i in (0..tsne.points.len()).step_by(7) {
                let step = 1e-2;
                let slope = (at(&mut tsne, i, step) - at(&mut tsne, i, -step)) / (2.0 * f64::from(step));
                let found = 4.0 * f64::from(gradient[i]);
                assert!((found - slope).abs() < 2e-5, "{i}: {found} {slope}");
            }
        }
    }

    #[test]
    fn weights_are_symmetric_and_sum_to_1() {
        let tsne = begun(60, 2);
        let sum: f32 = tsne.graph.weights.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5);
        for i in 0..60 {
            let (ends, weights) = tsne.graph.of(i);
            for (&j, w) in ends.iter().zip(weights) {
                let (back, theirs) = tsne.graph.of(j as usize);
                let at = back.binary_search(&(i as u32)).unwrap();
                assert_eq!(theirs[at], *w);
            }
        }
    }
}
