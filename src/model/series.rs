//! One number over the steps of a run, append-only, and cheap to copy while it grows.

use std::sync::Arc;

/// Points of a chunk. What is appended copies one chunk at most, however long the series is.
pub const CHUNK: usize = 4096;

/// A recorded number.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    /// Step of the training, as recorded; it falls where a run began again.
    pub step: i64,
    /// Seconds since 1970, as recorded; NaN where the file says nothing.
    pub wall: f64,
    /// The number; may be NaN or infinite.
    pub value: f64,
}

/// Up to [`CHUNK`] points, column by column.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    steps: Vec<i64>,
    walls: Vec<f64>,
    values: Vec<f64>,
    low: f64,
    high: f64,
    finite: usize,
}

impl Chunk {
    /// Step of each point.
    pub fn steps(&self) -> &[i64] {
        &self.steps
    }

    /// Seconds since 1970 of each point.
    pub fn walls(&self) -> &[f64] {
        &self.walls
    }

    /// The numbers.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Smallest and largest finite number; `None` where no number is finite.
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.finite > 0).then_some((self.low, self.high))
    }

    /// Numbers that are neither NaN nor infinite.
    pub fn finite(&self) -> usize {
        self.finite
    }

    fn point(&self, i: usize) -> Point {
        Point {
            step: self.steps[i],
            wall: self.walls[i],
            value: self.values[i],
        }
    }

    fn append(&mut self, points: &[Point]) {
        self.steps.extend(points.iter().map(|p| p.step));
        self.walls.extend(points.iter().map(|p| p.wall));
        self.values.extend(points.iter().map(|p| p.value));
        let none = (f64::INFINITY, f64::NEG_INFINITY, 0);
        let (low, high, finite) = points
            .iter()
            .filter(|p| p.value.is_finite())
            .fold(none, |(low, high, n), p| {
                (low.min(p.value), high.max(p.value), n + 1)
            });
        if finite > 0 {
            (self.low, self.high) = match self.finite {
                0 => (low, high),
                _ => (self.low.min(low), self.high.max(high)),
            };
            self.finite += finite;
        }
    }

    fn push(&mut self, p: Point) {
        if self.steps.capacity() == 0 {
            // A thousand runs of a hundred points each must not hold chunks of 4,096.
            for column in [&mut self.walls, &mut self.values] {
                column.reserve(16);
            }
            self.steps.reserve(16);
        }
        self.steps.push(p.step);
        self.walls.push(p.wall);
        self.values.push(p.value);
        if p.value.is_finite() {
            (self.low, self.high) = match self.finite {
                0 => (p.value, p.value),
                _ => (self.low.min(p.value), self.high.max(p.value)),
            };
            self.finite += 1;
        }
    }
}

/// Points in the order in which they were recorded. A clone shares all chunks.
#[derive(Clone, Debug, Default)]
pub struct Series {
    chunks: Vec<Arc<Chunk>>,
    len: usize,
    /// Indices at which the step did not grow: the run began again there.
    restarts: Arc<Vec<usize>>,
    last: Option<Point>,
}

impl Series {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The point recorded last.
    pub fn last(&self) -> Option<Point> {
        self.last
    }

    /// Point `i` in order of recording.
    pub fn get(&self, i: usize) -> Option<Point> {
        (i < self.len).then(|| self.chunks[i / CHUNK].point(i % CHUNK))
    }

    /// The latest point up to `step`, of what is not superseded.
    pub fn at(&self, step: i64) -> Option<Point> {
        let mut end = self.len;
        for start in self.restarts.iter().rev().copied().chain([0]) {
            // Within a segment steps do not fall.
            let (mut low, mut high) = (start, end);
            while low < high {
                let middle = low + (high - low) / 2;
                let before = self.get(middle).is_some_and(|p| p.step <= step);
                (low, high) = if before { (middle + 1, high) } else { (low, middle) };
            }
            if low > start {
                return self.get(low - 1);
            }
            end = start;
        }
        None
    }

