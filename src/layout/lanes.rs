//! Ranks, chains, and the height of every chain and arc.

use std::collections::BTreeMap;

use glam::Vec3;
use model::TensorId;

use crate::Node;
use crate::graph::{Edge, Graph};
use crate::skyline::Skyline;

/// Free height between neighbouring lanes, scene units.
const LANE_GAP: f32 = 0.8;
/// Free height below an arc, scene units.
const ARC_GAP: f32 = 0.5;
/// Ranks that links leaving the end of a chain may travel on its lane, from exit to exit; links
/// that would travel further alone arc.
const RIDE: usize = 24;
/// Ranks that an arc may span and still lie close above its own chain, below other lanes.
const NEAR: usize = 64;
/// Barycenter sweeps over the chains at most.
const SWEEPS: usize = 4;

/// Volumes of consecutive ranks on one height.
struct Chain {
    items: Vec<usize>,
    /// First rank that it takes.
    first: usize,
    /// Last rank that it takes, with the links that leave its end.
    last: usize,
    /// What it takes above its axis, with its own arcs, scene units.
    up: f32,
    /// What it takes below its axis, scene units.
    down: f32,
}

/// One line above the volumes, shared by all arcs of a tensor: they leave it one by one.
struct Arc {
    from: usize,
    tensor: TensorId,
    first: usize,
    last: usize,
}

/// How a link gets to its end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Route {
    /// Straight across the gap, or along its own chain's lane to the gap before its end.
    Lane,
    /// Up to this height and down again.
    Arc(f32),
}

/// Ranks and heights.
pub(crate) struct Lanes {
    /// Column of each item.
    pub rank: Vec<usize>,
    /// Height of each item's middle, scene units.
    pub y: Vec<f32>,
    /// The way of each edge, in the graph's order.
    pub routes: Vec<Route>,
}

/// Assigns ranks and heights. `sizes` are the boxes, one an item.
pub(crate) fn assign(graph: &Graph, sizes: &[Vec3]) -> Lanes {
    let each: Vec<usize> = (0..graph.items.len()).collect();
    let rank = ranks(graph, &each);
    assign_at(graph, sizes, rank)
}

/// Assigns heights to items of known ranks: a chain of neighbouring ranks leads from the first one
/// to the last one.
pub(crate) fn assign_at(graph: &Graph, sizes: &[Vec3], rank: Vec<usize>) -> Lanes {
    let n = graph.items.len();
    if n == 0 {
        return Lanes {
            rank: Vec::new(),
            y: Vec::new(),
            routes: Vec::new(),
        };
    }
    let next = successors(graph);
    let (mut chains, of) = chains(&next, &rank);
    for chain in &mut chains {
        let half = |&i: &usize| sizes[i].y / 2.0;
        chain.down = chain.items.iter().map(half).fold(0.0, f32::max);
        let end = chain.items[chain.items.len() - 1];
        let mut exits: Vec<usize> = next[end].iter().map(|&v| rank[v] - 1).collect();
        exits.sort_unstable();
        // One exit after the other: a mask that every block reads travels on one line.
        for exit in exits {
            if exit >= chain.last + RIDE {
                break;
            }
            chain.last = exit;
        }
    }

    // Links that span more than a column and cannot ride on their chain's lane become arcs.
    let (mut near, mut far) = (BTreeMap::new(), BTreeMap::new());
    for (e, edge) in graph.edges.iter().enumerate() {
        let (u, v) = (edge.from, edge.to);
        if rank[v] == rank[u] + 1 || rides(&chains[of[u]], u, rank[v]) {
            continue;
        }
        let close = of[u] == of[v] && rank[v] - rank[u] <= NEAR;
        let arcs: &mut BTreeMap<_, Vec<usize>> = if close { &mut near } else { &mut far };
        arcs.entry((u, edge.tensor)).or_default().push(e);
    }
    let mut routes = vec![Route::Lane; graph.edges.len()];
    let mut by_chain: Vec<Vec<Arc>> = chains.iter().map(|_| Vec::new()).collect();
    for (&key, edges) in &near {
        by_chain[of[key.0]].push(arc(key, edges, graph, &rank));
    }
    let mut trunk_top = Vec::new();
    for (c, chain) in chains.iter_mut().enumerate() {
        let heights: Vec<f32> = chain.items.iter().map(|&i| sizes[i].y / 2.0).collect();
        let mut top = Skyline::new(&heights);
        place_arcs(&mut by_chain[c], &mut top, chain.first, |arc, y| {
            near[&(arc.from, arc.tensor)]
                .iter()
                .for_each(|&e| routes[e] = Route::Arc(y));
        });
        chain.up = top.max(0, heights.len() - 1);
        if c == 0 {
            trunk_top = (0..heights.len()).map(|r| top.max(r, r)).collect();
        }
    }

    let trunk_down: Vec<f32> = chains[0].items.iter().map(|&i| sizes[i].y / 2.0).collect();
    let (height, mut up) = order(graph, &chains, &of, &trunk_top, &trunk_down);
    for (e, edge) in graph.edges.iter().enumerate() {
        if let Route::Arc(y) = &mut routes[e] {
            *y += height[of[edge.from]];
        }
    }
    let mut arcs: Vec<Arc> = far.iter().map(|(&k, e)| arc(k, e, graph, &rank)).collect();
    place_arcs(&mut arcs, &mut up, 0, |arc, y| {
        far[&(arc.from, arc.tensor)]
            .iter()
            .for_each(|&e| routes[e] = Route::Arc(y));
    });
    let y = (0..n).map(|i| height[of[i]]).collect();
    Lanes { rank, y, routes }
}

