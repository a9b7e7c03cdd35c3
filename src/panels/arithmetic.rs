//! How one number of a layer comes about: what goes in, what it is multiplied by, the sum, what comes after.

mod cells;
mod list;
mod window;

use std::sync::Arc;

use egui::{DragValue, RichText, ScrollArea, Slider, Ui};
use layout::Node;
use model::{LayerId, TensorId, Trace, Values};
use session::arithmetic::{Cell, Rule, Working, index};
use session::{Command, Document, Session};

use cells::number;

use crate::panel::{Panel, Side, View};
use crate::style;
use crate::widgets::{empty, grouped};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "arithmetic",
    title: "Arithmetic",
    about: "How one number of a layer comes about: patch, kernel, products, sum, bias, activation",
    side: Side::Charts,
    open: false,
    show,
};

/// Letters of a layer's name.
const NAME: usize = 26;
/// Terms that are gone through in a second.
const PACE: f32 = 3.0;

/// What the panel keeps.
#[derive(Default)]
struct Memory {
    of: Option<(Arc<Trace>, Cell)>,
    working: Option<Result<Arc<Working>, String>>,
    /// The terms in the order in which they are gone through.
    order: Vec<usize>,
    /// How many of them are summed up.
    at: f32,
    playing: bool,
}

impl Memory {
    fn update(&mut self, document: &Document, trace: &Arc<Trace>, cell: &Cell) {
        let same = |(t, c): &(Arc<Trace>, Cell)| Arc::ptr_eq(t, trace) && c == cell;
        // Numbers that are on their way come without a new pass.
        if self.of.as_ref().is_some_and(same) && matches!(self.working, Some(Ok(_))) {
            return;
        }
        let moved = self.of.as_ref().is_none_or(|(_, c)| c != cell);
        let working = document.working(cell).map(Arc::new);
        if let Ok(working) = &working {
            self.order = window::order(working).unwrap_or_else(|| working.ranked());
        }
        if moved {
            (self.at, self.playing) = (f32::MAX, false);
        }
        self.of = Some((trace.clone(), cell.clone()));
        self.working = Some(working);
    }

    /// The term that is being added, while they are gone through.
    fn lit(&self) -> Option<usize> {
        self.order.get(self.at as usize).copied()
    }
}

/// The layer whose number is looked at: the selected one, else the last one.
fn looked_at(session: &Session, document: &Document) -> Option<LayerId> {
    let selected = match session.state.selection {
        Some(Node::Layer(id)) => document.source.layer_named(&document.network.layer(id).name),
        _ => None,
    };
    let last = || document.source.layer_named(&session.cell.as_ref()?.layer);
    selected.or_else(last)
}

fn show(ui: &mut Ui, view: &mut View) {
    let Some(document) = &view.session.document else {
        return empty(
            ui,
            "No model is open",
            "Open a model to see how its numbers come about.",
        );
    };
    let Some(layer) = looked_at(view.session, document) else {
        let advice = "Click a cell in the scene, or select a layer: its strongest number is worked out.";
        return empty(ui, "No number is chosen", advice);
    };
    let name = &document.source.layer(layer).name;
    let Some(trace) = &document.trace else {
        return empty(
            ui,
            name,
            "Give the network an input first: numbers come from a pass.",
        );
    };
    let known = view.session.cell.as_ref().filter(|c| c.layer == *name).cloned();
    let Some(cell) = known.clone().or_else(|| document.strongest_cell(layer)) else {
        return empty(ui, name, "The last pass did not keep its output.");
    };
    // What it reads is brought from a graphics device for a number that is looked at.
    let there = trace
        .tensors
        .values()
        .all(|t| matches!(t.values, Values::Host(_)));
    if known.is_none() && !there {
        view.out.push(Command::Cell(Some(cell.clone())));
    }
    let memory = view.memory.of::<Memory>();
    memory.update(document, trace, &cell);
    head(ui, document, layer, &cell, view.out);
    let Some(Ok(working)) = memory.working.clone() else {
        if let Some(Err(problem)) = &memory.working {
            empty(ui, "Not worked out", problem);
        }
        return;
    };
    play(ui, memory);
    ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        chain(ui, document, &working, memory);
        ui.add_space(6.0);
        let pressed = match window::sizes(&working) {
            Some(sizes) => window::show(ui, &working, sizes, memory.lit(), document),
            None => list::show(ui, &working, &memory.order, memory.lit(), document),
        };
        if let Some(term) = pressed
            && let Some(place) = working.places[term]
        {
            view.out.extend(follow(document, working.source, place));
        }
    });
}

