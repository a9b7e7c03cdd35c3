//! What stands inside the blocks of a block diagram: operator, name, shape.

use egui::{Align2, Rect, pos2};
use glam::Vec3;
use layout::{Arrangement, Node, Volume};

use super::Sheet;
use crate::camera::Lens;
use crate::hover;

/// Least height of a legible block, points.
const LEAST: f32 = 15.0;
/// Sizes of the largest and of the smallest text, points.
const LARGEST: f32 = 22.0;
const SMALLEST: f32 = 8.0;

pub(super) fn draw(sheet: &Sheet) {
    if sheet.stage.layout.arrangement != Arrangement::Blocks {
        return;
    }
    let lens = sheet.stage.rig.camera.lens(sheet.size());
    for volume in sheet.seen(LEAST) {
        let volume = &sheet.stage.layout.volumes[volume];
        if let Some(rect) = place(sheet, &lens, volume).filter(|r| sheet.rect.intersects(*r)) {
            write(sheet, volume, rect);
        }
    }
}

/// The front face on the screen.
fn place(sheet: &Sheet, lens: &Lens, volume: &Volume) -> Option<Rect> {
    let front = volume.max().z;
    let corners = [
        Vec3::new(volume.min().x, volume.max().y, front),
        Vec3::new(volume.max().x, volume.min().y, front),
    ];
    let [a, b] = corners.map(|p| lens.project(p).map(|(at, _)| sheet.at(at)));
    Some(Rect::from_two_pos(a?, b?))
}

/// What a block is: its operator, or a scope's own name.
pub(crate) fn title(volume: &Volume) -> &str {
    match volume.node {
        Node::Scope(_) => volume.label.rsplit('/').next().unwrap_or(&volume.label),
        _ => &volume.kind,
    }
}

fn write(sheet: &Sheet, volume: &Volume, rect: Rect) {
    if rect.height() < LEAST {
        return;
    }
    let mut lines = vec![(title(volume), 1.0)];
    let name = crate::labels::shorten(&volume.label, 26);
    let shape = volume
        .tensor
        .map(|t| hover::brief(sheet.document, t))
        .unwrap_or_default();
    // Each line wants its room; the name gives way first.
    if rect.height() > 4.2 * LEAST {
        lines.push((&name, 0.85));
    }
    if rect.height() > 2.0 * LEAST {
        lines.push((&shape, 0.85));
    }
    let step = rect.height() / (lines.len() as f32 + 0.6);
    let mut y = rect.center().y - step * (lines.len() as f32 - 1.0) / 2.0;
    for (text, scale) in lines {
        let room = 0.92 * rect.width();
        let wanted = (0.85 * step).min(LARGEST) * scale;
        let size = wanted * (room / sheet.width(text, wanted).max(1.0)).min(1.0);
        // Rather the beginning of a name than all of it, unreadable.
        let legible = size.max(SMALLEST.min(wanted));
        let at = pos2(rect.center().x, y);
        match size < legible {
            true => {
                let share = room / sheet.width(text, legible).max(1.0);
                let letters = (text.chars().count() as f32 * share) as usize;
                let begin: String = text.chars().take(letters.saturating_sub(1)).collect();
                sheet.text(at, Align2::CENTER_CENTER, format!("{begin}…"), legible, true);
            }
            false => sheet.text(at, Align2::CENTER_CENTER, text, size, true),
        }
        y += step;
    }
}
