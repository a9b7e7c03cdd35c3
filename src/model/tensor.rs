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
    F8E4M3FN,
    F8E4M3FNUZ,
    F8E5M2,
    F8E5M2FNUZ,
    /// A power of two: an exponent without sign and mantissa.
    F8E8M0,
    F4E2M1,
    I64,
    I32,
    I16,
    I8,
    I4,
    I2,
    U64,
    U32,
    U16,
    U8,
    U4,
    U2,
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
            DType::F8E4M3FN | DType::F8E4M3FNUZ | DType::F8E5M2 | DType::F8E5M2FNUZ | DType::F8E8M0 => 8,
            DType::I8 | DType::U8 | DType::Bool => 8,
            DType::I4 | DType::U4 | DType::F4E2M1 => 4,
            DType::I2 | DType::U2 => 2,
            DType::String | DType::Unknown => 0,
        }
    }

    /// Bytes that `elements` of this type take, sub-byte types packed.
    pub fn bytes(self, elements: u64) -> u64 {
        elements.saturating_mul(self.bits()).div_ceil(8)
    }

    /// True for real floating-point types.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F64 | DType::F32 | DType::F16 | DType::BF16) || self.is_small_float()
    }

    /// True for floats of eight or four bits ([`crate::minifloat`]).
    pub fn is_small_float(self) -> bool {
        matches!(
            self,
            DType::F8E4M3FN
                | DType::F8E4M3FNUZ
                | DType::F8E5M2
                | DType::F8E5M2FNUZ
                | DType::F8E8M0
                | DType::F4E2M1
        )
    }

    /// True for integers, without booleans.
    pub fn is_integer(self) -> bool {
        self.is_unsigned()
            || matches!(
                self,
                DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::I4 | DType::I2
            )
    }

    /// True for unsigned integers.
    pub fn is_unsigned(self) -> bool {
        matches!(
            self,
            DType::U64 | DType::U32 | DType::U16 | DType::U8 | DType::U4 | DType::U2
        )
    }

    /// Short lower-case name as users write it (`float32`, `int64`).
    pub fn name(self) -> &'static str {
        match self {
            DType::F64 => "float64",
            DType::F32 => "float32",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F8E4M3FN => "float8_e4m3fn",
            DType::F8E4M3FNUZ => "float8_e4m3fnuz",
            DType::F8E5M2 => "float8_e5m2",
            DType::F8E5M2FNUZ => "float8_e5m2fnuz",
            DType::F8E8M0 => "float8_e8m0",
            DType::F4E2M1 => "float4_e2m1",
            DType::I64 => "int64",
            DType::I32 => "int32",
            DType::I16 => "int16",
            DType::I8 => "int8",
            DType::I4 => "int4",
            DType::I2 => "int2",
            DType::U64 => "uint64",
            DType::U32 => "uint32",
            DType::U16 => "uint16",
            DType::U8 => "uint8",
            DType::U4 => "uint4",
            DType::U2 => "uint2",
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

    /// A tensor of any real float type from float32 values, rounded to nearest; what is too large
    /// becomes infinite, or NaN in types without infinity. `None` for other element types. `values.len()` must be the product of `shape`.
    pub fn from_floats(dtype: DType, shape: &[u64], values: &[f32]) -> Option<Self> {
        debug_assert_eq!(shape.iter().product::<u64>(), values.len() as u64);
        let mut bytes = Vec::with_capacity(values.len() * 4);
        match dtype {
            DType::F32 => values.iter().for_each(|v| bytes.extend(v.to_le_bytes())),
            DType::F64 => values
                .iter()
                .for_each(|&v| bytes.extend((v as f64).to_le_bytes())),
            DType::F16 => {
                let half = |&v: &f32| half::f16::from_f32(v).to_le_bytes();
                values.iter().for_each(|v| bytes.extend(half(v)));
            }
            DType::BF16 => {
                let half = |&v: &f32| half::bf16::from_f32(v).to_le_bytes();
                values.iter().for_each(|v| bytes.extend(half(v)));
            }
            small => {
                let codes = values.iter().map(|&v| crate::minifloat::encode(small, v, false));
                bytes = pack(small, &codes.collect::<Option<Vec<u8>>>()?);
            }
        }
        Some(TensorData {
            dtype,
            shape: shape.to_vec(),
            payload: Payload::Bytes(bytes.into()),
        })
    }

    /// A tensor of integers or booleans from the low bits of `values`; `None` for other element
    /// types. `values.len()` must be the product of `shape`.
    pub fn from_ints(dtype: DType, shape: &[u64], values: &[i64]) -> Option<Self> {
        debug_assert_eq!(shape.iter().product::<u64>(), values.len() as u64);
        if !dtype.is_integer() && dtype != DType::Bool {
            return None;
        }
        let bytes = if dtype.bits() < 8 {
            pack(dtype, &values.iter().map(|&v| v as u8).collect::<Vec<_>>())
        } else {
            let width = (dtype.bits() / 8) as usize;
            let of = |&v: &i64| v.to_le_bytes().into_iter().take(width);
            values.iter().flat_map(of).collect()
        };
        Some(TensorData {
            dtype,
            shape: shape.to_vec(),
            payload: Payload::Bytes(bytes.into()),
        })
    }

    /// A tensor of strings: each as its length in four little-endian bytes and then its bytes.
    /// `values.len()` must be the product of `shape`.
    pub fn from_strings<S: AsRef<[u8]>>(shape: &[u64], values: &[S]) -> Self {
        debug_assert_eq!(shape.iter().product::<u64>(), values.len() as u64);
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend((value.as_ref().len() as u32).to_le_bytes());
            bytes.extend(value.as_ref());
        }
        TensorData {
            dtype: DType::String,
            shape: shape.to_vec(),
            payload: Payload::Bytes(bytes.into()),
        }
    }

    /// The elements of a tensor of strings, each as its bytes; `None` for other types.
    pub fn to_strings(&self) -> Option<Vec<Bytes>> {
        if self.dtype != DType::String {
            return None;
        }
        let packed = match &self.payload {
            Payload::Bytes(bytes) | Payload::Splat(bytes) => bytes,
        };
        let mut values = Vec::new();
        let mut at = 0;
        while let Some(head) = packed.get(at..at + 4) {
            let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let end = (at + 4 + length).min(packed.len());
            values.push(packed.slice(at + 4..end));
            at = end;
        }
        Some(values)
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
        if (1..8).contains(&self.dtype.bits()) {
            return self.decode_packed(read);
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

    /// Elements narrower than a byte: the first stands in the lowest bits.
    fn decode_packed<T: Clone>(&self, read: impl Fn(DType, &[u8]) -> Option<T>) -> Option<Vec<T>> {
        let bits = self.dtype.bits() as usize;
        let value = |byte: u8| read(self.dtype, &[byte & ((1u8 << bits) - 1)]);
        match &self.payload {
            Payload::Splat(one) => Some(vec![value(*one.first()?)?; self.len()]),
            Payload::Bytes(bytes) => (0..self.len())
                .map(|i| value(bytes.get(i * bits / 8)? >> (i * bits % 8)))
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

/// Codes of elements of at most a byte, packed; the first stands in the lowest bits.
fn pack(dtype: DType, codes: &[u8]) -> Vec<u8> {
    let bits = dtype.bits() as usize;
    if bits == 8 {
        return codes.to_vec();
    }
    let mut bytes = vec![0u8; (codes.len() * bits).div_ceil(8)];
    for (i, code) in codes.iter().enumerate() {
        bytes[i * bits / 8] |= (code & ((1 << bits) - 1)) << (i * bits % 8);
    }
    bytes
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
            small if small.is_small_float() => crate::minifloat::decode(small, *b.first()?)? as f64,
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
            DType::U4 | DType::U2 => b[0] as i64,
            DType::I4 => ((b[0] << 4) as i8 >> 4) as i64,
            DType::I2 => ((b[0] << 6) as i8 >> 6) as i64,
            _ => return None,
        })
    }
}
