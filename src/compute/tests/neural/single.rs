//! Networks of one layer.

use std::sync::Arc;

use model::network::TensorKind;
use model::{Graph, GraphId, Layer, LayerId, Network, Op, ScopeId, Tensor, TensorData, TensorSpec};

/// An operator, its inputs, and how many outputs it has.
pub type Case = (Op, Vec<Option<TensorData>>, usize);

/// Repeatable values between -1 and 1.
pub fn noise(shape: &[u64], seed: u64) -> TensorData {
    let mut random = seed | 1;
    let one = |_| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product::<u64>()).map(one).collect();
    TensorData::from_f32(shape, &values)
}

/// A network of one layer: floats are its inputs, integers are stored.
pub fn network(op: &Op, inputs: &[Option<TensorData>], outputs: usize) -> Network {
    let mut network = Network {
        graphs: vec![Graph::default()],
        ..Network::default()
    };
    let mut ids = Vec::new();
    for (i, data) in inputs.iter().enumerate() {
        let Some(data) = data else {
            ids.push(None);
            continue;
        };
        let float = data.dtype.is_float();
        let id = network.add_tensor(Tensor {
            name: format!("x{i}"),
            spec: data.spec(),
            kind: if float {
                TensorKind::Input
            } else {
                TensorKind::Constant
            },
            data: (!float).then(|| Arc::new(data.clone())),
            producer: None,
        });
        ids.push(Some(id));
        if float {
            network.graphs[0].inputs.push(id);
        }
    }
    let layer = LayerId(0);
    network.layers.push(Layer {
        name: "layer".into(),
        kind: format!("{op:?}"),
        op: op.clone(),
        inputs: ids,
        outputs: Vec::new(),
        attributes: Default::default(),
        activation: None,
        subgraphs: Vec::new(),
        graph: GraphId(0),
        scope: ScopeId(0),
    });
    for i in 0..outputs {
        let id = network.add_tensor(Tensor {
            name: format!("y{i}"),
            spec: TensorSpec::unknown(),
            kind: TensorKind::Activation,
            data: None,
            producer: Some(layer),
        });
        network.layers[0].outputs.push(Some(id));
        network.graphs[0].outputs.push(id);
    }
    network.graphs[0].layers.push(layer);
    network
}

/// The float inputs by name, as a pass wants them.
pub fn given(inputs: &[Option<TensorData>]) -> Vec<(String, TensorData)> {
    let floats = inputs.iter().enumerate().filter_map(|(i, data)| {
        let data = data.as_ref().filter(|d| d.dtype.is_float())?;
        Some((format!("x{i}"), data.clone()))
    });
    floats.collect()
}
