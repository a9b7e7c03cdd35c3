//! Which layers make alike of the same rows, what can be read from each, and which rows are alike in one.

mod matrix;
mod rows;

use std::sync::Arc;

use egui::{ComboBox, Label, ProgressBar, RichText, ScrollArea, Ui, vec2};
use session::Command;
use session::asking::{Alike, Line, Question, Similar};

use crate::panel::{Panel, Side, View};
use crate::style;
use crate::widgets::empty;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "similarity",
    title: "Similarity",
    about: "Which layers say alike of the same examples or tokens, and what a linear classifier reads from each",
    side: Side::Charts,
    open: false,
    show,
};

/// What is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Shown {
    /// Layers by layers.
    #[default]
    Layers,
    /// Rows by rows, in one layer.
    Rows,
}

/// What the panel keeps.
#[derive(Default)]
struct Memory {
    shown: Shown,
    measure: Alike,
    /// Alike layers stand together, instead of in flow order.
    grouped: bool,
    matrix: matrix::Picture,
    rows: rows::Rows,
}

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let Some(document) = &session.document else {
        return empty(ui, "No model is open", "Open a model to compare its layers.");
    };
    let memory = view.memory.of::<Memory>();
    ui.horizontal(|ui| {
        ui.selectable_value(&mut memory.shown, Shown::Layers, "Layers");
        ui.selectable_value(&mut memory.shown, Shown::Rows, "Examples or tokens");
    });
    if memory.shown == Shown::Rows {
        return memory.rows.show(ui, session, document, view.out);
    }
    let course = session.asked.course(Line::Layers);
    let running = course.is_some_and(|c| c.running);
    ui.horizontal(|ui| {
        ComboBox::from_id_salt("measure")
            .selected_text(memory.measure.name())
            .width(140.0)
            .show_ui(ui, |ui| {
                for measure in Alike::ALL {
                    let about = about(measure);
                    ui.selectable_value(&mut memory.measure, measure, measure.name())
                        .on_hover_text(about);
                }
            })
            .response
            .on_hover_text(about(memory.measure));
        if let Some(course) = course.filter(|c| c.running) {
            let share = (course.progress * 100.0).round();
            let bar = ProgressBar::new(course.progress).desired_width(160.0);
            ui.add(bar.text(format!("{share} %")));
            if ui.button("Stop").clicked() {
                view.out.push(Command::Ask(Question::Stop(Line::Layers)));
            }
        } else if ui
            .button("Compare layers")
            .on_hover_text("All layers that the scene shows, by what they make of the same rows")
            .clicked()
        {
            let measure = memory.measure;
            view.out.push(Command::Ask(Question::Layers { measure }));
        }
        if session.asked.layers.is_some() {
            ui.toggle_value(&mut memory.grouped, "Group")
                .on_hover_text("Alike layers stand together, with the tree that joins them");
        }
    });
    if let Some(problem) = course.and_then(|c| c.problem.as_ref()) {
        let color = style::wrong(ui.visuals());
        ui.add(Label::new(RichText::new(problem).color(color)).wrap());
    }
    let Some(found) = session.asked.layers.clone() else {
        if !running && course.is_none() {
            let advice = "Compare the layers on show: which make alike of the same examples of the data set, or of \
                          the tokens of a text, and what a linear classifier reads from each.";
            empty(ui, "Nothing compared yet", advice);
        }
        return;
    };
    ui.weak(told(&found));
    ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        let selected = session.state.selection.map(|node| document.name(node));
        let pressed = memory
            .matrix
            .show(ui, &found, memory.grouped, selected.as_deref());
        if let Some(layer) = pressed {
            view.out.push(Command::Select(Some(found.layers[layer].clone())));
        }
        ui.add_space(4.0);
        let size = vec2(ui.available_width().min(700.0), 0.0);
        ui.allocate_ui(size, |ui| {
            ui.add(Label::new(RichText::new(finding(&found)).weak()).wrap())
        });
    });
}

fn about(measure: Alike) -> &'static str {
    match measure {
        Alike::Cka => {
            "Linear centred kernel alignment: 1 where rows lie alike, however turned and scaled (Kornblith 2019)"
        }
        Alike::Unbiased => "CKA whose estimate does not grow with columns; can be below 0 (Nguyen 2021)",
        Alike::Svcca => "Mean correlation of the directions that hold 99 % of the variance (Raghu 2017)",
    }
}

fn told(found: &Arc<Similar>) -> String {
    format!(
        "{} of {} layers by {}; large feature maps count by the mean of each channel",
        found.measure.name(),
        found.layers.len(),
        found.rows
    )
}

/// Where what the layers say changes most, and where a classifier reads most.
fn finding(found: &Similar) -> String {
    let count = found.layers.len();
    let steps = (1..count).map(|i| (i, found.matrix[(i - 1) * count + i]));
    let known = steps.filter(|(_, v)| v.is_finite());
    let mut words = String::new();
    if let Some((i, value)) = known.min_by(|a, b| a.1.total_cmp(&b.1)) {
        words = format!(
            "The largest step from one layer to the next is into {} ({value:.2}).",
            found.layers[i]
        );
    }
    let probes = found.probes.iter().enumerate();
    let best = probes
        .filter_map(|(i, p)| Some((i, (*p)?[1])))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    if let Some((i, accuracy)) = best {
        words += &format!(
            " A linear classifier reads the class best from {}: {:.1} % of examples that it did not see, {:.1} % \
             by always saying the most frequent one.",
            found.layers[i],
            100.0 * accuracy,
            100.0 * found.chance
        );
    }
    words
}
