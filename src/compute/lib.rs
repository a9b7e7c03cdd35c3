//! Runs networks: any imported graph on Burn's rank-dynamic backend primitives.
//!
//! In: a `Network` with weights, input tensors, a backend device. Out: a `Pass` of device
//! tensors, a `Trace` on the host, gradients. It knows no file, no window and no picture.

pub mod gradients;
pub mod inputs;
mod ops;
pub mod run;
pub mod train;
pub mod value;

pub use burn_flex::{Flex, FlexDevice};
pub use gradients::gradients;
pub use run::{Executor, Pass, Progress, RunError, RunOptions};
pub use value::Value;

use std::sync::Arc;

use model::{Network, TensorData, Trace};

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
    let pass = executor.run(executor.inputs(inputs)?, options)?;
    executor.trace(&pass)
}
