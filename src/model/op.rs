//! Operators in the field's standard terms, with their attributes read and checked.
//!
//! An operator that this enum does not name is [`Op::Other`]: it still has a place in the
//! picture, its raw attributes and its inputs, but no shape inference and no execution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DType, TensorData};

/// A raw attribute, as a file states it.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Attribute {
    Int(i64),
    Float(f32),
    String(String),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Strings(Vec<String>),
    Tensor(TensorData),
}

impl std::fmt::Display for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Attribute::Int(v) => write!(f, "{v}"),
            Attribute::Float(v) => write!(f, "{v}"),
            Attribute::String(v) => f.write_str(v),
            Attribute::Ints(v) => write!(f, "{v:?}"),
            Attribute::Floats(v) => write!(f, "{v:?}"),
            Attribute::Strings(v) => write!(f, "{v:?}"),
            Attribute::Tensor(v) => write!(f, "{}", v.spec()),
        }
    }
}

/// Raw attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// Implicit padding of a sliding window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Padding {
    /// Begin of every spatial axis, then end of every spatial axis (ONNX order).
    Explicit(Vec<i64>),
    /// `ceil(in / stride)` outputs, the odd element at the end.
    SameUpper,
    /// `ceil(in / stride)` outputs, the odd element at the beginning.
    SameLower,
    /// None.
    Valid,
}

/// The sliding window of a convolution or pooling. Empty vectors mean the operator's default
/// (stride 1, dilation 1) for every spatial axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Extent along each spatial axis; empty on a convolution: taken from its weights.
    pub kernel: Vec<i64>,
    /// Step along each spatial axis.
    pub strides: Vec<i64>,
    /// Distance between the taps.
    pub dilations: Vec<i64>,
    /// Padding.
    pub padding: Padding,
}

impl Window {
    /// Stride of spatial axis `i`.
    pub fn stride(&self, i: usize) -> i64 {
        self.strides.get(i).copied().unwrap_or(1)
    }

    /// Dilation of spatial axis `i`.
    pub fn dilation(&self, i: usize) -> i64 {
        self.dilations.get(i).copied().unwrap_or(1)
    }
}

/// Elementwise functions of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Unary {
    Relu,
    LeakyRelu { alpha: f32 },
    Elu { alpha: f32 },
    Selu { alpha: f32, gamma: f32 },
    Celu { alpha: f32 },
    ThresholdedRelu { alpha: f32 },
    Gelu { tanh: bool },
    Sigmoid,
    HardSigmoid { alpha: f32, beta: f32 },
    HardSwish,
    Swish { alpha: f32 },
    Mish,
    Softplus,
    Softsign,
    Tanh,
    Erf,
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Abs,
    Neg,
    Sign,
    Floor,
    Ceil,
    Round,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Asinh,
    Acosh,
    Atanh,
    Not,
    IsNan,
    IsInf,
}

/// Elementwise functions of two broadcast tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Mod { fmod: bool },
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    And,
    Or,
    Xor,
}

/// Elementwise functions of any number of broadcast tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Variadic {
    Sum,
    Mean,
    Max,
    Min,
}

/// Reductions along axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    L1,
    L2,
    LogSum,
    LogSumExp,
    SumSquare,
}

/// Direction of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Direction {
    Forward,
    Reverse,
    Bidirectional,
}

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
    /// Bound on gate inputs.
    pub clip: Option<f32>,
    /// GRU: apply the recurrent bias before the reset gate multiplies.
    pub linear_before_reset: bool,
    /// LSTM: couple input and forget gate.
    pub input_forget: bool,
    /// True: batch first (ONNX `layout` 1).
    pub batch_first: bool,
}

/// Cell of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Cell {
    Lstm,
    Gru,
    Rnn,
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
    /// Axes that `scales` and `sizes` speak of; `None`: all.
    pub axes: Option<Vec<i64>>,
    /// `keep_aspect_ratio_policy`.
    pub aspect: String,
    /// True for opset 9's `Upsample` and opset 10's `Resize`, whose inputs are `X, scales`.
    pub two_inputs: bool,
}

