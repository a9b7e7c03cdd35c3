//! The vision transformer (Dosovitskiy et al. 2020).

use model::op::Attribute;
use model::{DType, Dim};

use super::Made;
use super::build::Build;
use super::config::Config;
use super::parts::{activation, attention, head_size, layer_norm, linear, split_heads};

/// An encoder of image patches, and a classifier of the class token.
pub(super) fn vit(b: &mut Build, config: &Config) -> Made<()> {
    b.prefix(&["", "vit."], "embeddings.cls_token")?;
    let (width, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let (size, inner) = (head_size(width, heads)?, config.size("intermediate_size")?);
    let epsilon = config.float("layer_norm_eps", 1e-12);
    let act = config.text_or("hidden_act", "gelu");
    let channels = config.maybe_size("num_channels")?.unwrap_or(3);
    let [height, across] = pair(config, "image_size")?;
    let [tall, wide] = pair(config, "patch_size")?;
    let patches = (height / tall) * (across / wide);
    let dims = [
        Dim::Symbol("N".into()),
        Dim::Known(channels),
        Dim::Known(height),
        Dim::Known(across),
    ];
    let pixels = b.input("pixel_values", DType::F32, &dims);
    let mut x = b.within("embeddings", |b| {
        let at = "embeddings.patch_embeddings.projection";
        let kernel = b.weight(&format!("{at}.weight"), &[width, channels, tall, wide])?;
        let bias = b.weight(&format!("{at}.bias"), &[width])?;
        let window = [tall as i64, wide as i64];
        let with = [
            ("kernel_shape", Attribute::Ints(window.to_vec())),
            ("strides", Attribute::Ints(window.to_vec())),
        ];
        let x = b.op("Conv", "patches", &[pixels, kernel, bias], &with)?;
        let shape = b.ints(&[0, width as i64, -1]);
        let x = b.op("Reshape", "flat", &[x, shape], &[])?;
        let x = b.op(
            "Transpose",
            "tokens",
            &[x],
            &[("perm", Attribute::Ints(vec![0, 2, 1]))],
        )?;
        let class = b.weight("embeddings.cls_token", &[1, 1, width])?;
        let with = [("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
        let batch = b.op("Shape", "batch", &[x], &with)?;
        let rest = b.ints(&[1, width as i64]);
        let shape = b.op(
            "Concat",
            "class_shape",
            &[batch, rest],
            &[("axis", Attribute::Int(0))],
        )?;
        let class = b.op("Expand", "class_token", &[class, shape], &[])?;
        let x = b.op(
            "Concat",
            "with_class",
            &[class, x],
            &[("axis", Attribute::Int(1))],
        )?;
        let places = b.weight("embeddings.position_embeddings", &[1, patches + 1, width])?;
        b.op("Add", "with_position", &[x, places], &[])
    })?;
    for i in 0..config.size("num_hidden_layers")? {
        let at = format!("encoder.layer.{i}");
        x = b.within("encoder", |b| {
            b.within(&format!("layer.{i}"), |b| {
                let y = b.within("attention", |b| {
                    let y = layer_norm(b, "norm", &format!("{at}.layernorm_before"), x, width, epsilon)?;
                    let part = |b: &mut Build, name: &str| {
                        let weight = format!("{at}.attention.attention.{name}");
                        let y = linear(b, name, &weight, y, width, width)?;
                        split_heads(b, name, y, heads, size)
                    };
                    let parts = [part(b, "query")?, part(b, "key")?, part(b, "value")?];
                    let y = attention(b, parts, width, 1.0 / (size as f32).sqrt(), &[])?;
                    let y = linear(
                        b,
                        "output",
                        &format!("{at}.attention.output.dense"),
                        y,
                        width,
                        width,
                    )?;
                    b.op("Add", "residual", &[y, x], &[])
                })?;
                b.within("feed_forward", |b| {
                    let z = layer_norm(b, "norm", &format!("{at}.layernorm_after"), y, width, epsilon)?;
                    let z = linear(b, "up", &format!("{at}.intermediate.dense"), z, width, inner)?;
                    let z = activation(b, act, z)?;
                    let z = linear(b, "down", &format!("{at}.output.dense"), z, inner, width)?;
                    b.op("Add", "residual", &[z, y], &[])
                })
            })
        })?;
    }
    let x = b.within("head", |b| layer_norm(b, "norm", "layernorm", x, width, epsilon))?;
    b.output("last_hidden_state", x);
    if b.has("pooler.dense.weight") || b.has("/classifier.weight") {
        let zero = b.int(0);
        let with = [("axis", Attribute::Int(1))];
        let first = b.within("head", |b| b.op("Gather", "class_token", &[x, zero], &with))?;
        if b.has("pooler.dense.weight") {
            let pooled = b.within("pooler", |b| {
                let y = linear(b, "dense", "pooler.dense", first, width, width)?;
                b.op("Tanh", "tanh", &[y], &[])
            })?;
            b.output("pooler_output", pooled);
        }
        if b.has("/classifier.weight") {
            let classes = b.shape("/classifier.weight")?.first().copied().unwrap_or(0);
            let logits = b.within("head", |b| {
                linear(b, "classifier", "/classifier", first, width, classes)
            })?;
            b.output("logits", logits);
        }
    }
    Ok(())
}

/// Height and width, stated as one number or as two.
fn pair(config: &Config, key: &str) -> Made<[u64; 2]> {
    let sizes = match config.value(key).as_array() {
        Some(list) => list.iter().map(|v| v.as_u64()).collect::<Option<Vec<u64>>>(),
        None => Some(vec![config.size(key)?; 2]),
    };
    match sizes.as_deref() {
        Some(&[a, b]) if (1..=1 << 16).contains(&a) && (1..=1 << 16).contains(&b) => Ok([a, b]),
        _ => Err(format!(
            "{key:?} is {}, where one or two sizes are expected",
            config.value(key)
        )),
    }
}
