//! Activation functions of Keras.

use model::op::{Binary, Op, Unary};
use serde_json::Value;

use super::at::{At, Reader};
use crate::channels::{Flow, Order};
use crate::error::Fault;

/// What stands at the end of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Activation {
    Linear,
    Unary(Unary),
    Clip(f32, f32),
    Softmax,
    LogSoftmax,
    /// Built from several steps, by name.
    Steps(&'static str),
    /// Code that is not run.
    Unknown(String),
}

impl Activation {
    /// The activation that a configuration names under `key`.
    pub(super) fn of(reader: &Reader, at: &At, key: &str) -> Self {
        at.value(key)
            .map_or(Activation::Linear, |v| Self::read(v, reader.keras3))
    }

    fn read(value: &Value, keras3: bool) -> Self {
        let (name, config) = match value {
            Value::String(name) => (name.as_str(), &Value::Null),
            // {"class_name": "function", "config": "name"} or {"class_name": "LeakyReLU", "config": {}}.
            Value::Object(map) => {
                let class = map.get("class_name").and_then(Value::as_str).unwrap_or("");
                match map.get("config") {
                    Some(Value::String(name)) => (name.as_str(), &Value::Null),
                    config => (class, config.unwrap_or(&Value::Null)),
                }
            }
            _ => return Activation::Unknown(value.to_string().chars().take(80).collect()),
        };
        let number = |keys: &[&str], default: f32| {
            let found = keys.iter().find_map(|k| config.get(*k)?.as_f64());
            found.map_or(default, |v| v as f32)
        };
        let unary = Activation::Unary;
        match name {
            "linear" => Activation::Linear,
            "relu" => unary(Unary::Relu),
            "ReLU" => {
                let slope = number(&["negative_slope"], 0.0);
                match (
                    slope,
                    number(&["max_value"], f32::INFINITY),
                    number(&["threshold"], 0.0),
                ) {
                    (0.0, f32::INFINITY, 0.0) => unary(Unary::Relu),
                    (0.0, max, 0.0) => Activation::Clip(0.0, max),
                    (alpha, f32::INFINITY, 0.0) => unary(Unary::LeakyRelu { alpha }),
                    _ => Activation::Unknown("ReLU with threshold".into()),
                }
            }
            "relu6" => Activation::Clip(0.0, 6.0),
            "leaky_relu" => unary(Unary::LeakyRelu { alpha: 0.2 }),
            "LeakyReLU" => {
                let alpha = number(&["negative_slope", "alpha"], 0.3);
                unary(Unary::LeakyRelu { alpha })
            }
            "elu" => unary(Unary::Elu { alpha: 1.0 }),
            "ELU" => unary(Unary::Elu {
                alpha: number(&["alpha"], 1.0),
            }),
            "selu" => unary(Unary::Selu {
                alpha: 1.673_263_2,
                gamma: 1.050_701,
            }),
            "celu" => unary(Unary::Celu { alpha: 1.0 }),
            "gelu" => unary(Unary::Gelu { tanh: false }),
            "sigmoid" => unary(Unary::Sigmoid),
            // Keras 2 has 0.2 x + 0.5.
            "hard_sigmoid" if keras3 => unary(Unary::HardSigmoid {
                alpha: 1.0 / 6.0,
                beta: 0.5,
            }),
            "hard_sigmoid" => unary(Unary::HardSigmoid {
                alpha: 0.2,
                beta: 0.5,
            }),
            "swish" | "silu" => unary(Unary::Swish { alpha: 1.0 }),
            "hard_swish" | "hard_silu" => unary(Unary::HardSwish),
            "mish" => unary(Unary::Mish),
            "tanh" => unary(Unary::Tanh),
            "hard_tanh" => Activation::Clip(-1.0, 1.0),
            "softplus" => unary(Unary::Softplus),
            "softsign" => unary(Unary::Softsign),
            "exponential" => unary(Unary::Exp),
            "softmax" | "Softmax" => Activation::Softmax,
            "log_softmax" => Activation::LogSoftmax,
            "tanh_shrink" => Activation::Steps("tanh_shrink"),
            "soft_shrink" => Activation::Steps("soft_shrink"),
            "hard_shrink" => Activation::Steps("hard_shrink"),
            "log_sigmoid" => Activation::Steps("log_sigmoid"),
            "sparse_plus" => Activation::Steps("sparse_plus"),
            "squareplus" => Activation::Steps("squareplus"),
            "glu" => Activation::Steps("glu"),
            other => Activation::Unknown(other.to_string()),
        }
    }

    /// The function that a layer can apply to its own output.
    pub(super) fn fused(&self) -> Option<Unary> {
        match self {
            Activation::Unary(unary) => Some(*unary),
            _ => None,
        }
    }

    /// The gate function's name in ONNX, as recurrent layers take it.
    pub(super) fn gate(&self) -> String {
        match self {
            Activation::Linear => "Affine".into(),
            Activation::Unary(Unary::Relu) => "Relu".into(),
            Activation::Unary(Unary::Sigmoid) => "Sigmoid".into(),
            Activation::Unary(Unary::Tanh) => "Tanh".into(),
            Activation::Unary(Unary::Softplus) => "Softplus".into(),
            Activation::Unary(Unary::Softsign) => "Softsign".into(),
            // 0.2 x + 0.5 is the default of ONNX; other constants cannot be stated.
            Activation::Unary(Unary::HardSigmoid { alpha, .. }) if *alpha == 0.2 => "HardSigmoid".into(),
            other => format!("{other:?}"),
        }
    }

