//! ONNX: protobuf models of opsets 7 to 24, with their weights.

mod elementwise;
mod external;
mod layers;
mod node;
mod ops;
pub mod proto;
mod read;
mod tensor;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;
