//! ONNX operators to [`Op`], with the defaults of their opset.

use bytes::Bytes;
use model::TensorData;
use model::op::{Attribute, Attributes, Cell, Direction, Op, Recurrent, Reduction, Resize};

use super::elementwise;
use super::node::Node;
use crate::error::Fault;

/// The operator of `node`; [`Op::Other`] when layerscope does not know it.
pub(super) fn op(node: &Node) -> Result<Op, Fault> {
    if !matches!(node.domain, "" | "ai.onnx" | "com.microsoft") {
        return Ok(other(node));
    }
    if let Some(op) = elementwise::op(node)? {
        return Ok(op);
    }
    if node.domain == "com.microsoft" {
        return Ok(other(node));
    }
    if let Some(op) = neural(node)? {
        return Ok(op);
    }
    if let Some(op) = indexing(node)? {
        return Ok(op);
    }
    Ok(rearranging(node)?.unwrap_or_else(|| other(node)))
}

/// The operator `kind` of the newest opset with `attributes`, as other readers build graphs of.
pub(crate) fn op_of(kind: &str, attributes: &Attributes) -> Result<Op, Fault> {
    op(&Node {
        kind,
        domain: "",
        opset: *super::read::OPSETS.end(),
        attributes,
        incomplete: false,
    })
}

fn other(node: &Node) -> Op {
    Op::Other {
        name: node.kind.to_string(),
        domain: node.domain.to_string(),
    }
}

/// Layers with weights, poolings, normalisations.
fn neural(node: &Node) -> Result<Option<Op>, Fault> {
    Ok(Some(match node.kind {
        "Conv" => Op::Conv {
            window: node.window(false)?,
            groups: node.count("group", 1)?,
        },
        "ConvTranspose" => Op::ConvTranspose {
            window: node.window(false)?,
            groups: node.count("group", 1)?,
            output_padding: node.sizes("output_padding", 0)?,
            output_shape: Some(node.sizes("output_shape", 0)?).filter(|s| !s.is_empty()),
        },
        "MaxPool" => Op::MaxPool {
            window: node.window(true)?,
            ceil: node.flag("ceil_mode", false)?,
        },
        "AveragePool" => Op::AveragePool {
            window: node.window(true)?,
            ceil: node.flag("ceil_mode", false)?,
            count_include_pad: node.flag("count_include_pad", false)?,
        },
        "LpPool" => Op::LpPool {
            window: node.window(true)?,
            p: node.count("p", 2)?,
        },
        "GlobalAveragePool" => Op::GlobalAveragePool,
        "GlobalMaxPool" => Op::GlobalMaxPool,
        "Gemm" => Op::Gemm {
            alpha: node.float("alpha", 1.0)?,
            beta: node.float("beta", 1.0)?,
            trans_a: node.flag("transA", false)?,
            trans_b: node.flag("transB", false)?,
        },
        "MatMul" => Op::MatMul,
        "Einsum" => Op::Einsum {
            equation: node.required_string("equation")?,
        },
        // Statistics of the batch, or one mean per position: not the running statistics that
        // `BatchNorm` means.
        "BatchNormalization" if node.flag("training_mode", false)? || !node.flag("spatial", true)? => {
            return Ok(None);
        }
        "BatchNormalization" => Op::BatchNorm {
            epsilon: node.float("epsilon", 1e-5)?,
        },
        "InstanceNormalization" => Op::InstanceNorm {
            epsilon: node.float("epsilon", 1e-5)?,
        },
        "GroupNormalization" => Op::GroupNorm {
            epsilon: node.float("epsilon", 1e-5)?,
            groups: node.required_count("num_groups")?,
        },
        "LayerNormalization" => Op::LayerNorm {
            axis: node.axis("axis", -1)?,
            epsilon: node.float("epsilon", 1e-5)?,
        },
        // The second is onnxruntime's name for it, from before opset 23.
        "RMSNormalization" | "SimplifiedLayerNormalization" => Op::RmsNorm {
            axis: node.axis("axis", -1)?,
            epsilon: node.float("epsilon", 1e-5)?,
        },
        "LRN" => Op::Lrn {
            alpha: node.float("alpha", 1e-4)?,
            beta: node.float("beta", 0.75)?,
            bias: node.float("bias", 1.0)?,
            size: node.required_count("size")?,
        },
        "LpNormalization" => Op::LpNorm {
            axis: node.axis("axis", -1)?,
            p: node.count("p", 2)?,
        },
        "Softmax" => Op::Softmax {
            axis: node.axis("axis", if node.opset < 13 { 1 } else { -1 })?,
            coerce: node.opset < 13,
        },
        "LogSoftmax" => Op::LogSoftmax {
            axis: node.axis("axis", if node.opset < 13 { 1 } else { -1 })?,
            coerce: node.opset < 13,
        },
        "Dropout" => Op::Dropout {
            ratio: node.float("ratio", 0.5)?,
        },
        "LSTM" => recurrent(node, Cell::Lstm)?,
        "GRU" => recurrent(node, Cell::Gru)?,
        "RNN" => recurrent(node, Cell::Rnn)?,
        "QuantizeLinear" => Op::QuantizeLinear {
            axis: node.axis("axis", 1)?,
        },
        "DequantizeLinear" => Op::DequantizeLinear {
            axis: node.axis("axis", 1)?,
        },
        _ => return Ok(None),
    }))
}

