//! Wrong and hostile files: each is refused by name, and no mutation panics or hangs.

mod mutate;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_file())
        .collect();
    files.sort();
    let read = |p: PathBuf| {
        (
            p.file_name().unwrap().to_str().unwrap().to_string(),
            std::fs::read(&p).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_file_of_the_corpus_opens() {
    let corpus = corpus();
    assert!(corpus.len() >= 7);
    for (name, bytes) in corpus {
        let network = formats::open_bytes(&name, Bytes::from(bytes), None).unwrap_or_else(|e| panic!("{e}"));
        assert!(!network.layers.is_empty(), "{name}");
    }
}

/// What a network read from ONNX says of itself survives writing and reading again.
#[test]
fn onnx_survives_writing_and_reading_again() {
    let onnx = formats::format_of(Path::new("again.onnx")).unwrap();
    // One has values that are not given.
    let written = |n: &str| n.ends_with(".onnx") && n != "odd.onnx";
    for (name, bytes) in corpus().into_iter().filter(|(n, _)| written(n)) {
        let first = formats::open_bytes(&name, Bytes::from(bytes), None).unwrap();
        let again = formats::open_bytes(&name, Bytes::from(onnx.write(&first).unwrap()), None).unwrap();
        let specs = |n: &model::Network| {
            let mut all: Vec<String> = n
                .tensors
                .iter()
                .map(|t| format!("{} {} {:?}", t.name, t.spec, t.kind))
                .collect();
            all.sort();
            all
        };
        assert_eq!(specs(&first), specs(&again), "{name}");
        let ops = |n: &model::Network| n.layers.iter().map(|l| l.op.clone()).collect::<Vec<_>>();
        assert_eq!(ops(&first), ops(&again), "{name}");
    }
}

#[test]
fn wrong_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let conv = corpus().into_iter().find(|(n, _)| n == "conv.onnx").unwrap().1;
    let cases = [
        (folder.path().join("missing.onnx"), "there is no such file"),
        (folder.path().to_path_buf(), "found a directory"),
        (at("empty.onnx", b""), "an empty file"),
        (at("picture.onnx", b"\x89PNG\r\n\x1a\n"), "a PNG picture"),
        (at("text.onnx", b"not a model at all"), ""),
        (at("cut.onnx", &conv[..conv.len() / 2]), ""),
        (at("open.json", b"{\"layers\":"), "line 1"),
    ];
    for (path, part) in cases {
        let error = formats::open(&path)
            .expect_err(&path.display().to_string())
            .to_string();
        assert!(
            error.contains(path.file_name().unwrap().to_str().unwrap()),
            "{error}"
        );
        assert!(error.contains(part), "{error}");
    }
}

/// Seeded mutations of the corpus for `LAYERSCOPE_FUZZ_SECONDS` (5 unless set). The longer way, to
/// the layout and with a limit on memory, is `src/cli/examples/fuzz.rs`.
#[test]
fn no_mutation_panics_or_hangs() {
    let seconds = std::env::var("LAYERSCOPE_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(5);
    let corpus = corpus();
    let mut random = mutate::Random(0x9e37_79b9_7f4a_7c15);
    let (start, mut rounds, mut opened) = (Instant::now(), 0u64, 0u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        let (name, original) = &corpus[random.below(corpus.len())];
        let (_, other) = &corpus[random.below(corpus.len())];
        let bytes = mutate::mutate(original, other, &mut random);
        let begun = Instant::now();
        let kept = bytes.clone();
        let result = std::panic::catch_unwind(|| formats::open_bytes(name, Bytes::from(bytes), None).is_ok());
        let slow = begun.elapsed() > Duration::from_secs(5);
        if result.is_err() || slow {
            let path = std::env::temp_dir().join(format!("layerscope-fuzz-{rounds}-{name}"));
            std::fs::write(&path, kept).unwrap();
            panic!(
                "round {rounds}: a mutation of {name} {}; kept as {}",
                if slow { "hangs" } else { "panics" },
                path.display()
            );
        }
        opened += u64::from(result.unwrap_or(false));
        rounds += 1;
    }
    println!("{rounds} mutations, {opened} still opened");
    assert!(rounds > 100 && opened > 0);
}

/// A network that layerscope builds itself can be written as ONNX.
#[test]
fn a_template_is_written_as_onnx() {
    let network = model::templates::residual_cnn("demo", 1, 28, 10, 4, 7);
    let onnx = formats::format_of(Path::new("demo.onnx")).unwrap();
    let again = formats::open_bytes("demo.onnx", Bytes::from(onnx.write(&network).unwrap()), None).unwrap();
    assert_eq!(again.warnings, Vec::<String>::new());
    let cost = |n: &model::Network| model::cost(n, &model::Bindings::from([("N".into(), 1)]));
    assert_eq!(cost(&network), cost(&again));
}
