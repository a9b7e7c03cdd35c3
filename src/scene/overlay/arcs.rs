//! The attention that is looked at: its tokens on a line over the volume, and arcs between them.

use egui::{Align2, Color32, Pos2, Stroke};
use glam::Vec3;
use layout::Node;

use super::Sheet;
use crate::colormap::{sequential, srgb};

/// Arcs that are drawn at most, the strongest ones.
const MOST: usize = 240;
/// Share of a query's attention from which an arc is drawn; of the chosen query's a smaller one does.
const LEAST: [f32; 2] = [0.12, 0.02];
/// Width of an arc of all attention, points.
const WIDTH: f32 = 7.0;
/// Height of an arc over the distance of its ends.
const RISE: f32 = 0.42;
/// Pieces of an arc.
const PIECES: usize = 20;
/// Least distance of tokens that are written out, points.
const PITCH: f32 = 12.0;
/// Letters of a token.
const LETTERS: usize = 14;

pub(super) fn draw(sheet: &Sheet) {
    let Some(attend) = &sheet.session.state.attend else {
        return;
    };
    let document = sheet.document;
    let Some(site) = document.site_of(&attend.layer) else {
        return;
    };
    let node = Node::Layer(site.layer);
    let Some(volume) = sheet.stage.layout.volumes.iter().find(|v| v.node == node) else {
        return;
    };
    let Ok(heads) = document.heads(site, attend.item) else {
        return;
    };
    let weights = heads.map(attend.head);
    let lens = sheet.stage.rig.camera.lens(sheet.size());
    let long = heads.keys.max(heads.queries) as f32;
    let place = |i: usize| {
        let x = volume.min().x + volume.size.x * (i as f32 + 0.5) / long;
        Vec3::new(x, volume.max().y + 0.06 * volume.size.x, volume.max().z)
    };
    let on_screen = |point: Vec3| lens.project(point).map(|(at, _)| sheet.at(at));
    let mut arcs: Vec<(usize, usize, f32)> = Vec::new();
    for (i, &weight) in weights.iter().enumerate() {
        let (query, key) = (i / heads.keys, i % heads.keys);
        let asked = attend.query == Some(query);
        let least = LEAST[usize::from(asked)];
        if query != key && weight >= least && (asked || attend.query.is_none()) {
            arcs.push((query, key, weight));
        }
    }
    arcs.sort_by(|a, b| b.2.total_cmp(&a.2));
    arcs.truncate(MOST);
    // The strongest ones over the others.
    for &(query, key, weight) in arcs.iter().rev() {
        let (from, to) = (place(query), place(key));
        let rise = RISE * (from.x - to.x).abs();
        let points: Vec<Pos2> = (0..=PIECES)
            .filter_map(|i| {
                let t = i as f32 / PIECES as f32;
                on_screen(from.lerp(to, t) + Vec3::Y * (4.0 * rise * t * (1.0 - t)))
            })
            .collect();
        let [r, g, b] = srgb(sequential(0.35 + 0.6 * weight, sheet.session.state.paint.map));
        let alpha = (70.0 + 185.0 * weight) as u8;
        let color = Color32::from_rgba_unmultiplied(r, g, b, alpha);
        let stroke = Stroke::new(1.0 + WIDTH * weight, color);
        sheet.painter.add(egui::Shape::line(points, stroke));
    }
    let tokens = document.tokens.as_ref().and_then(|t| t.get(attend.item));
    let Some(tokens) = tokens.filter(|t| t.len() == heads.keys) else {
        return;
    };
    let pitch = match (on_screen(place(0)), on_screen(place(1))) {
        (Some(a), Some(b)) => a.distance(b),
        _ => return,
    };
    let every = (PITCH / pitch.max(0.1)).ceil() as usize;
    let told = |i: usize| attend.query == Some(i) || arcs.iter().any(|a| attend.query.is_some() && a.1 == i);
    for (i, token) in tokens.iter().enumerate() {
        if !i.is_multiple_of(every.max(1)) && !told(i) {
            continue;
        }
        let Some(at) = on_screen(place(i)).filter(|at| sheet.rect.contains(*at)) else {
            continue;
        };
        let short: String = token.chars().take(LETTERS).collect();
        let font = egui::FontId::proportional(pitch.clamp(9.0, 13.0));
        let color = if attend.query.is_none_or(|q| q == i) {
            sheet.strong
        } else {
            sheet.faint
        };
        let galley = sheet.painter.layout_no_wrap(short, font, color);
        if pitch > galley.size().x + 6.0 {
            let at = Align2::CENTER_TOP.anchor_size(at, galley.size()).min;
            sheet.painter.galley(at, galley, color);
        } else {
            // Down over the volume, as there is no room beside each other.
            let at = at + egui::vec2(galley.size().y / 2.0, 3.0);
            let shape = egui::epaint::TextShape::new(at, galley, color);
            sheet.painter.add(shape.with_angle(std::f32::consts::FRAC_PI_2));
        }
    }
}
