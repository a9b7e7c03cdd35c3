//! What is written comes back, and TensorBoard reads the same.

mod support;

use std::sync::Arc;

use model::run::{At, Bucket, Histogram, Image, Mark, MarkKind, Setting};
use model::{DType, Point, Record, Run, TensorData};
use runs::events::EventWriter;
use support::{compare, open, python, run};

fn at<T>(step: i64, value: T) -> At<Arc<T>> {
    At {
        step,
        wall: 1.7e9 + step as f64,
        value: Arc::new(value),
    }
}

fn bucket(left: f64, right: f64, count: f64) -> Bucket {
    Bucket { left, right, count }
}

fn records() -> Vec<Record> {
    let mut records = vec![
        Record::Hyperparameter {
            name: "lr".into(),
            value: Setting::Number(0.1),
        },
        Record::Hyperparameter {
            name: "optimizer".into(),
            value: Setting::Text("adam".into()),
        },
        Record::Hyperparameter {
            name: "nesterov".into(),
            value: Setting::Flag(true),
        },
    ];
    for step in 0..50 {
        for (tag, value) in [
            ("loss/train", 1.0 / (1 + step) as f64),
            ("acc", step as f64 * 0.5),
            ("nan", f64::NAN),
        ] {
            let point = Point {
                step,
                wall: 1.7e9 + step as f64,
                value,
            };
            records.push(Record::Scalar {
                tag: tag.into(),
                point,
            });
        }
    }
    let touching = Histogram {
        min: -1.0,
        max: 2.0,
        count: 5.0,
        sum: 3.0,
        squares: 9.0,
        buckets: vec![
            bucket(-1.0, 0.0, 2.0),
            bucket(0.0, 1.0, 0.0),
            bucket(1.0, 2.0, 3.0),
        ],
    };
    let apart = Histogram {
        min: 0.0,
        max: 9.0,
        count: 2.0,
        sum: f64::NAN,
        squares: f64::NAN,
        buckets: vec![bucket(0.0, 1.0, 1.0), bucket(8.0, 9.0, 1.0)],
    };
    records.push(Record::Histogram {
        tag: "h".into(),
        at: at(1, touching),
    });
    records.push(Record::Histogram {
        tag: "apart".into(),
        at: at(1, apart),
    });
    let image = Image {
        width: 4,
        height: 3,
        encoded: b"\x89PNG not really".to_vec(),
    };
    records.push(Record::Image {
        tag: "i".into(),
        at: at(2, image),
    });
    records.push(Record::Text {
        tag: "t".into(),
        at: at(3, "*fine* \u{e9}".to_string()),
    });
    records.push(Record::Tensor {
        tag: "w".into(),
        at: at(3, TensorData::from_f32(&[2, 2], &[1.0, 2.5, -3.0, 0.0])),
    });
    records.push(Record::Tensor {
        tag: "one".into(),
        at: at(3, TensorData::from_f32(&[], &[1.5])),
    });
    records.push(Record::Tensor {
        tag: "int".into(),
        at: at(3, TensorData::from_i64(&[3], &[1, -2, 1 << 60])),
    });
    let half = TensorData::from_floats(DType::F16, &[2], &[1.0, 0.5]).unwrap();
    records.push(Record::Tensor {
        tag: "half".into(),
        at: at(3, half),
    });
    for (step, kind) in [
        (5, MarkKind::Intervention),
        (6, MarkKind::Checkpoint),
        (20, MarkKind::Restart),
    ] {
        let text = "learning rate 0.1 to 0.01".to_string();
        records.push(Record::Mark(Mark {
            step,
            wall: 1.7e9,
            kind,
            text,
        }));
    }
    // The restart that the mark is about.
    let point = Point {
        step: 20,
        wall: 1.8e9,
        value: 0.5,
    };
    records.push(Record::Scalar {
        tag: "acc".into(),
        point,
    });
    records
}

fn written() -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path(), "a/b").unwrap();
    let mut run = Run::new("a/b");
    for record in records() {
        writer.write(&record).unwrap();
        run.take(record);
    }
    writer.flush().unwrap();
    assert!(writer.path().starts_with(folder.path().join("a/b")));
    (folder, run)
}

#[test]
fn what_is_written_comes_back() {
    let (folder, expected) = written();
    let library = open(folder.path());
    assert_eq!(library.warnings(), []);
    let found = run(&library, "a/b");
    // NaN is no equal of itself: the text is compared.
    let text = |run: &Run| {
        let tensors: Vec<_> = run
            .tensors
            .iter()
            .map(|(t, w)| (t, w[0].value.dtype, w[0].value.to_bytes().to_vec()))
            .collect();
        format!(
            "{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}",
            run.series, run.histograms, run.images, run.texts, tensors, run.hyperparameters, run.marks
        )
    };
    assert_eq!(text(&found), text(&expected));
}

#[test]
fn tensorboard_opens_what_is_written() {
    let (folder, _) = written();
    let Some(expected) = python(&["read", folder.path().to_str().unwrap()]) else {
        return;
    };
    for tag in [
        "loss/train",
        "\"h\"",
        "apart",
        "\"i\"",
        "\"t\"",
        "optimizer",
        "layerscope/marks",
        "\"w\"",
    ] {
        assert!(expected.contains(tag), "TensorBoard does not find {tag}");
    }
    let library = open(folder.path());
    // All but the marks, which are texts to TensorBoard and marks here.
    let mut parsed: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let run = parsed["a/b"].as_object_mut().unwrap();
    assert_eq!(
        run["text"]
            .as_object_mut()
            .unwrap()
            .remove("layerscope/marks")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let tensors = run.remove("layerscope_tensors").unwrap();
    run.insert("tensors".into(), tensors);
    assert!(compare(&library, &parsed.to_string()) > 150);
}

#[test]
fn writers_of_one_run_do_not_touch_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let point = Point {
        step: 1,
        wall: 1.7e9,
        value: 1.0,
    };
    let record = Record::Scalar {
        tag: "a".into(),
        point,
    };
    let mut first = EventWriter::create(folder.path(), "").unwrap();
    let mut second = EventWriter::create(folder.path(), "").unwrap();
    first.write(&record).unwrap();
    second.write(&record).unwrap();
    drop((first, second));
    assert_eq!(open(folder.path()).runs()[0].points(), 2);
    for name in ["../x", "/x", "a/../../x"] {
        let problem = EventWriter::create(folder.path(), name).unwrap_err().to_string();
        assert!(problem.contains("NAME"), "{problem}");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(EventWriter::create(&file, "run").is_err());
}
