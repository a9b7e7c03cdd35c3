//! The attention that is looked at: its tokens on a line before the scene, arcs between them, and a
//! thread to the volume that holds their weights.

use egui::{Align2, Color32, FontId, Pos2, Rect, Shape, Stroke, pos2, vec2};
use layout::Node;

use super::Sheet;
use crate::colormap::{sequential, srgb};

/// Arcs that are drawn at most, the strongest ones.
const MOST: usize = 240;
/// Places up to which arcs of all of them are drawn.
const LONGEST: usize = 256;
/// Share of a query's attention from which an arc is drawn; of the chosen query's a smaller one does.
const LEAST: [f32; 2] = [0.12, 0.02];
/// Width of an arc of all attention, points.
const WIDTH: f32 = 7.0;
/// Height of an arc over the distance of its ends, and at most, points.
const RISE: f32 = 0.45;
const HIGHEST: f32 = 104.0;
/// Pieces of an arc.
const PIECES: usize = 24;
/// Distance of two tokens, points: at least so far, and at most.
const PITCH: [f32; 2] = [13.0, 64.0];
/// Share of the scene that the line takes at most.
const SHARE: f32 = 0.54;
/// Room below the line for words that stand upright, and for those that lie, points.
const UPRIGHT: f32 = 20.0;
const TURNED: f32 = 74.0;
/// Distance of the ground from the volume, and room for a title, points.
const ABOVE: f32 = 46.0;
const TITLE: f32 = 48.0;
/// Room for the legend, points.
const LEGEND: f32 = 250.0;
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
    let tokens = document.tokens.as_ref().and_then(|t| t.get(attend.item));
    let (Some(tokens), Ok(heads)) = (tokens, document.heads(site, attend.item)) else {
        return;
    };
    if tokens.len() != heads.keys || heads.queries != heads.keys || tokens.is_empty() {
        return;
    }
    let n = tokens.len();
    let font = FontId::proportional(12.0);
    let short = |token: &String| token.chars().take(LETTERS).collect::<String>();
    let galley = |token: &String| {
        sheet
            .painter
            .layout_no_wrap(short(token), font.clone(), sheet.strong)
    };
    let widest = tokens.iter().map(|t| galley(t).size().x).fold(0.0, f32::max);
    // Words lie beside each other where there is room, else they stand.
    let room = SHARE * sheet.rect.width();
    let pitch = (room / n as f32)
        .min(PITCH[1])
        .min(widest + 8.0)
        .max(PITCH[0].min(room / n as f32));
    let lies = widest + 6.0 <= pitch;
    let below = if lies { UPRIGHT } else { widest.min(TURNED) + 8.0 };
    let size = vec2(pitch * n as f32, HIGHEST + below);
    let place = place(sheet, Node::Layer(site.layer), size);
    sheet.ground(place);
    let line = place.bottom() - below;
    let at = |i: usize| pos2(place.left() + (i as f32 + 0.5) * pitch, line);
    let asked = attend.query.filter(|q| *q < n);
    let arcs = match asked {
        Some(query) => strongest(&heads.row(attend.head, query), n, Some(query)),
        // Of more places than that a choice of arcs says nothing.
        None if n > LONGEST => Vec::new(),
        None => strongest(&heads.map(attend.head), n, None),
    };
    // The strongest ones over the others.
    for &(query, key, weight) in arcs.iter().rev() {
        let (from, to) = (at(query), at(key));
        let rise = (RISE * (from.x - to.x).abs()).min(HIGHEST - 6.0);
        let points = (0..=PIECES).map(|i| {
            let t = i as f32 / PIECES as f32;
            from.lerp(to, t) - vec2(0.0, 4.0 * rise * t * (1.0 - t))
        });
        let points: Vec<Pos2> = points.collect();
        let [r, g, b] = srgb(sequential(0.4 + 0.55 * weight, sheet.session.state.paint.map));
        let color = Color32::from_rgba_unmultiplied(r, g, b, (80.0 + 170.0 * weight) as u8);
        sheet
            .painter
            .add(Shape::line(points, Stroke::new(1.0 + WIDTH * weight, color)));
    }
    // Every n-th word, where there are very many.
    let every = (PITCH[0] / pitch).ceil().max(1.0) as usize;
    let reached = |i: usize| attend.query.is_some() && arcs.iter().any(|a| a.1 == i);
    for (i, token) in tokens.iter().enumerate() {
        let chosen = attend.query == Some(i);
        if !i.is_multiple_of(every) && !chosen {
            continue;
        }
        let strong = attend.query.is_none() || chosen || reached(i);
        let color = if strong { sheet.strong } else { sheet.faint };
        let galley = galley(token);
        let half = galley.size().y / 2.0;
        let at = at(i) + vec2(0.0, 4.0);
        if lies {
            let at = Align2::CENTER_TOP.anchor_size(at, galley.size()).min;
            sheet.painter.galley_with_override_text_color(at, galley, color);
        } else {
            let shape = egui::epaint::TextShape::new(at + vec2(half, 0.0), galley, color);
            let shape = shape.with_override_text_color(color);
            sheet.painter.add(shape.with_angle(std::f32::consts::FRAC_PI_2));
        }
    }
}

