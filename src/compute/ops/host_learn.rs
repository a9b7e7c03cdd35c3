//! Operators whose gradients are computed on slices of host memory, on the CPU backend while it
//! learns: convolution and batch normalisation, most of what a convolutional network's step costs.
//!
//! The general operators beside them stay the reference that the tests compare with.

use std::any::Any;
use std::borrow::Cow;

use burn_autodiff::NodeId;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_backend::tensor::FloatTensor;
use burn_backend::{AutodiffBackend, Backend};
use burn_flex::{Flex, FlexDevice, FlexTensor};

use super::host::slice;
use super::host_window::{Convolution, Slide};
use crate::kernels::{Finish, View, product};
use crate::threads::chunks;
use crate::value::{dims, float};

type Auto = burn_autodiff::Autodiff<Flex>;
type Tracked = FloatTensor<Auto>;

/// Groups of a convolution up to which its products are large enough.
const MOST_GROUPS: usize = 4;
/// Elements of unrolled windows that are in memory at once.
const UNROLLED: usize = 1 << 22;

/// `t` where it is a tensor of the processor that learns.
fn tracked<B: Backend>(t: &FloatTensor<B>) -> Option<Tracked> {
    (t as &dyn Any).downcast_ref::<Tracked>().cloned()
}

fn back<B: Backend>(t: Tracked) -> Option<FloatTensor<B>> {
    let t: Box<dyn Any> = Box::new(t);
    t.downcast::<FloatTensor<B>>().ok().map(|t| *t)
}

/// The values of `t`, row by row; of float32, as everything that learns.
fn values(t: &FlexTensor) -> Cow<'_, [f32]> {
    match slice::<Flex>(t) {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(
            slice::<Flex>(&t.to_contiguous())
                .map(<[f32]>::to_vec)
                .unwrap_or_default(),
        ),
    }
}

fn made(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    float::<Flex>(values, shape, &FlexDevice)
}

/// Convolution over two axes, with its gradients; `None` where another way is better.
pub fn conv<B: Backend>(
    x: &FloatTensor<B>,
    weights: &FloatTensor<B>,
    bias: Option<&FloatTensor<B>>,
    groups: usize,
    slide: Slide,
) -> Option<FloatTensor<B>> {
    let (x, w) = (tracked::<B>(x)?, tracked::<B>(weights)?);
    let b = match bias {
        Some(bias) => Some(tracked::<B>(bias)?),
        None => None,
    };
    if groups > MOST_GROUPS {
        return None;
    }
    let forward = Convolution::<Flex> {
        x: &x.primitive,
        weights: &w.primitive,
        bias: b.as_ref().map(|b| &b.primitive),
        sum: None,
        groups,
        slide,
        activation: None,
    };
    let (y, _) = forward.run(&FlexDevice)?;
    let state = Windows {
        x: x.primitive.clone(),
        weights: w.primitive.clone(),
        groups,
        slide,
    };
    let y = match b {
        Some(b) => {
            let prepared = Conv.prepare::<NoCheckpointing>([x.node.clone(), w.node.clone(), b.node.clone()]);
            match prepared.compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish(state, y),
                OpsKind::UnTracked(prepared) => prepared.finish(y),
            }
        }
        None => {
            let prepared = <Conv as Backward<Flex, 2>>::prepare::<NoCheckpointing>(
                Conv,
                [x.node.clone(), w.node.clone()],
            );
            match prepared.compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish(state, y),
                OpsKind::UnTracked(prepared) => prepared.finish(y),
            }
        }
    };
    back::<B>(y)
}

#[derive(Debug)]
struct Conv;

/// What the gradients of a convolution are made of.
#[derive(Clone, Debug)]
struct Windows {
    x: FlexTensor,
    weights: FlexTensor,
    groups: usize,
    slide: Slide,
}

impl Backward<Flex, 2> for Conv {
    type State = Windows;

    fn backward(self, ops: Ops<Windows, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let [x, w] = ops.parents.map(|p| p.map(|p| p.id));
        ops.state.register(&gradient, [x, w, None], grads);
    }
}

impl Backward<Flex, 3> for Conv {
    type State = Windows;

