//! Layers over the steps of a run: a row a layer, so that one glance shows where a gradient vanishes.

mod heat;
mod ridges;

use egui::{ComboBox, RichText, ScrollArea, Slider, Ui, UiBuilder};
use layout::Node;
use model::Run;
use session::dynamics::{self, Names, Row, Statistic};
use session::{Board, Command};

use crate::panel::{Panel, Side, View};
use crate::widgets::{empty, grouped};

use heat::Heat;
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
    names: Option<Names>,
    rows: Vec<Row>,
    heat: Heat,
    ridges: [Ridges; 3],
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            statistic: Statistic::GradientNorm,
            of: None,
            names: None,
            rows: Vec::new(),
            heat: Heat::default(),
            ridges: Default::default(),
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
        memory.names = session.document.as_ref().map(|d| Names::of(&d.network));
        memory.rows = dynamics::rows(run, memory.statistic, memory.names.as_ref());
        memory.of = Some(of);
    }
    let mut next = Board::clone(board);
    let steps = run.steps();
    ui.horizontal(|ui| {
        ComboBox::from_id_salt("statistic")
            .selected_text(memory.statistic.name())
            .width(150.0)
            .show_ui(ui, |ui| {
                for statistic in Statistic::ALL {
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
        let layer = match chosen {
            Some(Node::Layer(layer)) => memory
                .rows
                .iter()
                .filter(|r| r.layer == Some(layer))
                .map(|r| &r.name)
                .collect(),
            _ => Vec::new(),
        };
        let tags = distributions(run, &layer);
        let whole = ui.available_rect_before_wrap();
        let mut left = whole;
        if !tags.is_empty() && whole.width() > BESIDE {
            left.set_width(whole.width() * 0.56);
            let mut right = whole;
            right.min.x = left.right() + 14.0;
            let mut ui = ui.new_child(UiBuilder::new().max_rect(right));
            let height = (right.height() / tags.len() as f32 - 6.0).max(90.0);
            let color = ui.visuals().hyperlink_color;
            ScrollArea::vertical()
                .id_salt("ridges")
                .auto_shrink(false)
                .show(&mut ui, |ui| {
                    for (tag, ridges) in tags.iter().zip(&mut memory.ridges) {
                        ridges.update(&run.name, tag, &run.histograms[*tag]);
                        ridges.show(ui, tag, color, next.moment, height);
                    }
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

/// Tags of the histograms of weights, gradients and activations of a layer, known by `names`.
fn distributions<'a>(run: &'a Run, names: &[&String]) -> Vec<&'a String> {
    let names: Vec<String> = names.iter().map(|n| dynamics::plain(n)).collect();
    let of = |group: &str| {
        let mut tags = run.histograms.keys();
        tags.find(|tag| {
            let name = tag
                .strip_prefix(group)
                .and_then(|t| t.strip_prefix('/'))
                .map(dynamics::plain);
            name.is_some_and(|n| names.contains(&n))
        })
    };
    ["weights", "gradients", "activations"]
        .into_iter()
        .filter_map(of)
        .collect()
}
