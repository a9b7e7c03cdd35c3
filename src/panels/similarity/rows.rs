//! Cosines between the rows of one layer: tokens of the text, or the points of the embedding.

use std::sync::Arc;

use egui::{Align2, Color32, ColorImage, FontId, Rect, Sense, TextureHandle, TextureOptions, Ui, pos2, vec2};
use embed::{Table, cosine_matrix};
use model::Trace;
use session::cloud::Subject;
use session::colormap::{diverging, srgb};
use session::text::is_padding;
use session::{Command, Document, Session};

use crate::widgets::empty;

/// Rows that are compared at most; of more, some that are evenly spread.
const MOST: usize = 600;

/// Room for names, points.
const NAMES: f32 = 76.0;

/// What rows were compared.
#[derive(Clone)]
enum Of {
    Tokens(Arc<Trace>, String),
    Points(Arc<Subject>),
}

impl PartialEq for Of {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Of::Tokens(a, x), Of::Tokens(b, y)) => Arc::ptr_eq(a, b) && x == y,
            (Of::Points(a), Of::Points(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// The matrix, drawn.
#[derive(Default)]
pub struct Rows {
    of: Option<(Of, bool)>,
    found: Option<Found>,
    problem: Option<String>,
    texture: Option<TextureHandle>,
}

struct Found {
    cosines: Vec<f32>,
    names: Vec<String>,
    /// Example of the data set of each row.
    examples: Vec<usize>,
    about: String,
}

/// Rows of a layer for the tokens of the last text.
fn tokens(document: &Document, trace: &Trace, layer: &str) -> Result<Found, String> {
    let none = || format!("{layer}: an output [texts, tokens, features] is expected");
    let texts = document.tokens.as_ref().ok_or_else(none)?;
    let id = document.source.layer_named(layer).ok_or_else(none)?;
    let tensor = document.source.layer(id).outputs.first().copied().flatten();
    let kept = tensor.and_then(|t| trace.tensors.get(&t)).ok_or_else(none)?;
    let &[items, long, width] = &kept.shape[..] else {
        return Err(none());
    };
    if items != texts.len() || texts.iter().any(|t| t.len() != long) || width == 0 {
        return Err(none());
    }
    let values = kept.host().ok_or("its numbers are on their way")?;
    let all = texts.iter().flatten().enumerate();
    let kept = all.filter(|(_, t)| !is_padding(t)).take(MOST);
    let (mut rows, mut names) = (Vec::new(), Vec::new());
    for (place, token) in kept {
        rows.extend_from_slice(&values[place * width..][..width]);
        names.push(token.clone());
    }
    let table = Table::new(&rows, width).map_err(|e| e.to_string())?;
    Ok(Found {
        cosines: cosine_matrix(&table).map_err(|e| e.to_string())?,
        examples: Vec::new(),
        about: format!("cosines between {} tokens in {layer}", names.len()),
        names,
    })
}

/// Rows of the embedding, class by class.
fn points(subject: &Subject) -> Result<Found, String> {
    let count = subject.len().min(MOST);
    let mut picks: Vec<usize> = (0..count).map(|i| i * subject.len() / count.max(1)).collect();
    picks.sort_by_key(|p| subject.labels.get(*p).copied().unwrap_or(0));
    let width = subject.width;
    let rows: Vec<f32> = picks
        .iter()
        .flat_map(|p| &subject.values[p * width..(p + 1) * width])
        .copied()
        .collect();
    let table = Table::new(&rows, width).map_err(|e| e.to_string())?;
    let name = |p: &usize| match subject.class(*p) {
        Some(class) => format!("{} ({class})", subject.name(*p)),
        None => subject.name(*p),
    };
    Ok(Found {
        cosines: cosine_matrix(&table).map_err(|e| e.to_string())?,
        names: picks.iter().map(name).collect(),
        about: format!("cosines between {count} points of the embedding, class by class"),
        examples: if subject.examples.is_some() {
            picks
        } else {
            Vec::new()
        },
    })
}

impl Rows {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, session: &Session, document: &Document, out: &mut Vec<Command>) {
        let layer = session.state.selection.map(|node| document.name(node));
        let cloud = session
            .cloud
            .as_ref()
            .map(|c| &c.subject)
            .filter(|s| !s.is_empty());
        let of = match (&document.tokens, &document.trace, layer, cloud) {
            (Some(_), Some(trace), Some(layer), _) => Of::Tokens(trace.clone(), layer),
            (.., Some(subject)) => Of::Points(subject.clone()),
            _ => {
                let advice = match document.tokens {
                    Some(_) => "Select a layer to see which tokens are alike in it.",
                    None => "Show points in the Embedding panel: their cosines are drawn here.",
                };
                return empty(ui, "No rows to compare", advice);
            }
        };
        let light = !ui.visuals().dark_mode;
        // Numbers that are on their way come without a new pass.
        let again = self.of.as_ref() != Some(&(of.clone(), light)) || self.found.is_none();
        if again {
            let found = match &of {
                Of::Tokens(trace, layer) => tokens(document, trace, layer),
                Of::Points(subject) => points(subject),
            };
            (self.found, self.problem) = match found {
                Ok(found) => (Some(found), None),
                Err(problem) => (None, Some(problem)),
            };
            self.texture = self.found.as_ref().map(|found| {
                let count = found.names.len();
                let color = |v: &f32| {
                    let [r, g, b] = srgb(diverging(0.5 + 0.5 * v, light));
                    Color32::from_rgb(r, g, b)
                };
                let image = ColorImage::new([count, count], found.cosines.iter().map(color).collect());
                let image = crate::widgets::enlarged(&image, (320 / count.max(1)).max(1));
                ui.ctx().load_texture("cosines", image, TextureOptions::NEAREST)
            });
            self.of = Some((of, light));
        }
        let (Some(found), Some(texture)) = (&self.found, &self.texture) else {
            return empty(ui, "Not compared", self.problem.as_deref().unwrap_or_default());
        };
        let count = found.names.len();
        ui.weak(format!(
            "{}; their mean is {:.2}",
            found.about,
            mean(&found.cosines, count)
        ));
        let side = (ui.available_height() - 10.0)
            .min(ui.available_width() - 10.0 - NAMES)
            .clamp(80.0, 640.0);
        let named = side / count as f32 >= 11.0;
        let left = if named { NAMES } else { 0.0 };
        let (whole, response) = ui.allocate_exact_size(vec2(left + side, side), Sense::click());
        let rect = whole.with_min_x(whole.left() + left);
        for (row, name) in found.names.iter().enumerate().filter(|_| named) {
            let at = pos2(
                rect.left() - 6.0,
                rect.top() + side * (row as f32 + 0.5) / count as f32,
            );
            let color = ui.visuals().text_color();
            let font = FontId::proportional(11.0);
            ui.painter().text(at, Align2::RIGHT_CENTER, name, font, color);
        }
        let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), rect, all, Color32::WHITE);
        let Some(at) = response.hover_pos().filter(|at| rect.contains(*at)) else {
            return;
        };
        let place = |share: f32| ((share * count as f32) as usize).min(count.saturating_sub(1));
        let (row, column) = (
            place((at.y - rect.top()) / side),
            place((at.x - rect.left()) / side),
        );
        let (Some(a), Some(b)) = (found.names.get(row), found.names.get(column)) else {
            return;
        };
        let told = format!("{a} and {b}: {:.3}", found.cosines[row * count + column]);
        response.clone().on_hover_text_at_pointer(told);
        if response.clicked()
            && let Some(example) = found.examples.get(row)
        {
            out.push(Command::Sample(*example));
        }
    }
}

/// Of different rows.
fn mean(cosines: &[f32], count: usize) -> f32 {
    let sum: f64 = cosines.iter().map(|&v| f64::from(v)).sum();
    let pairs = (count * count.saturating_sub(1)).max(1) as f64;
    ((sum - count as f64) / pairs) as f32
}
