//! The shapes of the tensors on the links of a flat diagram, where there is room.

use egui::{Align2, Pos2, Rect, vec2};
use glam::Vec3;
use layout::Link;

use super::{Sheet, caption, frames, legend, members, title};
use crate::hover;

/// Links that are looked at: more would not be legible.
const MOST: usize = 600;
/// Size of the text, points.
const SIZE: f32 = 10.0;

pub(super) fn draw(sheet: &Sheet) {
    let layout = &sheet.stage.layout;
    if !layout.arrangement.flat() {
        return;
    }
    let fixed = [title::place, title::answer, legend::place, caption::place];
    let mut taken: Vec<Rect> = fixed.iter().filter_map(|place| place(sheet)).collect();
    taken.extend(members::places(sheet));
    taken.extend(frames::places(sheet));
    let look = sheet.stage.look(sheet.session);
    let clear = |l: &&Link| look.clear(l.from) && look.clear(l.to);
    for link in layout.links.iter().filter(clear).take(MOST) {
        let text = hover::brief(sheet.document, link.tensor);
        let Some((from, to)) = longest(sheet, &link.path).filter(|_| !text.is_empty()) else {
            continue;
        };
        let width = sheet.width(&text, SIZE);
        let at = from + (to - from) * 0.5 - vec2(0.0, 2.0);
        let rect = Rect::from_center_size(at - vec2(0.0, SIZE * 0.6), vec2(width + 6.0, SIZE * 1.2));
        let free = taken.iter().all(|t| !t.intersects(rect)) && sheet.rect.contains_rect(rect);
        if width + 6.0 < (to.x - from.x).abs() && free {
            sheet.haloed(at, Align2::CENTER_BOTTOM, &text, SIZE, false);
            taken.push(rect);
        }
    }
}

/// The longest level piece of a link on the screen.
fn longest(sheet: &Sheet, path: &[Vec3]) -> Option<(Pos2, Pos2)> {
    let camera = &sheet.stage.rig.camera;
    let level = path.windows(2).filter(|p| (p[0].y - p[1].y).abs() < 1e-3);
    let best = level.max_by(|a, b| (a[1].x - a[0].x).abs().total_cmp(&(b[1].x - b[0].x).abs()))?;
    let at = |p: Vec3| Some(sheet.at(camera.project(p, sheet.size())?.0));
    Some((at(best[0])?, at(best[1])?))
}
