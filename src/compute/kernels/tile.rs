//! The innermost loop of products and convolutions: a few rows of the left factor times a few
//! vectors of columns of the right one, sums in registers.
//!
//! After BLIS (Van Zee and van de Geijn 2015), with one difference: a row of the right factor is a
//! place in memory, so that a picture is convolved without copying its windows (in the spirit of
//! indirect convolution: Dukhan 2019).

use rten_simd::Isa;
use rten_simd::ops::{BitOps, NumOps};

/// Rows of a block.
pub const ROWS: usize = 8;
/// Vectors across a tile.
pub const VECTORS: usize = 3;
/// Most columns of a tile, whatever the length of a vector.
pub const WIDEST: usize = VECTORS * 16;

/// The sums of one tile, row by row.
pub type Sums = [[f32; WIDEST]; ROWS];

/// The right factor: row `k` begins at `rows[k]` of `values`.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    /// Numbers.
    pub values: &'a [f32],
    /// First element of each row.
    pub rows: &'a [usize],
}

/// `sums[m][p] = sum over k of left[m][k] * right[k][at + p]` for up to [`ROWS`] rows, all of one
/// length, and `width` columns, at most [`VECTORS`] vectors. Whole vectors are read, which `right`
/// must have room for.
#[inline(always)]
pub fn tile<I: Isa>(isa: I, left: &[&[f32]], right: Columns, at: usize, width: usize, sums: &mut Sums) {
    let vectors = width.div_ceil(isa.f32().len());
    let mut first = 0;
    // Half as many registers where vectors are shorter.
    let most = if isa.f32().len() >= 16 { ROWS } else { ROWS / 2 };
    while first < left.len() {
        let rows = (left.len() - first).min(most);
        let (left, sums) = (&left[first..], &mut sums[first..]);
        first += match (rows, vectors) {
            (8, 3) => some::<I, 8, 3>(isa, left, right, at, sums),
            (8, 2) => some::<I, 8, 2>(isa, left, right, at, sums),
            (8, _) => some::<I, 8, 1>(isa, left, right, at, sums),
            (4.., 3) => some::<I, 4, 3>(isa, left, right, at, sums),
            (4.., 2) => some::<I, 4, 2>(isa, left, right, at, sums),
            (4.., _) => some::<I, 4, 1>(isa, left, right, at, sums),
            (2.., 3) => some::<I, 2, 3>(isa, left, right, at, sums),
            (2.., 2) => some::<I, 2, 2>(isa, left, right, at, sums),
            (2.., _) => some::<I, 2, 1>(isa, left, right, at, sums),
            (_, 3) => some::<I, 1, 3>(isa, left, right, at, sums),
            (_, 2) => some::<I, 1, 2>(isa, left, right, at, sums),
            _ => some::<I, 1, 1>(isa, left, right, at, sums),
        };
    }
}

#[inline(always)]
fn some<I: Isa, const M: usize, const V: usize>(
    isa: I,
    left: &[&[f32]],
    right: Columns,
    at: usize,
    sums: &mut [[f32; WIDEST]],
) -> usize {
    let ops = isa.f32();
    let lanes = ops.len();
    let left: [&[f32]; M] = std::array::from_fn(|m| &left[m][..right.rows.len()]);
    let mut all = [[ops.zero(); V]; M];
    for (k, row) in right.rows.iter().enumerate() {
        let b = ops.load_many::<V>(&right.values[row + at..]);
        for m in 0..M {
            let a = ops.splat(left[m][k]);
            for v in 0..V {
                all[m][v] = ops.mul_add(a, b[v], all[m][v]);
            }
        }
    }
    for m in 0..M {
        for v in 0..V {
            ops.store(all[m][v], &mut sums[m][v * lanes..]);
        }
    }
    M
}
