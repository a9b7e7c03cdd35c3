//! Layers over the steps of a run: a row a layer, so that one glance shows where a gradient vanishes.

mod heat;
mod paths;
mod ridges;
mod units;

use std::sync::Arc;

use egui::{ComboBox, RichText, ScrollArea, Slider, Ui, UiBuilder};
use layout::Node;
use model::{LayerId, Network, Op, Run};
use session::dynamics::{self, Names, Row, Statistic};
use session::{Board, Command, Session};

use crate::panel::{Panel, Side, View};
use crate::widgets::{empty, grouped};

use heat::Heat;
use paths::Paths;
use ridges::Ridges;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "dynamics",
    title: "Layers over time",
    about: "Gradients, updates, weights and dead units of every layer over the steps of a run",
    side: Side::Charts,
    open: false,
    show,
};

/// What the panel keeps.
struct Memory {
    statistic: Statistic,
    /// What `rows` and `names` are of: run, number of its curves, network.
    of: Option<(String, usize, Option<String>, Statistic)>,
    names: Option<Arc<Names>>,
    rows: Vec<Row>,
    heat: Heat,
    ridges: Vec<Ridges>,
    /// The run whose distributions stand beside, by name.
    beside: Option<String>,
    paths: Paths,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            statistic: Statistic::GradientNorm,
            of: None,
            names: None,
            rows: Vec::new(),
            heat: Heat::default(),
            ridges: Vec::new(),
            beside: None,
            paths: Paths::default(),
        }
    }
}

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let board = &session.state.board;
    let Some(run) = session.histories.as_ref().and_then(|h| h.shown(board)) else {
        return empty(
            ui,
            "No training history is open",
            "Open one to see what each layer did while it learned.",
        );
    };
    let memory = view.memory.of::<Memory>();
    let file = session.document.as_ref().map(|d| d.file.clone());
    let of = (run.name.clone(), run.series.len(), file, memory.statistic);
    if memory.of.as_ref() != Some(&of) {
        memory.names = session.document.as_ref().map(|d| Arc::new(Names::of(&d.network)));
        memory.rows = dynamics::rows(run, memory.statistic, memory.names.as_deref());
        memory.of = Some(of);
    }
    let mut next = Board::clone(board);
    let steps = run.steps();
    ui.horizontal(|ui| {
        ComboBox::from_id_salt("statistic")
            .selected_text(memory.statistic.name())
            .width(150.0)
            .show_ui(ui, |ui| {
                for statistic in Statistic::all() {
                    ui.selectable_value(&mut memory.statistic, statistic, statistic.name())
                        .on_hover_text(statistic.about());
                }
            })
            .response
            .on_hover_text(memory.statistic.about());
        if let Some(quantity) = heat::quantity(memory.statistic) {
            let mut on = session.state.color == Some(quantity);
            if ui
                .toggle_value(&mut on, "In the scene")
                .on_hover_text("Colours the volumes by it")
                .changed()
            {
                view.out.push(Command::Color(on.then_some(quantity)));
            }
        }
        ui.label(RichText::new(format!("of {}", run.name)).weak());
        if let Some((first, last)) = steps.filter(|(a, b)| a < b) {
            let mut at = board.moment.unwrap_or(last).clamp(first, last);
            let words = if next.moment.is_none() {
                "the last step".to_string()
            } else {
                format!("step {}", grouped(at.unsigned_abs()))
            };
            ui.spacing_mut().slider_width = (ui.available_width() - 190.0).clamp(60.0, 420.0);
            let slider = Slider::new(&mut at, first..=last).show_value(false);
            if ui
                .add(slider)
                .on_hover_text("The step that is shown here, in the charts and in the scene")
                .changed()
            {
                next.moment = (at < last).then_some(at);
            }
            ui.label(words);
        }
    });
    if memory.rows.is_empty() {
        let advice = format!(
            "Nothing is recorded under {}. layerscope train and the Python hooks record it; docs/serve.md has the names.",
            dynamics::tag("LAYER", memory.statistic)
        );
        empty(ui, "No layers in this run", &advice);
    } else {
        let chosen = session.state.selection;
        let whole = ui.available_rect_before_wrap();
        let mut left = whole;
        if let (Some(Node::Layer(layer)), Some(document)) = (chosen, &session.document)
            && whole.width() > BESIDE
        {
            left.set_width(whole.width() * 0.56);
            let mut right = whole;
            right.min.x = left.right() + 14.0;
            let mut ui = ui.new_child(UiBuilder::new().max_rect(right));
            ScrollArea::vertical()
                .id_salt("layer")
                .auto_shrink(false)
                .show(&mut ui, |ui| {
                    one(ui, session, memory, run, (&document.network, layer), next.moment);
                });
        }
        let mut ui = ui.new_child(UiBuilder::new().max_rect(left));
        let picked = memory
            .heat
            .show(&mut ui, run, memory.statistic, &memory.rows, next.moment, chosen);
        if let Some((row, step)) = picked {
            next.moment = Some(step).filter(|s| steps.is_none_or(|(_, last)| *s < last));
            if let (Some(layer), Some(document)) = (memory.rows[row].layer, &session.document) {
                let name = document.network.layer(layer).name.clone();
                view.out.push(Command::Select(Some(name)));
            }
        }
    }
    if next != **board {
        view.out.push(Command::Board(next.into()));
    }
}

