//! Wrong files, one row each: through the command line and through the session. A message names
//! the file, the place and what was expected; the status is 2; nothing is overwritten; what was
//! open stays open.

use std::path::{Path, PathBuf};
use std::process::Command;

use session::{Command as Do, Level, Session, Source};

/// One field of a protobuf message: its number and its content.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for mut value in [number << 3 | 2, content.len() as u64] {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
    [out, content.to_vec()].concat()
}

fn int(number: u64, mut value: u64) -> Vec<u8> {
    let mut out = vec![(number << 3) as u8];
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// `ValueInfoProto` of floats.
fn value(name: &str, dims: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&d| field(1, &int(1, d))).collect();
    let tensor = [int(1, 1), field(2, &dims)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

fn node(kind: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    let mut out: Vec<u8> = inputs.iter().flat_map(|i| field(1, i.as_bytes())).collect();
    out.extend(outputs.iter().flat_map(|o| field(2, o.as_bytes())));
    [out, field(3, name.as_bytes()), field(4, kind.as_bytes())].concat()
}

/// `TensorProto` of floats with `rest` as its content.
fn tensor(name: &str, dims: &[u64], rest: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&d| int(1, d)).collect();
    [dims, int(2, 1), field(8, name.as_bytes()), rest.to_vec()].concat()
}

/// The entry that points to values in another file.
fn external(location: &str) -> Vec<u8> {
    let entry = [field(1, b"location"), field(2, location.as_bytes())].concat();
    [field(13, &entry), int(14, 1)].concat()
}

/// A model of `nodes` from "x", `[1, 1, 4, 4]`, to "y".
fn model(nodes: &[Vec<u8>], stored: &[Vec<u8>]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|n| field(1, n)).collect();
    graph.extend(field(2, b"g"));
    graph.extend(stored.iter().flat_map(|t| field(5, t)));
    graph.extend(field(11, &value("x", &[1, 1, 4, 4])));
    graph.extend(field(12, &field(1, b"y")));
    [int(1, 8), field(7, &graph), field(8, &int(2, 17))].concat()
}

/// A model of one layer that adds the stored tensor "w".
fn with(stored: Vec<u8>) -> Vec<u8> {
    model(&[node("Add", "plus", &["x", "w"], &["y"])], &[stored])
}

/// The folder of one test, and the program under test.
struct Bench(tempfile::TempDir);

impl Bench {
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn arrays(&self, file: &str, arrays: &[(&str, model::TensorData)]) -> PathBuf {
        let path = self.0.path().join(file);
        data::npz::write(&path, arrays.iter().map(|(n, a)| (*n, a))).unwrap();
        path
    }
}

