//! Attribution against Captum (`captum_references.py`), on a small network with random weights, and on
//! the network for Fashion-MNIST.

mod checks;
mod networks;
mod refusals;

use std::sync::Arc;

use bytes::Bytes;
use compute::{Device, RunOptions, wait};
use model::{Network, TensorData};
use probe::ProbeError;
use probe::attribution::{
    Baseline, Curves, METHODS, Map, Sanity, Settings, Subject, Target, Verdict, attribute, method,
};

const CAPTUM: &[u8] = include_bytes!("captum.npz");
const SMALL: &[u8] = include_bytes!("network.onnx");
const FASHION: &[u8] = include_bytes!("../../../../models/fashion-mnist.onnx");

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
