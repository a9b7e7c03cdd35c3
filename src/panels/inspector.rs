//! What the selected volume is: operator, attributes, weights, shapes, cost, values.

use egui::Ui;
use layout::Node;
use model::{LayerId, TensorId, TensorKind};
use session::{Document, Session};

use crate::short;

/// Shows the selection.
pub fn show(ui: &mut Ui, session: &Session) {
    ui.heading("Inspector");
    let (Some(document), Some(node)) = (&session.document, session.state.selection) else {
        ui.weak("Click a layer to see what it is.");
        return;
    };
    ui.strong(document.name(node));
    match node {
        Node::Layer(id) => layer(ui, document, id),
        Node::Scope(id) => {
            let scope = document.network.scopes.get(id);
            ui.label(&scope.kind);
            let inside = document.network.main().layers.iter().filter(|&&l| {
                let own = document.network.layer(l).scope;
                document.network.scopes.ancestors(own).any(|s| s == id)
            });
            let inside: Vec<LayerId> = inside.copied().collect();
            let parameters = inside
                .iter()
                .map(|l| document.cost.layers[l.0 as usize].parameters)
                .sum();
            fact(ui, "layers", inside.len().to_string());
            fact(ui, "parameters", short(parameters));
        }
        Node::Input(_) => drop(ui.label("input")),
        Node::Output(_) => drop(ui.label("output")),
    }
    let volume = document.layout.volumes.iter().find(|v| v.node == node);
    if let Some(tensor) = volume.and_then(|v| v.tensor) {
        values(ui, document, session.state.backward, tensor);
    }
}

fn fact(ui: &mut Ui, name: &str, value: impl Into<egui::WidgetText>) {
    ui.horizontal(|ui| {
        ui.weak(name);
        ui.label(value);
    });
}

fn layer(ui: &mut Ui, document: &Document, id: LayerId) {
    let layer = document.network.layer(id);
    ui.horizontal(|ui| {
        ui.label(&layer.kind);
        if document.network.format.starts_with("ONNX") {
            let page = format!("https://onnx.ai/onnx/operators/onnx__{}.html", layer.kind);
            ui.hyperlink_to("what it does", page);
        }
    });
    let cost = &document.cost.layers[id.0 as usize];
    fact(ui, "parameters", cost.parameters.to_string());
    if cost.buffers > 0 {
        fact(ui, "buffers", cost.buffers.to_string());
    }
    fact(ui, "MACs", cost.macs.map_or("unknown".into(), |n| n.to_string()));
    fact(
        ui,
        "FLOPs",
        cost.flops.map_or("unknown".into(), |n| n.to_string()),
    );
    let bytes = cost
        .activation_bytes
        .map_or("unknown".into(), |n| format!("{n} bytes"));
    fact(ui, "activations", bytes);
    for (name, value) in &layer.attributes {
        fact(ui, name, value.to_string());
    }
    for input in layer.inputs.iter().flatten() {
        let tensor = document.network.tensor(*input);
        ui.separator();
        ui.label(&tensor.name);
        ui.weak(tensor.spec.to_string());
        let stored = matches!(tensor.kind, TensorKind::Parameter | TensorKind::Buffer);
        if let Some(weights) = tensor.data.as_ref().filter(|_| stored).and_then(|d| d.to_f32()) {
            statistics(ui, &weights);
        }
    }
}

fn values(ui: &mut Ui, document: &Document, backward: bool, id: TensorId) {
    ui.separator();
    let (title, trace) = match backward {
        true => ("Gradients", &document.gradients),
        false => ("Activations", &document.trace),
    };
    ui.label(title);
    let tensor = document.network.tensor(id);
    ui.weak(format!("{}  {}", tensor.name, tensor.spec));
    let values = trace
        .as_ref()
        .and_then(|t| t.tensors.get(&id))
        .and_then(|t| t.host());
    match values {
        Some(values) => statistics(ui, values),
        None => drop(ui.weak("not computed")),
    }
}

/// Moments and a histogram.
fn statistics(ui: &mut Ui, values: &[f32]) {
    const BINS: usize = 40;
    // A sample keeps the frame short; what is shown says so.
    let step = values.len().div_ceil(200_000).max(1);
    let sample: Vec<f32> = values.iter().step_by(step).copied().collect();
    let moments = analyze::Moments::of(&sample);
    ui.weak(format!(
        "{}mean {:.4}, deviation {:.4}, {:.4} to {:.4}, {:.1} % zero",
        if step > 1 { "of a sample: " } else { "" },
        moments.mean,
        moments.std(),
        moments.min,
        moments.max,
        100.0 * moments.sparsity()
    ));
    let Some(bins) = analyze::Bins::of(&sample, BINS) else {
        return;
    };
    let histogram = analyze::histogram(&sample, &bins);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 44.0), egui::Sense::hover());
    let color = ui.visuals().selection.bg_fill;
    let peak = histogram.peak().max(1) as f32;
    let width = rect.width() / BINS as f32;
    for (i, &count) in histogram.counts.iter().enumerate() {
        // Square root: rare values stay visible beside a peak.
        let height = rect.height() * (count as f32 / peak).sqrt();
        let min = egui::pos2(rect.left() + i as f32 * width, rect.bottom() - height);
        let max = egui::pos2(min.x + width - 1.0, rect.bottom());
        ui.painter()
            .rect_filled(egui::Rect::from_min_max(min, max), 0.0, color);
    }
}
