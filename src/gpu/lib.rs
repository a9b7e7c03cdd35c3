//! The one device: tensors in display memory, and the pipelines that draw them.
//!
//! In: boxes, ribbons, points, tensor values (from the host or from another buffer of the device).
//! Out: draw calls into whatever pass it is given. It knows no network, no layout and no window;
//! the app gives it Bevy's device, a headless program its own.

pub mod arena;
mod batch;
pub mod headless;
mod means;
pub mod points;
pub mod renderer;

pub use arena::{Arena, Slot, TooLarge};
pub use headless::{DeviceError, Headless};
pub use means::Cells;
pub use points::{PointLook, Points, PointsError, Way};
pub use renderer::{Flags, Renderer, Segment, View, Volume};
