//! Attribution against Captum (`captum_references.py`), on a small network with random weights, and on
//! the network for Fashion-MNIST.

use std::sync::Arc;

use bytes::Bytes;
use compute::{Device, RunOptions, wait};
use model::{Network, TensorData};
use probe::ProbeError;
use probe::attribution::{
    Baseline, Curves, METHODS, Map, Sanity, Settings, Subject, Target, Verdict, attribute, method,
};

const CAPTUM: &[u8] = include_bytes!("attribution/captum.npz");
const SMALL: &[u8] = include_bytes!("attribution/network.onnx");
const FASHION: &[u8] = include_bytes!("../../../models/fashion-mnist.onnx");

fn opened(bytes: &'static [u8]) -> Arc<Network> {
    Arc::new(formats::open_bytes("network.onnx", Bytes::from_static(bytes), None).unwrap())
}

fn get<T>(task: impl Future<Output = Result<T, ProbeError>>) -> T {
    wait(task).expect("the processor waits").unwrap()
}

/// The arrays that Captum and PyTorch have made.
struct References(Vec<(String, TensorData)>);

impl References {
    fn read() -> Self {
        References(data::npz::from_bytes("captum", CAPTUM).unwrap())
    }

    fn of(&self, name: &str) -> Vec<f32> {
        let (_, found) = self.0.iter().find(|(n, _)| n == name).expect(name);
        found.to_f32().unwrap()
    }
}

/// The element that the script asks about.
const TARGET: usize = 3;

fn small() -> (Subject, References) {
    let (network, references) = (opened(SMALL), References::read());
    let image = TensorData::from_f32(&[1, 2, 12, 12], &references.of("x"));
    let target = Target {
        tensor: None,
        element: Some(TARGET),
    };
    let inputs = vec![("image".into(), image)];
    let options = RunOptions::default();
    let subject = get(Subject::open(&network, inputs, target, &Device::Cpu, &options));
    assert!(subject.together() > 1, "the small network takes batches");
    (subject, references)
}

/// The largest difference, of the largest magnitude that is wanted.
fn error(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(1e-12f32, |a, b| a.max(b.abs()));
    let differences = found.iter().zip(wanted).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max) / largest
}

fn made(subject: &mut Subject, id: &str, settings: &Settings) -> Map {
    get(attribute(subject, method(id).expect(id), settings))
}

#[test]
fn maps_are_those_of_captum() {
    let (mut subject, references) = small();
    assert!((subject.score() - references.of("logits")[TARGET]).abs() < 1e-5);
    let plain = Settings::default;
    let base = || Settings::default().given("baseline", references.of("base"));
    let flat = || plain().with("rectify", 0.0).with("enlarge", 0.0);
    let layer = |name: &str| {
        let network = subject.network();
        let found = network.layers.iter().position(|l| l.name.contains(name));
        Some(model::LayerId(found.expect(name) as u32))
    };
    let (first, conv2) = (layer("relu1"), layer("conv2"));
    let of = |settings: Settings, layer| Settings { layer, ..settings };
    let cases = [
        ("gradient", plain(), "gradient"),
        ("gradient", plain().with("absolute", 1.0), "gradient_abs"),
        ("gradient_input", plain(), "times_input"),
        ("smooth", plain().given("noise", references.of("noise")), "smooth"),
        ("integrated", plain().with("steps", 20.0), "integrated"),
        ("integrated", base().with("steps", 33.0), "integrated_base"),
        ("guided", plain(), "guided"),
        ("deconvolution", plain(), "deconvolution"),
        ("grad_cam", of(flat(), conv2), "cam"),
        ("grad_cam", flat(), "cam"),
        ("grad_cam", of(flat(), first), "cam_first"),
        ("grad_cam", plain(), "cam_up"),
        ("grad_cam_plus", plain().with("enlarge", 0.0), "cam_plus"),
        ("relevance", plain(), "relevance"),
        ("relevance", plain().with("epsilon", 0.1), "relevance_wide"),
        (
            "occlusion",
            plain().with("window", 3.0).with("stride", 2.0),
            "occlusion",
        ),
        (
            "occlusion",
            base()
                .with("window", 5.0)
                .with("stride", 3.0)
                .with("together", 0.0),
            "occlusion_base",
        ),
        (
            "rise",
            plain().given("masks", references.of("rise_masks")),
            "rise",
        ),
    ];
    for (id, settings, wanted) in cases {
        let map = made(&mut subject, id, &settings);
        assert_eq!(map.values.len(), map.channels * map.height * map.width);
        let error = error(&map.values, &references.of(wanted));
        println!("{wanted}: {error:.1e}");
        assert!(error < 1e-3, "{wanted}: {error}");
    }
}

