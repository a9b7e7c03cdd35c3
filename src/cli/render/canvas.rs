//! A session and its stage as pixels.

use glam::Vec2;
use gpu::Headless;
use image::RgbaImage;
use scene::{Shown, Stage};
use session::Session;

use super::text::Text;
use crate::Failure;

/// A device with what it draws.
pub struct Canvas {
    headless: Headless,
    shown: Shown,
    text: Text,
    size: (u32, u32),
    supersampling: u32,
}

impl Canvas {
    /// Draws pictures of `size` pixels, each made of `supersampling` by `supersampling`.
    pub fn new(size: (u32, u32), supersampling: u32) -> Result<Self, Failure> {
        Ok(Canvas::of(Headless::new()?, size, supersampling))
    }

    /// The same on a device that is there.
    pub fn of(headless: Headless, size: (u32, u32), supersampling: u32) -> Self {
        Canvas {
            shown: Shown::new(&headless.device, gpu::headless::FORMAT),
            text: Text::new(&headless, supersampling as f32),
            headless,
            size,
            supersampling,
        }
    }

    /// The picture of this moment.
    pub fn draw(&mut self, session: &Session, stage: &Stage) -> Result<RgbaImage, Failure> {
        let (width, height) = (self.size.0 * self.supersampling, self.size.1 * self.supersampling);
        let size = Vec2::new(width as f32, height as f32);
        let (device, queue) = (&self.headless.device, &self.headless.queue);
        let scale = self.supersampling as f32;
        self.shown.fill(session, stage, device, queue, (size, scale));
        let jobs = self.text.paint(&self.headless, size, |painter, rect| {
            scene::overlay::draw(painter, rect, session, stage, None);
        });
        let [r, g, b] = scene::stage::theme(session).background().map(f64::from);
        let clear = wgpu::Color { r, g, b, a: 1.0 };
        let (shown, text) = (&self.shown, &self.text);
        let pixels = self.headless.picture(width, height, clear, |pass| {
            shown.renderer.draw(pass);
            text.draw(pass, &jobs, size);
        })?;
        let picture = RgbaImage::from_raw(width, height, pixels)
            .ok_or_else(|| Failure::Other("the picture has the wrong size".into()))?;
        if self.supersampling == 1 {
            return Ok(picture);
        }
        let filter = image::imageops::FilterType::Triangle;
        Ok(image::imageops::resize(
            &picture,
            self.size.0,
            self.size.1,
            filter,
        ))
    }
}
