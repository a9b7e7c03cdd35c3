//! CSV: Keras's CSVLogger, Lightning's CSVLogger, exports of pandas and of this program.

use std::io;

use ::csv::ByteRecord;

use crate::Notes;
use crate::columns::{Cell, Role, roles};
use crate::follow::{Current, Follow, Format, Read, Sink, Until};
use crate::lines::{self, Block};
use crate::table::{Frame, Rows};

pub(crate) const FORMAT: Format = Format {
    name: "CSV (*.csv, *.tsv)",
    matches: |name| {
        [".csv", ".tsv"]
            .iter()
            .any(|e| name.to_ascii_lowercase().ends_with(e))
    },
    folder: false,
    follow: || Box::new(Csv::default()),
};

/// A last line without an end is whole when nobody wrote for so many seconds.
const REST: u64 = 2;
/// Columns beyond this are refused: that is no log.
const MOST_COLUMNS: usize = 100_000;

/// One CSV file as far as it was read.
#[derive(Default)]
struct Csv {
    offset: u64,
    lines: u64,
    header: Option<Header>,
    rows: Rows,
    /// True when the last line was taken without an end.
    tail: bool,
}

struct Header {
    /// As it stands in the file.
    bytes: Vec<u8>,
    delimiter: u8,
    names: Vec<String>,
    roles: Vec<Role>,
}

impl Follow for Csv {
    fn read(
        &mut self,
        file: &Current,
        sink: &mut Sink,
        notes: &mut Notes,
        until: &Until,
    ) -> io::Result<Read> {
        if let Some(header) = &self.header {
            // Lightning writes the whole file anew when a metric appears.
            let same = file.reader.take(0, header.bytes.len())? == header.bytes;
            let next = file.reader.take(self.offset, 1)?;
            let goes_on = self.tail && next.first().is_some_and(|b| !b"\r\n".contains(b));
            if !same || goes_on {
                return Ok(Read::Anew);
            }
        }
        let read = self.blocks(file, sink, notes, until);
        self.rows.shrink();
        read
    }

    fn position(&self) -> u64 {
        self.offset
    }
}

impl Csv {
    fn blocks(
        &mut self,
        file: &Current,
        sink: &mut Sink,
        notes: &mut Notes,
        until: &Until,
    ) -> io::Result<Read> {
        loop {
            if until.passed() {
                return Ok(Read::More);
            }
            let delimiter = self.header.as_ref().map(|h| h.delimiter);
            let bytes = match lines::block(file, self.offset, |bytes| {
                rows_end(bytes, delimiter.unwrap_or(b','))
            })? {
                Block::End => return Ok(Read::All),
                Block::Lines(bytes) => bytes,
                Block::TooLong(size) => {
                    let problem = format!("a line of more than {} bytes is passed over", lines::LONGEST);
                    notes.add(format!("line {}", self.lines + 1), problem);
                    self.offset += size;
                    continue;
                }
                Block::Tail(bytes) if file.stat.rests(REST) && self.whole(&bytes) => {
                    self.tail = true;
                    bytes
                }
                // The line is being written.
                Block::Tail(_) => return Ok(Read::Wait),
            };
            self.block(&bytes, notes);
            self.rows.join(bytes.len() as u64, sink);
            self.offset += bytes.len() as u64;
        }
    }

    /// True for a line that has all cells: what was cut in the middle of a number shows no sign of it,
    /// but what was cut before does.
    fn whole(&self, bytes: &[u8]) -> bool {
        let Some(header) = &self.header else {
            return true;
        };
        bytes.iter().filter(|&&b| b == header.delimiter).count() + 1 >= header.names.len()
    }

    fn block(&mut self, bytes: &[u8], notes: &mut Notes) {
        let mut at = 0;
        if self.header.is_none() {
            let bom = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            let delimiter = delimiter(&bytes[bom..]);
            let mut reader = reader(&bytes[bom..], delimiter);
            let mut record = ByteRecord::new();
            if !reader.read_byte_record(&mut record).unwrap_or(false) {
                return;
            }
            at = bom + reader.position().byte() as usize;
            let header = Header::new(&record, bytes[..at].to_vec(), delimiter, notes);
            self.lines = reader.position().line() - 1;
            self.header = Some(header);
        }
        let Some(header) = &self.header else {
            return;
        };
        let mut reader = reader(&bytes[at..], header.delimiter);
        let mut record = ByteRecord::new();
        let mut line = self.lines;
        loop {
            let start = reader.position().byte();
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => {
                    notes.add(
                        format!("line {}", line + 1),
                        format!("the row cannot be read: {e}"),
                    );
                    continue;
                }
            }
            line = self.lines + record.position().map_or(0, |p| p.line());
            header.row(&record, at as u64 + start, line, &mut self.rows, notes);
        }
        self.lines += reader.position().line() - 1;
    }
}

