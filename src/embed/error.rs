//! What a table or a setting can be that nothing can be made of.

use thiserror::Error;

/// Why a table of numbers, or what is asked of it, was refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum EmbedError {
    /// A table of no columns, or values that do not fill its last row.
    #[error("expected rows of {width} values (at least 1), found {values} values in all")]
    Width {
        /// Columns that were promised.
        width: usize,
        /// Values that there are.
        values: usize,
    },
    /// Rows of different lengths.
    #[error("expected rows of {expected} values, found {found} in row {row}")]
    Ragged {
        /// The first row that differs.
        row: usize,
        /// Values of the first row.
        expected: usize,
        /// Values of this one.
        found: usize,
    },
    /// Fewer rows than the question needs.
    #[error("expected at least {least} rows, found {rows}")]
    FewRows {
        /// Rows that there are.
        rows: usize,
        /// Rows that there must be.
        least: usize,
    },
    /// More rows than memory has room for.
    #[error("expected at most {most} rows, found {rows}")]
    ManyRows {
        /// Rows that there are.
        rows: usize,
        /// Rows that there may be.
        most: usize,
    },
    /// NaN or an infinity.
    #[error("expected finite numbers, found {value} in row {row}, column {column}")]
    NotFinite {
        /// Row of the first such value, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// Two things that belong together differ in length.
    #[error("expected {expected} {what}, found {found}")]
    Lengths {
        /// What was counted.
        what: &'static str,
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A setting outside its range.
    #[error("expected {name} {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range, in words.
        expected: String,
        /// Its value.
        found: f64,
    },
}

/// A setting that must lie from `least` to `most`.
pub(crate) fn within(name: &'static str, found: f64, least: f64, most: f64) -> Result<(), EmbedError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(EmbedError::Setting {
        name,
        expected: format!("from {least} to {most}"),
        found,
    })
}
