//! `TensorProto` and `TypeProto` to the model's tensors, and element types both ways.

use bytes::{BufMut, Bytes, BytesMut};
use model::{DType, Dim, Payload, TensorData, TensorSpec};

use super::external::External;
use super::proto::{SparseTensorProto, TensorProto, TypeProto, ValueInfoProto};
use crate::error::Fault;

/// The element type of an ONNX type number; `None` for a number that ONNX does not have.
/// Types narrower than the model can say (float4, int2) are `Unknown`.
pub(super) fn dtype(number: i32) -> Option<DType> {
    Some(match number {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        4 => DType::U16,
        5 => DType::I16,
        6 => DType::I32,
        7 => DType::I64,
        8 => DType::String,
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        12 => DType::U32,
        13 => DType::U64,
        14 => DType::Complex64,
        15 => DType::Complex128,
        16 => DType::BF16,
        17 => DType::F8E4M3FN,
        19 => DType::F8E5M2,
        18 | 20 | 24 => DType::F8,
        21 => DType::U4,
        22 => DType::I4,
        0 | 23 | 25 | 26 => DType::Unknown,
        _ => return None,
    })
}

/// The ONNX type number of `dtype`; `None` for a float8 whose variant the model does not keep.
pub(super) fn type_number(dtype: DType) -> Option<i32> {
    Some(match dtype {
        DType::F8 => return None,
        DType::Unknown => 0,
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::U16 => 4,
        DType::I16 => 5,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::String => 8,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
        DType::U32 => 12,
        DType::U64 => 13,
        DType::Complex64 => 14,
        DType::Complex128 => 15,
        DType::BF16 => 16,
        DType::F8E4M3FN => 17,
        DType::F8E5M2 => 19,
        DType::U4 => 21,
        DType::I4 => 22,
    })
}

/// What a `TensorProto` holds.
pub(super) enum Stored {
    /// Values.
    Data(TensorData),
    /// A shape and type only, and why there are no values.
    Spec(TensorSpec, String),
}

/// Checks `proto` and takes its values, sharing raw bytes with the file.
pub(super) fn tensor(proto: &TensorProto, external: &External) -> Result<Stored, Fault> {
    let place = format!("tensor {:?}", proto.name);
    let fault = |problem: String| Fault::new(place.clone(), problem);
    let dtype = dtype(proto.data_type).ok_or_else(|| {
        let number = proto.data_type;
        fault(format!(
            "expected an element type of ONNX (1 to 26), found {number}"
        ))
    })?;
    let shape = sizes(&proto.dims).map_err(fault)?;
    let elements = product(&shape).map_err(fault)?;
    if dtype == DType::Unknown {
        let why = format!("element type {} is not supported", proto.data_type);
        return Ok(Stored::Spec(TensorSpec::fixed(dtype, &shape), why));
    }
    if dtype == DType::String {
        let found = proto.string_data.len() as u64;
        if found != elements {
            return Err(fault(format!(
                "shape {shape:?} needs {elements} strings, found {found}"
            )));
        }
        return Ok(Stored::Data(strings(shape, &proto.string_data)));
    }
    let bits = elements.checked_mul(dtype.bits());
    let expected = bits
        .map(|b| b.div_ceil(8))
        .ok_or_else(|| fault(format!("expected at most 2^61 bytes, found shape {shape:?}")))?;
    let bytes = if proto.data_location == 1 {
        match external.bytes(&proto.external_data, expected).map_err(fault)? {
            Ok(bytes) => bytes,
            Err(why) => return Ok(Stored::Spec(TensorSpec::fixed(dtype, &shape), why)),
        }
    } else {
        match &proto.raw_data {
            Some(raw) => raw.clone(),
            None => typed(proto, dtype),
        }
    };
    let found = bytes.len() as u64;
    if found != expected {
        let name = dtype.name();
        return Err(fault(format!(
            "expected {expected} bytes of data for {name} {shape:?}, found {found}"
        )));
    }
    Ok(Stored::Data(TensorData {
        dtype,
        shape,
        payload: Payload::Bytes(bytes),
    }))
}

