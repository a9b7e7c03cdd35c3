//! How a cloud is looked at: turned, moved, brought nearer; points on their way; the textures of points.

use std::sync::Arc;

use data::Images;
use egui::{Color32, ColorImage, Pos2, Rect, TextureHandle, TextureOptions, Ui, Vec2};
use session::cloud::Cloud;

use super::grid::{Grid, place};
use super::handed::PointPlaces;
use super::lens::{Fit, Lens, Pose};

/// Share of the way to its place that a point moves in a second, as an exponent.
const HASTE: f32 = 9.0;
/// Points that the processor moves by itself in each frame, at most.
pub(super) const FEW: usize = 50_000;
/// Pixels of all pictures together, at most.
const PIXELS: usize = 16 << 20;

/// Where points are: on their way from one projection to the next.
struct Way {
    /// Of the cloud, as they came.
    of: Arc<[f32]>,
    now: Arc<[f32]>,
    before: Option<Arc<[f32]>>,
    fits: [Fit; 2],
    /// 0 to 1.
    moved: f32,
    /// For a view at rest.
    grid: Option<Grid>,
}

/// How points are looked at, and where they stand now.
pub struct Canvas {
    yaw: f32,
    pitch: f32,
    pub(super) zoom: f32,
    shift: Vec2,
    way: Option<Way>,
    pub(super) dimensions: usize,
    /// A box or a loop that is being drawn.
    pub(super) drawn: Vec<Pos2>,
    dot: Option<TextureHandle>,
    atlas: Option<(Arc<Images>, TextureHandle, usize)>,
}

impl Default for Canvas {
    fn default() -> Self {
        Canvas {
            yaw: 0.5,
            pitch: 0.35,
            zoom: 1.0,
            shift: Vec2::ZERO,
            way: None,
            dimensions: 0,
            drawn: Vec::new(),
            dot: None,
            atlas: None,
        }
    }
}

/// Three numbers a point: the third is 0 where there are two.
fn wide(places: &[f32], dimensions: usize) -> Arc<[f32]> {
    match dimensions {
        3 => places.into(),
        _ => places.chunks_exact(2).flat_map(|p| [p[0], p[1], 0.0]).collect(),
    }
}

fn mixed(way: &Way) -> Vec<f32> {
    match &way.before {
        Some(before) if way.moved < 1.0 => {
            let mix = |(a, b): (&f32, &f32)| a + (b - a) * way.moved;
            before.iter().zip(way.now.iter()).map(mix).collect()
        }
        _ => way.now.to_vec(),
    }
}

impl Canvas {
    /// Moves points towards their places.
    pub(super) fn approach(&mut self, ui: &Ui, cloud: &Cloud) {
        let known = |w: &&mut Way| Arc::ptr_eq(&w.of, &cloud.places);
        if let Some(way) = self.way.as_mut().filter(known) {
            if way.moved < 1.0 {
                let share = 1.0 - (-HASTE * ui.input(|i| i.stable_dt).min(0.1)).exp();
                way.moved += (1.0 - way.moved) * share;
                if way.moved > 0.995 {
                    way.moved = 1.0;
                }
                ui.ctx().request_repaint();
            }
            return;
        }
        self.dimensions = cloud.dimensions;
        let now = wide(&cloud.places, cloud.dimensions);
        let fit = Fit::of(&now);
        // The first places, and those of other points, are there at once.
        let from = self
            .way
            .take()
            .filter(|w| w.now.len() == now.len() && !now.is_empty());
        let (before, first, moved) = match from {
            Some(way) => {
                let first = way.fits[0].towards(&way.fits[1], way.moved);
                (Some(mixed(&way).into()), first, 0.0)
            }
            None => (None, fit, 1.0),
        };
        if before.is_some() {
            ui.ctx().request_repaint();
        }
        self.way = Some(Way {
            of: cloud.places.clone(),
            now,
            before,
            fits: [first, fit],
            moved,
            grid: None,
        });
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.way.as_ref().map_or(0, |w| w.now.len() / 3)
    }

    /// How points are seen in `rect`.
    pub(super) fn lens(&self, rect: Rect) -> Lens {
        let fit = self.way.as_ref().map(|w| w.fits[0].towards(&w.fits[1], w.moved));
        let pose = Pose {
            yaw: self.yaw,
            pitch: self.pitch,
            zoom: self.zoom,
            shift: self.shift,
            flat: self.dimensions == 2,
        };
        Lens::new(&fit.unwrap_or_else(|| Fit::of(&[])), &pose, rect)
    }

    /// Places for the graphics device, and how far points are on their way.
    pub(super) fn places(&self) -> Option<(PointPlaces, f32)> {
        let way = self.way.as_ref()?;
        let places = PointPlaces {
            now: way.now.clone(),
            before: way.before.clone(),
        };
        Some((places, way.moved))
    }

