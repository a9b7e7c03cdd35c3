//! GGUF, llama.cpp's files: metadata, tensors, and weights quantised in blocks.
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>
//!
//! Tensors share the file's bytes; blocks are decoded when they are read.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use model::blocks::{BlockKind, Blocks};
use model::{DType, Network, Payload, TensorData, TensorSpec};

use crate::Source;
use crate::error::Fault;
use crate::weights::{MAX_TENSORS, Named, Weights, elements};

/// Longest text that is kept as metadata, bytes.
const MAX_TEXT: usize = 1 << 12;

/// Most entries of metadata.
const MAX_ENTRIES: u64 = 1 << 16;

/// Where tensors begin, unless the file states another multiple.
const ALIGNMENT: u64 = 32;

pub(crate) fn recognises(bytes: &Bytes) -> bool {
    bytes.starts_with(b"GGUF")
}

/// Reads a file of weights.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    let weights = weights(&source.bytes)?;
    let stated = weights.metadata.iter().find(|(k, _)| k == "general.name");
    let name = stated.map_or(source.stem, |(_, v)| v.as_str()).to_string();
    Ok(crate::architecture::gguf(source, &name, weights))
}

/// What the file holds.
fn weights(bytes: &Bytes) -> Result<Weights, Fault> {
    let mut reader = Reader { bytes, at: 4 };
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        let problem = match version.swap_bytes() {
            1..=3 => "expected a little-endian file, found a big-endian one".to_string(),
            _ => format!("expected version 2 or 3, found {version}"),
        };
        return Err(Fault::new("header", problem));
    }
    let (count, entries) = (reader.u64()?, reader.u64()?);
    if count > MAX_TENSORS as u64 || entries > MAX_ENTRIES {
        let problem = format!(
            "expected at most {MAX_TENSORS} tensors and {MAX_ENTRIES} entries, found {count} and {entries}"
        );
        return Err(Fault::new("header", problem));
    }
    let mut weights = Weights {
        format: format!("GGUF {version}"),
        ..Weights::default()
    };
    let mut alignment = ALIGNMENT;
    let mut keys = HashSet::new();
    for _ in 0..entries {
        let key = reader.text()?;
        let place = format!("metadata {key:?}");
        if !keys.insert(key.clone()) {
            return Err(Fault::new(
                place,
                "expected names that differ, found this one twice",
            ));
        }
        let kind = reader.u32().map_err(|f| f.within(&place))?;
        let value = reader.value(kind).map_err(|f| f.within(&place))?;
        if key == "general.alignment" {
            let stated = value
                .parse()
                .ok()
                .filter(|a: &u64| a.is_power_of_two() && *a <= 1 << 20);
            let problem = || Fault::new(&place, format!("expected a power of 2 to 2^20, found {value}"));
            alignment = stated.ok_or_else(problem)?;
        }
        weights.metadata.push((key, value));
    }
    let mut abouts = Vec::new();
    let mut names = HashSet::new();
    for i in 0..count {
        let name = reader.text().map_err(|f| f.within(&format!("tensor {i}")))?;
        let place = format!("tensor {name:?}");
        if !names.insert(name.clone()) {
            return Err(Fault::new(
                place,
                "expected names that differ, found this one twice",
            ));
        }
        abouts.push(reader.about(name).map_err(|f| f.within(&place))?);
    }
    let start = (reader.at as u64)
        .next_multiple_of(alignment)
        .min(bytes.len() as u64);
    let data = bytes.slice(start as usize..);
    apart(&abouts, alignment)?;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for about in abouts {
        let place = format!("tensor {:?}", about.name);
        *kinds.entry(about.kind.name()).or_default() += 1;
        let named = about.tensor(&data).map_err(|e| Fault::new(place, e))?;
        if named.data.is_none() {
            weights.unread.push((about.kind.name(), named.name.clone()));
        }
        weights.tensors.push(named);
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} of {kind}")).collect();
    weights.metadata.push(("tensors".into(), kinds.join(", ")));
    Ok(weights)
}

