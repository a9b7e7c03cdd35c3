//! What happens in a run that no one says: numbers that stop being numbers, a process that began
//! again, a clock that jumped, a disk that was full. Each becomes a mark beside the records.

use std::collections::HashMap;
use std::time::Instant;

use model::Record;
use model::run::{Mark, MarkKind};

/// A clock that goes back by less is the usual spread between processes, in seconds.
const BACK: f64 = 60.0;
/// A sender whose clock is ahead by less is let be, in seconds.
const AHEAD: f64 = 3600.0;

/// What was seen of every run since the server began.
#[derive(Default)]
pub(crate) struct Problems {
    runs: HashMap<String, Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    tags: HashMap<String, Tag>,
    /// How often it began again.
    restarts: u64,
    wall: Option<f64>,
    ahead: bool,
    /// When the disk was found full, and how many requests were refused since.
    full: Option<(Instant, u64)>,
}

#[derive(Clone, Copy)]
struct Tag {
    step: i64,
    /// Restarts of the run when it was last recorded.
    restarts: u64,
    /// Its last number was NaN or infinite.
    broken: bool,
}

/// What to remember once the records are on disk.
#[derive(Default)]
pub(crate) struct Changes {
    tags: HashMap<String, Tag>,
    restarts: u64,
    wall: Option<f64>,
    ahead: bool,
    recovered: bool,
}

impl Problems {
    /// Marks that belong to `records`, received at `now` (seconds since 1970). Nothing is remembered
    /// before [`Problems::remember`].
    pub(crate) fn examine(&self, run: &str, records: &[Record], now: f64) -> (Vec<Record>, Changes) {
        let blank = Seen::default();
        let seen = self.runs.get(run).unwrap_or(&blank);
        let mut changes = Changes {
            restarts: seen.restarts,
            wall: seen.wall,
            ahead: seen.ahead,
            ..Changes::default()
        };
        let mut marks = Vec::new();
        let mut mark = |kind, step, wall, text: String| {
            marks.push(Record::Mark(Mark {
                step,
                wall,
                kind,
                text,
            }));
        };
        if let Some((since, refused)) = seen.full {
            let step = records.iter().filter_map(step_of).max().unwrap_or_default();
            let seconds = since.elapsed().as_secs();
            let text = format!("the disk was full for {seconds} s, {refused} requests had to be sent again");
            mark(MarkKind::Problem, step, now, text);
            changes.recovered = true;
        }
        let mut broken: Vec<(&str, f64, i64, f64)> = Vec::new();
        for record in records {
            let Record::Scalar { tag, point } = record else {
                continue;
            };
            let last = changes.tags.get(tag).or_else(|| seen.tags.get(tag)).copied();
            if let Some(last) = last.filter(|last| point.step < last.step)
                && last.restarts == changes.restarts
            {
                changes.restarts += 1;
                let text = format!(
                    "the run began again at step {} after step {}",
                    point.step, last.step
                );
                mark(MarkKind::Restart, point.step, point.wall, text);
            }
            if let Some(before) = changes.wall.filter(|w| point.wall < w - BACK) {
                let text = format!("the clock went back by {}", span(before - point.wall));
                mark(MarkKind::Problem, point.step, point.wall, text);
            }
            let ahead = point.wall > now + AHEAD;
            if ahead && !changes.ahead {
                let text = format!("the sender's clock is {} ahead", span(point.wall - now));
                mark(MarkKind::Problem, point.step, point.wall, text);
            }
            (changes.wall, changes.ahead) = (Some(point.wall), ahead);
            let bad = !point.value.is_finite();
            if bad && !last.is_some_and(|last| last.broken) {
                broken.push((tag, point.value, point.step, point.wall));
            }
            let state = Tag {
                step: point.step,
                restarts: changes.restarts,
                broken: bad,
            };
            match changes.tags.get_mut(tag) {
                Some(tag) => *tag = state,
                None => drop(changes.tags.insert(tag.clone(), state)),
            }
        }
        if let Some(&(tag, value, step, wall)) = broken.first() {
            let more = match broken.len() - 1 {
                0 => String::new(),
                n => format!(", and {n} more are not finite"),
            };
            mark(MarkKind::Problem, step, wall, format!("{tag} is {value}{more}"));
        }
        (marks, changes)
    }

