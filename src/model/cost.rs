//! What a network costs: parameters, multiply-accumulates, FLOPs, activation memory.

use crate::{Bindings, LayerId, Network};

/// Cost of one layer for one pass.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct LayerCost {
    /// Trained values that this layer reads; a tensor shared by several layers is counted at the first.
    pub parameters: u64,
    /// Untrained state (running statistics), same rule.
    pub buffers: u64,
    /// Multiply-accumulates; `None` when a size is unknown.
    pub macs: Option<u64>,
    /// Floating-point operations (2 per multiply-accumulate, 1 per elementwise operation).
    pub flops: Option<u64>,
    /// Bytes of all outputs.
    pub activation_bytes: Option<u64>,
}

/// Cost of a network.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Cost {
    /// By layer id.
    pub layers: Vec<LayerCost>,
    /// Totals over all layers; unknown layers count as 0 and are listed in `unknown`.
    pub total: LayerCost,
    /// Largest sum of live activation bytes while the layers run in order and each tensor is
    /// freed after its last reader.
    pub peak_activation_bytes: Option<u64>,
    /// Layers whose cost could not be told.
    pub unknown: Vec<LayerId>,
}

/// The cost of `network` with its symbols bound.
pub fn cost(_network: &Network, _bindings: &Bindings) -> Cost {
    Cost::default()
}