/// The items that each item leads to, each once, by index.
fn successors(graph: &Graph) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); graph.items.len()];
    for edge in &graph.edges {
        let of: &mut Vec<usize> = &mut next[edge.from];
        if of.last() != Some(&edge.to) {
            of.push(edge.to);
        }
    }
    next
}

/// The longest path that leads to each item; items with an equal number in `one`, which is an item
/// among them, count as one. What nothing leads to stands right before what it leads to first,
/// except inputs, which stand at the beginning.
pub(crate) fn ranks(graph: &Graph, one: &[usize]) -> Vec<usize> {
    let n = graph.items.len();
    let (mut next, mut waits) = (vec![Vec::new(); n], vec![0; n]);
    for edge in &graph.edges {
        next[one[edge.from]].push(one[edge.to]);
        waits[one[edge.to]] += 1;
    }
    let sources: Vec<usize> = (0..n).filter(|&i| one[i] == i && waits[i] == 0).collect();
    let (mut rank, mut ready) = (vec![0; n], sources.clone());
    while let Some(u) = ready.pop() {
        for &v in &next[u] {
            rank[v] = rank[v].max(rank[u] + 1);
            waits[v] -= 1;
            if waits[v] == 0 {
                ready.push(v);
            }
        }
    }
    debug_assert!(
        waits.iter().all(|&w| w == 0),
        "items that are one keep the flow order"
    );
    for u in sources {
        let first = next[u].iter().map(|&v| rank[v]).min();
        if let (false, Some(first)) = (matches!(graph.items[u].node, Node::Input(_)), first) {
            rank[u] = first - 1;
        }
    }
    (0..n).map(|i| rank[one[i]]).collect()
}

/// Splits the items into chains, the trunk first, and tells the chain of each item. Each chain
/// goes on with the successor in the next column that leads furthest.
fn chains(next: &[Vec<usize>], rank: &[usize]) -> (Vec<Chain>, Vec<usize>) {
    let n = next.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&i| (rank[i], i));
    let mut reach = vec![0; n];
    for &u in order.iter().rev() {
        let close = next[u].iter().filter(|&&v| rank[v] == rank[u] + 1);
        reach[u] = close.map(|&v| reach[v] + 1).max().unwrap_or(0);
    }
    // Some item of rank 0 reaches the last column: ranks are longest paths.
    order.sort_by_key(|&i| (rank[i], std::cmp::Reverse(reach[i]), i));
    let (mut of, mut chains) = (vec![usize::MAX; n], Vec::new());
    for &start in &order {
        if of[start] != usize::MAX {
            continue;
        }
        let (mut items, mut at) = (Vec::new(), Some(start));
        while let Some(u) = at {
            of[u] = chains.len();
            items.push(u);
            let free = |v: &usize| rank[*v] == rank[u] + 1 && of[*v] == usize::MAX;
            let free = next[u].iter().copied().filter(free);
            at = free.max_by_key(|&v| (reach[v], std::cmp::Reverse(v)));
        }
        chains.push(Chain {
            first: rank[start],
            last: rank[start] + items.len() - 1,
            items,
            up: 0.0,
            down: 0.0,
        });
    }
    (chains, of)
}

