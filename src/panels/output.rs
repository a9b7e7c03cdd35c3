//! What the network says: the five largest scores.

use std::sync::Arc;

use egui::{Label, RichText, ScrollArea, Ui};
use session::{Command, Input, Score};

use crate::panel::{Panel, Side, View};
use crate::style;
use crate::widgets::{bar, empty, grouped, line, mark_here, value};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "output",
    title: "Output",
    about: "What the network says about the input",
    side: Side::Right,
    open: true,
    show,
};

/// The largest scores, ranked once a pass: a language model has many.
#[derive(Default)]
struct State {
    of: Option<(Arc<model::Trace>, bool)>,
    top: Vec<Score>,
    count: usize,
}

/// Scores that are shown.
const TOP: usize = 5;

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let Some(document) = &session.document else {
        return empty(ui, "No answer yet", "Open a model, then give it an input.");
    };
    let Some(trace) = &document.trace else {
        let advice = match (session.state.input == Input::None, session.busy().is_some()) {
            (_, true) => "The pass is on its way.",
            (true, _) if !document.weighted() => "The file holds no weights, so nothing can flow.",
            (true, _) => "Give an input to see what the network says.",
            (false, _) => "The last pass failed: the log says where and why.",
        };
        return empty(ui, "No answer yet", advice);
    };
    let softmax = session.state.softmax;
    let state = view.memory.of::<State>();
    let known = |(t, s): &(Arc<model::Trace>, bool)| Arc::ptr_eq(t, trace) && *s == softmax;
    if !state.of.as_ref().is_some_and(known) {
        let Some(output) = session.output() else {
            if texts(ui, session, document) {
                return;
            }
            return plain(ui, view, trace);
        };
        *state = State {
            of: Some((trace.clone(), softmax)),
            top: output.ranked(TOP),
            count: output.scores.len(),
        };
    }
    let (top, count) = (state.top.clone(), state.count);
    ui.horizontal(|ui| {
        let mut softmax = session.state.softmax;
        for (on, text, about) in [
            (true, "Probabilities", "Scores after a softmax"),
            (false, "Raw", "Scores as the network gives them"),
        ] {
            if ui
                .selectable_value(&mut softmax, on, text)
                .on_hover_text(about)
                .changed()
            {
                view.out.push(Command::Softmax(softmax));
            }
        }
    });
    verdict(ui, view, top.first().map(|s| s.index));
    let largest = top
        .iter()
        .map(|s| s.value.abs())
        .fold(f32::MIN_POSITIVE, f32::max);
    ui.spacing_mut().item_spacing.y = 3.0;
    ScrollArea::vertical().show(ui, |ui| {
        for score in top {
            let chosen = session.state.unit == Some(score.index);
            let (share, text) = match session.state.softmax {
                true => (score.value, format!("{:.1} %", 100.0 * score.value)),
                false => (score.value.max(0.0) / largest, value(f64::from(score.value))),
            };
            let hint = match chosen {
                true => "Gradients are of this class; click for the largest again",
                false => "Click for the gradients of this class",
            };
            if bar(ui, &score.name, &text, share, chosen)
                .on_hover_text(hint)
                .clicked()
            {
                view.out.push(Command::Unit((!chosen).then_some(score.index)));
            }
        }
        if count > TOP {
            ui.add(Label::new(
                RichText::new(format!("the largest {TOP} of {}", grouped(count as u64)))
                    .weak()
                    .small(),
            ));
        }
    });
}

/// What the network says about each of several texts; false where it gives no list of scores for each.
fn texts(ui: &mut Ui, session: &session::Session, document: &session::Document) -> bool {
    let Input::Text(texts) = &session.state.input else {
        return false;
    };
    let output = document.network.main().outputs.first();
    let tensor = output.and_then(|t| document.trace.as_ref()?.tensors.get(t));
    let Some((tensor, values)) = tensor.and_then(|t| Some((t, t.host()?))) else {
        return false;
    };
    let &[items, count] = &tensor.shape[..] else {
        return false;
    };
    if items != texts.len() || count < 2 || document.classes.len() != count {
        return false;
    }
    let rows = values.chunks_exact(count).zip(texts.iter()).enumerate();
    ScrollArea::vertical().show(ui, |ui| {
        for (i, (scores, text)) in rows {
            let shares = match session.state.softmax {
                true => analyze::softmax(scores),
                false => scores.to_vec(),
            };
            let best = (0..count)
                .max_by(|a, b| shares[*a].total_cmp(&shares[*b]))
                .unwrap_or(0);
            line(ui, RichText::new(format!("{}: {text}", i + 1)).weak()).on_hover_text(text);
            let (share, words) = match session.state.softmax {
                true => (shares[best], format!("{:.1} %", 100.0 * shares[best])),
                false => (1.0, value(f64::from(shares[best]))),
            };
            bar(ui, &document.classes[best], &words, share, false);
        }
    });
    true
}

/// Whether the answer is the sample's label.
fn verdict(ui: &mut Ui, view: &View, best: Option<usize>) {
    let samples = view.session.document.as_ref().and_then(|d| d.samples.as_ref());
    let (Some(samples), Input::Sample(i), Some(best)) = (samples, &view.session.state.input, best) else {
        return;
    };
    let right = best == usize::from(samples.labels[*i]);
    ui.horizontal(|ui| {
        mark_here(ui, right);
        let color = match right {
            true => style::right(ui.visuals()),
            false => style::wrong(ui.visuals()),
        };
        let text = match right {
            true => format!("right: {}", samples.class_of(*i)),
            false => format!("wrong: the label is {}", samples.class_of(*i)),
        };
        line(ui, RichText::new(text).color(color));
    });
}

/// Outputs that are no list of scores.
fn plain(ui: &mut Ui, view: &View, trace: &model::Trace) {
    let Some(document) = &view.session.document else {
        return;
    };
    ui.weak("This network does not end in a list of scores.");
    ScrollArea::vertical().show(ui, |ui| {
        for &id in &document.network.main().outputs {
            let tensor = document.network.tensor(id);
            line(ui, RichText::new(&tensor.name).strong());
            ui.weak(tensor.spec.to_string());
            if let Some(s) = trace.tensors.get(&id).and_then(|t| t.summary) {
                let [min, max, mean] = [s.min, s.max, s.mean].map(|v| value(f64::from(v)));
                ui.label(format!("{min} to {max}, mean {mean}"));
            }
        }
    });
}
