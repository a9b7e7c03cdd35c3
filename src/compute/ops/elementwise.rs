//! Elementwise functions, with NumPy broadcasting.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::DType;
use model::op::{Binary, Unary};
use rten_vecmath as vec;

use super::{Context, Output, host};
use crate::value::{Ints, Value, broadcast, dims, expand, order, raise, spread, truncate, wrap};

/// A function of one value; integers go through floats where the function is not exact on them.
pub fn unary_value<B: Backend>(c: &Context<B>, x: &Value<B>, kind: Unary) -> Output<B> {
    if let Value::Int(i) = x {
        let exact: Option<fn(i64) -> i64> = match kind {
            Unary::Not => Some(|v| (v == 0) as i64),
            Unary::Neg => Some(|v| v.wrapping_neg()),
            Unary::Sign if i.dtype == DType::U64 => Some(|v| (v != 0) as i64),
            Unary::Abs | Unary::Relu if i.dtype == DType::U64 => Some(|v| v),
            Unary::Abs => Some(|v| v.wrapping_abs()),
            Unary::Sign => Some(i64::signum),
            Unary::Relu => Some(|v| v.max(0)),
            Unary::Floor | Unary::Ceil | Unary::Round => Some(|v| v),
            _ => None,
        };
        if let Some(f) = exact {
            let data: Vec<i64> = i.data.iter().map(|&v| wrap(i.dtype, f(v))).collect();
            return Ok(Value::Int(Ints::new(i.shape.clone(), data).typed(i.dtype)));
        }
    }
    if let Unary::IsNan | Unary::IsInf = kind {
        let shape = x.shape();
        let test = |v: &f32| {
            if kind == Unary::IsNan {
                v.is_nan()
            } else {
                v.is_infinite()
            }
        };
        let data = match x {
            Value::Int(i) => vec![0; i.data.len()],
            _ => c.host(0)?.iter().map(|v| test(v) as i64).collect(),
        };
        return Ok(Value::Int(Ints::new(shape, data).typed(DType::Bool)));
    }
    let t = x.floats(c.device)?;
    let fast = match kind {
        Unary::Relu => host::map::<B>(&t, |v| v.max(0.0), c.device),
        Unary::LeakyRelu { alpha } => host::map::<B>(&t, |v| if v >= 0.0 { v } else { alpha * v }, c.device),
        Unary::HardSigmoid { alpha, beta } => {
            host::map::<B>(&t, |v| (v * alpha + beta).clamp(0.0, 1.0), c.device)
        }
        Unary::HardSwish => host::map::<B>(&t, |v| v * (v / 6.0 + 0.5).clamp(0.0, 1.0), c.device),
        Unary::Exp => host::apply::<B>(&t, &vec::Exp {}, c.device),
        Unary::Erf => host::apply::<B>(&t, &vec::Erf {}, c.device),
        Unary::Tanh => host::apply::<B>(&t, &vec::Tanh {}, c.device),
        Unary::Sigmoid => host::apply::<B>(&t, &vec::Sigmoid {}, c.device),
        Unary::Gelu { tanh: false } => host::apply::<B>(&t, &vec::Gelu {}, c.device),
        Unary::Gelu { tanh: true } => host::apply::<B>(&t, &vec::ApproxGelu {}, c.device),
        Unary::Swish { alpha } => host::apply::<B>(&t, &vec::Swish { alpha }, c.device),
        Unary::Sqrt => host::map::<B>(&t, f32::sqrt, c.device),
        _ => None,
    };
    Ok(Value::Float(fast.unwrap_or_else(|| unary::<B>(t, kind))))
}

