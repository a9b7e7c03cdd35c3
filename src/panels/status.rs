//! The line at the bottom: how the app runs, and the last message.

use egui::{Align, Label, Layout, RichText, Ui};

use crate::log;
use crate::panel::{Ask, View};
use crate::widgets::{bytes, grouped};

/// Draws the line; `notice` is about the window itself.
pub fn show(ui: &mut Ui, view: &mut View, notice: &mut Option<String>) {
    ui.horizontal(|ui| {
        let status = view.status;
        ui.add(Label::new(
            RichText::new(format!("{:.1} ms", status.frame)).weak(),
        ))
        .on_hover_text("Mean time of a frame");
        ui.separator();
        let device = if status.device.is_empty() {
            "no device yet"
        } else {
            &status.device
        };
        ui.weak(device).on_hover_text("What draws");
        if let Some(trace) = view.session.document.as_ref().and_then(|d| d.trace.as_ref()) {
            ui.separator();
            ui.weak(format!("{:.1} ms on {}", trace.seconds * 1e3, trace.device))
                .on_hover_text("Time of the last pass, and what computed it");
        }
        ui.separator();
        ui.weak(format!("{} read back", bytes(status.read_back)))
            .on_hover_text(format!(
                "{} bytes came back from the GPU for this frame",
                grouped(status.read_back)
            ));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(work) = view.session.busy() {
                // Only passes tell how far they are, and only they can be stopped on the way.
                if work.share.is_some() && ui.small_button("Cancel").clicked() {
                    view.out.push(session::Command::Cancel);
                }
                let share = work
                    .share
                    .map_or(String::new(), |s| format!("  {:.0} %", 100.0 * s));
                ui.add(Label::new(work.words + &share).truncate());
                ui.add(egui::Spinner::new().size(14.0));
                ui.separator();
            }
            if let Some(text) = notice.clone() {
                if ui.small_button("×").on_hover_text("Understood").clicked() {
                    *notice = None;
                }
                let color = ui.visuals().warn_fg_color;
                ui.add(Label::new(RichText::new(&text).color(color)).truncate());
            } else if log::last(ui, view.session) {
                view.asks.push(Ask::Show(log::PANEL.id));
            }
        });
    });
}
