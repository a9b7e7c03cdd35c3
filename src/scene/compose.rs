//! A layout and a trace as boxes and ribbons to draw.

use std::collections::HashMap;

use glam::Vec3;
use gpu::{Arena, Flags, Segment, Slot};
use layout::{Form, Layout, Node, Volume};
use model::{Network, TensorId, Trace};

use crate::theme::{Theme, family_color};

/// A traced tensor in display memory, with its colour range.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Where it lies.
    pub slot: Slot,
    /// Value at the low end of the colour map.
    pub low: f32,
    /// Value at the high end.
    pub high: f32,
    /// Least and greatest value.
    pub full: (f32, f32),
    /// True when the map diverges at zero.
    pub signed: bool,
    /// True for an input image.
    pub picture: bool,
}

/// Traced tensors in display memory.
#[derive(Default)]
pub struct Display {
    shown: HashMap<TensorId, Shown>,
}

impl Display {
    /// Puts what the volumes of `layout` show into `arena`, first batch item first. Tensors
    /// that are not in host memory or too large for the device are left out.
    pub fn upload(
        network: &Network,
        layout: &Layout,
        trace: &Trace,
        arena: &mut Arena,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
    ) -> Self {
        arena.clear();
        let mut display = Display::default();
        for volume in &layout.volumes {
            let Some(id) = volume.tensor.filter(|id| !display.shown.contains_key(id)) else {
                continue;
            };
            let Some(values) = trace.tensors.get(&id).and_then(|t| t.host()) else {
                continue;
            };
            let slot = match arena.upload(device, queue, values) {
                Ok(slot) => slot,
                Err(error) => {
                    log::warn!("{}: {error}", network.tensor(id).name);
                    continue;
                }
            };
            let (low, high, signed) = range(values);
            let channels = volume.cells.counts[2];
            let input = network.main().inputs.contains(&id);
            let picture = input && volume.cells.form == Form::FeatureMap && matches!(channels, 1 | 3);
            display.shown.insert(
                id,
                Shown {
                    slot,
                    low,
                    high,
                    full: extremes(values),
                    signed: signed && !picture,
                    picture,
                },
            );
        }
        display
    }

    /// How tensor `id` is shown.
    pub fn get(&self, id: TensorId) -> Option<&Shown> {
        self.shown.get(&id)
    }
}

/// A colour range from the 0.5 % and 99.5 % quantiles, so that single outliers do not flatten the
/// rest; symmetric around zero when both signs matter. Finite values only.
pub fn range(values: &[f32]) -> (f32, f32, bool) {
    // A sample is enough for a colour range, and large tensors would take long to sort.
    let step = values.len().div_ceil(65_536).max(1);
    let mut sample: Vec<f32> = values
        .iter()
        .step_by(step)
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    if sample.is_empty() {
        return (0.0, 1.0, false);
    }
    sample.sort_by(f32::total_cmp);
    let at = |q: f32| sample[((sample.len() - 1) as f32 * q).round() as usize];
    let (mut low, mut high) = (at(0.005), at(0.995));
    if low == high {
        (low, high) = (sample[0], sample[sample.len() - 1]);
    }
    if low < 0.0 && high > 0.0 && -low > 0.05 * high && high > -0.05 * low {
        let reach = high.max(-low);
        return (-reach, reach, true);
    }
    if low == high {
        return (low - 1.0, high + 1.0, false);
    }
    // Activations that start at zero read best when zero is the darkest.
    (if low > 0.0 && low < 0.5 * high { 0.0 } else { low }, high, false)
}

/// Least and greatest finite value.
fn extremes(values: &[f32]) -> (f32, f32) {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| {
        (a.min(v), b.max(v))
    });
    if low < high {
        (low, high)
    } else {
        (low.min(0.0), low.max(0.0) + 1.0)
    }
}

impl Look {
    /// Colour flags that all boxes share.
    pub(crate) fn paint(&self) -> u32 {
        (self.map.min(3) * Flags::MAP) | if self.magnitude { Flags::MAGNITUDE } else { 0 }
    }

    /// The range as shown: low, high, and whether the map diverges.
    pub(crate) fn range(&self, (low, high, signed): (f32, f32, bool)) -> (f32, f32, bool) {
        match self.magnitude {
            true => (0.0, low.abs().max(high.abs()), false),
            false => (low, high, signed),
        }
    }

