//! Points from Parquet: columns of numbers, or one of lists of numbers, beside classes and names. In a page
//! without Zstandard, whose library is written in C.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::basic::{ConvertedType, LogicalType, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use bytes::Bytes;

use super::{MAX_COLUMNS, Points, is_label};
use crate::error::DataError;

/// Rows that are decoded at once.
const SLICE: usize = 1 << 14;

/// What a column holds.
enum Column {
    /// A number a row; NaN where there is none.
    Numbers(Vec<f32>),
    /// A list a row: all their numbers, and how many each has.
    Lists(Vec<f32>, Vec<usize>),
    Words(Vec<String>),
}

/// Reads a whole file.
pub(super) fn read(file: &str, bytes: &[u8]) -> std::result::Result<Points, DataError> {
    let bytes = Bytes::copy_from_slice(bytes);
    // A damaged file must not end the program, whatever the library makes of it.
    let found = catch_unwind(AssertUnwindSafe(|| columns(bytes)));
    let broken = |why: String| {
        let line = why.lines().next().unwrap_or_default().to_string();
        DataError::malformed(file, "Parquet", line, "a whole Parquet file")
    };
    let (rows, columns) = match found {
        Ok(Ok(found)) => found,
        Ok(Err(ParquetError::General(why))) => return Err(broken(why)),
        Ok(Err(e)) => return Err(broken(e.to_string())),
        Err(_) => return Err(broken("damaged data".into())),
    };
    points(file, rows, columns)
}

fn general(why: String) -> ParquetError {
    ParquetError::General(why)
}

fn columns(bytes: Bytes) -> Result<(usize, Vec<(String, Column)>)> {
    let reader = SerializedFileReader::new(bytes)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    if schema.num_columns() > MAX_COLUMNS {
        let found = schema.num_columns();
        return Err(general(format!(
            "{found} columns, at most {MAX_COLUMNS} are expected"
        )));
    }
    let rows = usize::try_from(reader.metadata().file_metadata().num_rows())?;
    let mut all = Vec::new();
    for (index, column) in schema.columns().iter().enumerate() {
        let path = column.path();
        let name = path.parts().first().cloned().unwrap_or_default();
        let Some(mut into) = empty(column).filter(|_| !name.starts_with("__index_level_")) else {
            continue;
        };
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group)?;
            let count = usize::try_from(group.metadata().num_rows())?;
            let mut values = group.get_column_reader(index)?;
            fill(&mut values, count, column, &mut into)?;
        }
        let found = match &into {
            Column::Numbers(n) => n.len(),
            Column::Lists(_, lengths) => lengths.len(),
            Column::Words(words) => words.len(),
        };
        if found != rows {
            return Err(general(format!("column {name:?} has {found} of {rows} rows")));
        }
        all.push((name, into));
    }
    Ok((rows, all))
}

/// How a column is taken; `None` where it is neither numbers, lists of them, nor text.
fn empty(column: &ColumnDescriptor) -> Option<Column> {
    let text = matches!(
        column.logical_type_ref(),
        Some(LogicalType::String | LogicalType::Enum)
    ) || matches!(column.converted_type(), ConvertedType::UTF8 | ConvertedType::ENUM);
    let number = match column.physical_type() {
        Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE => true,
        Type::BYTE_ARRAY => false,
        _ => return None,
    };
    let decimal = matches!(column.logical_type_ref(), Some(LogicalType::Decimal(_)));
    match (number, column.max_rep_level()) {
        (true, 0) if column.path().parts().len() == 1 && !decimal => Some(Column::Numbers(Vec::new())),
        (true, 1) if !decimal => Some(Column::Lists(Vec::new(), Vec::new())),
        // Writers do not always say that bytes are text.
        (false, 0) if column.path().parts().len() == 1 && (text || column.logical_type_ref().is_none()) => {
            Some(Column::Words(Vec::new()))
        }
        _ => None,
    }
}

/// Takes the next `rows` of a column.
fn fill(reader: &mut ColumnReader, rows: usize, column: &ColumnDescriptor, into: &mut Column) -> Result<()> {
    match reader {
        ColumnReader::BoolColumnReader(r) => numbers(r, rows, column, into, |v| f32::from(u8::from(*v))),
        ColumnReader::Int32ColumnReader(r) => numbers(r, rows, column, into, |v| *v as f32),
        ColumnReader::Int64ColumnReader(r) => numbers(r, rows, column, into, |v| *v as f32),
        ColumnReader::FloatColumnReader(r) => numbers(r, rows, column, into, |v| *v),
        ColumnReader::DoubleColumnReader(r) => numbers(r, rows, column, into, |v| *v as f32),
        ColumnReader::ByteArrayColumnReader(r) => {
            let Column::Words(words) = into else { return Ok(()) };
            let text = |v: &ByteArray| String::from_utf8_lossy(v.data()).into_owned();
            each(r, rows, column, |value, _| {
                words.push(value.map(text).unwrap_or_default());
            })
        }
        _ => Ok(()),
    }
}