    /// The records are on disk.
    pub(crate) fn remember(&mut self, run: &str, changes: Changes) {
        let seen = self.runs.entry(run.to_string()).or_default();
        seen.tags.extend(changes.tags);
        seen.restarts = seen.restarts.max(changes.restarts);
        (seen.wall, seen.ahead) = (changes.wall, changes.ahead);
        if changes.recovered {
            seen.full = None;
        }
    }

    /// The disk had no room for a request.
    pub(crate) fn full(&mut self, run: &str) {
        let seen = self.runs.entry(run.to_string()).or_default();
        let (since, refused) = seen.full.unwrap_or((Instant::now(), 0));
        seen.full = Some((since, refused + 1));
    }
}

fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86400.0),
    }
}

fn step_of(record: &Record) -> Option<i64> {
    match record {
        Record::Scalar { point, .. } => Some(point.step),
        Record::Histogram { at, .. } => Some(at.step),
        Record::Image { at, .. } => Some(at.step),
        Record::Text { at, .. } => Some(at.step),
        Record::Tensor { at, .. } => Some(at.step),
        Record::Mark(mark) => Some(mark.step),
        Record::Hyperparameter { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Point;

    fn scalar(tag: &str, step: i64, wall: f64, value: f64) -> Record {
        let tag = tag.to_string();
        let point = Point { step, wall, value };
        Record::Scalar { tag, point }
    }

    fn texts(marks: &[Record]) -> Vec<String> {
        let text = |r: &Record| match r {
            Record::Mark(m) => format!("{:?} {} {}", m.kind, m.step, m.text),
            _ => panic!("{r:?}"),
        };
        marks.iter().map(text).collect()
    }

    /// The marks of one request, remembered.
    fn give(problems: &mut Problems, records: &[Record], now: f64) -> Vec<String> {
        let (marks, changes) = problems.examine("r", records, now);
        problems.remember("r", changes);
        texts(&marks)
    }

    #[test]
    fn each_problem_is_told_once() {
        let mut p = Problems::default();
        let none = Vec::<String>::new();
        assert_eq!(
            give(
                &mut p,
                &[scalar("a", 5, 1000.0, 1.0), scalar("b", 5, 1000.0, 1.0)],
                1000.0
            ),
            none
        );
        let nan = [
            scalar("a", 6, 1001.0, f64::NAN),
            scalar("b", 6, 1001.0, f64::INFINITY),
        ];
        assert_eq!(
            give(&mut p, &nan, 1001.0),
            ["Problem 6 a is NaN, and 1 more are not finite"]
        );
        assert_eq!(give(&mut p, &[scalar("a", 7, 1002.0, f64::NAN)], 1002.0), none);
        let again = [
            scalar("a", 2, 1003.0, 1.0),
            scalar("b", 2, 1003.0, 1.0),
            scalar("a", 3, 1003.0, 1.0),
        ];
        assert_eq!(
            give(&mut p, &again, 1003.0),
            ["Restart 2 the run began again at step 2 after step 7"]
        );
        assert_eq!(
            give(&mut p, &[scalar("b", 1, 1004.0, 1.0)], 1004.0),
            ["Restart 1 the run began again at step 1 after step 2"]
        );
        assert_eq!(
            give(
                &mut p,
                &[scalar("a", 9, 500.0, 1.0), scalar("a", 10, 501.0, 1.0)],
                1005.0
            ),
            ["Problem 9 the clock went back by 8 min"]
        );
        let ahead = [scalar("a", 11, 91_005.0, 1.0), scalar("a", 12, 91_006.0, 1.0)];
        assert_eq!(
            give(&mut p, &ahead, 1005.0),
            ["Problem 11 the sender's clock is 25.0 h ahead"]
        );
    }

    #[test]
    fn what_was_not_stored_is_told_again_and_a_full_disk_afterwards() {
        let mut p = Problems::default();
        let nan = [scalar("a", 1, 0.0, f64::NAN)];
        assert_eq!(p.examine("r", &nan, 0.0).0.len(), 1);
        p.full("r");
        p.full("r");
        let marks = give(&mut p, &nan, 0.0);
        assert!(marks[0].ends_with("2 requests had to be sent again"), "{marks:?}");
        assert_eq!(marks.len(), 2);
        assert_eq!(give(&mut p, &nan, 0.0), Vec::<String>::new());
    }
}
