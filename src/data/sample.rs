//! The sample that is built into the program, so that there is something to look at without
//! any file, in the browser too.

use crate::idx::{self, FASHION_CLASSES};
use crate::images::Images;

const PIXELS: &[u8] = include_bytes!("../../assets/fashion-mnist/sample-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../assets/fashion-mnist/sample-labels-idx1-ubyte.gz");

/// Licence of the built-in images, to be shown where they are.
pub const FASHION_LICENSE: &str = include_str!("../../assets/fashion-mnist/LICENSE");

/// 200 test images of Fashion-MNIST, 1 x 28 x 28: the first 20 of each of the ten classes, in
/// the order of the official test file.
pub fn fashion_sample() -> Images {
    idx::images(
        "Fashion-MNIST (200 test images)",
        &FASHION_CLASSES,
        ("built-in images", PIXELS),
        ("built-in labels", LABELS),
    )
    .expect("the built-in sample is intact: a test reads it")
}
