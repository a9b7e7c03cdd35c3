//! What in the input speaks for the answer: a map by one method, all methods beside each other, and what
//! the map is worth.

mod checks;
mod controls;
mod figure;
mod tokens;

use std::sync::Arc;

use egui::{Label, ProgressBar, RichText, ScrollArea, Ui, UiBuilder, vec2};
use session::asking::{Explained, Line, METHODS, Question, method};
use session::{Command, Document, Input, Session};

use crate::panel::{Panel, Side, View};
use crate::style;
use crate::widgets::{empty, value};

use controls::Choice;
use figure::{Figure, Gallery};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "attribution",
    title: "Attribution",
    about: "What in the input speaks for the answer, and whether such a map can be believed",
    side: Side::Charts,
    open: false,
    show,
};

/// What the panel keeps.
#[derive(Default)]
struct Memory {
    choice: Choice,
    /// The question of the session that the choice was last brought up to.
    seen: Option<Question>,
    /// Asks again when the input or the weights change.
    follows: bool,
    gallery: Gallery,
}

/// Least width for the checks beside the pictures, points.
const CHECKS: f32 = 240.0;
/// Largest side of a picture, points.
const LARGEST: f32 = 240.0;
/// Height of the names and legends around a picture, points.
const AROUND: f32 = 62.0;
/// Side of a picture among several, points.
const SMALL: f32 = 112.0;

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let Some(document) = &session.document else {
        return empty(
            ui,
            "Nothing is open",
            "Open a network and give it an input: its answer can be traced back to the cells of the input.",
        );
    };
    if let Some((title, advice)) = refusal(session, document) {
        return empty(ui, title, &advice);
    }
    let memory = view.memory.of::<Memory>();
    let line = if memory.choice.several {
        Line::Every
    } else {
        Line::Map
    };
    for line in [Line::Map, Line::Every] {
        let question = session.asked.course(line).map(|c| &c.question);
        if let Some(question) = question.filter(|q| memory.seen.as_ref() != Some(q)) {
            memory.choice.adopt(question);
            memory.seen = Some(question.clone());
        }
    }
    let before = memory.choice.clone();
    let mut asks = ui
        .horizontal_wrapped(|ui| {
            memory.choice.show(ui, session, document);
            course(ui, session, line, memory, view.out)
        })
        .inner;
    // Once asked, it stays up to date.
    asks |= memory.follows && memory.choice != before;
    let ready = document.trace.is_some() && session.busy().is_none();
    let line = if memory.choice.several {
        Line::Every
    } else {
        Line::Map
    };
    asks |= memory.follows && ready && session.asked.course(line).is_none();
    if asks {
        memory.follows = true;
        let question = memory.choice.question();
        memory.seen = Some(question.clone());
        view.out.push(Command::Ask(question));
    }
    match memory.choice.several {
        true => {
            if let Some(method) = several(ui, session, document, memory) {
                (memory.choice.method, memory.choice.several) = (method, false);
                view.out.push(Command::Ask(memory.choice.question()));
            }
        }
        false => one(ui, session, document, memory, view.out),
    }
}

/// Why nothing can be asked.
fn refusal(session: &Session, document: &Document) -> Option<(&'static str, String)> {
    if !document.weighted() {
        let advice = "The file holds no weights, so there is no answer to explain.";
        return Some(("Structure only", advice.into()));
    }
    let network = &document.source;
    let inputs = || network.main().inputs.iter().map(|t| network.tensor(*t));
    let whole = inputs().next().is_some() && inputs().all(|t| t.spec.dtype.is_integer());
    let readable = matches!(document.text, session::Text::Ready(..));
    if whole && readable && document.tokens.is_none() {
        let advice = "Write a text in the panel Input; the answer is then traced back to its tokens.";
        return Some(("No text yet", advice.into()));
    }
    if whole && !readable {
        let names: Vec<&str> = inputs().map(|t| t.name.as_str()).collect();
        let advice = format!(
            "Whole numbers go in ({}): they name tokens, and a token cannot be changed a little. The panel \
             Attention shows what such a network looks at.",
            names.join(", ")
        );
        return Some(("Token numbers have no gradient", advice));
    }
    (session.state.input == Input::None).then(|| {
        let advice = "Give the network one in the panel Input; its answer is then traced back to it.";
        ("No input yet", advice.into())
    })
}

/// How far the question has come, or a button that asks it; true where it is clicked.
fn course(ui: &mut Ui, session: &Session, line: Line, memory: &mut Memory, out: &mut Vec<Command>) -> bool {
    match session.asked.course(line).filter(|c| c.running) {
        Some(course) => {
            let percent = format!("{:.0} %", 100.0 * course.progress);
            ui.add(
                ProgressBar::new(course.progress)
                    .desired_width(110.0)
                    .text(percent),
            );
            if ui.button("Stop").clicked() {
                memory.follows = false;
                out.push(Command::Ask(Question::Stop(line)));
            }
            false
        }
        None => {
            let button = egui::Button::new(RichText::new("Explain").strong());
            let about = "Asked once, it is asked again when the input changes";
            ui.add(button.min_size(vec2(76.0, 22.0)))
                .on_hover_text(about)
                .clicked()
        }
    }
}

