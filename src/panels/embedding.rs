//! Points in two or three dimensions: what a layer makes of the data set, tokens, parameters, tables.

mod canvas;
mod side;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{ComboBox, DragValue, RichText, ScrollArea, Ui, vec2};
use layout::Node;
use model::TensorKind;
use session::cloud::{Cloud, Origin, Projection, Subject, Wanted};
use session::{Command, Input, Session};

use crate::panel::{Ask, Panel, Side, View};
use crate::widgets::{empty, grouped};

use canvas::Canvas;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "embedding",
    title: "Embedding",
    about: "Examples, tokens, weights or a table as a cloud of points: PCA, t-SNE, UMAP",
    side: Side::Charts,
    open: false,
    show,
};

/// Width of the column with classes and neighbours, points.
const BESIDE: f32 = 250.0;
/// Parameters that are offered.
const OFFERED: usize = 24;

/// What points are coloured by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Ink {
    /// Their class.
    #[default]
    Class,
    /// The group that they lie in.
    Cluster,
    /// Whether the network is right about them.
    Right,
}

/// What the panel keeps.
pub(super) struct Memory {
    canvas: Canvas,
    ink: Ink,
    /// Points as the pictures that they are.
    pictures: bool,
    /// Another selected layer is mapped at once.
    follow: bool,
    /// The chosen point of a cloud that is no data set.
    point: Option<usize>,
    /// Points inside the last box, or that match the words.
    chosen: BTreeSet<usize>,
    query: String,
    /// Points nearest to the chosen one: of the points, the point, by direction.
    near: Option<Near>,
}

/// Neighbours, and what they are of.
struct Near {
    of: (Arc<Subject>, usize, bool),
    found: Result<Vec<(usize, f32)>, String>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            canvas: Canvas::default(),
            ink: Ink::default(),
            pictures: false,
            follow: true,
            point: None,
            chosen: BTreeSet::new(),
            query: String::new(),
            near: None,
        }
    }
}

/// Neighbours that are named.
const NEAR: usize = 8;

impl Memory {
    /// Points nearest to `point`.
    fn nearest(&mut self, cloud: &Cloud, point: usize) -> &Result<Vec<(usize, f32)>, String> {
        let of = (&cloud.subject, point, cloud.wanted.cosine);
        let same = |n: &Near| Arc::ptr_eq(&n.of.0, of.0) && n.of.1 == of.1 && n.of.2 == of.2;
        if !self.near.as_ref().is_some_and(same) {
            self.near = Some(Near {
                found: cloud.subject.nearest(point, NEAR, cloud.wanted.cosine),
                of: (of.0.clone(), of.1, of.2),
            });
        }
        static NONE: Result<Vec<(usize, f32)>, String> = Ok(Vec::new());
        self.near.as_ref().map_or(&NONE, |n| &n.found)
    }
}

/// The selected layer, by its name.
fn selected(session: &Session) -> Option<String> {
    let document = session.document.as_ref()?;
    match session.state.selection? {
        Node::Layer(layer) => Some(document.network.layer(layer).name.clone()),
        _ => None,
    }
}

/// The last layer before the answer whose output has so many axes: with two a row of features for each
/// example, what a classifier decides by; with three one for each token.
fn telling(session: &Session, axes: usize) -> Option<String> {
    let document = session.document.as_ref()?;
    let network = &document.network;
    let layers = network.main().layers.iter().rev().skip(1);
    let rank = |t: model::TensorId| network.tensor(t).spec.rank();
    let mut flat = layers.filter(|l| {
        network
            .layer(**l)
            .outputs
            .first()
            .copied()
            .flatten()
            .and_then(rank)
            == Some(axes)
    });
    flat.next().map(|l| network.layer(*l).name.clone())
}

/// What can be mapped now, with what it is called.
fn origins(session: &Session) -> Vec<(String, Origin)> {
    let mut all = Vec::new();
    let Some(document) = &session.document else {
        return all;
    };
    if document.samples.is_some()
        && let Some(layer) = selected(session).or_else(|| telling(session, 2))
    {
        all.push((format!("the data set at {layer}"), Origin::Layer(layer)));
    }
    if document.tokens.is_some() {
        let rank = |name: &String| {
            let layer = document.network.layer(document.network.layer_named(name)?);
            let output = layer.outputs.first().copied().flatten()?;
            document.network.tensor(output).spec.rank()
        };
        let chosen = selected(session).filter(|name| rank(name) == Some(3));
        if let Some(layer) = chosen.or_else(|| telling(session, 3)) {
            all.push((format!("the text's tokens at {layer}"), Origin::Tokens(layer)));
        }
    }
    let tables = document.network.tensors.iter().filter(|t| {
        let rows = t.spec.dims().and_then(|d| Some((d.len(), d.first()?.known()?)));
        t.kind == TensorKind::Parameter
            && t.data.is_some()
            && rows.is_some_and(|(rank, rows)| rank == 2 && rows >= 8)
    });
    let named = tables
        .take(OFFERED)
        .map(|t| (format!("rows of {}", t.name), Origin::Parameter(t.name.clone())));
    all.extend(named);
    all
}