#[test]
fn every_method_goes_step_by_step_and_says_what_it_is() {
    let (mut subject, _) = small();
    for method in METHODS {
        assert!(
            !method.about.is_empty() && method.source.contains("20"),
            "{}",
            method.id
        );
        let settings = Settings::default();
        let whole = get(attribute(&mut subject, method, &settings));
        let mut work = probe::attribution::Attribution::new(&subject, method, &settings).unwrap();
        assert!(work.map(&subject).is_none() && work.progress() == 0.0);
        let mut steps = 0;
        while !work.finished() {
            get(work.go(&mut subject, 0.0));
            steps += 1;
            let map = work.map(&subject).unwrap();
            assert!(map.values.iter().all(|v| v.is_finite()), "{}", method.id);
        }
        assert_eq!(work.map(&subject).unwrap(), whole, "{}", method.id);
        assert!(steps == 1 || steps > 1 && subject.together() > 1, "{}", method.id);
        let error = probe::attribution::Attribution::new(&subject, method, &settings.with("nothing", 1.0));
        assert!(error.err().unwrap().to_string().contains("nothing"));
    }
}

/// The network for Fashion-MNIST and one of the sample's pictures.
fn fashion(example: usize, target: Target) -> Subject {
    let network = opened(FASHION);
    let set = data::fashion_sample();
    let values: Vec<f32> = set
        .sample(example)
        .iter()
        .map(|&p| f32::from(p) / 255.0)
        .collect();
    let name = network.tensor(network.main().inputs[0]).name.clone();
    let inputs = vec![(name, TensorData::from_f32(&[1, 1, 28, 28], &values))];
    get(Subject::open(
        &network,
        inputs,
        target,
        &Device::Cpu,
        &RunOptions::default(),
    ))
}

/// Cells that a good map marks decide: without them the class goes at once, and with them it is there
/// early, compared with cells in a random order.
#[test]
fn what_a_map_marks_matters_to_the_network() {
    let mut subject = fashion(25, Target::default());
    let run = |subject: &mut Subject, map: &Map| {
        let mut curves = Curves::new(subject, map, 28, Baseline::Zero, Baseline::Blurred).unwrap();
        while !curves.finished() {
            get(curves.go(subject, 0.0));
        }
        let (deletion, insertion) = (curves.deletion(), curves.insertion());
        assert_eq!((deletion.points.len(), insertion.points.len()), (29, 29));
        assert!(
            (deletion.points[0][1] - insertion.points[28][1]).abs() < 1e-4,
            "both are the example itself"
        );
        [deletion.area(), insertion.area()]
    };
    let mut random = model::Random::new(&[3]);
    let noise = Map {
        channels: 1,
        height: 28,
        width: 28,
        values: (0..784).map(|_| random.uniform() as f32).collect(),
    };
    let [deleted, inserted] = run(&mut subject, &noise);
    println!("noise: {deleted} {inserted}");
    for id in ["integrated", "occlusion", "rise"] {
        let map = made(&mut subject, id, &Settings::default());
        let [low, high] = run(&mut subject, &map);
        println!("{id}: {low} {high}");
        assert!(
            low < deleted && high > inserted,
            "{id}: {low} {deleted}, {high} {inserted}"
        );
    }
    let other = Map::default();
    assert!(Curves::new(&subject, &other, 28, Baseline::Zero, Baseline::Mean).is_err());
}

