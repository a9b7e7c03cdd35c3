//! `ImageDecoder`: the bytes of a picture file to pixels.

use std::io::Cursor;

use image::{ImageReader, Limits};
use model::DType;

use super::plain::{Call, Plain};

/// Bytes that a decoded picture may take.
const LARGEST: u64 = 1 << 30;

/// Brightness by ITU-R BT.601, as the pictures of the ONNX suite have it.
fn luma(pixel: &[u8]) -> u8 {
    let weights = [19_595u32, 38_470, 7_471];
    let sum: u32 = pixel.iter().zip(weights).map(|(&p, w)| p as u32 * w).sum();
    ((sum + 0x8000) >> 16) as u8
}

/// `ImageDecoder`: uint8 `[height, width, channels]`.
pub fn decode(c: &Call) -> Result<Vec<Plain>, String> {
    let bytes: Vec<u8> = c.ints(0)?.data.iter().map(|&v| v as u8).collect();
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST);
    let mut reader = ImageReader::new(Cursor::new(bytes));
    reader.limits(limits);
    let reader = reader.with_guessed_format().map_err(|e| e.to_string())?;
    let picture = reader
        .decode()
        .map_err(|e| format!("the picture cannot be read: {e}"))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let format = c.attrs().string("pixel_format", "RGB")?;
    let (channels, pixels) = match format {
        "RGB" => (3, picture.into_rgb8().into_raw()),
        "BGR" => {
            let mut pixels = picture.into_rgb8().into_raw();
            pixels.chunks_exact_mut(3).for_each(|p| p.swap(0, 2));
            (3, pixels)
        }
        "Grayscale" => (1, picture.into_rgb8().chunks_exact(3).map(luma).collect()),
        other => return Err(format!("pixels {other:?}: RGB, BGR or Grayscale is expected")),
    };
    let data = pixels.into_iter().map(i64::from).collect();
    Ok(vec![Plain::ints(vec![height, width, channels], data, DType::U8)])
}