/// Checks that tensors are aligned and that none meets another.
fn apart(abouts: &[About], alignment: u64) -> Result<(), Fault> {
    let mut order: Vec<&About> = abouts.iter().collect();
    order.sort_by_key(|a| (a.offset, a.size));
    let mut end = 0;
    for about in order {
        let fault = |problem: String| Err(Fault::new(format!("tensor {:?}", about.name), problem));
        let offset = about.offset;
        if !offset.is_multiple_of(alignment) {
            return fault(format!(
                "expected an offset that {alignment} divides, found {offset}"
            ));
        }
        if offset < end {
            return fault(format!(
                "its data from byte {offset} overlaps another tensor's up to {end}"
            ));
        }
        end = offset.saturating_add(about.size.unwrap_or(0));
    }
    Ok(())
}

/// How elements are kept.
#[derive(Clone, Copy)]
enum Kind {
    Plain(DType),
    Blocks(BlockKind),
    /// A number of ggml's whose values are not decoded.
    Other(u32),
}

impl Kind {
    fn of(number: u32) -> Option<Kind> {
        Some(match number {
            0 => Kind::Plain(DType::F32),
            1 => Kind::Plain(DType::F16),
            2 => Kind::Blocks(BlockKind::Q4_0),
            3 => Kind::Blocks(BlockKind::Q4_1),
            6 => Kind::Blocks(BlockKind::Q5_0),
            7 => Kind::Blocks(BlockKind::Q5_1),
            8 => Kind::Blocks(BlockKind::Q8_0),
            10 => Kind::Blocks(BlockKind::Q2K),
            11 => Kind::Blocks(BlockKind::Q3K),
            12 => Kind::Blocks(BlockKind::Q4K),
            13 => Kind::Blocks(BlockKind::Q5K),
            14 => Kind::Blocks(BlockKind::Q6K),
            24 => Kind::Plain(DType::I8),
            25 => Kind::Plain(DType::I16),
            26 => Kind::Plain(DType::I32),
            27 => Kind::Plain(DType::I64),
            28 => Kind::Plain(DType::F64),
            30 => Kind::Plain(DType::BF16),
            9 | 15..=23 | 29 | 34 | 35 | 39..=47 => Kind::Other(number),
            _ => return None,
        })
    }

    fn name(self) -> String {
        match self {
            Kind::Plain(dtype) => dtype.name().to_string(),
            Kind::Blocks(kind) => kind.name().to_string(),
            Kind::Other(number) => format!("ggml {number}"),
        }
    }
}

/// What the header says about one tensor.
struct About {
    name: String,
    shape: Vec<u64>,
    kind: Kind,
    /// Bytes after the start of the data.
    offset: u64,
    /// Bytes of its data, where its kind is known.
    size: Option<u64>,
}

impl About {
    fn tensor(&self, data: &Bytes) -> Result<Named, String> {
        let (size, held) = (self.size.unwrap_or(0), data.len() as u64);
        let end = self.offset.checked_add(size).filter(|&end| end <= held);
        let end = end.ok_or_else(|| {
            let from = self.offset;
            format!("its {size} bytes from byte {from} reach beyond the {held} bytes of data")
        })?;
        let bytes = data.slice(self.offset as usize..end as usize);
        let shape = self.shape.clone();
        let named = |dtype, payload: Option<Payload>| {
            let spec = TensorSpec::fixed(dtype, &shape);
            let data = payload.map(|payload| {
                Arc::new(TensorData {
                    dtype,
                    shape: shape.clone(),
                    payload,
                })
            });
            Named {
                name: self.name.clone(),
                spec,
                data,
            }
        };
        Ok(match self.kind {
            Kind::Plain(dtype) => named(dtype, Some(Payload::Bytes(bytes))),
            Kind::Blocks(kind) => {
                let blocks = Blocks::new(kind, elements(&shape)?, bytes);
                let blocks = blocks.ok_or("its bytes are no whole number of blocks")?;
                named(DType::F32, Some(Payload::Blocks(blocks)))
            }
            Kind::Other(_) => named(DType::Unknown, None),
        })
    }
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn fault(&self, problem: String) -> Fault {
        Fault::new(format!("byte {}", self.at), problem)
    }

