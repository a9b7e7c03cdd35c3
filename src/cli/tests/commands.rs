//! The commands as a person types them: exit status, files and pictures.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn layerscope(arguments: &[&str]) -> i32 {
    cli::main(
        std::iter::once("layerscope")
            .chain(arguments.iter().copied())
            .map(OsString::from),
    )
}

fn corpus(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../formats/corpus")
        .join(name);
    path.to_str().unwrap().to_string()
}

#[test]
fn wrong_input_ends_with_status_2_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.npz");
    let out = out.to_str().unwrap();
    assert_eq!(layerscope(&["inspect", "no-such-file.onnx"]), 2);
    assert_eq!(
        layerscope(&[
            "run",
            &corpus("conv.onnx"),
            "--inputs",
            "no-such-file.npz",
            "--out",
            out
        ]),
        2
    );
    assert_eq!(layerscope(&["render", &corpus("chain.json"), "picture.tiff"]), 2);
    assert_eq!(
        layerscope(&["render", &corpus("chain.json"), out, "--size", "1x1"]),
        2
    );
    assert_eq!(layerscope(&["dance"]), 2);
    // An input of the wrong shape.
    let inputs = folder.path().join("in.npz");
    let wrong = model::TensorData::from_f32(&[1, 1, 5, 4], &[0.5; 20]);
    data::npz::write(&inputs, [("x", &wrong)]).unwrap();
    assert_eq!(
        layerscope(&[
            "run",
            &corpus("conv.onnx"),
            "--inputs",
            inputs.to_str().unwrap(),
            "--out",
            out
        ]),
        2
    );
    assert!(!Path::new(out).exists());
    assert_eq!(layerscope(&["--help"]), 0);
}

#[test]
fn run_writes_every_tensor_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("in.npz"), folder.path().join("out.npz"));
    let x = model::TensorData::from_f32(&[2, 1, 6, 4], &[0.25; 48]);
    data::npz::write(&inputs, [("x", &x)]).unwrap();
    let conv = corpus("conv.onnx");
    let run = |device: &str, out: &Path| {
        let (inputs, out) = (inputs.to_str().unwrap(), out.to_str().unwrap());
        layerscope(&[
            "run", &conv, "--inputs", inputs, "--out", out, "--all", "--device", device,
        ])
    };
    assert_eq!(run("cpu", &out), 0);
    let arrays = data::npz::read(&out).unwrap();
    let shape = |name: &str| {
        arrays
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, a)| a.shape.clone())
    };
    assert_eq!(shape("c"), Some(vec![2, 2, 6, 4]));
    assert_eq!(shape("g"), Some(vec![2, 2, 1, 1]));
    assert_eq!(shape("y"), Some(vec![2, 2]));
    // The graphics device gives the same.
    let other = folder.path().join("gpu.npz");
    assert_eq!(run("gpu", &other), 0);
    let other = data::npz::read(&other).unwrap();
    assert_eq!(arrays.len(), other.len());
    for ((name, a), (same, b)) in arrays.iter().zip(&other) {
        assert_eq!((name, &a.shape), (same, &b.shape));
        let (a, b) = (a.to_f32().unwrap(), b.to_f32().unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{name}");
    }
    assert_eq!(run("abacus", &out), 2);
}

#[test]
fn convert_writes_the_format_of_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (out, conv) = (path("conv.safetensors"), corpus("conv.onnx"));
    assert_eq!(layerscope(&["convert", &conv, &out]), 0);
    let weights = formats::open(Path::new(&out)).unwrap();
    assert!(weights.tensors.iter().any(|t| t.data.is_some()));
    assert_eq!(layerscope(&["convert", &out, &path("again.onnx")]), 2);
    assert_eq!(layerscope(&["convert", &conv, &path("conv.doc")]), 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A picture on whatever adapter there is, beside the kept one that was looked at.
#[test]
fn a_rendered_picture_is_the_one_that_was_looked_at() {
    if let Err(error) = gpu::Headless::new() {
        println!("no picture is compared: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out: PathBuf = folder.path().join("chain.png");
    assert_eq!(
        layerscope(&[
            "render",
            &corpus("chain.json"),
            out.to_str().unwrap(),
            "--size",
            "640x360"
        ]),
        0
    );
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/chain.png");
    let (found, wanted) = (
        image::open(&out).unwrap().to_rgb8(),
        image::open(kept).unwrap().to_rgb8(),
    );
    assert_eq!(found.dimensions(), wanted.dimensions());
    let differing = found
        .pixels()
        .zip(wanted.pixels())
        .filter(|(a, b)| (0..3).any(|i| a[i].abs_diff(b[i]) > 24));
    let share = differing.count() as f32 / (640.0 * 360.0);
    assert!(share < 0.01, "{:.2} % of the pixels differ", 100.0 * share);
}
