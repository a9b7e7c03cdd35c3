//! Weighted graphs in which each edge lies at both its ends.

use crate::par;

/// A symmetric sparse matrix by rows, columns ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Where each row begins, and where the last ends.
    pub starts: Vec<usize>,
    pub ends: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Graph {
    pub fn nodes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The other ends of a node's edges, and their weights.
    #[inline(always)]
    pub fn of(&self, node: usize) -> (&[u32], &[f32]) {
        let range = self.starts[node]..self.starts[node + 1];
        (&self.ends[range.clone()], &self.weights[range])
    }

    /// Whether every node can be reached from the first.
    pub fn connected(&self) -> bool {
        let mut seen = vec![false; self.nodes()];
        let (mut open, mut count) = (vec![0u32], 1);
        if let Some(first) = seen.first_mut() {
            *first = true;
        }
        while let Some(node) = open.pop() {
            for &end in self.of(node as usize).0 {
                if !std::mem::replace(&mut seen[end as usize], true) {
                    count += 1;
                    open.push(end);
                }
            }
        }
        count == self.nodes()
    }
}

/// Makes a graph of directed edges, `k` from each node, in slices.
pub struct Symmetric {
    k: usize,
    /// `k` edges a node, ends ascending: end and weight.
    edges: Vec<(u32, f32)>,
    back: Vec<(u32, f32)>,
    starts: Vec<usize>,
    graph: Graph,
}

/// Nodes of one step.
const A_STEP: usize = 8192;

impl Symmetric {
    pub fn new(edges: Vec<(u32, f32)>, k: usize) -> Self {
        let (nodes, graph) = (edges.len() / k, Graph::default());
        let mut starts = vec![0; nodes + 1];
        for (end, _) in &edges {
            starts[*end as usize + 1] += 1;
        }
        for i in 0..nodes {
            starts[i + 1] += starts[i];
        }
        let mut back = vec![(0, 0.0); edges.len()];
        let mut next = starts.clone();
        for (i, edges) in edges.chunks(k).enumerate() {
            for &(end, weight) in edges {
                back[next[end as usize]] = (i as u32, weight);
                next[end as usize] += 1;
            }
        }
        Symmetric {
            k,
            edges,
            back,
            starts,
            graph,
        }
    }

    /// `join(w, v)` of an edge's weights in both directions (0 where there is none) for some more nodes;
    /// what is not above 0 is no edge. The graph, once it is whole.
    pub fn step(&mut self, join: impl Fn(f32, f32) -> f32 + Sync + Send) -> Option<Graph> {
        let (nodes, k) = (self.edges.len() / self.k, self.k);
        let graph = &mut self.graph;
        if graph.starts.is_empty() {
            graph.starts.push(0);
        }
        let first = graph.nodes();
        let last = nodes.min(first + A_STEP);
        let (edges, back, starts) = (&self.edges, &self.back, &self.starts);
        let parts = par::map((last - first).div_ceil(512), |b| {
            let nodes = first + b * 512..last.min(first + (b + 1) * 512);
            let mut out = Vec::with_capacity(nodes.len() * 2 * k);
            let mut counts = Vec::with_capacity(nodes.len());
            for i in nodes {
                let before = out.len();
                merge(
                    &edges[i * k..][..k],
                    &back[starts[i]..starts[i + 1]],
                    &join,
                    &mut out,
                );
                counts.push(out.len() - before);
            }
            (out, counts)
        });
        for (part, counts) in parts {
            graph.ends.extend(part.iter().map(|e| e.0));
            graph.weights.extend(part.iter().map(|e| e.1));
            let mut at = graph.starts[graph.starts.len() - 1];
            for count in counts {
                at += count;
                graph.starts.push(at);
            }
        }
        (last == nodes).then(|| std::mem::take(graph))
    }

    /// Share of the nodes that are done.
    pub fn fraction(&self) -> f32 {
        self.graph.nodes() as f32 * self.k as f32 / self.edges.len().max(1) as f32
    }
}

fn merge(
    mut a: &[(u32, f32)],
    mut b: &[(u32, f32)],
    join: impl Fn(f32, f32) -> f32,
    out: &mut Vec<(u32, f32)>,
) {
    loop {
        let (end, weight) = match (a.first(), b.first()) {
            (None, None) => return,
            (Some(x), Some(y)) if x.0 == y.0 => {
                (a, b) = (&a[1..], &b[1..]);
                (x.0, join(x.1, y.1))
            }
            (Some(x), y) if y.is_none_or(|y| x.0 < y.0) => {
                a = &a[1..];
                (x.0, join(x.1, 0.0))
            }
            (_, Some(y)) => {
                b = &b[1..];
                (y.0, join(0.0, y.1))
            }
            (Some(_), None) => return,
        };
        if weight > 0.0 {
            out.push((end, weight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_lie_at_both_ends() {
        // 0 → 1 (0.5), 1 → 0 (0.5), 2 → 0 (0.25), 3 → 3 is left out by its weight.
        let edges = vec![(1, 0.5), (0, 0.5), (0, 0.25), (3, 0.0)];
        let mut symmetric = Symmetric::new(edges, 1);
        let graph = symmetric.step(|a, b| a + b - a * b).unwrap();
        assert_eq!(graph.of(0), (&[1, 2][..], &[0.75, 0.25][..]));
        assert_eq!(graph.of(1), (&[0][..], &[0.75][..]));
        assert_eq!(graph.of(2), (&[0][..], &[0.25][..]));
        assert!(graph.of(3).0.is_empty() && !graph.connected());
    }
}
