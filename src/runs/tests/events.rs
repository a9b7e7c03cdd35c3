//! Event files, read as TensorBoard reads them, followed, damaged.

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use model::run::MarkKind;
use runs::Library;
use support::{compare, open, python, refresh, run};

fn samples() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/tensorboard"))
}

fn sample(run: &str) -> (PathBuf, Vec<u8>) {
    let mut files: Vec<_> = fs::read_dir(samples().join(run))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let file = files.into_iter().find(|f| f.is_file()).unwrap();
    let bytes = fs::read(&file).unwrap();
    (file, bytes)
}

/// Where records of an event file begin, and its end.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    let mut at = 0;
    while at < bytes.len() {
        at += 16 + u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        ends.push(at);
    }
    ends
}

#[test]
fn samples_are_read_as_tensorboard_reads_them() {
    let library = open(&samples());
    assert_eq!(library.warnings(), []);
    let expected = fs::read_to_string(samples().with_extension("json")).unwrap();
    assert!(compare(&library, &expected) > 120);
    let names: Vec<_> = library.runs().iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["new", "old", "old/trial", "old/trial/t"]);
    // Two files, the second of which goes back: one restart, though no file says so.
    let old = run(&library, "old");
    let restarts: Vec<_> = old.marks.iter().map(|m| (m.kind, m.step)).collect();
    assert_eq!(restarts, [(MarkKind::Restart, 10)]);
    assert_eq!(old.series["loss/train"].restarts(), [21]);
}

#[test]
fn fresh_logs_are_read_as_tensorboard_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    if python(&["write", path, "3000"]).is_none() {
        return;
    }
    let expected = python(&["read", path]).unwrap();
    let library = open(folder.path());
    assert_eq!(library.warnings(), []);
    assert!(compare(&library, &expected) > 12_000);
}

#[test]
fn a_file_that_grows_by_any_number_of_bytes_is_followed() {
    let (_, bytes) = sample("new");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.out.tfevents.1.h");
    let mut file = fs::File::create(&path).unwrap();
    let mut library = Library::open(folder.path()).unwrap();
    for piece in bytes.chunks(997) {
        file.write_all(piece).unwrap();
        refresh(&mut library);
        assert_eq!(library.warnings(), []);
    }
    let whole = open(&samples());
    let (found, expected) = (&library.runs()[0], run(&whole, "new"));
    assert_eq!(found.name, folder.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(format!("{:?}", found.series), format!("{:?}", expected.series));
    assert_eq!(
        format!("{:?}", found.histograms),
        format!("{:?}", expected.histograms)
    );
    assert_eq!(found.images, expected.images);
    // Nothing new: the same run.
    let before = library.runs()[0].clone();
    assert!(!refresh(&mut library).changed);
    assert!(Arc::ptr_eq(&before, &library.runs()[0]));
}

/// Points by tag of bytes that stand in one event file, and the warnings.
fn read(bytes: &[u8]) -> (Vec<(String, usize)>, Vec<String>) {
    let file = ("events.out.tfevents.1.h".to_string(), bytes.to_vec().into());
    let mut library = Library::from_bytes(vec![file]).unwrap();
    refresh(&mut library);
    let run = &library.runs()[0];
    let points = run.series.iter().map(|(tag, s)| (tag.clone(), s.len())).collect();
    (points, library.warnings().iter().map(|w| w.to_string()).collect())
}

fn total(points: &[(String, usize)]) -> usize {
    points.iter().map(|(_, n)| n).sum()
}

#[test]
fn a_file_cut_anywhere_keeps_what_is_before_the_cut() {
    let (_, bytes) = sample("old/trial/t");
    let ends = boundaries(&bytes);
    let whole = |cut: usize| ends.iter().filter(|&&e| e <= cut).count();
    for cut in 0..bytes.len() {
        let file = ("a/x.tfevents.1".to_string(), bytes[..cut].to_vec().into());
        let mut library = Library::from_bytes(vec![file]).unwrap();
        refresh(&mut library);
        assert_eq!(
            library.warnings(),
            [],
            "cut at {cut}: a file that grows is no error"
        );
        let run = &library.runs()[0];
        // Records: version, experiment, hyperparameters, end, score.
        assert_eq!(
            run.hyperparameters.len(),
            if whole(cut) > 3 { 3 } else { 0 },
            "cut at {cut}"
        );
        assert_eq!(run.points(), (whole(cut) > 5) as usize, "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_one_record() {
    let (_, bytes) = sample("old");
    let bytes = &bytes[..boundaries(&bytes)[12]];
    let ends = boundaries(bytes);
    let all: Vec<_> = (0..ends.len() - 1)
        .map(|i| total(&read(&bytes[..ends[i + 1]]).0))
        .collect();
    for place in 0..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[place] ^= 1 << (place % 8);
        let (points, warnings) = read(&damaged);
        assert_eq!(warnings.len(), 1, "byte {place}: {warnings:?}");
        let record = ends.iter().rposition(|&e| e <= place).unwrap();
        assert!(
            warnings[0].contains(&format!("byte {}", ends[record])),
            "{place}: {warnings:?}"
        );
        let lost = all[record] - if record == 0 { 0 } else { all[record - 1] };
        assert_eq!(total(&points), all[all.len() - 1] - lost, "byte {place}");
    }
}

#[test]
fn what_was_cut_by_a_full_disk_is_passed_over() {
    let (_, bytes) = sample("new");
    let ends = boundaries(&bytes);
    let (expected, _) = read(&bytes);
    let cut = (ends[4] + 25).min(ends[5] - 1);
    // The fifth record was cut, and the writer went on.
    let damaged = [&bytes[..cut], &bytes[ends[5]..]].concat();
    let (points, warnings) = read(&damaged);
    assert_eq!(total(&points), total(&expected) - 1);
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains(&format!(
            "byte {}: a record was cut short after {} bytes",
            ends[4],
            cut - ends[4]
        )),
        "{warnings:?}"
    );
    // Zeros between records, as a crash of the machine leaves them.
    let damaged = [&bytes[..ends[4]], &[0; 5000], &bytes[ends[4]..]].concat();
    let (points, warnings) = read(&damaged);
    assert_eq!((points, warnings.len()), (expected, 1));
}

#[test]
fn a_damaged_end_is_told_and_mended_when_the_writer_does() {
    let (_, bytes) = sample("new");
    let ends = boundaries(&bytes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tfevents.1");
    let mut early = bytes[..ends[3]].to_vec();
    early.extend([0; 300]);
    fs::write(&path, &early).unwrap();
    let mut library = open(folder.path());
    let warnings: Vec<_> = library.warnings().iter().map(|w| w.to_string()).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&format!("byte {}", ends[3])), "{warnings:?}");
    fs::write(&path, &bytes).unwrap();
    refresh(&mut library);
    assert_eq!(library.warnings(), []);
    assert_eq!(library.runs()[0].points(), total(&read(&bytes).0));
}

