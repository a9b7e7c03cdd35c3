//! TensorFlow's tensors as ours.

use bytes::Bytes;
use model::{DType, Payload, TensorData};

use super::frame::LONGEST;
use super::proto;

/// `DT_STRING`.
pub(super) const STRING: i32 = 7;

/// TensorFlow's numbers of element types (`types.proto`).
const TYPES: [(i32, DType); 15] = [
    (1, DType::F32),
    (2, DType::F64),
    (3, DType::I32),
    (4, DType::U8),
    (5, DType::I16),
    (6, DType::I8),
    (8, DType::Complex64),
    (9, DType::I64),
    (10, DType::Bool),
    (14, DType::BF16),
    (17, DType::U16),
    (18, DType::Complex128),
    (19, DType::F16),
    (22, DType::U32),
    (23, DType::U64),
];

/// Axes of a tensor, and the number of its elements.
pub(super) fn shape(tensor: &proto::Tensor) -> Result<(Vec<u64>, u64), String> {
    let shape = tensor.tensor_shape.clone().unwrap_or_default();
    if shape.unknown_rank {
        return Err("a tensor without a known number of axes".into());
    }
    let sizes: Vec<i64> = shape.dim.iter().map(|d| d.size).collect();
    let axis = |&s: &i64| u64::try_from(s).map_err(|_| format!("a tensor with axes {sizes:?}"));
    let axes = sizes.iter().map(axis).collect::<Result<Vec<_>, _>>()?;
    let count = axes.iter().try_fold(1u64, |n, &s| n.checked_mul(s));
    let count = count.filter(|&n| n <= LONGEST);
    Ok((
        axes,
        count.ok_or(format!("a tensor with axes {sizes:?} is too large"))?,
    ))
}

/// The elements of a tensor of numbers.
pub(super) fn numbers(tensor: &proto::Tensor) -> Result<TensorData, String> {
    let (shape, count) = shape(tensor)?;
    let of = TYPES.iter().find(|(number, _)| *number == tensor.dtype);
    let dtype = of.map(|(_, dtype)| *dtype);
    let dtype = dtype.ok_or(format!("a tensor of type {} is unknown", tensor.dtype))?;
    let width = (dtype.bits() / 8) as usize;
    let full = count as usize * width;
    let data = |payload| TensorData {
        dtype,
        shape: shape.clone(),
        payload,
    };
    if !tensor.tensor_content.is_empty() {
        if tensor.tensor_content.len() != full {
            let found = tensor.tensor_content.len();
            return Err(format!(
                "a tensor {} {shape:?} needs {full} bytes, found {found}",
                dtype.name()
            ));
        }
        return Ok(data(Payload::Bytes(tensor.tensor_content.clone())));
    }
    let t = tensor;
    let mut bytes: Vec<u8> = match dtype {
        DType::F32 => t.float_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::F64 => t.double_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::I64 => t.int64_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::U64 => t.uint64_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::U32 => t.uint32_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::Bool => t.bool_val.iter().map(|&v| v as u8).collect(),
        DType::F16 | DType::BF16 => t
            .half_val
            .iter()
            .flat_map(|v| (*v as u16).to_le_bytes())
            .collect(),
        DType::Complex64 => t.scomplex_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DType::Complex128 => t.dcomplex_val.iter().flat_map(|v| v.to_le_bytes()).collect(),
        _ => (t.int_val.iter())
            .flat_map(|v| v.to_le_bytes().into_iter().take(width))
            .collect(),
    };
    // Fewer values than elements: the last one repeats; none at all: zeros (`tensor.proto`).
    if bytes.len() > full || !bytes.len().is_multiple_of(width) {
        let found = bytes.len() / width;
        return Err(format!("a tensor {} {shape:?} has {found} values", dtype.name()));
    }
    if bytes.len() == full {
        return Ok(data(Payload::Bytes(bytes.into())));
    }
    if bytes.len() <= width && count < 1 << 24 {
        bytes.resize(width, 0);
        return Ok(data(Payload::Splat(bytes.into())));
    }
    // A short list that stands for a large tensor would multiply what a file may allocate.
    if full > 64 * bytes.len() + (1 << 20) {
        let found = bytes.len() / width;
        return Err(format!("a tensor {} {shape:?} has {found} values", dtype.name()));
    }
    let last = bytes[bytes.len() - width..].to_vec();
    while bytes.len() < full {
        bytes.extend(&last);
    }
    Ok(data(Payload::Bytes(bytes.into())))
}

/// A tensor as TensorFlow's, with its elements as bytes; `None` for types that it lacks.
pub(super) fn message(data: &TensorData) -> Option<proto::Tensor> {
    let (number, _) = TYPES.iter().find(|(_, dtype)| *dtype == data.dtype)?;
    Some(proto::Tensor {
        dtype: *number,
        tensor_shape: Some(axes(&data.shape)),
        tensor_content: Bytes::copy_from_slice(&data.to_bytes()),
        ..proto::Tensor::default()
    })
}

/// A tensor of strings.
pub(super) fn strings(shape: &[u64], values: Vec<Vec<u8>>) -> proto::Tensor {
    proto::Tensor {
        dtype: STRING,
        tensor_shape: Some(axes(shape)),
        string_val: values,
        ..proto::Tensor::default()
    }
}

fn axes(shape: &[u64]) -> proto::Shape {
    proto::Shape {
        dim: shape.iter().map(|&s| proto::Dim { size: s as i64 }).collect(),
        unknown_rank: false,
    }
}
