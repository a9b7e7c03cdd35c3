//! What colour means.

use egui::{Align2, vec2};

use super::Sheet;

pub(super) fn draw(sheet: &Sheet) {
    let legend = match (sheet.session.state.backward, sheet.document.trace.is_some()) {
        (_, false) => "structure only: give an input to see values",
        (false, _) => {
            "each layer in its own range: dark is low, yellow is high; blue is negative, orange positive"
        }
        (true, _) => {
            "gradient of the chosen output: orange raises it, blue lowers it; each layer in its own range"
        }
    };
    let at = sheet.rect.left_bottom() + vec2(14.0, -10.0);
    sheet.text(at, Align2::LEFT_BOTTOM, legend, 12.0, false);
}
