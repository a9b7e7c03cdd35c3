//! The tables and numbers that `references.py` wrote.

use std::collections::HashMap;

/// A table of `samples/`: values and number of columns.
pub fn table(name: &str) -> (Vec<f32>, usize) {
    let path = format!("{}/tests/samples/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a sample");
    let width = text.lines().next().map_or(0, |line| line.split(',').count());
    let cells = text.lines().flat_map(|line| line.split(','));
    let values = cells.map(|cell| cell.parse().expect("a number")).collect();
    (values, width)
}

/// All references by name.
pub fn references() -> HashMap<String, Vec<f64>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/references.txt");
    let text = std::fs::read_to_string(path).expect("the references");
    text.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().expect("a name").to_string();
            (name, words.map(|w| w.parse().expect("a number")).collect())
        })
        .collect()
}

/// Whether numbers agree, relative to the largest of those expected.
pub fn close(name: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
    for (i, (&f, &e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(f) - e).abs() <= tolerance * scale,
            "{name} {i}: {f} {e}"
        );
    }
}
