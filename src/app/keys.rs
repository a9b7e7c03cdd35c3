//! The keyboard: what `panels::KEYS` promises.

use bevy::prelude::*;
use bevy_egui::EguiContexts;
use session::{Command, Goal, Session};

use crate::explorer::{Explorer, Step};

/// Adds the system.
pub fn plugin(app: &mut App) {
    app.add_systems(Update, press.in_set(Step::Ask));
}

fn press(
    mut explorer: ResMut<Explorer>,
    keys: Res<ButtonInput<KeyCode>>,
    mut contexts: EguiContexts,
) -> Result {
    if !contexts.ctx_mut()?.egui_wants_keyboard_input() {
        for command in commands(&keys, &explorer.session) {
            explorer.session.apply(command);
        }
    }
    Ok(())
}

/// Commands for the keys that went down.
fn commands(keys: &ButtonInput<KeyCode>, session: &Session) -> Vec<Command> {
    // On a slow frame a key may be down and up again before it is looked at.
    let held = [KeyCode::ControlLeft, KeyCode::ControlRight, KeyCode::SuperLeft];
    let control = keys.any_pressed(held) || keys.any_just_pressed(held);
    let mut out = Vec::new();
    for key in keys.get_just_pressed() {
        out.push(match (key, control) {
            (KeyCode::KeyZ, true) => Command::Undo,
            (KeyCode::KeyY, true) => Command::Redo,
            (KeyCode::Space, _) if session.playing => Command::Pause,
            (KeyCode::Space, _) => Command::Play,
            (KeyCode::ArrowLeft, _) => Command::Step(-1),
            (KeyCode::ArrowRight, _) => Command::Step(1),
            (KeyCode::KeyH, false) => Command::Look(Goal::Home),
            (KeyCode::KeyF, false) => Command::Look(Goal::Selection),
            (KeyCode::KeyG, false) => Command::Backward(!session.state.backward),
            (KeyCode::KeyL, false) => Command::Light(!session.state.light),
            (KeyCode::KeyC, false) => Command::CollapseAll,
            (KeyCode::KeyE, false) => Command::ExpandAll,
            (KeyCode::Escape, _) => Command::Select(None),
            _ => continue,
        });
    }
    out
}
