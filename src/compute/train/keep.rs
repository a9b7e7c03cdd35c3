//! What a training leaves: checkpoints that it resumes from, and the network.

use std::sync::Arc;

use model::run::{Mark, MarkKind};
use model::{Network, TensorData};

use super::batch::order;
use super::change::freeze;
use super::checkpoint::{Checkpoint, Progress};
use super::trainer::{Task, Trainer, on};
use super::work::Work;
use crate::place::Place;
use crate::run::RunError;

impl Trainer {
    /// The whole state between two steps.
    ///
    /// # Errors
    /// [`RunError`] where the device fails.
    pub fn checkpoint(&self) -> Task<'_, Result<Checkpoint, RunError>> {
        Box::pin(async move {
            let names = self.plan.optimizer.states();
            let (weights, states, updates) = on!(&self.device, work => {
                let updates = work.parameters.iter().map(|p| (p.name.clone(), p.state.updates));
                (work.weights().await?, work.states(names).await?, updates.collect())
            });
            let name = |id: model::TensorId| self.original.tensor(id).name.clone();
            Ok(Checkpoint {
                plan: self.plan.clone(),
                progress: Progress {
                    updates,
                    ..self.progress.clone()
                },
                weights: weights.into_iter().map(|(id, t)| (name(id), t)).collect(),
                states: states
                    .into_iter()
                    .map(|(name, state, t)| (name, state.to_string(), t))
                    .collect(),
            })
        })
    }

    /// Goes (back) to `checkpoint`, and gives the mark for the charts. What follows has the same
    /// numbers as it had after the checkpoint was made.
    ///
    /// # Errors
    /// [`RunError::Plan`] where it is of another network or data set; nothing is changed then.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<Mark, RunError> {
        let wrong = |problem: String| RunError::Plan { problem };
        let plan = checkpoint.plan.clone();
        plan.check().map_err(wrong)?;
        let p = &checkpoint.progress;
        if p.fed > self.feed.data.training.len() as u64 {
            return Err(wrong(format!(
                "the checkpoint has fed {} examples of an epoch, the data set has {}",
                p.fed,
                self.feed.data.training.len()
            )));
        }
        if plan.loss != self.plan.loss || plan.noise != self.plan.noise {
            return Err(wrong(format!(
                "the checkpoint is of a training with another loss ({})",
                plan.loss.name()
            )));
        }
        let original = self.original.clone();
        on!(&mut self.device, work => work.restore(checkpoint, &original))?;
        self.progress = p.clone();
        self.plan = plan;
        self.order = (
            self.progress.epoch,
            order(&self.feed.data, &self.plan, self.progress.epoch),
        );
        self.stopped = false;
        Ok(self.mark(
            MarkKind::Checkpoint,
            format!("resumed at step {}", self.progress.step),
        ))
    }

    /// The network with its present weights, element types as they were.
    ///
    /// # Errors
    /// [`RunError`] where the device fails.
    pub fn network(&self) -> Task<'_, Result<Network, RunError>> {
        Box::pin(async move {
            let weights = on!(&self.device, work => work.weights().await?);
            let mut network = (*self.original).clone();
            for (id, values) in weights {
                let tensor = &mut network.tensors[id.0 as usize];
                let dtype = tensor.data.as_ref().map_or(values.dtype, |d| d.dtype);
                let floats = values.to_f32().unwrap_or_default();
                let kept = TensorData::from_floats(dtype, &values.shape, &floats);
                tensor.data = Some(Arc::new(kept.unwrap_or(values)));
            }
            Ok(network)
        })
    }
}

impl<P: Place> Work<P> {
    /// Takes weights and optimizer states from `checkpoint`.
    fn restore(&mut self, checkpoint: &Checkpoint, network: &Network) -> Result<(), RunError> {
        let wrong = |problem: String| RunError::Plan { problem };
        let find = |name: &str, shape: &[usize]| {
            let found = checkpoint.weights.iter().find(|(n, _)| n == name).map(|(_, t)| t);
            let found = found.ok_or_else(|| wrong(format!("the checkpoint has no tensor {name:?}")))?;
            if !found.shape.iter().zip(shape).all(|(&a, &b)| a == b as u64)
                || found.shape.len() != shape.len()
            {
                return Err(wrong(format!(
                    "{name:?} is {:?} in the checkpoint and {shape:?} in the network",
                    found.shape
                )));
            }
            Ok(found)
        };
        let known = self.parameters.len() + self.running.len();
        if checkpoint.weights.len() != known {
            return Err(wrong(format!(
                "the checkpoint has {} tensors, the network {known}",
                checkpoint.weights.len()
            )));
        }
        let shape = |t| crate::value::dims::<P::Backend>(t);
        let mut new = Vec::with_capacity(self.parameters.len());
        let wanted = checkpoint.plan.optimizer.states();
        for p in &self.parameters {
            let shape = shape(&p.now);
            let now = self.upload(find(&p.name, &shape)?);
            let mut state = super::optimizer::State {
                tensors: Vec::new(),
                updates: checkpoint.progress.updates.get(&p.name).copied().unwrap_or(0),
            };
            for name in wanted {
                let held = |(of, own, _): &&(String, String, TensorData)| *of == p.name && own == name;
                let Some((.., values)) = checkpoint.states.iter().find(held) else {
                    continue;
                };
                if values.to_f32().map(|v| v.len()) != Some(shape.iter().product()) {
                    return Err(wrong(format!("state {name:?} of {:?} has another size", p.name)));
                }
                state.tensors.push(self.upload(values));
            }
            if state.updates > 0 && state.tensors.len() != wanted.len() {
                return Err(wrong(format!(
                    "the checkpoint lacks what {} remembers of {:?}",
                    checkpoint.plan.optimizer.name(),
                    p.name
                )));
            }
            new.push((now, state));
        }
        let mut running = Vec::with_capacity(self.running.len());
        for r in &self.running {
            running.push(self.upload(find(&r.name, &shape(&r.now))?));
        }
        freeze(network, &checkpoint.plan.frozen, &mut self.parameters).map_err(wrong)?;
        for (p, (now, state)) in self.parameters.iter_mut().zip(new) {
            (p.now, p.state) = (now, state);
        }
        for (r, now) in self.running.iter_mut().zip(running) {
            r.now = now;
        }
        self.recheck();
        Ok(())
    }
}
