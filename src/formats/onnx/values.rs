//! Values of a graph's inputs and outputs, as ONNX keeps them in files of their own (`input_0.pb`).

use bytes::Bytes;
use model::{HostValue, TensorData};
use prost::Message;

use super::external::External;
use super::proto::{ModelProto, OptionalProto, SequenceProto, TensorProto, TypeProto};
use super::tensor::{self, Stored};
use crate::error::{Fault, FormatError};

/// Nested sequences and optional values that are read.
const DEPTH: usize = 16;

/// Which side of a graph values belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the graph reads.
    Inputs,
    /// What it gives.
    Outputs,
}

/// The values in `files`, which stand in the order of the main graph's inputs or outputs in
/// `model`, with the names that the graph has for them. Each file is a `TensorProto`,
/// `SequenceProto` or `OptionalProto`, as the graph states the value's type.
///
/// # Errors
/// [`FormatError`] for bytes that are no such message, and for more files than the graph has.
pub fn onnx_values(
    model: Bytes,
    side: Side,
    files: &[(String, Bytes)],
) -> Result<Vec<(String, HostValue)>, FormatError> {
    let first = files.first().map_or("", |(name, _)| name.as_str());
    let proto = ModelProto::decode(model).map_err(|e| Fault::new("model", e.to_string()).in_file(first))?;
    let graph = proto.graph.unwrap_or_default();
    let stated = match side {
        Side::Inputs => graph.input,
        Side::Outputs => graph.output,
    };
    let mut values = Vec::with_capacity(files.len());
    for (i, (name, bytes)) in files.iter().enumerate() {
        let info = stated.get(i).ok_or_else(|| {
            let problem = format!("expected at most {} values, as the graph has", stated.len());
            Fault::new("values", problem).in_file(name)
        })?;
        let kind = info.r#type.clone().unwrap_or_default();
        let value = value(&kind, bytes.clone()).map_err(|fault| fault.in_file(name))?;
        values.push((info.name.clone(), value));
    }
    Ok(values)
}

fn decode<M: Message + Default>(bytes: Bytes, what: &str) -> Result<M, Fault> {
    M::decode(bytes).map_err(|e| Fault::new(what, format!("bytes that are not one ({e})")))
}

fn value(kind: &TypeProto, bytes: Bytes) -> Result<HostValue, Fault> {
    if kind.sequence_type.is_some() {
        return sequence(&decode(bytes, "sequence")?, DEPTH);
    }
    if kind.optional_type.is_some() {
        return optional(&decode(bytes, "optional value")?, DEPTH);
    }
    tensor(&decode(bytes, "tensor")?)
}

fn tensor(proto: &TensorProto) -> Result<HostValue, Fault> {
    match tensor::tensor(proto, &External::new(None))? {
        Stored::Data(data) => Ok(HostValue::Tensor(data)),
        Stored::Spec(_, why) => Err(Fault::new(format!("tensor {:?}", proto.name), why)),
    }
}

fn deeper(depth: usize) -> Result<usize, Fault> {
    let problem = format!("expected at most {DEPTH} nested values, found more");
    depth.checked_sub(1).ok_or_else(|| Fault::new("value", problem))
}

fn sequence(proto: &SequenceProto, depth: usize) -> Result<HostValue, Fault> {
    let depth = deeper(depth)?;
    let tensors = proto.tensor_values.iter().map(tensor);
    let sequences = proto.sequence_values.iter().map(|s| sequence(s, depth));
    let optionals = proto.optional_values.iter().map(|o| optional(o, depth));
    let all: Result<_, _> = tensors.chain(sequences).chain(optionals).collect();
    all.map(HostValue::Sequence)
}

fn optional(proto: &OptionalProto, depth: usize) -> Result<HostValue, Fault> {
    let depth = deeper(depth)?;
    let held = if let Some(value) = &proto.tensor_value {
        Some(tensor(value)?)
    } else if let Some(value) = &proto.sequence_value {
        Some(sequence(value, depth)?)
    } else if let Some(value) = &proto.optional_value {
        Some(optional(value, depth)?)
    } else {
        None
    };
    Ok(HostValue::Optional(held.map(Box::new)))
}

/// The tensor in `bytes`, a `TensorProto`.
///
/// # Errors
/// [`FormatError`] for bytes that are no such message or disagree with themselves.
pub fn onnx_tensor(name: &str, bytes: Bytes) -> Result<TensorData, FormatError> {
    let read = decode(bytes, "tensor").and_then(|proto| tensor(&proto));
    match read.map_err(|fault| fault.in_file(name))? {
        HostValue::Tensor(data) => Ok(data),
        other => Err(Fault::new("tensor", other.words()).in_file(name)),
    }
}