    /// The points, column by column; all chunks but the last hold [`CHUNK`] points.
    pub fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// All points in order of recording.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        self.chunks
            .iter()
            .flat_map(|c| (0..c.steps.len()).map(|i| c.point(i)))
    }

    /// Smallest and largest finite number.
    pub fn range(&self) -> Option<(f64, f64)> {
        let ranges = self.chunks.iter().filter_map(|c| c.range());
        ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Indices of the points at which the run began again: their step is smaller than the one
    /// before. What stands before such a point at the same or a larger step is superseded.
    pub fn restarts(&self) -> &[usize] {
        &self.restarts
    }

    /// Ranges of indices between restarts.
    pub fn segments(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.restarts.iter().copied());
        let ends = self.restarts.iter().copied().chain([self.len]);
        starts.zip(ends).map(|(a, b)| a..b)
    }

    /// Adds a point.
    pub fn push(&mut self, point: Point) {
        if self.last.is_some_and(|last| point.step < last.step) {
            Arc::make_mut(&mut self.restarts).push(self.len);
        }
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::default());
        }
        if let Some(chunk) = self.chunks.last_mut() {
            Arc::make_mut(chunk).push(point);
        }
        self.len += 1;
        self.last = Some(point);
    }

    /// Adds points in order; the same as [`Series::push`] for each, and faster.
    pub fn append(&mut self, mut points: &[Point]) {
        let mut before = self.last.map_or(i64::MIN, |last| last.step);
        for (i, point) in points.iter().enumerate() {
            if point.step < before {
                Arc::make_mut(&mut self.restarts).push(self.len + i);
            }
            before = point.step;
        }
        self.last = points.last().copied().or(self.last);
        while !points.is_empty() {
            let filled = self.len % CHUNK;
            if filled == 0 {
                self.chunks.push(Arc::default());
            }
            let (now, rest) = points.split_at(points.len().min(CHUNK - filled));
            if let Some(chunk) = self.chunks.last_mut() {
                Arc::make_mut(chunk).append(now);
            }
            self.len += now.len();
            points = rest;
        }
    }
}

impl FromIterator<Point> for Series {
    fn from_iter<T: IntoIterator<Item = Point>>(points: T) -> Self {
        let mut series = Series::default();
        points.into_iter().for_each(|p| series.push(p));
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(step: i64, value: f64) -> Point {
        let wall = 1e9 + step as f64;
        Point { step, wall, value }
    }

    #[test]
    fn points_come_back_in_order_across_chunks() {
        let series: Series = (0..10_000).map(|i| point(i, -(i as f64))).collect();
        assert_eq!((series.len(), series.chunks().len()), (10_000, 3));
        assert_eq!(series.get(CHUNK), Some(point(4096, -4096.0)));
        assert_eq!(
            (series.get(10_000), series.last()),
            (None, Some(point(9999, -9999.0)))
        );
        assert!(series.points().enumerate().all(|(i, p)| p.step == i as i64));
        assert_eq!(series.range(), Some((-9999.0, 0.0)));
    }

    #[test]
    fn a_copy_keeps_what_it_was_while_the_series_grows() {
        let mut series: Series = (0..5000).map(|i| point(i, 1.0)).collect();
        let copy = series.clone();
        series.push(point(5000, 9.0));
        assert_eq!((copy.len(), copy.range()), (5000, Some((1.0, 1.0))));
        assert_eq!((series.len(), series.range()), (5001, Some((1.0, 9.0))));
        assert!(
            Arc::ptr_eq(&copy.chunks[0], &series.chunks[0]),
            "the full chunk is shared"
        );
    }

    #[test]
    fn numbers_that_are_not_finite_stay_out_of_the_range() {
        let series: Series = [f64::NAN, 2.0, f64::INFINITY, -1.0]
            .iter()
            .enumerate()
            .map(|(i, &v)| point(i as i64, v))
            .collect();
        assert_eq!(
            (series.range(), series.chunks()[0].finite()),
            (Some((-1.0, 2.0)), 2)
        );
        let none: Series = [point(0, f64::NAN)].into_iter().collect();
        assert_eq!(none.range(), None);
    }

    #[test]
    fn points_added_at_once_are_those_added_one_by_one() {
        let value = |i: i64| match i % 7 {
            3 => f64::NAN,
            _ => (i * 37 % 101) as f64 - 50.0,
        };
        let points: Vec<Point> = (0..9000).map(|i| point(i % 3500, value(i))).collect();
        let single: Series = points.iter().copied().collect();
        let mut many = Series::default();
        for piece in [&points[..1], &points[1..1], &points[1..5000], &points[5000..]] {
            many.append(piece);
        }
        assert_eq!(format!("{single:?}"), format!("{many:?}"));
        assert_eq!(many.restarts(), [3500, 7000]);
    }

    #[test]
    fn a_step_that_falls_begins_a_segment() {
        let steps = [0, 1, 2, 2, 3, 1, 2, 0];
        let series: Series = steps.iter().map(|&s| point(s, 0.0)).collect();
        assert_eq!(series.restarts(), [5, 7]);
        assert_eq!(series.segments().collect::<Vec<_>>(), [0..5, 5..7, 7..8]);
        let at = |step| series.at(step).map(|p| p.step);
        assert_eq!([at(-1), at(0), at(1), at(9)], [None, Some(0), Some(0), Some(0)]);
        let series: Series = [0, 1, 2, 3, 2, 5].iter().map(|&s| point(s, s as f64)).collect();
        let at = |step| series.at(step).map(|p| p.step);
        assert_eq!([at(1), at(2), at(4), at(9)], [Some(1), Some(2), Some(2), Some(5)]);
    }
}
