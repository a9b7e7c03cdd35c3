//! Elementwise ONNX operators to [`Op`].

use model::op::{Binary, Op, Unary, Variadic};

use super::node::Node;
use crate::error::Fault;

/// The elementwise operator of `node`; `None` when it is none.
pub(super) fn op(node: &Node) -> Result<Option<Op>, Fault> {
    if node.domain == "com.microsoft" {
        return Ok(match node.kind {
            "Gelu" => Some(Op::Unary(Unary::Gelu { tanh: false })),
            "QuickGelu" => Some(Op::Unary(Unary::Swish {
                alpha: node.float("alpha", 1.702)?,
            })),
            _ => None,
        });
    }
    if let Some(unary) = unary(node)? {
        return Ok(Some(Op::Unary(unary)));
    }
    if let Some(binary) = binary(node)? {
        return Ok(Some(Op::Binary(binary)));
    }
    Ok(Some(match node.kind {
        "PRelu" => Op::PRelu,
        "Clip" if node.opset < 11 => Op::Clip {
            min: node.maybe_float("min")?,
            max: node.maybe_float("max")?,
        },
        "Clip" => Op::Clip { min: None, max: None },
        "Sum" => Op::Variadic(Variadic::Sum),
        "Mean" => Op::Variadic(Variadic::Mean),
        "Max" => Op::Variadic(Variadic::Max),
        "Min" => Op::Variadic(Variadic::Min),
        _ => return Ok(None),
    }))
}

fn unary(node: &Node) -> Result<Option<Unary>, Fault> {
    Ok(Some(match node.kind {
        "Relu" => Unary::Relu,
        "LeakyRelu" => Unary::LeakyRelu {
            alpha: node.float("alpha", 0.01)?,
        },
        "Elu" => Unary::Elu {
            alpha: node.float("alpha", 1.0)?,
        },
        "Selu" => Unary::Selu {
            alpha: node.float("alpha", 1.673_263_2)?,
            gamma: node.float("gamma", 1.050_701)?,
        },
        "Celu" => Unary::Celu {
            alpha: node.float("alpha", 1.0)?,
        },
        "ThresholdedRelu" => Unary::ThresholdedRelu {
            alpha: node.float("alpha", 1.0)?,
        },
        "Gelu" => Unary::Gelu {
            tanh: node.choice("approximate", &["none", "tanh"])? == "tanh",
        },
        "Sigmoid" => Unary::Sigmoid,
        "HardSigmoid" => Unary::HardSigmoid {
            alpha: node.float("alpha", 0.2)?,
            beta: node.float("beta", 0.5)?,
        },
        "HardSwish" => Unary::HardSwish,
        "Swish" => Unary::Swish {
            alpha: node.float("alpha", 1.0)?,
        },
        "Mish" => Unary::Mish,
        "Shrink" => Unary::Shrink {
            bias: node.float("bias", 0.0)?,
            lambda: node.float("lambd", 0.5)?,
        },
        "Softplus" => Unary::Softplus,
        "Softsign" => Unary::Softsign,
        "Tanh" => Unary::Tanh,
        "Erf" => Unary::Erf,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Sqrt" => Unary::Sqrt,
        "Reciprocal" => Unary::Reciprocal,
        "Abs" => Unary::Abs,
        "Neg" => Unary::Neg,
        "Sign" => Unary::Sign,
        "Floor" => Unary::Floor,
        "Ceil" => Unary::Ceil,
        "Round" => Unary::Round,
        "Sin" => Unary::Sin,
        "Cos" => Unary::Cos,
        "Tan" => Unary::Tan,
        "Asin" => Unary::Asin,
        "Acos" => Unary::Acos,
        "Atan" => Unary::Atan,
        "Sinh" => Unary::Sinh,
        "Cosh" => Unary::Cosh,
        "Asinh" => Unary::Asinh,
        "Acosh" => Unary::Acosh,
        "Atanh" => Unary::Atanh,
        "Not" => Unary::Not,
        "IsNaN" => Unary::IsNan,
        // One sign only is another question.
        "IsInf" if node.flag("detect_negative", true)? && node.flag("detect_positive", true)? => Unary::IsInf,
        _ => return Ok(None),
    }))
}

fn binary(node: &Node) -> Result<Option<Binary>, Fault> {
    Ok(Some(match node.kind {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Pow" => Binary::Pow,
        "Mod" => Binary::Mod {
            fmod: node.flag("fmod", false)?,
        },
        "Equal" => Binary::Equal,
        "Greater" => Binary::Greater,
        "GreaterOrEqual" => Binary::GreaterOrEqual,
        "Less" => Binary::Less,
        "LessOrEqual" => Binary::LessOrEqual,
        "And" => Binary::And,
        "Or" => Binary::Or,
        "Xor" => Binary::Xor,
        _ => return Ok(None),
    }))
}