/// The gradient's map is another one when the weights are random; that of guided backpropagation keeps
/// much of what it shows (Adebayo et al. 2018).
#[test]
fn the_sanity_check_tells_maps_of_the_network_from_maps_of_the_picture() {
    let mut subject = fashion(25, Target::default());
    let mut check = |id: &str| {
        let settings = Settings::default();
        let map = made(&mut subject, id, &settings);
        let mut sanity = Sanity::new(&subject, map, method(id).unwrap(), &settings, 1).unwrap();
        assert!(sanity.verdict().is_none());
        while !sanity.finished() {
            get(sanity.go(&subject, 0.0));
        }
        assert_eq!(sanity.stages().len(), sanity.total());
        assert!(sanity.total() > 4, "one stage for each layer with weights");
        for s in sanity.stages() {
            println!(
                "{id} {}: {:.2} {:.2} {:.2}",
                s.name, s.magnitudes, s.signed, s.similarity
            );
        }
        (sanity.stages()[0].clone(), sanity.verdict().unwrap())
    };
    let (gradient, verdict) = check("gradient");
    let (guided, other) = check("guided");
    assert_eq!((verdict, other), (Verdict::Depends, Verdict::Hardly));
    // With the last layer alone random.
    assert!(
        gradient.similarity < 0.3 && guided.similarity > 0.7,
        "{gradient:?} {guided:?}"
    );
}

#[test]
fn what_cannot_be_asked_is_said() {
    let failed = |network: &Arc<Network>, inputs: Vec<(String, TensorData)>, target: Target| {
        let options = RunOptions::default();
        let task = Subject::open(network, inputs, target, &Device::Cpu, &options);
        wait(task).unwrap().err().expect("an error").to_string()
    };
    let options = RunOptions::default();
    let open = |network: &Arc<Network>, inputs: Vec<(String, TensorData)>| {
        get(Subject::open(
            network,
            inputs,
            Target::default(),
            &Device::Cpu,
            &options,
        ))
    };
    // No convolution.
    let perceptron = Arc::new(model::templates::mlp("net", &[2], &[8, 8], 3, 0.0, 5));
    let name = |n: &Network| n.tensor(n.main().inputs[0]).name.clone();
    let point = vec![(name(&perceptron), TensorData::from_f32(&[1, 2], &[0.3, -0.4]))];
    let mut subject = open(&perceptron, point.clone());
    for id in ["grad_cam", "grad_cam_plus"] {
        let error = probe::attribution::Attribution::new(&subject, method(id).unwrap(), &Settings::default());
        let words = error.err().unwrap().to_string();
        assert!(
            words.contains("no convolution") && words.contains("Grad-CAM"),
            "{words}"
        );
    }
    // Any float input has the other maps.
    for id in ["gradient", "integrated", "occlusion", "rise", "relevance"] {
        let map = made(&mut subject, id, &Settings::default());
        assert!(
            map.values.iter().all(|v| v.is_finite()) && !map.values.is_empty(),
            "{id}"
        );
    }
    let beyond = Target {
        tensor: None,
        element: Some(3),
    };
    let words = failed(&perceptron, point.clone(), beyond);
    assert!(
        words.contains("no element 3") && words.contains("3 elements"),
        "{words}"
    );
    let input = Target {
        tensor: Some(perceptron.main().inputs[0]),
        element: None,
    };
    assert!(failed(&perceptron, point, input).contains("computes"));
    // Integers.
    let mut tokens = Network::clone(&perceptron);
    let id = tokens.main().inputs[0];
    tokens.tensors[id.0 as usize].spec.dtype = model::DType::I64;
    let given = vec![(name(&tokens), TensorData::from_i64(&[1, 2], &[1, 2]))];
    let words = failed(&Arc::new(tokens), given, Target::default());
    assert!(words.contains("floats"), "{words}");
}

/// The small network with the operator of a layer replaced.
fn altered(layer: &str, op: model::Op) -> Subject {
    let mut network = Network::clone(&opened(SMALL));
    let found = network
        .layers
        .iter_mut()
        .find(|l| l.name.contains(layer))
        .unwrap();
    (found.kind, found.op) = (format!("{op:?}"), op);
    let inputs = vec![(
        "image".into(),
        TensorData::from_f32(&[1, 2, 12, 12], &References::read().of("x")),
    )];
    let target = Target {
        tensor: None,
        element: Some(TARGET),
    };
    let options = RunOptions::default();
    get(Subject::open(
        &Arc::new(network),
        inputs,
        target,
        &Device::Cpu,
        &options,
    ))
}

