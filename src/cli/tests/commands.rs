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
    let (chain, branches) = (corpus("chain.json"), corpus("branches.json"));
    assert_eq!(layerscope(&["diff", &chain, &branches]), 0);
    assert_eq!(layerscope(&["diff", &chain, &branches, "--json"]), 0);
    assert_eq!(layerscope(&["diff", &chain, "no-such-file.onnx"]), 2);
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

/// The tiny BERT with a vocabulary of its own, in `folder`.
fn bert(folder: &Path) -> String {
    let family = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/families/bert");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(family.join(name), folder.join(name)).unwrap();
    }
    let words = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on mat red ##s ##ing , . walk he";
    std::fs::write(folder.join("vocab.txt"), words.replace(' ', "\n")).unwrap();
    folder.join("model.safetensors").to_str().unwrap().to_string()
}

#[test]
fn text_runs_and_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (model, out) = (bert(folder.path()), path("out.npz"));
    let shape = |name: &str| {
        let arrays = data::npz::read(Path::new(&out)).unwrap();
        arrays
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, a)| a.shape.clone())
    };
    let run = |more: &[&str]| {
        let arguments = [&["run", model.as_str(), "--out", out.as_str()], more].concat();
        layerscope(&arguments)
    };
    assert_eq!(run(&["--text", "the cat sat.", "--text", "a dog"]), 0);
    assert_eq!(shape("last_hidden_state"), Some(vec![2, 6, 8]));
    assert_eq!(run(&["--text", "the cat", "--all"]), 0);
    assert_eq!(shape("last_hidden_state"), Some(vec![1, 4, 8]));
    std::fs::remove_file(&out).unwrap();
    // Neither input nor text, or both.
    assert_eq!(run(&[]), 2);
    assert_eq!(run(&["--text", "a", "--inputs", "in.npz"]), 2);
    assert_eq!(run(&["--text", "a", "--tokenizer", "no-such-file.json"]), 2);
    std::fs::rename(path("vocab.txt"), path("words.txt")).unwrap();
    assert_eq!(run(&["--text", "a"]), 2);
    assert_eq!(run(&["--text", "a", "--tokenizer", &path("words.txt")]), 2);
    assert!(!Path::new(&out).exists());
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::rename(path("words.txt"), own.join("vocab.txt")).unwrap();
    assert_eq!(run(&["--text", "a", "--tokenizer", own.to_str().unwrap()]), 0);
    let vocabulary = own.join("vocab.txt");
    assert_eq!(
        run(&["--text", "a", "--tokenizer", vocabulary.to_str().unwrap()]),
        0
    );
    assert_eq!(layerscope(&["inspect", &model]), 0);
    if gpu::Headless::new().is_err() {
        return;
    }
    let picture = path("out.png");
    let render = |more: &[&str]| {
        let arguments = [
            &["render", model.as_str(), picture.as_str(), "--size", "320x180"],
            more,
        ]
        .concat();
        layerscope(&arguments)
    };
    assert_eq!(render(&["--text", "the cat"]), 2);
    assert!(!Path::new(&picture).exists());
    assert_eq!(
        render(&["--text", "the cat", "--tokenizer", own.to_str().unwrap()]),
        0
    );
    assert_eq!(image::open(&picture).unwrap().to_rgb8().dimensions(), (320, 180));
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
