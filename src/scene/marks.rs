//! What differs between networks beside each other: edges around the volumes, and a sign at each.

use glam::Vec3;
use gpu::Segment;
use layout::{Layout, Volume};
use session::{Document, Mark};

use crate::Theme;

/// Width of an edge: scene units, and at least so many pixels.
const WIDTH: (f32, f32) = (0.02, 2.2);

/// What is written at a volume: a sign that needs no colour, and how far stored values are apart.
pub(crate) fn sign(mark: Mark) -> String {
    match mark {
        Mark::Added => "+".into(),
        Mark::Removed => "−".into(),
        Mark::Changed(None) => "≠".into(),
        Mark::Changed(Some(distance)) if distance < 0.001 => format!("≠ {distance:.0e}"),
        Mark::Changed(Some(distance)) => format!("≠ {distance:.3}"),
    }
}

/// The twelve edges of every volume with a difference.
pub(crate) fn edges(layout: &Layout, document: &Document, theme: Theme) -> Vec<Segment> {
    let marked = layout
        .volumes
        .iter()
        .filter_map(|v| Some((v, document.mark(v.node)?)));
    marked
        .flat_map(|(volume, mark)| around(volume, theme.mark(mark)))
        .collect()
}

fn around(volume: &Volume, [r, g, b]: [f32; 3]) -> impl Iterator<Item = Segment> {
    // Clear of the faces, so that neither hides the other.
    let half = volume.size / 2.0 + 0.04;
    let center = volume.center;
    let corner = move |k: usize| {
        let side = |bit: usize| if k >> bit & 1 == 0 { -1.0 } else { 1.0 };
        center + half * Vec3::new(side(0), side(1), side(2))
    };
    let pairs = (0..8usize).flat_map(|k| (0..3).map(move |axis| (k, k ^ (1 << axis))));
    pairs.filter(|(a, b)| a < b).map(move |(a, z)| Segment {
        from: corner(a).to_array(),
        width: WIDTH.0,
        to: corner(z).to_array(),
        least: WIDTH.1,
        color: [r, g, b, 1.0],
        ..Segment::default()
    })
}
