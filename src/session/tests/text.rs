//! Text as the input, from the tokenizer beside a model to the tokens on show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use session::{Command, Input, Level, Session, Source, Text};

/// A vocabulary of as many words as the tiny models know.
const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\na\ncat\ndog\nsat\nran\non\nmat\nred\n##s\n##ing\n,\n.\nwalk\nhe\n";

fn family(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../formats/tests/families")
        .join(name)
}

/// The tiny BERT in a folder of its own, with a tokenizer.
fn bert() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(family("bert").join(name), folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("vocab.txt"), VOCABULARY).unwrap();
    folder
}

fn opened(path: &Path) -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::File(path.into())));
    session.wait();
    assert_eq!(told(&session, Level::Error), Vec::<String>::new());
    session
}

fn told(session: &Session, level: Level) -> Vec<String> {
    let of = session.log.iter().filter(|(l, _)| *l == level);
    of.map(|(_, text)| text.clone()).collect()
}

fn text(session: &mut Session, texts: &[&str]) {
    session.apply(Command::Text(texts.iter().map(|t| t.to_string()).collect()));
    session.wait();
}

/// Shape and values of a tensor of the last pass.
fn values(session: &Session, name: &str) -> (Vec<usize>, Arc<[f32]>) {
    let document = session.document.as_ref().unwrap();
    let id = document.network.tensor_named(name).unwrap();
    let tensor = &document.trace.as_ref().unwrap().tensors[&id];
    (tensor.shape.clone(), tensor.host().unwrap().clone())
}

#[test]
fn text_flows_as_the_arrays_that_it_stands_for() {
    let folder = bert();
    let mut session = opened(&folder.path().join("model.safetensors"));
    text(&mut session, &["The cats sat.", "a dog"]);
    assert_eq!(told(&session, Level::Error), Vec::<String>::new());
    let document = session.document.as_ref().unwrap();
    let tokens = document.tokens.clone().unwrap();
    assert_eq!(tokens[0], ["[CLS]", "the", "cat", "##s", "sat", ".", "[SEP]"]);
    assert_eq!(
        tokens[1],
        ["[CLS]", "a", "dog", "[SEP]", "[PAD]", "[PAD]", "[PAD]"]
    );
    let (shape, by_text) = values(&session, "last_hidden_state");
    assert_eq!(shape[..2], [2, 7]);
    let ids = [2, 5, 7, 14, 9, 17, 3, 2, 6, 8, 3, 0, 0, 0];
    let mask = ids.map(|i| i64::from(i != 0));
    let arrays = [
        ("input_ids", ids),
        ("attention_mask", mask),
        ("token_type_ids", [0; 14]),
    ];
    let arrays = arrays.map(|(name, values)| (name, model::TensorData::from_i64(&[2, 7], &values)));
    let bytes = data::npz::to_bytes(arrays.iter().map(|(n, a)| (*n, a))).unwrap();
    session.apply(Command::Feed(Source::Bytes {
        name: "ids.npz".into(),
        bytes: bytes.into(),
    }));
    session.wait();
    assert_eq!(values(&session, "last_hidden_state"), (shape, by_text));
    assert_eq!(session.document.as_ref().unwrap().tokens, None);
    session.apply(Command::Undo);
    session.wait();
    assert!(matches!(&session.state.input, Input::Text(t) if t[1] == "a dog"));
    assert_eq!(session.document.as_ref().unwrap().tokens, Some(tokens));
}

#[test]
fn a_long_text_is_cut_to_the_table_of_positions_and_told() {
    let folder = bert();
    let mut session = opened(&folder.path().join("model.safetensors"));
    text(
        &mut session,
        &["the cat sat on the mat, the dog ran on the red mat."],
    );
    let notes = told(&session, Level::Warning);
    assert_eq!(
        notes,
        ["the text has 17 tokens: cut to 12 (max_position_embeddings in config.json)"]
    );
    assert_eq!(values(&session, "last_hidden_state").0[..2], [1, 12]);
}

