//! BERT (Devlin et al. 2018), RoBERTa (Liu et al. 2019) and DistilBERT (Sanh et al. 2019).

use model::{DType, TensorId};

use super::Made;
use super::build::Build;
use super::config::Config;
use super::parts::{
    activation, attention, embedding, head_size, layer_norm, linear, padding_mask, positions, split_heads,
    to, tokens, vocabulary,
};

/// The table that word embeddings and, tied, their scores are read from.
const WORDS: &str = "embeddings.word_embeddings";

/// An encoder's sizes.
struct Sizes {
    width: u64,
    heads: u64,
    inner: u64,
    layers: u64,
    epsilon: f64,
}

/// BERT: an encoder of token, position and segment embeddings, and what its head makes of it.
pub(super) fn bert(b: &mut Build, config: &Config) -> Made<()> {
    b.prefix(&["", "bert."], "embeddings.word_embeddings.weight")?;
    let sizes = sizes(config)?;
    let (ids, mask) = inputs(b);
    let segments = b.input("token_type_ids", DType::I64, &tokens());
    let x = b.within("embeddings", |b| {
        let places = positions(b, ids)?;
        let segments = embedding(
            b,
            "segment",
            "embeddings.token_type_embeddings",
            segments,
            sizes.width,
        )?;
        embedded(b, ids, places, segments, &sizes)
    })?;
    let x = encoder(b, config, &sizes, x, mask)?;
    heads(b, config, &sizes, x)
}

/// RoBERTa: BERT without segments, whose positions count tokens that are no padding.
pub(super) fn roberta(b: &mut Build, config: &Config) -> Made<()> {
    b.prefix(&["", "roberta."], "embeddings.word_embeddings.weight")?;
    let sizes = sizes(config)?;
    let (ids, mask) = inputs(b);
    let padding = config.float("pad_token_id", 1.0) as i64;
    let x = b.within("embeddings", |b| {
        let (pad, one) = (b.int(padding), b.int(1));
        let padded = b.op("Equal", "padding", &[ids, pad], &[])?;
        let padded = b.op("Cast", "padding_int", &[padded], &[("to", to(DType::I64))])?;
        let token = b.op("Sub", "token", &[one, padded], &[])?;
        let count = b.op("CumSum", "count", &[token, one], &[])?;
        let place = b.op("Mul", "place", &[count, token], &[])?;
        let places = b.op("Add", "positions", &[place, pad], &[])?;
        let zero = b.int(0);
        let segment = embedding(
            b,
            "segment",
            "embeddings.token_type_embeddings",
            zero,
            sizes.width,
        )?;
        embedded(b, ids, places, segment, &sizes)
    })?;
    let x = encoder(b, config, &sizes, x, mask)?;
    heads(b, config, &sizes, x)
}

fn sizes(config: &Config) -> Made<Sizes> {
    config.only("position_embedding_type", &["absolute"])?;
    if config.flag("is_decoder", false) {
        return Err("\"is_decoder\" is true, which is not built yet".into());
    }
    Ok(Sizes {
        width: config.size("hidden_size")?,
        heads: config.size("num_attention_heads")?,
        inner: config.size("intermediate_size")?,
        layers: config.size("num_hidden_layers")?,
        epsilon: config.float("layer_norm_eps", 1e-12),
    })
}

/// Token ids and the mask of attention, as what is added to its scores.
fn inputs(b: &mut Build) -> (TensorId, TensorId) {
    let ids = b.input("input_ids", DType::I64, &tokens());
    (ids, b.input("attention_mask", DType::I64, &tokens()))
}

fn embedded(
    b: &mut Build,
    ids: TensorId,
    places: TensorId,
    segment: TensorId,
    sizes: &Sizes,
) -> Made<TensorId> {
    let width = sizes.width;
    let word = embedding(b, "word", "embeddings.word_embeddings", ids, width)?;
    let place = embedding(b, "position", "embeddings.position_embeddings", places, width)?;
    let x = b.op("Add", "with_segment", &[word, segment], &[])?;
    let x = b.op("Add", "with_position", &[x, place], &[])?;
    layer_norm(b, "norm", "embeddings.LayerNorm", x, width, sizes.epsilon)
}

