//! The cloud itself: points, pictures, names, the pointer.

use std::f32::consts::PI;

use egui::{Align2, Color32, FontId, Pos2, Rect, Rgba, Sense, Stroke, Ui, Vec2, pos2, vec2};
use session::Session;
use session::cloud::Cloud;

use super::canvas::FEW;
use super::dots::{self, SIDE};
use super::handed::{Handed, PointView};
use super::lens::Lens;
use super::{Memory, choose};
use crate::style;

/// Points that are written out at most, where they have names, and points in sight up to which they are.
const NAMED: usize = 120;
const READ: usize = 3000;
/// Points in sight up to which pictures stand for them.
const PICTURED: usize = 1500;
/// How near the pointer must be, points.
const REACH: f32 = 10.0;
/// Light of a place where as many points lie as do in the middle of the cloud.
const LIGHT: f32 = 0.8;

/// Points in `rect`, where they are at most `most`; `None` too while too many move.
fn seen(
    memory: &mut Memory,
    cloud: &Cloud,
    lens: &Lens,
    rect: Rect,
    most: usize,
) -> Option<Vec<(usize, Pos2, f32)>> {
    let count = memory.canvas.len();
    if let Some((grid, places)) = memory.canvas.grid(cloud) {
        return grid.inside(places, lens, rect, most);
    }
    if count > FEW && most < count {
        return None;
    }
    let at = |i: usize| {
        let (at, w) = lens.at(memory.canvas.place(i)?)?;
        rect.contains(at).then_some((i, at, w))
    };
    let found: Vec<_> = (0..count).filter_map(at).collect();
    (found.len() <= most).then_some(found)
}

/// Draws the cloud; gives the point that was clicked. Where the window's device draws points, what it is to
/// draw stands in `handed` then.
pub(super) fn show(
    ui: &mut Ui,
    size: Vec2,
    memory: &mut Memory,
    (cloud, session): (&Cloud, &Session),
    point: Option<usize>,
    handed: &mut Handed,
) -> Option<usize> {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    painter.rect_filled(rect, 4.0, ui.visuals().extreme_bg_color);
    memory.canvas.approach(ui, cloud);
    memory.canvas.hands(ui, &response);
    let lens = memory.canvas.lens(rect);
    let count = memory.canvas.len();
    let flat = memory.canvas.dimensions == 2;
    let chosen = (&memory.chosen.flags[..], memory.chosen.version);
    memory
        .paint
        .update((cloud, session), (memory.ink, memory.size), chosen, ui.visuals());
    if memory.paint.colors.len() != count {
        // Places of other points: the new ones are on their way.
        return None;
    }
    let near: Vec<usize> = match point.filter(|p| *p < count) {
        Some(point) => match memory.nearest(cloud, point) {
            Ok(found) => found.iter().map(|f| f.0).collect(),
            Err(_) => Vec::new(),
        },
        None => Vec::new(),
    };
    let atlas = match memory.pictures {
        true => memory.canvas.atlas(ui, cloud.subject.pictures()),
        false => None,
    };
    let sight = rect.expand(SIDE);
    // Near, points are what they are; far, a texture of all of them.
    let few = match (handed.drawn, atlas) {
        (false, _) => seen(memory, cloud, &lens, sight, usize::MAX),
        (true, Some(_)) => seen(memory, cloud, &lens, sight, PICTURED),
        (true, None) => None,
    };
    let atlas = atlas.filter(|_| few.is_some());
    match few {
        Some(few) => {
            let dot = memory.canvas.dot(ui);
            dots::draw(&painter, memory, (&lens, flat), dot, atlas, few);
        }
        None => {
            handed.wanted = wanted(ui, memory, &lens, rect);
            if let Some(texture) = handed.texture {
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                painter.image(texture, rect, whole, Color32::WHITE);
            }
        }
    }
    if !cloud.subject.names.is_empty() && atlas.is_none() {
        let readable = seen(memory, cloud, &lens, rect, READ);
        names(&painter, ui, cloud, memory, readable.unwrap_or_default());
    }
    let radius = dots::radius(count, memory.canvas.zoom);
    let marked = style::marked(ui.visuals());
    let at = |i: usize| Some(lens.at(memory.canvas.place(i)?)?.0);
    if let Some(here) = point.and_then(at) {
        for there in near.iter().filter_map(|i| at(*i)) {
            painter.line_segment([here, there], Stroke::new(1.0, marked.gamma_multiply(0.6)));
        }
        painter.circle_stroke(here, radius + 4.0, Stroke::new(2.0, marked));
    }
    axes(&painter, ui, cloud, rect);
    if choose::area(&painter, ui, memory, &response, &lens) {
        return None;
    }
    let pointer = response.hover_pos()?;
    let reach = if atlas.is_some() { SIDE } else { REACH };
    let under = match memory.canvas.grid(cloud) {
        Some((grid, places)) => grid.nearest(places, &lens, pointer, reach),
        None if count <= FEW => {
            let away = |i: usize| Some((i, lens.at(memory.canvas.place(i)?)?.0.distance(pointer)));
            let found = (0..count).filter_map(away).filter(|(_, d)| *d < reach);
            found.min_by(|a, b| a.1.total_cmp(&b.1)).map(|f| f.0)
        }
        None => None,
    }?;
    if let Some((at, _)) = memory.canvas.place(under).and_then(|p| lens.at(p)) {
        let stroke = Stroke::new(1.5, ui.visuals().strong_text_color());
        painter.circle_stroke(at, radius + 2.0, stroke);
    }
    let clicked = response.clicked();
    response.on_hover_ui_at_pointer(|ui| about(ui, memory, cloud, session, under));
    clicked.then_some(under)
}

