//! Products of small integers: exact, on the host.

use burn_backend::Backend;
use model::DType;
use model::op::Window;

use super::conv::{Ends, bounded, padding, steps};
use super::quantize::bounds;
use super::{Context, Output};
use crate::threads::chunks;
use crate::value::{Ints, Value, broadcast, strides};

/// A whole number less its zero point, in 32 bits.
#[derive(Debug)]
struct Whole {
    shape: Vec<usize>,
    data: Vec<i32>,
    dtype: DType,
}

/// Input `i` less the zero point in input `zero`, which has one number, or one for each place of
/// the axis `along`.
fn whole<B: Backend>(c: &Context<B>, i: usize, zero: usize, along: usize) -> Result<Whole, String> {
    let Value::Int(x) = c.value(i)? else {
        return Err(format!("input {i}: integers are expected"));
    };
    let zeros = c.opt_ints(zero)?.unwrap_or_else(|| vec![0]);
    let size = x.shape.get(along).copied().unwrap_or(1);
    let inner: usize = x.shape.iter().skip(along + 1).product();
    if zeros.len() != 1 && zeros.len() != size {
        return Err(format!("{} zero points for {:?}", zeros.len(), x.shape));
    }
    let at = |k: usize| match zeros.len() {
        1 => zeros[0],
        _ => zeros[k / inner % size],
    };
    let data = x.data.iter().enumerate();
    Ok(Whole {
        data: data.map(|(k, &v)| v.wrapping_sub(at(k)) as i32).collect(),
        shape: x.shape.clone(),
        dtype: x.dtype,
    })
}

/// The numbers of scale input `i`.
fn scales<B: Backend>(c: &Context<B>, i: usize) -> Result<Vec<f32>, String> {
    match c.value(i)? {
        Value::Int(ints) => Ok(ints.floats()),
        _ => Ok(c.host(i)?.to_vec()),
    }
}

/// `MatMulInteger(A, B, zero points)`.
pub fn matmul_integer<B: Backend>(c: &Context<B>) -> Output<B> {
    let rows = c.value(0)?.shape().len().saturating_sub(2);
    let columns = c.value(1)?.shape().len().saturating_sub(1);
    let y = matmul(&whole(c, 0, 2, rows)?, &whole(c, 1, 3, columns)?)?;
    Ok(Value::Int(integers(y)))
}

/// `QLinearMatMul`: `a`, its scale and zero point, `b` with its own, scale and zero point of `y`.
pub fn qlinear_matmul<B: Backend>(c: &Context<B>) -> Output<B> {
    let rows = c.value(0)?.shape().len().saturating_sub(2);
    let columns = c.value(3)?.shape().len().saturating_sub(1);
    let (a, b) = (whole(c, 0, 2, rows)?, whole(c, 3, 5, columns)?);
    let y = matmul(&a, &b)?;
    let n = y.shape.last().copied().unwrap_or(1).max(1);
    let m = y.shape.iter().rev().nth(1).copied().unwrap_or(1).max(1);
    let (sa, sb) = (scales(c, 1)?, scales(c, 4)?);
    let one = |s: &[f32], size: usize| s.len() == 1 || s.len() == size;
    if !one(&sa, m) || !one(&sb, n) {
        return Err(format!("{} and {} scales for {:?}", sa.len(), sb.len(), y.shape));
    }
    let factor = |k: usize| sa[k / n % m % sa.len()] * sb[k % n % sb.len()];
    scaled(c, y, factor, 6, a.dtype)
}

/// `ConvInteger(X, W, zero points)`.
pub fn conv_integer<B: Backend>(c: &Context<B>, window: &Window, groups: i64) -> Output<B> {
    let y = conv(
        &whole(c, 0, 2, usize::MAX - 1)?,
        &whole(c, 1, 3, 0)?,
        window,
        groups,
    )?;
    Ok(Value::Int(integers(y)))
}

/// `QLinearConv`: `X`, its scale and zero point, `W` with its own, scale and zero point of `Y`,
/// bias.
pub fn qlinear_conv<B: Backend>(c: &Context<B>, window: &Window, groups: i64) -> Output<B> {
    let x = whole(c, 0, 2, usize::MAX - 1)?;
    let mut y = conv(&x, &whole(c, 3, 5, 0)?, window, groups)?;
    let (channels, inner) = (y.shape[1].max(1), y.shape[2..].iter().product::<usize>().max(1));
    let (sx, sw) = (scales(c, 1)?, scales(c, 4)?);
    if sx.len() != 1 || (sw.len() != 1 && sw.len() != channels) {
        return Err(format!(
            "{} and {} scales for {channels} channels",
            sx.len(),
            sw.len()
        ));
    }
    if let Some(bias) = c.opt_ints(8)? {
        if bias.len() != channels {
            return Err(format!("a bias of {} for {channels} channels", bias.len()));
        }
        let place = |k: usize| k / inner % channels;
        y.data
            .iter_mut()
            .enumerate()
            .for_each(|(k, v)| *v = v.wrapping_add(bias[place(k)] as i32));
    }
    let factor = |k: usize| sx[0] * sw[k / inner % channels % sw.len()];
    scaled(c, y, factor, 6, x.dtype)
}

