//! Attention, recurrence, quantised products, sampling and transforms of ONNX to [`Op`].

use model::DType;
use model::op::{
    Attention, Cell, DeformConv, Direction, GridSample, LinearAttention, Op, Quantize, Recurrent, Resize,
    RoiAlign, Scores, Taper,
};

use super::node::Node;
use crate::error::Fault;

/// The operator of `node`; `None` when it is none of these.
pub(super) fn op(node: &Node) -> Result<Option<Op>, Fault> {
    Ok(Some(match node.kind {
        "LSTM" => recurrent(node, Cell::Lstm)?,
        "GRU" => recurrent(node, Cell::Gru)?,
        "RNN" => recurrent(node, Cell::Rnn)?,
        "Attention" if node.opset >= 23 => Op::Attention(attention(node)?),
        "FlexAttention" => Op::FlexAttention {
            scale: node.maybe_float("scale")?,
        },
        "LinearAttention" => Op::LinearAttention(linear_attention(node)?),
        "RotaryEmbedding" => Op::RotaryEmbedding {
            interleaved: node.flag("interleaved", false)?,
            width: node.bounded_int("rotary_embedding_dim")?,
            heads: node.bounded_int("num_heads")?,
        },
        "CausalConvWithState" => Op::CausalConv {
            swish: node.choice("activation", &["none", "silu", "swish"])? != "none",
        },
        "TensorScatter" => Op::TensorScatter {
            axis: node.axis("axis", -2)?,
            circular: node.choice("mode", &["linear", "circular"])? == "circular",
        },
        "QuantizeLinear" => Op::QuantizeLinear(quantize(node)?),
        "DequantizeLinear" => Op::DequantizeLinear(quantize(node)?),
        "DynamicQuantizeLinear" => Op::DynamicQuantizeLinear,
        "QLinearConv" => Op::QLinearConv {
            window: node.window(false)?,
            groups: node.count("group", 1)?,
        },
        "QLinearMatMul" => Op::QLinearMatMul,
        "ConvInteger" => Op::ConvInteger {
            window: node.window(false)?,
            groups: node.count("group", 1)?,
        },
        "MatMulInteger" => Op::MatMulInteger,
        "BatchNormalization" if node.flag("training_mode", false)? => Op::BatchNormTraining {
            epsilon: node.float("epsilon", 1e-5)?,
            momentum: node.float("momentum", 0.9)?,
        },
        "MeanVarianceNormalization" => Op::MeanVarianceNorm {
            axes: node.ints("axes")?.unwrap_or_else(|| vec![0, 2, 3]),
        },
        "GlobalLpPool" => Op::GlobalLpPool {
            p: node.count("p", 2)?,
        },
        "MaxUnpool" => Op::MaxUnpool {
            window: node.window(true)?,
        },
        "GridSample" => Op::GridSample(grid_sample(node)?),
        "AffineGrid" => Op::AffineGrid {
            align_corners: node.flag("align_corners", false)?,
        },
        "RoiAlign" => Op::RoiAlign(roi_align(node)?),
        "MaxRoiPool" => Op::MaxRoiPool {
            size: pair(&node.required_ints("pooled_shape")?),
            scale: node.float("spatial_scale", 1.0)?,
        },
        "DeformConv" => Op::DeformConv(DeformConv {
            window: node.window(false)?,
            groups: node.count("group", 1)?,
            offset_groups: node.count("offset_group", 1)?,
        }),
        "Col2Im" => Op::Col2Im {
            window: node.window(false)?,
        },
        "CenterCropPad" => Op::CenterCropPad {
            axes: node.ints("axes")?,
        },
        "DFT" => Op::Dft {
            // Since opset 20 the axis is an input.
            axis: match node.opset < 20 {
                true => Some(node.axis("axis", 1)?),
                false => None,
            },
            inverse: node.flag("inverse", false)?,
            one_sided: node.flag("onesided", false)?,
        },
        "STFT" => Op::Stft {
            one_sided: node.flag("onesided", true)?,
        },
        "HannWindow" => taper(node, Taper::Hann)?,
        "HammingWindow" => taper(node, Taper::Hamming)?,
        "BlackmanWindow" => taper(node, Taper::Blackman)?,
        "MelWeightMatrix" => Op::MelWeights {
            to: node.dtype_or("output_datatype", DType::F32)?,
        },
        "Resize" | "Upsample" => Op::Resize(resize(node)?),
        _ => return Ok(None),
    }))
}

