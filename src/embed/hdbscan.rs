//! Clusters of any shape, and what belongs to none.
//!
//! HDBSCAN (Campello, Moulavi and Sander 2013), as scikit-learn has it: the spanning tree of mutual
//! reachability, its hierarchy condensed by a least size of clusters, and the clusters that persist. The tree
//! is grown by Prim's algorithm, which keeps a few numbers a row and takes all distances once: meant for
//! places of two or three dimensions and for tables of some ten thousand rows.

use crate::error::within;
use crate::{EmbedError, Metric, Table, neighbours};

/// What HDBSCAN goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct HdbscanSettings {
    /// Rows of the smallest cluster, at least 2.
    pub min_cluster_size: usize,
    /// Rows, the row itself included, that make its surroundings dense; `None` for `min_cluster_size`.
    pub min_samples: Option<usize>,
}

impl Default for HdbscanSettings {
    fn default() -> Self {
        HdbscanSettings {
            min_cluster_size: 5,
            min_samples: None,
        }
    }
}

/// Clusters, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Hdbscan {
    /// Cluster of each row; `None` is noise.
    pub labels: Vec<Option<u32>>,
    /// How firmly each row belongs to it, 0 to 1; 0 for noise.
    pub probabilities: Vec<f32>,
    /// Number of clusters.
    pub clusters: usize,
}

/// Two nodes that become one: rows are nodes 0 to rows - 1, the first merge is node `rows`.
struct Merge {
    nodes: [usize; 2],
    distance: f64,
    size: usize,
}

/// A part that leaves its parent cluster at a density.
struct Leaving {
    parent: usize,
    child: usize,
    density: f64,
    size: usize,
}

/// Clusters by Euclidean distance. Rows that are alike to the last bit are infinitely dense and end as one
/// cluster if they are enough.
///
/// # Errors
/// For fewer than 2 rows, and for settings out of their range (`min_samples` is at most the number of rows).
pub fn hdbscan(table: &Table<'_>, settings: &HdbscanSettings) -> Result<Hdbscan, EmbedError> {
    table.at_least(2)?;
    let (rows, least) = (table.rows(), settings.min_cluster_size);
    within("min_cluster_size", least as f64, 2.0, f64::from(u32::MAX))?;
    let samples = settings.min_samples.unwrap_or(least.min(rows));
    within("min_samples", samples as f64, 1.0, rows as f64)?;
    let core: Vec<f32> = match samples {
        1 => vec![0.0; rows],
        _ => {
            let found = neighbours(table, samples - 1, Metric::Euclidean, 0)?;
            (0..rows).map(|i| found.of(i).1[samples - 2]).collect()
        }
    };
    let merges = hierarchy(spanning_tree(table, &core), rows);
    let tree = condense(&merges, rows, least);
    Ok(label(&tree, rows))
}

/// Edges of the minimum spanning tree of mutual reachability: the largest of the distance and both cores.
fn spanning_tree(table: &Table<'_>, core: &[f32]) -> Vec<(f64, usize, usize)> {
    let (rows, width) = (table.rows(), table.width());
    // Rows not in the tree yet, packed, so that each round reads on and on: index, values, core, best.
    let mut left: Vec<u32> = (1..rows as u32).collect();
    let mut values = table.values()[width..].to_vec();
    let mut cores = core[1..].to_vec();
    let mut best = vec![(f32::INFINITY, 0u32); rows - 1];
    let (mut edges, mut current) = (Vec::with_capacity(rows - 1), 0usize);
    while !left.is_empty() {
        let (own, own_core) = (table.row(current), core[current]);
        let (mut nearest, mut least) = (0, f32::INFINITY);
        for (i, (other, best)) in values.chunks(width).zip(&mut best).enumerate() {
            let squared = match (own, other) {
                ([a, b], [c, d]) => (a - c) * (a - c) + (b - d) * (b - d),
                _ if width < 16 => own.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum(),
                _ => crate::product::squared_distance(own, other),
            };
            let reach = squared.sqrt().max(own_core).max(cores[i]);
            if reach < best.0 {
                *best = (reach, current as u32);
            }
            if best.0 < least {
                (nearest, least) = (i, best.0);
            }
        }
        let next = left.swap_remove(nearest) as usize;
        let (reach, from) = best.swap_remove(nearest);
        cores.swap_remove(nearest);
        let last = values.len() - width;
        values.copy_within(last.., nearest * width);
        values.truncate(last);
        edges.push((f64::from(reach), from as usize, next));
        current = next;
    }
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    edges
}

