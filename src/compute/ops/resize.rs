//! `Resize` and `Upsample`, axis by axis: each output cell blends 1, 2 or 4 input cells.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Resize;

use super::{Context, Output};
use crate::value::{Ints, Value, axis as resolve, dims, float, index};

/// Resamples `X` to the sizes or by the scales given as inputs.
pub fn resize<B: Backend>(c: &Context<B>, o: &Resize) -> Output<B> {
    let mut x = c.float(0)?;
    let shape = dims::<B>(&x);
    let axes: Vec<usize> = match &o.axes {
        Some(axes) => axes
            .iter()
            .map(|&a| resolve(a, shape.len()))
            .collect::<Result<_, _>>()?,
        None => (0..shape.len()).collect(),
    };
    let at = if o.two_inputs { 1 } else { 2 };
    let scales = match c.opt(at) {
        Some(Value::Int(scales)) => Some(scales.floats()),
        Some(_) => Some(c.host(at)?.to_vec()),
        None => None,
    }
    .filter(|s| !s.is_empty());
    let sizes = if o.two_inputs {
        None
    } else {
        c.opt_ints(3)?.filter(|s| !s.is_empty())
    };
    let plan: Vec<(usize, f64)> = match (sizes, scales) {
        (Some(sizes), _) if sizes.len() == axes.len() => {
            let ratio = |k: usize| sizes[k] as f64 / shape[axes[k]] as f64;
            let all = (0..axes.len()).map(ratio);
            let common = match o.aspect.as_str() {
                "not_larger" => Some(all.fold(f64::INFINITY, f64::min)),
                "not_smaller" => Some(all.fold(0.0, f64::max)),
                _ => None,
            };
            let one = |k: usize| match common {
                Some(s) => ((shape[axes[k]] as f64 * s + 0.5).floor() as usize, s),
                None => (sizes[k].max(0) as usize, ratio(k)),
            };
            (0..axes.len()).map(one).collect()
        }
        (None, Some(scales)) if scales.len() == axes.len() => {
            let one = |k: usize| {
                (
                    (shape[axes[k]] as f64 * scales[k] as f64).floor() as usize,
                    scales[k] as f64,
                )
            };
            (0..axes.len()).map(one).collect()
        }
        (sizes, scales) => {
            return Err(format!(
                "sizes {sizes:?} and scales {scales:?} for axes {axes:?} of {shape:?}"
            ));
        }
    };
    for (&axis, &(size, scale)) in axes.iter().zip(&plan) {
        if size == 0 || size > 1 << 24 {
            return Err(format!("axis {axis} of {shape:?} would become {size}"));
        }
        if size != shape[axis] || scale != 1.0 {
            x = along::<B>(x, axis, size, scale, o, c.device)?;
        }
    }
    Ok(Value::Float(x))
}

fn along<B: Backend>(
    x: FloatTensor<B>,
    axis: usize,
    size: usize,
    scale: f64,
    o: &Resize,
    device: &B::Device,
) -> Result<FloatTensor<B>, String> {
    let shape = dims::<B>(&x);
    let input = shape[axis];
    let rows: Vec<Vec<(i64, f64)>> = (0..size)
        .map(|i| taps(i, input, size, scale, o))
        .collect::<Result<_, _>>()?;
    let count = rows.iter().map(Vec::len).max().unwrap_or(1);
    let mut sum: Option<FloatTensor<B>> = None;
    for k in 0..count {
        let tap = |r: &Vec<(i64, f64)>| r.get(k).copied().unwrap_or((0, 0.0));
        let places = rows.iter().map(|r| tap(r).0.clamp(0, input as i64 - 1)).collect();
        let part = B::float_select(
            x.clone(),
            axis,
            index::<B>(&Ints::new(vec![size], places), device),
        );
        let weights: Vec<f32> = rows.iter().map(|r| tap(r).1 as f32).collect();
        let part = if weights.iter().all(|&w| w == 1.0) {
            part
        } else {
            let mut to = vec![1; shape.len()];
            to[axis] = size;
            B::float_mul(part, float::<B>(weights, &to, device))
        };
        sum = Some(match sum {
            Some(s) => B::float_add(s, part),
            None => part,
        });
    }
    sum.ok_or_else(|| "nothing to resize".into())
}

/// Input cells and weights for output cell `i`.
fn taps(i: usize, input: usize, size: usize, scale: f64, o: &Resize) -> Result<Vec<(i64, f64)>, String> {
    let (i, n, m) = (i as f64, input as f64, size as f64);
    let at = match o.coordinates.as_str() {
        "half_pixel" => (i + 0.5) / scale - 0.5,
        "half_pixel_symmetric" => {
            let adjustment = m / (n * scale);
            n / 2.0 * (1.0 - adjustment) + (i + 0.5) / scale - 0.5
        }
        "pytorch_half_pixel" => {
            if size > 1 {
                (i + 0.5) / scale - 0.5
            } else {
                0.0
            }
        }
        "align_corners" => {
            if size > 1 {
                i * (n - 1.0) / (m - 1.0)
            } else {
                0.0
            }
        }
        "asymmetric" => i / scale,
        "tf_half_pixel_for_nn" => (i + 0.5) / scale,
        other => return Err(format!("coordinate transformation {other:?} is not computed yet")),
    };
    Ok(match o.mode.as_str() {
        "nearest" => {
            let cell = match o.nearest.as_str() {
                "round_prefer_floor" => (at - 0.5).ceil(),
                "round_prefer_ceil" => (at + 0.5).floor(),
                "floor" => at.floor(),
                "ceil" => at.ceil(),
                other => return Err(format!("nearest mode {other:?}")),
            };
            vec![(cell as i64, 1.0)]
        }
        "linear" => {
            let low = at.floor();
            vec![(low as i64, 1.0 - (at - low)), (low as i64 + 1, at - low)]
        }
        "cubic" => {
            let low = at.floor();
            let (t, a) = (at - low, o.cubic_a as f64);
            let near = |d: f64| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
            let far = |d: f64| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
            let weights = [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)];
            let mut taps: Vec<(i64, f64)> = (0..4).map(|k| (low as i64 - 1 + k as i64, weights[k])).collect();
            if o.exclude_outside {
                taps.iter_mut()
                    .filter(|t| t.0 < 0 || t.0 >= input as i64)
                    .for_each(|t| t.1 = 0.0);
                let total: f64 = taps.iter().map(|t| t.1).sum();
                taps.iter_mut().for_each(|t| t.1 /= total);
            }
            taps
        }
        other => return Err(format!("resize mode {other:?}")),
    })
}
