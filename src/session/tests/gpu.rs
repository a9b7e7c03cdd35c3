//! The session on a graphics device: what it reads back, when it stops, and what happens when the
//! device cannot go on. Needs a Vulkan driver; a software one will do.

use std::sync::OnceLock;

use compute::{Device, Gpu};
use session::{Command, Session, Source};

fn gpu() -> Device {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    Device::Gpu(GPU.get_or_init(|| Gpu::open().unwrap()).clone())
}

fn demo(device: Device) -> Session {
    let mut session = Session::new();
    session.compute_on(device);
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session
}

#[test]
fn playing_reads_nothing_back() {
    let mut session = demo(gpu());
    let document = session.document.as_ref().unwrap();
    let trace = document.trace.clone().unwrap();
    let output = document.network.main().outputs[0];
    // Ten scores came to the host, and the summaries; every other tensor is on the device.
    for (id, tensor) in &trace.tensors {
        assert_eq!(tensor.host().is_some(), *id == output);
    }
    assert_eq!(session.read_back(), 32 * trace.tensors.len() as u64 + 40);
    assert!(session.output().is_some());

    let before = session.read_back();
    session.apply(Command::Seek(0.0));
    session.apply(Command::Loop(true));
    session.apply(Command::Play);
    for _ in 0..600 {
        session.update(1.0 / 60.0);
        assert_eq!(session.read_back(), before);
    }
    // The selection's values come when they are asked for, once.
    session.apply(Command::Select(Some("block1/conv1".into())));
    session.wait();
    let document = session.document.as_ref().unwrap();
    let selected = document
        .layout
        .volumes
        .iter()
        .find(|v| session.state.selection == Some(v.node));
    let tensor = &trace.tensors[&selected.unwrap().tensor.unwrap()];
    assert!(tensor.host().is_some());
    assert_eq!(session.read_back(), before + 4 * tensor.len() as u64);
    session.wait();
    assert_eq!(session.read_back(), before + 4 * tensor.len() as u64);
}

#[test]
fn both_devices_say_the_same() {
    let (mut own, mut other) = (demo(gpu()), demo(Device::Cpu));
    for sample in [3, 8] {
        let mut scores = Vec::new();
        for session in [&mut own, &mut other] {
            session.apply(Command::Sample(sample));
            session.apply(Command::Backward(true));
            session.wait();
            assert!(session.document.as_ref().unwrap().gradients.is_some());
            scores.push(session.output().unwrap());
            session.apply(Command::Backward(false));
        }
        for (a, b) in scores[0].scores.iter().zip(&scores[1].scores) {
            assert!((a.value - b.value).abs() < 1e-3, "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_lost_device_hands_over_to_the_processor() {
    let own = Gpu::open().unwrap();
    let mut session = demo(Device::Gpu(own.clone()));
    let before = session.output().unwrap();
    own.wgpu().0.destroy();
    session.apply(Command::Sample(7));
    session.wait();
    assert!(
        session
            .log
            .iter()
            .any(|(_, text)| text.contains("the processor computes from now on"))
    );
    assert_ne!(session.output().unwrap(), before);
    assert_eq!(
        session.document.as_ref().unwrap().trace.as_ref().unwrap().device,
        "CPU"
    );
}

#[test]
fn newer_work_stops_older_and_a_person_can_stop_all() {
    let mut session = demo(Device::Cpu);
    for sample in 0..20 {
        session.apply(Command::Sample(sample));
    }
    session.wait();
    assert_eq!(session.state.input, session::Input::Sample(19));
    assert!(session.busy().is_none());
    session.apply(Command::Sample(0));
    assert!(session.busy().is_some_and(|b| b.words.contains("running")));
    session.apply(Command::Cancel);
    session.wait();
    assert!(session.log.iter().any(|(_, text)| text == "cancelled"));
}