/// The layer and the indices of the number, which can be changed.
fn head(ui: &mut Ui, document: &Document, layer: LayerId, cell: &Cell, out: &mut Vec<Command>) {
    let shape = document.shape_of(layer).unwrap_or_default().to_vec();
    let mut at = index(cell.place, &shape);
    let before = at.clone();
    ui.horizontal(|ui| {
        ui.label(RichText::new(&cell.layer).strong());
        ui.weak(&document.source.layer(layer).kind);
        for (axis, (at, &size)) in at.iter_mut().zip(&shape).enumerate() {
            let name = cells::axis(axis, shape.len());
            let last = size.saturating_sub(1);
            let drag = DragValue::new(at).range(0..=last).prefix(format!("{name} "));
            ui.add(drag).on_hover_text(format!("0 to {last}"));
        }
        let strongest = ui
            .button("Strongest")
            .on_hover_text("The number of largest magnitude");
        if strongest.clicked() {
            out.push(Command::Cell(document.strongest_cell(layer)));
        }
    });
    if at != before {
        let place = at.iter().zip(&shape).fold(0, |sum, (at, size)| sum * size + at);
        out.push(Command::Cell(Some(Cell {
            layer: cell.layer.clone(),
            place,
        })));
    }
}

/// Goes through the terms one by one.
fn play(ui: &mut Ui, memory: &mut Memory) {
    let count = memory.order.len() as f32;
    if count < 2.0 {
        return;
    }
    ui.horizontal(|ui| {
        let word = if memory.playing {
            "Pause"
        } else {
            "Go through the terms"
        };
        if ui.button(word).clicked() {
            memory.playing = !memory.playing;
            if memory.at >= count {
                memory.at = 0.0;
            }
        }
        let mut at = memory.at.min(count);
        ui.spacing_mut().slider_width = 160.0;
        if ui
            .add(Slider::new(&mut at, 0.0..=count).show_value(false))
            .changed()
        {
            (memory.at, memory.playing) = (at, false);
        }
        let told = match memory.at >= count {
            true => format!("all {} terms", grouped(count as u64)),
            false => format!("term {} of {}", memory.at as usize + 1, grouped(count as u64)),
        };
        ui.weak(told);
    });
    if memory.playing {
        memory.at += PACE * (count / 40.0).max(1.0) * ui.input(|i| i.stable_dt).min(0.1);
        memory.playing = memory.at < count;
        ui.ctx().request_repaint();
    }
}

/// The end of a long name, which tells more than its beginning.
fn tail(name: &str) -> String {
    match name.char_indices().rev().nth(NAME - 1) {
        Some((at, _)) if at > 0 => format!("…{}", &name[at..]),
        _ => name.into(),
    }
}

/// A number that is added, with its sign before it.
fn added(v: f32) -> String {
    match v < 0.0 {
        true => format!(" − {}", number(-v)),
        false => format!(" + {}", number(v)),
    }
}

