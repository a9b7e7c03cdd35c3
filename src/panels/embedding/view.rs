//! The cloud itself: points, pictures, the pointer.

use std::sync::Arc;

use egui::epaint::{Mesh, Vertex};
use egui::{
    Align2, Color32, ColorImage, FontId, Pos2, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, Vec2,
    pos2, vec2,
};
use session::Session;
use session::cloud::{Cloud, Subject};

use super::{Ink, Memory};
use crate::style;

/// Pictures that are drawn at most, and their side, points.
const PICTURES: usize = 1500;
const SIDE: f32 = 22.0;
/// Points that are written out at most, where they have names.
const NAMED: usize = 120;
/// How near the pointer must be, points.
const REACH: f32 = 10.0;
/// Share of the way to its place that a point moves in a second, as an exponent.
const HASTE: f32 = 9.0;

/// How points are looked at, and where they stand now.
pub struct Canvas {
    yaw: f32,
    pitch: f32,
    zoom: f32,
    shift: Vec2,
    /// Where points are drawn: on their way to where they belong.
    shown: Vec<f32>,
    dimensions: usize,
    /// A box that is being drawn.
    from: Option<Pos2>,
    dot: Option<TextureHandle>,
    atlas: Option<(Arc<Subject>, TextureHandle, usize)>,
}

impl Default for Canvas {
    fn default() -> Self {
        Canvas {
            yaw: 0.5,
            pitch: 0.35,
            zoom: 1.0,
            shift: Vec2::ZERO,
            shown: Vec::new(),
            dimensions: 0,
            from: None,
            dot: None,
            atlas: None,
        }
    }
}

impl Canvas {
    /// Moves points towards their places.
    fn approach(&mut self, ui: &Ui, cloud: &Cloud) {
        if self.dimensions != cloud.dimensions || self.shown.len() != cloud.places.len() {
            self.shown = cloud.places.to_vec();
            self.dimensions = cloud.dimensions;
            return;
        }
        let reach = cloud.places.iter().fold(0f32, |m, v| m.max(v.abs()));
        let share = 1.0 - (-HASTE * ui.input(|i| i.stable_dt).min(0.1)).exp();
        let mut far = 0f32;
        for (shown, place) in self.shown.iter_mut().zip(cloud.places.iter()) {
            far = far.max((place - *shown).abs());
            *shown += (place - *shown) * share;
        }
        match far > 2e-3 * reach {
            true => ui.ctx().request_repaint(),
            false => self.shown.copy_from_slice(&cloud.places),
        }
    }

    /// Where each point is on the screen, and how near: 0 far, 1 near.
    fn project(&self, rect: Rect) -> Vec<(Pos2, f32)> {
        let d = self.dimensions.max(1);
        let count = self.shown.len() / d;
        let mut middle = [0f32; 3];
        for point in self.shown.chunks_exact(d) {
            point
                .iter()
                .zip(&mut middle)
                .for_each(|(v, m)| *m += v / count as f32);
        }
        let away = |p: &[f32]| p.iter().zip(middle).map(|(v, m)| (v - m).powi(2)).sum::<f32>();
        let mut distances: Vec<f32> = self.shown.chunks_exact(d).map(away).collect();
        distances.sort_by(f32::total_cmp);
        // A few far points must not shrink the rest.
        let far = distances
            .get(count * 98 / 100)
            .copied()
            .unwrap_or(1.0)
            .sqrt()
            .max(1e-12);
        let scale = 0.45 * rect.width().min(rect.height()) * self.zoom / far;
        let ([sy, cy], [sp, cp]) = (
            [self.yaw.sin(), self.yaw.cos()],
            [self.pitch.sin(), self.pitch.cos()],
        );
        let center = rect.center() + self.shift;
        let place = |p: &[f32]| {
            let at = |k: usize| p.get(k).map_or(0.0, |v| v - middle[k]);
            match d {
                2 => (center + vec2(at(0), -at(1)) * scale, 1.0),
                _ => {
                    let (x, z) = (cy * at(0) + sy * at(2), cy * at(2) - sy * at(0));
                    let (y, z) = (cp * at(1) - sp * z, sp * at(1) + cp * z);
                    let near = (z / far).clamp(-1.5, 1.5);
                    let size = scale / (1.0 - 0.18 * near);
                    (center + vec2(x, -y) * size, 0.5 + near / 3.0)
                }
            }
        };
        self.shown.chunks_exact(d).map(place).collect()
    }

