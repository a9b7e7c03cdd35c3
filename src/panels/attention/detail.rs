//! What a head does in words, and where one place's attention comes from.

use analyze::{Habit, HeadSummary};
use egui::{RichText, ScrollArea, Ui};
use model::{AttentionSite, TraceTensor};
use session::Document;

use crate::widgets::{bar, section, value};

/// Width of the lines beside the map, points.
pub const WIDTH: f32 = 260.0;
/// Keys that are named.
const NAMED: usize = 6;
/// Products of single features that are named.
const FEATURES: usize = 5;

/// A habit in one short word.
pub fn short(habit: Habit) -> &'static str {
    match habit {
        Habit::Previous => "previous",
        Habit::Next => "next",
        Habit::First => "first",
        Habit::Itself => "itself",
        Habit::Same => "same",
        Habit::Marks => "marks",
        Habit::Broad => "broad",
        Habit::Mixed => "",
    }
}

/// What a head does, with numbers.
pub fn told(summary: &HeadSummary) -> String {
    let names = [
        Habit::Previous,
        Habit::Next,
        Habit::First,
        Habit::Itself,
        Habit::Same,
        Habit::Marks,
    ];
    let at = names.iter().position(|h| *h == summary.habit);
    let spread = match summary.entropy.is_finite() {
        true => format!("; spread {:.0} % of even", 100.0 * summary.entropy),
        false => String::new(),
    };
    match at {
        Some(i) => format!(
            "{}: {:.0} % of its weight, {:.0} % if it were even{spread}",
            summary.habit.name(),
            100.0 * summary.shares[i],
            100.0 * summary.even[i]
        ),
        None if summary.habit == Habit::Broad => {
            format!("broad: {:.0} % of an even spread", 100.0 * summary.entropy)
        }
        None => format!("mixed: no habit explains it{spread}"),
    }
}

/// Beside the map: what the chosen place looks at most, and which features of query and key make it so.
#[allow(clippy::too_many_arguments)]
pub fn show(
    ui: &mut Ui,
    document: &Document,
    site: Option<(&AttentionSite, usize)>,
    item: usize,
    query: Option<usize>,
    map: &[f32],
    keys: usize,
    labels: &[String],
) {
    let Some(query) = query else {
        ui.weak("Click a row to see where its place looks, here and in the scene");
        return;
    };
    let label = |k: usize| labels.get(k).map_or_else(|| k.to_string(), |l| format!("{l:?}"));
    // A flow has the row of the chosen place alone.
    let row = if map.len() == keys {
        map
    } else {
        map.get(query * keys..(query + 1) * keys).unwrap_or(&[])
    };
    if row.iter().all(|w| *w == 0.0) {
        ui.weak("This head is put out: it looks nowhere");
        return;
    }
    let best = analyze::top_k(row, NAMED.min(row.len()));
    ScrollArea::vertical().id_salt("detail").show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(label(query)).strong());
            ui.label("looks at");
        });
        for ranked in &best {
            let share = row[ranked.index];
            let text = format!("{:.1} %", 100.0 * share);
            bar(ui, &label(ranked.index), &text, share, false);
        }
        let (Some((site, head)), Some(first)) = (site, best.first()) else {
            return;
        };
        let Some(found) = products(document, site, item, head, query, first.index) else {
            return;
        };
        let sum: f32 = found.iter().map(|(_, q, k)| q * k).sum();
        section(ui, &format!("query · key with {}", label(first.index)));
        ui.weak(format!(
            "{} over {} features; the largest:",
            value(f64::from(sum)),
            found.len()
        ));
        for (feature, q, k) in found.iter().take(FEATURES) {
            let [q, k, both] = [*q, *k, q * k].map(|v| value(f64::from(v)));
            ui.label(format!("#{feature}: {q} × {k} = {both}"));
        }
    });
}

/// The features of query and key with their products, largest first in size. `None` where their axes
/// are not those of a plain product.
fn products(
    document: &Document,
    site: &AttentionSite,
    item: usize,
    head: usize,
    query: usize,
    key: usize,
) -> Option<Vec<(usize, f32, f32)>> {
    let trace = document.trace.as_ref()?;
    let fused = matches!(document.source.layer(site.layer).op, model::Op::Attention(_));
    let [q, k] = [
        trace.tensors.get(&site.queries?)?,
        trace.tensors.get(&site.keys?)?,
    ];
    let [q_rows, k_rows] = [matrix(q, item, head)?, matrix(k, item, head)?];
    // Keys stand transposed behind a product.
    let (width, length) = (q_rows.2, if fused { k_rows.1 } else { k_rows.2 });
    if query >= q_rows.1 || key >= length || width != if fused { k_rows.2 } else { k_rows.1 } {
        return None;
    }
    let feature = |i: usize| {
        let k = if fused {
            k_rows.0[key * width + i]
        } else {
            k_rows.0[i * length + key]
        };
        (i, q_rows.0[query * width + i], k)
    };
    let mut found: Vec<_> = (0..width).map(feature).collect();
    found.sort_by(|a, b| (b.1 * b.2).abs().total_cmp(&(a.1 * a.2).abs()));
    Some(found)
}

/// Rows and columns of a tensor `[N, H, rows, columns]`, or `[H, rows, columns]` of one item.
fn matrix(tensor: &TraceTensor, item: usize, head: usize) -> Option<(&[f32], usize, usize)> {
    let (place, rows, columns) = match tensor.shape[..] {
        [_, h, r, c] if head < h => (item * h + head, r, c),
        [h, r, c] if item == 0 && head < h => (head, r, c),
        _ => return None,
    };
    let values = tensor
        .host()?
        .get(place * rows * columns..(place + 1) * rows * columns)?;
    Some((values, rows, columns))
}
