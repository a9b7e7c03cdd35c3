//! Where the work is done: layers by what they cost, and how near each comes to what is possible.

mod pareto;
mod roofline;

use egui::{ScrollArea, Ui};

use crate::panel::{Panel, Side, View};
use crate::widgets::empty;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "cost",
    title: "Cost",
    about: "Layers by what they cost, and how near each comes to what the processor can do",
    side: Side::Charts,
    open: false,
    show,
};

/// Width from which on both charts stand beside each other, points.
const BOTH: f32 = 520.0;

fn show(ui: &mut Ui, view: &mut View) {
    if view.session.document.is_none() {
        return empty(ui, "Nothing is open", "Open a model to see what its layers cost.");
    }
    if ui.available_width() >= BOTH {
        return ui.columns(2, |columns| {
            pareto::show(&mut columns[0], view);
            roofline::show(&mut columns[1], view);
        });
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        pareto::show(ui, view);
        ui.separator();
        roofline::show(ui, view);
    });
}

/// Height of a chart that fills what is left, points.
fn height(ui: &Ui) -> f32 {
    let left = ui.available_height();
    if left.is_finite() {
        left.clamp(120.0, 420.0)
    } else {
        200.0
    }
}
