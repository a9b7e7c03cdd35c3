//! A step on a device: forward, backward, update.

use std::collections::HashMap;
use std::sync::Arc;

use burn_autodiff::Autodiff;
use burn_backend::ops::FloatTensorOps;
use burn_backend::tensor::FloatTensor;
use burn_backend::{AutodiffBackend, Backend};
use model::network::TensorKind;
use model::{Attribute, Network, TensorData, TensorId};

use super::batch::Batch;
use super::cuts::Cuts;
use super::loss::{Loss, Reads};
use super::optimizer::{Rates, State};
use super::plan::{Clip, Plan};
use super::statistics::{Look, Looker};
use crate::place::Place;
use crate::run::{Executor, GiveWay, Keep, Pass, RunError, RunOptions};
use crate::value::{Value, dims, float, read_async, reshape};

pub(super) type Auto<P> = Autodiff<<P as Place>::Backend>;

/// A network that learns, on a device.
pub(super) struct Work<P: Place> {
    pub place: P,
    /// The network with what the loss reads as its outputs.
    pub network: Arc<Network>,
    pub executor: Executor<Auto<P>>,
    /// The same for passes without gradients.
    pub judge: Executor<P::Backend>,
    pub parameters: Vec<Parameter<P::Backend>>,
    pub running: Vec<Running<P::Backend>>,
    pub reads: Reads,
    /// Whether what lies between parameters and loss has been found to have gradients.
    checked: bool,
    /// Awaited after each layer of a pass forward.
    pub give_way: Option<GiveWay>,
    /// Gradients of the last step, of each parameter.
    last: Vec<Option<FloatTensor<P::Backend>>>,
}

/// A tensor that learns.
pub(super) struct Parameter<B: Backend> {
    pub id: TensorId,
    pub name: String,
    pub now: FloatTensor<B>,
    pub state: State<B>,
    pub frozen: bool,
}

/// A running statistic of batch normalisation.
pub(super) struct Running<B: Backend> {
    pub id: TensorId,
    pub name: String,
    pub now: FloatTensor<B>,
    /// Share that stays at each step.
    keep: f32,
}

/// What a step is to do.
pub(super) struct Job<'a> {
    pub plan: &'a Plan,
    pub rate: f64,
    pub momentum: Option<f64>,
    /// Of dropout and random operators in this step.
    pub seed: u64,
    /// Whether the layers are looked into.
    pub look: bool,
    /// Whether right answers are counted.
    pub count: bool,
}

/// A pass forward and backward.
pub(super) struct Slopes<P: Place> {
    pub outcome: Outcome,
    /// Of each parameter.
    pub gradients: Vec<Option<FloatTensor<P::Backend>>>,
    pub pass: Pass<Auto<P>>,
}

/// What came of a pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub loss: f64,
    pub terms: Vec<(&'static str, f64)>,
    /// Norm of all gradients together, before clipping.
    pub norm: f64,
    /// Right answers, of how many.
    pub right: Option<(u64, u64)>,
    pub look: Option<Look>,
    /// Whether parameters were changed.
    pub updated: bool,
}

