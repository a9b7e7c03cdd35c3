//! What an operator does, in a sentence that needs no network connection.

use model::Op;
use model::op::{Cell, Unary};

/// A sentence for `op`.
pub fn sentence(op: &Op) -> &'static str {
    match op {
        Op::Input => "The data that is fed to the network.",
        Op::Conv { .. } => {
            "Slides small filters over its input; each output cell is a weighted sum of the patch below the filter."
        }
        Op::ConvTranspose { .. } => {
            "A convolution run backwards: each input cell paints a weighted patch, which enlarges the picture."
        }
        Op::MaxPool { .. } => "Keeps the largest value of each window, which makes the picture smaller.",
        Op::AveragePool { .. } => "Takes the mean of each window, which makes the picture smaller.",
        Op::LpPool { .. } => "Takes the p-norm of each window, which makes the picture smaller.",
        Op::GlobalAveragePool => "Takes the mean of each whole channel: one number a channel.",
        Op::GlobalMaxPool => "Takes the largest value of each whole channel: one number a channel.",
        Op::Gemm { .. } => "A dense layer: each output is a weighted sum of all inputs, plus a bias.",
        Op::MatMul => "Multiplies two matrices, or stacks of them: each output is a weighted sum.",
        Op::Einsum { .. } => "Multiplies and sums tensors along the axes that its equation names.",
        Op::BatchNorm { .. } => {
            "Brings each channel to the mean and spread that training measured, then scales and shifts it."
        }
        Op::InstanceNorm { .. } => {
            "Brings each channel of each item to mean 0 and spread 1, then scales and shifts it."
        }
        Op::GroupNorm { .. } => {
            "Brings groups of channels to mean 0 and spread 1, then scales and shifts them."
        }
        Op::LayerNorm { .. } => {
            "Brings the features of each item to mean 0 and spread 1, then scales and shifts them."
        }
        Op::RmsNorm { .. } => {
            "Divides the features of each item by their root mean square, then scales them."
        }
        Op::Lrn { .. } => "Divides each value by the strength of its neighbouring channels.",
        Op::LpNorm { .. } => "Divides by the p-norm along an axis.",
        Op::Unary(f) => unary(f),
        Op::PRelu => "Keeps positive values and scales negative ones by a learned slope.",
        Op::Clip { .. } => "Limits values to a lower and an upper bound.",
        Op::Binary(_) => "Combines two tensors element by element; smaller shapes are repeated to fit.",
        Op::Variadic(_) => "Combines any number of tensors element by element.",
        Op::Where => "Picks each element from one of two tensors, as a condition says.",
        Op::Softmax { .. } => "Turns scores into probabilities that add up to 1.",
        Op::LogSoftmax { .. } => "Turns scores into logarithms of probabilities.",
        Op::Reduce { .. } => "Joins all values along the given axes into one.",
        Op::ArgMax { .. } => "Gives the place of the largest value along an axis.",
        Op::ArgMin { .. } => "Gives the place of the smallest value along an axis.",
        Op::TopK { .. } => "Gives the largest values along an axis, and their places.",
        Op::CumSum { .. } => "Sums up along an axis, step by step.",
        Op::Gather { .. } => "Looks entries up by their index; with stored data it is an embedding table.",
        Op::GatherElements { .. } | Op::GatherNd { .. } => "Picks single elements by their index.",
        Op::ScatterNd | Op::ScatterElements { .. } => {
            "Writes values into a copy of its input at given places."
        }
        Op::OneHot { .. } => "Turns each index into a row that is 1 there and 0 elsewhere.",
        Op::NonZero => "Lists the places whose value is not 0.",
        Op::Reshape { .. } => "Reads the same values in the same order as another shape.",
        Op::Flatten { .. } => "Reads all axes but the batch as one.",
        Op::Squeeze { .. } => "Leaves out axes of size 1.",
        Op::Unsqueeze { .. } => "Adds axes of size 1.",
        Op::Transpose { .. } => "Puts the axes in another order.",
        Op::Concat { .. } => "Joins tensors end to end along an axis.",
        Op::Split { .. } => "Cuts a tensor into pieces along an axis.",
        Op::Slice { .. } => "Cuts a range out of its input.",
        Op::Pad { .. } => "Adds cells around its input.",
        Op::Expand | Op::Tile => "Repeats its input to a larger shape.",
        Op::DepthToSpace { .. } => "Moves channels into blocks of places: fewer channels, a larger picture.",
        Op::SpaceToDepth { .. } => "Moves blocks of places into channels: more channels, a smaller picture.",
        Op::Resize(_) => "Scales the picture up or down.",
        Op::Identity => "Passes its input on unchanged.",
        Op::Dropout { .. } => "Sets random values to 0 in training; passes its input on otherwise.",
        Op::Cast { .. } | Op::CastLike => "Changes the type of the numbers.",
        Op::Shape { .. } => "Gives the sizes of its input's axes.",
        Op::Size => "Gives the number of elements of its input.",
        Op::Constant { .. } => "A fixed value that is stored in the file.",
        Op::ConstantOfShape { .. } => "A tensor of the wanted shape, filled with one value.",
        Op::Range => "Counts from a start to an end in steps.",
        Op::Trilu { .. } => "Keeps the triangle above or below the diagonal; attention masks are made so.",
        Op::Recurrent(r) => match r.cell {
            Cell::Lstm => {
                "A long short-term memory: reads a sequence step by step, with gates that decide what to remember and what to forget."
            }
            Cell::Gru => {
                "A gated recurrent unit: reads a sequence step by step, with gates that decide what to keep."
            }
            Cell::Rnn => "A recurrent layer: reads a sequence step by step and carries a state along.",
        },
        Op::If => "Runs one of two inner graphs, as a condition says.",
        Op::Loop => "Runs an inner graph again and again.",
        Op::Scan { .. } => "Runs an inner graph over each step of a sequence.",
        Op::Embedding => "Looks up a learned vector for each token.",
        Op::Attention { .. } => {
            "Lets each token gather from all others, weighted by how well query and key agree."
        }
        Op::QuantizeLinear { .. } => "Rounds values to small integers with a scale and a zero point.",
        Op::DequantizeLinear { .. } => {
            "Turns small integers back into numbers with a scale and a zero point."
        }
        Op::Weights => "Weights of which the file does not say what is computed with them.",
        Op::Other { .. } => "An operator that layerscope does not know: it is drawn, but cannot be run.",
    }
}

