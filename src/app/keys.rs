//! The keyboard: what `panels::KEYS` promises.

use bevy::prelude::*;
use bevy_egui::EguiContexts;
use layout::Arrangement;
use scene::controls::{SLOTS, next_way, slot};
use session::{Bookmark, Command, Goal, Session};

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
    let control = held(
        keys,
        [KeyCode::ControlLeft, KeyCode::ControlRight, KeyCode::SuperLeft],
    );
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
            // Flying, E is upwards.
            (KeyCode::KeyE, false) if !session.view.fly => Command::ExpandAll,
            (KeyCode::Escape, _) => Command::Select(None),
            (KeyCode::KeyP, false) => Command::Trail(next_way(session.state.trail)),
            (KeyCode::KeyV, false) => Command::Fly(!session.view.fly),
            (KeyCode::KeyB, false) => Command::Follow(!session.view.follow),
            (key, _) => match digit(*key, keys, control, session) {
                Some(command) => command,
                None => continue,
            },
        });
    }
    out
}

/// True when one of `modifiers` was down with a key of this frame. On a slow frame both may be up
/// again, or the modifier may have gone down in the frame before.
fn held<const N: usize>(keys: &ButtonInput<KeyCode>, modifiers: [KeyCode; N]) -> bool {
    keys.any_pressed(modifiers) || keys.any_just_pressed(modifiers) || keys.any_just_released(modifiers)
}

/// The digits go to bookmarks, with Ctrl put them where the camera stands, and with Shift arrange
/// the network.
fn digit(key: KeyCode, keys: &ButtonInput<KeyCode>, control: bool, session: &Session) -> Option<Command> {
    const DIGITS: [KeyCode; SLOTS] = [
        KeyCode::Digit1,
        KeyCode::Digit2,
        KeyCode::Digit3,
        KeyCode::Digit4,
        KeyCode::Digit5,
        KeyCode::Digit6,
        KeyCode::Digit7,
        KeyCode::Digit8,
        KeyCode::Digit9,
    ];
    let place = DIGITS.iter().position(|d| *d == key)?;
    if held(keys, [KeyCode::ShiftLeft, KeyCode::ShiftRight]) {
        return Arrangement::ALL.get(place).map(|a| Command::Arrange(*a));
    }
    let name = slot(1 + place);
    match control {
        true => session
            .view
            .pose
            .map(|pose| Command::Bookmark(Bookmark { name, pose })),
        false => Some(Command::Look(Goal::Bookmark(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way in which a slow frame may see Ctrl+Z.
    #[test]
    fn a_modifier_counts_in_whatever_frame_it_goes_down_and_up() {
        let (control, z) = (KeyCode::ControlLeft, KeyCode::KeyZ);
        for (down_before, up_within) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut keys = ButtonInput::default();
            keys.press(control);
            if down_before {
                keys.clear();
            }
            keys.press(z);
            if up_within {
                keys.release(z);
                keys.release(control);
            }
            let found = commands(&keys, &Session::new());
            assert_eq!(found, [Command::Undo], "{down_before} {up_within}");
        }
    }
}
