//! The executor: layers in topological order, every intermediate kept.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn_backend::Backend;
use model::{GraphId, HostValue, LayerId, Network, TensorData, TensorId};

use crate::control::{ControlError, Site, controls};
use crate::ops::{self, Statistics};
use crate::value::{Value, read_async, wait};

/// Why a pass stopped.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum RunError {
    #[error("input {name:?}: {problem}")]
    Input { name: String, problem: String },
    #[error("layer {layer:?} ({op}): {problem}")]
    Layer {
        layer: String,
        op: String,
        problem: String,
    },
    #[error("tensor {name:?}: {problem}")]
    Tensor { name: String, problem: String },
    #[error("cancelled")]
    Cancelled,
    #[error("this device cannot be waited for here")]
    CannotWait,
    #[error("the graphics device failed: {0}")]
    Device(String),
}

impl RunError {
    /// The message with the file at fault in front: that of the inputs, or that of the model.
    pub fn in_files(&self, model: &str, inputs: &str) -> String {
        match self {
            RunError::Input { .. } => format!("{inputs}: {self}"),
            RunError::Layer { .. } | RunError::Tensor { .. } => format!("{model}: {self}"),
            RunError::Cancelled | RunError::CannotWait | RunError::Device(_) => self.to_string(),
        }
    }
}

/// How far a pass is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Layers done.
    pub done: usize,
    /// Layers in the main graph.
    pub total: usize,
}

/// What to keep, and how to be told and stopped.
#[derive(Clone)]
pub struct RunOptions {
    /// Bytes of float32 activations that the trace may hold; what does not fit is named in
    /// [`Trace::dropped`]. Graph outputs are always kept.
    pub budget: u64,
    /// Set from another thread to stop between layers.
    pub cancel: Arc<AtomicBool>,
    /// Called after each layer of the main graph.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    /// Awaited after each layer of the main graph, where a thread is shared with what draws.
    pub give_way: Option<GiveWay>,
    /// Batch normalisation uses the statistics of its batch.
    pub training: bool,
    /// Strided convolutions run at stride 1 and are thinned out afterwards, at more cost: the way
    /// around cubecl 0.10's gradient of a strided convolution, which is wrong.
    pub unit_strides: bool,
}

/// Comes back when others have had their turn.
pub type GiveWay = fn() -> Pin<Box<dyn Future<Output = ()>>>;

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            budget: 4 << 30,
            cancel: Arc::default(),
            progress: None,
            give_way: None,
            training: false,
            unit_strides: false,
        }
    }
}

/// A network with its weights on a device, ready to run any number of times.
pub struct Executor<B: Backend> {
    network: Arc<Network>,
    pub(crate) device: B::Device,
    stored: HashMap<TensorId, Value<B>>,
    largest: u64,
}

/// The values of one pass, still on the device.
pub struct Pass<B: Backend> {
    /// Kept tensors: graph inputs and activations.
    pub values: HashMap<TensorId, Value<B>>,
    /// What the budget did not allow to keep.
    pub dropped: Vec<TensorId>,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Seconds until each layer of the main graph came back: the work itself on the processor, the
    /// submission on a graphics device.
    pub times: BTreeMap<LayerId, f64>,
    /// Bytes that operators had to read from the device to go on.
    pub read_back: u64,
    /// In training: what each batch normalisation saw.
    pub statistics: Vec<Statistics<B>>,
}

impl<B: Backend> Executor<B> {
    /// Uploads the weights of `network`.
    ///
    /// # Errors
    /// [`RunError::Tensor`] where a stored tensor has an element type without arithmetic.
    pub fn new(network: Arc<Network>, device: B::Device) -> Result<Self, RunError> {
        Self::within(network, device, u64::MAX)
    }

