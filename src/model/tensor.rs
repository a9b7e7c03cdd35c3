//! Tensors: element types, symbolic shapes with axis roles, and stored values.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
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
    /// 8 bits of a format that is not kept.
    F8,
    /// 4 bits of exponent, 3 of mantissa, no infinities (Micikevicius et al. 2022).
    F8E4M3FN,
    /// 5 bits of exponent, 2 of mantissa, as the upper half of a float16.
    F8E5M2,
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
            DType::F8 | DType::F8E4M3FN | DType::F8E5M2 | DType::I8 | DType::U8 | DType::Bool => 8,
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
            DType::F64 | DType::F32 | DType::F16 | DType::BF16 | DType::F8 | DType::F8E4M3FN | DType::F8E5M2
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
            DType::F8E4M3FN => "float8_e4m3fn",
            DType::F8E5M2 => "float8_e5m2",
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
    /// Little-endian elements in another order than row-major.
    Strided(Strided),
    /// Float32 elements quantised in blocks.
    Blocks(Blocks),
}

/// Elements that stand apart from each other, such as those of a transposed matrix: the file's
/// bytes are shared and put in order when they are read.
#[derive(Clone, PartialEq, Eq)]
pub struct Strided {
    bytes: Bytes,
    strides: Vec<u64>,
}

impl Strided {
    /// The bytes as the file has them, from the first element on.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Distance of neighbours along each axis, in elements.
    pub fn strides(&self) -> &[u64] {
        &self.strides
    }

    /// The elements of `width` bytes of a tensor of `shape` in row-major order.
    fn gather(&self, shape: &[u64], width: usize) -> Vec<u8> {
        // The last two axes are walked in tiles, which keeps both sides of a transposition in cache.
        const TILE: usize = 32;
        let count = shape.iter().product::<u64>() as usize;
        let mut out = vec![0; count * width];
        if count == 0 {
            return out;
        }
        let axis = |back: usize| match shape.len().checked_sub(back) {
            Some(i) => (shape[i] as usize, self.strides[i] as usize),
            None => (1, 0),
        };
        let ((rows, down), (columns, right)) = (axis(2), axis(1));
        let outer = shape.len().saturating_sub(2);
        let mut index = vec![0u64; outer];
        for block in 0..count / (rows * columns) {
            let start: u64 = index.iter().zip(&self.strides).map(|(i, s)| i * s).sum();
            for tile in (0..rows.div_ceil(TILE) * columns.div_ceil(TILE)).map(|t| t * TILE) {
                let wide = columns.div_ceil(TILE) * TILE;
                let (top, left) = (tile / wide * TILE, tile % wide);
                for i in top..(top + TILE).min(rows) {
                    for j in left..(left + TILE).min(columns) {
                        let from = (start as usize + i * down + j * right) * width;
                        let to = ((block * rows + i) * columns + j) * width;
                        out[to..to + width].copy_from_slice(&self.bytes[from..from + width]);
                    }
                }
            }
            for a in (0..outer).rev() {
                index[a] += 1;
                if index[a] < shape[a] {
                    break;
                }
                index[a] = 0;
            }
        }
        out
    }
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

    /// A tensor whose element `(i, j, ...)` is number `i * strides[0] + j * strides[1] + ...` of
    /// `bytes`, little-endian. `None` where the bytes do not reach that far, the number of elements
    /// has no name in `i64`, or elements are no whole bytes.
    pub fn strided(dtype: DType, shape: &[u64], strides: &[u64], bytes: Bytes) -> Option<Self> {
        let width = dtype.bits() / 8;
        let mut nonzero = shape.iter().filter(|&&d| d > 0);
        let count = nonzero.try_fold(1u64, |n, &d| n.checked_mul(d));
        count?.checked_mul(width).filter(|&n| n <= i64::MAX as u64)?;
        if shape.len() != strides.len() || width == 0 {
            return None;
        }
        let mut last = Some(0u64);
        let mut next = 1u64;
        let mut in_order = true;
        for (&size, &stride) in shape.iter().zip(strides).rev() {
            last = last?.checked_add(size.saturating_sub(1).checked_mul(stride)?);
            in_order &= size <= 1 || stride == next;
            next = next.saturating_mul(size);
        }
        let needed = match shape.contains(&0) {
            true => 0,
            false => last?.checked_add(1)?.checked_mul(width)?,
        };
        if needed > bytes.len() as u64 {
            return None;
        }
        let bytes = bytes.slice(..needed as usize);
        let payload = match in_order || needed == 0 {
            true => Payload::Bytes(bytes),
            false => Payload::Strided(Strided {
                bytes,
                strides: strides.to_vec(),
            }),
        };
        Some(TensorData {
            dtype,
            shape: shape.to_vec(),
            payload,
        })
    }