#[test]
fn layers_that_a_method_cannot_pass_are_named() {
    use model::op::{Op, Unary};
    let settings = Settings::default();
    let start = |subject: &Subject, id: &str, settings: &Settings| {
        let made = probe::attribution::Attribution::new(subject, method(id).unwrap(), settings);
        made.err().expect("an error").to_string()
    };
    let subject = altered("relu2", Op::Unary(Unary::Sigmoid));
    let words = start(&subject, "relevance", &settings);
    assert!(
        words.contains("relu2") && words.contains("Sigmoid") && words.contains("no rule"),
        "{words}"
    );
    let mut subject = altered(
        "relu2",
        Op::Cast {
            to: model::DType::I64,
        },
    );
    for id in ["gradient", "guided", "grad_cam"] {
        let words = wait(attribute(&mut subject, method(id).unwrap(), &settings));
        let words = words.unwrap().expect_err("an error").to_string();
        assert!(
            words.contains("relu2") && words.contains("Cast") && words.contains("no gradient"),
            "{words}"
        );
    }
    // What needs no gradient still answers.
    assert!(
        made(&mut subject, "occlusion", &settings)
            .values
            .iter()
            .any(|v| *v != 0.0)
    );
    // A layer after the target, and one without places.
    let (network, image) = (opened(SMALL), subject.inputs().to_vec());
    let of = |layer: &str| {
        let place = network
            .layers
            .iter()
            .position(|l| l.name.contains(layer))
            .unwrap();
        model::LayerId(place as u32)
    };
    let target = Target {
        tensor: network.layer(of("conv2")).outputs[0],
        element: Some(7),
    };
    let options = RunOptions::default();
    let early = get(Subject::open(
        &network,
        image.clone(),
        target,
        &Device::Cpu,
        &options,
    ));
    let at = |layer: &str| Settings {
        layer: Some(of(layer)),
        ..Settings::default()
    };
    let words = start(&early, "grad_cam", &at("relu2"));
    assert!(
        words.contains("relu2") && words.contains("does not depend on it"),
        "{words}"
    );
    let mut whole = get(Subject::open(
        &network,
        image.clone(),
        Target::default(),
        &Device::Cpu,
        &options,
    ));
    let words = wait(attribute(&mut whole, method("grad_cam").unwrap(), &at("dense1"))).unwrap();
    let words = words.expect_err("an error").to_string();
    assert!(words.contains("dense1") && words.contains("[1, 16]"), "{words}");
    // Stopped from outside.
    options.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    let stopped = Subject::open(&network, image, Target::default(), &Device::Cpu, &options);
    let error = wait(stopped).unwrap().err().expect("stopped");
    assert!(matches!(error, ProbeError::Run(compute::RunError::Cancelled)));
}

/// A network that ends in a softmax is asked about what goes into it, unless the softmax is chosen; the
/// same subject takes one example after another.
#[test]
fn scores_before_a_softmax_are_explained() {
    let mut network = Network::clone(&opened(SMALL));
    let scores = network.main().outputs[0];
    let next = model::LayerId(network.layers.len() as u32);
    let mut tensor = network.tensor(scores).clone();
    (tensor.name, tensor.producer) = ("probabilities".into(), Some(next));
    let shares = network.add_tensor(tensor);
    let mut layer = network.layers[next.0 as usize - 1].clone();
    (layer.name, layer.kind) = ("softmax".into(), "Softmax".into());
    (layer.inputs, layer.outputs) = (vec![Some(scores)], vec![Some(shares)]);
    layer.op = model::Op::Softmax {
        axis: -1,
        coerce: false,
    };
    network.layers.push(layer);
    network.graphs[0].layers.push(next);
    network.graphs[0].outputs = vec![shares];
    let (network, references) = (Arc::new(network), References::read());
    assert_eq!(probe::attribution::logits(&network), Some(scores));
    let options = RunOptions::default();
    let image = |name: &str| {
        vec![(
            "image".to_string(),
            TensorData::from_f32(&[1, 2, 12, 12], &references.of(name)),
        )]
    };
    let open = |tensor, element| {
        let target = Target { tensor, element };
        get(Subject::open(
            &network,
            image("x"),
            target,
            &Device::Cpu,
            &options,
        ))
    };
    let mut before = open(None, Some(TARGET));
    let after = open(Some(shares), Some(TARGET));
    let logits = references.of("logits");
    assert!((before.score() - logits[TARGET]).abs() < 1e-5);
    assert!((before.probability(&logits) - after.score()).abs() < 1e-5);
    assert_eq!(after.probability(&[0.0, 0.0, 0.0, 0.25, 0.75]), 0.25);
    let map = made(&mut before, "gradient", &Settings::default());
    get(before.show(image("base"), Some(0)));
    assert_eq!(before.element(), 0);
    assert_ne!(made(&mut before, "gradient", &Settings::default()), map);
    get(before.show(image("x"), Some(TARGET)));
    assert_eq!(made(&mut before, "gradient", &Settings::default()), map);
    let wrong = vec![(
        "image".to_string(),
        TensorData::from_f32(&[1, 2, 6, 24], &references.of("x")),
    )];
    assert!(wait(before.show(wrong, None)).unwrap().is_err());
    assert!(wait(before.show(image("x"), Some(99))).unwrap().is_err());
    assert_eq!(before.element(), TARGET, "what was before stays");
}

