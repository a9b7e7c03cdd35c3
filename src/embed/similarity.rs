//! How alike rows are, and how alike what two layers make of the same rows is.

use nalgebra::DMatrix;

use crate::neighbours::unit;
use crate::quality::same_rows;
use crate::{EmbedError, Pca, Table, par, product};

/// Rows of a cosine matrix at most: 1.6 GB.
pub const MAX_COSINES: usize = 20_000;
const BLOCK: usize = 256;

/// Cosines of all pairs of rows, rows × rows, -1 to 1 (`sklearn.metrics.pairwise.cosine_similarity`: a row of
/// zeros has 0 with all).
///
/// # Errors
/// For more than [`MAX_COSINES`] rows.
pub fn cosine_matrix(table: &Table<'_>) -> Result<Vec<f32>, EmbedError> {
    let (rows, width) = (table.rows(), table.width());
    if rows > MAX_COSINES {
        let most = MAX_COSINES;
        return Err(EmbedError::ManyRows { rows, most });
    }
    let unit = unit(table.values(), width);
    let mut out = vec![0.0; rows * rows];
    par::chunks(&mut out, rows * BLOCK, |b, out| {
        let count = out.len() / rows;
        let block = &unit[b * BLOCK * width..][..count * width];
        product::dots(&unit, block, width, out);
        out.iter_mut().for_each(|v| *v = v.clamp(-1.0, 1.0));
    });
    Ok(out)
}

/// Linear centred kernel alignment of two tables with the same rows, 0 to 1 (Kornblith, Norouzi, Lee and
/// Hinton 2019). NaN where all rows of a table are equal.
///
/// # Errors
/// For fewer than 2 rows, and for tables of different lengths.
pub fn cka(a: &Table<'_>, b: &Table<'_>) -> Result<f64, EmbedError> {
    let (a, b) = centred_pair(a, b, 2)?;
    Ok(cross(&a, &b) / (cross(&a, &a) * cross(&b, &b)).sqrt())
}

/// The same without the bias that few rows of many columns bring: from the unbiased estimate of the
/// Hilbert-Schmidt independence criterion (Song et al. 2012; Nguyen, Raghu and Kornblith 2021). It can be
/// below 0.
///
/// # Errors
/// As [`cka`], for fewer than 4 rows.
pub fn cka_unbiased(a: &Table<'_>, b: &Table<'_>) -> Result<f64, EmbedError> {
    let (a, b) = centred_pair(a, b, 4)?;
    let (ab, aa, bb) = (independence(&a, &b), independence(&a, &a), independence(&b, &b));
    Ok(ab / (aa * bb).sqrt())
}

/// Mean canonical correlation of what holds `share` (0.99 in the paper) of each table's variance, 0 to 1:
/// SVCCA (Raghu, Gilmer, Yosinski and Sohl-Dickstein 2017). With hardly more rows than columns everything
/// correlates: take several times as many. 0 where a table's rows are all equal.
///
/// # Errors
/// For fewer than 3 rows, for tables of different lengths, and for a `share` that is not within 0 and 1.
pub fn svcca(a: &Table<'_>, b: &Table<'_>, share: f64) -> Result<f64, EmbedError> {
    same(a, b, 3)?;
    Whitened::new(a, share)?.svcca(&Whitened::new(b, share)?)
}

/// The directions that hold most of a table's variance, each brought to variance 1: what [`svcca`] compares,
/// prepared once for many comparisons.
#[derive(Clone, Debug)]
pub struct Whitened {
    values: Vec<f32>,
    width: usize,
    rows: usize,
}

impl Whitened {
    /// What holds `share` of the variance of a table.
    ///
    /// # Errors
    /// For fewer than 3 rows, and for a `share` that is not within 0 and 1.
    pub fn new(table: &Table<'_>, share: f64) -> Result<Self, EmbedError> {
        table.at_least(3)?;
        crate::error::within("share", share, 0.0, 1.0)?;
        let most = table.width().min(table.rows() - 1);
        let pca = Pca::fit(table, most, 0)?;
        let (mut kept, mut sum) = (0, 0.0);
        for &explained in &pca.explained {
            // What is left of rounding has no direction.
            if sum >= share || explained < 1e-10 {
                break;
            }
            (kept, sum) = (kept + 1, sum + explained);
        }
        let scores = pca.project(table)?;
        let rows = scores.chunks(most).flat_map(|row| {
            let scaled = row.iter().zip(&pca.variance).take(kept);
            scaled.map(|(&v, variance)| (f64::from(v) / variance.sqrt()) as f32)
        });
        Ok(Whitened {
            values: rows.collect(),
            width: kept,
            rows: table.rows(),
        })
    }

