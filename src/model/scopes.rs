//! Scopes of a network: from names with separators, or from residual structure.

use std::collections::{HashMap, HashSet};

use crate::op::{Binary, Op, Variadic};
use crate::{LayerId, Network, ScopeId, ScopeTree};

/// Builds [`Network::scopes`] and sets every layer's scope.
pub fn build(network: &mut Network) {
    network.scopes = ScopeTree::default();
    let layers = network.main().layers.clone();
    // What is folded has no place in the flow.
    let (folded, layers): (Vec<LayerId>, Vec<LayerId>) = layers.into_iter().partition(|&l| {
        network
            .layer(l)
            .outputs
            .iter()
            .flatten()
            .all(|&t| network.tensor(t).data.is_some())
    });
    let named = layers
        .iter()
        .filter(|&&l| path(&network.layer(l).name).len() > 1)
        .count();
    let paths: Vec<Vec<(String, &str)>> = if 2 * named > layers.len() {
        layers.iter().map(|&l| by_name(&network.layer(l).name)).collect()
    } else {
        residual(network, &layers)
    };
    let mut known: HashMap<Vec<String>, ScopeId> = HashMap::new();
    let mut tree = ScopeTree::default();
    for (&layer, path) in layers.iter().zip(&paths) {
        let mut at = ScopeTree::ROOT;
        let mut key = Vec::new();
        for (name, kind) in path {
            key.push(name.clone());
            at = *known
                .entry(key.clone())
                .or_insert_with(|| tree.add(at, name, kind));
        }
        tree.scopes[at.0 as usize].layers.push(layer);
        network.layers[layer.0 as usize].scope = at;
    }
    for &layer in &folded {
        tree.scopes[0].layers.push(layer);
        network.layers[layer.0 as usize].scope = ScopeTree::ROOT;
    }
    network.scopes = tree;
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
    parts.into_iter().map(|p| (p.to_string(), "scope")).collect()
}

/// Residual blocks and their stages: a sum of two branches that begin at one tensor, the layers
/// between, and the activation that follows.
fn residual(network: &Network, layers: &[LayerId]) -> Vec<Vec<(String, &'static str)>> {
    let place: HashMap<LayerId, usize> = layers.iter().enumerate().map(|(i, &l)| (l, i)).collect();
    let consumers = network.consumers();
    let before = |i: usize| -> Vec<usize> {
        let inputs = network.layer(layers[i]).inputs.iter().flatten();
        let computed = inputs.filter(|t| network.tensor(**t).data.is_none());
        computed
            .filter_map(|t| place.get(&network.tensor(*t).producer?).copied())
            .collect()
    };
    let mut block_of: Vec<Option<usize>> = vec![None; layers.len()];
    let mut blocks: Vec<Option<Vec<u64>>> = Vec::new();
    for i in 0..layers.len() {
        let layer = network.layer(layers[i]);
        let joins = matches!(
            layer.op,
            Op::Binary(Binary::Add) | Op::Variadic(Variadic::Sum) | Op::Concat { .. }
        );
        let sources = before(i);
        if !joins || sources.len() < 2 || block_of[i].is_some() {
            continue;
        }
        let Some(fork) = fork(&before, &sources, i) else {
            continue;
        };
        let mut members: Vec<usize> = between(&before, fork, i);
        members.push(i);
        // The activation after the join belongs to the block.
        if let Some(&Some(output)) = layer.outputs.first()
            && let [next] = consumers[output.0 as usize][..]
            && matches!(network.layer(next).op, Op::Unary(_))
            && let Some(&next) = place.get(&next)
        {
            members.push(next);
        }
        if members.len() < 3 || members.iter().any(|&m| block_of[m].is_some()) {
            continue;
        }
        let shape = layer.outputs.first().copied().flatten().and_then(|t| {
            let dims = network.tensor(t).spec.dims()?;
            Some(dims.iter().skip(1).map(|d| d.known().unwrap_or(0)).collect())
        });
        members.iter().for_each(|&m| block_of[m] = Some(blocks.len()));
        blocks.push(shape);
    }
    // Consecutive blocks of one shape are a stage.
    let mut stages = Vec::with_capacity(blocks.len());
    let (mut stage, mut number) = (0, 0);
    for (i, shape) in blocks.iter().enumerate() {
        if i == 0 || *shape != blocks[i - 1] {
            (stage, number) = (stage + 1, 0);
        }
        number += 1;
        stages.push((stage, number));
    }
    let several = stage > 1 && stage < blocks.len();
    let of = |block: &Option<usize>| match block {
        None => vec![],
        Some(b) if several => {
            let (stage, number) = stages[*b];
            vec![
                (format!("stage {stage}"), "stage"),
                (format!("block {number}"), "block"),
            ]
        }
        Some(b) => vec![(format!("block {}", b + 1), "block")],
    };
    block_of.iter().map(of).collect()
}

/// Farthest that a fork is looked for, in layers before its join.
const REACH: usize = 64;

/// The last layer before `join` through which every path to it passes.
fn fork(before: &impl Fn(usize) -> Vec<usize>, sources: &[usize], join: usize) -> Option<usize> {
    let mut frontier: HashSet<usize> = sources.iter().copied().collect();
    while frontier.len() > 1 {
        let &last = frontier.iter().max()?;
        if join - last > REACH {
            return None;
        }
        frontier.remove(&last);
        let earlier = before(last);
        if earlier.is_empty() {
            return None;
        }
        frontier.extend(earlier);
    }
    frontier.into_iter().next().filter(|&f| join - f <= REACH)
}

/// Layers on paths from `fork` to `join`, both left out, in flow order.
fn between(before: &impl Fn(usize) -> Vec<usize>, fork: usize, join: usize) -> Vec<usize> {
    let mut found = HashSet::new();
    let mut stack = before(join);
    while let Some(i) = stack.pop() {
        if i != fork && found.insert(i) {
            stack.extend(before(i));
        }
    }
    let mut sorted: Vec<usize> = found.into_iter().collect();
    sorted.sort_unstable();
    sorted
}
