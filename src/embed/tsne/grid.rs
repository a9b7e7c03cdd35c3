//! Repulsion by interpolation on a grid: FIt-SNE (Linderman, Rachh, Hoskins, Steinerberger and Kluger 2019).
//!
//! Points give their charge to the nodes of their box by Lagrange polynomials; Fourier transforms convolve the
//! nodes with 1 / (1 + d²) and with its two forces d / (1 + d²)², which points take back by the same
//! polynomials. FIt-SNE transforms four charges and one kernel; one charge and three kernels are fewer
//! transforms, and no large numbers cancel, so that float32 is enough. Of the potential only its sum over all
//! points counts, which Parseval's theorem reads off the spectra: nothing is transformed back for it.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::num_traits::Zero;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

use crate::par;

/// Nodes of a box along an axis, and boxes at least.
const NODES: usize = 4;
const FEWEST: usize = 50;
/// Columns that are transformed together: a cache line of complex numbers.
const COLUMNS: usize = 8;

type C = Complex<f32>;

/// The grid of the last iteration, whose kernels are kept as long as its boxes stay.
#[derive(Default)]
pub struct Grid {
    boxes: usize,
    width: f32,
    plan: Option<Plan>,
}

struct Plan {
    rows: Arc<dyn RealToComplex<f32>>,
    rows_back: Arc<dyn ComplexToReal<f32>>,
    columns: Arc<dyn Fft<f32>>,
    columns_back: Arc<dyn Fft<f32>>,
    /// Columns × rows of the spectra: real for the potential, imaginary for the forces.
    kernels: [Vec<f32>; 3],
}

impl Grid {
    /// As [`super::exact::push`], approximately, in two dimensions.
    pub fn push(&mut self, points: &[f32], out: &mut [f32]) -> f64 {
        let (points, out) = (points.as_chunks::<2>().0, out.as_chunks_mut::<2>().0);
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for p in points {
            for k in 0..2 {
                (low[k], high[k]) = (low[k].min(p[k]), high[k].max(p[k]));
            }
        }
        let span = (high[0] - low[0]).max(high[1] - low[1]).max(1e-12) * 1.0001;
        // Boxes of 1 at most; their width and number change by leaps, so that kernels can stay.
        let (boxes, width) = if span > FEWEST as f32 {
            (smooth(span.ceil() as usize), 1.0)
        } else {
            let width = span / FEWEST as f32;
            (FEWEST, ((width.log2() * 4.0).ceil() / 4.0).exp2())
        };
        if self.plan.is_none() || self.boxes != boxes || self.width != width {
            self.plan = Some(Plan::new(boxes * NODES, width / NODES as f32));
            (self.boxes, self.width) = (boxes, width);
        }
        let Some(plan) = &self.plan else {
            return 0.0;
        };
        let corner = [0, 1].map(|k| (low[k] + high[k]) / 2.0 - boxes as f32 * width / 2.0);
        let size = boxes * NODES;
        let locate = |p: &[f32; 2]| {
            [0, 1].map(|k| {
                let at = (p[k] - corner[k]) / width;
                let cell = (at as usize).min(boxes - 1);
                (cell, lagrange(at - cell as f32))
            })
        };
        // By rows of boxes, so that each has nodes of its own.
        let mut starts = vec![0u32; boxes + 1];
        let row = |p: &[f32; 2]| (((p[1] - corner[1]) / width) as usize).min(boxes - 1);
        points.iter().for_each(|p| starts[row(p) + 1] += 1);
        (0..boxes).for_each(|r| starts[r + 1] += starts[r]);
        let (mut sorted, mut next) = (vec![0u32; points.len()], starts.clone());
        for (i, p) in points.iter().enumerate() {
            let place = &mut next[row(p)];
            sorted[*place as usize] = i as u32;
            *place += 1;
        }
        let of_row = |r: usize| &sorted[starts[r] as usize..starts[r + 1] as usize];
        let mut charge = vec![0f32; size * size];
        par::chunks(&mut charge, size * NODES, |r, nodes| {
            for &i in of_row(r) {
                let [(x, wx), (_, wy)] = locate(&points[i as usize]);
                for (nodes, wy) in nodes.chunks_mut(size).zip(wy) {
                    for (node, wx) in nodes[x * NODES..][..NODES].iter_mut().zip(wx) {
                        *node += wx * wy;
                    }
                }
            }
        });
        let (total, fields) = plan.convolve(&charge, size);
        let taken = par::map(boxes, |r| {
            let mut forces = Vec::with_capacity(of_row(r).len());
            for &i in of_row(r) {
                let [(x, wx), (y, wy)] = locate(&points[i as usize]);
                let mut sums = [0f32; 2];
                for (n, wy) in wy.iter().enumerate() {
                    let from = (y * NODES + n) * size + x * NODES;
                    for (m, wx) in wx.iter().enumerate() {
                        for (sum, field) in sums.iter_mut().zip(&fields) {
                            *sum += wx * wy * field[from + m];
                        }
                    }
                }
                forces.push(sums);
            }
            forces
        });
        for (r, forces) in taken.into_iter().enumerate() {
            of_row(r)
                .iter()
                .zip(forces)
                .for_each(|(&i, f)| out[i as usize] = f);
        }
        total - points.len() as f64
    }
}

