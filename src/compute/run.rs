//! The executor: layers in topological order, every intermediate kept or only the outputs.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn_backend::Backend;
use model::{GraphId, HostValue, LayerId, Network, TensorData, TensorId};

use crate::frame::{Frame, fits};
use crate::memory;
use crate::ops::Statistics;
use crate::patch::{Patch, patched};
use crate::value::{Value, wait};

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
    #[error("{problem}")]
    Plan { problem: String },
    #[error("this device cannot be waited for here")]
    CannotWait,
    #[error("the graphics device failed: {0}")]
    Device(String),
    #[error("its weights take {} as float32, but only {} of memory are free", memory::words(*.needed), memory::words(*.free))]
    Memory { needed: u64, free: u64 },
}

impl RunError {
    /// The message with the file at fault in front: that of the inputs, or that of the model.
    pub fn in_files(&self, model: &str, inputs: &str) -> String {
        match self {
            RunError::Input { .. } => format!("{inputs}: {self}"),
            RunError::Layer { .. } | RunError::Tensor { .. } | RunError::Memory { .. } => {
                format!("{model}: {self}")
            }
            RunError::Cancelled | RunError::Plan { .. } | RunError::CannotWait | RunError::Device(_) => {
                self.to_string()
            }
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

/// What a pass holds on to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Every tensor, as far as [`RunOptions::budget`] allows.
    #[default]
    All,
    /// The graph's outputs; everything else goes when its last reader has run.
    Outputs,
}

/// What to keep, and how to be told and stopped.
#[derive(Clone)]
pub struct RunOptions {
    /// What is kept of the pass.
    pub keep: Keep,
    /// Bytes of float32 activations that the trace may hold; what does not fit is named in
    /// [`Trace::dropped`]; no more than half of the memory that is free. Graph outputs are always
    /// kept.
    pub budget: u64,
    /// Set from another thread to stop between layers.
    pub cancel: Arc<AtomicBool>,
    /// Called after each layer of the main graph.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    /// Awaited after each layer of the main graph, where a thread is shared with what draws.
    pub give_way: Option<GiveWay>,
    /// Batch normalisation uses the statistics of its batch, and dropout drops.
    pub training: bool,
    /// In training: of dropout and random operators, so that a pass can be repeated.
    pub seed: u64,
    /// Strided convolutions run at stride 1 and are thinned out afterwards, at more cost: the way
    /// around cubecl 0.10's gradient of a strided convolution, which is wrong.
    pub unit_strides: bool,
    /// Parts of tensors that are scaled before anything reads them.
    pub patches: Arc<[Patch]>,
}

/// Comes back when others have had their turn.
pub type GiveWay = fn() -> Pin<Box<dyn Future<Output = ()>>>;

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            keep: Keep::All,
            budget: 4 << 30,
            cancel: Arc::default(),
            progress: None,
            give_way: None,
            training: false,
            seed: 0,
            unit_strides: false,
            patches: Arc::default(),
        }
    }
}

/// A network with its weights on a device, ready to run any number of times.
pub struct Executor<B: Backend> {
    pub(crate) network: Arc<Network>,
    pub(crate) device: B::Device,
    pub(crate) stored: HashMap<TensorId, Value<B>>,
    pub(crate) largest: u64,
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
    /// [`RunError::Tensor`] where a stored tensor has an element type without arithmetic,
    /// [`RunError::Memory`] where the weights do not fit into what is free.
    pub fn new(network: Arc<Network>, device: B::Device) -> Result<Self, RunError> {
        Self::within(network, device, u64::MAX)
    }

    /// [`Executor::new`] on a device whose tensors have at most `largest` bytes each. Beyond that
    /// cubecl computes nonsense without a word, so that weights and layers are refused here.
    ///
    /// # Errors
    /// [`RunError::Tensor`] as before, and for weights that are larger.
    pub fn within(network: Arc<Network>, device: B::Device, largest: u64) -> Result<Self, RunError> {
        memory::weights_fit(&network)?;
        let mut executor = Executor {
            network: Arc::default(),
            device,
            stored: HashMap::new(),
            largest,
        };
        executor.load(&network)?;
        executor.network = network;
        Ok(executor)
    }

    /// This network with layers merged, for passes whose outputs alone are wanted: see
    /// [`crate::fuse`]. It shares the weights that stay as they are.
    ///
    /// # Errors
    /// As [`Executor::within`].
    pub fn fused(&self) -> Result<Self, RunError> {
        let network = Arc::new(crate::fuse::fuse(&self.network));
        let mut executor = Executor {
            network: Arc::default(),
            device: self.device.clone(),
            stored: self.stored.clone(),
            largest: self.largest,
        };
        executor.load(&network)?;
        executor.network = network;
        Ok(executor)
    }

    /// Uploads what `network` stores and is not there yet.
    fn load(&mut self, network: &Network) -> Result<(), RunError> {
        for (i, tensor) in network.tensors.iter().enumerate() {
            let known = self.stored.contains_key(&TensorId(i as u32));
            let Some(data) = tensor.data.as_ref().filter(|_| !known) else {
                continue;
            };
            let fail = |problem| RunError::Tensor {
                name: tensor.name.clone(),
                problem,
            };
            if data.dtype.is_float() {
                fits(4 * data.len() as u64, self.largest).map_err(fail)?;
            }
            let value = Value::from_data(data, &self.device).map_err(fail)?;
            self.stored.insert(TensorId(i as u32), value);
        }
        Ok(())
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
        let mut tap = |id, value| patched(&options.patches, id, value, &self.device);
        self.run_tapped(inputs, options, &mut tap).await
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
        let mut frame = Frame::new(self, options, tap, inputs);
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
    pub(crate) fn last_uses(&self) -> HashMap<TensorId, usize> {
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
