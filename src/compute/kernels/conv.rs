//! Convolution over two axes, whatever the stride, dilation, padding and number of groups.
//!
//! The picture is padded, and for strides split into one picture for each remainder, so that each
//! place of the window sees the outputs' cells as one run of memory: a row of the right factor.

use super::finish::Finish;
use super::job::{Grid, LEAST, Left, multiply};
use super::narrow::narrow;
use super::tile::{Columns, WIDEST};
use crate::ops::host_window::Slide;
use crate::threads;

/// One item to convolve: `[channels, height, width]`.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    /// Numbers, row-major.
    pub values: &'a [f32],
    /// Channels.
    pub channels: usize,
    /// Height and width.
    pub size: [usize; 2],
}

/// How the padded picture lies in memory, and where each place of the window begins in it.
pub struct Plan {
    slide: Slide,
    size: [usize; 2],
    /// Height and width of the result.
    pub outputs: [usize; 2],
    /// Height and width of each remainder's picture.
    room: [usize; 2],
    /// Remainders that the window meets, along both axes.
    remainders: [Vec<usize>; 2],
    /// For each place of the window its first element, within a channel.
    pub places: Vec<usize>,
    /// Cells outside the picture.
    pub fill: f32,
}

impl Plan {
    /// For a picture of `size`, height and width, into which the window fits.
    pub fn new(slide: &Slide, size: [usize; 2], fill: f32) -> Self {
        let outputs = slide.outputs(size);
        let reach = [0, 1].map(|i| (slide.kernel[i] - 1) * slide.dilations[i]);
        let room = [0, 1].map(|i| outputs[i] + reach[i] / slide.strides[i]);
        let remainders = [0, 1].map(|i| {
            let met = (0..slide.kernel[i]).map(|k| k * slide.dilations[i] % slide.strides[i]);
            let mut met: Vec<usize> = met.collect();
            met.sort_unstable();
            met.dedup();
            met
        });
        let place = |i: usize, k: usize| {
            let from = k * slide.dilations[i];
            let which = remainders[i].binary_search(&(from % slide.strides[i]));
            (which.unwrap_or_default(), from / slide.strides[i])
        };
        let mut places = Vec::with_capacity(slide.kernel[0] * slide.kernel[1]);
        for ky in 0..slide.kernel[0] {
            for kx in 0..slide.kernel[1] {
                let ((py, y), (px, x)) = (place(0, ky), place(1, kx));
                let picture = py * remainders[1].len() + px;
                places.push((picture * room[0] + y) * room[1] + x);
            }
        }
        Plan {
            slide: *slide,
            size,
            outputs,
            room,
            remainders,
            places,
            fill,
        }
    }

    /// True when the picture serves as it is.
    fn plain(&self) -> bool {
        self.slide.strides == [1, 1] && self.room == self.size && self.slide.pads == [(0, 0); 2]
    }

    /// Elements of a channel.
    pub fn channel(&self) -> usize {
        self.remainders[0].len() * self.remainders[1].len() * self.room[0] * self.room[1]
    }

    /// Where the result's cells stand among the columns.
    pub fn grid(&self) -> Grid {
        match self.room[1] == self.outputs[1] {
            true => Grid::line(self.outputs[0] * self.outputs[1]),
            false => Grid {
                lines: self.outputs[0],
                length: self.outputs[1],
                pitch: self.room[1],
            },
        }
    }

    /// Pads and splits one channel.
    pub fn spread(&self, channel: &[f32], out: &mut [f32]) {
        let (slide, [height, width]) = (&self.slide, self.size);
        let pictures = self.remainders[0]
            .iter()
            .flat_map(|&y| self.remainders[1].iter().map(move |&x| (y, x)));
        for ((py, px), out) in pictures.zip(out.chunks_exact_mut(self.room[0] * self.room[1])) {
            for (y, line) in out.chunks_exact_mut(self.room[1]).enumerate() {
                let from = (y * slide.strides[0] + py).checked_sub(slide.pads[0].0);
                let Some(from) = from.filter(|&f| f < height) else {
                    line.fill(self.fill);
                    continue;
                };
                let from = &channel[from * width..][..width];
                // The cells of the line that lie within the picture.
                let step = slide.strides[1];
                let begin = slide.pads[1].0.saturating_sub(px).div_ceil(step).min(line.len());
                let end = (width + slide.pads[1].0).saturating_sub(px).div_ceil(step);
                let end = end.clamp(begin, line.len());
                line[..begin].fill(self.fill);
                line[end..].fill(self.fill);
                if begin < end {
                    let from = &from[begin * step + px - slide.pads[1].0..];
                    match step {
                        1 => line[begin..end].copy_from_slice(&from[..end - begin]),
                        _ => (line[begin..end].iter_mut().zip(from.iter().step_by(step)))
                            .for_each(|(o, &v)| *o = v),
                    }
                }
            }
        }
    }
}

/// Convolves `image` with `weights` `[outputs, channels / groups, kernel...]` into `out`
/// `[outputs, height, width]`. The window must fit.
pub fn convolve(
    image: Image,
    weights: &[f32],
    groups: usize,
    slide: &Slide,
    finish: &Finish,
    out: &mut [f32],
) {
    let plan = Plan::new(slide, image.size, 0.0);
    let (inputs, window) = (image.channels / groups, plan.places.len());
    let depth = inputs * window;
    let outputs = weights.len() / depth.max(1);
    let kept = plan.outputs[0] * plan.outputs[1];
    if depth == 0 || outputs == 0 || kept == 0 {
        return;
    }
    if inputs == 1 {
        return narrow(&plan, image, weights, outputs / groups, finish, out);
    }
    let plane = image.size[0] * image.size[1];
    let channel = plan.channel();
    let (mut spread, plain) = (Vec::new(), plan.plain());
    if !plain {
        spread.resize(channel * image.channels + WIDEST, plan.fill);
        let whole = channel * image.channels;
        threads::chunks(&mut spread[..whole], channel, |c, out| {
            plan.spread(&image.values[c * plane..][..plane], out);
        });
    }
    let values = if plain { image.values } else { &spread };
    let all = outputs / groups;
    let one = |group: usize, out: &mut [f32]| {
        let first = group * inputs;
        let rows: Vec<usize> = (first..first + inputs)
            .flat_map(|c| plan.places.iter().map(move |p| c * channel + p))
            .collect();
        let right = Columns { values, rows: &rows };
        let left = Left {
            values: &weights[group * all * depth..],
            pitch: depth,
            count: all,
        };
        let own = group * all..(group + 1) * all;
        let finish = Finish {
            rows: finish.rows.map(|b| &b[own.clone()]),
            sum: finish.sum.map(|s| &s[own.start * kept..]),
            gathers: window == 1,
            ..*finish
        };
        multiply(left, right, plan.grid(), &finish, out);
    };
    let shares = out.chunks_mut(all * kept).enumerate();
    match all * kept * depth * groups < LEAST {
        true => shares.for_each(|(group, out)| one(group, out)),
        false => threads::each(shares.collect(), |(group, out)| one(group, out)),
    }
}