impl<P: Place> Work<P> {
    /// Brings `network` to the device.
    pub fn new(place: P, network: &Network, loss: &Loss) -> Result<Self, RunError> {
        let wrong = |problem: String| RunError::Tensor {
            name: network.name.clone(),
            problem,
        };
        let reads = loss.reads(network).map_err(wrong)?;
        let mut network = network.clone();
        network.graphs[0].outputs.clone_from(&reads.tensors);
        let network = Arc::new(network);
        let executor = Executor::<Auto<P>>::within(network.clone(), place.device(), place.largest())?;
        let judge = Executor::<P::Backend>::within(network.clone(), place.device(), place.largest())?;
        let mut work = Work {
            place,
            executor,
            judge,
            parameters: Vec::new(),
            running: Vec::new(),
            reads,
            checked: false,
            give_way: None,
            last: Vec::new(),
            network: network.clone(),
        };
        let keeps = keeps(&network);
        for (i, tensor) in network.tensors.iter().enumerate() {
            let id = TensorId(i as u32);
            let Some(Value::Float(now)) = work.judge.stored(id) else {
                continue;
            };
            let (name, now) = (tensor.name.clone(), now.clone());
            match (tensor.kind, keeps.get(&id)) {
                (TensorKind::Parameter, _) => work.parameters.push(Parameter {
                    id,
                    name,
                    now,
                    state: State::default(),
                    frozen: false,
                }),
                (_, Some(&keep)) => work.running.push(Running { id, name, now, keep }),
                _ => {}
            }
        }
        if work.parameters.is_empty() {
            return Err(wrong("the network has no weights that could learn".into()));
        }
        Ok(work)
    }

    /// Which tensors of floats `pass` has for the loss, in order.
    fn found<B: Backend>(
        &self,
        values: &HashMap<TensorId, Value<B>>,
    ) -> Result<Vec<FloatTensor<B>>, RunError> {
        let of = |&id: &TensorId| match values.get(&id) {
            Some(Value::Float(t)) => Ok(t.clone()),
            _ => Err(self.fail(id, "the loss reads floats, and this output has none".into())),
        };
        self.reads.tensors.iter().map(of).collect()
    }

    pub fn fail(&self, id: TensorId, problem: String) -> RunError {
        RunError::Tensor {
            name: self.network.tensor(id).name.clone(),
            problem,
        }
    }

    /// Puts the parameters into the executor, those that learn as such, and gives these back.
    pub fn load(&mut self) -> Vec<Option<FloatTensor<Auto<P>>>> {
        for r in &self.running {
            let plain = <Auto<P> as AutodiffBackend>::from_inner(r.now.clone());
            self.executor.set(r.id, Value::Float(plain));
        }
        let mut tracked = Vec::with_capacity(self.parameters.len());
        for p in &self.parameters {
            let mut t = <Auto<P> as AutodiffBackend>::from_inner(p.now.clone());
            if !p.frozen {
                t = Auto::<P>::float_set_require_grad(t, true);
            }
            self.executor.set(p.id, Value::Float(t.clone()));
            tracked.push((!p.frozen).then_some(t));
        }
        tracked
    }

    /// Options of a training pass.
    pub fn options(&self, keep: Keep, seed: u64) -> RunOptions {
        RunOptions {
            keep,
            budget: u64::MAX,
            training: true,
            seed,
            unit_strides: P::UNIT_STRIDES,
            give_way: self.give_way,
            ..RunOptions::default()
        }
    }

    /// Changes of what is frozen or how parameters are connected call for a new check.
    pub fn recheck(&mut self) {
        self.checked = false;
        self.last.clear();
    }

