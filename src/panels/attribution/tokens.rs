//! A map of a text: its tokens, each as dark as what it adds.

use egui::{Color32, RichText, Sense, TextStyle, Ui, vec2};
use session::asking::Explained;
use session::colormap::{diverging, srgb};

use crate::style;
use crate::widgets::value;

/// Tokens that are drawn.
const SHOWN: usize = 1000;

/// Draws the tokens of the text with the sum over the cells of each: of what speaks for the answer and against
/// it where the method tells those apart, else of magnitudes; false where the map is not of a text.
pub fn show(ui: &mut Ui, found: &Explained) -> bool {
    let tokens = &found.tokens;
    let signed = found.map.channels == 1 && found.map.values.iter().any(|v| *v < 0.0);
    let cells = match signed {
        true => found.map.values.clone(),
        false => found.map.magnitudes(),
    };
    if tokens.is_empty() || cells.is_empty() || !cells.len().is_multiple_of(tokens.len()) {
        return false;
    }
    let sums: Vec<f32> = cells
        .chunks(cells.len() / tokens.len())
        .map(|c| c.iter().sum())
        .collect();
    let top = sums.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let far = value(f64::from(top));
    let told = match signed {
        true => format!("What each token adds (orange) or takes away (blue), up to {far}"),
        false => format!("Sum of magnitudes of each token, up to {far}"),
    };
    ui.label(RichText::new(told).weak());
    let light = !ui.visuals().dark_mode;
    ui.spacing_mut().item_spacing = vec2(3.0, 3.0);
    ui.horizontal_wrapped(|ui| {
        for (token, sum) in tokens.iter().zip(&sums).take(SHOWN) {
            let font = TextStyle::Body.resolve(ui.style());
            let ink = ui.visuals().strong_text_color();
            let galley = ui.painter().layout_no_wrap(token.clone(), font, ink);
            let edge = vec2(4.0, 1.0);
            let (rect, response) = ui.allocate_exact_size(galley.size() + 2.0 * edge, Sense::hover());
            let fill = match signed {
                true => {
                    let [r, g, b] = srgb(diverging(0.5 + 0.4 * sum / top, light));
                    Color32::from_rgb(r, g, b)
                }
                false => {
                    let back: Color32 = ui.visuals().extreme_bg_color;
                    back.lerp_to_gamma(style::bar(ui.visuals()), (sum / top).clamp(0.0, 1.0))
                }
            };
            ui.painter().rect_filled(rect, 3.0, fill);
            ui.painter().galley(rect.min + edge, galley, ink);
            response.on_hover_text(format!("{token:?}: {}", value(f64::from(*sum))));
        }
    });
    true
}
