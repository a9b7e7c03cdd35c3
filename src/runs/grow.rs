//! A run that grows by batches, and notices when it began again or its clock went back.

use std::collections::HashMap;

use model::run::{Mark, MarkKind};
use model::{Point, Record, Run};

use crate::batch::{Batch, CLOCK_TOLERANCE, Fall, Start};

/// Restarts, and jumps of the clock, that get a mark each. Two processes that log into one run in
/// turns would make thousands; the series keep them all.
const MOST_MARKS: usize = 200;

/// A run and what is needed to go on with it.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    pub(crate) run: Run,
    /// True when the run grew since it was last published.
    pub(crate) changed: bool,
    /// Where the last point of each tag stands, on a scale that grows with what was read.
    last_at: HashMap<String, u64>,
    /// Where the first point of all stands.
    began_at: Option<u64>,
    read: u64,
    restarted_at: Option<u64>,
    restarts: usize,
    jumped_at: Option<u64>,
    jumps: usize,
}

impl Growing {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Growing {
            run: Run::new(name),
            changed: true,
            ..Growing::default()
        }
    }

    /// True when nothing was recorded.
    pub(crate) fn is_empty(&self) -> bool {
        let run = &self.run;
        let tracks = run.images.is_empty() && run.texts.is_empty() && run.tensors.is_empty();
        tracks && run.series.is_empty() && run.histograms.is_empty() && run.marks.is_empty()
    }

    /// Adds what `batch` holds, of a piece whose places are below `span`, and empties it.
    pub(crate) fn take(&mut self, batch: &mut Batch, span: u64) {
        let base = self.read + 1;
        self.read = base + span;
        let mut events = Vec::new();
        for mut fall in batch.falls.drain(..) {
            fall.at += base;
            fall.before_at += base;
            events.push((fall.at, Event::Fall(fall)));
        }
        for &slot in &batch.touched {
            let slot = &batch.slots[slot as usize];
            let series = match self.run.series.get_mut(&slot.tag) {
                Some(series) => series,
                None => self.run.series.entry(slot.tag.clone()).or_default(),
            };
            let before_at = match self.last_at.get_mut(&slot.tag) {
                Some(at) => std::mem::replace(at, base + slot.last_at),
                None => {
                    self.last_at.insert(slot.tag.clone(), base + slot.last_at);
                    0
                }
            };
            if let (Some(before), Some(&point)) = (series.last(), slot.points.first()) {
                let fall = Fall {
                    before_at,
                    at: base + slot.first_at,
                    before,
                    point,
                };
                if fall.step() || fall.clock() {
                    events.push((fall.at, Event::Fall(fall)));
                }
            }
            series.append(&slot.points);
            let at = base + slot.first_at;
            self.began_at = Some(self.began_at.map_or(at, |began| began.min(at)));
            self.changed = true;
        }
        self.changed |= !batch.records.is_empty();
        for (at, record) in batch.records.drain(..) {
            if let Record::Mark(mark) = &record {
                events.push((base + at, Event::Said(mark.kind, mark.text.starts_with(CLOCK))));
            }
            self.run.take(record);
        }
        for start in batch.starts.drain(..) {
            events.push((base + start.at, Event::Start(start)));
        }
        events.sort_by_key(|(at, _)| *at);
        for (at, event) in events {
            match event {
                Event::Fall(fall) => self.fell(&fall),
                // What a run says of itself is not noticed a second time.
                Event::Said(MarkKind::Restart, _) => self.restarted_at = Some(at),
                Event::Said(MarkKind::Problem, true) => self.jumped_at = Some(at),
                Event::Said(..) => {}
                // A log that begins is no restart; one that goes on is.
                Event::Start(start) if start.step > 0 || self.began_at.is_some_and(|b| b < at) => {
                    self.restart(at, start.step, start.wall, None);
                }
                Event::Start(_) => {}
            }
        }
        batch.clear();
    }

    /// A fall belongs to a restart that was noticed already where the tag's point before stands
    /// before that restart: the other tags fall one after the other.
    fn fell(&mut self, fall: &Fall) {
        let Point { step, wall, .. } = fall.point;
        if fall.step() && self.restarted_at.is_none_or(|at| fall.before_at >= at) {
            self.restart(fall.at, step, wall, Some(fall.before.step));
        }
        if fall.clock() && self.jumped_at.is_none_or(|at| fall.before_at >= at) {
            self.jumped_at = Some(fall.at);
            self.jumps += 1;
            let seconds = fall.before.wall - wall;
            debug_assert!(seconds > CLOCK_TOLERANCE);
            let text = match self.jumps {
                MOST_MARKS => format!(
                    "{CLOCK} {}, and so often that no later time is marked",
                    duration(seconds)
                ),
                _ => format!("{CLOCK} {}", duration(seconds)),
            };
            if self.jumps <= MOST_MARKS {
                self.mark(MarkKind::Problem, step, wall, text);
            }
        }
    }

    fn restart(&mut self, at: u64, step: i64, wall: f64, after: Option<i64>) {
        self.restarted_at = Some(at);
        self.restarts += 1;
        let text = match after {
            _ if self.restarts > MOST_MARKS => return,
            _ if self.restarts == MOST_MARKS => {
                "begins again, and so often that no later time is marked".to_string()
            }
            Some(after) => format!("begins again at step {step}, after step {after}"),
            None => format!("begins again at step {step}"),
        };
        self.mark(MarkKind::Restart, step, wall, text);
    }

    fn mark(&mut self, kind: MarkKind, step: i64, wall: f64, text: String) {
        self.changed = true;
        self.run.marks.push(Mark {
            step,
            wall,
            kind,
            text,
        });
    }
}

