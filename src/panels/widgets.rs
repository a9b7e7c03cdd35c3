//! Small things that several panels draw.

use egui::{Color32, ColorImage, Label, Pos2, Rect, Response, RichText, Sense, Stroke, Ui, Vec2, pos2, vec2};

use crate::style;

pub use session::words::{bytes, grouped, short, value};

/// Says that there is nothing to show yet, and what would change that.
pub fn empty(ui: &mut Ui, title: &str, advice: &str) {
    ui.add_space(8.0);
    ui.vertical_centered(|ui| {
        ui.add(Label::new(RichText::new(title).strong()).wrap());
        ui.add(Label::new(RichText::new(advice).weak()).wrap());
    });
    ui.add_space(6.0);
}

/// A heading inside a panel.
pub fn section(ui: &mut Ui, title: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(title).strong());
}

/// Text in one line; what does not fit shows under the pointer.
pub fn line(ui: &mut Ui, text: impl Into<RichText>) -> Response {
    ui.add(Label::new(text.into()).truncate())
}

/// A name and its value, in two columns.
pub fn fact(ui: &mut Ui, name: &str, text: impl Into<String>) -> Response {
    let text = text.into();
    let height = ui.text_style_height(&egui::TextStyle::Body);
    let width = ui.available_width();
    let first = (width * 0.4).clamp(60.0, 130.0);
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = height;
        ui.horizontal(|ui| two(ui, name, text, first, height)).inner
    })
    .inner
}

fn two(ui: &mut Ui, name: &str, text: String, first: f32, height: f32) -> Response {
    let left = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(vec2(first, height), left, |ui| {
        ui.set_min_width(first);
        ui.add(Label::new(RichText::new(name).weak()).truncate());
    });
    ui.add(Label::new(text).truncate().selectable(true))
}

/// A bar with a name at its left and a value at its right.
pub fn bar(ui: &mut Ui, name: &str, text: &str, share: f32, chosen: bool) -> Response {
    let size = vec2(ui.available_width(), 22.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if !ui.is_rect_visible(rect) {
        return response;
    }
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, format!("{name} {text}")));
    let visuals = ui.style().interact_selectable(&response, chosen);
    let painter = ui.painter();
    painter.rect_filled(rect, 4.0, ui.visuals().extreme_bg_color);
    let mut filled = rect;
    filled.set_width((rect.width() * share.clamp(0.0, 1.0)).max(2.0));
    painter.rect_filled(filled, 4.0, style::bar(ui.visuals()));
    if chosen || response.hovered() {
        let color = ui.visuals().hyperlink_color;
        let stroke = Stroke::new(if chosen { 2.0 } else { 1.0 }, color);
        painter.rect_stroke(rect, 4.0, stroke, egui::StrokeKind::Inside);
    }
    let font = egui::TextStyle::Body.resolve(ui.style());
    let right = painter.layout_no_wrap(text.into(), font.clone(), visuals.text_color());
    let room = rect.width() - right.size().x - 24.0;
    let at = pos2(
        rect.right() - 8.0 - right.size().x,
        rect.center().y - right.size().y / 2.0,
    );
    painter.galley(at, right, visuals.text_color());
    let mut job = egui::text::LayoutJob::simple_singleline(name.into(), font, visuals.text_color());
    job.wrap = egui::text::TextWrapping::truncate_at_width(room.max(10.0));
    let left = painter.layout_job(job);
    let at = pos2(rect.left() + 8.0, rect.center().y - left.size().y / 2.0);
    painter.galley(at, left, visuals.text_color());
    response
}

/// A tick or a cross at `center`, `size` across: readable without its colour.
pub fn mark(painter: &egui::Painter, center: Pos2, size: f32, right: bool, color: Color32) {
    let at = |x: f32, y: f32| center + vec2(x, y) * size;
    let stroke = Stroke::new((size / 5.0).max(1.5), color);
    let lines: &[[Pos2; 2]] = match right {
        true => &[
            [at(-0.45, 0.0), at(-0.12, 0.35)],
            [at(-0.12, 0.35), at(0.45, -0.38)],
        ],
        false => &[
            [at(-0.38, -0.38), at(0.38, 0.38)],
            [at(-0.38, 0.38), at(0.38, -0.38)],
        ],
    };
    for &line in lines {
        painter.line_segment(line, stroke);
    }
}

/// A tick or a cross as a widget.
pub fn mark_here(ui: &mut Ui, right: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(14.0), Sense::hover());
    let color = match right {
        true => style::right(ui.visuals()),
        false => style::wrong(ui.visuals()),
    };
    mark(ui.painter(), rect.center(), 11.0, right, color);
    response
}

/// The part of a texture that is cell `i` of a sheet of `columns` by `rows`.
pub fn cell(i: usize, columns: usize, rows: usize) -> Rect {
    let size = vec2(1.0 / columns as f32, 1.0 / rows as f32);
    let min = pos2((i % columns) as f32 * size.x, (i / columns) as f32 * size.y);
    Rect::from_min_size(min, size)
}

/// Begins a new row of a wrapped layout where less than `width` is left: lists do not wrap by themselves.
pub fn room(ui: &mut Ui, width: f32) {
    if ui.available_size_before_wrap().x < width {
        ui.end_row();
    }
}

/// A picture whose cells are squares of so many pixels, which no filter blurs.
pub fn enlarged(image: &ColorImage, times: usize) -> ColorImage {
    let [width, height] = image.size;
    let mut pixels = Vec::with_capacity(width * height * times * times);
    for row in image.pixels.chunks(width.max(1)) {
        for _ in 0..times {
            pixels.extend(row.iter().flat_map(|p| std::iter::repeat_n(*p, times)));
        }
    }
    ColorImage::new([width * times, height * times], pixels)
}
