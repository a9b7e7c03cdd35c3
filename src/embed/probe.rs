//! What a linear classifier can read from rows.

use crate::error::within;
use crate::{EmbedError, Table, par, product};

const BLOCK: usize = 256;
/// Pairs of steps and changes that curvature is estimated from.
const MEMORY: usize = 10;

/// How a probe is trained; the defaults are those of scikit-learn's `LogisticRegression`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeSettings {
    /// Inverse of the strength with which weights are held at 0 (`C`), above 0.
    pub inverse_penalty: f64,
    /// Iterations of L-BFGS at most.
    pub iterations: usize,
    /// It ends when no part of the mean loss' gradient is larger.
    pub tolerance: f64,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        ProbeSettings {
            inverse_penalty: 1.0,
            iterations: 100,
            tolerance: 1e-4,
        }
    }
}

/// Multinomial logistic regression.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Classes × columns.
    pub weights: Vec<f32>,
    /// One a class.
    pub bias: Vec<f32>,
    /// Share of the training rows that it gets right, 0 to 1.
    pub train_accuracy: f64,
    /// Share of the test rows that it gets right; NaN without test rows.
    pub test_accuracy: f64,
    /// Iterations that it took.
    pub iterations: usize,
}

impl Probe {
    /// Trains on the rows `train` and tests on the rows `test`. `classes[row]` counts from 0. The loss is
    /// cross entropy, summed, with half the squared weights over `inverse_penalty`; biases are free.
    ///
    /// # Errors
    /// For no training rows, for rows that there are not, for other than one class a row, and for settings
    /// out of their range.
    pub fn fit(
        table: &Table<'_>,
        classes: &[u32],
        [train, test]: [&[u32]; 2],
        settings: &ProbeSettings,
    ) -> Result<Probe, EmbedError> {
        let (expected, found) = (table.rows(), classes.len());
        if expected != found {
            let what = "classes of rows";
            return Err(EmbedError::Lengths {
                what,
                expected,
                found,
            });
        }
        if train.is_empty() {
            return Err(EmbedError::FewRows { rows: 0, least: 1 });
        }
        within("inverse penalty", settings.inverse_penalty, 1e-12, 1e12)?;
        within("tolerance", settings.tolerance, 0.0, 1e12)?;
        for &row in train.iter().chain(test) {
            within("row", f64::from(row), 0.0, expected as f64 - 1.0)?;
        }
        let count = classes.iter().max().map_or(1, |&c| c as usize + 1);
        within("classes", count as f64, 1.0, 65_536.0)?;
        // A column more, of ones, for the bias.
        let gather = |rows: &[u32]| -> Vec<f32> {
            let rows = rows.iter().map(|&r| table.row(r as usize));
            rows.flat_map(|r| r.iter().copied().chain([1.0])).collect()
        };
        let problem = Problem {
            rows: gather(train),
            wanted: train.iter().map(|&r| classes[r as usize]).collect(),
            width: table.width() + 1,
            count,
            penalty: 1.0 / (settings.inverse_penalty * train.len() as f64),
        };
        let (solution, iterations) = minimise(&problem, settings);
        let weights: Vec<f32> = solution.iter().map(|&w| w as f32).collect();
        let accuracy = |rows: &[f32], wanted: &[u32]| {
            let logits = logits(&weights, rows, problem.width, count);
            let right = logits.chunks(count).zip(wanted).filter(|(row, wanted)| {
                let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                best.is_some_and(|(best, _)| best as u32 == **wanted)
            });
            right.count() as f64 / wanted.len() as f64
        };
        let tested: Vec<u32> = test.iter().map(|&r| classes[r as usize]).collect();
        let (train_accuracy, test_accuracy) = (
            accuracy(&problem.rows, &problem.wanted),
            accuracy(&gather(test), &tested),
        );
        let split = weights
            .chunks(problem.width)
            .map(|w| w.split_at(problem.width - 1));
        Ok(Probe {
            weights: split.clone().flat_map(|(w, _)| w.to_vec()).collect(),
            bias: split.map(|(_, b)| b[0]).collect(),
            train_accuracy,
            test_accuracy,
            iterations,
        })
    }
}

fn logits(weights: &[f32], rows: &[f32], width: usize, count: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len() / width * count];
    par::chunks(&mut out, count * BLOCK, |b, out| {
        let many = out.len() / count;
        product::dots(weights, &rows[b * BLOCK * width..][..many * width], width, out);
    });
    out
}