    fn backward(self, ops: Ops<Windows, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let wanted = ops.parents.map(|p| p.map(|p| p.id));
        ops.state.register(&gradient, wanted, grads);
    }
}

impl Windows {
    /// Adds the gradients of input, weights and bias, those that are wanted.
    fn register(&self, gradient: &FlexTensor, wanted: [Option<NodeId>; 3], grads: &mut Gradients) {
        let [x, w, b] = wanted;
        let (dx, dw, db) = self.gradients(gradient, x.is_some(), w.is_some());
        for (id, value) in [(x, dx), (w, dw), (b, Some(db))] {
            if let (Some(id), Some(value)) = (id, value) {
                grads.register::<Flex>(id, value);
            }
        }
    }

    /// Of input, weights (where they are wanted) and bias.
    fn gradients(
        &self,
        gradient: &FlexTensor,
        want_x: bool,
        want_w: bool,
    ) -> (Option<FlexTensor>, Option<FlexTensor>, FlexTensor) {
        let (xv, wv, gv) = (values(&self.x), values(&self.weights), values(gradient));
        let (xs, ws, gs) = (
            dims::<Flex>(&self.x),
            dims::<Flex>(&self.weights),
            dims::<Flex>(gradient),
        );
        let (batch, height, width) = (xs[0], xs[2], xs[3]);
        let (outputs, channels) = (ws[0], ws[1]);
        let (places, window) = (gs[2] * gs[3], self.slide.kernel[0] * self.slide.kernel[1]);
        let (item, k, m) = (xs[1] * height * width, channels * window, outputs / self.groups);
        // Channel last: all places of the batch are rows of one matrix.
        let mut turned = vec![0f32; gv.len()];
        chunks(&mut turned, (places * outputs).max(1), |n, rows| {
            let own = &gv[n * places * outputs..];
            for (p, row) in rows.chunks_exact_mut(outputs).enumerate() {
                for (c, v) in row.iter_mut().enumerate() {
                    *v = own[c * places + p];
                }
            }
        });
        let mut bias = vec![0f64; outputs];
        for row in turned.chunks_exact(outputs) {
            bias.iter_mut().zip(row).for_each(|(b, &g)| *b += f64::from(g));
        }
        let bias = made(bias.into_iter().map(|b| b as f32).collect(), &[outputs]);
        let mut dw = vec![0f32; if want_w { wv.len() } else { 0 }];
        let mut dx = vec![0f32; if want_x { xv.len() } else { 0 }];
        let most = (UNROLLED / (places * k).max(1)).clamp(1, batch.max(1));
        let mut unrolled = vec![0f32; most * places * k];
        let mut part = vec![0f32; m * k];
        for first in (0..batch).step_by(most) {
            let count = most.min(batch - first);
            let rows = count * places;
            let own = &turned[first * places * outputs..][..rows * outputs];
            for group in 0..self.groups {
                let slopes = View {
                    values: &own[group * m..],
                    size: [rows, m],
                    strides: [outputs, 1],
                };
                let unrolled = &mut unrolled[..rows * k];
                if want_w {
                    let at = group * channels * height * width;
                    chunks(unrolled, k, |row, to| {
                        let (n, p) = (first + row / places, row % places);
                        let image = &xv[n * item + at..][..channels * height * width];
                        self.slide
                            .unroll(image, [height, width], [p / gs[3], p % gs[3]], to);
                    });
                    let right = View {
                        values: unrolled,
                        size: [rows, k],
                        strides: [k, 1],
                    };
                    product(slopes.turned(), right, &Finish::default(), &mut part);
                    let to = &mut dw[group * m * k..][..m * k];
                    to.iter_mut().zip(&part).for_each(|(d, p)| *d += p);
                }
                if want_x {
                    let right = View {
                        values: &wv[group * m * k..][..m * k],
                        size: [m, k],
                        strides: [k, 1],
                    };
                    product(slopes, right, &Finish::default(), unrolled);
                    let images = &mut dx[first * item..][..count * item];
                    let at = group * channels * height * width;
                    chunks(images, item, |n, image| {
                        let image = &mut image[at..][..channels * height * width];
                        for p in 0..places {
                            let from = &unrolled[(n * places + p) * k..][..k];
                            self.slide
                                .roll(from, [height, width], [p / gs[3], p % gs[3]], image);
                        }
                    });
                }
            }
        }
        (want_x.then(|| made(dx, &xs)), want_w.then(|| made(dw, &ws)), bias)
    }
}

