//! Residual networks (He et al. 2015), as transformers and torchvision name their weights.

use std::collections::HashSet;

use model::op::Attribute;
use model::{DType, Dim, TensorId};

use super::Made;
use super::build::Build;
use super::config::Config;
use super::parts::activation;

/// PyTorch's default for batch normalisation.
const EPSILON: f32 = 1e-5;

/// What torchvision's networks have.
const TORCHVISION: [&str; 4] = [
    "conv1.weight",
    "bn1.running_mean",
    "layer1.0.conv1.weight",
    "fc.weight",
];

/// True when the weights have the names of torchvision's residual networks.
pub(super) fn is_torchvision(names: &HashSet<&str>) -> bool {
    TORCHVISION.iter().all(|name| names.contains(name))
}

/// A residual network of transformers.
pub(super) fn resnet(b: &mut Build, config: &Config) -> Made<()> {
    b.prefix(&["", "resnet."], "embedder.embedder.convolution.weight")?;
    config.only("layer_type", &["basic", "bottleneck"])?;
    let act = config.text_or("hidden_act", "relu").to_string();
    let bottleneck = config.text_or("layer_type", "bottleneck") == "bottleneck";
    let early = config.flag("downsample_in_bottleneck", false);
    let depths = config.value("depths").as_array();
    let depths: Option<Vec<u64>> = depths.and_then(|d| d.iter().map(|n| n.as_u64()).collect());
    let depths = depths.ok_or("\"depths\" is expected in it")?;
    let mut x = stem(b, "embedder.embedder", ["convolution", "normalization"], &act)?;
    for (s, &depth) in depths.iter().enumerate() {
        for i in 0..depth {
            let at = format!("encoder.stages.{s}.layers.{i}");
            let halves = i == 0 && (s > 0 || config.flag("downsample_in_first_stage", false));
            let stride = if halves { 2 } else { 1 };
            let strides: &[i64] = match (bottleneck, early) {
                (true, true) => &[stride, 1, 1],
                (true, false) => &[1, stride, 1],
                (false, _) => &[stride, 1],
            };
            let parts: Vec<Part> = (0..strides.len())
                .map(|k| Part {
                    conv: format!("{at}.layer.{k}.convolution"),
                    norm: format!("{at}.layer.{k}.normalization"),
                    stride: strides[k],
                })
                .collect();
            let skip = Part {
                conv: format!("{at}.shortcut.convolution"),
                norm: format!("{at}.shortcut.normalization"),
                stride,
            };
            x = b.within(&format!("stage.{s}"), |b| {
                b.within(&format!("block.{i}"), |b| block(b, x, &parts, &skip, &act))
            })?;
        }
    }
    head(b, x, "/classifier.1")
}

/// ResNet, ResNeXt (Xie et al. 2016) or a wide one (Zagoruyko and Komodakis 2016) of torchvision.
pub(super) fn torchvision(b: &mut Build) -> Made<()> {
    let mut x = stem(b, "", ["conv1", "bn1"], "relu")?;
    for s in 1.. {
        if !b.has(&format!("layer{s}.0.conv1.weight")) {
            break;
        }
        for i in 0.. {
            let at = format!("layer{s}.{i}");
            if !b.has(&format!("{at}.conv1.weight")) {
                break;
            }
            let stride = if i == 0 && s > 1 { 2 } else { 1 };
            // The halving convolution is the 3 x 3 one.
            let strides: &[i64] = match b.has(&format!("{at}.conv3.weight")) {
                true => &[1, stride, 1],
                false => &[stride, 1],
            };
            let parts: Vec<Part> = (0..strides.len())
                .map(|k| Part {
                    conv: format!("{at}.conv{}", k + 1),
                    norm: format!("{at}.bn{}", k + 1),
                    stride: strides[k],
                })
                .collect();
            let skip = Part {
                conv: format!("{at}.downsample.0"),
                norm: format!("{at}.downsample.1"),
                stride,
            };
            x = b.within(&format!("layer{s}"), |b| {
                b.within(&format!("block.{i}"), |b| block(b, x, &parts, &skip, "relu"))
            })?;
        }
    }
    head(b, x, "fc")
}

/// A convolution and its normalisation.
struct Part {
    conv: String,
    norm: String,
    stride: i64,
}

