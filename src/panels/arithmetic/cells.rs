//! Numbers as coloured cells.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Stroke, StrokeKind, Ui, vec2};
use session::arithmetic::Working;
use session::colormap::{diverging, srgb};

use crate::style;
use crate::widgets::value;

/// Cells as large as this have their number written on them, points.
const WRITTEN: f32 = 30.0;

/// What an axis is called, of a tensor of so many.
pub fn axis(axis: usize, rank: usize) -> String {
    let names: &[&str] = match rank {
        2 => &["item", "feature"],
        3 => &["item", "place", "feature"],
        4 => &["item", "channel", "row", "column"],
        _ => &[],
    };
    names
        .get(axis)
        .map_or_else(|| format!("axis {axis}"), |n| (*n).to_string())
}

/// A number as it is written in a sum.
pub fn number(v: f32) -> String {
    value(f64::from(v)).replace('-', "−")
}

/// A term with what it is multiplied by.
pub fn told(working: &Working, term: usize) -> String {
    let input = number(working.inputs[term]);
    match working.weights.get(term) {
        Some(&weight) => {
            let weight = match weight < 0.0 {
                true => format!("({})", number(weight)),
                false => number(weight),
            };
            format!("{input} · {weight} = {}", number(working.products[term]))
        }
        None => input,
    }
}

/// The largest magnitude of finite numbers, so that colours fill their range.
pub fn reach(values: &[f32]) -> f32 {
    let finite = values.iter().filter(|v| v.is_finite());
    finite.fold(0f32, |m, v| m.max(v.abs())).max(1e-12)
}

/// The colour of a number.
pub fn color(value: f32, reach: f32, light: bool) -> Color32 {
    let [r, g, b] = srgb(diverging(0.5 + 0.5 * (value / reach).clamp(-1.0, 1.0), light));
    Color32::from_rgb(r, g, b)
}

fn short(value: f32) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    match text.trim_start_matches('-').chars().all(|c| "0.".contains(c)) {
        true => text.trim_start_matches('-').into(),
        false => text.replace('-', "−"),
    }
}

/// A plane of numbers.
pub struct Plane<'a> {
    /// Upper left corner.
    pub at: Pos2,
    /// Side of a cell, points.
    pub side: f32,
    /// Cells of a row.
    pub columns: usize,
    /// Row by row; `None` outside of the input.
    pub values: Vec<Option<f32>>,
    /// The magnitude that has the full colour.
    pub reach: f32,
    /// A cell that is lit.
    pub lit: Option<usize>,
    /// What it is of.
    pub name: &'a str,
}

impl Plane<'_> {
    /// Points that it takes.
    pub fn rect(&self) -> Rect {
        let columns = self.columns.max(1);
        let rows = self.values.len().div_ceil(columns);
        Rect::from_min_size(self.at, vec2(columns as f32, rows as f32) * self.side)
    }

    /// The cell at a point.
    pub fn cell(&self, at: Pos2) -> Option<usize> {
        let by = (at - self.at) / self.side;
        let inside = by.x >= 0.0 && by.y >= 0.0 && (by.x as usize) < self.columns;
        let cell = by.y as usize * self.columns + by.x as usize;
        (inside && cell < self.values.len()).then_some(cell)
    }

    /// Draws it.
    pub fn draw(&self, ui: &Ui, painter: &Painter) {
        let light = !ui.visuals().dark_mode;
        let gap = if self.side > 6.0 { 1.0 } else { 0.0 };
        for (i, value) in self.values.iter().enumerate() {
            let corner = vec2((i % self.columns) as f32, (i / self.columns) as f32) * self.side;
            let rect = Rect::from_min_size(self.at + corner, vec2(self.side - gap, self.side - gap));
            if !ui.clip_rect().intersects(rect) {
                continue;
            }
            let Some(value) = value else {
                let line = Stroke::new(1.0, ui.visuals().weak_text_color().gamma_multiply(0.35));
                painter.rect_stroke(rect, 1.0, line, StrokeKind::Inside);
                continue;
            };
            let fill = color(*value, self.reach, light);
            painter.rect_filled(rect, 1.0, fill);
            if self.side >= WRITTEN {
                let bright =
                    0.3 * f32::from(fill.r()) + 0.59 * f32::from(fill.g()) + 0.11 * f32::from(fill.b());
                let ink = if bright > 120.0 {
                    Color32::from_gray(15)
                } else {
                    Color32::from_gray(235)
                };
                let font = FontId::proportional(11.0);
                painter.text(rect.center(), Align2::CENTER_CENTER, short(*value), font, ink);
            }
        }
        if let Some(lit) = self.lit.filter(|l| *l < self.values.len()) {
            let corner = vec2((lit % self.columns) as f32, (lit / self.columns) as f32) * self.side;
            let rect = Rect::from_min_size(self.at + corner, vec2(self.side, self.side));
            let line = Stroke::new(2.0, style::marked(ui.visuals()));
            painter.rect_stroke(rect, 1.0, line, StrokeKind::Outside);
        }
        painter.rect_stroke(
            self.rect(),
            1.0,
            Stroke::new(1.0, ui.visuals().weak_text_color().gamma_multiply(0.4)),
            StrokeKind::Outside,
        );
    }
}
