//! Training histories that are open, followed while they grow.
//!
//! `histories/native.rs` reads on a thread, `histories/wasm.rs` a little in each frame.

mod axes;
mod bundled;
mod metrics;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod table;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use axes::{Axis, Kind, value_of};
pub use bundled::DEMO;
pub use metrics::{Chart, Line, Split, base, charts, split_of};
pub use table::{Figures, Filter, Groups, figures, groups, metrics, rows, settings};

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use model::Run;
use runs::{Library, Snapshots};

use crate::findings::{Finding, findings};
use crate::{Level, Session, Source};

#[cfg(not(target_arch = "wasm32"))]
use native::Follower;
#[cfg(target_arch = "wasm32")]
use wasm::Follower;

/// Runs that are open.
pub struct Histories {
    /// The file or folder.
    pub source: String,
    /// In natural order of their names. A run that did not grow keeps its `Arc`.
    pub runs: Runs,
    /// What could not be read, a sentence each.
    pub warnings: Vec<String>,
    /// What is seen on the curves, by run; it comes a little after them.
    pub findings: Found,
    /// Weights that were kept of runs, by the run's name.
    pub snapshots: Arc<BTreeMap<String, Snapshots>>,
    /// Share of the bytes that is read; 1 once everything there was at the start is.
    pub share: f32,
    /// Grows with each change of `runs`.
    pub version: u64,
    told: usize,
    /// Runs of trainings in the app, which stay beside what is followed.
    own: Vec<Arc<Run>>,
    follower: Option<Follower>,
}

/// Runs as they are at a moment.
pub type Runs = Arc<[Arc<Run>]>;

/// Findings by name of the run.
pub type Found = Arc<HashMap<String, Arc<[Finding]>>>;

/// What a follower found since it was last asked.
struct News {
    runs: Arc<[Arc<Run>]>,
    warnings: Vec<String>,
    snapshots: Arc<BTreeMap<String, Snapshots>>,
    share: f32,
    /// `None` while the ones from before are good enough.
    findings: Option<Found>,
}

impl Histories {
    fn follow(source: &Source) -> Self {
        Histories {
            source: source.name(),
            runs: Arc::default(),
            warnings: Vec::new(),
            findings: Found::default(),
            snapshots: Arc::default(),
            share: 0.0,
            version: 0,
            told: 0,
            own: Vec::new(),
            follower: Some(Follower::new(source.clone())),
        }
    }

    /// Runs that are known already, which nothing follows.
    pub fn new(source: impl Into<String>, runs: Vec<Arc<Run>>) -> Self {
        let findings = runs.iter().map(|r| (r.name.clone(), findings(r))).collect();
        Histories {
            source: source.into(),
            runs: runs.into(),
            warnings: Vec::new(),
            findings: Arc::new(findings),
            snapshots: Arc::default(),
            share: 1.0,
            version: 1,
            told: 0,
            own: Vec::new(),
            follower: None,
        }
    }

    /// True until everything that was there at the start is read.
    pub fn reading(&self) -> bool {
        self.share < 1.0
    }

    /// Puts a run in, instead of one of its name; `judged` has its curves judged.
    pub(crate) fn put(&mut self, run: Arc<Run>, judged: bool) {
        if judged {
            let found = Arc::make_mut(&mut self.findings);
            found.insert(run.name.clone(), findings(&run));
        }
        let replace = |runs: &mut Vec<Arc<Run>>| match runs.iter_mut().find(|r| r.name == run.name) {
            Some(known) => known.clone_from(&run),
            None => runs.push(run.clone()),
        };
        let mut runs = self.runs.to_vec();
        replace(&mut runs);
        replace(&mut self.own);
        self.runs = runs.into();
        self.version += 1;
    }

    /// The run of this name.
    pub fn run(&self, name: &str) -> Option<&Arc<Run>> {
        self.runs.iter().find(|r| r.name == name)
    }

    fn take(&mut self, mut news: News) {
        if !self.own.is_empty() {
            news.runs = news.runs.iter().chain(&self.own).cloned().collect();
        }
        let same = self.runs.len() == news.runs.len()
            && self.runs.iter().zip(&*news.runs).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same {
            self.version += 1;
            self.runs = news.runs;
        }
        if let Some(mut findings) = news.findings {
            let all = Arc::make_mut(&mut findings);
            for run in &self.own {
                all.extend(
                    self.findings
                        .get(&run.name)
                        .map(|f| (run.name.clone(), f.clone())),
                );
            }
            self.findings = findings;
            self.version += 1;
        }
        self.share = news.share;
        self.snapshots = news.snapshots;
        self.warnings = news.warnings;
    }
}

