//! The hierarchy that layers stand in (`encoder/layer.3/attention`), which collapses and expands.

use serde::{Deserialize, Serialize};

use crate::LayerId;

/// Index of a scope in [`ScopeTree::scopes`]; 0 is the root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScopeId(pub u32);

/// Kind of a scope whose children are copies of one block.
pub const REPEAT: &str = "repeat";

/// One scope.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Own name, without its parents'.
    pub name: String,
    /// What kind of group it is, for its label (`residual block`, `stage`, `then_branch`); may be empty.
    pub kind: String,
    /// Enclosing scope; `None` for the root.
    pub parent: Option<ScopeId>,
    /// Scopes directly inside, in flow order.
    pub children: Vec<ScopeId>,
    /// Layers directly inside, in flow order.
    pub layers: Vec<LayerId>,
}

/// All scopes of a network.
#[derive(Clone, Debug)]
pub struct ScopeTree {
    /// Root first; parents before children.
    pub scopes: Vec<Scope>,
}

impl Default for ScopeTree {
    fn default() -> Self {
        ScopeTree {
            scopes: vec![Scope::default()],
        }
    }
}

impl ScopeTree {
    /// The root.
    pub const ROOT: ScopeId = ScopeId(0);

    /// The scope `id`.
    pub fn get(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0 as usize]
    }

    /// Adds an empty scope under `parent`.
    pub fn add(&mut self, parent: ScopeId, name: &str, kind: &str) -> ScopeId {
        let id = ScopeId(self.scopes.len() as u32);
        self.scopes.push(Scope {
            name: name.to_string(),
            kind: kind.to_string(),
            parent: Some(parent),
            ..Scope::default()
        });
        self.scopes[parent.0 as usize].children.push(id);
        id
    }

    /// From `id` up to and including the root.
    pub fn ancestors(&self, id: ScopeId) -> impl Iterator<Item = ScopeId> + '_ {
        std::iter::successors(Some(id), |&s| self.get(s).parent)
    }

    /// How many copies of one block it holds.
    pub fn copies(&self, id: ScopeId) -> Option<usize> {
        let scope = self.get(id);
        (scope.kind == REPEAT).then_some(scope.children.len())
    }

    /// Its name, and for a repeat the number of its copies: `layer x 12`.
    pub fn label(&self, id: ScopeId) -> String {
        let name = &self.get(id).name;
        match self.copies(id) {
            Some(count) if !name.contains(&format!(" x {count}")) => format!("{name} x {count}"),
            _ => name.clone(),
        }
    }

    /// `encoder/layer.3/attention`; empty for the root.
    pub fn path(&self, id: ScopeId) -> String {
        let mut names: Vec<&str> = self
            .ancestors(id)
            .filter(|&s| s != Self::ROOT)
            .map(|s| self.get(s).name.as_str())
            .collect();
        names.reverse();
        names.join("/")
    }
}
