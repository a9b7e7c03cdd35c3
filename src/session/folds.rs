//! Which scopes are closed, and which repeats are shown once.

use std::collections::BTreeSet;

use layout::Node;
use model::scope::REPEAT;
use model::{Network, ScopeId, ScopeTree};

/// What of a network is folded away. A repeat is one volume where it is closed, else one open copy
/// with their number where it is shown once, else all of its copies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folds {
    /// Scopes drawn as one volume.
    pub collapsed: BTreeSet<ScopeId>,
    /// Repeats of which the first copy stands for all.
    pub once: BTreeSet<ScopeId>,
}

/// Layers directly inside above which a scope is not opened by itself.
const MANY: usize = 60;

impl Folds {
    /// Opens a scope; a repeat by one step, from a volume to one copy, and from there to all.
    pub(crate) fn expand(&mut self, scopes: &ScopeTree, scope: ScopeId) {
        let closed = self.collapsed.remove(&scope);
        if scopes.copies(scope).is_some() {
            match closed {
                true => self.once.insert(scope),
                false => self.once.remove(&scope),
            };
        }
    }

    /// Closes a scope; a repeat by one step, from all copies to one, and from there to a volume.
    pub(crate) fn collapse(&mut self, scopes: &ScopeTree, scope: ScopeId) {
        let open = !self.collapsed.contains(&scope);
        if open && scopes.copies(scope).is_some() && self.once.insert(scope) {
            return;
        }
        self.once.remove(&scope);
        self.collapsed.insert(scope);
    }

    /// Shows all copies of a repeat.
    pub(crate) fn spread(&mut self, scope: ScopeId) {
        self.collapsed.remove(&scope);
        self.once.remove(&scope);
    }

    /// What hides `node`: closed scopes around it, and repeats of which it is in a hidden copy.
    pub fn around(&self, network: &Network, node: Node) -> Vec<ScopeId> {
        let scopes = &network.scopes;
        let inner = match node {
            Node::Layer(l) => Some(network.layer(l).scope),
            Node::Scope(s) => scopes.get(s).parent,
            Node::Input(_) | Node::Output(_) => None,
        };
        let mut copy = match node {
            Node::Scope(s) => Some(s),
            _ => None,
        };
        let hides = |s: &ScopeId| {
            let copy = copy.replace(*s);
            let other = copy.is_some() && scopes.get(*s).children.first().copied() != copy;
            self.collapsed.contains(s) || self.once.contains(s) && other
        };
        inner
            .into_iter()
            .flat_map(|s| scopes.ancestors(s))
            .filter(hides)
            .collect()
    }

    /// Opens all that hides `node`.
    pub(crate) fn reveal(&mut self, network: &Network, node: Node) {
        for scope in self.around(network, node) {
            self.spread(scope);
        }
    }
}

/// The path of a scope without the repeats, which no file names.
pub(crate) fn plain(scopes: &ScopeTree, scope: ScopeId) -> String {
    let made = |s: &ScopeId| {
        let scope = scopes.get(*s);
        let name = &scope.name;
        scope.kind == REPEAT && (name.contains(" … ") || name.contains(" x ")) || scope.kind == "block"
    };
    let mut names: Vec<&str> = scopes
        .ancestors(scope)
        .filter(|s| *s != ScopeTree::ROOT && !made(s))
        .map(|s| scopes.get(s).name.as_str())
        .collect();
    names.reverse();
    names.join("/")
}

/// The outermost scopes. One that holds most of the layers is opened (exporters wrap the whole
/// network in `model`, or all blocks in `encoder`), since a single box would show nothing; of a
/// repeat one copy is shown.
pub(crate) fn outermost(network: &Network) -> Folds {
    let scopes = &network.scopes;
    let layers = &network.main().layers;
    let mut held = vec![0; scopes.scopes.len()];
    for &layer in layers {
        for scope in scopes.ancestors(network.layer(layer).scope) {
            held[scope.0 as usize] += 1;
        }
    }
    let mut folds = Folds::default();
    let mut stack = vec![ScopeTree::ROOT];
    while let Some(id) = stack.pop() {
        let scope = scopes.get(id);
        let member = network.members.iter().find(|m| m.scopes.contains(&id.0));
        let whole = member.map_or(layers.len(), |m| held[m.scopes.start as usize]);
        let few = scope.layers.len() <= MANY && !scope.children.is_empty();
        // A copy that stands for all opens to its parts.
        let within = |s: ScopeId| scopes.get(s).parent.is_some_and(|p| folds.once.contains(&p));
        let plain = matches!(scope.kind.as_str(), "residual block" | "block");
        let copy = within(id) || plain && scope.parent.is_some_and(within);
        let opens = id == ScopeTree::ROOT
            || member.is_some_and(|m| m.scope() == id)
            || few && (copy || 2 * held[id.0 as usize] > whole);
        match scopes.copies(id) {
            Some(_) if held[id.0 as usize] * 4 > whole || copy => {
                folds.once.insert(id);
                // The hidden copies are closed, for when they come to light.
                let mut copies = scope.children.iter().copied();
                stack.extend(copies.next());
                folds.collapsed.extend(copies);
            }
            _ if opens => stack.extend(&scope.children),
            _ => drop(folds.collapsed.insert(id)),
        }
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_around_everything_is_opened() {
        let mut network = model::templates::residual_cnn("t", 1, 28, 10, 16, 1);
        let plain = outermost(&network);
        assert!(plain.collapsed.len() > 2, "{plain:?}");
        // The same network inside `model`.
        let inside = network.scopes.scopes[0].children.clone();
        let around = network.scopes.add(ScopeTree::ROOT, "model", "");
        for &scope in &inside {
            network.scopes.scopes[scope.0 as usize].parent = Some(around);
        }
        network.scopes.scopes[0].children = vec![around];
        network.scopes.scopes[around.0 as usize].children = inside;
        assert_eq!(outermost(&network), plain);
    }
}
