//! Bevy's camera, and the orbit that mouse and wheel steer it on.

use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::prelude::*;
use bevy::render::view::Msaa;
use bevy_panorbit_camera::PanOrbitCamera;
use scene::Camera as Eye;

use crate::explorer::{Explorer, Step};

/// Adds the camera.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, spawn)
        .add_systems(Update, aim.in_set(Step::Aim));
}

fn spawn(mut commands: Commands) {
    commands.spawn((
        Camera3d::default(),
        Msaa::Off,
        Tonemapping::None,
        DebandDither::Disabled,
        PanOrbitCamera {
            button_pan: MouseButton::Middle,
            ..default()
        },
    ));
}

/// On its way to a goal the rig leads and the orbit follows; else the other way round.
fn aim(mut explorer: ResMut<Explorer>, mut orbit: Single<&mut PanOrbitCamera>) {
    let explorer = &mut *explorer;
    let rig = &mut explorer.stage.rig;
    if rig.leads() {
        let eye = rig.camera;
        (orbit.focus, orbit.target_focus) = (eye.target, eye.target);
        (orbit.yaw, orbit.target_yaw) = (Some(eye.yaw), eye.yaw);
        (orbit.pitch, orbit.target_pitch) = (Some(eye.pitch), eye.pitch);
        (orbit.radius, orbit.target_radius) = (Some(eye.distance), eye.distance);
        orbit.force_update = true;
    } else {
        let eye = Eye {
            target: orbit.focus,
            yaw: orbit.yaw.unwrap_or(rig.camera.yaw),
            pitch: orbit.pitch.unwrap_or(rig.camera.pitch),
            distance: orbit.radius.unwrap_or(rig.camera.distance),
            ..rig.camera
        };
        rig.hold(eye);
    }
    if let Some(layout) = explorer.session.layout() {
        let extent = (layout.bounds.1 - layout.bounds.0).length();
        orbit.zoom_upper_limit = Some(20.0 * extent.max(10.0));
    }
}
