//! Play, pause, step, scrub, speed, loop, and the direction of the flow.

use egui::{Button, DragValue, Label, RichText, Slider, Ui, vec2};
use session::Command;

use crate::panel::{Panel, Side, View};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "timeline",
    title: "Timeline",
    about: "Let the input flow, forward and back",
    side: Side::Below,
    open: true,
    show,
};

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let state = &session.state;
    let end = session.columns();
    ui.add_enabled_ui(end > 0.0, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let button = |ui: &mut Ui, text: &str, name: &str| {
                let response = ui.add(Button::new(text).min_size(vec2(30.0, 24.0)));
                response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, name));
                response.on_hover_text(name)
            };
            if button(ui, "⏮", "One layer back").clicked() {
                view.out.push(Command::Step(-1));
            }
            let (text, name, command) = match session.playing {
                true => ("⏸", "Pause", Command::Pause),
                false => ("▶", "Play", Command::Play),
            };
            if button(ui, text, name).clicked() {
                view.out.push(command);
            }
            if button(ui, "⏭", "One layer on").clicked() {
                view.out.push(Command::Step(1));
            }
            ui.add_space(6.0);
            let mut at = state.playhead.min(end);
            ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
            let slider = Slider::new(&mut at, 0.0..=end.max(1.0)).show_value(false);
            if ui.add(slider).on_hover_text("Where the flow is").changed() {
                view.out.push(Command::Pause);
                view.out.push(Command::Seek(at));
            }
            ui.label(format!("{at:.1} / {end:.0}"))
                .on_hover_text("Columns of the layout");
        });
        ui.horizontal(|ui| {
            let mut backward = state.backward;
            for (on, text, about) in [
                (
                    false,
                    "Activations",
                    "What each layer computes, from the input to the answer",
                ),
                (
                    true,
                    "Gradients",
                    "How each value would change the chosen output, backwards",
                ),
            ] {
                if ui
                    .selectable_value(&mut backward, on, text)
                    .on_hover_text(about)
                    .changed()
                {
                    view.out.push(Command::Backward(backward));
                }
            }
            ui.separator();
            let mut looping = state.looping;
            if ui.toggle_value(&mut looping, "Loop").changed() {
                view.out.push(Command::Loop(looping));
            }
            let mut speed = state.speed;
            let drag = DragValue::new(&mut speed)
                .range(0.1..=10.0)
                .speed(0.02)
                .fixed_decimals(1)
                .suffix(" ×");
            if ui
                .add(drag)
                .on_hover_text("Speed: drag, or click to type")
                .changed()
            {
                view.out.push(Command::Speed(speed));
            }
            if session.tour.is_none()
                && let Some(name) = front(session)
            {
                ui.separator();
                ui.add(Label::new(RichText::new(name).weak()).truncate());
            }
            if let Some((tour, stop, _)) = &session.tour {
                ui.separator();
                ui.add(Label::new(RichText::new(&tour.title).weak()).truncate());
                for i in 0..tour.stops.len() {
                    if ui.selectable_label(i == *stop, (i + 1).to_string()).clicked() {
                        view.out.push(Command::Stop(i));
                    }
                }
                if ui.button("End").clicked() {
                    view.out.push(Command::Tour(None));
                }
            }
        });
    });
}

/// What the flow's front is at; nothing once it has passed everything.
fn front(session: &session::Session) -> Option<String> {
    let document = session.document.as_ref()?;
    let column = session.state.playhead.floor() as u32;
    let mut here = document.layout.volumes.iter().filter(|v| v.rank == column);
    let first = &here.next()?.label;
    Some(match here.count() {
        0 => format!("at {first}"),
        more => format!("at {first} and {more} more"),
    })
}
