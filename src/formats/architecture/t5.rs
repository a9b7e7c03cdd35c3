//! T5 (Raffel et al. 2019): an encoder and a decoder whose attention knows distances by buckets.

use model::op::Attribute;
use model::{DType, Dim, TensorId};

use super::Made;
use super::build::Build;
use super::config::Config;
use super::parts::{
    activation, attention, causal_mask, embedding, linear, padding_mask, positions, rms_norm, split_heads,
    tokens, vocabulary,
};

/// Sizes of both stacks.
struct Sizes<'a> {
    width: u64,
    /// Elements of a head.
    size: u64,
    heads: u64,
    inner: u64,
    epsilon: f64,
    activation: &'a str,
    gated: bool,
    buckets: u64,
    distance: u64,
}

/// Encoder, decoder and the scores of the vocabulary; an encoder alone where that is all there is.
pub(super) fn t5(b: &mut Build, config: &Config) -> Made<()> {
    b.needs_opset("23");
    let projection = config.text_or("feed_forward_proj", "relu");
    let gate = projection.strip_prefix("gated-");
    let sizes = Sizes {
        width: config.size("d_model")?,
        size: config.size("d_kv")?,
        heads: config.size("num_heads")?,
        inner: config.size("d_ff")?,
        epsilon: config.float("layer_norm_epsilon", 1e-6),
        // The gated GELU of T5 1.1 is the approximate one.
        activation: match gate {
            Some("gelu") => "gelu_new",
            gate => gate.unwrap_or(projection),
        },
        gated: gate.is_some(),
        buckets: config.size("relative_attention_num_buckets")?,
        distance: config
            .maybe_size("relative_attention_max_distance")?
            .unwrap_or(128),
    };
    if sizes.distance > 1 << 16 || sizes.buckets < 4 || sizes.heads > 1 << 16 || sizes.size > 1 << 20 {
        return Err("its sizes of heads, buckets or distances are out of range".into());
    }
    let ids = b.input("input_ids", DType::I64, &tokens());
    let mask = b.input("attention_mask", DType::I64, &tokens());
    let table = |b: &Build, stack: &str| match b.has("shared.weight") {
        true => "shared".to_string(),
        false => format!("{stack}.embed_tokens"),
    };
    let (encoded, mask) = b.within("encoder", |b| {
        let mask = padding_mask(b, mask)?;
        let words = table(b, "encoder");
        let x = embedding(b, "word", &words, ids, sizes.width)?;
        let places = positions(b, ids)?;
        let bias = distances(b, "encoder", &sizes, places, true)?;
        let layers = config.size("num_layers")?;
        let x = stack(b, "encoder", layers, &sizes, x, &[bias, mask], None)?;
        Ok((x, mask))
    })?;
    if !b.has("decoder.final_layer_norm.weight") {
        b.output("last_hidden_state", encoded);
        return Ok(());
    }
    let dims = ["N", "D"].map(|s| Dim::Symbol(s.to_string()));
    let ids = b.input("decoder_input_ids", DType::I64, &dims);
    let words = table(b, "decoder");
    let x = b.within("decoder", |b| {
        let x = embedding(b, "word", &words, ids, sizes.width)?;
        let places = positions(b, ids)?;
        let ahead = causal_mask(b, places, None)?;
        let bias = distances(b, "decoder", &sizes, places, false)?;
        let layers = config.maybe_size("num_decoder_layers")?;
        let layers = layers.map_or_else(|| config.size("num_layers"), Ok)?;
        stack(
            b,
            "decoder",
            layers,
            &sizes,
            x,
            &[bias, ahead],
            Some((encoded, mask)),
        )
    })?;
    b.output("encoder_last_hidden_state", encoded);
    let logits = b.within("head", |b| {
        if !config.flag("tie_word_embeddings", true) {
            return vocabulary(b, x, "/lm_head", &words, sizes.width);
        }
        let scale = b.float((sizes.width as f32).powf(-0.5));
        let x = b.op("Mul", "scaled", &[x, scale], &[])?;
        vocabulary(b, x, "/lm_head", &words, sizes.width)
    })?;
    b.output("logits", logits);
    Ok(())
}

