//! Animations as MP4: H.264, which every player and browser shows.

use std::io::Write;

use muxide::api::{MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, MatrixCoefficients, UsageType,
    VuiConfig,
};
use openh264::formats::{RgbaSliceU8, YUVBuffer};

use super::film::Film;
use crate::Failure;

/// Bits for each pixel of each frame; text stays sharp from here on.
const BITS_A_PIXEL: f32 = 0.25;

/// Writes `film`.
pub fn write(film: &mut Film, file: impl Write) -> Result<(), Failure> {
    let (width, height) = film.size;
    if width % 2 + height % 2 > 0 {
        let text = format!("{width}x{height}: an MP4 needs an even width and height");
        return Err(Failure::Other(text));
    }
    let fps = film.fps as f32;
    let pixels = width as f32 * height as f32;
    let config = EncoderConfig::new()
        .bitrate(BitRate::from_bps((pixels * fps * BITS_A_PIXEL) as u32))
        .max_frame_rate(FrameRate::from_hz(fps))
        .usage_type(UsageType::ScreenContentRealTime)
        .intra_frame_period(IntraFramePeriod::from_num_frames(film.fps * 4))
        .skip_frames(false)
        // The encoder's own conversion from RGB is that of BT.601.
        .vui(VuiConfig::bt709().matrix_coefficients(MatrixCoefficients::Smpte170M));
    let problem = |e: &dyn std::fmt::Display| Failure::Other(format!("the MP4 could not be written: {e}"));
    let mut encoder =
        Encoder::with_api_config(OpenH264API::from_source(), config).map_err(|e| problem(&e))?;
    let mut muxer = MuxerBuilder::new(file)
        .video(VideoCodec::H264, width, height, fps.into())
        .build()
        .map_err(|e| problem(&e))?;
    film.play(
        |_| true,
        |i, picture| {
            let size = (width as usize, height as usize);
            let frame = YUVBuffer::from_rgba8_source(RgbaSliceU8::new(picture.as_raw(), size));
            let packet = encoder.encode(&frame).map_err(|e| problem(&e))?;
            let key = matches!(packet.frame_type(), FrameType::IDR);
            muxer
                .write_video(i as f64 / fps as f64, &packet.to_vec(), key)
                .map_err(|e| problem(&e))
        },
    )?;
    muxer.finish().map_err(|e| problem(&e))
}
