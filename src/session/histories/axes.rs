//! Hyperparameters and results of runs as places on axes, for parallel coordinates.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Run;
use model::run::Setting;

use super::figures;

/// Numbers whose greatest is more than so many times the least stand on a logarithmic axis.
const WIDE: f64 = 50.0;

/// An axis of parallel coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Name of the hyperparameter or of the metric.
    pub key: String,
    /// What stands on it.
    pub kind: Kind,
}

/// What stands on an axis.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Kind {
    Numbers {
        low: f64,
        high: f64,
        log: bool,
    },
    /// In order, from below.
    Names(Vec<String>),
}

/// A run's value of a hyperparameter, else the last number of a metric.
pub fn value_of(run: &Run, key: &str) -> Option<Setting> {
    let setting = run.hyperparameters.get(key).cloned();
    setting.or_else(|| figures(run, key).map(|f| Setting::Number(f.last)))
}

impl Axis {
    /// The axis of `key` over `runs`; `None` where none of them has it, or all the same.
    pub fn of(runs: &[Arc<Run>], key: &str) -> Option<Self> {
        let values: Vec<Setting> = runs.iter().filter_map(|r| value_of(r, key)).collect();
        let number = |s: &Setting| match s {
            Setting::Number(v) => Some(*v),
            _ => None,
        };
        let kind = if values.iter().all(|v| number(v).is_some()) {
            let finite = || values.iter().filter_map(number).filter(|v| v.is_finite());
            let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
            if low == high {
                return None;
            }
            let log = low > 0.0 && high / low > WIDE;
            Kind::Numbers { low, high, log }
        } else {
            let names: BTreeSet<String> = values.iter().map(ToString::to_string).collect();
            if names.len() < 2 {
                return None;
            }
            Kind::Names(names.into_iter().collect())
        };
        let key = key.to_string();
        Some(Axis { key, kind })
    }

    /// Where `run` stands: 0 at the lower end, 1 at the upper one; `None` where it has no value.
    pub fn place(&self, run: &Run) -> Option<f32> {
        let value = value_of(run, &self.key)?;
        let share = match (&self.kind, &value) {
            (Kind::Numbers { low, high, log }, Setting::Number(v)) if v.is_finite() => match log {
                true => (v / low).ln() / (high / low).ln(),
                false => (v - low) / (high - low),
            },
            (Kind::Numbers { .. }, _) => return None,
            (Kind::Names(names), value) => {
                let at = names.binary_search(&value.to_string()).ok()?;
                (at as f64 + 0.5) / names.len() as f64
            }
        };
        share.is_finite().then_some(share as f32)
    }

    /// Words at places of the axis, from below.
    pub fn words(&self) -> Vec<(f32, String)> {
        match &self.kind {
            Kind::Numbers { low, high, log } => {
                let middle = if *log {
                    (low * high).sqrt()
                } else {
                    (low + high) / 2.0
                };
                let word = crate::words::value;
                vec![(0.0, word(*low)), (0.5, word(middle)), (1.0, word(*high))]
            }
            Kind::Names(names) => {
                let count = names.len() as f32;
                let words = names.iter().enumerate();
                words
                    .map(|(i, n)| ((i as f32 + 0.5) / count, n.clone()))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Record;

    use super::*;

    fn run(name: &str, rate: f64, optimizer: &str) -> Arc<Run> {
        let mut run = Run::new(name);
        let settings = [
            ("rate", Setting::Number(rate)),
            ("optimizer", Setting::Text(optimizer.into())),
        ];
        for (name, value) in settings {
            let name = name.to_string();
            run.take(Record::Hyperparameter { name, value });
        }
        Arc::new(run)
    }

    #[test]
    fn numbers_and_names_have_places() {
        let runs = [
            run("a", 0.001, "sgd"),
            run("b", 0.1, "adam"),
            run("c", 0.01, "sgd"),
        ];
        let rate = Axis::of(&runs, "rate").unwrap();
        assert!(matches!(rate.kind, Kind::Numbers { log: true, .. }));
        let places: Vec<f32> = runs.iter().filter_map(|r| rate.place(r)).collect();
        assert!(
            (places[0], places[1]) == (0.0, 1.0) && (places[2] - 0.5).abs() < 1e-6,
            "{places:?}"
        );
        let optimizer = Axis::of(&runs, "optimizer").unwrap();
        assert_eq!(optimizer.place(&runs[1]), Some(0.25));
        assert_eq!(optimizer.words()[1].1, "sgd");
        assert_eq!(rate.place(&Run::new("without")), None);
        assert_eq!(Axis::of(&runs, "missing"), None);
        assert_eq!(Axis::of(&runs[..1], "rate"), None, "all the same");
        let odd = [run("a", f64::NAN, "x"), run("b", 1.0, "x"), run("c", 2.0, "x")];
        let axis = Axis::of(&odd, "rate").unwrap();
        assert_eq!((axis.place(&odd[0]), axis.place(&odd[2])), (None, Some(1.0)));
    }
}
