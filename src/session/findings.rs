//! What a run's curves say: faults with their reasons, and the best place to stop.

use std::sync::Arc;

use analyze::{
    Cue, CueKind, Goal, Place, RunCurve, divergence, early_stopping, exploding_gradient, not_finite,
    overfitting, plateau, unstable_rate,
};
use model::run::MarkKind;
use model::{Run, Series};

use crate::histories::{Split, split_of};

/// Sorts of findings, gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Sort {
    NotFinite,
    Diverges,
    Explodes,
    Overfits,
    Unstable,
    Plateau,
    Best,
}

impl Sort {
    /// One or two words.
    pub fn name(self) -> &'static str {
        match self {
            Sort::NotFinite => "not finite",
            Sort::Diverges => "diverges",
            Sort::Explodes => "gradient explodes",
            Sort::Overfits => "overfitting",
            Sort::Unstable => "unstable",
            Sort::Plateau => "plateau",
            Sort::Best => "best",
        }
    }

    /// False for what is no fault.
    pub fn is_fault(self) -> bool {
        !matches!(self, Sort::Plateau | Sort::Best)
    }
}

/// Something seen on a curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub sort: Sort,
    /// The metric of the chart on which it is seen.
    pub metric: String,
    /// Steps between which it is seen.
    pub steps: [f64; 2],
    /// The reason, one sentence with numbers.
    pub why: String,
}

/// Validations that may pass without a better one before training should have stopped.
pub const PATIENCE: usize = 5;

/// Longer curves are looked at by every n-th point: detectors need no more.
const POINTS: usize = 20_000;

/// What is better of a metric, as its name tells.
fn goal(metric: &str) -> Option<Goal> {
    let name = metric.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if has(&["loss", "error", "perplexity", "mse", "mae", "rmse", "nll"]) {
        return Some(Goal::Less);
    }
    has(&[
        "accuracy",
        "acc",
        "auc",
        "f1",
        "precision",
        "recall",
        "bleu",
        "r2",
    ])
    .then_some(Goal::More)
}

/// Steps and values, losses negated where more is better.
fn columns(series: &Series, sign: f64) -> (Vec<f64>, Vec<f64>) {
    let every = series.len().div_ceil(POINTS).max(1);
    let points = series.points().step_by(every);
    points.map(|p| (p.step as f64, sign * p.value)).unzip()
}

fn curve(columns: &(Vec<f64>, Vec<f64>)) -> RunCurve<'_> {
    RunCurve {
        steps: &columns.0,
        values: &columns.1,
    }
}

/// Everything that is seen in `run`, gravest first.
pub fn findings(run: &Run) -> Arc<[Finding]> {
    let mut found = Vec::new();
    let mut add = |metric: &str, cue: Option<Cue>| {
        let Some(Cue { kind, place, why, .. }) = cue else {
            return;
        };
        let sort = match kind {
            CueKind::NotFinite => Sort::NotFinite,
            CueKind::Divergence => Sort::Diverges,
            CueKind::ExplodingGradient => Sort::Explodes,
            CueKind::Overfitting => Sort::Overfits,
            CueKind::UnstableRate => Sort::Unstable,
            CueKind::Plateau => Sort::Plateau,
            // These are of layers, not of curves.
            CueKind::VanishingGradient | CueKind::DeadUnits => return,
        };
        let Place::Steps(from, to) = place else { return };
        let metric = metric.to_string();
        found.push(Finding {
            sort,
            metric,
            steps: [from, to],
            why,
        });
    };
    let rate = run.series.iter().find(|(tag, _)| {
        let name = tag.to_lowercase().replace(['_', '-', '/'], " ");
        name == "lr" || name.contains("learning rate")
    });
    let rate = rate.map(|(_, series)| columns(series, 1.0));
    for (tag, series) in &run.series {
        let (metric, split) = split_of(tag);
        let own = columns(series, 1.0);
        if series.chunks().iter().any(|c| c.finite() < c.values().len()) {
            add(&metric, not_finite(&curve(&own)));
        }
        if tag == "gradients/norm" {
            add(&metric, exploding_gradient(&curve(&own)));
        }
        let Some(goal) = goal(&metric) else { continue };
        let sign = if goal == Goal::More { -1.0 } else { 1.0 };
        let sibling = |wanted: Split| {
            let mut all = run.series.iter().map(|(t, s)| (split_of(t), s));
            all.find(|((m, s), _)| {
                *m == metric && (*s == wanted || wanted == Split::Train && *s == Split::None)
            })
        };
        let validation = split == Split::Validation;
        if validation {
            if let Some((_, training)) = sibling(Split::Train) {
                let pair = [columns(training, sign), columns(series, sign)];
                add(&metric, overfitting(&curve(&pair[0]), &curve(&pair[1])));
            }
        } else if split != Split::Test {
            if goal == Goal::Less {
                add(&metric, divergence(&curve(&own)));
                add(
                    &metric,
                    unstable_rate(&curve(&own), rate.as_ref().map(curve).as_ref()),
                );
            }
            // The validation tells better whether anything improves.
            if sibling(Split::Validation).is_none() {
                add(&metric, plateau(&curve(&own), goal));
            }
        }
        if validation {
            add(&metric, plateau(&curve(&own), goal));
        }
    }
    for (tag, series) in &run.series {
        let (metric, split) = split_of(tag);
        if let (Split::Validation, Some(goal)) = (split, goal(&metric)) {
            found.extend(best(&metric, series, goal));
        }
    }
    for mark in run.marks.iter().filter(|m| m.kind == MarkKind::Problem) {
        found.push(Finding {
            sort: Sort::NotFinite,
            metric: String::new(),
            steps: [mark.step as f64; 2],
            why: mark.text.clone(),
        });
    }
    found.sort_by_key(|f| f.sort);
    found.into()
}

