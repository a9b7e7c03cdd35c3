//! Points drawn by egui: few ones, with their pictures where they have some, and any where no graphics
//! device draws them.

use std::collections::BTreeSet;

use egui::epaint::{Mesh, Vertex};
use egui::{Color32, Painter, Pos2, Rect, Vec2, pos2};

use super::Memory;
use super::lens::Lens;

/// Side of a picture, points.
pub(super) const SIDE: f32 = 22.0;

fn quad(mesh: &mut Mesh, rect: Rect, uv: Rect, color: Color32) {
    let first = mesh.vertices.len() as u32;
    for (pos, uv) in [
        (rect.left_top(), uv.left_top()),
        (rect.right_top(), uv.right_top()),
        (rect.right_bottom(), uv.right_bottom()),
        (rect.left_bottom(), uv.left_bottom()),
    ] {
        mesh.vertices.push(Vertex { pos, uv, color });
    }
    mesh.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
}

/// Radius of a point, points of the screen.
pub(super) fn radius(count: usize, zoom: f32) -> f32 {
    let base = match count {
        0..=2_000 => 4.0,
        2_001..=20_000 => 2.6,
        20_001..=200_000 => 1.6,
        200_001..=2_000_000 => 0.7,
        _ => 0.55,
    };
    match count {
        0..=20_000 => base * zoom.sqrt().clamp(0.7, 2.5),
        20_001..=200_000 => base * zoom.sqrt().clamp(0.7, 5.0),
        // Most are in sight until one is close: they grow when few are.
        _ => base * (zoom / 6.0).sqrt().clamp(1.0, 5.0),
    }
}

/// Draws `seen`: points with where they are and their clip w. `atlas`: all pictures in one texture, with how
/// many stand in a row and in a column; points that count are then drawn as theirs, where there is room.
pub(super) fn draw(
    painter: &Painter,
    memory: &Memory,
    (lens, flat): (&Lens, bool),
    dot: egui::TextureId,
    atlas: Option<(egui::TextureId, usize, usize)>,
    mut seen: Vec<(usize, Pos2, f32)>,
) {
    let count = memory.paint.colors.len();
    let radius = radius(count, memory.canvas.zoom);
    // Where many lie on each other, their number shows.
    let alpha = if count > 20_000 { 0.45 } else { 0.9 };
    let mut dots = Mesh::with_texture(dot);
    let mut pictures = atlas.map(|(texture, ..)| Mesh::with_texture(texture));
    let mut taken: BTreeSet<(i32, i32)> = BTreeSet::new();
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let flat = if flat { 0.75 } else { 1.0 };
    // The nearest first, so that pictures are of those in front.
    seen.sort_by(|a, b| a.2.total_cmp(&b.2).then(b.0.cmp(&a.0)));
    for (i, at, w) in seen {
        let depth = lens.nearness(w);
        let left_out = !memory.chosen.is_empty() && !memory.chosen.has(i);
        let nearness = 0.35 + 0.65 * depth;
        let faint = if left_out { 0.16 } else { alpha * nearness };
        // A picture where no other one is; else a point.
        let cell = ((at.x / SIDE) as i32, (at.y / SIDE) as i32);
        match (atlas, &mut pictures) {
            (Some((_, columns, rows)), Some(mesh)) if !left_out && taken.insert(cell) => {
                let share = |k: usize, n: usize| k as f32 / n as f32;
                let uv = Rect::from_min_max(
                    pos2(share(i % columns, columns), share(i / columns, rows)),
                    pos2(share(i % columns + 1, columns), share(i / columns + 1, rows)),
                );
                let middle = pos2(cell.0 as f32 + 0.5, cell.1 as f32 + 0.5) * SIDE;
                let side = Vec2::splat(SIDE - 1.0);
                let tint = if memory.tinted {
                    memory.paint.colors[i]
                } else {
                    Color32::WHITE
                };
                quad(mesh, Rect::from_center_size(middle, side), uv, tint);
            }
            (Some(_), _) if !left_out => (),
            _ => {
                let color = memory.paint.colors[i].gamma_multiply(faint);
                let size = memory.paint.sizes.get(i).copied().unwrap_or(1.0);
                let r = size * radius * (0.6 + 0.8 * depth) * flat;
                let side = Vec2::splat(2.0 * r);
                quad(&mut dots, Rect::from_center_size(at, side), whole, color);
            }
        }
    }
    // Far ones first.
    dots.indices = dots.indices.chunks(6).rev().flatten().copied().collect();
    painter.add(dots);
    if let Some(mesh) = pictures {
        painter.add(mesh);
    }
}
