//! Which files below a folder are training histories, and how the runs in them are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::FORMATS;
use crate::follow::Format;
use crate::natural::natural;
use crate::source::Source;

/// Lightning writes hyperparameters beside its logs.
const SETTINGS: &str = "hparams.yaml";
/// What `layerscope serve` writes has a reader of its own; this file marks it.
const STORE: &str = ".layerscope-store";
/// Folders below the opened one that are looked into.
const DEEPEST: usize = 64;
/// Files and folders that are looked at.
const MOST: usize = 2_000_000;

/// A file that may be of interest.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Below what was opened, with `/`.
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// Files that are one run, or one file that holds several.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// What stays the same while files are added: the folder's or file's name.
    pub(crate) key: String,
    /// Name of the run; empty where runs in the file have names of their own.
    pub(crate) name: String,
    pub(crate) format: &'static Format,
    /// In the order of reading.
    pub(crate) files: Vec<File>,
    pub(crate) settings: Option<File>,
}

/// The format of a file called `name`.
pub(crate) fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|f| (f.matches)(name))
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// Groups files into runs; `root` names the folder that was opened.
pub(crate) fn group(files: Vec<File>, root: &str) -> Vec<Found> {
    let mut folders: BTreeMap<String, Found> = BTreeMap::new();
    let mut settings: BTreeMap<String, File> = BTreeMap::new();
    let mut single = Vec::new();
    for file in files {
        let (folder, base) = split(&file.name);
        if base == SETTINGS {
            settings.insert(folder.to_string(), file);
            continue;
        }
        let Some(format) = format(base) else {
            continue;
        };
        if !format.folder {
            single.push((format, file));
            continue;
        }
        let name = if folder.is_empty() { root } else { folder };
        let found = folders.entry(folder.to_string()).or_insert_with(|| Found {
            key: format!("{folder}/"),
            name: if name.is_empty() {
                base.to_string()
            } else {
                name.to_string()
            },
            format,
            files: Vec::new(),
            settings: None,
        });
        found.files.push(file);
    }
    for (folder, found) in &mut folders {
        found.settings = settings.get(folder).cloned();
        found
            .files
            .sort_by(|a, b| order(split(&a.name).1, split(&b.name).1));
    }
    single.sort_by(|a, b| natural(&a.1.name, &b.1.name));
    let mut taken: BTreeSet<String> = folders.values().map(|f| f.name.clone()).collect();
    let mut all: Vec<Found> = folders.into_values().collect();
    for (format, file) in single {
        let (folder, base) = split(&file.name);
        let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
        let of_folder = if folder.is_empty() { root } else { folder };
        // Lightning's CSV log: the folder is the run, unless its event files are already.
        let lightning = stem == "metrics" && settings.contains_key(folder);
        let mut name = match folder {
            _ if lightning && !of_folder.is_empty() && !taken.contains(of_folder) => of_folder.to_string(),
            "" => stem.to_string(),
            folder => format!("{folder}/{stem}"),
        };
        if !taken.insert(name.clone()) {
            name = file.name.clone();
            taken.insert(name.clone());
        }
        all.push(Found {
            key: file.name.clone(),
            name,
            format,
            settings: settings.get(folder).filter(|_| lightning).cloned(),
            files: vec![file],
        });
    }
    all
}

/// Event files are read in the order of the seconds in their names:
/// `events.out.tfevents.SECONDS.HOST...`.
pub(crate) fn order(a: &str, b: &str) -> std::cmp::Ordering {
    let seconds = |name: &str| {
        let after = name.split("tfevents.").nth(1)?;
        after.split('.').next()?.parse::<u64>().ok()
    };
    seconds(a).cmp(&seconds(b)).then_with(|| natural(a, b))
}

/// Places, and what is wrong there.
pub(crate) type Problems = Vec<(PathBuf, String)>;

/// All files below `root` that may be of interest, and what could not be looked at.
pub(crate) fn walk(root: &Path) -> std::io::Result<(Vec<File>, Problems)> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
    let inside = root.canonicalize()?;
    let mut seen = 0;
    while let Some((path, name, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if depth == 0 => return Err(e),
            // A folder that went meanwhile is no problem.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => {
                problems.push((path, format!("the folder cannot be read: {e}")));
                continue;
            }
        };
        let entries: Vec<_> = entries.flatten().collect();
        if entries.iter().any(|e| e.file_name() == STORE) {
            problems.push((path, "a store of received runs; it is opened by itself".into()));
            continue;
        }
        for entry in entries {
            seen += 1;
            if seen > MOST {
                problems.push((
                    root.to_path_buf(),
                    format!("only {MOST} files and folders are looked at"),
                ));
                return Ok((files, problems));
            }
            let base = entry.file_name().to_string_lossy().into_owned();
            let name = if name.is_empty() {
                base.clone()
            } else {
                format!("{name}/{base}")
            };
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let wanted = base == SETTINGS || format(&base).is_some();
            if kind.is_dir() && depth < DEEPEST {
                folders.push((entry.path(), name, depth + 1));
            } else if kind.is_dir() {
                problems.push((
                    entry.path(),
                    format!("folders below {DEEPEST} others are not looked into"),
                ));
            } else if kind.is_symlink() {
                // Nothing outside the opened folder is read, and what is inside is found anyway.
                let target = entry.path().canonicalize();
                match target {
                    Ok(target) if !target.starts_with(&inside) && (wanted || target.is_dir()) => {
                        let problem = "a link that leads out of the opened folder is not followed";
                        problems.push((entry.path(), problem.into()));
                    }
                    Ok(target) if wanted && target.is_file() => files.push(file(entry.path(), name)),
                    _ => {}
                }
            } else if wanted && kind.is_file() {
                files.push(file(entry.path(), name));
            }
        }
    }
    Ok((files, problems))
}

fn file(path: PathBuf, name: String) -> File {
    File {
        name,
        source: Source::File(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str], root: &str) -> Vec<(String, usize)> {
        let file = |name: &&str| File {
            name: name.to_string(),
            source: Source::Bytes(bytes::Bytes::new()),
        };
        let found = group(files.iter().map(file).collect(), root);
        found.into_iter().map(|f| (f.name, f.files.len())).collect()
    }

    #[test]
    fn runs_are_called_by_their_place() {
        let files = [
            "events.out.tfevents.1.h",
            "a/b/events.out.tfevents.9.h",
            "a/b/events.out.tfevents.10.h",
            "a/log.csv",
            "a/log.jsonl",
            "lightning/version_0/metrics.csv",
            "lightning/version_0/hparams.yaml",
            "both/metrics.csv",
            "both/hparams.yaml",
            "both/events.out.tfevents.1.h",
            "notes.txt",
        ];
        let mut found = names(&files, "logs");
        found.sort();
        let expected = [
            ("a/b", 2),
            ("a/log", 1),
            ("a/log.jsonl", 1),
            ("both", 1),
            ("both/metrics", 1),
            ("lightning/version_0", 1),
            ("logs", 1),
        ];
        assert_eq!(found, expected.map(|(name, n)| (name.to_string(), n)));
    }

    #[test]
    fn event_files_are_read_by_age() {
        let mut names = [
            "events.out.tfevents.10.h",
            "events.out.tfevents.9.h.2",
            "x.tfevents",
            "events.out.tfevents.9.h.1",
        ];
        names.sort_by(|a, b| order(a, b));
        assert_eq!(
            names,
            [
                "x.tfevents",
                "events.out.tfevents.9.h.1",
                "events.out.tfevents.9.h.2",
                "events.out.tfevents.10.h"
            ]
        );
    }
}
