//! What a reader of a format does: it goes on where it stopped.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use web_time::Instant;

use crate::Notes;
use crate::grow::Growing;
use crate::source::{Reader, Stat};

/// A format of training histories.
#[derive(Debug)]
pub struct Format {
    /// What users call it, with its file names.
    pub name: &'static str,
    /// True for the names of its files.
    pub(crate) matches: fn(&str) -> bool,
    /// True when all files of a folder are one run; otherwise each file is one, or several.
    pub(crate) folder: bool,
    pub(crate) follow: fn() -> Box<dyn Follow>,
}

/// A file as it is at this moment.
pub(crate) struct Current<'a> {
    pub(crate) reader: &'a Arc<Reader>,
    pub(crate) stat: Stat,
}

/// How far a reader came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// To the end; nothing more can be read until the file changes.
    All,
    /// To the end, and time alone may show more.
    Wait,
    /// Its time was over.
    More,
    /// What was read before is not what the file says now.
    Anew,
}

/// Reads one file, and what it grows by.
pub(crate) trait Follow: Send {
    /// Reads on; true when nothing more can be read until the file changes.
    fn read(&mut self, file: &Current, sink: &mut Sink, notes: &mut Notes, until: &Until)
    -> io::Result<Read>;

    /// Bytes that were read.
    fn position(&self) -> u64;
}

/// Where records go.
pub(crate) struct Sink<'a> {
    pub(crate) name: &'a str,
    /// True where runs that the file names are called by that name alone.
    pub(crate) bare: bool,
    /// By the part of their name that the file itself says.
    pub(crate) runs: &'a mut BTreeMap<String, Growing>,
}

impl Sink<'_> {
    /// The run that the file calls `part`; a file that holds one run calls it nothing.
    pub(crate) fn run(&mut self, part: &str) -> &mut Growing {
        if !self.runs.contains_key(part) {
            let name = match part {
                "" => self.name.to_string(),
                part if self.bare => part.to_string(),
                part => format!("{}/{part}", self.name),
            };
            self.runs.insert(part.to_string(), Growing::new(name));
        }
        self.runs.entry(part.to_string()).or_default()
    }
}

/// When to stop reading and show what there is.
pub(crate) struct Until<'a> {
    pub(crate) deadline: Instant,
    pub(crate) cancel: &'a AtomicBool,
    /// True once something was read: however small the budget, each refresh gets on.
    pub(crate) begun: AtomicBool,
}

impl Until<'_> {
    /// True when the time is over.
    pub(crate) fn over(&self) -> bool {
        let begun = self.begun.load(Ordering::Relaxed);
        self.cancel.load(Ordering::Relaxed) || begun && Instant::now() >= self.deadline
    }

    /// True when the reader should stop here; false says that it goes on.
    pub(crate) fn passed(&self) -> bool {
        let over = self.over();
        self.begun.store(true, Ordering::Relaxed);
        over
    }
}
