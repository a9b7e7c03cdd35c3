//! Attention: all heads at a glance, one of them cell by cell, what it does in words.

mod detail;
mod grid;
mod map;
mod overlay;
mod pair;
mod read;

use std::sync::Arc;

use egui::{ComboBox, RichText, ScrollArea, Ui, vec2};
use model::Trace;
use session::{Ablated, Attend, Command, Document, Session};

use crate::panel::{Panel, Side, View};
use crate::widgets::{empty, value};

use grid::Grid;
use map::Map;
use overlay::Overlay;
use pair::Pair;
use read::{Layer, through};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "attention",
    title: "Attention",
    about: "What each head of each attention looks at, and what it does",
    side: Side::Charts,
    open: false,
    show,
};

/// What is drawn as the large map.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Shown {
    /// One head, or the mean of a layer's heads.
    #[default]
    Weights,
    /// Rollout up to the layer.
    Rollout,
    /// Greatest flow up to the layer.
    Flow,
}

/// What a large map is of: what is shown, of which layer, of which head, from which place.
type Of = (Shown, usize, Option<usize>, usize);
/// A map, or why there is none.
type Found = Result<Arc<[f32]>, String>;

/// What the panel keeps.
#[derive(Default)]
struct Memory {
    of: Option<(Arc<Trace>, usize, usize)>,
    layers: Vec<Layer>,
    labels: Vec<String>,
    shown: Shown,
    grid: Grid,
    map: Map,
    /// The input that it looks at.
    overlay: Overlay,
    /// A second text beside it.
    pair: Pair,
    /// The large map, and what it is of.
    large: Option<(Of, Found)>,
}

impl Memory {
    /// Reads the last pass, where it is another one.
    fn update(&mut self, document: &Document, trace: &Arc<Trace>, item: usize) {
        let here = document
            .attention()
            .iter()
            .filter_map(|s| trace.tensors.get(&s.weights?)?.host())
            .count();
        let same = |(t, i, n): &(Arc<Trace>, usize, usize)| Arc::ptr_eq(t, trace) && *i == item && *n == here;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        self.of = Some((trace.clone(), item, here));
        self.large = None;
        (self.layers, self.labels) = read::layers(document, item);
    }

    /// The large map of the layer at `chosen`, `[queries, keys]`, or one row of a flow.
    fn large(&mut self, chosen: usize, head: Option<usize>, query: usize) -> Found {
        let of = match self.shown {
            Shown::Weights => (self.shown, chosen, head, 0),
            Shown::Rollout => (self.shown, chosen, None, 0),
            Shown::Flow => (self.shown, chosen, None, query),
        };
        match &self.large {
            Some((was, map)) if *was == of => map.clone(),
            _ => {
                let map = match (self.shown, &self.layers[chosen].heads) {
                    (Shown::Weights, Ok(heads)) => Ok(heads.map(head).into()),
                    (Shown::Weights, Err(problem)) => Err(problem.clone()),
                    (shown, _) => through(&self.layers[..=chosen], shown, query).map(Into::into),
                };
                self.large = Some((of, map.clone()));
                map
            }
        }
    }
}

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let Some(document) = &session.document else {
        return empty(
            ui,
            "Nothing is open",
            "Open a Transformer to see what its heads look at.",
        );
    };
    if document.attention().is_empty() {
        return empty(
            ui,
            "This network has no attention",
            "A softmax of a product of queries and keys, or the operator Attention, would be shown here.",
        );
    }
    let Some(trace) = &document.trace else {
        let advice = match document.text {
            session::Text::Ready(..) => "Write a text in the panel Input, and run it.",
            _ => "Give the network an input, and its heads are shown.",
        };
        return empty(ui, "Nothing has flowed yet", advice);
    };
    let memory = view.memory.of::<Memory>();
    let attend = session.state.attend.clone();
    let item = attend
        .as_ref()
        .map_or(0, |a| a.item.min(document.batch().saturating_sub(1)));
    memory.update(document, trace, item);
    let first = document.source.layer(document.attention()[0].layer).name.clone();
    let Some(attend) = attend else {
        // Weights on a graphics device are read from now on.
        let attend = Attend {
            layer: first,
            head: Some(0),
            item,
            query: None,
        };
        return view.out.push(Command::Attend(Some(attend)));
    };
    let mut next = attend.clone();
    let mut ablated = session.state.ablated.clone();
    let chosen = memory
        .layers
        .iter()
        .position(|l| l.name == attend.layer)
        .unwrap_or(0);
    bar(
        ui,
        memory,
        session,
        document,
        chosen,
        &mut next,
        &mut ablated,
        view.out,
    );
    let width = memory
        .grid
        .width(&memory.layers)
        .clamp(160.0, (ui.available_width() * 0.42).max(160.0));
    let height = ui.available_height();
    ui.horizontal_top(|ui| {
        ui.allocate_ui(vec2(width, height), |ui| {
            ui.set_width(width);
            ScrollArea::both()
                .id_salt("heads")
                .auto_shrink(false)
                .show(ui, |ui| {
                    let Memory { grid, layers, .. } = &mut *memory;
                    grid.show(ui, layers, trace, &ablated, &mut next);
                });
        });
        ui.separator();
        ui.vertical(|ui| match memory.pair.item {
            Some(other) => {
                let Memory {
                    pair, layers, labels, ..
                } = &mut *memory;
                pair.show(ui, document, trace, layers, labels, chosen, other, &mut next);
            }
            None => one(ui, memory, document, chosen, &mut next),
        });
    });
    if next != attend {
        view.out.push(Command::Attend(Some(next)));
    }
    if ablated != session.state.ablated {
        view.out.push(Command::Ablate(ablated));
    }
}

