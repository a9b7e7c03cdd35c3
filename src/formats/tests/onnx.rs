//! What ONNX files of every age hold (`corpus`, written by `make_corpus.py`).

use std::path::Path;

use model::Network;

fn open(name: &str) -> Network {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    formats::open(&path).unwrap_or_else(|e| panic!("{e}"))
}

/// Output specs by tensor name.
fn spec(network: &Network, name: &str) -> String {
    let id = network
        .tensor_named(name)
        .unwrap_or_else(|| panic!("no tensor {name}"));
    network.tensor(id).spec.to_string()
}

#[test]
fn typed_fields_and_raw_bytes_hold_the_same() {
    let network = open("typed.onnx");
    let mut pairs = 0;
    for tensor in &network.tensors {
        let Some(kind) = tensor.name.strip_prefix("typed_") else {
            continue;
        };
        let Some(raw) = network.tensor_named(&format!("raw_{kind}")) else {
            continue;
        };
        let raw = network.tensor(raw);
        assert_eq!(tensor.spec, raw.spec, "{kind}");
        assert_eq!(tensor.data, raw.data, "{kind}");
        if let Some(data) = &tensor.data {
            let values = data
                .to_f32()
                .or_else(|| Some(data.to_i64()?.iter().map(|&v| v as f32).collect()));
            let wanted = match kind {
                "float" => 1.5,
                "double" => 2.5,
                _ => 1.0,
            };
            // Float8 has no arithmetic here; everything else reads as what was written.
            if let Some(values) = values {
                assert_eq!(values, [wanted; 6], "{kind}");
            }
            pairs += 1;
        }
    }
    assert!(pairs >= 15, "{pairs}");
}

#[test]
fn graphs_in_graphs_are_nested_scopes() {
    let network = open("nested.onnx");
    assert_eq!(network.warnings, Vec::<String>::new());
    let scope = |layer: &str| {
        let found = network.layers.iter().find(|l| l.name == layer);
        network
            .scopes
            .path(found.unwrap_or_else(|| panic!("no layer {layer}")).scope)
    };
    assert_eq!(scope("loop"), "");
    assert_eq!(scope("choose"), "loop.body");
    assert_eq!(scope("grow"), "loop.body/choose.then_branch");
    assert_eq!(scope("shrink"), "loop.body/choose.else_branch");
    assert_eq!(scope("add"), "scan.body");
}

#[test]
fn opset_7_states_axes_scales_and_bounds_as_attributes() {
    let network = open("early.onnx");
    assert_eq!(network.format, "ONNX opset 7");
    assert_eq!(network.warnings, Vec::<String>::new());
    let shape = |name: &str| spec(&network, name);
    assert_eq!(shape("u"), "float32 [1, 3, 8, 8]");
    assert_eq!(shape("q"), "float32 [1, 1, 3, 8, 8]");
    assert_eq!(shape("p"), "float32 [1, 3, 10, 10]");
    assert_eq!(shape("m"), "float32 [1, 3]");
}

#[test]
fn opset_24_opens_with_its_symbols() {
    let network = open("recent.onnx");
    assert_eq!(network.format, "ONNX opset 24");
    assert_eq!(network.warnings, Vec::<String>::new());
    // Two batches of five tokens: the products of queries and keys, and of weights and values.
    let bindings = [("batch".to_string(), 2), ("length".to_string(), 5)].into();
    let cost = model::cost(&network, &bindings);
    let mix = network.layers.iter().position(|l| l.kind == "Attention").unwrap();
    assert_eq!(cost.layers[mix].macs, Some(2 * 5 * 5 * (8 + 8)));
    for name in ["e", "n", "q", "a", "s", "y"] {
        assert_eq!(spec(&network, name), "float32 [batch, length, 8]", "{name}");
    }
}

#[test]
fn what_is_not_understood_is_a_warning() {
    let network = open("odd.onnx");
    let said = network.warnings.join("\n");
    for part in [
        "elsewhere.Twist",
        "\"far\"",
        "no such file",
        "sparse initializers",
    ] {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    assert_eq!(spec(&network, "a"), "float32 [2]");
    // The call of a function is its body.
    assert!(!said.contains("mine.Double"), "{said}");
    assert_eq!(spec(&network, "c"), "float32 [2]");
    assert!(network.layers.iter().all(|l| l.kind != "mine.Double"));
}
