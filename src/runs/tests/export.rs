//! Exported tables come back the same.

mod support;

use std::fs;

use model::{Point, Record, Run};
use runs::export;
use std::sync::Arc;
use support::open;

fn sample() -> Vec<Arc<Run>> {
    let mut runs = Vec::new();
    for name in ["a", "b/c, \"d\""] {
        let mut run = Run::new(name);
        for step in 0..5000i64 {
            let value =
                [0.1, f64::NAN, f64::INFINITY, -1e-300, 1.0 / 3.0][step as usize % 5] * step.max(1) as f64;
            let wall = if step % 7 == 0 {
                f64::NAN
            } else {
                1.7e9 + step as f64 * 0.1
            };
            let point = Point { step, wall, value };
            run.take(Record::Scalar {
                tag: "loss/train".into(),
                point,
            });
        }
        let point = Point {
            step: (1 << 53) + 1,
            wall: 1.8e9,
            value: 2.0,
        };
        run.take(Record::Scalar {
            tag: "far".into(),
            point,
        });
        runs.push(Arc::new(run));
    }
    runs
}

#[test]
fn an_export_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let runs = sample();
    for name in ["all.csv", "all.parquet"] {
        let path = folder.path().join(name);
        fs::write(&path, "what stood there").unwrap();
        export(&runs, &path).unwrap();
        let library = open(&path);
        assert_eq!(library.warnings(), [], "{name}");
        assert_eq!(library.runs().len(), 2, "{name}");
        for (found, expected) in library.runs().iter().zip(&runs) {
            assert_eq!(found.name, expected.name, "{name}");
            assert_eq!(
                format!("{:?}", found.series),
                format!("{:?}", expected.series),
                "{name}"
            );
        }
    }
    // Nothing is left beside them.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.xlsx");
    let problem = export(&sample(), &path).unwrap_err().to_string();
    assert!(
        problem.contains(".parquet or .csv") && problem.contains("all.xlsx"),
        "{problem}"
    );
    let missing = folder.path().join("missing/all.csv");
    assert!(
        export(&sample(), &missing)
            .unwrap_err()
            .to_string()
            .contains("not written")
    );
    assert!(!missing.exists());
}
