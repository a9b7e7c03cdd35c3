//! The matrix of layers, beside it what a classifier reads from each and the tree that joins them.

use std::sync::Arc;

use egui::{
    Align2, Color32, ColorImage, FontId, Painter, Pos2, Rect, Sense, Stroke, StrokeKind, TextureHandle,
    TextureOptions, Ui, pos2, vec2,
};
use session::asking::Similar;
use session::colormap::{sequential, srgb};

use crate::style;

/// Room for the names of layers, points.
const NAMES: f32 = 150.0;
/// Width of the bars of accuracy, points.
const BARS: f32 = 110.0;
/// Width of the tree, points.
const TREE: f32 = 110.0;

/// The picture, and what it is of.
#[derive(Default)]
pub struct Picture {
    of: Option<(Arc<Similar>, bool)>,
    texture: Option<TextureHandle>,
}

/// The colour of a similarity, 0 to 1.
pub fn color(value: f32) -> Color32 {
    match value.is_finite() {
        true => {
            let [r, g, b] = srgb(sequential(value.clamp(0.0, 1.0), 0));
            Color32::from_rgb(r, g, b)
        }
        false => Color32::from_gray(90),
    }
}

impl Picture {
    /// Draws it; gives the layer that was clicked.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        found: &Arc<Similar>,
        grouped: bool,
        selected: Option<&str>,
    ) -> Option<usize> {
        let count = found.layers.len();
        let grouped = grouped && found.order.len() == count;
        let order: Vec<usize> = match grouped {
            true => found.order.clone(),
            false => (0..count).collect(),
        };
        self.update(ui, found, grouped, &order);
        let side = (340.0 / count as f32).clamp(11.0, 30.0);
        let across = side * count as f32;
        let probes = if found.probes.iter().any(Option::is_some) {
            BARS + 14.0
        } else {
            0.0
        };
        let tree = if grouped { TREE + 14.0 } else { 0.0 };
        let top = if probes > 0.0 { 18.0 } else { 4.0 };
        let size = vec2(NAMES + across + 14.0 + probes + tree + 60.0, top + across + 8.0);
        let (whole, response) = ui.allocate_exact_size(size, Sense::click());
        let painter = ui.painter().with_clip_rect(ui.clip_rect());
        let map = Rect::from_min_size(whole.min + vec2(NAMES, top), vec2(across, across));
        if let Some(texture) = &self.texture {
            let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(texture.id(), map, all, Color32::WHITE);
        }
        let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
        let marked = style::marked(ui.visuals());
        let font = FontId::proportional((side - 1.0).clamp(9.0, 12.0));
        let y = |row: usize| map.top() + side * (row as f32 + 0.5);
        for (row, &layer) in order.iter().enumerate() {
            let here = selected == Some(found.layers[layer].as_str());
            let ink = if here { marked } else { text };
            let mut job =
                egui::text::LayoutJob::simple_singleline(found.layers[layer].clone(), font.clone(), ink);
            job.wrap = egui::text::TextWrapping::truncate_at_width(NAMES - 10.0);
            let galley = painter.layout_job(job);
            let at = pos2(map.left() - 8.0 - galley.size().x, y(row) - galley.size().y / 2.0);
            painter.galley(at, galley, ink);
            if here {
                let line = Rect::from_min_size(pos2(map.left(), y(row) - side / 2.0), vec2(across, side));
                painter.rect_stroke(line, 0.0, Stroke::new(1.5, marked), StrokeKind::Inside);
            }
        }
        let mut left = map.right() + 14.0;
        if probes > 0.0 {
            painter.text(
                pos2(left, whole.top()),
                Align2::LEFT_TOP,
                "classifier, unseen examples",
                FontId::proportional(11.0),
                weak,
            );
            bars(ui, &painter, found, &order, [left, side], &y);
            left += probes + 40.0;
        }
        if grouped {
            branches(&painter, found, &order, left, &y, weak);
        }
        let at = response.hover_pos()?;
        let row = ((at.y - map.top()) / side).floor();
        let row = *order.get(row.max(0.0) as usize).filter(|_| row >= 0.0)?;
        let told = match map.contains(at) {
            true => {
                let column = *order.get(((at.x - map.left()) / side) as usize)?;
                let value = found.matrix[row * count + column];
                format!("{} and {}: {value:.3}", found.layers[row], found.layers[column])
            }
            false => words(found, row),
        };
        response.clone().on_hover_text_at_pointer(told);
        response.clicked().then_some(row)
    }

    fn update(&mut self, ui: &Ui, found: &Arc<Similar>, grouped: bool, order: &[usize]) {
        let same = |(of, g): &(Arc<Similar>, bool)| Arc::ptr_eq(of, found) && *g == grouped;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        let count = order.len();
        let cells = order.iter().flat_map(|r| order.iter().map(move |c| (r, c)));
        let pixels = cells.map(|(r, c)| color(found.matrix[r * count + c])).collect();
        let image = crate::widgets::enlarged(&ColorImage::new([count, count], pixels), 8);
        self.texture = Some(ui.ctx().load_texture("layers", image, TextureOptions::NEAREST));
        self.of = Some((found.clone(), grouped));
    }
}

