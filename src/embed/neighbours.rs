//! Which rows lie nearest to which.

mod best;
mod exact;
mod search;

pub(crate) use exact::Rows;
pub use exact::{exact, exact_for};
pub use search::Search;

use crate::{EmbedError, Table};

/// What "near" means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Straight lines.
    #[default]
    Euclidean,
    /// 1 − the cosine of the angle, 0 to 2. A row of zeros is 1 away from all others (its angle is not
    /// defined) and 0 from other such rows.
    Cosine,
}

/// The `k` nearest other rows of each row, nearest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// Neighbours a row.
    pub k: usize,
    /// Rows × k: which rows they are.
    pub indices: Vec<u32>,
    /// Rows × k: how far they are, ascending.
    pub distances: Vec<f32>,
}

impl Neighbours {
    /// Rows that have neighbours.
    pub fn rows(&self) -> usize {
        self.indices.len() / self.k
    }

    /// The neighbours of a row, nearest first, and their distances.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn of(&self, row: usize) -> (&[u32], &[f32]) {
        let range = row * self.k..(row + 1) * self.k;
        (&self.indices[range.clone()], &self.distances[range])
    }

    /// Share of the neighbours in `truth` that are found here, 0 to 1.
    ///
    /// # Errors
    /// When `truth` has other rows or fewer neighbours a row.
    pub fn recall(&self, truth: &Neighbours) -> Result<f64, EmbedError> {
        let lengths = |what, expected, found| {
            Err(EmbedError::Lengths {
                what,
                expected,
                found,
            })
        };
        if truth.rows() != self.rows() {
            return lengths("rows", truth.rows(), self.rows());
        }
        if truth.k < self.k {
            return lengths("neighbours a row", self.k, truth.k);
        }
        let found = (0..self.rows()).map(|row| {
            let (mine, theirs) = (self.of(row).0, &truth.of(row).0[..self.k]);
            mine.iter().filter(|i| theirs.contains(i)).count()
        });
        Ok(found.sum::<usize>() as f64 / self.indices.len().max(1) as f64)
    }
}

/// The `k` nearest other rows of each row: exactly where that is quick, else as [`Search`] finds them.
///
/// # Errors
/// For fewer than 2 rows, and for `k` 0 or not below the number of rows.
pub fn neighbours(table: &Table<'_>, k: usize, metric: Metric, seed: u64) -> Result<Neighbours, EmbedError> {
    let mut search = Search::new(table.clone(), k, metric, seed)?;
    while !search.step() {}
    Ok(search.finish())
}

fn check(table: &Table<'_>, k: usize) -> Result<(), EmbedError> {
    table.at_least(2)?;
    crate::error::within("neighbours", k as f64, 1.0, (table.rows() - 1) as f64)
}

/// Rows of length 1, whose squared Euclidean distance is twice the cosine distance.
pub(crate) fn unit(values: &[f32], width: usize) -> Vec<f32> {
    let mut out = values.to_vec();
    crate::par::chunks(&mut out, width * 256, |_, block| {
        for row in block.chunks_mut(width) {
            // Divided by the largest first, so that no square overflows.
            let largest = row.iter().fold(0f32, |m, v| m.max(v.abs()));
            if largest > 0.0 {
                row.iter_mut().for_each(|v| *v /= largest);
                let scale = 1.0 / row.iter().map(|v| v * v).sum::<f32>().sqrt();
                row.iter_mut().for_each(|v| *v *= scale);
            }
        }
    });
    out
}

/// A distance of `metric` from a squared distance.
fn distance(metric: Metric, squared: f32) -> f32 {
    match metric {
        Metric::Euclidean => squared.max(0.0).sqrt(),
        Metric::Cosine => (squared * 0.5).clamp(0.0, 2.0),
    }
}
