//! How values are coloured, and how channels are ordered.

use egui::Ui;
use session::{Command, Session};

/// Names of the maps in their order.
const MAPS: [&str; 4] = ["Viridis", "Magma", "Cividis", "Grey"];

/// Shows the choices.
pub fn show(ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
    let mut paint = session.state.paint;
    egui::CollapsingHeader::new("Colours and channels")
        .default_open(true)
        .show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                for (i, name) in (0u32..).zip(MAPS) {
                    ui.selectable_value(&mut paint.map, i, name);
                }
            });
            ui.checkbox(&mut paint.magnitude, "magnitude: leave signs out");
            ui.checkbox(&mut paint.full, "whole range: leave no outliers out");
            ui.checkbox(&mut paint.own_range, "channels each in their own range");
            ui.checkbox(&mut paint.sorted, "channels by mean, largest first");
        });
    if paint != session.state.paint {
        out.push(Command::Paint(paint));
    }
}
