//! CIFAR-10: the binary version and the python version (pickles, never executed).
//!
//! A record of the binary version is 1 label byte and 3,072 pixel bytes: red, green and blue
//! plane of 32 x 32, row-major. The python version holds the same rows as one uint8 array
//! N x 3072 beside a list of labels.

use std::path::{Path, PathBuf};

use crate::error::{DataError, read_file};
use crate::images::{Images, Split};
use crate::pickle::Pickle;

/// Largest batch file that is read, in bytes (the official ones take 31 MB).
pub const MAX_FILE: u64 = 1 << 30;
/// Width and height of every image, in pixels.
pub const SIDE: usize = 32;
/// Pixel bytes of one image: 3 x 32 x 32.
pub const PIXELS: usize = 3 * SIDE * SIDE;

/// Class names in label order.
pub const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// Reads a batch of either version: a file that starts as a pickle does is read as one, any
/// other as binary records. `file` names the source in errors.
pub fn batch(file: &str, bytes: &[u8]) -> Result<Images, DataError> {
    // A binary batch starts with a label of 0 to 9; a pickled dict with PROTO (0x80) or, in
    // protocols 0 and 1, with a mark or an empty dict.
    match bytes.first() {
        Some(0x80 | b'(' | b'}') => python(file, bytes),
        _ => binary(file, bytes),
    }
}

/// Reads a batch of the binary version.
pub fn binary(file: &str, bytes: &[u8]) -> Result<Images, DataError> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(1 + PIXELS) {
        let hint = match !bytes.is_empty() && bytes.len().is_multiple_of(2 + PIXELS) {
            true => " (records of 3074 bytes: CIFAR-100)",
            false => "",
        };
        return Err(DataError::malformed(
            file,
            "whole file",
            format!("{} bytes{hint}", bytes.len()),
            "one or more CIFAR-10 records of 3073 bytes",
        ));
    }
    let records = bytes.chunks_exact(1 + PIXELS);
    let mut pixels = Vec::with_capacity(records.len() * PIXELS);
    let mut labels = Vec::with_capacity(records.len());
    for record in records {
        labels.push(u16::from(record[0]));
        pixels.extend_from_slice(&record[1..]);
    }
    images(pixels, labels).checked(file)
}

/// Reads a batch of the python version, pickle protocols 0 to 4.
pub fn python(file: &str, bytes: &[u8]) -> Result<Images, DataError> {
    let pickle = Pickle::read(file, bytes)?;
    let root = pickle.root();
    let bad =
        |place: &str, found: String, expected: &str| Err(DataError::malformed(file, place, found, expected));
    let data = root.require("data")?;
    let Some((shape, pixels)) = data.array_u8() else {
        return bad("'data'", data.kind().into(), "a uint8 numpy.ndarray N x 3072");
    };
    if shape.len() != 2 || shape[1] != PIXELS || shape[0] == 0 {
        return bad("'data'", format!("shape {shape:?}"), "shape N x 3072");
    }
    let listed = root.require("labels")?;
    let labels: Option<Vec<u16>> = listed
        .items()
        .and_then(|items| items.map(|v| u16::try_from(v.int()?).ok()).collect());
    let Some(labels) = labels else {
        return bad("'labels'", listed.kind().into(), "a list of labels 0 to 9");
    };
    images(pixels, labels).checked(file)
}

fn images(pixels: Vec<u8>, labels: Vec<u16>) -> Images {
    Images {
        name: "CIFAR-10".into(),
        width: SIDE,
        height: SIDE,
        channels: 3,
        pixels,
        labels,
        classes: CLASSES.map(String::from).to_vec(),
    }
}

/// Reads a folder of either version: `data_batch_1` to `data_batch_5`, as many as there are,
/// and `test_batch`, each with or without `.bin`. Class names come from `batches.meta.txt` or
/// `batches.meta` where there is one. The folders that the official archives unpack to,
/// `cifar-10-batches-bin` and `cifar-10-batches-py`, may also be inside `path`.
pub fn folder(path: &Path) -> Result<Split, DataError> {
    let inner = ["", "cifar-10-batches-bin", "cifar-10-batches-py"];
    let found = inner
        .iter()
        .map(|name| path.join(name))
        .find(|folder| find(folder, "test_batch").is_some());
    let Some(folder) = found else {
        return Err(missing(path, "test_batch"));
    };
    let batches: Vec<PathBuf> = (1..=5)
        .filter_map(|i| find(&folder, &format!("data_batch_{i}")))
        .collect();
    if batches.is_empty() {
        return Err(missing(&folder, "data_batch_1"));
    }
    let classes = class_names(&folder)?;
    let read = |paths: &[PathBuf], title: &str| {
        let mut all = images(Vec::new(), Vec::new());
        for path in paths {
            let part = batch(&path.display().to_string(), &read_file(path, MAX_FILE)?)?;
            all.pixels.extend_from_slice(&part.pixels);
            all.labels.extend_from_slice(&part.labels);
        }
        all.name = format!("CIFAR-10 ({title})");
        all.classes.clone_from(&classes);
        Ok::<_, DataError>(all)
    };
    let test = find(&folder, "test_batch").ok_or_else(|| missing(&folder, "test_batch"))?;
    Ok(Split {
        train: read(&batches, "training")?,
        test: read(&[test], "test")?,
    })
}

fn find(folder: &Path, stem: &str) -> Option<PathBuf> {
    [format!("{stem}.bin"), stem.to_string()]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

fn missing(folder: &Path, stem: &str) -> DataError {
    DataError::malformed(
        &folder.display().to_string(),
        "files",
        format!("no {stem}"),
        format!("{stem}.bin (binary version) or {stem} (python version)"),
    )
}

fn class_names(folder: &Path) -> Result<Vec<String>, DataError> {
    let standard = || CLASSES.map(String::from).to_vec();
    let text = folder.join("batches.meta.txt");
    let meta = folder.join("batches.meta");
    let (path, names) = if text.is_file() {
        let bytes = read_file(&text, 1 << 20)?;
        let names = String::from_utf8_lossy(&bytes)
            .lines()
            .map(|line| line.trim().to_string())
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>();
        (text, names)
    } else if meta.is_file() {
        let file = meta.display().to_string();
        let bytes = read_file(&meta, 1 << 20)?;
        (meta, label_names(&file, &bytes)?)
    } else {
        return Ok(standard());
    };
    if names.len() != CLASSES.len() {
        return Err(DataError::malformed(
            &path.display().to_string(),
            "class names",
            format!("{} names", names.len()),
            "10 names",
        ));
    }
    Ok(names)
}

/// The class names in a pickled `batches.meta`.
pub fn label_names(file: &str, bytes: &[u8]) -> Result<Vec<String>, DataError> {
    let pickle = Pickle::read(file, bytes)?;
    let listed = pickle.root().require("label_names")?;
    let names: Option<Vec<String>> = listed.items().and_then(|items| {
        items
            .map(|v| Some(String::from_utf8_lossy(v.bytes()?).into_owned()))
            .collect()
    });
    names.ok_or_else(|| DataError::malformed(file, "'label_names'", listed.kind(), "a list of strings"))
}
