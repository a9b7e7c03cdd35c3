//! Distances to neighbours turned into weights of edges, some rows at a time.

use crate::{Neighbours, par};

/// Rows of a piece of work.
const BLOCK: usize = 128;

/// Neighbours whose distances become weights, in slices.
pub struct Weighing {
    found: Neighbours,
    order: Vec<u32>,
    /// Place of each row in the order.
    place: Vec<u32>,
    edges: Vec<(u32, f32)>,
}

impl Weighing {
    pub fn new(found: Neighbours, order: Vec<u32>) -> Self {
        let mut place = vec![0; order.len()];
        for (at, &row) in order.iter().enumerate() {
            place[row as usize] = at as u32;
        }
        Weighing {
            edges: Vec::with_capacity(found.indices.len()),
            found,
            order,
            place,
        }
    }

    pub fn fraction(&self) -> f32 {
        self.edges.len() as f32 / self.found.indices.len().max(1) as f32
    }

    /// Up to `rows` more rows, by `weigh` of a row's distances. When all are done: edges by points in the
    /// order, ends ascending, and how many each has.
    pub fn step(
        &mut self,
        rows: usize,
        weigh: impl Fn(&[f32], &mut [f32]) + Sync + Send,
    ) -> Option<(Vec<(u32, f32)>, usize)> {
        let k = self.found.k;
        let first = self.edges.len() / k;
        let last = self.order.len().min(first + rows);
        let parts = par::map((last - first).div_ceil(BLOCK), |b| {
            let mut out = Vec::with_capacity(BLOCK * k);
            let mut weights = vec![0.0; k];
            for &row in &self.order[first + b * BLOCK..last.min(first + (b + 1) * BLOCK)] {
                let (indices, distances) = self.found.of(row as usize);
                weigh(distances, &mut weights);
                let from = out.len();
                let places = indices.iter().map(|&j| self.place[j as usize]);
                out.extend(places.zip(weights.iter().copied()));
                out[from..].sort_unstable_by_key(|e| e.0);
            }
            out
        });
        parts.into_iter().for_each(|part| self.edges.extend(part));
        (last == self.order.len()).then(|| (std::mem::take(&mut self.edges), k))
    }
}
