//! What the selection is: operator, attributes, weights, shapes, cost, values.

mod explain;
mod statistics;

use egui::{Label, RichText, ScrollArea, Sense, Ui, vec2};
use layout::Node;
use model::{LayerId, ScopeId, TensorId, TensorKind};
use session::{Command, Connection, Document, Input, Quantity};

use crate::panel::{Panel, Side, View};
use crate::widgets::{bytes, empty, fact, grouped, line, section, short, value};
use statistics::{Cache, Key, Values};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "inspector",
    title: "Inspector",
    about: "What the selected layer, scope or tensor is, what it costs and what it holds",
    side: Side::RightBelow,
    open: true,
    show,
};

fn show(ui: &mut Ui, view: &mut View) {
    let Some(document) = &view.session.document else {
        return empty(
            ui,
            "Nothing is open",
            "Open a model, then click one of its layers.",
        );
    };
    ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| match view.session.state.selection {
            None => match view.session.state.connection {
                Some(found) => connection(ui, view, document, found),
                None => network(ui, document),
            },
            Some(Node::Layer(id)) => layer(ui, view, document, id),
            Some(Node::Scope(id)) => scope(ui, view, document, id),
            Some(Node::Input(id)) => tensor(ui, view, document, id, "Input"),
            Some(Node::Output(id)) => tensor(ui, view, document, id, "Output"),
        });
}

fn title(ui: &mut Ui, name: &str, kind: &str) {
    line(ui, RichText::new(name).heading().strong());
    if !kind.is_empty() {
        line(ui, RichText::new(kind).color(ui.visuals().hyperlink_color));
    }
}

/// The whole network: what is selected when nothing is.
fn network(ui: &mut Ui, document: &Document) {
    title(ui, &document.network.name, &document.network.format);
    ui.weak("Click a layer to see what it is.");
    section(ui, "Cost of one pass");
    let total = &document.cost.total;
    fact(ui, "layers", grouped(document.network.main().layers.len() as u64));
    cost(ui, total, |_| String::new());
    if let Some(peak) = document.cost.peak_activation_bytes {
        fact(ui, "peak memory", bytes(peak)).on_hover_text("Largest sum of live activations");
    }
    if !document.cost.unknown.is_empty() {
        fact(
            ui,
            "unknown",
            format!("{} layers", grouped(document.cost.unknown.len() as u64)),
        )
        .on_hover_text("Their sizes are not known, so they count nothing in the sums");
    }
    for (name, ids) in [
        ("Inputs", &document.network.main().inputs),
        ("Outputs", &document.network.main().outputs),
    ] {
        section(ui, name);
        for &id in ids {
            let tensor = document.network.tensor(id);
            fact(ui, &tensor.name, tensor.spec.to_string());
        }
    }
    if !document.network.metadata.is_empty() {
        section(ui, "From the file");
        for (name, text) in &document.network.metadata {
            fact(ui, name, text.replace('\n', ", "));
        }
    }
}

/// What a layer or scope costs, with its shares of the whole network and what the pass tells.
fn spent(ui: &mut Ui, document: &Document, node: Node, of: &model::LayerCost) {
    let share = |quantity: Quantity| {
        let share = document.amounts(quantity).share(quantity, node);
        share.map_or(String::new(), |s| format!("  ({:.1} %)", 100.0 * s))
    };
    cost(ui, of, share);
    for quantity in [
        Quantity::Weights,
        Quantity::Intensity,
        Quantity::Time,
        Quantity::Sparsity,
    ] {
        if let Some(told) = document.told(quantity, node) {
            fact(ui, quantity.name(), told).on_hover_text(quantity.about());
        }
    }
}

fn cost(ui: &mut Ui, cost: &model::LayerCost, share: impl Fn(Quantity) -> String) {
    fact(
        ui,
        "parameters",
        grouped(cost.parameters) + &share(Quantity::Parameters),
    );
    if cost.buffers > 0 {
        fact(ui, "buffers", grouped(cost.buffers))
            .on_hover_text("Stored but not trained: running statistics");
    }
    let count = |n: Option<u64>| n.map_or("unknown".into(), grouped);
    fact(ui, "MACs", count(cost.macs)).on_hover_text("Multiply-accumulates");
    fact(ui, "FLOPs", count(cost.flops) + &share(Quantity::Flops)).on_hover_text("Floating-point operations");
    fact(
        ui,
        "activations",
        cost.activation_bytes.map_or("unknown".into(), bytes) + &share(Quantity::Activations),
    );
}

