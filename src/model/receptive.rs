//! Receptive fields: the patch of a network's input that one cell of a tensor can see.

use std::collections::HashMap;

use crate::op::{Op, Padding, Resize, Window};
use crate::{Bindings, Layer, Network, TensorId, TensorKind};

/// A patch of an input, in its rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The graph input.
    pub input: TensorId,
    /// First row and the row after the last one.
    pub rows: [u64; 2],
    /// First column and the column after the last one.
    pub columns: [u64; 2],
}

/// Half-open ranges of rows and columns; they may reach into the padding.
type Region = [[i64; 2]; 2];

/// What the cell in `row` and `column` of `tensor` (`[N, C, H, W]`, any channel; 0, 0 for other
/// shapes) depends on, for each image-like input of the main graph. Exact for convolution,
/// pooling and elementwise layers; a layer that mixes all places (a matrix product, a
/// normalisation over places) sees everything below it.
///
/// The arithmetic is that of Araujo, Norris and Sim, "Computing receptive fields of
/// convolutional neural networks", Distill 2019, by intervals.
pub fn receptive_field(
    network: &Network,
    tensor: TensorId,
    row: u64,
    column: u64,
    bindings: &Bindings,
) -> Vec<Patch> {
    let trace = Walk { network, bindings };
    let mut regions: HashMap<TensorId, Region> = HashMap::new();
    let start = match trace.places(tensor) {
        Some(_) => [row, column].map(|at| [at as i64, at as i64 + 1]),
        None => [[0, 1]; 2],
    };
    regions.insert(tensor, start);
    for &id in network.main().layers.iter().rev() {
        let layer = network.layer(id);
        let outputs = layer.outputs.iter().flatten();
        let Some((output, region)) = outputs.filter_map(|t| Some((*t, *regions.get(t)?))).next() else {
            continue;
        };
        for (slot, input) in layer.inputs.iter().enumerate() {
            let Some(input) = input.filter(|&t| trace.flows(t)) else {
                continue;
            };
            let below = trace.below(layer, slot, input, output, region);
            let merged = regions.entry(input).or_insert(below);
            for (a, b) in merged.iter_mut().zip(below) {
                *a = [a[0].min(b[0]), a[1].max(b[1])];
            }
        }
    }
    let patch = |&input: &TensorId| {
        let (region, places) = (regions.get(&input)?, trace.places(input)?);
        let clip = |axis: usize| region[axis].map(|at| at.clamp(0, places[axis]) as u64);
        Some(Patch {
            input,
            rows: clip(0),
            columns: clip(1),
        })
    };
    network.main().inputs.iter().filter_map(patch).collect()
}

struct Walk<'a> {
    network: &'a Network,
    bindings: &'a Bindings,
}

