//! Where numbers stopped being numbers: the first layer and operator, forward or backward.

use std::collections::HashMap;

use burn_backend::ops::FloatTensorOps;
use burn_backend::tensor::FloatTensor;
use burn_backend::{AutodiffBackend, FloatDType, Shape};
use model::TensorId;

use super::batch::Batch;
use super::work::{Auto, Job, Work};
use crate::place::Place;
use crate::run::{Keep, RunError};
use crate::value::{Value, dims, read_async};

/// A computed tensor, and the leaf beside it that keeps its gradient.
type Made<P> = (TensorId, FloatTensor<Auto<P>>, FloatTensor<Auto<P>>);

/// What is not a number among some.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Odd {
    nan: usize,
    infinite: usize,
    of: usize,
}

impl Odd {
    fn of(values: &[f32]) -> Option<Self> {
        let odd = Odd {
            nan: values.iter().filter(|v| v.is_nan()).count(),
            infinite: values.iter().filter(|v| v.is_infinite()).count(),
            of: values.len(),
        };
        (odd.nan + odd.infinite > 0).then_some(odd)
    }
}

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let all = self.of;
        match (self.nan, self.infinite) {
            (nan, 0) => write!(f, "{nan} of {all} values NaN"),
            (0, infinite) => write!(f, "{infinite} of {all} values infinite"),
            (nan, infinite) => write!(f, "{nan} of {all} values NaN and {infinite} infinite"),
        }
    }
}

impl<P: Place> Work<P> {
    /// Repeats the pass of `batch`, watched, and says what made the first number that is none.
    pub async fn trace_problem(&mut self, batch: &Batch, job: &Job<'_>) -> Result<String, RunError> {
        for p in &self.parameters {
            if let Some(odd) = self.odd(p.id, p.now.clone()).await? {
                return Ok(format!("the parameter {:?} had {odd} before the step", p.name));
            }
        }
        for (name, data) in &batch.inputs {
            if let Some(odd) = data.to_f32().as_deref().and_then(Odd::of) {
                return Ok(format!("the examples had {odd} for input {name:?}"));
            }
        }
        let tracked = self.load();
        let device = self.place.device();
        let inputs = self.executor.inputs(&batch.inputs)?;
        let options = self.options(Keep::All, job.seed);
        let mut made: Vec<Made<P>> = Vec::new();
        // Leaves of zeros beside each tensor keep its gradient.
        let mut tap = |id: TensorId, value: Value<Auto<P>>| match value {
            Value::Float(t) => {
                let shape = Shape::from(dims::<Auto<P>>(&t));
                let zeros = Auto::<P>::float_zeros(shape, &device, FloatDType::F32);
                let leaf = Auto::<P>::float_set_require_grad(zeros, true);
                let t = Auto::<P>::float_add(t, leaf.clone());
                made.push((id, t.clone(), leaf));
                Value::Float(t)
            }
            other => other,
        };
        let pass = self.executor.run_tapped(inputs, &options, &mut tap).await?;
        let words = |id: TensorId| {
            let layer = self.network.tensor(id).producer.map(|l| self.network.layer(l));
            layer.map_or_else(String::new, |l| format!("layer {:?} ({})", l.name, l.kind))
        };
        for (id, t, _) in &made {
            if let Some(odd) = self.odd(*id, t.primitive.clone()).await? {
                return Ok(format!("{} gave the first: {odd}", words(*id)));
            }
        }
        let mut found = Vec::new();
        for id in &self.reads.tensors {
            if let Some(Value::Float(t)) = pass.values.get(id) {
                found.push(t.clone());
            }
        }
        let judged = (job.plan.loss)
            .judge::<Auto<P>>(&found, self.reads.logits, &batch.answers, &device)
            .map_err(|e| self.fail(self.reads.tensors[0], e))?;
        let loss = judged.loss.primitive.clone();
        if self.odd(self.reads.tensors[0], loss).await?.is_some() {
            return Ok(format!(
                "the loss itself ({}) gave it, from outputs that are finite",
                job.plan.loss.name()
            ));
        }
        let mut slopes = Auto::<P>::backward(judged.loss);
        // From the loss to the input, the first layer whose output's gradient is fine and that
        // hands on one that is not.
        let mut bad: HashMap<TensorId, Odd> = HashMap::new();
        for (id, _, leaf) in &made {
            if let Some(gradient) = Auto::<P>::grad_remove(leaf, &mut slopes)
                && let Some(odd) = self.odd(*id, gradient).await?
            {
                bad.insert(*id, odd);
            }
        }
        for (p, leaf) in self.parameters.iter().zip(&tracked) {
            let gradient = leaf.as_ref().and_then(|l| Auto::<P>::grad_remove(l, &mut slopes));
            if let Some(gradient) = gradient
                && let Some(odd) = self.odd(p.id, gradient).await?
            {
                bad.insert(p.id, odd);
            }
        }
        for (id, ..) in made.iter().rev() {
            let Some(producer) = self.network.tensor(*id).producer else {
                continue;
            };
            let reads = self.network.dependencies(producer);
            let first = reads.iter().find_map(|t| bad.get(t));
            if let (Some(odd), false) = (first, bad.contains_key(id)) {
                return Ok(format!("the gradient of {} gave the first: {odd}", words(*id)));
            }
        }
        let first = made.iter().rev().find_map(|(id, ..)| Some((*id, bad.get(id)?)));
        Ok(match first {
            Some((id, odd)) => format!(
                "the gradient of the loss ({}) gave the first, for {}: {odd}",
                job.plan.loss.name(),
                words(id)
            ),
            None => "the norm of the gradients is beyond float32".into(),
        })
    }

    async fn odd(&self, id: TensorId, t: FloatTensor<P::Backend>) -> Result<Option<Odd>, RunError> {
        let values = read_async::<P::Backend>(t).await;
        Ok(Odd::of(&values.map_err(|e| self.fail(id, e))?))
    }
}