impl Slide {
    /// Calls `f` with the places in the window and in a plane of `size` of each run of cells that one
    /// row of the window at output `[y, x]` has inside: start in the window, start in the plane, length.
    #[inline]
    fn runs(&self, size: [usize; 2], [y, x]: [usize; 2], mut f: impl FnMut(usize, usize, usize, usize)) {
        let [kh, kw] = self.kernel;
        let left = (x * self.strides[1]) as isize - self.pads[1].0 as isize;
        let step = self.dilations[1] as isize;
        // Columns of the window that are inside.
        let begin = if left < 0 {
            ((-left) as usize).div_ceil(step as usize)
        } else {
            0
        };
        let room = size[1] as isize - left;
        let end = if room <= 0 {
            0
        } else {
            (room as usize).div_ceil(step as usize).min(kw)
        };
        if begin >= end {
            return;
        }
        let column = (left + begin as isize * step) as usize;
        for ky in 0..kh {
            let row = (y * self.strides[0] + ky * self.dilations[0]) as isize - self.pads[0].0 as isize;
            if row >= 0 && (row as usize) < size[0] {
                f(
                    ky * kw + begin,
                    row as usize * size[1] + column,
                    end - begin,
                    step as usize,
                );
            }
        }
    }

    /// The cells of all channels of `image` under the window, cells outside as 0.
    fn unroll(&self, image: &[f32], size: [usize; 2], at: [usize; 2], to: &mut [f32]) {
        to.fill(0.0);
        let (window, plane) = (self.kernel[0] * self.kernel[1], size[0] * size[1]);
        self.runs(size, at, |w, p, count, step| {
            for (to, from) in to.chunks_exact_mut(window).zip(image.chunks_exact(plane)) {
                for i in 0..count {
                    to[w + i] = from[p + i * step];
                }
            }
        });
    }

    /// Adds the cells of a window to those of all channels of `image`.
    fn roll(&self, from: &[f32], size: [usize; 2], at: [usize; 2], image: &mut [f32]) {
        let (window, plane) = (self.kernel[0] * self.kernel[1], size[0] * size[1]);
        self.runs(size, at, |w, p, count, step| {
            for (from, to) in from.chunks_exact(window).zip(image.chunks_exact_mut(plane)) {
                for i in 0..count {
                    to[p + i * step] += from[w + i];
                }
            }
        });
    }
}

/// A batch that was normalised.
pub struct Normalised<B: Backend> {
    /// The result.
    pub y: FloatTensor<B>,
    /// Mean and variance (divided by the count) of each channel, `[C]`.
    pub mean: FloatTensor<B>,
    #[allow(missing_docs)]
    pub variance: FloatTensor<B>,
}

