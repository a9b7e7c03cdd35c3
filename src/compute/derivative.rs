//! `Gradient`: the derivative of one tensor of a graph with respect to others, inside a pass.

use std::collections::HashSet;
use std::sync::Arc;

use model::op::{Op, Reduction};
use model::{
    GraphId, Layer, LayerId, Network, ScopeTree, Tensor, TensorData, TensorId, TensorKind, TensorSpec,
};

use crate::RunOptions;
use crate::ops::attributes::Attrs;

/// The derivatives of the tensor that attribute `y` names with respect to those in `xs`, row-major,
/// where these and those in `zs` have the given values. A tensor counts as the sum of its elements.
///
/// # Errors
/// A sentence for names that the graph does not have, and for what stops the pass.
pub(crate) fn derivatives(
    network: &Network,
    layer: &Layer,
    given: Vec<TensorData>,
    options: &RunOptions,
) -> Result<Vec<Vec<f32>>, String> {
    let attrs = Attrs(&layer.attributes);
    let named = |name: &str| {
        let found = network.tensor_named(name);
        found.ok_or_else(|| format!("the graph has no tensor {name:?}"))
    };
    let list = |name| -> Result<Vec<TensorId>, String> {
        let names = attrs.strings(name)?.unwrap_or_default();
        names.iter().map(|n| named(n)).collect()
    };
    let (xs, zs) = (list("xs")?, list("zs")?);
    let y = named(attrs.opt_string("y")?.ok_or("attribute \"y\" is missing")?)?;
    let fed = [&xs[..], &zs].concat();
    if fed.len() != given.len() {
        return Err(format!("{} values for {} tensors", given.len(), fed.len()));
    }
    let cut = Arc::new(part(network, layer, &fed, y));
    let name = |id: &TensorId| network.tensor(*id).name.clone();
    // A gradient without axes is more than the backend can do.
    let raised = |data: &TensorData| {
        let mut data = data.clone();
        if data.shape.is_empty() {
            data.shape.push(1);
        }
        data
    };
    let inputs: Vec<(String, TensorData)> = fed.iter().map(name).zip(given.iter().map(raised)).collect();
    let options = RunOptions {
        cancel: options.cancel.clone(),
        ..RunOptions::default()
    };
    let trace = crate::gradients::gradients(&cut, &inputs, 0, &options).map_err(|e| e.to_string())?;
    let of = |(x, data): (&TensorId, &TensorData)| {
        let found = trace.tensors.get(x).and_then(|t| t.host());
        found.map_or_else(|| vec![0.0; data.len()], |v| v.to_vec())
    };
    Ok(xs.iter().zip(&given).map(of).collect())
}

/// The layers between `fed` and `y`, and the sum of `y` as the only output.
fn part(network: &Network, around: &Layer, fed: &[TensorId], y: TensorId) -> Network {
    let mut cut = network.clone();
    for &id in fed {
        let tensor = &mut cut.tensors[id.0 as usize];
        (tensor.producer, tensor.data) = (None, None);
        tensor.spec.axes = None;
    }
    let (mut needed, mut open): (HashSet<LayerId>, _) = (HashSet::new(), vec![y]);
    while let Some(id) = open.pop() {
        let producer = cut.tensor(id).producer;
        if let Some(layer) = producer.filter(|&l| needed.insert(l)) {
            open.extend(cut.dependencies(layer));
        }
    }
    let sum = cut.add_tensor(Tensor {
        name: format!("{}/sum", network.tensor(y).name),
        spec: TensorSpec {
            axes: None,
            dtype: network.tensor(y).spec.dtype,
        },
        kind: TensorKind::Activation,
        data: None,
        producer: Some(LayerId(cut.layers.len() as u32)),
    });
    let last = LayerId(cut.layers.len() as u32);
    cut.layers.push(Layer {
        name: format!("{}/sum", around.name),
        op: Op::Reduce {
            kind: Reduction::Sum,
            axes: None,
            keep_dims: true,
            noop_if_empty: false,
        },
        kind: "ReduceSum".into(),
        inputs: vec![Some(y)],
        outputs: vec![Some(sum)],
        attributes: Default::default(),
        activation: None,
        subgraphs: Vec::new(),
        graph: GraphId(0),
        scope: ScopeTree::ROOT,
    });
    let graph = around.graph.0 as usize;
    let layers = cut.graphs[graph].layers.iter().copied();
    let layers = layers.filter(|l| needed.contains(l)).chain([last]).collect();
    let mut inputs = fed.to_vec();
    inputs.dedup();
    let main = &mut cut.graphs[0];
    (main.layers, main.inputs, main.outputs) = (layers, inputs, vec![sum]);
    cut
}
