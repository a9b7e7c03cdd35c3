//! What belongs on one chart: the same metric of all runs, in training and in validation.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Run;

/// Which part of the data a number was measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Split {
    /// The name says nothing.
    None,
    Train,
    Validation,
    Test,
}

impl Split {
    /// For legends.
    pub fn name(self) -> &'static str {
        match self {
            Split::None => "",
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

/// Words for the parts of the data, as frameworks write them.
const WORDS: [(&str, Split); 11] = [
    ("train", Split::Train),
    ("training", Split::Train),
    ("val", Split::Validation),
    ("valid", Split::Validation),
    ("validation", Split::Validation),
    ("validate", Split::Validation),
    ("eval", Split::Validation),
    ("evaluation", Split::Validation),
    ("dev", Split::Validation),
    ("test", Split::Test),
    ("testing", Split::Test),
];

fn word(text: &str) -> Option<Split> {
    let found = WORDS.iter().find(|(w, _)| w.eq_ignore_ascii_case(text));
    found.map(|(_, split)| *split)
}

/// The metric in a tag, and the part of the data: `val_loss`, `loss/validation` and `eval/loss` are
/// all the loss in validation. The word counts at either end of the name or of its last part.
pub fn split_of(tag: &str) -> (String, Split) {
    let separator = |c: char| matches!(c, '/' | '_' | '.' | '-' | ' ' | ':');
    let words: Vec<&str> = tag.split(separator).collect();
    if words.len() > 1 {
        if let Some(split) = words.first().and_then(|w| word(w)) {
            return (tag[words[0].len() + 1..].to_string(), split);
        }
        if let Some(split) = words.last().and_then(|w| word(w)) {
            return (
                tag[..tag.len() - words[words.len() - 1].len() - 1].to_string(),
                split,
            );
        }
        // `fold1/val_loss`.
        if let Some((before, last)) = tag.rsplit_once('/') {
            let (metric, split) = split_of(last);
            if split != Split::None {
                return (format!("{before}/{metric}"), split);
            }
        }
    }
    (tag.to_string(), Split::None)
}

/// A curve: a tag of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Place among the runs.
    pub run: usize,
    /// What the curve is called in legends and coloured by: the run, without a last part that only
    /// names the part of the data (`sgd/validation` is `sgd`).
    pub name: String,
    /// Its tag.
    pub tag: String,
    /// Part of the data.
    pub split: Split,
}

/// All curves of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The metric: the tag without the part of the data.
    pub metric: String,
    /// Its curves, by run, training before validation.
    pub lines: Vec<Line>,
}

impl Chart {
    /// The metric's part before the first `/`: what charts are grouped by.
    pub fn group(&self) -> &str {
        self.metric.split_once('/').map_or("", |(group, _)| group)
    }

    /// The metric without its group.
    pub fn title(&self) -> &str {
        self.metric.split_once('/').map_or(&self.metric, |(_, rest)| rest)
    }
}

/// The run's name without a last part that names the part of the data, and that part.
pub fn base(run: &str) -> (&str, Split) {
    match run.rsplit_once('/') {
        Some((before, last)) => word(last).map_or((run, Split::None), |split| (before, split)),
        None => (run, Split::None),
    }
}

/// Losses are looked at first, then what they are for.
fn rank(metric: &str) -> usize {
    let name = metric.to_lowercase();
    let first = ["loss", "acc", "error"];
    let found = first.iter().position(|w| !name.contains('/') && name.contains(w));
    found.unwrap_or(first.len())
}

/// The charts of `runs`: metrics without a group first, losses before them, then by group and name.
pub fn charts(runs: &[Arc<Run>]) -> Vec<Chart> {
    let mut found: BTreeMap<(bool, usize, String), Vec<Line>> = BTreeMap::new();
    for (i, run) in runs.iter().enumerate() {
        let (name, of_run) = base(&run.name);
        for tag in run.series.keys() {
            let (metric, split) = split_of(tag);
            let split = if split == Split::None { of_run } else { split };
            let grouped = metric.contains('/');
            found
                .entry((grouped, rank(&metric), metric))
                .or_default()
                .push(Line {
                    run: i,
                    name: name.to_string(),
                    tag: tag.clone(),
                    split,
                });
        }
    }
    let charts = found.into_iter().map(|((.., metric), mut lines)| {
        // Keras writes `loss` and `val_loss`: what is not said is the training.
        if lines.iter().any(|l| l.split == Split::Validation) {
            let plain = lines.iter_mut().filter(|l| l.split == Split::None);
            plain.for_each(|l| l.split = Split::Train);
        }
        lines.sort_by_key(|l| (l.run, l.split));
        Chart { metric, lines }
    });
    charts.collect()
}

#[cfg(test)]
mod tests {
    use model::{Point, Record};

    use super::*;

    #[test]
    fn the_part_of_the_data_is_told_from_names_of_all_frameworks() {
        let check = |tag: &str, metric: &str, split| {
            assert_eq!(split_of(tag), (metric.to_string(), split), "{tag}");
        };
        check("loss", "loss", Split::None);
        check("val_loss", "loss", Split::Validation);
        check("loss/train", "loss", Split::Train);
        check("train/loss", "loss", Split::Train);
        check("eval/f1", "f1", Split::Validation);
        check("Test-accuracy", "accuracy", Split::Test);
        check("fold1/val_loss", "fold1/loss", Split::Validation);
        check("train_loss_epoch", "loss_epoch", Split::Train);
        check("gradients/conv1/norm", "gradients/conv1/norm", Split::None);
        check("train", "train", Split::None);
        check("/", "/", Split::None);
        check("", "", Split::None);
        check("é_val", "é", Split::Validation);
    }

    fn run(name: &str, tags: &[&str]) -> Arc<Run> {
        let mut run = Run::new(name);
        for tag in tags {
            let tag = (*tag).to_string();
            let point = Point::default();
            run.take(Record::Scalar { tag, point });
        }
        Arc::new(run)
    }

    #[test]
    fn training_and_validation_share_a_chart() {
        let runs = [
            run("a", &["loss", "val_loss", "lr"]),
            run("b/train", &["epoch/loss"]),
            run("b/validation", &["epoch/loss"]),
        ];
        let charts = charts(&runs);
        let names: Vec<_> = charts.iter().map(|c| (c.group(), c.title())).collect();
        assert_eq!(names, [("", "loss"), ("", "lr"), ("epoch", "loss")]);
        let splits: Vec<_> = charts[0].lines.iter().map(|l| (l.run, l.split)).collect();
        assert_eq!(splits, [(0, Split::Train), (0, Split::Validation)]);
        let lines: Vec<_> = charts[2].lines.iter().map(|l| (&*l.name, l.split)).collect();
        assert_eq!(lines, [("b", Split::Train), ("b", Split::Validation)]);
        assert_eq!(charts[1].lines[0].split, Split::None);
    }
}
