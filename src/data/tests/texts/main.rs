//! Text: the same tokens as Python's tokenizers, and what becomes of broken ones.

mod arrays;
mod hostile;
#[path = "../random/mod.rs"]
mod random;
mod sentences;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use data::Tokenizer;
use data::text::Files;

/// Files in memory.
#[derive(Clone, Default)]
pub struct Given(pub BTreeMap<String, Vec<u8>>);

impl Given {
    /// Those in `tokenizers/name`.
    pub fn folder(name: &str) -> Self {
        let read = |e: std::io::Result<std::fs::DirEntry>| {
            let path = e.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (name, std::fs::read(path).unwrap())
        };
        let entries = std::fs::read_dir(tokenizers().join(name)).unwrap();
        Given(entries.map(read).collect())
    }

    /// These, by name.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let bytes = files
            .iter()
            .map(|(n, text)| (n.to_string(), text.as_bytes().to_vec()));
        Given(bytes.collect())
    }

    /// The tokenizer that they are.
    pub fn tokenizer(&self) -> Tokenizer {
        let found = Tokenizer::find(self).unwrap_or_else(|e| panic!("{e}"));
        found.expect("a tokenizer")
    }
}

impl Files for Given {
    fn get(&self, name: &str) -> Option<Result<Bytes, String>> {
        self.0.get(name).map(|bytes| Ok(bytes.clone().into()))
    }

    fn path(&self, name: &str) -> String {
        format!("folder/{name}")
    }
}

/// The folder of the small tokenizers.
pub fn tokenizers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokenizers")
}

/// What is compared.
pub fn texts() -> Vec<String> {
    let texts = std::fs::read_to_string(tokenizers().join("texts.json")).unwrap();
    serde_json::from_str(&texts).unwrap()
}

/// `make_tokenizers.py` wrote what Python makes of each text.
#[test]
fn tokens_are_those_of_python() {
    let references = std::fs::read_to_string(tokenizers().join("references.json")).unwrap();
    let references: BTreeMap<String, Vec<Vec<u32>>> = serde_json::from_str(&references).unwrap();
    let texts = texts();
    assert!(texts.len() >= 40 && references.len() == 8);
    let mut wrong = Vec::new();
    for (name, rows) in &references {
        let tokenizer = Given::folder(name).tokenizer();
        assert_eq!(rows.len(), texts.len());
        for (text, ids) in texts.iter().zip(rows) {
            let found = tokenizer.encode(text, usize::MAX).unwrap();
            assert_eq!(found.whole, ids.len().max(found.ids.len()), "{name}: {text:?}");
            assert_eq!(found.names.len(), found.ids.len());
            if found.ids != *ids {
                wrong.push(format!("{name}: {text:?}: {:?} and not {ids:?}", found.ids));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_long_text_is_cut_inside_what_stands_around_it() {
    let tokenizer = Given::folder("wordpiece").tokenizer();
    let whole = tokenizer.encode("a network of many layers", usize::MAX).unwrap();
    let cut = tokenizer.encode("a network of many layers", 5).unwrap();
    assert_eq!((cut.ids.len(), cut.whole), (5, whole.ids.len()));
    assert_eq!(cut.ids[..4], whole.ids[..4]);
    assert_eq!(cut.names[4], "[SEP]");
    let nothing = tokenizer.encode("a network", 1).unwrap();
    assert_eq!(nothing.names, ["[CLS]"]);
}

/// Bytes in disguise are shown as the text that they are, parts of a character as they are kept.
#[test]
fn byte_level_tokens_are_shown_as_text() {
    let tokenizer = Given::folder("bytelevel").tokenizer();
    let names = tokenizer.encode("the sea\n shells", usize::MAX).unwrap().names;
    assert_eq!(names.concat(), "the sea\n shells");
    let parts = tokenizer.encode("🙂", usize::MAX).unwrap().names;
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|p| !p.contains('\u{fffd}')));
}
