//! Event files beside TensorBoard's own Rust loader, on the same generated logs.
//!
//!     cargo bench -p runs --bench events -- FOLDER SERVER
//!
//! FOLDER: where the logs go, about 1.3 GB at a time, removed afterwards. SERVER: the program
//! `tensorboard_data_server/bin/server` of PyPI's `tensorboard-data-server`; without it only ours is
//! measured. The rival's time is what it says itself (`Finished load cycle`), with `--reload once`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use runs::Library;

const RUNS: usize = 8;
const TAGS: usize = 10;
const STEPS: usize = 260_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("events: a folder for the logs is expected");
        return;
    };
    let server = arguments.next();
    let logs = folder.join("layerscope-bench-logs");
    for form in [Form::Old, Form::New] {
        let points = RUNS * TAGS * STEPS;
        for run in 0..RUNS {
            write(&logs.join(format!("run{run}")), form, TAGS, STEPS);
        }
        let bytes = size(&logs);
        println!(
            "{form:?} form: {:.1} M scalars in {RUNS} files, {:.2} GB",
            points as f64 / 1e6,
            bytes as f64 / 1e9
        );
        compare(&logs, points, server.as_deref());
        _ = fs::remove_dir_all(&logs);
    }
    // One file, read by all cores.
    write(&logs, Form::Old, TAGS * RUNS, STEPS);
    println!("one file of {} M scalars", (RUNS * TAGS * STEPS) as f64 / 1e6);
    compare(&logs, RUNS * TAGS * STEPS, server.as_deref());
    _ = fs::remove_dir_all(&logs);
    write(&logs, Form::Old, 1000, 20_800);
    follow(&logs);
    _ = fs::remove_dir_all(&logs);
    thousand(&logs);
    _ = fs::remove_dir_all(&logs);
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// `simple_value`, as PyTorch's SummaryWriter writes.
    Old,
    /// A tensor with metadata, as TensorFlow 2 writes.
    New,
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(key: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(key);
    varint(content.len() as u64, out);
    out.extend(content);
}

fn frame(event: &[u8], out: &mut Vec<u8>) {
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8);
    let length = (event.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(event);
    out.extend(masked(event).to_le_bytes());
}

/// An event with one scalar.
fn scalar(form: Form, tag: &str, step: u64, out: &mut Vec<u8>) {
    let number = (1.0 / (1.0 + step as f32)).to_le_bytes();
    let mut value = Vec::with_capacity(64);
    field(0x0a, tag.as_bytes(), &mut value);
    match form {
        Form::Old => {
            value.push(0x15);
            value.extend(number);
        }
        Form::New => {
            let mut tensor = vec![0x08, 1, 0x12, 0, 0x22, 4];
            tensor.extend(number);
            field(0x42, &tensor, &mut value);
            let mut plugin = Vec::new();
            field(0x0a, b"scalars", &mut plugin);
            let mut metadata = Vec::new();
            field(0x0a, &plugin, &mut metadata);
            metadata.extend([0x20, 1]);
            field(0x4a, &metadata, &mut value);
        }
    }
    let mut summary = Vec::with_capacity(80);
    field(0x0a, &value, &mut summary);
    let mut event = vec![0x09];
    event.extend((1.7e9 + step as f64 * 0.1).to_le_bytes());
    event.push(0x10);
    varint(step, &mut event);
    field(0x2a, &summary, &mut event);
    frame(&event, out);
}

fn tags(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("train/layer{i}/loss")).collect()
}

fn write(folder: &Path, form: Form, count: usize, steps: usize) {
    fs::create_dir_all(folder).unwrap();
    let file = File::create(folder.join("events.out.tfevents.1700000000.bench")).unwrap();
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut out = Vec::new();
    let mut version = vec![0x09];
    version.extend(1.7e9f64.to_le_bytes());
    field(0x1a, b"brain.Event:2", &mut version);
    frame(&version, &mut out);
    let tags = tags(count);
    for step in 0..steps {
        for tag in &tags {
            scalar(form, tag, step as u64, &mut out);
        }
        file.write_all(&out).unwrap();
        out.clear();
    }
    file.flush().unwrap();
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|e| {
            if e.path().is_dir() {
                size(&e.path())
            } else {
                e.metadata().unwrap().len()
            }
        })
        .sum()
}

fn load(folder: &Path) -> (Library, Duration) {
    let start = Instant::now();
    let mut library = Library::open(folder).unwrap();
    while !library
        .refresh(Duration::from_secs(3600), &AtomicBool::new(false))
        .finished
    {}
    (library, start.elapsed())
}

fn memory(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|l| {
        l.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse::<f64>()
            .ok()
    });
    peak.unwrap_or(f64::NAN) / 1e6
}

