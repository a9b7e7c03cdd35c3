//! The road from a picture to a network's input: size, channels, scaling, axis order.

use model::TensorData;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::image::{MAX_PIXELS, MAX_SIDE, Picture};

/// How a picture of another shape is brought to the wanted width and height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resize {
    /// Each side is scaled on its own; proportions change.
    #[default]
    Stretch,
    /// Scaled until it covers the wanted size, then the centre is cut out, with torchvision's
    /// rounding (`Resize`, `CenterCrop`).
    FitCenterCrop,
}

/// Order of the axes that a network wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Batch, channel, height, width (PyTorch, most ONNX files).
    #[default]
    Nchw,
    /// Batch, height, width, channel (Keras, TensorFlow).
    Nhwc,
}

/// How a picture becomes a network's input: channels, size, then
/// `(value * scale - mean) / std` for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Wanted pixels per row (W).
    pub width: usize,
    /// Wanted rows (H).
    pub height: usize,
    /// Wanted channels: 1 or 3.
    pub channels: usize,
    /// How the size is reached.
    pub resize: Resize,
    /// Factor on a value of 0 to 255; `1.0 / 255.0` gives 0 to 1.
    pub scale: f32,
    /// Subtracted after scaling: one value, one a channel, or none for 0.
    pub mean: Vec<f32>,
    /// Divided by at the end: one value, one a channel, or none for 1.
    pub std: Vec<f32>,
    /// Order of the axes.
    pub layout: Layout,
}

impl Preprocess {
    /// Values divided by 255, nothing else; stretched to `width` x `height`, N C H W.
    pub fn unit(width: usize, height: usize, channels: usize) -> Self {
        Preprocess {
            width,
            height,
            channels,
            resize: Resize::Stretch,
            scale: 1.0 / 255.0,
            mean: Vec::new(),
            std: Vec::new(),
            layout: Layout::Nchw,
        }
    }

    /// The usual ImageNet recipe: fitted and cropped, RGB, torchvision's mean and deviation.
    pub fn imagenet(width: usize, height: usize) -> Self {
        Preprocess {
            resize: Resize::FitCenterCrop,
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
            ..Preprocess::unit(width, height, 3)
        }
    }

    /// Shape of the input made: `[1, C, H, W]` or `[1, H, W, C]`.
    pub fn shape(&self) -> [u64; 4] {
        let (c, h, w) = (self.channels as u64, self.height as u64, self.width as u64);
        match self.layout {
            Layout::Nchw => [1, c, h, w],
            Layout::Nhwc => [1, h, w, c],
        }
    }

    /// Checks the settings: sizes within the caps, 1 or 3 channels, finite numbers,
    /// deviations other than 0.
    pub fn check(&self) -> Result<(), DataError> {
        let max = MAX_SIDE as usize;
        let size = format!("{} x {}", self.width, self.height);
        let sides = [self.width, self.height];
        if sides.iter().any(|&s| s == 0 || s > max) || (self.width * self.height) as u64 > MAX_PIXELS {
            let expected = format!("1 to {max} pixels a side, {MAX_PIXELS} in all");
            return Err(DataError::request("preprocessing size", size, expected));
        }
        if !matches!(self.channels, 1 | 3) {
            let found = self.channels.to_string();
            return Err(DataError::request("preprocessing channels", found, "1 or 3"));
        }
        if !self.scale.is_finite() {
            let found = self.scale.to_string();
            return Err(DataError::request(
                "preprocessing scale",
                found,
                "a finite number",
            ));
        }
        for (what, values) in [("mean", &self.mean), ("std", &self.std)] {
            let counted = values.len() <= 1 || values.len() == self.channels;
            let usable = |v: &f32| v.is_finite() && (what == "mean" || *v != 0.0);
            if !counted || !values.iter().all(usable) {
                return Err(DataError::request(
                    format!("preprocessing {what}"),
                    format!("{values:?}"),
                    format!("none, 1 or {} usable numbers", self.channels),
                ));
            }
        }
        Ok(())
    }

    /// The picture in the wanted channels and size, before any scaling of its values.
    pub fn fitted(&self, picture: &Picture) -> Result<Picture, DataError> {
        self.check()?;
        Ok(self.sized(&picture.to_channels(self.channels)?))
    }