/// The spec of a sparse tensor, whose values are not kept.
pub(super) fn sparse_spec(proto: &SparseTensorProto) -> Result<TensorSpec, Fault> {
    let fault = |problem: String| Fault::new("sparse tensor", problem);
    let shape = sizes(&proto.dims).map_err(fault)?;
    product(&shape).map_err(fault)?;
    let number = proto.values.as_ref().map_or(0, |v| v.data_type);
    Ok(TensorSpec::fixed(dtype(number).unwrap_or(DType::Unknown), &shape))
}

/// Strings, each as its length in four little-endian bytes and then its bytes.
pub(super) fn strings(shape: Vec<u64>, values: &[Bytes]) -> TensorData {
    let mut bytes = BytesMut::new();
    for value in values {
        bytes.put_u32_le(value.len() as u32);
        bytes.put_slice(value);
    }
    TensorData {
        dtype: DType::String,
        shape,
        payload: Payload::Bytes(bytes.freeze()),
    }
}

/// The strings that [`strings`] packed.
pub(super) fn unpack_strings(data: &TensorData) -> Vec<Bytes> {
    let packed = match &data.payload {
        Payload::Bytes(bytes) | Payload::Splat(bytes) => bytes,
        Payload::Strided(strided) => strided.bytes(),
        Payload::Blocks(blocks) => blocks.bytes(),
    };
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(head) = packed.get(at..at + 4) {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = (at + 4 + length).min(packed.len());
        values.push(packed.slice(at + 4..end));
        at = end;
    }
    values
}

/// The values of the typed field that `dtype` uses, as little-endian bytes.
fn typed(proto: &TensorProto, dtype: DType) -> Bytes {
    let mut out = BytesMut::new();
    match dtype {
        DType::F32 | DType::Complex64 => proto.float_data.iter().for_each(|&v| out.put_f32_le(v)),
        DType::F64 | DType::Complex128 => proto.double_data.iter().for_each(|&v| out.put_f64_le(v)),
        DType::I64 => proto.int64_data.iter().for_each(|&v| out.put_i64_le(v)),
        DType::U64 => proto.uint64_data.iter().for_each(|&v| out.put_u64_le(v)),
        DType::U32 => proto.uint64_data.iter().for_each(|&v| out.put_u32_le(v as u32)),
        DType::I32 => proto.int32_data.iter().for_each(|&v| out.put_i32_le(v)),
        DType::I16 | DType::U16 | DType::F16 | DType::BF16 => {
            proto.int32_data.iter().for_each(|&v| out.put_u16_le(v as u16));
        }
        DType::I8
        | DType::U8
        | DType::Bool
        | DType::F8
        | DType::F8E4M3FN
        | DType::F8E5M2
        | DType::I4
        | DType::U4 => {
            proto.int32_data.iter().for_each(|&v| out.put_u8(v as u8));
        }
        DType::String | DType::Unknown => {}
    }
    out.freeze()
}

/// Dimensions as unsigned numbers.
fn sizes(dims: &[i64]) -> Result<Vec<u64>, String> {
    let all: Result<Vec<u64>, _> = dims.iter().map(|&d| u64::try_from(d)).collect();
    all.map_err(|_| format!("expected sizes of 0 or more, found shape {dims:?}"))
}

/// Number of elements of `shape`.
fn product(shape: &[u64]) -> Result<u64, String> {
    let mut nonzero = shape.iter().filter(|&&d| d > 0);
    // Without its zeros too, so that no partial product can overflow later on.
    let product = nonzero.try_fold(1u64, |a, &d| a.checked_mul(d));
    let product = product.filter(|&p| p <= i64::MAX as u64);
    let product = product.ok_or_else(|| format!("expected at most 2^63 elements, found shape {shape:?}"))?;
    Ok(if shape.contains(&0) { 0 } else { product })
}