#[test]
fn what_is_missing_is_told_with_where_it_was_looked_for() {
    let path = family("bert").join("model.safetensors");
    let mut session = opened(&path);
    text(&mut session, &["the cat"]);
    let problem = told(&session, Level::Error).remove(0);
    let folder = family("bert").display().to_string();
    assert!(
        problem.contains(&format!("no tokenizer in {folder}")),
        "{problem}"
    );
    assert!(problem.contains("vocab.txt"), "{problem}");
    // A tokenizer of its own helps.
    let own = bert();
    let vocabulary = own.path().join("vocab.txt");
    session.apply(Command::Tokenizer(vec![Source::File(vocabulary)]));
    session.wait();
    assert_eq!(told(&session, Level::Error).len(), 1, "{:?}", session.log);
    text(&mut session, &["the cat"]);
    assert_eq!(values(&session, "last_hidden_state").0[..2], [1, 4]);
    // Pictures have no tokens.
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    text(&mut session, &["the cat"]);
    let problem = told(&session, Level::Error).pop().unwrap();
    assert!(
        problem.contains("fashion-mnist: a text was given, but the input \"image\""),
        "{problem}"
    );
}

#[test]
fn a_broken_tokenizer_leaves_the_model_open() {
    let folder = bert();
    std::fs::write(folder.path().join("tokenizer.json"), "{\"model\": 1}").unwrap();
    let session = opened(&folder.path().join("model.safetensors"));
    let document = session.document.as_ref().unwrap();
    let Text::Missing(_, why) = &document.text else {
        panic!("a broken tokenizer is taken")
    };
    assert!(why.contains("tokenizer.json: model: found a number"), "{why}");
    assert!(document.weighted());
}

/// On a page there are no folders: what is dropped together belongs together.
#[test]
fn files_that_are_given_together_make_one_model() {
    let given = |name: &str, bytes: Vec<u8>| Source::Bytes {
        name: name.into(),
        bytes: bytes.into(),
    };
    let read = |name: &str| std::fs::read(family("bert").join(name)).unwrap();
    let vocabulary = || given("vocab.txt", VOCABULARY.as_bytes().to_vec());
    let mut session = Session::new();
    session.receive(vec![
        vocabulary(),
        given("config.json", read("config.json")),
        given("model.safetensors", read("model.safetensors")),
    ]);
    session.wait();
    text(&mut session, &["the cat"]);
    assert_eq!(told(&session, Level::Error), Vec::<String>::new());
    assert_eq!(values(&session, "last_hidden_state").0[..2], [1, 4]);
    // One after the other: the tokenizer of what is open.
    let network = formats::open(&family("bert").join("model.safetensors")).unwrap();
    let onnx = formats::format_of(Path::new("bert.onnx")).unwrap();
    session.receive(vec![given("bert.onnx", onnx.write(&network).unwrap())]);
    session.wait();
    let document = session.document.as_ref().unwrap();
    assert!(matches!(&document.text, Text::Missing(_, why) if why.contains("given together")));
    session.receive(vec![vocabulary()]);
    session.wait();
    text(&mut session, &["the cat"]);
    assert_eq!(told(&session, Level::Error), Vec::<String>::new());
    assert_eq!(values(&session, "last_hidden_state").0[..2], [1, 4]);
}