fn unary(f: &Unary) -> &'static str {
    match f {
        Unary::Relu => "Keeps positive values and sets negative ones to 0.",
        Unary::LeakyRelu { .. } => "Keeps positive values and makes negative ones small.",
        Unary::Elu { .. } | Unary::Selu { .. } | Unary::Celu { .. } => {
            "Keeps positive values; negative ones level off smoothly."
        }
        Unary::ThresholdedRelu { .. } => "Keeps values above a threshold and sets the others to 0.",
        Unary::Gelu { .. } | Unary::Swish { .. } | Unary::Mish | Unary::HardSwish => {
            "A smooth relative of ReLU: large values pass, negative ones fade out."
        }
        Unary::Sigmoid | Unary::HardSigmoid { .. } => "Squeezes values into the range from 0 to 1.",
        Unary::Tanh | Unary::Softsign => "Squeezes values into the range from -1 to 1.",
        Unary::Softplus => "A smooth ReLU: the logarithm of 1 + exp(x).",
        Unary::Erf => "The error function, part of the exact GELU.",
        Unary::Exp => "Raises e to each value.",
        Unary::Log => "The natural logarithm of each value.",
        Unary::Sqrt => "The square root of each value.",
        Unary::Reciprocal => "1 divided by each value.",
        Unary::Abs => "Leaves signs out.",
        Unary::Neg => "Changes signs.",
        Unary::Sign => "Gives -1, 0 or 1.",
        Unary::Floor | Unary::Ceil | Unary::Round => "Rounds to whole numbers.",
        Unary::Not | Unary::IsNan | Unary::IsInf => "Answers true or false for each value.",
        _ => "A trigonometric or hyperbolic function of each value.",
    }
}

/// The operator's page in the ONNX specification, for files in that format.
pub fn page(format: &str, layer: &model::Layer) -> Option<String> {
    let custom = matches!(&layer.op, Op::Other { domain, .. } if !domain.is_empty() && domain != "ai.onnx");
    let onnx = format.starts_with("ONNX") && !custom;
    onnx.then(|| format!("https://onnx.ai/onnx/operators/onnx__{}.html", layer.kind))
}
