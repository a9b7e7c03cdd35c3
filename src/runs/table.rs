//! Rows of a table as records: whatever read them, they mean the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::run::At;
use model::{Point, Record};

use crate::Notes;
use crate::batch::Batch;
use crate::columns::{self, Cell};
use crate::follow::Sink;

/// Runs that one file may name.
const MOST_RUNS: usize = 100_000;

/// Turns rows into batches, one for each run that they name.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    batches: BTreeMap<String, Batch>,
    /// Step of a row that says none: the one before, or, without such a column, the row's number.
    last: BTreeMap<String, i64>,
    /// Rows so far.
    count: i64,
    runs: usize,
}

/// What stands in a row besides its metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) run: Option<&'a str>,
    pub(crate) step: Option<Cell<'a>>,
    pub(crate) wall: Option<(&'a str, Cell<'a>)>,
}

/// A row whose metrics are to be added.
pub(crate) struct Row<'a> {
    batch: &'a mut Batch,
    at: u64,
    step: i64,
    wall: f64,
}

impl Rows {
    /// Begins a row that stands at `at` in the piece, and at `place` for the user.
    pub(crate) fn row(
        &mut self,
        at: u64,
        frame: Frame,
        place: &dyn Fn() -> String,
        notes: &mut Notes,
    ) -> Option<Row<'_>> {
        let run = frame.run.unwrap_or("");
        if !self.batches.contains_key(run) {
            self.runs += 1;
            if self.runs > MOST_RUNS {
                notes.once(place(), format!("only {MOST_RUNS} runs are read of a file"));
                return None;
            }
            self.batches.insert(run.to_string(), Batch::default());
        }
        let number = self.count;
        self.count += 1;
        let last = match self.last.get_mut(run) {
            Some(last) => last,
            None => self.last.entry(run.to_string()).or_insert(0),
        };
        let step = match frame.step {
            None => number,
            Some(Cell::Empty) => {
                notes.once(
                    place(),
                    "a row without a step is taken for one of the step before",
                );
                *last
            }
            Some(cell) => match (columns::step(cell), cell) {
                (Some(step), _) => step,
                (None, Cell::Number(n)) if n.is_finite() => {
                    notes.once(
                        place(),
                        format!("the step {n} is no whole number and is rounded down"),
                    );
                    n.floor() as i64
                }
                _ => {
                    notes.add(
                        place(),
                        format!("a step is expected, found {cell:?}; the row is left out"),
                    );
                    return None;
                }
            },
        };
        *last = step;
        let batch = self.batches.get_mut(run)?;
        let mut row = Row {
            batch,
            at,
            step,
            wall: f64::NAN,
        };
        if let Some((name, cell)) = frame.wall {
            match columns::wall(cell) {
                Some(wall) => row.wall = wall,
                // Seconds since the start, say: a number like any other.
                None => row.put(name, cell),
            }
        }
        Some(row)
    }

    /// Adds all rows to their runs; places are below `span`.
    pub(crate) fn join(&mut self, span: u64, sink: &mut Sink) {
        for (part, batch) in &mut self.batches {
            if !batch.touched.is_empty() || !batch.records.is_empty() {
                sink.run(part).take(batch, span);
            }
        }
    }

    /// Gives memory back.
    pub(crate) fn shrink(&mut self) {
        self.batches.values_mut().for_each(Batch::shrink);
    }
}

impl Row<'_> {
    /// Adds a metric.
    pub(crate) fn put(&mut self, tag: &str, cell: Cell) {
        let (step, wall, at) = (self.step, self.wall, self.at);
        match cell {
            Cell::Empty => {}
            Cell::Number(value) => {
                let slot = self.batch.slot(tag);
                self.batch.push(slot, at, Point { step, wall, value });
            }
            Cell::Seconds(number) => self.put(tag, Cell::Number(number)),
            Cell::Whole(number) => self.put(tag, Cell::Number(number as f64)),
            Cell::Text(text) => {
                let value = Arc::new(text.to_string());
                self.record(|at_step| Record::Text {
                    tag: tag.to_string(),
                    at: at_step(value),
                });
            }
        }
    }

    /// Adds something else than a number, made by what puts step and time to it.
    pub(crate) fn record<T>(&mut self, make: impl FnOnce(&dyn Fn(Arc<T>) -> At<Arc<T>>) -> Record) {
        let (step, wall) = (self.step, self.wall);
        let record = make(&|value| At { step, wall, value });
        self.batch.records.push((self.at, record));
    }
}
