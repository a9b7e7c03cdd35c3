//! Products of blocks of rows, and distances of two rows.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};
use rten_tensor::NdTensorView;

/// `out[b][a] = left[a] · right[b]`: rows of `width` values in; one row of `left`'s count for each row of
/// `right` out. `out` must have room for just that.
pub fn dots(left: &[f32], right: &[f32], width: usize, out: &mut [f32]) {
    let (m, n) = (left.len() / width, right.len() / width);
    if m == 0 || n == 0 {
        return;
    }
    let a = NdTensorView::from_data([n, width], right);
    let b = NdTensorView::from_data([m, width], left);
    product(a, GemmInputB::Unpacked(b.transposed()), 0.0, out);
}

/// `out[a][b] += Σ_row left[row][a] right[row][b]`: the product of the transposed `left` with `right`.
pub fn outer(left: &[f32], right: &[f32], [a, b]: [usize; 2], out: &mut [f32]) {
    let rows = left.len() / a;
    if rows == 0 {
        return;
    }
    let l = NdTensorView::from_data([rows, a], left);
    let r = NdTensorView::from_data([rows, b], right);
    product(l.transposed(), GemmInputB::Unpacked(r), 1.0, out);
}

/// Rows that many others are multiplied with, as the product reads them.
pub struct Packed {
    /// `None` of no rows.
    rows: Option<PackedBMatrix<f32>>,
    width: usize,
}

impl Packed {
    pub fn new(rows: &[f32], width: usize) -> Self {
        let view = NdTensorView::from_data([rows.len() / width, width], rows);
        let pack = || GemmExecutor::<f32>::default().prepack_b(view.transposed());
        Packed {
            rows: (!rows.is_empty()).then(pack),
            width,
        }
    }

    /// As [`dots`], with these rows for `left`.
    pub fn dots(&self, right: &[f32], out: &mut [f32]) {
        let a = NdTensorView::from_data([right.len() / self.width, self.width], right);
        if let Some(rows) = self.rows.as_ref().filter(|_| !right.is_empty()) {
            product(a, GemmInputB::Packed(rows), 0.0, out);
        }
    }
}

/// `out = a b + before out`.
fn product(a: NdTensorView<'_, f32, 2>, b: GemmInputB<'_, f32>, before: f32, out: &mut [f32]) {
    let options = GemmOptions {
        beta: before,
        ..GemmOptions::default()
    };
    let gemm = GemmExecutor::<f32>::default();
    let done = gemm.gemm(out, GemmInputA::Unpacked(a), b, options);
    // Sizes are those of the rows given, so it cannot fail.
    debug_assert!(done.is_ok(), "{done:?}");
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
    fn nothing_times_something_is_nothing() {
        let rows = [1.0; 12];
        let mut out = [7.0; 4];
        Packed::new(&[], 3).dots(&rows, &mut []);
        Packed::new(&rows, 3).dots(&[], &mut []);
        dots(&[], &rows, 3, &mut []);
        dots(&rows, &[], 3, &mut []);
        outer(&[], &[], [2, 2], &mut out);
        assert_eq!(out, [7.0; 4]);
        Packed::new(&rows, 3).dots(&rows[..3], &mut out);
        assert_eq!(out, [3.0; 4]);
    }

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
