//! Attributes as a file states them, and sliding windows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TensorData;

/// A raw attribute, as a file states it.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Attribute {
    Int(i64),
    Float(f32),
    String(String),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Strings(Vec<String>),
    Tensor(TensorData),
}

impl std::fmt::Display for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Attribute::Int(v) => write!(f, "{v}"),
            Attribute::Float(v) => write!(f, "{v}"),
            Attribute::String(v) => f.write_str(v),
            Attribute::Ints(v) => write!(f, "{v:?}"),
            Attribute::Floats(v) => write!(f, "{v:?}"),
            Attribute::Strings(v) => write!(f, "{v:?}"),
            Attribute::Tensor(v) => write!(f, "{}", v.spec()),
        }
    }
}

/// Raw attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// Implicit padding of a sliding window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Padding {
    /// Begin of every spatial axis, then end of every spatial axis (ONNX order).
    Explicit(Vec<i64>),
    /// `ceil(in / stride)` outputs, the odd element at the end.
    SameUpper,
    /// `ceil(in / stride)` outputs, the odd element at the beginning.
    SameLower,
    /// None.
    Valid,
}

/// The sliding window of a convolution or pooling. Empty vectors mean the operator's default
/// (stride 1, dilation 1) for every spatial axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Extent along each spatial axis; empty on a convolution: taken from its weights.
    pub kernel: Vec<i64>,
    /// Step along each spatial axis.
    pub strides: Vec<i64>,
    /// Distance between the taps.
    pub dilations: Vec<i64>,
    /// Padding.
    pub padding: Padding,
}

impl Window {
    /// Stride of spatial axis `i`.
    pub fn stride(&self, i: usize) -> i64 {
        self.strides.get(i).copied().unwrap_or(1)
    }

    /// Dilation of spatial axis `i`.
    pub fn dilation(&self, i: usize) -> i64 {
        self.dilations.get(i).copied().unwrap_or(1)
    }
}
