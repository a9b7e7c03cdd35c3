//! Passes that are watched, limited and stopped.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use compute::{Executor, Flex, FlexDevice, Patch, Progress, RunError, RunOptions};
use model::{Network, TensorData};

fn network() -> (Arc<Network>, Vec<(String, TensorData)>) {
    let network = model::templates::residual_cnn("t", 1, 16, 10, 8, 3);
    let name = network.tensor(network.main().inputs[0]).name.clone();
    let values: Vec<f32> = (0..256).map(|i| (i % 17) as f32 / 17.0).collect();
    (
        Arc::new(network),
        vec![(name, TensorData::from_f32(&[1, 1, 16, 16], &values))],
    )
}

#[test]
fn progress_counts_every_layer() {
    let (network, arrays) = network();
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let to = seen.clone();
    let options = RunOptions {
        progress: Some(Arc::new(move |p| to.lock().unwrap().push(p))),
        ..RunOptions::default()
    };
    compute::run_cpu(&network, &arrays, &options).unwrap();
    let total = network.main().layers.len();
    let wanted: Vec<Progress> = (1..=total).map(|done| Progress { done, total }).collect();
    assert_eq!(*seen.lock().unwrap(), wanted);
}

#[test]
fn a_pass_stops_between_layers_when_it_is_told_to() {
    let (network, arrays) = network();
    let mut options = RunOptions::default();
    let (cancel, layers) = (options.cancel.clone(), Arc::new(Mutex::new(0)));
    let count = layers.clone();
    options.progress = Some(Arc::new(move |p| {
        *count.lock().unwrap() = p.done;
        cancel.store(p.done == 3, Ordering::Relaxed);
    }));
    let error = compute::run_cpu(&network, &arrays, &options)
        .err()
        .expect("it was told to stop");
    assert!(matches!(error, RunError::Cancelled), "{error}");
    assert_eq!(*layers.lock().unwrap(), 3);
}

#[test]
fn a_budget_drops_what_is_no_longer_read_and_names_it() {
    let (network, arrays) = network();
    let run = |budget| {
        let options = RunOptions {
            budget,
            ..RunOptions::default()
        };
        compute::run_cpu(&network, &arrays, &options).unwrap()
    };
    let (whole, small) = (run(u64::MAX), run(20_000));
    assert_eq!(whole.dropped, []);
    assert!(!small.dropped.is_empty());
    let bytes = |trace: &model::Trace| -> u64 {
        let activations = trace
            .tensors
            .iter()
            .filter(|(id, _)| network.tensor(**id).producer.is_some());
        activations
            .map(|(_, t)| 4 * t.shape.iter().product::<usize>() as u64)
            .sum()
    };
    assert!(
        bytes(&small) < bytes(&whole) / 2,
        "{} of {}",
        bytes(&small),
        bytes(&whole)
    );
    // Kept and dropped are all there was, and the output is the same.
    assert_eq!(small.tensors.len() + small.dropped.len(), whole.tensors.len());
    let output = network.main().outputs[0];
    assert_eq!(small.tensors[&output].host(), whole.tensors[&output].host());
}

#[test]
fn wrong_inputs_are_named() {
    let (network, arrays) = network();
    let executor = Executor::<Flex>::new(network.clone(), FlexDevice).unwrap();
    let name = arrays[0].0.clone();
    let check = |given: &[(String, TensorData)], parts: &[&str]| {
        let error = executor.inputs(given).expect_err("a refusal").to_string();
        for part in parts {
            assert!(error.contains(part), "{part:?} is missing in: {error}");
        }
    };
    check(&[], &[&name, "missing", "wants"]);
    check(
        &[("other".into(), arrays[0].1.clone())],
        &["other", "no such input", &name],
    );
    let flat = TensorData::from_f32(&[256], &[0.0; 256]);
    check(&[(name.clone(), flat)], &[&name, "[256] given", "expected"]);
    let ints = TensorData::from_i64(&[1, 1, 16, 16], &[0; 256]);
    check(&[(name.clone(), ints)], &["int64 given", "float32", "expected"]);
}