    /// The preprocessed values in the order of [`Preprocess::shape`].
    pub fn values(&self, picture: &Picture) -> Result<Vec<f32>, DataError> {
        let picture = self.fitted(picture)?;
        let plane = self.width * self.height;
        let pick = |v: &[f32], c: usize, none: f32| match v {
            [] => none,
            [one] => *one,
            many => many[c],
        };
        let mut values = vec![0f32; self.channels * plane];
        for c in 0..self.channels {
            let (mean, std) = (pick(&self.mean, c, 0.0), pick(&self.std, c, 1.0));
            for i in 0..plane {
                let value = f32::from(picture.pixels[c * plane + i]);
                let at = match self.layout {
                    Layout::Nchw => c * plane + i,
                    Layout::Nhwc => i * self.channels + c,
                };
                values[at] = (value * self.scale - mean) / std;
            }
        }
        Ok(values)
    }

    /// One sentence about what happens to a picture, for the screen.
    pub fn describe(&self) -> String {
        let color = if self.channels == 1 { "grayscale" } else { "RGB" };
        let resize = match self.resize {
            Resize::Stretch => "stretched",
            Resize::FitCenterCrop => "fitted and centre-cropped",
        };
        let mut value = if self.scale == 1.0 {
            "v".to_string()
        } else if (self.scale * 255.0 - 1.0).abs() < 1e-6 {
            "v / 255".to_string()
        } else {
            format!("v * {}", self.scale)
        };
        if self.mean.iter().any(|&m| m != 0.0) {
            value = format!("{value} - {}", list(&self.mean));
        }
        if self.std.iter().any(|&s| s != 1.0) {
            let group = if value == "v" { value } else { format!("({value})") };
            value = format!("{group} / {}", list(&self.std));
        }
        let layout = match self.layout {
            Layout::Nchw => "N C H W",
            Layout::Nhwc => "N H W C",
        };
        format!(
            "Picture as {color}, {resize} to {} x {} (width x height); \
             each value v of 0 to 255 becomes {value}; axes {layout}.",
            self.width, self.height
        )
    }

    fn sized(&self, picture: &Picture) -> Picture {
        let (width, height) = (self.width, self.height);
        if self.resize == Resize::Stretch {
            return picture.resized(width, height);
        }
        let (scaled_w, scaled_h) = cover(picture.width, picture.height, width, height);
        let (left, top) = (half_even(scaled_w - width), half_even(scaled_h - height));
        // A long thin picture would grow without bound: cut it down before it is enlarged.
        if scaled_w as u64 * scaled_h as u64 > MAX_PIXELS {
            return picture.central(width, height).resized(width, height);
        }
        picture
            .resized(scaled_w, scaled_h)
            .cropped(left, top, width, height)
    }
}

impl Picture {
    /// The largest centred part with the proportions `width` : `height`.
    fn central(&self, width: usize, height: usize) -> Picture {
        let w = self.width.min((self.height * width / height).max(1));
        let h = self.height.min((self.width * height / width).max(1));
        self.cropped((self.width - w) / 2, (self.height - h) / 2, w, h)
    }
}

/// A network input made from one picture: float32 `[1, C, H, W]` or `[1, H, W, C]`.
pub fn apply(how: &Preprocess, picture: &Picture) -> Result<TensorData, DataError> {
    Ok(TensorData::from_f32(&how.shape(), &how.values(picture)?))
}

/// Smallest size with the picture's proportions that covers `width` x `height`.
fn cover(from_w: usize, from_h: usize, width: usize, height: usize) -> (usize, usize) {
    if width * from_h >= height * from_w {
        (width, (width * from_h / from_w).max(height))
    } else {
        ((height * from_w / from_h).max(width), height)
    }
}

/// Half of `n`, a half rounded to the even neighbour, as Python's `round(n / 2.0)`.
fn half_even(n: usize) -> usize {
    let half = n / 2;
    half + (n % 2) * (half % 2)
}

fn list(values: &[f32]) -> String {
    match values {
        [one] => one.to_string(),
        many => format!("{many:?}"),
    }
}
