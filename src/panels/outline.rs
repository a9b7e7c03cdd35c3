//! The layers as a tree of scopes, with search.

use egui::{RichText, Ui};
use layout::Node;
use model::{LayerId, Op, ScopeId, ScopeTree};
use session::{Command, Document, Session};

/// Shows the tree.
pub fn show(ui: &mut Ui, search: &mut String, session: &Session, out: &mut Vec<Command>) {
    ui.heading("Layers");
    let Some(document) = &session.document else {
        ui.weak("Drop a model file on the window, or begin with the built-in one.");
        if ui.button("Open Fashion-MNIST").clicked() {
            out.push(Command::Open(session::Source::Bundled("fashion-mnist".into())));
        }
        return;
    };
    ui.horizontal(|ui| {
        if ui.small_button("Collapse all").clicked() {
            out.push(Command::CollapseAll);
        }
        if ui.small_button("Expand all").clicked() {
            out.push(Command::ExpandAll);
        }
    });
    ui.add(
        egui::TextEdit::singleline(search)
            .hint_text("Name or operator")
            .desired_width(f32::INFINITY),
    );
    egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        if search.trim().is_empty() {
            scope(ui, document, session, ScopeTree::ROOT, out);
        } else {
            let wanted = search.to_lowercase();
            let hit = |id: &&LayerId| {
                let layer = document.network.layer(**id);
                layer.name.to_lowercase().contains(&wanted) || layer.kind.to_lowercase().contains(&wanted)
            };
            let found: Vec<LayerId> = document
                .network
                .main()
                .layers
                .iter()
                .filter(hit)
                .copied()
                .collect();
            ui.weak(format!("{} found", found.len()));
            for id in found.into_iter().take(500) {
                row(ui, document, session, id, out);
            }
        }
    });
}

fn scope(ui: &mut Ui, document: &Document, session: &Session, id: ScopeId, out: &mut Vec<Command>) {
    let tree = &document.network.scopes;
    let this = tree.get(id);
    // Children and layers in flow order: by their first layer.
    let first = |s: ScopeId| first_layer(tree, s).map_or(u32::MAX, |l| l.0);
    let mut items: Vec<(u32, Result<ScopeId, LayerId>)> =
        this.children.iter().map(|&s| (first(s), Ok(s))).collect();
    // Constants would bury what computes; the search still finds them.
    let computes = |l: &&LayerId| {
        let op = &document.network.layer(**l).op;
        !matches!(op, Op::Constant { .. } | Op::ConstantOfShape { .. })
    };
    items.extend(this.layers.iter().filter(computes).map(|&l| (l.0, Err(l))));
    items.sort_by_key(|i| i.0);
    for (_, item) in items {
        match item {
            Err(layer) => row(ui, document, session, layer, out),
            Ok(child) => {
                let path = tree.path(child);
                let closed = session.state.collapsed.contains(&child);
                let title = RichText::new(&tree.get(child).name).strong();
                let header = egui::CollapsingHeader::new(title)
                    .id_salt(&path)
                    .default_open(!closed);
                let shown = header.open(None).show(ui, |ui| {
                    let (text, command) = match closed {
                        true => ("Expand in the scene", Command::Expand(path.clone())),
                        false => ("Collapse in the scene", Command::Collapse(path.clone())),
                    };
                    if ui.small_button(text).clicked() {
                        out.push(command);
                    }
                    scope(ui, document, session, child, out);
                });
                if closed && shown.header_response.double_clicked() {
                    out.push(Command::Expand(path));
                }
            }
        }
    }
}

fn first_layer(tree: &ScopeTree, id: ScopeId) -> Option<LayerId> {
    let scope = tree.get(id);
    let below = scope.children.iter().filter_map(|&c| first_layer(tree, c));
    scope.layers.iter().copied().chain(below).min()
}

fn row(ui: &mut Ui, document: &Document, session: &Session, id: LayerId, out: &mut Vec<Command>) {
    let layer = document.network.layer(id);
    let node = Node::Layer(id);
    let name = layer.name.rsplit('/').next().unwrap_or(&layer.name);
    let shown = document.layout.volumes.iter().any(|v| v.node == node);
    let label = egui::Button::selectable(
        session.state.selection == Some(node),
        format!("{name}  ({})", layer.kind),
    );
    let response = ui.add_enabled(shown, label);
    if response
        .on_disabled_hover_text("Inside a collapsed scope, or not drawn")
        .clicked()
    {
        out.push(Command::Select(Some(layer.name.clone())));
    }
}