/// Findings of runs, kept until a run grows.
#[derive(Default)]
struct Judge(HashMap<String, (Arc<Run>, Arc<[Finding]>)>);

impl Judge {
    /// Looks at the runs that changed; `None` where none did.
    fn look(&mut self, runs: &[Arc<Run>]) -> Option<Found> {
        let mut any = false;
        for run in runs {
            let known = self.0.get(&run.name);
            if known.is_none_or(|(known, _)| !Arc::ptr_eq(known, run)) {
                self.0.insert(run.name.clone(), (run.clone(), findings(run)));
                any = true;
            }
        }
        let all = self
            .0
            .iter()
            .map(|(name, (_, found))| (name.clone(), found.clone()));
        any.then(|| Arc::new(all.collect()))
    }
}

/// Finds the runs of `source`.
fn library(source: &Source) -> Result<Library, String> {
    let opened = match source {
        Source::File(path) => Library::open(path),
        Source::Bytes { name, bytes } => Library::from_bytes(vec![(name.clone(), bytes.clone())]),
        Source::Together(files) => Library::from_bytes(files.clone()),
        Source::Bundled(name) if name == DEMO => Library::from_bytes(bundled::logs()),
        Source::Bundled(name) => return Err(format!("no training history {name:?} is built in")),
    };
    opened.map_err(|e| e.to_string())
}

/// What a library holds now.
fn news(library: &Library, progress: &runs::Progress) -> News {
    News {
        runs: library.runs().into(),
        warnings: library.warnings().iter().map(ToString::to_string).collect(),
        snapshots: library.snapshots().clone(),
        share: match (progress.finished, progress.bytes_total) {
            (true, _) | (_, 0) => 1.0,
            (false, total) => (progress.bytes_read as f32 / total as f32).min(0.999),
        },
        findings: None,
    }
}

/// True when `path` is a training history rather than a model, as its name or its folder tells.
pub fn is_history(path: &Path) -> bool {
    if path.is_dir() {
        return formats::within(path).is_dir();
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let endings = [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"];
    name.contains("tfevents") || endings.iter().any(|e| name.ends_with(e))
}

impl Session {
    /// Opens `source`: a training history or a model, whichever it is.
    pub fn open(&mut self, source: Source) {
        let history = matches!(&source, Source::File(path) if is_history(path));
        self.apply(match history {
            true => crate::Command::History(Some(source)),
            false => crate::Command::Open(source),
        });
    }

    /// Opens training histories instead of those that are open; `None` closes them.
    pub(crate) fn follow_history(&mut self, source: Option<&Source>) {
        self.histories = source.map(Histories::follow);
    }

    /// Takes in what the follower has read.
    pub(crate) fn update_histories(&mut self) {
        let Some(histories) = &mut self.histories else {
            return;
        };
        let mut problem = None;
        while let Some(news) = histories.follower.as_mut().and_then(Follower::poll) {
            match news {
                Ok(news) => histories.take(news),
                Err(text) => problem = Some(text),
            }
        }
        self.tell_histories(problem);
    }

    /// Waits until everything that is there now is read.
    pub fn wait_for_histories(&mut self) {
        while let Some(histories) = self.histories.as_mut().filter(|h| h.reading()) {
            let problem = match histories.follower.as_mut().and_then(Follower::wait) {
                Some(Ok(news)) => {
                    histories.take(news);
                    None
                }
                Some(Err(text)) => Some(text),
                None => Some("the reader stopped unexpectedly".into()),
            };
            self.tell_histories(problem);
        }
    }

    /// Warnings that are new, and a history that cannot be read.
    fn tell_histories(&mut self, problem: Option<String>) {
        if let Some(histories) = &mut self.histories {
            let fresh = histories
                .warnings
                .get(histories.told..)
                .unwrap_or_default()
                .to_vec();
            histories.told = histories.warnings.len();
            fresh.into_iter().for_each(|w| self.say(Level::Warning, w));
        }
        if let Some(text) = problem {
            self.histories = None;
            self.say(Level::Error, text);
        }
    }
}
