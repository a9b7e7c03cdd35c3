//! The picture of a network: a layout and a trace as boxes, ribbons and labels, seen by a camera.
//!
//! In: a network, its layout, the trace of a pass, and a [`Look`]. Out: what `gpu` draws, where
//! labels go, and what a pointer touches. It knows no file and no window.

pub mod camera;
pub mod compose;
pub mod labels;
pub mod theme;
pub mod tiles;
pub mod transition;

pub use camera::Camera;
pub use compose::{Display, Look};
pub use labels::{Label, labels};
pub use theme::Theme;

use glam::Vec2;

/// The camera and frame as the shaders read them.
pub fn view(camera: &Camera, size: Vec2, seconds: f32, theme: Theme, depth: f32) -> gpu::View {
    let [r, g, b] = theme.background();
    let near = camera.distance;
    gpu::View {
        clip_from_world: camera.clip_from_world(size.x / size.y).to_cols_array_2d(),
        eye: camera.eye().extend(seconds).to_array(),
        frame: [size.x, size.y, seconds, (theme == Theme::Light) as u32 as f32],
        background: [r, g, b, 1.0],
        fog: [near + 0.35 * depth, near + 1.6 * depth.max(1.0), 0.0, 0.0],
    }
}