/// The first convolution, of stride 2, and a max pooling of stride 2.
fn stem(b: &mut Build, at: &str, [conv, norm]: [&str; 2], act: &str) -> Made<TensorId> {
    let full = |name: &str| match at {
        "" => name.to_string(),
        at => format!("{at}.{name}"),
    };
    let part = Part {
        conv: full(conv),
        norm: full(norm),
        stride: 2,
    };
    let channels = b.shape(&format!("{}.weight", part.conv))?;
    let channels = channels.get(1).copied().unwrap_or(0);
    let size = |s: &str| Dim::Symbol(s.to_string());
    let dims = [size("N"), Dim::Known(channels), size("H"), size("W")];
    let pixels = b.input("pixel_values", DType::F32, &dims);
    b.within("stem", |b| {
        let x = convolution(b, "conv", &part, pixels)?;
        let x = activation(b, act, x)?;
        let with = [
            ("kernel_shape", Attribute::Ints(vec![3, 3])),
            ("strides", Attribute::Ints(vec![2, 2])),
            ("pads", Attribute::Ints(vec![1; 4])),
        ];
        b.op("MaxPool", "pool", &[x], &with)
    })
}

/// Convolutions beside a skip connection, which is a projection where its weights are there.
fn block(b: &mut Build, x: TensorId, parts: &[Part], skip: &Part, act: &str) -> Made<TensorId> {
    let mut y = x;
    for (k, part) in parts.iter().enumerate() {
        y = convolution(b, &format!("conv{}", k + 1), part, y)?;
        if k + 1 < parts.len() {
            y = activation(b, act, y)?;
        }
    }
    let skipped = match b.has(&format!("{}.weight", skip.conv)) {
        true => convolution(b, "skip", skip, x)?,
        false => x,
    };
    let y = b.op("Add", "sum", &[y, skipped], &[])?;
    activation(b, act, y)
}

/// A square convolution that keeps the size, but for its stride, and its batch normalisation.
fn convolution(b: &mut Build, name: &str, part: &Part, x: TensorId) -> Made<TensorId> {
    let weight = format!("{}.weight", part.conv);
    let shape = b.shape(&weight)?;
    let [to, from, tall, wide] = shape[..] else {
        return Err(format!(
            "the weight {weight:?} is {shape:?}, where four axes are expected"
        ));
    };
    if from == 0 || to == 0 || tall > 99 || wide > 99 {
        return Err(format!("the weight {weight:?} is {shape:?}, which is no kernel"));
    }
    let kernel = b.weight(&weight, &shape)?;
    let groups = match b.channels(x) {
        Some(channels) if channels % from == 0 && channels > 0 => channels / from,
        Some(channels) => {
            return Err(format!(
                "the weight {weight:?} is {shape:?}, but reads {channels} channels"
            ));
        }
        None => 1,
    };
    let (tall, wide) = (tall as i64, wide as i64);
    let with = [
        ("kernel_shape", Attribute::Ints(vec![tall, wide])),
        ("strides", Attribute::Ints(vec![part.stride; 2])),
        ("pads", Attribute::Ints([tall / 2, wide / 2].repeat(2))),
        ("group", Attribute::Int(groups as i64)),
    ];
    let y = b.op("Conv", name, &[x, kernel], &with)?;
    b.batch_norm(&format!("{name}.norm"), &part.norm, y, to, EPSILON)
}

/// The mean of each channel and a classifier of them, where its weights are there.
fn head(b: &mut Build, x: TensorId, classifier: &str) -> Made<()> {
    let weight = format!("{classifier}.weight");
    let pooled = b.within("head", |b| {
        let x = b.op("GlobalAveragePool", "pool", &[x], &[])?;
        b.op("Flatten", "flatten", &[x], &[("axis", Attribute::Int(1))])
    })?;
    if !b.has(&weight) {
        b.output("pooler_output", pooled);
        return Ok(());
    }
    let shape = b.shape(&weight)?;
    let classes = shape.first().copied().unwrap_or(0);
    let logits = b.within("head", |b| {
        let matrix = b.weight(&weight, &shape)?;
        let bias = b.weight(&format!("{classifier}.bias"), &[classes])?;
        let with = [("transB", Attribute::Int(1))];
        b.op("Gemm", "classifier", &[pooled, matrix, bias], &with)
    })?;
    b.output("logits", logits);
    Ok(())
}
