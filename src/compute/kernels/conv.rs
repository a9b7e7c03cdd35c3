//! Convolution over two axes, whatever the stride, dilation, padding and number of groups.
//!
//! The picture is padded, and for strides split into one picture for each remainder, so that each
//! place of the window sees the outputs' cells as one run of memory: a row of the right factor.

use rten_simd::ops::BitOps;
use rten_simd::{Isa, SimdOp};

use super::finish::Finish;
use super::job::{Grid, Left, multiply};
use super::tile::{Columns, ROWS, Sums, VECTORS, WIDEST, tile};
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
struct Plan {
    slide: Slide,
    size: [usize; 2],
    /// Height and width of the result.
    outputs: [usize; 2],
    /// Height and width of each remainder's picture.
    room: [usize; 2],
    /// Remainders that the window meets, along both axes.
    remainders: [Vec<usize>; 2],
    /// For each place of the window its first element, within a channel.
    places: Vec<usize>,
    /// Cells outside the picture.
    fill: f32,
}

impl Plan {
    fn new(slide: &Slide, size: [usize; 2], fill: f32) -> Self {
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
    fn channel(&self) -> usize {
        self.remainders[0].len() * self.remainders[1].len() * self.room[0] * self.room[1]
    }

    fn grid(&self) -> Grid {
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
    fn spread(&self, channel: &[f32], out: &mut [f32]) {
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
    for group in 0..groups {
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
        multiply(
            left,
            right,
            plan.grid(),
            &finish,
            &mut out[own.start * kept..own.end * kept],
        );
    }
}

/// Groups of one channel (depthwise: Sifre 2014), each with `all` outputs.
fn narrow(plan: &Plan, image: Image, weights: &[f32], all: usize, finish: &Finish, out: &mut [f32]) {
    let (kept, plane) = (plan.outputs[0] * plan.outputs[1], image.size[0] * image.size[1]);
    threads::chunks(out, all * kept, |group, out| {
        Narrow {
            plan,
            channel: &image.values[group * plane..][..plane],
            weights: &weights[group * all * plan.places.len()..],
            first: group * all,
            finish,
            out,
        }
        .dispatch();
    });
}

struct Narrow<'a> {
    plan: &'a Plan,
    channel: &'a [f32],
    weights: &'a [f32],
    first: usize,
    finish: &'a Finish<'a>,
    out: &'a mut [f32],
}

impl SimdOp for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let (plan, depth) = (self.plan, self.plan.places.len());
        let mut spread = vec![plan.fill; plan.channel() + WIDEST];
        plan.spread(self.channel, &mut spread[..plan.channel()]);
        let right = Columns {
            values: &spread,
            rows: &plan.places,
        };
        let [height, length] = plan.outputs;
        let mut sums: Sums = [[0.0; WIDEST]; ROWS];
        let step = VECTORS * isa.f32().len();
        for (m, out) in self.out.chunks_exact_mut(height * length).enumerate() {
            let left = [&self.weights[m * depth..][..depth]];
            for y in 0..height {
                for x in (0..length).step_by(step) {
                    let width = step.min(length - x);
                    tile(isa, &left, right, y * plan.room[1] + x, width, &mut sums);
                    let at = y * length + x;
                    let out = &mut out[at..at + width];
                    self.finish
                        .put(self.first + m, at, &sums[0][..width], out, height * length);
                }
            }
        }
    }
}
