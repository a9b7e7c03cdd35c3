//! The layers as a tree of scopes, with search and keys.

mod query;
mod rows;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use egui::{Color32, Key, Modifiers, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use layout::Node;
use model::{Network, ScopeId};
use session::{Command, Document, Goal, Source};

use crate::panel::{Ask, Panel, Side, View};
use crate::widgets::{empty, grouped, short};
use rows::Row;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "outline",
    title: "Layers",
    about: "The network as a tree of scopes and layers",
    side: Side::Left,
    open: true,
    show,
};

#[derive(Default)]
struct State {
    search: String,
    open: BTreeSet<ScopeId>,
    rows: Vec<Row>,
    /// What `rows` and `open` were made for.
    made: Option<(Arc<Network>, String)>,
    /// The selection that was last scrolled to.
    seen: Option<Node>,
    /// Nodes that stand in the scene, by layout.
    drawn: (u64, HashSet<Node>),
    /// First row in view, and how many.
    view: (usize, usize),
    /// The arrow keys walk through the rows: the last click was here.
    active: bool,
}

const HEIGHT: f32 = 20.0;

fn show(ui: &mut Ui, view: &mut View) {
    let Some(document) = &view.session.document else {
        return nothing(ui, view);
    };
    let state = view.memory.of::<State>();
    let out = &mut *view.out;
    let field = egui::TextEdit::singleline(&mut state.search)
        .hint_text(query::HINT)
        .desired_width(f32::INFINITY);
    ui.add(field).on_hover_text(query::ABOUT);
    ui.horizontal(|ui| {
        if ui
            .small_button("Collapse all")
            .on_hover_text("Scopes as one volume each (C)")
            .clicked()
        {
            state.open.clear();
            state.made = None;
            out.push(Command::CollapseAll);
        }
        if ui
            .small_button("Expand all")
            .on_hover_text("Every layer in the scene (E)")
            .clicked()
        {
            state.open = (1..document.network.scopes.scopes.len() as u32)
                .map(ScopeId)
                .collect();
            state.made = None;
            out.push(Command::ExpandAll);
        }
    });
    let selection = view.session.state.selection;
    let mut goal = None;
    if selection != state.seen {
        state.seen = selection;
        if let Some(node) = selection {
            let around = rows::around(&document.network, node);
            let closed = around.iter().filter(|s| state.open.insert(**s)).count();
            if closed > 0 {
                state.made = None;
            }
            goal = Some(node);
        }
    }
    refresh(state, document);
    if state.rows.is_empty() {
        let text = format!("Nothing is named “{}”", state.search.trim());
        return empty(
            ui,
            &text,
            "Try a part of a name, an operator such as Conv, or a shape such as 3x3.",
        );
    }
    if !state.search.trim().is_empty() {
        ui.weak(format!("{} found", grouped(state.rows.len() as u64)));
    }
    if ui.input(|i| i.pointer.any_pressed()) {
        state.active = ui.rect_contains_pointer(ui.max_rect());
    }
    let place = state.rows.iter().position(|r| Some(r.node) == selection);
    if state.active && ui.memory(|m| m.focused().is_none()) {
        goal = keys(ui, state, document, place, out).or(goal);
    }
    let mut area = ScrollArea::vertical().auto_shrink(false);
    let row = goal.and_then(|g| state.rows.iter().position(|r| r.node == g));
    if let Some(row) = row {
        let (first, count) = state.view;
        if row < first + 1 || row + 2 > first + count {
            // A third of the way down, so that what is around shows too.
            let above = row as f32 - (ui.available_height() / HEIGHT / 3.0).floor();
            area = area.vertical_scroll_offset((above * HEIGHT).max(0.0));
        }
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut toggled = None;
    let range = area.show_rows(ui, HEIGHT, state.rows.len(), |ui, range| {
        for row in &state.rows[range.clone()] {
            toggled = line(ui, document, view.session, state, *row, out).or(toggled);
        }
        range
    });
    state.view = (range.inner.start, (range.inner_rect.height() / HEIGHT) as usize);
    if let Some(scope) = toggled {
        fold(state, scope);
    }
}

fn fold(state: &mut State, scope: ScopeId) {
    if !state.open.remove(&scope) {
        state.open.insert(scope);
    }
    state.made = None;
}

/// Brings the rows after the network, the search and what is unfolded.
fn refresh(state: &mut State, document: &Document) {
    let wanted = state.search.trim().to_lowercase();
    let same = |(n, _): &(Arc<Network>, String)| Arc::ptr_eq(n, &document.source);
    if state.made.as_ref().is_none_or(|m| !same(m) || m.1 != wanted) {
        // A fresh network unfolds where there is room for all of it.
        if state.made.as_ref().is_some_and(|m| !same(m)) || state.drawn.1.is_empty() {
            state.open.clear();
            state.drawn = Default::default();
            if document.network.main().layers.len() <= 60 {
                state.open = (1..document.network.scopes.scopes.len() as u32)
                    .map(ScopeId)
                    .collect();
            }
        }
        state.rows = match wanted.is_empty() {
            true => rows::tree(&document.network, &state.open),
            false => rows::found(&document.network, &wanted),
        };
        state.made = Some((document.source.clone(), wanted));
    }
    if state.drawn.0 != document.placed || state.drawn.1.is_empty() {
        let nodes = document.layout.volumes.iter().map(|v| v.node);
        state.drawn = (document.placed, nodes.collect());
    }
}

/// Up and down walk, Enter looks at a layer or unfolds a scope; answers what is selected now.
/// Left and right belong to the flow, everywhere.
fn keys(
    ui: &Ui,
    state: &mut State,
    document: &Document,
    place: Option<usize>,
    out: &mut Vec<Command>,
) -> Option<Node> {
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    let last = state.rows.len() - 1;
    let row = place.map(|p| state.rows[p]);
    let mut to = None;
    if pressed(Key::ArrowDown) {
        to = Some(place.map_or(0, |p| (p + 1).min(last)));
    }
    if pressed(Key::ArrowUp) {
        to = Some(place.map_or(0, |p| p.saturating_sub(1)));
    }
    if pressed(Key::Enter) {
        match row.map(|r| r.node) {
            Some(Node::Scope(s)) => fold(state, s),
            Some(_) => out.push(Command::Look(Goal::Selection)),
            None => (),
        }
        // What was folded shows from the next frame on.
        ui.ctx().request_repaint();
    }
    let node = state.rows[to?].node;
    state.seen = Some(node);
    out.push(Command::Select(Some(document.name(node))));
    Some(node)
}

/// Draws a row; answers the scope to fold or unfold.
fn line(
    ui: &mut Ui,
    document: &Document,
    session: &session::Session,
    state: &State,
    row: Row,
    out: &mut Vec<Command>,
) -> Option<ScopeId> {
    let network = &document.network;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click());
    let searching = !state.search.trim().is_empty();
    let (name, kind) = match row.node {
        Node::Layer(l) => {
            let layer = network.layer(l);
            let last = layer.name.rsplit('/').next().unwrap_or(&layer.name);
            (
                if searching { &*layer.name } else { last }.to_string(),
                layer.kind.clone(),
            )
        }
        Node::Scope(s) if searching => (network.scopes.path(s), network.scopes.get(s).kind.clone()),
        Node::Scope(s) => (network.scopes.label(s), network.scopes.get(s).kind.clone()),
        Node::Input(t) => (network.tensor(t).name.clone(), "input".into()),
        Node::Output(t) => (network.tensor(t).name.clone(), "output".into()),
    };
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::WidgetType::Button, true, format!("{name}  ({kind})"))
    });
    let drawn = state.drawn.1.contains(&row.node);
    let folds = &session.state.folds;
    let inside = || !folds.around(network, row.node).is_empty();
    let scope = match row.node {
        Node::Scope(s) => Some(s),
        _ => None,
    };
    let dim = scope.is_none() && !drawn && !inside();
    let chosen = session.state.selection == Some(row.node);
    let mut text = ui.style().interact_selectable(&response, chosen).text_color();
    if chosen || response.hovered() {
        let fill = match chosen {
            true => ui.visuals().selection.bg_fill,
            false => ui
                .visuals()
                .widgets
                .noninteractive
                .bg_stroke
                .color
                .gamma_multiply(0.6),
        };
        ui.painter().rect_filled(rect, 3.0, fill);
    }
    if dim {
        text = ui.visuals().weak_text_color().gamma_multiply(0.8);
    }
    let left = rect.left() + 4.0 + f32::from(row.depth) * 12.0;
    let mut toggled = None;
    if let Some(s) = scope.filter(|_| !searching) {
        let arrow = Rect::from_min_size(pos2(left, rect.top()), vec2(14.0, HEIGHT));
        let click = ui.interact(
            arrow.expand2(vec2(2.0, 0.0)),
            response.id.with("fold"),
            Sense::click(),
        );
        triangle(
            ui,
            arrow,
            state.open.contains(&s),
            if click.hovered() {
                ui.visuals().hyperlink_color
            } else {
                text
            },
        );
        if click.clicked() || response.double_clicked() {
            toggled = Some(s);
        }
    }
    let mut right = rect.right() - 4.0;
    let small = egui::TextStyle::Small.resolve(ui.style());
    if let Some(s) = scope
        && (response.hovered() || chosen)
    {
        let path = network.scopes.path(s);
        let several = network.scopes.copies(s).is_some();
        let (sign, command) = match (folds.collapsed.contains(&s), several) {
            (true, true) => ("one copy in scene", Command::Expand(path)),
            (true, false) => ("open in scene", Command::Expand(path)),
            (false, true) if folds.once.contains(&s) => ("all copies in scene", Command::Expand(path)),
            (false, true) => ("one copy in scene", Command::Collapse(path)),
            (false, false) => ("close in scene", Command::Collapse(path)),
        };
        let color = ui.visuals().hyperlink_color;
        let galley = ui.painter().layout_no_wrap(sign.into(), small.clone(), color);
        let place = Rect::from_min_max(
            pos2(right - galley.size().x, rect.top()),
            pos2(right, rect.bottom()),
        );
        if ui
            .interact(place, response.id.with("scene"), Sense::click())
            .clicked()
        {
            out.push(command);
        }
        ui.painter().galley(
            pos2(place.left(), rect.center().y - galley.size().y / 2.0),
            galley,
            color,
        );
        right = place.left() - 6.0;
    } else if !kind.is_empty() {
        let color = ui.visuals().weak_text_color();
        let room = ((rect.right() - left) * 0.55).max(30.0);
        let galley = elided(ui, &kind, small, if chosen { text } else { color }, room);
        let at = pos2(right - galley.size().x, rect.center().y - galley.size().y / 2.0);
        right = at.x - 6.0;
        ui.painter().galley(at, galley, color);
    }
    let font = egui::TextStyle::Body.resolve(ui.style());
    let begin = left + 16.0;
    let color = if scope.is_some() && !chosen {
        ui.visuals().strong_text_color()
    } else {
        text
    };
    let galley = elided(ui, &name, font, color, (right - begin).max(20.0));
    ui.painter().galley(
        pos2(begin, rect.center().y - galley.size().y / 2.0),
        galley,
        color,
    );
    if response.clicked() {
        out.push(Command::Select(Some(document.name(row.node))));
    }
    if response.double_clicked() && scope.is_none() {
        out.push(Command::Look(Goal::Selection));
    }
    response.on_hover_ui(|ui| hover(ui, document, row.node, dim));
    toggled
}

