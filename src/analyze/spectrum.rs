//! What the singular values of a layer's weights tell.

use nalgebra::DMatrix;

use crate::power_law::{PowerLaw, power_law};

/// Longest short side of a matrix: its products then take 512 MiB, and minutes.
pub const MAX_SIDE: usize = 8192;

/// Rows of the long side that are multiplied at a time.
const BLOCK: usize = 512;

/// Why a matrix has no [`Spectrum`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum SpectrumError {
    #[error("matrix of {rows} rows: found {values} values, expected a multiple of the rows, and some")]
    Shape { values: usize, rows: usize },
    #[error("value {at}: found {value}, expected finite numbers")]
    NotFinite { at: usize, value: f32 },
    #[error("shorter side: found {side}, expected at most {MAX_SIDE}")]
    TooLarge { side: usize },
}

/// Singular values of a weight matrix, and what is derived from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Rows of the matrix.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
    /// Singular values, largest first; as many as the shorter side is long.
    pub singular_values: Vec<f64>,
    /// Variance of the elements (`numpy.var`).
    pub variance: f64,
}

impl Spectrum {
    /// Of a matrix whose rows follow each other. A convolution's weights `[out, in, k, k]` are the
    /// matrix of `out` rows, as in WeightWatcher and in most theory.
    ///
    /// Singular values are square roots of the eigenvalues of the product with the transpose, which
    /// costs a fraction of a full decomposition: those below about 1e-8 of the largest are lost in
    /// rounding.
    pub fn of(values: &[f32], rows: usize) -> Result<Spectrum, SpectrumError> {
        if rows == 0 || values.is_empty() || !values.len().is_multiple_of(rows) {
            let values = values.len();
            return Err(SpectrumError::Shape { values, rows });
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let value = values[at];
            return Err(SpectrumError::NotFinite { at, value });
        }
        let columns = values.len() / rows;
        let (side, long) = (rows.min(columns), rows.max(columns));
        if side > MAX_SIDE {
            return Err(SpectrumError::TooLarge { side });
        }
        // Element (i of the short side, j of the long one).
        let element = |i: usize, j: usize| {
            f64::from(match side == rows {
                true => values[i * columns + j],
                false => values[j * columns + i],
            })
        };
        let mut products = DMatrix::<f64>::zeros(side, side);
        for start in (0..long).step_by(BLOCK) {
            let width = BLOCK.min(long - start);
            let block = DMatrix::from_fn(side, width, |i, j| element(i, start + j));
            products.gemm(1.0, &block, &block.transpose(), 1.0);
        }
        // Rounding leaves eigenvalues just below 0.
        let eigenvalues = products.symmetric_eigenvalues();
        let mut singular_values: Vec<f64> = eigenvalues.iter().map(|e| e.max(0.0).sqrt()).collect();
        singular_values.sort_unstable_by(|a, b| b.total_cmp(a));
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
        Ok(Spectrum {
            rows,
            columns,
            singular_values,
            variance: squares.sum::<f64>() / n,
        })
    }

    /// The largest singular value: how much the layer lengthens a vector at most.
    pub fn spectral_norm(&self) -> f64 {
        self.singular_values[0]
    }

    /// Square root of the sum of squares of all elements.
    pub fn frobenius_norm(&self) -> f64 {
        self.singular_values.iter().map(|s| s * s).sum::<f64>().sqrt()
    }

    /// Squared Frobenius norm by squared spectral norm (Rudelson and Vershynin 2007): from 1 to the
    /// rank, and moved little by small singular values. NaN for a matrix of zeros.
    pub fn stable_rank(&self) -> f64 {
        (self.frobenius_norm() / self.spectral_norm()).powi(2)
    }

    /// Exponential of the entropy of the singular values' shares (Roy and Vetterli 2007): how many
    /// equal ones would be as varied. NaN for a matrix of zeros.
    pub fn effective_rank(&self) -> f64 {
        let sum: f64 = self.singular_values.iter().sum();
        let parts = self.singular_values.iter().map(|s| s / sum);
        let entropy: f64 = parts.map(|p| if p == 0.0 { 0.0 } else { -p * p.ln() }).sum();
        entropy.exp()
    }

    /// The largest singular value that a matrix of independent elements of the same variance has
    /// when it is large (Marchenko and Pastur 1967): `std * (sqrt(rows) + sqrt(columns))`. What
    /// stands above was learned; a matrix whose elements are shuffled stays below, but for the
    /// chance fluctuations of small ones (about `rows^(-2/3)` of it).
    pub fn bulk_edge(&self) -> f64 {
        let (rows, columns) = (self.rows as f64, self.columns as f64);
        self.variance.sqrt() * (rows.sqrt() + columns.sqrt())
    }

    /// Number of singular values above [`Spectrum::bulk_edge`].
    pub fn above_bulk(&self) -> usize {
        let edge = self.bulk_edge();
        self.singular_values.iter().filter(|s| **s > edge).count()
    }

    /// The power law that the largest eigenvalues (squared singular values) follow, as WeightWatcher
    /// fits it: well-trained layers of large networks have an exponent between 2 and 6, and
    /// overfitted ones below 2 (Martin, Peng and Mahoney 2021). `None` as for [`power_law`].
    pub fn power_law(&self) -> Option<PowerLaw> {
        // What rounding left of zeros is no tail.
        let least = (self.spectral_norm() * 1e-7).powi(2);
        let eigenvalues = self.singular_values.iter().map(|s| s * s);
        power_law(&eigenvalues.filter(|e| *e > least).collect::<Vec<_>>())
    }
}
