//! Neighbours in slices: exact for few rows, from cells of nearby rows for many.
//!
//! Many rows are first turned so that a few directions hold most of their differences (a sample's
//! principal components), then parted into cells around centres, as FAISS's inverted file does (Johnson,
//! Douze and Jégou 2019). A row is compared with the rows of the cells whose centres are nearest to it, by
//! products of blocks along those directions, and the best of them by all columns. That is a few dense
//! products instead of the random walks of NN-descent, and each cell is a short piece of work of its own.

mod cells;

use rten_simd::SimdOp;

use super::best::{Best, Scan};
use super::exact::Rows;
use super::{Metric, Neighbours, check, unit};
use crate::random::Random;
use crate::{EmbedError, Pca, Table, kmeans, par, pca, product};

/// Up to so many multiplications, all distances are taken.
const EXACT: f64 = 1e10;
/// Directions that coarse distances are measured along. Of the 15 nearest of 70,000 pictures of clothes, 64
/// found 0.89, 96 found 0.95 and 128 found 0.98, with 22 candidates beside those asked for and 16 cells; 0.995
/// with the candidates below and 24 cells, in hardly more time.
const DIRECTIONS: usize = 128;
/// Rows that directions and centres are found from: so many in all, and so many for each centre.
const SAMPLE: usize = 4096;
const SAMPLE_FOR_CENTRE: usize = 32;
const BASIS_ROUNDS: usize = 3;
const CENTRE_ROUNDS: usize = 6;
/// Cells that each row is compared with.
const PROBES: usize = 24;
/// Rows, cells and exact questions of one step.
const ROWS_A_STEP: usize = 8192;
const CELLS_A_STEP: usize = 4;
const ASKED_A_STEP: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Exact(usize),
    Basis(usize),
    Project(usize),
    Centres(usize),
    Assign(usize),
    Sort,
    Cells(usize),
    Done,
}

/// A search for the `k` nearest other rows of each row, which goes on by [`Search::step`].
pub struct Search<'a> {
    table: Table<'a>,
    k: usize,
    metric: Metric,
    seed: u64,
    stage: Stage,
    steps: usize,
    /// Rows of length 1, for cosines.
    unit: Vec<f32>,
    exact: Option<Rows>,
    mean: Vec<f32>,
    basis: Vec<f32>,
    sample: Vec<f32>,
    /// Rows × directions.
    reduced: Vec<f32>,
    /// Squared lengths of whole rows, so that only products are cut short.
    norms: Vec<f32>,
    centres: Vec<f32>,
    /// Rows × probes: the nearest centres of each row.
    nearest: Vec<u32>,
    /// Rows, cell by cell, and where each cell begins.
    order: Vec<u32>,
    starts: Vec<usize>,
    /// The rows of each cell along the directions.
    packed: Vec<product::Packed>,
    found: Neighbours,
}

impl<'a> Search<'a> {
    /// Nothing is searched yet.
    ///
    /// # Errors
    /// As [`super::neighbours`].
    pub fn new(table: Table<'a>, k: usize, metric: Metric, seed: u64) -> Result<Self, EmbedError> {
        check(&table, k)?;
        let rows = table.rows();
        let cost = (rows as f64).powi(2) * table.width() as f64;
        // Cells must hold several times the neighbours asked for.
        let few = cost <= EXACT || rows < 2000 || k * 64 > rows;
        Ok(Search {
            k,
            metric,
            seed,
            stage: if few { Stage::Exact(0) } else { Stage::Basis(0) },
            steps: 0,
            unit: Vec::new(),
            exact: None,
            mean: Vec::new(),
            basis: Vec::new(),
            sample: Vec::new(),
            reduced: Vec::new(),
            norms: Vec::new(),
            centres: Vec::new(),
            nearest: Vec::new(),
            order: (0..rows as u32).collect(),
            starts: Vec::new(),
            packed: Vec::new(),
            found: Neighbours {
                k,
                indices: vec![0; rows * k],
                distances: vec![0.0; rows * k],
            },
            table,
        })
    }

    /// One piece of work, some 50 ms on one core for rows of 784 columns; whether all is done.
    pub fn step(&mut self) -> bool {
        self.steps += 1;
        self.stage = match self.stage {
            Stage::Exact(at) => self.ask(at),
            Stage::Basis(round) => self.turn(round),
            Stage::Project(at) => self.project(at),
            Stage::Centres(round) => self.centre(round),
            Stage::Assign(at) => self.assign(at),
            Stage::Sort => self.sort(),
            Stage::Cells(at) => self.search(at),
            Stage::Done => Stage::Done,
        };
        self.stage == Stage::Done
    }

