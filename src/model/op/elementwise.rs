//! Elementwise functions and reductions.

use serde::{Deserialize, Serialize};

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
    Shrink { bias: f32, lambda: f32 },
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

impl Unary {
    /// True for rectifiers: near the number itself where it is large, near 0 or a share of it where it is
    /// far below 0, and 0 at 0.
    pub fn rectifies(self) -> bool {
        use Unary::*;
        matches!(
            self,
            Relu | LeakyRelu { .. }
                | Elu { .. }
                | Selu { .. }
                | Celu { .. }
                | ThresholdedRelu { .. }
                | Gelu { .. }
                | HardSwish
                | Swish { .. }
                | Mish
        )
    }
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
