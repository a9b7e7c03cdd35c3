//! Attention: found in what people bring, equal to PyTorch's, and heads put out.

use std::path::Path;

use bytes::Bytes;
use session::{Ablated, Attend, Command, Level, Session, Source};

const TEXT: &str = "The cat sat on the mat, because it was warm.";

fn opened(path: &Path) -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::File(path.into())));
    session.wait();
    assert_eq!(errors(&session), Vec::<String>::new());
    session
}

fn errors(session: &Session) -> Vec<String> {
    let of = session.log.iter().filter(|(l, _)| *l == Level::Error);
    of.map(|(_, text)| text.clone()).collect()
}

fn text(session: &mut Session, text: &str) {
    session.apply(Command::Text(vec![text.into()]));
    session.wait();
    assert_eq!(errors(session), Vec::<String>::new());
}

/// The tiny BERT with a vocabulary.
fn bert() -> Session {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/families/bert");
    let file = |name: &str| {
        (
            name.to_string(),
            Bytes::from(std::fs::read(folder.join(name)).unwrap()),
        )
    };
    let words = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on mat red ##s ##ing , . walk he";
    let mut session = Session::new();
    session.apply(Command::Open(Source::Together(vec![
        file("model.safetensors"),
        file("config.json"),
        ("vocab.txt".into(), words.replace(' ', "\n").into()),
    ])));
    session.wait();
    session
}

/// The first output of the last pass.
fn output(session: &Session) -> Vec<f32> {
    let document = session.document.as_ref().unwrap();
    let output = document.network.main().outputs[0];
    document.trace.as_ref().unwrap().tensors[&output]
        .host()
        .unwrap()
        .to_vec()
}

fn head(session: &Session, layer: usize, head: usize) -> Ablated {
    let document = session.document.as_ref().unwrap();
    let site = &document.attention()[layer];
    let layer = document.source.layer(site.layer).name.clone();
    Ablated { layer, head }
}

#[test]
fn a_head_that_is_put_out_reads_nothing_until_it_is_in_again() {
    let mut session = bert();
    text(&mut session, "the cats sat on the mat.");
    let document = session.document.as_ref().unwrap();
    let sites = document.attention().to_vec();
    let heads = document.heads(&sites[0], 0).unwrap();
    assert_eq!((heads.queries, heads.keys), (10, 10));
    for row in heads.all().chunks(10) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let (count, before) = (heads.heads, output(&session));
    assert!(count > 1 && session.ablation_change().is_none());

    let out = head(&session, 0, 1);
    session.apply(Command::Ablate(vec![out.clone(), out.clone()]));
    session.wait();
    assert_eq!(session.state.ablated, std::slice::from_ref(&out));
    let heads = session.document.as_ref().unwrap().heads(&sites[0], 0).unwrap();
    assert!(heads.of(1).iter().all(|w| *w == 0.0) && heads.of(0).iter().all(|w| *w > 0.0));
    let change = session.ablation_change().unwrap();
    let square = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let apart: Vec<f32> = output(&session).iter().zip(&before).map(|(a, b)| a - b).collect();
    assert!((f64::from(change.relative) - square(&apart) / square(&before)).abs() < 1e-6);
    assert!(change.relative > 1e-4 && change.cosine < 1.0, "{change:?}");

    session.apply(Command::Undo);
    session.wait();
    assert_eq!(output(&session), before);
    // What is no head changes nothing.
    let missing = Ablated {
        head: count,
        ..out.clone()
    };
    let wrong = Ablated {
        layer: "nothing".into(),
        head: 0,
    };
    for (wanted, head) in [("was asked for", missing), ("no attention", wrong)] {
        session.apply(Command::Ablate(vec![head]));
        let told = errors(&session).pop().unwrap();
        assert!(
            told.contains(wanted) && session.state.ablated.is_empty(),
            "{told}"
        );
    }
    // Another network has no heads of this one.
    session.apply(Command::Ablate(vec![out]));
    session.apply(Command::Attend(Some(Attend {
        layer: head(&session, 0, 0).layer,
        head: None,
        item: 0,
        query: Some(2),
    })));
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    assert!(session.state.ablated.is_empty() && session.state.attend.is_none());
    assert!(session.document.as_ref().unwrap().attention().is_empty());
}

