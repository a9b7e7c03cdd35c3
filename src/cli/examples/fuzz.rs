//! Fuzzes the way from a model file's bytes to its layout, without a nightly compiler:
//! `cargo run -p cli --example fuzz -- --seconds 600 [--seeds FOLDER] [--found FOLDER]`.
//!
//! Mutations know protobuf, JSON and files of weights (`src/formats/tests/mutate`). What makes the reader say
//! something new, numbers and names aside, joins the corpus of the run, and is kept in the folder
//! of `--found`. A worker process does the work: it must not panic, exceed 2 s of processor time
//! on one file, or hold more than 1 GiB above the file's size. What breaks it is kept as
//! `crash-*` in the folder for temporary files, and the next worker goes on.

#[path = "../../formats/tests/mutate/mod.rs"]
mod mutate;
#[path = "../tests/open_path.rs"]
mod open_path;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cap::Cap;
use mutate::Random;

#[global_allocator]
static MEMORY: Cap<std::alloc::System> = Cap::new(std::alloc::System, usize::MAX);

const SECONDS_A_FILE: u64 = 2;
const BYTES_ABOVE_THE_FILE: usize = 1 << 30;

/// Files of `folder` and of the folders in it, by name.
fn files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, into);
        } else if let (Some(name), Ok(bytes)) = (path.file_name(), std::fs::read(&path))
            && bytes.len() < 1 << 16
            && !name.to_string_lossy().ends_with(".pb")
        {
            into.push((name.to_string_lossy().into_owned(), bytes));
        }
    }
}

/// A message without its numbers and quoted names.
fn shape_of(text: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    let (mut quote, mut escaped) = (None, false);
    for c in text.chars() {
        match quote {
            Some(open) if c == open && !escaped => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '`') => quote = Some(c),
            None if c.is_ascii_digit() => {}
            None => c.hash(&mut hash),
        }
        escaped = quote.is_some() && c == '\\' && !escaped;
    }
    hash.finish()
}

fn argument(name: &str) -> Option<String> {
    // The last one counts: the supervisor appends its own.
    let all: Vec<String> = std::env::args().collect();
    let at = all.iter().rposition(|a| a == name)?;
    all.get(at + 1).cloned()
}

/// What the watchdog sees of the worker: milliseconds since its start when the file began.
static BEGUN: AtomicU64 = AtomicU64::new(0);

fn worker(seed: u64, seconds: u64, case: &Path) {
    let mut corpus = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/corpus"),
        &mut corpus,
    );
    for folder in [argument("--seeds"), argument("--found")].into_iter().flatten() {
        files(Path::new(&folder), &mut corpus);
    }
    let found = argument("--found").map(PathBuf::from);
    let start = Instant::now();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = start.elapsed().as_millis() as u64;
            if now.saturating_sub(BEGUN.load(Ordering::Relaxed)) > 30_000 {
                eprintln!("hangs");
                std::process::abort();
            }
        }
    });
    let mut random = Random(seed);
    let mut seen: HashMap<u64, u64> = HashMap::new();
    let (mut rounds, mut opened, seeds) = (0u64, 0u64, corpus.len());
    let mut names = HashSet::new();
    let mut queue = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        // The seeds themselves first.
        let (name, bytes) = if queue < seeds {
            queue += 1;
            corpus[queue - 1].clone()
        } else {
            let (name, file) = &corpus[random.below(corpus.len())];
            let (_, other) = &corpus[random.below(corpus.len())];
            (name.clone(), mutate::mutate(file, other, &mut random))
        };
        std::fs::write(case, &bytes).expect("the folder for temporary files takes files");
        BEGUN.store(start.elapsed().as_millis() as u64, Ordering::Relaxed);
        let limit = MEMORY.allocated() + bytes.len() + BYTES_ABOVE_THE_FILE;
        MEMORY.set_limit(limit).expect("the limit is above what is held");
        let time = cpu_time::ThreadTime::now();
        let result = open_path::open(&name, bytes.clone());
        if time.elapsed() > Duration::from_secs(SECONDS_A_FILE) {
            eprintln!("took {:?}", time.elapsed());
            std::process::abort();
        }
        MEMORY
            .set_limit(usize::MAX)
            .expect("no limit is above what is held");
        rounds += 1;
        opened += u64::from(result.is_ok());
        let said =
            result.unwrap_or_else(|e| vec![e.split_once(": ").map_or(String::new(), |(_, s)| s.into())]);
        let mut new = false;
        for text in &said {
            let count = seen.entry(shape_of(text)).or_default();
            *count += 1;
            new |= *count == 1;
        }
        if new && queue >= seeds && rounds > seeds as u64 && bytes.len() < 8192 {
            let mut hash = DefaultHasher::new();
            bytes.hash(&mut hash);
            let kind = name.rsplit('.').next().unwrap_or("bin");
            let kept = format!("{:016x}.{kind}", hash.finish());
            if let Some(found) = &found
                && names.insert(kept.clone())
            {
                std::fs::write(found.join(&kept), &bytes).expect("the folder of --found takes files");
            }
            corpus.push((kept, bytes));
        }
    }
    println!(
        "{rounds} files, {opened} opened, {} things said, corpus {seeds} + {}",
        seen.len(),
        corpus.len() - seeds
    );
}

fn main() {
    let number = |name: &str, default| argument(name).map_or(default, |t| t.parse().expect("a number"));
    let (seconds, seed) = (number("--seconds", 60), number("--seed", 0x9e37_79b9_7f4a_7c15));
    if let Some(case) = argument("--worker") {
        return worker(seed, seconds, Path::new(&case));
    }
    let case = std::env::temp_dir().join(format!("layerscope-fuzz-{}", std::process::id()));
    let start = Instant::now();
    let (mut crashes, mut next) = (0, seed);
    while start.elapsed() < Duration::from_secs(seconds) {
        let left = seconds.saturating_sub(start.elapsed().as_secs()).max(1);
        let status = std::process::Command::new(std::env::current_exe().expect("a program knows its path"))
            .args(std::env::args().skip(1))
            .args(["--worker", case.to_str().expect("a readable path")])
            .args(["--seconds", &left.to_string(), "--seed", &next.to_string()])
            .status()
            .expect("the program starts itself");
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if !status.success() {
            crashes += 1;
            let kept = std::env::temp_dir().join(format!("crash-{crashes}-{}", std::process::id()));
            // The worker may have died before its first file.
            let _ = std::fs::copy(&case, &kept);
            println!("{status}: {}", kept.display());
            if crashes >= 50 {
                break;
            }
        }
    }
    let _ = std::fs::remove_file(&case);
    println!("{crashes} crashes in {} s", start.elapsed().as_secs());
    std::process::exit(i32::from(crashes > 0));
}
