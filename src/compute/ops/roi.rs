//! Pooling of regions of interest, and convolutions with moved taps.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::{DeformConv, RoiAlign};

use super::conv::{bounded, padding, steps};
use super::matmul::product;
use super::pool_axes::larger;
use super::sample::{Taps, by_channel};
use super::{Context, Output};
use crate::value::{Value, dims, float, reshape};

/// Height and width of a feature map.
type Size = [usize; 2];

/// The four cells about a place, with their bilinear weights; none beyond one cell outside.
fn bilinear(place: [f32; 2], size: Size) -> Vec<(usize, f32)> {
    let outside = |i: usize| !(-1.0..=size[i] as f32).contains(&place[i]);
    if outside(0) || outside(1) || size.contains(&0) {
        return Vec::new();
    }
    let sides = [0, 1].map(|i| {
        let (at, last) = (place[i].max(0.0), size[i] - 1);
        let low = (at as usize).min(last);
        let high = (low + 1).min(last);
        let t = if low == last { 0.0 } else { at - low as f32 };
        [(low, 1.0 - t), (high, t)]
    });
    let pairs = sides[0]
        .iter()
        .flat_map(|&y| sides[1].iter().map(move |&x| (y, x)));
    pairs
        .map(|((y, wy), (x, wx))| (y * size[1] + x, wy * wx))
        .collect()
}

fn output(size: [i64; 2]) -> Result<Size, String> {
    let fits = size.iter().all(|&s| (1..1 << 16).contains(&s));
    fits.then(|| size.map(|s| s as usize))
        .ok_or_else(|| format!("an output of {size:?}"))
}

/// `RoiAlign(X [N, C, H, W], regions [R, 4], items [R])`.
pub fn align<B: Backend>(c: &Context<B>, o: &RoiAlign) -> Output<B> {
    let x = c.float(0)?;
    let (s, regions) = (dims::<B>(&x), c.value(1)?.shape());
    let [height, width] = output(o.size)?;
    let count = regions.first().copied().unwrap_or(0);
    let items = c.ints(2)?;
    if s.len() != 4 || regions != [count, 4] || items.data.len() != count {
        return Err(format!(
            "input {s:?}, regions {regions:?} and {} items",
            items.data.len()
        ));
    }
    if let Some(i) = items.data.iter().find(|&&i| !(0..s[0] as i64).contains(&i)) {
        return Err(format!("item {i} of a batch of {}", s[0]));
    }
    bounded(&[count, s[1], height, width])?;
    let corners = c.host(1)?;
    let shift = if o.half_pixel { 0.5 } else { 0.0 };
    let (size, plane) = ([s[2], s[3]], s[2] * s[3]);
    // Corners of a region, extents of its output cells, and how finely these are sampled.
    let plan = |region: usize| {
        let corner = |k: usize| corners[region * 4 + k] * o.scale - shift;
        let least = if o.half_pixel { f32::NEG_INFINITY } else { 1.0 };
        let extent = [corner(3) - corner(1), corner(2) - corner(0)].map(|e: f32| e.max(least));
        let each = [extent[0] / height as f32, extent[1] / width as f32];
        let grid = each.map(|e| match o.samples {
            0 => e.ceil().clamp(0.0, 1e6) as usize,
            n => n as usize,
        });
        ([corner(1), corner(0)], each, grid)
    };
    let plans: Vec<_> = (0..count).map(plan).collect();
    let counts = plans.iter().map(|(_, _, grid)| grid[0].saturating_mul(grid[1]));
    let most = counts.max().unwrap_or(0);
    if most > 1 << 16 {
        return Err(format!("{most} samples in one cell"));
    }
    let taps = Taps::new(count * height * width, |cell, now| {
        let (region, row, column) = (cell / (height * width), cell / width % height, cell % width);
        let (begin, each, grid) = plans[region];
        let samples = grid[0] * grid[1];
        let share = if o.max { 1.0 } else { 1.0 / samples.max(1) as f32 };
        let first = items.data[region] as usize * plane;
        for sample in 0..samples {
            let (places, fine) = ([row, column], [sample / grid[1], sample % grid[1]]);
            let place = [0, 1].map(|i| {
                let within = (fine[i] as f32 + 0.5) / grid[i] as f32;
                begin[i] + (places[i] as f32 + within) * each[i]
            });
            let near = bilinear(place, size);
            if near.is_empty() {
                now.push((first, 0.0));
            }
            now.extend(near.iter().map(|&(cell, w)| (first + cell, w * share)));
        }
        // A tap that is missing must not be the largest.
        if let (true, Some(&one)) = (o.max, now.first()) {
            now.resize(4 * most, one);
        }
    })?;
    let x = by_channel::<B>(x);
    let y = match o.max {
        false => taps.sum::<B>(&x, c.device),
        true => largest::<B>(&x, &taps, c.device),
    };
    let y = reshape::<B>(y, &[s[1], count, height, width]);
    Ok(Value::Float(B::float_permute(y, &[1, 0, 2, 3])))
}

