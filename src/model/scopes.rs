//! Scopes of a network: from names with separators or from residual structure, with the parts that
//! are recognised in them, and repeats folded.

mod draft;
mod naming;
mod repeats;
mod residual;
mod runs;
mod same;

use crate::op::Op;
use crate::parts::{self, flow::Flow, stream};
use crate::{LayerId, Network, ScopeTree};

use draft::Draft;

/// Scopes that a name makes at most, one in the other.
const DEEPEST: usize = 48;

/// Builds [`Network::scopes`] and sets every layer's scope; finds the residual stream.
pub fn build(network: &mut Network) {
    network.scopes = ScopeTree::default();
    let layers = network.main().layers.clone();
    // What is folded has no place in the flow.
    let (folded, layers): (Vec<LayerId>, Vec<LayerId>) = layers.into_iter().partition(|&l| {
        let mut outputs = network.layer(l).outputs.iter().flatten();
        outputs.all(|&t| network.tensor(t).data.is_some())
    });
    let flow = Flow::new(network, &layers);
    // Bare weights have names, but nothing flows.
    let flows = layers.iter().any(|&l| network.layer(l).op != Op::Weights);
    let named = layers.iter().filter(|&&l| path(&network.layer(l).name).len() > 1);
    let named = 2 * named.count() > layers.len();
    let blocks = residual::blocks(&flow);
    let mut draft = Draft::new(&match named {
        true => layers.iter().map(|&l| by_name(&network.layer(l).name)).collect(),
        false => residual::paths(&blocks, layers.len()),
    });
    if flows {
        let parts = parts::find(&flow);
        naming::settle(&mut draft, &flow, &parts);
        if named {
            naming::blocks(&mut draft, &flow, &blocks);
        }
    }
    repeats::fold(&mut draft, &flow);
    let stream = stream::find(&flow);
    draft.finish(network, &layers);
    network.stream = stream;
    for &layer in &folded {
        network.scopes.scopes[0].layers.push(layer);
        network.layers[layer.0 as usize].scope = ScopeTree::ROOT;
    }
    for &layer in &layers {
        nested(network, layer);
    }
}

/// Graphs inside a layer become scopes under the layer's own.
fn nested(network: &mut Network, layer: LayerId) {
    let name = network.layer(layer).name.clone();
    for (attribute, graph) in network.layer(layer).subgraphs.clone() {
        let parent = network.layer(layer).scope;
        let scope = network
            .scopes
            .add(parent, &format!("{name}.{attribute}"), &attribute);
        for inner in network.graph(graph).layers.clone() {
            network.scopes.scopes[scope.0 as usize].layers.push(inner);
            network.layers[inner.0 as usize].scope = scope;
            nested(network, inner);
        }
    }
}

fn path(name: &str) -> Vec<&str> {
    let separator = if name.contains('/') { '/' } else { '.' };
    name.split(separator).filter(|p| !p.is_empty()).collect()
}

fn by_name(name: &str) -> Vec<(String, &'static str)> {
    let mut parts = path(name);
    parts.pop();
    parts.truncate(DEEPEST);
    parts.into_iter().map(|p| (p.to_string(), "scope")).collect()
}
