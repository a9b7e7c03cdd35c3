//! The cloud itself: points, pictures, the pointer.

use std::collections::BTreeSet;

use egui::epaint::{Mesh, Vertex};
use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, Ui, Vec2, pos2, vec2};
use session::Session;
use session::cloud::Cloud;

use super::{Ink, Memory};
use crate::style;

/// Side of a picture, points.
const SIDE: f32 = 22.0;
/// Points that are written out at most, where they have names.
const NAMED: usize = 120;
/// How near the pointer must be, points.
const REACH: f32 = 10.0;

/// The colour of a point.
fn ink(
    memory: &Memory,
    cloud: &Cloud,
    session: &Session,
    point: usize,
    light: bool,
    plain: Color32,
) -> Color32 {
    match memory.ink {
        Ink::Class => cloud
            .subject
            .labels
            .get(point)
            .map_or(plain, |l| style::run(*l as usize, light)),
        Ink::Cluster => match cloud.clusters.get(point) {
            Some(Some(cluster)) => style::run(*cluster as usize, light),
            _ => plain.gamma_multiply(0.5),
        },
        Ink::Right => {
            let guess = session
                .document
                .as_ref()
                .and_then(|d| d.predictions.first()?.guesses.get(point));
            match (guess, cloud.subject.labels.get(point)) {
                (Some(guess), Some(label)) if guess.class == *label as usize => plain,
                (Some(_), Some(_)) => Color32::from_rgb(235, 110, 80),
                _ => plain.gamma_multiply(0.4),
            }
        }
    }
}

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

/// Draws the cloud; gives the point that was clicked.
pub(super) fn show(
    ui: &mut Ui,
    size: Vec2,
    memory: &mut Memory,
    cloud: &Cloud,
    session: &Session,
    point: Option<usize>,
) -> Option<usize> {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    painter.rect_filled(rect, 4.0, ui.visuals().extreme_bg_color);
    memory.canvas.approach(ui, cloud);
    memory.canvas.hands(ui, &response);
    let places = memory.canvas.project(rect);
    let count = places.len();
    let light = !ui.visuals().dark_mode;
    let plain = ui.visuals().text_color().gamma_multiply(0.75);
    let near: Vec<usize> = match point.filter(|p| *p < count) {
        Some(point) => match memory.nearest(cloud, point) {
            Ok(found) => found.iter().map(|f| f.0).collect(),
            Err(_) => Vec::new(),
        },
        None => Vec::new(),
    };
    let pictures = memory
        .pictures
        .then(|| memory.canvas.atlas(ui, &cloud.subject))
        .flatten();
    let radius = match count {
        0..=2_000 => 4.0,
        2_001..=20_000 => 2.6,
        _ => 1.6,
    } * memory.canvas.zoom.sqrt().clamp(0.7, 2.5);
    // Where many lie on each other, their number shows.
    let alpha = if count > 20_000 { 0.45 } else { 0.9 };
    let mut order: Vec<usize> = (0..count).collect();
    if memory.canvas.dimensions == 3 {
        order.sort_by(|a, b| places[*a].1.total_cmp(&places[*b].1));
    }
    let mut dots = Mesh::with_texture(memory.canvas.dot(ui));
    let mut shown = pictures.map(|(texture, ..)| Mesh::with_texture(texture));
    let mut taken: BTreeSet<(i32, i32)> = BTreeSet::new();
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let seen = rect.expand(SIDE);
    let flat = if memory.canvas.dimensions == 2 { 0.75 } else { 1.0 };
    // The nearest first, so that pictures are of those in front.
    for &i in order.iter().rev() {
        let (at, depth) = places[i];
        if !seen.contains(at) {
            continue;
        }
        let left_out = !memory.chosen.is_empty() && !memory.chosen.contains(&i);
        let nearness = 0.35 + 0.65 * depth.clamp(0.0, 1.0);
        let faint = if left_out { 0.16 } else { alpha * nearness };
        // A picture where no other one is; else a point.
        let cell = ((at.x / SIDE) as i32, (at.y / SIDE) as i32);
        match (pictures, &mut shown) {
            (Some((_, columns, rows)), Some(mesh)) if !left_out && taken.insert(cell) => {
                let share = |k: usize, n: usize| k as f32 / n as f32;
                let uv = Rect::from_min_max(
                    pos2(share(i % columns, columns), share(i / columns, rows)),
                    pos2(share(i % columns + 1, columns), share(i / columns + 1, rows)),
                );
                let tint = ink(memory, cloud, session, i, light, Color32::WHITE);
                let middle = pos2(cell.0 as f32 + 0.5, cell.1 as f32 + 0.5) * SIDE;
                quad(
                    mesh,
                    Rect::from_center_size(middle, Vec2::splat(SIDE - 1.0)),
                    uv,
                    tint,
                );
            }
            (Some(_), _) if !left_out => (),
            _ => {
                let color = ink(memory, cloud, session, i, light, plain).gamma_multiply(faint);
                let r = radius * (0.6 + 0.8 * depth.clamp(0.0, 1.0)) * flat;
                quad(
                    &mut dots,
                    Rect::from_center_size(at, Vec2::splat(2.0 * r)),
                    whole,
                    color,
                );
            }
        }
    }
    // Far ones first.
    let order = dots.indices.chunks(6).rev().flatten().copied().collect();
    dots.indices = order;
    painter.add(dots);
    if let Some(mesh) = shown {
        painter.add(mesh);
    }
    names(&painter, ui, cloud, &places, rect);
    let marked = style::marked(ui.visuals());
    if let Some(point) = point.filter(|p| *p < count) {
        let at = places[point].0;
        for other in near {
            painter.line_segment(
                [at, places[other].0],
                Stroke::new(1.0, marked.gamma_multiply(0.6)),
            );
        }
        painter.circle_stroke(at, radius + 4.0, Stroke::new(2.0, marked));
    }
    axes(&painter, ui, cloud, rect);
    let boxed = area(&painter, ui, memory, &response, &places);
    if boxed {
        return None;
    }
    let pointer = response.hover_pos()?;
    let reach = if pictures.is_some() { SIDE } else { REACH };
    let under = (0..count)
        .map(|i| (i, places[i].0.distance(pointer)))
        .filter(|(_, d)| *d < reach);
    let (under, _) = under.min_by(|a, b| a.1.total_cmp(&b.1))?;
    painter.circle_stroke(
        places[under].0,
        radius + 2.0,
        Stroke::new(1.5, ui.visuals().strong_text_color()),
    );
    let clicked = response.clicked();
    response.on_hover_ui_at_pointer(|ui| {
        ui.strong(cloud.subject.name(under));
        if let Some(class) = cloud.subject.class(under) {
            ui.label(class);
        }
        let guess = session
            .document
            .as_ref()
            .filter(|_| cloud.subject.examples.is_some());
        let guess = guess.and_then(|d| Some((d, d.predictions.first()?.guesses.get(under)?)));
        if let Some((document, guess)) = guess {
            let name = document
                .classes
                .get(guess.class)
                .cloned()
                .unwrap_or_else(|| format!("#{}", guess.class));
            ui.weak(format!(
                "the network says {name}, {:.1} %",
                100.0 * guess.probability
            ));
        }
    });
    clicked.then_some(under)
}

