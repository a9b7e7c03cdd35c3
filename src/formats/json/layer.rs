//! One entry as an operator with its weights and output sizes.

use model::network::TensorKind;
use model::op::{Binary, Cell, Direction, Op, Recurrent, Resize, Unary, Variadic, Window};
use model::{DType, Dim, TensorData, TensorSpec};
use serde_json::Value;

use super::build::Sizes;
use super::{Entry, shape};
use crate::error::Fault;

/// Padding to assume where a file states none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    Valid,
    Same,
}

/// What an entry becomes.
pub(super) struct Made {
    pub(super) op: Op,
    /// Output sizes without the batch, channels first.
    pub(super) sizes: Sizes,
    /// Name, kind and spec of each weight, in operator order after the fed inputs.
    pub(super) weights: Vec<(&'static str, TensorKind, TensorSpec)>,
    /// Fixed inputs after the weights.
    pub(super) constants: Vec<(&'static str, TensorData)>,
    pub(super) activation: Option<Unary>,
    /// True when the padding is not stated.
    pub(super) padding_open: bool,
}

impl Made {
    fn plain(op: Op, sizes: Sizes) -> Self {
        Made {
            op,
            sizes,
            weights: vec![],
            constants: vec![],
            activation: None,
            padding_open: false,
        }
    }

    fn weight(&mut self, name: &'static str, dims: Vec<Dim>) {
        self.weights
            .push((name, TensorKind::Parameter, TensorSpec::new(DType::F32, dims)));
    }

    fn buffer(&mut self, name: &'static str, dims: Vec<Dim>) {
        self.weights
            .push((name, TensorKind::Buffer, TensorSpec::new(DType::F32, dims)));
    }
}

struct Fields<'a> {
    entry: &'a Entry<'a>,
}

impl Fields<'_> {
    fn fault(&self, key: &str, wanted: &str, found: &Value) -> Fault {
        let place = format!("layer {:?} ({})", self.entry.name, self.entry.kind);
        Fault::new(place, format!("{key:?}: expected {wanted}, found {found}"))
    }

