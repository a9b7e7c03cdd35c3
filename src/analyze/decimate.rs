//! The points of a long curve that make its picture: what the first, the last, the lowest and the
//! highest point of every pixel column draw is what all points would draw (M4: Jugel, Jerzak,
//! Hackenbroich and Markl, "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014).

use std::ops::Range;

mod levels;
mod summary;

pub use levels::Levels;
use summary::Summary;

/// A curve: `x` never falls and is finite, `y` may be anything.
///
/// Two slices of equal length are one; a curve that is stored in pieces can be one without a copy.
pub trait Curve {
    /// Number of points.
    fn len(&self) -> usize;
    /// Place of a point along the axis, `i` below `len`.
    fn x(&self, i: usize) -> f64;
    /// Value of a point, `i` below `len`.
    fn y(&self, i: usize) -> f64;
    /// True without points.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// `(xs, ys)`; what one of them has more is left out.
impl Curve for (&[f64], &[f64]) {
    fn len(&self) -> usize {
        self.0.len().min(self.1.len())
    }
    fn x(&self, i: usize) -> f64 {
        self.0[i]
    }
    fn y(&self, i: usize) -> f64 {
        self.1[i]
    }
}

/// What is seen of a curve, and how wide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Left end of the visible axis.
    pub left: f64,
    /// Right end of the visible axis.
    pub right: f64,
    /// Width in pixels; 1 to 65,536.
    pub pixels: usize,
}

/// The points to draw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decimated {
    /// Points `[x, y]` from left to right, all finite. The neighbours just outside the window are
    /// among them, so that lines reach its edges.
    pub points: Vec<[f64; 2]>,
    /// Indices into `points` at which the line begins anew, because values that are not finite
    /// stand before them.
    pub breaks: Vec<usize>,
    /// Where the curve is plus infinity, one mark a pixel at most.
    pub above: Vec<f64>,
    /// Where the curve is minus infinity, one mark a pixel at most.
    pub below: Vec<f64>,
    /// Where the curve is NaN, one mark a pixel at most.
    pub nan: Vec<f64>,
    last: Option<usize>,
}

impl Decimated {
    /// The unbroken lines; one point alone is a dot.
    pub fn lines(&self) -> impl Iterator<Item = &[[f64; 2]]> {
        let starts = std::iter::once(0).chain(self.breaks.iter().copied());
        let ends = self.breaks.iter().copied().chain([self.points.len()]);
        starts
            .zip(ends)
            .map(|(a, b)| &self.points[a..b])
            .filter(|l| !l.is_empty())
    }

    /// Adds point `i`; `joined` says that what lies between it and the last one is finite.
    fn push(&mut self, curve: &impl Curve, i: usize, joined: bool) {
        if self.last == Some(i) {
            return;
        }
        if self.last.is_some() && !joined {
            self.breaks.push(self.points.len());
        }
        self.last = Some(i);
        self.points.push([curve.x(i), curve.y(i)]);
    }

    fn add(&mut self, curve: &impl Curve, at: Range<usize>, summary: &Summary) {
        summary.mark(self, curve.x(at.start));
        if at.len() <= 4 {
            // So few are drawn as they are, with each gap between them.
            for i in at.filter(|&i| curve.y(i).is_finite()) {
                let joined = self.last.is_some_and(|last| last + 1 == i);
                self.push(curve, i, joined);
            }
        } else if let Some(mut chosen) = summary.chosen() {
            // Everything between two columns is finite where their points are neighbours.
            let joined = self.last.is_some_and(|last| last + 1 == chosen[0]);
            self.push(curve, chosen[0], joined);
            chosen.sort_unstable();
            chosen[1..].iter().for_each(|&i| self.push(curve, i, true));
        }
    }
}

/// The points of `curve` that draw what is seen of it in `window`: at most four a pixel column
/// (first, lowest, highest and last), in order.
///
/// All columns' extremes are exact. Gaps (values that are not finite) between columns, and in
/// columns of up to four points, break the line; narrower ones could not be seen. Where NaN and
/// infinities stand is told apart from the line. Empty where the window is empty or not finite.
/// Reads every visible point once: for curves that do not change between frames, see [`Levels`].
pub fn decimate(curve: &(&[f64], &[f64]), window: &Window) -> Decimated {
    let ys = &curve.1[..curve.len()];
    columns(curve, window, |at| Summary::of_slice(ys, at))
}

/// Walks over the pixel columns that hold points; `summarise` describes the points of one.
fn columns<C: Curve>(
    curve: &C,
    window: &Window,
    mut summarise: impl FnMut(Range<usize>) -> Summary,
) -> Decimated {
    let mut out = Decimated::default();
    let Window { left, right, pixels } = *window;
    let span = right - left;
    if curve.is_empty() || span.is_nan() || span <= 0.0 || span.is_infinite() {
        return out;
    }
    let pixels = pixels.clamp(1, 1 << 16);
    let first = search(0, curve.len(), 0, |i| curve.x(i) < left);
    let end = search(first, curve.len(), first, |i| curve.x(i) <= right);
    if let Some(before) = first.checked_sub(1).filter(|&i| curve.y(i).is_finite()) {
        out.push(curve, before, true);
    }
    let (mut start, mut step) = (first, (end - first) / pixels);
    while start < end {
        let place = (curve.x(start) - left) / span * pixels as f64;
        let column = (place as usize).min(pixels - 1);
        let edge = match column + 1 < pixels {
            true => left + span * ((column + 1) as f64 / pixels as f64),
            false => f64::INFINITY,
        };
        // Columns hold about as many points as the one before.
        let guess = start.saturating_add(step).min(end);
        let next = search(start + 1, end, guess, |i| curve.x(i) < edge);
        out.add(curve, start..next, &summarise(start..next));
        step = next - start;
        start = next;
    }
    if end < curve.len() && curve.y(end).is_finite() {
        let joined = out.last.is_some_and(|last| last + 1 == end);
        out.push(curve, end, joined);
    }
    out
}

/// First index from `low` to `high` for which `before` is false, looked for in growing steps from
/// `guess`, because far jumps in a long array cost the most.
fn search(low: usize, high: usize, guess: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (low, high.max(low));
    let guess = guess.clamp(low, high);
    let mut step = 1;
    if guess < high && before(guess) {
        low = guess + 1;
        while low + step < high && before(low + step) {
            low += step + 1;
            step *= 4;
        }
        high = high.min(low + step);
    } else {
        high = guess;
        while high >= low + step && !before(high - step) {
            high -= step;
            step *= 4;
        }
        low = low.max((high + 1).saturating_sub(step));
    }
    while low < high {
        let middle = low + (high - low) / 2;
        match before(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}