#[test]
fn a_patched_channel_is_scaled_before_anything_reads_it() {
    let (network, arrays) = network();
    let relu = network.tensor_named("stem/relu").or_else(|| {
        let layer = network.layers.iter().find(|l| l.kind == "Relu").unwrap();
        layer.outputs[0]
    });
    let tensor = relu.unwrap();
    let plain = compute::run_cpu(&network, &arrays, &RunOptions::default()).unwrap();
    let again = |axis, start, every, factor| Patch {
        tensor,
        axis,
        start,
        count: 1,
        every,
        factor,
    };
    let patch = |axis, start, factor| again(axis, start, 0, factor);
    let with = |patches: Vec<Patch>| {
        let options = RunOptions {
            patches: patches.into(),
            ..RunOptions::default()
        };
        compute::run_cpu(&network, &arrays, &options).unwrap()
    };
    let before = &plain.tensors[&tensor];
    let size: usize = before.shape[2..].iter().product();
    let is = |scaled: &model::Trace, of: &dyn Fn(usize) -> bool| {
        let pairs = before.host().unwrap().iter();
        let pairs = pairs.zip(scaled.tensors[&tensor].host().unwrap().iter());
        for (i, (a, b)) in pairs.enumerate() {
            let factor = if of(i / size) { 0.5 } else { 1.0 };
            assert_eq!(*b, a * factor);
        }
    };
    let scaled = with(vec![patch(1, 2, 0.5)]);
    is(&scaled, &|channel| channel == 2);
    is(&with(vec![again(1, 1, 3, 0.5)]), &|channel| channel % 3 == 1);
    let output = network.main().outputs[0];
    assert_ne!(plain.tensors[&output].host(), scaled.tensors[&output].host());
    // Outside of the tensor there is nothing to scale.
    let outside = with(vec![patch(1, 99, 0.0), patch(7, 0, 0.0)]);
    assert_eq!(plain.tensors[&output].host(), outside.tensors[&output].host());
}

/// One operator for all of attention: it gives its weights where it is asked to.
#[test]
fn a_fused_attention_gives_its_weights() {
    use model::op::{Attention, Op};
    let mut network = Network::default();
    network.graphs.push(Default::default());
    let spec = |shape: &[u64]| model::TensorSpec::fixed(model::DType::F32, shape);
    let mut tensor = |name: &str, kind, shape: &[u64]| {
        network.add_tensor(model::Tensor {
            name: name.into(),
            spec: spec(shape),
            kind,
            data: None,
            producer: None,
        })
    };
    let x = tensor("x", model::TensorKind::Input, &[1, 5, 8]);
    let y = tensor("y", model::TensorKind::Activation, &[1, 5, 8]);
    network.graphs[0].inputs.push(x);
    network.graphs[0].outputs.push(y);
    network.layers.push(model::Layer {
        name: "attend".into(),
        op: Op::Attention(Attention {
            heads: 2,
            causal: true,
            ..Attention::default()
        }),
        inputs: vec![Some(x), Some(x), Some(x)],
        outputs: vec![Some(y)],
        kind: "Attention".into(),
        attributes: Default::default(),
        activation: None,
        subgraphs: Vec::new(),
        graph: model::GraphId(0),
        scope: model::ScopeTree::ROOT,
    });
    network.graphs[0].layers.push(model::LayerId(0));
    network.link_producers().unwrap();
    model::expose_attention(&mut network);
    let sites = model::attention_sites(&network);
    assert_eq!(sites.len(), 1);
    let weights = sites[0].weights.expect("the fourth output");
    let values: Vec<f32> = (0..40).map(|i| (i as f32 * 0.7).sin()).collect();
    let input = [("x".to_string(), TensorData::from_f32(&[1, 5, 8], &values))];
    let trace = compute::run_cpu(&Arc::new(network), &input, &RunOptions::default()).unwrap();
    let found = &trace.tensors[&weights];
    assert_eq!(found.shape, [1, 2, 5, 5]);
    for (i, row) in found.host().unwrap().chunks(5).enumerate() {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(
            row[i % 5 + 1..].iter().all(|w| *w == 0.0),
            "it sees what comes after"
        );
    }
}
