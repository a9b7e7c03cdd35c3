//! Flying freely with keys and mouse.

use bevy::input::mouse::AccumulatedMouseMotion;
use bevy::prelude::*;
use bevy_egui::EguiContexts;
use scene::fly::Hands;

use crate::explorer::{Explorer, Step};

/// Radians for each point that the mouse moves.
const TURN: f32 = 0.003;

/// Adds the system.
pub fn plugin(app: &mut App) {
    app.add_systems(Update, fly.after(Step::Follow).before(Step::Aim));
}

fn fly(
    mut explorer: ResMut<Explorer>,
    keys: Res<ButtonInput<KeyCode>>,
    buttons: Res<ButtonInput<MouseButton>>,
    motion: Res<AccumulatedMouseMotion>,
    time: Res<Time>,
    mut contexts: EguiContexts,
) -> Result {
    if !explorer.session.view.fly {
        return Ok(());
    }
    let mut hands = Hands::default();
    if !contexts.ctx_mut()?.egui_wants_keyboard_input() {
        let held = |key| f32::from(u8::from(keys.pressed(key)));
        let axis = |up, down| held(up) - held(down);
        hands.go = glam::Vec3::new(
            axis(KeyCode::KeyD, KeyCode::KeyA),
            axis(KeyCode::KeyE, KeyCode::KeyQ),
            axis(KeyCode::KeyW, KeyCode::KeyS),
        );
        hands.hurry = keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    }
    if explorer.steers && buttons.any_pressed([MouseButton::Left, MouseButton::Right]) {
        hands.turn = glam::Vec2::new(motion.delta.x, -motion.delta.y) * TURN;
    }
    explorer.stage.rig.fly(&hands, time.delta_secs());
    Ok(())
}
