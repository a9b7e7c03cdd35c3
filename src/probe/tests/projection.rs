//! Filters followed down to the input: the first layer's are its weights, deeper ones what the linear network
//! answers to single cells.

use std::sync::Arc;

use bytes::Bytes;
use compute::{Device, RunOptions, wait};
use model::op::Op;
use model::{Network, TensorData, TensorId};
use probe::{Projected, Projection};

fn opened(bytes: &'static [u8]) -> Arc<Network> {
    Arc::new(formats::open_bytes("network.onnx", Bytes::from_static(bytes), None).unwrap())
}

/// Outputs of the convolutions, in the order of the graph, with their weights.
fn convolutions(network: &Network) -> Vec<(TensorId, TensorData)> {
    let layers = network.main().layers.iter().map(|l| network.layer(*l));
    let convolutions = layers.filter(|l| matches!(l.op, Op::Conv { .. }));
    convolutions
        .map(|l| {
            let weights = network.tensor(l.inputs[1].unwrap()).data.clone().unwrap();
            (l.outputs[0].unwrap(), weights.as_ref().clone())
        })
        .collect()
}

fn projected(network: &Arc<Network>, tensor: TensorId) -> (Projected, Arc<Network>) {
    let options = RunOptions::default();
    let mut projection = Projection::new(network, tensor, None, &Device::Cpu, &options).unwrap();
    while !projection.finished() {
        wait(projection.go(0.0)).unwrap().unwrap();
    }
    (projection.found().clone(), projection.network().clone())
}

#[test]
fn the_first_filters_are_the_weights() {
    for bytes in [
        &include_bytes!("../../../models/cifar-10.onnx")[..],
        &include_bytes!("../../../models/fashion-mnist.onnx")[..],
    ] {
        let network = opened(bytes);
        let (tensor, weights) = convolutions(&network).remove(0);
        let (found, _) = projected(&network, tensor);
        let shape: Vec<usize> = weights.shape[1..].iter().map(|&d| d as usize).collect();
        assert_eq!(found.shape[..], shape[..]);
        assert_eq!(found.filters.concat(), weights.to_f32().unwrap());
    }
}

#[test]
fn deeper_filters_are_what_single_cells_raise() {
    let network = opened(include_bytes!("../../../models/cifar-10.onnx"));
    let all = convolutions(&network);
    let logits = network.main().outputs[0];
    for tensor in [all[2].0, all[all.len() - 1].0, logits] {
        let (found, linear) = projected(&network, tensor);
        assert_eq!(found.filters.len(), found.channels);
        let [planes, rows, columns] = found.shape;
        let name = linear.tensor(linear.main().inputs[0]).name.clone();
        let answer = |cell: Option<usize>| {
            let mut values = vec![0.0; 3 * 32 * 32];
            if let Some(cell) = cell {
                values[cell] = 1.0;
            }
            let fed = [(name.clone(), TensorData::from_f32(&[1, 3, 32, 32], &values))];
            let trace = compute::run_cpu(&linear, &fed, &RunOptions::default()).unwrap();
            let kept = &trace.tensors[&tensor];
            let places: usize = kept.shape[2..].iter().product();
            let middle = match kept.shape[..] {
                [_, _, h, w] => h / 2 * w + w / 2,
                _ => 0,
            };
            let values = kept.host().unwrap().to_vec();
            (0..found.channels)
                .map(|c| values[c * places + middle])
                .collect::<Vec<f32>>()
        };
        let none = answer(None);
        let largest = found
            .filters
            .iter()
            .flat_map(|f| f.iter())
            .fold(0f32, |m, v| m.max(v.abs()));
        for i in (0..planes * rows * columns).step_by(1 + planes * rows * columns / 23) {
            let (plane, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
            let cell = plane * 1024 + (found.at[0] + row) * 32 + found.at[1] + column;
            for ((filter, with), without) in found.filters.iter().zip(answer(Some(cell))).zip(&none) {
                let apart = (filter[i] - (with - without)).abs();
                assert!(
                    apart < 1e-4 * largest.max(1.0),
                    "{i}: {} {}",
                    filter[i],
                    with - without
                );
            }
        }
        // What lies outside of the patch changes nothing.
        if rows < 32 {
            let outside = if found.at[0] > 0 { 0 } else { 31 * 32 };
            assert_eq!(answer(Some(outside)), none);
        }
    }
}

#[test]
fn what_has_no_picture_is_told() {
    let text = opened(include_bytes!("../../../models/sentiment/sentiment.onnx"));
    let options = RunOptions::default();
    let of = |network: &Arc<Network>, tensor| {
        let made = Projection::new(network, tensor, None, &Device::Cpu, &options);
        made.err().expect("it is refused").to_string()
    };
    let problem = of(&text, text.main().outputs[0]);
    assert!(problem.contains("only networks with one picture"), "{problem}");
    let weather = opened(include_bytes!("../../../models/weather/transformer.onnx"));
    let scores = weather.layer_named("layer1/attention/query").unwrap();
    let scores = weather.layer(scores).outputs[0].unwrap();
    let problem = of(&weather, scores);
    assert!(problem.contains("layer1"), "{problem}");
}