fn layer(ui: &mut Ui, view: &mut View, document: &Document, id: LayerId) {
    let layer = document.network.layer(id);
    title(ui, &layer.name, &layer.kind);
    ui.add(Label::new(RichText::new(explain::sentence(&layer.op)).weak()).wrap());
    if let Some(page) = explain::page(&document.network.format, layer) {
        ui.hyperlink_to("The operator in the ONNX specification", page);
    }
    section(ui, "Cost");
    spent(
        ui,
        document,
        Node::Layer(id),
        &document.cost.layers[id.0 as usize],
    );
    if !layer.attributes.is_empty() || layer.activation.is_some() {
        section(ui, "Attributes");
        for (name, value) in &layer.attributes {
            fact(ui, name, value.to_string());
        }
        if let Some(activation) = &layer.activation {
            fact(ui, "activation", format!("{activation:?}"));
        }
    }
    if let Some(&Some(output)) = layer.outputs.first() {
        values(ui, view, document, output);
    }
    for input in layer.inputs.iter().flatten() {
        let tensor = document.network.tensor(*input);
        let stored = matches!(tensor.kind, TensorKind::Parameter | TensorKind::Buffer);
        section(ui, if stored { kind(tensor.kind) } else { "Reads" });
        named(ui, document, *input);
        if let Some(data) = tensor.data.as_ref().filter(|_| stored) {
            let key = Key {
                tensor: *input,
                pass: None,
            };
            let cache = view.memory.of::<Cache>();
            let slot = cache.get(ui, &document.source, key, Values::Stored(data.clone()));
            statistics::show(ui, &slot);
        }
    }
}

fn kind(kind: TensorKind) -> &'static str {
    match kind {
        TensorKind::Input => "Input",
        TensorKind::Parameter => "Weights",
        TensorKind::Buffer => "Running statistic",
        TensorKind::Constant => "Constant",
        TensorKind::Activation => "Activation",
    }
}

/// Name and shape of a tensor.
fn named(ui: &mut Ui, document: &Document, id: TensorId) {
    let tensor = document.network.tensor(id);
    line(ui, &tensor.name);
    let elements = tensor.spec.elements(&document.bindings);
    let count = elements.map_or(String::new(), |n| format!("  ·  {} values", grouped(n)));
    line(ui, RichText::new(format!("{}{count}", tensor.spec)).weak());
}

