//! Networks beside each other in one session: the demo and what differs from it.

use session::{Command, Input, Level, Mark, Session, Source};

fn errors(session: &Session) -> Vec<&str> {
    let errors = session.log.iter().filter(|(level, _)| *level == Level::Error);
    errors.map(|(_, text)| text.as_str()).collect()
}

fn bundled() -> Source {
    Source::Bundled("fashion-mnist".into())
}

/// The demo with one weight tensor doubled and its last block's activation taken away, as ONNX.
fn changed() -> Source {
    let bytes = include_bytes!("../../../models/fashion-mnist.onnx");
    let mut network = formats::open_bytes("demo.onnx", bytes.as_slice().into(), None).unwrap();
    let weight = network.tensor_named("block1/conv1.weight").unwrap();
    let tensor = &mut network.tensors[weight.0 as usize];
    let old = tensor.data.clone().unwrap();
    let doubled: Vec<f32> = old.to_f32().unwrap().iter().map(|v| 2.0 * v).collect();
    tensor.data = Some(model::TensorData::from_f32(&old.shape, &doubled).into());
    let gone = network.layer_named("block2/relu2").unwrap();
    let [Some(from)] = network.layer(gone).inputs[..] else {
        panic!()
    };
    let Some(to) = network.layer(gone).outputs[0] else {
        panic!()
    };
    network.graphs[0].layers.retain(|l| *l != gone);
    for layer in &mut network.layers {
        for input in layer.inputs.iter_mut().filter(|i| **i == Some(to)) {
            *input = Some(from);
        }
    }
    Source::Bytes {
        name: "changed.onnx".into(),
        bytes: formats::FORMATS
            .iter()
            .find(|f| f.extensions.contains(&"onnx"))
            .unwrap()
            .write(&network)
            .unwrap()
            .into(),
    }
}

fn compared() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(bundled()));
    session.wait();
    session.apply(Command::Sample(3));
    session.wait();
    session.apply(Command::Compare(changed()));
    session.wait();
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
    session
}

#[test]
fn two_networks_run_beside_each_other_on_the_same_input() {
    let mut alone = Session::new();
    alone.apply(Command::Open(bundled()));
    alone.wait();
    alone.apply(Command::Sample(3));
    alone.wait();
    let mut session = compared();
    assert_eq!(session.state.input, Input::Sample(3), "the input stays");
    let answers = session.answers();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], alone.output(), "the first is what it was");
    assert_ne!(answers[1], alone.output());
    // Each is asked about every sample.
    session.wait_for_predictions();
    let document = session.document.as_ref().unwrap();
    let samples = document.samples.as_ref().unwrap();
    let right: Vec<usize> = document.predictions.iter().map(|p| p.right(samples)).collect();
    assert!(
        document
            .predictions
            .iter()
            .all(|p| p.guesses.len() == samples.len())
    );
    assert!(
        right[0] >= 160 && right[1] < right[0],
        "{right:?} of {}",
        samples.len()
    );
}

/// The CIFAR-10 network takes the picture too, but its classes are others: it is not asked about
/// Fashion-MNIST's labels, and its answers have its own names.
#[test]
fn a_network_of_other_classes_keeps_its_names() {
    let mut session = Session::new();
    session.apply(Command::Open(bundled()));
    session.wait();
    session.apply(Command::Compare(Source::Bytes {
        name: "cifar-10.onnx".into(),
        bytes: include_bytes!("../../../models/cifar-10.onnx")[..].into(),
    }));
    session.wait_for_predictions();
    let document = session.document.as_ref().unwrap();
    let asked: Vec<usize> = document.predictions.iter().map(|p| p.guesses.len()).collect();
    assert_eq!(asked, [200, 0]);
    let answers = session.answers();
    let names = |i: usize| answers[i].as_ref().unwrap().scores.iter().map(|s| s.name.clone());
    assert!(names(0).any(|n| n == "Ankle boot") && names(1).any(|n| n == "airplane"));
}

#[test]
fn differences_are_marked_where_they_are() {
    let session = compared();
    let document = session.document.as_ref().unwrap();
    let mark = |name: &str| document.find(name).map(|n| document.mark(n));
    assert_eq!(mark("changed/block1/conv1"), Some(Some(Mark::Changed(Some(1.0)))));
    assert_eq!(
        mark("fashion-mnist/block1/conv1"),
        Some(Some(Mark::Changed(Some(1.0))))
    );
    assert_eq!(mark("fashion-mnist/block2/relu2"), Some(Some(Mark::Removed)));
    assert_eq!(mark("changed/stem/conv"), Some(None));
    // Of a scope: what changed within.
    assert_eq!(mark("changed/block1"), Some(Some(Mark::Changed(Some(1.0)))));
    assert_eq!(mark("changed/stem"), Some(None));
    // What corresponds stands in one column.
    let layout = session.layout().unwrap();
    let rank = |name: &str| {
        let node = document.find(name);
        layout.volumes.iter().find(|v| Some(v.node) == node).unwrap().rank
    };
    for name in ["stem/conv", "block2/conv1", "head/classifier"] {
        assert_eq!(
            rank(&format!("fashion-mnist/{name}")),
            rank(&format!("changed/{name}")),
            "{name}"
        );
    }
}

#[test]
fn a_network_is_taken_away_again_and_wrong_ones_change_nothing() {
    let mut session = compared();
    let before = session.layout().cloned();
    let broken = Source::Bytes {
        name: "broken.onnx".into(),
        bytes: vec![1, 2, 3].into(),
    };
    session.apply(Command::Compare(broken));
    session.wait();
    session.apply(Command::Part(2));
    assert_eq!(errors(&session).len(), 2, "{:?}", errors(&session));
    assert_eq!(session.layout(), before.as_ref());
    session.apply(Command::Part(0));
    session.wait();
    let document = session.document.as_ref().unwrap();
    assert_eq!(
        (document.file.as_str(), document.sides.len()),
        ("changed.onnx", 0)
    );
    session.apply(Command::Part(0));
    assert_eq!(errors(&session).len(), 3, "the last one stays");
    // Three, the same twice: nothing differs between these.
    for _ in 0..2 {
        session.apply(Command::Compare(bundled()));
        session.wait();
    }
    assert_eq!(session.answers().len(), 3);
}