fn pair(sizes: &[i64]) -> [i64; 2] {
    [0, 1].map(|i| sizes.get(i).copied().unwrap_or(0))
}

fn recurrent(node: &Node, cell: Cell) -> Result<Op, Fault> {
    let directions = ["forward", "reverse", "bidirectional"];
    Ok(Op::Recurrent(Recurrent {
        direction: match node.choice("direction", &directions)?.as_str() {
            "reverse" => Direction::Reverse,
            "bidirectional" => Direction::Bidirectional,
            _ => Direction::Forward,
        },
        activations: node.strings("activations")?,
        alphas: node.floats("activation_alpha")?.unwrap_or_default(),
        betas: node.floats("activation_beta")?.unwrap_or_default(),
        clip: node.maybe_float("clip")?,
        linear_before_reset: node.flag("linear_before_reset", false)?,
        input_forget: node.flag("input_forget", false)?,
        batch_first: node.flag("layout", false)?,
        ..Recurrent::new(cell, node.required_count("hidden_size")?)
    }))
}

fn attention(node: &Node) -> Result<Attention, Fault> {
    Ok(Attention {
        heads: node.bounded_int("q_num_heads")?,
        kv_heads: node.bounded_int("kv_num_heads")?,
        scale: node.maybe_float("scale")?,
        softcap: node.float("softcap", 0.0)?,
        causal: node.flag("is_causal", false)?,
        scores: match node.int("qk_matmul_output_mode", 0)? {
            0 => Scores::Product,
            1 => Scores::Softcap,
            2 => Scores::Mask,
            3 => Scores::Softmax,
            other => {
                let problem = format!("expected a number from 0 to 3, found {other}");
                return Err(Fault::new("attribute \"qk_matmul_output_mode\"", problem));
            }
        },
    })
}

fn linear_attention(node: &Node) -> Result<LinearAttention, Fault> {
    let rule = node.choice("update_rule", &["gated_delta", "linear", "gated", "delta"])?;
    Ok(LinearAttention {
        heads: node.required_count("q_num_heads")?,
        kv_heads: node.required_count("kv_num_heads")?,
        scale: node.maybe_float("scale")?.filter(|&s| s != 0.0),
        gated: rule.starts_with("gated"),
        delta: rule.ends_with("delta"),
    })
}

fn quantize(node: &Node) -> Result<Quantize, Fault> {
    Ok(Quantize {
        axis: node.axis("axis", 1)?,
        block: node.bounded_int("block_size")?,
        to: match node.int("output_dtype", 0)? {
            0 => None,
            _ => Some(node.dtype("output_dtype")?),
        },
        saturate: node.flag("saturate", true)?,
    })
}

fn grid_sample(node: &Node) -> Result<GridSample, Fault> {
    // The names of opsets 16 to 19 beside those of opset 20.
    let modes = ["linear", "bilinear", "nearest", "cubic", "bicubic"];
    let mode = node.choice("mode", &modes)?;
    Ok(GridSample {
        mode: mode.strip_prefix("bi").unwrap_or(&mode).to_string(),
        padding: node.choice("padding_mode", &["zeros", "border", "reflection"])?,
        align_corners: node.flag("align_corners", false)?,
    })
}

fn roi_align(node: &Node) -> Result<RoiAlign, Fault> {
    let half = if node.opset < 16 {
        "output_half_pixel"
    } else {
        "half_pixel"
    };
    Ok(RoiAlign {
        size: [node.count("output_height", 1)?, node.count("output_width", 1)?],
        samples: node.bounded_int("sampling_ratio")?,
        scale: node.float("spatial_scale", 1.0)?,
        half_pixel: node.string("coordinate_transformation_mode", half)? == "half_pixel",
        max: node.choice("mode", &["avg", "max"])? == "max",
    })
}

fn taper(node: &Node, kind: Taper) -> Result<Op, Fault> {
    Ok(Op::Taper {
        kind,
        periodic: node.flag("periodic", true)?,
        to: node.dtype_or("output_datatype", DType::F32)?,
    })
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
        antialias: node.flag("antialias", false)?,
        extrapolation: node.float("extrapolation_value", 0.0)?,
        axes: node.ints("axes")?,
        aspect: node.string("keep_aspect_ratio_policy", "stretch")?,
        two_inputs: old,
    })
}
