//! Names and shapes of the volumes.

use egui::Align2;
use glam::{Vec2, Vec3};
use layout::{Arrangement, Volume};

use super::{Sheet, caption, frames, legend, members, title};
use crate::hover;

pub(super) fn draw(sheet: &Sheet) {
    // Blocks have theirs inside.
    if sheet.stage.layout.arrangement == Arrangement::Blocks {
        return;
    }
    let measure = |text: &str, size: f32| sheet.width(text, size);
    let stage = sheet.stage;
    let look = stage.look(sheet.session);
    let detail = |volume: &Volume| {
        let shape = |tensor| hover::brief(sheet.document, tensor);
        volume.tensor.map(shape).unwrap_or_default()
    };
    let camera = &stage.rig.camera;
    // Names keep off the other texts, and off open channels with their numbers.
    let fixed = [title::place, title::answer, legend::place, caption::place].map(|place| place(sheet));
    let corner = |p: egui::Pos2| Vec2::new(p.x - sheet.rect.min.x, p.y - sheet.rect.min.y);
    let mut taken: Vec<(Vec2, Vec2)> = fixed
        .into_iter()
        .flatten()
        .chain(members::places(sheet))
        .chain(frames::places(sheet))
        .map(|r| (corner(r.min), corner(r.max)))
        .collect();
    for tile in &stage.tiles {
        let (half, foot) = (tile.size / 2.0, Vec3::Y * 0.35);
        let ends = [
            tile.center + half * Vec3::new(-1.0, 1.0, 1.0),
            tile.center + half * Vec3::new(1.0, -1.0, 1.0) - foot,
        ];
        if let [Some((a, _)), Some((b, _))] = ends.map(|p| camera.project(p, sheet.size())) {
            taken.push((a.min(b), a.max(b)));
        }
    }
    let names = crate::labels(&stage.layout, camera, sheet.size(), taken, &look, measure, detail);
    // The most telling ones come first.
    let most = (names.len() as f32 * sheet.session.state.labels).round() as usize;
    for label in names.into_iter().take(most) {
        let at = sheet.at(label.at);
        sheet.haloed(at, Align2::CENTER_BOTTOM, &label.text, label.size, true);
        sheet.haloed(at, Align2::CENTER_TOP, &label.detail, label.size * 0.85, false);
    }
}
