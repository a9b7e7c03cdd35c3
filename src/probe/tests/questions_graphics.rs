//! Attribution and maximisation on a graphics device against the processor.
//!
//! Needs a Vulkan driver; `./check` installs Mesa's software one.

use std::sync::Arc;

use bytes::Bytes;
use compute::{Device, Gpu, RunOptions, wait};
use model::TensorData;
use probe::attribution::{METHODS, Settings, Subject, Target, attribute};
use probe::maximize::{self, Aim, Legal, Maximizer, Objective};

#[test]
fn a_graphics_device_answers_as_the_processor_does() {
    let gpu = Device::Gpu(Gpu::open().expect("a Vulkan driver"));
    let bytes = Bytes::from_static(include_bytes!("attribution/network.onnx"));
    let network = Arc::new(formats::open_bytes("network.onnx", bytes, None).unwrap());
    let mut random = model::Random::new(&[2]);
    let values: Vec<f32> = (0..288).map(|_| random.normal() as f32).collect();
    let options = RunOptions::default();
    let open = |device: &Device| {
        let inputs = vec![("image".into(), TensorData::from_f32(&[1, 2, 12, 12], &values))];
        wait(Subject::open(
            &network,
            inputs,
            Target::default(),
            device,
            &options,
        ))
        .unwrap()
        .unwrap()
    };
    let (mut host, mut device) = (open(&Device::Cpu), open(&gpu));
    // Few samples: a software driver is slow.
    let quick = |id: &str| {
        let settings = Settings::default();
        match id {
            "smooth" => settings.with("samples", 4.0),
            "integrated" => settings.with("steps", 4.0),
            "rise" => settings.with("masks", 16.0),
            "relevance" => settings.with("epsilon", 0.1),
            _ => settings,
        }
    };
    for method in METHODS {
        let settings = quick(method.id);
        let wanted = wait(attribute(&mut host, method, &settings)).unwrap().unwrap();
        let found = wait(attribute(&mut device, method, &settings)).unwrap().unwrap();
        let largest = wanted.values.iter().fold(1e-12f32, |a, b| a.max(b.abs()));
        let pairs = wanted.values.iter().zip(&found.values);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest;
        println!("{}: {worst:.1e}", method.id);
        assert!(worst < 1e-3, "{}: {worst}", method.id);
    }
    let objective = Objective {
        tensor: host.tensor(),
        aim: Aim::Element(1),
    };
    let seek = |device: &Device| {
        let settings = maximize::Settings::default();
        let made = Maximizer::new(&network, objective, Legal::default(), settings, device, &options);
        let mut maximizer = made.unwrap();
        let steps = (0..4).map(|_| wait(maximizer.step()).unwrap().unwrap().values[0]);
        steps.collect::<Vec<f32>>()
    };
    let (wanted, found) = (seek(&Device::Cpu), seek(&gpu));
    assert!(
        wanted.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-3),
        "{wanted:?} {found:?}"
    );
}
