//! What frames hold, written at their upper left corner where there is room.

use egui::{Align2, FontId, Rect, vec2};
use glam::Vec3;
use layout::Frame;

use super::Sheet;
use crate::camera::Lens;

/// Size of the text, points: of a repeat, and of others.
const SIZES: [f32; 2] = [14.0, 11.0];

/// A frame, by its index, and where its caption stands.
pub(super) struct Caption {
    frame: usize,
    /// Other texts keep off.
    pub place: Rect,
}

pub(super) fn draw(sheet: &Sheet) {
    for caption in captions(sheet) {
        let frame = &sheet.stage.layout.frames[caption.frame];
        let size = SIZES[usize::from(!frame.once)];
        let at = caption.place.left_bottom();
        sheet.haloed(at, Align2::LEFT_BOTTOM, &frame.label, size, frame.once);
    }
}

/// Frames that are wide enough for their caption, with its place.
pub(super) fn captions<'a>(sheet: &'a Sheet) -> &'a [Caption] {
    sheet.found.captions.get_or_init(|| find(sheet))
}

fn find(sheet: &Sheet) -> Vec<Caption> {
    let mut captions: Vec<Caption> = Vec::new();
    let fixed = sheet.fixed();
    let lens = sheet.stage.rig.camera.lens(sheet.size());
    // Outer frames come first, and their captions win.
    for (i, frame) in sheet.stage.layout.frames.iter().enumerate() {
        let Some(on_screen) = on_screen(sheet, &lens, frame).filter(|r| r.intersects(sheet.rect)) else {
            continue;
        };
        let size = SIZES[usize::from(!frame.once)];
        // About half of the size is the width of a letter.
        if on_screen.width() < 0.4 * size * frame.label.chars().count() as f32 {
            continue;
        }
        let font = FontId::proportional(size);
        let text = sheet
            .painter
            .layout_no_wrap(frame.label.clone(), font, sheet.strong);
        let at = on_screen.left_top() + vec2(6.0, -3.0);
        let place = Rect::from_min_size(at - vec2(0.0, text.size().y), text.size());
        let mut others = captions.iter().map(|c| &c.place).chain(&fixed);
        let free = others.all(|other| !other.intersects(place));
        if text.size().x + 8.0 < on_screen.width() && free && sheet.rect.contains_rect(place) {
            captions.push(Caption { frame: i, place });
        }
    }
    captions
}

/// The frame's corners on the screen.
fn on_screen(sheet: &Sheet, lens: &Lens, frame: &Frame) -> Option<Rect> {
    let z = (frame.min.z + frame.max.z) / 2.0;
    let corners = [
        Vec3::new(frame.min.x, frame.max.y, z),
        Vec3::new(frame.max.x, frame.min.y, z),
    ];
    let [a, b] = corners.map(|p| lens.project(p).map(|(at, _)| sheet.at(at)));
    Some(Rect::from_two_pos(a?, b?))
}
