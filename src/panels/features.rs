//! What a layer's channels look for: their filters, the examples that they answer to most, and the picture
//! that they would like to see.

mod alike;
mod channel;
mod filters;
mod maps;
mod samples;

use egui::{ComboBox, Label, ProgressBar, RichText, ScrollArea, Ui, UiBuilder};
use layout::Node;
use model::{LayerId, Network};
use session::asking::{Course, Line, Question};
use session::{Command, Document, Session};

use crate::panel::{Panel, Side, View};
use crate::style;
use crate::widgets::{empty, room};

use alike::Alike;
use channel::Channel;
use filters::{Filters, Seen};
use samples::Samples;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "features",
    title: "Features",
    about: "Filters of a layer, the examples that its channels answer to, and what they would like to see",
    side: Side::Charts,
    open: false,
    show,
};

/// How filters are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Order {
    /// The strongest first.
    #[default]
    Norm,
    Number,
    /// Alike ones together.
    Group,
}

impl Order {
    const ALL: [(Order, &'static str); 3] = [
        (Order::Norm, "by norm"),
        (Order::Number, "by number"),
        (Order::Group, "alike together"),
    ];

    fn of(self, filters: &Filters, alike: &Alike) -> Vec<usize> {
        match (self, alike.order()) {
            (Order::Group, Some(order)) => order.to_vec(),
            (Order::Number, _) => filters.order(true),
            _ => filters.order(false),
        }
    }
}

/// What the panel keeps.
#[derive(Default)]
struct Memory {
    filters: Option<Filters>,
    samples: Samples,
    channel: Channel,
    alike: Alike,
    order: Order,
    seen: Seen,
    /// The channel that is looked at.
    chosen: usize,
}

/// Width of what is told of one channel, points.
const DETAIL: f32 = 330.0;

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let Some(document) = &session.document else {
        return empty(
            ui,
            "Nothing is open",
            "Open a network to see what its convolutions and dense layers look for.",
        );
    };
    if !document.weighted() {
        return empty(
            ui,
            "Structure only",
            "The file holds no weights, so its layers look for nothing yet.",
        );
    }
    let network = &document.network;
    let known: Vec<LayerId> = network
        .main()
        .layers
        .iter()
        .copied()
        .filter(|l| filters::has(network, *l))
        .collect();
    if known.is_empty() {
        return empty(
            ui,
            "No filters",
            "The network has no convolution and no dense layer with stored weights.",
        );
    }
    let selected = match session.state.selection {
        Some(Node::Layer(layer)) => known.contains(&layer).then_some(layer),
        _ => None,
    };
    let memory = view.memory.of::<Memory>();
    let light = session.state.light;
    let chosen = ui
        .horizontal_wrapped(|ui| {
            layers(ui, network, &known, selected, view.out);
            let layer = selected?;
            // The weights change under a training, and the address with them.
            if let Seen::Input(known) = &mut memory.seen {
                let projected = session.asked.projected.as_ref();
                let mine = projected.filter(|(of, _)| *of == network.layer(layer).name);
                *known = mine.map(|(_, found)| found.clone());
            }
            let stale = memory
                .filters
                .as_ref()
                .is_none_or(|f| !f.is_of(network, layer, &memory.seen, light));
            if stale {
                let other = memory.filters.as_ref().is_none_or(|f| f.layer != layer);
                if other {
                    (memory.seen, memory.chosen) = (Seen::Own, 0);
                }
                memory.filters = Filters::of(ui, network, layer, memory.seen.clone(), light);
                if let Some(first) = memory.filters.as_ref().filter(|_| other) {
                    memory.alike.update(first);
                    let order = memory.order.of(first, &memory.alike);
                    memory.chosen = order.first().copied().unwrap_or(0);
                }
            }
            let filters = memory.filters.as_ref()?;
            memory.alike.update(filters);
            room(ui, 96.0);
            sorting(ui, &mut memory.order);
            seeing(ui, session, network, filters, &mut memory.seen, view.out);
            examples(ui, session, document, network, layer, view.out);
            ui.add(Label::new(RichText::new(filters.words()).weak()).truncate());
            Some(layer)
        })
        .inner;
    let (Some(layer), Some(filters)) = (chosen, &memory.filters) else {
        let advice = match selected {
            None => "Choose one above, or click it in the scene.",
            Some(_) => "The weights of this layer cannot be read.",
        };
        return empty(ui, "Select a convolution or a dense layer", advice);
    };
    if let Some(problem) = session
        .asked
        .course(Line::Examples)
        .and_then(|c| c.problem.as_ref())
    {
        let color = style::wrong(ui.visuals());
        ui.add(Label::new(RichText::new(problem).color(color)).wrap());
    }
    let name = &network.layer(layer).name;
    let found = session.asked.examples.as_ref().filter(|e| e.layer == *name);
    let top = found.map_or(&[][..], |e| &e.channels);
    let sheet = memory.samples.sheet(ui, document);
    let whole = ui.available_rect_before_wrap();
    let beside = whole.width() > 1.8 * DETAIL;
    let mut left = whole;
    if beside {
        left.max.x -= DETAIL + 16.0;
    } else {
        left.max.y = left.top() + whole.height() * 0.45;
    }
    let mut right = whole;
    if beside {
        right.min.x = left.right() + 16.0;
    } else {
        right.min.y = left.bottom() + 8.0;
    }
    let mut ui_left = ui.new_child(UiBuilder::new().max_rect(left));
    let order = memory.order.of(filters, &memory.alike);
    ScrollArea::vertical()
        .id_salt("filters")
        .auto_shrink(false)
        .show(&mut ui_left, |ui| {
            filters.grid(ui, &order, top, sheet.as_ref(), &mut memory.chosen);
        });
    let mut ui_right = ui.new_child(UiBuilder::new().max_rect(right));
    let place = memory.chosen;
    ScrollArea::vertical()
        .id_salt("channel")
        .auto_shrink(false)
        .show(&mut ui_right, |ui| {
            let top = top.get(place).map_or(&[][..], Vec::as_slice);
            memory.channel.show(
                ui,
                session,
                document,
                filters,
                &mut memory.alike,
                place,
                top,
                sheet.as_ref(),
                view.out,
            );
        });
}

