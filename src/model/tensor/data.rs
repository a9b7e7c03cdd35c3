//! Stored values of tensors.

use std::borrow::Cow;

use bytes::Bytes;

use super::{DType, TensorSpec};
use crate::blocks::Blocks;

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
        Some(values)
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
            Payload::Strided(_) | Payload::Blocks(_) => {
                let bytes = self.to_bytes();
                bytes.chunks_exact(width).map(|b| read(self.dtype, b)).collect()
            }
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
