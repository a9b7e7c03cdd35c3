//! Conversion between element types. float16, bfloat16 and float64 stay float32 here; smaller
//! floats are rounded to what their type can say.

use burn_backend::Backend;
use model::minifloat::{Rounding, decode, encode, encode_exponent};
use model::{DType, TensorData};

use super::plain::{Call, Plain};
use super::{Context, Output};
use crate::value::{Ints, Texts, Value, dims, float, truncate, wrap};

/// True when a cast to `dtype` needs the numbers of a float input.
pub fn looks(dtype: DType) -> bool {
    dtype.is_small_float() || !dtype.is_float()
}

/// `Cast` to the element type `to`.
pub fn cast<B: Backend>(c: &Context<B>, to: DType) -> Output<B> {
    let x = c.value(0)?;
    if to.is_small_float() {
        let values = match x {
            Value::Int(i) => i.floats(),
            Value::Text(t) => numbers(t)?.into_iter().map(|v| v as f32).collect(),
            _ => c.host(0)?.to_vec(),
        };
        let (saturate, how) = (c.attrs().flag("saturate", true)?, rounding(c)?);
        let round = |v: f32| round(to, v, saturate, how).ok_or("not a small float");
        let values = values.into_iter().map(round).collect::<Result<Vec<_>, _>>()?;
        return Ok(Value::Float(float::<B>(values, &x.shape(), c.device)));
    }
    Ok(match (x, to) {
        (Value::Text(t), DType::String) => Value::Text(t.clone()),
        (Value::Text(t), to) if to.is_float() => {
            let values = numbers(t)?.into_iter().map(|v| v as f32).collect();
            Value::Float(float::<B>(values, &t.shape, c.device))
        }
        (Value::Text(t), to) => {
            let whole = |s: &String| s.trim().parse::<i64>().ok();
            let exact: Option<Vec<i64>> = t.data.iter().map(whole).collect();
            let data = match exact {
                Some(data) => data.into_iter().map(|v| wrap(to, v)).collect(),
                None => numbers(t)?.into_iter().map(|v| truncate(to, v)).collect(),
            };
            Value::Int(Ints::new(t.shape.clone(), data).typed(to))
        }
        (Value::Int(i), DType::String) => {
            let text = |&v: &i64| match i.dtype {
                DType::U64 => (v as u64).to_string(),
                DType::Bool => if v != 0 { "True" } else { "False" }.to_string(),
                _ => v.to_string(),
            };
            Value::Text(Texts::new(i.shape.clone(), i.data.iter().map(text).collect()))
        }
        (Value::Float(t), DType::String) => {
            let texts = c.host(0)?.iter().map(|&v| text(v)).collect();
            Value::Text(Texts::new(dims::<B>(t), texts))
        }
        (x, to) if to.is_float() => Value::Float(x.floats(c.device)?),
        (Value::Int(i), to) => {
            let data = i.data.iter().map(|&v| wrap(to, v)).collect();
            Value::Int(Ints::new(i.shape.clone(), data).typed(to))
        }
        (Value::Float(t), to) => {
            let data = c.host(0)?.iter().map(|&v| truncate(to, v as f64)).collect();
            Value::Int(Ints::new(dims::<B>(t), data).typed(to))
        }
        (other, _) => return Err(other.unexpected("a tensor is")),
    })
}

/// `CastLike`: to the type of input 1.
pub fn cast_like<B: Backend>(c: &Context<B>) -> Output<B> {
    cast(c, c.dtype(1))
}

fn rounding<B: Backend>(c: &Context<B>) -> Result<Rounding, String> {
    Ok(match c.attrs().string("round_mode", "up")? {
        "up" => Rounding::Up,
        "down" => Rounding::Down,
        "nearest" => Rounding::Nearest,
        other => return Err(format!("rounding {other:?}: up, down or nearest is expected")),
    })
}

/// What `value` becomes as a small float.
fn round(to: DType, value: f32, saturate: bool, how: Rounding) -> Option<f32> {
    let code = match to {
        DType::F8E8M0 => encode_exponent(value, how, saturate),
        to => encode(to, value, saturate)?,
    };
    decode(to, code)
}

fn numbers(texts: &Texts) -> Result<Vec<f64>, String> {
    let parse = |s: &String| s.trim().parse::<f64>().map_err(|_| format!("{s:?} is no number"));
    texts.data.iter().map(parse).collect()
}

/// A float as Python writes it.
fn text(v: f32) -> String {
    match v {
        v if v.is_nan() => "nan".into(),
        v if v.is_infinite() => if v > 0.0 { "inf" } else { "-inf" }.into(),
        v if v != 0.0 && !(1e-4..1e16).contains(&v.abs()) => {
            let text = format!("{v:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(e) => ('-', e),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        v => format!("{v:?}"),
    }
}

/// `BitCast`: the same bits as another type of the same width.
pub fn bit_cast(c: &Call) -> Result<Vec<Plain>, String> {
    let to = c.attrs().int("to", 0)?;
    let to = onnx_type(to).ok_or_else(|| format!("element type {to} of ONNX"))?;
    let x = c.input(0)?;
    let sizes: Vec<u64> = x.shape().iter().map(|&d| d as u64).collect();
    let data = match x {
        Plain::Float(f) => TensorData::from_floats(c.dtype(0), &sizes, &f.data),
        Plain::Int(i) => TensorData::from_ints(i.dtype, &sizes, &i.data),
        Plain::Text(_) => None,
    };
    let mut data = data.ok_or("the bits of this element type cannot be taken")?;
    if data.dtype.bits() != to.bits() {
        let (from, to) = (data.dtype.name(), to.name());
        return Err(format!("{from} and {to} differ in width"));
    }
    data.dtype = to;
    let shape = x.shape().to_vec();
    let wrong = || format!("{} has no bits", to.name());
    Ok(vec![if to.is_float() {
        Plain::floats(shape, data.to_f32().ok_or_else(wrong)?)
    } else {
        Plain::ints(shape, data.to_i64().ok_or_else(wrong)?, to)
    }])
}

/// The element type with the given number in ONNX.
pub fn onnx_type(number: i64) -> Option<DType> {
    use DType::*;
    const TYPES: [DType; 27] = [
        Unknown, F32, U8, I8, U16, I16, I32, I64, String, Bool, F16, F64, U32, U64, Complex64, Complex128,
        BF16, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, U4, I4, F4E2M1, F8E8M0, U2, I2,
    ];
    let found = TYPES.get(usize::try_from(number).ok()?).copied();
    found.filter(|&d| d != Unknown)
}