/// Weights of the nodes at 1/8, 3/8, 5/8 and 7/8 of a box.
#[inline(always)]
fn lagrange(t: f32) -> [f32; NODES] {
    let [a, b, c, d] = [t - 0.125, t - 0.375, t - 0.625, t - 0.875];
    // 1 / the products of the differences of nodes.
    const OUTER: f32 = 64.0 / 6.0;
    const INNER: f32 = 32.0;
    [
        -OUTER * b * c * d,
        INNER * a * c * d,
        -INNER * a * b * d,
        OUTER * a * b * c,
    ]
}

/// The next number that has no prime factor above 5: Fourier transforms of it are quick.
fn smooth(mut n: usize) -> usize {
    loop {
        let mut rest = n;
        for factor in [2, 3, 5] {
            while rest.is_multiple_of(factor) {
                rest /= factor;
            }
        }
        if rest == 1 {
            return n;
        }
        n += 1;
    }
}

impl Plan {
    /// For `size` × `size` nodes, `spacing` apart.
    fn new(size: usize, spacing: f32) -> Plan {
        let (long, half) = (2 * size, size + 1);
        let (mut real, mut complex) = (RealFftPlanner::new(), FftPlanner::new());
        let mut plan = Plan {
            rows: real.plan_fft_forward(long),
            rows_back: real.plan_fft_inverse(long),
            columns: complex.plan_fft_forward(long),
            columns_back: complex.plan_fft_inverse(long),
            kernels: Default::default(),
        };
        // A transform forth and back multiplies by the number of nodes.
        let share = 1.0 / (long * long) as f32;
        let away = |u: usize| {
            let steps = if u <= size {
                u as f32
            } else {
                u as f32 - long as f32
            };
            steps * spacing
        };
        for which in 0..3 {
            let mut spectrum = vec![C::zero(); long * half];
            par::chunks(&mut spectrum, half, |y, out| {
                let mut row: Vec<f32> = (0..long)
                    .map(|x| {
                        let q = 1.0 / (1.0 + away(x) * away(x) + away(y) * away(y));
                        // What lies opposite is not used, and has no direction.
                        let along = |u: usize| if u == size { 0.0 } else { away(u) };
                        share * [q, q * q * along(x), q * q * along(y)][which]
                    })
                    .collect();
                // Lengths are the plan's own, so it cannot fail.
                let done = plan.rows.process(&mut row, out);
                debug_assert!(done.is_ok());
            });
            let columns = par::map(half, |c| {
                let mut column: Vec<C> = (0..long).map(|y| spectrum[y * half + c]).collect();
                plan.columns.process(&mut column);
                let value = |v: &C| if which == 0 { v.re } else { v.im };
                column.iter().map(value).collect::<Vec<f32>>()
            });
            plan.kernels[which] = columns.concat();
        }
        plan
    }

