//! The store against what it is for: a kill at any moment, a full disk, damage, other readers.

mod disk;
mod kill;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::run::{At, Bucket, Histogram, Image, Mark, MarkKind, Setting};
use model::{DType, Point, Record, Run, TensorData};
use runs::store::{Batch, Follower, Options, Store, StoreError, read};

fn scalar(tag: &str, step: i64, value: f64) -> Record {
    let point = Point {
        step,
        wall: 1e9 + step as f64,
        value,
    };
    let tag = tag.to_string();
    Record::Scalar { tag, point }
}

fn at<T>(step: i64, value: T) -> At<Arc<T>> {
    At {
        step,
        wall: 5.5,
        value: Arc::new(value),
    }
}

fn one_of_each() -> Vec<Record> {
    let tag = || "layer/a".to_string();
    let histogram = Histogram {
        min: -1.0,
        max: 2.0,
        count: 3.0,
        sum: f64::NAN,
        squares: 5.0,
        buckets: vec![Bucket {
            left: -1.0,
            right: 2.0,
            count: 3.0,
        }],
    };
    let image = Image {
        width: 1,
        height: 2,
        encoded: vec![137, 80, 78, 71],
    };
    let half = TensorData::from_floats(DType::BF16, &[3], &[0.5, f32::NAN, -2.0]).unwrap();
    let setting = |name: &str, value| Record::Hyperparameter {
        name: name.into(),
        value,
    };
    vec![
        scalar("loss", 1, 0.5),
        scalar("loss", 2, f64::NAN),
        scalar("loss", 3, f64::NEG_INFINITY),
        scalar("Verlust/ü", i64::MIN, f64::MIN_POSITIVE),
        Record::Histogram {
            tag: tag(),
            at: at(1, histogram),
        },
        Record::Image {
            tag: tag(),
            at: at(2, image),
        },
        Record::Text {
            tag: tag(),
            at: at(3, "two\nlines".to_string()),
        },
        Record::Tensor {
            tag: tag(),
            at: at(4, TensorData::from_f32(&[2, 3], &[0., 1., 2., 3., 4., 5.])),
        },
        Record::Tensor {
            tag: "half".into(),
            at: at(5, half),
        },
        Record::Tensor {
            tag: "empty".into(),
            at: at(5, TensorData::from_f32(&[0, 3], &[])),
        },
        setting("rate", Setting::Number(0.1)),
        setting("nesterov", Setting::Flag(true)),
        setting("optimizer", Setting::Text("sgd".into())),
        Record::Mark(Mark {
            step: 7,
            wall: 8.0,
            kind: MarkKind::Checkpoint,
            text: "saved".into(),
        }),
    ]
}

/// Everything of a run, so that NaN equals NaN.
fn text(run: &Run) -> String {
    let tensors = run.tensors.iter().flat_map(|(tag, track)| {
        track.iter().map(move |at| {
            (
                tag,
                at.step,
                at.value.dtype,
                at.value.shape.clone(),
                at.value.to_bytes(),
            )
        })
    });
    let series = run
        .series
        .iter()
        .map(|(tag, s)| (tag, s.points().collect::<Vec<_>>()));
    format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        run.name,
        series.collect::<Vec<_>>(),
        run.histograms,
        run.images,
        run.texts,
        tensors.collect::<Vec<_>>(),
        run.hyperparameters,
        run.marks
    )
}

fn small_logs() -> Options {
    Options {
        segment_bytes: 2000,
        ..Options::default()
    }
}

fn files(dir: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn every_sort_of_record_comes_back_from_the_log_and_from_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Run::new("sweep/a");
    one_of_each().into_iter().for_each(|r| expected.take(r));
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let accepted = store.append("sweep/a", None, &one_of_each()).unwrap();
    assert_eq!((accepted.next, accepted.taken), (14, 14));
    let (runs, warnings) = read(folder.path()).unwrap();
    assert_eq!((runs.len(), warnings), (1, vec![]));
    assert_eq!(text(&runs[0]), text(&expected), "while it is written");
    assert_eq!(store.close(), Vec::<String>::new());
    let dir = folder.path().join("sweep%2Fa");
    assert_eq!((files(&dir, "log").len(), files(&dir, "parquet").len()), (0, 1));
    let (runs, warnings) = read(folder.path()).unwrap();
    assert_eq!((runs.len(), warnings), (1, vec![]));
    assert_eq!(text(&runs[0]), text(&expected), "from its parts");
    // It goes on where it ended.
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let accepted = store.append("sweep/a", None, &[scalar("loss", 4, 1.0)]).unwrap();
    assert_eq!((accepted.next, accepted.taken), (15, 1));
    drop(store);
    expected.take(scalar("loss", 4, 1.0));
    assert_eq!(text(&read(folder.path()).unwrap().0[0]), text(&expected));
}