/// The largest weighted tap of each output cell, as the specification's `max` mode asks.
fn largest<B: Backend>(x: &FloatTensor<B>, taps: &Taps, device: &B::Device) -> FloatTensor<B> {
    let parts = (0..taps.count()).map(|k| taps.part::<B>(x, k, device));
    let top = match dims::<B>(x)[1] {
        0 => None,
        _ => parts.reduce(larger::<B>),
    };
    top.unwrap_or_else(|| taps.sum::<B>(x, device))
}

/// `MaxRoiPool(X [N, C, H, W], regions [R, 5])`: item, then corners, x first (Girshick 2015).
pub fn max_pool<B: Backend>(c: &Context<B>, size: [i64; 2], scale: f32) -> Output<B> {
    let (s, r) = (c.value(0)?.shape(), c.value(1)?.shape());
    if s.len() != 4 || r.len() != 2 || r[1] != 5 {
        return Err(format!(
            "input {s:?} and regions {r:?}: 4 axes and 5 numbers are expected"
        ));
    }
    let to = output(size)?;
    bounded(&[r[0], s[1], to[0], to[1]])?;
    let y = pooled(c.host(0)?, &s, c.host(1)?, to, scale)?;
    Ok(Value::Float(float::<B>(y, &[r[0], s[1], to[0], to[1]], c.device)))
}

fn pooled(x: &[f32], s: &[usize], regions: &[f32], to: Size, scale: f32) -> Result<Vec<f32>, String> {
    let plane = s[2] * s[3];
    let mut y = Vec::with_capacity(regions.len() / 5 * s[1] * to[0] * to[1]);
    for region in regions.chunks_exact(5) {
        let item = region[0];
        if !(0.0..s[0] as f32).contains(&item) {
            return Err(format!("item {item} of a batch of {}", s[0]));
        }
        let corner = |k: usize| (region[k] * scale).round();
        // Cells `begin..end` of bin `k` along an axis.
        let bin = |k: usize, axis: usize| {
            let (first, last) = (corner(2 - axis), corner(4 - axis));
            let each = (last - first + 1.0).max(1.0) / to[axis] as f32;
            let limit = |v: f32| (v + first).clamp(0.0, s[2 + axis] as f32) as usize;
            limit((k as f32 * each).floor())..limit(((k + 1) as f32 * each).ceil())
        };
        for channel in 0..s[1] {
            let from = &x[(item as usize * s[1] + channel) * plane..][..plane];
            for row in 0..to[0] {
                for column in 0..to[1] {
                    let (rows, columns) = (bin(row, 0), bin(column, 1));
                    let cells = rows.flat_map(|i| columns.clone().map(move |j| i * s[3] + j));
                    let top = cells.map(|p| from[p]).reduce(f32::max);
                    y.push(top.unwrap_or(0.0));
                }
            }
        }
    }
    Ok(y)
}