    /// A pass forward and backward; nothing is changed.
    pub async fn differentiate(&mut self, batch: &Batch, job: &Job<'_>) -> Result<Slopes<P>, RunError> {
        let tracked = self.load();
        let inputs = self.executor.inputs(&batch.inputs)?;
        let keep = if job.look { Keep::All } else { Keep::Outputs };
        let options = self.options(keep, job.seed);
        let mut cuts = (!self.checked).then(|| Cuts::new(&self.network, &self.parameters));
        let mut tap = |id: TensorId, value: Value<Auto<P>>| {
            if let (Some(cuts), Value::Float(t)) = (&mut cuts, &value) {
                cuts.see(id, t.is_tracked());
            }
            value
        };
        let pass = self.executor.run_tapped(inputs, &options, &mut tap).await?;
        if let Some(cuts) = cuts {
            cuts.check(&self.reads.tensors)?;
            self.checked = true;
        }
        let found = self.found(&pass.values)?;
        let output = self.reads.tensors[0];
        let device = self.place.device();
        let judged = job
            .plan
            .loss
            .judge::<Auto<P>>(&found, self.reads.logits, &batch.answers, &device)
            .map_err(|e| self.fail(output, e))?;
        let mut right = None;
        if job.count && job.plan.loss.counts() {
            let first = found[0].primitive.clone();
            let shape = dims::<P::Backend>(&first);
            let values = read_async::<P::Backend>(first).await;
            let values = values.map_err(|e| self.fail(output, e))?;
            right = job
                .plan
                .loss
                .right(&values, &shape, self.reads.logits, &batch.answers);
        }
        let mut numbers = vec![judged.loss.primitive.clone()];
        numbers.extend(judged.terms.iter().map(|(_, t)| t.primitive.clone()));
        let mut slopes = Auto::<P>::backward(judged.loss);
        let gradients: Vec<Option<FloatTensor<P::Backend>>> = tracked
            .iter()
            .map(|t| Auto::<P>::grad_remove(t.as_ref()?, &mut slopes))
            .collect();
        drop((tracked, slopes, found));
        if gradients.iter().all(Option::is_none) {
            return Err(self.fail(output, "the loss depends on no parameter that may learn".into()));
        }
        numbers.push(norm::<P::Backend>(&gradients, &device));
        let numbers = P::Backend::float_cat(numbers, 0);
        let numbers = read_async::<P::Backend>(numbers).await;
        let numbers = numbers.map_err(|e| self.fail(output, e))?;
        let mut outcome = Outcome {
            loss: f64::from(numbers[0]),
            norm: f64::from(numbers[numbers.len() - 1]),
            right,
            ..Outcome::default()
        };
        let terms = judged.terms.iter().zip(&numbers[1..]);
        outcome.terms = terms.map(|((name, _), &v)| (*name, f64::from(v))).collect();
        Ok(Slopes {
            outcome,
            gradients,
            pass,
        })
    }

    /// One step. Where loss or gradients are no numbers, nothing is changed.
    pub async fn step(&mut self, batch: &Batch, job: &Job<'_>) -> Result<Outcome, RunError> {
        let Slopes {
            mut outcome,
            gradients,
            pass,
        } = self.differentiate(batch, job).await?;
        let output = self.reads.tensors[0];
        if !outcome.loss.is_finite() || !outcome.norm.is_finite() {
            return Ok(outcome);
        }
        let network = self.network.clone();
        let mut looker = job.look.then(|| Looker::new(&network));
        if let Some(looker) = &mut looker {
            let seen = pass.values.iter().filter_map(|(&id, value)| match value {
                Value::Float(t) => Some((id, t.primitive.clone())),
                _ => None,
            });
            looker
                .activations::<P::Backend>(seen)
                .await
                .map_err(|e| self.fail(output, e))?;
        }
        drop(pass.values);
        self.update(gradients, job, outcome.norm, looker.as_mut())
            .await
            .map_err(|e| self.fail(output, e))?;
        self.move_running(pass.statistics);
        outcome.updated = true;
        outcome.look = looker.map(Looker::done);
        Ok(outcome)
    }

