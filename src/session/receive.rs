//! Files that were given without a word: what each of them is, and what belongs together.

use std::path::Path;
use std::sync::Arc;

use data::Tokenizer;

use crate::histories::is_history;
use crate::{Command, Input, Level, Session, Source, text, tour};

/// What a file is, as its name tells.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Model,
    History,
    Tour,
    Input,
    /// Settings, vocabularies, weights in files of their own.
    Part,
}

/// Endings of pictures and arrays.
const INPUTS: [&str; 9] = ["npz", "npy", "png", "jpg", "jpeg", "gif", "bmp", "webp", "tiff"];

fn file_name(source: &Source) -> String {
    let name = source.name();
    name.rsplit(['/', '\\'])
        .next()
        .unwrap_or(&name)
        .to_ascii_lowercase()
}

fn kind(source: &Source) -> Kind {
    let name = file_name(source);
    let ending = name.rsplit_once('.').map(|(_, e)| e);
    match ending {
        _ if text::is_part(&name) => Kind::Part,
        _ if is_history(Path::new(&source.name())) => Kind::History,
        Some("ron") => Kind::Tour,
        // An archive of arrays may be a model's weights, but is an input more often.
        Some(e) if INPUTS.contains(&e) => Kind::Input,
        _ if formats::format_of(Path::new(&name)).is_some() => Kind::Model,
        None => Kind::Model,
        Some(_) => Kind::Part,
    }
}

impl Session {
    /// Takes files that were given without a word: models, tours, inputs, and what belongs to a
    /// model that is among them or open.
    pub fn receive(&mut self, sources: Vec<Source>) {
        let index = |s: &Source| file_name(s).ends_with(".index.json");
        let json = |s: &Source| file_name(s).ends_with(".json");
        let model = |s: &Source| kind(s) == Kind::Model;
        // An index leads its shards, and weights lead the settings beside them.
        let lead = sources
            .iter()
            .position(index)
            .or_else(|| sources.iter().position(|s| model(s) && !json(s)))
            .or_else(|| sources.iter().position(model));
        let belongs = |s: &Source| kind(s) == Kind::Part || model(s) && json(s);
        match lead {
            Some(lead) if sources.len() > 1 && (index(&sources[lead]) || sources.iter().any(belongs)) => {
                self.together(sources, lead);
            }
            _ => {
                let (parts, others): (Vec<_>, Vec<_>) =
                    sources.into_iter().partition(|s| text::is_part(&file_name(s)));
                others.into_iter().for_each(|s| self.one(s));
                if !parts.is_empty() {
                    self.apply(Command::Tokenizer(parts));
                }
            }
        }
    }

    /// Opens the model at `lead` with what was given beside it, then the inputs.
    fn together(&mut self, mut sources: Vec<Source>, lead: usize) {
        let model = sources.remove(lead);
        let (own, beside): (Vec<_>, Vec<_>) = sources
            .into_iter()
            .partition(|s| matches!(kind(s), Kind::Input | Kind::Tour | Kind::History));
        let folder = |s: &Source| match s {
            Source::File(path) => Some(path.parent().map(Path::to_path_buf)),
            _ => None,
        };
        let apart = |s: &&Source| text::is_part(&file_name(s)) && folder(s) != folder(&model);
        let elsewhere: Vec<Source> = beside.iter().filter(apart).cloned().collect();
        self.apply(Command::Open(match model {
            Source::Bytes { name, bytes } => {
                let given = beside.into_iter().filter_map(|s| match s {
                    Source::Bytes { name, bytes } => Some((name, bytes)),
                    _ => None,
                });
                Source::Together([(name, bytes)].into_iter().chain(given).collect())
            }
            // A file's folder is read anyway.
            other => other,
        }));
        own.into_iter().for_each(|s| self.one(s));
        if !elsewhere.is_empty() {
            self.apply(Command::Tokenizer(elsewhere));
        }
    }

    fn one(&mut self, source: Source) {
        match kind(&source) {
            Kind::Tour => match tour::read(&source) {
                Ok(tour) => self.apply(Command::Tour(Some(tour))),
                Err(problem) => self.say(Level::Error, problem),
            },
            Kind::Model => self.apply(Command::Open(source)),
            Kind::History => self.apply(Command::History(Some(source))),
            Kind::Input | Kind::Part => self.apply(Command::Feed(source)),
        }
    }

    /// Takes a tokenizer that was read; a text that is on show is read with it again.
    pub(crate) fn take_tokenizer(&mut self, tokenizer: &Arc<Tokenizer>) {
        let Some(document) = &mut self.document else {
            return self.say(Level::Error, "open a model first, then its tokenizer");
        };
        if !document.take_tokenizer(tokenizer) {
            let text = match &document.text {
                crate::Text::No(why) => format!("{}: {why}", document.file),
                _ => document.file.clone(),
            };
            return self.say(Level::Error, text);
        }
        self.say(Level::Info, format!("text is read by {}", tokenizer.file()));
        if matches!(self.state.input, Input::Text(_)) {
            self.run();
        }
    }
}
