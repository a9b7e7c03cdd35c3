//! Element types.

use serde::{Deserialize, Serialize};

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

impl DType {
    /// One little-endian element as a float.
    pub(super) fn read(self, b: &[u8]) -> Option<f64> {
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
    pub(super) fn read_int(self, b: &[u8]) -> Option<i64> {
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
