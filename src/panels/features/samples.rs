//! The pictures of the data set on one texture, for parts of them.

use data::Images;
use egui::{Color32, ColorImage, Rect, TextureHandle, TextureOptions, Ui, pos2, vec2};
use session::Document;
use session::asking::Top;
use std::sync::Arc;

/// Pictures on the texture at most; those beyond are not drawn.
const MOST: usize = 2048;

/// The texture, until another data set comes.
#[derive(Default)]
pub struct Samples(Option<Sheet>);

/// The pictures in rows.
#[derive(Clone)]
pub struct Sheet {
    of: Arc<Images>,
    texture: TextureHandle,
    columns: usize,
    rows: usize,
}

impl Samples {
    /// Of the data set of `document`.
    pub fn sheet(&mut self, ui: &Ui, document: &Document) -> Option<Sheet> {
        let samples = document.samples.as_ref().filter(|s| !s.is_empty())?;
        if !self.0.as_ref().is_some_and(|s| Arc::ptr_eq(&s.of, samples)) {
            self.0 = Some(Sheet::new(ui, samples));
        }
        self.0.clone()
    }
}

impl Sheet {
    fn new(ui: &Ui, samples: &Arc<Images>) -> Self {
        let count = samples.len().min(MOST);
        let columns = (count as f32).sqrt().ceil().max(1.0) as usize;
        let rows = count.div_ceil(columns);
        let (width, height) = (samples.width, samples.height);
        let mut image = ColorImage::filled([columns * width, rows * height], Color32::BLACK);
        for i in 0..count {
            let pixels = samples.sample(i);
            let plane = width * height;
            for y in 0..height {
                for x in 0..width {
                    let at = |c: usize| pixels[c * plane + y * width + x];
                    let color = match samples.channels {
                        3 => Color32::from_rgb(at(0), at(1), at(2)),
                        _ => Color32::from_gray(at(0)),
                    };
                    let place = ((i / columns) * height + y) * columns * width + (i % columns) * width + x;
                    image.pixels[place] = color;
                }
            }
        }
        let texture = ui.ctx().load_texture("examples", image, TextureOptions::NEAREST);
        Sheet {
            of: samples.clone(),
            texture,
            columns,
            rows,
        }
    }

    /// The name of an example's class.
    pub fn class(&self, example: usize) -> &str {
        match example < self.of.len() {
            true => self.of.class_of(example),
            false => "",
        }
    }

    /// Draws an example, or the part of it that a place sees, as large as fits into `rect`.
    pub fn draw(&self, ui: &Ui, rect: Rect, example: usize, patch: Option<([u64; 2], [u64; 2])>) {
        let (width, height) = (self.of.width as f32, self.of.height as f32);
        let whole = ([0, self.of.height as u64], [0, self.of.width as u64]);
        let (rows, columns) = patch.unwrap_or(whole);
        if example >= self.columns * self.rows || rows[1] <= rows[0] || columns[1] <= columns[0] {
            return;
        }
        let corner = pos2(
            (example % self.columns) as f32 * width,
            (example / self.columns) as f32 * height,
        );
        let full = vec2(self.columns as f32 * width, self.rows as f32 * height);
        let at = |row: u64, column: u64| {
            let at = (corner + vec2(column as f32, row as f32)).to_vec2() / full;
            at.to_pos2()
        };
        let uv = Rect::from_min_max(at(rows[0], columns[0]), at(rows[1], columns[1]));
        let size = vec2((columns[1] - columns[0]) as f32, (rows[1] - rows[0]) as f32);
        let scale = (rect.width() / size.x).min(rect.height() / size.y);
        let place = Rect::from_center_size(rect.center(), size * scale);
        ui.painter().image(self.texture.id(), place, uv, Color32::WHITE);
    }

    /// The part of an example that its place sees.
    pub fn crop(&self, ui: &Ui, rect: Rect, top: &Top) {
        let patch = top.patch.map(|p| (p.rows, p.columns));
        self.draw(ui, rect, top.example as usize, patch);
    }
}
