//! A store, opened like any folder of runs, while a server writes to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Run;

use crate::error::{RunsError, Warning};
use crate::store::Follower;

/// The runs of a store as far as they were read.
pub(crate) struct Stored {
    path: PathBuf,
    follower: Follower,
    /// Sorted by name.
    runs: Vec<Arc<Run>>,
    warnings: Vec<String>,
}

impl Stored {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, or was written by a newer version.
    pub(crate) fn open(path: &Path) -> Result<Self, RunsError> {
        let follower = Follower::open(path).map_err(|e| RunsError::unreadable(path, e))?;
        Ok(Stored {
            path: path.to_path_buf(),
            follower,
            runs: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Reads what came since; gives how many runs changed, and whether there is anything new.
    pub(crate) fn refresh(&mut self) -> (usize, bool) {
        let news = match self.follower.refresh() {
            Ok(news) => news,
            Err(e) => {
                let problem = e.to_string();
                let fresh = !self.warnings.contains(&problem);
                if fresh {
                    self.warnings.push(problem);
                }
                return (0, fresh);
            }
        };
        let mut changed: Vec<Arc<str>> = Vec::new();
        for (name, record) in news.records {
            let at = match self.runs.binary_search_by(|r| r.name.as_str().cmp(&name)) {
                Ok(at) => at,
                Err(at) => {
                    self.runs.insert(at, Arc::new(Run::new(&*name)));
                    at
                }
            };
            // Copied once a refresh, where somebody holds it.
            Arc::make_mut(&mut self.runs[at]).take(record);
            if changed.last() != Some(&name) {
                changed.push(name);
            }
        }
        let told = !news.warnings.is_empty();
        self.warnings.extend(news.warnings);
        changed.sort_unstable();
        changed.dedup();
        (changed.len(), told || !changed.is_empty())
    }

    pub(crate) fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }

    pub(crate) fn warnings(&self) -> impl Iterator<Item = Warning> + '_ {
        self.warnings.iter().map(|problem| Warning {
            file: self.path.clone(),
            place: String::new(),
            problem: problem.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use model::{Point, Record};

    use crate::Library;
    use crate::store::{Options, Store};

    #[test]
    fn a_store_is_followed_like_any_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let point = |step: i64| Record::Scalar {
            tag: "loss".into(),
            point: Point {
                step,
                wall: 1e9,
                value: 1.0 / (1 + step) as f64,
            },
        };
        store.append("b", None, &[point(0)]).unwrap();
        let mut library = Library::open(folder.path()).unwrap();
        let refresh =
            |library: &mut Library| library.refresh(Duration::from_secs(9), &AtomicBool::new(false));
        let progress = refresh(&mut library);
        assert!(progress.changed && progress.finished && progress.runs_changed == 1);
        let before = library.runs()[0].clone();
        assert!(!refresh(&mut library).changed);
        store.append("a", None, &[point(0), point(1)]).unwrap();
        assert!(refresh(&mut library).changed);
        let told: Vec<(&str, usize)> = library
            .runs()
            .iter()
            .map(|r| (r.name.as_str(), r.points()))
            .collect();
        assert_eq!(told, [("a", 2), ("b", 1)]);
        assert!(
            std::sync::Arc::ptr_eq(&before, &library.runs()[1]),
            "what did not change is the same"
        );
        assert!(library.warnings().is_empty(), "{:?}", library.warnings());
    }
}