fn encoder(b: &mut Build, config: &Config, sizes: &Sizes, mut x: TensorId, mask: TensorId) -> Made<TensorId> {
    let Sizes {
        width,
        heads,
        inner,
        epsilon,
        ..
    } = *sizes;
    let size = head_size(width, heads)?;
    let act = config.text_or("hidden_act", "gelu");
    b.within("encoder", |b| {
        let mask = padding_mask(b, mask)?;
        for i in 0..sizes.layers {
            let at = format!("encoder.layer.{i}");
            x = b.within(&format!("layer.{i}"), |b| {
                let y = b.within("attention", |b| {
                    let part = |b: &mut Build, name: &str| {
                        let y = linear(b, name, &format!("{at}.attention.self.{name}"), x, width, width)?;
                        split_heads(b, name, y, heads, size)
                    };
                    let parts = [part(b, "query")?, part(b, "key")?, part(b, "value")?];
                    let scale = 1.0 / (size as f32).sqrt();
                    let y = attention(b, parts, width, scale, &[mask])?;
                    let y = linear(
                        b,
                        "output",
                        &format!("{at}.attention.output.dense"),
                        y,
                        width,
                        width,
                    )?;
                    let y = b.op("Add", "residual", &[y, x], &[])?;
                    layer_norm(
                        b,
                        "norm",
                        &format!("{at}.attention.output.LayerNorm"),
                        y,
                        width,
                        epsilon,
                    )
                })?;
                b.within("feed_forward", |b| {
                    let z = linear(b, "up", &format!("{at}.intermediate.dense"), y, width, inner)?;
                    let z = activation(b, act, z)?;
                    let z = linear(b, "down", &format!("{at}.output.dense"), z, inner, width)?;
                    let z = b.op("Add", "residual", &[z, y], &[])?;
                    layer_norm(b, "norm", &format!("{at}.output.LayerNorm"), z, width, epsilon)
                })
            })?;
        }
        Ok(x)
    })
}

/// The first token of each sequence: `[N, width]`.
fn first_token(b: &mut Build, x: TensorId) -> Made<TensorId> {
    let zero = b.int(0);
    b.op(
        "Gather",
        "first_token",
        &[x, zero],
        &[("axis", model::op::Attribute::Int(1))],
    )
}

/// The encoder's result, and what follows it as far as its weights are there.
fn heads(b: &mut Build, config: &Config, sizes: &Sizes, x: TensorId) -> Made<()> {
    let width = sizes.width;
    let (mut logits, mut pooled) = (None, None);
    if b.has("pooler.dense.weight") {
        pooled = Some(b.within("pooler", |b| {
            let y = first_token(b, x)?;
            let y = linear(b, "dense", "pooler.dense", y, width, width)?;
            b.op("Tanh", "tanh", &[y], &[])
        })?);
    }
    let classes = |b: &Build, name: &str| Ok::<u64, String>(b.shape(name)?.first().copied().unwrap_or(0));
    if b.has("/cls.predictions.transform.dense.weight") {
        logits = Some(b.within("head", |b| {
            let at = "/cls.predictions.transform";
            let y = linear(b, "dense", &format!("{at}.dense"), x, width, width)?;
            let y = activation(b, config.text_or("hidden_act", "gelu"), y)?;
            let y = layer_norm(b, "norm", &format!("{at}.LayerNorm"), y, width, sizes.epsilon)?;
            vocabulary(b, y, "/cls.predictions", WORDS, width)
        })?);
    } else if b.has("/lm_head.dense.weight") {
        logits = Some(b.within("head", |b| {
            let y = linear(b, "dense", "/lm_head.dense", x, width, width)?;
            let y = activation(b, "gelu", y)?;
            let y = layer_norm(b, "norm", "/lm_head.layer_norm", y, width, sizes.epsilon)?;
            vocabulary(b, y, "/lm_head", WORDS, width)
        })?);
    } else if b.has("/classifier.out_proj.weight") {
        logits = Some(b.within("head", |b| {
            let y = first_token(b, x)?;
            let y = linear(b, "dense", "/classifier.dense", y, width, width)?;
            let y = b.op("Tanh", "tanh", &[y], &[])?;
            let count = classes(b, "/classifier.out_proj.weight")?;
            linear(b, "classifier", "/classifier.out_proj", y, width, count)
        })?);
    } else if b.has("/classifier.weight") {
        let count = classes(b, "/classifier.weight")?;
        // A class for the whole sequence is read from the pooler, one for each token is not, even
        // where a pooler is left over.
        let each = config.value("architectures")[0].as_str();
        let each = each.is_some_and(|name| name.ends_with("ForTokenClassification"));
        let from = pooled.filter(|_| !each).unwrap_or(x);
        logits = Some(b.within("head", |b| {
            linear(b, "classifier", "/classifier", from, width, count)
        })?);
    } else if b.has("/qa_outputs.weight") {
        logits = Some(b.within("head", |b| linear(b, "spans", "/qa_outputs", x, width, 2))?);
    }
    // The last tensor read is the one that a picture ends with.
    b.output("last_hidden_state", x);
    if let Some(pooled) = pooled {
        b.output("pooler_output", pooled);
    }
    if let Some(logits) = logits {
        b.output("logits", logits);
    }
    Ok(())
}

