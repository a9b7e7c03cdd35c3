//! Keras layers as operators, one file a family.

mod attention;
mod conv;
mod dense;
mod merge;
mod norm;
mod pool;
mod recurrent;
mod shape;

use super::at::{At, Made, Reader};
use crate::channels::Flow;

/// A family: `None` for classes that it does not know.
type Family = fn(&mut Reader, &At, &[Flow]) -> Option<Made>;

const FAMILIES: &[Family] = &[
    dense::layer,
    conv::layer,
    pool::layer,
    norm::layer,
    merge::layer,
    shape::layer,
    recurrent::layer,
    attention::layer,
];

/// Classes without weights.
const BARE: &[&str] = &[
    "InputLayer",
    "Activation",
    "ReLU",
    "LeakyReLU",
    "ELU",
    "Softmax",
    "ThresholdedReLU",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "ActivityRegularization",
    "Identity",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Rescaling",
    "Normalization",
    "UnitNormalization",
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Concatenate",
    "Dot",
    "Flatten",
    "Reshape",
    "Permute",
    "RepeatVector",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Resizing",
    "Masking",
    "Lambda",
];

/// True for classes that are known to have no weights.
pub(super) fn is_known(class: &str) -> bool {
    BARE.contains(&class)
}

/// The operators of one use of a layer; `None` where it can only be shown as it is.
pub(super) fn layer(r: &mut Reader, at: &At, inputs: &[Flow]) -> Made {
    if inputs.is_empty() {
        return Ok(None);
    }
    FAMILIES
        .iter()
        .find_map(|family| family(r, at, inputs))
        .unwrap_or(Ok(None))
}