/// Exit status, standard output and standard error of `layerscope`.
fn layerscope(arguments: &[&str]) -> (Option<i32>, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// A refusal: status 2, one line that has every part, no panic.
fn refused(what: &str, arguments: &[&str], parts: &[&str]) {
    let (status, _, message) = layerscope(arguments);
    assert_eq!(status, Some(2), "{what}: {message}");
    for part in parts {
        assert!(
            message.contains(part),
            "{what}: {part:?} is missing in: {message}"
        );
    }
    assert!(!message.contains("panicked"), "{what}: {message}");
    println!("{what:36} {}", message.trim_end());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Every wrong model file, and what the message says.
fn models(bench: &Bench) -> Vec<(&'static str, PathBuf, Vec<&'static str>)> {
    let corpus = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../formats/corpus")
            .join(name);
        std::fs::read(path).unwrap()
    };
    let conv = corpus("conv.onnx");
    bench.file("secret.bin", &[0; 64]);
    let link = bench.0.path().join("in/link.bin");
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(bench.0.path().join("secret.bin"), link).unwrap();
    let relu = |name, from, to| node("Relu", name, &[from], &[to]);
    vec![
        (
            "missing",
            bench.0.path().join("missing.onnx"),
            vec!["there is no such file"],
        ),
        (
            "a folder",
            bench.0.path().join("in"),
            vec!["expected a file, found a directory"],
        ),
        (
            "empty",
            bench.file("empty.onnx", b""),
            vec!["expected a model of a known format", "an empty file"],
        ),
        (
            "truncated",
            bench.file("cut.onnx", &conv[..conv.len() * 2 / 3]),
            vec!["expected a model of a known format", "not all of one"],
        ),
        (
            "truncated JSON",
            bench.file("cut.json", &corpus("chain.json")[..60]),
            vec!["line 1"],
        ),
        (
            "not a model",
            bench.file("letter.onnx", b"Dear reader, this is no network.\n"),
            vec!["expected a model of a known format"],
        ),
        (
            "a picture",
            bench.file("cat.onnx", b"\x89PNG\r\n\x1a\n\0\0"),
            vec!["expected a model of a known format", "a PNG picture"],
        ),
        (
            "JSON that is not a model",
            bench.file("list.json", b"{\"layers\": 7}"),
            vec!["layers", "expected"],
        ),
        (
            "cyclic graph",
            bench.file(
                "ring.onnx",
                &model(&[relu("one", "y", "a"), relu("two", "a", "y")], &[]),
            ),
            vec!["graph", "cycle", "one"],
        ),
        (
            "cyclic JSON",
            bench.file(
                "ring.json",
                br#"{"layers":[{"name":"a","type":"relu"},{"name":"b","type":"relu"}],
                    "connections":[{"from":"a","to":"b"},{"from":"b","to":"a"}]}"#,
            ),
            vec!["cycle", "a"],
        ),
        (
            "unknown input of a node",
            bench.file("loose.onnx", &model(&[relu("one", "nowhere", "y")], &[])),
            vec![
                "graph \"g\" node 0 \"one\" input 0",
                "expected the name of a tensor",
                "nowhere",
            ],
        ),
        (
            "fewer values than the shape says",
            bench.file("few.onnx", &with(tensor("w", &[4, 4], &field(9, &[0; 12])))),
            vec!["graph \"g\"", "\"w\"", "expected", "64", "12"],
        ),
        (
            "absurd sizes",
            bench.file(
                "absurd.onnx",
                &with(tensor("w", &[1 << 62, 1 << 62], &field(9, &[0; 4]))),
            ),
            vec!["graph \"g\"", "\"w\"", "expected"],
        ),
        (
            "negative sizes",
            bench.file(
                "negative.onnx",
                &with(tensor("w", &[u64::MAX], &field(9, &[0; 4]))),
            ),
            vec!["graph \"g\"", "\"w\"", "expected", "-1"],
        ),
        (
            "a claim of 10 GB",
            bench.file(
                "claim.onnx",
                &with(tensor("w", &[2_684_354_560], &field(9, &[0; 4]))),
            ),
            vec!["graph \"g\"", "\"w\"", "expected", "10737418240"],
        ),
        (
            "a claim of 10 GB in another file",
            bench.file(
                "far.onnx",
                &with(tensor("w", &[2_684_354_560], &external("secret.bin"))),
            ),
            vec!["graph \"g\"", "\"w\"", "secret.bin", "10737418240", "64 bytes"],
        ),
        (
            "values above the folder",
            bench.file(
                "in/above.onnx",
                &with(tensor("w", &[4, 4], &external("../secret.bin"))),
            ),
            vec!["\"w\"", "expected a path inside the model's folder", "\"..\""],
        ),
        (
            "values at an absolute path",
            bench.file(
                "in/root.onnx",
                &with(tensor("w", &[4, 4], &external("/etc/passwd"))),
            ),
            vec![
                "\"w\"",
                "expected a path inside the model's folder",
                "an absolute path",
            ],
        ),
        (
            "values behind a link out of it",
            bench.file("in/link.onnx", &with(tensor("w", &[4, 4], &external("link.bin")))),
            vec!["\"w\"", "expected a file in the model's folder", "a link"],
        ),
    ]
}

