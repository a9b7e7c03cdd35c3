//! What one pass through a network left behind: tensors by id, with summaries.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{DType, TensorId};

/// Statistics of a tensor's finite values.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub struct Summary {
    pub min: f32,
    pub max: f32,
    pub mean: f32,
    /// Population standard deviation.
    pub std: f32,
    /// Fraction of elements that are exactly zero.
    pub zeros: f32,
    /// Elements that are NaN or infinite.
    pub non_finite: u64,
}

/// Where a traced tensor's values sit.
#[derive(Clone)]
pub enum Values {
    /// Host memory, as float32, row-major.
    Host(Arc<[f32]>),
    /// A device tensor, opaque here; `gpu` and `compute` know its type.
    Device(Arc<dyn Any + Send + Sync>),
}

/// One tensor of a pass.
#[derive(Clone)]
pub struct TraceTensor {
    /// Concrete shape.
    pub shape: Vec<usize>,
    /// Element type in the network; values are float32 whatever it is.
    pub dtype: DType,
    /// The values.
    pub values: Values,
    /// Statistics, where the values were on the host or asked for.
    pub summary: Option<Summary>,
}

impl TraceTensor {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when an axis is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, when they are in host memory.
    pub fn host(&self) -> Option<&Arc<[f32]>> {
        match &self.values {
            Values::Host(values) => Some(values),
            Values::Device(_) => None,
        }
    }
}

/// One pass: every tensor that was kept, by id.
#[derive(Clone, Default)]
pub struct Trace {
    /// The kept tensors.
    pub tensors: BTreeMap<TensorId, TraceTensor>,
    /// Tensors that the memory budget did not allow to keep.
    pub dropped: Vec<TensorId>,
    /// Wall time of the pass, seconds.
    pub seconds: f64,
    /// What it ran on, in words.
    pub device: String,
}

impl Summary {
    /// Statistics of `values`. An empty slice gives zeros.
    pub fn of(values: &[f32]) -> Self {
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        let (mut sum, mut squares, mut zeros, mut finite) = (0f64, 0f64, 0u64, 0u64);
        for &v in values {
            if v.is_finite() {
                min = min.min(v);
                max = max.max(v);
                sum += v as f64;
                zeros += (v == 0.0) as u64;
                finite += 1;
            }
        }
        if finite == 0 {
            return Summary {
                non_finite: values.len() as u64,
                ..Summary::default()
            };
        }
        let mean = sum / finite as f64;
        for &v in values.iter().filter(|v| v.is_finite()) {
            squares += (v as f64 - mean).powi(2);
        }
        Summary {
            min,
            max,
            mean: mean as f32,
            std: (squares / finite as f64).sqrt() as f32,
            zeros: zeros as f32 / values.len() as f32,
            non_finite: values.len() as u64 - finite,
        }
    }
}