    /// Takes the optimizer's step.
    async fn update(
        &mut self,
        gradients: Vec<Option<FloatTensor<P::Backend>>>,
        job: &Job<'_>,
        norm: f64,
        mut looker: Option<&mut Looker<'_>>,
    ) -> Result<(), String> {
        let plan = job.plan;
        let mut new = Vec::with_capacity(gradients.len());
        let mut kept = vec![None; gradients.len()];
        for (i, (p, gradient)) in self.parameters.iter().zip(gradients).enumerate() {
            let Some(mut gradient) = gradient else { continue };
            if dims::<P::Backend>(&gradient) != dims::<P::Backend>(&p.now) {
                gradient = reshape::<P::Backend>(gradient, &dims::<P::Backend>(&p.now));
            }
            let raw = gradient.clone();
            kept[i] = Some(raw.clone());
            gradient = match plan.clip {
                Clip::None => gradient,
                // As PyTorch: a little is added to the norm.
                Clip::Norm(most) if most / (norm + 1e-6) < 1.0 => {
                    P::Backend::float_mul_scalar(gradient, ((most / (norm + 1e-6)) as f32).into())
                }
                Clip::Norm(_) => gradient,
                Clip::Value(most) => {
                    P::Backend::float_clamp(gradient, (-most as f32).into(), (most as f32).into())
                }
            };
            let decays = plan.decay_all || dims::<P::Backend>(&p.now).len() > 1;
            let rates = Rates {
                rate: job.rate,
                decay: if decays { plan.weight_decay } else { 0.0 },
                momentum: job.momentum,
            };
            let mut state = p.state.clone();
            let now = (plan.optimizer).update::<P::Backend>(p.now.clone(), gradient, &mut state, rates);
            if let Some(looker) = looker.as_deref_mut() {
                let before = self.last.get(i).and_then(Clone::clone);
                looker
                    .parameter::<P::Backend>(&p.name, p.now.clone(), (raw, before), now.clone())
                    .await?;
            }
            new.push((i, now, state));
        }
        // All at once: who stops waiting for a step finds everything as it was before.
        for (i, now, state) in new {
            (self.parameters[i].now, self.parameters[i].state) = (now, state);
        }
        self.last = kept;
        Ok(())
    }

    /// Moves running statistics toward those of the batch; the variance toward the unbiased one.
    fn move_running(&mut self, seen: Vec<crate::ops::Statistics<Auto<P>>>) {
        for one in seen {
            let unbiased = one.count as f32 / (one.count.max(2) - 1) as f32;
            for ((id, batch), factor) in [(one.mean, 1.0), (one.variance, unbiased)] {
                let Some(running) = self.running.iter_mut().find(|r| r.id == id) else {
                    continue;
                };
                let batch = reshape::<P::Backend>(batch.primitive, &dims::<P::Backend>(&running.now));
                let scaled = |t: FloatTensor<P::Backend>, by: f32| P::Backend::float_mul_scalar(t, by.into());
                running.now = P::Backend::float_add(
                    scaled(running.now.clone(), running.keep),
                    scaled(batch, (1.0 - running.keep) * factor),
                );
            }
        }
    }

    /// A pass without gradients, as the network is used: running statistics, no dropout.
    pub async fn judge(&mut self, batch: &Batch, loss: &Loss) -> Result<Outcome, RunError> {
        self.load_judge();
        let options = RunOptions {
            keep: Keep::Outputs,
            give_way: self.give_way,
            ..RunOptions::default()
        };
        self.judge_as(batch, loss, &options).await
    }

    /// Puts the parameters into the executor without gradients.
    pub fn load_judge(&mut self) {
        for p in &self.parameters {
            self.judge.set(p.id, Value::Float(p.now.clone()));
        }
        for r in &self.running {
            self.judge.set(r.id, Value::Float(r.now.clone()));
        }
    }

    /// A pass without gradients by the weights that the executor `judge` holds.
    pub async fn judge_as(
        &self,
        batch: &Batch,
        loss: &Loss,
        options: &RunOptions,
    ) -> Result<Outcome, RunError> {
        let inputs = self.judge.inputs(&batch.inputs)?;
        let pass = self.judge.run_async(inputs, options).await?;
        let (found, output) = (self.found(&pass.values)?, self.reads.tensors[0]);
        let device = self.place.device();
        let judged = loss
            .judge::<P::Backend>(&found, self.reads.logits, &batch.answers, &device)
            .map_err(|e| self.fail(output, e))?;
        let mut right = None;
        if loss.counts() {
            let shape = dims::<P::Backend>(&found[0]);
            let values = read_async::<P::Backend>(found[0].clone()).await;
            let values = values.map_err(|e| self.fail(output, e))?;
            right = loss.right(&values, &shape, self.reads.logits, &batch.answers);
        }
        let mut numbers = vec![judged.loss];
        numbers.extend(judged.terms.iter().map(|(_, t)| t.clone()));
        let numbers = read_async::<P::Backend>(P::Backend::float_cat(numbers, 0)).await;
        let numbers = numbers.map_err(|e| self.fail(output, e))?;
        let terms = judged.terms.iter().zip(&numbers[1..]);
        Ok(Outcome {
            loss: f64::from(numbers[0]),
            terms: terms.map(|((name, _), &v)| (*name, f64::from(v))).collect(),
            right,
            ..Outcome::default()
        })
    }