/// Batch normalisation by the statistics of the batch, with its gradients; `scale` and `bias` have one
/// element a channel.
pub fn batch_norm<B: Backend>(
    x: &FloatTensor<B>,
    scale: &FloatTensor<B>,
    bias: &FloatTensor<B>,
    epsilon: f32,
) -> Option<Normalised<B>> {
    let (x, scale, bias) = (tracked::<B>(x)?, tracked::<B>(scale)?, tracked::<B>(bias)?);
    let shape = dims::<Flex>(&x.primitive);
    let (channels, plane) = (*shape.get(1)?, shape[2..].iter().product::<usize>());
    let all = values(&x.primitive);
    let (gain, shift) = (values(&scale.primitive), values(&bias.primitive));
    if all.is_empty() || gain.len() != channels || shift.len() != channels {
        return None;
    }
    let planes = all.len() / plane;
    let count = (all.len() / channels) as f64;
    // In two passes, as a variance should be: of each channel the sum, then the squares around it.
    let sums = per_plane(planes, |i| total(&all[i * plane..][..plane], |v| v));
    let mean: Vec<f64> = per_channel(&sums, channels).iter().map(|s| s / count).collect();
    let squares = per_plane(planes, |i| {
        let middle = mean[i % channels] as f32;
        total(&all[i * plane..][..plane], |v| (v - middle) * (v - middle))
    });
    let variance: Vec<f64> = per_channel(&squares, channels)
        .iter()
        .map(|s| s / count)
        .collect();
    let rest: Vec<f32> = variance
        .iter()
        .map(|v| (1.0 / (v + f64::from(epsilon)).sqrt()) as f32)
        .collect();
    let mean: Vec<f32> = mean.into_iter().map(|m| m as f32).collect();
    let mut out = vec![0f32; all.len()];
    chunks(&mut out, plane, |i, out| {
        let c = i % channels;
        let (by, middle, plus) = (rest[c] * gain[c], mean[c], shift[c]);
        let from = &all[i * plane..][..plane];
        out.iter_mut()
            .zip(from)
            .for_each(|(o, &v)| *o = (v - middle) * by + plus);
    });
    let y = made(out, &shape);
    let state = Spread {
        x: x.primitive.clone(),
        scale: scale.primitive.clone(),
        mean: mean.clone(),
        rest,
    };
    let prepared = Norm.prepare::<NoCheckpointing>([x.node.clone(), scale.node.clone(), bias.node.clone()]);
    let y = match prepared.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    };
    let plain = |values: Vec<f32>| back::<B>(Auto::from_inner(made(values, &[channels])));
    Some(Normalised {
        y: back::<B>(y)?,
        mean: plain(mean)?,
        variance: plain(variance.into_iter().map(|v| v as f32).collect())?,
    })
}

#[derive(Debug)]
struct Norm;

#[derive(Clone, Debug)]
struct Spread {
    x: FlexTensor,
    scale: FlexTensor,
    mean: Vec<f32>,
    /// One over the deviation.
    rest: Vec<f32>,
}

impl Backward<Flex, 3> for Norm {
    type State = Spread;

    fn backward(self, ops: Ops<Spread, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let s = &ops.state;
        let (x, g, gain) = (values(&s.x), values(&gradient), values(&s.scale));
        let shape = dims::<Flex>(&s.x);
        let (channels, plane) = (shape[1], shape[2..].iter().product::<usize>());
        let planes = x.len() / plane;
        let count = (x.len() / channels) as f64;
        let bias = per_channel(
            &per_plane(planes, |i| total(&g[i * plane..][..plane], |v| v)),
            channels,
        );
        let along = per_plane(planes, |i| {
            let c = i % channels;
            let (x, g) = (&x[i * plane..][..plane], &g[i * plane..][..plane]);
            let middle = s.mean[c];
            f64::from(s.rest[c]) * pairs(x, g, |x, g| (x - middle) * g)
        });
        let scale = per_channel(&along, channels);
        let [node_x, node_scale, node_bias] = ops.parents;
        if let Some(node) = node_x {
            let mut out = vec![0f32; x.len()];
            chunks(&mut out, plane, |i, out| {
                let c = i % channels;
                let by = s.rest[c] * gain[c];
                let (level, slope) = ((bias[c] / count) as f32, (scale[c] / count) as f32 * s.rest[c]);
                let middle = s.mean[c];
                let both = x[i * plane..][..plane].iter().zip(&g[i * plane..][..plane]);
                out.iter_mut()
                    .zip(both)
                    .for_each(|(o, (&x, &g))| *o = by * (g - level - (x - middle) * slope));
            });
            grads.register::<Flex>(node.id, made(out, &shape));
        }
        let own = dims::<Flex>(&s.scale);
        for (node, sums) in [(node_scale, scale), (node_bias, bias)] {
            if let Some(node) = node {
                let sums = sums.into_iter().map(|v| v as f32).collect();
                grads.register::<Flex>(node.id, made(sums, &own));
            }
        }
    }
}

