//! Text as the input: the tokenizer that stands beside a model, and what texts become with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use data::Tokenizer;
use data::text::{Fed, Files, NAMES};
use model::{Network, TextInputs};

use crate::{Document, Source};

/// Whether text can be given to a network.
#[derive(Clone)]
pub enum Text {
    /// Its inputs are no tokens; why.
    No(String),
    /// Its inputs are tokens, but there is no tokenizer; why, and where it was looked for.
    Missing(TextInputs, String),
    /// It can.
    Ready(TextInputs, Arc<Tokenizer>),
}

/// True for what fills a text up to the length of others.
pub fn is_padding(token: &str) -> bool {
    matches!(token, "[PAD]" | "<pad>")
}

/// Where the files of a tokenizer are looked for.
enum Place<'a> {
    /// Beside a model, as far as its folder may be read.
    Model(&'a Path),
    /// In a folder that was named.
    Folder(PathBuf),
    /// Among files that were given together.
    Given(&'a [(String, Bytes)]),
}

impl Files for Place<'_> {
    fn get(&self, name: &str) -> Option<Result<Bytes, String>> {
        match self {
            Place::Model(model) => formats::beside(model, name),
            Place::Folder(folder) => formats::beside(&folder.join("any"), name),
            Place::Given(files) => {
                let found = files.iter().find(|(n, _)| n == name);
                found.map(|(_, bytes)| Ok(bytes.clone()))
            }
        }
    }

    fn path(&self, name: &str) -> String {
        let path = match self {
            Place::Model(model) => model.with_file_name(name),
            Place::Folder(folder) => folder.join(name),
            Place::Given(_) => name.into(),
        };
        path.display().to_string()
    }
}

impl Place<'_> {
    /// For messages.
    fn words(&self) -> String {
        match self {
            Place::Model(model) => {
                let folder = model.parent().filter(|p| !p.as_os_str().is_empty());
                format!("in {}", folder.unwrap_or(Path::new(".")).display())
            }
            Place::Folder(folder) => format!("in {}", folder.display()),
            Place::Given(_) => "among the files that were given together".into(),
        }
    }

    fn tokenizer(&self) -> Result<Arc<Tokenizer>, String> {
        let found = Tokenizer::find(self).map_err(|e| e.to_string())?;
        if let Some(tokenizer) = found {
            return Ok(Arc::new(tokenizer));
        }
        let wanted = "tokenizer.json, vocab.txt, or vocab.json with merges.txt";
        let pieces = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];
        let other = pieces.iter().find(|n| self.get(n).is_some());
        let instead = other.map_or(String::new(), |name| {
            format!("; {name} is there, which is not read: save the tokenizer as tokenizer.json")
        });
        Err(format!(
            "no tokenizer {}: {wanted} is wanted{instead}",
            self.words()
        ))
    }
}

/// Whether text can be given to `network` from `source`, with what lies beside it.
pub fn beside(source: &Source, network: &Network) -> Text {
    let inputs = match TextInputs::of(network) {
        Ok(inputs) => inputs,
        Err(why) => return Text::No(why),
    };
    let bundled = match source {
        Source::Bundled(name) => crate::document::beside_bundled(name),
        _ => Vec::new(),
    };
    let place = match source {
        Source::File(path) => Place::Model(path),
        Source::Together(files) => Place::Given(files),
        Source::Bundled(_) => Place::Given(&bundled),
        Source::Bytes { .. } => Place::Given(&[]),
    };
    match place.tokenizer() {
        Ok(tokenizer) => Text::Ready(inputs, tokenizer),
        // Whole numbers of any other meaning.
        Err(why) if !inputs.named => {
            Text::No(format!("its input is not named as tokens, and there is {why}"))
        }
        Err(why) => Text::Missing(inputs, why),
    }
}

/// The tokenizer that `sources` hold together: its files, one of them in their folder, or a folder.
///
/// # Errors
/// A sentence about what is missing or wrong.
pub fn tokenizer(sources: &[Source]) -> Result<Arc<Tokenizer>, String> {
    let mut given = Vec::new();
    for source in sources {
        match source {
            Source::File(path) if path.is_dir() => return Place::Folder(path.clone()).tokenizer(),
            Source::File(path) => {
                if !path.is_file() {
                    return Err(format!("{}: there is no such file", path.display()));
                }
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if !is_part(&name) {
                    let names = NAMES.join(", ");
                    return Err(format!("{}: expected a tokenizer's {names}", path.display()));
                }
                return Place::Model(path).tokenizer();
            }
            Source::Bytes { name, bytes } => given.push((name.clone(), bytes.clone())),
            Source::Together(files) => given.extend(files.iter().cloned()),
            Source::Bundled(name) => return Err(format!("{name}: there is no built-in tokenizer")),
        }
    }
    Place::Given(&given).tokenizer()
}

/// True for the name of a file that belongs to a tokenizer.
pub(crate) fn is_part(name: &str) -> bool {
    NAMES.contains(&name)
}

impl Text {
    /// The arrays that `network` starts from for `texts`; `file` names it in errors.
    ///
    /// # Errors
    /// A sentence where text cannot be given, or not these.
    pub fn feed(&self, texts: &[String], network: &Network, file: &str) -> Result<Fed, String> {
        match self {
            Text::No(why) => Err(format!("{file}: a text was given, but {why}")),
            Text::Missing(_, why) => Err(format!("{file}: a text was given, but there is {why}")),
            Text::Ready(inputs, tokenizer) => {
                let fed = tokenizer.feed(texts, network, inputs);
                fed.map_err(|e| e.to_string())
            }
        }
    }

    /// With this tokenizer, where tokens are taken.
    pub fn with(&self, tokenizer: &Arc<Tokenizer>) -> Self {
        match self {
            Text::No(_) => self.clone(),
            Text::Missing(inputs, _) | Text::Ready(inputs, _) => {
                Text::Ready(inputs.clone(), tokenizer.clone())
            }
        }
    }
}

impl Document {
    /// What `texts` become, for each network that is compared.
    ///
    /// # Errors
    /// A sentence where text cannot be given to one of them.
    pub fn feed(&self, texts: &[String]) -> Result<Fed, String> {
        if self.sides.is_empty() {
            return self.text.feed(texts, &self.source, &self.file);
        }
        let mut all: Option<Fed> = None;
        for (side, member) in self.sides.iter().zip(&self.source.members) {
            let mut fed = side.text.feed(texts, &side.network, &side.file)?;
            fed.arrays
                .iter_mut()
                .for_each(|(name, _)| *name = member.named(name));
            let notes = fed.notes.iter().map(|n| format!("{}: {n}", side.file));
            fed.notes = notes.collect();
            match &mut all {
                None => all = Some(fed),
                Some(all) => {
                    all.arrays.extend(fed.arrays);
                    all.notes.extend(fed.notes);
                }
            }
        }
        all.ok_or_else(|| "nothing is open".into())
    }

    /// Takes a tokenizer for every network of tokens. False where there is none.
    pub(crate) fn take_tokenizer(&mut self, tokenizer: &Arc<Tokenizer>) -> bool {
        self.text = self.text.with(tokenizer);
        for side in &mut self.sides {
            side.text = side.text.with(tokenizer);
        }
        let sides = self.sides.iter().map(|s| &s.text);
        sides.chain([&self.text]).any(|t| matches!(t, Text::Ready(..)))
    }
}
