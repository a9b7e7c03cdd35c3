//! Runs networks: any imported graph on Burn's rank-dynamic backend primitives.
//!
//! In: a `Network` with weights, input tensors, a device: the processor, a graphics device of its
//! own, or one that is shared with what draws. Out: a `Pass` of device tensors, a `Trace` whose
//! tensors stay on the device, gradients. It knows no file, no window and no picture.

pub mod arrays;
pub mod backprop;
mod control;
mod derivative;
mod engine;
mod flex;
mod frame;
pub mod fuse;
pub mod gpu;
pub mod gradients;
pub mod inputs;
mod kernels;
mod memory;
mod ops;
mod patch;
mod place;
pub mod roofs;
pub mod run;
mod summaries;
mod threads;
pub mod train;
pub mod value;

pub use backprop::{Answer, Array, Backprop, Question, Turn};
pub use burn_backend::Backend;
pub use burn_flex::{Flex, FlexDevice};
pub use engine::{Device, Engine};
pub use gpu::{Gpu, Resident, Wgpu};
pub use gradients::gradients;
pub use ops::conv::{Ends, padding as window_padding};
pub use patch::Patch;
pub use run::{Executor, GiveWay, Keep, Pass, Progress, RunError, RunOptions};
#[cfg(not(target_arch = "wasm32"))]
pub use threads::take_part;
pub use value::{Value, wait};

use std::sync::Arc;

use model::{HostValue, Network, TensorData, Trace};

/// One forward pass on the CPU, every tensor on the host.
///
/// # Errors
/// [`RunError`] for inputs that do not fit and operators that cannot be executed.
pub fn run_cpu(
    network: &Arc<Network>,
    inputs: &[(String, TensorData)],
    options: &RunOptions,
) -> Result<Trace, RunError> {
    let executor = Executor::<Flex>::new(network.clone(), FlexDevice)?;
    wait(engine::pass(&place::Cpu, &executor, inputs, options)).ok_or(RunError::CannotWait)?
}

/// [`Engine::evaluate`] on the CPU.
///
/// # Errors
/// [`RunError`] for inputs that do not fit and operators that cannot be executed.
pub fn evaluate_cpu(
    network: &Arc<Network>,
    inputs: &[(String, HostValue)],
    options: &RunOptions,
) -> Result<Vec<(String, HostValue)>, RunError> {
    wait(Engine::new(Device::Cpu).evaluate(network, inputs, options)).ok_or(RunError::CannotWait)?
}