fn words(found: &Similar, layer: usize) -> String {
    let columns = found
        .widths
        .get(layer)
        .map_or(String::new(), |w| format!(", {w} columns"));
    let probe = match found.probes.get(layer) {
        Some(Some([train, test])) => format!(
            "\nclassifier: {:.1} % of what it learned from, {:.1} % of what it did not see",
            100.0 * train,
            100.0 * test
        ),
        _ => String::new(),
    };
    format!("{}{columns}{probe}", found.layers[layer])
}

fn bars(
    ui: &Ui,
    painter: &Painter,
    found: &Similar,
    order: &[usize],
    [left, side]: [f32; 2],
    y: &dyn Fn(usize) -> f32,
) {
    let (fill, weak) = (style::bar(ui.visuals()), ui.visuals().weak_text_color());
    for (row, &layer) in order.iter().enumerate() {
        let Some(Some([_, test])) = found.probes.get(layer) else {
            continue;
        };
        let half = (side / 2.0 - 1.5).max(2.0);
        let bar = Rect::from_x_y_ranges(left..=left + BARS * test, y(row) - half..=y(row) + half);
        painter.rect_filled(bar, 1.0, fill);
        let at = pos2(left + BARS + 6.0, y(row));
        let words = format!("{:.1} %", 100.0 * test);
        painter.text(at, Align2::LEFT_CENTER, words, FontId::proportional(10.0), weak);
    }
    let chance = left + BARS * found.chance;
    let ends = [y(0) - side / 2.0, y(order.len().max(1) - 1) + side / 2.0];
    painter.add(egui::Shape::dashed_line(
        &[pos2(chance, ends[0]), pos2(chance, ends[1])],
        Stroke::new(1.0, ui.visuals().text_color()),
        3.0,
        3.0,
    ));
}

/// The tree that joins alike layers, distances from left to right.
fn branches(
    painter: &Painter,
    found: &Similar,
    order: &[usize],
    left: f32,
    y: &dyn Fn(usize) -> f32,
    ink: Color32,
) {
    let count = order.len();
    let far = found.merges.iter().fold(1e-9f32, |m, (_, d)| m.max(*d));
    let mut at: Vec<Pos2> = vec![Pos2::ZERO; count];
    for (row, &layer) in order.iter().enumerate() {
        at[layer] = pos2(left, y(row));
    }
    let stroke = Stroke::new(1.2, ink);
    for ([a, b], distance) in &found.merges {
        let x = left + TREE * distance / far;
        let (a, b) = (at[*a as usize], at[*b as usize]);
        painter.line_segment([a, pos2(x, a.y)], stroke);
        painter.line_segment([b, pos2(x, b.y)], stroke);
        painter.line_segment([pos2(x, a.y), pos2(x, b.y)], stroke);
        at.push(pos2(x, (a.y + b.y) / 2.0));
    }
}
