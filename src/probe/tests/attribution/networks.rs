//! Networks of other forms: batches, softmax, activations inside layers, order of axes.

use super::*;

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
