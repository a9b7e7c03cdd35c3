//! Floats of eight and four bits (Micikevicius et al. 2022, "FP8 formats for deep learning"; OCP
//! microscaling formats 1.0).

use crate::DType;

/// How the bits of a small float are laid out.
struct Layout {
    mantissa: u32,
    bias: i32,
    /// Largest finite value.
    max: f32,
    /// The code of infinity, where there is one.
    infinity: Option<u8>,
    /// The code of NaN, where there is one.
    nan: Option<u8>,
    /// No negative zero: its code is NaN.
    unsigned_zero: bool,
    /// Place of the sign bit.
    sign: u32,
}

fn layout(dtype: DType) -> Option<Layout> {
    let of = |mantissa, bias, max, infinity, nan, unsigned_zero, sign| Layout {
        mantissa,
        bias,
        max,
        infinity,
        nan,
        unsigned_zero,
        sign,
    };
    Some(match dtype {
        DType::F8E4M3FN => of(3, 7, 448.0, None, Some(0x7f), false, 7),
        DType::F8E4M3FNUZ => of(3, 8, 240.0, None, Some(0x80), true, 7),
        DType::F8E5M2 => of(2, 15, 57344.0, Some(0x7c), Some(0x7e), false, 7),
        DType::F8E5M2FNUZ => of(2, 16, 57344.0, None, Some(0x80), true, 7),
        DType::F4E2M1 => of(1, 1, 6.0, None, None, false, 3),
        _ => return None,
    })
}

/// The value of a code; `None` for element types that are no small floats.
pub fn decode(dtype: DType, code: u8) -> Option<f32> {
    if dtype == DType::F8E8M0 {
        let value = 2f64.powi(code as i32 - 127) as f32;
        return Some(if code == 0xff { f32::NAN } else { value });
    }
    let l = layout(dtype)?;
    let sign = 1u8 << l.sign;
    let magnitude = code & (sign - 1);
    let sign = if code & sign != 0 { -1.0 } else { 1.0 };
    if l.unsigned_zero && l.nan == Some(code) {
        return Some(f32::NAN);
    }
    if l.infinity == Some(magnitude) {
        return Some(sign * f32::INFINITY);
    }
    let fraction = (magnitude & ((1 << l.mantissa) - 1)) as f32 / (1u32 << l.mantissa) as f32;
    let exponent = (magnitude >> l.mantissa) as i32;
    let value = match exponent {
        0 => fraction * 2f32.powi(1 - l.bias),
        e => (1.0 + fraction) * 2f32.powi(e - l.bias),
    };
    // Codes above the largest value are NaN.
    Some(if value > l.max { f32::NAN } else { sign * value })
}

/// The nearest code of `value`, ties to even. What is too large becomes the largest value when it
/// saturates, else infinity, or NaN in formats without one. `None` as in [`decode`].
pub fn encode(dtype: DType, value: f32, saturate: bool) -> Option<u8> {
    if dtype == DType::F8E8M0 {
        return Some(encode_exponent(value, Rounding::Nearest, saturate));
    }
    let l = layout(dtype)?;
    let sign = if value.is_sign_negative() {
        1u8 << l.sign
    } else {
        0
    };
    if value.is_nan() {
        // float4 has no NaN; its negative zero stands for one, as in the ml_dtypes library.
        return Some(match l.nan {
            Some(nan) if l.unsigned_zero => nan,
            Some(nan) => nan | sign,
            None => 1 << l.sign,
        });
    }
    let magnitude = value.abs() as f64;
    let lowest = 1 - l.bias;
    let exponent = |v: f64| {
        if v > 0.0 {
            (v.log2().floor() as i32).max(lowest)
        } else {
            lowest
        }
    };
    let step = 2f64.powi(exponent(magnitude) - l.mantissa as i32);
    let rounded = if magnitude.is_finite() {
        (magnitude / step).round_ties_even() * step
    } else {
        magnitude
    };
    let largest = rounded > l.max as f64;
    if largest && !saturate && l.max > 6.0 {
        return Some(match (l.infinity, l.nan) {
            (Some(infinity), _) => infinity | sign,
            (None, Some(nan)) if l.unsigned_zero => nan,
            (None, nan) => nan.unwrap_or_default() | sign,
        });
    }
    let rounded = if largest { l.max as f64 } else { rounded };
    let e = exponent(rounded);
    let units = (rounded / 2f64.powi(e - l.mantissa as i32)) as u32;
    // Normal numbers have the hidden unit, subnormal ones the exponent field 0.
    let hidden = 1u32 << l.mantissa;
    let code = if units >= hidden {
        ((((e + l.bias) as u32) << l.mantissa) + units - hidden) as u8
    } else {
        units as u8
    };
    Some(if code == 0 && l.unsigned_zero {
        0
    } else {
        code | sign
    })
}

/// Which power of two stands for a number between two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Rounding {
    Nearest,
    Up,
    Down,
}

/// `value` as a power of two (float8 of an exponent only), by its bits as ONNX's `Cast` has it.
pub fn encode_exponent(value: f32, rounding: Rounding, saturate: bool) -> u8 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xff) as u16;
    if exponent == 0xff {
        return 0xff;
    }
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => bits & 0x7f_ffff != 0,
        Rounding::Nearest => bits & 0x40_0000 != 0 && (bits & 0x3f_ffff != 0 || exponent > 0),
    };
    let full = exponent == 0xfe && saturate;
    (exponent + u16::from(up && !full)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [DType; 5] = [
        DType::F8E4M3FN,
        DType::F8E4M3FNUZ,
        DType::F8E5M2,
        DType::F8E5M2FNUZ,
        DType::F4E2M1,
    ];

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for dtype in ALL {
            let codes = if dtype == DType::F4E2M1 { 16 } else { 256 };
            for code in 0..codes {
                let value = decode(dtype, code as u8).unwrap();
                let again = encode(dtype, value, false).unwrap();
                if value.is_nan() {
                    assert!(decode(dtype, again).unwrap().is_nan(), "{dtype:?} {code}");
                } else {
                    assert_eq!(again, code as u8, "{dtype:?} {value}");
                }
            }
        }
    }

    #[test]
    fn large_values_saturate_or_overflow() {
        let code = |d, v, s| decode(d, encode(d, v, s).unwrap()).unwrap();
        assert_eq!(code(DType::F8E4M3FN, 1e6, true), 448.0);
        assert!(code(DType::F8E4M3FN, 1e6, false).is_nan());
        assert_eq!(code(DType::F8E5M2, -1e6, false), f32::NEG_INFINITY);
        assert_eq!(code(DType::F8E5M2FNUZ, f32::INFINITY, true), 57344.0);
        assert_eq!(code(DType::F4E2M1, -9.0, false), -6.0);
        // Halfway to the next value beyond the largest rounds to even, down to the largest.
        assert_eq!(code(DType::F8E4M3FN, 464.0, false), 448.0);
    }

    #[test]
    fn exponents_round_as_asked() {
        let of = |v, r| decode(DType::F8E8M0, encode_exponent(v, r, true)).unwrap();
        assert_eq!(of(1.1, Rounding::Up), 2.0);
        assert_eq!(of(1.1, Rounding::Down), 1.0);
        assert_eq!(of(1.5, Rounding::Nearest), 2.0);
    }
}