    /// Applies it to `x` as layers of their own.
    pub(super) fn apply(self, r: &mut Reader, at: &At, x: Flow) -> Result<Flow, Fault> {
        let x = match self {
            Activation::Linear => return Ok(x),
            _ => r.b.settled(&x)?,
        };
        let order = r.b.order(&x);
        let channel = || if order == Order::ChannelsFirst { 1 } else { -1 };
        let (t, shape) = (x.tensor, x.shape.clone());
        let clip = |min: f32, max: f32| Op::Clip {
            min: Some(min),
            max: Some(max),
        };
        let y = match &self {
            Activation::Linear => t,
            Activation::Unary(kind) => r.step(at, "activation", Op::Unary(*kind), &[t])?,
            Activation::Clip(min, max) => r.step(at, "activation", clip(*min, *max), &[t])?,
            Activation::Softmax => {
                let op = Op::Softmax {
                    axis: channel(),
                    coerce: false,
                };
                r.step(at, "softmax", op, &[t])?
            }
            Activation::LogSoftmax => {
                let op = Op::LogSoftmax {
                    axis: channel(),
                    coerce: false,
                };
                r.step(at, "log_softmax", op, &[t])?
            }
            Activation::Unknown(name) => {
                r.b.note_unknown(name, "is an activation that is not known");
                let op = Op::Other {
                    name: name.clone(),
                    domain: "keras".into(),
                };
                r.step(at, "activation", op, &[t])?
            }
            Activation::Steps(name) => {
                let unary = |u| Op::Unary(u);
                let binary = |b| Op::Binary(b);
                match *name {
                    "tanh_shrink" => {
                        let tanh = r.step(at, "tanh", unary(Unary::Tanh), &[t])?;
                        r.step(at, name, binary(Binary::Sub), &[t, tanh])?
                    }
                    // x minus what lies within 0.5 of zero.
                    "soft_shrink" => {
                        let near = r.step(at, "near", clip(-0.5, 0.5), &[t])?;
                        r.step(at, name, binary(Binary::Sub), &[t, near])?
                    }
                    "hard_shrink" => {
                        let size = r.step(at, "size", unary(Unary::Abs), &[t])?;
                        let (half, zero) = (r.scalar(at, "half", 0.5), r.scalar(at, "zero", 0.0));
                        let far = r.step(at, "far", binary(Binary::Greater), &[size, half])?;
                        r.step(at, name, Op::Where, &[far, t, zero])?
                    }
                    "log_sigmoid" => {
                        let y = r.step(at, "negative", unary(Unary::Neg), &[t])?;
                        let y = r.step(at, "softplus", unary(Unary::Softplus), &[y])?;
                        r.step(at, name, unary(Unary::Neg), &[y])?
                    }
                    // (clip(x, -1, 1) + 1)^2 / 4, and x itself above 1.
                    "sparse_plus" => {
                        let (one, quarter) = (r.scalar(at, "one", 1.0), r.scalar(at, "quarter", 0.25));
                        let y = r.step(at, "near", clip(-1.0, 1.0), &[t])?;
                        let y = r.step(at, "shifted", binary(Binary::Add), &[y, one])?;
                        let y = r.step(at, "square", binary(Binary::Mul), &[y, y])?;
                        let y = r.step(at, "quarter", binary(Binary::Mul), &[y, quarter])?;
                        let far = r.step(at, "above", binary(Binary::Sub), &[t, one])?;
                        let far = r.step(at, "relu", unary(Unary::Relu), &[far])?;
                        r.step(at, name, binary(Binary::Add), &[y, far])?
                    }
                    // (x + sqrt(x^2 + 4)) / 2.
                    "squareplus" => {
                        let (four, half) = (r.scalar(at, "four", 4.0), r.scalar(at, "half", 0.5));
                        let y = r.step(at, "square", binary(Binary::Mul), &[t, t])?;
                        let y = r.step(at, "plus", binary(Binary::Add), &[y, four])?;
                        let y = r.step(at, "root", unary(Unary::Sqrt), &[y])?;
                        let y = r.step(at, "sum", binary(Binary::Add), &[t, y])?;
                        r.step(at, name, binary(Binary::Mul), &[y, half])?
                    }
                    _ => return glu(r, at, x),
                }
            }
        };
        Ok(r.b.flow(y, shape, order))
    }
}

/// Gated linear unit (Dauphin et al. 2017): one half times the sigmoid of the other.
fn glu(r: &mut Reader, at: &At, x: Flow) -> Result<Flow, Fault> {
    let x = r.b.file(&x)?;
    let op = Op::Split {
        axis: -1,
        sizes: None,
        outputs: Some(2),
    };
    let node = crate::channels::Node {
        outputs: 2,
        ..crate::channels::Node::new(&format!("{}:halves", at.path), at.class(), op, &[x.tensor])
    };
    let halves = r.b.add(node)?;
    let gate = r.step(at, "gate", Op::Unary(Unary::Sigmoid), &[halves[1]])?;
    let y = r.step(at, "glu", Op::Binary(Binary::Mul), &[halves[0], gate])?;
    let mut shape = x.shape.clone();
    if let Some(last) = shape.as_mut().and_then(|s| s.last_mut()) {
        *last = last.map(|n| n / 2);
    }
    Ok(r.b.flow(y, shape, Order::File))
}