/// The picture that the window's device is to draw.
fn wanted(ui: &Ui, memory: &Memory, lens: &Lens, rect: Rect) -> Option<PointView> {
    let pixels = ui.ctx().pixels_per_point();
    let size = [rect.width(), rect.height()].map(|s| (s * pixels).round().max(1.0) as u32);
    let (places, moved) = memory.canvas.places()?;
    let count = memory.canvas.len();
    let radius = dots::radius(count, memory.canvas.zoom) * pixels;
    let counting = if memory.chosen.is_empty() {
        count
    } else {
        memory.chosen.count
    };
    let light = counting as f32 * (PI * radius * radius).clamp(0.5, PI * 144.0);
    let exposure = LIGHT * lens.area() * pixels * pixels / light.max(1.0);
    // A point of several pixels is seen by itself.
    let exposure = exposure.max(1.5 * ((radius - 0.8) / 1.2).clamp(0.0, 1.0));
    let background = Rgba::from(ui.visuals().extreme_bg_color);
    Some(PointView {
        places,
        inks: memory.paint.inks.clone(),
        size,
        clip_from_world: lens.matrix(),
        depths: lens.depths(),
        radius,
        moved,
        chosen: !memory.chosen.is_empty(),
        exposure: exposure.clamp(0.001, 4.0),
        background: [background.r(), background.g(), background.b()],
    })
}

/// What is known of the point under the pointer.
fn about(ui: &mut Ui, memory: &Memory, cloud: &Cloud, session: &Session, under: usize) {
    let subject = &cloud.subject;
    ui.strong(subject.name(under));
    if let Some(class) = subject.class(under) {
        ui.label(class);
    }
    for ink in [memory.ink, memory.size] {
        if let Some(number) = ink.numbers_of(cloud, session, under) {
            ui.weak(format!(
                "{} {}",
                ink.name(subject),
                crate::widgets::value(number.into())
            ));
        }
    }
    let document = session.document.as_ref().filter(|_| subject.examples.is_some());
    let guess = document.and_then(|d| Some((d, d.predictions.first()?.guesses.get(under)?)));
    if let Some((document, guess)) = guess {
        let name = document.classes.get(guess.class).cloned();
        let name = name.unwrap_or_else(|| format!("#{}", guess.class));
        let sure = 100.0 * guess.probability;
        ui.weak(format!("the network says {name}, {sure:.1} %"));
    }
}

/// Names beside points, where they have some and stand apart enough.
fn names(
    painter: &egui::Painter,
    ui: &Ui,
    cloud: &Cloud,
    memory: &Memory,
    mut seen: Vec<(usize, Pos2, f32)>,
) {
    let mut taken: Vec<Rect> = Vec::new();
    seen.sort_by_key(|s| s.0);
    let counts = |i: usize| memory.chosen.is_empty() || memory.chosen.has(i);
    for (i, at, _) in seen.into_iter().filter(|s| counts(s.0)) {
        if taken.len() >= NAMED {
            return;
        }
        let short: String = cloud.subject.name(i).chars().take(18).collect();
        let galley = painter.layout_no_wrap(short, FontId::proportional(11.0), ui.visuals().text_color());
        let at = at + vec2(6.0, -galley.size().y / 2.0);
        let place = Rect::from_min_size(at, galley.size());
        if !taken.iter().any(|t| t.intersects(place)) {
            painter.galley(at, galley, ui.visuals().text_color());
            taken.push(place);
        }
    }
}

/// What is below: what the axes are, how far places can be trusted.
fn axes(painter: &egui::Painter, ui: &Ui, cloud: &Cloud, rect: Rect) {
    let mut words = Vec::new();
    if !cloud.axes.is_empty() {
        words.push(format!("axes: {}", cloud.axes.join(", ")));
    }
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
