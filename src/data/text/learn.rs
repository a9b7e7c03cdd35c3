//! A tokenizer learned from texts, and sentences as the examples of a network of tokens.

use std::sync::Arc;

use bytes::Bytes;
use model::{Cells, Column, Dataset, Targets};
use serde_json::{Value, json};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::BpeTrainer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer as Inner};

use super::{Files, Tokenizer};
use crate::error::DataError;
use crate::sentences::{Part, Sentences};

/// Fills shorter texts.
const PADDING: &str = "[PAD]";
/// Stands before each text: what a head can rest on.
const BEGIN: &str = "[CLS]";
/// Bytes and the two special tokens, which every vocabulary has.
const LEAST: usize = 258;
/// Largest vocabulary.
const MOST: usize = 1 << 20;
/// Most tokens of all sentences.
const MAX_CELLS: usize = 1 << 28;

/// One file in memory.
struct Alone(Bytes);

impl Files for Alone {
    fn get(&self, name: &str) -> Option<Result<Bytes, String>> {
        (name == "tokenizer.json").then(|| Ok(self.0.clone()))
    }

    fn path(&self, name: &str) -> String {
        name.into()
    }
}

impl Tokenizer {
    /// The tokenizer that the bytes of a `tokenizer.json` are.
    ///
    /// # Errors
    /// [`DataError`] as [`Tokenizer::find`] has them.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, DataError> {
        let found = Tokenizer::find(&Alone(bytes))?;
        found.ok_or_else(|| DataError::request("tokenizer.json", "nothing", "a tokenizer"))
    }
}

/// The `tokenizer.json` of byte pairs (Sennrich et al. 2016; Radford et al. 2019) that are frequent in
/// `texts`, lower case, `[CLS]` in front; the same for the same texts in any order.
///
/// # Errors
/// [`DataError`] for sizes that make no sense, and what the library reports.
pub fn learn(texts: &[&str], vocabulary: usize) -> Result<Vec<u8>, DataError> {
    if !(LEAST..=MOST).contains(&vocabulary) {
        let expected = format!("from {LEAST}, the bytes and two special tokens, to {MOST}");
        return Err(DataError::request("vocabulary", vocabulary.to_string(), expected));
    }
    let failed =
        |e: String| DataError::request("the vocabulary's texts", e, "texts that can be learned from");
    let levels =
        json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    let empty = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": levels, "post_processor": null,
        "decoder": levels,
        "model": {"type": "BPE", "vocab": {}, "merges": []},
    });
    let mut inner = Inner::from_bytes(empty.to_string()).map_err(|e| failed(e.to_string()))?;
    let special = [PADDING, BEGIN].map(|t| AddedToken::from(t, true));
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(vocabulary)
        .min_frequency(2)
        .special_tokens(special.to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let mut trainer = TrainerWrapper::BpeTrainer(trainer);
    inner
        .train(&mut trainer, texts.iter())
        .map_err(|e| failed(e.to_string()))?;
    let text = inner.to_string(false).map_err(|e| failed(e.to_string()))?;
    let mut document: Value = serde_json::from_str(&text).map_err(|e| failed(e.to_string()))?;
    let begin = inner.token_to_id(BEGIN).unwrap_or(1);
    document["post_processor"] = json!({
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": BEGIN, "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [
            {"Sequence": {"id": "A", "type_id": 0}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {BEGIN: {"id": BEGIN, "ids": [begin], "tokens": [BEGIN]}},
    });
    serde_json::to_vec_pretty(&document).map_err(|e| failed(e.to_string()))
}

impl Tokenizer {
    /// Tokens that it knows.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}

impl Sentences {
    /// The texts of a part.
    pub fn texts(&self, part: Part) -> Vec<&str> {
        let of = self.all.iter().filter(|s| s.part == part);
        of.map(|s| s.text.as_str()).collect()
    }

    /// Examples of up to `length` tokens, padded: the columns `input_ids` and `attention_mask`, and
    /// classes.
    ///
    /// # Errors
    /// [`DataError`] for sizes that make no sense, and for texts that the tokenizer cannot take.
    pub fn dataset(&self, tokenizer: &Arc<Tokenizer>, length: usize) -> Result<Dataset, DataError> {
        let cells = self.all.len().checked_mul(length).filter(|&n| n <= MAX_CELLS);
        let cells = cells.filter(|_| length > 1).ok_or_else(|| {
            let found = format!("{length} tokens for each of {} sentences", self.all.len());
            DataError::request("length", found, format!("2 or more, and {MAX_CELLS} in all"))
        })?;
        let (mut ids, mut mask) = (Vec::with_capacity(cells), Vec::with_capacity(cells));
        for sentence in &self.all {
            let tokens = tokenizer.encode(&sentence.text, length)?;
            let rest = length - tokens.ids.len();
            ids.extend(tokens.ids.iter().map(|&i| i64::from(i)));
            ids.extend(std::iter::repeat_n(i64::from(tokenizer.pad), rest));
            mask.extend(std::iter::repeat_n(1, tokens.ids.len()));
            mask.extend(std::iter::repeat_n(0, rest));
        }
        let column = |name: &str, shape: &[usize], cells: Vec<i64>| Column {
            name: name.into(),
            shape: shape.to_vec(),
            cells: Cells::Ints(cells),
        };
        let part = |part: Part| {
            let all = self.all.iter().enumerate();
            let own = all.filter(|(_, s)| s.part == part);
            own.map(|(i, _)| i as u32).collect()
        };
        Ok(Dataset {
            name: self.name.clone(),
            inputs: vec![
                column("input_ids", &[length], ids),
                column("attention_mask", &[length], mask),
            ],
            targets: Targets::Classes(column("class", &[], self.all.iter().map(|s| s.class).collect())),
            classes: self.classes.clone(),
            training: part(Part::Training),
            validation: part(Part::Validation),
            test: part(Part::Test),
        })
    }
}
