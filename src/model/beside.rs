//! Several networks as one, beside each other without a connection: what compares them lays out,
//! executes and looks at a single network.

use std::collections::HashSet;
use std::ops::Range;

use crate::{Graph, GraphId, Layer, LayerId, Network, Scope, ScopeId, ScopeTree, TensorId};

/// One of the networks that stand beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name: the first part of its layers', tensors' and scopes' names.
    pub name: String,
    /// Its layers, those of nested graphs too.
    pub layers: Range<u32>,
    /// Its tensors.
    pub tensors: Range<u32>,
    /// Its scopes; the first one holds the others.
    pub scopes: Range<u32>,
    /// Its inputs.
    pub inputs: Vec<TensorId>,
    /// Its results.
    pub outputs: Vec<TensorId>,
    /// What its file states.
    pub metadata: Vec<(String, String)>,
}

impl Member {
    /// Where layer `id` of the network alone stands among all.
    pub fn layer(&self, id: LayerId) -> LayerId {
        LayerId(self.layers.start + id.0)
    }

    /// Where tensor `id` of the network alone stands among all.
    pub fn tensor(&self, id: TensorId) -> TensorId {
        TensorId(self.tensors.start + id.0)
    }

    /// The name of tensor, layer or scope `name` among all.
    pub fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// The scope around all of it.
    pub fn scope(&self) -> ScopeId {
        ScopeId(self.scopes.start)
    }
}

/// Puts `networks` beside each other, each under its name; equal names are numbered.
pub fn beside(networks: &[(String, &Network)]) -> Network {
    let mut all = Network {
        graphs: vec![Graph::default()],
        scopes: ScopeTree::default(),
        ..Network::default()
    };
    let mut taken = HashSet::new();
    for (name, network) in networks {
        // A separator would look like a scope of its own.
        let plain = name.replace(['/', '.'], " ");
        let numbered = (2..).map(|i| format!("{plain} {i}"));
        let mut free = std::iter::once(plain.clone()).chain(numbered);
        let name = free.find(|n| taken.insert(n.clone())).unwrap_or(plain);
        add(&mut all, name, network);
    }
    let names: Vec<&str> = all.members.iter().map(|m| m.name.as_str()).collect();
    all.name = names.join(" · ");
    let mut formats: Vec<&str> = networks.iter().map(|(_, n)| n.format.as_str()).collect();
    formats.dedup();
    all.format = formats.join(" · ");
    all
}

fn add(all: &mut Network, name: String, network: &Network) {
    let layers = all.layers.len() as u32;
    let tensors = all.tensors.len() as u32;
    let graphs = all.graphs.len() as u32;
    let scopes = all.scopes.scopes.len() as u32;
    let scope = |s: ScopeId| ScopeId(scopes + s.0);
    let layer = |l: LayerId| LayerId(layers + l.0);
    let tensor = |t: TensorId| TensorId(tensors + t.0);
    // The main graphs become one; nested ones follow.
    let graph = |g: GraphId| match g {
        GraphId(0) => g,
        GraphId(g) => GraphId(graphs + g - 1),
    };
    all.tensors.extend(network.tensors.iter().map(|t| crate::Tensor {
        name: format!("{name}/{}", t.name),
        producer: t.producer.map(layer),
        ..t.clone()
    }));
    all.layers.extend(network.layers.iter().map(|l| Layer {
        name: format!("{name}/{}", l.name),
        inputs: l.inputs.iter().map(|t| t.map(tensor)).collect(),
        outputs: l.outputs.iter().map(|t| t.map(tensor)).collect(),
        subgraphs: l.subgraphs.iter().map(|(n, g)| (n.clone(), graph(*g))).collect(),
        graph: graph(l.graph),
        scope: scope(l.scope),
        ..l.clone()
    }));
    let moved = |g: &Graph| Graph {
        name: g.name.clone(),
        inputs: g.inputs.iter().copied().map(tensor).collect(),
        outputs: g.outputs.iter().copied().map(tensor).collect(),
        layers: g.layers.iter().copied().map(layer).collect(),
    };
    let mut own = network.graphs.iter().map(moved);
    let main = own.next().unwrap_or_default();
    all.graphs.extend(own);
    all.scopes.scopes[0].children.push(scope(ScopeTree::ROOT));
    all.scopes
        .scopes
        .extend(network.scopes.scopes.iter().map(|s| Scope {
            name: if s.parent.is_none() {
                name.clone()
            } else {
                s.name.clone()
            },
            kind: if s.parent.is_none() {
                "network".into()
            } else {
                s.kind.clone()
            },
            parent: Some(s.parent.map_or(ScopeTree::ROOT, scope)),
            children: s.children.iter().copied().map(scope).collect(),
            layers: s.layers.iter().copied().map(layer).collect(),
        }));
    let warned = network.warnings.iter().map(|w| format!("{name}: {w}"));
    all.warnings.extend(warned);
    let whole = &mut all.graphs[0];
    whole.inputs.extend(&main.inputs);
    whole.outputs.extend(&main.outputs);
    whole.layers.extend(&main.layers);
    all.stream.extend(network.stream.iter().copied().map(tensor));
    all.members.push(Member {
        name,
        layers: layers..all.layers.len() as u32,
        tensors: tensors..all.tensors.len() as u32,
        scopes: scopes..all.scopes.scopes.len() as u32,
        inputs: main.inputs,
        outputs: main.outputs,
        metadata: network.metadata.clone(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::residual_cnn;

    #[test]
    fn what_stands_beside_each_other_keeps_its_wiring_and_its_cost() {
        let (a, b) = (
            residual_cnn("a", 1, 28, 10, 8, 1),
            residual_cnn("b", 1, 28, 10, 16, 2),
        );
        let mut all = beside(&[("a".into(), &a), ("a".into(), &b)]);
        let names: Vec<&str> = all.members.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["a", "a 2"]);
        let none = Default::default();
        let cost = |n: &Network| crate::cost(n, &none).total;
        assert_eq!(
            cost(&all).macs,
            Some(cost(&a).macs.unwrap() + cost(&b).macs.unwrap())
        );
        for (member, network) in all.members.iter().zip([&a, &b]) {
            for (i, layer) in network.layers.iter().enumerate() {
                let here = all.layer(member.layer(LayerId(i as u32)));
                assert_eq!(here.name, member.named(&layer.name));
                let inputs = layer.inputs.iter().map(|t| t.map(|t| member.tensor(t)));
                assert_eq!(here.inputs, inputs.collect::<Vec<_>>());
                let path = all.scopes.path(here.scope);
                let own = network.scopes.path(layer.scope);
                let inside = if own.is_empty() {
                    member.name.clone()
                } else {
                    member.named(&own)
                };
                assert_eq!(path, inside);
            }
        }
        // Producers and order hold as they were written.
        let (order, producers) = (
            all.main().layers.clone(),
            all.tensors.iter().map(|t| t.producer).collect::<Vec<_>>(),
        );
        all.link_producers().unwrap();
        all.sort_layers().unwrap();
        assert_eq!(all.main().layers, order);
        assert_eq!(
            all.tensors.iter().map(|t| t.producer).collect::<Vec<_>>(),
            producers
        );
    }
}
