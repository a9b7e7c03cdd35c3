//! How a cloud is looked at: turned, moved, brought nearer; and the textures of its points.

use std::sync::Arc;

use egui::{Color32, ColorImage, Pos2, Rect, TextureHandle, TextureOptions, Ui, Vec2, vec2};
use session::cloud::{Cloud, Subject};

/// Pictures that are drawn at most.
const PICTURES: usize = 1500;
/// Share of the way to its place that a point moves in a second, as an exponent.
const HASTE: f32 = 9.0;

/// How points are looked at, and where they stand now.
pub struct Canvas {
    yaw: f32,
    pitch: f32,
    pub(super) zoom: f32,
    shift: Vec2,
    /// Where points are drawn: on their way to where they belong.
    shown: Vec<f32>,
    pub(super) dimensions: usize,
    /// A box that is being drawn.
    pub(super) from: Option<Pos2>,
    dot: Option<TextureHandle>,
    atlas: Option<(Arc<Subject>, TextureHandle, usize)>,
}

impl Default for Canvas {
    fn default() -> Self {
        Canvas {
            yaw: 0.5,
            pitch: 0.35,
            zoom: 1.0,
            shift: Vec2::ZERO,
            shown: Vec::new(),
            dimensions: 0,
            from: None,
            dot: None,
            atlas: None,
        }
    }
}

impl Canvas {
    /// Moves points towards their places.
    pub(super) fn approach(&mut self, ui: &Ui, cloud: &Cloud) {
        if self.dimensions != cloud.dimensions || self.shown.len() != cloud.places.len() {
            self.shown = cloud.places.to_vec();
            self.dimensions = cloud.dimensions;
            return;
        }
        let reach = cloud.places.iter().fold(0f32, |m, v| m.max(v.abs()));
        let share = 1.0 - (-HASTE * ui.input(|i| i.stable_dt).min(0.1)).exp();
        let mut far = 0f32;
        for (shown, place) in self.shown.iter_mut().zip(cloud.places.iter()) {
            far = far.max((place - *shown).abs());
            *shown += (place - *shown) * share;
        }
        match far > 2e-3 * reach {
            true => ui.ctx().request_repaint(),
            false => self.shown.copy_from_slice(&cloud.places),
        }
    }

    /// Where each point is on the screen, and how near: 0 far, 1 near.
    pub(super) fn project(&self, rect: Rect) -> Vec<(Pos2, f32)> {
        let d = self.dimensions.max(1);
        let count = self.shown.len() / d;
        let mut middle = [0f32; 3];
        for point in self.shown.chunks_exact(d) {
            point
                .iter()
                .zip(&mut middle)
                .for_each(|(v, m)| *m += v / count as f32);
        }
        // A few far points must not shrink the rest.
        let reach = |axes: std::ops::Range<usize>| {
            let away = |p: &[f32]| {
                axes.clone()
                    .filter(|k| *k < d)
                    .map(|k| (p[k] - middle[k]).powi(2))
                    .sum::<f32>()
            };
            let mut distances: Vec<f32> = self.shown.chunks_exact(d).map(away).collect();
            distances.sort_by(f32::total_cmp);
            distances
                .get(count * 98 / 100)
                .copied()
                .unwrap_or(1.0)
                .sqrt()
                .max(1e-12)
        };
        let far = reach(0..3);
        let scale = match d {
            2 => 0.44 * (rect.width() / reach(0..1)).min(rect.height() / reach(1..2)),
            _ => 0.52 * rect.width().min(rect.height()) / far,
        } * self.zoom;
        let ([sy, cy], [sp, cp]) = (
            [self.yaw.sin(), self.yaw.cos()],
            [self.pitch.sin(), self.pitch.cos()],
        );
        let center = rect.center() + self.shift;
        let place = |p: &[f32]| {
            let at = |k: usize| p.get(k).map_or(0.0, |v| v - middle[k]);
            match d {
                2 => (center + vec2(at(0), -at(1)) * scale, 1.0),
                _ => {
                    let (x, z) = (cy * at(0) + sy * at(2), cy * at(2) - sy * at(0));
                    let (y, z) = (cp * at(1) - sp * z, sp * at(1) + cp * z);
                    let near = (z / far).clamp(-1.5, 1.5);
                    let size = scale / (1.0 - 0.18 * near);
                    (center + vec2(x, -y) * size, 0.5 + near / 3.0)
                }
            }
        };
        self.shown.chunks_exact(d).map(place).collect()
    }

    pub(super) fn hands(&mut self, ui: &Ui, response: &egui::Response) {
        let drawing = ui.input(|i| i.modifiers.shift);
        if response.drag_started() && drawing {
            self.from = response.interact_pointer_pos();
        }
        if response.dragged() && self.from.is_none() {
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
            let zoom = (self.zoom * by).clamp(0.2, 60.0);
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

    /// All pictures in one, and how many stand in a row.
    pub(super) fn atlas(
        &mut self,
        ui: &Ui,
        subject: &Arc<Subject>,
    ) -> Option<(egui::TextureId, usize, usize)> {
        let images = subject.examples.as_ref().filter(|i| i.len() <= PICTURES)?;
        if !self
            .atlas
            .as_ref()
            .is_some_and(|(of, ..)| Arc::ptr_eq(of, subject))
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
            self.atlas = Some((subject.clone(), texture, columns));
        }
        let (_, texture, columns) = self.atlas.as_ref()?;
        Some((texture.id(), *columns, images.len().div_ceil(*columns)))
    }
}