/// The best validation, and where early stopping would have ended the run.
fn best(metric: &str, series: &Series, goal: Goal) -> Option<Finding> {
    let (steps, values) = columns(series, 1.0);
    let found = early_stopping(&values, PATIENCE, 0.0, goal)?;
    let at = steps[found.best];
    let value = crate::words::value(values[found.best]);
    let why = match found.stopped {
        Some(stop) => format!(
            "The best {metric}, {value}, is at step {at}; {PATIENCE} validations without a better one end at step {}",
            steps[stop]
        ),
        None => format!("The best {metric} so far, {value}, is at step {at}"),
    };
    Some(Finding {
        sort: Sort::Best,
        metric: metric.to_string(),
        steps: [at, at],
        why,
    })
}

#[cfg(test)]
mod tests {
    use model::{Point, Record};

    use super::*;

    fn run(tags: &[(&str, &dyn Fn(f64) -> f64)], count: i64) -> Run {
        let mut run = Run::new("run");
        for step in 0..count {
            for (tag, value) in tags {
                let value = value(step as f64);
                let tag = tag.to_string();
                run.take(Record::Scalar {
                    tag,
                    point: Point {
                        step,
                        wall: 0.0,
                        value,
                    },
                });
            }
        }
        run
    }

    fn sorts(run: &Run) -> Vec<Sort> {
        findings(run).iter().map(|f| f.sort).collect()
    }

    #[test]
    fn faults_are_found_on_their_charts() {
        let falls = |t: f64| 0.1 + 2.0 * (-t / 40.0).exp() + 0.004 * (t * 12.9898).sin();
        let rises = |t: f64| falls(t) + 0.003 * (t - 60.0).max(0.0);
        let found = findings(&run(&[("loss", &falls), ("val_loss", &rises)], 300));
        let over = found
            .iter()
            .find(|f| f.sort == Sort::Overfits)
            .expect("overfitting");
        assert_eq!(over.metric, "loss");
        assert!((40.0..140.0).contains(&over.steps[0]), "{over:?}");
        let best = found.iter().find(|f| f.sort == Sort::Best).expect("a best place");
        assert!(best.why.contains("end at step"), "{best:?}");
        let good = sorts(&run(&[("loss", &falls), ("val_loss", &falls)], 100));
        assert!(!good.iter().any(|s| s.is_fault()), "{good:?}");
        let breaks = |t: f64| if t > 50.0 { f64::NAN } else { falls(t) };
        assert_eq!(sorts(&run(&[("loss", &breaks)], 100))[0], Sort::NotFinite);
        let away = |t: f64| if t > 80.0 { 50.0 + t } else { falls(t) };
        assert!(sorts(&run(&[("loss/train", &away)], 200)).contains(&Sort::Diverges));
        // More is better: an accuracy that falls again is overfitting too.
        let (rising, falling) = (|t: f64| 1.0 - falls(t), |t: f64| 1.0 - rises(t));
        let two = run(
            &[("accuracy/train", &rising), ("accuracy/validation", &falling)],
            300,
        );
        assert!(sorts(&two).contains(&Sort::Overfits));
    }

    #[test]
    fn what_is_no_loss_is_not_judged() {
        let noise = |t: f64| (t * 12.9898).sin();
        assert_eq!(sorts(&run(&[("temperature", &noise)], 100)), []);
        assert_eq!(sorts(&Run::new("empty")), []);
    }
}