/// The name of an element of the output.
fn name(document: &Document, element: usize) -> String {
    let known = document.classes.get(element).cloned();
    known.unwrap_or_else(|| format!("#{element}"))
}

fn problem(ui: &mut Ui, text: &str) {
    let color = style::wrong(ui.visuals());
    ui.add(Label::new(RichText::new(text).color(color)).wrap());
}

/// The map of one method, with what it is worth beside it.
fn one(ui: &mut Ui, session: &Session, document: &Document, memory: &mut Memory, out: &mut Vec<Command>) {
    if let Some(text) = session.asked.course(Line::Map).and_then(|c| c.problem.as_ref()) {
        problem(ui, text);
    }
    let Some(found) = session.asked.map.clone() else {
        let asked = session.asked.course(Line::Map).is_some();
        if let Some(method) = method(memory.choice.method).filter(|_| !asked) {
            let advice = format!("{}: {}\n{}", method.name, method.about, method.source);
            empty(ui, "What in the input speaks for the answer?", &advice);
        }
        return;
    };
    let shown = method(found.method);
    ui.horizontal_wrapped(|ui| {
        let element = name(document, found.element);
        ui.label(RichText::new(format!("{element} {}", value(f64::from(found.score)))).strong());
        if let Some(method) = shown {
            ui.label(RichText::new(method.about).weak())
                .on_hover_text(method.source);
        }
    });
    if tokens::show(ui, &found) {
        return;
    }
    let whole = ui.available_rect_before_wrap();
    let beside = whole.width() > 2.2 * CHECKS;
    let room = if beside {
        whole.width() - CHECKS - 20.0
    } else {
        whole.width()
    };
    let row = found.map.height == 1;
    let side = match beside {
        true => (room / 3.0 - 10.0).min(whole.height() - AROUND),
        false => room / 3.0 - 8.0,
    };
    let side = side.clamp(48.0, LARGEST);
    let title = shown.map_or(found.method, |m| m.name);
    let light = session.state.light;
    let mut pictures = |ui: &mut Ui| match row {
        true => memory.gallery.row(ui, &found, light),
        false => {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 10.0;
                let gallery = &mut memory.gallery;
                for (figure, title) in [
                    (Figure::Input, "Input"),
                    (Figure::Map, title),
                    (Figure::Both, "Both"),
                ] {
                    gallery.figure(ui, document, &found, figure, title, side, light);
                }
            });
        }
    };
    if !beside {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            pictures(ui);
            ui.add_space(8.0);
            checks::show(ui, session, out);
        });
        return;
    }
    let mut left = whole;
    left.set_width(if row { room } else { 3.0 * side + 20.0 });
    let mut right = whole;
    right.min.x = left.right() + 20.0;
    pictures(&mut ui.new_child(UiBuilder::new().max_rect(left)));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(right));
    ScrollArea::vertical()
        .id_salt("checks")
        .auto_shrink(false)
        .show(&mut ui, |ui| checks::show(ui, session, out));
}

/// All methods beside each other; one that is clicked.
fn several(ui: &mut Ui, session: &Session, document: &Document, memory: &mut Memory) -> Option<&'static str> {
    if let Some(text) = session.asked.course(Line::Every).and_then(|c| c.problem.as_ref()) {
        problem(ui, text);
    }
    let every = &session.asked.every;
    let first: Option<Arc<Explained>> = every.iter().find_map(|(_, found)| found.as_ref().ok().cloned());
    let Some(first) = first else {
        let text = format!(
            "{} methods are asked one after the other, each as it is by default.",
            METHODS.len()
        );
        ui.label(RichText::new(text).weak());
        return None;
    };
    let mut clicked = None;
    let element = name(document, first.element);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(format!("{element} {}", value(f64::from(first.score)))).strong());
        ui.label(RichText::new("each map in a range of its own; click one to see it large").weak());
    });
    let light = session.state.light;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(10.0, 8.0);
        let columns = ((ui.available_width() + 4.0) / (SMALL + 10.0)).floor().max(1.0) as usize;
        let cells: Vec<Option<usize>> = std::iter::once(None).chain((0..every.len()).map(Some)).collect();
        for row in cells.chunks(columns) {
            ui.horizontal_top(|ui| {
                for cell in row {
                    let gallery = &mut memory.gallery;
                    let response = match cell {
                        None => gallery.small(ui, document, &first, Figure::Input, "Input", SMALL, light),
                        Some(place) => {
                            let (method, found) = &every[*place];
                            let told = format!("{}: {}\n{}", method.name, method.about, method.source);
                            match found {
                                Ok(found) => {
                                    let figure = Figure::Map;
                                    gallery.small(ui, document, found, figure, method.name, SMALL, light)
                                }
                                Err(problem) => figure::missing(ui, method.name, problem, SMALL),
                            }
                            .on_hover_text(told)
                        }
                    };
                    if let Some(place) = cell.filter(|_| response.clicked()) {
                        clicked = every.get(place).map(|(method, _)| method.id);
                    }
                }
            });
        }
    });
    clicked
}
