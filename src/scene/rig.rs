//! The camera on its way: goals send it, and it gets there with ease.

use glam::{Vec2, Vec3};
use session::{Goal, Session};

use crate::camera::Camera;
use crate::tiles::Tile;

/// Seconds that the camera takes to a goal.
const FLIGHT: f32 = 0.9;

/// A camera that follows the session's goals.
#[derive(Default)]
pub struct Rig {
    /// As it stands in this frame.
    pub camera: Camera,
    /// The goal that it was last sent to.
    sent: Option<u64>,
    flight: Option<Flight>,
    /// The goal was reached in this frame.
    arrived: bool,
}

struct Flight {
    from: Camera,
    to: Camera,
    seconds: f32,
}

impl Rig {
    /// Flies on by `dt` seconds, towards a new goal where there is one. Waits while the picture
    /// has no size or the network no layout.
    pub fn update(&mut self, session: &Session, tiles: &[Tile], size: Vec2, dt: f32) {
        let (number, goal) = &session.goal;
        if self.sent != Some(*number)
            && size.min_element() > 0.0
            && let Some(to) = self.seen_from(session, goal, tiles, size)
        {
            // The first look is there at once.
            let seconds = if self.sent.is_none() { FLIGHT } else { 0.0 };
            let from = self.camera;
            self.flight = Some(Flight { from, to, seconds });
            self.sent = Some(*number);
        }
        self.arrived = false;
        if let Some(flight) = &mut self.flight {
            flight.seconds += dt;
            let share = (flight.seconds / FLIGHT).min(1.0);
            self.camera = between(&flight.from, &flight.to, share);
            if share >= 1.0 {
                self.flight = None;
                self.arrived = true;
            }
        }
    }

    /// True while the rig decides where the camera stands, and no hand does.
    pub fn leads(&self) -> bool {
        self.flight.is_some() || self.arrived
    }

    /// A hand has taken the camera and holds it there.
    pub fn hold(&mut self, camera: Camera) {
        self.flight = None;
        self.camera = camera;
    }

    /// Where the camera stands for `goal`.
    fn seen_from(&self, session: &Session, goal: &Goal, tiles: &[Tile], size: Vec2) -> Option<Camera> {
        let layout = session.layout().filter(|l| !l.volumes.is_empty())?;
        let chosen = session.state.selection;
        let volume = layout.volumes.iter().find(|v| chosen == Some(v.node));
        let (Goal::Selection, Some(volume)) = (goal, volume) else {
            let (min, max) = layout.bounds;
            // Room below for the names.
            return Some(Camera::overview((min - Vec3::Y * 0.6, max), size));
        };
        let room = Vec3::splat(0.35 * volume.size.length().max(1.0));
        let (mut min, mut max) = (volume.min() - room, volume.max() + room);
        for tile in tiles {
            min = min.min(tile.center - tile.size / 2.0);
            max = max.max(tile.center + tile.size / 2.0);
        }
        let mut camera = Camera {
            yaw: -0.25,
            pitch: 0.12,
            ..self.camera
        };
        camera.frame((min, max), size, 0.1);
        Some(camera)
    }
}

/// The camera at `share` of the way: slow at both ends, zooming evenly.
fn between(from: &Camera, to: &Camera, share: f32) -> Camera {
    use std::f32::consts::{PI, TAU};
    if share >= 1.0 {
        return *to;
    }
    let t = share * share * (3.0 - 2.0 * share);
    let turn = (to.yaw - from.yaw + PI).rem_euclid(TAU) - PI;
    Camera {
        target: from.target.lerp(to.target, t),
        yaw: from.yaw + turn * t,
        pitch: from.pitch + (to.pitch - from.pitch) * t,
        distance: from.distance * (to.distance / from.distance).powf(t),
        fov: to.fov,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_turns_the_short_way_and_arrives() {
        let from = Camera {
            yaw: 3.0,
            ..Camera::default()
        };
        let to = Camera {
            yaw: -3.0,
            distance: 40.0,
            target: Vec3::X,
            ..from
        };
        let half = between(&from, &to, 0.5);
        assert!((half.yaw - std::f32::consts::PI).abs() < 1e-4, "{}", half.yaw);
        assert!((half.distance - 20.0).abs() < 1e-3);
        assert_eq!(between(&from, &to, 1.0), to);
    }
}
