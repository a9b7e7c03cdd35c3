//! Pictures that units would like to see: they answer to them more than to any picture of the data.

use std::sync::Arc;

use bytes::Bytes;
use compute::{Device, RunOptions, wait};
use model::{Column, Network, TensorId};
use probe::ProbeError;
use probe::attribution::logits;
use probe::maximize::{Aim, Legal, Maximizer, Objective, Settings, TopExamples};

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
    beats(&network, &column, &objectives, 192);
}

/// With colours, where the data set is at hand: `LAYERSCOPE_CIFAR10` names a binary batch of it.
#[test]
fn coloured_pictures_answer_more_than_the_data() {
    let Some(path) = std::env::var_os("LAYERSCOPE_CIFAR10") else {
        println!("skipped: LAYERSCOPE_CIFAR10 names no batch");
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let column = data::cifar::binary("batch", &bytes)
        .unwrap()
        .dataset(0.0, 0)
        .inputs
        .remove(0);
    let network = opened(include_bytes!("../../../models/cifar-10.onnx"));
    let logits = logits(&network).unwrap();
    let of = |tensor: TensorId, aim: Aim| Objective { tensor, aim };
    let objectives = [
        of(output(&network, "stem/conv"), Aim::Channel(2)),
        of(output(&network, "block1/conv2"), Aim::Channel(4)),
        of(output(&network, "block2/conv2"), Aim::Channel(7)),
        of(output(&network, "block2/conv2"), Aim::Element(5 * 64 + 27)),
        of(logits, Aim::Element(1)),
        of(logits, Aim::Element(8)),
    ];
    beats(&network, &column, &objectives, 512);
}

/// Several pictures of one channel: the penalty makes them less alike to the layer, the same seed gives
/// the same pictures, and values lie between black and white after normalisation.
#[test]
fn pictures_are_pushed_apart_and_legal() {
    let network = fashion();
    let objective = Objective {
        tensor: output(&network, "block2/conv2"),
        aim: Aim::Channel(2),
    };
    let legal = Legal::normalised(&[0.2860], &[0.3530]);
    let options = RunOptions::default();
    let run = |diversity: f32, objective: Objective| {
        let settings = Settings {
            images: 3,
            diversity,
            ..Settings::default()
        };
        let made = Maximizer::new(
            &network,
            objective,
            legal.clone(),
            settings,
            &Device::Cpu,
            &options,
        );
        let mut maximizer = made.unwrap();
        let mut alike = 1.0;
        for _ in 0..40 {
            let progress = get(maximizer.step());
            assert_eq!(progress.values.len(), 3);
            alike = progress.alike.unwrap_or(f32::NAN);
        }
        (maximizer.images(), alike, get(maximizer.values_now()))
    };
    let (images, little, _) = run(1e-6, objective);
    let (others, apart, values) = run(3.0, objective);
    println!("alike {little} without, {apart} with the penalty: {values:?}");
    assert!(apart < 0.6 && little > 0.9, "{apart} {little}");
    assert_eq!(run(1e-6, objective).0, images);
    let (low, high) = (-0.2860 / 0.3530, (1.0 - 0.2860) / 0.3530);
    assert!(others.iter().flatten().all(|v| (low..=high).contains(v)));
    // An answer has no places: the last convolution tells the pictures apart.
    let answer = Objective {
        tensor: logits(&network).unwrap(),
        aim: Aim::Element(2),
    };
    assert!(run(0.5, answer).1.is_finite());
}

/// What stands outside of the patch changes nothing at the place.
#[test]
fn patches_hold_all_that_a_place_sees() {
    let network = fashion();
    let mut column = data::fashion_sample().dataset(0.0, 0).inputs.remove(0);
    let tensor = output(&network, "block1/conv2");
    let (device, options) = (Device::Cpu, RunOptions::default());
    let picks: Vec<u32> = (0..column.len() as u32).collect();
    let mut top = get(TopExamples::open(
        &network, tensor, 3, &column, picks, &device, &options,
    ));
    assert!(!top.finished());
    while !top.finished() {
        get(top.go(&column, 0.0));
    }
    let channels = top.channels().to_vec();
    assert!(channels.len() > 7 && channels.iter().all(|c| c.len() == 3));
    for (i, channel) in channels.iter().enumerate() {
        assert!(channel.windows(2).all(|pair| pair[0].value >= pair[1].value));
        let best = channel[0];
        let patch = best.patch.expect("a picture");
        let [rows, columns] = [patch.rows, patch.columns].map(|[a, b]| a as usize..b as usize);
        assert!(
            rows.len() <= 9 && columns.len() <= 9 && !rows.is_empty(),
            "{patch:?}"
        );
        // The example with its patch alone, as a data set of one.
        let whole = column.floats(&[best.example]);
        let mut alone = vec![0.37; whole.len()];
        for y in rows {
            for x in columns.clone() {
                alone[y * 28 + x] = whole[y * 28 + x];
            }
        }
        let shape = [1, 1, 28, 28];
        let target = probe::attribution::Target {
            tensor: Some(tensor),
            element: Some((i * 14 + best.at[0]) * 14 + best.at[1]),
        };
        let name = network.tensor(network.main().inputs[0]).name.clone();
        let inputs = vec![(name, model::TensorData::from_f32(&shape, &alone))];
        let open = probe::attribution::Subject::open(&network, inputs, target, &device, &options);
        let found = get(open).score();
        assert!(
            (found - best.value).abs() < 1e-4,
            "channel {i}: {found} {}",
            best.value
        );
    }
    column.cells = model::Cells::Floats(Vec::new());
    let none = TopExamples::open(&network, tensor, 3, &column, vec![0], &device, &options);
    assert!(
        wait(none)
            .unwrap()
            .err()
            .unwrap()
            .to_string()
            .contains("no example 0")
    );
}

#[test]
fn what_cannot_be_sought_is_said() {
    let network = fashion();
    let tensor = output(&network, "block1/conv2");
    let options = RunOptions::default();
    let new = |network: &Arc<Network>, objective: Objective, settings: Settings| {
        Maximizer::new(
            network,
            objective,
            Legal::default(),
            settings,
            &Device::Cpu,
            &options,
        )
    };
    let channel = |c: usize| Objective {
        tensor,
        aim: Aim::Channel(c),
    };
    let said = |made: Result<Maximizer, ProbeError>| made.err().expect("an error").to_string();
    let none = Settings {
        images: 0,
        ..Settings::default()
    };
    assert!(said(new(&network, channel(0), none)).contains("images"));
    let rate = Settings {
        rate: f32::NAN,
        ..Settings::default()
    };
    assert!(said(new(&network, channel(0), rate)).contains("rate"));
    let mut beyond = new(&network, channel(999), Settings::default()).unwrap();
    let words = wait(beyond.step()).unwrap().expect_err("an error").to_string();
    assert!(words.contains("no channel 999"), "{words}");
    let element = Objective {
        tensor,
        aim: Aim::Element(1 << 20),
    };
    let mut beyond = new(&network, element, Settings::default()).unwrap();
    let words = wait(beyond.step()).unwrap().expect_err("an error").to_string();
    assert!(words.contains("no element 1048576"), "{words}");
    let perceptron = Arc::new(model::templates::mlp("net", &[2], &[8], 3, 0.0, 5));
    let answer = Objective {
        tensor: logits(&perceptron).unwrap(),
        aim: Aim::Element(0),
    };
    let words = said(new(&perceptron, answer, Settings::default()));
    assert!(words.contains("rows and columns"), "{words}");
    let input = Objective {
        tensor: network.main().inputs[0],
        aim: Aim::All,
    };
    assert!(said(new(&network, input, Settings::default())).contains("computes"));
}

/// All channels of all convolutions of the bundled classifier, as the panel seeks them: a minute.
#[test]
#[ignore = "a minute; docs/conformance.md has its numbers"]
fn nearly_all_channels_answer_more_than_to_the_data() {
    let network = fashion();
    let column = data::fashion_sample().dataset(0.0, 0).inputs.remove(0);
    let (mut more, mut all) = (0, 0);
    for layer in [
        "stem/conv",
        "block1/conv1",
        "block1/conv2",
        "block2/conv1",
        "block2/conv2",
    ] {
        let tensor = output(&network, layer);
        let channels = network.tensor(tensor).spec.dims().unwrap()[1].known().unwrap() as usize;
        for channel in 0..channels {
            let aim = Aim::Channel(channel);
            let objective = Objective { tensor, aim };
            let best = best_of(&network, objective, &column);
            let (settings, options) = (Settings::default(), RunOptions::default());
            let made = Maximizer::new(
                &network,
                objective,
                Legal::default(),
                settings,
                &Device::Cpu,
                &options,
            );
            let mut maximizer = made.unwrap();
            for _ in 0..192 {
                get(maximizer.step());
            }
            let now = get(maximizer.values_now())[0];
            if now <= best {
                println!("{layer} {channel}: {now}, in the data {best}");
            }
            (more, all) = (more + usize::from(now > best), all + 1);
        }
    }
    println!("{more} of {all}");
    assert!(more * 100 >= 94 * all, "{more} of {all}");
}
