//! Which hyperparameters a result depends on, from a table of runs.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::correlation::{Correlation, spearman};

/// Fewest runs that say anything.
pub const FEWEST_RUNS: usize = 10;
/// Categories of a column that are told apart; rarer ones count as one.
pub const MOST_CATEGORIES: usize = 16;
/// Runs that are looked at; of more, so many evenly chosen.
const MOST_RUNS: usize = 4000;
const TREES: usize = 100;
const REPEATS: usize = 5;
/// Runs that are shuffled and predicted.
const SHUFFLED: usize = 500;

/// One hyperparameter of every run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Column<'a> {
    /// Numbers; NaN is missing. Their order counts, not their scale.
    Numbers(&'a [f64]),
    /// Number of a category; `None` is missing, which is a category, too.
    Categories(&'a [Option<u32>]),
}

impl Column<'_> {
    fn len(&self) -> usize {
        match self {
            Column::Numbers(n) => n.len(),
            Column::Categories(c) => c.len(),
        }
    }
}

/// What one hyperparameter matters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Share of the variance that splits on it take away in a random forest (impurity importance,
    /// `feature_importances_` of scikit-learn); all columns together have 1. Numbers of many
    /// different values get a little even where they do not matter.
    pub share: f64,
    /// How much the forest's coefficient of determination falls when the column is shuffled
    /// (`sklearn.inspection.permutation_importance` on the same runs, 500 at most, 5 times).
    pub permutation: f64,
    /// Rank correlation with the result; `None` for categories and constants.
    pub correlation: Option<Correlation>,
    /// All runs have the same value: nothing can be said.
    pub constant: bool,
}

/// What all hyperparameters matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importances {
    /// In the order of the columns.
    pub columns: Vec<Importance>,
    /// Coefficient of determination of the forest on runs that its trees have not seen (out of
    /// bag). At 0 or below, the table does not tell what the result depends on.
    pub explained: f64,
    /// Runs with a finite result that were looked at.
    pub runs: usize,
    /// Runs without one.
    pub left_out: usize,
}

impl Importances {
    /// Whether the forest predicts unseen runs better than their mean does.
    pub fn reliable(&self) -> bool {
        self.explained > 0.0
    }
}

/// Why there is no importance.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ImportanceError {
    #[error("runs with a finite result: found {found}, expected at least {FEWEST_RUNS}")]
    FewRuns { found: usize },
    #[error("all {runs} runs have the same result: nothing depends on anything")]
    SameResult { runs: usize },
    #[error("column {column}: found {found} values, expected one for each of {expected} runs")]
    Length {
        column: usize,
        found: usize,
        expected: usize,
    },
    #[error("the hyperparameters are the same in all {runs} runs")]
    Constant { runs: usize },
    #[error("random forest: {0}")]
    Forest(String),
}