/// Lets the layer be chosen.
fn layers(
    ui: &mut Ui,
    network: &Network,
    known: &[LayerId],
    selected: Option<LayerId>,
    out: &mut Vec<Command>,
) {
    let name = |layer: LayerId| network.layer(layer).name.as_str();
    ComboBox::from_id_salt("layer")
        .width(150.0)
        .height(360.0)
        .selected_text(selected.map_or("choose a layer", name))
        .show_ui(ui, |ui| {
            for &layer in known {
                if ui
                    .selectable_label(selected == Some(layer), name(layer))
                    .clicked()
                {
                    out.push(Command::Select(Some(name(layer).into())));
                }
            }
        })
        .response
        .on_hover_text("Convolutions and dense layers; the one that is selected in the scene");
}

fn sorting(ui: &mut Ui, order: &mut Order) {
    let now = Order::ALL
        .iter()
        .find(|(o, _)| o == order)
        .map_or("", |(_, name)| name);
    ComboBox::from_id_salt("order")
        .width(106.0)
        .selected_text(now)
        .show_ui(ui, |ui| {
            for (choice, name) in Order::ALL {
                ui.selectable_value(order, choice, name);
            }
        });
}

/// Lets one of several input channels be chosen, or what filters of a deep layer come to in the input.
fn seeing(
    ui: &mut Ui,
    session: &Session,
    network: &Network,
    filters: &Filters,
    seen: &mut Seen,
    out: &mut Vec<Command>,
) {
    let layer = network.layer(filters.layer);
    let fed = &network.main().inputs;
    let first = layer.inputs.first().copied().flatten();
    let deep = first.is_some_and(|t| !fed.contains(&t));
    let picture = fed
        .first()
        .is_some_and(|t| network.tensor(*t).spec.rank() > Some(2));
    let planes = if matches!(filters.inputs, 1 | 3) {
        0
    } else {
        filters.inputs
    };
    if planes == 0 && !(deep && picture) {
        return;
    }
    let own = if planes > 0 {
        "mean of its inputs"
    } else {
        "its weights"
    };
    let words = |seen: &Seen| match seen {
        Seen::Own => own.to_string(),
        Seen::Plane(plane) => format!("input {plane}"),
        Seen::Input(_) => "down to the picture".into(),
    };
    let question = Question::Project {
        layer: layer.name.clone(),
    };
    let course = session.asked.course(Line::Project);
    let course = course.filter(|c| c.question == question);
    room(ui, 150.0);
    ComboBox::from_id_salt("plane")
        .width(140.0)
        .height(300.0)
        .selected_text(words(seen))
        .show_ui(ui, |ui| {
            ui.selectable_value(seen, Seen::Own, own);
            if deep && picture {
                let down = matches!(seen, Seen::Input(_));
                let about = "What the weights of all layers come to, with activations that let everything \
                             through: Voss et al., Visualizing Weights, Distill 2021";
                let chosen = ui
                    .selectable_label(down, words(&Seen::Input(None)))
                    .on_hover_text(about);
                if chosen.clicked() && !down {
                    *seen = Seen::Input(None);
                    if course.is_none() {
                        out.push(Command::Ask(question.clone()));
                    }
                }
            }
            for i in 0..planes {
                ui.selectable_value(seen, Seen::Plane(i), words(&Seen::Plane(i)));
            }
        })
        .response
        .on_hover_text("Which of the channels that it reads is drawn, or what it looks for in the picture");
    if !matches!(seen, Seen::Input(_)) {
        return;
    }
    if settled(ui, course, Line::Project, out) {
        return;
    }
    if let Some(problem) = course.and_then(|c| c.problem.as_ref()) {
        ui.label(RichText::new(problem).color(style::wrong(ui.visuals())));
    } else if ui.button("Follow down").clicked() {
        // Weights that changed have other filters.
        out.push(Command::Ask(question));
    }
}

/// True for a question that has its answer or is worked on, which is drawn with a way to stop it.
fn settled(ui: &mut Ui, course: Option<&Course>, line: Line, out: &mut Vec<Command>) -> bool {
    let Some(course) = course else { return false };
    if course.running {
        ui.add(ProgressBar::new(course.progress).desired_width(90.0));
        if ui.button("Stop").clicked() {
            out.push(Command::Ask(Question::Stop(line)));
        }
    }
    course.running || course.done()
}

/// A button that looks for the examples of the layer, or how far that has come.
fn examples(
    ui: &mut Ui,
    session: &Session,
    document: &Document,
    network: &Network,
    layer: LayerId,
    out: &mut Vec<Command>,
) {
    let name = &network.layer(layer).name;
    let mine = Question::Examples { layer: name.clone() };
    let course = session
        .asked
        .course(Line::Examples)
        .filter(|c| c.question == mine);
    if settled(ui, course, Line::Examples, out) {
        return;
    }
    let button = egui::Button::new("Find examples");
    let asked = ui
        .add_enabled(document.samples.is_some(), button)
        .on_hover_text("The examples of the data set that each channel answers to most")
        .on_disabled_hover_text("No data set belongs to this network")
        .clicked();
    if asked {
        out.push(Command::Ask(mine));
    }
}
