//! A labelled set of equally sized 8-bit images.

use model::{Cells, Column, Dataset, Targets};

use crate::error::DataError;
use crate::image::Picture;
use crate::preprocess::Preprocess;

/// Labelled images, all of one size. Pixel values run from 0 to 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// What the set is called, for titles.
    pub name: String,
    /// Pixels per row (W).
    pub width: usize,
    /// Rows (H).
    pub height: usize,
    /// Planes (C): 1 grayscale, 3 red, green, blue.
    pub channels: usize,
    /// N x C x H x W values, row-major.
    pub pixels: Vec<u8>,
    /// N indices into `classes`.
    pub labels: Vec<u16>,
    /// Class names in label order.
    pub classes: Vec<String>,
}

/// Training and test part of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Images to learn from.
    pub train: Images,
    /// Images to judge by.
    pub test: Images,
}

impl Split {
    /// As examples: the training part to learn from, the test part to judge by. Both must have
    /// images of one size and the same classes, as the readers here give them.
    pub fn dataset(self) -> Dataset {
        let (count, more) = (self.train.len() as u32, self.test.len() as u32);
        let mut all = self.train;
        all.pixels.extend_from_slice(&self.test.pixels);
        all.labels.extend_from_slice(&self.test.labels);
        Dataset {
            training: (0..count).collect(),
            validation: (count..count + more).collect(),
            ..all.dataset(0.0, 0)
        }
    }
}

impl Images {
    /// Checks that all parts agree: sizes above 0, `pixels` holds `labels.len()` samples, and
    /// every label has a class. `file` names the source in the error.
    pub fn checked(self, file: &str) -> Result<Self, DataError> {
        let sample = self
            .width
            .checked_mul(self.height)
            .and_then(|n| n.checked_mul(self.channels))
            .filter(|&n| n > 0);
        let Some(sample) = sample else {
            return Err(DataError::malformed(
                file,
                "image size",
                format!("{} x {} x {}", self.channels, self.height, self.width),
                "every size above 0",
            ));
        };
        if !matches!(self.channels, 1 | 3) {
            return Err(DataError::malformed(
                file,
                "channels",
                self.channels.to_string(),
                "1 (grayscale) or 3 (red, green, blue)",
            ));
        }
        if Some(self.pixels.len()) != sample.checked_mul(self.labels.len()) {
            return Err(DataError::malformed(
                file,
                "pixels",
                format!("{} values", self.pixels.len()),
                format!("{} labels x {sample} values", self.labels.len()),
            ));
        }
        let bad = self
            .labels
            .iter()
            .position(|&l| usize::from(l) >= self.classes.len());
        if let Some(i) = bad {
            return Err(DataError::malformed(
                file,
                format!("label of sample {i}"),
                self.labels[i].to_string(),
                format!("below {}", self.classes.len()),
            ));
        }
        Ok(self)
    }

    /// Number of samples (N).
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True when there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values per sample: C x H x W.
    pub fn sample_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Pixels of sample `i`, C x H x W, 0 to 255. Panics when `i >= len()`, like a slice.
    pub fn sample(&self, i: usize) -> &[u8] {
        let n = self.sample_len();
        &self.pixels[i * n..(i + 1) * n]
    }

    /// Class name of sample `i`. Panics when `i >= len()`, like a slice.
    pub fn class_of(&self, i: usize) -> &str {
        &self.classes[usize::from(self.labels[i])]
    }

    /// Sample `i` as a picture. Panics when `i >= len()`, like a slice.
    pub fn picture(&self, i: usize) -> Picture {
        Picture {
            width: self.width,
            height: self.height,
            channels: self.channels,
            pixels: self.sample(i).to_vec(),
        }
    }

    /// Sample `i` ready for a network: values in the layout of `how`, C x H x W or H x W x C.
    /// Panics when `i >= len()`, like a slice.
    pub fn to_f32(&self, i: usize, how: &Preprocess) -> Result<Vec<f32>, DataError> {
        how.values(&self.picture(i))
    }

    /// A preprocessing that changes nothing but the number type: own size and channels,
    /// values divided by 255.
    pub fn preprocess(&self) -> Preprocess {
        Preprocess::unit(self.width, self.height, self.channels)
    }

    /// The first `count` samples (all, when there are fewer).
    pub fn head(&self, count: usize) -> Images {
        let count = count.min(self.len());
        Images {
            pixels: self.pixels[..count * self.sample_len()].to_vec(),
            labels: self.labels[..count].to_vec(),
            ..self.empty_copy()
        }
    }

    /// Samples per class, in label order.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// As examples `[C, H, W]` with values from 0 to 1 and their classes; a share of them, drawn
    /// with `seed`, is kept aside to judge by.
    pub fn dataset(&self, validation: f64, seed: u64) -> Dataset {
        Dataset {
            name: self.name.clone(),
            inputs: vec![Column {
                name: String::new(),
                shape: vec![self.channels, self.height, self.width],
                cells: Cells::Bytes(self.pixels.clone()),
            }],
            targets: Targets::Classes(Column {
                name: String::new(),
                shape: Vec::new(),
                cells: Cells::Ints(self.labels.iter().map(|&l| i64::from(l)).collect()),
            }),
            classes: self.classes.clone(),
            ..Dataset::default()
        }
        .split(validation, seed)
    }

    fn empty_copy(&self) -> Images {
        Images {
            name: self.name.clone(),
            classes: self.classes.clone(),
            pixels: Vec::new(),
            labels: Vec::new(),
            ..*self
        }
    }
}