#[test]
fn a_follower_sees_each_record_once_while_logs_become_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), small_logs()).unwrap();
    let mut follower = Follower::open(folder.path()).unwrap();
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let (mut seen, mut last) = (Vec::new(), Instant::now());
            while seen.len() < 6000 && last.elapsed() < Duration::from_secs(30) {
                let news = follower.refresh().unwrap();
                assert_eq!(news.warnings, Vec::<String>::new());
                if !news.records.is_empty() {
                    last = Instant::now();
                }
                seen.extend(news.records);
            }
            seen.extend(follower.refresh().unwrap().records);
            seen
        });
        for writer in 0..3 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..400 {
                    let tag = format!("t{writer}");
                    let some: Vec<Record> = (0..5).map(|k| scalar(&tag, i * 5 + k, 0.0)).collect();
                    store.append(["a", "b", "a"][writer], None, &some).unwrap();
                }
            });
        }
        watch.join().unwrap()
    });
    let mut runs = BTreeMap::new();
    for (name, record) in seen {
        runs.entry(name.clone())
            .or_insert_with(|| Run::new(&*name))
            .take(record);
    }
    for (run, tag) in [("a", "t0"), ("b", "t1"), ("a", "t2")] {
        let steps = runs[run].series[tag].points().map(|p| p.step);
        assert!(steps.eq(0..2000), "{run} {tag}: each once, in order");
    }
    assert_eq!(store.close(), Vec::<String>::new());
    let (after, _) = read(folder.path()).unwrap();
    let seen: Vec<String> = runs.values().map(text).collect();
    assert_eq!(after.iter().map(text).collect::<Vec<_>>(), seen);
    assert!(
        files(&folder.path().join("a"), "parquet").len() > 5,
        "there were parts"
    );
}

#[test]
fn a_batch_that_is_sent_again_is_taken_once_even_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let batch = |number| Some(Batch { sender: 77, number });
    let store = Store::open(folder.path(), Options::default()).unwrap();
    for number in [1, 2, 2, 1, 3] {
        store
            .append("a", batch(number), &[scalar("v", number as i64, 0.0)])
            .unwrap();
    }
    assert_eq!(
        store.append("a", batch(3), &[scalar("v", 9, 0.0)]).unwrap().taken,
        0
    );
    drop(store);
    let store = Store::open(folder.path(), Options::default()).unwrap();
    assert_eq!(
        store.append("a", batch(3), &[scalar("v", 9, 0.0)]).unwrap().taken,
        0
    );
    assert_eq!(
        store.append("a", batch(4), &[scalar("v", 4, 0.0)]).unwrap().taken,
        1
    );
    assert_eq!(
        store.append("b", batch(4), &[scalar("v", 4, 0.0)]).unwrap().taken,
        1,
        "each run by itself"
    );
    drop(store);
    let (runs, _) = read(folder.path()).unwrap();
    assert!(runs[0].series["v"].points().map(|p| p.step).eq([1, 2, 3, 4]));
}

#[test]
fn names_and_limits_and_a_second_writer_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        runs: 2,
        tags: 3,
        ..Options::default()
    };
    let store = Store::open(folder.path(), options).unwrap();
    let second = Store::open(folder.path(), options).err().unwrap();
    assert_eq!(second, StoreError::Locked(folder.path().into()));
    let one = [scalar("v", 0, 0.0)];
    for name in ["../a", "", "a\nb", "/a", ".."] {
        let refused = store.append(name, None, &one);
        assert!(matches!(refused, Err(StoreError::Name { .. })), "{name:?}");
    }
    let tags: Vec<Record> = (0..4).map(|i| scalar(&format!("t{i}"), 0, 0.0)).collect();
    let too_many = |r| matches!(r, Err(StoreError::Limit { limit, .. }) if limit == 2 || limit == 3);
    assert!(too_many(store.append("a", None, &tags)));
    store.append("a", None, &tags[..3]).unwrap();
    store.append("a", None, &tags[..3]).unwrap();
    assert!(too_many(store.append("a", None, &tags[3..])));
    store.append("b", None, &one).unwrap();
    assert!(too_many(store.append("c", None, &one)));
    drop(store);
    let store = Store::open(folder.path(), options).unwrap();
    assert!(
        too_many(store.append("a", None, &tags[3..])),
        "tags are known from the parts"
    );
    drop(store);
    let (runs, _) = read(folder.path()).unwrap();
    assert_eq!(runs.iter().map(|r| r.points()).collect::<Vec<_>>(), [6, 1]);
    std::fs::write(
        folder.path().join(".layerscope-store"),
        "{\"layerscope store\": 2}",
    )
    .unwrap();
    assert!(matches!(
        read(folder.path()),
        Err(StoreError::Version { found: 2, .. })
    ));
    assert!(matches!(read(Path::new("/")), Err(StoreError::Foreign(_))));
}

