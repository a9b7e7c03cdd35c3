//! What the network says: the five largest scores.

use egui::Ui;
use session::{Command, Session};

/// Shows the scores as bars; a click asks for that class's gradients.
pub fn show(ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.heading("Output");
        let mut softmax = session.state.softmax;
        if ui.checkbox(&mut softmax, "softmax").changed() {
            out.push(Command::Softmax(softmax));
        }
    });
    let Some(output) = session.output() else {
        ui.weak("Give an input to see what the network says.");
        return;
    };
    let top = output.ranked(5);
    let largest = top
        .iter()
        .map(|s| s.value.abs())
        .fold(f32::MIN_POSITIVE, f32::max);
    for score in top {
        let chosen = session.state.unit == Some(score.index);
        let (share, text) = match session.state.softmax {
            true => (
                score.value,
                format!("{}  {:.1} %", score.name, 100.0 * score.value),
            ),
            false => (
                score.value.max(0.0) / largest,
                format!("{}  {:.3}", score.name, score.value),
            ),
        };
        let mut bar = egui::ProgressBar::new(share.clamp(0.0, 1.0)).text(text);
        if chosen {
            bar = bar.fill(ui.visuals().selection.bg_fill);
        }
        let bar = ui.add(bar).interact(egui::Sense::click());
        if bar.on_hover_text("Gradients of this class").clicked() {
            out.push(Command::Unit((!chosen).then_some(score.index)));
        }
    }
}
