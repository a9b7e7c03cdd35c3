//! `Resize` and `Upsample`, axis by axis: each output cell blends 1, 2 or 4 input cells.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Resize;

use super::conv::bounded;
use super::{Context, Output, host_axis};
use crate::value::{Ints, Value, axis_of as resolve, dims, float, index};

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
    let crop = o.coordinates == "tf_crop_and_resize";
    let region = match crop {
        true => c.host(1)?.to_vec(),
        false => Vec::new(),
    };
    if crop && region.len() != 2 * axes.len() {
        return Err(format!(
            "{} numbers of a region for {} axes",
            region.len(),
            axes.len()
        ));
    }
    if axes.iter().any(|&a| shape[a] == 0) {
        return Err(format!("an axis of {shape:?} is empty"));
    }
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
    let mut to = shape.clone();
    axes.iter().zip(&plan).for_each(|(&a, &(size, _))| to[a] = size);
    bounded(&to)?;
    for (k, (&axis, &(size, scale))) in axes.iter().zip(&plan).enumerate() {
        if size == 0 || size > 1 << 24 {
            return Err(format!("axis {axis} of {shape:?} would become {size}"));
        }
        let line = Line {
            input: shape[axis],
            size,
            scale,
            region: crop.then(|| [region[k], region[k + axes.len()]].map(f64::from)),
            options: o,
        };
        if size != shape[axis] || scale != 1.0 || line.region.is_some_and(|r| r != [0.0, 1.0]) {
            x = along::<B>(x, axis, &line, c.device)?;
        }
    }
    Ok(Value::Float(x))
}

/// One axis that is resized.
struct Line<'a> {
    input: usize,
    size: usize,
    scale: f64,
    /// Begin and end of the part that is read, as shares of the input.
    region: Option<[f64; 2]>,
    options: &'a Resize,
}

fn along<B: Backend>(
    x: FloatTensor<B>,
    axis: usize,
    line: &Line,
    device: &B::Device,
) -> Result<FloatTensor<B>, String> {
    let last = line.input as i64 - 1;
    let within = |&(cell, weight): &(i64, f64)| (cell.clamp(0, last) as usize, weight as f32);
    let cells = |i: usize| Ok(line.taps(i)?.iter().map(within).collect());
    let cells: Vec<Vec<(usize, f32)>> = (0..line.size).map(cells).collect::<Result<_, String>>()?;
    let rank = dims::<B>(&x).len();
    let y = match host_axis::blend::<B>(&x, axis, &cells, device) {
        Some(y) => y,
        None => blended::<B>(x, axis, &cells, device),
    };
    // Cells outside the input have no tap at all.
    let value = line.options.extrapolation;
    let outside: Vec<f32> = cells
        .iter()
        .map(|c| if c.is_empty() { value } else { 0.0 })
        .collect();
    if outside.iter().all(|&v| v == 0.0) {
        return Ok(y);
    }
    let mut to = vec![1; rank];
    to[axis] = line.size;
    Ok(B::float_add(y, float::<B>(outside, &to, device)))
}

/// Each cell of `axis` as a weighted sum of cells of `x`.
fn blended<B: Backend>(
    x: FloatTensor<B>,
    axis: usize,
    cells: &[Vec<(usize, f32)>],
    device: &B::Device,
) -> FloatTensor<B> {
    let mut to = vec![1; dims::<B>(&x).len()];
    to[axis] = cells.len();
    let part = |k: usize| {
        let tap = |c: &Vec<(usize, f32)>| c.get(k).copied().unwrap_or((0, 0.0));
        let places = cells.iter().map(|c| tap(c).0 as i64).collect();
        let places = index::<B>(&Ints::new(vec![cells.len()], places), device);
        let part = B::float_select(x.clone(), axis, places);
        let weights: Vec<f32> = cells.iter().map(|c| tap(c).1).collect();
        match weights.iter().all(|&w| w == 1.0) {
            true => part,
            false => B::float_mul(part, float::<B>(weights, &to, device)),
        }
    };
    let count = cells.iter().map(Vec::len).max().unwrap_or(0);
    (1..count).fold(part(0), |sum, k| B::float_add(sum, part(k)))
}

impl Line<'_> {
    /// Where output cell `i` stands in the input.
    fn place(&self, i: usize) -> Result<f64, String> {
        let (i, n) = (i as f64, self.input as f64);
        // The size before rounding.
        let m = n * self.scale;
        let half = (i + 0.5) / self.scale - 0.5;
        Ok(match self.options.coordinates.as_str() {
            "half_pixel" => half,
            "half_pixel_symmetric" => n / 2.0 * (1.0 - self.size as f64 / m) + half,
            "pytorch_half_pixel" if self.size > 1 => half,
            "pytorch_half_pixel" => 0.0,
            "align_corners" if self.size > 1 && m != 1.0 => i * (n - 1.0) / (m - 1.0),
            "align_corners" => 0.0,
            "asymmetric" => i / self.scale,
            "tf_half_pixel_for_nn" => (i + 0.5) / self.scale,
            "tf_crop_and_resize" => {
                let [begin, end] = self.region.unwrap_or([0.0, 1.0]);
                match self.size {
                    0 | 1 => 0.5 * (begin + end) * (n - 1.0),
                    size => begin * (n - 1.0) + i * (end - begin) * (n - 1.0) / (size as f64 - 1.0),
                }
            }
            other => return Err(format!("coordinate transformation {other:?} is unknown")),
        })
    }

    /// Input cells and weights for output cell `i`; none where it stands outside the region.
    fn taps(&self, i: usize) -> Result<Vec<(i64, f64)>, String> {
        let (at, o) = (self.place(i)?, self.options);
        if self.region.is_some() && !(0.0..=self.input as f64 - 1.0).contains(&at) {
            return Ok(Vec::new());
        }
        let a = f64::from(o.cubic_a);
        let kernel = |d: f64| match (o.mode.as_str(), d.abs()) {
            ("linear", d) => (1.0 - d).max(0.0),
            (_, d) if d <= 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
            (_, d) if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
            _ => 0.0,
        };
        let reach = match o.mode.as_str() {
            "nearest" => {
                let cell = match o.nearest.as_str() {
                    "round_prefer_floor" => (at - 0.5).ceil(),
                    "round_prefer_ceil" => (at + 0.5).floor(),
                    "floor" => at.floor(),
                    "ceil" => at.ceil(),
                    other => return Err(format!("nearest mode {other:?}")),
                };
                return Ok(vec![(cell as i64, 1.0)]);
            }
            "linear" => 1.0,
            "cubic" => 2.0,
            other => return Err(format!("resize mode {other:?}")),
        };
        // A picture that gets smaller is smoothed by a kernel as wide as the step.
        let narrow = if o.antialias { self.scale.min(1.0) } else { 1.0 };
        let reach = (reach / narrow).min(1e6);
        let (first, last) = ((at - reach).floor() as i64 + 1, (at + reach).ceil() as i64 - 1);
        let mut taps: Vec<(i64, f64)> = (first..=last)
            .map(|cell| (cell, kernel((cell as f64 - at) * narrow)))
            .collect();
        let inside = |cell: i64| (0..self.input as i64).contains(&cell);
        if o.exclude_outside {
            taps.retain(|t| inside(t.0));
        }
        if o.exclude_outside || o.antialias {
            let total: f64 = taps.iter().map(|t| t.1).sum();
            taps.iter_mut().for_each(|t| t.1 /= total);
        }
        Ok(taps)
    }
}
