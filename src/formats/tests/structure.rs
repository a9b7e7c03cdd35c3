//! What is recognised in real networks (`./check` names their folders) and in rebuilt architectures.

use std::path::{Path, PathBuf};

use model::{Network, Op};

/// Attentions, MLPs, layer or RMS normalizations written out or by one operator, residual blocks
/// and stages.
fn counts(network: &Network) -> [usize; 5] {
    let of = |kind: &str| network.scopes.scopes.iter().filter(|s| s.kind == kind).count();
    let layers = network.main().layers.iter().map(|l| network.layer(*l));
    let single = layers.filter(|l| matches!(l.op, Op::LayerNorm { .. } | Op::RmsNorm { .. }));
    let written = network.scopes.scopes.iter();
    let written = written.filter(|s| s.kind == "normalization" && s.layers.len() != 1);
    [
        of("attention"),
        of("MLP"),
        single.count() + written.count(),
        of("residual block"),
        of("stage"),
    ]
}

fn real(name: &str) -> Option<Network> {
    let Ok(folders) = std::env::var("LAYERSCOPE_ONNX_MODELS") else {
        println!("LAYERSCOPE_ONNX_MODELS is not set: {name} is not opened");
        return None;
    };
    let mut paths = folders.split(':').map(|f| Path::new(f).join(name));
    let path = paths
        .find(|p| p.exists())
        .unwrap_or_else(|| panic!("no {name} in {folders}"));
    Some(formats::open(&path).unwrap())
}

#[test]
fn real_networks_are_read_as_what_they_are() {
    for (name, expected) in [
        ("paraphrase-MiniLM-L3-v2.onnx", [3, 3, 7, 0, 0]),
        ("ch_PP-OCRv4_rec_infer.onnx", [2, 4, 5, 0, 0]),
        // The two full layers before the classifier, too.
        ("light_bvlc_alexnet.onnx", [0, 1, 0, 0, 0]),
        ("light_resnet50.onnx", [0, 0, 0, 16, 4]),
        ("light_shufflenet.onnx", [0, 0, 0, 13, 3]),
        ("light_densenet121.onnx", [0, 0, 0, 0, 0]),
        ("light_inception_v1.onnx", [0, 0, 0, 0, 7]),
    ] {
        if let Some(network) = real(name) {
            assert_eq!(counts(&network), expected, "{name}");
        }
    }
}

#[test]
fn attentions_of_a_named_network_are_its_own_scopes() {
    let Some(network) = real("paraphrase-MiniLM-L3-v2.onnx") else {
        return;
    };
    let scopes = &network.scopes;
    let paths: Vec<String> = (0..scopes.scopes.len() as u32)
        .map(model::ScopeId)
        .filter(|&s| matches!(&*scopes.get(s).kind, "attention" | "MLP"))
        .map(|s| scopes.path(s))
        .collect();
    let encoder = "model/model.0/auto_model/encoder";
    let expected = (0..3).flat_map(|i| ["attention", "MLP"].map(|p| format!("{encoder}/layer.{i}/{p}")));
    assert_eq!(paths, expected.collect::<Vec<_>>());
}

#[test]
fn rebuilt_architectures_are_recognised() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/families");
    for (name, expected) in [
        // The pooler and the classifier are an MLP, too.
        ("bert", [2, 3, 5, 0, 0]),
        // Its head has a norm of its own.
        ("roberta", [2, 3, 6, 0, 0]),
        ("gpt2", [2, 2, 5, 0, 0]),
        ("llama", [2, 2, 5, 0, 0]),
        ("mistral", [2, 2, 5, 0, 0]),
        ("vit", [2, 2, 5, 0, 0]),
        // Two layers each in encoder and decoder, which also looks at the encoder.
        ("t5", [6, 4, 12, 0, 0]),
        ("resnet", [0, 0, 0, 3, 2]),
    ] {
        let network = formats::open(&folder.join(name).join("model.safetensors")).unwrap();
        assert_eq!(counts(&network), expected, "{name}");
    }
}