fn integers(y: Whole) -> Ints {
    let data = y.data.iter().map(|&v| v as i64).collect();
    Ints::new(y.shape, data).typed(DType::I32)
}

/// Products times their factor over the scale in input `i`, about the zero point in the next.
fn scaled<B: Backend>(
    c: &Context<B>,
    y: Whole,
    factor: impl Fn(usize) -> f32,
    i: usize,
    like: DType,
) -> Output<B> {
    let scale = *scales(c, i)?.first().ok_or("the scale is empty")?;
    let (zero, dtype) = match c.opt(i + 1) {
        Some(Value::Int(zero)) => (zero.data.first().copied().unwrap_or(0), zero.dtype),
        _ => (0, like),
    };
    let (low, high) = bounds(dtype).ok_or_else(|| format!("no quantisation to {}", dtype.name()))?;
    let one = |(k, &v): (usize, &i32)| {
        let value = v as f64 * f64::from(factor(k) / scale) + zero as f64;
        (value.round_ties_even() as i64).clamp(low, high)
    };
    let data = y.data.iter().enumerate().map(one).collect();
    Ok(Value::Int(Ints::new(y.shape, data).typed(dtype)))
}

/// NumPy's `matmul`.
fn matmul(a: &Whole, b: &Whole) -> Result<Whole, String> {
    let (mut sa, mut sb) = (a.shape.clone(), b.shape.clone());
    let (row, column) = (sa.len() == 1, sb.len() == 1);
    if row {
        sa.insert(0, 1);
    }
    if column {
        sb.push(1);
    }
    let fits = sa.len() >= 2 && sb.len() >= 2 && sa[sa.len() - 1] == sb[sb.len() - 2];
    if !fits {
        return Err(format!(
            "{:?} times {:?}: the inner sizes differ",
            a.shape, b.shape
        ));
    }
    let (m, k, n) = (sa[sa.len() - 2], sa[sa.len() - 1], sb[sb.len() - 1]);
    let lead = broadcast(&sa[..sa.len() - 2], &sb[..sb.len() - 2])?;
    let place = |own: &[usize], size: usize| {
        let count: usize = own.iter().product();
        let all = Ints::new(own.to_vec(), (0..count as i64).collect()).expand(&lead);
        all.data
            .iter()
            .map(|&p| p as usize * size)
            .collect::<Vec<usize>>()
    };
    let (from_a, from_b) = (
        place(&sa[..sa.len() - 2], m * k),
        place(&sb[..sb.len() - 2], k * n),
    );
    let mut data = vec![0i32; bounded(&[&lead[..], &[m, n]].concat())?];
    chunks(&mut data, n, |line, out| {
        let (batch, i) = (line / m, line % m);
        let row = &a.data[from_a[batch] + i * k..][..k];
        for (p, &x) in row.iter().enumerate() {
            let from = &b.data[from_b[batch] + p * n..][..n];
            out.iter_mut()
                .zip(from)
                .for_each(|(o, &y)| *o = o.wrapping_add(x.wrapping_mul(y)));
        }
    });
    let mut shape = lead;
    shape.extend((!row).then_some(m));
    shape.extend((!column).then_some(n));
    let dtype = DType::I32;
    Ok(Whole { shape, data, dtype })
}

