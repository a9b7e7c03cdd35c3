//! Tensors: element types, symbolic shapes with axis roles, and stored values.

mod data;
mod dtype;

use serde::{Deserialize, Serialize};

use crate::dim::{Bindings, Dim};

pub use data::{Payload, Strided, TensorData};
pub use dtype::DType;

/// What an axis means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Role {
    Batch,
    Channel,
    Depth,
    Height,
    Width,
    Token,
    Head,
    Feature,
    #[default]
    Other,
}

/// One axis of a tensor: its meaning and its size.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Axis {
    /// Meaning of the axis.
    pub role: Role,
    /// Number of elements along it, symbolic where unknown.
    pub size: Dim,
}

/// Shape and element type of a tensor. `axes` is `None` when even the rank is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Axes in memory order (row-major), outermost first; `None`: unknown rank.
    pub axes: Option<Vec<Axis>>,
    /// Element type.
    pub dtype: DType,
}

impl TensorSpec {
    /// Nothing known.
    pub fn unknown() -> Self {
        TensorSpec {
            axes: None,
            dtype: DType::Unknown,
        }
    }

    /// A spec with roles left to `Role::Other`.
    pub fn new(dtype: DType, dims: impl IntoIterator<Item = Dim>) -> Self {
        let axes = dims.into_iter().map(|size| Axis {
            role: Role::Other,
            size,
        });
        TensorSpec {
            axes: Some(axes.collect()),
            dtype,
        }
    }

    /// A spec of known sizes.
    pub fn fixed(dtype: DType, shape: &[u64]) -> Self {
        Self::new(dtype, shape.iter().map(|&d| Dim::Known(d)))
    }

    /// Number of axes, where known.
    pub fn rank(&self) -> Option<usize> {
        self.axes.as_ref().map(Vec::len)
    }

    /// Sizes in order, where the rank is known.
    pub fn dims(&self) -> Option<Vec<Dim>> {
        Some(self.axes.as_ref()?.iter().map(|a| a.size.clone()).collect())
    }

    /// Concrete sizes, when every axis is known under `bindings`.
    pub fn shape(&self, bindings: &Bindings) -> Option<Vec<u64>> {
        self.axes
            .as_ref()?
            .iter()
            .map(|a| a.size.eval(bindings))
            .collect()
    }

    /// Number of elements under `bindings`; `None` when unknown or above `u64`.
    pub fn elements(&self, bindings: &Bindings) -> Option<u64> {
        self.shape(bindings)?.into_iter().try_fold(1u64, u64::checked_mul)
    }
}

impl std::fmt::Display for TensorSpec {
    /// `float32 [N, 64, 56, 56]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.dtype.name())?;
        let Some(axes) = &self.axes else {
            return f.write_str(" [?]");
        };
        f.write_str(" [")?;
        for (i, axis) in axes.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", axis.size)?;
        }
        f.write_str("]")
    }
}
