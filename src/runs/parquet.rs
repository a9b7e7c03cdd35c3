//! Parquet, a row group at a time. A file is written at once, so that a changed one is read anew. In a
//! page without Zstandard, whose library is written in C.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
#[cfg(not(target_arch = "wasm32"))]
use ::parquet::file::writer::SerializedRowGroupWriter;
use ::parquet::schema::types::ColumnDescriptor;
use bytes::Bytes;

use crate::Notes;
use crate::columns::{Cell, Role, roles};
use crate::follow::{Current, Follow, Format, Read, Sink, Until};
use crate::source::{Reader, Stat};
use crate::table::{Frame, Rows};

pub(crate) const FORMAT: Format = Format {
    name: "Parquet (*.parquet)",
    matches: |name| name.to_ascii_lowercase().ends_with(".parquet"),
    folder: false,
    follow: || Box::new(Parquet::default()),
};

/// Rows that are in memory at once.
const SLICE: usize = 1 << 14;
/// A file without its end is not being written any more after so many seconds.
const REST: u64 = 10;
/// What a Parquet file begins and ends with.
const MAGIC: &[u8] = b"PAR1";
/// Columns beyond this are refused: that is no log.
const MOST_COLUMNS: usize = 10_000;

/// One Parquet file as far as it was read.
#[derive(Default)]
struct Parquet {
    of: Option<Stat>,
    open: Option<Open>,
    rows: Rows,
}

impl Follow for Parquet {
    fn read(
        &mut self,
        file: &Current,
        sink: &mut Sink,
        notes: &mut Notes,
        until: &Until,
    ) -> io::Result<Read> {
        if self.of.is_some_and(|stat| stat != file.stat) {
            return Ok(Read::Anew);
        }
        let len = file.stat.len;
        let marked = |at: u64| file.reader.take(at, MAGIC.len()).map(|bytes| bytes == MAGIC);
        if len < 12 || !marked(0)? || !marked(len - 4)? {
            let rests = file.stat.rests(REST);
            let problem = "no Parquet file, or one whose end was not written".to_string();
            notes.now(rests.then(|| (String::new(), problem)));
            return Ok(if rests { Read::All } else { Read::Wait });
        }
        notes.now(None);
        let begun = self.of.is_some();
        self.of = Some(file.stat);
        // A damaged file must not end the program, whatever the library makes of it.
        let read = catch_unwind(AssertUnwindSafe(|| {
            if !begun {
                self.open = Open::new(file, notes)?;
            }
            match &mut self.open {
                Some(open) => open.slices(&mut self.rows, sink, notes, until),
                None => Ok(Read::All),
            }
        }));
        self.rows.shrink();
        let problem = match read {
            Ok(Ok(Read::More)) => return Ok(Read::More),
            Ok(Ok(read)) => {
                self.open = None;
                return Ok(read);
            }
            Ok(Err(ParquetError::General(why))) => why,
            Ok(Err(e)) => e.to_string(),
            Err(_) => "it is damaged".to_string(),
        };
        let row = self.open.take().map_or(0, |open| open.row);
        let line = problem.lines().next().unwrap_or_default();
        notes.add(
            format!("row {row}"),
            format!("the file cannot be read from here on: {line}"),
        );
        Ok(Read::All)
    }

    /// A file is read at once or anew.
    fn position(&self) -> u64 {
        match (&self.open, self.of) {
            (None, Some(stat)) => stat.len,
            _ => 0,
        }
    }
}

/// A source as the library reads it.
struct Chunks {
    reader: Arc<Reader>,
    len: u64,
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Chunks {
    type T = io::BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let reader = self.reader.clone();
        Ok(io::BufReader::new(Cursor { reader, at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // A length that the file only claims must not be allocated.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at byte {start} are beyond its end"
            )));
        }
        let bytes = self.reader.take(start, length)?;
        match bytes.len() == length {
            true => Ok(bytes.into()),
            false => Err(ParquetError::EOF("it was cut short".into())),
        }
    }
}

/// Reads on from a place.
struct Cursor {
    reader: Arc<Reader>,
    at: u64,
}

impl io::Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read_at(self.at, buffer)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// A file whose footer was read.
struct Open {
    file: SerializedFileReader<Chunks>,
    columns: Vec<Column>,
    /// The row group that is being read, and how many rows of it are left.
    group: usize,
    left: usize,
    /// Of each column, but for [`Kind::Range`].
    readers: Vec<Option<ColumnReader>>,
    /// Rows so far.
    row: u64,
}

