//! Inputs from the command line: a file, or texts that the model's own tokenizer reads.

use std::path::{Path, PathBuf};

use clap::Args;
use model::Network;
use session::{Source, Text};

use crate::Failure;
use crate::run;

/// What a pass starts from: a file, or texts.
#[derive(Args)]
pub struct Given {
    /// `.npz` with one array for each graph input, or a picture for a model of one image.
    #[arg(long, conflicts_with = "text")]
    pub inputs: Option<PathBuf>,
    /// A text for a model of tokens, read by the tokenizer beside it; several are padded to one length.
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,
    /// A tokenizer's file, or the folder that it lies in, instead of the one beside the model.
    #[arg(long, value_name = "FILE", requires = "text")]
    pub tokenizer: Option<PathBuf>,
}

impl Given {
    /// What the texts become for `network`, from the file `model`.
    pub fn read(&self, network: &Network, model: &Path) -> Result<run::Given, Failure> {
        if self.text.is_empty() {
            let model = model.display();
            let text = format!("{model}: nothing to run it on: --inputs FILE or --text TEXT is expected");
            return Err(Failure::Other(text));
        }
        let mut text = session::text::beside(&Source::File(model.into()), network);
        if let Some(own) = &self.tokenizer {
            text = text.with(&tokenizer(own)?);
        }
        let fed = text.feed(&self.text, network, &model.display().to_string());
        let fed = fed.map_err(Failure::Other)?;
        let tokens = fed.tokens.iter().map(|row| {
            let shown = row.iter().take(SHOWN).map(|t| format!("{t:?}"));
            let more = if row.len() > SHOWN { " …" } else { "" };
            format!(
                "{} tokens: {}{more}",
                row.len(),
                shown.collect::<Vec<_>>().join(" ")
            )
        });
        let warnings = fed.notes.iter().map(|note| format!("warning: {note}"));
        Ok(run::Given {
            told: tokens.chain(warnings).collect(),
            arrays: fed.arrays,
        })
    }
}

/// Tokens of a text that are printed.
const SHOWN: usize = 24;

/// The tokenizer in a file or folder.
pub fn tokenizer(path: &Path) -> Result<std::sync::Arc<data::Tokenizer>, Failure> {
    session::text::tokenizer(&[Source::File(path.into())]).map_err(Failure::Other)
}

/// Whether `network`, from the file `model`, takes text, in a sentence; `None` where its inputs are
/// no tokens.
pub fn told(network: &Network, model: &Path) -> Option<String> {
    match session::text::beside(&Source::File(model.into()), network) {
        Text::No(_) => None,
        Text::Missing(_, why) => Some(format!("tokens only: there is {why}")),
        Text::Ready(_, tokenizer) => Some(match tokenizer.longest() {
            Some((most, by)) => format!("read by {}, {most} tokens at most ({by})", tokenizer.file()),
            None => format!("read by {}", tokenizer.file()),
        }),
    }
}
