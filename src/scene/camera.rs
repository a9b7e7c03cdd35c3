//! An orbit camera: where the eye stands, what it sees, and where world points fall on the screen.

use glam::{Mat4, Vec2, Vec3};
use session::Pose;

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

impl From<Camera> for Pose {
    fn from(camera: Camera) -> Self {
        Pose {
            target: camera.target,
            yaw: camera.yaw,
            pitch: camera.pitch,
            distance: camera.distance,
        }
    }
}

impl Camera {
    /// At `pose`.
    pub fn at(pose: Pose) -> Self {
        Camera {
            target: pose.target,
            yaw: pose.yaw,
            pitch: pose.pitch,
            distance: pose.distance,
            ..Camera::default()
        }
    }

    /// Nearest visible distance, scene units.
    pub(crate) const NEAR: f32 = 0.02;

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
        self.lens(size).project(world)
    }

    /// What projects many points onto a screen of `size` pixels.
    pub fn lens(&self, size: Vec2) -> Lens {
        Lens {
            clip_from_world: self.clip_from_world(size.x / size.y),
            size,
        }
    }

    /// The ray through a screen point: origin and unit direction.
    pub fn ray(&self, at: Vec2, size: Vec2) -> (Vec3, Vec3) {
        let ndc = Vec2::new(at.x / size.x * 2.0 - 1.0, 1.0 - at.y / size.y * 2.0);
        let inverse = self.clip_from_world(size.x / size.y).inverse();
        let near = inverse.project_point3(ndc.extend(1.0));
        (self.eye(), (near - self.eye()).normalize())
    }

    /// A good first look at `points`, which fill the box `min..max`: short networks from the
    /// front, long ones from beside their input, so that its end is large and the depth fills the
    /// picture.
    pub fn overview(points: &[Vec3], (min, max): (Vec3, Vec3), size: Vec2) -> Self {
        let extent = max - min;
        let long = extent.x / extent.y.max(extent.z).max(1e-3);
        let turn = ((long - 4.0) / 12.0).clamp(0.0, 1.0);
        let mut camera = Camera {
            yaw: -0.3 - 0.45 * turn,
            pitch: 0.26 + 0.2 * turn,
            ..Camera::default()
        };
        camera.frame(points, size, Margins::default());
        camera
    }

    /// A flat diagram from straight in front.
    pub fn front(points: &[Vec3], size: Vec2) -> Self {
        let mut camera = Camera {
            yaw: 0.0,
            pitch: 0.0,
            ..Camera::default()
        };
        camera.frame(points, size, Margins::default());
        camera
    }

    /// Keeps the angles and moves so that `points` just fit a screen of `size` points, less
    /// `margins`.
    ///
    /// A plane through the eye and an edge of the screen bounds the eye's place for each point;
    /// the nearest eye behind all of them is exact, whatever the perspective.
    pub fn frame(&mut self, points: &[Vec3], size: Vec2, margins: Margins) {
        let forward = self.forward();
        let right = forward.cross(Vec3::Y).normalize();
        let up = right.cross(forward);
        let tan = (self.fov / 2.0).tan();
        let aspect = size.x / size.y;
        // Tangents of the angles to the four edges.
        let inner = |far: f32, near: f32, whole: f32| {
            let (a, b) = (1.0 - 2.0 * far / whole, 1.0 - 2.0 * near / whole);
            // Always some picture between the margins.
            if a + b > 0.4 { (a, b) } else { (0.2, 0.2) }
        };
        let (left_edge, right_edge) = inner(margins.left, margins.right, size.x);
        let (top_edge, bottom_edge) = inner(margins.top, margins.bottom, size.y);
        let (l, r) = (left_edge * tan * aspect, right_edge * tan * aspect);
        let (t, b) = (top_edge * tan, bottom_edge * tan);
        // The eye at (x, y) sideways and depth z along forward sees a point within the edges when
        // p.x - x <= r (p.z - z), x - p.x <= l (p.z - z), and so on.
        let far = f32::NEG_INFINITY;
        let (mut rightmost, mut leftmost, mut topmost, mut lowest) = (far, far, far, far);
        let mut nearest = f32::INFINITY;
        for p in points {
            let (x, y, z) = (p.dot(right), p.dot(up), p.dot(forward));
            rightmost = rightmost.max(x - r * z);
            leftmost = leftmost.max(-x - l * z);
            topmost = topmost.max(y - t * z);
            lowest = lowest.max(-y - b * z);
            nearest = nearest.min(z);
        }
        if !nearest.is_finite() {
            return;
        }
        let wide = -(rightmost + leftmost) / (l + r);
        let high = -(topmost + lowest) / (t + b);
        let z = wide.min(high).min(nearest - 0.5);
        // Where one direction has room, its middle.
        let x = (rightmost + r * z - leftmost - l * z) / 2.0;
        let y = (topmost + t * z - lowest - b * z) / 2.0;
        let eye = right * x + up * y + forward * z;
        // The target lies in the middle of what is seen, so that orbiting turns around it.
        let middle = points.iter().map(|p| p.dot(forward)).fold(far, f32::max);
        self.distance = ((nearest + middle) / 2.0 - z).max(0.5);
        self.target = eye + forward * self.distance;
    }
}