/// Grad-CAM looks at the end of a block, not at the short way around it.
#[test]
fn the_deepest_convolution_is_looked_at() {
    let mut subject = fashion(25, Target::default());
    let at = |name: &str, subject: &Subject| Settings {
        layer: subject.network().layer_named(name),
        ..Settings::default()
    };
    let (deep, short) = (at("block2/conv2", &subject), at("block2/skip", &subject));
    let default = made(&mut subject, "grad_cam", &Settings::default());
    assert_eq!(default, made(&mut subject, "grad_cam", &deep));
    assert_ne!(default, made(&mut subject, "grad_cam", &short));
}

/// A clipped rectifier is one; a network without any has no guided map.
#[test]
fn rectifiers_are_found() {
    use model::op::{Op, Unary};
    let references = References::read();
    let clip = Op::Clip {
        min: Some(0.0),
        max: Some(60.0),
    };
    let mut subject = altered("relu2", clip);
    for id in ["guided", "deconvolution"] {
        let map = made(&mut subject, id, &Settings::default());
        assert!(error(&map.values, &references.of(id)) < 1e-3, "{id}");
    }
    let mut network = Network::clone(&opened(SMALL));
    for layer in network.layers.iter_mut().filter(|l| l.kind == "Relu") {
        layer.op = Op::Unary(Unary::Tanh);
    }
    let image = vec![(
        "image".into(),
        TensorData::from_f32(&[1, 2, 12, 12], &references.of("x")),
    )];
    let options = RunOptions::default();
    let network = Arc::new(network);
    let mut subject = get(Subject::open(
        &network,
        image,
        Target::default(),
        &Device::Cpu,
        &options,
    ));
    let guided = wait(attribute(
        &mut subject,
        method("guided").unwrap(),
        &Settings::default(),
    ))
    .unwrap();
    let words = guided.expect_err("an error").to_string();
    assert!(words.contains("no rectifier"), "{words}");
    // Captum's relevance in the same network.
    let inputs = subject.inputs().to_vec();
    get(subject.show(inputs, Some(TARGET)));
    let wide = Settings::default().with("epsilon", 0.1);
    let map = made(&mut subject, "relevance", &wide);
    let error = error(&map.values, &references.of("relevance_tanh"));
    println!("relevance_tanh: {error:.1e}");
    assert!(error < 1e-3, "{error}");
}

/// A batch of one that the file states is only a habit, unless a shape is written into a layer; either
/// way the maps are the same.
#[test]
fn batches_are_used_where_the_network_can() {
    let (mut subject, references) = small();
    let settings = Settings::default().with("steps", 20.0);
    let wanted = made(&mut subject, "integrated", &settings);
    let open = |network: Network| {
        let image = TensorData::from_f32(&[1, 2, 12, 12], &references.of("x"));
        let target = Target {
            tensor: None,
            element: Some(TARGET),
        };
        let options = RunOptions::default();
        let inputs = vec![("image".into(), image)];
        get(Subject::open(
            &Arc::new(network),
            inputs,
            target,
            &Device::Cpu,
            &options,
        ))
    };
    let mut network = Network::clone(&opened(SMALL));
    let input = network.main().inputs[0].0 as usize;
    network.tensors[input].spec = model::TensorSpec::fixed(model::DType::F32, &[1, 2, 12, 12]);
    let mut stated = open(network.clone());
    assert!(stated.together() > 1);
    let flatten = network.layers.iter_mut().find(|l| l.kind == "Flatten").unwrap();
    flatten.op = model::Op::Reshape {
        shape: Some(vec![1, 54]),
        allow_zero: false,
    };
    let mut fixed = open(network);
    assert_eq!(fixed.together(), 1);
    for subject in [&mut stated, &mut fixed] {
        let map = made(subject, "integrated", &settings);
        assert!(error(&map.values, &wanted.values) < 1e-5);
    }
}

