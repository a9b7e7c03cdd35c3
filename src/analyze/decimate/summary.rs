//! What the points of a range draw.

use std::ops::Range;

use super::{Curve, Decimated};

const PLUS: u8 = 1;
const MINUS: u8 = 2;
const NAN: u8 = 4;
const NONE: u32 = u32::MAX;

/// Description of neighbouring points; indices are those of the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    min: f64,
    max: f64,
    /// First and last finite value, [`NONE`] without one.
    first: u32,
    last: u32,
    /// Where `min` and `max` stand.
    lowest: u32,
    highest: u32,
    /// What is not finite.
    odd: u8,
}

impl Summary {
    pub(super) const EMPTY: Summary = Summary {
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        first: NONE,
        last: NONE,
        lowest: NONE,
        highest: NONE,
        odd: 0,
    };

    /// Adds the point that follows.
    pub(super) fn add(&mut self, i: usize, y: f64) {
        if !y.is_finite() {
            self.odd |= match y {
                f64::INFINITY => PLUS,
                f64::NEG_INFINITY => MINUS,
                _ => NAN,
            };
            return;
        }
        let i = i as u32;
        if self.first == NONE {
            self.first = i;
        }
        self.last = i;
        if y < self.min {
            (self.min, self.lowest) = (y, i);
        }
        if y > self.max {
            (self.max, self.highest) = (y, i);
        }
    }

    /// Adds the points of the range that follows.
    pub(super) fn join(&mut self, next: &Summary) {
        self.odd |= next.odd;
        if next.first == NONE {
            return;
        }
        if self.first == NONE {
            self.first = next.first;
        }
        self.last = next.last;
        if next.min < self.min {
            (self.min, self.lowest) = (next.min, next.lowest);
        }
        if next.max > self.max {
            (self.max, self.highest) = (next.max, next.highest);
        }
    }

    pub(super) fn of(curve: &impl Curve, at: Range<usize>) -> Summary {
        let mut summary = Summary::EMPTY;
        at.for_each(|i| summary.add(i, curve.y(i)));
        summary
    }

    /// As [`Summary::of`], several values at a time.
    pub(super) fn of_slice(ys: &[f64], at: Range<usize>) -> Summary {
        const LANES: usize = 8;
        let values = &ys[at.clone()];
        let (mut min, mut max) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        let mut odd = [0.0; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        if values.len() < 4 * LANES {
            return Summary::of(&(ys, ys), at);
        }
        for chunk in chunks {
            for k in 0..LANES {
                let v = chunk[k];
                min[k] = if v < min[k] { v } else { min[k] };
                max[k] = if v > max[k] { v } else { max[k] };
                // NaN from here on, if v is not finite.
                odd[k] += v * 0.0;
            }
        }
        if odd.iter().any(|v| v.is_nan()) || rest.iter().any(|v| !v.is_finite()) {
            return Summary::of(&(ys, ys), at);
        }
        let all = min.iter().chain(rest);
        let min = all.fold(f64::INFINITY, |a, &b| if b < a { b } else { a });
        let all = max.iter().chain(rest);
        let max = all.fold(f64::NEG_INFINITY, |a, &b| if b > a { b } else { a });
        let find = |y: f64| at.start + values.iter().position(|&v| v == y).unwrap_or(0);
        Summary {
            min,
            max,
            first: at.start as u32,
            last: (at.end - 1) as u32,
            lowest: find(min) as u32,
            highest: find(max) as u32,
            odd: 0,
        }
    }

    /// First, lowest, highest and last point; `None` without a finite value.
    pub(super) fn chosen(&self) -> Option<[usize; 4]> {
        let four = [self.first, self.lowest, self.highest, self.last];
        (self.first != NONE).then(|| four.map(|i| i as usize))
    }

    /// Marks what is not finite at `x`.
    pub(super) fn mark(&self, out: &mut Decimated, x: f64) {
        let lists = [
            (PLUS, &mut out.above),
            (MINUS, &mut out.below),
            (NAN, &mut out.nan),
        ];
        for (what, list) in lists {
            if self.odd & what != 0 {
                list.push(x);
            }
        }
    }
}
