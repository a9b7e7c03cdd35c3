//! From one layout to the next: volumes slide, a scope's layers grow out of it and back into it.

use std::collections::HashMap;

use glam::Vec3;
use layout::{Layout, Node, Volume};
use model::{Network, ScopeId};

/// Where each volume of `new` stood, or came from, in `old`: centre and size.
pub fn origins(network: &Network, old: &Layout, new: &Layout) -> Vec<(Vec3, Vec3)> {
    let stood: HashMap<Node, &Volume> = old.volumes.iter().map(|v| (v.node, v)).collect();
    let origin = |volume: &Volume| {
        if let Some(same) = stood.get(&volume.node) {
            return (same.center, same.size);
        }
        let around = match volume.node {
            Node::Layer(l) => Some(network.layer(l).scope),
            Node::Scope(s) => Some(s),
            Node::Input(_) | Node::Output(_) => None,
        };
        let within = |s: ScopeId| {
            network
                .scopes
                .ancestors(s)
                .find_map(|a| stood.get(&Node::Scope(a)))
        };
        if let Some(scope) = around.and_then(within) {
            return (scope.center, scope.size * 0.2);
        }
        if let Node::Scope(scope) = volume.node {
            let inside = old.volumes.iter().filter(|v| match v.node {
                Node::Layer(l) => network
                    .scopes
                    .ancestors(network.layer(l).scope)
                    .any(|a| a == scope),
                Node::Scope(s) => network.scopes.ancestors(s).any(|a| a == scope),
                _ => false,
            });
            let corners = |(min, max): (Vec3, Vec3), v: &Volume| (min.min(v.min()), max.max(v.max()));
            let (min, max) = inside.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), corners);
            if min.cmple(max).all() {
                return ((min + max) / 2.0, max - min);
            }
        }
        (volume.center, Vec3::ZERO)
    };
    new.volumes.iter().map(origin).collect()
}

/// `new` on its way from `origins`: 0 begins there, 1 is `new`. Links appear in the last part.
pub fn between(new: &Layout, origins: &[(Vec3, Vec3)], share: f32) -> Layout {
    let t = share.clamp(0.0, 1.0);
    // Slow at both ends.
    let t = t * t * (3.0 - 2.0 * t);
    let mut now = new.clone();
    for (volume, (center, size)) in now.volumes.iter_mut().zip(origins) {
        volume.center = center.lerp(volume.center, t);
        volume.size = size.lerp(volume.size, t);
    }
    if t < 0.85 {
        now.links.clear();
        now.frames.clear();
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;
    use layout::LayoutRequest;

    #[test]
    fn a_scope_opens_out_of_its_own_place() {
        let network = model::templates::residual_cnn("t", 1, 28, 10, 4, 1);
        let block = (1..network.scopes.scopes.len() as u32)
            .map(ScopeId)
            .find(|&s| network.scopes.path(s) == "block1")
            .unwrap();
        let bindings = model::cost::default_bindings(&network);
        let request = |collapsed| LayoutRequest {
            collapsed,
            bindings: bindings.clone(),
            ..Default::default()
        };
        let open = layout::layout(&network, &request(Default::default()));
        let closed = layout::layout(&network, &request([block].into()));
        let scope = closed
            .volumes
            .iter()
            .find(|v| v.node == Node::Scope(block))
            .unwrap();
        let from = origins(&network, &closed, &open);
        let inner = open
            .volumes
            .iter()
            .position(|v| v.label.contains("conv1"))
            .unwrap();
        assert_eq!(from[inner].0, scope.center);
        assert_eq!(between(&open, &from, 1.0), open);
        let begin = between(&open, &from, 0.0);
        assert_eq!(begin.volumes[inner].center, scope.center);
        // And back: the closed scope begins as wide as what it held.
        let back = origins(&network, &open, &closed);
        let at = closed
            .volumes
            .iter()
            .position(|v| v.node == Node::Scope(block))
            .unwrap();
        assert!(back[at].1.x > scope.size.x);
    }
}
