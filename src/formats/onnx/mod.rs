//! ONNX: protobuf models of opsets 7 to 24, with their weights.

mod elementwise;
mod external;
mod node;
mod ops;
pub mod proto;
mod read;
mod tensor;
mod write;

pub(crate) use ops::op_of;
pub(crate) use read::read;
pub(crate) use write::write;