/// True when a link from `u` of `chain` to a volume of rank `to` may travel on the chain's lane.
fn rides(chain: &Chain, u: usize, to: usize) -> bool {
    chain.items.last() == Some(&u) && to <= chain.last + 1
}

/// The arc for `edges`, which all carry the tensor from the same item.
fn arc(key: (usize, TensorId), edges: &[usize], graph: &Graph, rank: &[usize]) -> Arc {
    let last = edges.iter().map(|&e| rank[graph.edges[e].to] - 1).max();
    Arc {
        from: key.0,
        tensor: key.1,
        first: rank[key.0] + 1,
        last: last.unwrap_or(0),
    }
}

/// Lays arcs over `sky`, whose rank 0 is `offset`, short ones below long ones, and tells the
/// height of each.
fn place_arcs(arcs: &mut [Arc], sky: &mut Skyline, offset: usize, mut tell: impl FnMut(&Arc, f32)) {
    arcs.sort_by_key(|a| (a.last - a.first, a.first, a.from, a.tensor));
    for arc in arcs {
        let (first, last) = (arc.first - offset, arc.last - offset);
        let y = sky.max(first, last) + ARC_GAP;
        sky.raise(first, last, y);
        tell(arc, y);
    }
}

/// Heights of the chains' axes, and the skyline above them. Starts with short chains next to the
/// trunk; each sweep sorts the chains by the mean height of what they are linked to and stacks
/// them anew; the stacking with the shortest links wins.
fn order(
    graph: &Graph,
    chains: &[Chain],
    of: &[usize],
    trunk_top: &[f32],
    trunk_down: &[f32],
) -> (Vec<f32>, Skyline) {
    let crossing = |e: &&Edge| of[e.from] != of[e.to];
    let links: Vec<(usize, usize)> = graph
        .edges
        .iter()
        .filter(crossing)
        .map(|e| (of[e.from], of[e.to]))
        .collect();
    let mut wish = vec![0.0; chains.len()];
    let mut best: Option<(f64, Vec<f32>, Skyline)> = None;
    for _ in 0..=SWEEPS {
        let (height, up) = stack(chains, &wish, trunk_top, trunk_down);
        let apart = |&(a, b): &(usize, usize)| (height[a] - height[b]).abs() as f64;
        let cost: f64 = links.iter().map(apart).sum();
        let old = std::mem::replace(&mut wish, means(&links, &height));
        if best.as_ref().is_none_or(|b| cost < b.0) {
            best = Some((cost, height, up));
        }
        if old == wish {
            break;
        }
    }
    best.map(|b| (b.1, b.2))
        .unwrap_or_else(|| stack(chains, &wish, trunk_top, trunk_down))
}

/// For each chain the mean height of the chains that it is linked to.
fn means(links: &[(usize, usize)], height: &[f32]) -> Vec<f32> {
    let mut sums = vec![(0f64, 0u32); height.len()];
    for &(a, b) in links {
        sums[a].0 += height[b] as f64;
        sums[b].0 += height[a] as f64;
        sums[a].1 += 1;
        sums[b].1 += 1;
    }
    let mean = |&(sum, n): &(f64, u32)| (sum / n.max(1) as f64) as f32;
    sums.iter().map(mean).collect()
}

/// Stacks the chains on the trunk's upper and lower side, each where it comes closer to its wish,
/// those that wish to be near the trunk first.
fn stack(chains: &[Chain], wish: &[f32], trunk_top: &[f32], trunk_down: &[f32]) -> (Vec<f32>, Skyline) {
    let (mut up, mut down) = (Skyline::new(trunk_top), Skyline::new(trunk_down));
    let mut order: Vec<usize> = (1..chains.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |c: usize| (chains[c].last - chains[c].first, chains[c].first, c);
        let far = wish[a].abs().total_cmp(&wish[b].abs());
        far.then_with(|| key(a).cmp(&key(b)))
    });
    let mut height = vec![0.0; chains.len()];
    for c in order {
        let chain = &chains[c];
        let high = up.max(chain.first, chain.last) + LANE_GAP + chain.down;
        let low = -(down.max(chain.first, chain.last) + LANE_GAP + chain.up);
        if (high - wish[c]).abs() < (low - wish[c]).abs() {
            height[c] = high;
            up.raise(chain.first, chain.last, high + chain.up);
        } else {
            height[c] = low;
            down.raise(chain.first, chain.last, chain.down - low);
        }
    }
    (height, up)
}
