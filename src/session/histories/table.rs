//! Runs as rows: groups, filter, hyperparameters, what a metric came to.

use std::collections::BTreeMap;
use std::sync::Arc;

use analyze::{Query, QueryError, Value};
use model::run::Setting;
use model::{Run, Series};

use super::{Axis, Split, base, charts};
use crate::{Board, Grouping};

/// Runs that share a colour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    /// Name of each group, in the order in which its first run stands.
    pub names: Vec<String>,
    /// Group of each run.
    pub of: Vec<usize>,
}

/// The groups of `runs`. Runs that are the training and the validation of one share a group too.
pub fn groups(runs: &[Arc<Run>], grouping: &Grouping) -> Groups {
    let mut groups = Groups::default();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for run in runs {
        let (name, _) = base(&run.name);
        let key = match grouping {
            Grouping::Run => name.to_string(),
            Grouping::Folder => name.rsplit_once('/').map_or("", |(folder, _)| folder).to_string(),
            Grouping::Setting(setting) => match run.hyperparameters.get(setting) {
                Some(value) => format!("{setting} = {value}"),
                None => format!("no {setting}"),
            },
        };
        let next = known.len();
        let group = *known.entry(key.clone()).or_insert(next);
        if group == next {
            groups.names.push(key);
        }
        groups.of.push(group);
    }
    groups
}

/// Names of the hyperparameters of `runs`: those that differ between runs first.
pub fn settings(runs: &[Arc<Run>]) -> Vec<String> {
    let mut seen: BTreeMap<&str, (Option<&Setting>, bool)> = BTreeMap::new();
    for run in runs {
        for (name, value) in &run.hyperparameters {
            let (first, differs) = seen.entry(name).or_insert((Some(value), false));
            *differs |= *first != Some(value);
        }
    }
    for run in runs {
        let missing = seen
            .iter_mut()
            .filter(|(name, _)| !run.hyperparameters.contains_key(**name));
        missing.for_each(|(_, (_, differs))| *differs = true);
    }
    let mut names: Vec<(bool, &str)> = seen
        .iter()
        .map(|(name, (_, differs))| (!differs, *name))
        .collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name.to_string()).collect()
}

/// A metric of a run in figures: validation before test, training and the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The last number.
    pub last: f64,
    /// Smallest and largest finite number.
    pub range: Option<(f64, f64)>,
}

/// The series of `metric` in `run`: of its validation before test, training and the rest; or the tag
/// of this name, where it names a part of the data.
fn series_of<'a>(run: &'a Run, metric: &str) -> Option<&'a Series> {
    let rank = |split: Split| match split {
        Split::Validation => 0,
        Split::Test => 1,
        Split::None => 2,
        Split::Train => 3,
    };
    let tags = run
        .series
        .iter()
        .map(|(tag, series)| (super::split_of(tag), tag, series));
    let fit = tags.filter(|((m, _), tag, _)| m == metric || *tag == metric);
    fit.min_by_key(|((_, split), _, _)| rank(*split))
        .map(|(_, _, series)| series)
}

/// `metric` of `run`, or a tag that names its part of the data; `None` where it was not recorded.
pub fn figures(run: &Run, metric: &str) -> Option<Figures> {
    let series = series_of(run, metric)?;
    Some(Figures {
        last: series.last()?.value,
        range: series.range(),
    })
}

/// Metrics that every table shows: those that are pinned, else the first few without a group.
pub fn metrics(runs: &[Arc<Run>], board: &Board) -> Vec<String> {
    if !board.pinned.is_empty() {
        return board.pinned.clone();
    }
    let charts = charts(runs);
    let plain = charts.iter().filter(|c| c.group().is_empty());
    plain.take(3).map(|c| c.metric.clone()).collect()
}

/// What a filter of runs means.
pub enum Filter {
    /// Words that a run's name holds, all of them.
    Words(Vec<String>),
    /// An expression: `lr < 0.01 and min(loss/validation) < 0.3`.
    Query(Box<Query>),
}

