//! The running median.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Up to here values are kept in order by moving them.
const SHORT: usize = 256;

/// `values` are finite.
pub(super) fn filter(values: &[f64], window: usize) -> Vec<f64> {
    let window = window.min(values.len().saturating_mul(2));
    if window < 2 {
        return values.to_vec();
    }
    // Pandas' window of point i: from i - before up to i + after.
    let after = (window - 1) / 2;
    let before = window - 1 - after;
    match window <= SHORT {
        true => by_order(values, before, after),
        false => by_heaps(values, before, after),
    }
}

fn by_order(values: &[f64], before: usize, after: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = Vec::with_capacity(before + after + 1);
    let place = |sorted: &[f64], v: f64| sorted.partition_point(|s| *s < v);
    for &v in &values[..after.min(values.len())] {
        sorted.insert(place(&sorted, v), v);
    }
    let mut out = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        if let Some(&v) = values.get(i + after) {
            sorted.insert(place(&sorted, v), v);
        }
        if i > before {
            // Equal values are one as good as the other, and 0 equals -0.
            sorted.remove(place(&sorted, values[i - before - 1]));
        }
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        out.push((low + high) / 2.0);
    }
    out
}

/// A value and where it stands.
#[derive(Clone, Copy, PartialEq)]
struct Entry(f64, usize);

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

/// Two heaps that meet at the median. What leaves the window is dropped when it comes to the top
/// of its heap, or when a heap holds more of the past than of the window.
#[derive(Default)]
struct Heaps {
    low: BinaryHeap<Entry>,
    high: BinaryHeap<Reverse<Entry>>,
    /// Entries of the window in each heap.
    low_count: usize,
    high_count: usize,
    /// First place of the window.
    start: usize,
}

impl Heaps {
    fn insert(&mut self, entry: Entry) {
        match self.low.peek().is_none_or(|top| entry < *top) {
            true => {
                self.low.push(entry);
                self.low_count += 1;
            }
            false => {
                self.high.push(Reverse(entry));
                self.high_count += 1;
            }
        }
        self.balance();
    }

    fn remove(&mut self, entry: Entry) {
        // The median parts the heaps, and the top of `low` is in the window.
        match self.low.peek().is_some_and(|top| entry <= *top) {
            true => self.low_count -= 1,
            false => self.high_count -= 1,
        }
        self.start = entry.1 + 1;
        self.balance();
    }

    /// `low` holds as many of the window as `high`, or one more; both tops are in the window.
    fn balance(&mut self) {
        self.drop_past();
        while self.low_count > self.high_count + 1 {
            if let Some(entry) = self.low.pop() {
                self.high.push(Reverse(entry));
            }
            self.low_count -= 1;
            self.high_count += 1;
            self.drop_past();
        }
        while self.high_count > self.low_count {
            if let Some(Reverse(entry)) = self.high.pop() {
                self.low.push(entry);
            }
            self.high_count -= 1;
            self.low_count += 1;
            self.drop_past();
        }
    }

    fn drop_past(&mut self) {
        let start = self.start;
        if self.low.len() > 2 * self.low_count + 64 {
            self.low.retain(|e| e.1 >= start);
        }
        if self.high.len() > 2 * self.high_count + 64 {
            self.high.retain(|e| e.0.1 >= start);
        }
        while self.low.peek().is_some_and(|e| e.1 < start) {
            self.low.pop();
        }
        while self.high.peek().is_some_and(|e| e.0.1 < start) {
            self.high.pop();
        }
    }

    fn median(&self) -> f64 {
        match (self.low.peek(), self.high.peek()) {
            (Some(low), Some(high)) if self.low_count == self.high_count => (low.0 + high.0.0) / 2.0,
            (Some(low), _) => low.0,
            (None, _) => f64::NAN,
        }
    }
}

fn by_heaps(values: &[f64], before: usize, after: usize) -> Vec<f64> {
    let mut heaps = Heaps::default();
    let mut coming = values.iter().enumerate().map(|(i, &v)| Entry(v, i));
    coming.by_ref().take(after).for_each(|e| heaps.insert(e));
    let mut out = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        if let Some(entry) = coming.next() {
            heaps.insert(entry);
        }
        if i > before {
            let past = i - before - 1;
            heaps.remove(Entry(values[past], past));
        }
        out.push(heaps.median());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        // Rising, falling, equal and scattered stretches.
        let value = |i: usize| match i / 500 {
            0 => i as f64,
            1 => -(i as f64),
            2 => 3.0,
            _ => (i * 7919 % 1009) as f64,
        };
        let values: Vec<f64> = (0..3000).map(value).collect();
        for (before, after) in [(1, 0), (1, 1), (5, 4), (100, 100), (700, 699), (3000, 2999)] {
            assert_eq!(
                by_order(&values, before, after),
                by_heaps(&values, before, after),
                "{before} before, {after} after"
            );
        }
    }
}
