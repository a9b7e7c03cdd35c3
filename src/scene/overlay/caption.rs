//! The words of a tour's stop.

use egui::{FontId, Rect, pos2};

use super::Sheet;

pub(super) fn draw(sheet: &Sheet) {
    let Some((tour, stop, _)) = &sheet.session.tour else {
        return;
    };
    let rect = sheet.rect;
    let width = (rect.width() - 80.0).clamp(100.0, 640.0);
    let text = tour.stops[*stop].caption.clone();
    let font = FontId::proportional(17.0);
    let text = sheet.painter.layout(text, font, sheet.strong, width);
    let at = pos2(rect.center().x - text.size().x / 2.0, rect.top() + 24.0);
    sheet.ground(Rect::from_min_size(at, text.size()));
    sheet.painter.galley(at, text, sheet.strong);
}