/// Attention, in a decoder attention to what was encoded, and a feed-forward layer, again and again.
fn stack(
    b: &mut Build,
    name: &str,
    layers: u64,
    sizes: &Sizes,
    mut x: TensorId,
    biases: &[TensorId],
    encoded: Option<(TensorId, TensorId)>,
) -> Made<TensorId> {
    let (width, epsilon) = (sizes.width, sizes.epsilon);
    for i in 0..layers {
        let at = format!("{name}.block.{i}.layer");
        x = b.within(&format!("block.{i}"), |b| {
            let mut y = b.within("attention", |b| {
                let y = rms_norm(b, "norm", &format!("{at}.0.layer_norm"), x, width, epsilon)?;
                let y = attend(b, &format!("{at}.0.SelfAttention"), sizes, y, y, biases)?;
                b.op("Add", "residual", &[y, x], &[])
            })?;
            let mut last = 1;
            if let Some((encoded, mask)) = encoded {
                last = 2;
                y = b.within("cross_attention", |b| {
                    let z = rms_norm(b, "norm", &format!("{at}.1.layer_norm"), y, width, epsilon)?;
                    let z = attend(b, &format!("{at}.1.EncDecAttention"), sizes, z, encoded, &[mask])?;
                    b.op("Add", "residual", &[z, y], &[])
                })?;
            }
            b.within("feed_forward", |b| {
                let z = rms_norm(b, "norm", &format!("{at}.{last}.layer_norm"), y, width, epsilon)?;
                let dense = format!("{at}.{last}.DenseReluDense");
                let z = if sizes.gated {
                    let gate = linear(b, "gate", &format!("{dense}.wi_0"), z, width, sizes.inner)?;
                    let gate = activation(b, sizes.activation, gate)?;
                    let z = linear(b, "up", &format!("{dense}.wi_1"), z, width, sizes.inner)?;
                    b.op("Mul", "gated", &[gate, z], &[])?
                } else {
                    let z = linear(b, "up", &format!("{dense}.wi"), z, width, sizes.inner)?;
                    activation(b, sizes.activation, z)?
                };
                let z = linear(b, "down", &format!("{dense}.wo"), z, sizes.inner, width)?;
                b.op("Add", "residual", &[z, y], &[])
            })
        })?;
    }
    rms_norm(b, "norm", &format!("{name}.final_layer_norm"), x, width, epsilon)
}

/// Attention of `x` to `to`. T5 does not scale its scores.
fn attend(
    b: &mut Build,
    at: &str,
    sizes: &Sizes,
    x: TensorId,
    to: TensorId,
    biases: &[TensorId],
) -> Made<TensorId> {
    let all = sizes.heads * sizes.size;
    let part = |b: &mut Build, name: &str, weight: &str, from| {
        let y = linear(b, name, &format!("{at}.{weight}"), from, sizes.width, all)?;
        split_heads(b, name, y, sizes.heads, sizes.size)
    };
    let parts = [
        part(b, "query", "q", x)?,
        part(b, "key", "k", to)?,
        part(b, "value", "v", to)?,
    ];
    let y = attention(b, parts, all, 1.0, biases)?;
    linear(b, "output", &format!("{at}.o"), y, all, sizes.width)
}

/// What each head adds to the score of a query and a key for their distance: `[heads, T, T]`.
fn distances(b: &mut Build, stack: &str, sizes: &Sizes, places: TensorId, both: bool) -> Made<TensorId> {
    let reach = sizes.distance as i64;
    let table: Vec<i64> = (-reach..=reach).map(|d| bucket(d, sizes, both)).collect();
    let weight = format!("{stack}.block.0.layer.0.SelfAttention.relative_attention_bias");
    b.within("distance", |b| {
        let (rows, columns) = (b.ints(&[1]), b.ints(&[0]));
        let query = b.op("Unsqueeze", "query", &[places, rows], &[])?;
        let key = b.op("Unsqueeze", "key", &[places, columns], &[])?;
        let away = b.op("Sub", "away", &[key, query], &[])?;
        let (least, most) = (b.int(-reach), b.int(reach));
        let away = b.op("Max", "at_least", &[away, least], &[])?;
        let away = b.op("Min", "at_most", &[away, most], &[])?;
        let place = b.op("Add", "place", &[away, most], &[])?;
        let table = b.ints(&table);
        let bucket = b.op(
            "Gather",
            "bucket",
            &[table, place],
            &[("axis", Attribute::Int(0))],
        )?;
        let bias = embedding(b, "bias", &weight, bucket, sizes.heads)?;
        b.op(
            "Transpose",
            "by_head",
            &[bias],
            &[("perm", Attribute::Ints(vec![2, 0, 1]))],
        )
    })
}

/// The bucket of a key that stands `away` after its query; near ones have their own, further ones
/// share in steps that grow.
fn bucket(away: i64, sizes: &Sizes, both: bool) -> i64 {
    let (mut first, mut count) = (0, sizes.buckets as i64);
    let mut n = (-away).max(0);
    if both {
        count /= 2;
        n = away.abs();
        first = if away > 0 { count } else { 0 };
    }
    let exact = count / 2;
    if n < exact {
        return first + n;
    }
    let share = (n as f32 / exact as f32).ln() / (sizes.distance as f32 / exact as f32).ln();
    let far = exact + (share * (count - exact) as f32) as i64;
    first + far.min(count - 1)
}
