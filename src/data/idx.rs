//! IDX files (MNIST, Fashion-MNIST), plain or gzipped.
//!
//! Layout: two zero bytes, an element code, the number of axes, each axis as a big-endian
//! 32-bit count, then the elements, big-endian and row-major.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use model::{DType, Payload, TensorData};

use crate::error::{DataError, read_file};
use crate::images::{Images, Split};

/// Largest IDX content that is read, in bytes, unpacked.
pub const MAX_BYTES: u64 = 1 << 30;

/// Class names of Fashion-MNIST in label order.
pub const FASHION_CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Reads one IDX array of any element type. `file` names the source in errors.
pub fn parse(file: &str, bytes: &[u8]) -> Result<TensorData, DataError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        parse_from(file, MultiGzDecoder::new(bytes))
    } else {
        parse_from(file, bytes)
    }
}

fn parse_from(file: &str, mut from: impl Read) -> Result<TensorData, DataError> {
    let magic = take(file, &mut from, 4, "magic number")?;
    let dtype = match magic[2] {
        0x08 => DType::U8,
        0x09 => DType::I8,
        0x0b => DType::I16,
        0x0c => DType::I32,
        0x0d => DType::F32,
        0x0e => DType::F64,
        _ => DType::Unknown,
    };
    if magic[..2] != [0, 0] || dtype == DType::Unknown || !(1..=8).contains(&magic[3]) {
        return Err(DataError::malformed(
            file,
            "magic number",
            format!("{magic:02x?}"),
            "00 00, an element code (08 09 0b 0c 0d 0e) and 1 to 8 axes",
        ));
    }
    let axes = usize::from(magic[3]);
    let counts = take(file, &mut from, 4 * axes, "axis sizes")?;
    let shape: Vec<u64> = counts
        .chunks_exact(4)
        .map(|c| u64::from(u32::from_be_bytes([c[0], c[1], c[2], c[3]])))
        .collect();
    let size = shape
        .iter()
        .try_fold(dtype.bits() / 8, |n, &d| n.checked_mul(d))
        .filter(|&n| n <= MAX_BYTES);
    let Some(size) = size else {
        return Err(DataError::too_large(
            file,
            "axis sizes",
            format!("{} {shape:?}", dtype.name()),
            format!("{MAX_BYTES} bytes"),
        ));
    };
    let mut data = Vec::new();
    from.by_ref()
        .take(size + 1)
        .read_to_end(&mut data)
        .map_err(|e| unreadable(file, format!("element byte {}", data.len()), e))?;
    if data.len() as u64 != size {
        let found = match data.len() as u64 > size {
            true => "more bytes".to_string(),
            false => format!("{} bytes, then the end", data.len()),
        };
        let expected = format!("{size} bytes for {} {shape:?}", dtype.name());
        return Err(DataError::malformed(file, "elements", found, expected));
    }
    let width = (dtype.bits() / 8) as usize;
    if width > 1 {
        data.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    Ok(TensorData {
        dtype,
        shape,
        payload: Payload::Bytes(Bytes::from(data)),
    })
}

fn take(file: &str, from: &mut impl Read, n: usize, place: &str) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    from.take(n as u64)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(file, place.into(), e))?;
    if bytes.len() < n {
        let found = format!("{} bytes, then the end", bytes.len());
        return Err(DataError::malformed(file, place, found, format!("{n} bytes")));
    }
    Ok(bytes)
}

fn unreadable(file: &str, place: String, error: std::io::Error) -> DataError {
    DataError::malformed(file, place, error.to_string(), "an intact gzip stream")
}

/// Joins an image file (uint8, N x H x W or N x C x H x W) and a label file (uint8, N).
///
/// Each is given as its name, for errors, and its bytes, plain or gzipped.
pub fn images(
    name: &str,
    classes: &[&str],
    pixels: (&str, &[u8]),
    labels: (&str, &[u8]),
) -> Result<Images, DataError> {
    let (file, bytes) = pixels;
    let data = parse(file, bytes)?;
    let shape: Vec<usize> = data.shape.iter().map(|&d| d as usize).collect();
    let (count, channels, height, width) = match (data.dtype, &shape[..]) {
        (DType::U8, &[n, h, w]) => (n, 1, h, w),
        (DType::U8, &[n, c, h, w]) => (n, c, h, w),
        _ => {
            let found = data.spec().to_string();
            let expected = "uint8 images, N x H x W or N x C x H x W";
            return Err(DataError::malformed(file, "header", found, expected));
        }
    };
    let (label_file, bytes) = labels;
    let labels = parse(label_file, bytes)?;
    if labels.dtype != DType::U8 || labels.shape != [count as u64] {
        let found = labels.spec().to_string();
        let expected = format!("uint8 [{count}], one label an image of {file}");
        return Err(DataError::malformed(label_file, "header", found, expected));
    }
    let labels: Vec<u16> = labels.to_bytes().iter().map(|&b| u16::from(b)).collect();
    Images {
        name: name.into(),
        width,
        height,
        channels,
        pixels: data.to_bytes().into_owned(),
        labels,
        classes: classes.iter().map(|s| s.to_string()).collect(),
    }
    .checked(label_file)
}

/// Reads the four files of an MNIST-like set from `folder`: `train-` and `t10k-`,
/// `images-idx3-ubyte` and `labels-idx1-ubyte`, each plain or with `.gz`.
pub fn folder(folder: &Path, name: &str, classes: &[&str]) -> Result<Split, DataError> {
    let part = |prefix: &str, title: &str| {
        let pixels = find(folder, prefix, "images", 3)?;
        let labels = find(folder, prefix, "labels", 1)?;
        images(
            &format!("{name} ({title})"),
            classes,
            (&pixels.0, &pixels.1),
            (&labels.0, &labels.1),
        )
    };
    Ok(Split {
        train: part("train", "training")?,
        test: part("t10k", "test")?,
    })
}

/// Fashion-MNIST: 60,000 training and 10,000 test images, 1 x 28 x 28, ten classes.
/// Debian's package `dataset-fashion-mnist` keeps it in its `datasets/fashion-mnist`.
pub fn fashion_mnist(folder_path: &Path) -> Result<Split, DataError> {
    folder(folder_path, "Fashion-MNIST", &FASHION_CLASSES)
}

/// MNIST digits in the same four files.
pub fn mnist(folder_path: &Path) -> Result<Split, DataError> {
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    folder(folder_path, "MNIST", &digits)
}

fn find(folder: &Path, prefix: &str, kind: &str, axes: u8) -> Result<(String, Vec<u8>), DataError> {
    let stem = format!("{prefix}-{kind}-idx{axes}-ubyte");
    let dotted = format!("{prefix}-{kind}.idx{axes}-ubyte");
    let names = [format!("{stem}.gz"), stem, format!("{dotted}.gz"), dotted];
    for name in &names {
        let path = folder.join(name);
        if path.is_file() {
            return Ok((path.display().to_string(), read_file(&path, MAX_BYTES)?));
        }
    }
    Err(DataError::malformed(
        &folder.display().to_string(),
        "files",
        format!("no {prefix} {kind}"),
        names.join(" or "),
    ))
}
