//! An orbit camera: where the eye stands, what it sees, and where world points fall on the screen.

use glam::{Mat4, Vec2, Vec3};

/// An eye that looks at a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// What it looks at, scene units.
    pub target: Vec3,
    /// Turn around the vertical, radians; 0 looks along -z, positive moves the eye towards +x.
    pub yaw: f32,
    /// Height of the eye over the horizontal, radians.
    pub pitch: f32,
    /// Eye to target, scene units.
    pub distance: f32,
    /// Vertical field of view, radians.
    pub fov: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Camera {
            target: Vec3::ZERO,
            yaw: -0.42,
            pitch: 0.36,
            distance: 10.0,
            fov: 0.6,
        }
    }
}

impl Camera {
    /// Nearest visible distance, scene units.
    const NEAR: f32 = 0.02;

    /// The direction from the eye to the target.
    pub fn forward(&self) -> Vec3 {
        let (sy, cy) = self.yaw.sin_cos();
        let (sp, cp) = self.pitch.sin_cos();
        -Vec3::new(sy * cp, sp, cy * cp)
    }

    /// The eye, scene units.
    pub fn eye(&self) -> Vec3 {
        self.target - self.forward() * self.distance
    }

    /// Clip space from world space; depth is 1 at the near plane and 0 at infinity.
    pub fn clip_from_world(&self, aspect: f32) -> Mat4 {
        let view = Mat4::look_to_rh(self.eye(), self.forward(), Vec3::Y);
        Mat4::perspective_infinite_reverse_rh(self.fov, aspect, Self::NEAR) * view
    }

    /// Where `world` falls on a screen of `size` pixels (from the top left), and its distance
    /// along the view; `None` behind the eye.
    pub fn project(&self, world: Vec3, size: Vec2) -> Option<(Vec2, f32)> {
        let clip = self.clip_from_world(size.x / size.y) * world.extend(1.0);
        if clip.w < Self::NEAR {
            return None;
        }
        let ndc = clip.truncate() / clip.w;
        Some((Vec2::new(ndc.x + 1.0, 1.0 - ndc.y) * 0.5 * size, clip.w))
    }

    /// The ray through a screen point: origin and unit direction.
    pub fn ray(&self, at: Vec2, size: Vec2) -> (Vec3, Vec3) {
        let ndc = Vec2::new(at.x / size.x * 2.0 - 1.0, 1.0 - at.y / size.y * 2.0);
        let inverse = self.clip_from_world(size.x / size.y).inverse();
        let near = inverse.project_point3(ndc.extend(1.0));
        (self.eye(), (near - self.eye()).normalize())
    }

    /// A good first look at the box `min..max`: short networks from the front, long ones from
    /// beside their input, so that its end is large and the depth fills the picture.
    pub fn overview((min, max): (Vec3, Vec3), size: Vec2) -> Self {
        let extent = max - min;
        let long = extent.x / extent.y.max(extent.z).max(1e-3);
        let turn = ((long - 4.0) / 12.0).clamp(0.0, 1.0);
        let mut camera = Camera {
            yaw: -0.42 - 0.5 * turn,
            pitch: 0.36 + 0.12 * turn,
            ..Camera::default()
        };
        camera.frame((min, max), size, 0.05);
        camera
    }

    /// Keeps the angles and moves so that the box `min..max` just fits a screen of `size` pixels,
    /// less `margin` (share of the screen, 0 to 1).
    pub fn frame(&mut self, (min, max): (Vec3, Vec3), size: Vec2, margin: f32) {
        self.target = (min + max) / 2.0;
        let corners =
            (0..8).map(|i| Vec3::select(glam::BVec3::new(i & 1 == 0, i & 2 == 0, i & 4 == 0), min, max));
        let forward = self.forward();
        let right = forward.cross(Vec3::Y).normalize();
        let up = right.cross(forward);
        let tan = (self.fov / 2.0).tan() * (1.0 - margin);
        let reach = |corner: Vec3| {
            let d = corner - self.target;
            let sideways = (d.dot(right).abs() / (size.x / size.y)).max(d.dot(up).abs());
            sideways / tan - d.dot(forward)
        };
        self.distance = corners.map(reach).fold(0.5, f32::max);
    }
}

/// Where a ray first meets the box `min..max`: distance along the ray.
pub fn hit(origin: Vec3, direction: Vec3, min: Vec3, max: Vec3) -> Option<f32> {
    let (a, b) = ((min - origin) / direction, (max - origin) / direction);
    let (enter, leave) = (a.min(b).max_element(), a.max(b).min_element());
    (enter <= leave && leave > 0.0).then_some(enter.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_through_a_projected_point_passes_it() {
        let camera = Camera {
            target: Vec3::new(3.0, 1.0, -2.0),
            distance: 12.0,
            ..Camera::default()
        };
        let size = Vec2::new(1280.0, 720.0);
        for world in [Vec3::ZERO, Vec3::new(5.0, 2.0, 1.0), Vec3::new(2.0, -1.0, -4.0)] {
            let (at, depth) = camera.project(world, size).unwrap();
            let (origin, direction) = camera.ray(at, size);
            let along = (world - origin).dot(direction);
            assert!((origin + direction * along - world).length() < 1e-3);
            assert!(depth > 0.0);
        }
    }

    #[test]
    fn framing_brings_every_corner_onto_the_screen() {
        let size = Vec2::new(900.0, 600.0);
        let bounds = (Vec3::new(-40.0, -3.0, -2.0), Vec3::new(60.0, 5.0, 1.0));
        let mut camera = Camera::default();
        camera.frame(bounds, size, 0.05);
        for i in 0..8 {
            let pick = |bit: i32, a: f32, b: f32| if i & bit == 0 { a } else { b };
            let corner = Vec3::new(
                pick(1, bounds.0.x, bounds.1.x),
                pick(2, bounds.0.y, bounds.1.y),
                pick(4, bounds.0.z, bounds.1.z),
            );
            let (at, _) = camera.project(corner, size).unwrap();
            assert!(
                at.cmpge(Vec2::ZERO).all() && at.cmple(size).all(),
                "{corner} at {at}"
            );
        }
    }

    #[test]
    fn a_ray_meets_a_box_in_front_only() {
        let (min, max) = (Vec3::splat(-1.0), Vec3::splat(1.0));
        assert_eq!(hit(Vec3::new(0.0, 0.0, 5.0), Vec3::NEG_Z, min, max), Some(4.0));
        assert_eq!(hit(Vec3::new(0.0, 0.0, 5.0), Vec3::Z, min, max), None);
        assert_eq!(hit(Vec3::new(0.0, 2.0, 5.0), Vec3::NEG_Z, min, max), None);
    }
}