    fn value(&self, keys: &[&'static str]) -> Option<(&'static str, &Value)> {
        let found = keys.iter().find_map(|k| Some((*k, self.entry.fields.get(*k)?)));
        found.filter(|(_, v)| !v.is_null())
    }

    /// A size from 1 to 2^32.
    fn size(&self, keys: &[&'static str]) -> Result<Option<u64>, Fault> {
        let Some((key, value)) = self.value(keys) else {
            return Ok(None);
        };
        let size = value.as_u64().filter(|n| (1..1 << 32).contains(n));
        size.map(Some)
            .ok_or_else(|| self.fault(key, "a whole number of at least 1", value))
    }

    fn needed(&self, keys: &[&'static str]) -> Result<u64, Fault> {
        let missing = || {
            let place = format!("layer {:?} ({})", self.entry.name, self.entry.kind);
            Fault::new(
                place,
                format!("expected {:?}, a whole number of at least 1, found none", keys[0]),
            )
        };
        self.size(keys)?.ok_or_else(missing)
    }

    /// One number for all axes, or one for each.
    fn axes(&self, keys: &[&'static str], axes: usize) -> Result<Option<Vec<i64>>, Fault> {
        let Some((key, value)) = self.value(keys) else {
            return Ok(None);
        };
        let fits = |n: &i64| (0..1 << 31).contains(n);
        let list = match value {
            Value::Array(list) if list.len() == axes => {
                list.iter().map(|v| v.as_i64().filter(fits)).collect()
            }
            one => one.as_i64().filter(fits).map(|n| vec![n; axes]),
        };
        let wanted = format!("a whole number or {axes} of them");
        list.map(Some).ok_or_else(|| self.fault(key, &wanted, value))
    }

    fn flag(&self, key: &'static str, default: bool) -> bool {
        self.value(&[key])
            .and_then(|(_, v)| v.as_bool())
            .unwrap_or(default)
    }

    fn window(
        &self,
        axes: usize,
        kernel: Vec<i64>,
        stride: i64,
        default: Padding,
    ) -> Result<(Window, bool), Fault> {
        let strides = self.axes(&["strides", "stride"], axes)?.unwrap_or_else(|| {
            if stride == 0 {
                kernel.clone()
            } else {
                vec![stride; axes]
            }
        });
        let dilations = self
            .axes(&["dilation_rate", "dilation", "dilations"], axes)?
            .unwrap_or(vec![1; axes]);
        let stated = self.value(&["padding"]);
        let padding = match stated.map(|(_, v)| v) {
            None if default == Padding::Same => model::op::Padding::SameUpper,
            None => model::op::Padding::Valid,
            Some(Value::String(s)) if s.eq_ignore_ascii_case("same") => model::op::Padding::SameUpper,
            Some(Value::String(s)) if s.eq_ignore_ascii_case("valid") => model::op::Padding::Valid,
            Some(Value::String(_)) => {
                return Err(self.fault(
                    "padding",
                    "\"same\", \"valid\" or numbers",
                    &self.entry.fields["padding"],
                ));
            }
            Some(_) => {
                let each = self.axes(&["padding"], axes)?.unwrap_or(vec![0; axes]);
                model::op::Padding::Explicit([each.clone(), each].concat())
            }
        };
        Ok((
            Window {
                kernel,
                strides,
                dilations,
                padding,
            },
            stated.is_none(),
        ))
    }
}

/// The functions that stand alone or after another layer.
pub(super) fn activation(name: &str) -> Option<Unary> {
    Some(match name.to_ascii_lowercase().replace(['_', '-'], "").as_str() {
        "relu" => Unary::Relu,
        "leakyrelu" => Unary::LeakyRelu { alpha: 0.01 },
        "elu" => Unary::Elu { alpha: 1.0 },
        "selu" => Unary::Selu {
            alpha: 1.673_263_2,
            gamma: 1.050_701,
        },
        "gelu" => Unary::Gelu { tanh: false },
        "sigmoid" => Unary::Sigmoid,
        "hardsigmoid" => Unary::HardSigmoid {
            alpha: 0.2,
            beta: 0.5,
        },
        "hardswish" => Unary::HardSwish,
        "swish" | "silu" => Unary::Swish { alpha: 1.0 },
        "mish" => Unary::Mish,
        "tanh" => Unary::Tanh,
        "softplus" => Unary::Softplus,
        "softsign" => Unary::Softsign,
        "exponential" => Unary::Exp,
        _ => return None,
    })
}

fn known(n: u64) -> Dim {
    Dim::Known(n)
}

/// The entry as an operator, fed tensors of the sizes `given` (without batch).
pub(super) fn make(entry: &Entry, given: &[Sizes], padding: Padding) -> Result<Made, Fault> {
    let f = Fields { entry };
    let first: Sizes = given.first().cloned().flatten();
    let kind = entry.kind.to_ascii_lowercase().replace(['_', '-', ' '], "");
    let axes = if kind.contains("3d") {
        3
    } else if kind.contains("1d") {
        1
    } else {
        2
    };
    let base = kind
        .trim_end_matches("1d")
        .trim_end_matches("2d")
        .trim_end_matches("3d");
    let mut made = match base {
        "input" | "inputlayer" => {
            let stated = shape::stated(entry, "shape")?;
            Made::plain(
                Op::Input,
                stated.map(|s| shape::input(shape::without_batch(&s, None))),
            )
        }
        "conv" | "convolution" | "depthwiseconv" | "conv2dtranspose" | "convtranspose" | "deconv" => {
            conv(&f, first, axes, base, padding)?
        }
        "maxpool" | "maxpooling" | "avgpool" | "averagepool" | "averagepooling" => {
            let kernel = f
                .axes(&["pool_size", "kernel_size", "size"], axes)?
                .unwrap_or(vec![2; axes]);
            let (window, open) = f.window(axes, kernel.clone(), 0, padding)?;
            let channels = first
                .as_ref()
                .and_then(|s| s.first().cloned())
                .unwrap_or(Dim::Unknown);
            let sizes = windowed(&first, channels, &kernel, &window, axes);
            let op = match base.starts_with("max") {
                true => Op::MaxPool {
                    window,
                    ceil: false,
                    column_major: false,
                },
                false => Op::AveragePool {
                    window,
                    ceil: false,
                    count_include_pad: false,
                },
            };
            Made {
                padding_open: open,
                ..Made::plain(op, sizes)
            }
        }
        "globalavgpool"
        | "globalaveragepool"
        | "globalaveragepooling"
        | "globalmaxpool"
        | "globalmaxpooling" => {
            let op = if base.contains("max") {
                Op::GlobalMaxPool
            } else {
                Op::GlobalAveragePool
            };
            let one = |s: Vec<Dim>| {
                s.iter()
                    .enumerate()
                    .map(|(i, d)| if i == 0 { d.clone() } else { known(1) })
                    .collect()
            };
            Made::plain(op, first.map(one))
        }
        "dense" | "linear" | "fc" | "fullyconnected" => dense(&f, first)?,
        "flatten" => {
            let all = |s: Vec<Dim>| vec![s.iter().fold(known(1), |p, d| p.mul(d))];
            Made::plain(Op::Flatten { axis: 1 }, first.map(all))
        }
        "dropout" | "spatialdropout" | "alphadropout" => {
            let ratio = f
                .value(&["rate", "p", "ratio"])
                .and_then(|(_, v)| v.as_f64())
                .unwrap_or(0.5);
            Made::plain(Op::Dropout { ratio: ratio as f32 }, first)
        }
        "batchnorm" | "batchnormalization" => {
            let channels = first
                .as_ref()
                .and_then(|s| s.first().cloned())
                .unwrap_or(Dim::Unknown);
            let mut made = Made::plain(Op::BatchNorm { epsilon: 1e-5 }, first);
            ["scale", "bias"]
                .iter()
                .for_each(|n| made.weight(n, vec![channels.clone()]));
            ["mean", "variance"]
                .iter()
                .for_each(|n| made.buffer(n, vec![channels.clone()]));
            made
        }
        "layernorm" | "layernormalization" => {
            let features = first
                .as_ref()
                .and_then(|s| s.last().cloned())
                .unwrap_or(Dim::Unknown);
            let mut made = Made::plain(
                Op::LayerNorm {
                    axis: -1,
                    epsilon: 1e-5,
                },
                first,
            );
            ["scale", "bias"]
                .iter()
                .for_each(|n| made.weight(n, vec![features.clone()]));
            made
        }
        "softmax" => Made::plain(
            Op::Softmax {
                axis: if given.len() == 1 { -1 } else { 1 },
                coerce: false,
            },
            first,
        ),
        "activation" => {
            let name = f
                .value(&["activation", "function"])
                .and_then(|(_, v)| v.as_str())
                .unwrap_or("");
            match (activation(name), name) {
                (Some(unary), _) => Made::plain(Op::Unary(unary), first),
                (None, "softmax") => Made::plain(
                    Op::Softmax {
                        axis: -1,
                        coerce: false,
                    },
                    first,
                ),
                (None, _) => Made::plain(Op::Identity, first),
            }
        }
        "add" | "sum" | "average" | "maximum" | "minimum" => {
            let op = match base {
                "average" => Variadic::Mean,
                "maximum" => Variadic::Max,
                "minimum" => Variadic::Min,
                _ => Variadic::Sum,
            };
            Made::plain(Op::Variadic(op), first)
        }
        "multiply" | "mul" => Made::plain(Op::Binary(Binary::Mul), first),
        "subtract" | "sub" => Made::plain(Op::Binary(Binary::Sub), first),
        "concat" | "concatenate" => Made::plain(Op::Concat { axis: 1 }, joined(given)),
        "reshape" => {
            let target = shape::stated(entry, "target_shape")?.or(shape::stated(entry, "shape")?);
            let sizes = target.map(|t| {
                shape::without_batch(&t, None)
                    .iter()
                    .map(|s| s.map_or(Dim::Unknown, known))
                    .collect::<Vec<_>>()
            });
            let shape = sizes.as_ref().map(|s| {
                std::iter::once(0)
                    .chain(s.iter().map(|d| d.known().map_or(-1, |n| n as i64)))
                    .collect()
            });
            Made::plain(
                Op::Reshape {
                    shape,
                    allow_zero: false,
                },
                sizes,
            )
        }
        "embedding" => {
            let (rows, width) = (
                f.needed(&["input_dim", "num_embeddings", "vocabulary"])?,
                f.needed(&["output_dim", "embedding_dim"])?,
            );
            let sizes = first.map(|mut s| {
                s.push(known(width));
                s
            });
            let mut made = Made::plain(Op::Embedding, sizes);
            made.weight("table", vec![known(rows), known(width)]);
            made
        }
        "lstm" | "gru" | "rnn" | "simplernn" => recurrent(&f, first, base)?,
        "upsampling" | "upsample" => {
            let factors = f
                .axes(&["size", "scale", "scale_factor"], axes)?
                .unwrap_or(vec![2; axes]);
            let sizes = first.map(|s| {
                let factor = |i: usize| {
                    i.checked_sub(1)
                        .and_then(|k| factors.get(k))
                        .map_or(1, |&n| n as u64)
                };
                s.iter()
                    .enumerate()
                    .map(|(i, d)| d.mul(&known(factor(i))))
                    .collect()
            });
            let scales: Vec<f32> = [1, 1].iter().chain(&factors).map(|&n| n as f32).collect();
            let resize = Resize {
                two_inputs: true,
                ..Resize::nearest()
            };
            let mut made = Made::plain(Op::Resize(resize), sizes);
            made.constants
                .push(("scales", TensorData::from_f32(&[scales.len() as u64], &scales)));
            made
        }
        "zeropadding" => {
            let each = f.axes(&["padding"], axes)?.unwrap_or(vec![1; axes]);
            let sizes = first.map(|s| {
                let pad = |i: usize| {
                    i.checked_sub(1)
                        .and_then(|k| each.get(k))
                        .map_or(0, |&n| 2 * n as u64)
                };
                s.iter().enumerate().map(|(i, d)| d.add(&known(pad(i)))).collect()
            });
            let sides = [&[0, 0][..], &each].concat();
            let pads = Some([sides.clone(), sides].concat());
            Made::plain(
                Op::Pad {
                    mode: "constant".into(),
                    pads,
                    value: Some(0.0),
                },
                sizes,
            )
        }
        "identity" | "output" => Made::plain(Op::Identity, first),
        _ => match activation(&kind) {
            Some(unary) => Made::plain(Op::Unary(unary), first),
            None => other(&f, first)?,
        },
    };
    if base != "activation"
        && let Some((key, value)) = f.value(&["activation"])
    {
        let name = value
            .as_str()
            .ok_or_else(|| f.fault(key, "the name of a function", value))?;
        made.activation = activation(name);
    }
    Ok(made)
}

/// Sizes after a window.
fn windowed(first: &Sizes, channels: Dim, kernel: &[i64], window: &Window, axes: usize) -> Sizes {
    let space = first.as_ref().filter(|s| s.len() == axes + 1)?;
    let mut sizes = vec![channels];
    for i in 0..axes {
        let stride = known(window.stride(i).max(1) as u64);
        let pad = match &window.padding {
            model::op::Padding::Explicit(p) => (p[i] + p[i + axes]) as u64,
            model::op::Padding::Valid => 0,
            _ => {
                sizes.push(space[i + 1].add(&stride).sub(&known(1)).div(&stride));
                continue;
            }
        };
        let extent = (kernel[i] - 1).max(0) as u64 * window.dilation(i).max(1) as u64 + 1;
        sizes.push(
            space[i + 1]
                .add(&known(pad))
                .sub(&known(extent))
                .div(&stride)
                .add(&known(1)),
        );
    }
    Some(sizes)
}

fn conv(f: &Fields, first: Sizes, axes: usize, base: &str, padding: Padding) -> Result<Made, Fault> {
    let kernel = f.axes(&["kernel_size", "kernel"], axes)?.unwrap_or(vec![3; axes]);
    let (window, open) = f.window(axes, kernel.clone(), 1, padding)?;
    let channels = first
        .as_ref()
        .and_then(|s| s.first().cloned())
        .unwrap_or(Dim::Unknown);
    let taps = || kernel.iter().map(|&k| known(k.max(0) as u64));
    let depthwise = base.starts_with("depthwise");
    let (groups, filters) = if depthwise {
        let each = f.size(&["depth_multiplier"])?.unwrap_or(1);
        (channels.known().unwrap_or(1), channels.mul(&known(each)))
    } else {
        (
            f.size(&["groups"])?.unwrap_or(1),
            known(f.needed(&["filters", "out_channels"])?),
        )
    };
    let mut made = if base.contains("transpose") || base == "deconv" {
        let sizes = first.as_ref().filter(|s| s.len() == axes + 1).map(|s| {
            let grown = (0..axes).map(|i| {
                let (stride, k) = (
                    known(window.stride(i).max(1) as u64),
                    known(kernel[i].max(1) as u64),
                );
                match &window.padding {
                    model::op::Padding::Explicit(p) => {
                        let pad = known((p[i] + p[i + axes]) as u64);
                        s[i + 1].sub(&known(1)).mul(&stride).add(&k).sub(&pad)
                    }
                    model::op::Padding::Valid => s[i + 1].sub(&known(1)).mul(&stride).add(&k),
                    _ => s[i + 1].mul(&stride),
                }
            });
            std::iter::once(filters.clone()).chain(grown).collect()
        });
        let op = Op::ConvTranspose {
            window,
            groups: groups as i64,
            output_padding: vec![],
            output_shape: None,
        };
        let mut made = Made::plain(op, sizes);
        made.weight(
            "weight",
            [channels, filters.div(&known(groups))]
                .into_iter()
                .chain(taps())
                .collect(),
        );
        made
    } else {
        let sizes = windowed(&first, filters.clone(), &kernel, &window, axes);
        let mut made = Made::plain(
            Op::Conv {
                window,
                groups: groups as i64,
            },
            sizes,
        );
        made.weight(
            "weight",
            [filters.clone(), channels.div(&known(groups))]
                .into_iter()
                .chain(taps())
                .collect(),
        );
        made
    };
    if f.flag("use_bias", f.flag("bias", true)) {
        made.weight("bias", vec![filters]);
    }
    made.padding_open = open;
    Ok(made)
}

fn dense(f: &Fields, first: Sizes) -> Result<Made, Fault> {
    let units = known(f.needed(&["units", "out_features", "neurons"])?);
    let features = first
        .as_ref()
        .and_then(|s| s.last().cloned())
        .unwrap_or(Dim::Unknown);
    let flat = first.as_ref().is_none_or(|s| s.len() == 1);
    let sizes = first.map(|mut s| {
        s.pop();
        s.push(units.clone());
        s
    });
    let mut made = if flat {
        let mut made = Made::plain(
            Op::Gemm {
                alpha: 1.0,
                beta: 1.0,
                trans_a: false,
                trans_b: true,
            },
            sizes,
        );
        made.weight("weight", vec![units.clone(), features]);
        made
    } else {
        // Applied along the last axis.
        let mut made = Made::plain(Op::MatMul, sizes);
        made.weight("weight", vec![features, units.clone()]);
        made
    };
    if f.flag("use_bias", f.flag("bias", true)) {
        made.weight("bias", vec![units]);
    }
    Ok(made)
}

fn recurrent(f: &Fields, first: Sizes, base: &str) -> Result<Made, Fault> {
    let units = f.needed(&["units", "hidden_size"])?;
    let (cell, gates) = match base {
        "lstm" => (Cell::Lstm, 4),
        "gru" => (Cell::Gru, 3),
        _ => (Cell::Rnn, 1),
    };
    let both = f.flag("bidirectional", false);
    let directions = if both { 2 } else { 1 };
    let features = first
        .as_ref()
        .and_then(|s| s.last().cloned())
        .unwrap_or(Dim::Unknown);
    let op = Recurrent {
        direction: if both {
            Direction::Bidirectional
        } else {
            Direction::Forward
        },
        linear_before_reset: true,
        batch_first: true,
        ..Recurrent::new(cell, units as i64)
    };
    let steps = first.and_then(|s| s.first().cloned());
    let sizes = steps.map(|t| vec![t, known(directions), known(units)]);
    let mut made = Made::plain(Op::Recurrent(op), sizes);
    made.weight("weight", vec![known(directions), known(gates * units), features]);
    made.weight(
        "recurrent",
        vec![known(directions), known(gates * units), known(units)],
    );
    // Input and recurrent bias, as PyTorch and ONNX keep them.
    made.weight("bias", vec![known(directions), known(2 * gates * units)]);
    Ok(made)
}

fn joined(given: &[Sizes]) -> Sizes {
    let parts: Option<Vec<Vec<Dim>>> = given.iter().cloned().collect();
    let parts = parts.filter(|p| p.windows(2).all(|w| w[0].len() == w[1].len()))?;
    let mut sizes = parts.first()?.clone();
    *sizes.first_mut()? = parts.iter().fold(known(0), |sum, p| sum.add(&p[0]));
    Some(sizes)
}

/// A type that is not known keeps its stated shape and parameter count.
fn other(f: &Fields, first: Sizes) -> Result<Made, Fault> {
    let stated = shape::stated(f.entry, "shape")?;
    let rank = first.as_ref().map(Vec::len);
    let sizes = match stated {
        Some(s) => Some(
            shape::without_batch(&s, rank)
                .iter()
                .map(|d| d.map_or(Dim::Unknown, known))
                .collect(),
        ),
        None => first,
    };
    let mut made = Made::plain(
        Op::Other {
            name: f.entry.kind.to_string(),
            domain: String::new(),
        },
        sizes,
    );
    if let Some(count) = f
        .entry
        .fields
        .get("parameters")
        .and_then(Value::as_u64)
        .filter(|&n| n > 0)
    {
        made.weight("parameters", vec![known(count)]);
    }
    Ok(made)
}