/// MiniLM-L6 beside `make_attention.py`: every weight of every head, and the output without one.
#[test]
fn minilm_attends_as_pytorch_does() {
    let folder = std::env::var("LAYERSCOPE_WEIGHTS").map(|f| Path::new(&f).join("minilm"));
    let Some(folder) = folder.ok().filter(|f| f.exists()) else {
        println!("LAYERSCOPE_WEIGHTS holds no minilm: nothing is compared");
        return;
    };
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/minilm_attention.safetensors");
    let kept = formats::open(&kept).unwrap();
    let kept = |name: &str| {
        let tensor = kept.tensors.iter().find(|t| t.name == name).unwrap();
        tensor.data.as_ref().unwrap().to_f32().unwrap()
    };
    let mut session = opened(&folder.join("model.safetensors"));
    text(&mut session, TEXT);
    let document = session.document.as_ref().unwrap();
    let sites = document.attention();
    assert_eq!(sites.len(), 6);
    let found: Vec<f32> = sites
        .iter()
        .flat_map(|s| document.heads(s, 0).unwrap().all().to_vec())
        .collect();
    let expected = kept("weights");
    assert_eq!(found.len(), expected.len());
    let worst = found
        .iter()
        .zip(expected.iter())
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    println!("weights: {worst:.1e} apart at most");
    assert!(worst < 1e-5, "{worst}");

    let out = head(&session, 2, 3);
    session.apply(Command::Ablate(vec![out]));
    session.wait();
    let (all, mean) = (output(&session), kept("ablated"));
    let tokens = all.len() / mean.len();
    for (i, expected) in mean.iter().enumerate() {
        let found = (0..tokens).map(|t| all[t * mean.len() + i]).sum::<f32>() / tokens as f32;
        assert!(
            (found - expected).abs() < 1e-4,
            "feature {i}: {found} beside {expected}"
        );
    }
}

/// A decoder that reads 4,096 tokens: every weight is there, and each map comes down to what a screen holds.
#[test]
fn four_thousand_tokens_are_attended_to() {
    const LONG: usize = 4096;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/families/llama");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let config = String::from_utf8(read("config.json")).unwrap();
    let config = config.replace(
        "\"max_position_embeddings\": 12",
        "\"max_position_embeddings\": 4096",
    );
    let mut session = Session::new();
    session.apply(Command::Open(Source::Together(vec![
        ("model.safetensors".into(), read("model.safetensors").into()),
        ("config.json".into(), config.into()),
    ])));
    session.wait();
    let document = session.document.as_ref().expect("it opens");
    let inputs = document
        .source
        .main()
        .inputs
        .iter()
        .map(|t| document.source.tensor(*t).name.clone());
    let arrays: Vec<(String, model::TensorData)> = inputs
        .map(|name| {
            let cell = |i: usize| {
                if name.contains("ids") {
                    (i * 7 % 19) as i64
                } else {
                    1
                }
            };
            let cells: Vec<i64> = (0..LONG).map(cell).collect();
            (name, model::TensorData::from_i64(&[1, LONG as u64], &cells))
        })
        .collect();
    let bytes = data::npz::to_bytes(arrays.iter().map(|(n, a)| (n.as_str(), a))).unwrap();
    let begin = std::time::Instant::now();
    session.apply(Command::Feed(Source::Bytes {
        name: "long.npz".into(),
        bytes: bytes.into(),
    }));
    session.wait();
    assert_eq!(errors(&session), Vec::<String>::new());
    let passed = begin.elapsed();
    let document = session.document.as_ref().unwrap();
    let begin = std::time::Instant::now();
    for site in document.attention() {
        let heads = document.heads(site, 0).unwrap();
        assert_eq!((heads.queries, heads.keys), (LONG, LONG));
        for head in 0..heads.heads {
            let map = heads.of(head);
            for query in [0, 1, 777, LONG - 1] {
                let row = &map[query * LONG..][..LONG];
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
                assert!(row[query + 1..].iter().all(|w| *w == 0.0), "it looks back only");
            }
            let ([rows, columns], small) = analyze::brightest(map, [LONG, LONG], [1024, 1024]);
            assert_eq!([rows, columns], [1024, 1024]);
            let top = |v: &[f32]| v.iter().copied().fold(0.0, f32::max);
            assert_eq!(top(&small), top(map), "the brightest stays");
        }
    }
    println!(
        "pass {:.2} s, all maps for the screen {:.2} s",
        passed.as_secs_f64(),
        begin.elapsed().as_secs_f64()
    );
}

