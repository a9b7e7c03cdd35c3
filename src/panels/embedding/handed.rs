//! What the panel of points hands to who has a graphics device, and what it gets back: plain data, so that
//! neither knows the other.

use std::sync::Arc;

use egui::TextureId;

/// Places of points, three numbers each.
#[derive(Clone)]
pub struct PointPlaces {
    /// Where they belong.
    pub now: Arc<[f32]>,
    /// Where they come from, while they move.
    pub before: Option<Arc<[f32]>>,
}

/// A picture of points that the panel would like to have.
///
/// Arrays that are the same (`Arc::ptr_eq`) hold the same, so that they need not be sent again.
#[derive(Clone)]
pub struct PointView {
    /// Where points are.
    pub places: PointPlaces,
    /// How each looks; [`point_ink`].
    pub inks: Arc<[u32]>,
    /// Width and height, pixels.
    pub size: [u32; 2],
    /// Clip space from places, column major, depth reversed; y is up.
    pub clip_from_world: [[f32; 4]; 4],
    /// Clip w of the nearest and of the farthest points; equal in two dimensions.
    pub depths: [f32; 2],
    /// Radius of a point, pixels.
    pub radius: f32,
    /// How far points are from where they come from (0) to where they belong (1).
    pub moved: f32,
    /// Some points are chosen: the others are faint.
    pub chosen: bool,
    /// What the light of one point counts for, where many lie on each other.
    pub exposure: f32,
    /// Linear colour behind the points.
    pub background: [f32; 3],
}

impl PointView {
    /// True when both are the same picture.
    pub fn same(&self, other: &PointView) -> bool {
        let before = match (&self.places.before, &other.places.before) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            // At the end of a movement places before count no more.
            _ => self.moved == 1.0 && other.moved == 1.0,
        };
        before
            && Arc::ptr_eq(&self.places.now, &other.places.now)
            && Arc::ptr_eq(&self.inks, &other.inks)
            && self.size == other.size
            && self.clip_from_world == other.clip_from_world
            && self.depths == other.depths
            && (self.radius, self.moved, self.chosen) == (other.radius, other.moved, other.chosen)
            && (self.exposure, self.background) == (other.exposure, other.background)
    }
}

/// The doorway: the panel leaves what it wants, the app leaves the texture.
#[derive(Default)]
pub struct Handed {
    /// The app draws points; otherwise the panel does.
    pub drawn: bool,
    /// What is to be drawn, since the last frame; `None` where nothing of it is seen.
    pub wanted: Option<PointView>,
    /// The last picture.
    pub texture: Option<TextureId>,
}

/// Colour (sRGB), size (times that of all, 1/16 to 15) and choice of a point in one number.
pub fn point_ink(color: [u8; 3], size: f32, chosen: bool) -> u32 {
    let steps = (64.0 + 16.0 * size.max(1e-6).log2()).round().clamp(0.0, 127.0);
    u32::from_le_bytes([color[0], color[1], color[2], steps as u8 | u8::from(chosen) << 7])
}
