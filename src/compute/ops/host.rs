//! Fast paths for the CPU backend, whose tensors are slices of host memory.
//!
//! Each computes what the general operator beside it computes on any backend, with fewer passes
//! over memory and on all cores; the general one stays the reference that the test compares with.

use std::any::Any;

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use burn_flex::FlexTensor;

use super::conv::Ends;
use crate::threads::chunks;
use crate::value::{dims, float, reshape, strides};

/// The values of `t` where it lies in host memory, row-major.
pub fn slice<B: Backend>(t: &FloatTensor<B>) -> Option<&[f32]> {
    (t as &dyn Any).downcast_ref::<FlexTensor>()?.as_slice()
}

/// Elements that an element-wise task takes.
const PIECE: usize = 1 << 13;

/// `f` of each element.
pub fn map<B: Backend>(
    x: &FloatTensor<B>,
    f: impl Fn(f32) -> f32 + Sync + Send,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let mut out = vec![0f32; values.len()];
    chunks(&mut out, PIECE, |i, out| {
        let from = &values[i * PIECE..][..out.len()];
        out.iter_mut().zip(from).for_each(|(o, &v)| *o = f(v));
    });
    Some(float::<B>(out, &dims::<B>(x), device))
}

/// `f` of each pair of elements of two tensors of one rank that broadcast to `shape`.
pub fn zip<B: Backend>(
    a: &FloatTensor<B>,
    b: &FloatTensor<B>,
    shape: &[usize],
    f: impl Fn(f32, f32) -> f32 + Sync + Send,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let (sides, values) = ([dims::<B>(a), dims::<B>(b)], [slice::<B>(a)?, slice::<B>(b)?]);
    if sides.iter().any(|s| s.len() != shape.len()) {
        return None;
    }
    // The last axes that each side has in full, or not at all.
    let (mut split, mut whole) = (shape.len(), [None; 2]);
    while split > 0 {
        let axis = split - 1;
        let full = [0, 1].map(|i| (shape[axis] > 1).then_some(sides[i][axis] == shape[axis]));
        if (0..2).any(|i| whole[i].is_some() && full[i].is_some() && whole[i] != full[i]) {
            break;
        }
        whole = [0, 1].map(|i| whole[i].or(full[i]));
        split = axis;
    }
    let inner: usize = shape[split..].iter().product();
    let steps = sides.each_ref().map(|side| {
        let own = strides(side);
        let step = |axis: usize| if side[axis] == 1 { 0 } else { own[axis] };
        (0..split).map(step).collect::<Vec<_>>()
    });
    let mut out = vec![0f32; shape.iter().product()];
    // One long run is cut up; many short ones are taken as they come.
    let piece = if split == 0 { PIECE } else { inner };
    chunks(&mut out, piece, |task, out| {
        let mut at = [0; 2];
        let mut rest = task;
        for axis in (0..split).rev() {
            let index = rest % shape[axis];
            rest /= shape[axis];
            at = [0, 1].map(|i| at[i] + index * steps[i][axis]);
        }
        let within = if split == 0 { task * PIECE } else { 0 };
        let [a, b] = [0, 1].map(|i| match whole[i] {
            Some(true) => &values[i][at[i] + within..][..out.len()],
            _ => &values[i][at[i]..=at[i]],
        });
        match (a, b) {
            (&[a], &[b]) => out.fill(f(a, b)),
            (&[a], b) => out.iter_mut().zip(b).for_each(|(o, &b)| *o = f(a, b)),
            (a, &[b]) => out.iter_mut().zip(a).for_each(|(o, &a)| *o = f(a, b)),
            (a, b) => out
                .iter_mut()
                .zip(a.iter().zip(b))
                .for_each(|(o, (&a, &b))| *o = f(a, b)),
        }
    });
    Some(float::<B>(out, shape, device))
}