#[test]
fn a_damaged_log_keeps_the_rest_and_is_kept_itself() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("a");
    let store = Store::open(folder.path(), Options::default()).unwrap();
    for i in 0..20 {
        store.append("a", None, &[scalar("v", i, 0.0)]).unwrap();
    }
    let log = files(&dir, "log").remove(0);
    let live = std::fs::read(&log).unwrap();
    drop(store);
    // As a kill left it, with a byte of the tenth record turned.
    files(&dir, "parquet")
        .iter()
        .for_each(|p| std::fs::remove_file(p).unwrap());
    let frame = (live.len() - 8) / 20;
    let mut bytes = live.clone();
    bytes[8 + 9 * frame + 30] ^= 4;
    bytes.extend(&live[8..30]);
    std::fs::write(&log, &bytes).unwrap();
    let steps = |runs: &[Run]| runs[0].series["v"].points().map(|p| p.step).collect::<Vec<_>>();
    let kept: Vec<i64> = (0..20).filter(|&i| i != 9).collect();
    let (runs, warnings) = read(folder.path()).unwrap();
    assert_eq!((steps(&runs), warnings.len()), (kept.clone(), 1));
    assert!(warnings[0].contains("damaged"), "{warnings:?}");
    let store = Store::open(folder.path(), Options::default()).unwrap();
    store.append("a", None, &[scalar("v", 20, 0.0)]).unwrap();
    let warnings = store.close();
    assert!(
        !warnings.is_empty() && warnings.iter().all(|w| w.contains("damaged")),
        "{warnings:?}"
    );
    let (runs, warnings) = read(folder.path()).unwrap();
    assert_eq!((steps(&runs), warnings), ([kept, vec![20]].concat(), vec![]));
    let kept = files(&dir, "kept");
    assert_eq!(std::fs::read(&kept[0]).unwrap(), bytes, "nothing is thrown away");
}

#[test]
fn a_log_cut_at_any_byte_opens_with_what_was_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let mut ends = vec![8];
    let dir = folder.path().join("a");
    for i in 0..6 {
        store
            .append("a", None, &[scalar("v", i, 0.0), scalar("w", i, 0.0)])
            .unwrap();
        ends.push(std::fs::metadata(&files(&dir, "log")[0]).unwrap().len() as usize);
    }
    let log = files(&dir, "log").remove(0);
    let bytes = std::fs::read(&log).unwrap();
    for cut in (0..=bytes.len()).step_by(7).chain(ends.clone()) {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(
            folder.path().join(".layerscope-store"),
            copy.path().join(".layerscope-store"),
        )
        .unwrap();
        std::fs::create_dir(copy.path().join("a")).unwrap();
        std::fs::write(
            copy.path().join("a").join(log.file_name().unwrap()),
            &bytes[..cut],
        )
        .unwrap();
        let whole = ends[1..].iter().filter(|&&e| e <= cut).count() as i64;
        let store = Store::open(copy.path(), Options::default()).unwrap();
        let accepted = store.append("a", None, &[scalar("v", 100, 0.0)]).unwrap();
        assert_eq!(accepted.next, 2 * whole as u64 + 1, "cut at {cut}");
        assert_eq!(store.close(), Vec::<String>::new(), "cut at {cut}");
        let (runs, warnings) = read(copy.path()).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        let steps = runs[0].series["v"].points().map(|p| p.step);
        assert!(steps.eq((0..whole).chain([100])), "cut at {cut}");
    }
}

#[test]
fn a_damaged_part_is_named_and_none_of_its_numbers_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    store.append("a", None, &one_of_each()).unwrap();
    drop(store);
    let store = Store::open(folder.path(), Options::default()).unwrap();
    store.append("a", None, &[scalar("later", 9, 9.0)]).unwrap();
    drop(store);
    let parts = files(&folder.path().join("a"), "parquet");
    let whole = std::fs::read(&parts[0]).unwrap();
    for i in (0..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[i] ^= 8;
        std::fs::write(&parts[0], bytes).unwrap();
        let (runs, warnings) = read(folder.path()).unwrap();
        assert!(
            warnings.len() == 1 && warnings[0].contains("damaged"),
            "byte {i}: {warnings:?}"
        );
        assert_eq!(runs[0].series.keys().collect::<Vec<_>>(), ["later"], "byte {i}");
        assert_eq!(runs[0].tensors.len(), 3, "what lies beside it is shown");
    }
}