    /// Share of the steps that are done, 0 to 1.
    pub fn fraction(&self) -> f32 {
        let rows = self.table.rows();
        let steps = match self.exact {
            _ if self.stage == Stage::Done => return 1.0,
            Some(_) => rows.div_ceil(ASKED_A_STEP),
            None => {
                let pieces = 2 * rows.div_ceil(ROWS_A_STEP) + self.cells().div_ceil(CELLS_A_STEP);
                BASIS_ROUNDS + CENTRE_ROUNDS + 3 + pieces
            }
        };
        (self.steps as f32 / steps as f32).min(0.99)
    }

    /// Rows in an order in which neighbours are close to each other, so that memory is read in pieces.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Rows × `count`, in [`Search::order`]: where rows lie along the first principal components, once the
    /// search is done. Columns that there are not are 0.
    pub fn principal(&self, count: usize) -> Vec<f32> {
        let coarse = !self.reduced.is_empty();
        let reduced = match coarse {
            true => Table::new(&self.reduced, self.directions()),
            false => Ok(self.table.clone()),
        };
        let width = reduced.as_ref().map_or(1, Table::width);
        let most = count.min(width).min(self.table.rows());
        let mut out = vec![0.0; self.table.rows() * count];
        if let Ok(reduced) = reduced
            && let Ok(pca) = Pca::fit(&reduced, most, self.seed)
            && let Ok(places) = pca.project(&reduced)
        {
            for (out, place) in out.chunks_mut(count).zip(places.chunks(most)) {
                out[..most].copy_from_slice(place);
            }
        }
        out
    }

    /// What was found; rows that were not searched yet have themselves at distance 0.
    pub fn finish(self) -> Neighbours {
        self.found
    }

    fn cells(&self) -> usize {
        (self.table.rows() as f64).sqrt() as usize
    }

    fn values(&self) -> &[f32] {
        match self.metric {
            Metric::Euclidean => self.table.values(),
            Metric::Cosine => &self.unit,
        }
    }

    fn directions(&self) -> usize {
        self.basis.len() / self.table.width()
    }

    fn ask(&mut self, at: usize) -> Stage {
        let rows = self
            .exact
            .get_or_insert_with(|| Rows::new(&self.table, self.metric));
        let (k, end) = (self.k, self.table.rows().min(at + ASKED_A_STEP));
        // Pieces of 32, so that more than one core has some.
        let found = par::map((end - at).div_ceil(32), |b| {
            let from = at + b * 32;
            let asked: Vec<u32> = (from as u32..end.min(from + 32) as u32).collect();
            rows.nearest(&asked, k)
        });
        let mut to = at * k;
        for (indices, distances) in found {
            self.found.indices[to..to + indices.len()].copy_from_slice(&indices);
            self.found.distances[to..to + indices.len()].copy_from_slice(&distances);
            to += indices.len();
        }
        if end < self.table.rows() {
            Stage::Exact(end)
        } else {
            Stage::Done
        }
    }

    fn turn(&mut self, round: usize) -> Stage {
        let (rows, width) = (self.table.rows(), self.table.width());
        if round == 0 {
            if self.metric == Metric::Cosine {
                self.unit = unit(self.table.values(), width);
            }
            let chosen = Random::new(&[self.seed, 1]).sample(SAMPLE, rows);
            let values = self.values();
            self.sample = chosen
                .iter()
                .flat_map(|&i| &values[i * width..][..width])
                .copied()
                .collect();
            self.mean = vec![0.0; width];
            for row in self.sample.chunks(width) {
                self.mean.iter_mut().zip(row).for_each(|(m, v)| *m += v);
            }
            let scale = width as f32 / self.sample.len() as f32;
            self.mean.iter_mut().for_each(|m| *m *= scale);
            self.basis = if width <= DIRECTIONS {
                (0..width * width)
                    .map(|i| f32::from(i / width == i % width))
                    .collect()
            } else {
                pca::start(DIRECTIONS, width, self.seed)
            };
            let directions = self.directions();
            self.reduced = vec![0.0; rows * directions];
            self.norms = vec![0.0; rows];
        }
        if width <= DIRECTIONS {
            return Stage::Project(0);
        }
        self.basis = pca::advance(&self.sample, width, &self.mean, &self.basis);
        if round + 1 < BASIS_ROUNDS {
            Stage::Basis(round + 1)
        } else {
            Stage::Project(0)
        }
    }

    fn project(&mut self, at: usize) -> Stage {
        let (rows, width, directions) = (self.table.rows(), self.table.width(), self.directions());
        let end = rows.min(at + ROWS_A_STEP);
        let values = match self.metric {
            Metric::Euclidean => self.table.values(),
            Metric::Cosine => &self.unit[..],
        };
        let (values, mean) = (&values[at * width..end * width], &self.mean[..]);
        let out = &mut self.reduced[at * directions..end * directions];
        pca::project(values, width, mean, &self.basis, directions, out);
        par::chunks(&mut self.norms[at..end], 512, |b, norms| {
            for (norm, row) in norms.iter_mut().zip(values[b * 512 * width..].chunks(width)) {
                *norm = product::squared_distance(row, mean);
            }
        });
        if end < rows {
            Stage::Project(end)
        } else {
            Stage::Centres(0)
        }
    }