    /// [`svcca`] of two tables.
    ///
    /// # Errors
    /// For tables of different lengths.
    pub fn svcca(&self, other: &Whitened) -> Result<f64, EmbedError> {
        if self.rows != other.rows {
            return Err(EmbedError::Lengths {
                what: "rows of tables",
                expected: self.rows,
                found: other.rows,
            });
        }
        let (m, n) = (self.width, other.width);
        if m == 0 || n == 0 {
            return Ok(0.0);
        }
        let mut between = DMatrix::<f64>::zeros(n, m);
        for block in 0..self.rows.div_ceil(BLOCK) {
            let part =
                |v: &[f32], w: usize| v[block * BLOCK * w..v.len().min((block + 1) * BLOCK * w)].to_vec();
            let mut out = vec![0.0; m * n];
            product::outer(&part(&self.values, m), &part(&other.values, n), [m, n], &mut out);
            between.iter_mut().zip(out).for_each(|(b, o)| *b += f64::from(o));
        }
        between /= (self.rows - 1) as f64;
        let correlations = between.singular_values();
        let sum: f64 = correlations.iter().map(|c| c.clamp(0.0, 1.0)).sum();
        Ok(sum / m.min(n) as f64)
    }
}

struct Centred {
    values: Vec<f32>,
    width: usize,
}

impl Centred {
    fn rows(&self) -> usize {
        self.values.len() / self.width
    }
}

fn same(a: &Table<'_>, b: &Table<'_>, least: usize) -> Result<(), EmbedError> {
    a.at_least(least)?;
    same_rows(a, b)
}

/// A table without its mean, brought to a scale where squares of squares stay in float32: alignment does not
/// know scales.
pub(crate) fn centred(table: &Table<'_>) -> Vec<f32> {
    let mean = crate::pca::mean(table);
    let mut values = table.values().to_vec();
    for row in values.chunks_mut(table.width()) {
        row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
    }
    let largest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
    if largest > 0.0 {
        values.iter_mut().for_each(|v| *v /= largest);
    }
    values
}

fn centred_pair(a: &Table<'_>, b: &Table<'_>, least: usize) -> Result<(Centred, Centred), EmbedError> {
    same(a, b, least)?;
    let centre = |table: &Table<'_>| Centred {
        values: centred(table),
        width: table.width(),
    };
    Ok((centre(a), centre(b)))
}

/// The squared Frobenius norm of A^T B, which is the sum over pairs of rows of their products in A and in B:
/// whichever is less work.
fn cross(a: &Centred, b: &Centred) -> f64 {
    let rows = a.rows();
    let squares = |v: &[f32]| v.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
    if a.width.min(b.width) > rows {
        let sums = par::map(rows.div_ceil(BLOCK), |k| {
            let count = BLOCK.min(rows - k * BLOCK);
            let gram = |c: &Centred| {
                let mut out = vec![0.0; count * rows];
                let block = &c.values[k * BLOCK * c.width..][..count * c.width];
                product::dots(&c.values, block, c.width, &mut out);
                out
            };
            let pairs = gram(a).into_iter().zip(gram(b));
            pairs.map(|(x, y)| f64::from(x) * f64::from(y)).sum::<f64>()
        });
        return sums.iter().sum();
    }
    // Some columns of A at a time, so that threads share the work.
    let some = 64;
    let sums = par::map(a.width.div_ceil(some), |k| {
        let columns = k * some..a.width.min((k + 1) * some);
        let (wide, mut sum) = (columns.len(), vec![0f64; columns.len() * b.width]);
        for first in (0..rows).step_by(1024) {
            let last = rows.min(first + 1024);
            let part: Vec<f32> = a.values[first * a.width..last * a.width]
                .chunks(a.width)
                .flat_map(|row| &row[columns.clone()])
                .copied()
                .collect();
            let mut out = vec![0.0; sum.len()];
            product::outer(
                &part,
                &b.values[first * b.width..last * b.width],
                [wide, b.width],
                &mut out,
            );
            sum.iter_mut().zip(out).for_each(|(s, o)| *s += f64::from(o));
        }
        squares(&sum.iter().map(|&v| v as f32).collect::<Vec<f32>>())
    });
    sums.iter().sum()
}

/// The unbiased criterion for linear kernels, whose diagonals are left out.
fn independence(a: &Centred, b: &Centred) -> f64 {
    let lengths = |c: &Centred| -> Vec<f64> {
        let rows = c.values.chunks(c.width);
        rows.map(|row| row.iter().map(|&v| f64::from(v) * f64::from(v)).sum())
            .collect()
    };
    unbiased(&lengths(a), &lengths(b), cross(a, b))
}

/// The unbiased criterion (Song et al. 2012) of two linear kernels, from their diagonals and the sum of all
/// products of their cells. Rows of a centred kernel sum to 0, so that without the diagonal each sums to its
/// negative.
pub(crate) fn unbiased(p: &[f64], q: &[f64], cross: f64) -> f64 {
    let n = p.len() as f64;
    let both: f64 = p.iter().zip(q).map(|(p, q)| p * q).sum();
    let (sum_p, sum_q): (f64, f64) = (p.iter().sum(), q.iter().sum());
    let traces = cross - both;
    (traces + sum_p * sum_q / ((n - 1.0) * (n - 2.0)) - 2.0 / (n - 2.0) * both) / (n * (n - 3.0))
}
