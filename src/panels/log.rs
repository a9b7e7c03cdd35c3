//! Messages.

use egui::{Color32, Ui};
use session::{Level, Session};

fn color(ui: &Ui, level: Level) -> Color32 {
    match level {
        Level::Info => ui.visuals().weak_text_color(),
        Level::Warning => ui.visuals().warn_fg_color,
        Level::Error => ui.visuals().error_fg_color,
    }
}

/// The last message, in one line.
pub fn last(ui: &mut Ui, session: &Session) {
    if let Some((level, text)) = session.log.last() {
        ui.separator();
        let color = color(ui, *level);
        ui.add(egui::Label::new(egui::RichText::new(text).color(color)).truncate());
    }
}

/// The last hundred messages, newest first.
pub fn show(ui: &mut Ui, session: &Session) {
    egui::CollapsingHeader::new(format!("Log ({})", session.log.len())).show(ui, |ui| {
        for (level, text) in session.log.iter().rev().take(100) {
            ui.colored_label(color(ui, *level), text);
        }
    });
}