/// The sentence classifier and the log of its training, both built in: scrubbing the timeline shows what
/// its heads attended to at that step.
#[test]
fn the_timeline_shows_attention_as_it_was_learned() {
    use session::histories::DEMO;
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("sentiment".into())));
    session.wait();
    session.apply(Command::History(Some(Source::Bundled(DEMO.into()))));
    session.wait_for_histories();
    text(
        &mut session,
        "The food was not good, and the waiter was terrible.",
    );
    let mut at = |step: Option<i64>| -> Vec<f32> {
        let board = session::Board {
            chosen: Some("sentiment".into()),
            moment: step,
            ..session::Board::default()
        };
        session.apply(Command::Board(board.into()));
        for _ in 0..3 {
            session.update(0.01);
            session.wait();
        }
        assert_eq!(errors(&session), Vec::<String>::new());
        let document = session.document.as_ref().unwrap();
        let sites = document.attention();
        assert_eq!(sites.len(), 2);
        let heads = document.heads(&sites[0], 0).unwrap();
        assert_eq!((heads.heads, heads.queries), (4, heads.keys));
        for row in heads.all().chunks(heads.keys) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        heads.all().to_vec()
    };
    let (now, first, later) = (at(None), at(Some(0)), at(Some(700)));
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart(&first, &later) > 0.02 && apart(&later, &now) > 0.02);
    // Before it learned, a head looked at all about alike; now one looks at little else than one token.
    let most = |a: &[f32]| a.iter().copied().fold(0.0, f32::max);
    assert!(
        most(&first) < 0.3 && most(&now) > 0.6,
        "{} {}",
        most(&first),
        most(&now)
    );
    assert_eq!(at(None), now);
}

/// Of the 240 sentences in `assets`, from which nothing was learned, it tells most.
#[test]
fn the_sentence_classifier_tells_most_of_the_sample() {
    use data::sentences::{Reading, from_bytes};
    let reading = Reading {
        document: Some("document".into()),
        validation: 0.0,
        test: 0.0,
        ..Reading::default()
    };
    let sample = include_bytes!("../../../assets/sentences/sample.tsv");
    let sentences = from_bytes("sample.tsv", sample, &reading).unwrap();
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("sentiment".into())));
    session.wait();
    let document = session.document.as_ref().unwrap();
    assert_eq!(document.classes, ["negative", "positive"]);
    let texts: Vec<String> = sentences.all.iter().map(|s| s.text.clone()).collect();
    session.apply(Command::Text(texts));
    session.wait();
    let answers = output(&session);
    let right = sentences
        .all
        .iter()
        .zip(answers.chunks(2))
        .filter(|(s, a)| (a[1] > a[0]) == (s.class == 1));
    let right = right.count();
    println!("{right} of {}", sentences.all.len());
    assert!(right * 100 >= sentences.all.len() * 70, "{right}");
}

