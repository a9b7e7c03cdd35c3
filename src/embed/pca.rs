//! Principal components.

use nalgebra::DMatrix;

use crate::random::Random;
use crate::{EmbedError, Table, par, product};

/// Rows that one product takes at once: a block and its image fit into the second cache.
const BLOCK: usize = 256;
/// Below this many columns, or rows, all products of two are taken; above, as many as there are components.
const DENSE: usize = 400;
/// Directions beside those asked for, and rounds, of the randomised method; scikit-learn's.
const OVERSAMPLE: usize = 10;
const ROUNDS: usize = 7;

/// The directions in which rows differ most.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Mean of each column.
    pub mean: Vec<f32>,
    /// Components × columns: at right angles, of length 1, most important first. The largest entry of each
    /// is positive, as scikit-learn has it since 1.5.
    pub components: Vec<f32>,
    /// Variance along each component, with the divisor rows − 1.
    pub variance: Vec<f64>,
    /// That as a share of the variance of all columns, 0 to 1; 0 where rows do not differ.
    pub explained: Vec<f64>,
}

impl Pca {
    /// The first `count` components of a table, by the eigenvalues of its covariance where columns or rows
    /// are few, else by Halko, Martinsson and Tropp's randomised subspace iteration (2011, algorithm 4.4).
    /// The same as `sklearn.decomposition.PCA`.
    ///
    /// # Errors
    /// For fewer than 2 rows, and for `count` 0 or above the number of rows or columns.
    pub fn fit(table: &Table<'_>, count: usize, seed: u64) -> Result<Pca, EmbedError> {
        table.at_least(2)?;
        let most = table.rows().min(table.width());
        crate::error::within("components", count as f64, 1.0, most as f64)?;
        let mean = mean(table);
        let (rows, width) = (table.rows(), table.width());
        let whole: f64 = total_variance(table, &mean);
        let directions = if width <= DENSE || (count * 4 > width && width <= rows) {
            let identity: Vec<f32> = (0..width * width)
                .map(|i| f32::from(i / width == i % width))
                .collect();
            identity
        } else if rows <= DENSE || count * 4 > rows {
            // The rows themselves span all that there is.
            let mut centred = table.values().to_vec();
            for row in centred.chunks_mut(width) {
                row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
            }
            orthonormal(centred, rows, width)
        } else {
            let directions = (count + OVERSAMPLE).min(most);
            let mut q = start(directions, width, seed);
            for _ in 0..ROUNDS {
                q = advance(table.values(), width, &mean, &q);
            }
            q
        };
        Ok(finish(table, mean, whole, directions, count))
    }

    /// Number of components.
    pub fn count(&self) -> usize {
        self.variance.len()
    }

    /// Rows × components: where rows lie along the components, measured from the mean.
    ///
    /// # Errors
    /// When the table has other columns.
    pub fn project(&self, table: &Table<'_>) -> Result<Vec<f32>, EmbedError> {
        let (expected, found) = (self.mean.len(), table.width());
        if expected != found {
            let what = "columns";
            return Err(EmbedError::Lengths {
                what,
                expected,
                found,
            });
        }
        let mut out = vec![0.0; table.rows() * self.count()];
        project(
            table.values(),
            found,
            &self.mean,
            &self.components,
            self.count(),
            &mut out,
        );
        Ok(out)
    }
}

/// Mean of each column.
pub(crate) fn mean(table: &Table<'_>) -> Vec<f32> {
    let (width, blocks) = (table.width(), table.values().chunks(table.width() * BLOCK));
    let blocks: Vec<&[f32]> = blocks.collect();
    let sums = par::map(blocks.len(), |b| {
        let mut sum = vec![0f32; width];
        for row in blocks[b].chunks(width) {
            sum.iter_mut().zip(row).for_each(|(s, &v)| *s += v);
        }
        sum
    });
    let mut mean = vec![0f64; width];
    for sum in sums {
        mean.iter_mut().zip(sum).for_each(|(m, s)| *m += f64::from(s));
    }
    mean.iter().map(|m| (m / table.rows() as f64) as f32).collect()
}

fn total_variance(table: &Table<'_>, mean: &[f32]) -> f64 {
    let width = table.width();
    let sums = par::map(table.rows().div_ceil(BLOCK), |b| {
        let rows = table.values()[b * BLOCK * width..].chunks(width).take(BLOCK);
        rows.map(|row| f64::from(product::squared_distance(row, mean)))
            .sum::<f64>()
    });
    sums.iter().sum::<f64>() / (table.rows() - 1) as f64
}

/// `count` random directions of unit length at right angles: count × width.
pub(crate) fn start(count: usize, width: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(&[seed, 0x9ca]);
    let q = (0..count * width).map(|_| random.normal() as f32).collect();
    orthonormal(q, count, width)
}

