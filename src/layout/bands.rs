//! Networks beside each other: each in a band of its own, what corresponds in one column.

use std::collections::HashMap;

use glam::Vec3;
use model::{LayerId, Network};

use crate::Node;
use crate::graph::{Edge, Graph, Item};
use crate::lanes::{self, Lanes, Route};

/// Free height between bands, scene units.
const GAP: f32 = 1.8;

/// The member that `node` belongs to, by its place in [`Network::members`].
pub fn band(network: &Network, node: Node) -> usize {
    let within = network.members.iter().position(|m| match node {
        Node::Layer(l) => m.layers.contains(&l.0),
        Node::Scope(s) => m.scopes.contains(&s.0),
        Node::Input(t) | Node::Output(t) => m.tensors.contains(&t.0),
    });
    within.unwrap_or(0)
}

/// Ranks and heights of `graph`, the members of `network` below each other. `matched` are layers
/// of the first member with those of another one that correspond to them.
pub(crate) fn assign(
    graph: &Graph,
    sizes: &[Vec3],
    network: &Network,
    matched: &[(LayerId, LayerId)],
) -> Lanes {
    let bands: Vec<usize> = graph.items.iter().map(|i| band(network, i.node)).collect();
    let mut one: Vec<usize> = (0..graph.items.len()).collect();
    for (a, b) in pairs(graph, &bands, network, matched) {
        one[b] = a;
    }
    let rank = lanes::ranks(graph, &one);
    let mut all = Lanes {
        y: vec![0.0; rank.len()],
        routes: vec![Route::Lane; graph.edges.len()],
        rank,
    };
    let mut floor: Option<f32> = None;
    for number in 0..network.members.len() {
        let own = Band::of(graph, &all.rank, &bands, number);
        let placed = own.place(sizes);
        let Some((low, high)) = own.extent(&placed, sizes) else {
            continue;
        };
        let shift = floor.map_or(0.0, |floor| floor - GAP - high);
        for (local, &item) in own.items.iter().enumerate() {
            all.y[item] = placed.y[local] + shift;
        }
        for (edge, way) in &own.edges {
            all.routes[*edge] = match own.route(*way, &placed) {
                Route::Arc(y) => Route::Arc(y + shift),
                lane => lane,
            };
        }
        floor = Some(low + shift);
    }
    all
}

/// Pairs of items of the first band and another one that are to stand in one column, in flow order
/// in both.
fn pairs(
    graph: &Graph,
    bands: &[usize],
    network: &Network,
    matched: &[(LayerId, LayerId)],
) -> Vec<(usize, usize)> {
    let mut index: HashMap<Node, usize> = HashMap::new();
    for (i, item) in graph.items.iter().enumerate() {
        index.entry(item.node).or_insert(i);
    }
    // The layer itself, or the closed scope around it.
    let item = |layer: LayerId| {
        let around = network.scopes.ancestors(network.layer(layer).scope);
        let mut nodes = std::iter::once(Node::Layer(layer)).chain(around.map(Node::Scope));
        nodes.find_map(|n| index.get(&n).copied())
    };
    let mut votes: HashMap<(usize, usize), usize> = HashMap::new();
    for &(a, b) in matched {
        if let (Some(a), Some(b)) = (item(a), item(b)) {
            *votes.entry((a, b)).or_default() += 1;
        }
    }
    let first = network.members.first();
    for other in network.members.iter().skip(1) {
        let ends = first.into_iter().flat_map(|f| {
            let inputs = f.inputs.iter().zip(&other.inputs);
            let inputs = inputs.map(|(a, b)| (Node::Input(*a), Node::Input(*b)));
            let outputs = f.outputs.iter().zip(&other.outputs);
            inputs.chain(outputs.map(|(a, b)| (Node::Output(*a), Node::Output(*b))))
        });
        for (a, b) in ends {
            if let (Some(&a), Some(&b)) = (index.get(&a), index.get(&b)) {
                votes.insert((a, b), 1);
            }
        }
    }
    let mut order: Vec<usize> = (0..graph.items.len()).collect();
    let own = lanes::ranks(graph, &order);
    order.sort_by_key(|&i| (own[i], i));
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(p, &i)| place[i] = p);
    let mut wanted: Vec<((usize, usize), usize)> = votes.into_iter().collect();
    wanted.sort_by_key(|&((a, b), votes)| (std::cmp::Reverse(votes), place[a], place[b]));
    let mut found = Vec::new();
    for number in 1..network.members.len() {
        // The most agreed first, each item once.
        let (mut left, mut right) = (HashMap::new(), HashMap::new());
        for &((a, b), _) in wanted.iter().filter(|((_, b), _)| bands[*b] == number) {
            if !left.contains_key(&a) && !right.contains_key(&b) {
                left.insert(a, b);
                right.insert(b, a);
            }
        }
        let mut own: Vec<(usize, usize)> = left.into_iter().collect();
        own.sort_by_key(|&(a, _)| place[a]);
        let keys: Vec<usize> = own.iter().map(|&(_, b)| place[b]).collect();
        found.extend(rising(&keys).into_iter().map(|i| own[i]));
    }
    found
}

