//! Networks on a chosen device, the weights of the latest few kept there from pass to pass.

use std::pin::Pin;
use std::sync::Arc;

use burn_backend::Backend;
use burn_flex::Flex;
use futures_util::future::join_all;
use model::{HostValue, Network, TensorData, Trace, TraceTensor, Values};

use crate::gpu::{Gpu, Resident, Wgpu};
use crate::place::{Cpu, Place, trace};
use crate::{Executor, Keep, RunError, RunOptions};

/// What computes.
#[derive(Clone, Default)]
pub enum Device {
    /// The processor, through burn-flex.
    #[default]
    Cpu,
    /// A graphics device.
    Gpu(Gpu),
}

/// Boxed, so that the executor is compiled in this crate: a plain `async fn` is compiled anew by
/// every crate that awaits it, minutes each time.
pub(crate) type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Runs networks on a device.
#[derive(Default)]
pub struct Engine {
    device: Device,
    cpu: Vec<Loaded<Flex>>,
    gpu: Vec<Loaded<Wgpu>>,
}

/// A network on a device, as it is and, once that was wanted, with layers merged.
struct Loaded<B: Backend> {
    plain: Executor<B>,
    fused: Option<Executor<B>>,
}

impl<B: Backend> Loaded<B> {
    /// The executor for passes that keep what `keep` says.
    fn keeping(&mut self, keep: Keep) -> Result<&Executor<B>, RunError> {
        if keep == Keep::All {
            return Ok(&self.plain);
        }
        let fused = match self.fused.take() {
            Some(fused) => fused,
            None => self.plain.fused()?,
        };
        Ok(self.fused.insert(fused))
    }
}

impl Engine {
    /// On `device`, without a network yet.
    pub fn new(device: Device) -> Self {
        Engine {
            device,
            ..Engine::default()
        }
    }

    /// What computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One forward pass of `network`, every tensor where it was computed.
    ///
    /// # Errors
    /// [`RunError`] for inputs that do not fit and operators that cannot be executed.
    pub fn run<'a>(
        &'a mut self,
        network: &'a Arc<Network>,
        inputs: &'a [(String, TensorData)],
        options: &'a RunOptions,
    ) -> Task<'a, Result<Trace, RunError>> {
        Box::pin(async move {
            match &self.device {
                Device::Cpu => {
                    pass(
                        &Cpu,
                        &loaded(&Cpu, &mut self.cpu, network)?.plain,
                        inputs,
                        options,
                    )
                    .await
                }
                Device::Gpu(gpu) => {
                    pass(gpu, &loaded(gpu, &mut self.gpu, network)?.plain, inputs, options).await
                }
            }
        })
    }

    /// One forward pass of `network`: the tensors that `options.keep` names, with their names, on the
    /// host, of any kind and in the element types that the network states. Where that is the outputs
    /// alone, layers are merged ([`crate::fuse`]).
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn evaluate<'a>(
        &'a mut self,
        network: &'a Arc<Network>,
        inputs: &'a [(String, HostValue)],
        options: &'a RunOptions,
    ) -> Task<'a, Result<Vec<(String, HostValue)>, RunError>> {
        Box::pin(async move {
            match &self.device {
                Device::Cpu => {
                    let loaded = loaded(&Cpu, &mut self.cpu, network)?;
                    evaluate(loaded.keeping(options.keep)?, inputs, options).await
                }
                Device::Gpu(gpu) => {
                    let loaded = loaded(gpu, &mut self.gpu, network)?;
                    evaluate(loaded.keeping(options.keep)?, inputs, options).await
                }
            }
        })
    }

    /// [`crate::gradients()`] on this device.
    ///
    /// # Errors
    /// As there.
    pub fn gradients<'a>(
        &'a self,
        network: &'a Arc<Network>,
        inputs: &'a [(String, TensorData)],
        unit: usize,
        options: &'a RunOptions,
    ) -> Task<'a, Result<Trace, RunError>> {
        Box::pin(async move {
            match &self.device {
                Device::Cpu => crate::gradients::gradients_on(&Cpu, network, inputs, unit, options).await,
                Device::Gpu(gpu) => crate::gradients::gradients_on(gpu, network, inputs, unit, options).await,
            }
        })
    }

    /// Brings a host copy of `tensor`, and says how many bytes were read for it.
    ///
    /// # Errors
    /// A sentence where the device fails.
    pub fn fetch<'a>(&'a self, tensor: &'a TraceTensor) -> Task<'a, Result<u64, String>> {
        Box::pin(async move {
            match (&tensor.values, Resident::of(&tensor.values)) {
                (Values::Device(remote), Some(resident)) if remote.host.get().is_none() => {
                    let values = resident.read().await?;
                    let bytes = 4 * values.len() as u64;
                    // Two requests bring the same values.
                    let _ = remote.host.set(values.into());
                    Ok(bytes)
                }
                _ => Ok(0),
            }
        })
    }

    /// [`Engine::fetch`] of several, all on their way at once: one wait for the device instead of one each.
    ///
    /// # Errors
    /// As there, the first.
    pub fn fetch_all<'a>(&'a self, tensors: &'a [&'a TraceTensor]) -> Task<'a, Result<u64, String>> {
        Box::pin(async move {
            let reads = tensors.iter().map(|t| self.fetch(t));
            join_all(reads).await.into_iter().sum()
        })
    }
}

/// Networks whose weights stay on the device: two that are compared, side by side and alone.
const LATEST: usize = 3;

/// `network` on the device. Networks that nobody else holds any more go, and the oldest beyond
/// [`LATEST`].
fn loaded<'a, P: Place>(
    place: &P,
    all: &'a mut Vec<Loaded<P::Backend>>,
    network: &Arc<Network>,
) -> Result<&'a mut Loaded<P::Backend>, RunError> {
    all.retain(|l| Arc::strong_count(l.plain.network()) > 1);
    let known = all.iter().position(|l| Arc::ptr_eq(l.plain.network(), network));
    let loaded = match known {
        Some(i) => all.remove(i),
        None => {
            all.truncate(LATEST - 1);
            Loaded {
                plain: Executor::within(network.clone(), place.device(), place.largest())?,
                fused: None,
            }
        }
    };
    all.insert(0, loaded);
    Ok(&mut all[0])
}

/// One pass, what is kept of it on the host.
async fn evaluate<B: Backend>(
    executor: &Executor<B>,
    inputs: &[(String, HostValue)],
    options: &RunOptions,
) -> Result<Vec<(String, HostValue)>, RunError> {
    let pass = executor.run_async(executor.host_inputs(inputs)?, options).await?;
    match options.keep {
        Keep::All => executor.everything(&pass).await,
        Keep::Outputs => executor.outputs(&pass).await,
    }
}

/// One pass, as a trace.
pub(crate) async fn pass<P: Place>(
    place: &P,
    executor: &Executor<P::Backend>,
    inputs: &[(String, TensorData)],
    options: &RunOptions,
) -> Result<Trace, RunError> {
    let pass = executor.run_async(executor.inputs(inputs)?, options).await?;
    let mut made = trace(place, executor.network(), pass.values).await?;
    made.dropped = pass.dropped;
    made.seconds = pass.seconds;
    if P::WAITS {
        made.times = pass.times;
    }
    made.read_back += pass.read_back;
    Ok(made)
}
