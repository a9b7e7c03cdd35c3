//! Which stored tensors are trained.

use super::is_stored;
use crate::network::TensorKind;
use crate::op::{Binary, Op};
use crate::{LayerId, Network, TensorId};

/// Marks stored tensors as parameters or buffers by the inputs that read them; the rest are
/// constants. A weight read through a reshape, transpose or cast counts where it is stored.
pub(super) fn assign(network: &mut Network) {
    let mut marks: Vec<(TensorId, TensorKind)> = Vec::new();
    for i in 0..network.layers.len() {
        let layer = network.layer(LayerId(i as u32));
        for (place, input) in layer.inputs.iter().enumerate() {
            if let Some(input) = input
                && let Some(kind) = role(&layer.op, place, layer.inputs.len())
                && let Some(source) = source(network, *input)
            {
                marks.push((source, kind));
            }
        }
    }
    for tensor in network.tensors.iter_mut().filter(|t| t.data.is_some()) {
        // A reader that knows has said so.
        if !matches!(tensor.kind, TensorKind::Parameter | TensorKind::Buffer) {
            tensor.kind = TensorKind::Constant;
        }
    }
    for (id, kind) in marks {
        let tensor = &mut network.tensors[id.0 as usize];
        let several = tensor.spec.rank() != Some(0) && tensor.data.as_ref().is_none_or(|d| d.len() > 1);
        let state = tensor.kind == TensorKind::Buffer;
        if tensor.spec.dtype.is_float() && several && !state {
            tensor.kind = kind;
        }
    }
}

/// What a stored tensor at input `place` is.
fn role(op: &Op, place: usize, _inputs: usize) -> Option<TensorKind> {
    use TensorKind::{Buffer, Parameter};
    match (op, place) {
        (Op::BatchNorm { .. }, 3 | 4) => Some(Buffer),
        (Op::BatchNorm { .. }, 1 | 2) => Some(Parameter),
        (Op::Conv { .. } | Op::ConvTranspose { .. }, 1 | 2) => Some(Parameter),
        (Op::Gemm { .. }, 0..=2) | (Op::MatMul, 0 | 1) => Some(Parameter),
        (
            Op::InstanceNorm { .. } | Op::GroupNorm { .. } | Op::LayerNorm { .. } | Op::RmsNorm { .. },
            1 | 2,
        ) => Some(Parameter),
        (Op::PRelu, 1) | (Op::Gather { .. }, 0) | (Op::Embedding, 1) => Some(Parameter),
        (Op::Recurrent(_), 1 | 2 | 3 | 7) => Some(Parameter),
        (Op::Attention { .. }, 1..) => Some(Parameter),
        // Biases and scales of graphs whose exporter took layers apart.
        (Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Div), 0 | 1) => Some(Parameter),
        _ => None,
    }
}

/// The stored tensor behind reshapes, transposes and casts.
fn source(network: &Network, mut id: TensorId) -> Option<TensorId> {
    // A cycle cannot pass the reader, but a bound costs nothing.
    for _ in 0..64 {
        let folded = network.tensor(id).data.is_some() || network.tensor(id).producer.is_none();
        if folded {
            return is_stored(network, id).then_some(id);
        }
        let layer = network.layer(network.tensor(id).producer?);
        let moves = matches!(
            layer.op,
            Op::Identity
                | Op::Transpose { .. }
                | Op::Reshape { .. }
                | Op::Cast { .. }
                | Op::Unsqueeze { .. }
                | Op::Squeeze { .. }
                | Op::Flatten { .. }
        );
        if !moves {
            return None;
        }
        id = layer.inputs.first().copied().flatten()?;
    }
    None
}
