//! Fourier transforms, and the windows and weights that go with them. Transforms are matrix products,
//! which every backend has and gradients pass; where the values lie on the host they are fast ones.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::DType;
use model::op::Taper;

use super::matmul::product;
use super::shape::{pad, range};
use super::{Context, Output, fourier, host};
use crate::value::{Ints, Value, axis_of as resolve, dims, float, index, reshape};

/// Largest matrix of a transform, elements.
const LIMIT: usize = 1 << 26;

/// A transform along one axis: `length` in, `bins` out.
#[derive(Clone, Copy, Debug)]
struct Fourier {
    length: usize,
    bins: usize,
    /// The sign of the exponent is positive, and the result is divided by `length`.
    inverse: bool,
}

impl Fourier {
    /// Cosines and sines `[length, bins]`.
    fn matrix(&self) -> Result<[Vec<f32>; 2], String> {
        let size = self.length.checked_mul(self.bins).filter(|&s| s <= LIMIT);
        let size = size.ok_or_else(|| format!("a transform of {} values is too long", self.length))?;
        let (sign, factor) = match self.inverse {
            true => (1.0, 1.0 / self.length as f64),
            false => (-1.0, 1.0),
        };
        let angle = |i: usize| {
            // The product is reduced first: cosines of large angles are inexact.
            let turn = (i / self.bins) * (i % self.bins) % self.length;
            sign * std::f64::consts::TAU * turn as f64 / self.length as f64
        };
        let of = |f: fn(f64) -> f64| (0..size).map(|i| (f(angle(i)) * factor) as f32).collect();
        Ok([of(f64::cos), of(f64::sin)])
    }

    /// The transform of the last axis: real parts, and imaginary ones where there are any.
    fn apply<B: Backend>(
        &self,
        real: FloatTensor<B>,
        imaginary: Option<FloatTensor<B>>,
        device: &B::Device,
    ) -> Result<[FloatTensor<B>; 2], String> {
        if let Some(y) = self.on_host::<B>(&real, imaginary.as_ref(), false, device) {
            return Ok(y);
        }
        let [cos, sin] = self.matrix()?;
        let matrix = |m| float::<B>(m, &[self.length, self.bins], device);
        let (cos, sin) = (matrix(cos), matrix(sin));
        let times = |t: &FloatTensor<B>, m: &FloatTensor<B>| product::<B>(t.clone(), m.clone());
        let (mut re, mut im) = (times(&real, &cos)?, times(&real, &sin)?);
        if let Some(i) = imaginary {
            re = B::float_sub(re, times(&i, &sin)?);
            im = B::float_add(im, times(&i, &cos)?);
        }
        Ok([re, im])
    }
}

impl Fourier {
    /// The same in double precision where the values lie on the host. `mirrored`: the input is one
    /// half of a spectrum, the other its mirror image.
    fn on_host<B: Backend>(
        &self,
        real: &FloatTensor<B>,
        imaginary: Option<&FloatTensor<B>>,
        mirrored: bool,
        device: &B::Device,
    ) -> Option<[FloatTensor<B>; 2]> {
        let re = host::slice::<B>(real)?;
        let im = match imaginary {
            Some(im) => Some(host::slice::<B>(im)?),
            None => None,
        };
        if !fourier::is_fast(self.length) {
            return None;
        }
        let shape = dims::<B>(real);
        let (sign, factor) = match self.inverse {
            true => (1.0, 1.0 / self.length as f64),
            false => (-1.0, 1.0),
        };
        let mut out = [0, 1].map(|_| Vec::with_capacity(shape[0] * self.bins));
        for row in 0..shape[0] {
            let at = |k: usize| {
                let i = row * shape[1] + k;
                [f64::from(re[i]), im.map_or(0.0, |im| f64::from(im[i]))]
            };
            let value = |k: usize| match mirrored {
                // The first and the middle bin of a real signal are real.
                true if k == 0 || 2 * k == self.length => [at(k)[0], 0.0],
                true if 2 * k > self.length => [at(self.length - k)[0], -at(self.length - k)[1]],
                _ => at(k),
            };
            let x: Vec<[f64; 2]> = (0..self.length).map(value).collect();
            for bin in &fourier::transform(&x, sign)[..self.bins] {
                out[0].push((bin[0] * factor) as f32);
                out[1].push((bin[1] * factor) as f32);
            }
        }
        Some(out.map(|v| float::<B>(v, &[shape[0], self.bins], device)))
    }
}

