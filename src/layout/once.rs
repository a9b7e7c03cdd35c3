//! Repeats of which one copy is drawn: which layer stands for which.

use std::collections::BTreeMap;

use model::scope::REPEAT;
use model::{LayerId, Network, ScopeId};

use crate::LayoutRequest;

/// The layers of hidden copies, with those that are drawn for them.
#[derive(Default)]
pub(crate) struct Once {
    /// For each place the same place of the first copy, and where all copies begin.
    same: Vec<Option<(usize, usize)>>,
}

impl Once {
    pub fn new(network: &Network, layers: &[LayerId], request: &LayoutRequest) -> Self {
        let scopes = &network.scopes;
        let shown = |s: &ScopeId| {
            let known = scopes.scopes.get(s.0 as usize);
            known.is_some_and(|k| k.kind == REPEAT) && !request.collapsed.contains(s)
        };
        // Places of each copy of each repeat, outer repeats first.
        let mut copies: BTreeMap<ScopeId, BTreeMap<ScopeId, Vec<usize>>> = BTreeMap::new();
        if !request.once.is_empty() {
            for (i, &layer) in layers.iter().enumerate() {
                let mut child = None;
                for scope in scopes.ancestors(network.layer(layer).scope) {
                    if let Some(copy) = child.replace(scope)
                        && request.once.contains(&scope)
                        && shown(&scope)
                    {
                        let of = copies.entry(scope).or_default();
                        of.entry(copy).or_default().push(i);
                    }
                }
            }
        }
        let mut once = Once::default();
        for (repeat, of) in &copies {
            let mut children = scopes.get(*repeat).children.iter();
            let Some(first) = children.next().and_then(|c| of.get(c)) else {
                continue;
            };
            once.same.resize(layers.len(), None);
            // Copies that differ in number, as an odd file may have them, stay.
            let alike = children
                .filter_map(|c| of.get(c))
                .filter(|c| c.len() == first.len());
            for copy in alike {
                for (&i, &same) in copy.iter().zip(first) {
                    once.same[i].get_or_insert((same, first[0]));
                }
            }
        }
        once
    }

    pub fn is_empty(&self) -> bool {
        self.same.is_empty()
    }

    /// The place that is drawn for place `i`.
    pub fn shown(&self, i: usize) -> usize {
        let next = |&i: &usize| Some(self.same.get(i).copied()??.0);
        // A repeat inside a copy leads on to its own first copy.
        std::iter::successors(Some(i), next).last().unwrap_or(i)
    }

    /// Where the copies around place `i` begin.
    pub fn first(&self, i: usize) -> usize {
        self.same.get(i).copied().flatten().map_or(i, |s| s.1)
    }
}
