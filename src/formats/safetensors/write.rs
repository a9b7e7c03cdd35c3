//! All stored weights of a network as a safetensors file.

use std::collections::BTreeMap;

use model::{DType, Network, TensorData, TensorKind};
use serde_json::{Map, Value, json};

use crate::error::Fault;
use crate::weights::TRANSPOSED;

/// Most bytes of weights that are put together in memory.
const MAX_BYTES: u64 = 16 << 30;

/// The bytes of every parameter and buffer of `network` under their names. Structure and constants
/// of the graph are not kept.
pub(crate) fn write(network: &Network) -> Result<Vec<u8>, Fault> {
    let mut tensors: BTreeMap<&str, TensorData> = BTreeMap::new();
    for tensor in &network.tensors {
        if !matches!(tensor.kind, TensorKind::Parameter | TensorKind::Buffer) {
            continue;
        }
        let Some(data) = &tensor.data else {
            let problem = "expected values to write, found none";
            return Err(Fault::new(format!("tensor {:?}", tensor.name), problem));
        };
        // A matrix that was turned for the graph's products is written as it was found.
        let turned = tensor.name.strip_suffix(TRANSPOSED);
        let (name, data) = match turned.and_then(|name| Some((name, data.transposed()?))) {
            Some(found) => found,
            None => (tensor.name.as_str(), (**data).clone()),
        };
        if tensors.insert(name, data).is_some() {
            let problem = "expected names that differ, found this one twice";
            return Err(Fault::new(format!("tensor {:?}", tensor.name), problem));
        }
    }
    if tensors.is_empty() {
        return Err(Fault::new("weights", "expected stored tensors, found none"));
    }
    let size = tensors
        .values()
        .fold(0u64, |n, d| n.saturating_add(d.dtype.bytes(d.len() as u64)));
    if size > MAX_BYTES {
        let problem = format!("expected at most {MAX_BYTES} bytes to write, found {size}");
        return Err(Fault::new("weights", problem));
    }
    let (mut header, mut end) = (Map::new(), 0u64);
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    // Wide elements first keep every tensor aligned.
    let mut order: Vec<(&str, TensorData)> = tensors.into_iter().collect();
    order.sort_by_key(|(_, data)| std::cmp::Reverse(data.dtype.bits()));
    for (name, data) in &order {
        let dtype = code(data.dtype).ok_or_else(|| {
            let problem = format!("element type {} has no name in safetensors", data.dtype.name());
            Fault::new(format!("tensor {name:?}"), problem)
        })?;
        let from = end;
        end += data.dtype.bytes(data.len() as u64);
        let about = json!({"dtype": dtype, "shape": data.shape, "data_offsets": [from, end]});
        header.insert(name.to_string(), about);
    }
    let mut text = Value::Object(header).to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    let mut out = Vec::with_capacity(8 + text.len() + end as usize);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    for (_, data) in &order {
        out.extend_from_slice(&data.to_bytes());
    }
    Ok(out)
}

/// The format's name for an element type.
fn code(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Bool => "BOOL",
        DType::U8 => "U8",
        DType::I8 => "I8",
        DType::F8E4M3FN => "F8_E4M3",
        DType::F8E5M2 => "F8_E5M2",
        DType::U16 => "U16",
        DType::I16 => "I16",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::U32 => "U32",
        DType::I32 => "I32",
        DType::F32 => "F32",
        DType::U64 => "U64",
        DType::I64 => "I64",
        DType::F64 => "F64",
        DType::Complex64 => "C64",
        DType::F8 | DType::I4 | DType::U4 | DType::String | DType::Complex128 | DType::Unknown => {
            return None;
        }
    })
}
