//! Bars in rows, without links: a whole network at a glance, and where its work is done.

use std::collections::HashMap;

use glam::Vec3;
use model::{Bindings, Network, ScopeId};

use crate::bands::band;
use crate::{Layout, Node};

/// Distance of neighbouring bars, scene units.
const PITCH: f32 = 0.36;
/// Height of a bar without work, and what the one with most work adds, scene units.
const HEIGHTS: [f32; 2] = [0.3, 2.4];
/// Free height between rows, scene units.
const GAP: f32 = 0.9;
/// Width over height that is aimed at.
const ASPECT: f32 = 2.2;

/// Stands the volumes of `layout` side by side, by rank, on the base line of their row. A bar grows
/// with the square root of its FLOPs, so that its square is their share.
pub(crate) fn strip(mut layout: Layout, network: &Network, bindings: &Bindings) -> Layout {
    layout.links.clear();
    let count = layout.volumes.len();
    if count == 0 {
        return layout;
    }
    let work = work(&layout, network, bindings);
    let most = work.iter().copied().max().unwrap_or(0).max(1) as f64;
    let pitch = HEIGHTS[0] + HEIGHTS[1] + GAP;
    let rows = (count as f32 * PITCH / (pitch * ASPECT)).sqrt().round().max(1.0) as usize;
    let row = count.div_ceil(rows);
    // Networks beside each other begin a line each.
    let mut lines = 0;
    for number in 0..network.members.len().max(1) {
        let mut own = 0;
        let volumes = layout.volumes.iter_mut().zip(&work);
        for (volume, work) in volumes.filter(|(v, _)| band(network, v.node) == number) {
            volume.size.y = HEIGHTS[0] + HEIGHTS[1] * (*work as f64 / most).sqrt() as f32;
            let (column, line) = ((own % row) as f32, (lines + own / row) as f32);
            volume.center = Vec3::new(column * PITCH, volume.size.y / 2.0 - line * pitch, 0.0);
            own += 1;
        }
        lines += own.div_ceil(row);
    }
    let corners = layout.volumes.iter().flat_map(|v| [v.min(), v.max()]);
    layout.bounds = corners.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(a, b), p| {
        (a.min(p), b.max(p))
    });
    layout
}

/// FLOPs of each volume; unknown ones are none. A scope that others interrupt is counted at each
/// of its volumes.
fn work(layout: &Layout, network: &Network, bindings: &Bindings) -> Vec<u64> {
    let cost = model::cost(network, bindings);
    let mut scopes: HashMap<ScopeId, u64> = HashMap::new();
    for &id in network.graphs.first().map_or(&[][..], |g| &g.layers) {
        let flops = cost.layers[id.0 as usize].flops.unwrap_or(0);
        for scope in network.scopes.ancestors(network.layer(id).scope) {
            let sum = scopes.entry(scope).or_default();
            *sum = sum.saturating_add(flops);
        }
    }
    let of = |node: Node| match node {
        Node::Layer(id) => cost.layers[id.0 as usize].flops.unwrap_or(0),
        Node::Scope(id) => scopes.get(&id).copied().unwrap_or(0),
        Node::Input(_) | Node::Output(_) => 0,
    };
    layout.volumes.iter().map(|v| of(v.node)).collect()
}
