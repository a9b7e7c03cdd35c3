//! Attributes of attention, recurrence, quantisation and sampling.

use serde::{Deserialize, Serialize};

use super::Window;
use crate::DType;

/// A recurrent layer (ONNX LSTM, GRU, RNN).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recurrent {
    /// Which cell.
    pub cell: Cell,
    /// Units of the hidden state.
    pub hidden_size: i64,
    /// Direction of time.
    pub direction: Direction,
    /// Gate activations by ONNX name; empty: the cell's defaults.
    pub activations: Vec<String>,
    /// `activation_alpha`, for the activations that have one, in their order.
    pub alphas: Vec<f32>,
    /// `activation_beta`, likewise.
    pub betas: Vec<f32>,
    /// Bound on gate inputs.
    pub clip: Option<f32>,
    /// GRU: apply the recurrent bias before the reset gate multiplies.
    pub linear_before_reset: bool,
    /// LSTM: couple input and forget gate.
    pub input_forget: bool,
    /// True: batch first (ONNX `layout` 1).
    pub batch_first: bool,
}

impl Recurrent {
    /// A forward layer of `hidden_size` units with the cell's defaults.
    pub fn new(cell: Cell, hidden_size: i64) -> Self {
        Recurrent {
            cell,
            hidden_size,
            direction: Direction::Forward,
            activations: Vec::new(),
            alphas: Vec::new(),
            betas: Vec::new(),
            clip: None,
            linear_before_reset: false,
            input_forget: false,
            batch_first: false,
        }
    }
}

/// Cell of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Cell {
    Lstm,
    Gru,
    Rnn,
}

/// Direction of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Direction {
    Forward,
    Reverse,
    Bidirectional,
}

/// How a resize picks and blends input cells. Attribute strings are ONNX's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resize {
    /// `nearest`, `linear` or `cubic`.
    pub mode: String,
    /// `coordinate_transformation_mode`.
    pub coordinates: String,
    /// `nearest_mode`.
    pub nearest: String,
    /// `cubic_coeff_a`.
    pub cubic_a: f32,
    /// `exclude_outside`.
    pub exclude_outside: bool,
    /// Widen the kernel by the scale when the picture gets smaller.
    pub antialias: bool,
    /// Value outside the input, for `tf_crop_and_resize`.
    pub extrapolation: f32,
    /// Axes that `scales` and `sizes` speak of; `None`: all.
    pub axes: Option<Vec<i64>>,
    /// `keep_aspect_ratio_policy`.
    pub aspect: String,
    /// True for opset 9's `Upsample` and opset 10's `Resize`, whose inputs are `X, scales`.
    pub two_inputs: bool,
}

impl Resize {
    /// Copies of the nearest cell, output cells at multiples of the scale.
    pub fn nearest() -> Self {
        Resize {
            mode: "nearest".into(),
            coordinates: "asymmetric".into(),
            nearest: "floor".into(),
            cubic_a: -0.75,
            exclude_outside: false,
            antialias: false,
            extrapolation: 0.0,
            axes: None,
            aspect: "stretch".into(),
            two_inputs: false,
        }
    }
}

/// Scaled dot-product attention (Vaswani et al. 2017) over queries, keys and values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attention {
    /// Heads of the queries, where they share the last axis; 0: they have an axis of their own.
    pub heads: i64,
    /// Heads of keys and values, which several query heads may share; 0: as `heads`.
    pub kv_heads: i64,
    /// Factor on the scores; `None`: one by the square root of the head's size.
    pub scale: Option<f32>,
    /// Bounds scores to plus and minus this number; 0: no bound.
    pub softcap: f32,
    /// Each query sees the keys up to its own place only.
    pub causal: bool,
    /// What the fourth output holds.
    pub scores: Scores,
}

/// The step of the computation that an attention's scores are shown after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Scores {
    #[default]
    Product,
    Softcap,
    Mask,
    Softmax,
}

/// Attention that keeps a state instead of all keys (Yang et al. 2024).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearAttention {
    /// Heads of the queries.
    pub heads: i64,
    /// Heads of keys and values.
    pub kv_heads: i64,
    /// Factor on what is read; `None`: one by the square root of the key's size.
    pub scale: Option<f32>,
    /// The state decays in each step, by input 4.
    pub gated: bool,
    /// Values are replaced by their difference from what the state recalls, times input 5.
    pub delta: bool,
}

/// Reads an input at places that a second input names (Jaderberg et al. 2015).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridSample {
    /// `nearest`, `linear` or `cubic`.
    pub mode: String,
    /// Outside the input: `zeros`, `border` or `reflection`.
    pub padding: String,
    /// -1 and 1 are the centres of the corner cells, not their outer edges.
    pub align_corners: bool,
}

/// Pools regions of interest to one size (He et al. 2017).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoiAlign {
    /// Output height and width.
    pub size: [i64; 2],
    /// Samples along each side of an output cell; 0: as many as the cell covers.
    pub samples: i64,
    /// From the regions' coordinates to the input's.
    pub scale: f32,
    /// Cells stand half a cell off the coordinates.
    pub half_pixel: bool,
    /// The largest sample instead of their mean.
    pub max: bool,
}

/// A convolution whose taps are moved by offsets (Dai et al. 2017).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeformConv {
    /// The window before it is moved.
    pub window: Window,
    /// Groups of channels.
    pub groups: i64,
    /// Groups of channels that share offsets.
    pub offset_groups: i64,
}

/// How values become small integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantize {
    /// The axis that scales go along.
    pub axis: i64,
    /// Elements that share a scale along `axis`; 0: all of one place.
    pub block: i64,
    /// Element type of the result; `None`: that of the zero point, or of the scale.
    pub to: Option<DType>,
    /// Small floats beyond the largest become the largest, not infinity.
    pub saturate: bool,
}

/// Window functions of signal processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Taper {
    Hann,
    Hamming,
    Blackman,
}
