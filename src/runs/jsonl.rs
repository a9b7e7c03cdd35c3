//! JSON lines: one object a row, nested ones joined by `/`, as Weights & Biases and many loops
//! write them.

use std::io;
use std::sync::Arc;

use model::run::{Bucket, Histogram};
use model::{DType, Payload, Record, TensorData};

use crate::Notes;
use crate::columns::{Cell, STEPS, WALLS};
use crate::follow::{Current, Follow, Format, Read, Sink, Until};
use crate::json::{Json, parse};
use crate::lines::{self, Block};
use crate::table::{Frame, Row, Rows};

pub(crate) const FORMAT: Format = Format {
    name: "JSON lines (*.jsonl, *.ndjson)",
    matches: |name| {
        [".jsonl", ".ndjson"]
            .iter()
            .any(|e| name.to_ascii_lowercase().ends_with(e))
    },
    folder: false,
    follow: || Box::new(Jsonl::default()),
};

/// One file as far as it was read.
#[derive(Default)]
struct Jsonl {
    offset: u64,
    lines: u64,
    rows: Rows,
}

impl Follow for Jsonl {
    fn read(
        &mut self,
        file: &Current,
        sink: &mut Sink,
        notes: &mut Notes,
        until: &Until,
    ) -> io::Result<Read> {
        let read = self.blocks(file, sink, notes, until);
        self.rows.shrink();
        read
    }

    fn position(&self) -> u64 {
        self.offset
    }
}

impl Jsonl {
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
            let bytes = match lines::block(file, self.offset, lines::newline)? {
                Block::End => {
                    notes.now(None);
                    return Ok(Read::All);
                }
                Block::Lines(bytes) => bytes,
                Block::TooLong(size) => {
                    let problem = format!("a line of more than {} bytes is passed over", lines::LONGEST);
                    notes.add(self.place(1), problem);
                    self.offset += size;
                    continue;
                }
                // An object that is closed is whole without an end of line.
                Block::Tail(bytes) => match parse(&String::from_utf8_lossy(&bytes)) {
                    Ok(Json::Fields(_)) => bytes,
                    _ => {
                        let rests = file.stat.rests(2);
                        let problem = "the last line is not complete".to_string();
                        notes.now(rests.then(|| (self.place(1), problem)));
                        return Ok(if rests { Read::All } else { Read::Wait });
                    }
                },
            };
            let mut at = 0;
            for line in bytes.split_inclusive(|&b| b == b'\n') {
                self.lines += line.ends_with(b"\n") as u64;
                self.line(at, line, notes);
                at += line.len() as u64;
            }
            self.rows.join(bytes.len() as u64, sink);
            self.offset += bytes.len() as u64;
        }
    }

    fn place(&self, after: u64) -> String {
        format!("line {}", self.lines + after)
    }

    fn line(&mut self, at: u64, line: &[u8], notes: &mut Notes) {
        let text = String::from_utf8_lossy(line);
        // Zeros stand where a machine went down.
        let text = text.trim_matches(['\0', ' ', '\r', '\n', '\t']);
        if text.is_empty() {
            return;
        }
        let place = self.place(0);
        let fields = match parse(text) {
            Ok(Json::Fields(fields)) => fields,
            Ok(_) => {
                return notes.add(
                    place,
                    "an object, {\"name\": value}, is expected; the line is left out",
                );
            }
            Err(problem) => return notes.add(place, format!("{problem}; the line is left out")),
        };
        let named = |names: &[&str]| {
            let of = |name: &&str| fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name));
            names.iter().find_map(of)
        };
        let (step, wall) = (named(&STEPS), named(&WALLS));
        let run = named(&["run"]).filter(|&i| matches!(fields[i].1, Json::Text(_)));
        let tag = named(&["tag"]).filter(|&i| matches!(fields[i].1, Json::Text(_)));
        let number = named(&["value"]).filter(|_| tag.is_some());
        let tag = tag.filter(|_| number.is_some());
        let text = |i: usize| match &fields[i].1 {
            Json::Text(text) => text.as_ref(),
            _ => "",
        };
        let frame = Frame {
            run: run.map(text),
            step: step.map(|i| match &fields[i].1 {
                Json::Number(number) => match number.parse() {
                    Ok(whole) => Cell::Whole(whole),
                    Err(_) => cell(&fields[i].1),
                },
                other => cell(other),
            }),
            wall: wall.map(|i| (fields[i].0.as_ref(), cell(&fields[i].1))),
        };
        let Some(mut row) = self.rows.row(at, frame, &|| place.clone(), notes) else {
            return;
        };
        if let (Some(tag), Some(number)) = (tag, number) {
            put(&mut row, text(tag), &fields[number].1);
        }
        for (i, (name, value)) in fields.iter().enumerate() {
            if ![step, wall, run, tag, number].contains(&Some(i)) {
                put(&mut row, name, value);
            }
        }
    }
}

