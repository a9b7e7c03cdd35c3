//! The weights of a TensorFlow.js model: groups of tensors, one after the other in shards.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use model::{DType, Payload, TensorData};
use serde_json::Value;

use crate::beside::{self, Folder};
use crate::error::Fault;

/// Tensors by name.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) tensors: BTreeMap<String, TensorData>,
    /// What is absent.
    pub(super) warnings: Vec<String>,
}

/// Reads `weightsManifest`. Shards that are absent become warnings: the structure shows anyway.
///
/// # Errors
/// A fault at a shard outside the folder, or at a tensor that its shards do not hold.
pub(super) fn read(document: &Value, folder: Option<Folder>) -> Result<Stored, Fault> {
    let mut stored = Stored::default();
    let groups = document.get("weightsManifest").and_then(Value::as_array);
    for (number, group) in groups.into_iter().flatten().enumerate() {
        let place = format!("weight group {number}");
        let within = |f: Fault| f.within(&place);
        if let Some(bytes) = shards(group, folder, &mut stored.warnings).map_err(within)? {
            tensors(group, &bytes, &mut stored).map_err(within)?;
        }
    }
    Ok(stored)
}

fn list<'a>(group: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    group.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The group's shards as one; `None` where one is absent.
fn shards(group: &Value, folder: Option<Folder>, warnings: &mut Vec<String>) -> Result<Option<Bytes>, Fault> {
    let mut parts = Vec::new();
    for path in list(group, "paths") {
        let path = path
            .as_str()
            .ok_or_else(|| Fault::new("\"paths\"", "expected names of files"))?;
        let relative = beside::relative(path).map_err(|e| Fault::new("shard", e))?;
        let found = match folder {
            Some(folder) => beside::read(folder, &relative).map_err(|e| Fault::new("shard", e))?,
            None => Err("files beside the model cannot be read here".into()),
        };
        match found {
            Ok(bytes) => parts.push(bytes),
            Err(why) => {
                warnings.push(format!("weights are absent: the shard {path:?}: {why}"));
                return Ok(None);
            }
        }
    }
    if let [only] = &parts[..] {
        return Ok(Some(only.clone()));
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    parts.iter().for_each(|p| whole.extend_from_slice(p));
    Ok(Some(whole.freeze()))
}

fn tensors(group: &Value, bytes: &Bytes, stored: &mut Stored) -> Result<(), Fault> {
    let mut at = 0usize;
    for weight in list(group, "weights") {
        let name = weight.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| Fault::new("weight", "expected a \"name\", found none"))?;
        let fail = |problem: String| Fault::new(format!("weight {name:?}"), problem);
        let shape: Option<Vec<u64>> = list(weight, "shape").map(Value::as_u64).collect();
        let shape = shape
            .filter(|s| s.len() <= 8)
            .ok_or_else(|| fail("\"shape\": expected at most 8 sizes".into()))?;
        let quantization = weight.get("quantization").unwrap_or(&Value::Null);
        let stated = weight.get("dtype").and_then(Value::as_str).unwrap_or("float32");
        let kept = quantization
            .get("dtype")
            .and_then(Value::as_str)
            .unwrap_or(stated);
        let dtype = match kept {
            "float32" => DType::F32,
            "float16" => DType::F16,
            "int32" => DType::I32,
            "uint16" => DType::U16,
            "uint8" => DType::U8,
            "bool" => DType::Bool,
            // Strings have no fixed size: what follows them cannot be found.
            other => {
                stored.warnings.push(format!(
                    "weight {name:?} and those after it: {other:?} is not read"
                ));
                return Ok(());
            }
        };
        let elements = shape.iter().try_fold(1u64, |p, &d| p.checked_mul(d));
        let size = elements.and_then(|n| usize::try_from(n.checked_mul(dtype.bits() / 8)?).ok());
        let end = size.and_then(|s| at.checked_add(s)).filter(|&e| e <= bytes.len());
        let Some(end) = end else {
            let (found, name) = (bytes.len() - at, dtype.name());
            return Err(fail(format!(
                "expected {name} {shape:?}, found {found} bytes left in its shards"
            )));
        };
        let data = TensorData {
            dtype,
            shape,
            payload: Payload::Bytes(bytes.slice(at..end)),
        };
        at = end;
        let number = |key: &str| quantization.get(key).and_then(Value::as_f64);
        let data = match (number("scale"), number("min")) {
            (Some(scale), Some(min)) => dequantised(&data, scale, min),
            _ => data,
        };
        stored.tensors.insert(name.to_string(), data);
    }
    Ok(())
}

/// `scale * q + min`.
fn dequantised(data: &TensorData, scale: f64, min: f64) -> TensorData {
    let values = data.to_f64().unwrap_or_default();
    let floats: Vec<f32> = values.iter().map(|q| (scale * q + min) as f32).collect();
    TensorData::from_f32(&data.shape, &floats)
}
