//! What can be wrong with a question to a network.

use compute::RunError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ProbeError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(
        "the network has no convolution, and {method} shows what a convolution sees: choose another method"
    )]
    NoConvolution { method: &'static str },
    #[error(
        "the network has no rectifier (ReLU), and {method} is about those: it would be the plain gradient"
    )]
    NoRectifier { method: &'static str },
    #[error("layer {layer:?} ({op}): {problem}")]
    Layer {
        layer: String,
        op: String,
        problem: String,
    },
    #[error("layer {layer:?} ({op}): layer-wise relevance propagation has no rule for this operator")]
    NoRule { layer: String, op: String },
    #[error("input {name:?}: {problem}")]
    Input { name: String, problem: String },
    #[error("tensor {name:?} has {elements} elements for an example: there is no element {element}")]
    Element {
        name: String,
        element: usize,
        elements: usize,
    },
    #[error("tensor {name:?}: {problem}")]
    Tensor { name: String, problem: String },
    #[error("setting {name:?}: {problem}")]
    Setting { name: String, problem: String },
}
