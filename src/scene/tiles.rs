//! The channels of a feature map as labelled tiles over the network.

use glam::Vec3;
use gpu::{Flags, Segment, Slot};
use layout::{Form, Layout, Volume};

use session::{Paint, Range};

use crate::compose::{Display, Look};
use crate::ranges::{Ranges, Scale, scale};

/// Tiles shown at most; more could not be told apart.
pub const MOST: usize = 64;

/// One channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Channel index.
    pub channel: u32,
    /// Mean of its values.
    pub mean: f32,
    /// Middle, scene units.
    pub center: Vec3,
    /// Edge lengths, scene units.
    pub size: Vec3,
    /// Colour range of its own.
    pub scale: Scale,
}

/// True when a volume has channels to open.
pub fn opens(volume: &Volume) -> bool {
    volume.cells.form == Form::FeatureMap && volume.cells.counts[2] > 1
}

/// Tiles of `volume`, whose tensor holds `values` (first batch item first), in rows above
/// everything in `layout`.
pub fn tiles(layout: &Layout, volume: &Volume, values: &[f32], paint: Paint) -> Vec<Tile> {
    if !opens(volume) {
        return Vec::new();
    }
    let [columns, rows, channels] = volume.cells.counts;
    let plane = (columns * rows) as usize;
    let stride = volume.cells.strides[2] as usize;
    let mut found: Vec<(u32, f32)> = (0..channels)
        .filter_map(|c| {
            let own = values.get(c as usize * stride..c as usize * stride + plane)?;
            Some((c, own.iter().sum::<f32>() / plane.max(1) as f32))
        })
        .collect();
    if paint.sorted {
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    found.truncate(MOST);
    let across = ((found.len() as f32 * 3.2).sqrt().ceil() as usize).max(1);
    let down = found.len().div_ceil(across);
    let shape = Vec3::new(columns as f32, rows as f32, 0.0);
    let size = shape / shape.max_element() * 1.6 + Vec3::Z * 0.04;
    let step = size + Vec3::new(0.25, 0.55, 0.0);
    let corner = Vec3::new(
        volume.center.x - step.x * (across as f32 - 1.0) / 2.0,
        layout.bounds.1.y + 1.2 + step.y * (down as f32 - 0.5),
        volume.max().z,
    );
    let tile = |(i, (channel, mean)): (usize, (u32, f32))| {
        let own = &values[channel as usize * stride..channel as usize * stride + plane];
        let at = Vec3::new((i % across) as f32 * step.x, -((i / across) as f32) * step.y, 0.0);
        Tile {
            channel,
            mean,
            center: corner + at,
            size,
            scale: scale(own, paint),
        }
    };
    found.into_iter().enumerate().map(tile).collect()
}

/// A frame around a tile.
pub fn outline(tile: &Tile) -> Vec<Segment> {
    let (half, z) = (tile.size / 2.0, tile.center.z + tile.size.z / 2.0 + 0.01);
    let corner = |x: f32, y: f32| Vec3::new(tile.center.x + x * half.x, tile.center.y + y * half.y, z);
    let corners = [
        corner(-1.0, -1.0),
        corner(1.0, -1.0),
        corner(1.0, 1.0),
        corner(-1.0, 1.0),
    ];
    let side = |i: usize| Segment {
        from: corners[i].to_array(),
        width: 0.02,
        to: corners[(i + 1) % 4].to_array(),
        least: 2.0,
        color: [1.0, 1.0, 1.0, 0.9],
        ..Segment::default()
    };
    (0..4).map(side).collect()
}

/// Boxes that show `tiles` of `volume` from its slot in the display.
pub fn boxes(
    volume: &Volume,
    tiles: &[Tile],
    display: &Display,
    ranges: &Ranges,
    (look, paint): (&Look, Paint),
) -> Vec<(gpu::Volume, Option<Slot>)> {
    let found = volume.tensor.and_then(|t| Some((display.get(t)?, ranges.of(t)?)));
    let Some((shown, whole)) = found else {
        return Vec::new();
    };
    let one = |tile: &Tile| {
        let first = tile.channel * volume.cells.strides[2];
        let Scale { low, high, signed } = match paint.range {
            Range::Channel => tile.scale,
            Range::Layer | Range::Network => whole,
        };
        let instance = gpu::Volume {
            center: tile.center.to_array(),
            first: shown.slot.first + first,
            size: tile.size.to_array(),
            flags: Flags::VALUES | Flags::LIT | if signed { Flags::SIGNED } else { 0 } | look.paint(),
            counts: [volume.cells.counts[0], volume.cells.counts[1], 1],
            elements: shown.slot.len.saturating_sub(first),
            strides: [volume.cells.strides[0], volume.cells.strides[1], 0],
            slabs: 0,
            low,
            high,
            rank: 0.0,
            number: 0,
            color: [0.35, 0.4, 0.5, 1.0],
        };
        (instance, Some(shown.slot))
    };
    tiles.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use layout::{LayoutRequest, layout};

    #[test]
    fn tiles_follow_the_means_and_stand_clear() {
        let network = model::templates::residual_cnn("t", 1, 8, 10, 4, 1);
        let bindings = model::cost::default_bindings(&network);
        let layout = layout(
            &network,
            &LayoutRequest {
                bindings,
                ..Default::default()
            },
        );
        let volume = layout
            .volumes
            .iter()
            .find(|v| v.label.contains("stem/conv"))
            .unwrap();
        let values: Vec<f32> = [2.0, 5.0, -1.0, 3.0].into_iter().flat_map(|m| [m; 64]).collect();
        let plain = tiles(&layout, volume, &values, Paint::default());
        assert_eq!(plain.iter().map(|t| t.channel).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let paint = Paint {
            sorted: true,
            ..Paint::default()
        };
        let sorted = tiles(&layout, volume, &values, paint);
        assert_eq!(sorted.iter().map(|t| t.channel).collect::<Vec<_>>(), [1, 3, 0, 2]);
        assert_eq!(sorted[0].mean, 5.0);
        for (i, a) in plain.iter().enumerate() {
            assert!(a.center.y - a.size.y / 2.0 > layout.bounds.1.y);
            for b in &plain[..i] {
                let apart = (a.center - b.center).abs() - (a.size + b.size) / 2.0;
                assert!(apart.x > 0.0 || apart.y > 0.0);
            }
        }
        let input = &layout.volumes[0];
        assert!(tiles(&layout, input, &values, Paint::default()).is_empty());
    }
}
