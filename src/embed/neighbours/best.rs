//! The least of many numbers.

use rten_simd::ops::{BitOps, MaskOps, NumOps};
use rten_simd::{Isa, SimdOp};

/// The `keep` least of the scores that were offered, and what they belong to.
#[derive(Clone, Debug)]
pub struct Best {
    keep: usize,
    /// Above this, nothing is of interest.
    pub bound: f32,
    items: Vec<(f32, u32)>,
}

impl Best {
    pub fn new(keep: usize) -> Self {
        Best {
            keep,
            bound: f32::INFINITY,
            items: Vec::with_capacity(3 * keep + 64),
        }
    }

    #[inline]
    pub fn offer(&mut self, score: f32, item: u32) {
        if score < self.bound {
            self.items.push((score, item));
            // Thinned out now and then: the cost of one offer is constant.
            if self.items.len() >= 3 * self.keep + 64 {
                self.thin();
            }
        }
    }

    fn thin(&mut self) {
        if self.items.len() > self.keep {
            self.items.select_nth_unstable_by(self.keep - 1, order);
            self.items.truncate(self.keep);
            self.bound = self.items[self.keep - 1].0;
        }
    }

    /// The least, ascending; equal ones in the order of their items.
    pub fn finish(&mut self) -> &mut Vec<(f32, u32)> {
        self.thin();
        self.items.sort_unstable_by(order);
        &mut self.items
    }
}

fn order(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// Offers `norms[j] - 2 dots[j]` for item `first + j`.
pub struct Scan<'a> {
    pub best: &'a mut Best,
    pub norms: &'a [f32],
    pub dots: &'a [f32],
    pub first: u32,
}

impl SimdOp for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let (ops, masks) = (isa.f32(), isa.m32());
        let step = ops.len();
        let (two, mut bound) = (ops.splat(-2.0), ops.splat(self.best.bound));
        let whole = self.dots.len() / step * step;
        for at in (0..whole).step_by(step) {
            let (n, d) = (ops.load(&self.norms[at..]), ops.load(&self.dots[at..]));
            // Few are below the bound once some neighbours are known.
            if masks.any(ops.lt(ops.mul_add(d, two, n), bound)) {
                for j in at..at + step {
                    let score = self.norms[j] - 2.0 * self.dots[j];
                    self.best.offer(score, self.first + j as u32);
                }
                bound = ops.splat(self.best.bound);
            }
        }
        for j in whole..self.dots.len() {
            let score = self.norms[j] - 2.0 * self.dots[j];
            self.best.offer(score, self.first + j as u32);
        }
    }
}
