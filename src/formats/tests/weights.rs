//! Values of the files of weights in corpus/ (`make_weights.py`) and, where they are given, of real
//! ones.

use std::path::{Path, PathBuf};

use model::{Bindings, DType, Network, TensorKind};

fn corpus(name: &str) -> Network {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    formats::open(&path).unwrap_or_else(|e| panic!("{e}"))
}

fn values(network: &Network, name: &str) -> Vec<f32> {
    let id = network
        .tensor_named(name)
        .unwrap_or_else(|| panic!("no tensor {name}"));
    network.tensor(id).data.as_ref().unwrap().to_f32().unwrap()
}

fn count(network: &Network) -> (u64, u64) {
    let cost = model::cost(network, &Bindings::new());
    (cost.total.parameters, cost.total.buffers)
}

#[test]
fn both_formats_of_pytorch_hold_the_same() {
    let (zip, old) = (corpus("state.pt"), corpus("legacy.pth"));
    // 4 x 3 x 3 x 3 + 4, 2 x 4, an LSTM of 4 to 3, 3 x 2 + 2; running statistics and their count.
    assert_eq!(count(&zip), (112 + 8 + 12 * (4 + 3 + 2) + 8, 9));
    assert_eq!(count(&zip), count(&old));
    for tensor in zip.tensors.iter().filter(|t| t.data.is_some()) {
        let other = old.tensor_named(&tensor.name).unwrap();
        assert_eq!(tensor.data, old.tensor(other).data, "{}", tensor.name);
    }
    let names: Vec<&str> = zip.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["blocks.0/conv", "blocks.0/norm", "lstm", "out"]);
    assert!(zip.warnings[0].contains("cannot be run"));
}

#[test]
fn a_checkpoint_is_its_model() {
    let (checkpoint, state) = (corpus("checkpoint.pt"), corpus("state.pt"));
    let weights = |n: &Network| {
        let stored = n
            .tensors
            .iter()
            .filter(|t| t.data.is_some() && t.kind == TensorKind::Parameter);
        stored.map(|t| t.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(weights(&checkpoint), weights(&state));
    let stated = |key: &str| {
        checkpoint
            .metadata
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    };
    assert_eq!((stated("epoch"), stated("loss")), (Some("3"), Some("0.5")));
    assert_eq!(stated("weights under"), Some("model"));
}

#[test]
fn torchscript_gives_its_tensors_and_modules() {
    let (script, state) = (corpus("script.pt"), corpus("state.pt"));
    assert_eq!(script.format, "TorchScript");
    assert_eq!(count(&script), count(&state));
    assert_eq!(
        values(&script, "blocks.0.conv.weight"),
        values(&state, "blocks.0.conv.weight")
    );
}

#[test]
fn views_are_read_through_their_strides() {
    let views = corpus("views.pt");
    let base: Vec<f32> = (0..24).map(|i| i as f32).collect();
    let turned: Vec<f32> = (0..24).map(|i| base[i % 4 * 6 + i / 4]).collect();
    assert_eq!(values(&views, "turned"), turned);
    assert_eq!(values(&views, "thin"), [1., 3., 5., 13., 15., 17.]);
    assert_eq!(values(&views, "half"), base);
    assert_eq!(values(&views, "bf16"), base);
    assert_eq!(values(&views, "ints"), [0., 1., 2.]);
    assert_eq!(values(&views, "flags"), [1., 0.]);
    assert_eq!(values(&views, "scalar"), [2.5]);
    assert_eq!(values(&views, "parameter"), base[6..12]);
}

#[test]
fn every_type_of_safetensors_is_decoded() {
    let network = corpus("typed.safetensors");
    let mut seen = 0;
    for tensor in network
        .tensors
        .iter()
        .filter(|t| t.name.starts_with("layers.") && t.data.is_some())
    {
        let found = tensor.data.as_ref().unwrap().to_f32().unwrap();
        let wanted: [f32; 6] = match tensor.spec.dtype {
            DType::Bool => [0., 1., 1., 1., 1., 1.],
            _ => [0., 1., 2., 3., 4., 5.],
        };
        assert_eq!(found, wanted, "{}", tensor.name);
        seen += 1;
    }
    assert_eq!(seen, 12);
    assert_eq!(
        network.metadata,
        [("made by".to_string(), "make_weights.py".to_string())]
    );
}

#[test]
fn arrays_of_numpy_are_read_in_every_order() {
    for file in ["arrays.npz", "packed.npz"] {
        let network = corpus(file);
        for name in ["layer.plain", "layer.fortran", "layer.big", "layer.ints"] {
            assert_eq!(values(&network, name), [0., 1., 2., 3., 4., 5.], "{file} {name}");
        }
        assert_eq!(values(&network, "scalar"), [2.5]);
    }
    assert_eq!(values(&corpus("array.npy"), "array"), [0., 1., 2., 3., 4., 5.]);
}

#[test]
fn blocks_are_decoded_as_gguf_does() {
    let network = corpus("blocks.gguf");
    let mut seen = 0;
    let stored = |t: &&model::Tensor| t.data.is_some() && t.name.starts_with("blk.");
    for tensor in network.tensors.iter().filter(stored) {
        let wanted = values(&network, &format!("reference.{}", tensor.name));
        let found = tensor.data.as_ref().unwrap().to_f32().unwrap();
        assert_eq!(found.len(), wanted.len(), "{}", tensor.name);
        for (i, (f, w)) in found.iter().zip(&wanted).enumerate() {
            assert!(
                (f - w).abs() <= 1e-6 * w.abs().max(1.0),
                "{}[{i}]: {f}, not {w}",
                tensor.name
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 10);
    assert_eq!(values(&network, "half.weight"), [0., 1., 2.]);
    assert_eq!(network.name, "blocks");
    let stated = |key: &str| {
        network
            .metadata
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    };
    assert_eq!(stated("demo.list"), Some("3 values"));
    assert!(stated("tensors").unwrap().contains("1 of Q6_K"));
}

/// Real files in the folder `LAYERSCOPE_WEIGHTS`, by their names in their packages, with the number
/// of parameters that PyTorch counts in them.
#[test]
fn real_files_hold_what_pytorch_counts() {
    let Ok(folder) = std::env::var("LAYERSCOPE_WEIGHTS") else {
        println!("LAYERSCOPE_WEIGHTS is not set: no real file is opened");
        return;
    };
    let cases = [
        ("efficientnet-lite0-57934424.pth", 4_652_008, 42_016),
        ("mnist.pth", 421_642, 0),
        ("pretrained.pt", 1_423_618, 0),
        ("silero_vad.jit", 462_594, 82_688),
    ];
    for (name, parameters, buffers) in cases {
        let path = PathBuf::from(&folder).join(name);
        let begun = std::time::Instant::now();
        let network = formats::open(&path).unwrap_or_else(|e| panic!("{e}"));
        println!(
            "{name}: {} {:?} in {:?}",
            network.format,
            count(&network),
            begun.elapsed()
        );
        println!(
            "  {} layers, {:?} {:?}",
            network.layers.len(),
            network.metadata,
            network.warnings
        );
        assert_eq!(count(&network), (parameters, buffers), "{name}");
    }
}
