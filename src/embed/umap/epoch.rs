//! One epoch of UMAP.

use rten_simd::ops::{BitOps, FloatOps, IntOps, NumOps, ToFloat};
use rten_simd::{Isa, Simd, SimdOp};

use crate::graph::Graph;
use crate::par;
use crate::random::Random;

/// How far one step may go along an axis.
const CLIP: f32 = 4.0;
/// Pushes and pulls that are computed at once.
const LANES: usize = 16;
const NODES: usize = 256;

/// How points pull and push.
pub struct Rule {
    a: f32,
    b: f32,
    repulsion: f32,
    negatives: usize,
    seed: u64,
}

impl Rule {
    pub fn new(a: f64, b: f64, repulsion: f32, negatives: usize, seed: u64) -> Self {
        let (a, b) = (a as f32, b as f32);
        Rule {
            a,
            b,
            repulsion,
            negatives,
            seed,
        }
    }

    /// Makes the weights shares of the largest: how often an edge pulls in an epoch. Those that never would
    /// go.
    pub fn prepare(&self, graph: &mut Graph, epochs: usize) {
        let largest = graph.weights.iter().fold(0f32, |m, &w| m.max(w));
        let least = largest / epochs.max(1) as f32;
        let (mut to, mut start) = (0, 0);
        for node in 0..graph.nodes() {
            let end = graph.starts[node + 1];
            for from in start..end {
                if graph.weights[from] >= least {
                    graph.ends[to] = graph.ends[from];
                    graph.weights[to] = graph.weights[from] / largest;
                    to += 1;
                }
            }
            start = end;
            graph.starts[node + 1] = to;
        }
        graph.ends.truncate(to);
        graph.weights.truncate(to);
    }

    /// Points as they are after an epoch, from where they were before.
    pub fn epoch<const D: usize>(
        &self,
        graph: &Graph,
        before: &[f32],
        after: &mut [f32],
        epoch: usize,
        rate: f32,
    ) {
        par::chunks(after, D * NODES, |b, out| {
            Nodes::<D> {
                rule: self,
                graph,
                before: before.as_chunks().0,
                out: out.as_chunks_mut().0,
                first: b * NODES,
                epoch,
                rate,
            }
            .dispatch();
        });
    }
}

struct Nodes<'a, const D: usize> {
    rule: &'a Rule,
    graph: &'a Graph,
    before: &'a [[f32; D]],
    out: &'a mut [[f32; D]],
    first: usize,
    epoch: usize,
    rate: f32,
}

impl<const D: usize> SimdOp for Nodes<'_, D> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let rule = self.rule;
        let (now, then) = ((self.epoch + 1) as f32, self.epoch as f32);
        for (n, out) in self.out.iter_mut().enumerate() {
            let node = self.first + n;
            let mut own = self.before[node];
            let mut random = Random::new(&[rule.seed, self.epoch as u64, node as u64]);
            let mut forces = Forces::<D>::new(rule);
            let (ends, weights) = self.graph.of(node);
            for (&end, &weight) in ends.iter().zip(weights) {
                // An edge of weight w pulls in w of the epochs, evenly.
                if (now * weight) as u32 == (then * weight) as u32 {
                    continue;
                }
                // Once. One edge after the other, umap-learn moves each end twice (the edge lies at both); with
                // all moves of an epoch at once that overshoots: trust in 70,000 pictures of clothes was 0.970
                // and with one 0.974 (umap-learn: 0.973).
                forces.add(isa, &mut own, &self.before[end as usize], self.rate, -rule.a);
                for _ in 0..rule.negatives {
                    let other = random.below(self.before.len());
                    // Nothing pushes itself away: its distance is 0.
                    forces.add(isa, &mut own, &self.before[other], self.rate, 0.0);
                }
                if forces.count + 1 + rule.negatives > LANES {
                    forces.apply(isa, &mut own);
                }
            }
            forces.apply(isa, &mut own);
            *out = own;
        }
    }
}

/// Pulls and pushes on one point that are computed at once.
struct Forces<'a, const D: usize> {
    rule: &'a Rule,
    count: usize,
    apart: [[f32; LANES]; D],
    /// How far each may move the point, and whether it pulls.
    rates: [f32; LANES],
    pulls: [f32; LANES],
}

impl<'a, const D: usize> Forces<'a, D> {
    #[inline(always)]
    fn new(rule: &'a Rule) -> Self {
        Forces {
            rule,
            count: 0,
            apart: [[0.0; LANES]; D],
            rates: [0.0; LANES],
            pulls: [0.0; LANES],
        }
    }