/// Names beside points, where they have some and stand apart enough.
fn names(painter: &egui::Painter, ui: &Ui, cloud: &Cloud, places: &[(Pos2, f32)], rect: Rect) {
    if cloud.subject.names.is_empty() {
        return;
    }
    let inside = (0..places.len()).filter(|i| rect.contains(places[*i].0));
    let mut taken: Vec<Rect> = Vec::new();
    for i in inside {
        if taken.len() >= NAMED {
            return;
        }
        let short: String = cloud.subject.name(i).chars().take(18).collect();
        let galley = painter.layout_no_wrap(short, FontId::proportional(11.0), ui.visuals().text_color());
        let at = places[i].0 + vec2(6.0, -galley.size().y / 2.0);
        let place = Rect::from_min_size(at, galley.size());
        if !taken.iter().any(|t| t.intersects(place)) {
            painter.galley(at, galley, ui.visuals().text_color());
            taken.push(place);
        }
    }
}

/// What is below: how much the axes of PCA hold, how far places can be trusted.
fn axes(painter: &egui::Painter, ui: &Ui, cloud: &Cloud, rect: Rect) {
    let mut words = Vec::new();
    if !cloud.explained.is_empty() {
        let shares: Vec<String> = cloud
            .explained
            .iter()
            .map(|e| format!("{:.0} %", 100.0 * e))
            .collect();
        words.push(format!("axes hold {} of the variance", shares.join(", ")));
    }
    if let Some([trust, recall]) = cloud.quality {
        words.push(format!(
            "trustworthiness {trust:.3}, {:.0} % of 15 neighbours kept",
            100.0 * recall
        ));
    }
    let font = FontId::proportional(11.0);
    let at = rect.left_bottom() + vec2(8.0, -6.0);
    painter.text(
        at,
        Align2::LEFT_BOTTOM,
        words.join(" · "),
        font,
        ui.visuals().weak_text_color(),
    );
}

/// A box that is drawn with Shift: the points inside are chosen. True while one is.
fn area(
    painter: &egui::Painter,
    ui: &Ui,
    memory: &mut Memory,
    response: &egui::Response,
    places: &[(Pos2, f32)],
) -> bool {
    let Some(from) = memory.canvas.from else {
        return false;
    };
    let Some(to) = response.interact_pointer_pos().or_else(|| response.hover_pos()) else {
        memory.canvas.from = None;
        return false;
    };
    let area = Rect::from_two_pos(from, to);
    painter.rect_stroke(
        area,
        0.0,
        Stroke::new(1.0, ui.visuals().strong_text_color()),
        egui::StrokeKind::Inside,
    );
    let inside = (0..places.len()).filter(|i| area.contains(places[*i].0));
    memory.chosen = inside.collect();
    memory.query.clear();
    if response.drag_stopped() {
        memory.canvas.from = None;
    }
    true
}
