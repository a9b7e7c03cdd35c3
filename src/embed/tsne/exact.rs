//! Repulsion of all pairs.

#![expect(clippy::needless_range_loop, reason = "lanes of several arrays side by side")]

use rten_simd::{Isa, SimdOp};

use crate::par;

const LANES: usize = 16;
const POINTS: usize = 64;

/// `out[i] = Σ_j (y_i - y_j) / (1 + |y_i - y_j|²)²`; the sum of 1 / (1 + |y_i - y_j|²) over all pairs i ≠ j.
pub fn push<const D: usize>(points: &[f32], out: &mut [f32]) -> f64 {
    let count = points.len() / D;
    // Axis after axis, filled up with points so far away that they do nothing.
    let padded = count.next_multiple_of(LANES);
    let mut axes = vec![vec![1e18f32; padded]; D];
    for (i, point) in points.chunks(D).enumerate() {
        (0..D).for_each(|k| axes[k][i] = point[k]);
    }
    let mut sums = vec![0f64; count.div_ceil(POINTS)];
    let mut parts: Vec<(&mut [f32], &mut f64)> = out.chunks_mut(D * POINTS).zip(&mut sums).collect();
    par::chunks(&mut parts, 1, |b, part| {
        let (out, sum) = &mut part[0];
        let from = &points[b * POINTS * D..];
        **sum = Pairs::<D> {
            axes: &axes,
            from,
            out,
        }
        .dispatch();
    });
    sums.iter().sum::<f64>() - count as f64
}

struct Pairs<'a, const D: usize> {
    axes: &'a [Vec<f32>],
    from: &'a [f32],
    out: &'a mut [f32],
}

impl<const D: usize> SimdOp for Pairs<'_, D> {
    type Output = f64;

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) -> f64 {
        let mut total = 0.0;
        let axes: [&[[f32; LANES]]; D] = std::array::from_fn(|k| self.axes[k].as_chunks().0);
        for (own, out) in self.from.chunks(D).zip(self.out.chunks_mut(D)) {
            let (mut sum, mut force) = ([0f32; LANES], [[0f32; LANES]; D]);
            for at in 0..axes[0].len() {
                let (mut squared, mut apart) = ([1f32; LANES], [[0f32; LANES]; D]);
                for k in 0..D {
                    for lane in 0..LANES {
                        apart[k][lane] = own[k] - axes[k][at][lane];
                        squared[lane] += apart[k][lane] * apart[k][lane];
                    }
                }
                for lane in 0..LANES {
                    let q = 1.0 / squared[lane];
                    sum[lane] += q;
                    for k in 0..D {
                        force[k][lane] += q * q * apart[k][lane];
                    }
                }
            }
            total += sum.iter().map(|&v| f64::from(v)).sum::<f64>();
            for k in 0..D {
                out[k] = force[k].iter().sum();
            }
        }
        total
    }
}
