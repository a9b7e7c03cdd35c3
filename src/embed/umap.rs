//! UMAP: places whose neighbours are those of the rows.
//!
//! McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection" (2018), with the
//! defaults of umap-learn 0.5. One thing differs: an epoch moves each point by its own edges, against where
//! the other points were when the epoch began, instead of edge after edge, so that it is the same on any number
//! of threads; and an edge moves each of its ends once where umap-learn does so twice (`epoch`).

mod curve;
mod epoch;
mod fuzzy;
mod spectral;

pub use curve::fit_curve;

use crate::graph::{Graph, Symmetric};
use crate::progress::{Progress, Stage};
use crate::random::Random;
use crate::{EmbedError, Metric, Search, Table, error::within};
use spectral::Spectral;

/// Where places begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Start {
    /// Eigenvectors of the graph; principal components where the graph falls apart.
    #[default]
    Spectral,
    /// Principal components.
    Principal,
    /// Anywhere.
    Random,
}

/// What UMAP goes by; the defaults are umap-learn's.
#[derive(Clone, Debug, PartialEq)]
pub struct UmapSettings {
    /// 2 or 3.
    pub dimensions: usize,
    /// Rows that count as near, the row itself included: from 2 to the number of rows.
    pub neighbours: usize,
    /// How close places may come, 0 to `spread`.
    pub min_dist: f32,
    /// Scale of the places, above 0.
    pub spread: f32,
    /// Epochs; `None` for 500 up to 10,000 rows and 200 above.
    pub epochs: Option<usize>,
    /// Of the first epoch; it falls to 0.
    pub learning_rate: f32,
    /// Points that are pushed away for each edge that pulls, 0 to 64.
    pub negatives: usize,
    /// How hard those are pushed.
    pub repulsion: f32,
    /// What near means.
    pub metric: Metric,
    /// Where places begin.
    pub start: Start,
    /// The same seed gives the same places.
    pub seed: u64,
}

impl Default for UmapSettings {
    fn default() -> Self {
        UmapSettings {
            dimensions: 2,
            neighbours: 15,
            min_dist: 0.1,
            spread: 1.0,
            epochs: None,
            learning_rate: 1.0,
            negatives: 5,
            repulsion: 1.0,
            metric: Metric::Euclidean,
            start: Start::Spectral,
            seed: 0,
        }
    }
}

enum Work<'a> {
    Search(Box<Search<'a>>),
    Calibrate(fuzzy::Calibration),
    Join(Symmetric),
    Spectral(Box<Spectral>),
    Epochs,
    Done,
}

/// A projection that goes on by [`Umap::step`].
pub struct Umap<'a> {
    settings: UmapSettings,
    work: Work<'a>,
    /// Row of each point, in the order in which points are kept.
    order: Vec<u32>,
    principal: Vec<f32>,
    graph: Graph,
    rule: epoch::Rule,
    points: Vec<f32>,
    before: Vec<f32>,
    places: Vec<f32>,
    epoch: usize,
    epochs: usize,
}

impl<'a> Umap<'a> {
    /// Nothing is done yet; all places are 0.
    ///
    /// # Errors
    /// For fewer than 2 rows, and for settings out of their range.
    pub fn new(table: Table<'a>, settings: UmapSettings) -> Result<Self, EmbedError> {
        let rows = table.rows();
        table.at_least(2)?;
        let s = &settings;
        within("dimensions", s.dimensions as f64, 2.0, 3.0)?;
        within("neighbours", s.neighbours as f64, 2.0, rows as f64)?;
        within("spread", f64::from(s.spread), 1e-3, 1e3)?;
        within("min_dist", f64::from(s.min_dist), 0.0, f64::from(s.spread))?;
        within("learning rate", f64::from(s.learning_rate), 1e-6, 1e3)?;
        within("negatives", s.negatives as f64, 0.0, 64.0)?;
        within("repulsion", f64::from(s.repulsion), 0.0, 1e3)?;
        let epochs = s.epochs.unwrap_or(if rows <= 10_000 { 500 } else { 200 });
        within("epochs", epochs as f64, 0.0, 1e6)?;
        let (a, b) = fit_curve(f64::from(s.min_dist), f64::from(s.spread));
        let search = Search::new(table, s.neighbours - 1, s.metric, s.seed)?;
        Ok(Umap {
            work: Work::Search(Box::new(search)),
            order: Vec::new(),
            principal: Vec::new(),
            graph: Graph::default(),
            rule: epoch::Rule::new(a, b, s.repulsion, s.negatives, s.seed),
            points: Vec::new(),
            before: Vec::new(),
            places: vec![0.0; rows * s.dimensions],
            epoch: 0,
            epochs,
            settings,
        })
    }