    fn shown(&self, shown: &Shown) -> (f32, f32, bool) {
        if shown.picture {
            return (shown.low, shown.high, false);
        }
        let (low, high) = match (self.full, shown.signed) {
            (false, _) => (shown.low, shown.high),
            (true, false) => shown.full,
            (true, true) => {
                let reach = shown.full.0.abs().max(shown.full.1.abs());
                (-reach, reach)
            }
        };
        self.range((low, high, shown.signed))
    }
}

/// What changes from frame to frame without a new layout.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// How far the flow has come, in columns; `None`: everything is lit.
    pub playhead: Option<f32>,
    /// The flow runs from the output to the input.
    pub backward: bool,
    /// Sequential colour map: 0 viridis, 1 magma, 2 cividis, 3 grey.
    pub map: u32,
    /// Values lose their sign.
    pub magnitude: bool,
    /// Ranges reach from the least to the greatest value, instead of leaving 0.5 % out at each end.
    pub full: bool,
    /// The selected volume.
    pub selected: Option<usize>,
    /// The volume under the pointer.
    pub hovered: Option<usize>,
    /// Colours.
    pub theme: Theme,
}

/// Boxes in the layout's order, each with the slot that it reads.
pub fn boxes(layout: &Layout, display: &Display, look: &Look) -> Vec<(gpu::Volume, Option<Slot>)> {
    let one = |(i, volume): (usize, &Volume)| {
        let shown = volume.tensor.and_then(|t| display.get(t));
        let mut flags = 0;
        if let Some(s) = shown {
            flags |= Flags::VALUES;
            flags |= if look.shown(s).2 { Flags::SIGNED } else { 0 };
            flags |= if s.picture { Flags::PICTURE } else { look.paint() };
        }
        flags |= if look.selected == Some(i) {
            Flags::SELECTED
        } else {
            0
        };
        flags |= if look.hovered == Some(i) {
            Flags::HOVERED
        } else {
            0
        };
        flags |= if look.backward { Flags::REVERSED } else { 0 };
        let cells = &volume.cells;
        let slabs = matches!(cells.form, Form::FeatureMap | Form::Volume3d) && cells.counts[2] > 1;
        let picture = shown.is_some_and(|s| s.picture);
        let [r, g, b] = family_color(&volume.kind, look.theme);
        let instance = gpu::Volume {
            center: volume.center.to_array(),
            first: shown.map_or(0, |s| s.slot.first),
            size: volume.size.to_array(),
            flags,
            counts: cells.counts.map(|c| c.max(1)),
            elements: shown.map_or(0, |s| s.slot.len),
            strides: cells.strides,
            slabs: (slabs && !picture) as u32,
            low: shown.map_or(0.0, |s| look.shown(s).0),
            high: shown.map_or(1.0, |s| look.shown(s).1),
            front: look.playhead.map_or(1.1, |p| {
                let past = p - volume.rank as f32;
                let past = if look.backward { 1.0 - past } else { past };
                past.clamp(-0.1, 1.1)
            }),
            opacity: 1.0,
            color: [r, g, b, 1.0],
        };
        (instance, shown.map(|s| s.slot))
    };
    layout.volumes.iter().enumerate().map(one).collect()
}

/// Pieces of every link, corners rounded.
pub fn ribbons(layout: &Layout, look: &Look) -> Vec<Segment> {
    let mut segments = Vec::new();
    for (i, link) in layout.links.iter().enumerate() {
        let points = round(&link.path);
        let total: f32 = points.windows(2).map(|p| p[0].distance(p[1])).sum();
        let chosen = look.selected.is_some_and(|s| link.from == s || link.to == s);
        let from = layout.volumes[link.from].rank as f32 + 1.0;
        let to = layout.volumes[link.to].rank as f32;
        // The pulse leaves when its source is done and arrives when its target begins.
        let pulse = look
            .playhead
            .map_or(-1.0, |p| (p - from + 0.25) / (to - from + 0.5).max(0.25));
        let color = look.theme.link(link.skip, chosen);
        let mut along = 0.0;
        for p in points.windows(2) {
            let next = along + p[0].distance(p[1]);
            segments.push(Segment {
                from: p[0].to_array(),
                width: if chosen { 0.09 } else { 0.05 },
                to: p[1].to_array(),
                pulse,
                color,
                span: [along / total.max(1e-6), next / total.max(1e-6)],
                pad: [i as f32, 0.0],
            });
            along = next;
        }
    }
    segments
}