/// Convolution of `x [N, C, ...]` with `w [M, C / groups, ...]` over one to three axes.
fn conv(x: &Whole, w: &Whole, window: &Window, groups: i64) -> Result<Whole, String> {
    let axes = x.shape.len().saturating_sub(2);
    let groups = usize::try_from(groups).unwrap_or(0).max(1);
    let fits = (1..=3).contains(&axes)
        && w.shape.len() == x.shape.len()
        && w.shape[1].checked_mul(groups) == Some(x.shape[1])
        && w.shape[0].is_multiple_of(groups);
    if !fits || w.shape[2..].contains(&0) {
        return Err(format!(
            "input {:?} and weights {:?} in {groups} groups do not fit",
            x.shape, w.shape
        ));
    }
    let (steps, dilations) = steps(window, axes)?;
    let pads = padding(window, &x.shape[2..], &w.shape[2..])?;
    let mut shape = vec![x.shape[0], w.shape[0]];
    for i in 0..axes {
        let extent = (w.shape[i + 2] - 1) * dilations[i] + 1;
        let padded = x.shape[i + 2] + pads[i].0 + pads[i].1;
        let room = padded.checked_sub(extent);
        let room = room.ok_or_else(|| format!("a window of {extent} does not fit {padded}"))?;
        shape.push(room / steps[i] + 1);
    }
    // Missing axes have size 1, in front.
    let three = |v: &[usize]| [&[1; 3][axes..], v].concat();
    let ends = [&[(0, 0); 3][axes..], &pads[..]].concat();
    let (input, kernel, output) = (three(&x.shape[2..]), three(&w.shape[2..]), three(&shape[2..]));
    let (steps, dilations) = (three(&steps), three(&dilations));
    let (plane, taps): (usize, usize) = (input.iter().product(), kernel.iter().product());
    let each = w.shape[0] / groups;
    let mut data = vec![0i32; bounded(&shape)?];
    let of = strides(&input);
    let inside = |axis: usize, o: usize, k: usize| -> Option<usize> {
        let ends: Ends = ends[axis];
        let at = (o * steps[axis] + k * dilations[axis]).checked_sub(ends.0)?;
        (at < input[axis]).then_some(at)
    };
    chunks(&mut data, output.iter().product(), |index, out| {
        let (item, m) = (index / w.shape[0], index % w.shape[0]);
        for channel in 0..w.shape[1] {
            let from = (item * x.shape[1] + m / each * w.shape[1] + channel) * plane;
            let source = &x.data[from..][..plane];
            for tap in 0..taps {
                let weight = w.data[(m * w.shape[1] + channel) * taps + tap];
                let k = [
                    tap / (kernel[1] * kernel[2]),
                    tap / kernel[2] % kernel[1],
                    tap % kernel[2],
                ];
                for line in 0..output[0] * output[1] {
                    let (z, y) = (line / output[1], line % output[1]);
                    let (Some(z), Some(y)) = (inside(0, z, k[0]), inside(1, y, k[1])) else {
                        continue;
                    };
                    let row = &source[z * of[0] + y * of[1]..][..input[2]];
                    for (o, sum) in out[line * output[2]..][..output[2]].iter_mut().enumerate() {
                        if let Some(at) = inside(2, o, k[2]) {
                            *sum = sum.wrapping_add(weight.wrapping_mul(row[at]));
                        }
                    }
                }
            }
        }
    });
    let dtype = DType::I32;
    Ok(Whole { shape, data, dtype })
}

#[cfg(test)]
mod tests {
    use model::op::Padding;

    use super::*;

    fn of(shape: &[usize]) -> Whole {
        Whole {
            shape: shape.to_vec(),
            data: (0..shape.iter().product::<usize>() as i32).collect(),
            dtype: DType::I8,
        }
    }

    #[test]
    fn products_broadcast_as_numpy_s() {
        assert_eq!(matmul(&of(&[3]), &of(&[3])).unwrap().data, [5]);
        let y = matmul(&of(&[2, 1, 2]), &of(&[2, 2])).unwrap();
        assert_eq!((y.shape, y.data), (vec![2, 1, 2], vec![2, 3, 6, 11]));
        assert!(matmul(&of(&[2, 3]), &of(&[2, 3])).is_err());
        assert!(matmul(&of(&[]), &of(&[2, 3])).is_err());
    }

    #[test]
    fn a_window_that_does_not_fit_is_an_error() {
        let window = |padding| Window {
            kernel: vec![],
            strides: vec![2],
            dilations: vec![],
            padding,
        };
        let y = conv(&of(&[1, 1, 5]), &of(&[2, 1, 3]), &window(Padding::Valid), 1).unwrap();
        assert_eq!((y.shape, y.data), (vec![1, 2, 2], vec![5, 11, 14, 38]));
        assert!(conv(&of(&[1, 1, 2]), &of(&[2, 1, 3]), &window(Padding::Valid), 1).is_err());
        assert!(conv(&of(&[1, 3, 5]), &of(&[2, 1, 3]), &window(Padding::Valid), 1).is_err());
        let short = window(Padding::Explicit(vec![1]));
        assert!(conv(&of(&[1, 1, 5]), &of(&[2, 1, 3]), &short, 1).is_err());
    }
}
