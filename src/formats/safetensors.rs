//! safetensors: a JSON header of names, element types, shapes and places, then the bytes.
//! <https://github.com/huggingface/safetensors#format>
//!
//! What the format forbids is refused: gaps, overlaps, names that repeat, sizes that do not fit.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use model::{DType, Network, Payload, TensorData, TensorSpec};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::Source;
use crate::error::Fault;
use crate::weights::{MAX_TENSORS, Named, Weights, natural_order};

mod write;

pub(crate) use write::write;

/// Longest header, bytes; the format's own limit.
const MAX_HEADER: u64 = 100_000_000;

/// Most axes of a tensor.
const MAX_AXES: usize = 64;

/// True for a JSON object after eight bytes that are no text.
pub(crate) fn recognises(bytes: &Bytes) -> bool {
    let text = |b: &u8| (b' '..0x7f).contains(b) || b"\t\r\n".contains(b);
    bytes.get(8) == Some(&b'{') && !bytes[..8].iter().all(text)
}

/// Reads a file of weights.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    Ok(crate::architecture::network(source, tensors(&source.bytes)?))
}

/// All tensors of a file, sharing its bytes.
pub(crate) fn tensors(bytes: &Bytes) -> Result<Weights, Fault> {
    let fault = |problem: String| Fault::new("header", problem);
    let size = bytes.len() as u64;
    let start = bytes.first_chunk().map(|n| u64::from_le_bytes(*n));
    let Some(length) = start else {
        return Err(fault(format!(
            "expected 8 bytes for its length, found {size} bytes in all"
        )));
    };
    if length > size - 8 {
        return Err(fault(format!(
            "its length of {length} bytes reaches beyond the file's {size} bytes"
        )));
    }
    if length > MAX_HEADER {
        return Err(fault(format!(
            "expected at most {MAX_HEADER} bytes, found a length of {length}"
        )));
    }
    let data = bytes.slice(8 + length as usize..);
    let text = std::str::from_utf8(&bytes[8..8 + length as usize]).map_err(|e| {
        fault(format!(
            "expected UTF-8, found another byte at {}",
            e.valid_up_to()
        ))
    })?;
    if !text.starts_with('{') {
        return Err(fault("expected a JSON object".into()));
    }
    let header: Header = serde_json::from_str(text).map_err(|e| fault(e.to_string()))?;
    let mut weights = Weights {
        format: "safetensors".into(),
        metadata: header.metadata,
        ..Weights::default()
    };
    contiguous(&header.tensors, data.len() as u64)?;
    for (name, about) in header.tensors {
        let place = format!("tensor {name:?}");
        let named = about.tensor(name, &data).map_err(|e| Fault::new(place, e))?;
        if named.data.is_none() {
            weights.unread.push((about.dtype, named.name.clone()));
        }
        weights.tensors.push(named);
    }
    // Files are sorted by name, or by element type and name.
    weights.tensors.sort_by(|a, b| natural_order(&a.name, &b.name));
    Ok(weights)
}

/// Checks that tensors follow each other from the first byte to the last.
fn contiguous(tensors: &[(String, About)], size: u64) -> Result<(), Fault> {
    let mut order: Vec<&(String, About)> = tensors.iter().collect();
    order.sort_by_key(|(_, about)| about.data_offsets);
    let mut end = 0;
    for (name, About { data_offsets, .. }) in order {
        let fault = |problem: String| Err(Fault::new(format!("tensor {name:?}"), problem));
        let [from, to] = *data_offsets;
        if from > to {
            return fault(format!("expected offsets in order, found {from} before {to}"));
        }
        if to > size {
            return fault(format!(
                "its data up to byte {to} reaches beyond the {size} bytes of data"
            ));
        }
        match from.cmp(&end) {
            std::cmp::Ordering::Less => {
                return fault(format!(
                    "its data from byte {from} overlaps another tensor's up to {end}"
                ));
            }
            std::cmp::Ordering::Greater => {
                return fault(format!(
                    "expected its data to begin at byte {end}, found a gap up to {from}"
                ));
            }
            std::cmp::Ordering::Equal => end = to,
        }
    }
    if end < size {
        let problem = format!("expected tensors for {size} bytes of data, found them for {end}");
        return Err(Fault::new("header", problem));
    }
    Ok(())
}

/// What the header says about one tensor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl About {
    fn tensor(&self, name: String, data: &Bytes) -> Result<Named, String> {
        let (dtype, bits) = dtype(&self.dtype)
            .ok_or_else(|| format!("expected an element type of safetensors, found {:?}", self.dtype))?;
        let shape = &self.shape;
        if shape.len() > MAX_AXES {
            return Err(format!("expected at most {MAX_AXES} axes, found {}", shape.len()));
        }
        let count = crate::weights::elements(shape)?;
        let expected = count.checked_mul(bits).map(|bits| (bits / 8, bits % 8));
        let Some((expected, 0)) = expected else {
            return Err(format!("{} {shape:?} has no whole number of bytes", self.dtype));
        };
        let [from, to] = self.data_offsets;
        if to - from != expected {
            let (dtype, found) = (&self.dtype, to - from);
            return Err(format!(
                "expected {expected} bytes of data for {dtype} {shape:?}, found {found}"
            ));
        }
        let values = TensorData {
            dtype,
            shape: shape.clone(),
            payload: Payload::Bytes(data.slice(from as usize..to as usize)),
        };
        Ok(Named {
            name,
            spec: TensorSpec::fixed(dtype, shape),
            data: (dtype != DType::Unknown).then(|| Arc::new(values)),
        })
    }
}

/// The element type and its bits; `Unknown` where the model has no such type.
fn dtype(name: &str) -> Option<(DType, u64)> {
    let dtype = match name {
        "BOOL" => DType::Bool,
        "U8" => DType::U8,
        "I8" => DType::I8,
        "F8_E4M3" => DType::F8E4M3FN,
        "F8_E5M2" => DType::F8E5M2,
        "U16" => DType::U16,
        "I16" => DType::I16,
        "F16" => DType::F16,
        "BF16" => DType::BF16,
        "U32" => DType::U32,
        "I32" => DType::I32,
        "F32" => DType::F32,
        "U64" => DType::U64,
        "I64" => DType::I64,
        "F64" => DType::F64,
        "C64" => DType::Complex64,
        "F4" => return Some((DType::Unknown, 4)),
        "F6_E2M3" | "F6_E3M2" => return Some((DType::Unknown, 6)),
        "F8_E8M0" => return Some((DType::Unknown, 8)),
        _ => return None,
    };
    Some((dtype, dtype.bits()))
}

/// The header's object, in which names must differ.
struct Header {
    metadata: Vec<(String, String)>,
    tensors: Vec<(String, About)>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let (mut metadata, mut tensors) = (Vec::new(), Vec::new());
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format!(
                            "expected names that differ, found {name:?} twice"
                        )));
                    }
                    if name == "__metadata__" {
                        let entries = map.next_value::<std::collections::BTreeMap<String, String>>()?;
                        metadata.extend(entries);
                        continue;
                    }
                    if tensors.len() >= MAX_TENSORS {
                        return Err(A::Error::custom(format!(
                            "expected at most {MAX_TENSORS} tensors"
                        )));
                    }
                    tensors.push((name, map.next_value()?));
                }
                Ok(Header { metadata, tensors })
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
