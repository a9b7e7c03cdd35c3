//! ONNX: protobuf models of opsets 7 to 27, with their weights.

mod elementwise;
mod external;
mod functions;
mod layers;
mod node;
mod ops;
pub mod proto;
mod read;
mod tensor;
mod values;
mod write;

pub(crate) use ops::op_of;
pub(crate) use read::read;
pub use values::{Side, onnx_tensor, onnx_values};
pub(crate) use write::write;
