//! Operators in the field's standard terms, with their attributes read and checked.
//!
//! An operator that this enum does not name is [`Op::Other`]: it still has a place in the
//! picture, its raw attributes and its inputs, but no shape inference and no execution.

mod attributes;
mod elementwise;
mod neural;

pub use attributes::*;
pub use elementwise::*;
pub use neural::*;

use crate::{DType, TensorData};

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
    /// `column_major`: indices count along the last spatial axis but one first.
    MaxPool {
        window: Window,
        ceil: bool,
        column_major: bool,
    },
    AveragePool {
        window: Window,
        ceil: bool,
        count_include_pad: bool,
    },
    LpPool {
        window: Window,
        ceil: bool,
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
    Attention(Attention),
    /// The subgraphs `score_mod` and `prob_mod` change scores and probabilities.
    FlexAttention {
        scale: Option<f32>,
    },
    LinearAttention(LinearAttention),
    /// Rotates pairs of features by the token's place (Su et al. 2021). `width`: features that are
    /// rotated, 0 for all; `heads`: where they share the last axis.
    RotaryEmbedding {
        interleaved: bool,
        width: i64,
        heads: i64,
    },
    /// A depthwise convolution over the past, whose last inputs are its state.
    CausalConv {
        swish: bool,
    },
    /// Writes `update` into a cache of keys or values, in place.
    TensorScatter {
        axis: i64,
        circular: bool,
    },
    QuantizeLinear(Quantize),
    DequantizeLinear(Quantize),
    DynamicQuantizeLinear,
    QLinearConv {
        window: Window,
        groups: i64,
    },
    QLinearMatMul,
    ConvInteger {
        window: Window,
        groups: i64,
    },
    MatMulInteger,
    /// Normalises by the statistics of its batch and moves the running ones.
    BatchNormTraining {
        epsilon: f32,
        momentum: f32,
    },
    MeanVarianceNorm {
        axes: Vec<i64>,
    },
    GlobalLpPool {
        p: i64,
    },
    MaxUnpool {
        window: Window,
    },
    GridSample(GridSample),
    AffineGrid {
        align_corners: bool,
    },
    RoiAlign(RoiAlign),
    MaxRoiPool {
        size: [i64; 2],
        scale: f32,
    },
    DeformConv(DeformConv),
    Col2Im {
        window: Window,
    },
    CenterCropPad {
        axes: Option<Vec<i64>>,
    },
    /// Discrete Fourier transform; the last axis is real and imaginary part. `axis` is `None`
    /// where input 2 names it.
    Dft {
        axis: Option<i64>,
        inverse: bool,
        one_sided: bool,
    },
    Stft {
        one_sided: bool,
    },
    Taper {
        kind: Taper,
        periodic: bool,
        to: DType,
    },
    MelWeights {
        to: DType,
    },
    /// An operator that layerscope does not know.
    Other {
        name: String,
        domain: String,
    },
}

/// Operators without a variant of their own that are executed by their name (the domain in front
/// of it, unless it is the default one). They are [`Op::Other`], with their attributes as the file
/// states them, but nothing to warn of.
pub const NAMED: &[&str] = &[
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "BitwiseNot",
    "BitShift",
    "BitCast",
    "StringConcat",
    "StringSplit",
    "RegexFullMatch",
    "StringNormalizer",
    "TfIdfVectorizer",
    "Unique",
    "Hardmax",
    "EyeLike",
    "NonMaxSuppression",
    "IsInf",
    "Det",
    "ImageDecoder",
    "RandomUniform",
    "RandomUniformLike",
    "RandomNormal",
    "RandomNormalLike",
    "Bernoulli",
    "Multinomial",
    "ai.onnx.ml.ArrayFeatureExtractor",
    "ai.onnx.ml.Binarizer",
    "ai.onnx.ml.LabelEncoder",
    "ai.onnx.ml.TreeEnsemble",
    "ai.onnx.preview.training.Adagrad",
    "ai.onnx.preview.training.Adam",
    "ai.onnx.preview.training.Momentum",
    "ai.onnx.preview.training.Gradient",
    "ScatterND",
    "ScatterElements",
    "Compress",
    "ReverseSequence",
    "CumProd",
    "NegativeLogLikelihoodLoss",
    "SoftmaxCrossEntropyLoss",
    "SequenceEmpty",
    "SequenceConstruct",
    "SequenceLength",
    "SequenceAt",
    "SequenceInsert",
    "SequenceErase",
    "SequenceMap",
    "SplitToSequence",
    "ConcatFromSequence",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
];