/// Places of a longest rising subsequence of `keys`, which differ from each other.
fn rising(keys: &[usize]) -> Vec<usize> {
    // The place where the best run of each length ends, and where each came from.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    for (i, key) in keys.iter().enumerate() {
        let length = ends.partition_point(|&e| keys[e] < *key);
        before.push(length.checked_sub(1).map(|l| ends[l]));
        match ends.get_mut(length) {
            Some(end) => *end = i,
            None => ends.push(i),
        }
    }
    let mut run: Vec<usize> = std::iter::successors(ends.last().copied(), |&i| before[i]).collect();
    run.reverse();
    run
}

/// How an edge of the whole graph runs in its band.
#[derive(Clone, Copy)]
enum Way {
    /// As this edge of the band.
    Edge(usize),
    /// From an item over empty places, of which this is the first, to an item.
    Over(usize, usize, usize),
}

/// One member's part of the graph. Where its ranks leave a column out, empty items hold the lane.
struct Band {
    /// The items of the whole graph; empty ones follow.
    items: Vec<usize>,
    graph: Graph,
    rank: Vec<usize>,
    /// Edges of the whole graph with their ways.
    edges: Vec<(usize, Way)>,
}

impl Band {
    fn of(graph: &Graph, rank: &[usize], bands: &[usize], number: usize) -> Self {
        let items: Vec<usize> = (0..bands.len()).filter(|&i| bands[i] == number).collect();
        let mut local = vec![usize::MAX; bands.len()];
        items.iter().enumerate().for_each(|(l, &i)| local[i] = l);
        let mut band = Band {
            graph: Graph {
                items: items.iter().map(|&i| bare(graph.items[i].node)).collect(),
                edges: Vec::new(),
            },
            rank: items.iter().map(|&i| rank[i]).collect(),
            items,
            edges: Vec::new(),
        };
        let own = graph
            .edges
            .iter()
            .enumerate()
            .filter(|(_, e)| bands[e.to] == number);
        // The last before each item: the one that its lane is kept for.
        let mut last: HashMap<usize, usize> = HashMap::new();
        let mut direct = Vec::new();
        for (e, edge) in own {
            let (from, to) = (local[edge.from], local[edge.to]);
            direct.push((e, from, to, edge.tensor));
            let best = last.entry(to).or_insert(from);
            if band.rank[from] > band.rank[*best] {
                *best = from;
            }
        }
        let mut ways: HashMap<(usize, usize), usize> = HashMap::new();
        for (e, from, to, tensor) in direct {
            let empty = band.rank[to] - band.rank[from] - 1;
            if empty == 0 || last[&to] != from {
                // Its place is known when all edges are sorted.
                band.edges.push((e, Way::Edge(0)));
                band.graph.edges.push(Edge { to, from, tensor });
                continue;
            }
            let first = *ways.entry((from, to)).or_insert_with(|| {
                let first = band.hold(band.graph.items[from].node, band.rank[from] + 1, empty);
                let mut at = from;
                for place in (first..first + empty).chain([to]) {
                    band.graph.edges.push(Edge {
                        to: place,
                        from: at,
                        tensor,
                    });
                    at = place;
                }
                first
            });
            band.edges.push((e, Way::Over(from, first, to)));
        }
        band.lead(&last);
        band.graph.edges.sort_unstable();
        band.graph.edges.dedup();
        for (e, way) in &mut band.edges {
            let edge = &graph.edges[*e];
            let own = Edge {
                to: local[edge.to],
                from: local[edge.from],
                tensor: edge.tensor,
            };
            if let (Way::Edge(place), Ok(found)) = (way, band.graph.edges.binary_search(&own)) {
                *place = found;
            }
        }
        band
    }