/// `x * gain + offset` by channel, axis 1.
pub fn scale_and_shift<B: Backend>(
    x: &FloatTensor<B>,
    gain: &FloatTensor<B>,
    offset: &FloatTensor<B>,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let shape = dims::<B>(x);
    let (values, gain, offset) = (slice::<B>(x)?, slice::<B>(gain)?, slice::<B>(offset)?);
    let plane: usize = shape[2..].iter().product();
    let mut out = vec![0f32; values.len()];
    chunks(&mut out, plane, |i, out| {
        let (g, o) = (gain[i % shape[1]], offset[i % shape[1]]);
        let from = &values[i * plane..][..plane];
        out.iter_mut().zip(from).for_each(|(y, &v)| *y = v * g + o);
    });
    Some(float::<B>(out, &shape, device))
}

/// A window that slides over two spatial axes.
#[derive(Clone, Copy)]
pub struct Slide {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps down and right.
    pub strides: [usize; 2],
    /// Distances between the cells of the window.
    pub dilations: [usize; 2],
    /// Cells added at the begin and end of both axes.
    pub pads: [Ends; 2],
}

impl Slide {
    /// Output height and width over an input of `size`, which the window fits.
    fn outputs(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|i| {
            let extent = (self.kernel[i] - 1) * self.dilations[i] + 1;
            (size[i] + self.pads[i].0 + self.pads[i].1 - extent) / self.strides[i] + 1
        })
    }

    /// For kernel place `k` of axis `i`: the outputs whose cell lies inside the input.
    fn inside(&self, i: usize, k: usize, size: usize, outputs: usize) -> std::ops::Range<usize> {
        let (shift, before) = (k * self.dilations[i], self.pads[i].0);
        let begin = before.saturating_sub(shift).div_ceil(self.strides[i]);
        let end = (size + before).saturating_sub(shift).div_ceil(self.strides[i]);
        begin.min(outputs)..end.min(outputs).max(begin.min(outputs))
    }

    /// The input coordinate of output `o` at kernel place `k` of axis `i`.
    fn at(&self, i: usize, k: usize, o: usize) -> usize {
        o * self.strides[i] + k * self.dilations[i] - self.pads[i].0
    }
}

/// Convolution of one group over two axes: each window becomes a column, the weights multiply them
/// all at once (im2col: Chellapilla et al. 2006). Plain 1 x 1 windows need no columns, and
/// depthwise ones no product: both stay with the backend.
pub fn conv2d<B: Backend>(
    x: &FloatTensor<B>,
    w: &FloatTensor<B>,
    bias: Option<&FloatTensor<B>>,
    slide: &Slide,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let plain = slide.kernel == [1, 1] && slide.strides == [1, 1] && slide.pads == [(0, 0); 2];
    if plain {
        return None;
    }
    let values = slice::<B>(x)?;
    let bias = match bias {
        Some(bias) => Some(slice::<B>(bias)?),
        None => None,
    };
    let (xs, ws) = (dims::<B>(x), dims::<B>(w));
    let [height, width] = slide.outputs([xs[2], xs[3]]);
    let (columns, rows) = (height * width, ws[1] * ws[2] * ws[3]);
    let weights = reshape::<B>(w.clone(), &[ws[0], rows]);
    let mut whole = Vec::new();
    for item in 0..xs[0] {
        let item = &values[item * xs[1] * xs[2] * xs[3]..];
        let mut windows = vec![0f32; rows * columns];
        chunks(&mut windows, columns, |row, out| {
            let (channel, place) = (row / (ws[2] * ws[3]), row % (ws[2] * ws[3]));
            let (ky, kx) = (place / ws[3], place % ws[3]);
            let plane = &item[channel * xs[2] * xs[3]..][..xs[2] * xs[3]];
            let across = slide.inside(1, kx, xs[3], width);
            for oy in slide.inside(0, ky, xs[2], height) {
                let line = &plane[slide.at(0, ky, oy) * xs[3]..][..xs[3]];
                let out = &mut out[oy * width..][across.clone()];
                let Some(first) = (!out.is_empty()).then(|| slide.at(1, kx, across.start)) else {
                    continue;
                };
                match slide.strides[1] {
                    1 => out.copy_from_slice(&line[first..][..out.len()]),
                    step => out
                        .iter_mut()
                        .zip(line[first..].iter().step_by(step))
                        .for_each(|(o, &v)| *o = v),
                }
            }
        });
        let windows = float::<B>(windows, &[rows, columns], device);
        let product = B::float_matmul(weights.clone(), windows);
        if xs[0] == 1 && bias.is_none() {
            return Some(reshape::<B>(product, &[1, ws[0], height, width]));
        }
        let start = whole.len();
        whole.extend_from_slice(slice::<B>(&product)?);
        if let Some(bias) = bias {
            chunks(&mut whole[start..], columns, |channel, out| {
                out.iter_mut().for_each(|v| *v += bias[channel]);
            });
        }
    }
    Some(float::<B>(whole, &[xs[0], ws[0], height, width], device))
}

