//! Repeating runs in a sequence, in near-linear time.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// Lengths of the windows whose distances are counted.
const WINDOWS: [usize; 4] = [1, 4, 16, 64];
/// Distances that are tried, of each length of window.
const TRIED: usize = 12;
/// Times that the rest beside the runs found is searched again.
const ROUNDS: usize = 3;

/// A stretch in which each token equals the one `period` before it, but for the first `period`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub range: Range<usize>,
    pub period: usize,
}

impl Run {
    /// Whole copies in it.
    pub fn copies(&self) -> usize {
        self.range.len() / self.period
    }
}

/// Runs in `tokens` of at least `least` copies, none over another, longest first. `accept`
/// may cut one or refuse it.
pub(super) fn find(tokens: &[u64], least: usize, mut accept: impl FnMut(Run) -> Option<Run>) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let whole = 0..tokens.len();
    let mut free = vec![whole];
    for _ in 0..ROUNDS {
        let mut candidates: Vec<Run> = Vec::new();
        let periods = periods(tokens, &free);
        for range in &free {
            for &period in periods.iter().filter(|p| 2 * **p <= range.len()) {
                let mut begin = range.start;
                for i in range.start..=range.end - period {
                    let goes_on = i + period < range.end && tokens[i] == tokens[i + period];
                    if goes_on {
                        continue;
                    }
                    let run = Run {
                        range: begin..i + period,
                        period,
                    };
                    begin = i + 1;
                    if run.range.len() >= 2 * period && run.copies() >= least {
                        candidates.push(run);
                    }
                }
            }
        }
        // Of two that cover the same, the one of the shorter period.
        candidates.sort_by_key(|r| (std::cmp::Reverse(r.copies() * r.period), r.period, r.range.start));
        let mut taken = vec![false; tokens.len()];
        let before = found.len();
        for run in candidates {
            if taken[run.range.start] || taken[run.range.end - 1] {
                continue;
            }
            // Longer ones come first, so that a shorter one cannot hold one of them unseen.
            if let Some(run) = accept(run) {
                taken[run.range.clone()].iter_mut().for_each(|t| *t = true);
                found.push(run);
            }
        }
        if found.len() == before {
            break;
        }
        free = free.iter().flat_map(|range| gaps(range, &taken)).collect();
    }
    found.sort_by_key(|r| r.range.start);
    found
}

/// The stretches of `range` that are not taken.
fn gaps(range: &Range<usize>, taken: &[bool]) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut begin = range.start;
    for i in range.clone() {
        if taken[i] {
            if begin < i {
                gaps.push(begin..i);
            }
            begin = i + 1;
        }
    }
    if begin < range.end {
        gaps.push(begin..range.end);
    }
    gaps
}

/// Distances at which equal windows follow each other most often.
fn periods(tokens: &[u64], free: &[Range<usize>]) -> Vec<usize> {
    let mut all: Vec<usize> = Vec::new();
    for window in WINDOWS {
        let mut last: HashMap<u64, usize> = HashMap::new();
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for range in free.iter().filter(|r| r.len() >= window) {
            for i in range.start..=range.end - window {
                let mut hash = DefaultHasher::new();
                tokens[i..i + window].hash(&mut hash);
                if let Some(before) = last.insert(hash.finish(), i) {
                    *counts.entry(i - before).or_default() += 1;
                }
            }
        }
        let mut counts: Vec<(usize, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|&(period, count)| (std::cmp::Reverse(count), period));
        all.extend(counts.into_iter().take(TRIED).map(|c| c.0));
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, least: usize, expected: &[(Range<usize>, usize)]) {
        let tokens: Vec<u64> = text.bytes().map(u64::from).collect();
        let found = find(&tokens, least, Some);
        let found: Vec<_> = found.into_iter().map(|r| (r.range, r.period)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn runs_are_found_with_their_shortest_period() {
        check("", 2, &[]);
        check("abcd", 2, &[]);
        check("aaaa", 4, &[(0..4, 1)]);
        check("xabababy", 3, &[(1..7, 2)]);
        check("xababy", 3, &[]);
        check("stemabcabcabcabcheadhead", 3, &[(4..16, 3)]);
        check("aaaabbbbcdcdcd", 3, &[(0..4, 1), (4..8, 1), (8..14, 2)]);
        // The whole before its parts.
        check("aabaabaab", 3, &[(0..9, 3)]);
    }

    #[test]
    fn fifty_thousand_are_no_matter() {
        let block: Vec<u64> = (0..97).map(|i| i % 31).collect();
        let tokens: Vec<u64> = block.iter().cycle().take(50_000).copied().collect();
        let started = std::time::Instant::now();
        let found = find(&tokens, 2, Some);
        assert_eq!((found.len(), found[0].period), (1, 97));
        println!("{:?}", started.elapsed());
    }
}
