//! One pass under way: the values so far, and when they may go.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::atomic::Ordering;

use burn_backend::Backend;
use model::{GraphId, LayerId, Network, TensorId, TensorKind};

use crate::control::{ControlError, Site, controls};
use crate::memory;
use crate::ops::{self, Statistics};
use crate::run::{Executor, Keep, Progress, RunError, RunOptions};
use crate::value::{Value, read_async};

/// An error for a tensor of `bytes` on a device whose tensors have at most `largest`.
pub(crate) fn fits(bytes: u64, largest: u64) -> Result<(), String> {
    if bytes <= largest {
        return Ok(());
    }
    Err(format!(
        "{bytes} bytes, but this device holds at most {largest} in one tensor"
    ))
}

/// What a pass has computed so far.
pub(crate) struct Frame<'a, B: Backend> {
    pub(crate) executor: &'a Executor<B>,
    pub(crate) options: &'a RunOptions,
    tap: &'a mut dyn FnMut(TensorId, Value<B>) -> Value<B>,
    last_use: HashMap<TensorId, usize>,
    pub(crate) values: HashMap<TensorId, Value<B>>,
    /// Bytes of the values.
    held: u64,
    /// Bytes that may be held.
    budget: u64,
    pub(crate) dropped: Vec<TensorId>,
    pub(crate) read_back: u64,
    pub(crate) times: BTreeMap<LayerId, f64>,
    pub(crate) statistics: RefCell<Vec<Statistics<B>>>,
}

impl<'a, B: Backend> Frame<'a, B> {
    pub(crate) fn new(
        executor: &'a Executor<B>,
        options: &'a RunOptions,
        tap: &'a mut dyn FnMut(TensorId, Value<B>) -> Value<B>,
        inputs: HashMap<TensorId, Value<B>>,
    ) -> Self {
        let budget = match options.keep {
            Keep::All => options.budget.min(memory::free().unwrap_or(u64::MAX) / 2),
            Keep::Outputs => 0,
        };
        Frame {
            executor,
            options,
            tap,
            last_use: executor.last_uses(),
            values: inputs,
            held: 0,
            budget,
            dropped: Vec::new(),
            read_back: 0,
            times: BTreeMap::new(),
            statistics: RefCell::default(),
        }
    }

