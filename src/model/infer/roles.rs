//! What the axes of each tensor mean, from the operators that make and read it.

use crate::op::Op;
use crate::{DType, LayerId, Network, Role, TensorId, TensorSpec};

/// Names axis roles, in flow order, best effort.
pub(super) fn assign(network: &mut Network) {
    let consumers = network.consumers();
    let tokens = network
        .main()
        .inputs
        .iter()
        .any(|&i| !network.tensor(i).spec.dtype.is_float() && network.tensor(i).spec.rank() == Some(2));
    for &input in &network.main().inputs.clone() {
        let spec = &network.tensor(input).spec;
        let spatial = consumers[input.0 as usize]
            .iter()
            .any(|&l| spatial(&network.layer(l).op));
        let roles = match spec.rank() {
            Some(2) if spec.dtype != DType::Unknown && !spec.dtype.is_float() => {
                vec![Role::Batch, Role::Token]
            }
            Some(2) => vec![Role::Batch, Role::Feature],
            // Networks that scale or pad an image before the first convolution read images too.
            Some(4) => image(4),
            Some(3 | 5) if spatial => image(spec.rank().unwrap_or(3)),
            _ => continue,
        };
        set(network, input, &roles);
    }
    let order: Vec<LayerId> = network.graphs.iter().flat_map(|g| g.layers.clone()).collect();
    for layer in order {
        let outputs: Vec<TensorId> = network.layer(layer).outputs.iter().flatten().copied().collect();
        for output in outputs {
            if let Some(roles) = roles(network, layer, output, tokens) {
                set(network, output, &roles);
            }
        }
    }
}

fn spatial(op: &Op) -> bool {
    matches!(
        op,
        Op::Conv { .. }
            | Op::ConvTranspose { .. }
            | Op::MaxPool { .. }
            | Op::AveragePool { .. }
            | Op::GlobalAveragePool
            | Op::GlobalMaxPool
            | Op::Lrn { .. }
            | Op::Resize(_)
            | Op::InstanceNorm { .. }
            | Op::DepthToSpace { .. }
            | Op::SpaceToDepth { .. }
            | Op::LpPool { .. }
            | Op::GlobalLpPool { .. }
            | Op::MaxUnpool { .. }
            | Op::DeformConv(_)
            | Op::QLinearConv { .. }
            | Op::ConvInteger { .. }
            | Op::BatchNormTraining { .. }
    )
}

/// Batch and channels before one to three axes of space.
fn image(rank: usize) -> Vec<Role> {
    use Role::*;
    let space: &[Role] = match rank {
        3 => &[Width],
        4 => &[Height, Width],
        _ => &[Depth, Height, Width],
    };
    [&[Batch, Channel], space].concat()
}

fn current(spec: &TensorSpec) -> Vec<Role> {
    spec.axes.iter().flatten().map(|a| a.role).collect()
}

fn set(network: &mut Network, id: TensorId, roles: &[Role]) {
    if let Some(axes) = &mut network.tensors[id.0 as usize].spec.axes
        && axes.len() == roles.len()
    {
        axes.iter_mut()
            .zip(roles)
            .for_each(|(axis, role)| axis.role = *role);
    }
}

fn roles(network: &Network, layer: LayerId, output: TensorId, tokens: bool) -> Option<Vec<Role>> {
    let layer = network.layer(layer);
    let rank = network.tensor(output).spec.rank()?;
    let of = |i: usize| -> Option<Vec<Role>> {
        Some(current(
            &network.tensor(layer.inputs.get(i).copied().flatten()?).spec,
        ))
    };
    if spatial(&layer.op) && (3..=5).contains(&rank) {
        return Some(image(rank));
    }
    match &layer.op {
        Op::Transpose { perm } => {
            let from = of(0)?;
            let places: Vec<usize> = match perm {
                Some(p) => p
                    .iter()
                    .map(|&a| usize::try_from(a).ok())
                    .collect::<Option<_>>()?,
                None => (0..rank).rev().collect(),
            };
            places.iter().map(|&p| from.get(p).copied()).collect()
        }
        Op::Flatten { .. } | Op::Gemm { .. } if rank == 2 => Some(vec![Role::Batch, Role::Feature]),
        Op::Gather { .. } | Op::Embedding if rank == 3 && tokens => {
            Some(vec![Role::Batch, Role::Token, Role::Feature])
        }
        Op::MatMul | Op::Reshape { .. } | Op::LayerNorm { .. } => {
            guess(network, &of(0)?, rank, output, tokens)
        }
        Op::Reduce { .. } | Op::Slice { .. } | Op::Squeeze { .. } | Op::Gather { .. } if rank == 2 => {
            Some(vec![Role::Batch, Role::Feature])
        }
        Op::Unsqueeze { .. } | Op::Shape { .. } | Op::Constant { .. } | Op::Squeeze { .. } => None,
        _ => {
            // Same shape: the widest input names the axes.
            let candidates = (0..layer.inputs.len()).filter_map(of);
            candidates
                .filter(|r| r.len() == rank)
                .max_by_key(|r| r.iter().filter(|x| **x != Role::Other).count())
        }
    }
}

fn guess(network: &Network, from: &[Role], rank: usize, output: TensorId, tokens: bool) -> Option<Vec<Role>> {
    use Role::*;
    let dims = network.tensor(output).spec.dims()?;
    match rank {
        2 => Some(vec![Batch, Feature]),
        3 if tokens || from.contains(&Token) => Some(vec![Batch, Token, Feature]),
        // Scores of attention are square.
        4 if tokens && dims[2] == dims[3] => Some(vec![Batch, Head, Token, Token]),
        4 if from.contains(&Head) => Some(vec![Batch, Head, Token, Feature]),
        _ if from.len() == rank => Some(from.to_vec()),
        _ => None,
    }
}
