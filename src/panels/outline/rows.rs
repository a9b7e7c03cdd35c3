//! The rows of the outline: the tree as a list, so that only what is seen is drawn.

use std::collections::BTreeSet;

use layout::Node;
use model::{LayerId, Network, Op, ScopeId, ScopeTree};

use super::query::Query;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What it names.
    pub node: Node,
    /// Steps to the right.
    pub depth: u16,
}

/// The tree of `network` with the scopes of `open` unfolded, in flow order.
pub fn tree(network: &Network, open: &BTreeSet<ScopeId>) -> Vec<Row> {
    let main = network.main();
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(main.inputs.iter().map(|&t| Row {
        node: Node::Input(t),
        depth: 0,
    }));
    let first = firsts(&network.scopes);
    scope(network, open, &first, ScopeTree::ROOT, 0, &mut rows);
    rows.extend(main.outputs.iter().map(|&t| Row {
        node: Node::Output(t),
        depth: 0,
    }));
    rows
}

/// For each scope its first layer. Parents come before children, so one walk backwards does.
fn firsts(tree: &ScopeTree) -> Vec<u32> {
    let own = |s: &model::Scope| s.layers.iter().map(|l| l.0).min().unwrap_or(u32::MAX);
    let mut first: Vec<u32> = tree.scopes.iter().map(own).collect();
    for i in (1..tree.scopes.len()).rev() {
        if let Some(parent) = tree.scopes[i].parent {
            first[parent.0 as usize] = first[parent.0 as usize].min(first[i]);
        }
    }
    first
}

fn scope(
    network: &Network,
    open: &BTreeSet<ScopeId>,
    first: &[u32],
    id: ScopeId,
    depth: u16,
    rows: &mut Vec<Row>,
) {
    let this = network.scopes.get(id);
    let scopes = this
        .children
        .iter()
        .map(|&s| (first[s.0 as usize], Node::Scope(s)));
    // Constants would bury what computes; the search still finds them.
    let computes = |l: &&LayerId| {
        !matches!(
            network.layer(**l).op,
            Op::Constant { .. } | Op::ConstantOfShape { .. }
        )
    };
    let layers = this
        .layers
        .iter()
        .filter(computes)
        .map(|&l| (l.0, Node::Layer(l)));
    let mut items: Vec<(u32, Node)> = scopes.chain(layers).collect();
    items.sort_by_key(|i| i.0);
    for (_, node) in items {
        rows.push(Row { node, depth });
        if let Node::Scope(child) = node
            && open.contains(&child)
        {
            scope(network, open, first, child, depth + 1, rows);
        }
    }
}

/// Layers and scopes that `wanted` finds.
pub fn found(network: &Network, wanted: &str) -> Vec<Row> {
    let query = Query::read(wanted);
    let scopes = (1..network.scopes.scopes.len() as u32).map(ScopeId);
    let scopes = scopes.filter(|&s| query.holds_scope(network, s));
    let layers = network.main().layers.iter().copied();
    let layers = layers.filter(|&l| query.holds(network, network.layer(l)));
    let nodes = scopes.map(Node::Scope).chain(layers.map(Node::Layer));
    nodes.map(|node| Row { node, depth: 0 }).collect()
}

/// The scopes around what `node` names, outermost last.
pub fn around(network: &Network, node: Node) -> Vec<ScopeId> {
    let tree = &network.scopes;
    let inner = match node {
        Node::Layer(l) => Some(network.layer(l).scope),
        Node::Scope(s) => tree.get(s).parent,
        Node::Input(_) | Node::Output(_) => None,
    };
    let scopes = inner.into_iter().flat_map(|s| tree.ancestors(s));
    scopes.filter(|&s| s != ScopeTree::ROOT).collect()
}