/// `DFT(X, length, axis)`: `X [..., n, ..., 1 or 2]`, whose last axis is real and imaginary part.
pub fn dft<B: Backend>(c: &Context<B>, axis: Option<i64>, inverse: bool, one_sided: bool) -> Output<B> {
    let x = c.float(0)?;
    let shape = dims::<B>(&x);
    let parts = *shape.last().ok_or("a signal needs axes")?;
    let axis = match (axis, c.opt(2)) {
        (Some(a), _) => a,
        (None, Some(_)) => *c.ints(2)?.data.first().ok_or("the axis is empty")?,
        (None, None) => -2,
    };
    let axis = resolve(axis, shape.len())?;
    if !(1..=2).contains(&parts) || axis + 1 == shape.len() {
        return Err(format!("a signal {shape:?} along axis {axis}"));
    }
    let given = shape[axis];
    // Of a one-sided spectrum the rest is the mirror image.
    let whole = inverse && one_sided;
    let length = match c.opt_ints(1)? {
        Some(l) => l
            .first()
            .and_then(|&l| usize::try_from(l).ok())
            .ok_or("the length is no size")?,
        None if whole => 2 * given.saturating_sub(1),
        None => given,
    };
    if length == 0 || length > 1 << 24 {
        return Err(format!("a transform of {length} values"));
    }
    let used = if whole { length / 2 + 1 } else { length };
    let mut cut: Vec<(usize, usize)> = shape.iter().map(|&d| (0, d)).collect();
    cut[axis].1 = given.min(used);
    let mut ends = vec![(0, 0); shape.len()];
    ends[axis].1 = used.saturating_sub(given);
    let x = pad::<B>(range::<B>(x, &cut), &ends, 0.0, c.device);
    // The parts first, the axis last.
    let mut order: Vec<usize> = (0..shape.len()).filter(|&i| i != axis).collect();
    order.rotate_right(1);
    order.push(axis);
    let x = B::float_permute(x, &order);
    let lead: Vec<usize> = order[1..order.len() - 1].iter().map(|&i| shape[i]).collect();
    let rows: usize = lead.iter().product();
    let x = reshape::<B>(x, &[parts, rows, used]);
    let part = |i: usize| {
        reshape::<B>(
            range::<B>(x.clone(), &[(i, i + 1), (0, rows), (0, used)]),
            &[rows, used],
        )
    };
    let (real, imaginary) = (part(0), (parts == 2).then(|| part(1)));
    let bins = if one_sided && !inverse {
        length / 2 + 1
    } else {
        length
    };
    let plan = Fourier {
        length,
        bins,
        inverse,
    };
    let ([re, im], count) = match whole {
        true => (half_inverse::<B>(&plan, real, imaginary, c.device)?, 1),
        false => (plan.apply::<B>(real, imaginary, c.device)?, 2),
    };
    let both = match count {
        1 => reshape::<B>(re, &[1, rows, bins]),
        _ => B::float_cat([re, im].map(|t| reshape::<B>(t, &[1, rows, bins])).to_vec(), 0),
    };
    let y = reshape::<B>(both, &[&[count], &lead[..], &[bins]].concat());
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(i, &o)| back[o] = i);
    Ok(Value::Float(B::float_permute(y, &back)))
}