    /// Where a point is now.
    pub(super) fn place(&self, point: usize) -> Option<[f32; 3]> {
        let way = self.way.as_ref().filter(|w| 3 * point + 2 < w.now.len())?;
        let now = place(&way.now, point);
        Some(match &way.before {
            Some(before) => {
                let from = place(before, point);
                std::array::from_fn(|k| from[k] + (now[k] - from[k]) * way.moved)
            }
            None => now,
        })
    }

    /// Cells of the points, and their places, once these rest. A projection that is still being worked out
    /// gives other places several times a second: a large one has no cells until then.
    pub(super) fn grid(&mut self, cloud: &Cloud) -> Option<(&Grid, &[f32])> {
        let way = self.way.as_mut()?;
        if way.moved < 1.0 || (cloud.stage.is_some() && way.now.len() > 3 * FEW) {
            return None;
        }
        if way.grid.is_none() {
            way.grid = Some(Grid::new(&way.now, &way.fits[1]));
        }
        Some((way.grid.as_ref()?, &way.now))
    }

    pub(super) fn hands(&mut self, ui: &Ui, response: &egui::Response) {
        let drawing = ui.input(|i| i.modifiers.shift);
        if response.drag_started() && drawing {
            // Where the button went down, not where the pointer is by now.
            self.drawn = ui.input(|i| i.pointer.press_origin()).into_iter().collect();
        }
        if response.dragged() && self.drawn.is_empty() {
            let by = response.drag_delta();
            let panned = self.dimensions == 2 || response.dragged_by(egui::PointerButton::Secondary);
            if panned {
                self.shift += by;
            } else {
                self.yaw += 0.008 * by.x;
                self.pitch = (self.pitch + 0.008 * by.y).clamp(-1.5, 1.5);
            }
        }
        if let Some(at) = response.hover_pos() {
            let by = (ui.input(|i| i.smooth_scroll_delta.y) * 0.003).exp();
            let zoom = (self.zoom * by).clamp(0.2, 200.0);
            // What is under the pointer stays there.
            self.shift = (self.shift + response.rect.center().to_vec2() - at.to_vec2()) * (zoom / self.zoom)
                - response.rect.center().to_vec2()
                + at.to_vec2();
            self.zoom = zoom;
        }
        if response.double_clicked() {
            (self.zoom, self.shift) = (1.0, Vec2::ZERO);
        }
    }

    pub(super) fn dot(&mut self, ui: &Ui) -> egui::TextureId {
        let dot = self.dot.get_or_insert_with(|| {
            let pixel = |i: usize| {
                let (x, y) = ((i % 32) as f32 - 15.5, (i / 32) as f32 - 15.5);
                let alpha = (15.0 - x.hypot(y)).clamp(0.0, 1.0);
                Color32::from_white_alpha((255.0 * alpha) as u8)
            };
            let image = ColorImage::new([32, 32], (0..32 * 32).map(pixel).collect());
            ui.ctx().load_texture("dot", image, TextureOptions::LINEAR)
        });
        dot.id()
    }

    /// All pictures in one, and how many stand in a row and in a column.
    pub(super) fn atlas(
        &mut self,
        ui: &Ui,
        images: Option<&Arc<Images>>,
    ) -> Option<(egui::TextureId, usize, usize)> {
        let most = ui.input(|i| i.max_texture_side);
        let images = images.filter(|i| {
            let side = (i.len() as f32).sqrt().ceil() as usize * i.width.max(i.height);
            !i.is_empty() && side <= most && i.len() * i.width * i.height <= PIXELS
        })?;
        if !self
            .atlas
            .as_ref()
            .is_some_and(|(of, ..)| Arc::ptr_eq(of, images))
        {
            let columns = (images.len() as f32).sqrt().ceil() as usize;
            let rows = images.len().div_ceil(columns.max(1));
            let (w, h) = (images.width, images.height);
            let mut pixels = vec![Color32::TRANSPARENT; columns * w * rows * h];
            for i in 0..images.len() {
                let picture = crate::draw::image(&images.picture(i));
                for (k, pixel) in picture.pixels.iter().enumerate() {
                    let at = ((i / columns) * h + k / w) * columns * w + (i % columns) * w + k % w;
                    // Black around a grey drawing is no part of it.
                    pixels[at] = match images.channels {
                        1 => Color32::from_white_alpha(pixel.r()),
                        _ => *pixel,
                    };
                }
            }
            let image = ColorImage::new([columns * w, rows * h], pixels);
            let texture = ui.ctx().load_texture("points", image, TextureOptions::LINEAR);
            self.atlas = Some((images.clone(), texture, columns));
        }
        let (_, texture, columns) = self.atlas.as_ref()?;
        Some((texture.id(), *columns, images.len().div_ceil(*columns)))
    }
}