/// One round of the subspace iteration: directions (count × width) through the covariance of the rows.
pub(crate) fn advance(values: &[f32], width: usize, mean: &[f32], q: &[f32]) -> Vec<f32> {
    let count = q.len() / width;
    let blocks: Vec<&[f32]> = values.chunks(width * BLOCK * 4).collect();
    let sums = par::map(blocks.len(), |b| {
        let mut sum = vec![0f32; q.len()];
        for block in blocks[b].chunks(width * BLOCK) {
            let (mut centred, rows) = (block.to_vec(), block.len() / width);
            for row in centred.chunks_mut(width) {
                row.iter_mut().zip(mean).for_each(|(v, m)| *v -= m);
            }
            let mut along = vec![0f32; rows * count];
            product::dots(q, &centred, width, &mut along);
            product::outer(&along, &centred, [count, width], &mut sum);
        }
        sum
    });
    let mut next = vec![0f64; q.len()];
    for sum in sums {
        next.iter_mut().zip(sum).for_each(|(n, s)| *n += f64::from(s));
    }
    // Only directions count: a scale keeps what float32 can hold.
    let largest = next
        .iter()
        .fold(0f64, |m, v| m.max(v.abs()))
        .max(f64::MIN_POSITIVE);
    let next = next.iter().map(|v| (v / largest) as f32).collect();
    orthonormal(next, count, width)
}

/// Rows × count: the shadows of rows less `mean` on directions.
pub(crate) fn project(values: &[f32], width: usize, mean: &[f32], q: &[f32], count: usize, out: &mut [f32]) {
    // The mean's own shadow is taken off afterwards, so that rows are not copied.
    let mut shift = vec![0f32; count];
    product::dots(q, mean, width, &mut shift);
    par::chunks(out, count * BLOCK, |b, out| {
        let rows = out.len() / count;
        product::dots(q, &values[b * BLOCK * width..][..rows * width], width, out);
        for row in out.chunks_mut(count) {
            row.iter_mut().zip(&shift).for_each(|(v, s)| *v -= s);
        }
    });
}

/// Rows made orthonormal (modified Gram and Schmidt, twice). What is nothing beside the others becomes 0.
pub(crate) fn orthonormal(mut q: Vec<f32>, count: usize, width: usize) -> Vec<f32> {
    for i in 0..count {
        let (done, rest) = q.split_at_mut(i * width);
        let row = &mut rest[..width];
        let before = dot(row, row).sqrt();
        for _ in 0..2 {
            for other in done.chunks(width) {
                let along = dot(row, other) as f32;
                row.iter_mut().zip(other).for_each(|(r, o)| *r -= along * o);
            }
        }
        let length = dot(row, row).sqrt();
        let scale = if length > 1e-6 * before { 1.0 / length } else { 0.0 };
        row.iter_mut().for_each(|r| *r = (f64::from(*r) * scale) as f32);
    }
    q
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    // Eight sums at once, which the compiler makes a vector of.
    let mut sums = [0f64; 8];
    let (x, y) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = x
        .remainder()
        .iter()
        .zip(y.remainder())
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum();
    for (x, y) in x.zip(y) {
        for k in 0..8 {
            sums[k] += f64::from(x[k]) * f64::from(y[k]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The principal components within the span of orthonormal directions (Rayleigh and Ritz).
fn finish(table: &Table<'_>, mean: Vec<f32>, whole: f64, directions: Vec<f32>, count: usize) -> Pca {
    let (width, rows) = (table.width(), table.rows());
    let many = directions.len() / width;
    let products = par::map(rows.div_ceil(BLOCK * 4), |b| {
        let mut sum = vec![0f32; many * many];
        for block in table.values()[b * BLOCK * 4 * width..]
            .chunks(BLOCK * width)
            .take(4)
        {
            let rows = block.len() / width;
            let mut centred = block.to_vec();
            for row in centred.chunks_mut(width) {
                row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
            }
            let mut along = vec![0f32; rows * many];
            product::dots(&directions, &centred, width, &mut along);
            product::outer(&along, &along, [many, many], &mut sum);
        }
        sum
    });
    let mut covariance = DMatrix::<f64>::zeros(many, many);
    for sum in products {
        covariance
            .iter_mut()
            .zip(sum)
            .for_each(|(c, s)| *c += f64::from(s));
    }
    covariance /= (rows - 1) as f64;
    let eigen = covariance.symmetric_eigen();
    let mut order: Vec<usize> = (0..many).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    order.truncate(count);
    let mut components = vec![0f32; count * width];
    for (out, &k) in components.chunks_mut(width).zip(&order) {
        let mut sum = vec![0f64; width];
        for (row, &weight) in directions.chunks(width).zip(eigen.eigenvectors.column(k).iter()) {
            sum.iter_mut()
                .zip(row)
                .for_each(|(s, &r)| *s += weight * f64::from(r));
        }
        let largest = sum
            .iter()
            .fold(0f64, |m, &v| if v.abs() > m.abs() { v } else { m });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        out.iter_mut().zip(sum).for_each(|(o, s)| *o = (s * sign) as f32);
    }
    let variance: Vec<f64> = order.iter().map(|&k| eigen.eigenvalues[k].max(0.0)).collect();
    let share = |v: &f64| if whole > 0.0 { v / whole } else { 0.0 };
    Pca {
        explained: variance.iter().map(share).collect(),
        mean,
        components,
        variance,
    }
}
