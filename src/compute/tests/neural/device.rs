//! The graphics device against the processor. Needs a Vulkan driver; `./check` installs Mesa's
//! software one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use compute::{Executor, Flex, FlexDevice, Gpu, RunOptions, Wgpu};

use crate::cases::{differentiable, discrete};
use crate::single::{Case, given, network};

/// Largest accepted error, as a share of the tensor's largest magnitude.
const TOLERANCE: f32 = 5e-4;

fn compare(gpu: &Gpu, (op, inputs, outputs): &Case) -> Result<(), String> {
    let network = Arc::new(network(op, inputs, *outputs));
    let (given, options) = (given(inputs), RunOptions::default());
    let cpu = Executor::<Flex>::new(network.clone(), FlexDevice).map_err(|e| e.to_string())?;
    let wanted = cpu.run(cpu.inputs(&given).map_err(|e| e.to_string())?, &options);
    let own = Executor::<Wgpu>::new(network.clone(), gpu.burn().clone()).map_err(|e| e.to_string())?;
    let found = own.run(own.inputs(&given).map_err(|e| e.to_string())?, &options);
    let (wanted, found) = (
        wanted.map_err(|e| e.to_string())?,
        found.map_err(|e| e.to_string())?,
    );
    for id in &network.main().outputs {
        let (w, f) = (&wanted.values[id], &found.values[id]);
        if w.shape() != f.shape() {
            return Err(format!("shape {:?} instead of {:?}", f.shape(), w.shape()));
        }
        let (w, f) = (w.to_host()?, f.to_host()?);
        let finite = w.iter().filter(|v| v.is_finite());
        let largest = finite.fold(1e-12f32, |m, v| m.max(v.abs()));
        let near = |(a, b): (&f32, &f32)| a == b || (a - b).abs() <= TOLERANCE * largest;
        if !w.iter().zip(&f).all(near) {
            let head = |v: &[f32]| v[..v.len().min(8)].to_vec();
            return Err(format!("{:?} instead of {:?}", head(&f), head(&w)));
        }
    }
    gpu.submit()
}

#[test]
fn the_graphics_device_computes_what_the_processor_computes() {
    let gpu = Gpu::open().unwrap();
    let mut failures = Vec::new();
    for case in differentiable().iter().chain(&discrete()) {
        // A kernel that cannot be built panics in the backend; the others are still compared.
        let compared = catch_unwind(AssertUnwindSafe(|| compare(&gpu, case)));
        if let Err(problem) = compared.unwrap_or_else(|_| Err("panicked".into())) {
            failures.push(format!("{:?}: {problem}", case.0));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
