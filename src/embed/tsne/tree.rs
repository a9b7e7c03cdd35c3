//! Repulsion from a tree of boxes: Barnes and Hut (1986), as van der Maaten (2014) has it.

use crate::par;

/// A box that is seen under less than this (width / distance) acts as one point.
const ANGLE: f32 = 0.5;
/// Boxes are parted so often at most, and while they hold more points than this.
const DEEPEST: usize = 24;
const LEAF: usize = 8;
const POINTS: usize = 256;

struct Node<const D: usize> {
    centre: [f32; D],
    count: f32,
    width: f32,
    /// Points, in the order of the tree.
    range: std::ops::Range<u32>,
    /// The node that follows when this one is not opened; the next one is its first child.
    skip: u32,
    leaf: bool,
}

/// As [`super::exact::push`], approximately.
pub fn push<const D: usize>(points: &[f32], out: &mut [f32]) -> f64 {
    let points = points.as_chunks::<D>().0;
    let (mut low, mut high) = ([f32::INFINITY; D], [f32::NEG_INFINITY; D]);
    for p in points {
        for k in 0..D {
            (low[k], high[k]) = (low[k].min(p[k]), high[k].max(p[k]));
        }
    }
    let width = (0..D).fold(0f32, |m, k| m.max(high[k] - low[k]));
    let middle: [f32; D] = std::array::from_fn(|k| (low[k] + high[k]) / 2.0);
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    let mut nodes: Vec<Node<D>> = Vec::new();
    part(points, &mut order, 0, middle, width, 0, &mut nodes);
    let sorted: Vec<[f32; D]> = order.iter().map(|&i| points[i as usize]).collect();
    // In the order of the tree, so that points near each other read the same boxes.
    let found = par::map(order.len().div_ceil(POINTS), |b| {
        let own = &sorted[b * POINTS..sorted.len().min((b + 1) * POINTS)];
        own.iter().map(|p| feel(p, &nodes, &sorted)).collect::<Vec<_>>()
    });
    let mut total = 0.0;
    for (&i, (force, sum)) in order.iter().zip(found.iter().flatten()) {
        out[i as usize * D..][..D].copy_from_slice(force);
        total += sum;
    }
    total - points.len() as f64
}

fn part<const D: usize>(
    points: &[[f32; D]],
    order: &mut [u32],
    first: u32,
    middle: [f32; D],
    width: f32,
    depth: usize,
    nodes: &mut Vec<Node<D>>,
) {
    if order.is_empty() {
        return;
    }
    let mut sum = [0f64; D];
    for &i in order.iter() {
        (0..D).for_each(|k| sum[k] += f64::from(points[i as usize][k]));
    }
    let count = order.len();
    let leaf = count <= LEAF || depth == DEEPEST;
    let node = nodes.len();
    nodes.push(Node {
        centre: sum.map(|s| (s / count as f64) as f32),
        count: count as f32,
        width,
        range: first..first + count as u32,
        skip: 0,
        leaf,
    });
    if !leaf {
        let corner = |i: u32| {
            let p = points[i as usize];
            (0..D).fold(0, |c, k| c | (usize::from(p[k] > middle[k]) << k))
        };
        order.sort_by_key(|&i| corner(i));
        let mut from = 0;
        for c in 0..1 << D {
            let to = from + order[from..].iter().take_while(|&&i| corner(i) == c).count();
            let half = width / 4.0;
            let middle = std::array::from_fn(|k| middle[k] + if c >> k & 1 == 1 { half } else { -half });
            let part_of = &mut order[from..to];
            part(
                points,
                part_of,
                first + from as u32,
                middle,
                width / 2.0,
                depth + 1,
                nodes,
            );
            from = to;
        }
    }
    nodes[node].skip = nodes.len() as u32;
}

fn feel<const D: usize>(own: &[f32; D], nodes: &[Node<D>], points: &[[f32; D]]) -> ([f32; D], f64) {
    let (mut force, mut total, mut at) = ([0f32; D], 0f32, 0);
    let mut add = |other: &[f32; D], count: f32| {
        let apart: [f32; D] = std::array::from_fn(|k| own[k] - other[k]);
        let q = 1.0 / (1.0 + apart.iter().map(|a| a * a).sum::<f32>());
        total += count * q;
        (0..D).for_each(|k| force[k] += count * q * q * apart[k]);
    };
    while let Some(node) = nodes.get(at) {
        let squared: f32 = (0..D)
            .map(|k| (own[k] - node.centre[k]) * (own[k] - node.centre[k]))
            .sum();
        if node.width * node.width < ANGLE * ANGLE * squared {
            add(&node.centre, node.count);
            at = node.skip as usize;
        } else if node.leaf {
            let range = node.range.start as usize..node.range.end as usize;
            points[range].iter().for_each(|p| add(p, 1.0));
            at = node.skip as usize;
        } else {
            at += 1;
        }
    }
    (force, f64::from(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_tree_agrees_with_all_pairs() {
        let mut random = Random::new(&[9]);
        for scale in [1e-4, 1.0, 20.0] {
            let points: Vec<f32> = (0..3 * 700).map(|_| (scale * random.normal()) as f32).collect();
            let (mut exact, mut found) = (vec![0.0; 2100], vec![0.0; 2100]);
            let total = super::super::exact::push::<3>(&points, &mut exact);
            let near = push::<3>(&points, &mut found);
            assert!((near - total).abs() < 1e-2 * total, "{scale}: {near} {total}");
            let norm: f32 = exact.iter().map(|v| v * v).sum();
            let error: f32 = exact.iter().zip(&found).map(|(a, b)| (a - b) * (a - b)).sum();
            assert!((error / norm).sqrt() < 3e-2, "{scale}: {}", (error / norm).sqrt());
        }
        // Equal points end the parting.
        let mut out = vec![0.0; 300];
        let total = push::<3>(&[1.0; 300], &mut out);
        assert!((total - 9900.0).abs() < 1.0 && out.iter().all(|v| *v == 0.0));
    }
}