/// `DeformConv(X [N, C, H, W], W, offsets, bias, mask)`.
pub fn deform_conv<B: Backend>(c: &Context<B>, o: &DeformConv) -> Output<B> {
    let (x, w) = (c.float(0)?, c.float(1)?);
    let (s, ws, offset) = (dims::<B>(&x), dims::<B>(&w), c.value(2)?.shape());
    let (groups, shared) = (o.groups.max(1) as usize, o.offset_groups.max(1) as usize);
    let fits = s.len() == 4
        && ws.len() == 4
        && ws[1].checked_mul(groups) == Some(s[1])
        && ws[0].is_multiple_of(groups)
        && s[1].is_multiple_of(shared)
        && !ws[2..].contains(&0);
    if !fits {
        return Err(format!(
            "input {s:?} and weights {ws:?} in {groups} groups do not fit (two spatial axes are expected)"
        ));
    }
    let (step, dilation) = steps(&o.window, 2)?;
    let pads = padding(&o.window, &s[2..], &ws[2..])?;
    let mut to = [0; 2];
    for i in 0..2 {
        let extent = (ws[i + 2] - 1) * dilation[i] + 1;
        let room = (s[i + 2] + pads[i].0 + pads[i].1).checked_sub(extent);
        to[i] = room.ok_or_else(|| format!("a window of {extent} does not fit {s:?}"))? / step[i] + 1;
    }
    bounded(&[s[0], s[1], ws[2], ws[3], to[0], to[1]])?;
    let (taps, points) = (ws[2] * ws[3], to[0] * to[1]);
    if offset != [s[0], 2 * shared * taps, to[0], to[1]] {
        return Err(format!("offsets {offset:?} for an output of {to:?}"));
    }
    let offsets = c.host(2)?;
    let mask = match c.opt(4).map(Value::shape) {
        None => None,
        Some(m) if m == [s[0], shared * taps, to[0], to[1]] => Some(c.host(4)?),
        Some(m) => return Err(format!("a mask {m:?} for offsets {offset:?}")),
    };
    let (plane, each) = (s[2] * s[3], s[1] / shared);
    let cells = by_channel::<B>(x);
    let mut parts = Vec::with_capacity(shared);
    for group in 0..shared {
        // One column a tap, item and point, in this order.
        let plan = Taps::new(taps * s[0] * points, |cell, now| {
            let (tap, item, point) = (cell / (s[0] * points), cell / points % s[0], cell % points);
            let slot = (item * shared + group) * taps + tap;
            let place = [0, 1].map(|i| {
                let (at, k) = match i {
                    0 => (point / to[1], tap / ws[3]),
                    _ => (point % to[1], tap % ws[3]),
                };
                let still = (at * step[i] + k * dilation[i]) as f32 - pads[i].0 as f32;
                still + offsets[(slot * 2 + i) * points + point]
            });
            let weight = mask.map_or(1.0, |m| m[slot * points + point]);
            let near = zero_padded(place, [s[2], s[3]]);
            now.extend(near.into_iter().map(|(p, w)| (item * plane + p, w * weight)));
        })?;
        let own = super::shape::range::<B>(
            cells.clone(),
            &[(group * each, (group + 1) * each), (0, s[0] * plane)],
        );
        parts.push(plan.sum::<B>(&own, c.device));
    }
    // [groups, C / groups * taps, N * points] under [groups, M / groups, C / groups * taps].
    let columns = reshape::<B>(B::float_cat(parts, 0), &[groups, ws[1] * taps, s[0] * points]);
    let w = reshape::<B>(w, &[groups, ws[0] / groups, ws[1] * taps]);
    let y = reshape::<B>(product::<B>(w, columns)?, &[ws[0], s[0], to[0], to[1]]);
    let y = B::float_permute(y, &[1, 0, 2, 3]);
    let Some(bias) = c.opt_float(3)? else {
        return Ok(Value::Float(y));
    };
    if dims::<B>(&bias) != [ws[0]] {
        return Err(format!("bias {:?} for {} channels", dims::<B>(&bias), ws[0]));
    }
    Ok(Value::Float(B::float_add(
        y,
        reshape::<B>(bias, &[1, ws[0], 1, 1]),
    )))
}

/// The four cells about a place, with their bilinear weights, where cells outside are 0.
fn zero_padded(place: [f32; 2], size: Size) -> Vec<(usize, f32)> {
    let far = place.iter().any(|p| p.is_nan() || p.abs() > 1e9);
    if far {
        return Vec::new();
    }
    let low = place.map(f32::floor);
    let mut near = Vec::with_capacity(4);
    for corner in 0..4 {
        let step = [corner / 2, corner % 2];
        let at = [0, 1].map(|i| low[i] + step[i] as f32);
        let inside = (0..2).all(|i| at[i] >= 0.0 && at[i] < size[i] as f32);
        if inside {
            let weight = |i: usize| 1.0 - (place[i] - at[i]).abs();
            near.push((at[0] as usize * size[1] + at[1] as usize, weight(0) * weight(1)));
        }
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_far_outside_read_nothing() {
        assert!(bilinear([-1.5, 0.0], [4, 4]).is_empty());
        assert!(bilinear([f32::NAN, 0.0], [4, 4]).is_empty());
        assert!(zero_padded([f32::NAN, 0.0], [4, 4]).is_empty());
        assert!(zero_padded([-3.0, 0.0], [4, 4]).is_empty());
        let total: f32 = bilinear([1.25, 3.5], [4, 4]).iter().map(|t| t.1).sum();
        assert_eq!(total, 1.0);
    }

    #[test]
    fn a_region_is_pooled_in_bins() {
        let x: Vec<f32> = (0..16).map(|v| v as f32).collect();
        let y = pooled(&x, &[1, 1, 4, 4], &[0.0, 0.0, 0.0, 3.0, 3.0], [2, 2], 1.0).unwrap();
        assert_eq!(y, [5.0, 7.0, 13.0, 15.0]);
        assert!(pooled(&x, &[1, 1, 4, 4], &[1.0, 0.0, 0.0, 3.0, 3.0], [2, 2], 1.0).is_err());
        // A region outside has empty bins.
        let y = pooled(&x, &[1, 1, 4, 4], &[0.0, 9.0, 9.0, 9.0, 9.0], [1, 1], 1.0).unwrap();
        assert_eq!(y, [0.0]);
    }
}