fn recurrent(node: &Node, cell: Cell) -> Result<Op, Fault> {
    let directions = ["forward", "reverse", "bidirectional"];
    Ok(Op::Recurrent(Recurrent {
        cell,
        hidden_size: node.required_count("hidden_size")?,
        direction: match node.choice("direction", &directions)?.as_str() {
            "reverse" => Direction::Reverse,
            "bidirectional" => Direction::Bidirectional,
            _ => Direction::Forward,
        },
        activations: node.strings("activations")?,
        clip: node.maybe_float("clip")?,
        linear_before_reset: node.flag("linear_before_reset", false)?,
        input_forget: node.flag("input_forget", false)?,
        batch_first: node.flag("layout", false)?,
    }))
}

/// Reductions, searches and lookups.
fn indexing(node: &Node) -> Result<Option<Op>, Fault> {
    if let Some(kind) = node.kind.strip_prefix("Reduce").and_then(reduction) {
        return Ok(Some(Op::Reduce {
            kind,
            axes: node.ints("axes")?,
            keep_dims: node.flag("keepdims", true)?,
            noop_if_empty: node.flag("noop_with_empty_axes", false)?,
        }));
    }
    Ok(Some(match node.kind {
        "ArgMax" => Op::ArgMax {
            axis: node.axis("axis", 0)?,
            keep_dims: node.flag("keepdims", true)?,
            last: node.flag("select_last_index", false)?,
        },
        "ArgMin" => Op::ArgMin {
            axis: node.axis("axis", 0)?,
            keep_dims: node.flag("keepdims", true)?,
            last: node.flag("select_last_index", false)?,
        },
        "TopK" => Op::TopK {
            axis: node.axis("axis", -1)?,
            largest: node.flag("largest", true)?,
            k: match node.opset < 10 {
                true => Some(node.required_count("k")?),
                false => None,
            },
        },
        "CumSum" => Op::CumSum {
            exclusive: node.flag("exclusive", false)?,
            reverse: node.flag("reverse", false)?,
        },
        "Gather" => Op::Gather {
            axis: node.axis("axis", 0)?,
        },
        "GatherElements" => Op::GatherElements {
            axis: node.axis("axis", 0)?,
        },
        "GatherND" => Op::GatherNd {
            batch_dims: node.axis("batch_dims", 0)?,
        },
        // A scatter that adds or multiplies is another operator to its reader.
        "ScatterND" | "ScatterElements" if node.string("reduction", "none")? != "none" => {
            return Ok(None);
        }
        "ScatterND" => Op::ScatterNd,
        "ScatterElements" | "Scatter" => Op::ScatterElements {
            axis: node.axis("axis", 0)?,
        },
        "OneHot" => Op::OneHot {
            axis: node.axis("axis", -1)?,
        },
        "NonZero" => Op::NonZero,
        "Where" => Op::Where,
        _ => return Ok(None),
    }))
}

fn reduction(name: &str) -> Option<Reduction> {
    Some(match name {
        "Sum" => Reduction::Sum,
        "Mean" => Reduction::Mean,
        "Max" => Reduction::Max,
        "Min" => Reduction::Min,
        "Prod" => Reduction::Prod,
        "L1" => Reduction::L1,
        "L2" => Reduction::L2,
        "LogSum" => Reduction::LogSum,
        "LogSumExp" => Reduction::LogSumExp,
        "SumSquare" => Reduction::SumSquare,
        _ => return None,
    })
}

