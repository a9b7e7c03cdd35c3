//! EfficientNet-Lite (Tan and Le 2019; without squeeze and excitation, and with ReLU6), as
//! efficientnet-pytorch names its weights.

use std::collections::HashSet;

use model::op::Attribute;
use model::{DType, Dim, TensorId};

use super::Made;
use super::build::Build;

/// What the networks state for batch normalisation.
const EPSILON: f32 = 1e-3;

/// Stride of the first block of each stage, the same for every size of the network.
const STRIDES: [i64; 7] = [1, 2, 2, 2, 1, 2, 1];

/// True when the weights have these names, and none of squeeze and excitation.
pub(super) fn is_lite(names: &HashSet<&str>) -> bool {
    let some = [
        "_conv_stem.weight",
        "_bn0.running_mean",
        "_blocks.0._depthwise_conv.weight",
        "_conv_head.weight",
        "_fc.weight",
    ];
    some.iter().all(|name| names.contains(name)) && !names.contains("_blocks.0._se_reduce.weight")
}

/// A stem, stages of inverted residual blocks (Sandler et al. 2018), and a classifier.
pub(super) fn lite(b: &mut Build) -> Made<()> {
    let channels = b.shape("_conv_stem.weight")?.get(1).copied().unwrap_or(0);
    let size = |s: &str| Dim::Symbol(s.to_string());
    let pixels = b.input(
        "image",
        DType::F32,
        &[size("N"), Dim::Known(channels), size("H"), size("W")],
    );
    let (mut x, mut width) = b.within("stem", |b| {
        let (x, width) = convolution(b, "conv", "_conv_stem", "_bn0", pixels, 2, 1)?;
        Ok((relu6(b, x)?, width))
    })?;
    let mut stage = 0;
    for i in 0.. {
        let at = format!("_blocks.{i}");
        let project = format!("{at}._project_conv");
        if !b.has(&format!("{project}.weight")) {
            break;
        }
        // Each stage has its own number of channels.
        let to = b
            .shape(&format!("{project}.weight"))?
            .first()
            .copied()
            .unwrap_or(0);
        let first = i == 0 || to != width;
        stage += usize::from(first);
        let stride = match (first, STRIDES.get(stage - 1)) {
            (_, None) => {
                return Err(format!(
                    "it has more than the {} stages that are known",
                    STRIDES.len()
                ));
            }
            (true, Some(&stride)) => stride,
            (false, _) => 1,
        };
        let from = width;
        (x, width) = b.within(&format!("stage.{stage}"), |b| {
            b.within(&format!("block.{i}"), |b| {
                let (mut y, mut inner) = (x, from);
                if b.has(&format!("{at}._expand_conv.weight")) {
                    let (expand, norm) = (format!("{at}._expand_conv"), format!("{at}._bn0"));
                    (y, inner) = convolution(b, "expand", &expand, &norm, y, 1, 1)?;
                    y = relu6(b, y)?;
                }
                let (depthwise, norm) = (format!("{at}._depthwise_conv"), format!("{at}._bn1"));
                (y, _) = convolution(b, "depthwise", &depthwise, &norm, y, stride, inner)?;
                y = relu6(b, y)?;
                let (mut y, to) = convolution(b, "project", &project, &format!("{at}._bn2"), y, 1, 1)?;
                if stride == 1 && to == from {
                    y = b.op("Add", "sum", &[y, x], &[])?;
                }
                Ok((y, to))
            })
        })?;
    }
    let logits = b.within("head", |b| {
        let (x, width) = convolution(b, "conv", "_conv_head", "_bn1", x, 1, 1)?;
        let x = relu6(b, x)?;
        let x = b.op("GlobalAveragePool", "pool", &[x], &[])?;
        let x = b.op("Flatten", "flatten", &[x], &[("axis", Attribute::Int(1))])?;
        let classes = b.shape("_fc.weight")?.first().copied().unwrap_or(0);
        let matrix = b.weight("_fc.weight", &[classes, width])?;
        let bias = b.weight("_fc.bias", &[classes])?;
        b.op(
            "Gemm",
            "classifier",
            &[x, matrix, bias],
            &[("transB", Attribute::Int(1))],
        )
    })?;
    b.output("logits", logits);
    Ok(())
}

fn relu6(b: &mut Build, x: TensorId) -> Made<TensorId> {
    let (zero, six) = (b.float(0.0), b.float(6.0));
    b.op("Clip", "relu6", &[x, zero, six], &[])
}

/// A convolution, padded as TensorFlow's `same`, and its batch normalisation; its channels too.
fn convolution(
    b: &mut Build,
    name: &str,
    conv: &str,
    norm: &str,
    x: TensorId,
    stride: i64,
    groups: u64,
) -> Made<(TensorId, u64)> {
    let weight = format!("{conv}.weight");
    let shape = b.shape(&weight)?;
    let [to, from, tall, wide] = shape[..] else {
        return Err(format!(
            "the weight {weight:?} is {shape:?}, where four axes are expected"
        ));
    };
    let reads = from.saturating_mul(groups);
    if tall.max(wide) > 99 || to == 0 || b.channels(x).is_some_and(|found| found != reads) {
        return Err(format!(
            "the weight {weight:?} is {shape:?}, which does not fit its input"
        ));
    }
    let kernel = b.weight(&weight, &shape)?;
    let with = [
        ("kernel_shape", Attribute::Ints(vec![tall as i64, wide as i64])),
        ("strides", Attribute::Ints(vec![stride; 2])),
        ("auto_pad", Attribute::String("SAME_UPPER".into())),
        ("group", Attribute::Int(groups as i64)),
    ];
    let y = b.op("Conv", name, &[x, kernel], &with)?;
    let y = b.batch_norm(&format!("{name}.norm"), norm, y, to, EPSILON)?;
    Ok((y, to))
}
