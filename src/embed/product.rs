//! Products of blocks of rows, and distances of two rows.

use nalgebra::{DMatrixView, DMatrixViewMut, Dyn};
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

/// Below this, nalgebra's product takes another path, which reads outside of views by rows (0.35): ours is
/// taken instead.
const SMALL: usize = 5;

/// `out[b][a] = left[a] · right[b]`: rows of `width` values in; one row of `left`'s count for each row of
/// `right` out. `out` must have room for just that.
pub fn dots(left: &[f32], right: &[f32], width: usize, out: &mut [f32]) {
    let (m, n) = (left.len() / width, right.len() / width);
    if m == 0 || n == 0 {
        return;
    }
    if m.min(n).min(width) <= SMALL {
        for (out, b) in out.chunks_mut(m).zip(right.chunks(width)) {
            for (out, a) in out.iter_mut().zip(left.chunks(width)) {
                *out = a.iter().zip(b).map(|(a, b)| a * b).sum();
            }
        }
        return;
    }
    // A table by rows is a matrix by columns, transposed.
    let a = DMatrixView::from_slice_with_strides_generic(left, Dyn(m), Dyn(width), Dyn(width), Dyn(1));
    let b = DMatrixView::from_slice(right, width, n);
    DMatrixViewMut::from_slice(out, m, n).gemm(1.0, &a, &b, 0.0);
}

/// `out[a][b] += Σ_row left[row][a] right[row][b]`: the product of the transposed `left` with `right`.
pub fn outer(left: &[f32], right: &[f32], [a, b]: [usize; 2], out: &mut [f32]) {
    let rows = left.len() / a;
    if rows == 0 {
        return;
    }
    if rows.min(a).min(b) <= SMALL {
        for (left, right) in left.chunks(a).zip(right.chunks(b)) {
            for (out, l) in out.chunks_mut(b).zip(left) {
                out.iter_mut().zip(right).for_each(|(o, r)| *o += l * r);
            }
        }
        return;
    }
    let r = DMatrixView::from_slice(right, b, rows);
    let l = DMatrixView::from_slice_with_strides_generic(left, Dyn(rows), Dyn(a), Dyn(a), Dyn(1));
    DMatrixViewMut::from_slice(out, b, a).gemm(1.0, &r, &l, 1.0);
}

/// Sum of squared differences of two rows of one length.
#[inline]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    SquaredDistances {
        from: a,
        to: b,
        indices: &[0],
        out: &mut [0.0],
    }
    .dispatch()
}

/// Squared distances of one row to some rows of a table.
pub struct SquaredDistances<'a> {
    /// The row.
    pub from: &'a [f32],
    /// The table, with the width of the row.
    pub to: &'a [f32],
    /// Which of its rows.
    pub indices: &'a [u32],
    /// One for each.
    pub out: &'a mut [f32],
}

impl SimdOp for SquaredDistances<'_> {
    /// The last of them.
    type Output = f32;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> f32 {
        let (ops, width) = (isa.f32(), self.from.len());
        let (step, mut last) = (ops.len(), 0.0);
        for (&index, out) in self.indices.iter().zip(self.out) {
            let (mut a, mut b) = (self.from, &self.to[index as usize * width..][..width]);
            let mut sums = [ops.zero(); 4];
            while a.len() >= 4 * step && b.len() >= 4 * step {
                let (x, y) = (ops.load_many::<4>(a), ops.load_many::<4>(b));
                for k in 0..4 {
                    let d = ops.sub(x[k], y[k]);
                    sums[k] = ops.mul_add(d, d, sums[k]);
                }
                (a, b) = (&a[4 * step..], &b[4 * step..]);
            }
            let pairs = ops.add(ops.add(sums[0], sums[1]), ops.add(sums[2], sums[3]));
            let rest: f32 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
            last = ops.sum(pairs) + rest;
            *out = last;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn products_are_sums() {
        let mut random = Random::new(&[1]);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| random.normal() as f32).collect() };
        for width in [1, 3, 17, 130] {
            let (l, r) = (draw(9 * width), draw(7 * width));
            let mut out = vec![0.0; 63];
            dots(&l, &r, width, &mut out);
            for i in 0..9 {
                for j in 0..7 {
                    let (a, b) = (&l[i * width..][..width], &r[j * width..][..width]);
                    let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    assert!((out[j * 9 + i] - dot).abs() < 1e-4);
                    let apart: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                    assert!((squared_distance(a, b) - apart).abs() < 1e-4 * (1.0 + apart));
                }
            }
            let mut crossed = vec![0.0; width * 2];
            let two = draw(9 * 2);
            outer(&l, &two, [width, 2], &mut crossed);
            let expected: f32 = (0..9).map(|row| l[row * width] * two[row * 2 + 1]).sum();
            assert!((crossed[1] - expected).abs() < 1e-4);
        }
    }
}