impl Filter {
    /// Reads `text`: an expression where it has a sign of one, else words.
    ///
    /// # Errors
    /// What is wrong with the expression, and where.
    pub fn of(text: &str) -> Result<Self, QueryError> {
        let signs = ['<', '>', '=', '~', '(', '"', '!'];
        match text.contains(signs) {
            true => Query::parse(text).map(|q| Filter::Query(q.into())),
            false => Ok(Filter::Words(
                text.split_whitespace().map(str::to_lowercase).collect(),
            )),
        }
    }

    /// Whether `run` passes.
    pub fn lets(&self, run: &Run) -> bool {
        match self {
            Filter::Words(words) => {
                let name = run.name.to_lowercase();
                words.iter().all(|w| name.contains(w))
            }
            Filter::Query(query) => query.matches(&|name| answer(run, name)),
        }
    }
}

/// What a name in a filter is for `run`: its name, last step, a hyperparameter, a metric's last
/// number, or a function of a metric.
fn answer(run: &Run, name: &str) -> Option<Value> {
    let function = name
        .split_once('(')
        .and_then(|(f, rest)| Some((f, rest.strip_suffix(')')?)));
    if let Some((function, metric)) = function {
        let series = series_of(run, metric)?;
        let finite = || series.points().map(|p| p.value).filter(|v| v.is_finite());
        let number = match function {
            "first" => series.get(0)?.value,
            "last" => series.last()?.value,
            "min" => series.range()?.0,
            "max" => series.range()?.1,
            "mean" => finite().sum::<f64>() / finite().count() as f64,
            _ => return None,
        };
        return Some(Value::Number(number));
    }
    match (name, run.hyperparameters.get(name)) {
        (_, Some(Setting::Flag(v))) => Some(Value::Flag(*v)),
        (_, Some(Setting::Number(v))) => Some(Value::Number(*v)),
        (_, Some(Setting::Text(v))) => Some(Value::Text(v.clone())),
        ("name", None) => Some(Value::Text(run.name.clone())),
        ("step", None) => run.steps().map(|(_, last)| Value::Number(last as f64)),
        (metric, None) => Some(Value::Number(series_of(run, metric)?.last()?.value)),
    }
}

