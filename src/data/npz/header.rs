//! The header of a `.npy` file: a Python dictionary of `descr`, `fortran_order`, `shape`.

use std::io::Read;

use model::DType;

use crate::error::DataError;

/// Longest header that is read, in bytes.
pub const MAX_HEADER: usize = 64 << 10;

pub(super) struct Header {
    pub(super) dtype: DType,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
}

pub(super) fn read(file: &str, place: &str, from: &mut impl Read) -> Result<Header, DataError> {
    let mut exact = |n: usize| {
        let mut bytes = vec![0; n];
        from.read_exact(&mut bytes).map_err(|e| {
            DataError::malformed(file, place, e.to_string(), format!("{n} bytes of .npy header"))
        })?;
        Ok::<_, DataError>(bytes)
    };
    let bad = |found: String, expected: &str| DataError::malformed(file, place, found, expected);
    let start = exact(8)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(bad(format!("{:02x?}", &start[..6]), "the signature \\x93NUMPY"));
    }
    let length = match start[6] {
        1 => {
            let b = exact(2)?;
            usize::from(u16::from_le_bytes([b[0], b[1]]))
        }
        2 | 3 => {
            let b = exact(4)?;
            u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize
        }
        v => return Err(bad(format!("version {v}"), "version 1, 2 or 3")),
    };
    if length > MAX_HEADER {
        let limit = format!("{MAX_HEADER} bytes");
        let found = format!("a header of {length} bytes");
        return Err(DataError::too_large(file, place, found, limit));
    }
    let text = exact(length)?;
    let text = String::from_utf8_lossy(&text);
    let shown = || format!("header {}", text.chars().take(80).collect::<String>().trim());
    let Some(raw) = Parser(&text).dict() else {
        let expected = "a dict of 'descr', 'fortran_order' and 'shape' of a plain array";
        return Err(bad(shown(), expected));
    };
    let Some((big_endian, dtype)) = dtype(&raw.descr) else {
        let found = format!("dtype '{}'", raw.descr);
        let expected = match raw.descr.contains('O') {
            true => "numbers (object arrays are pickles: not read)",
            false => "bool, int8 to int64, uint8 to uint64 or float16 to float64",
        };
        return Err(bad(found, expected));
    };
    Ok(Header {
        dtype,
        big_endian,
        fortran: raw.fortran,
        shape: raw.shape,
    })
}

fn dtype(descr: &str) -> Option<(bool, DType)> {
    let order = descr.chars().next()?;
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
    Some((order == '>', dtype))
}

/// NumPy's code for an element type, where it has one that is read back.
pub(super) fn descr(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Bool => "|b1",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U8 => "|u1",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        _ => return None,
    })
}

/// Header bytes for a row-major array, padded to 64 as NumPy does.
pub(super) fn write(descr: &str, shape: &[u64]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(u64::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut text = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        sizes.join(", ")
    );
    let unpadded = 10 + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

struct Raw {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

/// The text that is still to be read.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    fn dict(mut self) -> Option<Raw> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.token("{")?;
        while self.token("}").is_none() {
            let key = self.string()?;
            self.token(":")?;
            match key {
                "descr" => descr = Some(self.string()?.to_string()),
                "fortran_order" => fortran = Some(self.boolean()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return None,
            }
            if self.token(",").is_none() {
                self.token("}")?;
                break;
            }
        }
        self.0.trim().is_empty().then_some(Raw {
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

    fn boolean(&mut self) -> Option<bool> {
        match self.token("True") {
            Some(()) => Some(true),
            None => self.token("False").map(|()| false),
        }
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut sizes = Vec::new();
        self.token("(")?;
        while self.token(")").is_none() {
            let text = self.0.trim_start();
            let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
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