    /// The charge's own potential, summed over the charge, and the charge convolved with both forces.
    fn convolve(&self, charge: &[f32], size: usize) -> (f64, [Vec<f32>; 2]) {
        let (long, half) = (2 * size, size + 1);
        let mut spectrum = vec![C::zero(); size * half];
        par::chunks(&mut spectrum, half * 8, |b, out| {
            let mut row = vec![0.0; long];
            let mut scratch = self.rows.make_scratch_vec();
            for (out, charge) in out.chunks_mut(half).zip(charge[b * 8 * size..].chunks(size)) {
                row[..size].copy_from_slice(charge);
                row[size..].fill(0.0);
                let done = self.rows.process_with_scratch(&mut row, out, &mut scratch);
                debug_assert!(done.is_ok());
            }
        });
        // Columns of both forces, each `size` long; what lies beyond is not needed.
        let bands = par::map(half.div_ceil(COLUMNS), |b| {
            let columns = b * COLUMNS..half.min((b + 1) * COLUMNS);
            let wide = columns.len();
            let scratch = self
                .columns
                .get_inplace_scratch_len()
                .max(self.columns_back.get_inplace_scratch_len());
            let mut scratch = vec![C::zero(); scratch];
            let mut forth = vec![C::zero(); long * wide];
            for y in 0..size {
                let row = &spectrum[y * half + columns.start..][..wide];
                for (c, &v) in row.iter().enumerate() {
                    forth[c * long + y] = v;
                }
            }
            self.columns.process_with_scratch(&mut forth, &mut scratch);
            let kernel = |which: usize| &self.kernels[which][columns.start * long..][..long * wide];
            // Half of the columns stand for those that mirror them; the first and the last stand alone.
            let sums = forth.chunks(long).zip(kernel(0).chunks(long)).map(|(f, k)| {
                let terms = f.iter().zip(k).map(|(f, k)| f64::from(f.norm_sqr() * k));
                terms.sum::<f64>()
            });
            let total: f64 = columns
                .clone()
                .zip(sums)
                .map(|(c, sum)| if c == 0 || c == size { sum } else { 2.0 * sum })
                .sum();
            let mut back = vec![C::zero(); long * wide];
            let bands = [1, 2].map(|which| {
                for ((b, f), &k) in back.iter_mut().zip(&forth).zip(kernel(which)) {
                    *b = C::new(-f.im * k, f.re * k);
                }
                self.columns_back.process_with_scratch(&mut back, &mut scratch);
                // Rows × columns of the band again.
                let mut band = vec![C::zero(); size * wide];
                for (c, column) in back.chunks(long).enumerate() {
                    for (y, &v) in column[..size].iter().enumerate() {
                        band[y * wide + c] = v;
                    }
                }
                band
            });
            (total, bands)
        });
        let total = bands.iter().map(|(total, _)| total).sum();
        let fields = [0, 1].map(|which| {
            let mut field = vec![0f32; size * size];
            par::chunks(&mut field, size * 8, |b, out| {
                let mut scratch = self.rows_back.make_scratch_vec();
                let (mut row, mut real) = (vec![C::zero(); half], vec![0f32; long]);
                for (n, out) in out.chunks_mut(size).enumerate() {
                    let y = b * 8 + n;
                    for (row, (_, band)) in row.chunks_mut(COLUMNS).zip(&bands) {
                        let wide = row.len();
                        row.copy_from_slice(&band[which][y * wide..][..wide]);
                    }
                    // What rounding left there, a real signal does not have.
                    row[0].im = 0.0;
                    row[half - 1].im = 0.0;
                    let done = self
                        .rows_back
                        .process_with_scratch(&mut row, &mut real, &mut scratch);
                    debug_assert!(done.is_ok());
                    out.copy_from_slice(&real[..size]);
                }
            });
            field
        });
        (total, fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_grid_agrees_with_all_pairs() {
        let mut random = Random::new(&[8]);
        for scale in [1e-4, 1.0, 12.0, 40.0] {
            let points: Vec<f32> = (0..2 * 900).map(|_| (scale * random.normal()) as f32).collect();
            let (mut exact, mut found) = (vec![0.0; 1800], vec![0.0; 1800]);
            let total = super::super::exact::push::<2>(&points, &mut exact);
            let near = Grid::default().push(&points, &mut found);
            assert!((near - total).abs() < 1e-2 * total, "{scale}: {near} {total}");
            let norm: f32 = exact.iter().map(|v| v * v).sum();
            let error: f32 = exact.iter().zip(&found).map(|(a, b)| (a - b) * (a - b)).sum();
            // Three nodes a box of 1: the paper's error.
            assert!((error / norm).sqrt() < 2e-2, "{scale}: {}", (error / norm).sqrt());
        }
    }
}
