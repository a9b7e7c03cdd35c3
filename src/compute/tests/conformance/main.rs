//! The ONNX backend suite (PyPI `onnx` 1.22.0, `onnx/backend/test/data`) on the executor.
//!
//! `LAYERSCOPE_ONNX_SUITE` names the suite's folder; without it the test says so and passes.
//! `LAYERSCOPE_CASE=part` runs the cases with that part in their name and prints what became of
//! each. `LAYERSCOPE_CONFORMANCE=write` writes the list of cases that do not pass and the report.

mod compare;
mod graphics;
mod report;
mod slopes;
mod suite;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use suite::{Case, Outcome};

/// What one case may take. The largest networks need a few seconds in a build without
/// optimisation.
const LIMIT: Duration = Duration::from_secs(120);

/// A case and what became of it.
pub struct Ran {
    case: Case,
    /// The operator that the case is about, where it is one.
    operator: Option<String>,
    outcome: Outcome,
}

#[test]
fn the_suite_passes_but_for_the_listed_cases() {
    let Some(folder) = std::env::var_os("LAYERSCOPE_ONNX_SUITE").map(PathBuf::from) else {
        println!("LAYERSCOPE_ONNX_SUITE is not set: the ONNX backend suite was not run");
        return;
    };
    let filter = std::env::var("LAYERSCOPE_CASE").ok();
    let cases = suite::cases(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let chosen: Vec<Case> = cases
        .into_iter()
        .filter(|c| filter.as_ref().is_none_or(|part| c.name.contains(part)))
        .collect();
    assert!(!chosen.is_empty(), "{}: no such case", folder.display());
    let ran = run_all(chosen, Case::run);
    if filter.is_some() {
        ran.iter().for_each(|r| println!("{} {}", r.case.name, r.outcome));
        return;
    }
    let text = report::list(&ran);
    let counts = report::totals(&ran);
    println!("{counts}");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let list = root.join("tests/conformance/open.txt");
    if std::env::var("LAYERSCOPE_CONFORMANCE").is_ok_and(|v| v == "write") {
        std::fs::write(&list, text).unwrap();
        std::fs::write(
            root.join("../../docs/conformance-onnx.md"),
            report::document(&ran),
        )
        .unwrap();
        return;
    }
    let listed = std::fs::read_to_string(&list).unwrap();
    let names = |text: &str| -> Vec<String> {
        let first = |line: &str| line.split('\t').next().unwrap_or_default().to_string();
        text.lines().map(first).collect()
    };
    let (listed, open) = (names(&listed), names(&text));
    let lost: Vec<&str> = text
        .lines()
        .filter(|line| !listed.iter().any(|l| line.split('\t').next() == Some(l)))
        .collect();
    assert!(lost.is_empty(), "cases that passed before:\n{}", lost.join("\n"));
    let won: Vec<&String> = listed.iter().filter(|l| !open.contains(l)).collect();
    assert!(
        won.is_empty(),
        "cases that pass now; run again with LAYERSCOPE_CONFORMANCE=write: {won:?}"
    );
}

/// Every case of single operators again on inputs of other shapes and sizes: errors, no panics.
#[test]
fn no_operator_panics_on_other_inputs() {
    let Some(folder) = std::env::var_os("LAYERSCOPE_ONNX_SUITE").map(PathBuf::from) else {
        println!("LAYERSCOPE_ONNX_SUITE is not set: the ONNX backend suite was not run");
        return;
    };
    let filter = std::env::var("LAYERSCOPE_CASE").ok();
    let cases = suite::cases(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let chosen = |c: &Case| {
        let expanded = c.name.contains("_expanded");
        c.group == "node" && filter.as_ref().map_or(!expanded, |part| c.name.contains(part))
    };
    let ran = run_all(cases.into_iter().filter(chosen).collect(), |case, options| {
        // Memory that cannot be had ends the process: the last name says where.
        if std::env::var_os("LAYERSCOPE_CASE").is_some() {
            eprintln!("{}", case.name);
        }
        let error = case.mutate(options).err();
        (error, Outcome::Passed)
    });
    if filter.is_some() {
        ran.iter()
            .for_each(|r| println!("{} {} {:?}", r.case.name, r.outcome, r.operator));
    }
    let wrong: Vec<String> = ran
        .iter()
        .filter(|r| r.outcome != Outcome::Passed)
        .map(|r| format!("{} {}", r.case.name, r.outcome))
        .collect();
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// Gradients of single operators against differences of their outputs.
#[test]
fn gradients_are_slopes() {
    let Some(folder) = std::env::var_os("LAYERSCOPE_ONNX_SUITE").map(PathBuf::from) else {
        println!("LAYERSCOPE_ONNX_SUITE is not set: the ONNX backend suite was not run");
        return;
    };
    let filter = std::env::var("LAYERSCOPE_CASE").ok();
    let cases = suite::cases(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let chosen = |c: &Case| {
        let expanded = c.name.contains("_expanded");
        c.group == "node" && filter.as_ref().map_or(!expanded, |part| c.name.contains(part))
    };
    let ran = run_all(cases.into_iter().filter(chosen).collect(), slopes::check);
    if filter.is_some() {
        ran.iter()
            .for_each(|r| println!("{} {} {:?}", r.case.name, r.outcome, r.operator));
    }
    let counts = ran
        .iter()
        .filter_map(|r| r.operator.as_ref()?.parse::<usize>().ok());
    println!("{} slopes", counts.sum::<usize>());
    let wrong: Vec<String> = ran
        .iter()
        .filter(|r| r.outcome != Outcome::Passed)
        .map(|r| format!("{} {}", r.case.name, r.outcome))
        .collect();
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is done with a case: gives a remark and what became of it.
type Job = fn(&Case, &compute::RunOptions) -> (Option<String>, Outcome);

/// Runs cases on all cores, each within [`LIMIT`] on a thread of its own.
fn run_all(cases: Vec<Case>, job: Job) -> Vec<Ran> {
    // Tests that set the hook of panics wait for each other.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Panics are outcomes here; a chosen case shows where.
    if std::env::var_os("LAYERSCOPE_CASE").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ran = run(case.clone(), job);
                    done.lock().unwrap().push(ran);
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let mut ran = done.into_inner().unwrap();
    ran.sort_by(|a, b| (a.case.group, &a.case.name).cmp(&(b.case.group, &b.case.name)));
    ran
}

fn run(case: Case, job: Job) -> Ran {
    let (send, receive) = mpsc::channel();
    let own = case.clone();
    let options = compute::RunOptions {
        keep: compute::Keep::Outputs,
        ..compute::RunOptions::default()
    };
    let cancel = options.cancel.clone();
    let work = move || {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&own, &options)));
        let ran = ran.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
            (None, Outcome::Panicked(text.unwrap_or_default()))
        });
        let _ = send.send(ran);
    };
    let thread = std::thread::Builder::new().stack_size(32 << 20);
    thread.spawn(work).expect("a thread");
    let (operator, outcome) = receive.recv_timeout(LIMIT).unwrap_or_else(|_| {
        cancel.store(true, Ordering::Relaxed);
        (None, Outcome::TimedOut)
    });
    Ran {
        case,
        operator,
        outcome,
    }
}