/// Fits a random forest of 100 trees to `results` (one a run) and asks it, and the ranks, what each
/// column matters. The same `seed` gives the same answer.
///
/// Missing numbers stand below all others, so that trees can tell them apart; of a column of
/// categories, the [`MOST_CATEGORIES`] most frequent become a column of 0 and 1 each, and the rest
/// one together. Runs whose result is not finite are left out and counted. Leaves hold a 200th of the
/// runs, one at least, because the forest's time grows with leaves times runs; of more than 4,000 runs,
/// 4,000 evenly chosen ones are looked at.
pub fn importance(columns: &[Column], results: &[f64], seed: u64) -> Result<Importances, ImportanceError> {
    for (column, values) in columns.iter().enumerate() {
        if values.len() != results.len() {
            let (found, expected) = (values.len(), results.len());
            return Err(ImportanceError::Length {
                column,
                found,
                expected,
            });
        }
    }
    let finite: Vec<usize> = (0..results.len()).filter(|&i| results[i].is_finite()).collect();
    let left_out = results.len() - finite.len();
    let runs = finite.len().min(MOST_RUNS);
    let rows: Vec<usize> = (0..runs).map(|i| finite[i * finite.len() / runs]).collect();
    if runs < FEWEST_RUNS {
        return Err(ImportanceError::FewRuns { found: runs });
    }
    let target: Vec<f64> = rows.iter().map(|&i| results[i]).collect();
    if target.iter().all(|t| *t == target[0]) {
        return Err(ImportanceError::SameResult { runs });
    }
    // Features of each column, feature by feature; none of a constant one.
    let features: Vec<Vec<Vec<f64>>> = columns.iter().map(|c| encode(c, &rows)).collect();
    let count = features.iter().map(Vec::len).sum();
    if count == 0 {
        return Err(ImportanceError::Constant { runs });
    }
    let mut table: Vec<Vec<f64>> = vec![Vec::with_capacity(count); runs];
    for feature in features.iter().flatten() {
        table.iter_mut().zip(feature).for_each(|(row, &v)| row.push(v));
    }
    let failed = |e: smartcore::error::Failed| ImportanceError::Forest(e.to_string());
    let matrix = |table: &Vec<Vec<f64>>| DenseMatrix::from_2d_vec(table).map_err(failed);
    let x = matrix(&table)?;
    let parameters = RandomForestRegressorParameters::default()
        .with_n_trees(TREES)
        .with_m(count)
        .with_min_samples_leaf((runs / 200).max(1))
        .with_keep_samples(true)
        .with_seed(seed);
    let forest = RandomForestRegressor::fit(&x, &target, parameters).map_err(failed)?;
    let shares = forest.compute_feature_importances().map_err(failed)?;
    let explained = determination(&target, &forest.predict_oob(&x).map_err(failed)?);

    let tried: Vec<usize> = (0..runs).step_by(runs.div_ceil(SHUFFLED)).collect();
    let tried_target: Vec<f64> = tried.iter().map(|&i| target[i]).collect();
    let table: Vec<Vec<f64>> = tried.iter().map(|&i| table[i].clone()).collect();
    let predict = |table: &Vec<Vec<f64>>| forest.predict(&matrix(table)?).map_err(failed);
    let fitted = determination(&tried_target, &predict(&table)?);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut answers = Vec::with_capacity(columns.len());
    let mut at = 0;
    for (column, features) in columns.iter().zip(&features) {
        let own = at..at + features.len();
        at = own.end;
        let mut fall = 0.0;
        for _ in 0..if own.is_empty() { 0 } else { REPEATS } {
            // All features of the column move together.
            let mut order: Vec<usize> = (0..table.len()).collect();
            order.shuffle(&mut random);
            let mut shuffled = table.clone();
            for (row, &from) in shuffled.iter_mut().zip(&order) {
                row[own.clone()].copy_from_slice(&table[from][own.clone()]);
            }
            let predicted = predict(&shuffled)?;
            fall += (fitted - determination(&tried_target, &predicted)) / REPEATS as f64;
        }
        let correlation = match column {
            Column::Numbers(n) => {
                let n: Vec<f64> = rows.iter().map(|&i| n[i]).collect();
                spearman(&n, &target)
            }
            Column::Categories(_) => None,
        };
        answers.push(Importance {
            share: shares[own.clone()].iter().sum(),
            permutation: fall,
            correlation,
            constant: own.is_empty(),
        });
    }
    Ok(Importances {
        columns: answers,
        explained,
        runs,
        left_out,
    })
}

/// What trees can split on; nothing for a column that is the same in all rows.
fn encode(column: &Column, rows: &[usize]) -> Vec<Vec<f64>> {
    match column {
        Column::Numbers(numbers) => {
            // Infinities would have no middle to split at.
            let value = |&i: &usize| numbers[i].clamp(-1e300, 1e300);
            let values: Vec<f64> = rows.iter().map(value).collect();
            let known = values.iter().copied().filter(|v| !v.is_nan());
            let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
                (l.min(v), h.max(v))
            });
            let missing = low - (high - low).max(1.0);
            let some = values.iter().any(|v| v.is_nan());
            if low > high || low == high && !some {
                return Vec::new();
            }
            let fill = |v: f64| if v.is_nan() { missing } else { v };
            vec![values.into_iter().map(fill).collect()]
        }
        Column::Categories(categories) => {
            let mut counts = std::collections::BTreeMap::new();
            rows.iter()
                .for_each(|&i| *counts.entry(categories[i]).or_insert(0usize) += 1);
            let mut frequent: Vec<_> = counts.into_iter().collect();
            frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            if frequent.len() < 2 {
                return Vec::new();
            }
            let is = |category: Option<u32>| {
                let one = |&i: &usize| f64::from(u8::from(categories[i] == category));
                rows.iter().map(one).collect()
            };
            // The rest is where all are 0.
            let kept = frequent.iter().take(MOST_CATEGORIES);
            kept.map(|(category, _)| is(*category)).collect()
        }
    }
}

/// Coefficient of determination, over the rows that have a prediction.
fn determination(target: &[f64], predicted: &[f64]) -> f64 {
    let pairs = || target.iter().zip(predicted).filter(|(_, p)| p.is_finite());
    let mean = pairs().map(|(t, _)| t).sum::<f64>() / pairs().count() as f64;
    let total: f64 = pairs().map(|(t, _)| (t - mean).powi(2)).sum();
    let rest: f64 = pairs().map(|(t, p)| (t - p).powi(2)).sum();
    1.0 - rest / total
}
