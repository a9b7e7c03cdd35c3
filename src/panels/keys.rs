//! The keys, in one list for the help and for the app's keyboard.

use egui::{Key, KeyboardShortcut, Modifiers, Ui};

use crate::panel::Ask;

/// Opens a model.
pub const OPEN: &str = "Ctrl+O";
/// Opens the palette.
pub const PALETTE: &str = "Ctrl+P";
/// Opens the help.
pub const HELP: &str = "F1";

/// Keys and what they do.
pub const KEYS: &[(&str, &[(&str, &str)])] = &[
    (
        "Flow",
        &[
            ("Space", "play or pause"),
            ("Left, Right", "one layer back or on"),
            ("G", "gradients backward, or activations"),
        ],
    ),
    (
        "Camera",
        &[
            ("H", "the whole network"),
            ("F", "look at the selection"),
            ("Drag", "orbit"),
            ("Shift+drag", "pan"),
            ("Wheel", "zoom"),
            (
                "V",
                "fly freely: W A S D, Q down, E up, Shift faster; drag to look",
            ),
            ("B", "follow the flow while it plays"),
            (
                "Shift+1 to 4",
                "as volumes, nodes, blocks or a strip; flat ones pan by dragging",
            ),
            ("1 to 9", "go to a bookmark; with Ctrl, put one here"),
        ],
    ),
    (
        "Layers",
        &[
            ("Click", "select"),
            (
                "Double click",
                "look at a layer or connection, open a scope; a repeat opens one copy",
            ),
            ("C, E", "collapse or expand all"),
            ("P", "light the paths to the selection, from it, or both"),
            ("Escape", "select nothing"),
            ("Up, Down, Enter", "walk through the outline after a click there"),
        ],
    ),
    (
        "Window",
        &[
            (OPEN, "open a model"),
            ("Ctrl+P, Ctrl+K", "find a command, layer or scope"),
            ("Ctrl+Z, Ctrl+Y", "undo, redo"),
            ("L", "light or dark"),
            (HELP, "this help"),
        ],
    ),
];

/// Takes the keys that the panels themselves answer.
pub fn asked(ui: &Ui) -> Vec<Ask> {
    let control = |key| KeyboardShortcut::new(Modifiers::COMMAND, key);
    let list = [
        (control(Key::O), Ask::OpenModel),
        (control(Key::P), Ask::Palette),
        (control(Key::K), Ask::Palette),
        (KeyboardShortcut::new(Modifiers::NONE, Key::F1), Ask::Help),
    ];
    ui.input_mut(|i| {
        list.iter()
            .filter(|(keys, _)| i.consume_shortcut(keys))
            .map(|l| l.1)
            .collect()
    })
}

/// The help.
pub fn help(ui: &Ui, open: &mut bool) {
    egui::Window::new("Keys")
        .open(open)
        .resizable(false)
        .collapsible(false)
        .anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0])
        .show(ui.ctx(), |ui| {
            if ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
                ui.close();
            }
            ui.spacing_mut().interact_size.y = 16.0;
            egui::Grid::new("keys")
                .num_columns(2)
                .spacing([24.0, 5.0])
                .show(ui, |ui| {
                    for (group, keys) in KEYS {
                        ui.weak(*group);
                        ui.end_row();
                        for (key, what) in *keys {
                            ui.strong(*key);
                            ui.label(*what);
                            ui.end_row();
                        }
                    }
                });
        });
}
