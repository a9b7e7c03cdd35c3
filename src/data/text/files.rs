//! The files of a tokenizer, and the one document that each kind of them becomes.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokenizers::TruncationDirection;

use super::{Tokenizer, check};
use crate::error::DataError;

/// Largest file, bytes.
const MAX_BYTES: usize = 64 << 20;

/// Largest number of tokens that is meant as a limit: transformers writes 1e30 for none.
const MAX_LENGTH: u64 = 1 << 24;

/// Files that belong to a tokenizer, or state what its model takes.
pub const NAMES: [&str; 7] = [
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "config.json",
];

/// Where files are looked for by their names.
pub trait Files {
    /// The bytes of the file `name`, or why it cannot be read; `None` where there is none.
    fn get(&self, name: &str) -> Option<Result<Bytes, String>>;
    /// The file `name`, for messages.
    fn path(&self, name: &str) -> String;
}

/// The tokenizer among `files`.
pub(super) fn find(files: &dyn Files) -> Result<Option<Tokenizer>, DataError> {
    let Some((file, document)) = document(files)? else {
        return Ok(None);
    };
    let settings = object(files, "tokenizer_config.json")?;
    let config = object(files, "config.json")?;
    tokenizer(file, document, &settings, &config).map(Some)
}

/// The bytes of a file, where it is there.
fn bytes(files: &dyn Files, name: &str) -> Result<Option<Bytes>, DataError> {
    let Some(found) = files.get(name) else {
        return Ok(None);
    };
    let path = files.path(name);
    let bytes = found.map_err(|e| DataError::malformed(&path, "content", e, "a readable file"))?;
    if bytes.len() > MAX_BYTES {
        let (found, limit) = (format!("{} bytes", bytes.len()), format!("{MAX_BYTES} bytes"));
        return Err(DataError::too_large(&path, "whole file", found, limit));
    }
    Ok(Some(bytes))
}

fn parsed(files: &dyn Files, name: &str) -> Result<Option<Value>, DataError> {
    let Some(bytes) = bytes(files, name)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| {
        let place = format!("line {} column {}", e.line(), e.column());
        DataError::malformed(&files.path(name), place, e.to_string(), "JSON")
    })
}

/// An object of settings; an empty one where there is no such file.
fn object(files: &dyn Files, name: &str) -> Result<Map<String, Value>, DataError> {
    match parsed(files, name)? {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => {
            let path = files.path(name);
            Err(DataError::malformed(&path, "content", "no object", "an object"))
        }
    }
}

/// The text of a file of lines.
fn text(files: &dyn Files, name: &str) -> Result<Option<String>, DataError> {
    let Some(bytes) = bytes(files, name)? else {
        return Ok(None);
    };
    String::from_utf8(bytes.to_vec()).map(Some).map_err(|e| {
        let place = format!("byte {}", e.utf8_error().valid_up_to());
        DataError::malformed(&files.path(name), place, "bytes of no text", "UTF-8")
    })
}

/// A `tokenizer.json`, or what the older files mean as one, with what it was read from.
fn document(files: &dyn Files) -> Result<Option<(String, Value)>, DataError> {
    if let Some(document) = parsed(files, "tokenizer.json")? {
        return Ok(Some((files.path("tokenizer.json"), document)));
    }
    if let Some(lines) = text(files, "vocab.txt")? {
        let path = files.path("vocab.txt");
        let settings = object(files, "tokenizer_config.json")?;
        let document = word_pieces(&path, &lines, &settings)?;
        return Ok(Some((path, document)));
    }
    let (Some(vocabulary), Some(merges)) = (parsed(files, "vocab.json")?, text(files, "merges.txt")?) else {
        return Ok(None);
    };
    let path = files.path("vocab.json");
    let document = byte_pairs(&path, vocabulary, &merges)?;
    Ok(Some((format!("{path} and merges.txt"), document)))
}

/// A token that settings state under `key`, as a text or as an object around it.
fn stated<'a>(settings: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    let value = settings.get(key)?;
    value.as_str().or_else(|| value["content"].as_str())
}

fn special(id: usize, token: &str) -> Value {
    json!({
        "id": id, "content": token, "special": true,
        "single_word": false, "lstrip": token == "<mask>", "rstrip": false, "normalized": false,
    })
}

