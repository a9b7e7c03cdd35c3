//! Terms along one axis: a dense layer, a product of matrices, a softmax, attention.

use egui::{Align2, FontId, Rect, Sense, Ui, pos2, vec2};
use session::Document;
use session::arithmetic::{Rule, Working, index};

use super::cells::{self, Plane, number};
use crate::style;

/// Terms that are listed, those that add most.
const LISTED: usize = 24;
/// Width of a strip, points.
const WIDE: f32 = 600.0;
/// Width of the names at the left, points.
const NAMES: f32 = 84.0;
/// Height of a line of the list, points.
const LINE: f32 = 20.0;

/// What a term is called.
fn naming<'a>(working: &'a Working, document: &'a Document) -> impl Fn(usize) -> String + 'a {
    let count = working.inputs.len();
    let shape = document
        .trace
        .as_ref()
        .and_then(|t| Some(&t.tensors.get(&working.source)?.shape));
    let item = match (&working.places.first(), shape) {
        (Some(Some(place)), Some(shape)) => index(*place, shape).first().copied().unwrap_or(0),
        _ => 0,
    };
    let tokens = document.tokens.as_ref();
    let tokens = tokens.and_then(|t| t.get(item).or_else(|| t.first()));
    let tokens = tokens.filter(|t| t.len() == count);
    let several = working.places.iter().any(Option::is_none);
    let classes = document.classes.len() == count && working.rule == Rule::Softmax;
    move |i| match tokens {
        Some(tokens) => format!("{i} {:?}", tokens[i]),
        None if several || count < 3 => format!("input {i}"),
        None if classes => document.classes[i].clone(),
        None => i.to_string(),
    }
}

/// Draws it; gives the term that was clicked.
pub fn show(
    ui: &mut Ui,
    working: &Working,
    ranked: &[usize],
    lit: Option<usize>,
    document: &Document,
) -> Option<usize> {
    let mut pressed = None;
    let weighted = working.rule == Rule::WeightedSum;
    let name = naming(working, document);
    if working.inputs.len() > 8 {
        pressed = strips(ui, working, lit, weighted, &name);
        ui.add_space(6.0);
    }
    let shown = ranked.len().min(LISTED);
    let top = ranked
        .first()
        .map_or(1.0, |&t| working.products[t].abs())
        .max(1e-12);
    let width = NAMES + WIDE;
    let (whole, response) = ui.allocate_exact_size(vec2(width, LINE * shown as f32), Sense::click());
    let painter = ui.painter().with_clip_rect(ui.clip_rect());
    let (text, font) = (ui.visuals().text_color(), FontId::proportional(12.0));
    let sum: f32 = working.products.iter().sum();
    let light = !ui.visuals().dark_mode;
    for (row, &term) in ranked.iter().take(shown).enumerate() {
        let y = whole.top() + LINE * (row as f32 + 0.5);
        let line = Rect::from_min_size(pos2(whole.left(), y - LINE / 2.0), vec2(width, LINE));
        if !ui.clip_rect().intersects(line) {
            continue;
        }
        let color = if lit == Some(term) {
            style::marked(ui.visuals())
        } else {
            text
        };
        let mut job = egui::text::LayoutJob::simple_singleline(name(term), font.clone(), color);
        job.wrap = egui::text::TextWrapping::truncate_at_width(NAMES + 26.0);
        let galley = painter.layout_job(job);
        painter.galley(pos2(whole.left(), y - galley.size().y / 2.0), galley, color);
        let words = match working.rule {
            Rule::Softmax => {
                let share = 100.0 * working.products[term] / sum;
                format!("{}, {share:.1} %", number(working.inputs[term]))
            }
            Rule::Normalised { own, .. } => {
                let square = number(working.products[term]);
                let mark = if term == own { "this one, " } else { "" };
                format!(
                    "{}: {mark}squared distance {square}",
                    number(working.inputs[term])
                )
            }
            _ => cells::told(working, term),
        };
        painter.text(
            pos2(whole.left() + NAMES + 36.0, y),
            Align2::LEFT_CENTER,
            words,
            font.clone(),
            color,
        );
        let share = working.products[term] / top;
        let middle = whole.left() + NAMES + 400.0;
        let reach = middle + 160.0 * share;
        let bar = Rect::from_x_y_ranges(middle.min(reach)..=middle.max(reach), y - 6.0..=y + 6.0);
        painter.rect_filled(bar, 1.0, cells::color(share, 1.0, light));
        painter.vline(middle, y - 8.0..=y + 8.0, (1.0, ui.visuals().weak_text_color()));
        if response.clicked()
            && response
                .interact_pointer_pos()
                .is_some_and(|at| line.contains(at))
        {
            pressed = Some(term);
        }
    }
    if ranked.len() > shown {
        ui.weak(format!("the {shown} terms of {} that add most", ranked.len()));
    }
    pressed
}

/// All terms in their order, as strips of colour.
fn strips(
    ui: &mut Ui,
    working: &Working,
    lit: Option<usize>,
    weighted: bool,
    name: &dyn Fn(usize) -> String,
) -> Option<usize> {
    let count = working.inputs.len();
    let side = (WIDE / count as f32).clamp(4.0, 22.0);
    let columns = ((WIDE / side) as usize).clamp(1, count);
    // More than a few rows say nothing.
    if count.div_ceil(columns) > 24 {
        return None;
    }
    let strips: &[(&str, &[f32])] = match weighted {
        true => &[
            ("inputs", &working.inputs),
            ("weights", &working.weights),
            ("products", &working.products),
        ],
        false => &[("inputs", &working.inputs)],
    };
    let tall = count.div_ceil(columns) as f32 * side;
    let size = vec2(NAMES + WIDE, strips.len() as f32 * (tall + 10.0));
    let (whole, response) = ui.allocate_exact_size(size, Sense::click());
    let painter = ui.painter().with_clip_rect(ui.clip_rect());
    let mut pressed = None;
    for (k, (title, values)) in strips.iter().enumerate() {
        let y = whole.top() + k as f32 * (tall + 10.0);
        let at = pos2(whole.left(), y + tall / 2.0);
        let color = ui.visuals().weak_text_color();
        painter.text(at, Align2::LEFT_CENTER, *title, FontId::proportional(12.0), color);
        let plane = Plane {
            at: pos2(whole.left() + NAMES, y),
            side,
            columns,
            values: values.iter().map(|v| Some(*v)).collect(),
            reach: cells::reach(values),
            lit,
            name: title,
        };
        plane.draw(ui, &painter);
        if let Some(term) = response.hover_pos().and_then(|at| plane.cell(at)) {
            let told = format!("{}: {}", name(term), number(values[term]));
            response.clone().on_hover_text_at_pointer(told);
            pressed = (k == 0 && response.clicked()).then_some(term).or(pressed);
        }
    }
    pressed
}
