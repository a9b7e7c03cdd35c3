//! Bevy's camera, and the orbit that mouse and wheel steer it on.

use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::input::mouse::AccumulatedMouseScroll;
use bevy::prelude::*;
use bevy::render::view::Msaa;
use bevy_panorbit_camera::{PanOrbitCamera, TouchControls};
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

/// What fingers do: one turns a body and moves a flat diagram, two move and pinch both.
fn fingers(flat: bool, touches: usize) -> TouchControls {
    match (flat, touches) {
        // Its other half, where two fingers turn, is never in force.
        (true, 0 | 1) => TouchControls::TwoFingerOrbit,
        _ => TouchControls::OneFingerOrbit,
    }
}

/// What the rig did in this frame, the orbit takes over; what it did not touch keeps its ease.
fn write(
    mut explorer: ResMut<Explorer>,
    mut orbit: Single<&mut PanOrbitCamera>,
    touches: Option<Res<Touches>>,
) {
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
    orbit.touch_controls = fingers(flat, touches.map_or(0, |t| t.iter().count()));
    explorer.session.view.pose = Some(eye.into());
    if let Some(layout) = explorer.session.layout() {
        let extent = (layout.bounds.1 - layout.bounds.0).length();
        orbit.zoom_upper_limit = Some(20.0 * extent.max(10.0));
    }
}

#[cfg(test)]
mod tests {
    use bevy::input::InputPlugin;
    use bevy::input::touch::{TouchInput, TouchPhase};
    use layout::Arrangement;
    use session::Command;

    use super::*;

    /// Moves fingers over the scene in the crate's own way, and gives how far the orbit turned,
    /// moved and zoomed.
    fn dragged(arrangement: Arrangement, paths: &[[Vec2; 2]]) -> [f32; 3] {
        let mut app = App::new();
        app.add_plugins((
            MinimalPlugins,
            InputPlugin,
            bevy_panorbit_camera::PanOrbitCameraPlugin,
        ))
        .insert_resource(Explorer::with(panels::Panels::default(), &[]))
        .add_systems(Update, (read, write).chain());
        let mut explorer = app.world_mut().resource_mut::<Explorer>();
        explorer.session.apply(Command::Arrange(arrangement));
        let window = app
            .world_mut()
            .spawn((Window::default(), bevy::window::PrimaryWindow))
            .id();
        app.world_mut().spawn((
            Camera3d::default(),
            Camera {
                computed: bevy::camera::ComputedCameraValues {
                    target_info: Some(bevy::camera::RenderTargetInfo {
                        physical_size: UVec2::new(1280, 720),
                        scale_factor: 1.0,
                    }),
                    ..default()
                },
                ..default()
            },
            Transform::from_translation(Vec3::Z * 10.0),
            PanOrbitCamera::default(),
        ));
        let stands = |app: &mut App| {
            let world = app.world_mut();
            let orbit = world.query::<&PanOrbitCamera>().single(world).expect("one orbit");
            (
                orbit.target_yaw,
                orbit.target_pitch,
                orbit.target_focus,
                orbit.target_radius,
            )
        };
        app.update();
        let before = stands(&mut app);
        for step in 0..=8 {
            for (id, [from, to]) in paths.iter().enumerate() {
                let phase = if step == 0 {
                    TouchPhase::Started
                } else {
                    TouchPhase::Moved
                };
                app.world_mut().write_message(TouchInput {
                    phase,
                    position: from.lerp(*to, step as f32 / 8.0),
                    window,
                    force: None,
                    id: id as u64,
                });
            }
            app.update();
        }
        let after = stands(&mut app);
        let turned = (after.0 - before.0).abs() + (after.1 - before.1).abs();
        [turned, after.2.distance(before.2), (after.3 - before.3).abs()]
    }

    #[test]
    fn fingers_never_turn_a_flat_diagram() {
        let at = Vec2::new;
        let one = [[at(400.0, 300.0), at(520.0, 340.0)]];
        let two = [one[0], [at(600.0, 300.0), at(720.0, 340.0)]];
        let pinch = [
            [at(500.0, 300.0), at(400.0, 300.0)],
            [at(600.0, 300.0), at(700.0, 300.0)],
        ];
        for arrangement in Arrangement::ALL {
            let flat = arrangement.flat();
            let [turned, moved, _] = dragged(arrangement, &one);
            assert_eq!(
                (turned > 0.01, moved > 0.01),
                (!flat, flat),
                "one, {arrangement:?}"
            );
            let [turned, moved, _] = dragged(arrangement, &two);
            assert!(
                turned < 1e-3 && moved > 0.01,
                "two, {arrangement:?}: {turned} {moved}"
            );
            let [turned, _, zoomed] = dragged(arrangement, &pinch);
            assert!(
                turned < 1e-3 && zoomed > 0.1,
                "pinch, {arrangement:?}: {turned} {zoomed}"
            );
        }
    }
}
