//! Rows beside those of the cells around them.

use rten_simd::SimdOp;

use super::super::best::{Best, Scan};
use super::super::distance;
use super::super::exact::ranked;
use super::{CELLS_A_STEP, Search, Stage};
use crate::{par, product};

impl Search<'_> {
    /// Brings the rows of a cell together.
    pub(super) fn sort(&mut self) -> Stage {
        let (rows, directions, cells) = (self.table.rows(), self.directions(), self.cells());
        let probes = self.nearest.len() / rows;
        let mut starts = vec![0; cells + 1];
        for near in self.nearest.chunks(probes) {
            starts[near[0] as usize + 1] += 1;
        }
        for c in 0..cells {
            starts[c + 1] += starts[c];
        }
        let mut next = starts.clone();
        for (i, near) in self.nearest.chunks(probes).enumerate() {
            let place = &mut next[near[0] as usize];
            self.order[*place] = i as u32;
            *place += 1;
        }
        let (order, old) = (&self.order, &self.reduced);
        let mut reduced = vec![0.0; old.len()];
        par::chunks(&mut reduced, directions, |to, out| {
            out.copy_from_slice(&old[order[to] as usize * directions..][..directions]);
        });
        self.reduced = reduced;
        self.norms = order.iter().map(|&i| self.norms[i as usize]).collect();
        self.nearest = order
            .iter()
            .flat_map(|&i| &self.nearest[i as usize * probes..][..probes])
            .copied()
            .collect();
        let reduced = &self.reduced;
        self.packed = par::map(cells, |c| {
            product::Packed::new(
                &reduced[starts[c] * directions..starts[c + 1] * directions],
                directions,
            )
        });
        self.starts = starts;
        Stage::Cells(0)
    }

    pub(super) fn search(&mut self, at: usize) -> Stage {
        let (cells, k) = (self.cells(), self.k);
        let end = cells.min(at + CELLS_A_STEP);
        let found = par::map(end - at, |c| self.cell(at + c));
        for (c, pairs) in (at..end).zip(found) {
            for (near, &row) in pairs.chunks(k).zip(&self.order[self.starts[c]..]) {
                let to = row as usize * k;
                for (n, &(d, j)) in near.iter().enumerate() {
                    self.found.indices[to + n] = j;
                    self.found.distances[to + n] = distance(self.metric, d);
                }
            }
        }
        if end < cells {
            return Stage::Cells(end);
        }
        (self.unit, self.nearest, self.packed) = (Vec::new(), Vec::new(), Vec::new());
        Stage::Done
    }

    /// Squared distances and rows, k for each row of a cell.
    fn cell(&self, c: usize) -> Vec<(f32, u32)> {
        let (k, directions, width) = (self.k, self.directions(), self.table.width());
        let probes = self.nearest.len() / self.order.len();
        let range = self.starts[c]..self.starts[c + 1];
        let coarse = directions < width;
        let keep = if coarse { k + k / 2 + 64 } else { k + 1 };
        let mut best: Vec<Best> = range.clone().map(|_| Best::new(keep)).collect();
        // Which rows look into which cells.
        let mut visits: Vec<(u32, u32)> = Vec::with_capacity(range.len() * probes);
        for (q, near) in self.nearest[range.start * probes..range.end * probes]
            .chunks(probes)
            .enumerate()
        {
            visits.extend(near.iter().map(|&cell| (cell, q as u32)));
        }
        // The own cell first: it sets a low bound.
        visits.sort_unstable_by_key(|&(cell, q)| (cell as usize != c, cell, q));
        let (mut questions, mut products) = (Vec::new(), Vec::new());
        for group in visits.chunk_by(|a, b| a.0 == b.0) {
            let cell = group[0].0 as usize;
            let answers = self.starts[cell]..self.starts[cell + 1];
            if answers.is_empty() {
                continue;
            }
            for group in group.chunks(128) {
                questions.clear();
                for &(_, q) in group {
                    let from = (range.start + q as usize) * directions;
                    questions.extend_from_slice(&self.reduced[from..from + directions]);
                }
                products.resize(group.len() * answers.len(), 0.0);
                self.packed[cell].dots(&questions, &mut products);
                for (&(_, q), dots) in group.iter().zip(products.chunks(answers.len())) {
                    Scan {
                        best: &mut best[q as usize],
                        norms: &self.norms[answers.clone()],
                        dots,
                        first: answers.start as u32,
                    }
                    .dispatch();
                }
            }
        }
        let values = self.values();
        let mut out = Vec::with_capacity(range.len() * k);
        let mut others: Vec<u32> = Vec::new();
        for (best, i) in best.iter_mut().zip(range) {
            let row = self.order[i];
            others.clear();
            others.extend(
                best.finish()
                    .iter()
                    .map(|&(_, j)| self.order[j as usize])
                    .filter(|&j| j != row),
            );
            let from = &values[row as usize * width..][..width];
            let near = ranked(from, values, &others, k);
            let filled = near.len();
            out.extend(near);
            if filled < k {
                self.fill(row, &others, k - filled, &mut out);
            }
        }
        out
    }

    /// Where cells are too small (many equal rows elsewhere), any other rows.
    fn fill(&self, row: u32, known: &[u32], missing: usize, out: &mut Vec<(f32, u32)>) {
        let (width, values) = (self.table.width(), self.values());
        let rest = self.order.iter().filter(|&&j| j != row && !known.contains(&j));
        let some: Vec<u32> = rest.take(missing).copied().collect();
        out.extend(ranked(
            &values[row as usize * width..][..width],
            values,
            &some,
            missing,
        ));
    }
}