    /// A matrix with rows and columns exchanged, its bytes shared; `None` for other ranks, and for
    /// elements that are no whole bytes.
    pub fn transposed(&self) -> Option<Self> {
        let [rows, columns] = self.shape[..] else {
            return None;
        };
        let shape = [columns, rows];
        match &self.payload {
            Payload::Bytes(bytes) => Self::strided(self.dtype, &shape, &[1, columns], bytes.clone()),
            Payload::Strided(s) => {
                Self::strided(self.dtype, &shape, &[s.strides[1], s.strides[0]], s.bytes.clone())
            }
            Payload::Splat(_) => Some(TensorData {
                shape: shape.to_vec(),
                ..self.clone()
            }),
            // Blocks run along rows.
            Payload::Blocks(_) => None,
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
            Payload::Strided(_) | Payload::Blocks(_) => {
                let bytes = self.to_bytes();
                bytes.chunks_exact(width).map(|b| read(self.dtype, b)).collect()
            }
        }
    }

    fn decode_nibbles<T: Clone>(&self, read: impl Fn(DType, &[u8]) -> Option<T>) -> Option<Vec<T>> {
        let value = |nibble: u8| read(self.dtype, &[nibble & 0xf]);
        match &self.payload {
            Payload::Splat(one) => Some(vec![value(*one.first()?)?; self.len()]),
            Payload::Bytes(bytes) => (0..self.len())
                .map(|i| value(bytes.get(i / 2)? >> (4 * (i % 2))))
                .collect(),
            // Halves of bytes have no strides, and blocks are of floats.
            Payload::Strided(_) | Payload::Blocks(_) => None,
        }
    }

    /// The full row-major bytes, a splat written out, strided elements put in order, blocks decoded.
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        match &self.payload {
            Payload::Bytes(bytes) => Cow::Borrowed(bytes),
            Payload::Splat(one) => Cow::Owned(one.repeat(self.len())),
            Payload::Blocks(blocks) => {
                Cow::Owned(blocks.decode().iter().flat_map(|v| v.to_le_bytes()).collect())
            }
            Payload::Strided(strided) => {
                Cow::Owned(strided.gather(&self.shape, (self.dtype.bits() / 8) as usize))
            }
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
            DType::F8E5M2 => half::f16::from_bits(u16::from(b[0]) << 8).to_f64(),
            DType::F8E4M3FN => e4m3(b[0]),
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

/// A float8 of 4 bits of exponent (bias 7) and 3 of mantissa; all ones are NaN.
fn e4m3(byte: u8) -> f64 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f64::from(byte & 7));
    let size = match (exponent, byte & 7) {
        (15, 7) => f64::NAN,
        (0, _) => mantissa * 2f64.powi(-9),
        _ => (1.0 + mantissa / 8.0) * 2f64.powi(exponent - 7),
    };
    if byte & 0x80 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_elements_are_read_in_order() {
        let values: Vec<f32> = (0..70 * 90).map(|i| i as f32).collect();
        let plain = TensorData::from_f32(&[70, 90], &values);
        let turned = plain.transposed().unwrap();
        assert_eq!(turned.shape, [90, 70]);
        let read = turned.to_f32().unwrap();
        for (i, j) in [(0, 0), (0, 69), (89, 0), (89, 69), (33, 31), (31, 33)] {
            assert_eq!(read[i * 70 + j], values[j * 90 + i]);
        }
        assert_eq!(turned.transposed().unwrap().to_f32().unwrap(), values);
        // [2, 3, 2] out of every second element, and one row repeated.
        let Payload::Bytes(bytes) = plain.payload.clone() else {
            panic!("plain values are bytes")
        };
        let odd = TensorData::strided(DType::F32, &[2, 3, 2], &[100, 2, 1], bytes.clone()).unwrap();
        assert_eq!(
            odd.to_f32().unwrap(),
            [0., 1., 2., 3., 4., 5., 100., 101., 102., 103., 104., 105.]
        );
        let repeated = TensorData::strided(DType::F32, &[2, 2], &[0, 1], bytes.clone()).unwrap();
        assert_eq!(repeated.to_f32().unwrap(), [0., 1., 0., 1.]);
        let end = 70 * 90;
        assert!(TensorData::strided(DType::F32, &[2], &[end - 1], bytes.clone()).is_some());
        assert!(TensorData::strided(DType::F32, &[2], &[end], bytes.clone()).is_none());
        assert!(TensorData::strided(DType::F32, &[2], &[u64::MAX], bytes.clone()).is_none());
        assert!(TensorData::strided(DType::F32, &[1 << 40, 1 << 40], &[0, 0], bytes).is_none());
    }

    #[test]
    fn eight_bit_floats_are_decoded() {
        let read = |dtype, bytes: &'static [u8]| {
            let data = TensorData {
                dtype,
                shape: vec![bytes.len() as u64],
                payload: Payload::Bytes(Bytes::from_static(bytes)),
            };
            data.to_f32().unwrap()
        };
        assert_eq!(
            read(DType::F8E4M3FN, &[0x38, 0xb8, 0x7e, 0x01, 0x40, 0x08]),
            [1.0, -1.0, 448.0, 0.001953125, 2.0, 0.015625]
        );
        assert!(read(DType::F8E4M3FN, &[0x7f])[0].is_nan());
        assert_eq!(read(DType::F8E5M2, &[0x3c, 0xc0, 0x7b]), [1.0, -2.0, 57344.0]);
    }
}
