//! One map of weights, cell by cell, with its tokens.

use std::sync::Arc;

use analyze::brightest;
use egui::epaint::TextShape;
use egui::{
    Color32, ColorImage, FontId, Rect, Sense, Stroke, TextureHandle, TextureOptions, Ui, Vec2, pos2, vec2,
};
use session::Attend;
use session::colormap::{sequential, srgb};

use crate::style;

/// Pixels of a side at most: more cells than that are drawn as the brightest of each group.
const MOST: usize = 1024;
/// Pixels that a side has at least, about.
const FINE: usize = 640;
/// Room for tokens beside and above, points, where there is room for them.
const LABELS: f32 = 76.0;
/// Least distance between two tokens, points.
const PITCH: f32 = 11.0;
/// Largest cell, points.
const CELL: f32 = 26.0;
/// Letters of a token.
const LETTERS: usize = 12;

/// What is drawn.
#[derive(Clone)]
pub struct Picture<'a> {
    /// Row-major.
    pub values: Arc<[f32]>,
    /// Places that ask, and places that are looked at.
    pub shape: [usize; 2],
    /// The place of the first row.
    pub first: usize,
    /// Of the places that are looked at; none: numbers.
    pub labels: &'a [String],
}

impl Picture<'_> {
    /// The words of a place.
    pub fn label(&self, place: usize) -> String {
        match self.labels.get(place) {
            Some(label) => {
                let short: String = label.chars().take(LETTERS).collect();
                if short.len() < label.len() {
                    format!("{short}…")
                } else {
                    short
                }
            }
            None => place.to_string(),
        }
    }
}

/// The map on the graphics device, and the values that it shows.
#[derive(Default)]
pub struct Map {
    of: Option<Arc<[f32]>>,
    columns: usize,
    texture: Option<TextureHandle>,
    top: f32,
}

impl Map {
    fn update(&mut self, ui: &Ui, picture: &Picture) {
        let same = self
            .of
            .as_ref()
            .is_some_and(|of| Arc::ptr_eq(of, &picture.values));
        if same && self.columns == picture.shape[1] {
            return;
        }
        self.of = Some(picture.values.clone());
        self.columns = picture.shape[1];
        let ([rows, columns], small) = brightest(&picture.values, picture.shape, [MOST, MOST]);
        self.top = small
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .fold(0.0, f32::max)
            .max(1e-9);
        let odd = style::wrong(ui.visuals());
        let color = |&v: &f32| match v.is_finite() {
            true => {
                let [r, g, b] = srgb(sequential((v.max(0.0) / self.top).sqrt(), 0));
                Color32::from_rgb(r, g, b)
            }
            false => odd,
        };
        // Several pixels a cell: not every renderer has textures with hard edges.
        let times = (FINE / rows.max(columns).max(1)).clamp(1, 24);
        let (width, height) = (columns * times, rows * times);
        let cell = |i: usize| color(&small[i / width / times * columns + i % width / times]);
        self.texture = (rows * columns > 0).then(|| {
            let image = ColorImage::new([width, height], (0..width * height).map(cell).collect());
            ui.ctx().load_texture("attention", image, TextureOptions::NEAREST)
        });
    }

    /// Draws it no larger than `room`; a click chooses the place that asks.
    pub fn show(&mut self, ui: &mut Ui, picture: &Picture, room: Vec2, next: &mut Attend) {
        self.update(ui, picture);
        let Some(texture) = &self.texture else { return };
        let [rows, columns] = picture.shape;
        let small = FontId::proportional(11.0);
        let width = |place: usize| {
            let text = picture.label(place);
            ui.painter()
                .layout_no_wrap(text, small.clone(), Color32::WHITE)
                .size()
                .x
        };
        let every = columns.div_ceil(200);
        let longest = (0..columns).step_by(every).map(width).fold(0.0, f32::max);
        let labels = (longest + 8.0).min(LABELS).min(room.x * 0.25);
        let side = |room: f32, count: usize| (room.max(40.0) / count as f32).min(CELL);
        let cell = vec2(side(room.x - labels - 4.0, columns), side(room.y - labels, rows));
        // Square where places ask about themselves.
        let cell = if rows == columns {
            Vec2::splat(cell.min_elem())
        } else {
            cell
        };
        let size = vec2(labels + cell.x * columns as f32, labels + cell.y * rows as f32);
        let (whole, response) = ui.allocate_exact_size(size, Sense::click());
        let rect = Rect::from_min_max(whole.min + vec2(labels, labels), whole.max);
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
        let hovered = response.hover_pos().filter(|p| rect.contains(*p)).map(|p| {
            let at = (p - rect.min) / cell;
            [(at.y as usize).min(rows - 1), (at.x as usize).min(columns - 1)]
        });
        let asked = next
            .query
            .and_then(|q| q.checked_sub(picture.first))
            .filter(|q| *q < rows);
        let font = FontId::proportional((cell.min_elem() - 1.0).clamp(9.0, 12.0));
        let every = |size: f32| (PITCH / size).ceil().max(1.0) as usize;
        let [text, weak, marked] = [
            ui.visuals().text_color(),
            ui.visuals().weak_text_color(),
            style::marked(ui.visuals()),
        ];
        let painter = ui.painter();
        let ink = |here: bool, chosen: bool| match (chosen, here) {
            (true, _) => marked,
            (_, true) => text,
            _ => weak,
        };
        for row in (0..rows).filter(|r| r % every(cell.y) == 0 || Some(*r) == asked) {
            let at = pos2(rect.left() - 4.0, rect.top() + (row as f32 + 0.5) * cell.y);
            let color = ink(hovered.is_some_and(|h| h[0] == row), Some(row) == asked);
            let words = picture.label(row + picture.first);
            painter.text(at, egui::Align2::RIGHT_CENTER, words, font.clone(), color);
        }
        for column in (0..columns).step_by(every(cell.x)) {
            let color = ink(hovered.is_some_and(|h| h[1] == column), false);
            let galley = painter.layout_no_wrap(picture.label(column), font.clone(), color);
            // Up along the column, centred on it.
            let at = pos2(
                rect.left() + (column as f32 + 0.5) * cell.x - galley.size().y / 2.0,
                rect.top() - 4.0,
            );
            let shape = TextShape::new(at, galley, color).with_angle(-std::f32::consts::FRAC_PI_2);
            painter.add(shape);
        }
        let band = |row: usize, color: Color32| {
            let top = rect.top() + row as f32 * cell.y;
            let line = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), cell.y));
            painter.rect_stroke(line, 0.0, Stroke::new(1.0, color), egui::StrokeKind::Outside);
        };
        if let Some(row) = asked {
            band(row, marked);
        }
        let Some([row, column]) = hovered else { return };
        band(row, weak);
        if response.clicked() {
            let place = row + picture.first;
            next.query = (next.query != Some(place)).then_some(place);
        }
        let weight = picture.values[row * columns + column];
        let told = format!(
            "{} takes {:.2} % from {}",
            picture.label(row + picture.first),
            100.0 * weight,
            picture.label(column)
        );
        response.on_hover_text_at_pointer(told);
    }
}
