//! What one layer makes of rows, prepared once to be compared with many others.

use crate::{EmbedError, Table, par, product};

/// Rows of a kernel at most: 256 MB.
pub const MAX_KERNEL: usize = 8_000;
const BLOCK: usize = 64;

/// A linear kernel: the products of all pairs of centred rows. [`Kernel::cka`] gives what [`crate::cka`] gives,
/// for many tables in less time: a pair costs rows squared, whatever the columns are.
#[derive(Clone, Debug)]
pub struct Kernel {
    rows: usize,
    /// Rows × rows.
    values: Vec<f32>,
}

impl Kernel {
    /// The kernel of a table.
    ///
    /// # Errors
    /// For fewer than 4 rows, and for more than [`MAX_KERNEL`].
    pub fn new(table: &Table<'_>) -> Result<Self, EmbedError> {
        table.at_least(4)?;
        let (rows, width) = (table.rows(), table.width());
        if rows > MAX_KERNEL {
            let most = MAX_KERNEL;
            return Err(EmbedError::ManyRows { rows, most });
        }
        let mean = crate::pca::mean(table);
        let mut centred = table.values().to_vec();
        for row in centred.chunks_mut(width) {
            row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
        }
        // Alignment does not know scales: squares of squares must not leave float32.
        let largest = centred.iter().fold(0f32, |m, v| m.max(v.abs()));
        if largest > 0.0 {
            centred.iter_mut().for_each(|v| *v /= largest);
        }
        let mut values = vec![0.0; rows * rows];
        par::chunks(&mut values, rows * BLOCK, |b, out| {
            let block = &centred[b * BLOCK * width..][..out.len() / rows * width];
            product::dots(&centred, block, width, out);
        });
        Ok(Kernel { rows, values })
    }

    /// Rows of the table.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn cross(&self, other: &Kernel) -> f64 {
        let pairs = self.values.iter().zip(&other.values);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    fn same(&self, other: &Kernel) -> Result<(), EmbedError> {
        match self.rows == other.rows {
            true => Ok(()),
            false => Err(EmbedError::Lengths {
                what: "rows of kernels",
                expected: self.rows,
                found: other.rows,
            }),
        }
    }

    /// Linear centred kernel alignment, 0 to 1 (Kornblith, Norouzi, Lee and Hinton 2019). NaN where all rows
    /// of a table are equal.
    ///
    /// # Errors
    /// For kernels of different lengths.
    pub fn cka(&self, other: &Kernel) -> Result<f64, EmbedError> {
        self.same(other)?;
        Ok(self.cross(other) / (self.cross(self) * other.cross(other)).sqrt())
    }

    /// The same without bias ([`crate::cka_unbiased`]).
    ///
    /// # Errors
    /// For kernels of different lengths.
    pub fn cka_unbiased(&self, other: &Kernel) -> Result<f64, EmbedError> {
        self.same(other)?;
        let (ab, aa, bb) = (
            self.independence(other),
            self.independence(self),
            other.independence(other),
        );
        Ok(ab / (aa * bb).sqrt())
    }

    /// The unbiased criterion (Song et al. 2012), whose diagonals are left out; rows of a centred kernel sum
    /// to 0, so that without the diagonal each sums to its negative.
    fn independence(&self, other: &Kernel) -> f64 {
        let n = self.rows as f64;
        let diagonal = |k: &Kernel| {
            (0..k.rows)
                .map(|i| f64::from(k.values[i * (k.rows + 1)]))
                .collect()
        };
        let (p, q): (Vec<f64>, Vec<f64>) = (diagonal(self), diagonal(other));
        let both: f64 = p.iter().zip(&q).map(|(p, q)| p * q).sum();
        let (sum_p, sum_q): (f64, f64) = (p.iter().sum(), q.iter().sum());
        let traces = self.cross(other) - both;
        (traces + sum_p * sum_q / ((n - 1.0) * (n - 2.0)) - 2.0 / (n - 2.0) * both) / (n * (n - 3.0))
    }
}
