//! Scalars as a Parquet table in long form, one row a point: `sequence` (u64), `tag`, `step` (i64),
//! `wall` (f64, seconds since 1970, NaN where unknown), `value` (f64).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use model::{Point, Record};
use parquet::basic::{Compression, Type};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::parquet::column;

const SCHEMA: &str = "message scalars {
    required int64 sequence (INTEGER(64, false));
    required binary tag (STRING);
    required int64 step;
    required double wall;
    required double value;
}";

const COLUMNS: [(&str, Type); 5] = [
    ("sequence", Type::INT64),
    ("tag", Type::BYTE_ARRAY),
    ("step", Type::INT64),
    ("wall", Type::DOUBLE),
    ("value", Type::DOUBLE),
];

/// The file that holds the scalars of `records` with their sequence numbers.
pub(super) fn write(records: &[(u64, Record)]) -> Result<Vec<u8>> {
    let scalars = || {
        records.iter().filter_map(|(sequence, record)| match record {
            Record::Scalar { tag, point } => Some((*sequence, tag, point)),
            _ => None,
        })
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    column::<Int64Type>(&mut group, scalars().map(|(sequence, ..)| sequence as i64), None)?;
    column::<ByteArrayType>(
        &mut group,
        scalars().map(|(_, tag, _)| ByteArray::from(tag.as_str())),
        None,
    )?;
    column::<Int64Type>(&mut group, scalars().map(|(.., point)| point.step), None)?;
    column::<DoubleType>(&mut group, scalars().map(|(.., point)| point.wall), None)?;
    column::<DoubleType>(&mut group, scalars().map(|(.., point)| point.value), None)?;
    group.close()?;
    writer.into_inner()
}

/// The scalars in `file` with their sequence numbers, or what is wrong with it.
pub(super) fn read(file: Bytes) -> std::result::Result<Vec<(u64, Record)>, String> {
    // A damaged file must not end the program, whatever the library makes of it.
    match catch_unwind(AssertUnwindSafe(|| rows(file))) {
        Ok(rows) => rows.map_err(|e| e.to_string()),
        Err(_) => Err("damaged".into()),
    }
}

fn rows(file: Bytes) -> Result<Vec<(u64, Record)>> {
    let reader = SerializedFileReader::new(file)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let found = schema
        .columns()
        .iter()
        .map(|c| (c.name(), c.physical_type(), c.max_def_level()));
    if !found.eq(COLUMNS.map(|(name, kind)| (name, kind, 0))) {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let why = format!("the required columns {} are expected", names.join(", "));
        return Err(ParquetError::General(why));
    }
    let mut records = Vec::new();
    for i in 0..reader.num_row_groups() {
        let group = reader.get_row_group(i)?;
        let group = group.as_ref();
        let (sequences, tags) = (values::<Int64Type>(group, 0)?, values::<ByteArrayType>(group, 1)?);
        let steps = values::<Int64Type>(group, 2)?;
        let (walls, numbers) = (values::<DoubleType>(group, 3)?, values::<DoubleType>(group, 4)?);
        let columns = sequences.into_iter().zip(tags).zip(steps);
        for (((sequence, tag), step), (wall, value)) in columns.zip(walls.into_iter().zip(numbers)) {
            let tag = tag.as_utf8()?.to_string();
            let point = Point { step, wall, value };
            records.push((sequence as u64, Record::Scalar { tag, point }));
        }
    }
    Ok(records)
}

/// All values of a column of a group.
fn values<T: DataType>(group: &dyn RowGroupReader, column: usize) -> Result<Vec<T::T>> {
    let stated = group.metadata().num_rows();
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let mut values = Vec::new();
    loop {
        let (read, ..) = reader.read_records(1 << 16, None, None, &mut values)?;
        if read == 0 {
            break;
        }
    }
    match values.len() as i64 == stated {
        true => Ok(values),
        false => Err(ParquetError::General(format!(
            "{stated} rows are stated, column {column} has {}",
            values.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u64) -> Vec<(u64, Record)> {
        let scalar = |i: u64| {
            let point = Point {
                step: i as i64 - 3,
                wall: if i.is_multiple_of(4) {
                    f64::NAN
                } else {
                    1e9 + i as f64
                },
                value: if i.is_multiple_of(5) {
                    f64::NEG_INFINITY
                } else {
                    0.1 * i as f64
                },
            };
            let tag = ["loss", "Genauigkeit/\u{fc}"][i as usize % 2].to_string();
            (u64::MAX - 2 * count + 2 * i, Record::Scalar { tag, point })
        };
        (0..count).map(scalar).collect()
    }

    #[test]
    fn rows_come_back_as_they_were() {
        for count in [0, 1, 100, 200_000] {
            let written = records(count);
            let read = read(write(&written).unwrap().into()).unwrap();
            // Debug, so that NaN equals NaN.
            assert!(
                read.len() == written.len() && format!("{read:?}") == format!("{written:?}"),
                "{count}"
            );
        }
    }

    #[test]
    fn damage_is_an_error_or_other_numbers_but_never_the_end() {
        let whole = write(&records(50)).unwrap();
        for i in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[i] ^= 0x55;
            let _ = read(bytes.into());
            assert!(read(whole[..i].to_vec().into()).is_err(), "cut at {i}");
        }
        assert!(read(Bytes::from_static(b"PAR1")).is_err());
    }
}
