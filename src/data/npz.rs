//! NumPy arrays: `.npz` archives and single `.npy` files, read and written.
//!
//! The header is read by a parser of its own that takes no more than NumPy's header: a
//! dictionary of three keys. (npyz parses any Python literal, by unbounded recursion, and
//! multiplies the shape unchecked: a hostile header ends the process there.)

use std::io::{Cursor, Read, Write};
use std::path::Path;

use bytes::Bytes;
use model::{Payload, TensorData};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::error::{DataError, read_file};

mod header;

pub use header::MAX_HEADER;

/// Largest archive that is read and largest sum of its arrays, in bytes; less in the browser,
/// whose memory ends at 4 GiB.
pub const MAX_BYTES: u64 = if cfg!(target_arch = "wasm32") {
    1 << 30
} else {
    4 << 30
};
/// Most arrays in one archive.
pub const MAX_ARRAYS: usize = 65_536;

/// Reads every array of an `.npz` file, in the archive's order.
pub fn read(path: &Path) -> Result<Vec<(String, TensorData)>, DataError> {
    from_bytes(&path.display().to_string(), &read_file(path, MAX_BYTES)?)
}

/// Reads every array of an `.npz` archive held in memory, in the archive's order, row-major.
/// `file` names the source in errors.
pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Vec<(String, TensorData)>, DataError> {
    let bad = |place: &str, e: zip::result::ZipError| {
        DataError::malformed(file, place, e.to_string(), "a zip archive of .npy arrays")
    };
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| bad("archive", e))?;
    if zip.len() > MAX_ARRAYS {
        let found = format!("{} entries", zip.len());
        let limit = format!("{MAX_ARRAYS} entries");
        return Err(DataError::too_large(file, "archive", found, limit));
    }
    let mut arrays = Vec::new();
    let mut left = MAX_BYTES;
    for i in 0..zip.len() {
        let place = format!("entry {i}");
        let entry = zip.by_index(i).map_err(|e| bad(&place, e))?;
        let name = entry.name().map_err(|e| bad(&place, e))?;
        let Some(name) = name.strip_suffix(".npy").map(str::to_string) else {
            continue;
        };
        let data = parse_from(file, &format!("array '{name}'"), entry, left)?;
        left = left.saturating_sub(data.to_bytes().len() as u64);
        arrays.push((name, data));
    }
    Ok(arrays)
}

/// Reads the array of a `.npy` file, row-major.
pub fn read_npy(path: &Path) -> Result<TensorData, DataError> {
    parse_npy(&path.display().to_string(), &read_file(path, MAX_BYTES)?)
}

/// Reads one `.npy` array held in memory, row-major. `file` names the source in errors.
pub fn parse_npy(file: &str, bytes: &[u8]) -> Result<TensorData, DataError> {
    parse_from(file, "array", bytes, MAX_BYTES)
}

fn parse_from(file: &str, place: &str, mut from: impl Read, limit: u64) -> Result<TensorData, DataError> {
    let header = header::read(file, place, &mut from)?;
    let width = (header.dtype.bits() / 8) as usize;
    let size = header
        .shape
        .iter()
        .try_fold(width as u64, |n, &d| n.checked_mul(d))
        .filter(|&n| n <= limit);
    let Some(size) = size else {
        let found = format!("{} {:?}", header.dtype.name(), header.shape);
        let limit = format!("{limit} bytes");
        return Err(DataError::too_large(file, place, found, limit));
    };
    let mut data = Vec::new();
    from.take(size + 1)
        .read_to_end(&mut data)
        .map_err(|e| DataError::malformed(file, place, e.to_string(), format!("{size} readable bytes")))?;
    if data.len() as u64 != size {
        let found = match data.len() as u64 > size {
            true => "more bytes".to_string(),
            false => format!("{} bytes, then the end", data.len()),
        };
        let expected = format!("{size} bytes for {} {:?}", header.dtype.name(), header.shape);
        return Err(DataError::malformed(file, place, found, expected));
    }
    if header.big_endian && width > 1 {
        data.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    if header.fortran && header.shape.len() > 1 {
        let shape: Vec<usize> = header.shape.iter().map(|&d| d as usize).collect();
        data = row_major(&data, &shape, width);
    }
    Ok(TensorData {
        dtype: header.dtype,
        shape: header.shape,
        payload: Payload::Bytes(Bytes::from(data)),
    })
}

/// Elements of `width` bytes in Fortran order (first axis fastest), rearranged row-major.
pub(crate) fn row_major(data: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = width;
    for &d in shape {
        strides.push(stride);
        stride = stride.saturating_mul(d);
    }
    let mut index = vec![0usize; shape.len()];
    let mut offset = 0;
    while out.len() < data.len() {
        out.extend_from_slice(&data[offset..offset + width]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            offset -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

/// The bytes of one array as a `.npy` file (version 1.0, row-major, little-endian).
///
/// `name` is used in the error for element types that NumPy lacks (bfloat16, float8, packed
/// 4-bit, strings).
pub fn to_npy(name: &str, data: &TensorData) -> Result<Vec<u8>, DataError> {
    let Some(descr) = header::descr(data.dtype) else {
        return Err(DataError::request(
            format!("array '{name}' for NumPy"),
            data.dtype.name(),
            "bool, int8 to int64, uint8 to uint64 or float16 to float64",
        ));
    };
    let mut out = header::write(descr, &data.shape);
    out.extend_from_slice(&data.to_bytes());
    Ok(out)
}

/// The bytes of an uncompressed `.npz` archive that `numpy.load` reads. Equal arrays give
/// equal bytes. Names must differ.
pub fn to_bytes<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a TensorData)>,
) -> Result<Vec<u8>, DataError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut names = std::collections::HashSet::new();
    for (name, data) in arrays {
        if !names.insert(name) {
            let what = "array names for NumPy";
            return Err(DataError::request(what, format!("'{name}' twice"), "each once"));
        }
        let npy = to_npy(name, data)?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(npy.len() as u64 >= u64::from(u32::MAX));
        zip.start_file(format!("{name}.npy"), options)
            .map_err(|e| unwritten(name, e.to_string()))?;
        zip.write_all(&npy).map_err(|e| unwritten(name, e.to_string()))?;
    }
    let cursor = zip.finish().map_err(|e| unwritten("", e.to_string()))?;
    Ok(cursor.into_inner())
}

/// Writes an `.npz` file. The archive is complete in memory before the file is touched.
pub fn write<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, &'a TensorData)>,
) -> Result<(), DataError> {
    let bytes = to_bytes(arrays)?;
    std::fs::write(path, bytes).map_err(|e| DataError::io(path, e))
}

fn unwritten(name: &str, error: String) -> DataError {
    DataError::request(format!("array '{name}' in a zip"), error, "a name zip can keep")
}
