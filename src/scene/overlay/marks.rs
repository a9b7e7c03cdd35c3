//! The signs at volumes that differ from what corresponds to them.

use egui::{Align2, Color32, FontId, Rect, vec2};
use glam::Vec3;

use super::Sheet;
use crate::colormap::srgb;
use crate::marks;

/// Size of a sign, points.
const SIZE: f32 = 11.0;
/// Signs at most: more would not be legible.
const MOST: usize = 400;

pub(super) fn draw(sheet: &Sheet) {
    let lens = sheet.stage.rig.camera.lens(sheet.size());
    let volumes = sheet.stage.layout.volumes.iter();
    let marked = volumes.filter_map(|v| Some((v, sheet.document.mark(v.node)?)));
    let mut taken: Vec<Rect> = Vec::new();
    for (volume, mark) in marked.take(MOST) {
        let corner = Vec3::new(volume.max().x, volume.max().y, volume.max().z);
        let Some((at, _)) = lens.project(corner) else {
            continue;
        };
        let [r, g, b] = srgb(sheet.theme.mark(mark));
        let ink = match u32::from(r) + u32::from(g) + u32::from(b) > 380 {
            true => Color32::from_rgb(16, 20, 26),
            false => Color32::WHITE,
        };
        let font = FontId::proportional(SIZE);
        let text = sheet.painter.layout_no_wrap(marks::sign(mark), font, ink);
        let rect = Rect::from_center_size(sheet.at(at), text.size() + vec2(9.0, 3.0));
        if !sheet.rect.contains_rect(rect) || taken.iter().any(|t| t.intersects(rect)) {
            continue;
        }
        let round = rect.height() / 2.0;
        sheet.painter.rect_filled(rect, round, Color32::from_rgb(r, g, b));
        let at = Align2::CENTER_CENTER.anchor_size(rect.center(), text.size()).min;
        sheet.painter.galley(at, text, ink);
        taken.push(rect);
    }
}
