//! Counts of values in equal bins.

use serde::{Deserialize, Serialize};

/// Equal bins between two ends. All bins but the last exclude their upper edge.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Number of bins.
    pub count: usize,
}

impl Bins {
    /// `count` bins from the least to the greatest finite value; `None` when there is none or
    /// `count` is 0. Where all values are equal the ends are half a unit away, as in NumPy.
    pub fn of(values: &[f32], count: usize) -> Option<Bins> {
        let mut finite = values.iter().copied().filter(|v| v.is_finite());
        let first = finite.next()?;
        let (low, high) = finite.fold((first, first), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = match low == high {
            true => (f64::from(low) - 0.5, f64::from(high) + 0.5),
            false => (f64::from(low), f64::from(high)),
        };
        (count > 0).then_some(Bins { low, high, count })
    }

    /// Lower edge of bin `i`; `edge(count)` is the upper end.
    pub fn edge(&self, i: usize) -> f64 {
        if i >= self.count {
            return self.high;
        }
        // In this order, as numpy.linspace does: the edges agree to the last bit.
        let step = (self.high - self.low) / self.count as f64;
        i as f64 * step + self.low
    }

    /// The `count + 1` edges in order.
    pub fn edges(&self) -> Vec<f64> {
        (0..=self.count).map(|i| self.edge(i)).collect()
    }

    /// The bin of a value between the ends; `None` outside them, for NaN, and for bins that
    /// span nothing.
    pub fn find(&self, value: f64) -> Option<usize> {
        let span = self.high - self.low;
        let inside = value >= self.low && value <= self.high;
        if self.count == 0 || !inside || span <= 0.0 || !span.is_finite() {
            return None;
        }
        let guess = ((value - self.low) / span * self.count as f64) as usize;
        let guess = guess.min(self.count - 1);
        // Rounding may miss by one bin: the edges decide.
        if value < self.edge(guess) {
            Some(guess.saturating_sub(1))
        } else if guess + 1 < self.count && value >= self.edge(guess + 1) {
            Some(guess + 1)
        } else {
            Some(guess)
        }
    }
}

/// How many values fell where. Every value is counted exactly once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The bins counted in.
    pub bins: Bins,
    /// Values in each bin; `bins.count` of them.
    pub counts: Vec<u64>,
    /// Values below `bins.low`, minus infinity among them.
    pub below: u64,
    /// Values above `bins.high`, infinity among them.
    pub above: u64,
    /// Values that are not a number, and all others where the bins span nothing.
    pub nan: u64,
}

impl Histogram {
    /// Number of values counted in bins.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The largest count of a bin; 0 without bins.
    pub fn peak(&self) -> u64 {
        self.counts.iter().copied().max().unwrap_or(0)
    }
}

/// Counts `values` in `bins`, as `numpy.histogram(values, count, (low, high))` does for float64
/// values; what falls outside is counted beside the bins.
pub fn histogram(values: &[f32], bins: &Bins) -> Histogram {
    let mut result = Histogram {
        bins: *bins,
        counts: vec![0; bins.count],
        below: 0,
        above: 0,
        nan: 0,
    };
    for &value in values {
        let value = f64::from(value);
        match bins.find(value) {
            Some(bin) => result.counts[bin] += 1,
            None if value < bins.low => result.below += 1,
            None if value > bins.high => result.above += 1,
            None => result.nan += 1,
        }
    }
    result
}
