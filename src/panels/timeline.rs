//! Play, pause, step, scrub, speed, loop, and the direction of the flow.

use egui::Ui;
use session::{Command, Session};

/// Shows the timeline.
pub fn show(ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
    let state = &session.state;
    let end = session.columns();
    if let Some((tour, stop, _)) = &session.tour {
        ui.horizontal(|ui| {
            ui.strong(&tour.title);
            for i in 0..tour.stops.len() {
                if ui.selectable_label(i == *stop, (i + 1).to_string()).clicked() {
                    out.push(Command::Stop(i));
                }
            }
        });
    }
    ui.horizontal(|ui| {
        ui.add_enabled_ui(end > 0.0, |ui| {
            if ui.button("|<").on_hover_text("One layer back").clicked() {
                out.push(Command::Step(-1));
            }
            let (text, command) = match session.playing {
                true => ("Pause", Command::Pause),
                false => ("Play", Command::Play),
            };
            if ui.button(text).clicked() {
                out.push(command);
            }
            if ui.button(">|").on_hover_text("One layer on").clicked() {
                out.push(Command::Step(1));
            }
            let mut backward = state.backward;
            if ui
                .toggle_value(&mut backward, "Gradients")
                .on_hover_text("How each value would change the chosen output")
                .changed()
            {
                out.push(Command::Backward(backward));
            }
            let mut looping = state.looping;
            if ui.toggle_value(&mut looping, "Loop").changed() {
                out.push(Command::Loop(looping));
            }
            let mut speed = state.speed;
            let drag = egui::DragValue::new(&mut speed)
                .range(0.1..=10.0)
                .speed(0.02)
                .suffix(" x");
            if ui.add(drag).on_hover_text("Speed").changed() {
                out.push(Command::Speed(speed));
            }
            let mut at = state.playhead.min(end);
            ui.spacing_mut().slider_width = (ui.available_width() - 70.0).max(60.0);
            if ui
                .add(egui::Slider::new(&mut at, 0.0..=end.max(1.0)).fixed_decimals(1))
                .changed()
            {
                out.push(Command::Pause);
                out.push(Command::Seek(at));
            }
        });
    });
}