fn numbers<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    column: &ColumnDescriptor,
    into: &mut Column,
    number: impl Fn(&T::T) -> f32,
) -> Result<()> {
    each(reader, rows, column, |value, begins| {
        let value = value.map(&number);
        match into {
            Column::Numbers(all) => all.push(value.unwrap_or(f32::NAN)),
            Column::Lists(all, lengths) => {
                if begins {
                    lengths.push(0);
                }
                // A list that is empty or missing has no numbers; its length tells.
                if let (Some(value), Some(length)) = (value, lengths.last_mut()) {
                    all.push(value);
                    *length += 1;
                }
            }
            Column::Words(_) => (),
        }
    })
}

/// Gives each value, `None` where there is none, and whether it begins a row.
fn each<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    column: &ColumnDescriptor,
    mut give: impl FnMut(Option<&T::T>, bool),
) -> Result<()> {
    let (most, lists) = (column.max_def_level(), column.max_rep_level() > 0);
    let mut left = rows;
    while left > 0 {
        let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let definition = (most > 0).then_some(&mut defined);
        let repetition = lists.then_some(&mut repeated);
        let (records, _, levels) =
            reader.read_records(left.min(SLICE), definition, repetition, &mut values)?;
        if records == 0 {
            return Err(general(format!(
                "{left} rows of column {:?} are missing",
                column.name()
            )));
        }
        let mut next = values.iter();
        let levels = if most > 0 || lists { levels } else { values.len() };
        for i in 0..levels {
            let there = defined.get(i).is_none_or(|d| *d == most);
            let value = if there { next.next() } else { None };
            give(value, repeated.get(i).is_none_or(|r| *r == 0));
        }
        left -= records.min(left);
    }
    Ok(())
}

/// A list of numbers a row gives the dimensions; without one the columns of numbers do.
fn points(file: &str, rows: usize, columns: Vec<(String, Column)>) -> std::result::Result<Points, DataError> {
    let told = |found: String| {
        DataError::malformed(
            file,
            "columns",
            found,
            "columns of numbers, or one of lists of as many numbers in each row",
        )
    };
    let mut points = Points::default();
    let mut dimensions: Vec<(String, Vec<f32>)> = Vec::new();
    let mut labels = Vec::new();
    let mut words = Vec::new();
    let mut list = None;
    for (name, column) in columns {
        match column {
            Column::Numbers(all) if is_label(&name) => {
                labels.push(all.iter().map(|v| v.to_string()).collect());
            }
            Column::Numbers(all) => dimensions.push((name, all)),
            Column::Lists(all, lengths) if list.is_none() => {
                let width = lengths.first().copied().unwrap_or(0);
                if let Some(row) = lengths.iter().position(|l| *l != width || *l == 0) {
                    return Err(DataError::malformed(
                        file,
                        format!("row {row}, column {name:?}"),
                        format!("a list of {} numbers", lengths[row]),
                        format!("{} in each row", width.max(1)),
                    ));
                }
                list = Some((name, all, width));
            }
            Column::Lists(..) => (),
            Column::Words(all) if is_label(&name) => labels.push(all),
            Column::Words(all) => words.push(all),
        }
    }
    match list {
        Some((name, values, width)) => {
            points.columns = (0..width).map(|i| format!("{name} {i}")).collect();
            (points.values, points.width) = (values, width);
        }
        None if dimensions.is_empty() || rows == 0 => {
            return Err(told(format!("{rows} rows of no numbers")));
        }
        None => {
            points.width = dimensions.len();
            points.values = vec![0.0; rows * points.width];
            for (k, (name, column)) in dimensions.into_iter().enumerate() {
                for (row, value) in points.values.chunks_exact_mut(points.width).zip(column) {
                    row[k] = value;
                }
                points.columns.push(name);
            }
        }
    }
    for column in labels.into_iter().chain(words) {
        points.take_words(column);
    }
    Ok(points)
}
