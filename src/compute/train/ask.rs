//! Questions to a network between two steps: gradients, activations and losses of chosen examples.
//! Nothing of the training changes by them.

use model::{LayerId, TensorData};

use super::trainer::{Task, Trainer, on};
use super::work::{Job, Work};
use crate::place::Place;
use crate::run::{Keep, RunError, RunOptions};
use crate::value::{Value, dims, float, read_async};

/// Draws dropout and noise of all questions alike.
const SEED: u64 = 0x5eed;

/// Loss and gradients of some examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Slopes {
    /// Mean loss.
    pub loss: f64,
    /// The gradient of each parameter that learns: its place in [`Trainer::parameters`], values.
    pub gradients: Vec<(usize, Vec<f32>)>,
}

impl Trainer {
    /// Names and shapes of the parameters.
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        on!(&self.device, work => work.shapes())
    }

    /// Values of the parameters, each as long as its shape says.
    ///
    /// # Errors
    /// [`RunError`] where the device fails.
    pub fn values(&self) -> Task<'_, Result<Vec<Vec<f32>>, RunError>> {
        Box::pin(async move { on!(&self.device, work => work.values().await) })
    }

    /// Loss and gradients of the training examples `picks`, as a step would find them: with dropout,
    /// and with the statistics of this batch; without augmentation.
    ///
    /// # Errors
    /// [`RunError`] as for a step.
    pub fn gradients(&mut self, picks: &[u32]) -> Task<'_, Result<Slopes, RunError>> {
        let batch = self.feed.batch(picks, &self.plan, None, [SEED, 0]);
        Box::pin(async move {
            let job = Job {
                plan: &self.plan,
                rate: 0.0,
                momentum: None,
                seed: SEED,
                look: false,
                count: false,
            };
            on!(&mut self.device, work => {
                let found = work.differentiate(&batch, &job).await?;
                let gradients = work.read(found.gradients).await?;
                Ok(Slopes { loss: found.outcome.loss, gradients })
            })
        })
    }

    /// What each layer of the main graph computes of the training examples `picks`, as the network
    /// is used: the first output, where it is of floats.
    ///
    /// # Errors
    /// [`RunError`] as for a pass.
    pub fn activations(&mut self, picks: &[u32]) -> Task<'_, Result<Vec<(LayerId, TensorData)>, RunError>> {
        let batch = self.feed.batch(picks, &self.plan, None, [SEED, 0]);
        Box::pin(async move { on!(&mut self.device, work => work.activations(&batch.inputs).await) })
    }

    /// Mean loss of the training examples `picks` if the parameters were `values`, as
    /// [`Trainer::values`] has them. Batch normalisation takes the statistics of these examples.
    ///
    /// # Errors
    /// [`RunError`] as for a pass; [`RunError::Plan`] for values of another size.
    pub fn loss_at(&mut self, values: &[Vec<f32>], picks: &[u32]) -> Task<'_, Result<f64, RunError>> {
        let batch = self.feed.batch(picks, &self.plan, None, [SEED, 0]);
        let values = values.to_vec();
        Box::pin(async move {
            let loss = &self.plan.loss;
            on!(&mut self.device, work => {
                work.put(&values)?;
                let options = RunOptions {
                    keep: Keep::Outputs,
                    training: true,
                    seed: SEED,
                    give_way: work.give_way,
                    ..RunOptions::default()
                };
                Ok(work.judge_as(&batch, loss, &options).await?.loss)
            })
        })
    }
}

impl<P: Place> Work<P> {
    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let of = |p: &super::work::Parameter<P::Backend>| (p.name.clone(), dims::<P::Backend>(&p.now));
        self.parameters.iter().map(of).collect()
    }

    async fn values(&self) -> Result<Vec<Vec<f32>>, RunError> {
        let mut all = Vec::with_capacity(self.parameters.len());
        for p in &self.parameters {
            let values = read_async::<P::Backend>(p.now.clone()).await;
            all.push(values.map_err(|e| self.fail(p.id, e))?);
        }
        Ok(all)
    }

    async fn read(
        &self,
        tensors: Vec<Option<burn_backend::tensor::FloatTensor<P::Backend>>>,
    ) -> Result<Vec<(usize, Vec<f32>)>, RunError> {
        let mut all = Vec::new();
        for (i, tensor) in tensors.into_iter().enumerate() {
            if let Some(tensor) = tensor {
                let values = read_async::<P::Backend>(tensor).await;
                all.push((i, values.map_err(|e| self.fail(self.parameters[i].id, e))?));
            }
        }
        Ok(all)
    }

    async fn activations(
        &mut self,
        inputs: &[(String, TensorData)],
    ) -> Result<Vec<(LayerId, TensorData)>, RunError> {
        self.load_judge();
        let options = RunOptions {
            keep: Keep::All,
            budget: u64::MAX,
            unit_strides: P::UNIT_STRIDES,
            give_way: self.give_way,
            ..RunOptions::default()
        };
        let inputs = self.judge.inputs(inputs)?;
        let mut pass = self.judge.run_async(inputs, &options).await?;
        let mut all = Vec::new();
        for &id in &self.network.main().layers {
            let Some(Some(output)) = self.network.layer(id).outputs.first() else {
                continue;
            };
            let Some(Value::Float(t)) = pass.values.remove(output) else {
                continue;
            };
            let shape: Vec<u64> = dims::<P::Backend>(&t).iter().map(|&d| d as u64).collect();
            let values = read_async::<P::Backend>(t).await;
            let values = values.map_err(|e| self.fail(*output, e))?;
            all.push((id, TensorData::from_f32(&shape, &values)));
        }
        Ok(all)
    }

    /// Puts other values into the executor without gradients.
    fn put(&mut self, values: &[Vec<f32>]) -> Result<(), RunError> {
        let fits = values.len() == self.parameters.len();
        let mut sizes = self.parameters.iter().zip(values).map(|(p, v)| {
            let size: usize = dims::<P::Backend>(&p.now).iter().product();
            size == v.len()
        });
        if !fits || !sizes.all(|same| same) {
            return Err(RunError::Plan {
                problem: "weights of another network".into(),
            });
        }
        for (p, values) in self.parameters.iter().zip(values) {
            let shape = dims::<P::Backend>(&p.now);
            let now = float::<P::Backend>(values.clone(), &shape, &self.place.device());
            self.judge.set(p.id, Value::Float(now));
        }
        Ok(())
    }
}