fn hover(ui: &mut Ui, document: &Document, node: Node, dim: bool) {
    ui.strong(document.name(node));
    let costs = &document.cost.layers;
    match node {
        Node::Layer(l) => {
            ui.label(&document.network.layer(l).kind);
            let parameters = costs[l.0 as usize].parameters;
            if parameters > 0 {
                ui.weak(format!("{} parameters", short(parameters)));
            }
        }
        Node::Scope(s) => {
            ui.label(&document.network.scopes.get(s).kind);
        }
        Node::Input(t) | Node::Output(t) => {
            ui.weak(document.network.tensor(t).spec.to_string());
        }
    }
    if dim {
        ui.weak("Not drawn: it only moves or stores values");
    }
}

fn elided(ui: &Ui, text: &str, font: egui::FontId, color: Color32, width: f32) -> Arc<egui::Galley> {
    let mut job = egui::text::LayoutJob::simple_singleline(text.into(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    ui.painter().layout_job(job)
}

fn triangle(ui: &Ui, rect: Rect, open: bool, color: Color32) {
    let c = rect.center();
    let points = match open {
        true => vec![c + vec2(-4.0, -2.0), c + vec2(4.0, -2.0), c + vec2(0.0, 3.5)],
        false => vec![c + vec2(-2.0, -4.0), c + vec2(3.5, 0.0), c + vec2(-2.0, 4.0)],
    };
    ui.painter()
        .add(egui::Shape::convex_polygon(points, color, egui::Stroke::NONE));
}

fn nothing(ui: &mut Ui, view: &mut View) {
    empty(
        ui,
        "No model is open",
        "Drop a model file on the window (ONNX, or layerscope's JSON), open one, or begin with the built-in one.",
    );
    ui.vertical_centered(|ui| {
        if ui.button("Open a model…").clicked() {
            view.asks.push(Ask::OpenModel);
        }
        if ui.button("Open Fashion-MNIST").clicked() {
            view.out
                .push(Command::Open(Source::Bundled("fashion-mnist".into())));
        }
    });
}
