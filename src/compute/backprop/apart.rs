//! Activations that are part of other layers as layers of their own.

use std::sync::Arc;

use model::op::Op;
use model::{Layer, LayerId, Network};

/// `network` without activations that are part of other layers.
pub(super) fn apart(network: &Arc<Network>) -> Arc<Network> {
    if network.layers.iter().all(|l| l.activation.is_none()) {
        return network.clone();
    }
    let mut made = Network::clone(network);
    for graph in 0..made.graphs.len() {
        let mut order = Vec::new();
        for id in made.graphs[graph].layers.clone() {
            order.push(id);
            let layer = &mut made.layers[id.0 as usize];
            let first = layer.outputs.first().copied().flatten();
            let (Some(kind), Some(output)) = (layer.activation, first) else {
                continue;
            };
            layer.activation = None;
            let after = Layer {
                name: format!("{}/activation", layer.name),
                op: Op::Unary(kind),
                kind: format!("{kind:?}"),
                subgraphs: Vec::new(),
                attributes: Default::default(),
                outputs: vec![Some(output)],
                ..layer.clone()
            };
            let mut tensor = made.tensor(output).clone();
            tensor.name = format!("{}/before", tensor.name);
            let before = made.add_tensor(tensor);
            made.layers[id.0 as usize].outputs[0] = Some(before);
            let next = LayerId(made.layers.len() as u32);
            made.layers.push(Layer {
                inputs: vec![Some(before)],
                ..after
            });
            made.tensors[output.0 as usize].producer = Some(next);
            order.push(next);
        }
        made.graphs[graph].layers = order;
    }
    Arc::new(made)
}