    /// `pull` is -a for a pull and 0 for a push.
    #[inline(always)]
    fn add<I: Isa>(&mut self, isa: I, own: &mut [f32; D], other: &[f32; D], rate: f32, pull: f32) {
        if self.count == LANES {
            self.apply(isa, own);
        }
        for k in 0..D {
            self.apart[k][self.count] = own[k] - other[k];
        }
        self.rates[self.count] = rate;
        self.pulls[self.count] = pull;
        self.count += 1;
    }

    #[inline(always)]
    fn apply<I: Isa>(&mut self, isa: I, own: &mut [f32; D]) {
        let (rule, f) = (self.rule, isa.f32());
        let [a, b, repulsion] = [rule.a, rule.b, rule.repulsion].map(|v| f.splat(v));
        let [tiny, one, off] = [1e-12, 1.0, 0.001].map(|v| f.splat(v));
        let (low, high) = (f.splat(-CLIP), f.splat(CLIP));
        let mut sums = [f.zero(); D];
        for lane in (0..LANES).step_by(f.len()) {
            let apart: [I::F32; D] = std::array::from_fn(|k| f.load(&self.apart[k][lane..]));
            let mut s = f.zero();
            for x in apart {
                s = f.mul_add(x, x, s);
            }
            let safe = f.max(s, tiny);
            let power = power(isa, safe, b);
            let pull = f.load(&self.pulls[lane..]);
            // One division for both: a pull is -2ab s^b / (s (1 + a s^b)).
            let pulls = f.lt(pull, f.zero());
            let over = f.select(f.mul(pull, power), repulsion, pulls);
            let under = f.select(safe, f.add(s, off), pulls);
            let force = f.div(f.mul(f.add(b, b), over), f.mul(under, f.mul_add(a, power, one)));
            let rates = f.load(&self.rates[lane..]);
            for k in 0..D {
                let step = f.clamp(f.mul(force, apart[k]), low, high);
                sums[k] = f.mul_add(rates, step, sums[k]);
            }
        }
        for k in 0..D {
            own[k] += f.sum(sums[k]);
        }
        self.count = 0;
        self.rates = [0.0; LANES];
    }
}

/// x to the power of y, to some 1e-6, for positive normal x.
#[inline(always)]
fn power<I: Isa>(isa: I, x: I::F32, y: I::F32) -> I::F32 {
    let (f, i) = (isa.f32(), isa.i32());
    let series = |at: I::F32, terms: &[f32]| {
        let (last, rest) = terms.split_last().expect("a series has terms");
        let add = |sum, &term: &f32| f.mul_add(sum, at, f.splat(term));
        rest.iter().rev().fold(f.splat(*last), add)
    };
    // x = 2^e m, m from 0.7 to 1.4; log m = 2 artanh((m - 1) / (m + 1)).
    let bits: I::I32 = x.reinterpret_cast();
    let e = i.shift_right::<23>(i.sub(bits, i.splat(0x3f35_04f3)));
    let m: I::F32 = i.sub(bits, i.shift_left::<23>(e)).reinterpret_cast();
    let s = f.div(f.sub(m, f.one()), f.add(m, f.one()));
    let log = series(f.mul(s, s), &[2.885_39, 0.961_796_7, 0.577_078_04, 0.412_198_57]);
    let log2 = f.mul_add(s, log, i.to_float(e));
    // 2^t: the whole part, which the last bits of the sum are, goes to the exponent.
    let t = f.clamp(f.mul(y, log2), f.splat(-126.0), f.splat(126.0));
    let sum = f.add(t, f.splat(12_582_912.0));
    let part = f.sub(t, f.sub(sum, f.splat(12_582_912.0)));
    let p = series(
        f.mul(part, f.splat(std::f32::consts::LN_2)),
        &[1.0, 1.0, 0.5, 0.166_666_67, 0.041_666_67, 0.008_333_33],
    );
    let whole: I::I32 = sum.reinterpret_cast();
    let scale: I::F32 = i
        .add(i.shift_left::<23>(whole), i.splat(127 << 23))
        .reinterpret_cast();
    f.mul(p, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Power(f32, f32);

    impl SimdOp for Power {
        type Output = f32;

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> f32 {
            let f = isa.f32();
            power(isa, f.splat(self.0), f.splat(self.1)).to_array().as_ref()[0]
        }
    }

    #[test]
    fn powers_are_powers() {
        for x in [1e-12f32, 1e-3, 0.49, 0.5, 0.71, 1.0, 1.4, 1.5, 3.0, 1e3, 1e9] {
            for y in [0.4f32, 0.895, 1.0, 1.7] {
                let (found, exact) = (Power(x, y).dispatch(), x.powf(y));
                assert!((found - exact).abs() <= 1e-5 * exact, "{x}^{y}: {found} {exact}");
            }
        }
    }
}
