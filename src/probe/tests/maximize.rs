//! Pictures that units would like to see: they answer to them more than to any picture of the data.

use std::sync::Arc;

use bytes::Bytes;
use compute::{Device, RunOptions, wait};
use model::{Column, Network, TensorId};
use probe::ProbeError;
use probe::attribution::logits;
use probe::maximize::{Aim, Legal, Maximizer, Objective, Settings};

fn opened(bytes: &'static [u8]) -> Arc<Network> {
    Arc::new(formats::open_bytes("network.onnx", Bytes::from_static(bytes), None).unwrap())
}

fn fashion() -> Arc<Network> {
    opened(include_bytes!("../../../models/fashion-mnist.onnx"))
}

fn get<T>(task: impl Future<Output = Result<T, ProbeError>>) -> T {
    wait(task).expect("the processor waits").unwrap()
}

fn output(network: &Network, layer: &str) -> TensorId {
    let layer = network.layer_named(layer).expect(layer);
    network.layer(layer).outputs[0].unwrap()
}

/// The objective of every example of `column`, the largest.
fn best_of(network: &Arc<Network>, objective: Objective, column: &Column) -> f32 {
    let options = RunOptions::default();
    let picks: Vec<u32> = (0..column.len() as u32).collect();
    let shape: Vec<u64> = [1]
        .into_iter()
        .chain(column.shape.iter().map(|&d| d as u64))
        .collect();
    let first = model::TensorData::from_f32(&shape, &column.floats(&[0]));
    let target = probe::attribution::Target {
        tensor: Some(objective.tensor),
        element: Some(0),
    };
    let inputs = vec![(network.tensor(network.main().inputs[0]).name.clone(), first)];
    let open = probe::attribution::Subject::open(network, inputs, target, &Device::Cpu, &options);
    let mut subject = get(open);
    let shape = subject.shape().to_vec();
    let places: usize = shape[2..].iter().product();
    let found = get(subject.run(&column.floats(&picks), picks.len()));
    let value = |outputs: &Vec<f32>| match objective.aim {
        Aim::Element(i) => outputs[i],
        Aim::Channel(c) => outputs[c * places..(c + 1) * places].iter().sum::<f32>() / places as f32,
        Aim::All => outputs.iter().sum::<f32>() / outputs.len() as f32,
    };
    found.iter().map(value).fold(f32::NEG_INFINITY, f32::max)
}

/// Seeks each objective, and compares it with the data.
fn beats(network: &Arc<Network>, column: &Column, objectives: &[Objective], steps: usize) {
    for &objective in objectives {
        let best = best_of(network, objective, column);
        let (settings, options) = (Settings::default(), RunOptions::default());
        let legal = Legal::default();
        let made = Maximizer::new(network, objective, legal, settings, &Device::Cpu, &options);
        let mut maximizer = made.unwrap();
        let before = get(maximizer.values_now())[0];
        for _ in 0..steps {
            let progress = get(maximizer.step());
            assert!(progress.values[0].is_finite());
        }
        let now = get(maximizer.values_now())[0];
        let name = &network.tensor(objective.tensor).name;
        println!("{name} {:?}: {before} -> {now}, data {best}", objective.aim);
        assert!(
            now > best,
            "{name} {:?}: {now}, but {best} in the data",
            objective.aim
        );
        let images = maximizer.images();
        assert!(images[0].iter().all(|v| (0.0..=1.0).contains(v)), "a legal input");
    }
}

#[test]
fn pictures_answer_more_than_the_data() {
    let network = fashion();
    let column = data::fashion_sample().dataset(0.0, 0).inputs.remove(0);
    let logits = logits(&network).unwrap();
    let of = |tensor: TensorId, aim: Aim| Objective { tensor, aim };
    let stem = output(&network, "stem/relu");
    let first = output(&network, "block1/conv2");
    let objectives = [
        of(stem, Aim::Channel(1)),
        of(first, Aim::Channel(0)),
        of(first, Aim::Channel(5)),
        of(first, Aim::Element(3 * 14 * 14 + 7 * 14 + 6)),
        of(output(&network, "block2/conv2"), Aim::Channel(2)),
        of(output(&network, "block2/conv2"), Aim::All),
        of(logits, Aim::Element(0)),
        of(logits, Aim::Element(7)),
    ];
    beats(&network, &column, &objectives, 96);
}