/// The real signal of a one-sided spectrum `[rows, length / 2 + 1]`: each bin but the first, and
/// the last of an even length, stands for two.
fn half_inverse<B: Backend>(
    plan: &Fourier,
    real: FloatTensor<B>,
    imaginary: Option<FloatTensor<B>>,
    device: &B::Device,
) -> Result<[FloatTensor<B>; 2], String> {
    if let Some(y) = plan.on_host::<B>(&real, imaginary.as_ref(), true, device) {
        return Ok(y);
    }
    let (length, used) = (plan.length, plan.length / 2 + 1);
    let full = Fourier {
        length,
        bins: length,
        inverse: true,
    };
    let [cos, sin] = full.matrix()?;
    let weigh = |m: Vec<f32>| {
        let twice = |i: usize| {
            if i / length == 0 || 2 * (i / length) == length {
                1.0
            } else {
                2.0
            }
        };
        let half = m[..used * length].iter().enumerate();
        let m = half.map(|(i, v)| v * twice(i)).collect();
        float::<B>(m, &[used, length], device)
    };
    let mut y = product::<B>(real, weigh(cos))?;
    if let Some(i) = imaginary {
        y = B::float_sub(y, product::<B>(i, weigh(sin))?);
    }
    Ok([y.clone(), y])
}

/// `STFT(signal [N, L, 1 or 2], step, window, frame length)`: `[N, frames, bins, 2]`.
pub fn stft<B: Backend>(c: &Context<B>, one_sided: bool) -> Output<B> {
    let x = c.float(0)?;
    let s = dims::<B>(&x);
    let whole = |i: usize| -> Result<Option<usize>, String> {
        let Some(list) = c.opt_ints(i)? else {
            return Ok(None);
        };
        let one = list
            .first()
            .and_then(|&v| usize::try_from(v).ok())
            .filter(|&v| v > 0);
        one.map(Some)
            .ok_or_else(|| format!("input {i}: a positive number is expected"))
    };
    let window = c.opt_float(2)?;
    let step = whole(1)?.ok_or("the step is missing")?;
    let width = window.as_ref().map(|w| dims::<B>(w));
    let given = s.get(1).copied().unwrap_or(0);
    let frame = whole(3)?
        .or(width.as_ref().and_then(|w| w.first().copied()))
        .unwrap_or(given);
    let fits = s.len() == 3 && (1..=2).contains(&s[2]) && (1..=given).contains(&frame);
    if !fits || width.as_ref().is_some_and(|w| w != &[frame]) {
        return Err(format!(
            "a signal {s:?} in frames of {frame} under a window {width:?}"
        ));
    }
    let frames = (given - frame) / step + 1;
    if frames.checked_mul(frame).is_none_or(|n| n > LIMIT) {
        return Err(format!("{frames} frames of {frame} values are too many"));
    }
    let places = (0..frames * frame)
        .map(|i| (i / frame * step + i % frame) as i64)
        .collect();
    let places = index::<B>(&Ints::new(vec![frames * frame], places), c.device);
    let part = |k: usize| {
        let t = range::<B>(x.clone(), &[(0, s[0]), (0, given), (k, k + 1)]);
        let t = reshape::<B>(t, &[s[0], given]);
        let t = reshape::<B>(B::float_select(t, 1, places.clone()), &[s[0] * frames, frame]);
        match &window {
            Some(w) => B::float_mul(t, reshape::<B>(w.clone(), &[1, frame])),
            None => t,
        }
    };
    let plan = Fourier {
        length: frame,
        bins: if one_sided { frame / 2 + 1 } else { frame },
        inverse: false,
    };
    let parts = plan.apply::<B>(part(0), (s[2] == 2).then(|| part(1)), c.device)?;
    let shape = [s[0], frames, plan.bins, 1];
    let both = parts.map(|t| reshape::<B>(t, &shape)).to_vec();
    Ok(Value::Float(B::float_cat(both, 3)))
}

/// `HannWindow`, `HammingWindow` and `BlackmanWindow` of the size in input 0.
pub fn taper<B: Backend>(c: &Context<B>, kind: Taper, periodic: bool, to: DType) -> Output<B> {
    let size = c.ints(0)?.data.first().copied().unwrap_or(-1);
    let size = usize::try_from(size).ok().filter(|&s| s <= LIMIT);
    let values = tapered(size.ok_or("a size is expected")?, kind, periodic);
    Ok(number(values.clone(), &[values.len()], to, c))
}

