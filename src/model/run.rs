//! A training history: everything that was recorded while a network learned.
//!
//! A [`Run`] grows by [`Record`]s only. Whatever makes them (a file, a process that sends them, our
//! own training) makes the same ones, and whatever shows them sees no difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::TensorData;
use crate::series::{Point, Series};

/// A training history. Clones share what was recorded until one of them grows.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Where it stands below the folder that was opened, with `/`; unique there.
    pub name: String,
    /// Numbers by tag, as `loss/train`.
    pub series: BTreeMap<String, Series>,
    /// Distributions by tag, as `weights/conv1.weight`.
    pub histograms: BTreeMap<String, Track<Histogram>>,
    /// Encoded pictures by tag.
    pub images: BTreeMap<String, Track<Image>>,
    /// Texts by tag, often Markdown.
    pub texts: BTreeMap<String, Track<String>>,
    /// Arrays by tag: weights, activations, gradients, embeddings.
    pub tensors: BTreeMap<String, Track<TensorData>>,
    /// What was chosen before the run: learning rate, batch size, seed.
    pub hyperparameters: BTreeMap<String, Setting>,
    /// Interventions, checkpoints and problems, in order of recording.
    pub marks: Vec<Mark>,
}

/// A value at a step.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// Step of the training.
    pub step: i64,
    /// Seconds since 1970; NaN where the file says nothing.
    pub wall: f64,
    /// What was recorded.
    pub value: T,
}

/// Values over steps in order of recording.
pub type Track<T> = Vec<At<Arc<T>>>;

/// How many values fell where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Number of values.
    pub count: f64,
    /// Sum of the values; NaN where the file says nothing.
    pub sum: f64,
    /// Sum of their squares; NaN where the file says nothing.
    pub squares: f64,
    /// Buckets from left to right.
    pub buckets: Vec<Bucket>,
}

/// Values between two edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Values between them.
    pub count: f64,
}

/// An encoded picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Pixels; 0 where the file says nothing.
    pub width: u32,
    /// Pixels; 0 where the file says nothing.
    pub height: u32,
    /// PNG, JPEG or GIF.
    pub encoded: Vec<u8>,
}

/// A hyperparameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum Setting {
    Flag(bool),
    Number(f64),
    Text(String),
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Setting::Flag(v) => v.fmt(f),
            Setting::Number(v) => v.fmt(f),
            Setting::Text(v) => v.fmt(f),
        }
    }
}

/// Something that happened at a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Step of the training.
    pub step: i64,
    /// Seconds since 1970.
    pub wall: f64,
    /// What sort of thing.
    pub kind: MarkKind,
    /// One line for the user: `learning rate 0.1 to 0.01`.
    pub text: String,
}

/// Sorts of [`Mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// A person changed something while it ran.
    Intervention,
    /// The state was saved, or gone back to.
    Checkpoint,
    /// The process began again.
    Restart,
    /// Something went wrong: NaN, a disk that filled, a clock that jumped.
    Problem,
}

/// One thing recorded.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Record {
    Scalar { tag: String, point: Point },
    Histogram { tag: String, at: At<Arc<Histogram>> },
    Image { tag: String, at: At<Arc<Image>> },
    Text { tag: String, at: At<Arc<String>> },
    Tensor { tag: String, at: At<Arc<TensorData>> },
    Hyperparameter { name: String, value: Setting },
    Mark(Mark),
}

impl Run {
    /// Nothing recorded yet.
    pub fn new(name: impl Into<String>) -> Self {
        Run {
            name: name.into(),
            ..Run::default()
        }
    }

    /// Adds what was recorded.
    pub fn take(&mut self, record: Record) {
        fn put<T>(tracks: &mut BTreeMap<String, T>, tag: String) -> &mut T
        where
            T: Default,
        {
            tracks.entry(tag).or_default()
        }
        match record {
            Record::Scalar { tag, point } => put(&mut self.series, tag).push(point),
            Record::Histogram { tag, at } => put(&mut self.histograms, tag).push(at),
            Record::Image { tag, at } => put(&mut self.images, tag).push(at),
            Record::Text { tag, at } => put(&mut self.texts, tag).push(at),
            Record::Tensor { tag, at } => put(&mut self.tensors, tag).push(at),
            Record::Hyperparameter { name, value } => {
                self.hyperparameters.insert(name, value);
            }
            Record::Mark(mark) => self.marks.push(mark),
        }
    }

    /// Number of scalar points.
    pub fn points(&self) -> usize {
        self.series.values().map(Series::len).sum()
    }

    /// Smallest and largest step of all scalars.
    pub fn steps(&self) -> Option<(i64, i64)> {
        let ends = self.series.values().flat_map(|s| {
            let first = s.segments().filter_map(|r| s.get(r.start));
            let last = s.segments().filter_map(|r| s.get(r.end.checked_sub(1)?));
            first.chain(last).map(|p| p.step).collect::<Vec<_>>()
        });
        ends.map(|s| (s, s)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_grows_by_records() {
        let mut run = Run::new("a/b");
        for (step, value) in [(5, 1.0), (6, 0.5), (2, 0.9)] {
            let point = Point {
                step,
                wall: 0.0,
                value,
            };
            let tag = "loss".to_string();
            run.take(Record::Scalar { tag, point });
        }
        let rate = Record::Hyperparameter {
            name: "learning rate".into(),
            value: Setting::Number(0.1),
        };
        run.take(rate);
        assert_eq!((run.points(), run.steps()), (3, Some((2, 6))));
        assert_eq!(run.series["loss"].restarts(), [2]);
        assert_eq!(run.hyperparameters["learning rate"].to_string(), "0.1");
        assert_eq!(Run::new("empty").steps(), None);
    }
}
