//! What goes wrong with a training history: errors that stop, warnings that do not.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Why training histories could not be opened or written. Every message names the path first.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RunsError {
    /// The file system refused.
    #[error("{}: {problem}", path.display())]
    Unreadable {
        /// Path as the caller gave it.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no training history.
    #[error("{}: expected a training history ({}), found {found}", path.display(), crate::known())]
    NoRuns {
        /// Path as the caller gave it.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// A file could not be written; what stood there before still stands.
    #[error("{}: not written: {problem}", path.display())]
    Unwritable {
        /// Path as the caller gave it.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl RunsError {
    pub(crate) fn unreadable(path: &Path, problem: impl ToString) -> Self {
        RunsError::Unreadable {
            path: path.to_path_buf(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn unwritable(path: &Path, problem: impl ToString) -> Self {
        RunsError::Unwritable {
            path: path.to_path_buf(),
            problem: problem.to_string(),
        }
    }
}

/// Something in a file that could not be read; the rest of the file was.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// Which file.
    pub file: PathBuf,
    /// Where in it: `byte 1234`, `line 7`; empty for the file as a whole.
    pub place: String,
    /// What is wrong, and what became of it.
    pub problem: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)
    }
}

/// Warnings kept of one file; further ones are counted.
pub const WARNINGS_A_FILE: usize = 20;

/// The warnings of one file.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    kept: Vec<(String, String)>,
    more: usize,
    said: HashSet<String>,
    /// What holds at present and may pass: a record that is not complete yet.
    now: Option<(String, String)>,
    /// True when something was added or went since the last [`Notes::settled`].
    pub(crate) changed: bool,
}

impl Notes {
    /// Adds a warning.
    pub(crate) fn add(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.changed = true;
        match self.kept.len() < WARNINGS_A_FILE {
            true => self.kept.push((place.into(), problem.into())),
            false => self.more += 1,
        }
    }

    /// Adds a warning unless the same problem was named before, wherever that was.
    pub(crate) fn once(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        let problem = problem.into();
        // What was said is bounded too: a hostile file makes a million problems.
        if self.said.len() < 1000 && self.said.insert(problem.clone()) {
            self.add(place, problem);
        }
    }

    /// Sets, or with `None` takes back, what holds at present.
    pub(crate) fn now(&mut self, note: Option<(String, String)>) {
        self.changed |= self.now != note;
        self.now = note;
    }

    /// All of them, as warnings about `file`.
    pub(crate) fn warnings(&self, file: &Path) -> impl Iterator<Item = Warning> {
        let warning = |(place, problem): (String, String)| Warning {
            file: file.to_path_buf(),
            place,
            problem,
        };
        let rest =
            (self.more > 0).then(|| (String::new(), format!("{} more problems like these", self.more)));
        self.kept
            .iter()
            .cloned()
            .chain(self.now.clone())
            .chain(rest)
            .map(warning)
    }
}
