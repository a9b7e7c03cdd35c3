//! Flying freely: hands steer, and the camera follows them smoothly.

use glam::{Vec2, Vec3};

use crate::camera::Camera;

/// Seconds after which about two thirds of a change of the hands has arrived.
const SMOOTH: f32 = 0.12;

/// Steepest look up or down, radians.
const STEEPEST: f32 = 1.5;

/// What the hands do in this frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hands {
    /// To the right, up, and forward; -1 to 1 each.
    pub go: Vec3,
    /// Turn to the right and up, radians.
    pub turn: Vec2,
    /// Four times as fast.
    pub hurry: bool,
}

/// The motion that is left from frame to frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fly {
    /// Scene units a second.
    velocity: Vec3,
    /// Radians that are still to be turned.
    turn: Vec2,
}

impl Fly {
    /// The camera `dt` seconds later. Its target stays as far ahead as it was; the farther that
    /// is, the faster it flies.
    pub fn step(&mut self, camera: &Camera, hands: &Hands, dt: f32) -> Camera {
        let forward = camera.forward();
        let right = forward.cross(Vec3::Y).normalize_or_zero();
        let speed = camera.distance.clamp(2.0, 200.0) * if hands.hurry { 1.4 } else { 0.35 };
        let wish = (right * hands.go.x + Vec3::Y * hands.go.y + forward * hands.go.z) * speed;
        let share = 1.0 - (-dt / SMOOTH).exp();
        self.velocity += (wish - self.velocity) * share;
        self.turn += hands.turn;
        let turn = self.turn * (1.0 - (-dt / (0.5 * SMOOTH)).exp());
        self.turn -= turn;
        // What cannot be seen any more is no motion.
        if hands.go == Vec3::ZERO && self.velocity.length() < 1e-3 * speed {
            self.velocity = Vec3::ZERO;
        }
        let eye = camera.eye() + self.velocity * dt;
        let mut next = Camera {
            yaw: camera.yaw - turn.x,
            pitch: (camera.pitch - turn.y).clamp(-STEEPEST, STEEPEST),
            ..*camera
        };
        next.target = eye + next.forward() * next.distance;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f32 = 1.0 / 60.0;

    #[test]
    fn it_goes_where_it_looks_and_comes_to_rest() {
        let start = Camera::default();
        let (mut fly, mut camera) = (Fly::default(), start);
        let ahead = Hands {
            go: Vec3::Z,
            ..Hands::default()
        };
        for _ in 0..60 {
            camera = fly.step(&camera, &ahead, DT);
        }
        let gone = camera.eye() - start.eye();
        assert!(gone.normalize().dot(start.forward()) > 0.999);
        assert!(gone.length() > 2.0, "{gone}");
        for _ in 0..120 {
            camera = fly.step(&camera, &Hands::default(), DT);
        }
        let rest = fly.step(&camera, &Hands::default(), DT);
        assert!((rest.eye() - camera.eye()).length() < 1e-4);
    }

    #[test]
    fn turning_keeps_the_eye_and_adds_up() {
        let start = Camera::default();
        let (mut fly, mut camera) = (Fly::default(), start);
        let turn = Hands {
            turn: Vec2::new(0.3, 0.1),
            ..Hands::default()
        };
        camera = fly.step(&camera, &turn, DT);
        for _ in 0..120 {
            camera = fly.step(&camera, &Hands::default(), DT);
        }
        assert!((camera.eye() - start.eye()).length() < 1e-3);
        assert!((camera.yaw - (start.yaw - 0.3)).abs() < 1e-3);
        assert!((camera.pitch - (start.pitch - 0.1)).abs() < 1e-3);
        // A look to the right sees what was to the right.
        let right = start.forward().cross(Vec3::Y);
        assert!(camera.forward().dot(right) > 0.1);
    }
}
