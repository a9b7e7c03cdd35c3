//! One epoch of UMAP.

#![expect(clippy::needless_range_loop, reason = "lanes of several arrays side by side")]

use rten_simd::{Isa, SimdOp};

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
    fn eval<I: Isa>(self, _: I) {
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
                forces.add(&mut own, &self.before[end as usize], self.rate, -rule.a);
                for _ in 0..rule.negatives {
                    let other = random.below(self.before.len());
                    // Nothing pushes itself away: its distance is 0.
                    forces.add(&mut own, &self.before[other], self.rate, 0.0);
                }
                if forces.count + 1 + rule.negatives > LANES {
                    forces.apply(&mut own);
                }
            }
            forces.apply(&mut own);
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
    fn add(&mut self, own: &mut [f32; D], other: &[f32; D], rate: f32, pull: f32) {
        if self.count == LANES {
            self.apply(own);
        }
        for k in 0..D {
            self.apart[k][self.count] = own[k] - other[k];
        }
        self.rates[self.count] = rate;
        self.pulls[self.count] = pull;
        self.count += 1;
    }

    #[inline(always)]
    fn apply(&mut self, own: &mut [f32; D]) {
        let rule = self.rule;
        let mut squared = [0f32; LANES];
        for k in 0..D {
            for lane in 0..LANES {
                squared[lane] += self.apart[k][lane] * self.apart[k][lane];
            }
        }
        let mut force = [0f32; LANES];
        for lane in 0..LANES {
            let s = squared[lane];
            let power = power(s.max(1e-12), rule.b);
            let pull = self.pulls[lane];
            // One division for both: a pull is -2ab s^b / (s (1 + a s^b)).
            let (over, under) = if pull < 0.0 {
                (pull * power, s.max(1e-12))
            } else {
                (rule.repulsion, 0.001 + s)
            };
            force[lane] = 2.0 * rule.b * over / (under * (1.0 + rule.a * power));
        }
        for k in 0..D {
            let mut sum = 0.0;
            for lane in 0..LANES {
                sum += self.rates[lane] * (force[lane] * self.apart[k][lane]).clamp(-CLIP, CLIP);
            }
            own[k] += sum;
        }
        self.count = 0;
        self.rates = [0.0; LANES];
    }
}

/// x to the power of y, to some 1e-6, for positive normal x: without branches, so that a compiler can do
/// several at once.
#[inline(always)]
fn power(x: f32, y: f32) -> f32 {
    // x = 2^e m, m from 0.7 to 1.4; log m = 2 artanh((m - 1) / (m + 1)).
    let bits = x.to_bits() as i32;
    let e = (bits - 0x3f35_04f3) >> 23;
    let m = f32::from_bits((bits - (e << 23)) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let log2 = e as f32 + s * (2.885_39 + z * (0.961_796_7 + z * (0.577_078_04 + z * 0.412_198_57)));
    // 2^t: the whole part goes to the exponent.
    let t = (y * log2).clamp(-126.0, 126.0);
    let whole = (t + 12_582_912.0) - 12_582_912.0;
    let f = (t - whole) * std::f32::consts::LN_2;
    let p = 1.0 + f * (1.0 + f * (0.5 + f * (0.166_666_67 + f * (0.041_666_67 + f * 0.008_333_33))));
    p * f32::from_bits(((whole as i32 + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_powers() {
        for x in [1e-12f32, 1e-3, 0.49, 0.5, 0.71, 1.0, 1.4, 1.5, 3.0, 1e3, 1e9] {
            for y in [0.4f32, 0.895, 1.0, 1.7] {
                let (found, exact) = (power(x, y), x.powf(y));
                assert!((found - exact).abs() <= 1e-5 * exact, "{x}^{y}: {found} {exact}");
            }
        }
    }
}
