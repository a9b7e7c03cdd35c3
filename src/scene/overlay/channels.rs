//! Number and mean under each open channel.

use egui::{Align2, vec2};
use glam::Vec3;

use super::Sheet;
use crate::tiles::MOST;

pub(super) fn draw(sheet: &Sheet) {
    let (camera, size) = (&sheet.stage.rig.camera, sheet.size());
    for tile in &sheet.stage.tiles {
        let foot = tile.center - Vec3::Y * tile.size.y * 0.5;
        let Some((at, depth)) = camera.project(foot, size) else {
            continue;
        };
        let points = tile.size.x / depth * size.y / (2.0 * (camera.fov / 2.0).tan());
        // Too small to read is better left out.
        let font = (points * 0.14).min(13.0);
        if font >= 7.0 {
            let text = format!("{}  ({:.2})", tile.channel, tile.mean);
            let at = sheet.at(at) + vec2(0.0, 1.0);
            sheet.text(at, Align2::CENTER_TOP, text, font, false);
        }
    }
    if let Some(all) = sheet.stage.tiles.first().and_then(|_| channels(sheet)) {
        let text = format!("{MOST} of {all} channels; number and mean under each");
        let at = sheet.rect.right_bottom() + vec2(-14.0, -10.0);
        sheet.text(at, Align2::RIGHT_BOTTOM, text, 12.0, false);
    }
}

/// Channels of the selection, where the tiles do not show all.
fn channels(sheet: &Sheet) -> Option<usize> {
    let chosen = sheet.look.selected?;
    let all = sheet.stage.layout.volumes[chosen].cells.counts[2] as usize;
    (all > MOST).then_some(all)
}