/// Max pooling over two axes.
pub fn max_pool<B: Backend>(x: &FloatTensor<B>, slide: &Slide, device: &B::Device) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let xs = dims::<B>(x);
    let [height, width] = slide.outputs([xs[2], xs[3]]);
    let mut out = vec![f32::NEG_INFINITY; xs[0] * xs[1] * height * width];
    chunks(&mut out, height * width, |i, out| {
        let plane = &values[i * xs[2] * xs[3]..][..xs[2] * xs[3]];
        for ky in 0..slide.kernel[0] {
            for oy in slide.inside(0, ky, xs[2], height) {
                let line = &plane[slide.at(0, ky, oy) * xs[3]..][..xs[3]];
                for kx in 0..slide.kernel[1] {
                    let across = slide.inside(1, kx, xs[3], width);
                    let out = &mut out[oy * width..][across.clone()];
                    if out.is_empty() {
                        continue;
                    }
                    let first = slide.at(1, kx, across.start);
                    let from = line[first..].iter().step_by(slide.strides[1]);
                    out.iter_mut()
                        .zip(from)
                        .for_each(|(o, &v)| *o = if v > *o || v.is_nan() { v } else { *o });
                }
            }
        }
    });
    Some(float::<B>(out, &[xs[0], xs[1], height, width], device))
}

#[cfg(test)]
mod tests {
    use burn_backend::ops::{ActivationOps, ConvOptions, FloatTensorOps, ModuleOps};
    use burn_flex::{Flex, FlexDevice};

    use super::*;
    use crate::value::read;

