//! Several runs of one experiment as one curve with a band.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::numbers::{mean, sample_variance};

/// What one run recorded: a value at each step. Where a step does not rise, the run began again,
/// and what stands before at the same or a larger step no longer counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunCurve<'a> {
    /// Finite.
    pub steps: &'a [f64],
    /// As many as steps; those that are not finite are gaps, across which nothing is drawn.
    pub values: &'a [f64],
}

impl RunCurve<'_> {
    /// Points that count, their steps rising.
    pub(crate) fn points(&self) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(self.steps.len());
        for (&step, &value) in self.steps.iter().zip(self.values) {
            if step.is_finite() {
                while points.last().is_some_and(|last| last.0 >= step) {
                    points.pop();
                }
                points.push((step, value));
            }
        }
        points
    }
}

/// What the runs that reach a step have there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandPoint {
    /// The step.
    pub step: f64,
    /// Number of runs that have a value there.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (divided by N - 1); NaN for one run.
    pub deviation: f64,
    /// Standard error of the mean, `deviation / sqrt(count)`.
    pub error: f64,
    /// Lower end of the confidence interval of the mean (Student's t); NaN for one run.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

/// All steps that any of the runs recorded, in order, thinned evenly to at most `limit` (2 at
/// least); the first and the last stay.
pub fn common_steps(runs: &[RunCurve], limit: usize) -> Vec<f64> {
    let mut steps: Vec<f64> = runs.iter().flat_map(|r| r.points()).map(|p| p.0).collect();
    steps.sort_unstable_by(f64::total_cmp);
    steps.dedup();
    let limit = limit.max(2);
    if steps.len() <= limit {
        return steps;
    }
    let last = (steps.len() - 1) as f64 / (limit - 1) as f64;
    (0..limit)
        .map(|i| steps[(i as f64 * last).round() as usize])
        .collect()
}

/// Mean and spread of `runs` at each of `steps`, with the interval that holds the mean with
/// probability `confidence` (0 to 1, as 0.95), if values are normally distributed.
///
/// Runs are interpolated linearly between the steps that they recorded, and never beyond them:
/// a run that stopped early counts up to its last step, `count` says how many are left. Steps that
/// no run reaches are left out. `confidence` outside 0 to 1 gives intervals of NaN.
pub fn band(runs: &[RunCurve], steps: &[f64], confidence: f64) -> Vec<BandPoint> {
    let runs: Vec<Vec<(f64, f64)>> = runs.iter().map(RunCurve::points).collect();
    // The quantile of Student's t by the number of runs.
    let quantile = |count: usize| match StudentsT::new(0.0, 1.0, count as f64 - 1.0) {
        Ok(t) if confidence > 0.0 && confidence < 1.0 => t.inverse_cdf(0.5 + confidence / 2.0),
        _ => f64::NAN,
    };
    let quantiles: Vec<f64> = (0..=runs.len()).map(quantile).collect();
    let mut values = Vec::with_capacity(runs.len());
    let point = |&step: &f64| {
        values.clear();
        values.extend(runs.iter().filter_map(|r| value_at(r, step)));
        let count = values.len();
        let deviation = sample_variance(&values).sqrt();
        let error = deviation / (count as f64).sqrt();
        let mean = mean(&values);
        (count > 0).then(|| BandPoint {
            step,
            count,
            mean,
            deviation,
            error,
            low: mean - quantiles[count] * error,
            high: mean + quantiles[count] * error,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    };
    steps.iter().filter_map(point).collect()
}

fn value_at(points: &[(f64, f64)], step: f64) -> Option<f64> {
    let after = points.partition_point(|p| p.0 < step);
    let &(right, high) = points.get(after)?;
    let value = if right == step {
        high
    } else {
        let &(left, low) = points.get(after.checked_sub(1)?)?;
        let part = (step - left) / (right - left);
        low * (1.0 - part) + high * part
    };
    value.is_finite().then_some(value)
}