    fn take(&mut self, n: u64) -> Result<Bytes, Fault> {
        let rest = (self.bytes.len() - self.at) as u64;
        if n > rest {
            return Err(self.fault(format!("expected {n} more bytes, found {rest} and the end")));
        }
        let from = self.at;
        self.at += n as usize;
        Ok(self.bytes.slice(from..self.at))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut out = [0; N];
        out.copy_from_slice(&self.take(N as u64)?);
        Ok(out)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A name, which must be UTF-8 and reasonably short.
    fn text(&mut self) -> Result<String, Fault> {
        let length = self.u64()?;
        if length > 1 << 16 {
            return Err(self.fault(format!("expected a name of at most 65536 bytes, found {length}")));
        }
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(&bytes).map(str::to_string);
        text.map_err(|e| {
            self.fault(format!(
                "expected UTF-8, found another byte at {}",
                e.valid_up_to()
            ))
        })
    }

    /// A value of type number `kind`, as text; lists only by their length.
    fn value(&mut self, kind: u32) -> Result<String, Fault> {
        Ok(match kind {
            0 => self.array().map(|[b]: [u8; 1]| b)?.to_string(),
            1 => self.array().map(i8::from_le_bytes)?.to_string(),
            2 => self.array().map(u16::from_le_bytes)?.to_string(),
            3 => self.array().map(i16::from_le_bytes)?.to_string(),
            4 => self.u32()?.to_string(),
            5 => self.array().map(i32::from_le_bytes)?.to_string(),
            6 => self.array().map(f32::from_le_bytes)?.to_string(),
            7 => match self.array()? {
                [0] => "false".into(),
                [1] => "true".into(),
                [b] => return Err(self.fault(format!("expected 0 or 1, found {b}"))),
            },
            8 => {
                let length = self.u64()?;
                let bytes = self.take(length)?;
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT)]);
                text.into_owned()
            }
            9 => {
                let (inner, count) = (self.u32()?, self.u64()?);
                self.skip(inner, count)?;
                format!("{count} values")
            }
            10 => self.u64()?.to_string(),
            11 => self.array().map(i64::from_le_bytes)?.to_string(),
            12 => self.array().map(f64::from_le_bytes)?.to_string(),
            _ => return Err(self.fault(format!("expected a type from 0 to 12, found {kind}"))),
        })
    }

    /// Passes over `count` values of a list.
    fn skip(&mut self, kind: u32, count: u64) -> Result<(), Fault> {
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => {
                // Each text takes eight bytes at least, so the end comes before patience ends.
                for _ in 0..count {
                    let length = self.u64()?;
                    self.take(length)?;
                }
                return Ok(());
            }
            9 => return Err(self.fault("expected a list of plain values, found one of lists".into())),
            _ => return Err(self.fault(format!("expected a type from 0 to 12, found {kind}"))),
        };
        self.take(count.saturating_mul(width)).map(drop)
    }

    fn about(&mut self, name: String) -> Result<About, Fault> {
        let axes = self.u32()?;
        if axes > 8 {
            return Err(self.fault(format!("expected at most 8 axes, found {axes}")));
        }
        // The first size is that of the innermost axis.
        let mut shape = (0..axes)
            .map(|_| self.u64())
            .collect::<Result<Vec<u64>, Fault>>()?;
        let row = shape.first().copied().unwrap_or(1);
        shape.reverse();
        let number = self.u32()?;
        let kind = Kind::of(number);
        let kind = kind.ok_or_else(|| self.fault(format!("expected a type of ggml, found {number}")))?;
        let offset = self.u64()?;
        let count = elements(&shape).map_err(|e| self.fault(e))?;
        let size = match kind {
            Kind::Plain(dtype) => count.checked_mul(dtype.bits() / 8),
            Kind::Blocks(kind) if !row.is_multiple_of(kind.elements()) => {
                let (name, block) = (kind.name(), kind.elements());
                return Err(self.fault(format!(
                    "expected rows of whole blocks of {block} for {name}, found {row}"
                )));
            }
            Kind::Blocks(kind) => kind.size(count),
            Kind::Other(_) => None,
        };
        Ok(About {
            name,
            shape,
            kind,
            offset,
            size,
        })
    }
}
