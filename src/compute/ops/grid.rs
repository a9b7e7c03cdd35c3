//! Spatial transformers (Jaderberg et al. 2015): grids of places, and their samples.

use burn_backend::Backend;
use model::op::GridSample;

use super::matmul::product;
use super::sample::{Taps, by_channel, by_item};
use super::{Context, Output};
use crate::value::{Value, dims, float, reshape, strides};

/// `AffineGrid(theta [N, 2, 3] or [N, 3, 4], size)`: the places `[N, H, W, 2]` or `[N, D, H, W, 3]`
/// that a transformed picture reads, from -1 to 1, x first.
pub fn affine<B: Backend>(c: &Context<B>, align_corners: bool) -> Output<B> {
    let theta = c.float(0)?;
    let (t, size) = (dims::<B>(&theta), c.ints(1)?.data.to_vec());
    let space: Option<Vec<usize>> = size
        .iter()
        .skip(2)
        .map(|&v| usize::try_from(v).ok().filter(|&v| v > 0 && v < 1 << 24))
        .collect();
    let space = space.filter(|s| (2..=3).contains(&s.len()));
    let space = space.ok_or_else(|| format!("size {size:?}: 4 or 5 positive numbers are expected"))?;
    let axes = space.len();
    if t != [size[0].max(0) as usize, axes, axes + 1] {
        return Err(format!("transformations {t:?} for size {size:?}"));
    }
    let cells = space.iter().try_fold(1usize, |p, &d| p.checked_mul(d));
    let cells = cells
        .filter(|&n| n < 1 << 28)
        .ok_or_else(|| format!("size {size:?} is too large"))?;
    let points = homogeneous(&space, cells, align_corners);
    let points = float::<B>(points, &[1, axes + 1, cells], c.device);
    // [N, axes, cells], then places as rows.
    let grid = B::float_swap_dims(product::<B>(theta, points)?, 1, 2);
    Ok(Value::Float(reshape::<B>(
        grid,
        &[&[t[0]], &space[..], &[axes]].concat(),
    )))
}

/// Coordinate rows of all cells, x first, and a row of ones.
fn homogeneous(space: &[usize], cells: usize, align_corners: bool) -> Vec<f32> {
    let of = strides(space);
    let mut rows = Vec::with_capacity((space.len() + 1) * cells);
    for axis in (0..space.len()).rev() {
        let size = space[axis];
        rows.extend((0..cells).map(|cell| {
            let at = (cell / of[axis] % size) as f32;
            match align_corners {
                true if size == 1 => 0.0,
                true => 2.0 * at / (size - 1) as f32 - 1.0,
                false => (2.0 * at + 1.0) / size as f32 - 1.0,
            }
        }));
    }
    rows.resize((space.len() + 1) * cells, 1.0);
    rows
}

/// `GridSample(X [N, C, ...], grid [N, ..., axes])`.
pub fn sample<B: Backend>(c: &Context<B>, o: &GridSample) -> Output<B> {
    let x = c.float(0)?;
    let (s, g) = (dims::<B>(&x), c.value(1)?.shape());
    let axes = s.len().saturating_sub(2);
    let fits = axes > 0 && g.len() == s.len() && g[0] == s[0] && g[axes + 1] == axes;
    if !fits || s[2..].contains(&0) {
        return Err(format!("input {s:?} and grid {g:?} do not fit"));
    }
    let grid = c.host(1)?;
    let space = &s[2..];
    let plane: usize = space.iter().product();
    let points: usize = g[1..=axes].iter().product();
    let taps = Taps::new(s[0] * points, |cell, now| {
        let place = &grid[cell * axes..][..axes];
        now.push((cell / points * plane, 1.0));
        for axis in 0..axes {
            // The grid names the last axis first.
            let along = blend(place[axes - 1 - axis], space[axis], o);
            let before = std::mem::take(now);
            let rest: usize = space[axis + 1..].iter().product();
            for (cell, weight) in before {
                now.extend(along.iter().map(|&(i, w)| (cell + i * rest, weight * w)));
            }
        }
    })?;
    let y = taps.sum::<B>(&by_channel::<B>(x), c.device);
    Ok(Value::Float(by_item::<B>(y, s[0], &g[1..=axes])))
}

