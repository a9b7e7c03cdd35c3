//! TensorFlow Lite and TensorFlow.js files: what they say, and hostile ones (their values are
//! compared in `src/compute/tests/foreign.rs`).

use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::{Network, Op};
use serde_json::{Value, json};

fn folder(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(format)
}

fn open(name: &str, bytes: Vec<u8>) -> Result<Network, String> {
    formats::open_bytes(name, Bytes::from(bytes), None).map_err(|e| e.to_string())
}

fn refused(cases: Vec<(&str, Vec<u8>, &str)>) {
    for (name, bytes, part) in cases {
        let error = open(name, bytes).expect_err(name);
        assert!(error.starts_with(name), "{error}");
        assert!(error.contains(part), "{part:?} is missing in: {error}");
    }
}

#[test]
fn quantised_weights_show_their_scale() {
    let network = formats::open(&folder("tflite").join("windows.tflite")).unwrap();
    assert!(
        network
            .warnings
            .iter()
            .any(|w| w.contains("1 tensors are quantised")),
        "{:?}",
        network.warnings
    );
    // The filters of the grouped convolution went through DEQUANTIZE, which is folded.
    let grouped = network
        .layers
        .iter()
        .find(|l| matches!(l.op, Op::Conv { groups: 2, .. }) && l.activation.is_some());
    assert!(grouped.is_some());
    assert!(network.layers.iter().all(|l| l.kind != "DEQUANTIZE"));
    assert!(
        network.layers.iter().all(|l| l.kind != "Transpose"),
        "images need no transposition"
    );
}

#[test]
fn hostile_tflite_files_are_refused_by_name() {
    let file = std::fs::read(folder("tflite").join("windows.tflite")).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = file.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let root = u32::from_le_bytes(file[..4].try_into().unwrap()) as usize;
    refused(vec![
        ("head.tflite", file[..8].to_vec(), "expected"),
        ("cut.tflite", file[..file.len() / 2].to_vec(), "expected"),
        (
            "root.tflite",
            with(0, &[0xff; 4]),
            "expected what the offset leads to",
        ),
        (
            "table.tflite",
            with(root, &[0xff, 0xff, 0xff, 0x7f]),
            "expected a list of fields",
        ),
        ("other.bin", b"\0\0\0\0TFL9".to_vec(), ""),
    ]);
    // No single byte makes it panic, hang or allocate without bound.
    for at in 0..file.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let _ = open("byte.tflite", with(at, &[value]));
        }
    }
}

fn text(value: Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn graph(nodes: Value) -> Vec<u8> {
    text(json!({"modelTopology": {"node": nodes}}))
}

#[test]
fn hostile_tfjs_files_are_refused_by_name() {
    let node =
        |name: &str, op: &str, input: Value| json!({"name": name, "op": op, "input": input, "attr": {}});
    let manifest = |path: &str| {
        text(json!({"modelTopology": {"node": []},
            "weightsManifest": [{"paths": [path], "weights": [{"name": "w", "shape": [2], "dtype": "float32"}]}]}))
    };
    refused(vec![
        (
            "list.json",
            text(json!({"modelTopology": {"node": 3}})),
            "expected an array \"node\"",
        ),
        (
            "model.json",
            text(json!({"modelTopology": {"class_name": "Own", "config": {}}})),
            "whose layers only its code knows",
        ),
        (
            "name.json",
            graph(json!([{"op": "Relu"}])),
            "expected nodes with \"name\" and \"op\"",
        ),
        (
            "twice.json",
            graph(json!([
                node("a", "NoOp", json!([])),
                node("a", "NoOp", json!([]))
            ])),
            "two nodes are called \"a\"",
        ),
        (
            "cycle.json",
            graph(json!([
                node("a", "Relu", json!(["b"])),
                node("b", "Relu", json!(["a"]))
            ])),
            "expected no cycle",
        ),
        (
            "absent.json",
            graph(json!([node("a", "Relu", json!(["y"]))])),
            "its input \"y\" is not there",
        ),
        (
            "up.json",
            manifest("../secret.bin"),
            "expected a path inside the model's folder",
        ),
        ("root.json", manifest("/etc/passwd"), "found an absolute path"),
        ("cut.json", b"{\"modelTopology\":".to_vec(), "expected JSON"),
    ]);
}

#[test]
fn shards_come_from_the_folder_of_the_model() {
    let own = tempfile::tempdir().unwrap();
    let source = folder("tfjs").join("graph");
    let copy = |name: &str| std::fs::copy(source.join(name), own.path().join(name)).unwrap();
    copy("model.json");
    let file = own.path().join("model.json");
    let network = formats::open(&file).unwrap();
    assert!(
        network.warnings.iter().any(|w| w.contains("weights are absent")),
        "{:?}",
        network.warnings
    );
    copy("group1-shard1of1.bin");
    let network = formats::open(&file).unwrap();
    assert_eq!(network.warnings, Vec::<String>::new());
    // A shard that is too short names the weight that it lacks.
    let shard = own.path().join("group1-shard1of1.bin");
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &bytes[..bytes.len() - 4]).unwrap();
    let error = formats::open(&file).unwrap_err().to_string();
    assert!(
        error.contains("weight group 0 weight \"") && error.contains("bytes left in its shards"),
        "{error}"
    );
}