/// A function of one float tensor.
pub fn unary<B: Backend>(x: FloatTensor<B>, kind: Unary) -> FloatTensor<B> {
    let scale = |t, v: f32| B::float_mul_scalar(t, v.into());
    let plus = |t, v: f32| B::float_add_scalar(t, v.into());
    let unit = |t| B::float_clamp(t, 0f32.into(), 1f32.into());
    // exp(x) - 1 on the negative side only, so that large inputs do not overflow.
    let below = |t: FloatTensor<B>, a: f32| {
        let exp = B::float_exp(scale(B::float_clamp_max(t, 0f32.into()), 1.0 / a));
        plus(exp, -1.0)
    };
    match kind {
        Unary::Relu => B::relu(x),
        Unary::LeakyRelu { alpha } => B::leaky_relu(x, alpha.into()),
        Unary::Elu { alpha } => B::float_add(B::relu(x.clone()), scale(below(x, 1.0), alpha)),
        Unary::Selu { alpha, gamma } => scale(
            B::float_add(B::relu(x.clone()), scale(below(x, 1.0), alpha)),
            gamma,
        ),
        Unary::Celu { alpha } => B::float_add(B::relu(x.clone()), scale(below(x, alpha), alpha)),
        Unary::ThresholdedRelu { alpha } => {
            let off = B::float_lower_equal_elem(x.clone(), alpha.into(), bool_type::<B>(&x));
            B::float_mask_fill(x, off, 0f32.into())
        }
        Unary::Gelu { tanh: false } => {
            let erf = B::float_erf(scale(x.clone(), std::f32::consts::FRAC_1_SQRT_2));
            scale(B::float_mul(x, plus(erf, 1.0)), 0.5)
        }
        Unary::Gelu { tanh: true } => {
            let cube = B::float_mul(B::float_mul(x.clone(), x.clone()), x.clone());
            let inner = scale(B::float_add(x.clone(), scale(cube, 0.044715)), 0.797_884_6);
            scale(B::float_mul(x, plus(B::float_tanh(inner), 1.0)), 0.5)
        }
        Unary::Sigmoid => B::sigmoid(x),
        Unary::HardSigmoid { alpha, beta } => unit(plus(scale(x, alpha), beta)),
        Unary::HardSwish => B::float_mul(x.clone(), unit(plus(scale(x, 1.0 / 6.0), 0.5))),
        Unary::Swish { alpha } => B::float_mul(x.clone(), B::sigmoid(scale(x, alpha))),
        Unary::Shrink { bias, lambda } => {
            let kind = bool_type::<B>(&x);
            let above = B::float_greater_elem(x.clone(), lambda.into(), kind);
            let below = B::float_lower_elem(x.clone(), (-lambda).into(), kind);
            let nothing = scale(x.clone(), 0.0);
            let y = B::float_mask_where(nothing, above, plus(x.clone(), -bias));
            B::float_mask_where(y, below, plus(x, bias))
        }
        Unary::Mish => B::float_mul(x.clone(), B::float_tanh(softplus::<B>(x))),
        Unary::Softplus => softplus::<B>(x),
        Unary::Softsign => B::float_div(x.clone(), plus(B::float_abs(x), 1.0)),
        Unary::Tanh => B::float_tanh(x),
        Unary::Erf => B::float_erf(x),
        Unary::Exp => B::float_exp(x),
        Unary::Log => B::float_log(x),
        Unary::Sqrt => B::float_sqrt(x),
        Unary::Reciprocal => B::float_recip(x),
        Unary::Abs => B::float_abs(x),
        Unary::Neg => B::float_neg(x),
        Unary::Sign => B::float_sign(x),
        Unary::Floor => B::float_floor(x),
        Unary::Ceil => B::float_ceil(x),
        Unary::Round => B::float_round(x),
        Unary::Sin => B::float_sin(x),
        Unary::Cos => B::float_cos(x),
        Unary::Tan => B::float_tan(x),
        Unary::Asin => B::float_asin(x),
        Unary::Acos => B::float_acos(x),
        Unary::Atan => B::float_atan(x),
        Unary::Sinh => B::float_sinh(x),
        Unary::Cosh => B::float_cosh(x),
        Unary::Asinh => B::float_asinh(x),
        Unary::Acosh => B::float_acosh(x),
        Unary::Atanh => B::float_atanh(x),
        // Of floats: 1 where the value is 0. `IsNan` and `IsInf` are answered on the host.
        Unary::Not | Unary::IsNan | Unary::IsInf => {
            let zero = B::float_equal_elem(x.clone(), 0f32.into(), bool_type::<B>(&x));
            let ones = scale(x.clone(), 0.0);
            B::float_mask_fill(ones, zero, 1f32.into())
        }
    }
}