/// What a cloud is of, in words.
fn told(origin: &Origin) -> String {
    match origin {
        Origin::Layer(layer) => format!("the data set at {layer}"),
        Origin::Tokens(layer) => format!("the text's tokens at {layer}"),
        Origin::Parameter(name) => format!("rows of {name}"),
        Origin::File(source) => source.name(),
    }
}

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let origins = origins(session);
    let Some(cloud) = &session.cloud else {
        return begin(ui, view, origins);
    };
    let memory = view.memory.of::<Memory>();
    let mut next = cloud.wanted.clone();
    // Points of a layer go along with the layer that is chosen in the scene.
    if memory.follow
        && cloud.stage.is_none()
        && cloud.problem.is_none()
        && let Origin::Layer(layer) = &mut next.origin
        && let Some(wanted) = selected(session)
    {
        *layer = wanted;
    }
    bar(ui, memory, cloud, &origins, &mut next, view.asks);
    if let Some(problem) = &cloud.problem {
        empty(ui, "It cannot be drawn", problem);
    } else {
        let point = match (&session.state.input, &cloud.subject.examples) {
            (Input::Sample(i), Some(_)) => Some(*i),
            (_, Some(_)) => None,
            _ => memory.point,
        };
        let room = ui.available_size();
        ui.horizontal_top(|ui| {
            let beside = BESIDE.min(room.x * 0.4);
            let size = vec2((room.x - beside - 16.0).max(80.0), room.y);
            let picked = ui.allocate_ui(size, |ui| view::show(ui, size, memory, cloud, session, point));
            if let Some(picked) = picked.inner {
                match cloud.subject.examples {
                    Some(_) => view.out.push(Command::Sample(picked)),
                    None => memory.point = Some(picked),
                }
            }
            ScrollArea::vertical()
                .id_salt("beside")
                .auto_shrink(false)
                .show(ui, |ui| {
                    let lines = |ui: &mut Ui| {
                        ui.set_width(beside);
                        side::show(ui, memory, cloud, session, point)
                    };
                    match (ui.vertical(lines).inner, &cloud.subject.examples) {
                        (Some(picked), Some(_)) => view.out.push(Command::Sample(picked)),
                        (Some(picked), None) => memory.point = Some(picked),
                        _ => (),
                    }
                });
        });
    }
    if next != cloud.wanted {
        memory.chosen.clear();
        if next.origin != cloud.wanted.origin {
            memory.point = None;
        }
        view.out.push(Command::Project(Some(next)));
    }
}

/// Where nothing is mapped yet.
fn begin(ui: &mut Ui, view: &mut View, origins: Vec<(String, Origin)>) {
    empty(
        ui,
        "No points yet",
        "Map what a layer makes of the data set, the tokens of a text, the rows of a parameter, or a table of your own.",
    );
    ui.vertical_centered(|ui| {
        for (name, origin) in origins.into_iter().take(4) {
            if ui.button(format!("Map {name}")).clicked() {
                view.out.push(Command::Project(Some(Wanted::new(origin))));
            }
        }
        let about = "NumPy .npy and .npz, CSV and TSV, TensorBoard's projector; labels and names are found";
        if ui.button("Open a table…").on_hover_text(about).clicked() {
            view.asks.push(Ask::OpenTable);
        }
    });
}

fn bar(
    ui: &mut Ui,
    memory: &mut Memory,
    cloud: &Cloud,
    origins: &[(String, Origin)],
    next: &mut Wanted,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal_wrapped(|ui| {
        ComboBox::from_id_salt("origin")
            .selected_text(told(&cloud.wanted.origin))
            .width(220.0)
            .truncate()
            .show_ui(ui, |ui| {
                for (name, origin) in origins {
                    ui.selectable_value(&mut next.origin, origin.clone(), name);
                }
                if ui.selectable_label(false, "Open a table…").clicked() {
                    asks.push(Ask::OpenTable);
                }
            });
        for projection in Projection::ALL {
            let about = match projection {
                Projection::Pca => "The directions in which points differ most",
                Projection::Tsne => "Neighbours stay neighbours; distances between groups say little (van der Maaten and Hinton 2008)",
                Projection::Umap => "Neighbours stay neighbours, groups stand apart (McInnes, Healy and Melville 2018)",
            };
            ui.selectable_value(&mut next.projection, projection, projection.name()).on_hover_text(about);
        }
        ui.separator();
        for dimensions in [2, 3] {
            ui.selectable_value(&mut next.dimensions, dimensions, format!("{dimensions}D"));
        }
        if next.projection != Projection::Pca {
            let name = if next.projection == Projection::Tsne { "perplexity " } else { "neighbours " };
            let most = cloud.subject.len().saturating_sub(1).clamp(2, 200);
            ui.add(DragValue::new(&mut next.neighbours).range(2..=most).prefix(name).update_while_editing(false));
            ui.toggle_value(&mut next.cosine, "cosine").on_hover_text("Near means of one direction, whatever the length");
        }
        if matches!(next.origin, Origin::Layer(_)) {
            ui.toggle_value(&mut memory.follow, "follow").on_hover_text("A layer that is chosen in the scene is mapped at once");
        }
        if cloud.subject.examples.is_some() {
            ui.toggle_value(&mut memory.pictures, "pictures").on_hover_text("Points as the pictures that they are");
        }
        match &cloud.stage {
            Some(stage) => {
                ui.spinner();
                ui.weak(format!("{} {:.0} %", stage.words, 100.0 * stage.share));
            }
            None => {
                let counts = format!("{} points of {}", grouped(cloud.subject.len() as u64), cloud.subject.width);
                ui.label(RichText::new(counts).weak()).on_hover_text("Points, and the dimensions that they have");
            }
        }
    });
}