/// Brings the attention of `layer` before the camera.
fn view_scene(out: &mut Vec<Command>, layer: &str) {
    out.push(Command::Select(Some(layer.into())));
    out.push(Command::Look(session::Goal::Selection));
}

/// What is looked at, and heads put out.
#[allow(clippy::too_many_arguments)]
fn bar(
    ui: &mut Ui,
    memory: &mut Memory,
    session: &Session,
    document: &Document,
    chosen: usize,
    next: &mut Attend,
    ablated: &mut Vec<Ablated>,
    out: &mut Vec<Command>,
) {
    ui.horizontal_wrapped(|ui| {
        for (shown, name, about) in [
            (Shown::Weights, "Weights", "What the head takes from each place; without a head the mean of all"),
            (
                Shown::Rollout,
                "Rollout",
                "How much of each input reaches each place through all layers up to this one (Abnar and Zuidema 2020)",
            ),
            (
                Shown::Flow,
                "Flow",
                "The greatest flow from each input to the chosen place up to this layer (Abnar and Zuidema 2020)",
            ),
        ] {
            ui.selectable_value(&mut memory.shown, shown, name).on_hover_text(about);
        }
        if ui.button("In the scene").on_hover_text("Flies to this attention, where arcs join its tokens").clicked() {
            view_scene(out, &memory.layers[chosen].name);
        }
        ui.separator();
        if document.batch() > 1 {
            ComboBox::from_id_salt("item").selected_text(format!("text {}", next.item + 1)).width(70.0).show_ui(ui, |ui| {
                for item in 0..document.batch() {
                    ui.selectable_value(&mut next.item, item, format!("text {}", item + 1));
                }
            });
            memory.pair.choose(ui, document.batch(), next.item);
        }
        let mut mean = next.head.is_none();
        if ui.toggle_value(&mut mean, "Mean of heads").changed() {
            next.head = (!mean).then_some(0);
        }
        if let Some(head) = next.head {
            let this = Ablated {
                layer: memory.layers[chosen].name.clone(),
                head,
            };
            let mut out = ablated.contains(&this);
            let about = "Sets this head's weights to 0 and runs the input again: what changes is what it was for";
            if ui.toggle_value(&mut out, "Put out").on_hover_text(about).changed() {
                match out {
                    true => ablated.push(this),
                    false => ablated.retain(|a| *a != this),
                }
            }
        }
        if !ablated.is_empty() {
            let words = match ablated.len() {
                1 => "1 head is out".to_string(),
                n => format!("{n} heads are out"),
            };
            ui.weak(words);
            if let Some(change) = session.ablation_change() {
                ui.label(format!(
                    "output moved by {:.1} %, cosine {}",
                    100.0 * change.relative,
                    value(f64::from(change.cosine))
                ))
                .on_hover_text("Length of the change over the length of the output before, and the cosine between both");
            }
            if ui.small_button("All in").on_hover_text("Lets every head take part again").clicked() {
                ablated.clear();
            }
        }
    });
}

/// The large map with what it says.
fn one(ui: &mut Ui, memory: &mut Memory, document: &Document, chosen: usize, next: &mut Attend) {
    let title = match (memory.shown, next.head) {
        (Shown::Weights, Some(head)) => format!("{}, head {head}", memory.layers[chosen].title),
        (Shown::Weights, None) => format!("{}, mean of its heads", memory.layers[chosen].title),
        (Shown::Rollout, _) => format!("Rollout up to {}", memory.layers[chosen].title),
        (Shown::Flow, _) => format!("Flow up to {}", memory.layers[chosen].title),
    };
    let words = match (memory.shown, next.head) {
        (Shown::Weights, Some(head)) => memory.layers[chosen].summaries.get(head).cloned().flatten(),
        _ => None,
    };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(title).strong());
        if let Some(summary) = &words {
            ui.label(RichText::new(detail::told(summary)).weak());
        }
    });
    let shown = memory.shown;
    let (queries, keys) = match &memory.layers[chosen].heads {
        Err(problem) => return empty(ui, "No weights", problem),
        Ok(heads) => (heads.queries, heads.keys),
    };
    let map = match memory.large(chosen, next.head, next.query.unwrap_or(0)) {
        Ok(map) => map,
        Err(problem) => return empty(ui, "It cannot be followed", &problem),
    };
    let rows = map.len() / keys.max(1);
    let first = if shown == Shown::Flow {
        next.query.unwrap_or(0)
    } else {
        0
    };
    let room = ui.available_size();
    let Memory {
        map: large,
        labels,
        overlay,
        ..
    } = memory;
    let labels: &[String] = if labels.len() == keys { labels } else { &[] };
    let picture = map::Picture {
        values: map.clone(),
        shape: [rows, keys],
        first,
        labels,
    };
    ui.horizontal_top(|ui| {
        let beside = detail::WIDTH.min(room.x * 0.4);
        large.show(ui, &picture, vec2(room.x - beside - 12.0, room.y), next);
        let site = document.site_of(&next.layer);
        let both = site.zip(next.head).filter(|_| shown == Shown::Weights);
        let asked = next.query.filter(|q| *q < queries);
        ui.vertical(|ui| {
            ui.set_max_width(beside);
            if let Some(trace) = &document.trace
                && document.tokens.is_none()
            {
                overlay.show(ui, document, trace, &map, [queries, keys], next);
            }
            detail::show(ui, document, both, next.item, asked, &map, keys, labels);
        });
    });
}
