//! Arrays: their types, their shapes, and elements as base64 or as numbers.

use std::borrow::Cow;

use bytes::Bytes;
use model::{DType, Payload, TensorData};
use runs::store::TYPES;

use super::number::{Data, Number};
use super::{Sent, base64};
use crate::limits::Limits;
use crate::refusal::Refusal;

/// The element type that NumPy, PyTorch and safetensors call this.
pub(super) fn dtype(name: &str) -> Option<DType> {
    let name = match name {
        "f64" | "double" => "float64",
        "f32" | "float" => "float32",
        "f16" | "half" => "float16",
        "bf16" => "bfloat16",
        "i64" => "int64",
        "i32" => "int32",
        "i16" => "int16",
        "i8" => "int8",
        "u64" => "uint64",
        "u32" => "uint32",
        "u16" => "uint16",
        "u8" => "uint8",
        other => other,
    };
    TYPES.into_iter().find(|t| t.name() == name)
}

/// The number of elements, if it is allowed.
pub(super) fn elements(shape: &[u64], limits: &Limits) -> Result<u64, Refusal> {
    if shape.len() > 16 {
        return Err(Refusal::wrong("field shape: at most 16 axes are expected"));
    }
    let mut sizes = shape.iter().copied();
    match sizes
        .try_fold(1u64, u64::checked_mul)
        .filter(|&n| n <= limits.elements)
    {
        Some(n) => Ok(n),
        None => Err(Refusal::large(format!(
            "field shape: arrays of at most {} elements are taken",
            limits.elements
        ))),
    }
}

pub(super) fn tensor(s: &mut Sent<'_>, limits: &Limits) -> Result<TensorData, Refusal> {
    let data = s.data.take();
    let data = data.ok_or_else(|| Refusal::wrong("field data: base64 or a list of numbers is expected"))?;
    let name = s.dtype.take().unwrap_or(Cow::Borrowed("float32"));
    let dtype = dtype(&name).ok_or_else(|| {
        let names: Vec<&str> = TYPES.iter().map(|t| t.name()).collect();
        Refusal::wrong(format!(
            "field dtype: one of {} is expected, not {name:?}",
            names.join(", ")
        ))
    })?;
    let shape = match (s.shape.take(), &data) {
        (Some(shape), _) => shape,
        (None, Data::List(list)) => vec![list.len() as u64],
        (None, Data::Text(_)) => return Err(Refusal::wrong("field shape: a list of sizes is expected")),
    };
    let expected = elements(&shape, limits)?;
    match data {
        Data::Text(text) => {
            let bytes = base64(&text)?;
            raw(dtype, shape, expected, bytes.into())
        }
        Data::List(list) => {
            if list.len() as u64 != expected {
                return Err(Refusal::wrong(format!(
                    "field data: {expected} numbers are expected for shape {shape:?}, not {}",
                    list.len()
                )));
            }
            numbers(dtype, shape, &list)
        }
    }
}

/// An array of little-endian elements.
pub(super) fn raw(dtype: DType, shape: Vec<u64>, elements: u64, bytes: Bytes) -> Result<TensorData, Refusal> {
    let expected = dtype.bytes(elements);
    if bytes.len() as u64 != expected {
        return Err(Refusal::wrong(format!(
            "field data: {expected} bytes are expected for {} {shape:?}, not {}",
            dtype.name(),
            bytes.len()
        )));
    }
    Ok(TensorData {
        dtype,
        shape,
        payload: Payload::Bytes(bytes),
    })
}

fn numbers(dtype: DType, shape: Vec<u64>, list: &[Number]) -> Result<TensorData, Refusal> {
    let wrong = |i: usize| Refusal::wrong(format!("field data[{i}]: no number of type {}", dtype.name()));
    let tensor = if dtype == DType::F64 {
        let bytes: Vec<u8> = list.iter().flat_map(|n| n.float().to_le_bytes()).collect();
        return raw(dtype, shape, list.len() as u64, bytes.into());
    } else if dtype.is_float() {
        let values: Vec<f32> = list.iter().map(|n| n.float() as f32).collect();
        TensorData::from_floats(dtype, &shape, &values)
    } else {
        let bits = if dtype == DType::Bool {
            1
        } else {
            dtype.bits() as u32
        };
        let unsigned = dtype == DType::Bool || dtype.is_unsigned();
        let whole = list.iter().enumerate();
        let whole = whole.map(|(i, n)| n.int(bits, unsigned).ok_or_else(|| wrong(i)));
        let values = whole.collect::<Result<Vec<i64>, _>>()?;
        TensorData::from_ints(dtype, &shape, &values)
    };
    tensor.ok_or_else(|| wrong(0))
}