/// A column that is read.
struct Column {
    /// Where it stands in the file.
    index: usize,
    name: String,
    role: Role,
    kind: Kind,
    /// Definition level of a value that is there.
    there: i16,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Number,
    Unsigned,
    Half,
    Text,
    /// Integers of `10^-scale`, in bytes with the highest first where they are no integers.
    Decimal(i32),
    /// Integers; so many of them are a second.
    Time(i64),
    /// Days since 1970.
    Days,
    /// Nanoseconds of the day, then the Julian day.
    Old,
    /// Not stored: an index of pandas that begins here and grows by as much with each row.
    Range(i64, i64),
}

impl Kind {
    /// How a column is taken; `None` where it holds nothing that can be drawn.
    fn of(column: &ColumnDescriptor) -> Option<Kind> {
        // Lists have no place in a row.
        if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
            return None;
        }
        let unit = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        };
        let integer = matches!(column.physical_type(), Type::INT32 | Type::INT64);
        if let Some(logical) = column.logical_type_ref() {
            match logical {
                LogicalType::String | LogicalType::Enum | LogicalType::Json => return Some(Kind::Text),
                LogicalType::Timestamp(stamp) if integer => return Some(Kind::Time(unit(&stamp.unit))),
                LogicalType::Date if integer => return Some(Kind::Days),
                LogicalType::Decimal(decimal) => return Some(Kind::Decimal(decimal.scale)),
                LogicalType::Float16 => return Some(Kind::Half),
                LogicalType::Integer(integer) if !integer.is_signed => return Some(Kind::Unsigned),
                _ => {}
            }
        }
        match column.converted_type() {
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => return Some(Kind::Text),
            ConvertedType::TIMESTAMP_MILLIS if integer => return Some(Kind::Time(1_000)),
            ConvertedType::TIMESTAMP_MICROS if integer => return Some(Kind::Time(1_000_000)),
            ConvertedType::DATE if integer => return Some(Kind::Days),
            ConvertedType::DECIMAL => return Some(Kind::Decimal(column.type_scale())),
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => {
                return Some(Kind::Unsigned);
            }
            _ => {}
        }
        match column.physical_type() {
            Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE => Some(Kind::Number),
            Type::INT96 => Some(Kind::Old),
            // Text of writers that do not say so; what is none is left out below.
            Type::BYTE_ARRAY => Some(Kind::Text),
            Type::FIXED_LEN_BYTE_ARRAY => None,
        }
    }
}

/// What stands in a column, a row each.
#[derive(Clone, Debug)]
enum Value {
    Empty,
    Number(f64),
    Whole(i64),
    Seconds(f64),
    Text(String),
}

impl Value {
    fn cell(&self) -> Cell<'_> {
        match self {
            Value::Empty => Cell::Empty,
            Value::Number(value) => Cell::Number(*value),
            Value::Whole(value) => Cell::Whole(*value),
            Value::Seconds(value) => Cell::Seconds(*value),
            Value::Text(text) => Cell::Text(text),
        }
    }
}

impl Open {
    /// Reads the footer; `None` where nothing can be read.
    fn new(file: &Current, notes: &mut Notes) -> Result<Option<Self>> {
        let reader = file.reader.clone();
        let len = file.stat.len;
        let file = SerializedFileReader::new(Chunks { reader, len })?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let mut columns = Vec::new();
        for (index, column) in schema.columns().iter().enumerate() {
            let name = column.path().string();
            let Some(kind) = Kind::of(column) else {
                // A list of structures has one column for each of their parts.
                let name = column.path().parts().first().cloned().unwrap_or(name);
                notes.once("", format!("column {name:?} holds no numbers, texts or times"));
                continue;
            };
            columns.push(Column {
                index,
                name,
                role: Role::Metric,
                kind,
                there: column.max_def_level(),
            });
        }
        if columns.len() > MOST_COLUMNS {
            return Err(ParquetError::General(format!(
                "at most {MOST_COLUMNS} columns are expected, found {}",
                columns.len()
            )));
        }
        if let Some((name, kind)) = range(file.metadata().file_metadata().key_value_metadata()) {
            columns.push(Column {
                index: 0,
                name,
                role: Role::Metric,
                kind,
                there: 0,
            });
        }
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        for (i, role) in roles(&names).into_iter().enumerate() {
            columns[i].role = role;
        }
        // An index that pandas did not need to name.
        columns.retain(|c| !c.name.starts_with("__index_level_"));
        if columns.is_empty() {
            notes.once("", "no column holds numbers");
            return Ok(None);
        }
        let left = 0;
        let readers = Vec::new();
        Ok(Some(Open {
            file,
            columns,
            group: 0,
            left,
            readers,
            row: 0,
        }))
    }

