//! Tensors: element types, symbolic shapes with axis roles, and stored values.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::dim::{Bindings, Dim};

/// Element type of a tensor, in ONNX's set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum DType {
    F64,
    F32,
    F16,
    BF16,
    F8,
    I64,
    I32,
    I16,
    I8,
    I4,
    U64,
    U32,
    U16,
    U8,
    U4,
    Bool,
    String,
    Complex64,
    Complex128,
    /// The file does not say.
    Unknown,
}

impl DType {
    /// Bits of one element; 0 for strings and unknown types.
    pub fn bits(self) -> u64 {
        match self {
            DType::Complex128 => 128,
            DType::F64 | DType::I64 | DType::U64 | DType::Complex64 => 64,
            DType::F32 | DType::I32 | DType::U32 => 32,
            DType::F16 | DType::BF16 | DType::I16 | DType::U16 => 16,
            DType::F8 | DType::I8 | DType::U8 | DType::Bool => 8,
            DType::I4 | DType::U4 => 4,
            DType::String | DType::Unknown => 0,
        }
    }

    /// Bytes that `elements` of this type take, sub-byte types packed.
    pub fn bytes(self, elements: u64) -> u64 {
        elements.saturating_mul(self.bits()).div_ceil(8)
    }

    /// True for real floating-point types.
    pub fn is_float(self) -> bool {
        matches!(
            self,
            DType::F64 | DType::F32 | DType::F16 | DType::BF16 | DType::F8
        )
    }

    /// Short lower-case name as users write it (`float32`, `int64`).
    pub fn name(self) -> &'static str {
        match self {
            DType::F64 => "float64",
            DType::F32 => "float32",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F8 => "float8",
            DType::I64 => "int64",
            DType::I32 => "int32",
            DType::I16 => "int16",
            DType::I8 => "int8",
            DType::I4 => "int4",
            DType::U64 => "uint64",
            DType::U32 => "uint32",
            DType::U16 => "uint16",
            DType::U8 => "uint8",
            DType::U4 => "uint4",
            DType::Bool => "bool",
            DType::String => "string",
            DType::Complex64 => "complex64",
            DType::Complex128 => "complex128",
            DType::Unknown => "unknown",
        }
    }
}

/// What an axis means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Role {
    Batch,
    Channel,
    Depth,
    Height,
    Width,
    Token,
    Head,
    Feature,
    #[default]
    Other,
}

/// One axis of a tensor: its meaning and its size.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Axis {
    /// Meaning of the axis.
    pub role: Role,
    /// Number of elements along it, symbolic where unknown.
    pub size: Dim,
}

/// Shape and element type of a tensor. `axes` is `None` when even the rank is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Axes in memory order (row-major), outermost first; `None`: unknown rank.
    pub axes: Option<Vec<Axis>>,
    /// Element type.
    pub dtype: DType,
}

impl TensorSpec {
    /// Nothing known.
    pub fn unknown() -> Self {
        TensorSpec {
            axes: None,
            dtype: DType::Unknown,
        }
    }

    /// A spec with roles left to `Role::Other`.
    pub fn new(dtype: DType, dims: impl IntoIterator<Item = Dim>) -> Self {
        let axes = dims.into_iter().map(|size| Axis {
            role: Role::Other,
            size,
        });
        TensorSpec {
            axes: Some(axes.collect()),
            dtype,
        }
    }

    /// A spec of known sizes.
    pub fn fixed(dtype: DType, shape: &[u64]) -> Self {
        Self::new(dtype, shape.iter().map(|&d| Dim::Known(d)))
    }

    /// Number of axes, where known.
    pub fn rank(&self) -> Option<usize> {
        self.axes.as_ref().map(Vec::len)
    }

    /// Sizes in order, where the rank is known.
    pub fn dims(&self) -> Option<Vec<Dim>> {
        Some(self.axes.as_ref()?.iter().map(|a| a.size.clone()).collect())
    }

    /// Concrete sizes, when every axis is known under `bindings`.
    pub fn shape(&self, bindings: &Bindings) -> Option<Vec<u64>> {
        self.axes
            .as_ref()?
            .iter()
            .map(|a| a.size.eval(bindings))
            .collect()
    }

    /// Number of elements under `bindings`; `None` when unknown or above `u64`.
    pub fn elements(&self, bindings: &Bindings) -> Option<u64> {
        self.shape(bindings)?.into_iter().try_fold(1u64, u64::checked_mul)
    }
}

impl std::fmt::Display for TensorSpec {
    /// `float32 [N, 64, 56, 56]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.dtype.name())?;
        let Some(axes) = &self.axes else {
            return f.write_str(" [?]");
        };
        f.write_str(" [")?;
        for (i, axis) in axes.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", axis.size)?;
        }
        f.write_str("]")
    }
}

/// Stored values of a tensor: little-endian bytes, or one element repeated.
#[derive(Clone, PartialEq, Eq)]
pub struct TensorData {
    /// Element type.
    pub dtype: DType,
    /// Concrete shape, row-major.
    pub shape: Vec<u64>,
    /// The elements.
    pub payload: Payload,
}

