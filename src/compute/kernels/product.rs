//! Matrix products of any layout in memory.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use super::finish::Finish;
use super::job::{Grid, LEAST, Left, multiply};
use super::tile::Columns;
use crate::threads;

/// A matrix in memory.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Numbers; the first one belongs to row 0, column 0.
    pub values: &'a [f32],
    /// Rows and columns.
    pub size: [usize; 2],
    /// Elements from row to row and from column to column.
    pub strides: [usize; 2],
}

impl<'a> View<'a> {
    /// The matrix of the same layout that begins `offset` elements further on.
    pub fn from(self, offset: usize) -> Self {
        View {
            values: &self.values[offset.min(self.values.len())..],
            ..self
        }
    }

    /// Rows and columns exchanged.
    pub fn turned(self) -> Self {
        View {
            values: self.values,
            size: [self.size[1], self.size[0]],
            strides: [self.strides[1], self.strides[0]],
        }
    }

    /// Whether each row is one run of memory.
    fn even(&self) -> bool {
        self.strides[1] == 1 || self.size[1] == 1
    }

    /// The elements, row by row.
    fn copied(&self) -> Vec<f32> {
        let [rows, columns] = self.size;
        let mut out = vec![0f32; rows * columns];
        if self.even() {
            for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                out.copy_from_slice(&self.values[row * self.strides[0]..][..columns]);
            }
            return out;
        }
        // Blocks that stay in the cache, whichever way the source runs.
        const SIDE: usize = 16;
        for top in (0..rows).step_by(SIDE) {
            for left in (0..columns).step_by(SIDE) {
                for row in top..(top + SIDE).min(rows) {
                    let line = &mut out[row * columns..][left..(left + SIDE).min(columns)];
                    let from = &self.values[row * self.strides[0] + left * self.strides[1]..];
                    line.iter_mut()
                        .zip(from.iter().step_by(self.strides[1]))
                        .for_each(|(o, &v)| *o = v);
                }
            }
        }
        out
    }
}

/// `out = finish(a * b)`, row-major. The inner sizes must agree.
pub fn product(a: View, b: View, finish: &Finish, out: &mut [f32]) {
    let ([m, k], n) = (a.size, b.size[1]);
    if m == 0 || n == 0 {
        return;
    }
    if m == 1 && k > 0 && (b.even() || b.turned().even()) {
        return one_row(a, b, finish, out);
    }
    // Of a turned right factor the left one is turned instead, where that is less to copy.
    if !b.even() && b.turned().even() && m * (k + n) < k * n {
        let mut turned = vec![0f32; m * n];
        product(b.turned(), a.turned(), &Finish::default(), &mut turned);
        let turned = View {
            values: &turned,
            size: [n, m],
            strides: [m, 1],
        };
        let sums = turned.turned().copied();
        for (row, (out, sums)) in out.chunks_exact_mut(n).zip(sums.chunks_exact(n)).enumerate() {
            finish.put(row, 0, sums, out, n);
        }
        return;
    }
    let (whole, left) = match a.even() {
        true => (Vec::new(), Some(a.strides[0])),
        false => (a.copied(), None),
    };
    let left = Left {
        values: if left.is_some() { a.values } else { &whole },
        pitch: left.unwrap_or(k),
        count: m,
    };
    let (copied, pitch) = match b.even() {
        true => (Vec::new(), b.strides[0]),
        false => (b.copied(), n),
    };
    let rows: Vec<usize> = (0..k).map(|k| k * pitch).collect();
    let right = Columns {
        values: if b.even() { b.values } else { &copied },
        rows: &rows,
    };
    let finish = Finish {
        gathers: true,
        ..*finish
    };
    multiply(left, right, Grid::line(n), &finish, out);
}

/// Many products of one shape: item `i` of `out` is `product(a(i), b(i))`.
pub fn products<'a>(
    a: impl Fn(usize) -> View<'a> + Sync,
    b: impl Fn(usize) -> View<'a> + Sync,
    size: usize,
    out: &mut [f32],
) {
    let count = out.len() / size.max(1);
    let work = if count > 0 { size * a(0).size[1] } else { 0 };
    let one = |i: usize, out: &mut [f32]| product(a(i), b(i), &Finish::default(), out);
    if work * count < LEAST || count == 1 {
        let items = out.chunks_exact_mut(size.max(1)).enumerate();
        return items.for_each(|(i, out)| one(i, out));
    }
    threads::each(
        out.chunks_exact_mut(size.max(1)).enumerate().collect(),
        |(i, out)| one(i, out),
    );
}

/// One row times a matrix: its memory is read once, in order.
fn one_row(a: View, b: View, finish: &Finish, out: &mut [f32]) {
    let row = a.turned().copied();
    let pieces = match row.len() * out.len() < LEAST {
        true => 1,
        false => threads::cores() * 2,
    };
    let n = out.len();
    let size = n.div_ceil(pieces).next_multiple_of(16);
    let jobs = out.chunks_mut(size).enumerate().collect();
    threads::each(jobs, |(i, out): (usize, &mut [f32])| {
        let mut sums = vec![0f32; out.len()];
        Row {
            row: &row,
            matrix: b,
            first: i * size,
            sums: &mut sums,
        }
        .dispatch();
        finish.put(0, i * size, &sums, out, n);
    });
}

struct Row<'a> {
    row: &'a [f32],
    matrix: View<'a>,
    /// First column.
    first: usize,
    sums: &'a mut [f32],
}

impl SimdOp for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let [down, across] = self.matrix.strides;
        let width = self.sums.len();
        if self.matrix.even() {
            for (k, &a) in self.row.iter().enumerate() {
                let line = &self.matrix.values[k * down + self.first..][..width];
                self.sums.iter_mut().zip(line).for_each(|(s, &b)| *s += a * b);
            }
            return;
        }
        // Each column is a run of memory.
        let ops = isa.f32();
        let lanes = ops.len();
        for (n, sum) in self.sums.iter_mut().enumerate() {
            let line = &self.matrix.values[(self.first + n) * across..][..self.row.len()];
            let mut all = [ops.zero(); 4];
            let (mut a, mut b) = (self.row, line);
            while a.len() >= 4 * lanes {
                let (x, y) = (ops.load_many::<4>(a), ops.load_many::<4>(b));
                for i in 0..4 {
                    all[i] = ops.mul_add(x[i], y[i], all[i]);
                }
                (a, b) = (&a[4 * lanes..], &b[4 * lanes..]);
            }
            let [p, q, r, s] = all;
            let rest: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            *sum = ops.sum(ops.add(ops.add(p, q), ops.add(r, s))) + rest;
        }
    }
}
