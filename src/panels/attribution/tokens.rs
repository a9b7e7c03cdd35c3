//! A map of a text: its tokens, each as dark as what it adds.

use egui::{Color32, RichText, Sense, TextStyle, Ui, vec2};
use session::Document;
use session::asking::Explained;

use crate::style;
use crate::widgets::value;

/// Tokens that are drawn.
const SHOWN: usize = 1000;

/// Draws the tokens of the text with the sum of magnitudes over the cells of each; false where the map is
/// not of a text.
pub fn show(ui: &mut Ui, document: &Document, found: &Explained) -> bool {
    let Some(tokens) = document.tokens.as_ref().and_then(|t| t.first()) else {
        return false;
    };
    let cells = found.map.magnitudes();
    if tokens.is_empty() || cells.is_empty() || !cells.len().is_multiple_of(tokens.len()) {
        return false;
    }
    let sums: Vec<f32> = cells
        .chunks(cells.len() / tokens.len())
        .map(|c| c.iter().sum())
        .collect();
    let top = sums.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    ui.label(
        RichText::new(format!(
            "Sum of magnitudes of each token, up to {}",
            value(f64::from(top))
        ))
        .weak(),
    );
    ui.spacing_mut().item_spacing = vec2(3.0, 3.0);
    ui.horizontal_wrapped(|ui| {
        for (token, sum) in tokens.iter().zip(&sums).take(SHOWN) {
            let font = TextStyle::Body.resolve(ui.style());
            let ink = ui.visuals().strong_text_color();
            let galley = ui.painter().layout_no_wrap(token.clone(), font, ink);
            let edge = vec2(4.0, 1.0);
            let (rect, response) = ui.allocate_exact_size(galley.size() + 2.0 * edge, Sense::hover());
            let back: Color32 = ui.visuals().extreme_bg_color;
            let full = style::bar(ui.visuals());
            ui.painter()
                .rect_filled(rect, 3.0, back.lerp_to_gamma(full, (sum / top).clamp(0.0, 1.0)));
            ui.painter().galley(rect.min + edge, galley, ink);
            response.on_hover_text(format!("{token:?}: {}", value(f64::from(*sum))));
        }
    });
    true
}
