//! Text as samples: the tokenizer that stands beside a model, and the arrays that a network of
//! tokens starts from.

mod charsmap;
mod check;
mod feed;
mod files;
mod learn;

use tokenizers::{Encoding, PostProcessor, TruncationDirection};

use crate::error::DataError;

pub use feed::Fed;
pub use files::{Files, NAMES};
pub use learn::learn;

/// Bytes of all texts of one pass.
pub const MAX_TEXT: usize = 1 << 20;

/// Turns text into the numbers of a vocabulary.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The files that it was read from.
    file: String,
    /// Side of a text that is cut.
    cut: TruncationDirection,
    /// Fills shorter texts.
    pad: u32,
    /// What a decoder begins with.
    start: u32,
    /// Tokens that the model takes at most, and what states that.
    longest: Option<(usize, String)>,
    /// Tokens are bytes in a printable disguise, which is taken off to show them.
    bytes: bool,
}

/// A text as tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Numbers in the vocabulary.
    pub ids: Vec<u32>,
    /// The segment of each token.
    pub types: Vec<u32>,
    /// Each token as it is written in the vocabulary; a byte-level one as its text.
    pub names: Vec<String>,
    /// How many there were before the text was cut.
    pub whole: usize,
}

impl Tokenizer {
    /// The tokenizer among `files`; `None` where they hold none.
    ///
    /// # Errors
    /// [`DataError`] for files that are too large, or that are no tokenizer.
    pub fn find(files: &dyn Files) -> Result<Option<Self>, DataError> {
        files::find(files)
    }

    /// The files that it was read from, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Tokens that the model takes at most, and what states that.
    pub fn longest(&self) -> Option<(usize, &str)> {
        let (tokens, stated) = self.longest.as_ref()?;
        Some((*tokens, stated))
    }

    /// The tokens of `text` with those that the model wants around it, no more than `most`.
    ///
    /// # Errors
    /// [`DataError`] where the tokenizer's own rules fail on the text.
    pub fn encode(&self, text: &str, most: usize) -> Result<Tokens, DataError> {
        let encoding = self.guarded(|inner| inner.encode(text, true))?;
        let whole = encoding.len();
        let around = self
            .inner
            .get_post_processor()
            .map_or(0, |p| p.added_tokens(false));
        let encoding = match whole > most {
            false => encoding,
            // Cut before what stands around it is added.
            true => self.guarded(|inner| {
                let mut bare = inner.encode(text, false)?;
                bare.truncate(most.saturating_sub(around), 0, self.cut);
                inner.post_process(bare, None, true)
            })?,
        };
        Ok(self.tokens(&encoding, whole, most))
    }

    fn tokens(&self, encoding: &Encoding, whole: usize, most: usize) -> Tokens {
        let count = encoding.len().min(most);
        let ids = &encoding.get_ids()[..count];
        let written = encoding.get_tokens()[..count].iter().zip(ids);
        Tokens {
            ids: ids.to_vec(),
            types: encoding.get_type_ids()[..count].to_vec(),
            names: written.map(|(token, id)| self.name(token, *id)).collect(),
            whole,
        }
    }

    /// `token` for people.
    fn name(&self, token: &str, id: u32) -> String {
        if !self.bytes {
            return token.to_string();
        }
        // Half of a character has no text of its own.
        let text = self.inner.decode(&[id], false).ok();
        let text = text.filter(|t| !t.is_empty() && !t.contains('\u{fffd}'));
        text.unwrap_or_else(|| token.to_string())
    }

    /// What `work` gives; where the library panics on what a file states, that is an error too.
    fn guarded<T>(
        &self,
        work: impl FnOnce(&tokenizers::Tokenizer) -> tokenizers::Result<T>,
    ) -> Result<T, DataError> {
        let failed =
            |found: String| DataError::malformed(&self.file, "its rules on this text", found, "tokens");
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&self.inner)));
        done.map_err(|_| failed("rules that contradict each other".into()))?
            .map_err(|e| failed(e.to_string()))
    }
}
