//! Attraction along the edges of the graph.

#![expect(clippy::needless_range_loop, reason = "lanes of several arrays side by side")]

use rten_simd::{Isa, SimdOp};

use crate::graph::Graph;
use crate::par;

const LANES: usize = 16;
const NODES: usize = 256;

/// `out[i] = exaggeration Σ_j p_ij (y_i - y_j) / (1 + |y_i - y_j|²) - scale out[i]`: the gradient, from the
/// repulsion in `out`, whose sum is 1 / `scale`.
pub fn gradient<const D: usize>(
    graph: &Graph,
    points: &[f32],
    exaggeration: f32,
    scale: f32,
    out: &mut [f32],
) {
    par::chunks(out, D * NODES, |b, out| {
        Nodes::<D> {
            graph,
            points: points.as_chunks().0,
            out: out.as_chunks_mut().0,
            first: b * NODES,
            factors: [exaggeration, scale],
        }
        .dispatch();
    });
}

struct Nodes<'a, const D: usize> {
    graph: &'a Graph,
    points: &'a [[f32; D]],
    out: &'a mut [[f32; D]],
    first: usize,
    factors: [f32; 2],
}

impl<const D: usize> SimdOp for Nodes<'_, D> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) {
        let [exaggeration, scale] = self.factors;
        for (n, out) in self.out.iter_mut().enumerate() {
            let node = self.first + n;
            let own = self.points[node];
            let (ends, weights) = self.graph.of(node);
            let mut force = [[0f32; LANES]; D];
            let (ends, end_rest) = ends.as_chunks::<LANES>();
            let (weights, weight_rest) = weights.as_chunks::<LANES>();
            for (ends, weights) in ends.iter().zip(weights) {
                pull(&own, self.points, ends, weights, &mut force);
            }
            if !end_rest.is_empty() {
                // The rest of the lanes pull at the point itself, with no weight.
                let (mut ends, mut weights) = ([node as u32; LANES], [0f32; LANES]);
                ends[..end_rest.len()].copy_from_slice(end_rest);
                weights[..end_rest.len()].copy_from_slice(weight_rest);
                pull(&own, self.points, &ends, &weights, &mut force);
            }
            for k in 0..D {
                out[k] = exaggeration * force[k].iter().sum::<f32>() - scale * out[k];
            }
        }
    }
}

#[inline(always)]
fn pull<const D: usize>(
    own: &[f32; D],
    points: &[[f32; D]],
    ends: &[u32; LANES],
    weights: &[f32; LANES],
    force: &mut [[f32; LANES]; D],
) {
    let (mut squared, mut apart) = ([1f32; LANES], [[0f32; LANES]; D]);
    for lane in 0..LANES {
        let other = points[ends[lane] as usize];
        for k in 0..D {
            apart[k][lane] = own[k] - other[k];
        }
    }
    for k in 0..D {
        for lane in 0..LANES {
            squared[lane] += apart[k][lane] * apart[k][lane];
        }
    }
    let mut strength = [0f32; LANES];
    for lane in 0..LANES {
        strength[lane] = weights[lane] / squared[lane];
    }
    for k in 0..D {
        for lane in 0..LANES {
            force[k][lane] += strength[lane] * apart[k][lane];
        }
    }
}

/// Σ p ln(p / q), where q is 1 / (1 + distance²) as a share of `total`.
pub fn divergence(graph: &Graph, points: &[f32], d: usize, total: f64) -> f64 {
    let parts = par::map(graph.nodes().div_ceil(NODES), |b| {
        let mut sum = 0.0;
        for i in b * NODES..graph.nodes().min((b + 1) * NODES) {
            let own = &points[i * d..][..d];
            let (ends, weights) = graph.of(i);
            for (&j, &p) in ends.iter().zip(weights) {
                let other = &points[j as usize * d..][..d];
                let squared: f32 = own.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
                let p = f64::from(p);
                sum += p * (p * total * (1.0 + f64::from(squared))).ln();
            }
        }
        sum
    });
    parts.iter().sum()
}