/// The cells of an axis of `size` that coordinate `n` (-1 to 1) reads, with their weights.
fn blend(n: f32, size: usize, o: &GridSample) -> Vec<(usize, f32)> {
    let last = size as f32 - 1.0;
    let (mut at, low, high) = match o.align_corners {
        true => ((n + 1.0) / 2.0 * last, 0.0, last),
        false => (((n + 1.0) * size as f32 - 1.0) / 2.0, -0.5, last + 0.5),
    };
    if o.mode == "nearest" {
        at = at.round_ties_even();
    }
    match o.padding.as_str() {
        // As in PyTorch and onnxruntime, cubic blends hold the cells at the border, not the place.
        "border" if o.mode != "cubic" => at = at.clamp(0.0, last),
        "reflection" => at = reflect(at, low, high),
        _ => {}
    }
    // Beyond, or not a number: no cell at all.
    if at.is_nan() || at.abs() > 1e9 {
        return Vec::new();
    }
    let cell = |i: f32| -> Option<usize> {
        let i = match o.padding.as_str() {
            "border" => i.clamp(0.0, last),
            "reflection" => reflect(i, low, high).clamp(0.0, last),
            _ => i,
        };
        (i >= 0.0 && i <= last).then_some(i as usize)
    };
    let first = at.floor();
    let t = at - first;
    let taps: Vec<(f32, f32)> = match o.mode.as_str() {
        "nearest" => vec![(at, 1.0)],
        "linear" => vec![(first, 1.0 - t), (first + 1.0, t)],
        _ => (0..4).map(|k| (first + k as f32 - 1.0, cubic(t, k))).collect(),
    };
    taps.into_iter()
        .filter_map(|(i, w)| Some((cell(i)?, w)))
        .collect()
}

/// Folds `at` back until it lies within `low..=high`.
fn reflect(at: f32, low: f32, high: f32) -> f32 {
    let range = high - low;
    if range <= 0.0 || (low..=high).contains(&at) {
        return at.clamp(low, high.max(low));
    }
    let beyond = if at < low { low - at } else { at - high };
    let (turns, rest) = ((beyond / range).floor(), beyond % range);
    // An even number of turns ends on the side where it began.
    if (turns % 2.0 == 0.0) == (at < low) {
        low + rest
    } else {
        high - rest
    }
}

/// Weight of tap `k` of four, `t` after the second (Keys 1981, with a = -0.75).
fn cubic(t: f32, k: usize) -> f32 {
    const A: f32 = -0.75;
    let near = |d: f32| ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
    let far = |d: f32| ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
    match k {
        0 => far(1.0 + t),
        1 => near(t),
        2 => near(1.0 - t),
        _ => far(2.0 - t),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_stays_within_its_bounds() {
        for (at, wanted) in [(-1.0, 1.0), (4.0, 2.0), (7.0, 1.0), (2.5, 2.5), (-6.0, 0.0)] {
            assert_eq!(reflect(at, 0.0, 3.0), wanted, "{at}");
        }
        assert_eq!(reflect(5.0, 0.0, 0.0), 0.0);
    }

    #[test]
    fn places_that_are_no_numbers_read_nothing() {
        let mut o = GridSample {
            mode: "linear".into(),
            padding: "zeros".into(),
            align_corners: false,
        };
        assert!(blend(f32::NAN, 4, &o).is_empty());
        assert!(blend(f32::INFINITY, 4, &o).is_empty());
        o.padding = "reflection".into();
        assert!(blend(f32::NAN, 4, &o).is_empty());
        assert!(blend(f32::NEG_INFINITY, 4, &o).is_empty());
        o.padding = "border".into();
        assert_eq!(blend(f32::INFINITY, 4, &o)[0], (3, 1.0));
    }
}
