//! What stays the same from run to run.

use egui::{ComboBox, ScrollArea, Slider, Ui};
use session::Command;

use crate::colors::MAPS;
use crate::panel::{Ask, Panel, Side, View};
use crate::widgets::section;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "settings",
    title: "Settings",
    about: "What is remembered between runs",
    side: Side::RightBelow,
    open: false,
    show,
};

fn show(ui: &mut Ui, view: &mut View) {
    ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| all(ui, view));
}

fn all(ui: &mut Ui, view: &mut View) {
    let state = &view.session.state;
    section(ui, "Theme");
    ui.horizontal(|ui| {
        let mut light = state.light;
        for (on, text) in [(false, "Dark"), (true, "Light")] {
            if ui.selectable_value(&mut light, on, text).changed() {
                view.out.push(Command::Light(light));
            }
        }
    });
    section(ui, "Colour map");
    let mut paint = state.paint;
    let current = MAPS.get(paint.map as usize).map_or("?", |m| m.0);
    ComboBox::from_id_salt("map")
        .selected_text(current)
        .show_ui(ui, |ui| {
            for (i, (name, _)) in (0u32..).zip(MAPS) {
                ui.selectable_value(&mut paint.map, i, name);
            }
        });
    if paint != state.paint {
        view.out.push(Command::Paint(paint));
    }
    section(ui, "Names in the scene");
    let mut labels = 100.0 * state.labels;
    let slider = Slider::new(&mut labels, 0.0..=100.0)
        .fixed_decimals(0)
        .suffix(" %");
    if ui
        .add(slider)
        .on_hover_text("How many of those that fit; the most telling ones stay longest")
        .changed()
    {
        view.out.push(Command::Labels(labels / 100.0));
    }
    section(ui, "Flow");
    let mut speed = state.speed;
    if ui
        .add(
            Slider::new(&mut speed, 0.1..=10.0)
                .logarithmic(true)
                .text("speed"),
        )
        .changed()
    {
        view.out.push(Command::Speed(speed));
    }
    let mut looping = state.looping;
    if ui.checkbox(&mut looping, "Begin again at the end").changed() {
        view.out.push(Command::Loop(looping));
    }
    section(ui, "Output");
    let mut softmax = state.softmax;
    if ui.checkbox(&mut softmax, "Scores as probabilities").changed() {
        view.out.push(Command::Softmax(softmax));
    }
    section(ui, "Panels");
    if ui.button("Arrange as at first").clicked() {
        view.asks.push(Ask::Rearrange);
    }
    ui.add_space(4.0);
    ui.weak("All of this is kept for the next run.");
}
