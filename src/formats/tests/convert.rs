//! Networks written in another format than they were read in.

use std::path::{Path, PathBuf};
use std::process::Command;

use model::{DType, Network, Payload, TensorData, TensorKind};

fn families() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/families");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    all.sort();
    all
}

/// The file of weights in `folder`.
fn weights_in(folder: &Path) -> PathBuf {
    let names = [
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "model.pth",
    ];
    let mut paths = names.iter().map(|name| folder.join(name));
    paths
        .find(|p| p.exists())
        .unwrap_or_else(|| panic!("no weights in {}", folder.display()))
}

fn open(folder: &Path) -> Network {
    formats::open(&weights_in(folder)).unwrap_or_else(|e| panic!("{e}"))
}

/// Stored weights by name, in bytes.
fn weights(network: &Network) -> Vec<(String, Vec<u64>, Vec<u8>)> {
    let stored = |t: &&model::Tensor| matches!(t.kind, TensorKind::Parameter | TensorKind::Buffer);
    let mut all: Vec<_> = network
        .tensors
        .iter()
        .filter(stored)
        .map(|t| {
            let data = t.data.as_ref().unwrap();
            (t.name.clone(), data.shape.clone(), data.to_bytes().into_owned())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn safetensors_keeps_every_weight_as_it_was() {
    for folder in families() {
        let to = tempfile::tempdir().unwrap();
        let network = open(&folder);
        // Beside the same configuration the same network comes back.
        let config = folder.join("config.json");
        if config.exists() {
            std::fs::copy(config, to.path().join("config.json")).unwrap();
        }
        let path = to.path().join("model.safetensors");
        assert_eq!(formats::save(&network, &path).unwrap().name, "safetensors");
        let again = formats::open(&path).unwrap();
        assert!(weights(&network) == weights(&again), "{}", folder.display());
        assert_eq!(again.warnings, Vec::<String>::new(), "{}", folder.display());
        assert_eq!(network.layers.len(), again.layers.len());
    }
}

#[test]
fn an_onnx_file_s_weights_are_written_by_name() {
    let network = model::templates::residual_cnn("demo", 1, 28, 10, 4, 7);
    let to = tempfile::tempdir().unwrap();
    let path = to.path().join("demo.safetensors");
    formats::save(&network, &path).unwrap();
    let again = formats::open(&path).unwrap();
    assert!(weights(&network) == weights(&again));
    assert!(again.layers.iter().all(|l| l.op == model::Op::Weights));
}

/// Weights of 16 bits are computed with as float32, and written so.
#[test]
fn bfloat16_weights_become_float32_in_onnx() {
    let mut network = open(&families().into_iter().find(|f| f.ends_with("llama")).unwrap());
    for tensor in &mut network.tensors {
        let Some(data) = tensor
            .data
            .as_ref()
            .filter(|d| d.dtype == DType::F32 && d.shape.len() == 2)
        else {
            continue;
        };
        let halves: Vec<u8> = data.to_bytes().chunks(4).flat_map(|b| [b[2], b[3]]).collect();
        let data = TensorData {
            dtype: DType::BF16,
            shape: data.shape.clone(),
            payload: Payload::Bytes(halves.into()),
        };
        tensor.spec = data.spec();
        tensor.data = Some(std::sync::Arc::new(data));
    }
    model::infer::infer(&mut network);
    let to = tempfile::tempdir().unwrap();
    let path = to.path().join("half.onnx");
    formats::save(&network, &path).unwrap();
    let again = formats::open(&path).unwrap();
    assert_eq!(again.warnings, Vec::<String>::new());
    assert!(again.tensors.iter().all(|t| t.spec.dtype != DType::BF16));
    let name = "model.embed_tokens.weight";
    let of = |n: &Network| {
        n.tensor(n.tensor_named(name).unwrap())
            .data
            .as_ref()
            .unwrap()
            .to_f32()
    };
    assert_eq!(of(&network), of(&again));
    // onnxruntime checks every type when it loads a file.
    if let Ok(python) = std::env::var("LAYERSCOPE_PYTHON") {
        let code = "import onnxruntime, sys; onnxruntime.InferenceSession(sys.argv[1])";
        let status = Command::new(python)
            .args(["-c", code])
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
    }
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let to = tempfile::tempdir().unwrap();
    let path = to.path().join("old.onnx");
    std::fs::write(&path, b"old").unwrap();
    let tree = formats::open(&families()[0].join("reference.safetensors")).unwrap();
    let error = formats::save(&tree, &path)
        .err()
        .expect("a tree is no ONNX")
        .to_string();
    assert!(
        error.contains("expected a network of ONNX's operators"),
        "{error}"
    );
    let check = |name: &str, expected: &str| {
        let error = formats::save(&tree, &to.path().join(name))
            .err()
            .expect(name)
            .to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        "weights.doc",
        "expected a name that ends with .safetensors or .json or .onnx",
    );
    check("weights.pt", "it is read here, not written");
    check("no/such/folder.safetensors", "cannot be written");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 1);
}

/// onnxruntime computes with the converted file what the reference says. Needs a Python with
/// onnxruntime, named by `LAYERSCOPE_PYTHON`; `LAYERSCOPE_MINILM` may name a folder with a larger
/// model and its reference.
#[test]
fn onnxruntime_runs_converted_networks() {
    let Ok(python) = std::env::var("LAYERSCOPE_PYTHON") else {
        println!("LAYERSCOPE_PYTHON is not set: onnxruntime is not asked");
        return;
    };
    let to = tempfile::tempdir().unwrap();
    let mut folders = families();
    folders.extend(std::env::var("LAYERSCOPE_MINILM").map(PathBuf::from));
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run_onnx.py"));
    for (i, folder) in folders.iter().enumerate() {
        let path = to.path().join(format!("{i}.onnx"));
        formats::save(&open(folder), &path).unwrap();
        // It is read again as the network that was written.
        let again = formats::open(&path).unwrap();
        assert_eq!(again.warnings, Vec::<String>::new(), "{}", folder.display());
        command.arg(path).arg(folder.join("reference.safetensors"));
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    assert_eq!(
        said.lines().filter(|l| l.starts_with("equal")).count(),
        folders.len()
    );
}