impl Walk<'_> {
    /// True for what is computed from an input.
    fn flows(&self, tensor: TensorId) -> bool {
        matches!(
            self.network.tensor(tensor).kind,
            TensorKind::Activation | TensorKind::Input
        )
    }

    /// Rows and columns of a feature map.
    fn places(&self, tensor: TensorId) -> Option<[i64; 2]> {
        let shape = self.network.tensor(tensor).spec.shape(self.bindings)?;
        let [_, _, height, width] = shape[..] else {
            return None;
        };
        Some([height as i64, width as i64])
    }

    /// The region of `input` that `region` of `output` reads.
    fn below(&self, layer: &Layer, slot: usize, input: TensorId, output: TensorId, region: Region) -> Region {
        let (Some(from), Some(to)) = (self.places(input), self.places(output)) else {
            return self.places(input).map_or([[0, 1]; 2], |p| p.map(|n| [0, n]));
        };
        let whole = from.map(|n| [0, n]);
        let each = |f: &dyn Fn(usize) -> [i64; 2]| [f(0), f(1)];
        match &layer.op {
            Op::Conv { window, .. }
            | Op::MaxPool { window, .. }
            | Op::AveragePool { window, .. }
            | Op::LpPool { window, .. }
                if slot == 0 =>
            {
                each(&|axis| {
                    let (stride, extent) = (window.stride(axis), self.extent(layer, window, axis));
                    let pad = pad(window, axis, from[axis], to[axis], extent);
                    let [begin, end] = region[axis];
                    [begin * stride - pad, (end - 1) * stride - pad + extent]
                })
            }
            Op::ConvTranspose { window, .. } if slot == 0 => each(&|axis| {
                let (stride, extent) = (window.stride(axis), self.extent(layer, window, axis));
                let pad = match &window.padding {
                    Padding::Explicit(p) => p.get(axis).copied().unwrap_or(0),
                    _ => ((from[axis] - 1) * stride + extent - to[axis]).max(0) / 2,
                };
                let [begin, end] = region[axis];
                [
                    (begin + pad - extent + 1).div_euclid(stride),
                    (end - 1 + pad).div_euclid(stride) + 1,
                ]
            }),
            Op::Resize(Resize { .. }) => each(&|axis| {
                let scale = from[axis] as f64 / to[axis].max(1) as f64;
                let [begin, end] = region[axis];
                [
                    (begin as f64 * scale).floor() as i64 - 1,
                    (end as f64 * scale).ceil() as i64 + 1,
                ]
            }),
            Op::Unary(_)
            | Op::Binary(_)
            | Op::Variadic(_)
            | Op::Where
            | Op::BatchNorm { .. }
            | Op::Lrn { .. }
            | Op::PRelu
            | Op::Clip { .. }
            | Op::Identity
            | Op::Dropout { .. }
            | Op::Cast { .. }
            | Op::Concat { axis: 1 | -3 }
            | Op::Softmax { axis: 1 | -3, .. }
                if from == to =>
            {
                region
            }
            _ => whole,
        }
    }

    /// Cells that a window spans.
    fn extent(&self, layer: &Layer, window: &Window, axis: usize) -> i64 {
        let stated = || {
            let weights = layer.inputs.get(1).copied().flatten()?;
            let shape = self.network.tensor(weights).spec.shape(self.bindings)?;
            shape.get(axis + 2).map(|&k| k as i64)
        };
        let kernel = window.kernel.get(axis).copied().or_else(stated).unwrap_or(1);
        (kernel - 1) * window.dilation(axis) + 1
    }
}

/// Padding before the first cell.
fn pad(window: &Window, axis: usize, from: i64, to: i64, extent: i64) -> i64 {
    let total = ((to - 1) * window.stride(axis) + extent - from).max(0);
    match &window.padding {
        Padding::Explicit(p) => p.get(axis).copied().unwrap_or(0),
        Padding::SameUpper => total / 2,
        Padding::SameLower => total - total / 2,
        Padding::Valid => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::residual_cnn;

    /// Worked by hand: the stem's 3x3 convolution sees one cell to each side; the first
    /// convolution of block 1 has stride 2 over it, the second stride 1.
    #[test]
    fn fields_grow_with_depth() {
        let network = residual_cnn("t", 1, 28, 10, 4, 1);
        let at = |layer: &str, row, column| {
            let id = network.layer_named(layer).unwrap();
            let output = network.layer(id).outputs[0].unwrap();
            let bindings = crate::cost::default_bindings(&network);
            let found = receptive_field(&network, output, row, column, &bindings);
            assert_eq!(found.len(), 1);
            (found[0].rows, found[0].columns)
        };
        assert_eq!(at("stem/conv", 5, 9), ([4, 7], [8, 11]));
        // The corner reaches into the padding, which is cut off.
        assert_eq!(at("stem/relu", 0, 27), ([0, 2], [26, 28]));
        assert_eq!(at("block1/conv1", 5, 5), ([8, 13], [8, 13]));
        assert_eq!(at("block1/conv2", 5, 5), ([6, 15], [6, 15]));
        assert_eq!(at("head/classifier", 0, 0), ([0, 28], [0, 28]));
    }
}