#[test]
fn wrong_models_are_refused_everywhere_and_change_nothing() {
    let bench = Bench(tempfile::tempdir().unwrap());
    let kept = bench.file("kept.png", b"the older picture");
    let input = bench.file("picture.png", &picture(8, 8));
    let mut session = Session::new();
    session.apply(Do::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    let state = session.state.clone();
    for (what, path, mut parts) in models(&bench) {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        parts.push(&name);
        let file = text(&path);
        refused(what, &["inspect", file], &parts);
        refused(what, &["render", file, text(&kept)], &parts);
        refused(
            what,
            &["run", file, "--inputs", text(&input), "--out", text(&kept)],
            &parts,
        );
        let count = session.log.len();
        session.apply(Do::Open(Source::File(path)));
        session.wait();
        let (level, message) = session.log.last().unwrap();
        assert_eq!(
            (session.log.len(), *level),
            (count + 1, Level::Error),
            "{what}: {message}"
        );
        for part in &parts {
            assert!(
                message.contains(part),
                "{what}: {part:?} is missing in: {message}"
            );
        }
        assert_eq!(session.state, state, "{what}");
        assert_eq!(session.document.as_ref().unwrap().file, "fashion-mnist", "{what}");
    }
    assert_eq!(std::fs::read(&kept).unwrap(), b"the older picture");
}

/// A PNG of one colour.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_pixel(width, height, image::Rgb([200, 40, 90]));
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

#[test]
fn wrong_inputs_are_refused_everywhere_and_change_nothing() {
    let bench = Bench(tempfile::tempdir().unwrap());
    let kept = bench.file("kept.npz", b"the older arrays");
    // Weights of three channels for an input of one: this opens, and cannot run.
    let conv = node("Conv", "first", &["x", "w"], &["y"]);
    let stored = tensor("w", &[2, 3, 1, 1], &field(9, &[0; 24]));
    let unfit = bench.file("unfit.onnx", &model(&[conv], &[stored]));
    let relu = bench.file("relu.onnx", &model(&[node("Relu", "one", &["x"], &["y"])], &[]));
    let floats = |shape: &[u64]| {
        let count = shape.iter().product::<u64>() as usize;
        model::TensorData::from_f32(shape, &vec![0.5; count])
    };
    let good = bench.arrays("good.npz", &[("x", floats(&[1, 1, 4, 4]))]);
    let whole = std::fs::read(&good).unwrap();
    let picture = bench.file("picture.png", &picture(90, 30));
    let rows: Vec<(&str, &Path, PathBuf, Vec<&str>)> = vec![
        (
            "missing",
            &relu,
            bench.0.path().join("none.npz"),
            vec!["none.npz"],
        ),
        (
            "empty",
            &relu,
            bench.file("empty.npz", b""),
            vec!["empty.npz", "expected"],
        ),
        (
            "broken npz",
            &relu,
            bench.file("cut.npz", &whole[..whole.len() / 2]),
            vec!["cut.npz", "expected"],
        ),
        (
            "not an npz",
            &relu,
            bench.file("text.npz", b"no archive"),
            vec!["text.npz", "expected"],
        ),
        (
            "wrong name",
            &relu,
            bench.arrays("name.npz", &[("image", floats(&[1, 1, 4, 4]))]),
            vec!["name.npz", "input \"image\"", "it takes x"],
        ),
        (
            "one too many",
            &relu,
            bench.arrays("two.npz", &[("x", floats(&[1, 1, 4, 4])), ("z", floats(&[1]))]),
            vec!["two.npz", "input \"z\"", "it takes x"],
        ),
        (
            "wrong shape",
            &relu,
            bench.arrays("shape.npz", &[("x", floats(&[1, 1, 5, 4]))]),
            vec!["shape.npz", "input \"x\"", "[1, 1, 5, 4] given", "expected"],
        ),
        (
            "wrong rank",
            &relu,
            bench.arrays("rank.npz", &[("x", floats(&[16]))]),
            vec!["rank.npz", "input \"x\"", "[16] given", "expected"],
        ),
        (
            "wrong type",
            &relu,
            bench.arrays(
                "type.npz",
                &[("x", model::TensorData::from_i64(&[1, 1, 4, 4], &[1; 16]))],
            ),
            vec!["type.npz", "input \"x\"", "int64 given", "float32", "expected"],
        ),
        (
            "a broken picture",
            &relu,
            bench.file("broken.png", b"\x89PNG\r\n\x1a\nnonsense"),
            vec!["broken.png"],
        ),
        (
            "weights of other channels",
            &unfit,
            good.clone(),
            vec!["unfit.onnx", "layer \"first\" (Conv)", "do not fit"],
        ),
    ];
    for (what, file, inputs, parts) in &rows {
        refused(
            what,
            &["run", text(file), "--inputs", text(inputs), "--out", text(&kept)],
            parts,
        );
        assert_eq!(std::fs::read(&kept).unwrap(), b"the older arrays", "{what}");
        let mut session = Session::new();
        session.apply(Do::Open(Source::File(file.to_path_buf())));
        session.wait();
        let name = session.document.as_ref().unwrap().file.clone();
        session.apply(Do::Feed(Source::File(inputs.clone())));
        session.wait();
        let errors: Vec<&String> = session
            .log
            .iter()
            .filter(|(level, _)| *level == Level::Error)
            .map(|(_, text)| text)
            .collect();
        assert_eq!(errors.len(), 1, "{what}: {:?}", session.log);
        for part in parts {
            assert!(
                errors[0].contains(part),
                "{what}: {part:?} is missing in: {}",
                errors[0]
            );
        }
        assert_eq!(session.document.as_ref().unwrap().file, name, "{what}");
    }
    // A picture of another size is no fault: it is fitted, and the program says how.
    let out = bench.0.path().join("out.npz");
    let (status, said, problem) = layerscope(&[
        "run",
        text(&relu),
        "--inputs",
        text(&picture),
        "--out",
        text(&out),
    ]);
    assert_eq!(status, Some(0), "{problem}");
    assert!(said.contains("90 x 30") && said.contains("to 4 x 4"), "{said}");
    assert_eq!(data::npz::read(&out).unwrap()[0].1.shape, [1, 1, 4, 4]);
}