    fn hands(&mut self, ui: &Ui, response: &egui::Response) {
        let drawing = ui.input(|i| i.modifiers.shift);
        if response.drag_started() && drawing {
            self.from = response.interact_pointer_pos();
        }
        if response.dragged() && self.from.is_none() {
            let by = response.drag_delta();
            let panned = self.dimensions == 2 || response.dragged_by(egui::PointerButton::Secondary);
            if panned {
                self.shift += by;
            } else {
                self.yaw += 0.008 * by.x;
                self.pitch = (self.pitch + 0.008 * by.y).clamp(-1.5, 1.5);
            }
        }
        if let Some(at) = response.hover_pos() {
            let by = (ui.input(|i| i.smooth_scroll_delta.y) * 0.003).exp();
            let zoom = (self.zoom * by).clamp(0.2, 60.0);
            // What is under the pointer stays there.
            self.shift = (self.shift + response.rect.center().to_vec2() - at.to_vec2()) * (zoom / self.zoom)
                - response.rect.center().to_vec2()
                + at.to_vec2();
            self.zoom = zoom;
        }
        if response.double_clicked() {
            (self.zoom, self.shift) = (1.0, Vec2::ZERO);
        }
    }

    fn dot(&mut self, ui: &Ui) -> egui::TextureId {
        let dot = self.dot.get_or_insert_with(|| {
            let pixel = |i: usize| {
                let (x, y) = ((i % 32) as f32 - 15.5, (i / 32) as f32 - 15.5);
                let alpha = (15.0 - x.hypot(y)).clamp(0.0, 1.0);
                Color32::from_white_alpha((255.0 * alpha) as u8)
            };
            let image = ColorImage::new([32, 32], (0..32 * 32).map(pixel).collect());
            ui.ctx().load_texture("dot", image, TextureOptions::LINEAR)
        });
        dot.id()
    }

    /// All pictures in one, and how many stand in a row.
    fn atlas(&mut self, ui: &Ui, subject: &Arc<Subject>) -> Option<(egui::TextureId, usize, usize)> {
        let images = subject.examples.as_ref().filter(|i| i.len() <= PICTURES)?;
        if !self
            .atlas
            .as_ref()
            .is_some_and(|(of, ..)| Arc::ptr_eq(of, subject))
        {
            let columns = (images.len() as f32).sqrt().ceil() as usize;
            let rows = images.len().div_ceil(columns.max(1));
            let (w, h) = (images.width, images.height);
            let mut pixels = vec![Color32::BLACK; columns * w * rows * h];
            for i in 0..images.len() {
                let picture = crate::draw::image(&images.picture(i));
                for (k, pixel) in picture.pixels.iter().enumerate() {
                    let at = ((i / columns) * h + k / w) * columns * w + (i % columns) * w + k % w;
                    pixels[at] = *pixel;
                }
            }
            let image = ColorImage::new([columns * w, rows * h], pixels);
            let texture = ui.ctx().load_texture("points", image, TextureOptions::LINEAR);
            self.atlas = Some((subject.clone(), texture, columns));
        }
        let (_, texture, columns) = self.atlas.as_ref()?;
        Some((texture.id(), *columns, images.len().div_ceil(*columns)))
    }
}

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
    let texture = match pictures {
        Some((texture, ..)) => texture,
        None => memory.canvas.dot(ui),
    };
    let mut mesh = Mesh::with_texture(texture);
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let seen = rect.expand(SIDE);
    for &i in &order {
        let (at, depth) = places[i];
        if !seen.contains(at) {
            continue;
        }
        let left_out = !memory.chosen.is_empty() && !memory.chosen.contains(&i);
        let faint = if left_out {
            0.16
        } else {
            alpha * (0.35 + 0.65 * depth.clamp(0.0, 1.0))
        };
        match pictures {
            Some((_, columns, rows)) => {
                let side = SIDE * (0.7 + 0.5 * depth) * memory.canvas.zoom.sqrt().clamp(0.6, 3.0);
                let cell = |k: usize, n: usize| k as f32 / n as f32;
                let uv = Rect::from_min_max(
                    pos2(cell(i % columns, columns), cell(i / columns, rows)),
                    pos2(cell(i % columns + 1, columns), cell(i / columns + 1, rows)),
                );
                let tint = ink(memory, cloud, session, i, light, Color32::WHITE);
                let tint = if left_out { tint.gamma_multiply(0.2) } else { tint };
                quad(&mut mesh, Rect::from_center_size(at, Vec2::splat(side)), uv, tint);
            }
            None => {
                let color = ink(memory, cloud, session, i, light, plain).gamma_multiply(faint);
                let r = radius
                    * (0.6 + 0.8 * depth.clamp(0.0, 1.0))
                    * if memory.canvas.dimensions == 2 { 0.75 } else { 1.0 };
                quad(
                    &mut mesh,
                    Rect::from_center_size(at, Vec2::splat(2.0 * r)),
                    whole,
                    color,
                );
            }
        }
    }
    painter.add(mesh);
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
