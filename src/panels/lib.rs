//! The panels around the scene, in egui.
//!
//! In: a [`Session`], to read. Out: [`Command`]s, and the rectangle that is left for the scene.
//! It knows no Bevy and no GPU, so that each panel can be drawn and tested alone.

mod colors;
mod input;
mod inspector;
mod log;
mod outline;
mod output;
mod timeline;

use egui::{Rect, Ui};
use session::{Command, Goal, Session};

/// What the panels themselves remember.
#[derive(Default)]
pub struct Panels {
    /// Text that the outline searches for.
    search: String,
    /// Textures of the input browser.
    thumbnails: input::Thumbnails,
    /// Show the keys.
    help: bool,
}

/// What the app knows and the session does not.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Mean time of a frame, milliseconds.
    pub frame: f32,
    /// Graphics device.
    pub device: String,
    /// Bytes read back from the GPU for the last frame.
    pub read_back: u64,
}

/// Keys and what they do, for the help and for the app's keyboard.
pub const KEYS: &[(&str, &str)] = &[
    ("Space", "play or pause"),
    ("Left, Right", "one layer back or on"),
    ("H", "the whole network"),
    ("F", "look at the selection"),
    ("G", "gradients backward, or activations"),
    ("L", "light or dark"),
    ("C, E", "collapse or expand all"),
    ("Ctrl+Z, Ctrl+Y", "undo, redo"),
    ("Drag, Shift+drag, wheel", "orbit, pan, zoom"),
    ("F1", "this help"),
];

impl Panels {
    /// Draws all panels into `ui`, and gives the space that they leave.
    pub fn show(&mut self, ui: &mut Ui, session: &Session, status: &Status, out: &mut Vec<Command>) -> Rect {
        egui::Panel::top("bar").show_inside(ui, |ui| self.bar(ui, session, out));
        egui::Panel::bottom("status").show_inside(ui, |ui| {
            ui.horizontal(|ui| {
                ui.weak(format!("{:.1} ms", status.frame));
                ui.separator();
                ui.weak(&status.device);
                ui.separator();
                ui.weak(format!("{} bytes read back", status.read_back));
                if let Some(work) = session.busy() {
                    ui.separator();
                    ui.spinner();
                    ui.label(work);
                }
                log::last(ui, session);
            });
        });
        egui::Panel::bottom("timeline").show_inside(ui, |ui| timeline::show(ui, session, out));
        egui::Panel::left("outline")
            .default_size(230.0)
            .show_inside(ui, |ui| outline::show(ui, &mut self.search, session, out));
        egui::Panel::right("inspector")
            .default_size(290.0)
            .show_inside(ui, |ui| {
                egui::ScrollArea::vertical().show(ui, |ui| {
                    output::show(ui, session, out);
                    ui.separator();
                    input::show(ui, &mut self.thumbnails, session, out);
                    ui.separator();
                    inspector::show(ui, session);
                    ui.separator();
                    colors::show(ui, session, out);
                    ui.separator();
                    log::show(ui, session);
                });
            });
        if ui.input(|i| i.key_pressed(egui::Key::F1)) {
            self.help = !self.help;
        }
        egui::Window::new("Keys")
            .open(&mut self.help)
            .resizable(false)
            .show(ui.ctx(), |ui| {
                egui::Grid::new("keys").show(ui, |ui| {
                    for (key, what) in KEYS {
                        ui.strong(*key);
                        ui.label(*what);
                        ui.end_row();
                    }
                });
            });
        ui.available_rect_before_wrap()
    }

    fn bar(&mut self, ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            ui.strong("layerscope");
            ui.separator();
            if let Some(document) = &session.document {
                ui.label(&document.network.name);
                let total = &document.cost.total;
                let macs = total.macs.filter(|_| document.cost.unknown.is_empty());
                ui.weak(format!(
                    "{} layers, {} parameters, {} MACs",
                    document.network.main().layers.len(),
                    short(total.parameters),
                    macs.map_or("?".into(), short)
                ));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Keys (F1)").clicked() {
                    self.help = !self.help;
                }
                let mut light = session.state.light;
                if ui.toggle_value(&mut light, "Light").changed() {
                    out.push(Command::Light(light));
                }
                let (undo, redo) = session.history();
                if ui.add_enabled(redo, egui::Button::new("Redo")).clicked() {
                    out.push(Command::Redo);
                }
                if ui.add_enabled(undo, egui::Button::new("Undo")).clicked() {
                    out.push(Command::Undo);
                }
                if ui.button("Home").clicked() {
                    out.push(Command::Look(Goal::Home));
                }
                let touring = session.tour.is_some();
                if ui.button(if touring { "End tour" } else { "Tour" }).clicked() {
                    let demo = session::tour::parse("demo.ron", session::tour::DEMO);
                    out.push(Command::Tour(demo.ok().filter(|_| !touring)));
                }
            });
        });
    }
}

/// `4.09 G`, `25.6 M`, `812`.
pub fn short(n: u64) -> String {
    match n {
        1_000_000_000.. => format!("{:.2} G", n as f64 / 1e9),
        1_000_000.. => format!("{:.2} M", n as f64 / 1e6),
        1_000.. => format!("{:.1} k", n as f64 / 1e3),
        _ => n.to_string(),
    }
}
