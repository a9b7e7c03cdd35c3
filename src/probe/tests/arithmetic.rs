//! The numbers that a cell is made of, against the outputs of the ONNX backend suite and of real passes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use compute::{RunOptions, run_cpu};
use formats::Side;
use model::op::Op;
use model::{LayerId, Network, TensorData, Trace};
use probe::arithmetic::{Rule, Working, reads, working};

fn opened(bytes: &'static [u8]) -> Arc<Network> {
    Arc::new(formats::open_bytes("fashion-mnist.onnx", Bytes::from_static(bytes), None).expect("it opens"))
}

fn fashion() -> (Arc<Network>, Trace) {
    let network = opened(include_bytes!("../../../models/fashion-mnist.onnx"));
    let sample = data::fashion_sample();
    let pixels: Vec<f32> = sample.sample(3).iter().map(|&p| f32::from(p) / 255.0).collect();
    let input = TensorData::from_f32(&[1, 1, 28, 28], &pixels);
    let name = network.tensor(network.main().inputs[0]).name.clone();
    let trace = run_cpu(&network, &[(name, input)], &RunOptions::default()).unwrap();
    (network, trace)
}

fn size(network: &Network, trace: &Trace, layer: LayerId) -> Option<usize> {
    let tensor = network.layer(layer).outputs.first().copied().flatten()?;
    Some(trace.tensors.get(&tensor)?.len())
}

/// Works out some cells of every layer; their number, and the largest difference from the pass.
fn worked_out(network: &Network, trace: &Trace) -> (usize, f32) {
    let (mut explained, mut worst) = (0, 0f32);
    for &layer in &network.main().layers {
        let Some(size) = size(network, trace, layer) else {
            continue;
        };
        for cell in (0..size).step_by((size / 40).max(1)) {
            let found = working(network, trace, layer, cell).unwrap();
            worst = worst.max(found.error());
            let last = found.then.last().map_or(found.value, |s| s.value);
            assert!(last.is_finite());
            assert!(found.places.len() == found.inputs.len());
            assert!(found.shape.iter().product::<usize>() == found.inputs.len());
            explained += 1;
        }
        // What is fetched from a device is what is looked up.
        let read = reads(network, layer);
        let mut less = trace.clone();
        less.tensors.retain(|t, _| read.contains(t));
        assert_eq!(
            working(network, &less, layer, size / 2).unwrap(),
            working(network, trace, layer, size / 2).unwrap()
        );
    }
    println!("{explained} cells, largest difference {worst:e}");
    (explained, worst)
}

#[test]
fn every_cell_of_a_real_network_is_the_sum_of_its_terms() {
    let (network, trace) = fashion();
    let (explained, worst) = worked_out(&network, &trace);
    assert!(explained > 500 && worst < 1e-5, "{worst}");
}

/// Embeddings, normalisations, heads, residuals: all that a Transformer computes in numbers.
#[test]
fn every_cell_of_a_transformer_is_explained() {
    let network = opened(include_bytes!("../../../models/weather/transformer.onnx"));
    let days = data::npz::parse_npy("days.npy", include_bytes!("../../../models/weather/days.npy")).unwrap();
    let trace = run_cpu(&network, &[("input".into(), days)], &RunOptions::default()).unwrap();
    let (explained, worst) = worked_out(&network, &trace);
    assert!(explained > 1500 && worst < 1e-5, "{explained} {worst}");
}

#[test]
fn an_activation_is_explained_from_its_convolution_on() {
    let (network, trace) = fashion();
    let conv = network.layer_named("block1/conv1").unwrap();
    let after = |id: LayerId| {
        let output = network.layer(id).outputs[0];
        let mut layers = network.main().layers.iter().copied();
        layers
            .find(|l| network.layer(*l).inputs.contains(&output))
            .unwrap()
    };
    let norm = after(conv);
    let relu = after(norm);
    let found = working(&network, &trace, relu, 77).unwrap();
    assert_eq!((found.layer, found.rule), (conv, Rule::WeightedSum));
    let then: Vec<LayerId> = found.then.iter().map(|s| s.layer).collect();
    assert_eq!(then, [norm, relu]);
    assert!(found.then[1].words.starts_with("max(0, "), "{:?}", found.then);
    // From the convolution on it is the same, but for the layer that was asked for.
    assert_eq!(working(&network, &trace, conv, 77).unwrap(), found);
    let ranked = found.ranked();
    assert!(found.products[ranked[0]].abs() >= found.products[ranked[1]].abs());
}

#[test]
fn wrong_questions_are_told() {
    let (network, trace) = fashion();
    let conv = network.layer_named("block1/conv1").unwrap();
    let told = |r: Result<Working, probe::ProbeError>| r.unwrap_err().to_string();
    let size = size(&network, &trace, conv).unwrap();
    let words = told(working(&network, &trace, conv, size));
    assert!(words.contains(&format!("no element {size}")), "{words}");
    let words = told(working(&network, &Trace::default(), conv, 0));
    assert!(words.contains("did not keep its output"), "{words}");
    let mut less = trace.clone();
    less.tensors.remove(&network.layer(conv).inputs[0].unwrap());
    let words = told(working(&network, &less, conv, 0));
    assert!(words.contains("the pass did not keep it"), "{words}");
}

