//! What is shown of training, against reference packages: references.py writes references.txt.

mod band;
mod cue_details;
mod cues;
mod decimate;
mod distribution;
mod gradient;
mod importance;
mod interquartile;
mod outliers;
mod query;
mod smoothing;
mod spectrum;

/// Every line of references.txt whose path begins with `topic/`: the rest of the path, and the
/// numbers.
fn references(topic: &str) -> Vec<(&'static str, Vec<f64>)> {
    let topic = format!("{topic}/");
    let lines = include_str!("references.txt").lines();
    let numbers = |text: &str| text.split_whitespace().map(|n| n.parse().unwrap()).collect();
    let split = |line: &'static str| {
        let (path, text) = line.strip_prefix(&topic)?.split_once(": ")?;
        Some((path, numbers(text)))
    };
    let found: Vec<_> = lines.filter_map(split).collect();
    assert!(!found.is_empty(), "references.txt has no {topic}");
    found
}

/// The numbers of one line of references.txt.
fn reference(topic: &str, name: &str) -> Vec<f64> {
    let found = references(topic).into_iter().find(|(path, _)| *path == name);
    found
        .unwrap_or_else(|| panic!("references.txt has no {topic}/{name}"))
        .1
}

/// The same numbers as `scattered` in references.py, to the last bit.
fn scattered(n: usize) -> Vec<f64> {
    let value = |i: usize| (i * 7919 % 1009) as f64 / 100.0 - 3.0 + i as f64 / 50.0;
    (0..n).map(value).collect()
}

/// As far apart as `relative` of the larger, or `relative` itself for numbers below 1.
#[track_caller]
fn close(got: f64, expected: f64, relative: f64) {
    let same = got == expected || got.is_nan() && expected.is_nan();
    let near = (got - expected).abs() <= relative * expected.abs().max(1.0);
    assert!(same || near, "{got} is not {expected}");
}

/// As far apart as `relative` of the larger, or `relative` itself for numbers below 1.
#[track_caller]
fn all_close(got: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(got.len(), expected.len());
    for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
        let same = g == e || g.is_nan() && e.is_nan();
        let near = (g - e).abs() <= relative * e.abs().max(1.0);
        assert!(same || near, "number {i}: {g} is not {e}");
    }
}

/// Uniform in 0..1, the same on every machine (splitmix64).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E3779B97F4A7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D049BB133111EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.next(), self.next());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}