/// Where `size` points stand: over the volume, with a thread to it, where that is in sight and leaves room;
/// else below in the scene.
fn place(sheet: &Sheet, node: Node, size: egui::Vec2) -> Rect {
    let volume = sheet.stage.layout.volumes.iter().find(|v| v.node == node);
    let lens = sheet.stage.rig.camera.lens(sheet.size());
    let head = volume.and_then(|v| lens.project(v.center.with_y(v.max().y)));
    let head = head
        .map(|(at, _)| sheet.at(at))
        .filter(|at| sheet.rect.contains(*at));
    let inside = sheet.rect.shrink(16.0);
    let over = head.filter(|at| at.y - ABOVE - size.y > inside.top() + TITLE);
    // At the foot of the scene the legend has the left corner.
    let (x, bottom, left) = match over {
        Some(at) => (at.x, at.y - ABOVE, inside.left()),
        None => (inside.center().x, inside.bottom() - 8.0, inside.left() + LEGEND),
    };
    let half = size.x / 2.0;
    let x = x.clamp(left + half, (inside.right() - half).max(left + half));
    let place = Rect::from_center_size(pos2(x, bottom - size.y / 2.0), size);
    if let Some(to) = over {
        let from = pos2(to.x.clamp(place.left(), place.right()), place.bottom() + 8.0);
        let color = sheet.faint.gamma_multiply(0.7);
        sheet.painter.line_segment([from, to], Stroke::new(1.0, color));
    }
    place
}

/// What is worth an arc: query, key and weight, strongest first; places that look at themselves are left
/// out. `weights` are those of all places, or of the one that is asked for.
fn strongest(weights: &[f32], n: usize, asked: Option<usize>) -> Vec<(usize, usize, f32)> {
    let least = LEAST[usize::from(asked.is_some())];
    let all = weights.iter().enumerate();
    let all = all.map(|(i, &w)| (asked.unwrap_or(i / n), i % n, w));
    let counts = |&(query, key, w): &(usize, usize, f32)| query != key && w >= least;
    let mut arcs: Vec<_> = all.filter(counts).collect();
    arcs.sort_by(|a, b| b.2.total_cmp(&a.2));
    arcs.truncate(MOST);
    arcs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arcs_are_the_strongest_and_those_of_the_chosen_place() {
        let weights = [0.5, 0.45, 0.05, 0.9, 0.05, 0.05, 0.2, 0.3, 0.5];
        assert_eq!(
            strongest(&weights, 3, None),
            [(1, 0, 0.9), (0, 1, 0.45), (2, 1, 0.3), (2, 0, 0.2)]
        );
        assert_eq!(strongest(&weights[..3], 3, Some(0)), [(0, 1, 0.45), (0, 2, 0.05)]);
        let many = vec![0.5; 60 * 60];
        assert_eq!(strongest(&many, 60, None).len(), MOST);
    }
}
