//! Frames around open scopes that are known by a name: a repeat shown once, an attention, an MLP.

use std::collections::HashMap;

use glam::Vec3;
use model::scope::REPEAT;
use model::{Network, ScopeId};

use crate::{Arrangement, Layout, LayoutRequest, Node};

/// Kinds of scopes that are framed wherever they are open.
const FRAMED: [&str; 3] = ["attention", "MLP", "recurrent cell"];
/// Free edge around the volumes, and what each frame inside adds, scene units.
const EDGE: f32 = 0.3;
const NESTED: f32 = 0.3;
/// More of it below nodes, whose names stand there, scene units.
const NAMES: f32 = 0.2;

/// A rectangle around the volumes of an open scope, one for each row that they stand in.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The scope.
    pub scope: ScopeId,
    /// Its name; of a repeat with the number of copies.
    pub label: String,
    /// True for a repeat of which one copy is drawn.
    pub once: bool,
    /// The corner with the smallest coordinates, scene units.
    pub min: Vec3,
    /// The corner with the largest coordinates, scene units.
    pub max: Vec3,
}

/// The frames of `layout`, outer ones first.
pub(crate) fn frames(network: &Network, request: &LayoutRequest, layout: &Layout) -> Vec<Frame> {
    let scopes = &network.scopes;
    let framed = |s: ScopeId| {
        let kind = scopes.get(s).kind.as_str();
        FRAMED.contains(&kind) || kind == REPEAT && request.once.contains(&s)
    };
    let mut members: HashMap<ScopeId, Vec<usize>> = HashMap::new();
    let mut levels: HashMap<ScopeId, usize> = HashMap::new();
    for (i, volume) in layout.volumes.iter().enumerate() {
        let inner = match volume.node {
            Node::Layer(l) => Some(network.layer(l).scope),
            Node::Scope(s) => scopes.get(s).parent,
            Node::Input(_) | Node::Output(_) => None,
        };
        let around = inner.into_iter().flat_map(|s| scopes.ancestors(s));
        for (level, scope) in around.filter(|s| framed(*s)).enumerate() {
            members.entry(scope).or_default().push(i);
            let known = levels.entry(scope).or_default();
            *known = level.max(*known);
        }
    }
    let names = match layout.arrangement {
        Arrangement::Nodes => NAMES,
        _ => 0.0,
    };
    let mut frames = Vec::new();
    let mut inner: HashMap<usize, Vec<&crate::Link>> = HashMap::new();
    layout
        .links
        .iter()
        .for_each(|l| inner.entry(l.from).or_default().push(l));
    let mut all: Vec<(ScopeId, Vec<usize>)> = members.into_iter().collect();
    all.sort_unstable();
    for (scope, members) in all {
        let once = scopes.get(scope).kind == REPEAT;
        let edge = EDGE + NESTED * levels[&scope] as f32;
        for piece in pieces(layout, &members) {
            let corners = piece
                .iter()
                .flat_map(|&v| [layout.volumes[v].min(), layout.volumes[v].max()]);
            let links = piece.iter().flat_map(|v| inner.get(v).into_iter().flatten());
            let links = links.filter(|l| piece.binary_search(&l.to).is_ok());
            let corners = corners.chain(links.flat_map(|l| l.path.iter().copied()));
            let (min, max) = corners.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(a, b), p| {
                (a.min(p), b.max(p))
            });
            let frame = Frame {
                scope,
                label: scopes.label(scope),
                once,
                min: min - Vec3::new(edge, edge + names, 0.0),
                max: max + Vec3::new(edge, edge, 0.0),
            };
            if once || alone(layout, &piece, &frame) {
                frames.push(frame);
            }
        }
    }
    frames
}

/// Volumes by rank, split where the next one stands in another row.
fn pieces(layout: &Layout, members: &[usize]) -> Vec<Vec<usize>> {
    let mut pieces: Vec<Vec<usize>> = Vec::new();
    let mut right = f32::INFINITY;
    for &i in members {
        let x = layout.volumes[i].center.x;
        // Volumes of one column stand above each other.
        if x < right - 1e-3 {
            pieces.push(Vec::new());
        }
        right = x;
        if let Some(piece) = pieces.last_mut() {
            piece.push(i);
        }
    }
    pieces
}

/// True when no other volume stands inside.
fn alone(layout: &Layout, piece: &[usize], frame: &Frame) -> bool {
    let (Some(&first), Some(&last)) = (piece.first(), piece.last()) else {
        return false;
    };
    let ranks = layout.volumes[first].rank..=layout.volumes[last].rank;
    let begin = layout.volumes.partition_point(|v| v.rank < *ranks.start());
    let end = layout.volumes.partition_point(|v| v.rank <= *ranks.end());
    (begin..end).all(|i| {
        let v = &layout.volumes[i];
        let apart = v.min().x > frame.max.x
            || v.max().x < frame.min.x
            || v.min().y > frame.max.y
            || v.max().y < frame.min.y;
        apart || piece.binary_search(&i).is_ok()
    })
}
