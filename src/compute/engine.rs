//! One network at a time on a chosen device, its weights kept there from pass to pass.

use std::pin::Pin;
use std::sync::Arc;

use burn_backend::Backend;
use burn_flex::Flex;
use model::{HostValue, Network, TensorData, Trace, TraceTensor, Values};

use crate::gpu::{Gpu, Resident, Wgpu};
use crate::place::{Cpu, Place, trace};
use crate::{Executor, RunError, RunOptions};

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
type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Runs networks on a device.
#[derive(Default)]
pub struct Engine {
    device: Device,
    cpu: Option<Executor<Flex>>,
    gpu: Option<Executor<Wgpu>>,
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
                Device::Cpu => pass(&Cpu, loaded(&Cpu, &mut self.cpu, network)?, inputs, options).await,
                Device::Gpu(gpu) => pass(gpu, loaded(gpu, &mut self.gpu, network)?, inputs, options).await,
            }
        })
    }

    /// The outputs of one forward pass of `network` with their names, on the host, of any kind and
    /// in the element types that the network states.
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
                Device::Cpu => outputs(loaded(&Cpu, &mut self.cpu, network)?, inputs, options).await,
                Device::Gpu(gpu) => outputs(loaded(gpu, &mut self.gpu, network)?, inputs, options).await,
            }
        })
    }

    /// As [`Engine::evaluate`], for every tensor that the pass computed and kept.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn evaluate_all<'a>(
        &'a mut self,
        network: &'a Arc<Network>,
        inputs: &'a [(String, HostValue)],
        options: &'a RunOptions,
    ) -> Task<'a, Result<Vec<(String, HostValue)>, RunError>> {
        Box::pin(async move {
            match &self.device {
                Device::Cpu => everything(loaded(&Cpu, &mut self.cpu, network)?, inputs, options).await,
                Device::Gpu(gpu) => everything(loaded(gpu, &mut self.gpu, network)?, inputs, options).await,
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
}

/// The executor of `network`, which replaces that of another one.
fn loaded<'a, P: Place>(
    place: &P,
    slot: &'a mut Option<Executor<P::Backend>>,
    network: &Arc<Network>,
) -> Result<&'a Executor<P::Backend>, RunError> {
    let executor = match slot.take().filter(|e| Arc::ptr_eq(e.network(), network)) {
        Some(executor) => executor,
        None => Executor::within(network.clone(), place.device(), place.largest())?,
    };
    Ok(slot.insert(executor))
}

/// One pass, its outputs on the host.
async fn outputs<B: Backend>(
    executor: &Executor<B>,
    inputs: &[(String, HostValue)],
    options: &RunOptions,
) -> Result<Vec<(String, HostValue)>, RunError> {
    let pass = executor.run_async(executor.host_inputs(inputs)?, options).await?;
    executor.outputs(&pass).await
}

/// One pass, all its tensors on the host.
async fn everything<B: Backend>(
    executor: &Executor<B>,
    inputs: &[(String, HostValue)],
    options: &RunOptions,
) -> Result<Vec<(String, HostValue)>, RunError> {
    let pass = executor.run_async(executor.host_inputs(inputs)?, options).await?;
    executor.everything(&pass).await
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