    /// Up to `budget` pieces of work, each of which is an epoch or some 50 ms of what comes before. Not to
    /// call it again is to cancel.
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
        let (stage, fraction) = match &self.work {
            Work::Search(search) => (Stage::Neighbours, search.fraction()),
            Work::Calibrate(c) => (Stage::Graph, c.fraction() * 0.5),
            Work::Join(s) => (Stage::Graph, 0.5 + 0.5 * s.fraction()),
            Work::Spectral(s) => (Stage::Start, s.fraction()),
            Work::Epochs => (Stage::Places, self.epoch as f32 / self.epochs.max(1) as f32),
            Work::Done => (Stage::Done, 1.0),
        };
        Progress {
            stage,
            fraction,
            iterations: self.epoch,
        }
    }

    /// Rows × dimensions: where each row is now.
    pub fn places(&self) -> &[f32] {
        &self.places
    }

    /// One piece of work; whether points moved.
    fn piece(&mut self) -> bool {
        let d = self.settings.dimensions;
        match &mut self.work {
            Work::Search(search) => {
                if search.step() {
                    self.order = search.order().to_vec();
                    self.principal = search.principal(d);
                    let found = std::mem::replace(&mut self.work, Work::Done);
                    if let Work::Search(search) = found {
                        let calibration = fuzzy::Calibration::new(search.finish(), self.order.clone());
                        self.work = Work::Calibrate(calibration);
                    }
                }
                false
            }
            Work::Calibrate(calibration) => {
                if let Some((edges, k)) = calibration.step() {
                    self.work = Work::Join(Symmetric::new(edges, k));
                }
                false
            }
            Work::Join(symmetric) => {
                // The fuzzy union.
                if let Some(graph) = symmetric.step(|a, b| a + b - a * b) {
                    self.graph = graph;
                    return self.begin();
                }
                false
            }
            Work::Spectral(spectral) => {
                if let Some(points) = spectral.step(&self.graph) {
                    return self.place(points);
                }
                false
            }
            Work::Epochs => {
                if self.epoch == self.epochs {
                    self.work = Work::Done;
                    return false;
                }
                let rate = self.settings.learning_rate * (1.0 - self.epoch as f32 / self.epochs as f32);
                std::mem::swap(&mut self.points, &mut self.before);
                let (before, after) = (&self.before, &mut self.points);
                match d {
                    2 => self.rule.epoch::<2>(&self.graph, before, after, self.epoch, rate),
                    _ => self.rule.epoch::<3>(&self.graph, before, after, self.epoch, rate),
                }
                self.epoch += 1;
                if self.epoch == self.epochs {
                    self.work = Work::Done;
                }
                true
            }
            Work::Done => false,
        }
    }

    fn begin(&mut self) -> bool {
        let (d, nodes) = (self.settings.dimensions, self.graph.nodes());
        // Eigenvectors of a few points are theirs alone.
        let spectral = nodes > 4 * (d + 1) && self.graph.connected();
        match self.settings.start {
            Start::Spectral if spectral => {
                let spectral = Spectral::new(&self.graph, d, self.settings.seed);
                self.work = Work::Spectral(Box::new(spectral));
                false
            }
            Start::Spectral | Start::Principal => {
                let points = std::mem::take(&mut self.principal);
                self.place(points)
            }
            Start::Random => {
                let mut random = Random::new(&[self.settings.seed, 0x3a9]);
                let points = (0..nodes * d).map(|_| random.uniform() as f32).collect();
                self.place(points)
            }
        }
    }

    /// Points brought into a box of 10 with a little noise, as umap-learn does; epochs begin.
    fn place(&mut self, mut points: Vec<f32>) -> bool {
        let d = self.settings.dimensions;
        let mut random = Random::new(&[self.settings.seed, 0x3aa]);
        let largest = points.iter().fold(0f32, |m, v| m.max(v.abs()));
        let scale = if largest > 0.0 { 10.0 / largest } else { 0.0 };
        for v in &mut points {
            *v = *v * scale + 1e-4 * random.normal() as f32;
        }
        for k in 0..d {
            let column = points.iter().skip(k).step_by(d);
            let (low, high) = column.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| {
                (l.min(v), h.max(v))
            });
            let scale = 10.0 / (high - low).max(f32::MIN_POSITIVE);
            // Noise alone stays small.
            let scale = if high - low > 1e-2 { scale } else { 1.0 };
            let column = points.iter_mut().skip(k).step_by(d);
            column.for_each(|v| *v = (*v - low) * scale);
        }
        self.principal = Vec::new();
        self.before = points.clone();
        self.points = points;
        self.rule.prepare(&mut self.graph, self.epochs);
        self.work = Work::Epochs;
        true
    }
}
