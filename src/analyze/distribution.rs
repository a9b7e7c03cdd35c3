//! Recorded histograms as curves: buckets counted again between common edges, for ridgelines, and
//! quantiles over time, for bands.

/// Values between two edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Left edge.
    pub left: f64,
    /// Right edge, not below the left one.
    pub right: f64,
    /// How many values, or their weight.
    pub count: f64,
}

impl Bucket {
    /// False for edges that are NaN or in the wrong order, for counts that are not finite, and for
    /// nothing counted.
    fn counts(&self) -> bool {
        self.left <= self.right && self.count.is_finite() && self.count > 0.0
    }

    /// The part of the values below `x`: values lie evenly between the edges. Where an edge is
    /// infinite, all are at the other one; between two infinite edges half are below any `x`.
    fn below(&self, x: f64) -> f64 {
        if self.left.is_infinite() && self.right.is_infinite() {
            return if self.left == self.right {
                f64::from(self.left < x)
            } else {
                0.5
            };
        }
        let (left, right) = match (self.left.is_finite(), self.right.is_finite()) {
            (false, _) => (self.right, self.right),
            (_, false) => (self.left, self.left),
            _ => (self.left, self.right),
        };
        if x <= left {
            0.0
        } else if x > right {
            1.0
        } else {
            // Halves: the span of the largest numbers is not finite.
            ((x / 2.0 - left / 2.0) / (right / 2.0 - left / 2.0)).min(1.0)
        }
    }
}

/// Counts between new edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Rebinned {
    /// One count between each two neighbouring edges.
    pub counts: Vec<f64>,
    /// Counted below the first edge.
    pub below: f64,
    /// Counted above the last edge.
    pub above: f64,
}

/// Shares `buckets` out between `edges`, which rise. Values lie evenly in their bucket, as
/// TensorBoard takes it; all of them are counted somewhere, so that `below`, `counts` and `above`
/// have the sum of the buckets. A bucket without width belongs to the bin that begins there, the
/// last bin's right edge to the last bin.
///
/// Buckets whose edges are NaN or in the wrong order, and those whose count is not positive and
/// finite, count nothing. `None` with fewer than two edges, or with edges that do not rise or are
/// not finite.
pub fn rebin(buckets: &[Bucket], edges: &[f64]) -> Option<Rebinned> {
    let rising = edges.windows(2).all(|w| w[0] < w[1]);
    if edges.len() < 2 || !rising || edges.iter().any(|e| !e.is_finite()) {
        return None;
    }
    let (first, last) = (edges[0], edges[edges.len() - 1]);
    let mut out = Rebinned {
        counts: vec![0.0; edges.len() - 1],
        below: 0.0,
        above: 0.0,
    };
    for bucket in buckets.iter().filter(|b| b.counts()) {
        // A point on the last edge is the last bin's.
        let under = |x: f64| match x == last {
            true => bucket.below(x.next_up()),
            false => bucket.below(x),
        };
        out.below += bucket.count * under(first);
        out.above += bucket.count * (1.0 - under(last));
        // Only bins that the bucket reaches.
        let from = edges.partition_point(|e| *e <= bucket.left).saturating_sub(1);
        let from = from.min(out.counts.len() - 1);
        for bin in from..out.counts.len() {
            if edges[bin] > bucket.right {
                break;
            }
            out.counts[bin] += bucket.count * (under(edges[bin + 1]) - under(edges[bin]));
        }
    }
    Some(out)
}

/// `bins + 1` even edges around all values of several histograms; half a unit to both sides where
/// all values are equal. `None` where nothing is counted between finite edges, and for 0 bins.
pub fn common_edges<'a>(histograms: impl IntoIterator<Item = &'a [Bucket]>, bins: usize) -> Option<Vec<f64>> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for bucket in histograms.into_iter().flatten().filter(|b| b.counts()) {
        for edge in [bucket.left, bucket.right].into_iter().filter(|e| e.is_finite()) {
            (low, high) = (low.min(edge), high.max(edge));
        }
    }
    if low > high || bins == 0 {
        return None;
    }
    if low == high {
        let half = 0.5f64.max(low.abs() * 1e-9);
        (low, high) = (low - half, high + half);
    }
    let edge = |i: usize| {
        let part = i as f64 / bins as f64;
        low * (1.0 - part) + high * part
    };
    let edges: Vec<f64> = (0..=bins).map(edge).collect();
    edges.windows(2).all(|w| w[0] < w[1]).then_some(edges)
}

/// The fractions of TensorBoard's distributions: the median, and what lies up to 0.5, 1 and 1.5
/// standard deviations away from it in a normal distribution, and the ends.
pub const DISTRIBUTION_LINES: [f64; 9] = [0.0, 0.0668, 0.1587, 0.3085, 0.5, 0.6915, 0.8413, 0.9332, 1.0];

/// The values below which the `fractions` (0 to 1, rising) of a histogram lie, its values taken to
/// lie evenly in their buckets (`tensorboard.plugins.distribution.compressor`), between `min` and
/// `max`, which are known better than the buckets tell.
///
/// Differs from TensorBoard where the first buckets are empty: TensorBoard begins the first full one
/// at the left end of all. NaN for `min` or `max` takes the ends of what is counted. Empty where
/// nothing is counted; NaN counts as fraction 0.
pub fn quantile_lines(buckets: &[Bucket], min: f64, max: f64, fractions: &[f64]) -> Vec<f64> {
    let full: Vec<&Bucket> = buckets.iter().filter(|b| b.counts()).collect();
    let (Some(first), Some(last)) = (full.first(), full.last()) else {
        return Vec::new();
    };
    let min = if min.is_nan() { first.left } else { min };
    let max = if max.is_nan() { last.right } else { max };
    let total: f64 = full.iter().map(|b| b.count).sum();
    let line = |&fraction: &f64| {
        let wanted = fraction.max(0.0) * total;
        let mut before = 0.0;
        for bucket in &full {
            let after = before + bucket.count;
            if wanted < after {
                let (left, right) = (bucket.left.max(min), bucket.right.min(max));
                return left + (right - left) * ((wanted - before) / bucket.count);
            }
            before = after;
        }
        max
    };
    fractions.iter().map(line).collect()
}