fn scope(ui: &mut Ui, view: &mut View, document: &Document, id: ScopeId) {
    let tree = &document.network.scopes;
    title(ui, &tree.path(id), &tree.get(id).kind);
    let inside: Vec<LayerId> = document
        .network
        .main()
        .layers
        .iter()
        .copied()
        .filter(|&l| tree.ancestors(document.network.layer(l).scope).any(|s| s == id))
        .collect();
    let costs = inside.iter().map(|l| &document.cost.layers[l.0 as usize]);
    let sum = |part: fn(&model::LayerCost) -> Option<u64>| {
        costs
            .clone()
            .map(part)
            .try_fold(0u64, |a, b| Some(a.saturating_add(b?)))
    };
    let total = model::LayerCost {
        parameters: costs.clone().map(|c| c.parameters).sum(),
        buffers: costs.clone().map(|c| c.buffers).sum(),
        macs: sum(|c| c.macs),
        flops: sum(|c| c.flops),
        activation_bytes: sum(|c| c.activation_bytes),
        weight_bytes: costs.clone().map(|c| c.weight_bytes).sum(),
        moved_bytes: sum(|c| c.moved_bytes),
    };
    section(ui, "Cost of all inside");
    fact(ui, "layers", grouped(inside.len() as u64));
    spent(ui, document, Node::Scope(id), &total);
    let volume = document.layout.volumes.iter().find(|v| v.node == Node::Scope(id));
    if let Some(tensor) = volume.and_then(|v| v.tensor) {
        values(ui, view, document, tensor);
    }
    section(ui, "Inside");
    ui.spacing_mut().item_spacing.y = 0.0;
    // Drawn only where it is seen: a stage may hold thousands.
    const HEIGHT: f32 = 20.0;
    let top = ui.next_widget_position().y;
    let (all, _) = ui.allocate_exact_size(
        vec2(ui.available_width(), HEIGHT * inside.len() as f32),
        Sense::hover(),
    );
    let clip = ui.clip_rect();
    let inner = format!("{}/", tree.path(id));
    let first = ((clip.top() - top) / HEIGHT).floor().max(0.0) as usize;
    let last = (((clip.bottom() - top) / HEIGHT).ceil().max(0.0) as usize).min(inside.len());
    for (i, &l) in inside.iter().enumerate().take(last).skip(first) {
        let layer = document.network.layer(l);
        let min = egui::pos2(all.left(), top + HEIGHT * i as f32);
        let rect = egui::Rect::from_min_size(min, vec2(all.width(), HEIGHT));
        let mut row = ui.new_child(
            egui::UiBuilder::new()
                .max_rect(rect)
                .layout(egui::Layout::right_to_left(egui::Align::Center)),
        );
        let parameters = document.cost.layers[l.0 as usize].parameters;
        if parameters > 0 {
            row.weak(short(parameters));
        }
        row.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
            let name = layer.name.strip_prefix(&inner).unwrap_or(&layer.name);
            let link = egui::Link::new(format!("{name}  ({})", layer.kind));
            if ui.add(link).on_hover_text(&layer.name).clicked() {
                view.out.push(Command::Select(Some(layer.name.clone())));
            }
        });
    }
}

fn tensor(ui: &mut Ui, view: &mut View, document: &Document, id: TensorId, kind: &str) {
    let tensor = document.network.tensor(id);
    title(ui, &tensor.name, kind);
    let stated = document.source.tensor(id);
    fact(ui, "shape", tensor.spec.to_string());
    if stated.spec != tensor.spec {
        fact(ui, "in the file", stated.spec.to_string());
    }
    values(ui, view, document, id);
}

/// The tensor that a connection carries, and its ends.
fn connection(ui: &mut Ui, view: &mut View, document: &Document, found: Connection) {
    tensor(ui, view, document, found.tensor, "Connection");
    section(ui, "Ends");
    for (end, node) in [("from", found.from), ("to", found.to)] {
        let name = document.name(node);
        ui.horizontal(|ui| {
            ui.weak(end);
            if ui.link(&name).clicked() {
                view.out.push(Command::Select(Some(name)));
            }
        });
    }
}

/// Values of the pass, or of its gradients.
fn values(ui: &mut Ui, view: &mut View, document: &Document, id: TensorId) {
    let state = &view.session.state;
    let (title, trace) = match state.backward {
        true => ("Gradients", &document.gradients),
        false => ("Values", &document.trace),
    };
    section(ui, title);
    named(ui, document, id);
    let Some(trace) = trace else {
        ui.weak(match (view.session.busy().is_some(), &state.input) {
            (true, _) => "On their way.",
            (_, Input::None) => "Structure only: give an input to see values.",
            _ => "Not computed: the log says why.",
        });
        return;
    };
    let Some(tensor) = trace.tensors.get(&id) else {
        let dropped = trace.dropped.contains(&id);
        ui.weak(if dropped {
            "Not kept: the memory budget was spent."
        } else {
            "Not part of this pass."
        });
        return;
    };
    match tensor.host() {
        Some(values) => {
            let key = Key {
                tensor: id,
                pass: Some((document.passed, state.backward)),
            };
            let cache = view.memory.of::<Cache>();
            let slot = cache.get(ui, &document.source, key, Values::Floats(values.clone()));
            statistics::show(ui, &slot);
        }
        None => {
            if let Some(s) = tensor.summary {
                let [min, max, mean, std] = [s.min, s.max, s.mean, s.std].map(|v| value(f64::from(v)));
                ui.label(format!("mean {mean} ± {std}"));
                ui.label(format!("{min} to {max}"));
            }
            ui.weak("The values stay on the GPU.");
        }
    }
}