/// Room that stays free at the edges of the screen, points.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Margins {
    pub left: f32,
    pub right: f32,
    pub top: f32,
    pub bottom: f32,
}

impl Default for Margins {
    /// Above for a title, below for names and the legend.
    fn default() -> Self {
        Margins {
            left: 24.0,
            right: 24.0,
            top: 64.0,
            bottom: 76.0,
        }
    }
}

/// Where a ray first meets the box `min..max`: distance along the ray.
pub fn hit(origin: Vec3, direction: Vec3, min: Vec3, max: Vec3) -> Option<f32> {
    let (a, b) = ((min - origin) / direction, (max - origin) / direction);
    let (enter, leave) = (a.min(b).max_element(), a.max(b).min_element());
    (enter <= leave && leave > 0.0).then_some(enter.max(0.0))
}

/// A camera that stands still before a screen.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    pub(crate) clip_from_world: Mat4,
    pub(crate) size: Vec2,
}

impl Lens {
    /// As [`Camera::project`].
    pub fn project(&self, world: Vec3) -> Option<(Vec2, f32)> {
        let clip = self.clip_from_world * world.extend(1.0);
        if clip.w < Camera::NEAR {
            return None;
        }
        let ndc = clip.truncate() / clip.w;
        Some((Vec2::new(ndc.x + 1.0, 1.0 - ndc.y) * 0.5 * self.size, clip.w))
    }
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
        let pick = |i: i32, bit: i32, a: f32, b: f32| if i & bit == 0 { a } else { b };
        let corners: Vec<Vec3> = (0..8)
            .map(|i| {
                Vec3::new(
                    pick(i, 1, -40.0, 60.0),
                    pick(i, 2, -3.0, 5.0),
                    pick(i, 4, -2.0, 1.0),
                )
            })
            .collect();
        let mut camera = Camera::default();
        let margins = Margins::default();
        camera.frame(&corners, size, margins);
        let seen: Vec<Vec2> = corners
            .iter()
            .map(|c| camera.project(*c, size).unwrap().0)
            .collect();
        let (min, max) = seen
            .iter()
            .fold((size, Vec2::ZERO), |(a, b), p| (a.min(*p), b.max(*p)));
        // The wide direction is filled to its margins, the other one lies between its own.
        assert!((min.x - margins.left).abs() < 0.5 && (size.x - max.x - margins.right).abs() < 0.5);
        assert!(min.y > margins.top && max.y < size.y - margins.bottom);
    }

    #[test]
    fn a_ray_meets_a_box_in_front_only() {
        let (min, max) = (Vec3::splat(-1.0), Vec3::splat(1.0));
        assert_eq!(hit(Vec3::new(0.0, 0.0, 5.0), Vec3::NEG_Z, min, max), Some(4.0));
        assert_eq!(hit(Vec3::new(0.0, 0.0, 5.0), Vec3::Z, min, max), None);
        assert_eq!(hit(Vec3::new(0.0, 2.0, 5.0), Vec3::NEG_Z, min, max), None);
    }
}
