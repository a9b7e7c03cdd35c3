//! Groups of layers that people know by one name (attention, MLP, a normalization written out),
//! found by what they compute: the same whatever exporter wrote them down.

mod activation;
pub(crate) mod attention;
pub(crate) mod flow;
mod mlp;
mod normalization;
mod recurrent;
pub(crate) mod stream;

use std::collections::BTreeSet;

use flow::Flow;

/// A recognised group.
pub(crate) struct Part {
    /// `attention`, `MLP`, `normalization`, `activation` or `recurrent cell`.
    pub kind: &'static str,
    /// What a scope of it is called (`LayerNorm`).
    pub name: &'static str,
    /// Its layers, by place; the last one gives its result.
    pub members: BTreeSet<usize>,
}

/// Finds parts of one kind in a flow, given those found before.
type Pattern = fn(&Flow, &[Part]) -> Vec<Part>;

/// What is recognised, each with what was found before it: an MLP may hold an activation.
const PARTS: [Pattern; 5] = [
    activation::find,
    normalization::find,
    attention::find,
    recurrent::find,
    mlp::find,
];

/// Every part of the flow. Two of them are apart, or one holds the other.
pub(crate) fn find(flow: &Flow) -> Vec<Part> {
    let mut parts = Vec::new();
    for find in PARTS {
        let found = find(flow, &parts);
        parts.extend(found);
    }
    for part in &mut parts {
        flow.close(&mut part.members);
    }
    parts.sort_by_key(|p| std::cmp::Reverse(p.members.len()));
    let mut owner: Vec<Option<usize>> = vec![None; flow.layers.len()];
    let mut kept: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut owners = part.members.iter().map(|&m| owner[m]);
        let first = owners.next().flatten();
        if owners.all(|o| o == first) {
            part.members.iter().for_each(|&m| owner[m] = Some(kept.len()));
            kept.push(part);
        }
    }
    kept
}
