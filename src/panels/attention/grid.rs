//! All heads of all layers, small.

use std::sync::Arc;

use analyze::brightest;
use egui::{Color32, ColorImage, FontId, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, pos2, vec2};
use model::Trace;
use session::colormap::{sequential, srgb};
use session::{Ablated, Attend};

use super::Layer;
use crate::style;

/// Side of a head's picture, pixels of the texture and points on the screen.
const SIDE: usize = 44;
/// Distance from one to the next, points; below each its habit in a word.
const STEP: [f32; 2] = [50.0, 62.0];
/// Room for the layers' names, points.
const NAMES: f32 = 64.0;
/// Height of the line with the heads' numbers, points.
const TOP: f32 = 16.0;

/// One picture of all heads.
#[derive(Default)]
pub struct Grid {
    of: Option<(Arc<Trace>, usize, bool)>,
    texture: Option<TextureHandle>,
}

fn columns(layers: &[Layer]) -> usize {
    layers.iter().map(|l| l.summaries.len()).max().unwrap_or(0)
}

impl Grid {
    /// Points that all heads take beside each other.
    pub fn width(&self, layers: &[Layer]) -> f32 {
        NAMES + STEP[0] * columns(layers) as f32 + 12.0
    }

    fn update(&mut self, ui: &Ui, layers: &[Layer], trace: &Arc<Trace>, item: usize) {
        let ready = layers.iter().all(|l| l.heads.is_ok());
        let same = |(t, i, r): &(Arc<Trace>, usize, bool)| Arc::ptr_eq(t, trace) && *i == item && *r == ready;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        self.of = Some((trace.clone(), item, ready));
        let (width, height) = (columns(layers) * SIDE, layers.len() * SIDE);
        let mut pixels = vec![Color32::TRANSPARENT; width * height];
        for (y, layer) in layers.iter().enumerate() {
            let Ok(heads) = &layer.heads else { continue };
            for x in 0..heads.heads {
                let ([rows, columns], small) =
                    brightest(heads.of(x), [heads.queries, heads.keys], [SIDE, SIDE]);
                let top = small.iter().copied().fold(0.0, f32::max).max(1e-9);
                for i in 0..SIDE * SIDE {
                    let (row, column) = (i / SIDE * rows / SIDE, i % SIDE * columns / SIDE);
                    let [r, g, b] = srgb(sequential((small[row * columns + column] / top).sqrt(), 0));
                    pixels[(y * SIDE + i / SIDE) * width + x * SIDE + i % SIDE] = Color32::from_rgb(r, g, b);
                }
            }
        }
        self.texture = (width * height > 0).then(|| {
            let image = ColorImage::new([width, height], pixels);
            ui.ctx().load_texture("heads", image, TextureOptions::LINEAR)
        });
    }

    /// Draws them; a click on one looks at it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        layers: &[Layer],
        trace: &Arc<Trace>,
        ablated: &[Ablated],
        next: &mut Attend,
    ) {
        self.update(ui, layers, trace, next.item);
        let count = columns(layers);
        let size = vec2(
            NAMES + STEP[0] * count as f32,
            TOP + STEP[1] * layers.len() as f32,
        );
        let (whole, response) = ui.allocate_exact_size(size, Sense::click());
        let Some(texture) = &self.texture else { return };
        let weak = ui.visuals().weak_text_color();
        let text = ui.visuals().text_color();
        let small = FontId::proportional(10.0);
        let painter = ui.painter().with_clip_rect(ui.clip_rect().intersect(whole));
        for x in 0..count {
            let at = pos2(
                whole.left() + NAMES + STEP[0] * x as f32 + SIDE as f32 / 2.0,
                whole.top(),
            );
            painter.text(at, egui::Align2::CENTER_TOP, x, small.clone(), weak);
        }
        let cell = |x: usize, y: usize| {
            let at = whole.min + vec2(NAMES + STEP[0] * x as f32, TOP + STEP[1] * y as f32);
            Rect::from_min_size(at, vec2(SIDE as f32, SIDE as f32))
        };
        let mut under = None;
        for (y, layer) in layers.iter().enumerate() {
            let here = layer.name == next.layer;
            let row = whole.top() + TOP + STEP[1] * y as f32 + SIDE as f32 / 2.0;
            let color = if here { style::marked(ui.visuals()) } else { text };
            painter.text(
                pos2(whole.left(), row),
                egui::Align2::LEFT_CENTER,
                format!("layer {y}"),
                FontId::proportional(12.0),
                color,
            );
            for (x, summary) in layer.summaries.iter().enumerate() {
                let rect = cell(x, y);
                if !ui.clip_rect().intersects(rect) {
                    continue;
                }
                let share = |i: usize, n: usize| i as f32 / n as f32;
                let uv = Rect::from_min_max(
                    pos2(share(x, count), share(y, layers.len())),
                    pos2(share(x + 1, count), share(y + 1, layers.len())),
                );
                let out = ablated.iter().any(|a| a.layer == layer.name && a.head == x);
                let tint = if out {
                    Color32::from_gray(70)
                } else {
                    Color32::WHITE
                };
                painter.image(texture.id(), rect, uv, tint);
                if out {
                    let cross = Stroke::new(1.5, style::wrong(ui.visuals()));
                    painter.line_segment([rect.left_top(), rect.right_bottom()], cross);
                    painter.line_segment([rect.right_top(), rect.left_bottom()], cross);
                }
                if here && next.head.is_none_or(|h| h == x) {
                    let stroke = Stroke::new(2.0, style::marked(ui.visuals()));
                    painter.rect_stroke(rect, 2.0, stroke, egui::StrokeKind::Outside);
                }
                if let Some(summary) = summary {
                    let word = super::detail::short(summary.habit);
                    let at = pos2(rect.center().x, rect.bottom() + 2.0);
                    painter.text(
                        at,
                        egui::Align2::CENTER_TOP,
                        word,
                        FontId::proportional(9.0),
                        weak,
                    );
                }
                if response.hover_pos().is_some_and(|p| rect.expand(3.0).contains(p)) {
                    under = Some((x, y));
                }
            }
        }
        let Some((x, y)) = under else { return };
        if response.clicked() {
            next.layer.clone_from(&layers[y].name);
            next.head = Some(x);
        }
        let summary = &layers[y].summaries[x];
        response.on_hover_ui_at_pointer(|ui| {
            ui.label(format!("{}, head {x}", layers[y].title));
            if let Some(summary) = summary {
                ui.weak(super::detail::told(summary));
            }
        });
    }
}
