//! NumPy arrays: `.npz` archives and single `.npy` files.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
//!
//! The header is a Python dictionary of three keys; no other literal is parsed. Arrays in Fortran
//! order share the file's bytes like the others.

use bytes::Bytes;
use model::{DType, Network, Payload, TensorData};

use crate::Source;
use crate::archive::{self, Archive};
use crate::error::Fault;
use crate::weights::{MAX_TENSORS, Named, Weights, elements};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Longest header, bytes.
const MAX_HEADER: usize = 64 << 10;

/// True for an archive of arrays, or one array.
pub(crate) fn recognises(bytes: &Bytes) -> bool {
    bytes.starts_with(MAGIC) || archive::holds(bytes, |name| name.ends_with(".npy"))
}

/// Reads the arrays of a file.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    let mut weights = Weights {
        format: "NumPy".into(),
        ..Weights::default()
    };
    if source.bytes.starts_with(MAGIC) {
        let data = array(&source.bytes)?;
        weights.tensors.push(Named::new(source.stem, data));
        return Ok(weights.tree(source.stem));
    }
    let archive = Archive::open(&source.bytes)?;
    for member in archive.members() {
        let Some(name) = member.name.strip_suffix(".npy") else {
            continue;
        };
        if weights.tensors.len() >= MAX_TENSORS {
            let problem = format!("expected at most {MAX_TENSORS} arrays, found more");
            return Err(Fault::new("zip archive", problem));
        }
        let data = array(&archive.read(&member.name)?).map_err(|f| f.within(&format!("array {name:?}")))?;
        weights.tensors.push(Named::new(name, data));
    }
    Ok(crate::architecture::network(source, weights))
}

/// The array in the bytes of a `.npy` file.
fn array(bytes: &Bytes) -> Result<TensorData, Fault> {
    let fault = |problem: String| Fault::new("header", problem);
    let short = || fault("expected a header of NumPy, found the end".into());
    if !bytes.starts_with(MAGIC) {
        return Err(fault(
            "expected the signature \\x93NUMPY, found other bytes".into(),
        ));
    }
    let number = |from: usize, width: usize| -> Result<usize, Fault> {
        let bytes = bytes.get(from..from + width).ok_or_else(short)?;
        Ok(bytes.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b)))
    };
    let (length, from) = match number(6, 1)? {
        1 => (number(8, 2)?, 10),
        2 | 3 => (number(8, 4)?, 12),
        version => return Err(fault(format!("expected version 1, 2 or 3, found {version}"))),
    };
    if length > MAX_HEADER {
        return Err(fault(format!(
            "expected at most {MAX_HEADER} bytes, found {length}"
        )));
    }
    let text = bytes.get(from..from + length).ok_or_else(short)?;
    let text = String::from_utf8_lossy(text);
    let header = Parser(&text).header().ok_or_else(|| {
        let start: String = text.chars().take(80).collect();
        fault(format!(
            "expected a dict of 'descr', 'fortran_order' and 'shape' of a plain array, found {:?}",
            start.trim()
        ))
    })?;
    let (dtype, swap) = dtype(&header.descr).ok_or_else(|| {
        fault(match header.descr.contains('O') {
            true => "expected numbers, found an object array, which is a pickle".to_string(),
            false => format!(
                "expected bool, integers or floats, found dtype {:?}",
                header.descr
            ),
        })
    })?;
    let shape = header.shape;
    let width = dtype.bits() / 8;
    let data = bytes.slice(from + length..);
    let size = elements(&shape).map_err(fault)?.checked_mul(width);
    let found = data.len() as u64;
    let Some(size) = size.filter(|&size| size == found) else {
        let name = dtype.name();
        let expected = size.map_or("fewer".to_string(), |n| n.to_string());
        return Err(Fault::new(
            "data",
            format!("expected {expected} bytes for {name} {shape:?}, found {found}"),
        ));
    };
    let data = match swap && width > 1 {
        true => {
            let mut turned = data.to_vec();
            turned.chunks_exact_mut(width as usize).for_each(<[u8]>::reverse);
            Bytes::from(turned)
        }
        false => data.slice(..size as usize),
    };
    if !header.fortran {
        return Ok(TensorData {
            dtype,
            shape,
            payload: Payload::Bytes(data),
        });
    }
    // The first axis is the innermost.
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1u64;
    for &size in &shape {
        strides.push(stride);
        stride = stride.saturating_mul(size);
    }
    TensorData::strided(dtype, &shape, &strides, data)
        .ok_or_else(|| fault(format!("{shape:?} in Fortran order does not fit its bytes")))
}

/// The element type, and whether its bytes are in the other order.
fn dtype(descr: &str) -> Option<(DType, bool)> {
    let code = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr);
    let dtype = match code {
        "b1" | "?" => DType::Bool,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        _ => return None,
    };
    Some((dtype, descr.starts_with('>')))
}

struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

/// The text that is still to be read.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    fn header(mut self) -> Option<Header> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.token("{")?;
        while self.token("}").is_none() {
            let key = self.string()?;
            self.token(":")?;
            match key {
                "descr" => descr = Some(self.string()?.to_string()),
                "fortran_order" => {
                    let yes = self.token("True").is_some();
                    fortran = Some(yes || self.token("False").map(|()| false)?);
                }
                "shape" => shape = Some(self.sizes()?),
                _ => return None,
            }
            if self.token(",").is_none() {
                self.token("}")?;
                break;
            }
        }
        self.0.trim().is_empty().then_some(Header {
            descr: descr?,
            fortran: fortran?,
            shape: shape?,
        })
    }

    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (inner, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        (!inner.contains('\\')).then_some(inner)
    }

    /// A tuple of at most 32 sizes.
    fn sizes(&mut self) -> Option<Vec<u64>> {
        let mut sizes = Vec::new();
        self.token("(")?;
        while self.token(")").is_none() {
            let text = self.0.trim_start();
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            sizes.push(text[..digits].parse().ok()?);
            // Python 2 wrote long sizes as 3L.
            let rest = &text[digits..];
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if self.token(",").is_none() {
                self.token(")")?;
                break;
            }
        }
        (sizes.len() <= 32).then_some(sizes)
    }
}
