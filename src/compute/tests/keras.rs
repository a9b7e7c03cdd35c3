//! Small random Keras models of every layer against what Keras computed for them
//! (`tools/keras_references.py`); `LAYERSCOPE_KERAS` names a folder with further ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use compute::RunOptions;
use model::{DType, Network, TensorData, TensorId};
use serde_json::Value;

/// Largest accepted error: absolute below 1, relative above.
const TOLERANCE: f32 = 1e-4;

fn models() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/keras");
    let further = std::env::var_os("LAYERSCOPE_KERAS").map(PathBuf::from);
    let mut files: Vec<PathBuf> = [own]
        .into_iter()
        .chain(further)
        .flat_map(|f| std::fs::read_dir(&f).unwrap_or_else(|e| panic!("{}: {e}", f.display())))
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e != "json") && p.with_extension("json").exists())
        .collect();
    files.sort();
    assert!(files.len() >= 11);
    files
}

fn array(value: &Value, dtype: DType) -> TensorData {
    let shape: Vec<u64> = value["shape"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
    let values = value["values"].as_array().unwrap();
    match dtype.is_float() {
        true => TensorData::from_f32(&shape, &values.iter().map(|v| v.as_f64().unwrap() as f32).collect::<Vec<_>>()),
        false => TensorData::from_i64(&shape, &values.iter().map(|v| v.as_i64().unwrap()).collect::<Vec<_>>()),
    }
}

/// `[N, ..., C]` as `[N, C, ...]`.
fn channels_first(data: &TensorData) -> TensorData {
    let (space, channels) = (&data.shape[1..data.shape.len() - 1], data.shape[data.shape.len() - 1]);
    let pixels: u64 = space.iter().product();
    let values = data.to_f32().unwrap();
    let at = |n: u64, c: u64, p: u64| values[((n * pixels + p) * channels + c) as usize];
    let turned = (0..data.shape[0]).flat_map(|n| (0..channels).flat_map(move |c| (0..pixels).map(move |p| at(n, c, p))));
    let shape: Vec<u64> = [data.shape[0], channels].into_iter().chain(space.iter().copied()).collect();
    TensorData::from_f32(&shape, &turned.collect::<Vec<f32>>())
}

/// In the order in which the network keeps `tensor`.
fn kept(network: &Network, tensor: TensorId, data: TensorData) -> TensorData {
    let turned = network.metadata.iter().find(|(k, _)| k.starts_with("channels first here"));
    let name = &network.tensor(tensor).name;
    match turned.is_some_and(|(_, names)| names.split(", ").any(|n| n == name)) {
        true => channels_first(&data),
        false => data,
    }
}

/// The largest error, or what does not fit.
fn compare(path: &Path) -> Result<f32, String> {
    let record = std::fs::read_to_string(path.with_extension("json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let network = Arc::new(formats::open(path).map_err(|e| e.to_string())?);
    if !network.warnings.is_empty() {
        return Err(format!("warnings: {:?}", network.warnings));
    }
    let main = network.main();
    let inputs: Vec<(String, TensorData)> = main
        .inputs
        .iter()
        .map(|&t| {
            let tensor = network.tensor(t);
            let data = array(&record["inputs"][&tensor.name], tensor.spec.dtype);
            (tensor.name.clone(), kept(&network, t, data))
        })
        .collect();
    let trace = compute::run_cpu(&network, &inputs, &RunOptions::default()).map_err(|e| e.to_string())?;
    let outputs = record["outputs"].as_array().unwrap();
    if outputs.len() != main.outputs.len() {
        return Err(format!("{} outputs, Keras has {}", main.outputs.len(), outputs.len()));
    }
    let (mut worst, mut wrong) = (0f32, Vec::new());
    for (i, (&t, wanted)) in main.outputs.iter().zip(outputs).enumerate() {
        let wanted = kept(&network, t, array(wanted, DType::F32));
        // A graph input may be an output too.
        let found = &trace.tensors[&t];
        let name = &network.tensor(t).name;
        let shape: Vec<u64> = found.shape.iter().map(|&d| d as u64).collect();
        if shape != wanted.shape {
            wrong.push(format!("output {i} {name}: shape {shape:?}, Keras has {:?}", wanted.shape));
            continue;
        }
        let stated = network.tensor(t).spec.shape(&model::Bindings::from([("N".to_string(), 2)]));
        if stated.as_ref() != Some(&wanted.shape) {
            wrong.push(format!("output {i} {name}: inferred {stated:?}, Keras has {:?}", wanted.shape));
        }
        let wanted = wanted.to_f32().unwrap();
        let errors = found.host().unwrap().iter().zip(&wanted).map(|(f, w)| (f - w).abs() / w.abs().max(1.0));
        let error = errors.fold(0f32, |m, e| if e.is_nan() { f32::INFINITY } else { m.max(e) });
        if error > TOLERANCE {
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

#[test]
fn outputs_are_those_of_keras() {
    let mut failures = Vec::new();
    for path in models() {
        match compare(&path) {
            Ok(worst) => println!("{}: largest error {worst:.1e}", path.display()),
            Err(e) => failures.push(format!("{}:\n    {e}", path.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