/// How the device keeps booleans.
pub fn bool_type<B: Backend>(x: &FloatTensor<B>) -> burn_backend::BoolDType {
    burn_backend::get_device_settings::<B>(&B::float_device(x)).bool_dtype
}

/// `log(1 + exp(x))` without overflow: beyond 20 it is `x` in float32. In two parts, none of which
/// has a corner at 0, where the gradient must be right.
fn softplus<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    const HIGH: f32 = 20.0;
    let low = B::float_clamp_max(x.clone(), HIGH.into());
    let above = B::float_add_scalar(B::float_clamp_min(x, HIGH.into()), (-HIGH).into());
    B::float_add(B::float_log1p(B::float_exp(low)), above)
}

/// Two tensors raised to one rank; their shapes must broadcast.
pub fn pair<B: Backend>(
    a: FloatTensor<B>,
    b: FloatTensor<B>,
) -> Result<(FloatTensor<B>, FloatTensor<B>), String> {
    let (sa, sb) = (dims::<B>(&a), dims::<B>(&b));
    let rank = broadcast(&sa, &sb)?.len();
    Ok((raise::<B>(a, rank), raise::<B>(b, rank)))
}

/// A function of two broadcast values.
pub fn binary<B: Backend>(c: &Context<B>, kind: Binary) -> Output<B> {
    let (a, b) = (c.value(0)?, c.value(1)?);
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        return integers(a, b, kind).map(Value::Int);
    }
    if matches!(a, Value::Double(_)) || matches!(b, Value::Double(_)) {
        return super::double::binary(c, kind);
    }
    if let (Value::Text(a), Value::Text(b), Binary::Equal) = (a, b, kind) {
        let shape = broadcast(&a.shape, &b.shape)?;
        let (x, y) = (spread(&a.shape, &shape), spread(&b.shape, &shape));
        let equal = x.iter().zip(&y).map(|(&i, &j)| (a.data[i] == b.data[j]) as i64);
        let equal = equal.collect();
        return Ok(Value::Int(Ints::new(shape, equal).typed(DType::Bool)));
    }
    if let (Value::Int(a), Value::Float(t), Binary::Pow) = (a, b, kind) {
        // The result has the type of the base.
        let shape = broadcast(&a.shape, &dims::<B>(t))?;
        let (x, y) = (a.expand(&shape), spread(&dims::<B>(t), &shape));
        let exponents = c.host(1)?;
        let power = |(&x, &y): (&i64, &usize)| truncate(a.dtype, (x as f64).powf(exponents[y] as f64));
        let data = x.data.iter().zip(&y).map(power).collect();
        return Ok(Value::Int(Ints::new(shape, data).typed(a.dtype)));
    }
    let (x, y) = pair::<B>(a.floats(c.device)?, b.floats(c.device)?)?;
    let shape = broadcast(&dims::<B>(&x), &dims::<B>(&y))?;
    let fast = match kind {
        Binary::Add => host::zip::<B>(&x, &y, &shape, |a, b| a + b, c.device),
        Binary::Sub => host::zip::<B>(&x, &y, &shape, |a, b| a - b, c.device),
        Binary::Mul => host::zip::<B>(&x, &y, &shape, |a, b| a * b, c.device),
        Binary::Div => host::zip::<B>(&x, &y, &shape, |a, b| a / b, c.device),
        _ => None,
    };
    if let Some(fast) = fast {
        return Ok(Value::Float(fast));
    }
    Ok(Value::Float(match kind {
        Binary::Add => B::float_add(x, y),
        Binary::Sub => B::float_sub(x, y),
        Binary::Mul => B::float_mul(x, y),
        Binary::Div => B::float_div(x, y),
        Binary::Pow => match c.value(1)?.shape().iter().product::<usize>() {
            // A square is far cheaper than a general power, and exact.
            1 if c.scalar(1)? == Some(2.0) => {
                let shape = broadcast(&dims::<B>(&x), &dims::<B>(&y))?;
                let x = expand::<B>(x, &shape);
                B::float_mul(x.clone(), x)
            }
            _ => B::float_powf(x, y),
        },
        Binary::Mod { .. } => {
            // The sign follows the dividend, as C's fmod.
            let quotient = B::float_trunc(B::float_div(x.clone(), y.clone()));
            B::float_sub(x, B::float_mul(quotient, y))
        }
        _ => return compare(c, kind).map(Value::Int),
    }))
}