/// The sum, the bias, and what later layers make of it, line by line.
fn chain(ui: &mut Ui, document: &Document, working: &Working, memory: &Memory) {
    let count = grouped(working.inputs.len() as u64);
    let sum: f64 = working.products.iter().map(|&p| f64::from(p)).sum();
    let layer = &document.source.layer(working.layer).name;
    let factor = working.factor.map(|f| format!(" × {}", number(f)));
    let factor = factor.unwrap_or_default();
    let words = match working.rule {
        Rule::WeightedSum => {
            let bias = working.bias.map(|b| format!("{} (bias)", added(b)));
            let bias = bias.unwrap_or_default();
            format!("{} (sum of {count} products){factor}{bias}", number(sum as f32))
        }
        Rule::Mean(n) => format!("{} (sum) / {n}", number(sum as f32)),
        Rule::Max => format!("largest of {count}"),
        Rule::Norm(p) => format!("root of order {p} of {}", number(sum as f32)),
        Rule::Softmax => format!("its exponential over the sum of {count}"),
        Rule::Sum => format!("sum of {count} numbers"),
        Rule::Product => format!("product of {count} numbers"),
        Rule::Difference => "the first minus the second".into(),
        Rule::Quotient => "the first over the second".into(),
        Rule::Normalised { own, mean, deviation } => {
            let shift = working.bias.map(added).unwrap_or_default();
            let own = number(working.inputs[own]);
            let off = match mean {
                0.0 => own,
                _ => format!("({own}{} (mean of {count}))", added(-mean)),
            };
            format!("{off} / {} (deviation){factor}{shift}", number(deviation))
        }
        Rule::Moved => {
            let kept = document
                .trace
                .as_ref()
                .and_then(|t| t.tensors.get(&working.source));
            let stored = || document.source.tensor(working.source).data.as_ref();
            let shape = match kept {
                Some(kept) => kept.shape.clone(),
                None => stored().map_or(Vec::new(), |d| d.shape.iter().map(|&n| n as usize).collect()),
            };
            let place = working.places.first().copied().flatten().unwrap_or(0);
            let from = &document.source.tensor(working.source).name;
            format!("as it stands at {:?} of {}", index(place, &shape), tail(from))
        }
        Rule::Given => "as it comes in".into(),
    };
    let good = style::right(ui.visuals());
    let bad = style::wrong(ui.visuals());
    egui::Grid::new("chain")
        .num_columns(4)
        .spacing([14.0, 4.0])
        .show(ui, |ui| {
            let mut line = |name: &str, words: &str, value: f32, given: Option<f32>| {
                ui.label(RichText::new(tail(name)).weak()).on_hover_text(name);
                ui.label(words);
                ui.label(RichText::new(format!("= {}", number(value))).strong());
                match given {
                    Some(given) if (given - value).abs() <= 1e-3 * value.abs().max(1.0) => {
                        ui.label(RichText::new("as in the pass").color(good).small());
                    }
                    Some(given) => {
                        let told = format!("the pass has {}", number(given));
                        ui.label(RichText::new(told).color(bad).small());
                    }
                    None => _ = ui.label(""),
                }
                ui.end_row();
            };
            line(layer, &words, working.value, working.given);
            for step in &working.then {
                line(
                    &document.source.layer(step.layer).name,
                    &step.words,
                    step.value,
                    step.given,
                );
            }
            if let Some(term) = memory.lit() {
                let so_far: f64 = memory.order[..=memory.at as usize]
                    .iter()
                    .map(|&t| f64::from(working.products[t]))
                    .sum();
                line("so far", &cells::told(working, term), so_far as f32, None);
            }
        });
}

/// Looks at the number that a term reads: one layer back.
fn follow(document: &Document, tensor: TensorId, place: usize) -> Vec<Command> {
    let of = document.source.tensor(tensor);
    let Some(producer) = of.producer else {
        return vec![Command::Select(Some(of.name.clone()))];
    };
    let layer = document.source.layer(producer).name.clone();
    let mut out = vec![Command::Select(Some(layer.clone()))];
    if document.source.layer(producer).outputs.first() == Some(&Some(tensor)) {
        out.push(Command::Cell(Some(Cell { layer, place })));
    }
    out
}
