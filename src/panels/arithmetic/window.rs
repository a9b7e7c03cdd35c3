//! What lies under the window of a convolution or a pooling: patch times kernel, channel by channel.

use egui::{Align2, FontId, Sense, Ui, pos2, vec2};
use session::Document;
use session::arithmetic::{Rule, Working};

use super::cells::{self, Plane, number};

/// Channels that are drawn, those that add most.
const CHANNELS: usize = 24;
/// Width of the names at the left, points.
const NAMES: f32 = 84.0;
/// Room for an operator between two planes, points.
const SIGN: f32 = 26.0;
/// Room between two columns of channels, points.
const GAP: f32 = 24.0;
/// Width that three planes take together at most, points.
const WIDE: f32 = 640.0;

/// Channels, with rows and columns of one; `None` for what has no window.
pub fn sizes(working: &Working) -> Option<[usize; 3]> {
    match working.shape[..] {
        [channels, columns] => Some([channels, 1, columns]),
        [channels, rows, columns] => Some([channels, rows, columns]),
        [channels, deep, rows, columns] => Some([channels, deep * rows, columns]),
        _ => None,
    }
}

/// Channels from the one whose products add most.
fn ranked(working: &Working, plane: usize) -> Vec<(usize, f32)> {
    let sum = |products: &[f32]| products.iter().sum::<f32>();
    let mut found: Vec<(usize, f32)> = working
        .products
        .chunks(plane.max(1))
        .map(sum)
        .enumerate()
        .collect();
    found.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    found
}

/// The terms in the order of what is drawn; `None` for what has no window.
pub fn order(working: &Working) -> Option<Vec<usize>> {
    let [_, rows, columns] = sizes(working)?;
    let plane = rows * columns;
    let channels = ranked(working, plane);
    Some(
        channels
            .iter()
            .flat_map(|(c, _)| c * plane..(c + 1) * plane)
            .collect(),
    )
}

/// Draws it; gives the term that was clicked.
pub fn show(
    ui: &mut Ui,
    working: &Working,
    [channels, rows, columns]: [usize; 3],
    lit: Option<usize>,
    document: &Document,
) -> Option<usize> {
    let plane = rows * columns;
    let weighted = working.rule == Rule::WeightedSum;
    let planes = if weighted { 3 } else { 1 };
    let side =
        ((WIDE - 2.0 * SIGN) / (planes * columns) as f32).clamp(2.0, if plane <= 49 { 36.0 } else { 14.0 });
    let step = (rows as f32 * side).max(30.0) + 12.0;
    let found = ranked(working, plane);
    let drawn = found.len().min(CHANNELS);
    let wide = side * columns as f32;
    let width = NAMES + planes as f32 * wide + (planes - 1) as f32 * SIGN + 100.0;
    let top = 20.0;
    // Side by side where there is room.
    let across = ((ui.clip_rect().width() / (width + GAP)) as usize).clamp(1, drawn.max(1));
    let down = drawn.div_ceil(across);
    let size = vec2(across as f32 * (width + GAP), top + step * down as f32);
    let (whole, response) = ui.allocate_exact_size(size, Sense::click());
    let painter = ui.painter().with_clip_rect(ui.clip_rect());
    let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    let small = FontId::proportional(12.0);
    let column = |block: usize, k: usize| {
        whole.left() + block as f32 * (width + GAP) + NAMES + k as f32 * (wide + SIGN)
    };
    let of = &document.source.tensor(working.source).name;
    let heads: &[&str] = if weighted {
        &["patch", "kernel", "products"]
    } else {
        &["patch"]
    };
    for block in 0..across {
        for (k, name) in heads.iter().enumerate() {
            let at = pos2(column(block, k) + wide / 2.0, whole.top() + 4.0);
            painter.text(at, Align2::CENTER_TOP, *name, small.clone(), weak);
        }
    }
    let reaches = [&working.inputs, &working.weights, &working.products].map(|v| cells::reach(v));
    let mut pressed = None;
    for (row, &(channel, sum)) in found.iter().take(drawn).enumerate() {
        let (block, row) = (row / down, row % down);
        let y = whole.top() + top + step * row as f32;
        if !ui
            .clip_rect()
            .y_range()
            .intersects(egui::Rangef::new(y, y + step))
        {
            continue;
        }
        let middle = y + rows as f32 * side / 2.0;
        let range = channel * plane..(channel + 1) * plane;
        let lit = lit.and_then(|l| range.contains(&l).then(|| l - range.start));
        let name = if channels > 1 {
            format!("channel {channel}")
        } else {
            "window".into()
        };
        let left = column(block, 0) - NAMES;
        painter.text(pos2(left, middle), Align2::LEFT_CENTER, name, small.clone(), text);
        let inside = |i: usize| working.places[i].is_some();
        let values = |k: usize, i: usize| match k {
            0 => inside(i).then(|| working.inputs[i]),
            1 => Some(working.weights[i]),
            _ => inside(i).then(|| working.products[i]),
        };
        for k in 0..planes {
            let plane = Plane {
                at: pos2(column(block, k), y),
                side,
                columns,
                values: range.clone().map(|i| values(k, i)).collect(),
                reach: reaches[k],
                lit,
                name: heads[k],
            };
            plane.draw(ui, &painter);
            if k > 0 {
                let sign = if k == 1 { "×" } else { "=" };
                let at = pos2(column(block, k) - SIGN / 2.0, middle);
                painter.text(at, Align2::CENTER_CENTER, sign, FontId::proportional(15.0), weak);
            }
            let pointer = response.hover_pos().and_then(|at| plane.cell(at));
            if let Some(cell) = pointer {
                let term = range.start + cell;
                let told = told(working, of, plane.name, term, k);
                response.clone().on_hover_text_at_pointer(told);
                pressed = (k == 0 && response.clicked()).then_some(term).or(pressed);
            }
        }
        let end = pos2(column(block, planes - 1) + wide + 12.0, middle);
        let words = match working.rule {
            Rule::Max => format!("largest {}", number(working.value)),
            _ => format!("sum {}", number(sum)),
        };
        painter.text(end, Align2::LEFT_CENTER, words, small.clone(), text);
    }
    if found.len() > drawn {
        let rest: f32 = found[drawn..].iter().map(|f| f.1).sum();
        let told = format!(
            "and {} more channels, {} together",
            found.len() - drawn,
            number(rest)
        );
        ui.weak(told);
    }
    if weighted {
        ui.weak("Click a cell of a patch to see how that number came about.");
    }
    pressed
}

fn told(working: &Working, tensor: &str, plane: &str, term: usize, k: usize) -> String {
    match (k, working.places[term]) {
        (0, None) => "padding: outside of the input".into(),
        (0, Some(place)) => format!("{} in {tensor}, number {place}", number(working.inputs[term])),
        (1, _) => format!("{plane}: {}", number(working.weights[term])),
        _ => format!(
            "{} · {} = {}",
            number(working.inputs[term]),
            number(working.weights[term]),
            number(working.products[term])
        ),
    }
}
