//! Windows that slide over two axes on the CPU backend, as in [`super::host`].

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Unary;

use super::conv::Ends;
use super::host::{Done, follow, slice};
use crate::kernels::{Finish, Image, convolve, largest};
use crate::value::{dims, float};

/// A window that slides over two spatial axes.
#[derive(Clone, Copy, Debug)]
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
    pub fn outputs(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|i| {
            let extent = (self.kernel[i] - 1) * self.dilations[i] + 1;
            (size[i] + self.pads[i].0 + self.pads[i].1 - extent) / self.strides[i] + 1
        })
    }
}

/// Convolution over two axes, with what follows it at once.
pub struct Convolution<'a, B: Backend> {
    /// `[N, C, H, W]`.
    pub x: &'a FloatTensor<B>,
    /// `[M, C / groups, kernel...]`.
    pub weights: &'a FloatTensor<B>,
    /// `[M]`.
    pub bias: Option<&'a FloatTensor<B>>,
    /// A tensor of the result's shape that is added.
    pub sum: Option<&'a FloatTensor<B>>,
    /// Groups of channels.
    pub groups: usize,
    /// The window.
    pub slide: Slide,
    /// Applied last, where it is one of those of [`Activation`].
    pub activation: Option<Unary>,
}

impl<B: Backend> Convolution<'_, B> {
    /// The result, and how much of what follows it has been done.
    pub fn run(&self, device: &B::Device) -> Option<(FloatTensor<B>, Done)> {
        let (values, weights) = (slice::<B>(self.x)?, slice::<B>(self.weights)?);
        let (xs, ws) = (dims::<B>(self.x), dims::<B>(self.weights));
        let [height, width] = self.slide.outputs([xs[2], xs[3]]);
        let shape = [xs[0], ws[0], height, width];
        let rows = match self.bias {
            Some(bias) => Some(slice::<B>(bias)?),
            None => None,
        };
        let (sum, activation) = follow::<B>(self.sum, self.activation, &shape);
        let (item, result) = (xs[1] * xs[2] * xs[3], ws[0] * height * width);
        let mut out = vec![0f32; xs[0] * result];
        for (i, out) in out.chunks_exact_mut(result.max(1)).enumerate() {
            let image = Image {
                values: &values[i * item..][..item],
                channels: xs[1],
                size: [xs[2], xs[3]],
            };
            let finish = Finish {
                rows,
                sum: sum.map(|s| &s[i * result..][..result]),
                activation,
                ..Finish::default()
            };
            convolve(image, weights, self.groups, &self.slide, &finish, out);
        }
        let done = Done {
            summed: sum.is_some(),
            activated: activation.is_some(),
        };
        Some((float::<B>(out, &shape, device), done))
    }
}

/// Max pooling over two axes.
pub fn max_pool<B: Backend>(x: &FloatTensor<B>, slide: &Slide, device: &B::Device) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let xs = dims::<B>(x);
    let [height, width] = slide.outputs([xs[2], xs[3]]);
    let mut out = vec![0f32; xs[0] * xs[1] * height * width];
    let image = Image {
        values,
        channels: xs[0] * xs[1],
        size: [xs[2], xs[3]],
    };
    largest(image, slide, &mut out);
    Some(float::<B>(out, &[xs[0], xs[1], height, width], device))
}

/// The mean of each window over two axes, cells outside counted as 0.
pub fn mean_pool<B: Backend>(
    x: &FloatTensor<B>,
    slide: &Slide,
    device: &B::Device,
) -> Option<FloatTensor<B>> {
    let values = slice::<B>(x)?;
    let xs = dims::<B>(x);
    let [height, width] = slide.outputs([xs[2], xs[3]]);
    let (channels, window) = (xs[0] * xs[1], slide.kernel[0] * slide.kernel[1]);
    let mut out = vec![0f32; channels * height * width];
    let image = Image {
        values,
        channels,
        size: [xs[2], xs[3]],
    };
    let weights = vec![1.0 / window as f32; channels * window];
    if channels > 0 {
        convolve(image, &weights, channels, slide, &Finish::default(), &mut out);
    }
    Some(float::<B>(out, &[xs[0], xs[1], height, width], device))
}