/// Shapes, slices, constants and control flow.
fn rearranging(node: &Node) -> Result<Option<Op>, Fault> {
    let (mut starts, mut ends) = (None, None);
    if node.kind == "Slice" && node.opset < 10 {
        starts = Some(node.required_ints("starts")?);
        ends = Some(node.required_ints("ends")?);
    }
    Ok(Some(match node.kind {
        "Reshape" => Op::Reshape {
            shape: node.ints("shape")?,
            allow_zero: node.flag("allowzero", false)?,
        },
        "Flatten" => Op::Flatten {
            axis: node.axis("axis", 1)?,
        },
        "Squeeze" => Op::Squeeze {
            axes: node.ints("axes")?,
        },
        "Unsqueeze" if node.opset < 13 => Op::Unsqueeze {
            axes: Some(node.required_ints("axes")?),
        },
        "Unsqueeze" => Op::Unsqueeze { axes: None },
        "Transpose" => Op::Transpose {
            perm: node.ints("perm")?,
        },
        "Concat" => Op::Concat {
            axis: node.required_axis("axis")?,
        },
        "Split" => Op::Split {
            axis: node.axis("axis", 0)?,
            sizes: node.ints("split")?,
            outputs: node.maybe_int("num_outputs")?,
        },
        "Slice" => Op::Slice {
            starts,
            ends,
            axes: node.ints("axes")?,
        },
        "Pad" => {
            let old = node.opset < 11;
            Op::Pad {
                mode: node.choice("mode", &["constant", "reflect", "edge", "wrap"])?,
                pads: old.then(|| node.required_ints("pads")).transpose()?,
                value: old.then(|| node.float("value", 0.0)).transpose()?,
            }
        }
        "Expand" => Op::Expand,
        "Tile" => Op::Tile,
        "DepthToSpace" => Op::DepthToSpace {
            block: node.required_count("blocksize")?,
            column_row_depth: node.choice("mode", &["DCR", "CRD"])? == "CRD",
        },
        "SpaceToDepth" => Op::SpaceToDepth {
            block: node.required_count("blocksize")?,
        },
        "Resize" | "Upsample" => Op::Resize(resize(node)?),
        "Identity" => Op::Identity,
        "Cast" => Op::Cast {
            to: node.dtype("to")?,
        },
        "CastLike" => Op::CastLike,
        "Shape" => Op::Shape {
            start: node.axis("start", 0)?,
            end: node.maybe_int("end")?,
        },
        "Size" => Op::Size,
        "Constant" => return constant(node),
        "ConstantOfShape" => match node.tensor("value")? {
            Some(value) => Op::ConstantOfShape { value },
            None => Op::ConstantOfShape {
                value: TensorData::from_f32(&[1], &[0.0]),
            },
        },
        "Range" => Op::Range,
        // 0: the heads have an axis of their own.
        "Attention" if node.opset >= 23 => Op::Attention {
            heads: node.int("q_num_heads", 0)?.clamp(0, 1 << 20),
        },
        "Trilu" => Op::Trilu {
            upper: node.flag("upper", true)?,
        },
        "If" => Op::If,
        "Loop" => Op::Loop,
        "Scan" => Op::Scan {
            num_scan_inputs: node.required_count("num_scan_inputs")?,
        },
        _ => return Ok(None),
    }))
}

fn resize(node: &Node) -> Result<Resize, Fault> {
    let old = node.kind == "Upsample" || node.opset < 11;
    let mode = node.choice("mode", &["nearest", "linear", "cubic", "bilinear"])?;
    Ok(Resize {
        mode: if mode == "bilinear" { "linear".into() } else { mode },
        // Opset 10 and before state no mapping: output cells stand at multiples of the scale.
        coordinates: match old {
            true => "asymmetric".into(),
            false => node.string("coordinate_transformation_mode", "half_pixel")?,
        },
        nearest: match old {
            true => "floor".into(),
            false => node.string("nearest_mode", "round_prefer_floor")?,
        },
        cubic_a: node.float("cubic_coeff_a", -0.75)?,
        exclude_outside: node.flag("exclude_outside", false)?,
        axes: node.ints("axes")?,
        aspect: node.string("keep_aspect_ratio_policy", "stretch")?,
        two_inputs: old,
    })
}

fn constant(node: &Node) -> Result<Option<Op>, Fault> {
    if let Some(value) = node.tensor("value")? {
        return Ok(Some(Op::Constant { value }));
    }
    let string = |s: &String| Bytes::copy_from_slice(s.as_bytes());
    let value = node
        .attributes
        .iter()
        .find_map(|(name, value)| match (name.as_str(), value) {
            ("value_int", Attribute::Int(v)) => Some(TensorData::from_i64(&[], &[*v])),
            ("value_ints", Attribute::Ints(v)) => Some(TensorData::from_i64(&[v.len() as u64], v)),
            ("value_float", Attribute::Float(v)) => Some(TensorData::from_f32(&[], &[*v])),
            ("value_floats", Attribute::Floats(v)) => Some(TensorData::from_f32(&[v.len() as u64], v)),
            ("value_string", Attribute::String(v)) => Some(super::tensor::strings(vec![], &[string(v)])),
            ("value_strings", Attribute::Strings(v)) => {
                let all: Vec<Bytes> = v.iter().map(string).collect();
                Some(super::tensor::strings(vec![v.len() as u64], &all))
            }
            _ => None,
        });
    match value {
        Some(value) => Ok(Some(Op::Constant { value })),
        None if node.incomplete => Ok(None),
        None => Err(Fault::new(
            "attribute \"value\"",
            "expected one of value, value_int(s), value_float(s), value_string(s) with a value \
             of its type, found none",
        )),
    }
}
