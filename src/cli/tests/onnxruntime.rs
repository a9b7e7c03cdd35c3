//! Every intermediate tensor of real networks against onnxruntime (`tools/references.py`).
//!
//! Reads the folders in `LAYERSCOPE_ONNX_MODELS` and the references in `LAYERSCOPE_REFERENCES`;
//! without them it says so and passes. `./check` sets both.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compute::{Device, Engine, Gpu, Keep, RunOptions};
use model::{HostValue, Network, TensorData};

/// Largest accepted error, as a share of the tensor's largest magnitude.
const TOLERANCE: f32 = 5e-4;

fn models() -> Option<(Vec<PathBuf>, PathBuf)> {
    let (Ok(folders), Ok(references)) = (
        std::env::var("LAYERSCOPE_ONNX_MODELS"),
        std::env::var("LAYERSCOPE_REFERENCES"),
    ) else {
        println!("LAYERSCOPE_ONNX_MODELS or LAYERSCOPE_REFERENCES is not set: nothing is compared");
        return None;
    };
    let mut files: Vec<PathBuf> = folders
        .split(':')
        .flat_map(|folder| std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder}: {e}")))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no model in {folders}");
    Some((files, PathBuf::from(references)))
}

type Arrays = Vec<(String, TensorData)>;

/// What onnxruntime saw and computed: inputs, then every tensor.
fn reference(folder: &Path, model: &Path) -> (Arrays, Arrays) {
    let stem = model.file_stem().unwrap().to_str().unwrap();
    let names = std::fs::read_to_string(folder.join(format!("{stem}.npz.names"))).unwrap();
    let mut arrays = data::npz::read(&folder.join(format!("{stem}.npz"))).unwrap();
    arrays.sort_by_key(|(name, _)| name[1..].trim_end_matches(".npy").parse::<usize>().unwrap());
    let (mut inputs, mut tensors) = (Vec::new(), Vec::new());
    for (name, (_, data)) in names.lines().zip(arrays) {
        match name.split_once(':').unwrap() {
            ("in", name) => inputs.push((name.to_string(), data)),
            (_, name) => tensors.push((name.to_string(), data)),
        }
    }
    (inputs, tensors)
}

/// Compares one model, every tensor and then, with layers merged, the outputs alone; returns the
/// number of tensors and the largest relative error.
fn compare(
    device: Device,
    network: Network,
    inputs: &[(String, TensorData)],
    expected: &[(String, TensorData)],
) -> (usize, f32) {
    let network = Arc::new(network);
    let output = |name: &str| {
        let named = network.tensor_named(name);
        named.is_some_and(|t| network.main().outputs.contains(&t))
    };
    let outputs: Vec<_> = expected
        .iter()
        .filter(|(name, _)| output(name))
        .cloned()
        .collect();
    assert!(!outputs.is_empty(), "{}: no output has a reference", network.name);
    let mut engine = Engine::new(device);
    let merged = keeping(&mut engine, &network, Keep::Outputs, inputs, &outputs);
    let (count, worst) = keeping(&mut engine, &network, Keep::All, inputs, expected);
    (count, merged.1.max(worst))
}

fn keeping(
    engine: &mut Engine,
    network: &Arc<Network>,
    keep: Keep,
    inputs: &[(String, TensorData)],
    expected: &[(String, TensorData)],
) -> (usize, f32) {
    let inputs: Vec<(String, HostValue)> = inputs
        .iter()
        .map(|(n, d)| (n.clone(), d.clone().into()))
        .collect();
    let options = RunOptions {
        keep,
        ..RunOptions::default()
    };
    let pass = compute::wait(engine.evaluate(network, &inputs, &options)).unwrap();
    let pass = pass.unwrap_or_else(|e| panic!("{}: {e}", network.name));
    let pass: HashMap<String, HostValue> = pass.into_iter().collect();
    let mut worst = 0f32;
    for (name, data) in expected {
        let value = pass.get(name).and_then(HostValue::tensor);
        let value = value.unwrap_or_else(|| panic!("{}: {name} was not computed", network.name));
        assert_eq!(value.shape, data.shape, "{}: shape of {name}", network.name);
        let (found, wanted) = (value.to_f32().unwrap(), data.to_f32().unwrap());
        let largest = wanted
            .iter()
            .filter(|v| v.is_finite())
            .fold(0f32, |m, v| m.max(v.abs()))
            .max(1e-12);
        for (i, (f, w)) in found.iter().zip(&wanted).enumerate() {
            let error = if f == w || (f.is_nan() && w.is_nan()) {
                0.0
            } else {
                (f - w).abs() / largest
            };
            assert!(
                error <= TOLERANCE,
                "{}: {name}[{i}] is {f}, onnxruntime has {w} (largest {largest})",
                network.name
            );
            worst = worst.max(error);
        }
    }
    (expected.len(), worst)
}

/// Compares the models that `wanted` names on one device.
fn check(device: Device, wanted: impl Fn(&str) -> bool) {
    let Some((files, references)) = models() else {
        return;
    };
    let (mut failures, mut count) = (Vec::new(), 0);
    for file in files {
        let name = file.file_stem().unwrap().display().to_string();
        if !wanted(&name) {
            continue;
        }
        count += 1;
        let network = formats::open(&file).unwrap_or_else(|e| panic!("{e}"));
        let (inputs, tensors) = reference(&references, &file);
        let device = device.clone();
        let start = std::time::Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| compare(device, network, &inputs, &tensors)));
        let seconds = start.elapsed().as_secs_f32();
        match result {
            Ok((count, worst)) => {
                println!("{name}: {count} tensors, largest error {worst:.1e}, {seconds:.1} s");
            }
            Err(_) => failures.push(name),
        }
    }
    assert!(count > 0, "no model was compared");
    assert!(failures.is_empty(), "these differ from onnxruntime: {failures:?}");
}

#[test]
fn every_intermediate_tensor_equals_onnxruntimes() {
    check(Device::Cpu, |_| true);
}

/// Networks that between them have every family of operators, and are small enough for a software
/// driver; `LAYERSCOPE_GPU=all` compares them all.
const ON_THE_GPU: &[&str] = &[
    "light_shufflenet",
    "light_squeezenet",
    "light_inception_v2",
    "ch_PP-OCRv4_det",
    "ch_PP-OCRv4_rec",
    "MiniLM",
    "silero_vad_half",
    "silero_vad_16k_op15",
];

#[test]
fn the_graphics_device_computes_them_too() {
    let gpu = Gpu::open().unwrap();
    let all = std::env::var("LAYERSCOPE_GPU").is_ok_and(|v| v == "all");
    println!("on {}", gpu.name());
    check(Device::Gpu(gpu.clone()), |name| {
        all || ON_THE_GPU.iter().any(|part| name.contains(part))
    });
    assert_eq!(gpu.submit(), Ok(()));
}
