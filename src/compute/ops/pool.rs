//! Pooling with asymmetric padding and ONNX's ceiling rule. One or two spatial axes have kernels of
//! their own; more, and dilated means, go axis by axis.

use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, Shape};
use model::op::{Reduction, Window};

use super::conv::{Ends, padding, steps};
use super::{Context, Output, Outputs, host_window, pool_axes};
use crate::value::{Ints, Value, dims, expand, reshape};

struct Plan<B: Backend> {
    x: FloatTensor<B>,
    /// Two spatial axes always; a one-axis input gets a height of 1.
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [Ends; 2],
    /// Extra cells at the end that only the ceiling rule needs.
    extra: [usize; 2],
    flat: bool,
}

fn plan<B: Backend>(c: &Context<B>, window: &Window, ceil: bool) -> Result<Plan<B>, String> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let axes = shape.len().saturating_sub(2);
    if !(1..=2).contains(&axes) || window.kernel.len() != axes {
        return Err(format!(
            "kernel {:?} over input {shape:?}: one or two spatial axes are expected",
            window.kernel
        ));
    }
    let kernel: Vec<usize> = window.kernel.iter().map(|&k| k.max(1) as usize).collect();
    let (strides, dilations) = steps(window, axes)?;
    let pads = padding(window, &shape[2..], &kernel)?;
    let mut plan = Plan {
        x: if axes == 1 {
            reshape::<B>(x, &[shape[0], shape[1], 1, shape[2]])
        } else {
            x
        },
        kernel: [1; 2],
        strides: [1; 2],
        dilations: [1; 2],
        pads: [(0, 0); 2],
        extra: [0; 2],
        flat: axes == 1,
    };
    for i in 0..axes {
        let to = i + 2 - axes;
        let extent = (kernel[i] - 1) * dilations[i] + 1;
        let padded = shape[i + 2] + pads[i].0 + pads[i].1;
        if padded < extent {
            return Err(format!(
                "a window of {extent} does not fit input {shape:?} with padding {pads:?}"
            ));
        }
        if ceil {
            let mut outputs = (padded - extent).div_ceil(strides[i]) + 1;
            // The last window must begin inside the input or its begin padding.
            if (outputs - 1) * strides[i] >= shape[i + 2] + pads[i].0 {
                outputs -= 1;
            }
            plan.extra[to] = ((outputs - 1) * strides[i] + extent).saturating_sub(padded);
        }
        (plan.kernel[to], plan.strides[to]) = (kernel[i], strides[i]);
        (plan.dilations[to], plan.pads[to]) = (dilations[i], pads[i]);
    }
    Ok(plan)
}

impl<B: Backend> Plan<B> {
    fn finish(&self, y: FloatTensor<B>) -> Value<B> {
        let shape = dims::<B>(&y);
        Value::Float(if self.flat {
            reshape::<B>(y, &[shape[0], shape[1], shape[3]])
        } else {
            y
        })
    }

    fn full_pads(&self) -> [Ends; 2] {
        [0, 1].map(|i| (self.pads[i].0, self.pads[i].1 + self.extra[i]))
    }
}

/// True when a max pooling also tells where it found each value.
pub fn tells_places(layer: &model::Layer) -> bool {
    layer.outputs.get(1).is_some_and(Option::is_some)
}

/// Max pooling of `X [N, C, ...]`. Out: the largest values, and where they stand in `X`.
pub fn max<B: Backend>(c: &Context<B>, window: &Window, ceil: bool, column_major: bool) -> Outputs<B> {
    let shape = c.value(0)?.shape();
    let axes = || pool_axes::axes(window, &shape, ceil);
    let output = |axes: &[pool_axes::Axis]| {
        let space = axes.iter().map(|a| a.output);
        shape[..2].iter().copied().chain(space).collect::<Vec<_>>()
    };
    if let Value::Int(x) = c.value(0)? {
        let axes = axes()?;
        let (top, places) = pool_axes::max_places(&x.floats(), &shape, &axes, column_major);
        let top = Ints::new(output(&axes), top.iter().map(|&v| v as i64).collect());
        return Ok(vec![
            Value::Int(top.typed(x.dtype)),
            Value::Int(Ints::new(output(&axes), places)),
        ]);
    }
    let mut outputs = vec![largest(c, window, ceil)?];
    if tells_places(c.layer) {
        let axes = axes()?;
        let (_, places) = pool_axes::max_places(c.host(0)?, &shape, &axes, column_major);
        outputs.push(Value::Int(Ints::new(output(&axes), places)));
    }
    Ok(outputs)
}

