//! `config.json`, as transformers writes it beside the weights.

use std::path::Path;

use serde_json::Value;

use super::Made;
use crate::Source;
use crate::beside::{Folder, read_of};

/// Largest file that is read as a configuration, bytes.
const MAX_BYTES: usize = 16 << 20;

/// Largest size that a configuration may state.
const MAX_SIZE: u64 = 1 << 32;

/// What a configuration states.
pub(super) struct Config(Value);

/// The configuration in the folder of `source`; `None` where there is none, or none that states an
/// architecture.
pub(super) fn beside(source: &Source) -> Made<Option<Config>> {
    let there = match source.folder {
        Some(Folder::Disk(folder)) => folder.join("config.json").exists(),
        Some(Folder::Given(files)) => files.iter().any(|(name, _)| name == "config.json"),
        None => false,
    };
    if !there {
        return Ok(None);
    }
    let bytes = read_of(source, Path::new("config.json"))??;
    if bytes.len() > MAX_BYTES {
        let size = bytes.len();
        return Err(format!("expected at most {MAX_BYTES} bytes, found {size}"));
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    Ok(value["model_type"].is_string().then_some(Config(value)))
}

impl Config {
    /// What `value` states.
    pub(super) fn of(value: Value) -> Self {
        Config(value)
    }

    /// `model_type`.
    pub(super) fn kind(&self) -> &str {
        self.text("model_type").unwrap_or("")
    }

    /// The text `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0[key].as_str()
    }

    /// The value `key`, with all that is in it.
    pub(super) fn value(&self, key: &str) -> &Value {
        &self.0[key]
    }

    /// The text `key`, or `default` where it is absent.
    pub(super) fn text_or<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.text(key).unwrap_or(default)
    }

    /// The size `key`, 1 or more.
    pub(super) fn size(&self, key: &str) -> Made<u64> {
        self.maybe_size(key)?
            .ok_or_else(|| format!("{key:?} is expected in it"))
    }

    /// The size `key`, 1 or more, where it is stated and not null.
    pub(super) fn maybe_size(&self, key: &str) -> Made<Option<u64>> {
        let value = &self.0[key];
        if value.is_null() {
            return Ok(None);
        }
        let size = value.as_u64().filter(|n| (1..=MAX_SIZE).contains(n));
        size.map(Some)
            .ok_or_else(|| format!("{key:?} is {value}, where a size from 1 to 2^32 is expected"))
    }

    /// The number `key`, or `default`.
    pub(super) fn float(&self, key: &str, default: f64) -> f64 {
        self.0[key].as_f64().unwrap_or(default)
    }

    /// The switch `key`, or `default`.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        self.0[key].as_bool().unwrap_or(default)
    }

    /// Refuses a setting that this reader does not build.
    pub(super) fn only(&self, key: &str, wanted: &[&str]) -> Made<()> {
        match self.text(key) {
            Some(found) if !wanted.contains(&found) => {
                Err(format!("{key:?} is {found:?}, which is not built yet"))
            }
            _ => Ok(()),
        }
    }
}