fn cell<'a>(json: &'a Json) -> Cell<'a> {
    match json {
        Json::Number(_) => json.number().map_or(Cell::Empty, Cell::Number),
        Json::Bool(flag) => Cell::Number(*flag as u8 as f64),
        Json::Text(text) => Cell::Text(text),
        _ => Cell::Empty,
    }
}

/// Adds a value, and what is nested in it.
fn put(row: &mut Row, tag: &str, json: &Json) {
    match json {
        Json::Fields(fields) => match histogram(fields) {
            Some(histogram) => row.record(|at| Record::Histogram {
                tag: tag.to_string(),
                at: at(Arc::new(histogram)),
            }),
            None => fields
                .iter()
                .for_each(|(name, value)| put(row, &format!("{tag}/{name}"), value)),
        },
        Json::List(list) => {
            let numbers: Option<Vec<f64>> = list.iter().map(Json::number).collect();
            match numbers {
                Some(numbers) => row.record(|at| Record::Tensor {
                    tag: tag.to_string(),
                    at: at(Arc::new(tensor(&numbers))),
                }),
                None => row.put(tag, Cell::Text(&json.text())),
            }
        }
        // What a text says stays a text, a number in quotes included.
        other => row.put(tag, cell(other)),
    }
}

fn tensor(numbers: &[f64]) -> TensorData {
    let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorData {
        dtype: DType::F64,
        shape: vec![numbers.len() as u64],
        payload: Payload::Bytes(bytes.into()),
    }
}

/// `{"_type": "histogram", "bins": [n + 1 edges], "values": [n counts]}`, or with `packedBins` of
/// `min`, `size` and `count` (wandb/sdk/data_types/histogram.py).
fn histogram(fields: &[(std::borrow::Cow<str>, Json)]) -> Option<Histogram> {
    let get = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    if get("_type")? != &Json::Text("histogram".into()) {
        return None;
    }
    let list = |json: &Json| match json {
        Json::List(list) => list.iter().map(Json::number).collect::<Option<Vec<f64>>>(),
        _ => None,
    };
    let counts = list(get("values")?)?;
    let edges = match (get("bins"), get("packedBins")) {
        (Some(bins), _) => list(bins)?,
        (None, Some(Json::Fields(packed))) => {
            let number = |name: &str| packed.iter().find(|(n, _)| n == name)?.1.number();
            let (min, size) = (number("min")?, number("size")?);
            (0..=counts.len()).map(|i| min + i as f64 * size).collect()
        }
        _ => return None,
    };
    if counts.is_empty() || edges.len() != counts.len() + 1 {
        return None;
    }
    let bucket = |(edge, &count): (&[f64], &f64)| Bucket {
        left: edge[0],
        right: edge[1],
        count,
    };
    Some(Histogram {
        min: edges[0],
        max: edges[edges.len() - 1],
        count: counts.iter().sum(),
        sum: f64::NAN,
        squares: f64::NAN,
        buckets: edges.windows(2).zip(&counts).map(bucket).collect(),
    })
}