fn tensors(network: &Network, folder: &Path, side: Side, prefix: &str) -> Option<Vec<(String, TensorData)>> {
    let ids = match side {
        Side::Inputs => &network.main().inputs,
        Side::Outputs => &network.main().outputs,
    };
    let mut files = Vec::new();
    for (i, id) in ids.iter().enumerate() {
        let path = folder.join(format!("test_data_set_0/{prefix}_{i}.pb"));
        let Ok(bytes) = std::fs::read(path) else { continue };
        files.push((network.tensor(*id).name.clone(), Bytes::from(bytes)));
    }
    let model = Bytes::from(std::fs::read(folder.join("model.onnx")).ok()?);
    let values = formats::onnx_values(model, side, &files).ok()?;
    values
        .into_iter()
        .map(|(name, v)| Some((name, v.tensor()?.clone())))
        .collect()
}

/// Convolutions in one to three dimensions, dilated, grouped, padded in all ways, and transposed; pooling with
/// the ceiling rule; products of stacks; softmax and activations: the suite's own outputs, cell by cell.
#[test]
fn cells_are_those_of_the_backend_suite() {
    let Some(suite) = std::env::var_os("LAYERSCOPE_ONNX_SUITE").map(PathBuf::from) else {
        println!("LAYERSCOPE_ONNX_SUITE is not set: the ONNX backend suite was not compared");
        return;
    };
    let (mut cases, mut cells, mut kinds) = (0, 0, std::collections::BTreeMap::new());
    let mut folders: Vec<PathBuf> = ["node", "pytorch-operator", "pytorch-converted"]
        .iter()
        .flat_map(|group| std::fs::read_dir(suite.join(group)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let Ok(mut network) = formats::open(&folder.join("model.onnx")) else {
            continue;
        };
        model::expose_attention(&mut network);
        let [layer] = network.main().layers[..] else {
            continue;
        };
        let known = matches!(
            network.layer(layer).op,
            Op::Conv { .. }
                | Op::ConvTranspose { .. }
                | Op::MaxPool { .. }
                | Op::AveragePool { .. }
                | Op::LpPool { .. }
                | Op::GlobalAveragePool
                | Op::GlobalMaxPool
                | Op::Gemm { .. }
                | Op::MatMul
                | Op::Attention(_)
                | Op::Softmax { coerce: false, .. }
                | Op::Unary(_)
                | Op::Clip { .. }
                | Op::PRelu
                | Op::BatchNorm { .. }
                | Op::LayerNorm { .. }
                | Op::RmsNorm { .. }
                | Op::InstanceNorm { .. }
                | Op::GroupNorm { .. }
                | Op::Reduce { .. }
                | Op::Transpose { .. }
                | Op::Gather { .. }
                | Op::Concat { .. }
                | Op::Split { .. }
                | Op::Expand
        );
        if !known {
            continue;
        }
        let network = Arc::new(network);
        let inputs = tensors(&network, &folder, Side::Inputs, "input");
        let outputs = tensors(&network, &folder, Side::Outputs, "output");
        let (Some(inputs), Some(outputs)) = (inputs, outputs) else {
            continue;
        };
        let Ok(trace) = run_cpu(&network, &inputs, &RunOptions::default()) else {
            continue;
        };
        let Some(expected) = outputs.first().and_then(|(_, t)| t.to_f32()) else {
            continue;
        };
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut told = None;
        for cell in (0..expected.len()).step_by((expected.len() / 50).max(1)) {
            let found = match working(&network, &trace, layer, cell) {
                Ok(found) => found,
                Err(e) => {
                    told = Some(e.to_string());
                    break;
                }
            };
            let value = found.then.last().map_or(found.value, |s| s.value);
            let wanted = expected[cell];
            let near = (value - wanted).abs() <= 1e-3 * wanted.abs().max(1.0);
            assert!(
                near || value.is_nan() && wanted.is_nan() || value == wanted,
                "{name} {cell}: {value}, {wanted}"
            );
            cells += 1;
        }
        cases += 1;
        let kind = network.layer(layer).kind.clone();
        let counts: &mut [usize; 2] = kinds.entry(kind).or_default();
        counts[usize::from(told.is_some())] += 1;
        if let Some(told) = told {
            println!("{name}: {told}");
        }
    }
    for (kind, [explained, told]) in &kinds {
        println!("{kind}: {explained} cases explained, {told} refused");
    }
    println!("{cells} cells of {cases} cases");
    assert!(cells > 3000, "{cells}");
    for kind in [
        "Conv",
        "ConvTranspose",
        "MaxPool",
        "AveragePool",
        "Gemm",
        "MatMul",
        "Softmax",
    ] {
        let [explained, told] = kinds[kind];
        assert!(explained > 0 && told == 0, "{kind}: {explained}, {told}");
    }
}
