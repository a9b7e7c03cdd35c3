//! One number of a layer that is looked at: how the last pass came to it.

use model::LayerId;
use serde::{Deserialize, Serialize};

pub use probe::arithmetic::{Rule, Step, Working, index};

use crate::Document;

/// A number of a layer's first output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The layer, as named in the file.
    pub layer: String,
    /// Its place, row-major over the whole output.
    pub place: usize,
}

impl Document {
    /// How the last pass came to a number.
    ///
    /// # Errors
    /// A sentence where there was no pass, and for what cannot be worked out.
    pub fn working(&self, cell: &Cell) -> Result<Working, String> {
        let layer = self.source.layer_named(&cell.layer);
        let layer = layer.ok_or_else(|| format!("there is no layer {:?}", cell.layer))?;
        let trace = self.trace.as_ref().ok_or("give the network an input first")?;
        probe::arithmetic::working(&self.source, trace, layer, cell.place).map_err(|e| e.to_string())
    }

    /// The number of largest magnitude that a layer gave for the first item of the last pass; the first one
    /// while its numbers are on their way.
    pub fn strongest_cell(&self, layer: LayerId) -> Option<Cell> {
        let of = self.source.layer(layer);
        let tensor = self.trace.as_ref()?.tensors.get(&of.outputs.first().copied()??)?;
        let items = if tensor.shape.len() > 1 {
            tensor.shape[0]
        } else {
            1
        };
        let own = tensor.len() / items.max(1);
        let values = tensor.host().map_or(&[][..], |v| &v[..own.min(v.len())]);
        let finite = values.iter().enumerate().filter(|(_, v)| v.is_finite());
        let best = finite.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        Some(Cell {
            layer: of.name.clone(),
            place: best.map_or(0, |(place, _)| place),
        })
    }

    /// The shape of a layer's first output in the last pass.
    pub fn shape_of(&self, layer: LayerId) -> Option<&[usize]> {
        let tensor = self.source.layer(layer).outputs.first().copied().flatten()?;
        Some(&self.trace.as_ref()?.tensors.get(&tensor)?.shape)
    }
}
