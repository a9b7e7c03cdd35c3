//! Keras files: structure and shapes of the references (their values are compared in
//! `src/compute/tests/foreign.rs`), what is shown and not run, and hostile files.

use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::{Network, Op};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

fn open(name: &str, bytes: Vec<u8>) -> Result<Network, String> {
    formats::open_bytes(name, Bytes::from(bytes), None).map_err(|e| e.to_string())
}

/// A `.keras` archive of a configuration without weights.
fn archive(config: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, text) in [
        ("config.json", config),
        ("metadata.json", r#"{"keras_version":"3.0.0"}"#),
    ] {
        zip.start_file(name, plain).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn layer(class: &str, config: Value) -> Value {
    json!({"class_name": class, "config": config})
}

fn sequential(shape: Value, layers: Vec<Value>) -> Value {
    let mut all = vec![layer("InputLayer", json!({"name": "x", "batch_shape": shape}))];
    all.extend(layers);
    json!({"class_name": "Sequential", "config": {"name": "s", "layers": all}})
}

fn reference(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every output has the shape that Keras gives it, channels first for images.
#[test]
fn shapes_are_those_of_keras() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.retain(|p| matches!(p.extension().and_then(|e| e.to_str()), Some("keras" | "h5")));
    files.sort();
    assert!(files.len() >= 11);
    let mut wrong = Vec::new();
    for path in files {
        let network = formats::open(&path).unwrap_or_else(|e| panic!("{e}"));
        let name = path.file_stem().unwrap().to_str().unwrap();
        if !network.warnings.is_empty() {
            wrong.push(format!("{name}: {:?}", network.warnings));
        }
        let first = network
            .metadata
            .iter()
            .find(|(k, _)| k.starts_with("channels first here"));
        let bindings = model::Bindings::from([("N".to_string(), 2)]);
        let outputs = reference(name)["outputs"].as_array().unwrap().clone();
        assert_eq!(outputs.len(), network.main().outputs.len(), "{name}");
        for (&t, wanted) in network.main().outputs.iter().zip(outputs) {
            let tensor = network.tensor(t);
            let mut wanted: Vec<u64> = serde_json::from_value(wanted["shape"].clone()).unwrap();
            if first.is_some_and(|(_, names)| names.split(", ").any(|n| n == tensor.name)) {
                wanted[1..].rotate_right(1);
            }
            if tensor.spec.shape(&bindings) != Some(wanted.clone()) {
                wrong.push(format!(
                    "{name}: {} is {}, Keras has {wanted:?}",
                    tensor.name, tensor.spec
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A chain of image layers has no transposition: weights are laid out instead.
#[test]
fn images_are_channels_first_without_transpositions() {
    let network = open("chain.h5", read("chain.h5")).unwrap();
    let kinds: Vec<&str> = network.layers.iter().map(|l| l.kind.as_str()).collect();
    let wanted = [
        "Conv2D",
        "BatchNormalization",
        "MaxPooling2D",
        "Flatten",
        "Dropout",
        "Dense",
        "Dense",
    ];
    assert_eq!(kinds, wanted);
    assert_eq!(
        network.tensor(network.main().inputs[0]).spec.to_string(),
        "float32 [N, 3, 8, 8]"
    );
    let cost = model::cost(&network, &model::Bindings::from([("N".to_string(), 1)]));
    assert_eq!(cost.total.parameters, (27 + 1) * 4 + 8 + 64 * 5 + 5);
    assert_eq!(cost.total.buffers, 8);
    assert!(network.format.starts_with("Keras 3."), "{}", network.format);
}

/// Shared layers and inner models share their weights.
#[test]
fn shared_weights_are_stored_once() {
    let network = open("nested.keras", read("nested.keras")).unwrap();
    let kernels = network
        .tensors
        .iter()
        .filter(|t| t.name == "shared/kernel")
        .count();
    let uses = network
        .layers
        .iter()
        .filter(|l| l.kind == "Dense" && l.name.starts_with("shared"))
        .count();
    assert_eq!((kernels, uses), (1, 2));
    assert!(network.tensor_named("inner/block/conv/kernel").is_some());
}

#[test]
fn code_is_shown_and_not_run() {
    let lambda = layer(
        "Lambda",
        json!({"name": "secret", "function": ["4wEAAAAAAAAA", null, null]}),
    );
    let custom = layer("Squeeze9000", json!({"name": "own", "ratio": 4}));
    let dense = layer("Dense", json!({"name": "d", "units": 3}));
    let config = sequential(json!([null, 5]), vec![lambda, custom, dense]).to_string();
    let network = open("net.keras", archive(&config)).unwrap();
    let kinds: Vec<&str> = network.layers.iter().map(|l| l.kind.as_str()).collect();
    assert_eq!(kinds, ["Lambda", "Squeeze9000", "Dense"]);
    assert!(matches!(&network.layers[0].op, Op::Other { name, .. } if name == "Lambda"));
    let said = network.warnings.join("\n");
    for part in [
        "\"Lambda\" is code in the file, which is never run",
        "\"Squeeze9000\" is not known",
        "no weights",
    ] {
        assert!(said.contains(part), "{part:?} is missing in {said}");
    }
}

#[test]
fn weights_alone_are_layers_by_name() {
    let bytes = {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(read("nested.keras"))).unwrap();
        let mut member = zip.by_name("model.weights.h5").unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
        bytes
    };
    let network = open("nested.weights.h5", bytes).unwrap();
    let names: Vec<&str> = network.layers.iter().map(|l| l.name.as_str()).collect();
    assert!(names.iter().any(|n| n.ends_with("shared")), "{names:?}");
    assert!(network.layers.iter().all(|l| l.op == Op::Weights));
}

/// The same bytes with `from` replaced by `to` of the same length.
fn edited(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{from:?} is not there"));
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn hostile_files_are_refused_by_name() {
    let chain = read("chain.h5");
    let one = |class: &str, config: Value| {
        archive(&sequential(json!([null, 8, 8, 3]), vec![layer(class, config)]).to_string())
    };
    let text = |value: Value| archive(&value.to_string());
    let reference = |name: &str, call: u64| json!([[[name, call, 0, {}]]]);
    let functional = |layers: Value| {
        text(
            json!({"class_name": "Functional", "config": {"name": "f", "layers": layers,
            "input_layers": [["x", 0, 0]], "output_layers": [["a", 0, 0]]}}),
        )
    };
    let input = json!({"class_name": "InputLayer", "name": "x", "config": {"batch_shape": [null, 4]}, "inbound_nodes": []});
    let act = |name: &str, from: Value| json!({"class_name": "Activation", "name": name, "config": {"activation": "relu"}, "inbound_nodes": from});
    let mut deep = layer("Dense", json!({"name": "d", "units": 1}));
    for i in 0..40 {
        deep = json!({"class_name": "Sequential", "config": {"name": format!("s{i}"), "layers": [deep]}});
    }
    // Each model uses the one before twice: 2^30 layers from 30 models.
    let mut doubling = layer("ReLU", json!({"name": "r"}));
    for i in 0..30 {
        let name = format!("m{i}");
        let twin = |n: &str| {
            let mut model = doubling.clone();
            model["config"]["name"] = json!(n);
            model
        };
        doubling = match i < 8 {
            true => {
                json!({"class_name": "Sequential", "config": {"name": name, "layers": [twin("a"), twin("b")]}})
            }
            false => {
                let mut inner = doubling.clone();
                inner["name"] = json!("a");
                inner["inbound_nodes"] = json!([[["x", 0, 0, {}]], [["a", 0, 0, {}]]]);
                json!({"class_name": "Functional", "config": {"name": name, "layers": [input.clone(), inner],
                    "input_layers": [["x", 0, 0]], "output_layers": [["a", 1, 0]]}})
            }
        };
        if i == 27 {
            break;
        }
    }
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut.h5", chain[..chain.len() / 2].to_vec(), "HDF5"),
        ("head.h5", chain[..40].to_vec(), "HDF5"),
        (
            "link.h5",
            read("hostile/link.h5"),
            "links to other files are not followed",
        ),
        (
            "data.h5",
            read("hostile/data.h5"),
            "values in other files are not read",
        ),
        (
            "huge.h5",
            read("hostile/huge.h5"),
            "more than the file's size allows",
        ),
        (
            "other.h5",
            read("hostile/other.h5"),
            "without a Keras model or weights",
        ),
        (
            "json.h5",
            edited(chain.clone(), "{\"class_name\"", "[\"class_name\""),
            "\"model_config\": expected JSON",
        ),
        (
            "shape.h5",
            edited(chain.clone(), "\"filters\": 4", "\"filters\": 5"),
            "weight \"kernel\": expected 3 channels",
        ),
        (
            "units.h5",
            edited(chain.clone(), "\"units\": 5", "\"units\": 7"),
            "weight \"kernel\": expected [64, 7], found [64, 5]",
        ),
        ("text.keras", archive("not json"), "config.json: expected JSON"),
        (
            "own.keras",
            text(layer("MyModel", json!({"a": 1}))),
            "whose layers only its code knows",
        ),
        (
            "class.keras",
            text(json!({"class_name": "Sequential", "config": {"layers": [{"config": {}}]}})),
            "\"class_name\"",
        ),
        (
            "stride.keras",
            one(
                "Conv2D",
                json!({"name": "c", "filters": 2, "kernel_size": 3, "strides": 0}),
            ),
            "layer \"c\" (Conv2D): \"strides\"",
        ),
        (
            "filters.keras",
            one("Conv2D", json!({"name": "c", "filters": -2, "kernel_size": 3})),
            "\"filters\": expected a whole number",
        ),
        (
            "kernel.keras",
            one(
                "Conv2D",
                json!({"name": "c", "filters": 2, "kernel_size": [3, 3, 3]}),
            ),
            "\"kernel_size\"",
        ),
        (
            "rank.keras",
            one("Conv1D", json!({"name": "c", "filters": 2, "kernel_size": 3})),
            "expected an input of 3 axes, found 4",
        ),
        (
            "pad.keras",
            one("ZeroPadding2D", json!({"name": "p", "padding": -1})),
            "\"padding\": expected numbers or pairs",
        ),
        (
            "dims.keras",
            one("Permute", json!({"name": "p", "dims": [1, 1, 2]})),
            "expected a permutation of 1 to 3",
        ),
        (
            "sizes.keras",
            one("Reshape", json!({"name": "r", "target_shape": [-1, -1]})),
            "at most one -1",
        ),
        (
            "cycle.keras",
            functional(json!([
                input,
                act("a", reference("b", 0)),
                act("b", reference("a", 0))
            ])),
            "expected no cycle, found one among a, b",
        ),
        (
            "absent.keras",
            functional(json!([input, act("a", reference("y", 0))])),
            "use 0 of the layer \"y\" is read",
        ),
        (
            "twice.keras",
            functional(json!([
                input,
                act("a", reference("x", 0)),
                act("a", reference("x", 0))
            ])),
            "two layers are called \"a\"",
        ),
        (
            "output.keras",
            functional(json!([input, act("a", json!([[["x", 0, 3, {}]]]))])),
            "",
        ),
        (
            "deep.keras",
            text(deep),
            "expected at most 32 models inside one another",
        ),
        ("doubling.keras", text(doubling), "expected at most 200000 layers"),
    ];
    for (name, bytes, part) in cases {
        let start = std::time::Instant::now();
        let error = match open(name, bytes) {
            Err(error) => error,
            // An input has one output, whatever is asked for.
            Ok(_) if part.is_empty() => continue,
            Ok(_) => panic!("{name} opens"),
        };
        assert!(error.starts_with(name), "{error}");
        assert!(error.contains(part), "{part:?} is missing in: {error}");
        assert!(start.elapsed().as_secs() < 10, "{name}");
    }
}
