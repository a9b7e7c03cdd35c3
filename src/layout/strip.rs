//! Bars in rows, without links: a whole network at a glance, and where its work is done.

use std::collections::BTreeMap;

use glam::Vec3;
use model::{Bindings, Network};

use crate::bands::band;
use crate::{Layout, LayoutRequest, Node, amounts};

/// Distance of neighbouring bars, scene units.
const PITCH: f32 = 0.36;
/// Height of a bar without work, and what the one with most work adds, scene units.
const HEIGHTS: [f32; 2] = [0.3, 2.4];
/// Free height between rows, scene units.
const GAP: f32 = 0.9;
/// Width over height that is aimed at.
const ASPECT: f32 = 2.2;

/// Stands the volumes of `layout` side by side, by rank, on the base line of their row. A bar grows
/// with the square root of its FLOPs, or of the amount that is asked for, so that its square is
/// their share.
pub(crate) fn strip(mut layout: Layout, network: &Network, request: &LayoutRequest) -> Layout {
    layout.links.clear();
    let count = layout.volumes.len();
    if count == 0 {
        return layout;
    }
    let nodes = layout.volumes.iter().map(|v| v.node);
    let shares = match &request.amounts {
        Some(amounts) => amounts::shares(nodes, amounts),
        None => amounts::shares(nodes, &work(network, &request.bindings)),
    };
    let pitch = HEIGHTS[0] + HEIGHTS[1] + GAP;
    let rows = (count as f32 * PITCH / (pitch * ASPECT)).sqrt().round().max(1.0) as usize;
    let row = count.div_ceil(rows);
    // Networks beside each other begin a line each.
    let mut lines = 0;
    for number in 0..network.members.len().max(1) {
        let mut own = 0;
        let volumes = layout.volumes.iter_mut().zip(&shares);
        for (volume, share) in volumes.filter(|(v, _)| band(network, v.node) == number) {
            volume.size.y = HEIGHTS[0] + HEIGHTS[1] * share.sqrt();
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

/// FLOPs of layers and scopes; unknown ones are none. A scope that others interrupt is counted at
/// each of its volumes.
fn work(network: &Network, bindings: &Bindings) -> BTreeMap<Node, u64> {
    let cost = model::cost(network, bindings);
    let mut work: BTreeMap<Node, u64> = BTreeMap::new();
    for &id in network.graphs.first().map_or(&[][..], |g| &g.layers) {
        let flops = cost.layers[id.0 as usize].flops.unwrap_or(0);
        work.insert(Node::Layer(id), flops);
        for scope in network.scopes.ancestors(network.layer(id).scope) {
            let sum = work.entry(Node::Scope(scope)).or_default();
            *sum = sum.saturating_add(flops);
        }
    }
    work
}