/// A number of each plane, on all cores.
fn per_plane(planes: usize, f: impl Fn(usize) -> f64 + Sync + Send) -> Vec<f64> {
    let mut out = vec![0f64; planes];
    crate::threads::each(
        out.chunks_mut(planes.div_ceil(crate::threads::cores()).max(1))
            .enumerate()
            .collect(),
        |(part, out): (usize, &mut [f64])| {
            let first = part * planes.div_ceil(crate::threads::cores()).max(1);
            out.iter_mut().enumerate().for_each(|(i, v)| *v = f(first + i));
        },
    );
    out
}

/// Sums over the batch.
fn per_channel(planes: &[f64], channels: usize) -> Vec<f64> {
    let mut sums = vec![0f64; channels];
    for (i, v) in planes.iter().enumerate() {
        sums[i % channels] += v;
    }
    sums
}

const LANES: usize = 16;

/// The sum of `f` of each value, in lanes that the compiler makes vectors of.
#[inline]
fn total(values: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let mut sum = 0f64;
    for piece in values.chunks(1024) {
        let mut lanes = [0f32; LANES];
        let whole = piece.chunks_exact(LANES);
        let rest = whole.remainder();
        whole.for_each(|group| (0..LANES).for_each(|i| lanes[i] += f(group[i])));
        sum += lanes.iter().map(|&v| f64::from(v)).sum::<f64>();
        sum += rest.iter().map(|&v| f64::from(f(v))).sum::<f64>();
    }
    sum
}

