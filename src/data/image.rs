//! Pictures: decoding with size caps, colour, scaling.

use std::io::Cursor;
use std::path::Path;

use ::image as codec;
use codec::{DynamicImage, ImageDecoder, ImageError, ImageReader};
use serde::{Deserialize, Serialize};

use crate::error::{DataError, read_file};

/// Largest picture file that is opened, in bytes.
pub const MAX_FILE: u64 = 256 << 20;
/// Largest width or height of a picture, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Largest number of pixels in a picture.
pub const MAX_PIXELS: u64 = 1 << 26;

/// An 8-bit picture as planes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Pixels per row (W).
    pub width: usize,
    /// Rows (H).
    pub height: usize,
    /// Planes (C): 1 grayscale, 3 red, green, blue.
    pub channels: usize,
    /// C x H x W values from 0 to 255, row-major.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// Decodes PNG, JPEG, GIF (first frame), BMP or WebP. `file` names the source in errors.
    ///
    /// A grayscale file gives 1 channel, every other 3. Transparency is dropped, as Pillow's
    /// `convert("RGB")` does; deeper samples are rounded to 8 bits; a camera's orientation
    /// tag is applied.
    pub fn decode(file: &str, bytes: &[u8]) -> Result<Picture, DataError> {
        let reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| bad(file, "header", e.to_string()))?;
        if reader.format().is_none() {
            return Err(bad(file, "first bytes", "no known signature".into()));
        }
        let mut reader = reader;
        let mut limits = codec::Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_PIXELS * 8);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(|e| decode_error(file, e))?;
        let (width, height) = decoder.dimensions();
        if width == 0 || height == 0 {
            return Err(bad(file, "size", format!("{width} x {height}")));
        }
        let limit = u64::from(MAX_SIDE);
        let pixels = u64::from(width) * u64::from(height);
        if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
            return Err(DataError::too_large(
                file,
                "size",
                format!("{width} x {height} pixels"),
                format!("{limit} pixels a side, {MAX_PIXELS} in all"),
            ));
        }
        let orientation = decoder
            .orientation()
            .unwrap_or(codec::metadata::Orientation::NoTransforms);
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| decode_error(file, e))?;
        picture.apply_orientation(orientation);
        Ok(Picture::from_dynamic(&picture))
    }

    /// Reads and decodes a picture file; see [`Picture::decode`].
    pub fn open(path: &Path) -> Result<Picture, DataError> {
        Picture::decode(&path.display().to_string(), &read_file(path, MAX_FILE)?)
    }

    fn from_dynamic(picture: &DynamicImage) -> Picture {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let (channels, packed) = if picture.color().has_color() {
            (3, picture.to_rgb8().into_raw())
        } else {
            (1, picture.to_luma8().into_raw())
        };
        Picture {
            width,
            height,
            channels,
            pixels: to_planes(&packed, channels),
        }
    }

    /// The same picture with `channels` planes: 1 by ITU-R 601 luma in Pillow's integer
    /// arithmetic, 3 by repeating the gray plane.
    pub fn to_channels(&self, channels: usize) -> Result<Picture, DataError> {
        let plane = self.width * self.height;
        let pixels = match (self.channels, channels) {
            (a, b) if a == b => self.pixels.clone(),
            (1, 3) => self.pixels.repeat(3),
            (3, 1) => (0..plane)
                .map(|i| {
                    let at = |c: usize| u32::from(self.pixels[c * plane + i]);
                    ((at(0) * 19_595 + at(1) * 38_470 + at(2) * 7_471 + 0x8000) >> 16) as u8
                })
                .collect(),
            (from, to) => {
                return Err(DataError::request(
                    "picture channels",
                    format!("{from} to {to}"),
                    "1 (grayscale) or 3 (red, green, blue)",
                ));
            }
        };
        Ok(Picture {
            channels,
            pixels,
            ..*self
        })
    }

    /// Scaled to `width` x `height` pixels by an antialiased bilinear filter (Pillow's
    /// `BILINEAR`, to within one level).
    pub fn resized(&self, width: usize, height: usize) -> Picture {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let plane = self.width * self.height;
        let mut pixels = Vec::with_capacity(self.channels * width * height);
        for c in 0..self.channels {
            let values = self.pixels[c * plane..(c + 1) * plane].to_vec();
            let gray = codec::GrayImage::from_raw(self.width as u32, self.height as u32, values)
                .expect("a plane holds width x height values");
            let filter = codec::imageops::FilterType::Triangle;
            let scaled = codec::imageops::resize(&gray, width as u32, height as u32, filter);
            pixels.extend_from_slice(scaled.as_raw());
        }
        Picture {
            width,
            height,
            channels: self.channels,
            pixels,
        }
    }

    /// The part of `width` x `height` pixels whose upper left corner is (`left`, `top`).
    pub(crate) fn cropped(&self, left: usize, top: usize, width: usize, height: usize) -> Picture {
        let mut pixels = Vec::with_capacity(self.channels * width * height);
        for c in 0..self.channels {
            for y in top..top + height {
                let start = (c * self.height + y) * self.width + left;
                pixels.extend_from_slice(&self.pixels[start..start + width]);
            }
        }
        Picture {
            width,
            height,
            channels: self.channels,
            pixels,
        }
    }
}

/// H x W x C values as C x H x W.
fn to_planes(packed: &[u8], channels: usize) -> Vec<u8> {
    (0..channels)
        .flat_map(|c| packed.iter().skip(c).step_by(channels).copied())
        .collect()
}

fn bad(file: &str, place: &str, found: String) -> DataError {
    DataError::malformed(file, place, found, "a PNG, JPEG, GIF, BMP or WebP picture")
}

fn decode_error(file: &str, error: ImageError) -> DataError {
    match error {
        ImageError::Limits(e) => DataError::too_large(
            file,
            "picture",
            e.to_string(),
            format!("{MAX_SIDE} pixels a side, {} bytes decoded", MAX_PIXELS * 8),
        ),
        e => bad(file, "picture data", e.to_string()),
    }
}
