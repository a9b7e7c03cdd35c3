//! Points in two or three dimensions: what a layer makes of the data set, tokens, parameters, tables.

mod bar;
mod canvas;
mod choose;
mod dots;
mod grid;
pub(crate) mod handed;
mod lens;
mod paint;
mod side;
mod sums;
mod view;

use std::sync::Arc;

use egui::{ScrollArea, Ui, vec2};
use layout::Node;
use model::TensorKind;
use session::cloud::{Cloud, Origin, Subject, Wanted};
use session::{Command, Input, Session};

use crate::panel::{Ask, Panel, Side, View};
use crate::widgets::empty;

use canvas::Canvas;
use choose::Chosen;
use handed::Handed;
use paint::{Ink, Paint};

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
/// Neighbours that are named.
const NEAR: usize = 8;

/// What Shift and a drag draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tool {
    #[default]
    Box,
    Lasso,
}

/// What the panel keeps.
struct Memory {
    canvas: Canvas,
    ink: Ink,
    /// What points are sized by.
    size: Ink,
    paint: Paint,
    /// Points as the pictures that they are, and these in the colours of the points.
    pictures: bool,
    tinted: bool,
    /// Another selected layer is mapped at once.
    follow: bool,
    /// The chosen point of a cloud that is no data set.
    point: Option<usize>,
    /// Points inside the last box or loop, or that match the words.
    chosen: Chosen,
    tool: Tool,
    query: String,
    /// Groups that k-means is asked for.
    groups: usize,
    /// Points nearest to the chosen one: of the points, the point, by direction.
    near: Option<Near>,
    sums: sums::Sums,
    counts: side::Counts,
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
            size: Ink::Plain,
            paint: Paint::default(),
            pictures: false,
            tinted: true,
            follow: true,
            point: None,
            chosen: Chosen::default(),
            tool: Tool::default(),
            query: String::new(),
            groups: 8,
            near: None,
            sums: sums::Sums::default(),
            counts: side::Counts::default(),
        }
    }
}

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
    // The doorway is somebody else's: it goes out of the memory while the panel has its own.
    let mut handed = std::mem::take(view.memory.of::<Handed>());
    handed.wanted = None;
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
    bar::show(ui, memory, cloud, &origins, &mut next, view.asks);
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
            let of = (cloud, session);
            let picked = ui.allocate_ui(size, |ui| view::show(ui, size, memory, of, point, &mut handed));
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
                        side::show(ui, memory, (cloud, session), point, &mut next, view.out)
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
        // The same points stay chosen, wherever they go.
        if next.origin != cloud.wanted.origin {
            memory.chosen.clear();
            memory.point = None;
            memory.sums = Default::default();
        }
        view.out.push(Command::Project(Some(next)));
    }
    *view.memory.of::<Handed>() = handed;
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
        let about =
            "NumPy .npy and .npz, CSV and TSV, Parquet, TensorBoard's projector; labels and names are found";
        if ui.button("Open a table…").on_hover_text(about).clicked() {
            view.asks.push(Ask::OpenTable);
        }
    });
}
