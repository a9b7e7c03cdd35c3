//! What cannot be asked, in words.

use super::*;

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
