//! `layerscope train` on sentences, from a table to a network that reads text.

use std::ffi::OsString;
use std::path::Path;

fn layerscope(arguments: &[&str]) -> i32 {
    let all = std::iter::once("layerscope").chain(arguments.iter().copied());
    cli::main(all.map(OsString::from))
}

/// A small network whose learning rate is so high that its validation loss soon rises.
const RECIPE: &str = r#"
[model]
template = "transformer"
width = 8
heads = 2
layers = 1

[data]
kind = "sentences"
document = "document"
validation = 0.3
test = 0.2
vocabulary = 300
length = 24

[training]
epochs = 12
batch = 8
optimizer = { kind = "adamw" }
learning_rate = 0.02
patience = 2
statistics = "off"
"#;

#[test]
fn a_table_of_sentences_becomes_a_network_that_reads_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/sentences/sample.tsv");
    let sample = sample.to_str().unwrap();
    std::fs::write(path("r.toml"), RECIPE).unwrap();
    let (recipe, log, model) = (path("r.toml"), path("log"), path("net.onnx"));
    let train = |more: &[&str]| {
        let arguments = [&["train", recipe.as_str(), "--data", sample, "--log", &log], more].concat();
        layerscope(&arguments)
    };
    // The tokenizer of another model would be lost.
    std::fs::write(path("tokenizer.json"), "{}").unwrap();
    assert_eq!(train(&["--out", &model]), 2);
    assert!(!Path::new(&model).exists() && !Path::new(&log).exists());
    std::fs::remove_file(path("tokenizer.json")).unwrap();
    assert_eq!(train(&["--out", &model]), 0);
    assert!(Path::new(&log).join("best.safetensors").exists());

    let network = formats::open(Path::new(&model)).unwrap();
    let stated = |key: &str| {
        let found = network.metadata.iter().find(|(k, _)| k == key);
        found.unwrap_or_else(|| panic!("{key}")).1.clone()
    };
    assert_eq!(stated("classes"), "negative\npositive");
    for part in ["validation", "test"] {
        let words = stated(part);
        assert!(words.starts_with(part) && words.contains("accuracy"), "{words}");
    }
    let out = path("out.npz");
    let text = ["--text", "What a waste of time."];
    let run = [&["run", model.as_str(), "--out", &out], &text[..]].concat();
    assert_eq!(layerscope(&run), 0);
    let arrays = data::npz::read(Path::new(&out)).unwrap();
    assert_eq!(arrays[0].1.shape, [1, 2]);
}
