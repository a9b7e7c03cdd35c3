//! Two texts of one pass beside each other: the same head on both, and the heads that act most differently.

use std::sync::Arc;

use analyze::HeadSummary;
use egui::{ComboBox, RichText, ScrollArea, Ui, Vec2, vec2};
use model::Trace;
use session::text::is_padding;
use session::{Attend, Document};

use super::detail;
use super::map::{Map, Picture};
use super::read::{self, Layer};
use crate::widgets::{bar, empty, section, value};

/// Heads that are named.
const NAMED: usize = 12;
/// Width of the list of heads, points.
const LIST: f32 = 250.0;

/// The layer, the head and the second text that maps are of.
type Of = (usize, Option<usize>, usize);

/// What is kept of the second text.
#[derive(Default)]
pub struct Pair {
    /// Its place in the batch; `None`: one text is shown.
    pub item: Option<usize>,
    of: Option<(Arc<Trace>, [usize; 2], bool)>,
    layers: Vec<Layer>,
    labels: Vec<String>,
    /// Layer, head, and how far its habits differ, 0 to 1; the most different first.
    ranked: Vec<(usize, usize, f64)>,
    /// Cosine between the outputs for both texts.
    outputs: Option<f64>,
    maps: [Map; 2],
    shown: Option<(Of, [Arc<[f32]>; 2])>,
}

/// How far two heads' habits are apart: the largest difference between shares that both have.
fn apart(a: &HeadSummary, b: &HeadSummary) -> f64 {
    let shares = a.shares.iter().zip(&b.shares).chain([(&a.entropy, &b.entropy)]);
    let known = shares.map(|(a, b)| (a - b).abs()).filter(|d| d.is_finite());
    known.fold(0.0, f64::max)
}

