//! Numbers to small integers and back, by scale and zero point (Jacob et al. 2018).

use burn_backend::Backend;
use model::op::Quantize;
use model::{DType, minifloat};

use super::{Context, Output, Outputs};
use crate::value::{Ints, Value, axis_of as resolve, dims, float, index, reshape};

/// Where the scale of each element stands.
struct Spread {
    /// Elements after the axis.
    inner: usize,
    /// Size of the axis.
    size: usize,
    kind: Kind,
}

enum Kind {
    Whole,
    Axis,
    Blocks { block: usize, rows: usize },
}

impl Spread {
    /// For a tensor of `shape` whose scales have the shape `scales`.
    fn new(shape: &[usize], scales: &[usize], q: &Quantize) -> Result<Self, String> {
        let wrong = || format!("scales {scales:?} for {shape:?} along axis {}", q.axis);
        if scales.iter().product::<usize>() == 1 {
            let kind = Kind::Whole;
            return Ok(Spread {
                inner: 1,
                size: 1,
                kind,
            });
        }
        let axis = resolve(q.axis, shape.len())?;
        let (inner, size) = (shape[axis + 1..].iter().product(), shape[axis]);
        let kind = match usize::try_from(q.block).unwrap_or(0) {
            0 if scales == [size] => Kind::Axis,
            block if block > 0 && scales.len() == shape.len() => {
                let mut wanted = shape.to_vec();
                wanted[axis] = size.div_ceil(block);
                let rows = wanted[axis];
                (wanted == scales)
                    .then_some(Kind::Blocks { block, rows })
                    .ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        Ok(Spread { inner, size, kind })
    }

    fn at(&self, flat: usize) -> usize {
        let line = flat / self.inner.max(1);
        match self.kind {
            Kind::Whole => 0,
            Kind::Axis => line % self.size,
            Kind::Blocks { block, rows } => {
                (line / self.size * rows + line % self.size / block) * self.inner + flat % self.inner
            }
        }
    }
}

/// Smallest and largest element of an integer type of at most 32 bits.
pub fn bounds(dtype: DType) -> Option<(i64, i64)> {
    let bits = dtype.bits();
    let whole = !dtype.is_float() && dtype != DType::Bool && (1..=32).contains(&bits);
    whole.then(|| match dtype.name().starts_with('u') {
        true => (0, (1 << bits) - 1),
        false => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
    })
}

/// The zero points as they are spread like the scales; absent: 0.
fn zero_points<B: Backend>(c: &Context<B>, scales: usize) -> Result<Vec<i64>, String> {
    let zeros = match c.opt(2) {
        Some(Value::Int(zeros)) => zeros.data.to_vec(),
        // Those of small floats are 0 by definition.
        _ => vec![0],
    };
    match zeros.len() {
        1 => Ok(vec![zeros[0]; scales]),
        n if n == scales => Ok(zeros),
        n => Err(format!("{n} zero points for {scales} scales")),
    }
}

/// The numbers of input `i`, whatever holds them.
fn numbers<B: Backend>(c: &Context<B>, i: usize) -> Result<Vec<f32>, String> {
    match c.value(i)? {
        Value::Int(ints) => Ok(ints.floats()),
        _ => Ok(c.host(i)?.to_vec()),
    }
}

/// `QuantizeLinear(X, scale, zero point)`.
pub fn quantize<B: Backend>(c: &Context<B>, q: &Quantize) -> Output<B> {
    let shape = c.value(0)?.shape();
    let (x, scales) = (numbers(c, 0)?, numbers(c, 1)?);
    let spread = Spread::new(&shape, &c.value(1)?.shape(), q)?;
    let to = match (q.to, c.opt(2)) {
        (Some(to), _) => to,
        (None, Some(Value::Int(zeros))) => zeros.dtype,
        (None, Some(_)) => c.dtype(2),
        (None, None) => DType::U8,
    };
    let scaled = (0..x.len()).map(|i| x[i] / scales[spread.at(i)]);
    if to.is_float() {
        let values = scaled
            .map(|v| small_float(v, to, q.saturate))
            .collect::<Result<_, _>>()?;
        return Ok(Value::Float(float::<B>(values, &shape, c.device)));
    }
    let (low, high) = bounds(to).ok_or_else(|| format!("no quantisation to {}", to.name()))?;
    let zeros = zero_points(c, scales.len())?;
    // Halves round to even, as NumPy's `rint`; `as` keeps what is too large at the bound.
    let one = |(i, v): (usize, f32)| {
        let whole = v.round_ties_even() as i64;
        whole.saturating_add(zeros[spread.at(i)]).clamp(low, high)
    };
    let data = scaled.enumerate().map(one).collect();
    Ok(Value::Int(Ints::new(shape, data).typed(to)))
}

fn small_float(v: f32, to: DType, saturate: bool) -> Result<f32, String> {
    let code = minifloat::encode(to, v, saturate);
    let value = code.and_then(|code| minifloat::decode(to, code));
    value.ok_or_else(|| format!("no quantisation to {}", to.name()))
}

/// `DequantizeLinear(X, scale, zero point)`. Gradients reach the scales.
pub fn dequantize<B: Backend>(c: &Context<B>, q: &Quantize) -> Output<B> {
    let shape = c.value(0)?.shape();
    let scale = c.float(1)?;
    let sizes = dims::<B>(&scale);
    let spread = Spread::new(&shape, &sizes, q)?;
    let x = match c.value(0)? {
        Value::Int(x) => {
            let zeros = zero_points(c, sizes.iter().product())?;
            let one = |(i, &v): (usize, &i64)| v.saturating_sub(zeros[spread.at(i)]) as f32;
            float::<B>(x.data.iter().enumerate().map(one).collect(), &shape, c.device)
        }
        _ => c.float(0)?,
    };
    // cubecl's kernels want an axis.
    let mut wide = if shape.is_empty() { vec![1] } else { shape.clone() };
    let x = reshape::<B>(x, &wide);
    let scale = match spread.kind {
        Kind::Blocks { block, .. } => {
            let axis = resolve(q.axis, shape.len())?;
            let rows = (0..shape[axis]).map(|i| (i / block) as i64).collect();
            let rows = Ints::new(vec![shape[axis]], rows);
            B::float_select(scale, axis, index::<B>(&rows, c.device))
        }
        Kind::Axis => {
            let axis = resolve(q.axis, shape.len())?;
            let size = shape[axis];
            wide.fill(1);
            wide[axis] = size;
            reshape::<B>(scale, &wide)
        }
        Kind::Whole => {
            wide.fill(1);
            reshape::<B>(scale, &wide)
        }
    };
    Ok(Value::Float(reshape::<B>(B::float_mul(x, scale), &shape)))
}

/// `DynamicQuantizeLinear(X)`: bytes whose range is that of `X` and 0. Out: bytes, scale, zero point.
pub fn dynamic<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let shape = c.value(0)?.shape();
    let (bytes, scale, zero) = to_bytes(&numbers(c, 0)?);
    Ok(vec![
        Value::Int(Ints::new(shape, bytes).typed(DType::U8)),
        Value::Float(float::<B>(vec![scale], &[], c.device)),
        Value::Int(Ints::new(vec![], vec![zero]).typed(DType::U8)),
    ])
}

fn to_bytes(x: &[f32]) -> (Vec<i64>, f32, i64) {
    let low = x.iter().fold(0f32, |m, &v| m.min(v));
    let high = x.iter().fold(0f32, |m, &v| m.max(v));
    let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
    let zero = (-low / scale).round_ties_even().clamp(0.0, 255.0) as i64;
    let one = |&v: &f32| {
        ((v / scale).round_ties_even() as i64)
            .saturating_add(zero)
            .clamp(0, 255)
    };
    (x.iter().map(one).collect(), scale, zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(shape: &[usize], scales: &[usize], axis: i64, block: i64) -> Result<Vec<usize>, String> {
        let q = Quantize {
            axis,
            block,
            to: None,
            saturate: true,
        };
        let s = Spread::new(shape, scales, &q)?;
        Ok((0..shape.iter().product()).map(|i| s.at(i)).collect())
    }

    #[test]
    fn scales_spread_over_tensor_axis_or_blocks() {
        assert_eq!(spread(&[2, 2], &[], 1, 0).unwrap(), [0, 0, 0, 0]);
        assert_eq!(spread(&[2, 3], &[2], 0, 0).unwrap(), [0, 0, 0, 1, 1, 1]);
        assert_eq!(spread(&[2, 3], &[3], -1, 0).unwrap(), [0, 1, 2, 0, 1, 2]);
        assert_eq!(spread(&[2, 3], &[2, 2], 1, 2).unwrap(), [0, 0, 1, 2, 2, 3]);
        assert_eq!(spread(&[3, 2], &[2, 2], 0, 2).unwrap(), [0, 1, 0, 1, 2, 3]);
    }

    #[test]
    fn scales_that_do_not_fit_are_an_error() {
        assert!(spread(&[2, 3], &[2], 1, 0).is_err());
        assert!(spread(&[2, 3], &[2], 7, 0).is_err());
        assert!(spread(&[2, 3], &[2, 3], 1, 2).is_err());
    }

    #[test]
    fn bounds_follow_sign_and_width() {
        assert_eq!(bounds(DType::U8), Some((0, 255)));
        assert_eq!(bounds(DType::I4), Some((-8, 7)));
        assert_eq!(bounds(DType::I16), Some((-32768, 32767)));
        assert_eq!(bounds(DType::F8E5M2), None);
        assert_eq!(bounds(DType::String), None);
    }

    #[test]
    fn zeros_alone_have_a_scale() {
        assert_eq!(to_bytes(&[0.0, 0.0]), (vec![0, 0], 1.0, 0));
        assert_eq!(to_bytes(&[-1.0, 0.0, 254.0]), (vec![0, 1, 255], 1.0, 1));
    }
}