    /// Parameters and running statistics, by id, on the host.
    pub async fn weights(&self) -> Result<Vec<(TensorId, TensorData)>, RunError> {
        let parameters = self.parameters.iter().map(|p| (p.id, p.now.clone()));
        let running = self.running.iter().map(|r| (r.id, r.now.clone()));
        let mut all = Vec::new();
        for (id, t) in parameters.chain(running) {
            all.push((id, host::<P::Backend>(t).await.map_err(|e| self.fail(id, e))?));
        }
        Ok(all)
    }

    /// What the optimizer remembers: parameter, name of the state, values.
    pub async fn states(
        &self,
        names: &[&'static str],
    ) -> Result<Vec<(String, &'static str, TensorData)>, RunError> {
        let mut all = Vec::new();
        for p in &self.parameters {
            for (t, name) in p.state.tensors.iter().zip(names) {
                let values = host::<P::Backend>(t.clone()).await;
                all.push((p.name.clone(), *name, values.map_err(|e| self.fail(p.id, e))?));
            }
        }
        Ok(all)
    }

    /// Brings values to the device.
    pub fn upload(&self, data: &TensorData) -> FloatTensor<P::Backend> {
        let shape: Vec<usize> = data.shape.iter().map(|&d| d as usize).collect();
        let values = data.to_f32().unwrap_or_default();
        float::<P::Backend>(values, &shape, &self.place.device())
    }
}

/// A host copy.
async fn host<B: Backend>(t: FloatTensor<B>) -> Result<TensorData, String> {
    let shape: Vec<u64> = dims::<B>(&t).iter().map(|&d| d as u64).collect();
    Ok(TensorData::from_f32(&shape, &read_async::<B>(t).await?))
}

/// `[1]`: the norm of all gradients together.
fn norm<B: Backend>(gradients: &[Option<FloatTensor<B>>], device: &B::Device) -> FloatTensor<B> {
    let given = || gradients.iter().flatten();
    if let Some(sum) = given().map(super::host::squares::<B>).sum::<Option<f64>>() {
        return float::<B>(vec![sum.sqrt() as f32], &[1], device);
    }
    let square = |t: &FloatTensor<B>| {
        let sum = B::float_sum(B::float_mul(t.clone(), t.clone()));
        reshape::<B>(sum, &[1])
    };
    let sum = given().map(square).reduce(|a, b| B::float_add(a, b));
    B::float_sqrt(sum.unwrap_or_else(|| float::<B>(vec![0.0], &[1], device)))
}

/// Share of each running statistic that stays at a step: ONNX's `momentum`, 0.9 where nothing is said.
fn keeps(network: &Network) -> HashMap<TensorId, f32> {
    let mut keeps = HashMap::new();
    for layer in &network.layers {
        if !matches!(layer.op, model::Op::BatchNorm { .. }) {
            continue;
        }
        let stated = layer.attributes.iter().find(|(name, _)| *name == "momentum");
        let keep = match stated {
            Some((_, Attribute::Float(keep))) => *keep,
            _ => 0.9,
        };
        for id in layer.inputs.iter().skip(3).flatten() {
            keeps.insert(*id, keep);
        }
    }
    keeps
}
