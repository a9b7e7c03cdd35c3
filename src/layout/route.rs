//! Columns along x and the links' corners.

use glam::Vec3;

use crate::graph::Graph;
use crate::lanes::{Lanes, Route};
use crate::{Layout, Link, Volume};

/// Free length between neighbouring columns, scene units.
const GAP: f64 = 1.6;
/// Part of a gap in which an arc rises, and in which one comes down.
const BEND: f64 = 0.45;

/// Left and right end of each column, scene units. Between two of them is the gap, and besides
/// `room` of the depth of the deeper one.
fn columns(rank: &[usize], sizes: &[Vec3], room: f32) -> Vec<(f64, f64)> {
    let count = rank.iter().max().map_or(0, |r| r + 1);
    let mut widths = vec![(0f64, 0f64); count];
    for (&r, size) in rank.iter().zip(sizes) {
        let (width, depth) = &mut widths[r];
        *width = width.max(size.x as f64);
        *depth = depth.max((room * size.z) as f64);
    }
    let (mut x, mut before) = (0.0, 0.0);
    let column = |&(width, depth): &(f64, f64)| {
        let left = x + f64::max(before, depth);
        (x, before) = (left + width + GAP, depth);
        (left, left + width)
    };
    widths.iter().map(column).collect()
}

/// Puts volumes and links in space, with more between columns where `room` says so.
pub(crate) fn place(graph: Graph, lanes: &Lanes, mut volumes: Vec<Volume>, room: f32) -> Layout {
    let sizes: Vec<Vec3> = volumes.iter().map(|v| v.size).collect();
    let columns = columns(&lanes.rank, &sizes, room);
    for (i, volume) in volumes.iter_mut().enumerate() {
        let (left, right) = columns[lanes.rank[i]];
        volume.rank = lanes.rank[i] as u32;
        volume.center = Vec3::new(((left + right) / 2.0) as f32, lanes.y[i], 0.0);
    }
    let mut links: Vec<Link> = Vec::with_capacity(graph.edges.len());
    let mut start = 0;
    // Edges are sorted by end and beginning: those of one pair follow each other.
    let pair = |e: usize| (graph.edges[e].to, graph.edges[e].from);
    for e in 0..graph.edges.len() {
        if pair(e) != pair(start) {
            start = e;
        }
        let many = (start..graph.edges.len()).take_while(|&k| pair(k) == pair(start));
        let edge = graph.edges[e];
        let (from, to) = (&volumes[edge.from], &volumes[edge.to]);
        let room = 0.8 * from.size.z.min(to.size.z);
        let many = many.count() as f32;
        let z = room * (((e - start) as f32 + 0.5) / many - 0.5);
        let ends = (columns[lanes.rank[edge.from]].1, columns[lanes.rank[edge.to]].0);
        let adjacent = to.rank == from.rank + 1;
        links.push(Link {
            from: edge.from,
            to: edge.to,
            tensor: edge.tensor,
            path: path(from, to, ends, adjacent, lanes.routes[e], z),
            skip: lanes.routes[e] != Route::Lane,
            stream: false,
        });
    }
    sort(&mut volumes, &mut links);
    let bounds = bounds(&volumes, &links);
    Layout {
        arrangement: crate::Arrangement::default(),
        volumes,
        links,
        frames: Vec::new(),
        bounds,
    }
}

/// The corners of one link. `ends`: the right end of the first column, the left end of the last.
fn path(from: &Volume, to: &Volume, ends: (f64, f64), adjacent: bool, route: Route, z: f32) -> Vec<Vec3> {
    let (here, there) = (from.center.y, to.center.y);
    let (out, back) = (ends.0 as f32, ends.1 as f32);
    let fall = (ends.1 - BEND * GAP) as f32;
    let mut path = vec![Vec3::new(from.max().x, here, z)];
    match route {
        Route::Lane if here == there => {}
        Route::Lane if adjacent => {
            path.push(Vec3::new(out, here, z));
            path.push(Vec3::new(back, there, z));
        }
        Route::Lane => {
            path.push(Vec3::new(fall, here, z));
            path.push(Vec3::new(back, there, z));
        }
        Route::Arc(y) => {
            path.push(Vec3::new(out, here, z));
            path.push(Vec3::new((ends.0 + BEND * GAP) as f32, y, z));
            path.push(Vec3::new(fall, y, z));
            path.push(Vec3::new(back, there, z));
        }
    }
    path.push(Vec3::new(to.min().x, there, z));
    tidy(&mut path);
    path
}

/// Drops corners that rounding puts level with the next one, or a hair behind it: the widest
/// volume of a column touches the column's end.
pub(crate) fn tidy(path: &mut Vec<Vec3>) {
    let Some(end) = path.pop() else { return };
    path.retain(|p| p.x < end.x);
    path.dedup_by(|b, a| b.x <= a.x);
    path.push(end);
}

/// Volumes by rank, links by the volume that they end at.
fn sort(volumes: &mut Vec<Volume>, links: &mut [Link]) {
    let mut order: Vec<usize> = (0..volumes.len()).collect();
    order.sort_by_key(|&i| (volumes[i].rank, i));
    let mut place = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new;
    }
    let mut keyed: Vec<(usize, Volume)> = place.iter().copied().zip(volumes.drain(..)).collect();
    keyed.sort_by_key(|k| k.0);
    volumes.extend(keyed.into_iter().map(|k| k.1));
    for link in links.iter_mut() {
        link.from = place[link.from];
        link.to = place[link.to];
    }
    links.sort_by_key(|l| (l.to, l.from, l.tensor));
}

fn bounds(volumes: &[Volume], links: &[Link]) -> (Vec3, Vec3) {
    let boxes = volumes.iter().flat_map(|v| [v.min(), v.max()]);
    let corners = boxes.chain(links.iter().flat_map(|l| l.path.iter().copied()));
    corners
        .map(|p| (p, p))
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        .unwrap_or_default()
}