    /// [`Executor::new`] on a device whose tensors have at most `largest` bytes each. Beyond that
    /// cubecl computes nonsense without a word, so that weights and layers are refused here.
    ///
    /// # Errors
    /// [`RunError::Tensor`] as before, and for weights that are larger.
    pub fn within(network: Arc<Network>, device: B::Device, largest: u64) -> Result<Self, RunError> {
        let mut stored = HashMap::new();
        for (i, tensor) in network.tensors.iter().enumerate() {
            let Some(data) = tensor.data.as_ref() else {
                continue;
            };
            let fail = |problem| RunError::Tensor {
                name: tensor.name.clone(),
                problem,
            };
            if data.dtype.is_float() {
                fits(4 * data.len() as u64, largest).map_err(fail)?;
            }
            let value = Value::from_data(data, &device).map_err(fail)?;
            stored.insert(TensorId(i as u32), value);
        }
        Ok(Executor {
            network,
            device,
            stored,
            largest,
        })
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Replaces a stored tensor, for instance by one that requires gradients.
    pub fn set(&mut self, tensor: TensorId, value: Value<B>) {
        self.stored.insert(tensor, value);
    }

    /// A stored tensor.
    pub fn stored(&self, tensor: TensorId) -> Option<&Value<B>> {
        self.stored.get(&tensor)
    }

    /// Uploads host tensors given by graph input name, checked against the stated shapes.
    ///
    /// # Errors
    /// [`RunError::Input`] for a missing or unknown name, a wrong rank, size or element type.
    pub fn inputs(&self, given: &[(String, TensorData)]) -> Result<HashMap<TensorId, Value<B>>, RunError> {
        crate::inputs::check(&self.network, given)?
            .into_iter()
            .map(|(id, data)| {
                let value = Value::from_data(data, &self.device).map_err(|problem| RunError::Input {
                    name: self.network.tensor(id).name.clone(),
                    problem,
                })?;
                Ok((id, value))
            })
            .collect()
    }

    /// [`Executor::inputs`] for values of any kind.
    ///
    /// # Errors
    /// As there.
    pub fn host_inputs(
        &self,
        given: &[(String, HostValue)],
    ) -> Result<HashMap<TensorId, Value<B>>, RunError> {
        crate::inputs::check_all(&self.network, given)?
            .into_iter()
            .map(|(id, data)| {
                let value = Value::from_host(data, &self.device).map_err(|problem| RunError::Input {
                    name: self.network.tensor(id).name.clone(),
                    problem,
                })?;
                Ok((id, value))
            })
            .collect()
    }

    /// The network's outputs with their names, on the host and of the element types that the
    /// network states.
    ///
    /// # Errors
    /// [`RunError::Tensor`] for an output that the pass left without a value.
    pub async fn outputs(&self, pass: &Pass<B>) -> Result<Vec<(String, HostValue)>, RunError> {
        self.on_host(pass, &self.network.main().outputs).await
    }

    /// As [`Executor::outputs`], for every tensor that the pass computed and kept, by id.
    ///
    /// # Errors
    /// As there.
    pub async fn everything(&self, pass: &Pass<B>) -> Result<Vec<(String, HostValue)>, RunError> {
        let computed = |t: &TensorId| self.network.tensor(*t).producer.is_some();
        let mut ids: Vec<TensorId> = pass.values.keys().copied().filter(computed).collect();
        ids.extend(&self.network.main().outputs);
        ids.sort_unstable();
        ids.dedup();
        self.on_host(pass, &ids).await
    }

    async fn on_host(&self, pass: &Pass<B>, ids: &[TensorId]) -> Result<Vec<(String, HostValue)>, RunError> {
        let mut all = Vec::with_capacity(ids.len());
        for &id in ids {
            let tensor = self.network.tensor(id);
            let fail = |problem| RunError::Tensor {
                name: tensor.name.clone(),
                problem,
            };
            let value = pass.values.get(&id).or_else(|| self.stored.get(&id));
            let value = value.ok_or_else(|| fail("it was not computed".into()))?;
            let host = value.to_host_value(tensor.spec.dtype).await.map_err(fail)?;
            all.push((tensor.name.clone(), host));
        }
        Ok(all)
    }

    /// One forward pass, waited for.
    ///
    /// # Errors
    /// [`RunError::Layer`] names the layer whose operator or shapes cannot be executed.
    pub fn run(
        &self,
        inputs: HashMap<TensorId, Value<B>>,
        options: &RunOptions,
    ) -> Result<Pass<B>, RunError> {
        wait(self.run_async(inputs, options)).ok_or(RunError::CannotWait)?
    }

    /// One forward pass. It gives way only where an operator needs numbers from the device.
    ///
    /// # Errors
    /// [`RunError::Layer`] names the layer whose operator or shapes cannot be executed.
    pub async fn run_async(
        &self,
        inputs: HashMap<TensorId, Value<B>>,
        options: &RunOptions,
    ) -> Result<Pass<B>, RunError> {
        self.run_tapped(inputs, options, &mut |_, value| value).await
    }

    /// [`Executor::run_async`], where `tap` may replace each computed tensor before others read it.
    ///
    /// # Errors
    /// As [`Executor::run_async`].
    pub async fn run_tapped(
        &self,
        inputs: HashMap<TensorId, Value<B>>,
        options: &RunOptions,
        tap: &mut dyn FnMut(TensorId, Value<B>) -> Value<B>,
    ) -> Result<Pass<B>, RunError> {
        let start = web_time::Instant::now();
        let mut frame = Frame {
            executor: self,
            options,
            tap,
            last_use: self.last_uses(),
            values: inputs,
            held: 0,
            dropped: Vec::new(),
            read_back: 0,
            times: BTreeMap::new(),
            statistics: RefCell::default(),
        };
        frame.graph(GraphId(0)).await?;
        Ok(Pass {
            values: frame.values,
            dropped: frame.dropped,
            statistics: frame.statistics.into_inner(),
            read_back: frame.read_back,
            times: frame.times,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// For each tensor the place of its last reader in the main graph.
    fn last_uses(&self) -> HashMap<TensorId, usize> {
        let mut last = HashMap::new();
        for (place, &layer) in self.network.main().layers.iter().enumerate() {
            for tensor in self.network.dependencies(layer) {
                last.insert(tensor, place);
            }
        }
        for &output in &self.network.main().outputs {
            last.insert(output, usize::MAX);
        }
        last
    }
}

fn fits(bytes: u64, largest: u64) -> Result<(), String> {
    if bytes <= largest {
        return Ok(());
    }
    Err(format!(
        "{bytes} bytes, but this device holds at most {largest} in one tensor"
    ))
}

pub(crate) struct Frame<'a, B: Backend> {
    pub(crate) executor: &'a Executor<B>,
    pub(crate) options: &'a RunOptions,
    tap: &'a mut dyn FnMut(TensorId, Value<B>) -> Value<B>,
    last_use: HashMap<TensorId, usize>,
    values: HashMap<TensorId, Value<B>>,
    held: u64,
    dropped: Vec<TensorId>,
    read_back: u64,
    times: BTreeMap<LayerId, f64>,
    statistics: RefCell<Vec<Statistics<B>>>,
}

impl<B: Backend> Frame<'_, B> {
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
            let stored = network.tensor(id).data.as_ref().and_then(|d| d.to_f32());
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

    /// Drops what no later layer reads while the trace is above its budget.
    fn release(&mut self, network: &Network, layer: LayerId, place: usize) {
        if self.held <= self.options.budget {
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
                self.dropped.push(*tensor);
            }
        }
    }
}