/// The spec that `value` states, and a remark when it is no tensor.
pub(super) fn spec(value: &ValueInfoProto) -> Result<(TensorSpec, Option<&'static str>), Fault> {
    let Some(stated) = &value.r#type else {
        return Ok((TensorSpec::unknown(), None));
    };
    let remark = match stated {
        TypeProto {
            sequence_type: Some(_),
            ..
        } => Some("a sequence"),
        TypeProto {
            optional_type: Some(_),
            ..
        } => Some("an optional value"),
        _ => None,
    };
    let Some(stated) = &stated.tensor_type else {
        return Ok((TensorSpec::unknown(), remark));
    };
    let fault = |problem: String| Fault::new(format!("tensor {:?}", value.name), problem);
    let dtype = dtype(stated.elem_type).ok_or_else(|| {
        let number = stated.elem_type;
        fault(format!(
            "expected an element type of ONNX (1 to 26), found {number}"
        ))
    })?;
    let Some(shape) = &stated.shape else {
        return Ok((TensorSpec { axes: None, dtype }, remark));
    };
    let dims = shape
        .dim
        .iter()
        .map(|dim| match (&dim.dim_value, &dim.dim_param) {
            (Some(size), _) => u64::try_from(*size).map_or(Dim::Unknown, Dim::Known),
            // Exporters write "?" for any axis whose size they do not know.
            (None, Some(name)) if !name.is_empty() && name != "?" => Dim::Symbol(name.clone()),
            _ => Dim::Unknown,
        });
    let spec = TensorSpec::new(dtype, dims);
    let known: Vec<u64> = spec
        .dims()
        .unwrap_or_default()
        .iter()
        .filter_map(Dim::known)
        .collect();
    product(&known).map_err(fault)?;
    Ok((spec, remark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(data_type: i32, dims: &[i64]) -> TensorProto {
        TensorProto {
            name: "w".into(),
            data_type,
            dims: dims.to_vec(),
            ..Default::default()
        }
    }

    fn data(proto: &TensorProto) -> TensorData {
        match tensor(proto, &External::new(None)) {
            Ok(Stored::Data(data)) => data,
            Ok(Stored::Spec(_, why)) => panic!("{why}"),
            Err(fault) => panic!("{}: {}", fault.place, fault.problem),
        }
    }

    fn problem(proto: &TensorProto) -> String {
        match tensor(proto, &External::new(None)) {
            Err(fault) => format!("{}: {}", fault.place, fault.problem),
            Ok(_) => panic!("expected a fault"),
        }
    }

    #[test]
    fn typed_fields_become_little_endian_bytes() {
        let mut half = proto(10, &[2]);
        half.int32_data = vec![0x3c00, 0xc000];
        assert_eq!(data(&half).to_f32().unwrap(), [1.0, -2.0]);
        let mut bf16 = proto(16, &[1]);
        bf16.int32_data = vec![0x3f80];
        assert_eq!(data(&bf16).to_f32().unwrap(), [1.0]);
        let mut u32s = proto(12, &[1]);
        u32s.uint64_data = vec![7];
        assert_eq!(data(&u32s).to_i64().unwrap(), [7]);
        let mut int4 = proto(22, &[3]);
        int4.int32_data = vec![0x7f, 0x08];
        assert_eq!(data(&int4).to_i64().unwrap(), [-1, 7, -8]);
        let mut int8 = proto(3, &[2]);
        int8.int32_data = vec![-1, 5];
        assert_eq!(data(&int8).to_i64().unwrap(), [-1, 5]);
    }

    #[test]
    fn strings_are_packed_and_unpacked() {
        let mut named = proto(8, &[2]);
        named.string_data = vec![Bytes::from_static(b"cat"), Bytes::new()];
        assert_eq!(unpack_strings(&data(&named)), named.string_data);
    }

    #[test]
    fn data_that_disagrees_with_the_shape_is_an_error() {
        let mut short = proto(1, &[2, 2]);
        short.float_data = vec![1.0];
        let message = problem(&short);
        assert_eq!(
            message,
            r#"tensor "w": expected 16 bytes of data for float32 [2, 2], found 4"#
        );
        assert!(problem(&proto(1, &[1 << 40, 1 << 40])).contains("at most 2^63 elements"));
        assert!(problem(&proto(1, &[0, 1 << 40, 1 << 40])).contains("at most 2^63 elements"));
        assert!(problem(&proto(11, &[1 << 62])).contains("at most 2^61 bytes"));
        assert!(problem(&proto(1, &[-1])).contains("sizes of 0 or more"));
        assert!(problem(&proto(99, &[1])).contains("element type of ONNX"));
    }
}
