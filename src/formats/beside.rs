//! Files on disk: the model itself, and others in its folder, never outside it.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use crate::Source;

/// Largest file that is opened. A file is mapped, so its size is no claim on memory.
const MAX_FILE_BYTES: u64 = 1 << 42;

/// Smaller files are read: that is as fast, and they may change afterwards.
#[cfg(not(target_arch = "wasm32"))]
const MAPPED_FROM: u64 = 1 << 20;

/// What a model is called in a folder of its own, as hubs and exporters name it.
const MODELS: [&str; 8] = [
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
    "model.onnx",
    "model.keras",
    "model.json",
    "model.tflite",
];

/// The model in the folder at `path`; `path` itself where it is a file, or the folder holds none.
pub fn within(path: &Path) -> PathBuf {
    let mut files = MODELS.iter().map(|name| path.join(name));
    let found = files.find(|file| path.is_dir() && file.is_file());
    found.unwrap_or_else(|| path.to_path_buf())
}

/// The bytes of the regular file at `path`.
pub(crate) fn read_file(path: &Path) -> Result<Bytes, String> {
    let about = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        _ => format!("cannot be read: {e}"),
    })?;
    if about.is_dir() {
        let names = MODELS.join(", ");
        return Err(format!(
            "expected a file, found a directory without a model ({names})"
        ));
    }
    if !about.is_file() {
        return Err("expected a regular file, found a device, pipe or socket".into());
    }
    if about.len() > MAX_FILE_BYTES {
        let (size, cap) = (about.len(), MAX_FILE_BYTES);
        return Err(format!("has {size} bytes; files above {cap} bytes are not read"));
    }
    content(path, about.len()).map_err(|e| format!("cannot be read: {e}"))
}

#[cfg(not(target_arch = "wasm32"))]
fn content(path: &Path, size: u64) -> std::io::Result<Bytes> {
    if size < MAPPED_FROM {
        return Ok(std::fs::read(path)?.into());
    }
    crate::map::map(&std::fs::File::open(path)?)
}

#[cfg(target_arch = "wasm32")]
fn content(path: &Path, _size: u64) -> std::io::Result<Bytes> {
    Ok(std::fs::read(path)?.into())
}

/// Where files beside the opened one are.
#[derive(Clone, Copy)]
pub(crate) enum Folder<'a> {
    /// On disk.
    Disk(&'a Path),
    /// In memory, by name: a page has no folders.
    Given(&'a [(String, Bytes)]),
}

/// The bytes of the file `relative`, from [`relative`], in `folder`. An inner `Err` says why they
/// are absent; an outer one names a link that leaves the folder.
pub(crate) fn read(folder: Folder, relative: &Path) -> Result<Result<Bytes, String>, String> {
    match folder {
        Folder::Disk(folder) => read_below(folder, None, relative),
        Folder::Given(files) => Ok(given(files, relative)),
    }
}

fn given(files: &[(String, Bytes)], relative: &Path) -> Result<Bytes, String> {
    let found = files.iter().find(|(name, _)| Path::new(name) == relative);
    found
        .map(|(_, bytes)| bytes.clone())
        .ok_or_else(|| "it was not given with the model".into())
}

/// The file `name` in the folder of the model at `path`, or why it cannot be read; `None` where
/// there is none. Links out of that folder are followed only where the model's own leads there too.
pub fn beside(path: &Path, name: &str) -> Option<Result<Bytes, String>> {
    let path = &within(path);
    let folder = folder_of(path);
    let file = path.file_name()?.to_str()?;
    if !folder.join(name).exists() {
        return None;
    }
    let read = read_below(folder, home(folder, file).as_deref(), Path::new(name));
    Some(read.and_then(|inner| inner))
}

/// The folder that the file at `path` stands in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

/// As [`read`], in the folder of `source`. Where its file is a link, as in caches that keep contents
/// and names apart, links to the folder that it leads to are followed too.
pub(crate) fn read_of(source: &Source, relative: &Path) -> Result<Result<Bytes, String>, String> {
    match source.folder {
        Some(Folder::Disk(folder)) => read_below(folder, source.home.as_deref(), relative),
        Some(Folder::Given(files)) => Ok(given(files, relative)),
        None => Ok(Err("no folder was given".into())),
    }
}

/// The folder that the file at the end of `path` in `folder` really stands in.
pub(crate) fn home(folder: &Path, path: &str) -> Option<PathBuf> {
    let file = folder.join(Path::new(path).file_name()?).canonicalize().ok()?;
    file.parent().map(Path::to_path_buf)
}

fn read_below(folder: &Path, also: Option<&Path>, relative: &Path) -> Result<Result<Bytes, String>, String> {
    let home = match folder.canonicalize() {
        Ok(home) => home,
        Err(e) => return Ok(Err(format!("the model's folder cannot be read: {e}"))),
    };
    let Ok(target) = home.join(relative).canonicalize() else {
        return Ok(Err("there is no such file".into()));
    };
    if !target.starts_with(&home) && !also.is_some_and(|also| target.starts_with(also)) {
        return Err(format!(
            "{:?}: expected a file in the model's folder, found a link that leaves it",
            relative.display()
        ));
    }
    Ok(read_file(&target))
}

/// `location`, as a file states it, as a path that only goes down.
pub(crate) fn relative(location: &str) -> Result<PathBuf, String> {
    if location.is_empty() {
        return Err("expected a location, found none".into());
    }
    let fault =
        |found: &str| format!("{location:?}: expected a path inside the model's folder, found {found}");
    // A drive letter or a backslash path of another system is a plain name on this one.
    if location.starts_with(['/', '\\']) || location.get(1..3).is_some_and(|s| s == ":\\") {
        return Err(fault("an absolute path"));
    }
    let mut path = PathBuf::new();
    for part in Path::new(location).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err(fault("\"..\"")),
            Component::RootDir | Component::Prefix(_) => return Err(fault("an absolute path")),
        }
    }
    Ok(path)
}
