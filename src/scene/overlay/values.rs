//! The numbers of cells that are large enough on the screen to be written on.

use egui::{Align2, Color32, FontId};
use glam::{Vec2, Vec3};
use layout::{Arrangement, Volume};

use super::Sheet;
use super::legend::number;
use crate::camera::Lens;
use crate::colormap::{diverging, sequential, srgb};
use crate::stage;

/// Least height of a cell with a number, points.
const LEAST: f32 = 34.0;
/// Numbers that are written at most.
const MOST: usize = 600;

pub(super) fn draw(sheet: &Sheet) {
    let layout = &sheet.stage.layout;
    // Blocks are written on, and bars have no cells.
    if matches!(layout.arrangement, Arrangement::Blocks | Arrangement::Strip) {
        return;
    }
    let lens = sheet.stage.rig.camera.lens(sheet.size());
    let mut left = MOST;
    for volume in sheet.seen(LEAST) {
        let volume = &layout.volumes[volume];
        if let Some([across, down]) = step(&lens, volume)
            && across.length().min(down.length()) >= LEAST
        {
            left -= face(sheet, &lens, volume, across.length().min(down.length()), left);
        }
    }
}

/// How far a cell of the front face reaches on the screen, to the right and down.
fn step(lens: &Lens, volume: &Volume) -> Option<[Vec2; 2]> {
    let at = |x: f32, y: f32| {
        let corner = Vec3::new(volume.min().x, volume.max().y, volume.max().z);
        let point = corner + Vec3::new(x * volume.size.x, -y * volume.size.y, 0.0);
        lens.project(point).map(|p| p.0)
    };
    let [across, down] = [volume.cells.counts[0], volume.cells.counts[1]].map(|c| 1.0 / c.max(1) as f32);
    let origin = at(0.0, 0.0)?;
    Some([at(across, 0.0)? - origin, at(0.0, down)? - origin])
}

/// Writes the numbers of the front face that lie in the picture; tells how many.
fn face(sheet: &Sheet, lens: &Lens, volume: &Volume, room: f32, most: usize) -> usize {
    let values = volume.tensor.and_then(|t| {
        let trace = stage::trace(sheet.session, sheet.document)?;
        Some((t, trace.tensors.get(&t)?.host()?))
    });
    let Some((tensor, values)) = values else { return 0 };
    let scale = sheet.stage.ranges.of(tensor);
    let [columns, rows, _] = volume.cells.counts.map(|c| c.max(1));
    let mut written = 0;
    for row in 0..rows {
        for column in 0..columns {
            let share = |k: u32, of: u32| (k as f32 + 0.5) / of as f32;
            let point = Vec3::new(
                volume.min().x + volume.size.x * share(column, columns),
                volume.max().y - volume.size.y * share(row, rows),
                volume.max().z,
            );
            let Some((at, _)) = lens.project(point) else {
                continue;
            };
            let at = sheet.at(at);
            let element = (column * volume.cells.strides[0] + row * volume.cells.strides[1]) as usize;
            let value = values.get(element).filter(|_| sheet.rect.contains(at));
            let Some(&value) = value else { continue };
            if written == most {
                return written;
            }
            let text = number(value);
            // Numbers of up to six letters are equally large.
            let size = (room / (0.62 * text.chars().count().max(6) as f32)).clamp(7.0, 15.0);
            let (low, high) = scale.map_or((0.0, 1.0), |s| (s.low, s.high));
            let share = ((value - low) / (high - low).max(1e-12)).clamp(0.0, 1.0);
            let [r, g, b] = match scale.is_some_and(|s| s.signed) {
                true => diverging(share, sheet.theme),
                false => sequential(share, sheet.session.state.paint.map),
            };
            // Black on light cells, white on dark ones.
            let [r, g, b] = srgb([r, g, b]).map(f32::from);
            let ink = match 0.3 * r + 0.59 * g + 0.11 * b > 140.0 {
                true => Color32::from_black_alpha(220),
                false => Color32::from_white_alpha(230),
            };
            let font = FontId::proportional(size);
            sheet.painter.text(at, Align2::CENTER_CENTER, text, font, ink);
            written += 1;
        }
    }
    written
}