/// The network's first output for one text: a row, or the mean over its tokens.
fn output(document: &Document, item: usize) -> Option<Vec<f64>> {
    let id = document.source.main().outputs.first()?;
    let tensor = document.trace.as_ref()?.tensors.get(id)?;
    let (values, tokens) = (tensor.host()?, document.tokens.as_ref()?.get(item)?);
    let row = |start: usize, width: usize| values.get(start..start + width);
    match tensor.shape[..] {
        [_, width] => Some(row(item * width, width)?.iter().map(|&v| f64::from(v)).collect()),
        [_, long, width] => {
            let kept = (0..long).filter(|t| tokens.get(*t).is_some_and(|t| !is_padding(t)));
            let mut sum = vec![0f64; width];
            for token in kept {
                let row = row((item * long + token) * width, width)?;
                sum.iter_mut().zip(row).for_each(|(s, v)| *s += f64::from(*v));
            }
            Some(sum)
        }
        _ => None,
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

impl Pair {
    /// Chooses the second text.
    pub fn choose(&mut self, ui: &mut Ui, batch: usize, first: usize) {
        self.item = self.item.filter(|i| *i < batch && *i != first);
        let name = self
            .item
            .map_or("beside no other".into(), |i| format!("beside text {}", i + 1));
        let about = "Shows the same head on two texts, and which heads act most differently";
        ComboBox::from_id_salt("beside")
            .selected_text(name)
            .width(110.0)
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut self.item, None, "no other");
                for item in (0..batch).filter(|i| *i != first) {
                    ui.selectable_value(&mut self.item, Some(item), format!("text {}", item + 1));
                }
            })
            .response
            .on_hover_text(about);
    }

    fn update(&mut self, document: &Document, trace: &Arc<Trace>, own: &[Layer], items: [usize; 2]) {
        let ready = own.iter().all(|l| l.heads.is_ok());
        let same =
            |(t, i, r): &(Arc<Trace>, [usize; 2], bool)| Arc::ptr_eq(t, trace) && *i == items && *r == ready;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        self.of = Some((trace.clone(), items, ready));
        (self.layers, self.labels) = read::layers(document, items[1]);
        let both = own.iter().zip(&self.layers).enumerate();
        self.ranked = both
            .flat_map(|(l, (a, b))| {
                let heads = a.summaries.iter().zip(&b.summaries).enumerate();
                heads.filter_map(move |(h, (a, b))| Some((l, h, apart(a.as_ref()?, b.as_ref()?))))
            })
            .collect();
        self.ranked.sort_by(|a, b| b.2.total_cmp(&a.2));
        let outputs = items.map(|item| output(document, item));
        self.outputs = match &outputs {
            [Some(a), Some(b)] => Some(cosine(a, b)),
            _ => None,
        };
        self.shown = None;
    }

    /// Draws both maps and the list of heads.
    #[allow(clippy::too_many_arguments)]
    pub fn show(
        &mut self,
        ui: &mut Ui,
        document: &Document,
        trace: &Arc<Trace>,
        own: &[Layer],
        labels: &[String],
        chosen: usize,
        other: usize,
        next: &mut Attend,
    ) {
        self.update(document, trace, own, [next.item, other]);
        let (Ok(a), Some(Ok(b))) = (
            &own[chosen].heads,
            self.layers.get(chosen).map(|l| l.heads.as_ref()),
        ) else {
            return empty(ui, "No weights", "They are on their way.");
        };
        let key = (chosen, next.head, other);
        if self.shown.as_ref().is_none_or(|(k, _)| *k != key) {
            self.shown = Some((key, [a, b].map(|heads| heads.map(next.head).into())));
        }
        let Some((_, maps)) = &self.shown else { return };
        let room = ui.available_size();
        let list = LIST.min(room.x * 0.3);
        let wide = (room.x - list - 36.0) / 2.0;
        let sides = [
            (next.item, a, labels, own),
            (other, b, &self.labels[..], &self.layers[..]),
        ];
        let mut pressed = None;
        ui.horizontal_top(|ui| {
            for (side, (item, heads, labels, layers)) in sides.into_iter().enumerate() {
                ui.vertical(|ui| {
                    ui.set_width(wide);
                    ui.label(RichText::new(format!("Text {}", item + 1)).strong());
                    let summary = next.head.and_then(|h| layers[chosen].summaries.get(h)?.as_ref());
                    ui.weak(summary.map_or("mean of its heads".into(), detail::told));
                    let picture = Picture {
                        values: maps[side].clone(),
                        shape: [heads.queries, heads.keys],
                        first: 0,
                        labels: if labels.len() == heads.keys { labels } else { &[] },
                    };
                    let size: Vec2 = vec2(wide, (room.y - 46.0).max(60.0));
                    self.maps[side].show(ui, &picture, size, next);
                });
            }
            ui.vertical(|ui| {
                ui.set_width(list);
                if let Some(cosine) = self.outputs {
                    ui.label(format!("outputs: cosine {}", value(cosine)))
                        .on_hover_text(
                            "Between the network's first output for both texts; of tokens their mean",
                        );
                }
                section(ui, "Heads that differ most");
                let list = ScrollArea::vertical().id_salt("differ").auto_shrink(false);
                list.show(ui, |ui| {
                    for &(layer, head, distance) in self.ranked.iter().take(NAMED) {
                        let here = layer == chosen && next.head == Some(head);
                        let words = format!("{:.0} %", 100.0 * distance);
                        let habit = |layers: &[Layer]| {
                            let summary = layers[layer].summaries[head].as_ref();
                            summary.map_or("", |s| s.habit.name())
                        };
                        let response = bar(
                            ui,
                            &format!("layer {layer}, head {head}"),
                            &words,
                            distance as f32,
                            here,
                        );
                        let about = format!("{} in one, {} in the other", habit(own), habit(&self.layers));
                        if response.on_hover_text(about).clicked() {
                            pressed = Some((layer, head));
                        }
                    }
                });
            });
        });
        if let Some((layer, head)) = pressed {
            next.layer = own[layer].name.clone();
            next.head = Some(head);
        }
    }
}