/// Rules for rectifiers hold where a file makes them part of another layer.
#[test]
fn activations_inside_layers_have_their_rules() {
    use model::op::{Op, Unary};
    let (_, references) = small();
    let mut network = Network::clone(&opened(SMALL));
    for (holder, rectifier) in [("norm1", "relu1"), ("add", "relu2"), ("dense1", "relu3")] {
        let of = |network: &Network, name: &str| {
            network.layers.iter().position(|l| l.name.contains(name)).unwrap()
        };
        let (holder, rectifier) = (of(&network, holder), of(&network, rectifier));
        network.layers[holder].activation = Some(Unary::Relu);
        (network.layers[rectifier].op, network.layers[rectifier].kind) = (Op::Identity, "Identity".into());
    }
    let image = TensorData::from_f32(&[1, 2, 12, 12], &references.of("x"));
    let target = Target {
        tensor: None,
        element: Some(TARGET),
    };
    let options = RunOptions::default();
    let inputs = vec![("image".into(), image)];
    let mut subject = get(Subject::open(
        &Arc::new(network),
        inputs,
        target,
        &Device::Cpu,
        &options,
    ));
    let wide = Settings::default().with("epsilon", 0.1);
    for (id, settings, wanted) in [
        ("gradient", Settings::default(), "gradient"),
        ("guided", Settings::default(), "guided"),
        ("deconvolution", Settings::default(), "deconvolution"),
        ("relevance", wide, "relevance_wide"),
    ] {
        let map = made(&mut subject, id, &settings);
        let error = error(&map.values, &references.of(wanted));
        assert!(error < 1e-3, "{wanted}: {error}");
    }
}

/// A network that is fed rows, columns, channels: maps come in planes all the same.
#[test]
fn channels_may_come_last() {
    use model::Role;
    let references = References::read();
    let mut network = Network::clone(&opened(SMALL));
    let (image, next) = (
        network.main().inputs[0],
        model::LayerId(network.layers.len() as u32),
    );
    let mut tensor = network.tensor(image).clone();
    (tensor.name, tensor.producer) = ("planes".into(), Some(next));
    tensor.kind = model::TensorKind::Activation;
    let planes = network.add_tensor(tensor);
    network.layers[0].inputs[0] = Some(planes);
    let mut layer = network.layers[0].clone();
    (layer.name, layer.kind) = ("turn".into(), "Transpose".into());
    (layer.inputs, layer.outputs) = (vec![Some(image)], vec![Some(planes)]);
    layer.op = model::Op::Transpose {
        perm: Some(vec![0, 3, 1, 2]),
    };
    network.layers.push(layer);
    network.graphs[0].layers.insert(0, next);
    let mut spec = model::TensorSpec::fixed(model::DType::F32, &[1, 12, 12, 2]);
    let roles = [Role::Batch, Role::Height, Role::Width, Role::Channel];
    let axes = spec.axes.as_mut().unwrap().iter_mut();
    axes.zip(roles).for_each(|(axis, role)| axis.role = role);
    network.tensors[image.0 as usize].spec = spec;
    let x = references.of("x");
    let last: Vec<f32> = (0..288).map(|i| x[i % 2 * 144 + i / 2]).collect();
    let inputs = vec![("image".into(), TensorData::from_f32(&[1, 12, 12, 2], &last))];
    let target = Target {
        tensor: None,
        element: Some(TARGET),
    };
    let options = RunOptions::default();
    let network = Arc::new(network);
    let mut subject = get(Subject::open(&network, inputs, target, &Device::Cpu, &options));
    let windows = Settings::default().with("window", 3.0).with("stride", 2.0);
    let masks = Settings::default().given("masks", references.of("rise_masks"));
    for (id, settings, wanted) in [
        ("gradient", Settings::default(), "gradient"),
        ("occlusion", windows, "occlusion"),
        ("rise", masks, "rise"),
        ("relevance", Settings::default(), "relevance"),
        ("grad_cam", Settings::default(), "cam_up"),
    ] {
        let map = made(&mut subject, id, &settings);
        let error = error(&map.values, &references.of(wanted));
        assert!(error < 1e-3, "{wanted}: {error}");
    }
}
