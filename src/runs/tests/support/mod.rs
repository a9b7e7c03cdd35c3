//! What the tests of this room share.
#![allow(dead_code)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use model::Run;
use runs::{Library, Progress};
use serde_json::Value;

pub const LONG: Duration = Duration::from_secs(600);

/// Reads on until everything was read.
pub fn refresh(library: &mut Library) -> Progress {
    let progress = library.refresh(LONG, &AtomicBool::new(false));
    assert!(progress.finished);
    progress
}

/// A folder or file, read.
pub fn open(path: &Path) -> Library {
    let mut library = Library::open(path).unwrap();
    refresh(&mut library);
    library
}

pub fn run(library: &Library, name: &str) -> Arc<Run> {
    let names = || library.runs().iter().map(|r| r.name.clone()).collect::<Vec<_>>();
    let found = library.runs().iter().find(|r| r.name == name);
    found
        .unwrap_or_else(|| panic!("no {name:?} in {:?}", names()))
        .clone()
}

/// Runs `logs.py`; `None`, with a word, where there is no Python.
pub fn python(arguments: &[&str]) -> Option<String> {
    let Ok(python) = std::env::var("LAYERSCOPE_PYTHON") else {
        eprintln!("skipped: LAYERSCOPE_PYTHON is unset");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logs.py");
    let out = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).unwrap())
}

/// Numbers are written as text: serde_json rounds the last digit.
fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value["values"].as_array().unwrap().iter().map(number).collect()
}

/// Equal, NaN included.
fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

/// Compares everything that TensorBoard reads (`logs.py read`) with `library`; returns how many
/// values that were.
pub fn compare(library: &Library, expected: &str) -> usize {
    let expected: Value = serde_json::from_str(expected).unwrap();
    let mut values = 0;
    for (name, plugins) in expected.as_object().unwrap() {
        let run = run(library, name);
        for (plugin, tags) in plugins.as_object().unwrap() {
            for (tag, rows) in tags.as_object().unwrap() {
                let rows = rows.as_array().unwrap();
                values += rows.len();
                let place = format!("{name} {plugin} {tag}");
                let at = |i: usize| (rows[i][0].as_i64().unwrap(), number(&rows[i][1]));
                let value = |i: usize| &rows[i][2];
                match plugin.as_str() {
                    "scalars" => {
                        let series = &run.series[tag];
                        assert_eq!(series.len(), rows.len(), "{place}");
                        for (i, point) in series.points().enumerate() {
                            assert_eq!((point.step, point.wall), at(i), "{place}");
                            let expected = number(value(i));
                            assert!(same(point.value, expected), "{place} {i}: {point:?} {expected}");
                        }
                    }
                    "histograms" => {
                        let track = &run.histograms[tag];
                        assert_eq!(track.len(), rows.len(), "{place}");
                        for (i, found) in track.iter().enumerate() {
                            assert_eq!((found.step, found.wall), at(i), "{place}");
                            let buckets = found.value.buckets.iter();
                            let found: Vec<f64> = buckets.flat_map(|b| [b.left, b.right, b.count]).collect();
                            let expected = numbers(value(i));
                            assert_eq!(found.len(), expected.len(), "{place} {i}");
                            // TensorBoard keeps histograms of the old form as float32.
                            let close = |(a, b): (&f64, &f64)| a == b || *a as f32 == *b as f32;
                            assert!(found.iter().zip(&expected).all(close), "{place} {i}");
                        }
                    }
                    "images" => {
                        for i in 0..rows.len() {
                            let strings = value(i).as_array().unwrap();
                            let text = |v: &Value| String::from_utf8(hex(v)).unwrap();
                            let many = strings.len() > 3;
                            for (k, encoded) in strings[2..].iter().enumerate() {
                                let tag = if many { format!("{tag}/{k}") } else { tag.clone() };
                                let found = &run.images[&tag][i];
                                assert_eq!((found.step, found.wall), at(i), "{place}");
                                assert_eq!(found.value.width.to_string(), text(&strings[0]));
                                assert_eq!(found.value.height.to_string(), text(&strings[1]));
                                assert_eq!(found.value.encoded, hex(encoded), "{place} {i}");
                            }
                        }
                    }
                    "text" => {
                        for (i, found) in run.texts[tag].iter().enumerate() {
                            assert_eq!((found.step, found.wall), at(i), "{place}");
                            for text in value(i).as_array().unwrap() {
                                assert!(found.value.contains(text.as_str().unwrap()), "{place} {i}");
                            }
                        }
                        assert_eq!(run.texts[tag].len(), rows.len(), "{place}");
                    }
                    "tensors" => {
                        for (i, found) in run.tensors[tag].iter().enumerate() {
                            assert_eq!((found.step, found.wall), at(i), "{place}");
                            let shape: Vec<u64> = serde_json::from_value(value(i)["shape"].clone()).unwrap();
                            assert_eq!(found.value.shape, shape, "{place} {i}");
                            assert_eq!(found.value.to_f64().unwrap(), numbers(value(i)), "{place} {i}");
                        }
                        assert_eq!(run.tensors[tag].len(), rows.len(), "{place}");
                    }
                    "hparams" => {
                        let settings = value(0).as_object();
                        for (name, value) in settings.into_iter().flatten() {
                            let found = serde_json::to_value(&run.hyperparameters[name]).unwrap();
                            match value.as_f64() {
                                Some(v) => assert_eq!(found.as_f64(), Some(v), "{place} {name}"),
                                None => assert_eq!(&found, value, "{place} {name}"),
                            }
                        }
                    }
                    other => panic!("{other} is not compared"),
                }
            }
        }
    }
    values
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