#[cfg(test)]
mod tests {
    use burn_backend::ops::{ActivationOps, ConvOptions, FloatTensorOps, ModuleOps};
    use burn_flex::{Flex, FlexDevice};

    use super::super::host::tests::{noise, same};
    use super::*;

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

    fn convolve(x: &FloatTensor<Flex>, weights: &FloatTensor<Flex>, slide: Slide) -> FloatTensor<Flex> {
        let plain = Convolution::<Flex> {
            x,
            weights,
            bias: None,
            sum: None,
            groups: 1,
            slide,
            activation: None,
        };
        plain.run(&FlexDevice).unwrap().0
    }

    /// Windows, groups, items and what follows, over pictures of more than a tile and of less.
    #[test]
    fn convolution_is_that_of_the_backend() {
        let mut case = 0;
        for slide in slides() {
            for (inputs, outputs, groups) in [(3, 5, 1), (4, 6, 2), (3, 3, 3), (2, 4, 2), (19, 21, 1)] {
                let [h, w] = slide.kernel;
                let size = [[15, 17], [13, 64], [14, 14]][case % 3];
                let items = 1 + case % 2;
                let x = noise(&[items, inputs, size[0], size[1]], 1);
                let weights = noise(&[outputs, inputs / groups, h, w], 2);
                let bias = (case % 3 > 0).then(|| noise(&[outputs], 3));
                let pads = slide.pads.map(|p| p.0);
                let options = ConvOptions::new(slide.strides, pads, slide.dilations, groups);
                let mut wanted = Flex::conv2d(x.clone(), weights.clone(), bias.clone(), options);
                let sum = (case % 5 > 2).then(|| noise(&dims::<Flex>(&wanted), 4));
                if let Some(sum) = &sum {
                    wanted = Flex::float_add(wanted, sum.clone());
                }
                let activation = (case % 7 > 3).then_some(Unary::Relu);
                if activation.is_some() {
                    wanted = Flex::relu(wanted);
                }
                let found = Convolution::<Flex> {
                    x: &x,
                    weights: &weights,
                    bias: bias.as_ref(),
                    sum: sum.as_ref(),
                    groups,
                    slide,
                    activation,
                };
                let (found, done) = found.run(&FlexDevice).unwrap();
                assert_eq!(done.activated, activation.is_some());
                assert_eq!(done.summed, sum.is_some());
                same(&format!("case {case}"), found, wanted);
                case += 1;
            }
        }
    }

    /// Enough work for several jobs: bands of lines, bands of one line, blocks of rows.
    #[test]
    fn large_convolutions_are_those_of_the_backend() {
        let cases = [
            ([64, 64, 3, 3], [56, 56], 1),
            ([8, 16, 3, 3], [90, 120], 1),
            ([70, 32, 1, 1], [40, 41], 0),
            ([9, 3, 1, 1], [300, 301], 0),
        ];
        for (weights, [height, width], pad) in cases {
            let x = noise(&[1, weights[1], height, width], 1);
            let slide = Slide {
                kernel: [weights[2], weights[3]],
                strides: [1, 1],
                dilations: [1, 1],
                pads: [(pad, pad); 2],
            };
            let weights = noise(&weights, 2);
            let wanted = Flex::conv2d(
                x.clone(),
                weights.clone(),
                None,
                ConvOptions::new([1, 1], [pad, pad], [1, 1], 1),
            );
            same("large", convolve(&x, &weights, slide), wanted);
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
        let found = convolve(&x, &weights, slide);
        let padded = crate::ops::shape::pad_spatial::<Flex>(x, &slide.pads, 0.0, &FlexDevice);
        let wanted = Flex::conv2d(padded, weights, None, ConvOptions::new([2, 2], [0, 0], [1, 1], 1));
        same("one side", found, wanted);
    }
}
