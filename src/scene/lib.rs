//! The picture of a network: a session as boxes, ribbons and text, seen by a camera.
//!
//! In: a [`session::Session`] and the seconds that passed. Out: what `gpu` draws ([`Shown`]), text
//! for egui's painter ([`overlay`]), and what a pointer touches. The window and a headless picture
//! go the same way, through a [`Stage`]. It knows no file and no window.

pub mod camera;
pub mod colormap;
pub mod compose;
pub mod controls;
mod crowd;
pub mod fly;
mod frames;
pub mod hover;
pub mod labels;
mod legend;
mod links;
mod marks;
pub mod overlay;
pub mod ranges;
pub mod rig;
pub mod shown;
pub mod stage;
pub mod standing;
mod stood;
pub mod svg;
pub mod theme;
pub mod tiles;
pub mod tint;
pub mod transition;
mod tree;

pub use camera::{Camera, Margins};
pub use compose::{Display, Look};
pub use hover::Hover;
pub use labels::{Label, Placed, Taken, labels};
pub use rig::Rig;
pub use shown::Shown;
pub use stage::Stage;
pub use standing::Standing;
pub use theme::Theme;

use glam::Vec2;

/// The camera and frame as the shaders read them: `size` in pixels, `scale` of them to a point.
pub fn view(camera: &Camera, size: Vec2, scale: f32, seconds: f32, theme: Theme, depth: f32) -> gpu::View {
    let [r, g, b] = theme.background();
    let near = camera.distance;
    gpu::View {
        clip_from_world: camera.clip_from_world(size.x / size.y).to_cols_array_2d(),
        eye: camera.eye().extend(seconds).to_array(),
        frame: [size.x, size.y, seconds, (theme == Theme::Light) as u32 as f32],
        background: [r, g, b, 1.0],
        flow: gpu::View::DONE,
        marked: [0; 4],
        fog: [near + 0.35 * depth, near + 1.6 * depth.max(1.0), scale, 0.0],
    }
}
