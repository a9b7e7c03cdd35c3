//! The shapes of the tensors on the links of a flat diagram, where there is room.

use egui::{Align2, Pos2};
use glam::{Vec2, Vec3};

use super::{Sheet, names};
use crate::camera::Lens;
use crate::crowd::Crowd;
use crate::hover;
use crate::labels::covered;

/// Shapes that are written at most: more would not be legible.
const MOST: usize = 600;
/// Size of the text, points.
const SIZE: f32 = 10.0;

pub(super) fn draw(sheet: &Sheet) {
    let layout = &sheet.stage.layout;
    if !layout.arrangement.flat() {
        return;
    }
    let size = sheet.size();
    let lens = sheet.stage.rig.camera.lens(size);
    let corner = |p: Pos2| Vec2::new(p.x - sheet.rect.min.x, p.y - sheet.rect.min.y);
    let mut crowd = Crowd::new(size);
    for rect in sheet.taken() {
        crowd.push(corner(rect.min), corner(rect.max), 0);
    }
    for name in names::names(sheet) {
        crowd.push(name.at - name.half, name.at + name.half, 0);
    }
    for volume in sheet.seen(SIZE) {
        if let Some((min, max)) = covered(&layout.volumes[volume], &lens) {
            crowd.push(min, max, 0);
        }
    }
    for (min, max) in names::lines(sheet) {
        crowd.push(min, max, 0);
    }
    let sight = lens.whole();
    let mut seen = Vec::new();
    let tree = sheet.stage.links();
    tree.walk(|branch| sight.shows(branch, SIZE), |i| seen.push(i));
    seen.sort_unstable();
    let mut left = MOST;
    for link in seen.into_iter().map(|i| &layout.links[i]) {
        if left == 0 {
            return;
        }
        let clear = sheet.look.clear(link.from) && sheet.look.clear(link.to);
        let Some((from, to)) = longest(&lens, &link.path).filter(|_| clear) else {
            continue;
        };
        // The shortest text is wider than this.
        let room = (to.x - from.x).abs();
        if room < SIZE {
            continue;
        }
        let text = hover::brief(sheet.document, link.tensor);
        let width = sheet.width(&text, SIZE) + 6.0;
        // Clear of its own line, also of a chosen one.
        let at = from + (to - from) * 0.5 - Vec2::new(0.0, 4.0);
        let half = Vec2::new(width, SIZE * 1.2) / 2.0;
        let middle = at - Vec2::new(0.0, SIZE * 0.6);
        let (min, max) = (middle - half, middle + half);
        let inside = min.cmpge(Vec2::ZERO).all() && max.cmple(size).all();
        if !text.is_empty() && width < room && inside && crowd.free(min, max, |_| true) {
            sheet.haloed(sheet.at(at), Align2::CENTER_BOTTOM, &text, SIZE, false);
            crowd.push(min, max, 0);
            left -= 1;
        }
    }
}

/// The longest level piece of a link on the screen.
fn longest(lens: &Lens, path: &[Vec3]) -> Option<(Vec2, Vec2)> {
    let level = path.windows(2).filter(|p| (p[0].y - p[1].y).abs() < 1e-3);
    let best = level.max_by(|a, b| (a[1].x - a[0].x).abs().total_cmp(&(b[1].x - b[0].x).abs()))?;
    Some((lens.project(best[0])?.0, lens.project(best[1])?.0))
}
