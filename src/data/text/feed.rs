//! From texts to the arrays that a network of tokens starts from.

use model::{DType, Network, Part, TensorData, TextInputs};

use super::{MAX_TEXT, Tokenizer, Tokens};
use crate::error::DataError;

/// Tokens of a text where nothing states how many the model takes.
const USUAL: usize = 2048;

/// What texts became.
#[derive(Clone, Debug)]
pub struct Fed {
    /// Arrays by graph input name.
    pub arrays: Vec<(String, TensorData)>,
    /// The tokens of each text, filled up where the network takes more.
    pub tokens: Vec<Vec<String>>,
    /// What was cut or filled, in sentences for the user.
    pub notes: Vec<String>,
}

impl Tokenizer {
    /// The arrays that `network` starts from for `texts`, one row each, where `inputs` are its inputs.
    ///
    /// # Errors
    /// [`DataError`] for another number of texts than the network takes, for texts that are too long
    /// to be looked at, and for one of which no token is made.
    pub fn feed(&self, texts: &[String], network: &Network, inputs: &TextInputs) -> Result<Fed, DataError> {
        let size: usize = texts.iter().map(String::len).sum();
        if size > MAX_TEXT {
            let (found, limit) = (format!("{size} bytes"), format!("{MAX_TEXT} bytes"));
            return Err(DataError::too_large("the texts", "all of them", found, limit));
        }
        if texts.is_empty() || inputs.batch.is_some_and(|b| b != texts.len() as u64) {
            let expected = match inputs.batch {
                Some(batch) => format!("{batch}, which the network fixes"),
                None => "one or more".into(),
            };
            return Err(DataError::request("texts", texts.len().to_string(), expected));
        }
        let mut notes = Vec::new();
        let rows = self.rows(texts, inputs, &mut notes)?;
        let longest = rows.iter().map(|r| r.ids.len()).max().unwrap_or(0);
        let length = inputs.length.map_or(longest, |l| l as usize);
        let pad = self.inner.id_to_token(self.pad).unwrap_or_default();
        let pad = self.name(&pad, self.pad);
        if longest < length {
            notes.push(format!(
                "filled with {pad:?} to {length} tokens, which the network fixes"
            ));
        }
        if !inputs.has(Part::Mask) && rows.iter().any(|r| r.ids.len() < length) {
            notes.push("the network takes no mask: what it makes of filled places means nothing".into());
        }
        let arrays = inputs.parts.iter().map(|&(part, id)| {
            let tensor = network.tensor(id);
            let array = self.array(part, &rows, length, tensor.spec.dtype);
            (tensor.name.clone(), array)
        });
        Ok(Fed {
            arrays: arrays.collect(),
            tokens: rows
                .iter()
                .map(|row| {
                    let mut names = row.names.clone();
                    names.resize(length, pad.clone());
                    names
                })
                .collect(),
            notes,
        })
    }

    /// The tokens of each text, cut to what the network takes.
    fn rows(
        &self,
        texts: &[String],
        inputs: &TextInputs,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Tokens>, DataError> {
        let (most, by) = self.most(inputs);
        let named = |i: usize| match texts.len() {
            1 => "the text".to_string(),
            _ => format!("text {}", i + 1),
        };
        let mut rows = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            let tokens = self.encode(text, most)?;
            if tokens.whole > most {
                notes.push(format!(
                    "{} has {} tokens: cut to {most} ({by})",
                    named(i),
                    tokens.whole
                ));
            }
            if tokens.ids.is_empty() {
                let found = format!("{} of {} bytes, of which no token is made", named(i), text.len());
                return Err(DataError::request("texts", found, "one token or more"));
            }
            rows.push(tokens);
        }
        Ok(rows)
    }

    /// Tokens of a text at most, and what says so.
    fn most(&self, inputs: &TextInputs) -> (usize, String) {
        let fixed = inputs
            .length
            .map(|l| (l as usize, "which the network fixes".to_string()));
        let table = inputs
            .positions
            .map(|p| (p as usize, "rows of its table of positions".to_string()));
        let limits = [fixed, self.longest.clone(), table].into_iter().flatten();
        let usual = || (USUAL, "no file states how many the model takes".to_string());
        limits.min_by_key(|(tokens, _)| *tokens).unwrap_or_else(usual)
    }

    /// One input: `[batch, token]`, or `[batch, 1]` for what a decoder begins with.
    fn array(&self, part: Part, rows: &[Tokens], length: usize, dtype: DType) -> TensorData {
        let width = match part {
            Part::DecoderIds | Part::DecoderMask => 1,
            _ => length,
        };
        let value = |row: &Tokens, t: usize| -> i64 {
            let within = t < row.ids.len();
            match part {
                Part::Ids if within => row.ids[t].into(),
                Part::Ids => self.pad.into(),
                Part::Mask => within.into(),
                Part::Types if within => row.types[t].into(),
                Part::Types => 0,
                Part::Positions => t as i64,
                Part::DecoderIds => self.start.into(),
                Part::DecoderMask => 1,
            }
        };
        let values = rows.iter().flat_map(|row| (0..width).map(move |t| value(row, t)));
        let values: Vec<i64> = values.collect();
        let shape = [rows.len() as u64, width as u64];
        let floats = || values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        TensorData::from_ints(dtype, &shape, &values)
            .or_else(|| TensorData::from_floats(dtype, &shape, &floats()))
            .unwrap_or_else(|| TensorData::from_i64(&shape, &values))
    }
}
