//! The words of a tour's stop.

use std::sync::Arc;

use egui::{FontId, Galley, Pos2, Rect, pos2};

use super::Sheet;

/// The words and where they begin.
fn words(sheet: &Sheet) -> Option<(Pos2, Arc<Galley>)> {
    let (tour, stop, _) = sheet.session.tour.as_ref()?;
    let rect = sheet.rect;
    let width = (rect.width() - 80.0).clamp(100.0, 640.0);
    // A small picture has smaller words.
    let size = (rect.width() / 50.0).clamp(12.0, 17.0);
    let text = tour.stops[*stop].caption.clone();
    let font = FontId::proportional(size);
    let text = sheet.painter.layout(text, font, sheet.strong, width);
    // In the window buttons stand along the upper edge.
    let below = if sheet.pointer.is_some() { 52.0 } else { 20.0 };
    let at = pos2(rect.center().x - text.size().x / 2.0, rect.top() + below);
    Some((at, text))
}

/// Where they stand.
pub(super) fn place(sheet: &Sheet) -> Option<Rect> {
    words(sheet).map(|(at, text)| Rect::from_min_size(at, text.size()).expand(8.0))
}

pub(super) fn draw(sheet: &Sheet) {
    if let Some((at, text)) = words(sheet) {
        sheet.ground(Rect::from_min_size(at, text.size()));
        sheet.painter.galley(at, text, sheet.strong);
    }
}