fn largest<B: Backend>(c: &Context<B>, window: &Window, ceil: bool) -> Output<B> {
    if window.kernel.len() > 2 {
        let x = c.float(0)?;
        let axes = pool_axes::axes(window, &dims::<B>(&x), ceil)?;
        return Ok(Value::Float(pool_axes::max::<B>(x, &axes, c.device)));
    }
    let p = plan(c, window, ceil)?;
    let mut pads = p.full_pads();
    let slide = host_window::Slide {
        kernel: p.kernel,
        strides: p.strides,
        dilations: p.dilations,
        pads,
    };
    if let Some(y) = host_window::max_pool::<B>(&p.x, &slide, c.device) {
        return Ok(p.finish(y));
    }
    let mut x = p.x.clone();
    // The kernels allow at most half a window of symmetric padding.
    let direct = (0..2).all(|i| pads[i].0 == pads[i].1 && pads[i].0 <= p.kernel[i] / 2);
    if !direct {
        x = super::shape::pad_spatial::<B>(x, &pads, f32::NEG_INFINITY, c.device);
        pads = [(0, 0); 2];
    }
    let y = B::max_pool2d(x, p.kernel, p.strides, [pads[0].0, pads[1].0], p.dilations, false);
    Ok(p.finish(y))
}

/// Average pooling of `X [N, C, ...]`.
pub fn average<B: Backend>(c: &Context<B>, window: &Window, ceil: bool, include: bool) -> Output<B> {
    if window.kernel.len() > 2 || window.dilations.iter().any(|&d| d != 1) {
        let x = c.float(0)?;
        let axes = pool_axes::axes(window, &dims::<B>(&x), ceil)?;
        return Ok(Value::Float(pool_axes::mean::<B>(x, &axes, include, c.device)));
    }
    let p = plan(c, window, ceil)?;
    let pads = p.full_pads();
    let plain = pads == [(0, 0); 2];
    let slide = host_window::Slide {
        kernel: p.kernel,
        strides: p.strides,
        dilations: [1, 1],
        pads,
    };
    let y = match host_window::mean_pool::<B>(&p.x, &slide, c.device) {
        Some(y) => y,
        None => {
            let x = super::shape::pad_spatial::<B>(p.x.clone(), &pads, 0.0, c.device);
            B::avg_pool2d(x, p.kernel, p.strides, [0, 0], true, false)
        }
    };
    if plain {
        return Ok(p.finish(y));
    }
    // Divide by the share of each window that counts.
    let shape = dims::<B>(&p.x);
    let counted = [0, 1].map(|i| shape[i + 2] + if include { p.pads[i].0 + p.pads[i].1 } else { 0 });
    let ones = B::float_ones(
        Shape::from(vec![1, 1, counted[0], counted[1]]),
        c.device,
        burn_backend::FloatDType::F32,
    );
    let rest = [0, 1].map(|i| if include { (0, p.extra[i]) } else { pads[i] });
    let ones = super::shape::pad_spatial::<B>(ones, &rest, 0.0, c.device);
    let share = B::avg_pool2d(ones, p.kernel, p.strides, [0, 0], true, false);
    let all = dims::<B>(&y);
    if let Some(y) = super::host::zip::<B>(&y, &share, &all, |y, share| y / share, c.device) {
        return Ok(p.finish(y));
    }
    Ok(p.finish(B::float_div(y, expand::<B>(share, &all))))
}

/// The p-norm of each window of `X [N, C, ...]`.
pub fn lp<B: Backend>(c: &Context<B>, window: &Window, ceil: bool, p: i64) -> Output<B> {
    let x = c.float(0)?;
    let axes = pool_axes::axes(window, &dims::<B>(&x), ceil)?;
    let sums = pool_axes::sum::<B>(pool_axes::power::<B>(x, p), &axes, c.device);
    Ok(Value::Float(pool_axes::root::<B>(sums, p)))
}

/// The p-norm over all spatial axes of `X [N, C, ...]`.
pub fn global_lp<B: Backend>(c: &Context<B>, p: i64) -> Output<B> {
    let x = c.float(0)?;
    let axes: Vec<usize> = (2..dims::<B>(&x).len()).collect();
    let sums = super::reduce::floats::<B>(pool_axes::power::<B>(x, p), Reduction::Sum, &axes)?;
    Ok(Value::Float(pool_axes::root::<B>(sums, p)))
}

/// Pooling over all spatial axes of `X [N, C, ...]`.
pub fn global<B: Backend>(c: &Context<B>, kind: Reduction) -> Output<B> {
    let x = c.float(0)?;
    let axes: Vec<usize> = (2..dims::<B>(&x).len()).collect();
    super::reduce::floats::<B>(x, kind, &axes).map(Value::Float)
}
