//! GPT-2 (Radford et al. 2019).

use model::DType;

use super::Made;
use super::build::Build;
use super::config::Config;
use super::parts::{
    activation, attention, causal_mask, conv1d, embedding, head_size, layer_norm, positions, split_heads,
    tokens, vocabulary,
};

/// A decoder, and the scores of its vocabulary.
pub(super) fn gpt2(b: &mut Build, config: &Config) -> Made<()> {
    b.prefix(&["", "transformer."], "wte.weight")?;
    let (width, heads) = (config.size("n_embd")?, config.size("n_head")?);
    let inner = config.maybe_size("n_inner")?.unwrap_or(4 * width);
    let epsilon = config.float("layer_norm_epsilon", 1e-5);
    let act = config.text_or("activation_function", "gelu_new");
    let size = head_size(width, heads)?;
    if config.flag("scale_attn_by_inverse_layer_idx", false) || !config.flag("scale_attn_weights", true) {
        return Err("attention is scaled in a way that is not built yet".into());
    }
    let ids = b.input("input_ids", DType::I64, &tokens());
    let (mut x, mask) = b.within("embeddings", |b| {
        let places = positions(b, ids)?;
        let word = embedding(b, "word", "wte", ids, width)?;
        let place = embedding(b, "position", "wpe", places, width)?;
        let x = b.op("Add", "with_position", &[word, place], &[])?;
        Ok((x, causal_mask(b, places, None)?))
    })?;
    for i in 0..config.size("n_layer")? {
        let at = format!("h.{i}");
        x = b.within(&at, |b| {
            let y = b.within("attention", |b| {
                // Old checkpoints carry the mask.
                for mask in ["bias", "masked_bias"].map(|m| format!("{at}.attn.{m}")) {
                    if b.has(&mask) {
                        let shape = b.shape(&mask)?;
                        b.buffer(&mask, &shape)?;
                    }
                }
                let y = layer_norm(b, "norm", &format!("{at}.ln_1"), x, width, epsilon)?;
                let y = conv1d(
                    b,
                    "query_key_value",
                    &format!("{at}.attn.c_attn"),
                    y,
                    width,
                    3 * width,
                )?;
                let sizes = b.ints(&[width as i64; 3]);
                let with = [("axis", model::op::Attribute::Int(-1))];
                let parts = b.ops("Split", "split", &[y, sizes], &with, 3)?;
                let mut parts = parts.into_iter().zip(["query", "key", "value"]);
                let mut part = |b: &mut Build| {
                    let (part, name) = parts.next().ok_or("a part is missing")?;
                    split_heads(b, name, part, heads, size)
                };
                let parts = [part(b)?, part(b)?, part(b)?];
                let y = attention(b, parts, width, 1.0 / (size as f32).sqrt(), &[mask])?;
                let y = conv1d(b, "output", &format!("{at}.attn.c_proj"), y, width, width)?;
                b.op("Add", "residual", &[y, x], &[])
            })?;
            b.within("feed_forward", |b| {
                let z = layer_norm(b, "norm", &format!("{at}.ln_2"), y, width, epsilon)?;
                let z = conv1d(b, "up", &format!("{at}.mlp.c_fc"), z, width, inner)?;
                let z = activation(b, act, z)?;
                let z = conv1d(b, "down", &format!("{at}.mlp.c_proj"), z, inner, width)?;
                b.op("Add", "residual", &[z, y], &[])
            })
        })?;
    }
    let x = b.within("head", |b| layer_norm(b, "norm", "ln_f", x, width, epsilon))?;
    b.output("last_hidden_state", x);
    // The bare decoder has no prefix, and then no head.
    if b.has("/transformer.wte.weight") {
        let logits = b.within("head", |b| vocabulary(b, x, "/lm_head", "wte", width))?;
        b.output("logits", logits);
    }
    Ok(())
}
