//! The tree of scopes while it is being made.

use std::collections::HashMap;

use crate::{LayerId, Network, ScopeId, ScopeTree};

/// One scope.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub kind: &'static str,
    pub parent: usize,
}

/// Scopes by index, the root first, and the innermost scope of each layer, by place.
pub(crate) struct Draft {
    pub nodes: Vec<Node>,
    pub at: Vec<usize>,
}

impl Draft {
    /// The tree of `paths`, one for each layer.
    pub fn new(paths: &[Vec<(String, &'static str)>]) -> Self {
        let root = Node {
            name: String::new(),
            kind: "",
            parent: 0,
        };
        let mut draft = Draft {
            nodes: vec![root],
            at: Vec::with_capacity(paths.len()),
        };
        let mut known: HashMap<(usize, &str), usize> = HashMap::new();
        for path in paths {
            let mut at = 0;
            for (name, kind) in path {
                at = *known
                    .entry((at, name))
                    .or_insert_with(|| draft.add(at, name.clone(), kind));
            }
            draft.at.push(at);
        }
        draft
    }

    pub fn add(&mut self, parent: usize, name: String, kind: &'static str) -> usize {
        self.nodes.push(Node { name, kind, parent });
        self.nodes.len() - 1
    }

    /// From `node` up to and including the root.
    pub fn ancestors(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let up = |&n: &usize| (n != 0).then(|| self.nodes[n].parent);
        std::iter::successors(Some(node), up)
    }

    /// The innermost scope that holds all of `members`.
    pub fn common(&self, members: impl IntoIterator<Item = usize>) -> usize {
        let mut members = members.into_iter();
        let Some(first) = members.next() else { return 0 };
        let mut shared: Vec<usize> = self.ancestors(self.at[first]).collect();
        shared.reverse();
        let mut last = self.at[first];
        for member in members.map(|m| self.at[m]) {
            if member == last {
                continue;
            }
            last = member;
            let mut other: Vec<usize> = self.ancestors(member).collect();
            other.reverse();
            let same = shared.iter().zip(&other).take_while(|(a, b)| a == b).count();
            shared.truncate(same);
        }
        shared.last().copied().unwrap_or(0)
    }

    /// Puts `members` into a new scope under `parent`; the scopes between are split where others
    /// stand in them too.
    pub fn wrap(
        &mut self,
        parent: usize,
        name: String,
        kind: &'static str,
        members: impl IntoIterator<Item = usize>,
    ) -> usize {
        let new = self.add(parent, name, kind);
        let mut copies = HashMap::from([(parent, new)]);
        for member in members {
            let above: Vec<usize> = self
                .ancestors(self.at[member])
                .take_while(|n| *n != parent)
                .collect();
            let mut at = new;
            for node in above.into_iter().rev() {
                at = match copies.get(&node) {
                    Some(&copy) => copy,
                    None => {
                        let Node { name, kind, .. } = self.nodes[node].clone();
                        let copy = self.add(at, name, kind);
                        copies.insert(node, copy);
                        copy
                    }
                };
            }
            self.at[member] = at;
        }
        new
    }

    /// For each scope how many layers with `counts` stand in it.
    pub fn count(&self, counts: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut within = vec![0; self.nodes.len()];
        for (i, &node) in self.at.iter().enumerate().filter(|(i, _)| counts(*i)) {
            debug_assert!(i < self.at.len());
            for n in self.ancestors(node) {
                within[n] += 1;
            }
        }
        within
    }

    /// Steps from the root to each scope.
    pub fn depths(&self) -> Vec<usize> {
        (0..self.nodes.len())
            .map(|n| self.ancestors(n).count() - 1)
            .collect()
    }

    /// Writes the tree into `network`, scopes in flow order; scopes without layers are left out.
    pub fn finish(&self, network: &mut Network, layers: &[LayerId]) {
        let mut tree = ScopeTree::default();
        let mut ids: Vec<Option<ScopeId>> = vec![None; self.nodes.len()];
        ids[0] = Some(ScopeTree::ROOT);
        for (&layer, &node) in layers.iter().zip(&self.at) {
            let missing: Vec<usize> = self.ancestors(node).take_while(|&n| ids[n].is_none()).collect();
            for &n in missing.iter().rev() {
                let Node { name, kind, parent } = &self.nodes[n];
                let parent = ids[*parent].unwrap_or(ScopeTree::ROOT);
                ids[n] = Some(tree.add(parent, name, kind));
            }
            let scope = ids[node].unwrap_or(ScopeTree::ROOT);
            tree.scopes[scope.0 as usize].layers.push(layer);
            network.layers[layer.0 as usize].scope = scope;
        }
        network.scopes = tree;
    }
}