struct Problem {
    /// Rows × width, the last column of ones.
    rows: Vec<f32>,
    wanted: Vec<u32>,
    width: usize,
    count: usize,
    penalty: f64,
}

impl Problem {
    /// The mean loss and its gradient.
    fn loss(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let (width, count) = (self.width, self.count);
        let narrow: Vec<f32> = weights.iter().map(|&w| w as f32).collect();
        let many = self.wanted.len();
        let parts = par::map(many.div_ceil(BLOCK), |b| {
            let wanted = &self.wanted[b * BLOCK..many.min((b + 1) * BLOCK)];
            let rows = &self.rows[b * BLOCK * width..][..wanted.len() * width];
            let mut errors = vec![0.0; wanted.len() * count];
            product::dots(&narrow, rows, width, &mut errors);
            let mut loss = 0.0;
            for (row, &wanted) in errors.chunks_mut(count).zip(wanted) {
                let largest = row.iter().fold(f32::NEG_INFINITY, |m, &v| m.max(v));
                let own = row[wanted as usize];
                row.iter_mut().for_each(|v| *v = (*v - largest).exp());
                let sum: f32 = row.iter().sum();
                loss += f64::from(sum.ln() + largest - own);
                row.iter_mut().for_each(|v| *v /= sum);
                row[wanted as usize] -= 1.0;
            }
            let mut gradient = vec![0.0; count * width];
            product::outer(&errors, rows, [count, width], &mut gradient);
            (loss, gradient)
        });
        let (mut loss, mut gradient) = (0.0, vec![0f64; weights.len()]);
        for (part, slope) in parts {
            loss += part;
            gradient
                .iter_mut()
                .zip(slope)
                .for_each(|(g, s)| *g += f64::from(s));
        }
        loss /= many as f64;
        for (i, (g, &w)) in gradient.iter_mut().zip(weights).enumerate() {
            *g /= many as f64;
            if i % width != width - 1 {
                loss += 0.5 * self.penalty * w * w;
                *g += self.penalty * w;
            }
        }
        (loss, gradient)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// L-BFGS (Liu and Nocedal 1989) with a line search by halves and doubles for Wolfe's weak conditions.
fn minimise(problem: &Problem, settings: &ProbeSettings) -> (Vec<f64>, usize) {
    let mut at = vec![0f64; problem.count * problem.width];
    let (mut loss, mut gradient) = problem.loss(&at);
    let mut memory: std::collections::VecDeque<(Vec<f64>, Vec<f64>, f64)> = Default::default();
    for iteration in 0..settings.iterations {
        if gradient.iter().all(|g| g.abs() <= settings.tolerance) {
            return (at, iteration);
        }
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(memory.len());
        for (s, y, rho) in memory.iter().rev() {
            let alpha = rho * dot(s, &direction);
            direction.iter_mut().zip(y).for_each(|(d, y)| *d -= alpha * y);
            alphas.push(alpha);
        }
        let scale = match memory.back() {
            Some((_, y, rho)) => 1.0 / (rho * dot(y, y)),
            None => 1.0 / dot(&gradient, &gradient).sqrt(),
        };
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((s, y, rho), alpha) in memory.iter().zip(alphas.iter().rev()) {
            let beta = rho * dot(y, &direction);
            direction
                .iter_mut()
                .zip(s)
                .for_each(|(d, s)| *d += (alpha - beta) * s);
        }
        let slope = dot(&gradient, &direction);
        let (mut low, mut high, mut step) = (0.0, f64::INFINITY, 1.0);
        let mut found = None;
        for _ in 0..30 {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(a, d)| a + step * d).collect();
            let (value, slopes) = problem.loss(&next);
            let falls = value <= loss + 1e-4 * step * slope;
            let flat = dot(&slopes, &direction) >= 0.9 * slope;
            if falls {
                found = Some((next, value, slopes));
            }
            match (falls, flat) {
                (true, true) => break,
                (false, _) => high = step,
                (true, false) => low = step,
            }
            step = if high.is_finite() {
                (low + high) / 2.0
            } else {
                step * 2.0
            };
        }
        // float32 sums allow no further descent.
        let Some((next, value, slopes)) = found else {
            return (at, iteration);
        };
        let s: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = slopes.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&s, &y);
        if curvature > 1e-14 * dot(&y, &y) {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back((s, y, 1.0 / curvature));
        }
        (at, loss, gradient) = (next, value, slopes);
    }
    (at, settings.iterations)
}