/// How the elements of a [`TensorData`] are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// All elements in row-major order, little-endian, shared and unaligned.
    Bytes(Bytes),
    /// One element, little-endian, that fills the whole tensor (`ConstantOfShape`).
    Splat(Bytes),
}

impl std::fmt::Debug for TensorData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TensorData({} {:?})", self.dtype.name(), self.shape)
    }
}

impl TensorData {
    /// A float32 tensor from host values; `values.len()` must be the product of `shape`.
    pub fn from_f32(shape: &[u64], values: &[f32]) -> Self {
        debug_assert_eq!(shape.iter().product::<u64>(), values.len() as u64);
        TensorData {
            dtype: DType::F32,
            shape: shape.to_vec(),
            payload: Payload::Bytes(Bytes::copy_from_slice(bytemuck::cast_slice(values))),
        }
    }

    /// An int64 tensor from host values; `values.len()` must be the product of `shape`.
    pub fn from_i64(shape: &[u64], values: &[i64]) -> Self {
        debug_assert_eq!(shape.iter().product::<u64>(), values.len() as u64);
        TensorData {
            dtype: DType::I64,
            shape: shape.to_vec(),
            payload: Payload::Bytes(Bytes::copy_from_slice(bytemuck::cast_slice(values))),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product::<u64>() as usize
    }

    /// True when an axis is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements as float32 in row-major order; `None` for strings and complex numbers.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        self.decode(|d, b| Some(d.read(b)? as f32))
    }

    /// Elements as float64 in row-major order; `None` for strings and complex numbers.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        self.decode(|d, b| d.read(b))
    }

    /// Elements of an integer or boolean tensor as int64; `None` for other types.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        self.decode(|d, b| d.read_int(b))
    }

    fn decode<T: Clone>(&self, read: impl Fn(DType, &[u8]) -> Option<T>) -> Option<Vec<T>> {
        if matches!(self.dtype, DType::I4 | DType::U4) {
            return self.decode_nibbles(read);
        }
        let width = (self.dtype.bits() / 8) as usize;
        if width == 0 {
            return None;
        }
        match &self.payload {
            Payload::Bytes(bytes) => bytes.chunks_exact(width).map(|b| read(self.dtype, b)).collect(),
            Payload::Splat(one) => Some(vec![read(self.dtype, one)?; self.len()]),
        }
    }

    fn decode_nibbles<T: Clone>(&self, read: impl Fn(DType, &[u8]) -> Option<T>) -> Option<Vec<T>> {
        let value = |nibble: u8| read(self.dtype, &[nibble & 0xf]);
        match &self.payload {
            Payload::Splat(one) => Some(vec![value(*one.first()?)?; self.len()]),
            Payload::Bytes(bytes) => (0..self.len())
                .map(|i| value(bytes.get(i / 2)? >> (4 * (i % 2))))
                .collect(),
        }
    }

    /// The full row-major bytes, a splat written out.
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        match &self.payload {
            Payload::Bytes(bytes) => Cow::Borrowed(bytes),
            Payload::Splat(one) => Cow::Owned(one.repeat(self.len())),
        }
    }

    /// The spec of these values.
    pub fn spec(&self) -> TensorSpec {
        TensorSpec::fixed(self.dtype, &self.shape)
    }
}

impl DType {
    /// One little-endian element as a float.
    fn read(self, b: &[u8]) -> Option<f64> {
        Some(match self {
            DType::F64 => f64::from_le_bytes(b.try_into().ok()?),
            DType::F32 => f32::from_le_bytes(b.try_into().ok()?) as f64,
            DType::F16 => half::f16::from_le_bytes(b.try_into().ok()?).to_f64(),
            DType::BF16 => half::bf16::from_le_bytes(b.try_into().ok()?).to_f64(),
            DType::U64 => u64::from_le_bytes(b.try_into().ok()?) as f64,
            _ => self.read_int(b)? as f64,
        })
    }

    /// One little-endian element as an integer; `None` for floating-point types.
    fn read_int(self, b: &[u8]) -> Option<i64> {
        Some(match self {
            DType::I64 => i64::from_le_bytes(b.try_into().ok()?),
            DType::U64 => u64::from_le_bytes(b.try_into().ok()?) as i64,
            DType::I32 => i32::from_le_bytes(b.try_into().ok()?) as i64,
            DType::U32 => u32::from_le_bytes(b.try_into().ok()?) as i64,
            DType::I16 => i16::from_le_bytes(b.try_into().ok()?) as i64,
            DType::U16 => u16::from_le_bytes(b.try_into().ok()?) as i64,
            DType::I8 => b[0] as i8 as i64,
            DType::U8 => b[0] as i64,
            DType::Bool => (b[0] != 0) as i64,
            DType::U4 => b[0] as i64,
            DType::I4 => ((b[0] << 4) as i8 >> 4) as i64,
            _ => return None,
        })
    }
}
