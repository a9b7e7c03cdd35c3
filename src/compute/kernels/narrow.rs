//! Windows over one channel at a time: depthwise convolution (Sifre 2014) and max pooling.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use super::conv::{Image, Plan};
use super::finish::Finish;
use crate::ops::host_window::Slide;
use crate::threads;

/// Vectors in registers at once.
const VECTORS: usize = 8;
/// Most columns of a step.
const WIDEST: usize = VECTORS * 16;

/// Convolves each channel of `image` with `all` windows of its own.
pub fn narrow(plan: &Plan, image: Image, weights: &[f32], all: usize, finish: &Finish, out: &mut [f32]) {
    let (kept, plane) = (plan.outputs[0] * plan.outputs[1], image.size[0] * image.size[1]);
    threads::chunks(out, all * kept, |group, out| {
        Narrow {
            plan,
            channel: &image.values[group * plane..][..plane],
            weights: &weights[group * all * plan.places.len()..],
            first: group * all,
            finish,
            out,
        }
        .dispatch();
    });
}

struct Narrow<'a> {
    plan: &'a Plan,
    channel: &'a [f32],
    weights: &'a [f32],
    first: usize,
    finish: &'a Finish<'a>,
    out: &'a mut [f32],
}

impl SimdOp for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let (plan, depth, grid) = (self.plan, self.plan.places.len(), self.plan.grid());
        let spread = padded(plan, self.channel);
        let columns = (grid.lines - 1) * grid.pitch + grid.length;
        let kept = grid.lines * grid.length;
        let lanes = isa.f32().len();
        let mut sums = [0f32; WIDEST];
        for (m, out) in self.out.chunks_exact_mut(kept).enumerate() {
            let weights = &self.weights[m * depth..][..depth];
            let mut at = 0;
            while at < columns {
                let step = match columns - at > 4 * lanes {
                    true => step::<I, VECTORS>(isa, weights, plan, &spread, at, &mut sums),
                    false => step::<I, 4>(isa, weights, plan, &spread, at, &mut sums),
                };
                let count = step.min(columns - at);
                for (from, to, count) in grid.runs(at, count) {
                    let out = &mut out[to..][..count];
                    self.finish
                        .put(self.first + m, to, &sums[from..][..count], out, kept);
                }
                at += count;
            }
        }
    }
}

/// `V` vectors of columns from `at` on; returns how many columns these are.
#[inline(always)]
fn step<I: Isa, const V: usize>(
    isa: I,
    weights: &[f32],
    plan: &Plan,
    spread: &[f32],
    at: usize,
    sums: &mut [f32; WIDEST],
) -> usize {
    let ops = isa.f32();
    let mut all = [ops.zero(); V];
    for (&weight, place) in weights.iter().zip(&plan.places) {
        let (weight, cells) = (ops.splat(weight), ops.load_many::<V>(&spread[place + at..]));
        for v in 0..V {
            all[v] = ops.mul_add(weight, cells[v], all[v]);
        }
    }
    for (v, all) in all.into_iter().enumerate() {
        ops.store(all, &mut sums[v * ops.len()..]);
    }
    V * ops.len()
}

/// A channel, padded and split, with room behind it for a whole step.
fn padded(plan: &Plan, channel: &[f32]) -> Vec<f32> {
    let mut spread = vec![plan.fill; plan.channel() + WIDEST];
    plan.spread(channel, &mut spread[..plan.channel()]);
    spread
}

/// The largest of each window of each channel into `out` `[channels, height, width]`; a window with
/// something that is no number gives that.
pub fn largest(image: Image, slide: &Slide, out: &mut [f32]) {
    let plan = Plan::new(slide, image.size, f32::NEG_INFINITY);
    let (kept, plane) = (plan.outputs[0] * plan.outputs[1], image.size[0] * image.size[1]);
    threads::chunks(out, kept, |channel, out| {
        Largest {
            plan: &plan,
            channel: &image.values[channel * plane..][..plane],
            out,
        }
        .dispatch();
    });
}

struct Largest<'a> {
    plan: &'a Plan,
    channel: &'a [f32],
    out: &'a mut [f32],
}

impl SimdOp for Largest<'_> {
    type Output = ();

    // Plain loops, which become vectors of the width that is chosen here.
    #[inline(always)]
    fn eval<I: Isa>(self, _: I) {
        let (plan, grid) = (self.plan, self.plan.grid());
        let spread = padded(plan, self.channel);
        let columns = (grid.lines - 1) * grid.pitch + grid.length;
        let mut top = vec![f32::NEG_INFINITY; columns];
        for place in &plan.places {
            let cells = &spread[*place..][..columns];
            for (top, &v) in top.iter_mut().zip(cells) {
                *top = if v > *top || v.is_nan() { v } else { *top };
            }
        }
        for (from, to, count) in grid.runs(0, columns) {
            self.out[to..][..count].copy_from_slice(&top[from..][..count]);
        }
    }
}