    fn noise(shape: &[usize], seed: u32) -> FloatTensor<Flex> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let values = (0..shape.iter().product()).map(|_| next()).collect();
        float::<Flex>(values, shape, &FlexDevice)
    }

    fn same(what: &str, found: FloatTensor<Flex>, wanted: FloatTensor<Flex>) {
        assert_eq!(dims::<Flex>(&found), dims::<Flex>(&wanted), "{what}");
        let pairs = read::<Flex>(found)
            .unwrap()
            .into_iter()
            .zip(read::<Flex>(wanted).unwrap());
        for (i, (f, w)) in pairs.enumerate() {
            assert!(
                (f - w).abs() < 1e-4,
                "{what}: element {i} is {f}, the backend has {w}"
            );
        }
    }

    /// Kernel, strides, dilations, padding of many windows.
    fn slides() -> Vec<Slide> {
        let mut all = Vec::new();
        for kernel in [[1, 1], [3, 3], [2, 4], [7, 7], [1, 5]] {
            for strides in [[1, 1], [2, 2], [3, 1]] {
                for dilations in [[1, 1], [2, 1]] {
                    for pad in [0, 1, 3] {
                        let pads = [0, 1].map(|i: usize| {
                            let p = pad.min(kernel[i] / 2);
                            (p, p)
                        });
                        all.push(Slide {
                            kernel,
                            strides,
                            dilations,
                            pads,
                        });
                    }
                }
            }
        }
        all
    }

    #[test]
    fn convolution_is_that_of_the_backend() {
        for (i, slide) in slides().into_iter().enumerate() {
            let [h, w] = slide.kernel;
            let items = 1 + i % 2;
            let x = noise(&[items, 3, 15, 17], 1);
            let weights = noise(&[5, 3, h, w], 2);
            let bias = (i % 3 > 0).then(|| noise(&[5], 3));
            let Some(found) = conv2d::<Flex>(&x, &weights, bias.as_ref(), &slide, &FlexDevice) else {
                assert_eq!(slide.kernel, [1, 1]);
                continue;
            };
            let pads = slide.pads.map(|p| p.0);
            let options = ConvOptions::new(slide.strides, pads, slide.dilations, 1);
            let wanted = Flex::conv2d(x, weights, bias, options);
            same(&format!("window {i}"), found, wanted);
        }
    }

    #[test]
    fn max_pooling_is_that_of_the_backend() {
        for (i, slide) in slides().into_iter().enumerate() {
            let x = noise(&[2, 3, 15, 17], 4);
            let pads = slide.pads.map(|p| p.0);
            let found = max_pool::<Flex>(&x, &slide, &FlexDevice).unwrap();
            let wanted = Flex::max_pool2d(x, slide.kernel, slide.strides, pads, slide.dilations, false);
            same(&format!("window {i}"), found, wanted);
        }
    }

    /// Padding of one side only: the backend sees a larger input.
    #[test]
    fn padding_may_differ_by_side() {
        let slide = Slide {
            kernel: [3, 3],
            strides: [2, 2],
            dilations: [1, 1],
            pads: [(0, 1), (2, 0)],
        };
        let (x, weights) = (noise(&[1, 2, 8, 9], 5), noise(&[4, 2, 3, 3], 6));
        let found = conv2d::<Flex>(&x, &weights, None, &slide, &FlexDevice).unwrap();
        let padded = crate::ops::shape::pad_spatial::<Flex>(x, &slide.pads, 0.0, &FlexDevice);
        let wanted = Flex::conv2d(padded, weights, None, ConvOptions::new([2, 2], [0, 0], [1, 1], 1));
        same("one side", found, wanted);
    }

    #[test]
    fn elementwise_paths_reach_every_element() {
        // Larger than one task.
        let x = noise(&[2, 7, 60, 61], 7);
        let relu = map::<Flex>(&x, |v| v.max(0.0), &FlexDevice).unwrap();
        same("map", relu, Flex::relu(x.clone()));
        let all = dims::<Flex>(&x);
        for other in [
            &[2, 7, 60, 61][..],
            &[1, 7, 1, 1],
            &[1, 1, 1, 1],
            &[2, 1, 60, 1],
            &[1, 7, 1, 61],
            &[2, 7, 60, 1],
        ] {
            let y = noise(other, 8);
            let found = zip::<Flex>(&x, &y, &all, |a, b| a - b, &FlexDevice).unwrap();
            same("right", found, Flex::float_sub(x.clone(), y.clone()));
            let found = zip::<Flex>(&y, &x, &all, |a, b| a - b, &FlexDevice).unwrap();
            same("left", found, Flex::float_sub(y, x.clone()));
        }
        let (row, column) = (noise(&[1, 9], 11), noise(&[8, 1], 12));
        let found = zip::<Flex>(&row, &column, &[8, 9], |a, b| a * b, &FlexDevice).unwrap();
        same("both", found, Flex::float_mul(row, column));
        let (gain, offset) = (noise(&[1, 7, 1, 1], 9), noise(&[1, 7, 1, 1], 10));
        let found = scale_and_shift::<Flex>(&x, &gain, &offset, &FlexDevice).unwrap();
        same("scale", found, Flex::float_add(Flex::float_mul(x, gain), offset));
    }
}
