//! What a `tokenizer.json` may ask for: the library panics on some contradictions, and takes any
//! amount of memory or time for others.

use serde_json::{Map, Value};

use super::charsmap;

/// Most times as long as it was that rules may make a text.
const MAX_GROWTH: u64 = 256;

/// Longest token, bytes.
const MAX_TOKEN: usize = 4096;

/// Most characters of a word that is looked up piece by piece, which takes their square.
const MAX_WORD: u64 = 1000;

/// Most pieces of a template.
const MAX_PIECES: usize = 64;

/// A place with what was found and expected there.
pub(super) type Fault = (String, String, String);

fn fault<T>(
    place: impl Into<String>,
    found: impl Into<String>,
    expected: impl Into<String>,
) -> Result<T, Fault> {
    Err((place.into(), found.into(), expected.into()))
}

/// Refuses what is not safe to be given to the library.
pub(super) fn check(document: &Value) -> Result<(), Fault> {
    if !document.is_object() {
        return fault("content", kind(document), "an object");
    }
    let model = &document["model"];
    if !model.is_object() {
        return fault("model", kind(model), "an object");
    }
    vocabulary(model)?;
    merges(model)?;
    let growth = growth(&document["normalizer"], "normalizer")?
        .saturating_mul(growth(&document["pre_tokenizer"], "pre_tokenizer")?);
    if growth > MAX_GROWTH {
        let found = format!("rules that may make a text {growth} times as long");
        return fault("normalizer", found, format!("at most {MAX_GROWTH} times"));
    }
    let mut adding = 0;
    around(&document["post_processor"], "post_processor", &mut adding)
}

fn kind(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    text.into()
}

fn vocabulary(model: &Value) -> Result<(), Fault> {
    let place = "model \"vocab\"";
    let tokens: Vec<&str> = match &model["vocab"] {
        Value::Object(map) => map.keys().map(String::as_str).collect(),
        Value::Array(list) => {
            let token = |v: &Value| v.get(0).is_some_and(Value::is_string);
            if let Some(wrong) = list.iter().find(|v| !token(v)) {
                return fault(place, kind(wrong), "pairs of a token and a number");
            }
            list.iter().filter_map(|v| v.get(0)?.as_str()).collect()
        }
        other => return fault(place, kind(other), "an object of tokens, or a list of pairs"),
    };
    if tokens.is_empty() {
        return fault(place, "no token", "one or more");
    }
    if let Some(long) = tokens.iter().find(|t| t.len() > MAX_TOKEN) {
        let found = format!("a token of {} bytes", long.len());
        return fault(place, found, format!("at most {MAX_TOKEN}"));
    }
    for (token, number) in model["vocab"].as_object().into_iter().flatten() {
        if number.as_u64().is_none_or(|n| n > u64::from(u32::MAX)) {
            let found = format!("{number} for the token {token:?}");
            return fault(place, found, "a number from 0 to 2^32");
        }
    }
    let longest = &model["max_input_chars_per_word"];
    match longest.as_u64() {
        Some(n) if n > MAX_WORD => {
            let expected = format!("at most {MAX_WORD}");
            fault("model \"max_input_chars_per_word\"", n.to_string(), expected)
        }
        _ => Ok(()),
    }
}

/// Each merge joins two tokens to a third.
fn merges(model: &Value) -> Result<(), Fault> {
    let (Some(merges), Some(vocabulary)) = (model["merges"].as_array(), model["vocab"].as_object()) else {
        return Ok(());
    };
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or("");
    for (i, merge) in merges.iter().enumerate() {
        let place = || format!("model \"merges\" {i}");
        let pair = match merge {
            Value::String(text) => text.split_once(' '),
            other => other
                .get(0)
                .and_then(Value::as_str)
                .zip(other.get(1).and_then(Value::as_str)),
        };
        let Some((a, b)) = pair else {
            // Old files begin with their version.
            if merge.as_str().is_some_and(|m| m.starts_with("#version")) {
                continue;
            }
            return fault(place(), merge.to_string(), "two tokens");
        };
        let Some(rest) = b.strip_prefix(prefix) else {
            return fault(
                place(),
                format!("{b:?}"),
                format!("a token that begins with {prefix:?}"),
            );
        };
        let joined = format!("{a}{rest}");
        if let Some(missing) = [a, b, &joined].iter().find(|t| !vocabulary.contains_key(**t)) {
            return fault(place(), format!("{missing:?}"), "a token of the vocabulary");
        }
    }
    Ok(())
}

/// How many times as long as it was a text may become.
fn growth(rule: &Value, place: &str) -> Result<u64, Fault> {
    let parts = ["normalizers", "pretokenizers"]
        .iter()
        .find_map(|k| rule[*k].as_array());
    let mut product = 1u64;
    for (i, part) in parts.into_iter().flatten().enumerate() {
        product = product.saturating_mul(growth(part, &format!("{place} {i}"))?);
    }
    let own = match rule["type"].as_str() {
        Some("Replace") => rule["content"].as_str().map_or(1, |c| c.len().max(1) as u64),
        Some("Prepend") => rule["prepend"].as_str().map_or(1, |c| c.len().max(1) as u64),
        Some("ByteLevel") => 2,
        Some("Precompiled") => {
            let table = rule["precompiled_charsmap"].as_str().unwrap_or("");
            if let Some(found) = charsmap::fault(table) {
                let place = format!("{place} \"precompiled_charsmap\"");
                return fault(place, found, "a table of characters and what they become");
            }
            1
        }
        _ => 1,
    };
    Ok(product.saturating_mul(own))
}

/// What stands around a text.
fn around(rule: &Value, place: &str, adding: &mut usize) -> Result<(), Fault> {
    for (i, part) in rule["processors"].as_array().into_iter().flatten().enumerate() {
        around(part, &format!("{place} {i}"), adding)?;
    }
    let kind = rule["type"].as_str().unwrap_or("");
    if !["TemplateProcessing", "BertProcessing", "RobertaProcessing"].contains(&kind) {
        return Ok(());
    }
    *adding += 1;
    if *adding > 1 {
        return fault(place, "a second rule that adds tokens", "one at most");
    }
    if kind != "TemplateProcessing" {
        return Ok(());
    }
    let none = Map::new();
    let special = rule["special_tokens"].as_object().unwrap_or(&none);
    for (name, token) in special {
        let count = |key: &str| token[key].as_array().map(Vec::len);
        if count("ids") != count("tokens") {
            let place = format!("{place} \"special_tokens\" {name:?}");
            return fault(place, "other numbers of ids and tokens", "a token for each id");
        }
    }
    let pieces = rule["single"].as_array().map_or(&[][..], Vec::as_slice);
    let place = format!("{place} \"single\"");
    if pieces.len() > MAX_PIECES {
        return fault(
            place,
            format!("{} pieces", pieces.len()),
            format!("at most {MAX_PIECES}"),
        );
    }
    let mut texts = 0;
    for piece in pieces {
        texts += usize::from(piece["Sequence"]["id"] == "A");
        if piece["Sequence"]["id"] == "B" {
            return fault(place, "a second text", "one");
        }
        if let Some(id) = piece["SpecialToken"]["id"].as_str()
            && !special.contains_key(id)
        {
            return fault(place, format!("{id:?}"), "one of the \"special_tokens\"");
        }
    }
    match texts {
        1 => Ok(()),
        n => fault(place, format!("the text {n} times"), "once"),
    }
}