fn compare<B: Backend>(c: &Context<B>, kind: Binary) -> Result<Ints, String> {
    let (a, b) = (c.value(0)?.shape(), c.value(1)?.shape());
    let shape = broadcast(&a, &b)?;
    let side = |i: usize| -> Result<Vec<f32>, String> {
        let (own, values) = match c.value(i)? {
            Value::Int(ints) => (ints.shape.clone(), ints.floats()),
            other => (other.shape(), c.host(i)?.to_vec()),
        };
        Ok(spread(&own, &shape).into_iter().map(|p| values[p]).collect())
    };
    let (a, b) = (side(0)?, side(1)?);
    let f: fn(f32, f32) -> bool = match kind {
        Binary::Equal => |a, b| a == b,
        Binary::Greater => |a, b| a > b,
        Binary::GreaterOrEqual => |a, b| a >= b,
        Binary::Less => |a, b| a < b,
        Binary::LessOrEqual => |a, b| a <= b,
        other => return Err(format!("{other:?} of floats is not defined")),
    };
    let data = a.iter().zip(&b).map(|(&a, &b)| f(a, b) as i64).collect();
    Ok(Ints::new(shape, data).typed(DType::Bool))
}

fn integers(a: &Ints, b: &Ints, kind: Binary) -> Result<Ints, String> {
    let shape = broadcast(&a.shape, &b.shape)?;
    let (x, y) = (a.expand(&shape), b.expand(&shape));
    let unsigned = a.dtype == DType::U64;
    let less = |x: i64, y: i64| order(a.dtype, x, y);
    let one = |a: i64, b: i64| -> Option<i64> {
        Some(match kind {
            Binary::Add => a.wrapping_add(b),
            Binary::Sub => a.wrapping_sub(b),
            Binary::Mul => a.wrapping_mul(b),
            Binary::Div if unsigned => (a as u64).checked_div(b as u64)? as i64,
            Binary::Div => a.checked_div(b)?,
            Binary::Pow => power(a, b)?,
            Binary::Mod { .. } if unsigned => (a as u64).checked_rem(b as u64)? as i64,
            Binary::Mod { fmod: true } => a.checked_rem(b)?,
            // The sign follows the divisor, as Python's.
            Binary::Mod { fmod: false } => a
                .checked_rem(b)
                .map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r })?,
            Binary::Equal => (a == b) as i64,
            Binary::Greater => less(a, b).is_gt() as i64,
            Binary::GreaterOrEqual => less(a, b).is_ge() as i64,
            Binary::Less => less(a, b).is_lt() as i64,
            Binary::LessOrEqual => less(a, b).is_le() as i64,
            Binary::And => (a != 0 && b != 0) as i64,
            Binary::Or => (a != 0 || b != 0) as i64,
            Binary::Xor => ((a != 0) != (b != 0)) as i64,
        })
    };
    let data: Option<Vec<i64>> = x
        .data
        .iter()
        .zip(y.data.iter())
        .map(|(&a, &b)| one(a, b))
        .collect();
    let mut data = data.ok_or("integer division by zero, or zero to a negative power")?;
    let arithmetic = matches!(
        kind,
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Pow | Binary::Mod { .. }
    );
    if arithmetic {
        data.iter_mut().for_each(|v| *v = wrap(a.dtype, *v));
    }
    Ok(Ints::new(shape, data).typed(if arithmetic { a.dtype } else { DType::Bool }))
}

/// An integer power, its low bits; `None` for zero to a negative one.
fn power(base: i64, exponent: i64) -> Option<i64> {
    match (base, exponent) {
        (0, ..0) => None,
        (1, _) => Some(1),
        (-1, e) => Some(if e % 2 == 0 { 1 } else { -1 }),
        (_, ..0) => Some(0),
        (base, e) => {
            let (mut result, mut square, mut left) = (1i64, base, e);
            while left > 0 {
                if left & 1 == 1 {
                    result = result.wrapping_mul(square);
                }
                square = square.wrapping_mul(square);
                left >>= 1;
            }
            Some(result)
        }
    }
}
