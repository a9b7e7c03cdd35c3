//! How good a network is that learns: its loss and right answers on examples that it does not learn from.

use std::sync::Arc;

use model::Dataset;

use super::trainer::{Task, Trainer, on};
use crate::run::RunError;

/// Examples of a pass that judges.
const JUDGED: usize = 250;

/// How the validation part was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Mean loss.
    pub loss: f64,
    /// Share of right answers, where the loss knows of any.
    pub accuracy: Option<f64>,
    /// The loss's terms by name, where it has several.
    pub terms: Vec<(&'static str, f64)>,
    /// Examples.
    pub count: usize,
}

impl Trainer {
    /// Judges the network as it is by the validation part.
    ///
    /// # Errors
    /// [`RunError`] as for a pass; [`RunError::Plan`] where nothing is kept aside.
    pub fn validate(&mut self) -> Task<'_, Result<Judgement, RunError>> {
        let data = self.feed.data.clone();
        self.judge(data, |d| &d.validation, "validation")
    }

    /// Judges the network as it is by the test part, which nothing of the training depends on.
    ///
    /// # Errors
    /// As [`Trainer::validate`].
    pub fn test(&mut self) -> Task<'_, Result<Judgement, RunError>> {
        let data = self.feed.data.clone();
        self.judge(data, |d| &d.test, "test")
    }

    fn judge(
        &mut self,
        data: Arc<Dataset>,
        part: fn(&Dataset) -> &Vec<u32>,
        name: &'static str,
    ) -> Task<'_, Result<Judgement, RunError>> {
        Box::pin(async move {
            let all = part(&data);
            if all.is_empty() {
                return Err(RunError::Plan {
                    problem: format!("the data set has no {name} part"),
                });
            }
            let (mut loss, mut right, mut of) = (0.0, 0u64, 0u64);
            let mut terms: Vec<(&'static str, f64)> = Vec::new();
            for (i, picks) in all.chunks(JUDGED).enumerate() {
                let batch = self.feed.batch(picks, &self.plan, None, [u64::MAX, i as u64]);
                let loss_of = &self.plan.loss;
                let found = on!(&mut self.device, work => work.judge(&batch, loss_of).await)?;
                let share = picks.len() as f64 / all.len() as f64;
                loss += found.loss * share;
                for (k, (name, value)) in found.terms.into_iter().enumerate() {
                    match terms.get_mut(k) {
                        Some((_, sum)) => *sum += value * share,
                        None => terms.push((name, value * share)),
                    }
                }
                if let Some((r, o)) = found.right {
                    (right, of) = (right + r, of + o);
                }
            }
            let judged = Judgement {
                loss,
                accuracy: (of > 0).then(|| right as f64 / of as f64),
                count: all.len(),
                terms,
            };
            Ok(judged)
        })
    }
}