    fn slices(&mut self, rows: &mut Rows, sink: &mut Sink, notes: &mut Notes, until: &Until) -> Result<Read> {
        loop {
            if until.passed() {
                return Ok(Read::More);
            }
            if self.left == 0 {
                if self.group == self.file.num_row_groups() {
                    return Ok(Read::All);
                }
                let group = self.file.get_row_group(self.group)?;
                self.group += 1;
                self.left = usize::try_from(group.metadata().num_rows())?;
                let readers = self.columns.iter().map(|c| match c.kind {
                    Kind::Range(..) => Ok(None),
                    _ => group.get_column_reader(c.index).map(Some),
                });
                self.readers = readers.collect::<Result<_>>()?;
                continue;
            }
            let wanted = self.left.min(SLICE);
            let mut table = Vec::with_capacity(self.columns.len());
            for (column, reader) in self.columns.iter().zip(&mut self.readers) {
                let values = match (reader, column.kind) {
                    (Some(reader), _) => column.values(reader, wanted)?,
                    (None, Kind::Range(start, step)) => {
                        let at = |i: usize| (self.row as i64 + i as i64).wrapping_mul(step);
                        let value = |i| Value::Whole(start.wrapping_add(at(i)));
                        (0..wanted).map(value).collect()
                    }
                    (None, _) => Vec::new(),
                };
                if values.len() != wanted {
                    return Err(ParquetError::General(format!(
                        "{wanted} rows are expected, column {:?} has {}",
                        column.name,
                        values.len()
                    )));
                }
                table.push(values);
            }
            for i in 0..wanted {
                add(&self.columns, &table, i, self.row, rows, notes);
                self.row += 1;
            }
            rows.join(wanted as u64, sink);
            self.left -= wanted;
        }
    }
}

/// The index of a frame of pandas that is stored as its beginning and step, where it has a name.
fn range(metadata: Option<&Vec<KeyValue>>) -> Option<(String, Kind)> {
    let pandas = metadata?.iter().find(|kv| kv.key == "pandas")?;
    let said: serde_json::Value = serde_json::from_str(pandas.value.as_ref()?).ok()?;
    let index = said.get("index_columns")?.get(0)?;
    let number = |key: &str| index.get(key)?.as_i64();
    let kind = Kind::Range(number("start")?, number("step")?);
    Some((index.get("name")?.as_str()?.to_string(), kind))
}

/// Adds row `i` of a slice, the `number`th of the file.
fn add(columns: &[Column], table: &[Vec<Value>], i: usize, number: u64, rows: &mut Rows, notes: &mut Notes) {
    let of = |role: Role| columns.iter().position(|c| c.role == role);
    let cell = |column: usize| table[column][i].cell();
    let run = of(Role::Run).map(|c| match cell(c) {
        Cell::Text(run) => run.to_string(),
        Cell::Whole(run) => run.to_string(),
        _ => String::new(),
    });
    let frame = Frame {
        run: run.as_deref(),
        step: of(Role::Step).map(cell),
        wall: of(Role::Wall).map(|c| (columns[c].name.as_str(), cell(c))),
    };
    let place = || format!("row {number}");
    let Some(mut row) = rows.row(i as u64, frame, &place, notes) else {
        return;
    };
    if let (Some(tag), Some(value)) = (of(Role::Tag), of(Role::Value))
        && let Cell::Text(tag) = cell(tag)
    {
        row.put(tag, cell(value));
    }
    for (c, column) in columns.iter().enumerate() {
        if column.role == Role::Metric {
            row.put(&column.name, cell(c));
        }
    }
}

