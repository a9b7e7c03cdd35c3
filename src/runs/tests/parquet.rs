//! Parquet, as pandas, polars and pyarrow write it (`logs.py parquet`).

mod support;

use std::fs;
use std::path::PathBuf;

use model::Run;
use runs::Library;
use support::{open, refresh};

fn samples() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/parquet"))
}

fn values(run: &Run, tag: &str) -> Vec<(i64, f64)> {
    let points = run.series[tag].points();
    points.map(|p| (p.step, p.value)).collect()
}

#[test]
fn tables_of_three_libraries_say_the_same() {
    for name in ["pandas", "polars", "gzip", "lz4", "old"] {
        let library = open(&samples().join(format!("{name}.parquet")));
        let run = &library.runs()[0];
        assert_eq!(run.name, name);
        let rows = (0..300).filter(|i| i % 3 != 2);
        let expected: Vec<_> = rows.map(|i| (10 * i, 1.0 / (1 + 10 * i) as f64)).collect();
        assert!(values(run, "loss") == expected, "{name}");
        // 2026-01-02T03:04:05.25Z
        let walls: Vec<f64> = run.series["loss"].points().map(|p| p.wall).collect();
        assert_eq!(
            (walls[0], walls[1]),
            (1_767_323_045.25, 1_767_323_046.25),
            "{name}"
        );
        let notes = &run.texts["note"];
        assert_eq!(
            (notes.len(), notes[1].step, notes[1].value.as_str()),
            (3, 1000, "row 100"),
            "{name}"
        );
    }
}

#[test]
fn each_type_of_number_is_read() {
    for name in ["gzip", "lz4", "old"] {
        let library = open(&samples().join(format!("{name}.parquet")));
        let run = &library.runs()[0];
        let first = |tag| values(run, tag)[..4].iter().map(|p| p.1).collect::<Vec<_>>();
        assert_eq!(first("half"), [0.0, 0.5, 1.0, 1.5], "{name}");
        assert_eq!(first("money"), [-0.05, -0.04, -0.03, -0.02], "{name}");
        assert_eq!(first("good"), [1.0, 0.0, 1.0, 0.0], "{name}");
        assert_eq!(first("large"), [2f64.powi(64); 4], "{name}");
        assert_eq!(first("single")[1], f64::from(1.0f32 / 11.0), "{name}");
        let warnings: Vec<_> = library.warnings().iter().map(|w| w.to_string()).collect();
        assert!(
            warnings.len() == 1 && warnings[0].contains("column \"list\" holds no numbers"),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_file_written_anew_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.parquet");
    fs::copy(samples().join("pandas.parquet"), &path).unwrap();
    let mut library = open(folder.path());
    assert_eq!(library.runs()[0].points(), 200);
    let stood = fs::read(samples().join("gzip.parquet")).unwrap();
    fs::write(&path, &stood).unwrap();
    refresh(&mut library);
    assert_eq!(values(&library.runs()[0], "half").len(), 300);
    // While it is written it has no end, and says nothing for a while.
    fs::write(&path, &stood[..stood.len() - 100]).unwrap();
    refresh(&mut library);
    let warnings: Vec<_> = library.warnings().iter().map(|w| w.to_string()).collect();
    assert!(
        !warnings.iter().any(|w| w.contains("end was not written")),
        "{warnings:?}"
    );
}

#[test]
fn what_is_no_table_is_named() {
    let mut cut = fs::read(samples().join("polars.parquet")).unwrap();
    cut.truncate(cut.len() - 20);
    let mut wrong = fs::read(samples().join("polars.parquet")).unwrap();
    let end = wrong.len();
    wrong[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    for (bytes, expected) in [(cut, "end was not written"), (wrong, "cannot be read")] {
        let mut library = Library::from_bytes(vec![("log.parquet".into(), bytes.into())]).unwrap();
        refresh(&mut library);
        let warning = library.warnings()[0].to_string();
        assert!(
            warning.starts_with("log.parquet: ") && warning.contains(expected),
            "{warning}"
        );
    }
}
