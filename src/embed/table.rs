//! Tables of numbers, checked once.

use std::sync::Arc;

use crate::EmbedError;

#[derive(Clone, Debug)]
enum Values<'a> {
    Borrowed(&'a [f32]),
    Shared(Arc<[f32]>),
}

/// A table of finite numbers: rows × columns, row by row.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    values: Values<'a>,
    width: usize,
}

impl<'a> Table<'a> {
    /// `values.len() / width` rows of `width` columns.
    ///
    /// # Errors
    /// When `width` is 0 or does not divide the length, and when a value is NaN or infinite (the first is
    /// named).
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, EmbedError> {
        check(values, width)?;
        let values = Values::Borrowed(values);
        Ok(Table { values, width })
    }

    /// The same of values that are shared, so that a worker can keep the table.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn shared(values: Arc<[f32]>, width: usize) -> Result<Table<'static>, EmbedError> {
        check(&values, width)?;
        let values = Values::Shared(values);
        Ok(Table { values, width })
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        match &self.values {
            Values::Borrowed(values) => values,
            Values::Shared(values) => values,
        }
    }

    /// Number of columns, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values().len() / self.width
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values()[row * self.width..][..self.width]
    }

    /// Refuses fewer than `least` rows, and more than an index of 32 bits can name.
    pub(crate) fn at_least(&self, least: usize) -> Result<(), EmbedError> {
        let (rows, most) = (self.rows(), u32::MAX as usize);
        match rows {
            _ if rows < least => Err(EmbedError::FewRows { rows, least }),
            _ if rows > most => Err(EmbedError::ManyRows { rows, most }),
            _ => Ok(()),
        }
    }
}

/// Rows of one length as one list, and that length.
///
/// # Errors
/// When a row has another length than the first.
pub fn pack<R: AsRef<[f32]>>(rows: &[R]) -> Result<(Vec<f32>, usize), EmbedError> {
    let expected = rows.first().map_or(0, |r| r.as_ref().len());
    let mut values = Vec::with_capacity(expected * rows.len());
    for (row, cells) in rows.iter().enumerate() {
        let found = cells.as_ref().len();
        if found != expected {
            return Err(EmbedError::Ragged { row, expected, found });
        }
        values.extend_from_slice(cells.as_ref());
    }
    Ok((values, expected))
}

fn check(values: &[f32], width: usize) -> Result<(), EmbedError> {
    if width == 0 || !values.len().is_multiple_of(width) {
        let values = values.len();
        return Err(EmbedError::Width { width, values });
    }
    // A sum of magnitudes times 0 is NaN when one is not finite; only then is that one looked for.
    let clean = |chunk: &[f32]| chunk.iter().map(|v| v * 0.0).sum::<f32>() == 0.0;
    for (k, chunk) in values.chunks(4096).enumerate() {
        if !clean(chunk)
            && let Some(at) = chunk.iter().position(|v| !v.is_finite())
        {
            return Err(EmbedError::NotFinite {
                row: (k * 4096 + at) / width,
                column: (k * 4096 + at) % width,
                value: chunk[at],
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_told() {
        let error = Table::new(&[1.0, 2.0, f32::NAN, 4.0], 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected finite numbers, found NaN in row 1, column 0"
        );
        let mut far = vec![0.0; 10_000];
        far[9_999] = f32::NEG_INFINITY;
        let error = Table::new(&far, 100).unwrap_err();
        assert!(error.to_string().contains("row 99, column 99"), "{error}");
        assert!(Table::new(&[1.0], 0).is_err() && Table::new(&[1.0, 2.0, 3.0], 2).is_err());
        let error = pack(&[vec![1.0, 2.0], vec![3.0]]).unwrap_err();
        assert_eq!(error.to_string(), "expected rows of 2 values, found 1 in row 1");
    }

    #[test]
    fn rows_are_rows() {
        let (values, width) = pack(&[[1.0, 2.0], [3.0, 4.0]]).unwrap();
        let table = Table::shared(values.into(), width).unwrap();
        assert_eq!(
            (table.rows(), table.width(), table.row(1)),
            (2, 2, &[3.0, 4.0][..])
        );
        assert!(table.at_least(3).is_err());
    }
}
