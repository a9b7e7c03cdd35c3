//! Messages: warnings of files, errors, what was opened.

use egui::{Color32, Label, RichText, ScrollArea, Ui};
use session::{Level, Session};

use crate::panel::{Panel, Side, View};
use crate::widgets::empty;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "log",
    title: "Log",
    about: "Warnings, errors, and what was done",
    side: Side::Below,
    open: true,
    show,
};

/// Levels that are left out.
#[derive(Default)]
struct State {
    hidden: [bool; 3],
}

const LEVELS: [(Level, &str); 3] = [
    (Level::Error, "Errors"),
    (Level::Warning, "Warnings"),
    (Level::Info, "Notes"),
];

/// A sign for a level, readable without its colour.
fn sign(ui: &Ui, level: Level) -> (&'static str, Color32) {
    match level {
        Level::Info => ("·", ui.visuals().weak_text_color()),
        Level::Warning => ("⚠", ui.visuals().warn_fg_color),
        Level::Error => ("✖", ui.visuals().error_fg_color),
    }
}

/// The last message, in one line; answers whether it was clicked.
pub fn last(ui: &mut Ui, session: &Session) -> bool {
    let Some((level, text)) = session.log.last() else {
        return false;
    };
    let (sign, color) = sign(ui, *level);
    let text = RichText::new(format!("{sign} {}", text.lines().next().unwrap_or_default())).color(color);
    let label = ui.add(Label::new(text).truncate().sense(egui::Sense::click()));
    label.on_hover_text("Click for the log").clicked()
}

fn show(ui: &mut Ui, view: &mut View) {
    let log = &view.session.log;
    if log.is_empty() {
        return empty(
            ui,
            "No messages",
            "What goes wrong is told here, with its file and place.",
        );
    }
    let hidden = &mut view.memory.of::<State>().hidden;
    let shown = |hidden: &[bool; 3], level: Level| {
        LEVELS
            .iter()
            .zip(hidden)
            .any(|((l, _), hidden)| *l == level && !hidden)
    };
    ui.horizontal(|ui| {
        for (i, (level, name)) in LEVELS.iter().enumerate() {
            let count = log.iter().filter(|(l, _)| l == level).count();
            let mut on = !hidden[i];
            if ui
                .add_enabled(count > 0, egui::Button::selectable(on, format!("{name} {count}")))
                .clicked()
            {
                on = !on;
            }
            hidden[i] = !on;
        }
        ui.separator();
        if ui
            .button("Copy")
            .on_hover_text("The messages that are shown")
            .clicked()
        {
            let lines = log.iter().filter(|(l, _)| shown(hidden, *l));
            let lines: Vec<String> = lines.map(|(l, t)| format!("{l:?}: {t}")).collect();
            ui.ctx().copy_text(lines.join("\n"));
        }
    });
    let hidden = *hidden;
    ScrollArea::vertical()
        .auto_shrink(false)
        .stick_to_bottom(true)
        .show(ui, |ui| {
            let kept: Vec<&(Level, String)> = log.iter().filter(|(l, _)| shown(&hidden, *l)).collect();
            let skipped = kept.len().saturating_sub(MOST);
            if skipped > 0 {
                ui.weak(format!(
                    "{skipped} older messages are left out here; Copy takes all"
                ));
            }
            for (level, text) in &kept[skipped..] {
                let (sign, color) = sign(ui, *level);
                let text = RichText::new(format!("{sign} {text}")).color(color);
                ui.add(Label::new(text).wrap().selectable(true));
            }
        });
}

/// Messages that are drawn.
const MOST: usize = 300;