#[test]
fn networks_beside_each_other_read_the_same_text() {
    let folder = bert();
    let mut session = opened(&folder.path().join("model.safetensors"));
    text(&mut session, &["the cat"]);
    session.apply(Command::Compare(Source::File(
        folder.path().join("model.safetensors"),
    )));
    session.wait();
    assert_eq!(told(&session, Level::Error), Vec::<String>::new());
    let document = session.document.as_ref().unwrap();
    assert!(matches!(&session.state.input, Input::Text(_)));
    let outputs = &document.network.main().outputs;
    let trace = document.trace.as_ref().unwrap();
    let (a, b) = (
        &trace.tensors[&outputs[0]],
        &trace.tensors[&outputs[outputs.len() / 2]],
    );
    assert_eq!(a.host(), b.host());
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// MiniLM-L6 in `LAYERSCOPE_WEIGHTS/minilm`, with what `make_minilm.py` wrote: the tokens of all
/// texts, and the sentence embeddings of some, from the text alone.
#[test]
fn minilm_embeds_sentences_as_pytorch_does() {
    let folder = std::env::var("LAYERSCOPE_WEIGHTS").map(|f| Path::new(&f).join("minilm"));
    let Some(folder) = folder.ok().filter(|f| f.exists()) else {
        println!("LAYERSCOPE_WEIGHTS holds no minilm: nothing is compared");
        return;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read(here.join(path)).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&read("../data/tests/tokenizers/texts.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_slice(&read("tests/minilm.json")).unwrap();
    let ids: Vec<Vec<u32>> = serde_json::from_value(reference["ids"].clone()).unwrap();
    let run: Vec<usize> = serde_json::from_value(reference["run"].clone()).unwrap();
    let kept = Bytes::from(read("tests/minilm.safetensors"));
    let kept = formats::open_bytes("minilm.safetensors", kept, None).unwrap();
    let kept = kept.tensors[0].data.as_ref().unwrap().to_f32().unwrap();

    let mut session = opened(&folder.join("model.safetensors"));
    let Text::Ready(_, tokenizer) = session.document.as_ref().unwrap().text.clone() else {
        panic!("MiniLM has a tokenizer")
    };
    assert_eq!(tokenizer.longest().unwrap().0, 512);
    assert!(texts.len() >= 40 && run.len() >= 12);
    for (text, ids) in texts.iter().zip(&ids) {
        assert_eq!(tokenizer.encode(text, 512).unwrap().ids, *ids, "{text:?}");
    }
    let mut least = 1.0f64;
    for (row, &i) in run.iter().enumerate() {
        text(&mut session, &[&texts[i]]);
        let (shape, states) = values(&session, "last_hidden_state");
        let [1, length, width] = shape[..] else {
            panic!("three axes are expected")
        };
        let mut mean = vec![0f32; width];
        for state in states.chunks(width) {
            mean.iter_mut()
                .zip(state)
                .for_each(|(m, s)| *m += s / length as f32);
        }
        least = least.min(cosine(&mean, &kept[row * width..(row + 1) * width]));
    }
    println!("{} sentences, least cosine {least:.9}", run.len());
    assert!(least > 0.99999);
    // Together, filled to one length: the mask keeps each as it was alone.
    let pair = [texts[1].as_str(), texts[6].as_str()];
    let alone: Vec<Vec<f32>> = pair
        .iter()
        .map(|t| embedded(&mut session, &[t]).remove(0))
        .collect();
    for (a, b) in alone.iter().zip(embedded(&mut session, &pair)) {
        assert!(cosine(a, &b) > 0.99999);
    }
}

/// A real ONNX file without a tokenizer, given MiniLM's, which is the same: text is taken, and the
/// mask keeps a text as it is alone.
#[test]
fn an_exported_network_takes_text_too() {
    let models = std::env::var("LAYERSCOPE_ONNX_MODELS").unwrap_or_default();
    let weights = std::env::var("LAYERSCOPE_WEIGHTS").unwrap_or_default();
    let mut folders = models
        .split(':')
        .map(|f| Path::new(f).join("paraphrase-MiniLM-L3-v2.onnx"));
    let tokenizer = Path::new(&weights).join("minilm/tokenizer.json");
    let Some(model) = folders.find(|m| m.exists()).filter(|_| tokenizer.exists()) else {
        println!("no exported network, or no tokenizer: nothing is asked");
        return;
    };
    let mut session = opened(&model);
    session.apply(Command::Tokenizer(vec![Source::File(tokenizer)]));
    session.wait();
    let output = |session: &Session| {
        let document = session.document.as_ref().unwrap();
        let outputs = document.network.main().outputs.iter();
        let mut all = outputs.map(|&o| values(session, &document.network.tensor(o).name));
        // The export gives its mask back too.
        let (shape, states) = all.find(|(shape, _)| shape.ends_with(&[384])).unwrap();
        (shape, states[..384].to_vec())
    };
    text(&mut session, &["A network is a function."]);
    let (shape, alone) = output(&session);
    assert_eq!(shape[0], 1, "{:?}", session.log);
    text(
        &mut session,
        &[
            "A network is a function.",
            "Of many layers, and of many more of them.",
        ],
    );
    assert_eq!(told(&session, Level::Error), Vec::<String>::new());
    let (shape, together) = output(&session);
    assert_eq!(shape[0], 2);
    assert!(cosine(&alone, &together) > 0.99999);
}

/// The mean over the tokens of each text, filled places left out.
fn embedded(session: &mut Session, texts: &[&str]) -> Vec<Vec<f32>> {
    text(session, texts);
    let (shape, states) = values(session, "last_hidden_state");
    let tokens = session.document.as_ref().unwrap().tokens.clone().unwrap();
    let (length, width) = (shape[1], shape[2]);
    let mean = |(row, tokens): (usize, &Vec<String>)| {
        let count = tokens.iter().filter(|t| *t != "[PAD]").count();
        let mut mean = vec![0f32; width];
        for t in 0..count {
            let state = &states[(row * length + t) * width..][..width];
            mean.iter_mut()
                .zip(state)
                .for_each(|(m, s)| *m += s / count as f32);
        }
        mean
    };
    tokens.iter().enumerate().map(mean).collect()
}