impl Column {
    /// The next `wanted` rows of it, or fewer at its end.
    fn values(&self, reader: &mut ColumnReader, wanted: usize) -> Result<Vec<Value>> {
        use Value::{Empty, Number, Seconds, Text, Whole};
        let (there, kind) = (self.there, self.kind);
        let integer = |n: i64| match kind {
            Kind::Time(unit) => Seconds(seconds(n, unit)),
            Kind::Days => Seconds(n as f64 * 86_400.0),
            Kind::Decimal(scale) => Number(n as f64 / 10f64.powi(scale)),
            _ => Whole(n),
        };
        let bytes = |bytes: &[u8]| match kind {
            Kind::Text => std::str::from_utf8(bytes).map_or(Empty, |text| Text(text.to_string())),
            Kind::Half => {
                <[u8; 2]>::try_from(bytes).map_or(Empty, |b| Number(f64::from(half::f16::from_le_bytes(b))))
            }
            Kind::Decimal(scale) => Number(decimal(bytes, scale)),
            _ => Empty,
        };
        match reader {
            ColumnReader::BoolColumnReader(r) => take(r, wanted, there, |v| Number(f64::from(u8::from(*v)))),
            ColumnReader::Int32ColumnReader(r) => take(r, wanted, there, |v| match kind {
                Kind::Unsigned => Whole(i64::from(*v as u32)),
                _ => integer(i64::from(*v)),
            }),
            ColumnReader::Int64ColumnReader(r) => take(r, wanted, there, |v| match (kind, *v) {
                // Beyond what a signed one holds.
                (Kind::Unsigned, v) if v < 0 => Number(v as u64 as f64),
                (_, v) => integer(v),
            }),
            ColumnReader::Int96ColumnReader(r) => take(r, wanted, there, |v| {
                Seconds(seconds(v.to_nanos(), 1_000_000_000))
            }),
            ColumnReader::FloatColumnReader(r) => take(r, wanted, there, |v| Number(f64::from(*v))),
            ColumnReader::DoubleColumnReader(r) => take(r, wanted, there, |v| Number(*v)),
            ColumnReader::ByteArrayColumnReader(r) => take(r, wanted, there, |v| bytes(v.data())),
            ColumnReader::FixedLenByteArrayColumnReader(r) => take(r, wanted, there, |v| bytes(v.data())),
        }
    }
}

/// The next `wanted` rows of a column, with those that are null; a value that is there has the
/// definition level `there`.
fn take<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    wanted: usize,
    there: i16,
    value: impl Fn(&T::T) -> Value,
) -> Result<Vec<Value>> {
    let (mut found, mut levels) = (Vec::new(), Vec::new());
    let mut rows = 0;
    while rows < wanted {
        let (read, ..) = reader.read_records(wanted - rows, Some(&mut levels), None, &mut found)?;
        if read == 0 {
            break;
        }
        rows += read;
    }
    if there == 0 {
        return Ok(found.iter().map(value).collect());
    }
    let mut found = found.iter();
    let each = levels.iter().map(|&level| match level == there {
        true => found.next().map_or(Value::Empty, &value),
        false => Value::Empty,
    });
    Ok(each.collect())
}

#[cfg(not(target_arch = "wasm32"))]
/// Writes the next column of a group; `levels` are 0 where a value is missing.
pub(crate) fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<impl io::Write + Send>,
    values: impl Iterator<Item = T::T>,
    levels: Option<&[i16]>,
) -> Result<()> {
    let values: Vec<T::T> = values.collect();
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("a column too many".into()))?;
    column.typed::<T>().write_batch(&values, levels, None)?;
    column.close()
}

/// Seconds of `n` parts, `unit` of which are one: today's nanoseconds are more than a float counts.
fn seconds(n: i64, unit: i64) -> f64 {
    n.div_euclid(unit) as f64 + n.rem_euclid(unit) as f64 / unit as f64
}

/// A decimal number: an integer in two's complement, its highest byte first, times `10^-scale`.
fn decimal(bytes: &[u8], scale: i32) -> f64 {
    let sign = bytes.first().map_or(0.0, |&b| f64::from(b as i8 >> 7));
    let magnitude = bytes.iter().fold(sign, |n, &b| n * 256.0 + f64::from(b));
    magnitude / 10f64.powi(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_a_sign_and_a_scale() {
        assert_eq!(decimal(&[0x04, 0xd2], 2), 12.34);
        assert_eq!(decimal(&[0xff, 0xff, 0xfe], 1), -0.2);
        assert_eq!(decimal(&[], 3), 0.0);
    }
}
