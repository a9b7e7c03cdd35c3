//! What the pointer is over, in words beside it.

use egui::{FontId, Rect, pos2, vec2};

use super::Sheet;
use crate::hover;

pub(super) fn draw(sheet: &Sheet) {
    let Some(pointer) = sheet.pointer else { return };
    let stage = sheet.stage;
    let text = hover::describe(sheet.session, sheet.document, stage.hover, stage.sees());
    let Some(text) = text else { return };
    let font = FontId::proportional(12.0);
    let text = sheet.painter.layout_no_wrap(text, font, sheet.strong);
    let at = pointer + vec2(16.0, 16.0);
    let most = sheet.rect.max - text.size() - vec2(10.0, 10.0);
    let at = pos2(at.x.min(most.x), at.y.min(most.y));
    sheet.ground(Rect::from_min_size(at, text.size()));
    sheet.painter.galley(at, text, sheet.strong);
}
