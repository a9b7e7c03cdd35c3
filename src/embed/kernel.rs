//! What one layer makes of rows, prepared once to be compared with many others.

use crate::similarity::{centred, unbiased};
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
        let centred = centred(table);
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

    fn independence(&self, other: &Kernel) -> f64 {
        let diagonal = |k: &Kernel| -> Vec<f64> {
            let cells = k.values.iter().step_by(k.rows + 1);
            cells.map(|&v| f64::from(v)).collect()
        };
        unbiased(&diagonal(self), &diagonal(other), self.cross(other))
    }
}
