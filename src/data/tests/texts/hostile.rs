//! Broken tokenizers: each is refused by file and place, and no change of one makes it panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use data::Tokenizer;
use serde_json::{Value, json};

use crate::random::Random;
use crate::{Given, texts};

/// Names and texts.
type Files<'a> = &'a [(&'a str, &'a str)];

fn problem(files: &Given) -> String {
    match Tokenizer::find(files) {
        Err(problem) => problem.to_string(),
        Ok(found) => panic!("no error; found {}", found.is_some()),
    }
}

/// The files of `tokenizers/name` with `change` made to its `tokenizer.json`.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Given {
    let mut files = Given::folder(name);
    let mut document = serde_json::from_slice(&files.0["tokenizer.json"]).unwrap();
    change(&mut document);
    let text = serde_json::to_vec(&document).unwrap();
    files.0.insert("tokenizer.json".into(), text);
    files
}

#[test]
fn broken_files_are_refused_by_name_and_place() {
    let cases: &[(Files, &str)] = &[
        (
            &[("tokenizer.json", "")],
            "folder/tokenizer.json: line 1 column 0",
        ),
        (
            &[("tokenizer.json", "{\"model\": ")],
            "folder/tokenizer.json: line 1 column 10",
        ),
        (
            &[("tokenizer.json", "[]")],
            "content: found a list, expected an object",
        ),
        (
            &[("tokenizer.json", "{}")],
            "model: found nothing, expected an object",
        ),
        (
            &[("tokenizer.json", r#"{"model": {}}"#)],
            "model \"vocab\": found nothing",
        ),
        (
            &[("tokenizer.json", r#"{"model": {"vocab": {}}}"#)],
            "model \"vocab\": found no token",
        ),
        (
            &[("tokenizer.json", r#"{"model": {"vocab": {"a": -1}}}"#)],
            "found -1 for the token \"a\"",
        ),
        (
            &[("tokenizer.json", r#"{"model": {"vocab": [["a", 0], 3]}}"#)],
            "found a number, expected pairs",
        ),
        (
            &[(
                "tokenizer.json",
                r#"{"model": {"type": "GPT", "vocab": {"a": 1}}}"#,
            )],
            "tokenizer.json: model: found",
        ),
        (
            &[("vocab.txt", "a\nb\n")],
            "folder/vocab.txt: lines: found 2 lines without \"[UNK]\"",
        ),
        (&[("vocab.txt", "")], "found 0 lines without \"[UNK]\""),
        (
            &[
                ("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n"),
                ("tokenizer_config.json", "[1]"),
            ],
            "folder/tokenizer_config.json: content: found no object",
        ),
        (
            &[("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n"), ("config.json", "{")],
            "folder/config.json: line 1 column 1",
        ),
        (
            &[("vocab.json", "[]"), ("merges.txt", "")],
            "folder/vocab.json: content: found no object",
        ),
        (
            &[("vocab.json", r#"{"a": 0}"#), ("merges.txt", "")],
            "folder/vocab.json: tokens: found",
        ),
        (
            &[
                ("vocab.json", r#"{"!": 0, "a": 1}"#),
                ("merges.txt", "#version: 0.2\na b\n"),
            ],
            "vocab.json and merges.txt: model \"merges\" 0: found \"b\", expected a token of the vocabulary",
        ),
        (
            &[("vocab.json", r#"{"!": 0, "a": 1}"#), ("merges.txt", "ab\n")],
            "model \"merges\" 0: found \"ab\", expected two tokens",
        ),
    ];
    for (files, expected) in cases {
        let problem = problem(&Given::of(files));
        assert!(problem.contains(expected), "{problem}\n{expected}");
    }
    let mut binary = Given::default();
    binary.0.insert("vocab.txt".into(), vec![b'a', 0xff]);
    assert!(problem(&binary).contains("folder/vocab.txt: byte 1: found bytes of no text"));
    let mut large = Given::default();
    large
        .0
        .insert("tokenizer.json".into(), vec![b' '; (64 << 20) + 1]);
    assert!(problem(&large).contains("over the limit of 67108864 bytes"));
    assert!(
        Tokenizer::find(&Given::of(&[("vocab.json", "{}")]))
            .unwrap()
            .is_none()
    );
}

/// What the library would panic on, or take any amount of memory for.
#[test]
fn contradictions_are_refused_by_place() {
    let replace = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "a".repeat(64)});
    let many = json!({"type": "Sequence", "normalizers": [replace, replace, replace]});
    let cases: Vec<(Given, &str)> = vec![
        (
            changed("wordpiece", |d| d["normalizer"] = many),
            "may make a text 262144 times as long",
        ),
        (
            changed("wordpiece", |d| {
                d["model"]["max_input_chars_per_word"] = json!(1u64 << 40)
            }),
            "\"max_input_chars_per_word\": found 1099511627776, expected at most 1000",
        ),
        (
            changed("wordpiece", |d| d["model"]["vocab"]["a".repeat(5000)] = json!(9)),
            "found a token of 5000 bytes",
        ),
        (
            changed("wordpiece", |d| d["post_processor"]["special_tokens"] = json!({})),
            "post_processor \"single\": found \"[CLS]\", expected one of the \"special_tokens\"",
        ),
        (
            changed("wordpiece", |d| {
                d["post_processor"]["special_tokens"]["[CLS]"]["ids"] = json!([1, 2])
            }),
            "\"[CLS]\": found other numbers of ids and tokens",
        ),
        (
            changed("wordpiece", |d| {
                d["post_processor"]["single"][1]["Sequence"]["id"] = json!("B")
            }),
            "\"single\": found a second text",
        ),
        (
            changed("wordpiece", |d| d["post_processor"]["single"] = json!([])),
            "\"single\": found the text 0 times",
        ),
        (
            changed("wordpiece", |d| {
                let one = d["post_processor"].clone();
                d["post_processor"] = json!({"type": "Sequence", "processors": [one, one]});
            }),
            "post_processor 1: found a second rule that adds tokens",
        ),
        (
            changed("bytelevel", |d| {
                d["model"]["merges"][3] = json!(["nothing", "here"])
            }),
            "model \"merges\" 3: found \"nothing\"",
        ),
        (
            changed("bytelevel", |d| {
                d["model"]["continuing_subword_prefix"] = json!("##")
            }),
            "expected a token that begins with \"##\"",
        ),
        (
            changed("unigram", |d| {
                d["normalizer"]["normalizers"][0]["precompiled_charsmap"] = json!("AAAA")
            }),
            "normalizer 0 \"precompiled_charsmap\": found fewer than 4 bytes",
        ),
        (
            changed("unigram", |d| d["model"]["unk_id"] = json!(1 << 20)),
            "tokenizer.json: model: found",
        ),
        (
            changed("bytelevel", |d| d["pre_tokenizer"] = json!({"type": "Unheard"})),
            "tokenizer.json: pre_tokenizer: found",
        ),
    ];
    for (files, expected) in cases {
        let problem = problem(&files);
        assert!(problem.starts_with("folder/tokenizer.json: "), "{problem}");
        assert!(problem.contains(expected), "{problem}\n{expected}");
    }
}

/// Every place of a document.
fn places(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            // Of a long vocabulary a few entries stand for all.
            for (key, inner) in map.iter().take(24) {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(inner, format!("{at}/{key}"), into);
            }
        }
        Value::Array(list) => {
            for (i, inner) in list.iter().enumerate().take(24) {
                places(inner, format!("{at}/{i}"), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

/// Seeded changes of every kind of tokenizer: none panics, even where the library's panic would be
/// caught, since a page has no way to catch one.
#[test]
fn no_change_makes_it_panic() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let names = ["wordpiece", "bytelevel", "fallback", "unigram"];
    let documents: Vec<Value> = names
        .iter()
        .map(|n| serde_json::from_slice(&Given::folder(n).0["tokenizer.json"]).unwrap())
        .collect();
    let parts: Vec<Value> = documents
        .iter()
        .flat_map(|d| {
            let mut all = Vec::new();
            places(d, String::new(), &mut all);
            all.into_iter()
                .filter_map(|p| d.pointer(&p).cloned())
                .collect::<Vec<_>>()
        })
        .filter(|v| v.to_string().len() < 2000)
        .collect();
    let texts = texts();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(info);
    }));
    let mut random = Random(0x7e47);
    let (mut read, mut refused, begin) = (0, 0, Instant::now());
    for round in 0..6000 {
        let document = &documents[round % documents.len()];
        let mut all = Vec::new();
        places(document, String::new(), &mut all);
        let mut document = document.clone();
        let mut told = Vec::new();
        for _ in 0..=random.below(2) {
            let place = &all[random.below(all.len())];
            let alike = |random: &mut Random, like: fn(&Value) -> bool| {
                let kind: Vec<&Value> = parts.iter().filter(|v| like(v)).collect();
                kind[random.below(kind.len())].clone()
            };
            // Mostly of the kind that stands there: others are refused at once.
            let value = match (random.below(8), document.pointer(place)) {
                (0, _) => Value::Null,
                (1, _) => json!(random.next()),
                (2, _) => parts[random.below(parts.len())].clone(),
                (3, Some(Value::String(_))) => json!("é"),
                (_, Some(Value::Bool(on))) => json!(!on),
                (_, Some(Value::Number(_))) => json!(random.below(700)),
                (_, Some(Value::String(_))) => alike(&mut random, Value::is_string),
                (_, Some(Value::Array(_))) => alike(&mut random, Value::is_array),
                _ => alike(&mut random, Value::is_object),
            };
            if let Some(slot) = document.pointer_mut(place) {
                told.push(format!("{place} = {value}"));
                *slot = value;
            }
        }
        let mut files = Given::default();
        files
            .0
            .insert("tokenizer.json".into(), document.to_string().into_bytes());
        let start = Instant::now();
        match Tokenizer::find(&files) {
            Ok(Some(tokenizer)) => {
                read += 1;
                for text in texts.iter().skip(random.below(3)).step_by(3) {
                    let _ = tokenizer.encode(text, 16 + random.below(3) * 1000);
                }
            }
            Ok(None) => panic!("the file is there"),
            Err(problem) => {
                refused += 1;
                let problem = problem.to_string();
                assert!(problem.starts_with("folder/tokenizer.json: "), "{problem}");
            }
        }
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{told:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{told:?}");
    }
    println!("{read} read, {refused} refused in {:?}", begin.elapsed());
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}
