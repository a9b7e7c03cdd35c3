//! The frames of an animation, one after another.

use std::io::{IsTerminal, Write};

use image::RgbaImage;

use super::canvas::Canvas;
use super::show::Show;
use super::{Options, SUPERSAMPLING};
use crate::Failure;

/// What an animation consists of.
pub struct Film<'a> {
    options: &'a Options,
    /// Width and height, pixels.
    pub size: (u32, u32),
    /// Frames a second.
    pub fps: u32,
    /// Frames in all.
    pub frames: usize,
    canvas: Canvas,
}

impl<'a> Film<'a> {
    /// Measures what `options` name, at `fps` frames a second unless they say otherwise.
    pub fn new(options: &'a Options, fps: u32) -> Result<Self, Failure> {
        let fps = options.fps.unwrap_or(fps);
        let seconds = Show::open(options)?.seconds(options)?;
        Ok(Film {
            options,
            fps,
            frames: ((seconds * fps as f32).round() as usize).max(1),
            size: options.size()?,
            canvas: Canvas::new(options.size()?, SUPERSAMPLING)?,
        })
    }

    /// Plays from the beginning; draws the frames that are `wanted` and hands them on.
    pub fn play(
        &mut self,
        wanted: impl Fn(usize) -> bool,
        mut each: impl FnMut(usize, RgbaImage) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut show = Show::open(self.options)?;
        show.roll(self.options)?;
        let last = (0..self.frames).rev().find(|&i| wanted(i)).unwrap_or(0);
        for i in 0..=last {
            show.advance(if i == 0 { 0.0 } else { 1.0 / self.fps as f32 })?;
            if wanted(i) {
                each(i, self.canvas.draw(&show.session, &show.stage)?)?;
                self.tell(i + 1);
            }
        }
        Ok(())
    }

    /// Progress, where somebody watches.
    fn tell(&self, done: usize) {
        let mut screen = std::io::stderr();
        if screen.is_terminal() {
            let end = if done == self.frames { "\n" } else { "" };
            // A terminal that went away is no failure.
            let _ = write!(screen, "\rframe {done} of {}{end}", self.frames);
        }
    }
}