    fn centre(&mut self, round: usize) -> Stage {
        let (rows, directions, cells) = (self.table.rows(), self.directions(), self.cells());
        if round == 0 {
            let chosen = Random::new(&[self.seed, 2]).sample(cells * SAMPLE_FOR_CENTRE, rows);
            let values = &self.reduced;
            self.sample = chosen
                .iter()
                .flat_map(|&i| &values[i * directions..][..directions])
                .copied()
                .collect();
            let first = Random::new(&[self.seed, 3]).sample(cells, chosen.len());
            self.centres = first
                .iter()
                .flat_map(|&i| &self.sample[i * directions..][..directions])
                .copied()
                .collect();
        }
        let (labels, _) = kmeans::assign(&self.sample, directions, &self.centres);
        let (means, counts) = kmeans::means(&self.sample, directions, &labels, cells);
        for ((centre, mean), &count) in self
            .centres
            .chunks_mut(directions)
            .zip(means.chunks(directions))
            .zip(&counts)
        {
            if count > 0 {
                centre.copy_from_slice(mean);
            }
        }
        if round + 1 < CENTRE_ROUNDS {
            Stage::Centres(round + 1)
        } else {
            Stage::Assign(0)
        }
    }

    fn assign(&mut self, at: usize) -> Stage {
        let (rows, directions, cells) = (self.table.rows(), self.directions(), self.cells());
        let probes = PROBES.min(cells);
        if at == 0 {
            self.nearest = vec![0; rows * probes];
            self.sample = Vec::new();
        }
        let end = rows.min(at + ROWS_A_STEP);
        let centres = &self.centres;
        let norms: Vec<f32> = centres
            .chunks(directions)
            .map(|c| c.iter().map(|v| v * v).sum())
            .collect();
        let (reduced, block) = (&self.reduced[at * directions..], 128);
        let nearest = &mut self.nearest[at * probes..end * probes];
        par::chunks(nearest, probes * block, |b, out| {
            let count = out.len() / probes;
            let mut products = vec![0.0; count * cells];
            let rows = &reduced[b * block * directions..][..count * directions];
            product::dots(centres, rows, directions, &mut products);
            for (out, dots) in out.chunks_mut(probes).zip(products.chunks(cells)) {
                let mut best = Best::new(probes);
                let norms = &norms;
                Scan {
                    best: &mut best,
                    norms,
                    dots,
                    first: 0,
                }
                .dispatch();
                out.iter_mut()
                    .zip(best.finish())
                    .for_each(|(o, &mut (_, c))| *o = c);
            }
        });
        if end < rows {
            Stage::Assign(end)
        } else {
            Stage::Sort
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbours::exact;

    fn blobs(rows: usize, width: usize) -> Vec<f32> {
        let mut random = Random::new(&[5]);
        let centres: Vec<f64> = (0..8 * width).map(|_| 2.0 * random.normal()).collect();
        (0..rows * width)
            .map(|i| (centres[i / width % 8 * width + i % width] + random.normal()) as f32)
            .collect()
    }

    #[test]
    fn cells_find_what_all_distances_find() {
        for (width, metric) in [
            (100, Metric::Euclidean),
            (100, Metric::Cosine),
            (6, Metric::Euclidean),
        ] {
            let values = blobs(3000, width);
            let table = Table::new(&values, width).unwrap();
            let truth = exact(&table, 10, metric).unwrap();
            let mut search = Search::new(table.clone(), 10, metric, 1).unwrap();
            search.stage = Stage::Basis(0);
            let mut before = 0.0;
            while !search.step() {
                assert!(search.fraction() >= before && search.fraction() < 1.0);
                before = search.fraction();
            }
            let mut order = search.order().to_vec();
            order.sort_unstable();
            assert!(order.iter().copied().eq(0..3000));
            let found = search.finish();
            let recall = found.recall(&truth).unwrap();
            // Noise of 100 columns is the worst case: nothing in it is near.
            assert!(recall > 0.9, "{width} {metric:?} {recall}");
            for row in 0..found.rows() {
                let (indices, distances) = found.of(row);
                assert!(distances.windows(2).all(|w| w[0] <= w[1]) && !indices.contains(&(row as u32)));
            }
        }
    }

    #[test]
    fn equal_rows_have_neighbours() {
        let values = vec![1.0; 2500 * 3];
        let table = Table::new(&values, 3).unwrap();
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let mut search = Search::new(table.clone(), 5, metric, 1).unwrap();
            search.stage = Stage::Basis(0);
            while !search.step() {}
            let found = search.finish();
            assert!(found.distances.iter().all(|&d| d.abs() < 1e-6));
            assert!((0..2500).all(|i| !found.of(i).0.contains(&(i as u32))));
        }
    }
}
