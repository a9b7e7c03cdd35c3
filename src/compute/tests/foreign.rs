//! Small random models of Keras, TensorFlow Lite and TensorFlow.js against what these computed for
//! them (`tools/keras_references.py`, `tools/tflite_references.py`, `tools/tfjs_references.mjs`).
//! `LAYERSCOPE_FURTHER` names folders with further ones, separated by `:`.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use compute::RunOptions;
use model::{DType, Network, TensorData, TensorId};
use serde_json::Value;

/// Largest accepted error: absolute below 1, relative above.
const TOLERANCE: f32 = 1e-4;
/// The same for real networks, as a share of the tensor's largest magnitude.
const DEEP: f32 = 5e-4;
/// What integer kernels round away, as such a share.
const QUANTISED: f32 = 0.1;

fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    // A folder of its own holds a TensorFlow.js model: model.json and its weights.
    files.retain(|p| p.extension().is_none_or(|e| e != "json") && p.with_extension("json").exists());
    files.sort();
    files
}

fn array(value: &Value, dtype: DType) -> TensorData {
    let shape: Vec<u64> = value["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap())
        .collect();
    let values = value["values"].as_array().unwrap();
    match dtype.is_float() {
        true => TensorData::from_f32(
            &shape,
            &values
                .iter()
                .map(|v| v.as_f64().unwrap() as f32)
                .collect::<Vec<_>>(),
        ),
        false => TensorData::from_i64(
            &shape,
            &values.iter().map(|v| v.as_i64().unwrap()).collect::<Vec<_>>(),
        ),
    }
}

/// `[N, ..., C]` as `[N, C, ...]`.
fn channels_first(data: &TensorData) -> TensorData {
    let (space, channels) = (
        &data.shape[1..data.shape.len() - 1],
        data.shape[data.shape.len() - 1],
    );
    let pixels: u64 = space.iter().product();
    let values = data.to_f32().unwrap();
    let at = |n: u64, c: u64, p: u64| values[((n * pixels + p) * channels + c) as usize];
    let turned = (0..data.shape[0])
        .flat_map(|n| (0..channels).flat_map(move |c| (0..pixels).map(move |p| at(n, c, p))));
    let shape: Vec<u64> = [data.shape[0], channels]
        .into_iter()
        .chain(space.iter().copied())
        .collect();
    TensorData::from_f32(&shape, &turned.collect::<Vec<f32>>())
}

/// In the order in which the network keeps `tensor`.
fn kept(network: &Network, tensor: TensorId, data: TensorData) -> TensorData {
    let turned = network
        .metadata
        .iter()
        .find(|(k, _)| k.starts_with("channels first here"));
    let name = &network.tensor(tensor).name;
    match turned.is_some_and(|(_, names)| names.split(", ").any(|n| n == name)) {
        true => channels_first(&data),
        false => data,
    }
}

/// The largest error, or what does not fit.
fn compare(path: &Path, further: bool) -> Result<f32, String> {
    let record = std::fs::read_to_string(path.with_extension("json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let file = if path.is_dir() {
        path.join("model.json")
    } else {
        path.to_path_buf()
    };
    let network = Arc::new(formats::open(&file).map_err(|e| e.to_string())?);
    let unexpected = network.warnings.iter().find(|w| !w.contains("are quantised"));
    if let Some(unexpected) = unexpected {
        return Err(format!("warning: {unexpected}"));
    }
    let main = network.main();
    let given = record["inputs"].as_object().unwrap();
    let inputs: Vec<(String, TensorData)> = main
        .inputs
        .iter()
        .zip(given.values())
        .map(|(&t, values)| {
            let tensor = network.tensor(t);
            let data = array(values, tensor.spec.dtype);
            (tensor.name.clone(), kept(&network, t, data))
        })
        .collect();
    let trace = compute::run_cpu(&network, &inputs, &RunOptions::default()).map_err(|e| e.to_string())?;
    let outputs = record["outputs"].as_array().unwrap();
    if outputs.len() != main.outputs.len() {
        return Err(format!(
            "{} outputs, Keras has {}",
            main.outputs.len(),
            outputs.len()
        ));
    }
    let (mut worst, mut wrong) = (0f32, Vec::new());
    for (i, (&t, wanted)) in main.outputs.iter().zip(outputs).enumerate() {
        let wanted = kept(&network, t, array(wanted, DType::F32));
        // A graph input may be an output too.
        let found = &trace.tensors[&t];
        let name = &network.tensor(t).name;
        let shape: Vec<u64> = found.shape.iter().map(|&d| d as u64).collect();
        if shape != wanted.shape {
            wrong.push(format!(
                "output {i} {name}: shape {shape:?}, Keras has {:?}",
                wanted.shape
            ));
            continue;
        }
        let batch = model::Bindings::from([("N".to_string(), wanted.shape[0])]);
        let stated = network.tensor(t).spec.shape(&batch);
        if stated.as_ref() != Some(&wanted.shape) {
            wrong.push(format!(
                "output {i} {name}: inferred {stated:?}, Keras has {:?}",
                wanted.shape
            ));
        }
        let wanted = wanted.to_f32().unwrap();
        let largest = wanted.iter().fold(1e-12f32, |m, w| m.max(w.abs()));
        let quantised = network.warnings.iter().any(|w| w.contains("are quantised"));
        let tolerance = match (further, quantised) {
            (true, true) => QUANTISED,
            (true, false) => DEEP,
            _ => TOLERANCE,
        };
        let scale = |w: f32| if further { largest } else { w.abs().max(1.0) };
        let errors = found
            .host()
            .unwrap()
            .iter()
            .zip(&wanted)
            .map(|(f, w)| (f - w).abs() / scale(*w));
        let error = errors.fold(0f32, |m, e| if e.is_nan() { f32::INFINITY } else { m.max(e) });
        if error > tolerance {
            let some: Vec<_> = found.host().unwrap().iter().zip(&wanted).take(4).collect();
            wrong.push(format!("output {i} {name}: error {error}, such as {some:?}"));
        }
        worst = worst.max(error);
    }
    match wrong.is_empty() {
        true => Ok(worst),
        false => Err(wrong.join("\n    ")),
    }
}

fn check(folders: &[PathBuf], further: bool) {
    let models: Vec<PathBuf> = folders.iter().flat_map(|f| models(f)).collect();
    let mut failures = Vec::new();
    for path in &models {
        match catch_unwind(|| compare(path, further)) {
            Ok(Ok(worst)) => println!("{}: largest error {worst:.1e}", path.display()),
            Ok(Err(e)) => failures.push(format!("{}:\n    {e}", path.display())),
            Err(_) => failures.push(format!("{}: panics", path.display())),
        }
    }
    assert!(models.len() >= 2, "{} models", models.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn own(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../formats/tests")
        .join(format)
}

#[test]
fn outputs_are_those_of_keras() {
    check(&[own("keras")], false);
}

#[test]
fn outputs_are_those_of_tensorflow_lite() {
    check(&[own("tflite")], false);
}

#[test]
fn outputs_are_those_of_tensorflow_js() {
    check(&[own("tfjs")], false);
}

#[test]
fn outputs_of_further_models_are_the_same() {
    let Ok(folders) = std::env::var("LAYERSCOPE_FURTHER") else {
        println!("LAYERSCOPE_FURTHER is not set: no further model is compared");
        return;
    };
    let folders: Vec<PathBuf> = folders.split(':').map(PathBuf::from).collect();
    check(&folders, true);
}
