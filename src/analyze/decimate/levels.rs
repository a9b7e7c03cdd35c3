//! Summaries of ever larger blocks, so that a frame reads few points of a long curve.

use std::ops::Range;

use super::{Curve, Decimated, Summary, Window, columns};

/// Points of a block of the first level.
const BLOCK: usize = 32;
/// Blocks of a level that make one of the next.
const FOLD: usize = 16;

/// A pyramid over a curve of up to 2^32 - 1 points, about 1.4 bytes a point.
///
/// Built once; [`Levels::extend`] takes in what a growing curve has more, at a cost of the new
/// points alone. A curve must not change where it has been taken in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels {
    /// Full blocks of 32 points, of 512, of 8,192, ...
    levels: Vec<Vec<Summary>>,
}

impl Levels {
    /// The pyramid of a curve.
    pub fn new(curve: &impl Curve) -> Levels {
        let mut levels = Levels::default();
        levels.extend(curve);
        levels
    }

    /// Takes in the points that came since; `curve` is the same curve, longer. A curve that is
    /// shorter than what was taken in is taken in anew.
    pub fn extend(&mut self, curve: &impl Curve) {
        let blocks = curve.len().min(u32::MAX as usize) / BLOCK;
        let have = self.levels.first().map_or(0, Vec::len);
        if blocks < have {
            self.levels.clear();
        }
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        for block in self.levels[0].len()..blocks {
            let summary = Summary::of(curve, block * BLOCK..(block + 1) * BLOCK);
            self.levels[0].push(summary);
        }
        let mut below = 0;
        while self.levels[below].len() >= FOLD {
            if below + 1 == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let (lower, upper) = self.levels.split_at_mut(below + 1);
            let (lower, upper) = (&lower[below], &mut upper[0]);
            for chunk in lower.chunks_exact(FOLD).skip(upper.len()) {
                let mut summary = Summary::EMPTY;
                chunk.iter().for_each(|s| summary.join(s));
                upper.push(summary);
            }
            below += 1;
        }
    }

    /// As [`decimate`](super::decimate), of the same curve (its tail may be longer than what was
    /// taken in); reads only blocks and the points at the edges of columns.
    pub fn decimate(&self, curve: &impl Curve, window: &Window) -> Decimated {
        columns(curve, window, |at| {
            let mut summary = Summary::EMPTY;
            self.join(curve, at, self.levels.len(), &mut summary);
            summary
        })
    }

    /// Joins the points of `at`: the full blocks of the level below `level`, and at both ends what
    /// lower levels have.
    fn join(&self, curve: &impl Curve, at: Range<usize>, level: usize, summary: &mut Summary) {
        if at.is_empty() {
            return;
        }
        let Some(lower) = level.checked_sub(1) else {
            at.for_each(|i| summary.add(i, curve.y(i)));
            return;
        };
        let size = BLOCK * FOLD.pow(lower as u32);
        let blocks = &self.levels[lower];
        let (first, end) = (at.start.div_ceil(size), (at.end / size).min(blocks.len()));
        if first >= end {
            return self.join(curve, at, lower, summary);
        }
        self.join(curve, at.start..first * size, lower, summary);
        blocks[first..end].iter().for_each(|b| summary.join(b));
        self.join(curve, end * size..at.end, lower, summary);
    }
}