/// Replaces each corner by a short quadratic curve on its inner side.
fn round(path: &[Vec3]) -> Vec<Vec3> {
    const PIECES: usize = 6;
    let mut points = Vec::with_capacity(path.len() * PIECES);
    points.extend(path.first());
    for w in path.windows(3) {
        let (a, b, c) = (w[0], w[1], w[2]);
        let reach = 0.5 * a.distance(b).min(b.distance(c)).min(1.2);
        let (from, to) = (
            b + (a - b).normalize_or_zero() * reach,
            b + (c - b).normalize_or_zero() * reach,
        );
        for k in 0..=PIECES {
            let t = k as f32 / PIECES as f32;
            points.push(from.lerp(b, t).lerp(b.lerp(to, t), t));
        }
    }
    points.extend(path.last());
    points.dedup_by(|a, b| a.distance_squared(*b) < 1e-8);
    points
}

/// The volume that a ray meets first, with the distance.
pub fn pick(layout: &Layout, origin: Vec3, direction: Vec3) -> Option<(usize, f32)> {
    let hits = layout.volumes.iter().enumerate().filter_map(|(i, v)| {
        let distance = crate::camera::hit(origin, direction, v.min(), v.max())?;
        Some((i, distance))
    });
    hits.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// The cell of `volume` that a ray meets at `point` on its surface: indices along x, y and z.
pub fn cell(volume: &Volume, point: Vec3) -> [u32; 3] {
    let local = (point - volume.min()) / volume.size;
    let place = Vec3::new(local.x, 1.0 - local.y, 1.0 - local.z);
    let counts = volume.cells.counts.map(|c| c.max(1));
    [0, 1, 2].map(|i| ((place[i] * counts[i] as f32).max(0.0) as u32).min(counts[i] - 1))
}

/// A frame around the cells `columns` by `rows` (half open) on the front face of `volume`.
pub fn frame(volume: &Volume, columns: [u64; 2], rows: [u64; 2]) -> Vec<Segment> {
    let counts = volume.cells.counts.map(|c| c.max(1) as f32);
    let x = columns.map(|c| volume.min().x + volume.size.x * c as f32 / counts[0]);
    let y = rows.map(|r| volume.max().y - volume.size.y * r as f32 / counts[1]);
    let z = volume.max().z + 0.01;
    let corners = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])].map(|(x, y)| Vec3::new(x, y, z));
    let side = |i: usize| Segment {
        from: corners[i].to_array(),
        width: 0.05,
        to: corners[(i + 1) % 4].to_array(),
        pulse: -1.0,
        color: [1.0, 0.35, 0.2, 1.0],
        span: [0.0, 1.0],
        pad: [0.0; 2],
    };
    (0..4).map(side).collect()
}

/// Number of columns, the playhead's end.
pub fn columns(layout: &Layout) -> f32 {
    layout.volumes.iter().map(|v| v.rank + 1).max().unwrap_or(0) as f32
}

/// True for what a newcomer wants labelled first: inputs, outputs and collapsed scopes.
pub fn landmark(volume: &Volume) -> bool {
    !matches!(volume.node, Node::Layer(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_keep_zero_where_it_means_something() {
        let ramp: Vec<f32> = (0..1001).map(|i| i as f32 / 1000.0).collect();
        let (low, high, signed) = range(&ramp);
        assert_eq!((low, signed), (0.0, false));
        assert!((high - 0.995).abs() < 1e-3);
        let (low, high, signed) = range(&[-1.0, 0.5, 2.0, f32::NAN]);
        assert_eq!((low, high, signed), (-2.0, 2.0, true));
        assert_eq!(range(&[3.0; 4]), (2.0, 4.0, false));
        assert_eq!(range(&[f32::NAN]), (0.0, 1.0, false));
    }

    #[test]
    fn rounding_keeps_both_ends() {
        let path = [Vec3::ZERO, Vec3::X * 4.0, Vec3::new(4.0, 3.0, 0.0)];
        let points = round(&path);
        assert_eq!((points[0], *points.last().unwrap()), (path[0], path[2]));
        assert!(points.len() > 5);
    }
}