fn tapered(size: usize, kind: Taper, periodic: bool) -> Vec<f32> {
    let period = if periodic { size } else { size.saturating_sub(1) };
    let at = |i: usize| {
        let turn = std::f64::consts::TAU * i as f64 / period.max(1) as f64;
        let value = match kind {
            Taper::Hann => 0.5 - 0.5 * turn.cos(),
            Taper::Hamming => 25.0 / 46.0 - 21.0 / 46.0 * turn.cos(),
            Taper::Blackman => 0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos(),
        };
        value as f32
    };
    (0..size).map(at).collect()
}

fn number<B: Backend>(values: Vec<f32>, shape: &[usize], to: DType, c: &Context<B>) -> Value<B> {
    match to.is_float() {
        true => Value::Float(float::<B>(values, shape, c.device)),
        false => Value::Int(Ints::truncated(shape.to_vec(), &values).typed(to)),
    }
}

/// `MelWeightMatrix(bands, length, rate, lowest, highest)`: `[length / 2 + 1, bands]`.
pub fn mel_weights<B: Backend>(c: &Context<B>, to: DType) -> Output<B> {
    let one = |i: usize| c.scalar(i)?.ok_or_else(|| format!("input {i} is missing"));
    let (bands, length, rate) = (one(0)?, one(1)?, one(2)?);
    let (low, high) = (f64::from(one(3)?), f64::from(one(4)?));
    let fits = (1.0..65536.0).contains(&bands) && (1.0..16777216.0).contains(&length) && rate > 0.0;
    let (bands, rows) = (bands as usize, length as usize / 2 + 1);
    if !fits || rows.checked_mul(bands).is_none_or(|n| n > LIMIT) || low.is_nan() || high.is_nan() {
        return Err(format!(
            "{bands} bands of a transform of {length} at a rate of {rate}"
        ));
    }
    let values = bands_of(bands, length as usize, f64::from(rate), low, high)?;
    Ok(number(values, &[rows, bands], to, c))
}

/// Triangles over the bins of a transform, evenly spaced in mel (Stevens et al. 1937).
fn bands_of(bands: usize, length: usize, rate: f64, low: f64, high: f64) -> Result<Vec<f32>, String> {
    let rows = length / 2 + 1;
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let (first, step) = (mel(low), (mel(high) - mel(low)) / (bands + 2) as f64);
    let bin = |k: usize| {
        let hertz = 700.0 * (10f64.powf((first + k as f64 * step) / 2595.0) - 1.0);
        ((length + 1) as f64 * hertz / rate).floor()
    };
    let bins: Vec<f64> = (0..bands + 2).map(bin).collect();
    if let Some(b) = bins.iter().find(|b| !(0.0..rows as f64).contains(*b)) {
        return Err(format!("bin {b} of {rows} bins"));
    }
    let bins: Vec<usize> = bins.iter().map(|&b| b as usize).collect();
    let mut weights = vec![0f32; rows * bands];
    for band in 0..bands {
        let [left, centre, right] = [0, 1, 2].map(|k| bins[band + k]);
        if left >= centre {
            weights[centre * bands + band] = 1.0;
        }
        for row in left..=centre {
            if centre > left {
                weights[row * bands + band] = (row - left) as f32 / (centre - left) as f32;
            }
        }
        for row in centre..right {
            weights[row * bands + band] = (right - row) as f32 / (right - centre) as f32;
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_no_and_one_cell_are_finite() {
        for kind in [Taper::Hann, Taper::Hamming, Taper::Blackman] {
            assert!(tapered(0, kind, false).is_empty());
            assert!(tapered(1, kind, false).iter().all(|v| v.is_finite()));
        }
        assert_eq!(tapered(4, Taper::Hann, true), [0.0, 0.5, 1.0, 0.5]);
    }

    #[test]
    fn a_transform_that_is_too_long_is_an_error() {
        let fourier = Fourier {
            length: 1 << 20,
            bins: 1 << 20,
            inverse: false,
        };
        assert!(fourier.matrix().is_err());
    }

    #[test]
    fn bands_beyond_the_transform_are_an_error() {
        assert!(bands_of(4, 16, 8192.0, 0.0, 4096.0).is_ok());
        assert!(bands_of(4, 16, 100.0, 0.0, 4096.0).is_err());
    }
}