/// The sum of `f` of each pair, as [`total`].
#[inline]
fn pairs(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f64 {
    let mut sum = 0f64;
    for (a, b) in a.chunks(1024).zip(b.chunks(1024)) {
        let mut lanes = [0f32; LANES];
        let (wa, wb) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let (ra, rb) = (wa.remainder(), wb.remainder());
        wa.zip(wb)
            .for_each(|(a, b)| (0..LANES).for_each(|i| lanes[i] += f(a[i], b[i])));
        sum += lanes.iter().map(|&v| f64::from(v)).sum::<f64>();
        sum += ra.iter().zip(rb).map(|(&a, &b)| f64::from(f(a, b))).sum::<f64>();
    }
    sum
}

#[cfg(test)]
mod tests {
    use burn_backend::ops::{ConvOptions, FloatTensorOps, ModuleOps};

    use super::*;

    fn some(shape: &[usize], seed: u64) -> FlexTensor {
        let mut random = model::Random::new(&[seed]);
        let count = shape.iter().product::<usize>();
        made((0..count).map(|_| random.normal() as f32).collect(), shape)
    }

    fn leaf(t: &FlexTensor) -> Tracked {
        Auto::float_set_require_grad(Auto::from_inner(t.clone()), true)
    }

    /// Gradients of the sum of `y` times `weights`, with respect to `leaves`.
    fn gradients(y: Tracked, weights: &FlexTensor, leaves: &[&Tracked]) -> Vec<Vec<f32>> {
        let loss = Auto::float_sum(Auto::float_mul(y, Auto::from_inner(weights.clone())));
        let mut slopes = Auto::backward(loss);
        let of = |t: &&Tracked| {
            let found = Auto::grad_remove(t, &mut slopes).expect("a gradient");
            values(&found).into_owned()
        };
        leaves.iter().map(of).collect()
    }

    fn near(a: &[f32], b: &[f32], what: &str) {
        assert_eq!(a.len(), b.len(), "{what}");
        let size = b.iter().map(|v| v.abs()).fold(1e-3, f32::max);
        let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart <= 2e-5 * size.max(1.0) * 10.0, "{what}: {apart} of {size}");
    }

    #[test]
    fn gradients_of_convolutions_are_those_of_the_backend() {
        // Input, weights, strides, pads, dilations, groups.
        type Pair = [usize; 2];
        let cases: [([[usize; 4]; 2], [Pair; 3], usize); 7] = [
            ([[2, 3, 8, 9], [4, 3, 3, 3]], [[1, 1], [1, 1], [1, 1]], 1),
            ([[3, 4, 9, 8], [6, 4, 3, 3]], [[2, 2], [1, 1], [1, 1]], 1),
            ([[2, 4, 7, 7], [5, 4, 1, 1]], [[2, 2], [0, 0], [1, 1]], 1),
            ([[1, 2, 10, 11], [3, 2, 3, 2]], [[1, 2], [2, 0], [2, 3]], 1),
            ([[2, 4, 6, 6], [6, 2, 3, 3]], [[1, 1], [1, 1], [1, 1]], 2),
            ([[2, 3, 1, 20], [4, 3, 1, 5]], [[1, 1], [0, 2], [1, 1]], 1),
            ([[5, 2, 4, 4], [3, 2, 4, 4]], [[3, 3], [3, 3], [1, 1]], 1),
        ];
        for (i, ([xs, ws], [strides, pads, dilations], groups)) in cases.into_iter().enumerate() {
            for with_bias in [false, true] {
                let (x, w, b) = (some(&xs, 1), some(&ws, 2), some(&[ws[0]], 3));
                let slide = Slide {
                    kernel: [ws[2], ws[3]],
                    strides,
                    dilations,
                    pads: pads.map(|p| (p, p)),
                };
                let (tx, tw, tb) = (leaf(&x), leaf(&w), leaf(&b));
                let y = conv::<Auto>(&tx, &tw, with_bias.then_some(&tb), groups, slide).unwrap();
                let options = ConvOptions::new(strides, pads, dilations, groups);
                let (rx, rw, rb) = (leaf(&x), leaf(&w), leaf(&b));
                let wanted = Auto::conv2d(rx.clone(), rw.clone(), with_bias.then(|| rb.clone()), options);
                let shape = dims::<Flex>(&wanted.primitive);
                assert_eq!(dims::<Flex>(&y.primitive), shape);
                let out = some(&shape, 4);
                let (own, reference): (Vec<&Tracked>, Vec<&Tracked>) = match with_bias {
                    true => (vec![&tx, &tw, &tb], vec![&rx, &rw, &rb]),
                    false => (vec![&tx, &tw], vec![&rx, &rw]),
                };
                let (found, expected) = (gradients(y, &out, &own), gradients(wanted, &out, &reference));
                for (k, (a, b)) in found.iter().zip(&expected).enumerate() {
                    near(a, b, &format!("case {i}, gradient {k}"));
                }
            }
        }
    }

    #[test]
    fn gradients_of_batch_normalisation_are_those_of_its_parts() {
        for shape in [vec![4, 3, 5, 7], vec![6, 4], vec![2, 5, 40]] {
            let channels = shape[1];
            let (x, scale, bias) = (some(&shape, 1), some(&[channels], 2), some(&[channels], 3));
            let (tx, ts, tb) = (leaf(&x), leaf(&scale), leaf(&bias));
            let found = batch_norm::<Auto>(&tx, &ts, &tb, 1e-5).unwrap();
            let (rx, rs, rb) = (leaf(&x), leaf(&scale), leaf(&bias));
            let mut to = vec![1; shape.len()];
            to[1] = channels;
            let wide = |t: &Tracked| crate::value::reshape::<Auto>(t.clone(), &to);
            let over = |mut t: Tracked| {
                for a in (0..shape.len()).filter(|&a| a != 1) {
                    t = Auto::float_mean_dim(t, a);
                }
                t
            };
            let mean = over(rx.clone());
            let centred = Auto::float_sub(rx.clone(), mean.clone());
            let var = over(Auto::float_mul(centred.clone(), centred.clone()));
            let root = Auto::float_sqrt(Auto::float_add_scalar(var.clone(), 1e-5f32.into()));
            let y = Auto::float_mul(Auto::float_div(centred, root), wide(&rs));
            let y = Auto::float_add(y, wide(&rb));
            near(&values(&found.y.primitive), &values(&y.primitive), "result");
            near(&values(&found.mean.primitive), &values(&mean.primitive), "mean");
            near(
                &values(&found.variance.primitive),
                &values(&var.primitive),
                "variance",
            );
            let out = some(&shape, 4);
            let own = gradients(found.y, &out, &[&tx, &ts, &tb]);
            let expected = gradients(y, &out, &[&rx, &rs, &rb]);
            for (k, (a, b)) in own.iter().zip(&expected).enumerate() {
                near(a, b, &format!("{shape:?}, gradient {k}"));
            }
        }
    }
}