/// Width from which on distributions stand beside the picture, points.
const BESIDE: f32 = 460.0;

/// Height of ridges, points.
const RIDGES: f32 = 128.0;

/// What was recorded of one layer: its distributions, its units, the ways of its weights.
fn one(
    ui: &mut Ui,
    session: &Session,
    memory: &mut Memory,
    run: &Arc<Run>,
    (network, layer): (&Network, LayerId),
    moment: Option<i64>,
) {
    let normalises = matches!(network.layer(layer).op, Op::BatchNorm { .. });
    let other = normalises.then(|| beside(ui, session, memory, run)).flatten();
    let Some(names) = memory.names.clone() else { return };
    let mut shown = distributions(run, network, &names, layer);
    if let Some(other) = &other {
        shown.extend(distributions(other, network, &names, layer));
    }
    memory.ridges.resize_with(shown.len(), Ridges::default);
    for ((run, tag, title), ridges) in shown.iter().zip(&mut memory.ridges) {
        let color = crate::training::color_of(session, &run.name, session.state.light);
        let title = match &other {
            Some(_) => format!("{title} · {}", run.name),
            None => title.clone(),
        };
        ridges.update(&run.name, tag, &run.histograms[tag]);
        ridges.show(ui, &title, color, moment, RIDGES);
    }
    let units = units::show(ui, run, network, layer, moment);
    let paths = session.training.as_ref().is_some_and(|training| {
        let racer = training.racers.iter().find(|r| r.name == run.name);
        racer.is_some_and(|racer| memory.paths.show(ui, racer, network, layer, moment))
    });
    if shown.is_empty() && !units && !paths {
        empty(
            ui,
            "Nothing else of this layer",
            "Its run recorded no distributions and no units.",
        );
    }
}

/// Lets the user choose a run to compare with: one that was trained without the normalisation, say.
fn beside(ui: &mut Ui, session: &Session, memory: &mut Memory, run: &Arc<Run>) -> Option<Arc<Run>> {
    let runs = &session.histories.as_ref()?.runs;
    if runs.len() < 2 {
        return None;
    }
    ui.horizontal(|ui| {
        ui.label(RichText::new("beside").weak());
        ComboBox::from_id_salt("beside")
            .selected_text(memory.beside.as_deref().unwrap_or("no other run"))
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut memory.beside, None, "no other run");
                for other in runs.iter().filter(|r| r.name != run.name) {
                    ui.selectable_value(&mut memory.beside, Some(other.name.clone()), &other.name);
                }
            });
    });
    let name = memory.beside.as_ref()?;
    runs.iter().find(|r| r.name == *name).cloned()
}

/// The histograms of a layer in a run: run, tag, title. Of a normalisation what goes in and what
/// comes out; of others weights, gradients and activations.
fn distributions(
    run: &Arc<Run>,
    network: &Network,
    names: &Names,
    layer: LayerId,
) -> Vec<(Arc<Run>, String, String)> {
    let of = |group: &str, layer: LayerId| {
        let mut tags = run.histograms.keys();
        let tag = tags.find(|tag| {
            let name = tag.strip_prefix(group).and_then(|t| t.strip_prefix('/'));
            name.is_some_and(|n| names.get(n) == Some(layer))
        });
        tag.cloned()
    };
    let data = network.layer(layer).inputs.first().copied().flatten();
    let before = data.and_then(|t| network.tensor(t).producer);
    let wanted = match (&network.layer(layer).op, before) {
        (Op::BatchNorm { .. }, Some(before)) => vec![
            ("activations", before, "before normalisation"),
            ("activations", layer, "after normalisation"),
        ],
        _ => ["weights", "gradients", "activations"]
            .map(|group| (group, layer, ""))
            .to_vec(),
    };
    let found = wanted.into_iter().filter_map(|(group, layer, title)| {
        let tag = of(group, layer)?;
        let title = if title.is_empty() {
            tag.clone()
        } else {
            title.to_string()
        };
        Some((run.clone(), tag, title))
    });
    found.collect()
}