/// What may tell of a restart or of a clock that went back, in order.
enum Event {
    Fall(Fall),
    Start(Start),
    /// A mark that was recorded, and whether it is about the clock.
    Said(MarkKind, bool),
}

/// How the text of a mark about the clock begins.
const CLOCK: &str = "the clock goes back by";

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(batches: &[&[(&str, i64, f64)]]) -> Growing {
        let mut growing = Growing::new("r");
        let mut batch = Batch::default();
        for points in batches {
            for (at, &(tag, step, wall)) in points.iter().enumerate() {
                let slot = batch.slot(tag);
                let value = 1.0;
                batch.push(slot, at as u64, Point { step, wall, value });
            }
            growing.take(&mut batch, points.len() as u64);
        }
        growing
    }

    fn marks(growing: &Growing, kind: MarkKind) -> Vec<i64> {
        let of = growing.run.marks.iter().filter(|m| m.kind == kind);
        of.map(|m| m.step).collect()
    }

    #[test]
    fn a_restart_is_marked_once_however_many_tags_fall_and_wherever_pieces_end() {
        let points = [
            ("a", 0, 0.0),
            ("b", 0, 0.0),
            ("rare", 0, 0.0),
            ("a", 9, 9.0),
            ("b", 9, 9.0),
            // Again from 5; `rare` comes later, at a step that did not fall.
            ("a", 5, 20.0),
            ("b", 5, 20.0),
            ("a", 6, 21.0),
            ("rare", 6, 21.0),
            ("b", 6, 21.0),
            // And again, with `rare` first.
            ("rare", 2, 30.0),
            ("a", 2, 30.0),
            ("b", 2, 30.0),
        ];
        for cut in 0..points.len() {
            let (x, y) = points.split_at(cut);
            let run = grown(&[x, y]);
            assert_eq!(marks(&run, MarkKind::Restart), [5, 2], "cut at {cut}");
            assert_eq!(run.run.marks.len(), 2);
            assert_eq!(run.run.series["a"].restarts(), [2, 4]);
        }
    }

    #[test]
    fn a_clock_that_jumps_back_is_marked_once() {
        let points = [
            ("a", 0, 1e9),
            ("b", 0, 1e9),
            ("a", 1, 1e9 - 1.0),
            ("b", 1, 1e9 + 1.0),
            ("a", 2, 1e9 - 3600.0),
            ("b", 2, 1e9 - 3600.0),
            ("a", 3, f64::NAN),
            ("a", 4, 1e9),
        ];
        for cut in 0..points.len() {
            let run = grown(&[&points[..cut], &points[cut..]]);
            assert_eq!(marks(&run, MarkKind::Problem), [2], "cut at {cut}");
            assert!(run.run.marks[0].text.contains("60 min"), "{:?}", run.run.marks);
        }
    }

    #[test]
    fn processes_that_log_in_turns_do_not_flood_the_marks() {
        let points: Vec<_> = (0..10_000)
            .map(|i| ("a", (i / 2) + (i % 2) * 50, i as f64))
            .collect();
        let run = grown(&[&points]);
        assert_eq!(run.run.marks.len(), MOST_MARKS);
        assert_eq!(run.run.series["a"].restarts().len(), 4999);
    }
}