impl Header {
    fn new(record: &ByteRecord, bytes: Vec<u8>, delimiter: u8, notes: &mut Notes) -> Self {
        let mut names: Vec<String> = Vec::new();
        for (i, name) in record.iter().enumerate() {
            let mut name = String::from_utf8_lossy(name).trim().to_string();
            if name.is_empty() {
                // The index of a pandas frame has no name.
                name = if i == 0 {
                    "index".into()
                } else {
                    format!("column {}", i + 1)
                };
            }
            let twice = names.iter().filter(|n| **n == name).count();
            if twice > 0 && names.len() < 1000 {
                let other = format!("{name}#{}", i + 1);
                notes.add(
                    "line 1",
                    format!("two columns are called {name:?}; the second is shown as {other:?}"),
                );
                name = other;
            }
            names.push(name);
        }
        let mut roles = roles(&names);
        let numbers = names.iter().all(|n| n.parse::<f64>().is_ok());
        if numbers || names.len() > MOST_COLUMNS {
            let found = if numbers {
                "numbers".to_string()
            } else {
                format!("{} columns", names.len())
            };
            notes.add(
                "line 1",
                format!("names of columns are expected, found {found}; the file is not read"),
            );
            roles.clear();
        }
        Header {
            bytes,
            delimiter,
            names,
            roles,
        }
    }

    fn row(&self, record: &ByteRecord, at: u64, line: u64, rows: &mut Rows, notes: &mut Notes) {
        let place = || format!("line {line}");
        if self.roles.is_empty()
            || record
                .iter()
                .zip(&self.names)
                .all(|(cell, name)| cell == name.as_bytes())
        {
            // No table, or its header once more, as a logger writes it that appends.
            return;
        }
        if record.len() > self.names.len() {
            let problem = format!(
                "a row has {} cells, the header {}; the rest is left out",
                record.len(),
                self.names.len()
            );
            notes.once(place(), problem);
        }
        let texts: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        let of = |role: Role| {
            let i = self.roles.iter().position(|r| *r == role)?;
            texts.get(i).map(|text| (i, text.as_ref()))
        };
        // A row that ends before its step has none.
        let has_step = self.roles.contains(&Role::Step);
        let frame = Frame {
            run: of(Role::Run).map(|(_, text)| text.trim()),
            step: has_step.then(|| of(Role::Step).map_or(Cell::Empty, |(_, text)| exact(text))),
            wall: of(Role::Wall).map(|(i, text)| (self.names[i].as_str(), Cell::read(text))),
        };
        let Some(mut row) = rows.row(at, frame, &place, notes) else {
            return;
        };
        if let (Some((_, tag)), Some((_, value))) = (of(Role::Tag), of(Role::Value)) {
            row.put(tag, Cell::read(value));
        }
        let cells = texts.iter().zip(&self.names).zip(&self.roles);
        for ((text, name), _) in cells.filter(|(_, role)| **role == Role::Metric) {
            row.put(name, Cell::read(text));
        }
    }
}

/// A step; whole numbers are not rounded.
fn exact(text: &str) -> Cell<'_> {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(number) => Cell::Whole(number),
        Err(_) => Cell::read(text),
    }
}

fn reader(bytes: &[u8], delimiter: u8) -> ::csv::Reader<&[u8]> {
    let mut builder = ::csv::ReaderBuilder::new();
    builder
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(bytes)
}

/// What separates the names of the first line.
fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or(bytes);
    let count = |d: &u8| line.iter().filter(|&b| b == d).count();
    // The last of equals wins: a comma where there is none of them.
    b"|\t;,".iter().copied().max_by_key(count).unwrap_or(b',')
}

/// Where the last whole row ends: a newline outside of quotes, which count at the start of a cell.
fn rows_end(bytes: &[u8], delimiter: u8) -> Option<usize> {
    if !bytes.contains(&b'"') {
        return lines::newline(bytes);
    }
    let (mut quoted, mut start, mut end) = (false, true, None);
    for (i, &b) in bytes.iter().enumerate() {
        match b {
            // Two quotes within quotes leave and enter again.
            b'"' if quoted || start => quoted = !quoted,
            b'"' if i > 0 && bytes[i - 1] == b'"' => quoted = !quoted,
            b'\n' if !quoted => end = Some(i + 1),
            _ => {}
        }
        start = !quoted && (b == delimiter || b == b'\n' || b == b'\r');
    }
    end
}
