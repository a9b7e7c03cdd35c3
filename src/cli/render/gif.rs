//! Animations as GIF: one palette for all frames, and of each frame only what has changed.

use std::borrow::Cow;
use std::io::Write;

use ::gif::{DisposalMethod, Encoder, Frame, Repeat};
use color_quant::NeuQuant;
use image::RgbaImage;

use super::film::Film;
use crate::Failure;

/// Frames that the palette is made of.
const SAMPLES: usize = 16;

/// The index that leaves a pixel as it is.
const KEPT: u8 = 255;

/// Plays `film` twice: for its colours, then for its frames.
pub fn write(film: &mut Film, file: &mut impl Write) -> Result<(), Failure> {
    let mut palette = Palette::new(&samples(film)?);
    let problem = |e: ::gif::EncodingError| Failure::Other(format!("the GIF could not be written: {e}"));
    let (width, height) = film.size;
    // Sides end at 16,384 pixels.
    let (width, height) = (width as u16, height as u16);
    let mut encoder = Encoder::new(file, width, height, &palette.bytes()).map_err(problem)?;
    encoder.set_repeat(Repeat::Infinite).map_err(problem)?;
    let fps = film.fps as usize;
    // Frames last whole hundredths of a second, the film as a whole as long as it should.
    let hundredths = |i: usize| (i * 100 + fps / 2) / fps;
    let mut before: Vec<u8> = Vec::new();
    film.play(
        |_| true,
        |i, picture| {
            let now = palette.indices(&picture);
            let mut frame = changed(&before, &now, width);
            frame.delay = (hundredths(i + 1) - hundredths(i)) as u16;
            before = now;
            encoder.write_frame(&frame).map_err(problem)
        },
    )
}

/// Pixels of frames from the whole film, RGBA.
fn samples(film: &mut Film) -> Result<Vec<u8>, Failure> {
    let step = film.frames.div_ceil(SAMPLES).max(1);
    let last = film.frames - 1;
    let mut pixels = Vec::new();
    film.play(
        |i| i % step == step / 2 || i == last,
        |_, picture| {
            pixels.extend_from_slice(picture.as_raw());
            Ok(())
        },
    )?;
    Ok(pixels)
}

/// The least rectangle that differs from `before`, in which what does not is kept.
fn changed(before: &[u8], now: &[u8], width: u16) -> Frame<'static> {
    let (columns, rows) = (width as usize, now.len() / width as usize);
    let differs = |i: usize| before.get(i) != Some(&now[i]);
    let (mut left, mut right, mut top, mut bottom) = (columns, 0, rows, 0);
    for i in (0..now.len()).filter(|&i| differs(i)) {
        let (x, y) = (i % columns, i / columns);
        (left, right) = (left.min(x), right.max(x + 1));
        (top, bottom) = (top.min(y), bottom.max(y + 1));
    }
    if left >= right {
        // A frame has at least one pixel.
        (left, right, top, bottom) = (0, 1, 0, 1);
    }
    let pixel = |i: usize| if differs(i) { now[i] } else { KEPT };
    let buffer: Vec<u8> = (top..bottom)
        .flat_map(|y| (left..right).map(move |x| y * columns + x))
        .map(pixel)
        .collect();
    Frame {
        dispose: DisposalMethod::Keep,
        transparent: Some(KEPT),
        left: left as u16,
        top: top as u16,
        width: (right - left) as u16,
        height: (bottom - top) as u16,
        buffer: Cow::Owned(buffer),
        ..Frame::default()
    }
}

/// At most 255 colours.
struct Palette {
    colors: Vec<[u8; 3]>,
    /// The nearest colour of each of 64 x 64 x 64, found when it is first asked for.
    nearest: Vec<Option<u8>>,
}

impl Palette {
    /// Of the pixels of many frames, one in ten is enough.
    fn new(pixels: &[u8]) -> Self {
        let found = NeuQuant::new(10, KEPT as usize, pixels).color_map_rgb();
        Palette {
            colors: found.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect(),
            nearest: vec![None; 1 << 18],
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.colors.concat();
        bytes.resize(3 * 256, 0);
        bytes
    }

    fn indices(&mut self, picture: &RgbaImage) -> Vec<u8> {
        picture.pixels().map(|p| self.index([p[0], p[1], p[2]])).collect()
    }

    fn index(&mut self, color: [u8; 3]) -> u8 {
        let [r, g, b] = color.map(|c| c as usize >> 2);
        let cell = &mut self.nearest[r << 12 | g << 6 | b];
        if let Some(known) = *cell {
            return known;
        }
        let center = [r, g, b].map(|c| (c << 2 | 2) as i32);
        // Eyes tell greens apart best and blues worst.
        let distance = |c: &[u8; 3]| {
            let d = |i: usize| (c[i] as i32 - center[i]).pow(2);
            3 * d(0) + 6 * d(1) + d(2)
        };
        let best = (0u8..).zip(&self.colors).min_by_key(|(_, c)| distance(c));
        *cell.insert(best.map_or(0, |(i, _)| i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_holds_what_changed_and_no_more() {
        let before = vec![1; 12];
        let whole = changed(&[], &before, 4);
        assert_eq!((whole.width, whole.height), (4, 3));
        let mut now = before.clone();
        (now[5], now[10]) = (7, 8);
        let frame = changed(&before, &now, 4);
        assert_eq!((frame.left, frame.top, frame.width, frame.height), (1, 1, 2, 2));
        assert_eq!(*frame.buffer, [7, KEPT, KEPT, 8]);
        assert_eq!(*changed(&now, &now, 4).buffer, [KEPT]);
    }

    #[test]
    fn colours_find_their_nearest() {
        let three = [[250, 0, 0, 255], [0, 250, 0, 255], [0, 0, 250, 255]];
        let mut palette = Palette::new(&three.repeat(1000).concat());
        let index = palette.index([240, 10, 10]);
        assert!(palette.colors[index as usize][0] > 240);
        assert_eq!(palette.bytes().len(), 768);
    }
}
