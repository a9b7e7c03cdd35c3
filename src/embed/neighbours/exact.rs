//! All distances, by products of blocks.

use rten_simd::SimdOp;

use super::best::{Best, Scan};
use super::{Metric, Neighbours, check, distance, unit};
use crate::product::{SquaredDistances, dots};
use crate::{EmbedError, Table, par};

/// Rows in a block of questions, and in one of answers.
const ASKED: usize = 64;
const OFFERED: usize = 512;

/// The `k` nearest other rows of each row, by all distances. Ties go to the earlier row.
///
/// # Errors
/// As [`super::neighbours`].
pub fn exact(table: &Table<'_>, k: usize, metric: Metric) -> Result<Neighbours, EmbedError> {
    let all: Vec<u32> = (0..table.rows() as u32).collect();
    exact_for(table, &all, k, metric)
}

/// The same for some rows only; row `i` of the answer belongs to row `asked[i]` of the table.
///
/// # Errors
/// As [`super::neighbours`], and for a row that the table does not have.
pub fn exact_for(
    table: &Table<'_>,
    asked: &[u32],
    k: usize,
    metric: Metric,
) -> Result<Neighbours, EmbedError> {
    check(table, k)?;
    if let Some(&row) = asked.iter().find(|&&row| row as usize >= table.rows()) {
        crate::error::within("row", f64::from(row), 0.0, (table.rows() - 1) as f64)?;
    }
    let rows = Rows::new(table, metric);
    let found = par::map(asked.len().div_ceil(ASKED), |b| {
        let end = asked.len().min((b + 1) * ASKED);
        rows.nearest(&asked[b * ASKED..end], k)
    });
    let mut all = Neighbours {
        k,
        indices: Vec::with_capacity(asked.len() * k),
        distances: Vec::with_capacity(asked.len() * k),
    };
    for (indices, distances) in found {
        all.indices.extend(indices);
        all.distances.extend(distances);
    }
    Ok(all)
}

/// A table prepared for questions.
pub struct Rows {
    metric: Metric,
    width: usize,
    /// Rows × width, less the mean of all (distances stay, rounding errors shrink); for cosines of length 1.
    pub values: Vec<f32>,
    pub norms: Vec<f32>,
}

impl Rows {
    pub fn new(table: &Table<'_>, metric: Metric) -> Self {
        let width = table.width();
        let mut values = match metric {
            Metric::Euclidean => table.values().to_vec(),
            Metric::Cosine => unit(table.values(), width),
        };
        if metric == Metric::Euclidean {
            let mean = crate::pca::mean(table);
            par::chunks(&mut values, width, |_, row| {
                row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
            });
        }
        let zero = vec![0.0; width];
        let norms = par::map(table.rows(), |i| {
            crate::product::squared_distance(&values[i * width..][..width], &zero)
        });
        Rows {
            metric,
            width,
            values,
            norms,
        }
    }

    /// Indices and distances, k for each of `asked`.
    pub fn nearest(&self, asked: &[u32], k: usize) -> (Vec<u32>, Vec<f32>) {
        let width = self.width;
        let row = |i: u32| &self.values[i as usize * width..][..width];
        let questions: Vec<f32> = asked.iter().flat_map(|&i| row(i)).copied().collect();
        // A few more than asked for, because products round; their distances are then taken as differences.
        let spare = (k + 1 + k / 8 + 4).min(self.norms.len());
        let mut best: Vec<Best> = asked.iter().map(|_| Best::new(spare)).collect();
        let mut products = vec![0.0; asked.len() * OFFERED];
        for (b, block) in self.values.chunks(OFFERED * width).enumerate() {
            let (first, count) = (b * OFFERED, block.len() / width);
            let products = &mut products[..asked.len() * count];
            dots(block, &questions, width, products);
            for (best, dots) in best.iter_mut().zip(products.chunks(count)) {
                Scan {
                    best,
                    norms: &self.norms[first..first + count],
                    dots,
                    first: first as u32,
                }
                .dispatch();
            }
        }
        let mut indices = Vec::with_capacity(asked.len() * k);
        let mut distances = Vec::with_capacity(asked.len() * k);
        for (best, &i) in best.iter_mut().zip(asked) {
            let near = best.finish().iter().map(|&(_, j)| j);
            let others: Vec<u32> = near.filter(|&j| j != i).collect();
            for (d, j) in ranked(row(i), &self.values, &others, k) {
                indices.push(j);
                distances.push(distance(self.metric, d));
            }
        }
        (indices, distances)
    }
}

/// The `k` nearest of some rows of a table, by squared distances, nearest first.
pub fn ranked(from: &[f32], to: &[f32], indices: &[u32], k: usize) -> Vec<(f32, u32)> {
    let mut out = vec![0.0; indices.len()];
    let out = &mut out;
    SquaredDistances {
        from,
        to,
        indices,
        out,
    }
    .dispatch();
    let mut pairs: Vec<(f32, u32)> = out.iter().copied().zip(indices.iter().copied()).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    pairs.truncate(k);
    pairs
}