/// Indices of the runs that the filter and the brushes let through, sorted as the board says. A
/// filter that cannot be read lets all through.
pub fn rows(runs: &[Arc<Run>], board: &Board) -> Vec<usize> {
    let filter = Filter::of(&board.filter).unwrap_or(Filter::Words(Vec::new()));
    let brushes: Vec<(Axis, [f32; 2])> = board
        .brushes
        .iter()
        .filter_map(|(key, range)| Some((Axis::of(runs, key)?, *range)))
        .collect();
    let fits = |run: &Run| {
        let within = |(axis, [low, high]): &(Axis, [f32; 2])| {
            axis.place(run).is_some_and(|at| (*low..=*high).contains(&at))
        };
        filter.lets(run) && brushes.iter().all(within)
    };
    let mut rows: Vec<usize> = (0..runs.len()).filter(|&i| fits(&runs[i])).collect();
    if let Some((key, falling)) = &board.sort {
        // What is missing stands last either way.
        let value = |i: usize| match runs[i].hyperparameters.get(key) {
            Some(Setting::Number(v)) => (Some(*v), String::new()),
            Some(other) => (None, other.to_string()),
            None => (figures(&runs[i], key).map(|f| f.last), String::new()),
        };
        let mut keyed: Vec<_> = rows.iter().map(|&i| (value(i), i)).collect();
        keyed.sort_by(|((a, at), _), ((b, bt), _)| {
            let numbers = match (a.filter(|v| !v.is_nan()), b.filter(|v| !v.is_nan())) {
                (Some(a), Some(b)) if *falling => b.total_cmp(&a),
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            numbers.then_with(|| if *falling { bt.cmp(at) } else { at.cmp(bt) })
        });
        rows = keyed.into_iter().map(|(_, i)| i).collect();
    }
    rows
}

#[cfg(test)]
mod tests {
    use model::{Point, Record};

    use super::*;

    fn runs() -> Vec<Arc<Run>> {
        let make = |name: &str, rate: Option<f64>, losses: &[f64]| {
            let mut run = Run::new(name);
            for (step, &value) in losses.iter().enumerate() {
                for (tag, value) in [("loss", value), ("val_loss", value + 1.0)] {
                    let tag = tag.to_string();
                    let (step, wall) = (step as i64, 0.0);
                    run.take(Record::Scalar {
                        tag,
                        point: Point { step, wall, value },
                    });
                }
            }
            let set = |name: &str, value| Record::Hyperparameter {
                name: name.into(),
                value,
            };
            rate.into_iter()
                .for_each(|r| run.take(set("rate", Setting::Number(r))));
            run.take(set("batch", Setting::Number(64.0)));
            Arc::new(run)
        };
        vec![
            make("sgd/seed1", Some(0.1), &[3.0, 1.0, 2.0]),
            make("sgd/seed2", Some(0.01), &[3.0, f64::NAN]),
            make("adam/seed1", None, &[0.5]),
        ]
    }

    #[test]
    fn runs_are_grouped_sorted_and_filtered() {
        let runs = runs();
        let of = |g: &Grouping| groups(&runs, g);
        assert_eq!(of(&Grouping::Run).of, [0, 1, 2]);
        let folders = of(&Grouping::Folder);
        assert_eq!(
            (folders.of, folders.names),
            (vec![0, 0, 1], vec!["sgd".into(), "adam".into()])
        );
        let rates = of(&Grouping::Setting("rate".into()));
        assert_eq!(rates.names, ["rate = 0.1", "rate = 0.01", "no rate"]);
        assert_eq!(settings(&runs), ["rate", "batch"], "what differs stands first");
        let sorted = |key: &str, falling| {
            let sort = Some((key.to_string(), falling));
            rows(
                &runs,
                &Board {
                    sort,
                    ..Board::default()
                },
            )
        };
        assert_eq!(sorted("rate", false), [1, 0, 2]);
        assert_eq!(sorted("rate", true), [0, 1, 2], "what is missing stays last");
        assert_eq!(sorted("loss", true), [0, 2, 1], "NaN is last");
        let brushes = [("rate".to_string(), [0.9, 1.0])].into();
        assert_eq!(
            rows(
                &runs,
                &Board {
                    brushes,
                    ..Board::default()
                }
            ),
            [0]
        );
        let filter = "SEED1 sg".to_string();
        assert_eq!(
            rows(
                &runs,
                &Board {
                    filter,
                    ..Board::default()
                }
            ),
            [0]
        );
    }

    #[test]
    fn filters_are_words_or_expressions() {
        let runs = runs();
        let passing = |filter: &str| {
            let filter = filter.to_string();
            rows(
                &runs,
                &Board {
                    filter,
                    ..Board::default()
                },
            )
        };
        assert_eq!(passing("rate < 0.05"), [1]);
        assert_eq!(passing("min(loss) <= 2 and name ~ \"seed1\""), [0, 2]);
        assert_eq!(passing("val_loss > 2.5"), [0]);
        assert_eq!(passing("step >= 1"), [0, 1]);
        assert_eq!(passing("rate <"), [0, 1, 2], "what cannot be read hides nothing");
        assert!(Filter::of("rate <").is_err());
    }

    #[test]
    fn figures_are_of_the_validation_unless_a_tag_is_named() {
        let runs = runs();
        let told = figures(&runs[0], "loss").unwrap();
        assert_eq!((told.last, told.range), (3.0, Some((2.0, 4.0))));
        assert_eq!(figures(&runs[0], "val_loss"), Some(told));
        assert_eq!(figures(&runs[0], "accuracy"), None);
        let mut train = Run::clone(&runs[0]);
        train.series.remove("val_loss");
        assert_eq!(figures(&train, "loss").unwrap().last, 2.0);
    }
}
