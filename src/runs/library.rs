//! All runs below a folder, followed live.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use model::Run;
use web_time::Instant;

use crate::error::{RunsError, Warning};
use crate::find::{self, File};
use crate::follow::Until;
use crate::group::{Group, Place};
use crate::natural::natural;
use crate::source::Source;

/// Where weights of a run lie, beside its log.
const WEIGHTS: &str = "weights";

/// Weights that were kept of one run, by step.
pub type Snapshots = Arc<[(i64, Kept)]>;

/// Weights that were kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// In a file.
    File(PathBuf),
    /// In memory, under a name.
    Bytes(String, Bytes),
}

/// The training histories below a file or folder, as far as they were read.
#[derive(Default)]
pub struct Library {
    /// The folder that new runs may appear in.
    root: Option<PathBuf>,
    root_name: String,
    groups: Vec<Group>,
    by_key: HashMap<String, usize>,
    runs: Vec<Arc<Run>>,
    warnings: Vec<Warning>,
    problems: find::Problems,
    snapshots: Arc<BTreeMap<String, Snapshots>>,
    /// Files in memory that are weights.
    weights: Vec<(String, Bytes)>,
    /// True when the last refresh left something unread.
    behind: bool,
    /// What a server writes, where that was opened.
    #[cfg(not(target_arch = "wasm32"))]
    store: Option<crate::stored::Stored>,
    /// Looking into a large folder takes time too: not before this.
    look_again: Option<Instant>,
}

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// True when runs or warnings are others than before.
    pub changed: bool,
    /// True when everything that is there was read; false asks to be called again.
    pub finished: bool,
    /// Bytes read so far, of all files.
    pub bytes_read: u64,
    /// Bytes that there are, of all files.
    pub bytes_total: u64,
    /// Files or folders of a run that changed in this refresh.
    pub runs_changed: usize,
}

impl Library {
    /// Finds the runs under a file or folder, without reading their records.
    ///
    /// # Errors
    /// Where `path` cannot be looked into, or has no training history in it.
    pub fn open(path: &Path) -> Result<Library, RunsError> {
        let meta = std::fs::metadata(path).map_err(|e| RunsError::unreadable(path, e))?;
        let full = path.canonicalize().map_err(|e| RunsError::unreadable(path, e))?;
        let name = |p: Option<&Path>| match p.and_then(Path::file_name) {
            Some(name) => name.to_string_lossy().into_owned(),
            None => "run".to_string(),
        };
        let mut library = Library::default();
        #[cfg(not(target_arch = "wasm32"))]
        if meta.is_dir() && crate::store::is_store(path) {
            library.store = Some(crate::stored::Stored::open(path)?);
            return Ok(library);
        }
        if meta.is_dir() {
            library.root_name = name(Some(&full));
            library.root = Some(path.to_path_buf());
            library.look().map_err(|e| RunsError::unreadable(path, e))?;
        } else {
            library.root_name = name(full.parent());
            let mut files = vec![file(path.to_path_buf(), name(Some(path)))];
            // What stands beside the file and belongs to it.
            let settings = path.with_file_name("hparams.yaml");
            if settings.is_file() {
                files.push(file(settings, "hparams.yaml".into()));
            }
            library.add(files);
        }
        if library.groups.is_empty() {
            let found = if meta.is_dir() {
                "a folder without one"
            } else {
                "another file"
            };
            return Err(RunsError::NoRuns {
                path: path.to_path_buf(),
                found: found.to_string(),
            });
        }
        library.show();
        Ok(library)
    }