/// BERT's `vocab.txt`: a token a line, whose place is its number.
fn word_pieces(path: &str, lines: &str, settings: &Map<String, Value>) -> Result<Value, DataError> {
    let mut vocabulary = Map::new();
    for (id, line) in lines.lines().enumerate() {
        vocabulary.insert(line.to_string(), json!(id));
    }
    let flag = |key: &str| settings.get(key).and_then(Value::as_bool);
    let mut added = Vec::new();
    // MPNet's vocabulary is BERT's with RoBERTa's names.
    let mut named = |key: &str, usual: &[&str]| -> Result<(String, Value), DataError> {
        let mut names = stated(settings, key).into_iter().chain(usual.iter().copied());
        let known = names.find(|n| vocabulary.contains_key(*n));
        let token = known.ok_or_else(|| {
            let found = format!("{} lines without {:?}", vocabulary.len(), usual[0]);
            DataError::malformed(path, "lines", found, "BERT's vocabulary, a token a line")
        })?;
        let id = vocabulary[token].clone();
        added.push(special(id.as_u64().unwrap_or(0) as usize, token));
        Ok((token.to_string(), id))
    };
    let (unknown, _) = named("unk_token", &["[UNK]", "<unk>"])?;
    let (begin, begin_id) = named("cls_token", &["[CLS]", "<s>"])?;
    let (end, end_id) = named("sep_token", &["[SEP]", "</s>"])?;
    // A model may do without these.
    let _ = named("pad_token", &["[PAD]", "<pad>"]);
    let _ = named("mask_token", &["[MASK]", "<mask>"]);
    added.sort_by_key(|t| t["id"].as_u64());
    let around = |token: &str, id: &Value| json!({"id": token, "ids": [id], "tokens": [token]});
    Ok(json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": flag("tokenize_chinese_chars").unwrap_or(true),
            "strip_accents": flag("strip_accents"),
            "lowercase": flag("do_lower_case").unwrap_or(true),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": begin, "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": end, "type_id": 0}},
            ],
            "pair": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {
                begin.clone(): around(&begin, &begin_id),
                end.clone(): around(&end, &end_id),
            },
        },
        "model": {
            "type": "WordPiece",
            "unk_token": unknown,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }))
}

/// GPT-2's `vocab.json` and `merges.txt`, and RoBERTa's, which puts tokens around a text.
fn byte_pairs(path: &str, vocabulary: Value, merges: &str) -> Result<Value, DataError> {
    let tokens = vocabulary.as_object();
    let tokens = tokens.ok_or_else(|| {
        DataError::malformed(
            path,
            "content",
            "no object",
            "an object of tokens and their numbers",
        )
    })?;
    let id = |token: &str| tokens.get(token).and_then(Value::as_u64);
    // A byte-level vocabulary has a token for each byte; 0x21 is the first that is its own disguise.
    if id("!").is_none() || tokens.keys().take(1000).any(|t| t.ends_with("</w>")) {
        let found = "tokens that are no bytes, or that end in \"</w>\"";
        return Err(DataError::malformed(
            path,
            "tokens",
            found,
            "GPT-2's bytes and their pairs",
        ));
    }
    let names = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "<|endoftext|>"];
    let added = names.iter().filter_map(|n| Some(special(id(n)? as usize, n)));
    let mut added: Vec<Value> = added.collect();
    added.sort_by_key(|t| t["id"].as_u64());
    let after = match (id("<s>"), id("</s>")) {
        (Some(begin), Some(end)) => json!({
            "type": "RobertaProcessing",
            "sep": ["</s>", end], "cls": ["<s>", begin],
            "trim_offsets": true, "add_prefix_space": false,
        }),
        _ => {
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true})
        }
    };
    let lines = merges
        .lines()
        .filter(|l| !l.starts_with("#version") && !l.is_empty());
    let bytes =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    Ok(json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": bytes,
        "post_processor": after,
        "decoder": bytes,
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": lines.collect::<Vec<&str>>(),
        },
    }))
}