fn hierarchy(edges: Vec<(f64, usize, usize)>, rows: usize) -> Vec<Merge> {
    let mut parents: Vec<usize> = (0..2 * rows).collect();
    let mut sizes = vec![1; rows];
    fn root(parents: &mut [usize], mut node: usize) -> usize {
        while parents[node] != node {
            parents[node] = parents[parents[node]];
            node = parents[node];
        }
        node
    }
    let mut merges = Vec::with_capacity(edges.len());
    for (distance, a, b) in edges {
        let nodes = [root(&mut parents, a), root(&mut parents, b)];
        let (node, size) = (sizes.len(), sizes[nodes[0]] + sizes[nodes[1]]);
        nodes.iter().for_each(|&n| parents[n] = node);
        sizes.push(size);
        merges.push(Merge {
            nodes,
            distance,
            size,
        });
    }
    merges
}

/// The hierarchy without parts smaller than `least`: clusters are numbered from `rows` (the whole) on.
fn condense(merges: &[Merge], rows: usize, least: usize) -> Vec<Leaving> {
    let mut out = Vec::new();
    let mut next = rows + 1;
    let size = |node: usize| if node < rows { 1 } else { merges[node - rows].size };
    let mut queue = std::collections::VecDeque::from([(2 * rows - 2, rows)]);
    while let Some((node, cluster)) = queue.pop_front() {
        if node < rows {
            continue;
        }
        let merge = &merges[node - rows];
        let density = if merge.distance > 0.0 {
            1.0 / merge.distance
        } else {
            f64::INFINITY
        };
        let large = merge.nodes.map(|n| size(n) >= least);
        for (&child, &is_large) in merge.nodes.iter().zip(&large) {
            if large == [true, true] {
                out.push(Leaving {
                    parent: cluster,
                    child: next,
                    density,
                    size: size(child),
                });
                queue.push_back((child, next));
                next += 1;
            } else if is_large {
                queue.push_back((child, cluster));
            } else {
                // Rows fall out of the cluster one by one.
                let mut open = vec![child];
                while let Some(node) = open.pop() {
                    if node < rows {
                        out.push(Leaving {
                            parent: cluster,
                            child: node,
                            density,
                            size: 1,
                        });
                    } else {
                        open.extend(merges[node - rows].nodes);
                    }
                }
            }
        }
    }
    out
}

/// The clusters of most excess of mass, of which none holds another.
fn label(tree: &[Leaving], rows: usize) -> Hdbscan {
    let clusters = tree
        .iter()
        .map(|l| l.parent.max(l.child) + 1)
        .max()
        .unwrap_or(rows);
    let count = clusters.max(rows + 1) - rows;
    let (mut births, mut parents) = (vec![0f64; count], vec![0usize; count]);
    for leaving in tree.iter().filter(|l| l.child >= rows) {
        births[leaving.child - rows] = leaving.density;
        parents[leaving.child - rows] = leaving.parent - rows;
    }
    let mut stability = vec![0f64; count];
    for leaving in tree {
        let cluster = leaving.parent - rows;
        let lasted = leaving.density - births[cluster];
        // What was born infinitely dense lasts no time.
        if !lasted.is_nan() {
            stability[cluster] += lasted * leaving.size as f64;
        }
    }
    // Children have higher numbers than their parents. The whole is never a cluster.
    let mut chosen = vec![true; count];
    chosen[0] = false;
    let mut below = vec![0f64; count];
    for cluster in (1..count).rev() {
        if below[cluster] > stability[cluster] {
            chosen[cluster] = false;
            stability[cluster] = below[cluster];
        }
        below[parents[cluster]] += stability[cluster];
    }
    // What lies in a chosen cluster belongs to it.
    let mut owner: Vec<Option<usize>> = vec![None; count];
    for cluster in 1..count {
        owner[cluster] = owner[parents[cluster]].or(chosen[cluster].then_some(cluster));
    }
    let mut densest = vec![0f64; count];
    let mut sizes = vec![0usize; count];
    let fallen = || tree.iter().filter(|l| l.child < rows);
    for leaving in fallen() {
        if let Some(owner) = owner[leaving.parent - rows] {
            sizes[owner] += 1;
        }
    }
    // What leaves the cluster itself counts, not what leaves the parts that it falls into.
    for leaving in tree {
        let cluster = leaving.parent - rows;
        densest[cluster] = densest[cluster].max(leaving.density);
    }
    let mut order: Vec<usize> = (0..count).filter(|&c| sizes[c] > 0).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(sizes[c]), c));
    let mut number = vec![0u32; count];
    order.iter().enumerate().for_each(|(n, &c)| number[c] = n as u32);
    let mut found = Hdbscan {
        labels: vec![None; rows],
        probabilities: vec![0.0; rows],
        clusters: order.len(),
    };
    for leaving in fallen() {
        if let Some(owner) = owner[leaving.parent - rows] {
            found.labels[leaving.child] = Some(number[owner]);
            let all = densest[owner];
            let share = if all.is_finite() && all > 0.0 {
                leaving.density.min(all) / all
            } else {
                1.0
            };
            found.probabilities[leaving.child] = share as f32;
        }
    }
    found
}
