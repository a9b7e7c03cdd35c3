//! A product cut into jobs for all cores: blocks of rows times bands of columns, each finished
//! while it is in the cache.

use std::ops::Range;

use rten_simd::ops::BitOps;
use rten_simd::{Isa, SimdOp};

use super::finish::Finish;
use super::tile::{Columns, ROWS, Sums, VECTORS, WIDEST, tile};
use crate::threads;

/// Elements of the left factor that a job goes through again and again.
const NEAR: usize = 1 << 17;

/// Multiplications that are worth a core.
pub const LEAST: usize = 1 << 18;

/// The left factor: `count` rows of `right.rows.len()` elements, each `pitch` after the one before.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    /// Numbers.
    pub values: &'a [f32],
    /// Elements from row to row.
    pub pitch: usize,
    /// Rows.
    pub count: usize,
}

/// Where the columns of the result stand: `lines` runs of `length`, which begin `pitch` columns
/// after each other in the right factor and without gaps in the result.
#[derive(Clone, Copy)]
pub struct Grid {
    /// Runs.
    pub lines: usize,
    /// Columns that are kept of each.
    pub length: usize,
    /// Columns from run to run.
    pub pitch: usize,
}

impl Grid {
    /// One run of columns.
    pub fn line(length: usize) -> Self {
        Grid {
            lines: 1,
            length,
            pitch: length,
        }
    }

    fn kept(&self) -> usize {
        self.lines * self.length
    }

    /// Columns that are kept before column `at`, which begins a line or stands in the only one.
    fn before(&self, at: usize) -> usize {
        match self.lines {
            1 => at,
            _ => at / self.pitch * self.length,
        }
    }

    /// What is kept of the `count` columns from `at` on, in runs: where each begins among them and
    /// in the row of the result, and how long it is.
    #[inline(always)]
    pub fn runs(self, at: usize, count: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            while done < count {
                let from = done;
                if self.lines == 1 {
                    done = count;
                    return Some((0, at, count));
                }
                let (line, column) = ((at + done) / self.pitch, (at + done) % self.pitch);
                let run = (count - done).min(self.pitch - column);
                done += run;
                let kept = run.min(self.length.saturating_sub(column));
                if kept > 0 {
                    return Some((from, line * self.length + column, kept));
                }
            }
            None
        })
    }
}

/// `out[m] = finish(left[m] * right)`, `out` with one row of `grid.kept()` elements for each of the
/// left factor's.
pub fn multiply(left: Left, right: Columns, grid: Grid, finish: &Finish, out: &mut [f32]) {
    let (depth, kept) = (right.rows.len(), grid.kept());
    if left.count == 0 || kept == 0 {
        return;
    }
    let work = left.count * kept * depth.max(1);
    let cores = threads::cores().min(work.div_ceil(LEAST)).max(1);
    let blocks = left.count.div_ceil(ROWS);
    let near = (NEAR / (ROWS * depth.max(1))).max(1);
    // Bands of columns, where there are too few blocks of rows to go round.
    let groups = blocks.div_ceil(near.min(blocks.div_ceil(cores)));
    let bands = if groups >= cores {
        1
    } else {
        cores.div_ceil(groups) * 2
    };
    let bands = cut(&grid, bands);
    let rows = blocks.div_ceil(groups) * ROWS;
    let mut jobs: Vec<Job> = Vec::new();
    for (group, out) in out.chunks_mut(rows * kept).enumerate() {
        let count = out.len() / kept;
        let first = jobs.len();
        jobs.extend(bands.iter().map(|band| Job {
            first: group * rows,
            left,
            right,
            grid,
            band: band.clone(),
            finish,
            out: Vec::with_capacity(count),
        }));
        for mut row in out.chunks_mut(kept) {
            for (i, band) in bands.iter().enumerate() {
                let (piece, rest) = row.split_at_mut(grid.kept_of(band));
                jobs[first + i].out.push(piece);
                row = rest;
            }
        }
    }
    threads::each(jobs, |job| job.dispatch());
}

/// Bands of columns: whole lines, or parts of the only one.
fn cut(grid: &Grid, bands: usize) -> Vec<Range<usize>> {
    let (size, unit) = match grid.lines {
        1 => (grid.length, WIDEST),
        lines => (lines, 1),
    };
    let step = size.div_ceil(bands).next_multiple_of(unit).max(1);
    let bounds = (0..size).step_by(step);
    match grid.lines {
        1 => bounds.map(|b| b..(b + step).min(size)).collect(),
        _ => {
            let to = |b: usize| (b + step).min(size);
            let end = |b| (to(b) - 1) * grid.pitch + grid.length;
            bounds.map(|b| b * grid.pitch..end(b)).collect()
        }
    }
}

impl Grid {
    /// Columns that are kept of a band that [`cut`] made.
    fn kept_of(&self, band: &Range<usize>) -> usize {
        match self.lines {
            1 => band.len(),
            _ => (band.len() - self.length) / self.pitch * self.length + self.length,
        }
    }
}

struct Job<'a> {
    /// First row of the left factor.
    first: usize,
    left: Left<'a>,
    right: Columns<'a>,
    grid: Grid,
    /// Columns of the right factor.
    band: Range<usize>,
    finish: &'a Finish<'a>,
    /// For each row what the band keeps of it.
    out: Vec<&'a mut [f32]>,
}

impl SimdOp for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        let lanes = isa.f32().len();
        let depth = self.right.rows.len();
        let last = self.right.rows.iter().copied().max().unwrap_or(0);
        let mut sums: Sums = [[0.0; WIDEST]; ROWS];
        let mut panel = Vec::new();
        let places: Vec<usize> = (0..depth).map(|k| k * WIDEST).collect();
        // Rows far apart are gathered, where more than one block of rows reads them.
        let gather = self.out.len() > ROWS && self.finish.gathers;
        let mut at = self.band.start;
        while at < self.band.end {
            let width = (VECTORS * lanes).min(self.band.end - at);
            let room = last + at + width.next_multiple_of(lanes) <= self.right.values.len();
            let (right, from) = if gather || !room {
                panel.resize(depth * WIDEST, 0.0);
                for (line, row) in panel.chunks_exact_mut(WIDEST).zip(self.right.rows) {
                    line[..width].copy_from_slice(&self.right.values[row + at..][..width]);
                }
                let values = &panel[..];
                (
                    Columns {
                        values,
                        rows: &places,
                    },
                    0,
                )
            } else {
                (self.right, at)
            };
            for block in (0..self.out.len()).step_by(ROWS) {
                let count = ROWS.min(self.out.len() - block);
                let mut left: [&[f32]; ROWS] = [&[]; ROWS];
                for (m, row) in left[..count].iter_mut().enumerate() {
                    *row = &self.left.values[(self.first + block + m) * self.left.pitch..][..depth];
                }
                tile(isa, &left[..count], right, from, width, &mut sums);
                for (m, sums) in sums[..count].iter().enumerate() {
                    self.place(block + m, at, &sums[..width]);
                }
            }
            at += width;
        }
    }
}

impl Job<'_> {
    /// Finishes columns `at..` of row `row` and puts those that are kept in their place.
    #[inline(always)]
    fn place(&mut self, row: usize, at: usize, sums: &[f32]) {
        let (grid, before) = (self.grid, self.grid.before(self.band.start));
        for (from, to, count) in grid.runs(at, sums.len()) {
            let out = &mut self.out[row][to - before..][..count];
            let sums = &sums[from..][..count];
            self.finish.put(self.first + row, to, sums, out, grid.kept());
        }
    }
}
