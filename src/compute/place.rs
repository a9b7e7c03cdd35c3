//! Where tensors are computed and stay: the processor, or a graphics device.

use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, BackendTypes};
use burn_flex::{Flex, FlexDevice};
use model::{DType, Network, TensorId, Trace, TraceTensor};

use crate::run::RunError;
use crate::value::{Value, dims, read_async};

/// A device with its backend, and what becomes of a pass's tensors on it.
pub(crate) trait Place {
    type Backend: Backend;

    /// Whether gradients need [`crate::RunOptions::unit_strides`].
    const UNIT_STRIDES: bool;

    /// Whether an operator has been computed when it comes back, so that its time is known.
    const WAITS: bool;

    fn device(&self) -> <Self::Backend as BackendTypes>::Device;

    /// Bytes of the largest tensor.
    fn largest(&self) -> u64;

    /// For the trace.
    fn words(&self) -> String;

    /// Tensors with their summaries, in order, and the bytes that were read for those.
    async fn keep(&self, tensors: Vec<FloatTensor<Self::Backend>>)
    -> Result<(Vec<TraceTensor>, u64), String>;
}

/// The processor.
pub(crate) struct Cpu;

impl Place for Cpu {
    type Backend = Flex;

    const UNIT_STRIDES: bool = false;

    const WAITS: bool = true;

    fn device(&self) -> FlexDevice {
        FlexDevice
    }

    fn largest(&self) -> u64 {
        u64::MAX
    }

    fn words(&self) -> String {
        "CPU".into()
    }

    async fn keep(&self, tensors: Vec<FloatTensor<Flex>>) -> Result<(Vec<TraceTensor>, u64), String> {
        let mut kept = Vec::with_capacity(tensors.len());
        for t in tensors {
            let shape = dims::<Flex>(&t);
            kept.push(TraceTensor::on_host(
                shape,
                DType::F32,
                read_async::<Flex>(t).await?,
            ));
        }
        // The host's own memory is not read back.
        Ok((kept, 0))
    }
}

/// `values` as the tensors of a trace.
pub(crate) async fn trace<P: Place>(
    place: &P,
    network: &Network,
    values: impl IntoIterator<Item = (TensorId, Value<P::Backend>)>,
) -> Result<Trace, RunError> {
    let mut trace = Trace {
        device: place.words(),
        ..Trace::default()
    };
    let (mut ids, mut floats) = (Vec::new(), Vec::new());
    for (id, value) in values {
        match value {
            Value::Float(t) => {
                ids.push(id);
                floats.push(t);
            }
            // Integers are on the host everywhere.
            Value::Int(i) => {
                let tensor = TraceTensor::on_host(i.shape.clone(), i.dtype, i.floats());
                trace.tensors.insert(id, tensor);
            }
            Value::Double(d) => {
                let tensor = TraceTensor::on_host(d.shape.clone(), DType::F64, d.floats());
                trace.tensors.insert(id, tensor);
            }
            // A trace shows numbers.
            Value::Text(_) | Value::Sequence(_) | Value::Optional(_) => {}
        }
    }
    let (kept, read_back) = place.keep(floats).await.map_err(|problem| RunError::Tensor {
        name: network.name.clone(),
        problem,
    })?;
    trace.read_back = read_back;
    trace.tensors.extend(ids.into_iter().zip(kept));
    Ok(trace)
}