    /// Adds `count` empty items from column `rank` on, and gives the first.
    fn hold(&mut self, node: Node, rank: usize, count: usize) -> usize {
        let first = self.graph.items.len();
        self.graph.items.extend((0..count).map(|_| bare(node)));
        self.rank.extend(rank..rank + count);
        first
    }

    /// The chain that ends last begins at the first column: the trunk, by which the others stand.
    fn lead(&mut self, last: &HashMap<usize, usize>) {
        let furthest = (0..self.items.len()).max_by_key(|&i| (self.rank[i], std::cmp::Reverse(i)));
        let Some(mut begin) = furthest else { return };
        while let Some(&before) = last.get(&begin) {
            begin = before;
        }
        let (count, node) = (self.rank[begin], self.graph.items[begin].node);
        let first = self.hold(node, 0, count);
        let tensor = model::TensorId(0);
        for at in first..first + count {
            let to = if at + 1 < first + count { at + 1 } else { begin };
            self.graph.edges.push(Edge { to, from: at, tensor });
        }
    }

    fn sizes(&self, sizes: &[Vec3]) -> Vec<Vec3> {
        let own = self.items.iter().map(|&i| sizes[i]);
        own.chain(std::iter::repeat(Vec3::ZERO))
            .take(self.graph.items.len())
            .collect()
    }

    fn place(&self, sizes: &[Vec3]) -> Lanes {
        lanes::assign_at(&self.graph, &self.sizes(sizes), self.rank.clone())
    }

    /// Lowest and highest place that is taken.
    fn extent(&self, placed: &Lanes, sizes: &[Vec3]) -> Option<(f32, f32)> {
        let boxes = self.items.iter().zip(&placed.y);
        let boxes = boxes.flat_map(|(&i, y)| [y - sizes[i].y / 2.0, y + sizes[i].y / 2.0]);
        let arcs = self
            .edges
            .iter()
            .filter_map(|(_, way)| match self.route(*way, placed) {
                Route::Arc(y) => Some(y),
                Route::Lane => None,
            });
        boxes
            .chain(arcs)
            .map(|y| (y, y))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    fn route(&self, way: Way, placed: &Lanes) -> Route {
        match way {
            Way::Edge(edge) => placed.routes[edge],
            Way::Over(from, empty, to) => {
                let [from, over, to] = [from, empty, to].map(|i| placed.y[i]);
                match from == over && over == to {
                    true => Route::Lane,
                    false => Route::Arc(over),
                }
            }
        }
    }
}

/// An item of which only the place matters.
fn bare(node: Node) -> Item {
    Item {
        node,
        tensor: None,
        label: String::new(),
        kind: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rising_run_is_found() {
        assert_eq!(rising(&[]), Vec::<usize>::new());
        assert_eq!(rising(&[4, 1, 2, 9, 3, 5, 0]), [1, 2, 4, 5]);
        assert_eq!(rising(&[3, 2, 1]).len(), 1);
    }
}
