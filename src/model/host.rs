//! Values in host memory, of every kind that a graph can take or give.

use crate::TensorData;

/// A value of a graph in host memory.
#[derive(Clone, Debug, PartialEq)]
pub enum HostValue {
    /// A tensor.
    Tensor(TensorData),
    /// Any number of values, in order.
    Sequence(Vec<HostValue>),
    /// A value, or none.
    Optional(Option<Box<HostValue>>),
}

impl HostValue {
    /// The tensor, where it is one.
    pub fn tensor(&self) -> Option<&TensorData> {
        match self {
            HostValue::Tensor(data) => Some(data),
            _ => None,
        }
    }

    /// What it is, in words: `float32 [2, 3]`, `a sequence of 4`, `an optional value`.
    pub fn words(&self) -> String {
        match self {
            HostValue::Tensor(data) => data.spec().to_string(),
            HostValue::Sequence(values) => format!("a sequence of {}", values.len()),
            HostValue::Optional(_) => "an optional value".into(),
        }
    }
}

impl From<TensorData> for HostValue {
    fn from(data: TensorData) -> Self {
        HostValue::Tensor(data)
    }
}
