//! The eigenvectors of a graph that vary least along its edges.
//!
//! Chebyshev-filtered subspace iteration (Zhou, Saad, Tiago and Chelikowsky 2006) on
//! D^-1/2 W D^-1/2: a few directions, one sparse product a step. They are only where places begin, so
//! some rounds are enough.

use nalgebra::DMatrix;

use crate::graph::Graph;
use crate::random::Random;
use crate::{par, product};

/// Directions beside those asked for, which make the others converge.
const SPARE: usize = 5;
const ROUNDS: usize = 5;
const DEGREE: usize = 16;

pub struct Spectral {
    dimensions: usize,
    many: usize,
    /// 1 / √degree of each node.
    scale: Vec<f32>,
    /// Nodes × many.
    block: Vec<f32>,
    before: Vec<f32>,
    cut: f32,
    step: usize,
}

impl Spectral {
    pub fn new(graph: &Graph, dimensions: usize, seed: u64) -> Self {
        let many = dimensions + 1 + SPARE;
        let mut random = Random::new(&[seed, 0x59e]);
        let nodes = graph.nodes();
        let degree = |i| graph.of(i).1.iter().sum::<f32>();
        Spectral {
            dimensions,
            many,
            scale: (0..nodes).map(|i| 1.0 / degree(i).max(1e-12).sqrt()).collect(),
            block: (0..nodes * many).map(|_| random.normal() as f32).collect(),
            before: Vec::new(),
            cut: 0.6,
            step: 0,
        }
    }

    pub fn fraction(&self) -> f32 {
        self.step as f32 / (ROUNDS * DEGREE) as f32
    }

    /// One sparse product; nodes × dimensions after the last.
    pub fn step(&mut self, graph: &Graph) -> Option<Vec<f32>> {
        // Eigenvalues from -1 to `cut` become -1 to 1, where Chebyshev's polynomials stay small.
        let (middle, half) = ((self.cut - 1.0) / 2.0, (self.cut + 1.0) / 2.0);
        let first = self.step.is_multiple_of(DEGREE);
        let factor = if first { 1.0 } else { 2.0 } / half;
        let (many, scale, block) = (self.many, &self.scale, &self.block);
        let mut next = vec![0.0; block.len()];
        let before = &self.before;
        par::chunks(&mut next, many * 512, |b, out| {
            for (n, out) in out.chunks_mut(many).enumerate() {
                let i = b * 512 + n;
                let own = &block[i * many..][..many];
                let (ends, weights) = graph.of(i);
                for (&j, &w) in ends.iter().zip(weights) {
                    let w = w * scale[j as usize] * scale[i];
                    let row = &block[j as usize * many..][..many];
                    out.iter_mut().zip(row).for_each(|(o, r)| *o += w * r);
                }
                out.iter_mut()
                    .zip(own)
                    .for_each(|(o, v)| *o = factor * (*o - middle * v));
                if !first {
                    let before = &before[i * many..][..many];
                    out.iter_mut().zip(before).for_each(|(o, b)| *o -= b);
                }
            }
        });
        self.before = std::mem::replace(&mut self.block, next);
        self.step += 1;
        if self.step.is_multiple_of(DEGREE) {
            self.rotate(graph);
        }
        (self.step == ROUNDS * DEGREE).then(|| self.places())
    }

    /// Directions made eigenvectors of the graph within their span, largest eigenvalue first.
    fn rotate(&mut self, graph: &Graph) {
        let many = self.many;
        let gram = products(&self.block, &self.block, many);
        let eigen = gram.symmetric_eigen();
        let largest = eigen.eigenvalues.max().max(f64::MIN_POSITIVE);
        let inverse = |v: f64| if v > 1e-10 * largest { 1.0 / v.sqrt() } else { 0.0 };
        let scale = DMatrix::from_diagonal(&eigen.eigenvalues.map(inverse));
        turn(&mut self.block, &(&eigen.eigenvectors * scale), many);
        let (scale, block) = (&self.scale, &self.block);
        let mut image = vec![0.0; block.len()];
        par::chunks(&mut image, many, |i, out| {
            let (ends, weights) = graph.of(i);
            for (&j, &w) in ends.iter().zip(weights) {
                let w = w * scale[j as usize] * scale[i];
                let row = &block[j as usize * many..][..many];
                out.iter_mut().zip(row).for_each(|(o, r)| *o += w * r);
            }
        });
        let small = products(block, &image, many);
        let eigen = ((&small + small.transpose()) * 0.5).symmetric_eigen();
        let mut order: Vec<usize> = (0..many).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let vectors = DMatrix::from_fn(many, many, |r, c| eigen.eigenvectors[(r, order[c])]);
        turn(&mut self.block, &vectors, many);
        self.cut = (eigen.eigenvalues[order[many - 1]] as f32).clamp(0.0, 0.999);
    }

    fn places(&self) -> Vec<f32> {
        // The first is the degree of each node and says nothing.
        let rows = self.block.chunks(self.many);
        rows.flat_map(|row| row[1..=self.dimensions].to_vec()).collect()
    }
}

fn products(a: &[f32], b: &[f32], many: usize) -> DMatrix<f64> {
    let size = many * 1024;
    let parts = par::map(a.len().div_ceil(size), |p| {
        let end = a.len().min((p + 1) * size);
        let mut out = vec![0.0; many * many];
        product::outer(&a[p * size..end], &b[p * size..end], [many, many], &mut out);
        out
    });
    let mut sum = DMatrix::zeros(many, many);
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += f64::from(p));
    }
    sum
}

fn turn(block: &mut [f32], by: &DMatrix<f64>, many: usize) {
    let by: Vec<f32> = by.iter().map(|&v| v as f32).collect();
    par::chunks(block, many * 1024, |_, block| {
        let old = block.to_vec();
        product::dots(&by, &old, many, block);
    });
}