    /// Finds the runs in files that are in memory: dropped ones, bundled ones. Names are relative
    /// paths with `/`.
    ///
    /// # Errors
    /// Where none of the files is a training history.
    pub fn from_bytes(files: Vec<(String, Bytes)>) -> Result<Library, RunsError> {
        let mut library = Library::default();
        let names = files
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let inside = |name: &str| {
            let folder = name.rsplit_once('/').map(|(folder, _)| folder);
            folder.is_some_and(|f| f == WEIGHTS || f.ends_with(&format!("/{WEIGHTS}")))
        };
        let (weights, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, _)| inside(name));
        library.weights = weights;
        let file = |(name, bytes)| File {
            name,
            source: Source::Bytes(bytes),
        };
        library.add(files.into_iter().map(file).collect());
        if library.groups.is_empty() {
            return Err(RunsError::NoRuns {
                path: PathBuf::from(names),
                found: "other files".to_string(),
            });
        }
        library.show();
        Ok(library)
    }

    /// Reads what is new: runs that appeared, records that were appended; files side by side.
    /// Returns early, to be called again, once `budget` has passed, and at once when `cancel` is set.
    pub fn refresh(&mut self, budget: Duration, cancel: &AtomicBool) -> Progress {
        let now = Instant::now();
        let until = Until {
            deadline: now
                .checked_add(budget)
                .unwrap_or(now + Duration::from_secs(1 << 30)),
            cancel,
            begun: AtomicBool::new(false),
        };
        let before = (self.groups.len(), self.problems.len());
        let may_look = !self.behind && self.look_again.is_none_or(|t| now >= t) && !until.over();
        if may_look && let Err(e) = self.look() {
            // The folder went, or cannot be reached for now: what was read stays.
            let root = self.root.clone().unwrap_or_default();
            self.problems.retain(|(path, _)| *path != root);
            self.problems
                .push((root, format!("the folder cannot be read: {e}")));
        }
        each(&mut self.groups, |group| group.refresh(&until));
        let mut progress = Progress {
            changed: before != (self.groups.len(), self.problems.len()),
            finished: true,
            ..Progress::default()
        };
        for group in &mut self.groups {
            progress.finished &= group.done;
            progress.runs_changed += std::mem::take(&mut group.changed) as usize;
            let (read, total) = group.bytes();
            progress.bytes_read += read;
            progress.bytes_total += total;
        }
        self.behind = !progress.finished;
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(store) = &mut self.store {
            let (runs, fresh) = store.refresh();
            progress.runs_changed += runs;
            progress.changed |= fresh;
        }
        progress.changed |= progress.runs_changed > 0;
        if progress.changed {
            self.show();
        }
        progress
    }

    /// The runs, `run2` before `run10`. Those that did not change keep their `Arc`.
    pub fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }

    /// What could not be read, by file.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Weights that were kept of runs: `weights/STEP.EXTENSION` beside a log that holds one run, by
    /// the run's name.
    pub fn snapshots(&self) -> &Arc<BTreeMap<String, Snapshots>> {
        &self.snapshots
    }

    /// Weights among the files that are in memory, in this folder.
    fn given(&self, folder: &str) -> Vec<(i64, Kept)> {
        let mut found: Vec<(i64, Kept)> = Vec::new();
        for (name, bytes) in &self.weights {
            if let Some((place, file)) = name.rsplit_once('/')
                && place == folder
                && let Some(step) = step_of(Path::new(file))
            {
                found.push((step, Kept::Bytes(name.clone(), bytes.clone())));
            }
        }
        found.sort_by_key(|(step, _)| *step);
        found
    }

    /// Looks for files that are new.
    fn look(&mut self) -> std::io::Result<()> {
        let Some(root) = &self.root else {
            return Ok(());
        };
        let start = Instant::now();
        let (files, problems) = find::walk(root)?;
        self.problems = problems;
        self.add(files);
        let took = start.elapsed();
        self.look_again = (took > Duration::from_millis(5)).then(|| Instant::now() + 10 * took);
        Ok(())
    }

    fn add(&mut self, files: Vec<File>) {
        let single = files.len() == 1 && self.root.is_none();
        for found in find::group(files, &self.root_name) {
            match self.by_key.get(&found.key) {
                Some(&i) => self.groups[i].update(found),
                None => {
                    self.by_key.insert(found.key.clone(), self.groups.len());
                    self.groups.push(Group::new(found, single));
                }
            }
        }
    }

    /// Puts runs and warnings of all groups together.
    fn show(&mut self) {
        self.runs = self.groups.iter().flat_map(Group::runs).cloned().collect();
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(store) = &self.store {
            self.runs.extend_from_slice(store.runs());
        }
        self.runs.sort_by(|a, b| natural(&a.name, &b.name));
        let kept = self.groups.iter().filter_map(|group| {
            let mut runs = group.runs();
            let name = runs.next().filter(|_| runs.next().is_none())?.name.clone();
            let kept = match group.folder()? {
                Place::Disk(folder) => snapshots(&folder.join(WEIGHTS)),
                Place::Memory(folder) => self.given(&join(folder, WEIGHTS)),
            };
            (!kept.is_empty()).then(|| (name, kept.into()))
        });
        self.snapshots = Arc::new(kept.collect());
        let of_folders = self.problems.iter().map(|(path, problem)| Warning {
            file: path.clone(),
            place: String::new(),
            problem: problem.clone(),
        });
        self.warnings = of_folders
            .chain(self.groups.iter().flat_map(Group::warnings))
            .collect();
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(store) = &self.store {
            self.warnings.extend(store.warnings());
        }
    }
}

/// The files of a folder whose names are steps, in their order.
fn snapshots(folder: &Path) -> Vec<(i64, Kept)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let step = |path: PathBuf| step_of(&path).map(|step| (step, Kept::File(path)));
    let mut found: Vec<_> = entries.flatten().filter_map(|e| step(e.path())).collect();
    found.sort_by_key(|(step, _)| *step);
    found
}

/// The step that a file is named after.
fn step_of(path: &Path) -> Option<i64> {
    path.extension()?;
    path.file_stem()?.to_str()?.parse().ok()
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_string(),
        folder => format!("{folder}/{name}"),
    }
}

fn file(path: PathBuf, name: String) -> File {
    File {
        name,
        source: Source::File(path),
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn each<T: Send>(items: &mut [T], work: impl Fn(&mut T) + Sync + Send) {
    use rayon::prelude::*;
    items.par_iter_mut().for_each(work);
}

#[cfg(target_arch = "wasm32")]
fn each<T: Send>(items: &mut [T], work: impl Fn(&mut T) + Sync + Send) {
    items.iter_mut().for_each(work);
}