#[test]
fn a_file_that_is_replaced_is_read_anew() {
    let (_, old) = sample("old");
    let (_, new) = sample("new");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tfevents.1");
    fs::write(&path, &old).unwrap();
    let mut library = open(folder.path());
    assert!(library.runs()[0].series.contains_key("rare"));
    fs::write(&path, &new).unwrap();
    refresh(&mut library);
    assert_eq!(library.runs()[0].points(), total(&read(&new).0));
    assert!(
        library.warnings()[0].problem.contains("read anew"),
        "{:?}",
        library.warnings()
    );
    fs::remove_file(&path).unwrap();
    refresh(&mut library);
    assert_eq!(library.runs()[0].points(), total(&read(&new).0));
    assert!(
        library.warnings().iter().any(|w| w.problem.contains("gone")),
        "{:?}",
        library.warnings()
    );
}

#[test]
fn a_small_budget_reads_everything_in_the_end() {
    let whole = open(&samples());
    let mut library = Library::open(&samples()).unwrap();
    let mut calls = 0;
    while !library.refresh(Duration::ZERO, &AtomicBool::new(false)).finished {
        calls += 1;
        assert!(calls < 100);
    }
    for (a, b) in library.runs().iter().zip(whole.runs()) {
        assert_eq!(format!("{:?}", a.series), format!("{:?}", b.series));
    }
    let mut library = Library::open(&samples()).unwrap();
    let progress = library.refresh(support::LONG, &AtomicBool::new(true));
    assert_eq!((progress.bytes_read, progress.finished), (0, false));
}

#[test]
fn runs_that_appear_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bytes) = sample("old/trial/t");
    let add = |name: &str| {
        fs::create_dir_all(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("events.out.tfevents.1.h"), &bytes).unwrap();
    };
    add("run10");
    let mut library = open(folder.path());
    add("run2");
    add("deep/er");
    // On a slow disk the folder is not looked into at once again.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !refresh(&mut library).changed && std::time::Instant::now() < end {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let names: Vec<_> = library.runs().iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["deep/er", "run2", "run10"]);
    assert!(library.runs().iter().all(|r| r.points() == 1));
}

#[test]
fn what_is_no_log_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| Library::open(path).err().unwrap().to_string();
    assert!(
        message(folder.path()).contains("expected a training history"),
        "{}",
        message(folder.path())
    );
    let missing = folder.path().join("missing");
    assert!(message(&missing).starts_with(missing.to_str().unwrap()));
    let text = folder.path().join("notes.txt");
    fs::write(&text, "hello").unwrap();
    assert!(
        message(&text).contains("found another file"),
        "{}",
        message(&text)
    );
}

#[test]
fn a_file_of_zeros_is_told_and_does_not_hold_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tfevents.1");
    let (_, bytes) = sample("new");
    fs::write(&path, &bytes).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    // Sparse: a preallocated log.
    file.set_len(100 << 20).unwrap();
    let mut library = Library::open(folder.path()).unwrap();
    let mut calls = 0;
    while !library
        .refresh(Duration::from_millis(20), &AtomicBool::new(false))
        .finished
    {
        calls += 1;
    }
    assert!(calls > 1, "the search gives way");
    assert_eq!(library.runs()[0].points(), total(&read(&bytes).0));
    assert_eq!(library.warnings().len(), 1);
    // The writer goes on where it was.
    let end = bytes.len() as u64;
    let mut more = fs::File::options().write(true).open(&path).unwrap();
    std::io::Seek::seek(&mut more, std::io::SeekFrom::Start(end)).unwrap();
    more.write_all(&bytes).unwrap();
    more.set_len(end * 2).unwrap();
    library = open(folder.path());
    assert_eq!(library.warnings(), []);
    assert_eq!(library.runs()[0].points(), 2 * total(&read(&bytes).0));
}

#[test]
fn a_library_may_live_on_another_thread() {
    fn sent<T: Send>(_: &T) {}
    sent(&Library::open(&samples()).unwrap());
}
