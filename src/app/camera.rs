//! Bevy's camera, and the orbit that mouse and wheel steer it on.

use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::input::mouse::AccumulatedMouseScroll;
use bevy::prelude::*;
use bevy::render::view::Msaa;
use bevy_panorbit_camera::PanOrbitCamera;
use scene::Camera as Eye;

use crate::explorer::{Explorer, Step};

/// Adds the camera.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, spawn)
        .add_systems(Update, (read.in_set(Step::Ask), write.in_set(Step::Aim)));
}

fn spawn(mut commands: Commands) {
    commands.spawn((
        Camera3d::default(),
        // Panning measures by it.
        Projection::from(PerspectiveProjection {
            fov: Eye::default().fov,
            ..default()
        }),
        Msaa::Off,
        Tonemapping::None,
        DebandDither::Disabled,
        PanOrbitCamera {
            button_pan: MouseButton::Middle,
            ..default()
        },
    ));
}

/// Where the orbit stands, where it knows; elsewhere where the rig does.
fn stands(orbit: &PanOrbitCamera, rig: Eye) -> Eye {
    Eye {
        target: orbit.focus,
        yaw: orbit.yaw.unwrap_or(rig.yaw),
        pitch: orbit.pitch.unwrap_or(rig.pitch),
        distance: orbit.radius.unwrap_or(rig.distance),
        ..rig
    }
}

/// Seconds that the orbit eases on after a hand has left it.
const EASE: f32 = 1.0;

/// What mouse and wheel did since the last frame, the rig takes over. Without a hand the orbit may
/// still round what it was given: that must not end a flight.
fn read(
    mut explorer: ResMut<Explorer>,
    orbit: Single<&PanOrbitCamera>,
    (buttons, scroll): (Res<ButtonInput<MouseButton>>, Res<AccumulatedMouseScroll>),
    touches: Res<Touches>,
    time: Res<Time>,
    mut left: Local<f32>,
) {
    let hand = buttons.get_pressed().next().is_some()
        || scroll.delta != Vec2::ZERO
        || touches.iter().next().is_some();
    *left = if hand { EASE } else { *left - time.delta_secs() };
    let rig = &mut explorer.stage.rig;
    let eye = stands(&orbit, rig.camera);
    if eye != rig.camera && *left > 0.0 {
        rig.hold(eye);
    }
}

/// What the rig did in this frame, the orbit takes over; what it did not touch keeps its ease.
fn write(mut explorer: ResMut<Explorer>, mut orbit: Single<&mut PanOrbitCamera>) {
    let explorer = &mut *explorer;
    let eye = explorer.stage.rig.camera;
    let before = stands(&orbit, eye);
    if eye != before {
        orbit.force_update = true;
    }
    if eye.target != before.target {
        (orbit.focus, orbit.target_focus) = (eye.target, eye.target);
    }
    if eye.yaw != before.yaw || orbit.yaw.is_none() {
        (orbit.yaw, orbit.target_yaw) = (Some(eye.yaw), eye.yaw);
    }
    if eye.pitch != before.pitch || orbit.pitch.is_none() {
        (orbit.pitch, orbit.target_pitch) = (Some(eye.pitch), eye.pitch);
    }
    if eye.distance != before.distance || orbit.radius.is_none() {
        (orbit.radius, orbit.target_radius) = (Some(eye.distance), eye.distance);
    }
    // A flat diagram is moved where a body is turned.
    let flat = explorer.session.state.arrangement.flat();
    (orbit.button_orbit, orbit.button_pan) = match flat {
        true => (MouseButton::Middle, MouseButton::Left),
        false => (MouseButton::Left, MouseButton::Middle),
    };
    explorer.session.view.pose = Some(eye.into());
    if let Some(layout) = explorer.session.layout() {
        let extent = (layout.bounds.1 - layout.bounds.0).length();
        orbit.zoom_upper_limit = Some(20.0 * extent.max(10.0));
    }
}
