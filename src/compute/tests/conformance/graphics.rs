//! One case of each operator on a graphics device.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use compute::{Device, Engine, Gpu, Keep, RunOptions, wait};

use crate::compare;
use crate::suite::{self, Case};

/// Relative tolerance: transcendental functions of graphics devices are less exact.
const RELATIVE: f64 = 5e-3;

/// Absolute tolerance.
const ABSOLUTE: f64 = 1e-4;

/// Cases that do not pass on a graphics device, by the beginning of their names, and why.
const OPEN: &[(&str, &str)] = &[];

/// Cases that do not pass on the processor either are left out.
pub fn chosen(folder: &std::path::Path) -> Result<Vec<Case>, String> {
    let list = include_str!("open.txt");
    let open: BTreeSet<&str> = list.lines().filter_map(|l| l.split('\t').next()).collect();
    let filter = std::env::var("LAYERSCOPE_CASE").ok();
    let mut seen = BTreeSet::new();
    let mut chosen = Vec::new();
    for case in suite::cases(folder)? {
        if case.group != "node" || case.name.contains("_expanded") || open.contains(case.name.as_str()) {
            continue;
        }
        let operator = case.operator()?;
        let wanted = match &filter {
            Some(part) => case.name.contains(part.as_str()),
            None => seen.insert(operator),
        };
        if wanted {
            chosen.push(case);
        }
    }
    Ok(chosen)
}

fn run(engine: &mut Engine, case: &Case) -> Result<(), String> {
    let (network, inputs, expected) = case.whole()?;
    let options = RunOptions {
        keep: Keep::Outputs,
        ..RunOptions::default()
    };
    let found = wait(engine.evaluate(&network, &inputs, &options)).ok_or("it cannot be waited for")?;
    let found = found.map_err(|e| e.to_string())?;
    compare::within(&found, &expected, RELATIVE, ABSOLUTE)
}

#[test]
fn every_operator_runs_on_a_graphics_device() {
    let Some(folder) = std::env::var_os("LAYERSCOPE_ONNX_SUITE").map(PathBuf::from) else {
        println!("LAYERSCOPE_ONNX_SUITE is not set: the ONNX backend suite was not run");
        return;
    };
    let gpu = Gpu::open().unwrap();
    let cases = chosen(&folder).unwrap();
    let engine = RefCell::new(Engine::new(Device::Gpu(gpu)));
    let mut wrong = Vec::new();
    for case in &cases {
        let work = std::panic::AssertUnwindSafe(|| run(&mut engine.borrow_mut(), case));
        let ran = std::panic::catch_unwind(work).unwrap_or_else(|_| Err("panicked".into()));
        let known = OPEN.iter().any(|(start, _)| case.name.starts_with(start));
        match ran {
            Err(why) if !known => wrong.push(format!("{}: {why}", case.name)),
            Ok(()) if known => wrong.push(format!("{}: passes now", case.name)),
            _ => {}
        }
    }
    println!("{} cases, one an operator", cases.len());
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