    /// Boxed, because a branch holds a graph again.
    pub(crate) fn graph(
        &mut self,
        graph: GraphId,
    ) -> Pin<Box<dyn Future<Output = Result<(), RunError>> + '_>> {
        Box::pin(async move {
            let network = self.executor.network.clone();
            let layers = &network.graph(graph).layers;
            for (done, &layer) in layers.iter().enumerate() {
                if self.options.cancel.load(Ordering::Relaxed) {
                    return Err(RunError::Cancelled);
                }
                let start = web_time::Instant::now();
                self.layer(&network, layer).await?;
                if graph == GraphId(0) {
                    self.times.insert(layer, start.elapsed().as_secs_f64());
                    self.release(&network, layer, done);
                    if let Some(report) = &self.options.progress {
                        report(Progress {
                            done: done + 1,
                            total: layers.len(),
                        });
                    }
                    if let Some(give_way) = self.options.give_way {
                        give_way().await;
                    }
                }
            }
            Ok(())
        })
    }

    pub(crate) fn value(&self, id: TensorId) -> Option<Value<B>> {
        self.values
            .get(&id)
            .or_else(|| self.executor.stored.get(&id))
            .cloned()
    }

    /// The numbers of the float inputs that `layer` looks at: those of the file as they are there,
    /// computed ones from the device.
    async fn hosts(
        &mut self,
        network: &Network,
        layer: &model::Layer,
        inputs: &[Option<Value<B>>],
    ) -> Result<Vec<Option<Vec<f32>>>, String> {
        let mut hosts = vec![None; inputs.len()];
        for (i, input) in inputs.iter().enumerate() {
            if let Some(Value::Double(d)) = input {
                hosts[i] = Some(d.floats());
            }
            let (Some(Value::Float(t)), Some(id)) = (input, layer.inputs[i]) else {
                continue;
            };
            if !ops::looks(network, layer, inputs, i) {
                continue;
            }
            // What learns is no longer what the file has.
            let learns = self.options.training && network.tensor(id).kind == TensorKind::Parameter;
            let stored = network.tensor(id).data.as_ref().filter(|_| !learns);
            let stored = stored.and_then(|d| d.to_f32());
            hosts[i] = Some(match stored {
                Some(values) => values,
                None => {
                    let values = read_async::<B>(t.clone()).await?;
                    self.read_back += 4 * values.len() as u64;
                    values
                }
            });
        }
        Ok(hosts)
    }

    async fn layer(&mut self, network: &Network, id: LayerId) -> Result<(), RunError> {
        let layer = network.layer(id);
        let fail = |problem: String| RunError::Layer {
            layer: layer.name.clone(),
            op: layer.kind.clone(),
            problem,
        };
        if let Some(values) = self.folded(layer) {
            for (tensor, value) in values {
                self.keep(tensor, value);
            }
            return Ok(());
        }
        let mut inputs = Vec::with_capacity(layer.inputs.len());
        for input in &layer.inputs {
            let value =
                match input {
                    None => None,
                    Some(t) => Some(self.value(*t).ok_or_else(|| {
                        fail(format!("its input {:?} has no value", network.tensor(*t).name))
                    })?),
                };
            inputs.push(value);
        }
        let hosts = self.hosts(network, layer, &inputs).await.map_err(fail)?;
        let opset = network.opset(id).unwrap_or(i64::MAX);
        let outputs = if controls(layer) {
            let site = Site {
                network,
                layer,
                inputs: &inputs,
                hosts: &hosts,
                opset,
            };
            self.control(&site).await.map_err(|e| match e {
                ControlError::Run(e) => e,
                ControlError::Own(problem) => fail(problem),
            })?
        } else {
            let context = ops::Context {
                network,
                layer,
                opset,
                inputs: &inputs,
                hosts: &hosts,
                device: &self.executor.device,
                unit_strides: self.options.unit_strides,
                statistics: self.options.training.then_some(&self.statistics),
                seed: self.options.training.then_some(self.options.seed),
            };
            ops::eval(&context).map_err(fail)?
        };
        for (tensor, value) in layer.outputs.iter().zip(outputs) {
            if let Value::Float(_) = value {
                fits(value.bytes(), self.executor.largest).map_err(fail)?;
            }
            if let Some(tensor) = tensor {
                let value = (self.tap)(*tensor, value);
                self.keep(*tensor, value);
            }
        }
        Ok(())
    }

    /// The outputs of a layer that nothing fed can change: they were uploaded with the weights.
    fn folded(&self, layer: &model::Layer) -> Option<Vec<(TensorId, Value<B>)>> {
        let stored = |t: &TensorId| Some((*t, self.executor.stored.get(t)?.clone()));
        layer.outputs.iter().flatten().map(stored).collect()
    }

    /// Takes a value in, in place of what the tensor had in an earlier round.
    pub(crate) fn keep(&mut self, id: TensorId, value: Value<B>) {
        self.held += value.bytes();
        if let Some(before) = self.values.insert(id, value) {
            self.held = self.held.saturating_sub(before.bytes());
        }
    }

    /// Drops what no later layer reads while more is held than may be.
    fn release(&mut self, network: &Network, layer: LayerId, place: usize) {
        if self.held <= self.budget {
            return;
        }
        let layer = network.layer(layer);
        for tensor in layer.inputs.iter().chain(&layer.outputs).flatten() {
            let done = self.last_use.get(tensor).is_none_or(|&last| last <= place);
            let produced = network.tensor(*tensor).producer.is_some();
            if done
                && produced
                && let Some(value) = self.values.remove(tensor)
            {
                self.held -= value.bytes();
                if self.options.keep == Keep::All {
                    self.dropped.push(*tensor);
                }
            }
        }
    }
}