/// DistilBERT: BERT with half the layers, without segments and pooler.
pub(super) fn distilbert(b: &mut Build, config: &Config) -> Made<()> {
    b.prefix(&["", "distilbert."], "embeddings.word_embeddings.weight")?;
    let (width, heads) = (config.size("dim")?, config.size("n_heads")?);
    let (inner, layers) = (config.size("hidden_dim")?, config.size("n_layers")?);
    let (size, epsilon) = (head_size(width, heads)?, 1e-12);
    let act = config.text_or("activation", "gelu");
    let (ids, mask) = inputs(b);
    let mut x = b.within("embeddings", |b| {
        let places = positions(b, ids)?;
        let word = embedding(b, "word", "embeddings.word_embeddings", ids, width)?;
        let place = embedding(b, "position", "embeddings.position_embeddings", places, width)?;
        let x = b.op("Add", "with_position", &[word, place], &[])?;
        layer_norm(b, "norm", "embeddings.LayerNorm", x, width, epsilon)
    })?;
    b.within("transformer", |b| {
        let mask = padding_mask(b, mask)?;
        for i in 0..layers {
            let at = format!("transformer.layer.{i}");
            x = b.within(&format!("layer.{i}"), |b| {
                let y = b.within("attention", |b| {
                    let part = |b: &mut Build, name: &str, weight: &str| {
                        let y = linear(b, name, &format!("{at}.attention.{weight}_lin"), x, width, width)?;
                        split_heads(b, name, y, heads, size)
                    };
                    let parts = [
                        part(b, "query", "q")?,
                        part(b, "key", "k")?,
                        part(b, "value", "v")?,
                    ];
                    let y = attention(b, parts, width, 1.0 / (size as f32).sqrt(), &[mask])?;
                    let y = linear(b, "output", &format!("{at}.attention.out_lin"), y, width, width)?;
                    let y = b.op("Add", "residual", &[y, x], &[])?;
                    layer_norm(b, "norm", &format!("{at}.sa_layer_norm"), y, width, epsilon)
                })?;
                b.within("feed_forward", |b| {
                    let z = linear(b, "up", &format!("{at}.ffn.lin1"), y, width, inner)?;
                    let z = activation(b, act, z)?;
                    let z = linear(b, "down", &format!("{at}.ffn.lin2"), z, inner, width)?;
                    let z = b.op("Add", "residual", &[z, y], &[])?;
                    layer_norm(b, "norm", &format!("{at}.output_layer_norm"), z, width, epsilon)
                })
            })?;
        }
        Ok(())
    })?;
    let mut logits = None;
    if b.has("/pre_classifier.weight") {
        let count = b.shape("/classifier.weight")?.first().copied().unwrap_or(0);
        logits = Some(b.within("head", |b| {
            let y = first_token(b, x)?;
            let y = linear(b, "dense", "/pre_classifier", y, width, width)?;
            let y = b.op("Relu", "relu", &[y], &[])?;
            linear(b, "classifier", "/classifier", y, width, count)
        })?);
    } else if b.has("/vocab_transform.weight") {
        logits = Some(b.within("head", |b| {
            let y = linear(b, "dense", "/vocab_transform", x, width, width)?;
            let y = activation(b, act, y)?;
            let y = layer_norm(b, "norm", "/vocab_layer_norm", y, width, epsilon)?;
            vocabulary(b, y, "/vocab_projector", WORDS, width)
        })?);
    }
    b.output("last_hidden_state", x);
    if let Some(logits) = logits {
        b.output("logits", logits);
    }
    Ok(())
}
