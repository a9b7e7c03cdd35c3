//! Layers that nothing fed can change are run once.

use std::collections::HashSet;
use std::sync::Arc;

use burn_flex::{Flex, FlexDevice};
use model::{HostValue, LayerId, Network, Op, TensorId};

use crate::run::{Executor, Keep, RunOptions};
use crate::value::wait;

/// Elements beyond which a result is computed anew in each pass rather than kept.
const LARGEST: usize = 1 << 24;

/// `network` with the results of its constant layers stored in their place.
pub(super) fn fold(mut network: Network) -> Network {
    let Some((layers, results)) = constant(&network) else {
        return network;
    };
    let Some(values) = run(&network, &layers, &results) else {
        return network;
    };
    for (id, value) in results.into_iter().zip(values) {
        if let HostValue::Tensor(data) = value {
            network.tensors[id.0 as usize].data = Some(Arc::new(data));
        }
    }
    // A layer whose results are all stored need not run.
    let stored = |t: &TensorId| network.tensor(*t).data.is_some();
    let outputs: HashSet<TensorId> = network.main().outputs.iter().copied().collect();
    let gone: HashSet<LayerId> = layers
        .into_iter()
        .filter(|&id| {
            let mut all = network.layer(id).outputs.iter().flatten();
            all.all(|t| stored(t) && !outputs.contains(t))
        })
        .collect();
    network.graphs[0].layers.retain(|id| !gone.contains(id));
    network
}

/// Layers whose inputs are stored or computed by such layers, and what others read of them.
fn constant(network: &Network) -> Option<(Vec<LayerId>, Vec<TensorId>)> {
    let mut known: HashSet<TensorId> = HashSet::new();
    let mut layers = Vec::new();
    for &id in &network.main().layers {
        let layer = network.layer(id);
        let stored = |t: &TensorId| network.tensor(*t).data.is_some() || known.contains(t);
        let fixed = layer.subgraphs.is_empty()
            && !chance(layer)
            && layer.inputs.iter().flatten().all(stored)
            && !layer.outputs.is_empty();
        if fixed {
            known.extend(layer.outputs.iter().flatten());
            layers.push(id);
        }
    }
    let of: HashSet<LayerId> = layers.iter().copied().collect();
    let mut results: Vec<TensorId> = network.main().outputs.clone();
    for &id in network.main().layers.iter().filter(|id| !of.contains(id)) {
        results.extend(network.dependencies(id));
    }
    results.retain(|t| known.contains(t) && network.tensor(*t).data.is_none());
    results.sort_unstable();
    results.dedup();
    (!results.is_empty()).then_some((layers, results))
}

/// Operators that give something else each time.
fn chance(layer: &model::Layer) -> bool {
    matches!(layer.op, Op::Dropout { .. })
        || layer.kind.contains("Random")
        || matches!(&*layer.kind, "Bernoulli" | "Multinomial")
}

/// What `layers` compute for `results`; `None` where one of them fails, which the pass will say.
fn run(network: &Network, layers: &[LayerId], results: &[TensorId]) -> Option<Vec<HostValue>> {
    let mut part = network.clone();
    let read: HashSet<TensorId> = layers
        .iter()
        .flat_map(|&id| network.layer(id).inputs.iter().flatten().copied())
        .collect();
    for (i, tensor) in part.tensors.iter_mut().enumerate() {
        if !read.contains(&TensorId(i as u32)) {
            tensor.data = None;
        }
    }
    part.graphs[0].layers = layers.to_vec();
    part.graphs[0].inputs.clear();
    part.graphs[0].outputs = results.to_vec();
    let executor = Executor::<Flex>::new(Arc::new(part), FlexDevice).ok()?;
    let options = RunOptions {
        keep: Keep::Outputs,
        ..RunOptions::default()
    };
    let pass = executor.run(Default::default(), &options).ok()?;
    if pass
        .values
        .values()
        .any(|v| v.shape().iter().product::<usize>() > LARGEST)
    {
        return None;
    }
    let values = wait(executor.outputs(&pass))?.ok()?;
    Some(values.into_iter().map(|(_, value)| value).collect())
}
