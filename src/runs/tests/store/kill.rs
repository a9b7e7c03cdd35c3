//! Processes that are killed while they write.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use model::{Record, Run, TensorData};
use runs::store::{Batch, Store, read};

use crate::{at, files, scalar, small_logs};

const WRITERS: usize = 3;
const RUNS: [&str; WRITERS] = ["one", "two", "one"];

/// Batch `number` of a writer: what it holds follows from its name.
fn batch_of(writer: usize, number: u64) -> Vec<Record> {
    let tag = format!("w{writer}");
    let count = 1 + (number * 7 + writer as u64) % 9;
    let mut records: Vec<Record> = (0..count)
        .map(|k| scalar(&tag, number as i64, k as f64))
        .collect();
    if number.is_multiple_of(5) {
        let values = vec![number as f32; 50];
        records.push(Record::Tensor {
            tag,
            at: at(number as i64, TensorData::from_f32(&[50], &values)),
        });
    }
    records
}

/// Not a test by itself: [`a_kill_at_any_moment_loses_and_repeats_nothing`] starts it, and ends it.
#[test]
#[ignore]
fn child_that_is_killed() {
    let Ok(dir) = std::env::var("LAYERSCOPE_STORE_CHILD") else {
        return;
    };
    let starts = std::env::var("LAYERSCOPE_STORE_STARTS").unwrap();
    let starts: Vec<u64> = starts.split(' ').map(|s| s.parse().unwrap()).collect();
    let store = Store::open(Path::new(&dir), small_logs()).unwrap();
    std::thread::scope(|scope| {
        for (writer, start) in starts.into_iter().enumerate() {
            let store = &store;
            scope.spawn(move || {
                for number in start.. {
                    let batch = Batch {
                        sender: writer as u64,
                        number,
                    };
                    let records = batch_of(writer, number);
                    store.append(RUNS[writer], Some(batch), &records).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {writer} {number}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

/// Checks that the store holds batches 1 to n of each writer, each once, in order; returns each n.
fn complete(dir: &Path) -> Vec<u64> {
    let (runs, warnings) = read(dir).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let last = |writer: usize| {
        let tag = format!("w{writer}");
        let run = runs.iter().find(|r| r.name == RUNS[writer]);
        let Some(series) = run.and_then(|r| r.series.get(&tag)) else {
            return 0;
        };
        let last = series.last().unwrap().step as u64;
        let expected: Vec<Record> = (1..=last).flat_map(|n| batch_of(writer, n)).collect();
        let mut wanted = Run::new(RUNS[writer]);
        expected.into_iter().for_each(|r| wanted.take(r));
        assert!(
            series.points().eq(wanted.series[&tag].points()),
            "{tag}: {} points, {} wanted",
            series.len(),
            wanted.points()
        );
        assert_eq!(run.unwrap().tensors.get(&tag), wanted.tensors.get(&tag));
        last
    };
    (0..WRITERS).map(last).collect()
}

#[test]
fn a_kill_at_any_moment_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut seed = since.unwrap().as_nanos() as u64;
    let mut acknowledged = vec![0; WRITERS];
    let mut parts = 0;
    for round in 0..40 {
        let starts: Vec<String> = acknowledged.iter().map(|n: &u64| (n + 1).to_string()).collect();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "kill::child_that_is_killed",
                "--nocapture",
            ])
            .env("LAYERSCOPE_STORE_CHILD", folder.path())
            .env("LAYERSCOPE_STORE_STARTS", starts.join(" "))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (first, started) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let acknowledgement = |line: String| {
                let (_, rest) = line.split_once("acknowledged ")?;
                let (writer, number) = rest.split_once(' ')?;
                let _ = first.send(());
                Some((writer.parse::<usize>().ok()?, number.parse::<u64>().ok()?))
            };
            lines
                .map_while(Result::ok)
                .filter_map(acknowledgement)
                .collect::<Vec<_>>()
        });
        // Some are killed while they open what the one before left.
        if round % 4 != 3 {
            started.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        std::thread::sleep(Duration::from_micros((seed >> 33) % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for (writer, number) in reader.join().unwrap() {
            assert_eq!(number, acknowledged[writer] + 1);
            acknowledged[writer] = number;
        }
        for (stored, acknowledged) in complete(folder.path()).iter().zip(&acknowledged) {
            // One batch may be on disk whose acknowledgement was not sent; its sender will send it again.
            assert!(
                (0..=1).contains(&(*stored as i64 - *acknowledged as i64)),
                "round {round}"
            );
        }
        parts = parts.max(files(&folder.path().join("one"), "parquet").len());
    }
    println!("{acknowledged:?} batches, {parts} parts");
    assert!(
        acknowledged.iter().all(|&n| n > 20) && parts > 10,
        "{acknowledged:?} {parts}"
    );
    let before = complete(folder.path());
    assert_eq!(
        Store::open(folder.path(), small_logs()).unwrap().close(),
        Vec::<String>::new()
    );
    assert_eq!(
        files(&folder.path().join("one"), "log"),
        Vec::<std::path::PathBuf>::new()
    );
    assert_eq!(complete(folder.path()), before);
}
