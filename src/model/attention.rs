//! Where a network attends: layers whose softmax says how much each query takes from each key.

use crate::network::{Tensor, TensorKind};
use crate::op::{Op, Scores};
use crate::parts::attention;
use crate::parts::flow::{Flow, From};
use crate::{Axis, Dim, LayerId, Network, Role, TensorId, TensorSpec};

/// One attention (Vaswani et al. 2017), all its heads.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionSite {
    /// The softmax, or the one operator for all of it.
    pub layer: LayerId,
    /// The weights: `[N, H, L, T]`, `[N * H, L, T]` or `[L, T]` for a batch of N, H heads, L queries and
    /// T keys. Each row sums to 1. `None` where an operator keeps them to itself ([`expose_attention`]).
    pub weights: Option<TensorId>,
    /// Queries as they enter the product, `[..., L, D]`; `None` where they are fed.
    pub queries: Option<TensorId>,
    /// Keys as they enter it: `[..., D, T]` behind a product, as the queries behind an operator.
    pub keys: Option<TensorId>,
    /// Where it stands, as a path; its layer's name where that says nothing.
    pub name: String,
}

/// Every attention of the main graph, in flow order: the softmax of a product of queries and keys on
/// its way to a product with values, whatever operators are between; and ONNX's `Attention`.
pub fn attention_sites(network: &Network) -> Vec<AttentionSite> {
    let folded = |&l: &LayerId| {
        let mut outputs = network.layer(l).outputs.iter().flatten();
        outputs.all(|&t| network.tensor(t).data.is_some())
    };
    let layers: Vec<LayerId> = network
        .main()
        .layers
        .iter()
        .copied()
        .filter(|l| !folded(l))
        .collect();
    let flow = Flow::new(network, &layers);
    let tensor = |from: &From, i: usize, place: usize| match from {
        From::Nothing => None,
        _ => flow.layer(i).inputs.get(place).copied().flatten(),
    };
    let site = |i: usize| {
        let layer = flow.layer(i);
        let output = |place: usize| layer.outputs.get(place).copied().flatten();
        let (product, weights) = match &layer.op {
            Op::Softmax { .. } => (attention::product_of(&flow, i)?, output(0)),
            Op::Attention(o) => (i, output(3).filter(|_| o.scores == Scores::Softmax)),
            _ => return None,
        };
        let operands = &flow.inputs[product];
        Some(AttentionSite {
            layer: layers[i],
            weights,
            queries: operands.first().and_then(|f| tensor(f, product, 0)),
            keys: operands.get(1).and_then(|f| tensor(f, product, 1)),
            name: name(network, layers[i]),
        })
    };
    (0..layers.len()).filter_map(site).collect()
}

/// What people call the attention around `layer`: where its name says that it stands, else its scope.
fn name(network: &Network, layer: LayerId) -> String {
    let layer = network.layer(layer);
    let own = layer
        .name
        .trim_start_matches('/')
        .rsplit_once('/')
        .map(|(path, _)| path.to_string());
    let path = own.unwrap_or_else(|| network.scopes.path(layer.scope));
    match path.is_empty() {
        true => layer.name.clone(),
        false => path,
    }
}

/// Has each `Attention` operator give its weights as its fourth output, where nobody reads that for
/// something else. Nothing that the network computes changes.
pub fn expose_attention(network: &mut Network) {
    let axes = [Role::Batch, Role::Head, Role::Token, Role::Token].map(|role| Axis {
        role,
        size: Dim::Unknown,
    });
    for layer in network.main().layers.clone() {
        let place = &mut network.layers[layer.0 as usize];
        let Op::Attention(o) = &mut place.op else { continue };
        if place.outputs.get(3).copied().flatten().is_some() {
            continue;
        }
        o.scores = Scores::Softmax;
        let name = format!("{}/weights", place.name);
        let weights = network.add_tensor(Tensor {
            name,
            spec: TensorSpec {
                axes: Some(axes.to_vec()),
                ..TensorSpec::unknown()
            },
            kind: TensorKind::Activation,
            producer: Some(layer),
            data: None,
        });
        let outputs = &mut network.layers[layer.0 as usize].outputs;
        outputs.resize(3, None);
        outputs.push(Some(weights));
    }
}
