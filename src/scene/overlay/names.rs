//! Names and shapes of the volumes.

use egui::Align2;
use glam::{Vec2, Vec3};
use layout::{Arrangement, Volume};

use super::Sheet;
use crate::labels::Taken;
use crate::tree::Branch;
use crate::{Label, hover};

/// The names of volumes, where there is room.
pub(super) fn names<'a>(sheet: &'a Sheet) -> &'a [Label] {
    sheet.found.names.get_or_init(|| find(sheet))
}

fn find(sheet: &Sheet) -> Vec<Label> {
    // Blocks have theirs inside.
    if sheet.stage.layout.arrangement == Arrangement::Blocks {
        return Vec::new();
    }
    let measure = |text: &str, size: f32| sheet.width(text, size);
    let stage = sheet.stage;
    let detail = |volume: &Volume| {
        let shape = |tensor| hover::brief(sheet.document, tensor);
        volume.tensor.map(shape).unwrap_or_default()
    };
    let camera = &stage.rig.camera;
    // Names keep off the other texts, and off open channels with their numbers.
    let corner = |p: egui::Pos2| Vec2::new(p.x - sheet.rect.min.x, p.y - sheet.rect.min.y);
    let fixed = sheet.taken().iter();
    let mut texts: Vec<(Vec2, Vec2)> = fixed.map(|r| (corner(r.min), corner(r.max))).collect();
    for tile in &stage.tiles {
        let (half, foot) = (tile.size / 2.0, Vec3::Y * 0.35);
        let ends = [
            tile.center + half * Vec3::new(-1.0, 1.0, 1.0),
            tile.center + half * Vec3::new(1.0, -1.0, 1.0) - foot,
        ];
        if let [Some((a, _)), Some((b, _))] = ends.map(|p| camera.project(p, sheet.size())) {
            texts.push((a.min(b), a.max(b)));
        }
    }
    let lines = lines(sheet);
    let taken = Taken { texts, lines };
    let volumes = (&*stage.layout, stage.volumes());
    let mut names = crate::labels(volumes, camera, sheet.size(), taken, &sheet.look, measure, detail);
    // The most telling ones come first.
    let most = (names.len() as f32 * sheet.session.state.labels).round() as usize;
    names.truncate(most);
    names
}

/// Pieces of links that names keep off at most, and their length, points.
const PIECES: usize = 3000;
const PIECE: f32 = 40.0;

/// Calls `tell` with the corners of short pieces of the line from `a` to `b`.
pub(crate) fn pieces(a: Vec2, b: Vec2, mut tell: impl FnMut(Vec2, Vec2)) {
    let count = (a.distance(b) / PIECE).ceil().clamp(1.0, 100.0);
    let place = |k: f32| a.lerp(b, k / count);
    for k in 0..count as usize {
        let (a, b) = (place(k as f32), place(k as f32 + 1.0));
        tell(a.min(b) - 1.0, a.max(b) + 1.0);
    }
}

/// Where links run, in short pieces.
pub(super) fn lines(sheet: &Sheet) -> Vec<(Vec2, Vec2)> {
    let lens = sheet.stage.rig.camera.lens(sheet.size());
    let sight = lens.whole();
    let mut lines = Vec::new();
    let links = &sheet.stage.layout.links;
    let enough = |branch: &Branch| sight.shows(branch, PIECE);
    sheet.stage.links().walk(enough, |link| {
        for pair in links[link].path.windows(2) {
            let [Some((a, _)), Some((b, _))] = [pair[0], pair[1]].map(|p| lens.project(p)) else {
                continue;
            };
            pieces(a, b, |min, max| {
                if lines.len() < PIECES {
                    lines.push((min, max));
                }
            });
        }
    });
    lines
}

pub(super) fn draw(sheet: &Sheet) {
    for label in names(sheet) {
        let at = sheet.at(label.at);
        sheet.haloed(at, Align2::CENTER_BOTTOM, &label.text, label.size, true);
        if !label.detail.is_empty() {
            sheet.haloed(at, Align2::CENTER_TOP, &label.detail, label.size * 0.85, false);
        }
    }
}
