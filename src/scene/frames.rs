//! Frames around open scopes: thin outlines behind what they hold, and for a repeat shown once the
//! edges of further sheets behind it.

use glam::Vec3;
use gpu::Segment;
use layout::{Frame, Layout};

use crate::theme::{Theme, family_color};

/// Radius of the corners, scene units, and pieces of each.
const RADIUS: f32 = 0.25;
const PIECES: usize = 4;
/// Frames above which corners are not rounded.
const MANY: usize = 300;
/// Distance of the sheets behind a repeat, scene units.
const SHEET: f32 = 0.14;

/// The outlines of all frames.
pub(crate) fn segments(layout: &Layout, theme: Theme) -> Vec<Segment> {
    let round = layout.frames.len() <= MANY;
    let mut segments = Vec::new();
    for frame in &layout.frames {
        let [r, g, b] = color(frame, theme);
        line(&mut segments, &outline(frame, round), [r, g, b, 0.75]);
        if frame.once {
            for k in [1.0, 2.0] {
                line(
                    &mut segments,
                    &sheet(frame, SHEET * k),
                    [r, g, b, 0.75 - 0.25 * k],
                );
            }
        }
    }
    segments
}

/// The colour of a frame, linear RGB.
pub(crate) fn color(frame: &Frame, theme: Theme) -> [f32; 3] {
    family_color(if frame.once { "block" } else { &frame.label }, theme)
}

/// The corners of an outline, closed.
fn outline(frame: &Frame, round: bool) -> Vec<Vec3> {
    let (min, max, z) = (frame.min, frame.max, depth(frame));
    let corners = [(min.x, max.y), (max.x, max.y), (max.x, min.y), (min.x, min.y)];
    let middle = (min + max) / 2.0;
    let mut points = Vec::new();
    for (k, (x, y)) in corners.into_iter().enumerate() {
        if !round {
            points.push(Vec3::new(x, y, z));
            continue;
        }
        let center = Vec3::new(
            x + RADIUS * (middle.x - x).signum(),
            y + RADIUS * (middle.y - y).signum(),
            z,
        );
        for i in 0..=PIECES {
            // From the left side over the top, clockwise.
            let turn = std::f32::consts::PI * (1.0 - 0.5 * (k as f32 + i as f32 / PIECES as f32));
            points.push(center + RADIUS * Vec3::new(turn.cos(), turn.sin(), 0.0));
        }
    }
    points.extend(points.first().copied());
    points
}

/// The right and lower edge of a sheet that lies `by` behind the frame; its name stands above.
fn sheet(frame: &Frame, by: f32) -> [Vec3; 3] {
    let (left, right, z) = (frame.min.x + by, frame.max.x + by, depth(frame));
    let (top, bottom) = (frame.max.y - by, frame.min.y - by);
    [
        Vec3::new(right, top - RADIUS, z),
        Vec3::new(right, bottom, z),
        Vec3::new(left + RADIUS, bottom, z),
    ]
}

/// Flat boxes stand before their frames; of solid ones the frame is halfway.
fn depth(frame: &Frame) -> f32 {
    match frame.max.z - frame.min.z < 0.2 {
        true => frame.min.z - 0.02,
        false => (frame.min.z + frame.max.z) / 2.0,
    }
}

fn line(segments: &mut Vec<Segment>, points: &[Vec3], color: [f32; 4]) {
    segments.extend(points.windows(2).map(|p| Segment {
        from: p[0].to_array(),
        width: 0.02,
        to: p[1].to_array(),
        least: 1.3,
        color,
        ..Segment::default()
    }));
}
