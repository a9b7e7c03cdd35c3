//! The bar at the top: menus, what is open, undo, and the palette.

use egui::{Align, Button, Layout, RichText, Ui};
use session::{Command, Source};

use crate::dock::Dock;
use crate::panel::{Ask, View};
use crate::widgets::{grouped, short};
use crate::{PANELS, keys};

/// Endings of files that the scene is written to, for the menu and for the palette. The browser
/// draws no pictures beside its canvas and makes no documents.
pub const EXPORTS: &[(&str, &str, &str)] = &[
    #[cfg(not(target_arch = "wasm32"))]
    ("png", "Picture (PNG)…", "Export the scene as a picture (PNG)"),
    ("svg", "Diagram (SVG)…", "Export the diagram as SVG"),
    #[cfg(not(target_arch = "wasm32"))]
    ("pdf", "Diagram (PDF)…", "Export the diagram as PDF"),
];

/// Draws the bar.
pub fn show(ui: &mut Ui, dock: &Dock, view: &mut View) {
    egui::MenuBar::new().ui(ui, |ui| {
        ui.label(RichText::new("layerscope").strong().size(14.0));
        ui.add_space(6.0);
        ui.menu_button("File", |ui| {
            if item(ui, "Open a model…", keys::OPEN) {
                view.asks.push(Ask::OpenModel);
            }
            if item(ui, "Open a training history…", "") {
                view.asks.push(Ask::OpenHistory);
            }
            // A page reads no folders.
            if cfg!(not(target_arch = "wasm32")) && item(ui, "Open a folder of training histories…", "") {
                view.asks.push(Ask::OpenHistoryFolder);
            }
            if view.session.histories.is_some() && item(ui, "Close the training history", "") {
                view.out.push(Command::History(None));
            }
            ui.separator();
            let open = view.session.document.is_some();
            ui.add_enabled_ui(open, |ui| {
                if item(ui, "Compare with a model…", "") {
                    view.asks.push(Ask::OpenBeside);
                }
                if item(ui, "Open an input…", "") {
                    view.asks.push(Ask::OpenInput);
                }
            });
            ui.add_enabled_ui(open, |ui| {
                ui.menu_button("Export the scene", |ui| {
                    for (ending, text, _) in EXPORTS {
                        if item(ui, text, "") {
                            view.asks.push(Ask::Export(ending));
                        }
                    }
                });
            });
            ui.separator();
            if item(ui, "Open Fashion-MNIST (built in)", "") {
                view.out
                    .push(Command::Open(Source::Bundled("fashion-mnist".into())));
            }
            if item(ui, "Open the sentence classifier (built in)", "") {
                view.out.push(Command::Open(Source::Bundled("sentiment".into())));
            }
        });
        ui.menu_button("View", |ui| {
            for panel in PANELS {
                let mut open = dock.has(panel.id);
                if ui
                    .checkbox(&mut open, panel.title)
                    .on_hover_text(panel.about)
                    .changed()
                {
                    view.asks.push(if open {
                        Ask::Show(panel.id)
                    } else {
                        Ask::Close(panel.id)
                    });
                }
            }
            ui.separator();
            if item(ui, "Arrange as at first", "") {
                view.asks.push(Ask::Rearrange);
            }
            let mut light = view.session.state.light;
            if ui.checkbox(&mut light, "Light theme").changed() {
                view.out.push(Command::Light(light));
            }
        });
        ui.menu_button("Help", |ui| {
            if view.session.tour.is_some() {
                if item(ui, "End the tour", "") {
                    view.out.push(Command::Tour(None));
                }
            } else {
                ui.menu_button("Guided tours", |ui| {
                    for tour in tours() {
                        if item(ui, &tour.title, "") {
                            view.out.push(Command::Tour(Some(tour)));
                        }
                    }
                });
            }
            if item(ui, "Commands…", keys::PALETTE) {
                view.asks.push(Ask::Palette);
            }
            if item(ui, "Keys", keys::HELP) {
                view.asks.push(Ask::Help);
            }
        });
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let find = Button::new(format!("Find or do…  {}", keys::PALETTE));
            if ui
                .add(find)
                .on_hover_text("Every command, layer and scope by name")
                .clicked()
            {
                view.asks.push(Ask::Palette);
            }
            let (undo, redo) = view.session.history();
            if ui
                .add_enabled(redo, Button::new("Redo"))
                .on_hover_text("Ctrl+Y")
                .clicked()
            {
                view.out.push(Command::Redo);
            }
            if ui
                .add_enabled(undo, Button::new("Undo"))
                .on_hover_text("Ctrl+Z")
                .clicked()
            {
                view.out.push(Command::Undo);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| network(ui, view));
        });
    });
}

/// Name and size of what is open.
fn network(ui: &mut Ui, view: &View) {
    let Some(document) = &view.session.document else {
        return;
    };
    ui.separator();
    let total = &document.cost.total;
    let unknown = document.cost.unknown.len();
    let layers = document.network.main().layers.len();
    let macs = total.macs.map_or("?".into(), short);
    // Layers whose sizes are not known count nothing: the sum is a lower bound.
    let least = if unknown > 0 { "at least " } else { "" };
    let text = format!(
        "{} layer{} · {} parameters · {least}{macs} MACs",
        grouped(layers as u64),
        if layers == 1 { "" } else { "s" },
        short(total.parameters),
    );
    let mut job = egui::text::LayoutJob::default();
    let font = egui::TextStyle::Body.resolve(ui.style());
    let format = |color| egui::TextFormat::simple(font.clone(), color);
    job.append(
        &document.network.name,
        0.0,
        format(ui.visuals().strong_text_color()),
    );
    job.append(&text, 12.0, format(ui.visuals().weak_text_color()));
    let label = ui.add(egui::Label::new(job).truncate());
    label.on_hover_text(format!("{}\n{}", document.file, document.network.format));
}

fn item(ui: &mut Ui, text: &str, keys: &str) -> bool {
    ui.add(Button::new(text).shortcut_text(keys)).clicked()
}

/// The built-in tours.
pub fn tours() -> impl Iterator<Item = session::Tour> {
    let names = session::tour::TOURS.iter();
    names.filter_map(|(name, _)| session::tour::built_in(name).ok())
}