/// An operator with its attributes. Axes may be negative (from the end), as in the file.
/// `Option` axes that are `None` are the operator's default, or stand in an input tensor.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Op {
    /// A graph input drawn as a layer (architecture files name it; ONNX does not).
    Input,
    Conv {
        window: Window,
        groups: i64,
    },
    ConvTranspose {
        window: Window,
        groups: i64,
        output_padding: Vec<i64>,
        output_shape: Option<Vec<i64>>,
    },
    MaxPool {
        window: Window,
        ceil: bool,
    },
    AveragePool {
        window: Window,
        ceil: bool,
        count_include_pad: bool,
    },
    LpPool {
        window: Window,
        p: i64,
    },
    GlobalAveragePool,
    GlobalMaxPool,
    /// `alpha * A' * B' + beta * C`.
    Gemm {
        alpha: f32,
        beta: f32,
        trans_a: bool,
        trans_b: bool,
    },
    MatMul,
    Einsum {
        equation: String,
    },
    BatchNorm {
        epsilon: f32,
    },
    InstanceNorm {
        epsilon: f32,
    },
    GroupNorm {
        epsilon: f32,
        groups: i64,
    },
    LayerNorm {
        axis: i64,
        epsilon: f32,
    },
    RmsNorm {
        axis: i64,
        epsilon: f32,
    },
    /// Local response normalisation (Krizhevsky et al. 2012).
    Lrn {
        alpha: f32,
        beta: f32,
        bias: f32,
        size: i64,
    },
    LpNorm {
        axis: i64,
        p: i64,
    },
    Unary(Unary),
    PRelu,
    /// Bounds as attributes (opset < 11) or as inputs 1 and 2.
    Clip {
        min: Option<f32>,
        max: Option<f32>,
    },
    Binary(Binary),
    Variadic(Variadic),
    Where,
    /// `coerce`: opset < 13, where the axes from `axis` on are taken as one.
    Softmax {
        axis: i64,
        coerce: bool,
    },
    LogSoftmax {
        axis: i64,
        coerce: bool,
    },
    Reduce {
        kind: Reduction,
        axes: Option<Vec<i64>>,
        keep_dims: bool,
        noop_if_empty: bool,
    },
    ArgMax {
        axis: i64,
        keep_dims: bool,
        last: bool,
    },
    ArgMin {
        axis: i64,
        keep_dims: bool,
        last: bool,
    },
    TopK {
        axis: i64,
        largest: bool,
        k: Option<i64>,
    },
    CumSum {
        exclusive: bool,
        reverse: bool,
    },
    /// An embedding lookup when its data is a parameter.
    Gather {
        axis: i64,
    },
    GatherElements {
        axis: i64,
    },
    GatherNd {
        batch_dims: i64,
    },
    ScatterNd,
    ScatterElements {
        axis: i64,
    },
    OneHot {
        axis: i64,
    },
    NonZero,
    Reshape {
        shape: Option<Vec<i64>>,
        allow_zero: bool,
    },
    Flatten {
        axis: i64,
    },
    Squeeze {
        axes: Option<Vec<i64>>,
    },
    Unsqueeze {
        axes: Option<Vec<i64>>,
    },
    Transpose {
        perm: Option<Vec<i64>>,
    },
    Concat {
        axis: i64,
    },
    Split {
        axis: i64,
        sizes: Option<Vec<i64>>,
        outputs: Option<i64>,
    },
    /// `starts`, `ends`, `axes` as attributes before opset 10, else as inputs 1 to 4.
    Slice {
        starts: Option<Vec<i64>>,
        ends: Option<Vec<i64>>,
        axes: Option<Vec<i64>>,
    },
    /// `pads` and `value` as attributes before opset 11, else as inputs.
    Pad {
        mode: String,
        pads: Option<Vec<i64>>,
        value: Option<f32>,
    },
    Expand,
    Tile,
    DepthToSpace {
        block: i64,
        column_row_depth: bool,
    },
    SpaceToDepth {
        block: i64,
    },
    Resize(Resize),
    Identity,
    Dropout {
        ratio: f32,
    },
    Cast {
        to: DType,
    },
    CastLike,
    Shape {
        start: i64,
        end: Option<i64>,
    },
    Size,
    Constant {
        value: TensorData,
    },
    ConstantOfShape {
        value: TensorData,
    },
    Range,
    Trilu {
        upper: bool,
    },
    Recurrent(Recurrent),
    /// Branches are the layer's subgraphs `then_branch` and `else_branch`.
    If,
    /// The body is the layer's subgraph `body`.
    Loop,
    /// The body is the layer's subgraph `body`.
    Scan {
        num_scan_inputs: i64,
    },
    Embedding,
    /// Multi-head attention as one layer of an architecture file.
    Attention {
        heads: i64,
    },
    QuantizeLinear {
        axis: i64,
    },
    DequantizeLinear {
        axis: i64,
    },
    /// Stored tensors of which the file does not say what is computed with them: a file of weights
    /// alone. The tensors are the inputs.
    Weights,
    /// An operator that layerscope does not know.
    Other {
        name: String,
        domain: String,
    },
}