/// The classifier that training wrote is the same network to onnxruntime (where `LAYERSCOPE_PYTHON` has it).
#[test]
fn onnxruntime_answers_as_the_sentence_classifier_does() {
    let Ok(python) = std::env::var("LAYERSCOPE_PYTHON") else {
        println!("LAYERSCOPE_PYTHON is not set: nothing is compared");
        return;
    };
    const SCRIPT: &str = "
import sys, numpy, onnxruntime
rows = [[int(i) for i in row.split(',')] for row in sys.argv[2:]]
session = onnxruntime.InferenceSession(sys.argv[1])
found = session.run(None, {'input_ids': numpy.array(rows[::2]), 'attention_mask': numpy.array(rows[1::2])})
print(' '.join(repr(float(v)) for v in found[0].ravel()))
";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/sentiment/sentiment.onnx");
    // From a file too: its tokenizer lies beside it.
    let mut session = opened(&path);
    let texts = [TEXT, "Not good.", "I love it!", "☃ what a waste of time"].map(String::from);
    let fed = session.document.as_ref().unwrap().feed(&texts).unwrap();
    session.apply(Command::Text(texts.to_vec()));
    session.wait();
    let rows = |name: &str| -> Vec<String> {
        let (_, data) = fed.arrays.iter().find(|(n, _)| n == name).unwrap();
        let values = data.to_i64().unwrap();
        let row = |r: &[i64]| r.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        values.chunks(data.shape[1] as usize).map(row).collect()
    };
    let (ids, mask) = (rows("input_ids"), rows("attention_mask"));
    assert!(mask.iter().any(|m| m.contains('0')), "one is shorter");
    let all = ids.into_iter().zip(mask).flat_map(|(i, m)| [i, m]);
    let run = std::process::Command::new(python)
        .args(["-c", SCRIPT])
        .arg(&path)
        .args(all)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    let wanted: Vec<f32> = text.split_whitespace().map(|v| v.parse().unwrap()).collect();
    let found = output(&session);
    assert_eq!((found.len(), wanted.len()), (8, 8));
    for (a, b) in found.iter().zip(&wanted) {
        assert!((a - b).abs() < 1e-5, "{found:?} {wanted:?}");
    }
}

/// A Transformer over days of weather, fed with an `.npy` that names nothing.
#[test]
fn a_series_is_attended_to() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/weather");
    let mut session = opened(&folder.join("transformer.onnx"));
    let feed = |session: &mut Session, name: &str, bytes: Vec<u8>| {
        session.apply(Command::Feed(Source::Bytes {
            name: name.into(),
            bytes: bytes.into(),
        }));
        session.wait();
    };
    session.apply(Command::Feed(Source::File(folder.join("days.npy"))));
    session.wait();
    assert_eq!(errors(&session), Vec::<String>::new());
    let document = session.document.as_ref().unwrap();
    let sites = document.attention();
    assert_eq!(sites.len(), 2);
    for site in sites {
        let heads = document.heads(site, 0).unwrap();
        assert_eq!((heads.heads, heads.queries, heads.keys), (4, 28, 28));
        for row in heads.all().chunks(28) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
    // What ONNX Runtime answers: python -c "import numpy, onnxruntime; print(onnxruntime.InferenceSession(
    // 'transformer.onnx').run(None, {'input': numpy.load('days.npy')}))"
    let found = output(&session);
    for (a, b) in found.iter().zip([-1.5474085, -2.0671754]) {
        assert!((a - b).abs() < 1e-5, "{found:?}");
    }

    let npy = |shape: &[u64]| {
        let count = shape.iter().product::<u64>() as usize;
        let data = model::TensorData::from_f32(shape, &vec![0.5; count]);
        data::npz::to_npy("half", &data).unwrap()
    };
    // Days without a batch are a batch of one.
    feed(&mut session, "half.npy", npy(&[28, 4]));
    assert_eq!(errors(&session), Vec::<String>::new());
    assert_ne!(output(&session), found);
    for (bytes, told) in [
        (npy(&[27, 4]), "shape [1, 27, 4] given"),
        (npy(&[4]), "shape [4] given"),
        (b"no array".to_vec(), "half.npy"),
    ] {
        feed(&mut session, "half.npy", bytes);
        let problem = errors(&session).pop().unwrap_or_default();
        assert!(problem.contains(told), "{problem}");
    }
    let mut session = bert();
    feed(&mut session, "half.npy", npy(&[1, 4]));
    let problem = errors(&session).pop().unwrap_or_default();
    assert!(problem.contains("one array given for"), "{problem}");
}