/// Checks `document`, and has the library take it.
fn tokenizer(
    file: String,
    mut document: Value,
    settings: &Map<String, Value>,
    config: &Map<String, Value>,
) -> Result<Tokenizer, DataError> {
    check::check(&document)
        .map_err(|(place, found, expected)| DataError::malformed(&file, place, found, expected))?;
    let bytes = document["decoder"]["type"] == "ByteLevel";
    let left = |v: &Value| v == "Left" || v == "left";
    let cut = left(&document["truncation"]["direction"]) || settings.get("truncation_side").is_some_and(left);
    let padding = document["padding"]["pad_id"].as_u64();
    // Cutting and filling is done here; a decoder only shows bytes; nothing is left to chance.
    for key in ["truncation", "padding"] {
        document[key] = Value::Null;
    }
    if !bytes {
        document["decoder"] = Value::Null;
    }
    if document["model"]["type"] == "BPE" || document["model"].get("merges").is_some() {
        document["model"]["dropout"] = Value::Null;
    }
    let text = document.to_string();
    let read = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(&text));
    let inner = match read {
        Ok(Ok(inner)) => inner,
        wrong => {
            let found = match wrong {
                Ok(Err(e)) => e.to_string(),
                _ => "parts that contradict each other".into(),
            };
            let place = guilty(&document);
            return Err(DataError::malformed(&file, place, found, "a tokenizer"));
        }
    };
    let number = |map: &Map<String, Value>, key: &str| {
        let number = map.get(key).and_then(Value::as_u64);
        number.and_then(|n| u32::try_from(n).ok())
    };
    let pad = stated(settings, "pad_token").and_then(|t| inner.token_to_id(t));
    let pad = pad.or(padding.and_then(|p| u32::try_from(p).ok()));
    let usual = ["[PAD]", "<pad>", "<|endoftext|>", "</s>"];
    let pad = pad
        .or(number(config, "pad_token_id"))
        .or_else(|| usual.iter().find_map(|t| inner.token_to_id(t)))
        .unwrap_or(0);
    Ok(Tokenizer {
        start: number(config, "decoder_start_token_id").unwrap_or(pad),
        longest: longest(settings, config),
        cut: match cut {
            true => TruncationDirection::Left,
            false => TruncationDirection::Right,
        },
        inner,
        file,
        pad,
        bytes,
    })
}

/// The part of `document` that the library does not take.
fn guilty(document: &Value) -> &'static str {
    fn taken<T: serde::de::DeserializeOwned>(value: &Value) -> bool {
        let value = value.clone();
        let read = std::panic::catch_unwind(|| serde_json::from_value::<Option<T>>(value).is_ok());
        read.unwrap_or(false)
    }
    let parts = [
        ("model", taken::<tokenizers::ModelWrapper>(&document["model"])),
        (
            "normalizer",
            taken::<tokenizers::NormalizerWrapper>(&document["normalizer"]),
        ),
        (
            "pre_tokenizer",
            taken::<tokenizers::PreTokenizerWrapper>(&document["pre_tokenizer"]),
        ),
        (
            "post_processor",
            taken::<tokenizers::PostProcessorWrapper>(&document["post_processor"]),
        ),
        (
            "decoder",
            taken::<tokenizers::DecoderWrapper>(&document["decoder"]),
        ),
    ];
    parts
        .iter()
        .find(|(_, fine)| !fine)
        .map_or("content", |(name, _)| name)
}

/// Tokens that the model takes at most, and what states that.
fn longest(settings: &Map<String, Value>, config: &Map<String, Value>) -> Option<(usize, String)> {
    let stated = |map: &Map<String, Value>, key: &str, file: &str| {
        let tokens = map.get(key)?.as_u64().filter(|n| (1..=MAX_LENGTH).contains(n))?;
        Some((tokens as usize, format!("{key} in {file}")))
    };
    let kind = config.get("model_type").and_then(Value::as_str).unwrap_or("");
    let positions = ["max_position_embeddings", "n_positions", "n_ctx"];
    let positions = positions.iter().find_map(|k| stated(config, k, "config.json"));
    let positions = positions.map(|(tokens, by)| match kind {
        // Their positions begin after that of the padding.
        "roberta" | "xlm-roberta" | "camembert" | "mpnet" => {
            let pad = config.get("pad_token_id").and_then(Value::as_u64).unwrap_or(1);
            (tokens.saturating_sub(pad as usize + 1), by)
        }
        _ => (tokens, by),
    });
    let own = stated(settings, "model_max_length", "tokenizer_config.json");
    [own, positions].into_iter().flatten().min_by_key(|(n, _)| *n)
}