fn compare(logs: &Path, points: usize, server: Option<&str>) {
    let rate = |time: f64| points as f64 / 1e6 / time;
    let mut best = f64::INFINITY;
    let mut times = Vec::new();
    for _ in 0..3 {
        let (library, time) = load(logs);
        let found: usize = library.runs().iter().map(|r| r.points()).sum();
        assert_eq!((found, library.warnings().len()), (points, 0));
        best = best.min(time.as_secs_f64());
        times.push(format!("{:.2}", time.as_secs_f64()));
        if times.len() == 3 {
            let (times, memory) = (times.join(", "), memory("self"));
            println!(
                "  layerscope: {times} s, {:.1} M points/s at best, {memory:.2} GB",
                rate(best)
            );
        }
    }
    let Some(server) = server else { return };
    for options in [&[][..], &["--checksum"], &["--samples-per-plugin=scalars=all"]] {
        let mut rival = f64::INFINITY;
        let mut used = f64::NAN;
        for _ in 0..2 {
            let (time, memory) = serve(server, logs, options);
            rival = rival.min(time);
            used = memory;
        }
        let options = options.join(" ");
        println!(
            "  tensorboard-data-server {options}: {rival:.2} s, {:.1} M points/s, {used:.2} GB; {:.1} times ours",
            rate(rival),
            rival / best
        );
    }
}

/// Seconds that the server says a load takes, and its memory after that.
fn serve(server: &str, logs: &Path, options: &[&str]) -> (f64, f64) {
    let mut command = Command::new(server);
    command
        .arg("--logdir")
        .arg(logs)
        .args(["--port", "0", "--reload", "once", "-v", "--die-after-stdin"])
        .args(options);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut found = f64::NAN;
    for line in lines.map_while(Result::ok) {
        if let Some((_, time)) = line.split_once("Finished load cycle (") {
            let time = time.trim_end_matches(')');
            let number = |unit: &str| time.strip_suffix(unit).and_then(|t| t.parse::<f64>().ok());
            found = number("ms")
                .map(|t| t / 1e3)
                .or_else(|| number("\u{b5}s").map(|t| t / 1e6))
                .or_else(|| number("s"))
                .unwrap();
            break;
        }
    }
    let memory = memory(&child.id().to_string());
    drop(child.stdin.take());
    _ = child.kill();
    _ = child.wait();
    (found, memory)
}

/// Milliseconds, smallest, median and largest.
fn told(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    format!(
        "{:.2} / {:.2} / {:.2} ms",
        times[0],
        times[times.len() / 2],
        times[times.len() - 1]
    )
}

fn follow(logs: &Path) {
    let (mut library, _) = load(logs);
    let path = logs.join("events.out.tfevents.1700000000.bench");
    let points: usize = library.runs()[0].points();
    println!(
        "following a file of {:.1} M scalars of 1,000 tags, smallest / median / largest of 50:",
        points as f64 / 1e6
    );
    let tags = tags(1000);
    for (what, count) in [
        ("nothing new", 0),
        ("one record", 1),
        ("a record of each tag", 1000),
    ] {
        let mut times = Vec::new();
        for i in 0..50u64 {
            let mut out = Vec::new();
            for tag in &tags[..count] {
                scalar(Form::Old, tag, 1_000_000 + i, &mut out);
            }
            OpenOptions::new()
                .append(true)
                .open(&path)
                .unwrap()
                .write_all(&out)
                .unwrap();
            // What a user interface holds on to while it draws.
            let shown = library.runs().to_vec();
            let start = Instant::now();
            let progress = library.refresh(Duration::from_secs(60), &AtomicBool::new(false));
            times.push(start.elapsed().as_secs_f64() * 1e3);
            assert!(progress.finished && progress.changed == (count > 0));
            drop(shown);
        }
        println!("  {what}: {}", told(times));
    }
}

fn thousand(logs: &Path) {
    for run in 0..1000 {
        write(
            &logs.join(format!("sweep/lr{}/run{run}", run % 10)),
            Form::Old,
            20,
            100,
        );
    }
    let start = Instant::now();
    let mut library = Library::open(logs).unwrap();
    let opened = start.elapsed().as_secs_f64() * 1e3;
    let start = Instant::now();
    let mut calls = Vec::new();
    loop {
        let call = Instant::now();
        let finished = library
            .refresh(Duration::from_millis(8), &AtomicBool::new(false))
            .finished;
        calls.push(call.elapsed().as_secs_f64() * 1e3);
        if finished {
            break;
        }
    }
    println!(
        "a thousand runs of 2,000 scalars: listed after {opened:.1} ms, read after {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    println!("  each refresh with a budget of 8 ms: {}", told(calls));
    let mut idle = Vec::new();
    let mut grown = Vec::new();
    for i in 0..50u64 {
        let start = Instant::now();
        library.refresh(Duration::from_secs(60), &AtomicBool::new(false));
        idle.push(start.elapsed().as_secs_f64() * 1e3);
        let mut out = Vec::new();
        scalar(Form::Old, "train/layer0/loss", 1000 + i, &mut out);
        let path = logs.join("sweep/lr7/run7/events.out.tfevents.1700000000.bench");
        OpenOptions::new()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(&out)
            .unwrap();
        let start = Instant::now();
        library.refresh(Duration::from_secs(60), &AtomicBool::new(false));
        grown.push(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("  refresh with nothing new: {}", told(idle));
    println!("  refresh after one run grew: {}", told(grown));
    let mut filtered = Vec::new();
    for i in 0..50 {
        let start = Instant::now();
        let wanted = format!("lr{}/run{}", i % 10, i % 7);
        let found = library.runs().iter().filter(|r| r.name.contains(&wanted)).count();
        filtered.push(start.elapsed().as_secs_f64() * 1e3);
        std::hint::black_box(found);
    }
    println!("  filter by name: {}", told(filtered));
}
