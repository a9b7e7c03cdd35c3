//! LLaMA (Touvron et al. 2023) and its relatives Mistral (Jiang et al. 2023) and Qwen2 (Yang et
//! al. 2024): RMS norms, rotary positions (Su et al. 2021), shared keys and values (Ainslie et al.
//! 2023), gated feed-forward layers (Shazeer 2020).

use model::op::Attribute;
use model::{DType, TensorId};

use super::Made;
use super::build::Build;
use super::config::Config;
use super::parts::{
    activation, attention, causal_mask, embedding, head_size, linear, positions, rms_norm, split_heads, to,
    tokens, vocabulary,
};

/// A decoder, and the scores of its vocabulary.
pub(super) fn llama(b: &mut Build, config: &Config) -> Made<()> {
    b.prefix(&["", "model."], "embed_tokens.weight")?;
    b.needs_opset("23");
    let (width, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let groups = config.maybe_size("num_key_value_heads")?.unwrap_or(heads);
    let size = match config.maybe_size("head_dim")? {
        Some(size) => size,
        None => head_size(width, heads)?,
    };
    if !heads.is_multiple_of(groups) || !size.is_multiple_of(2) || heads > 1 << 16 || size > 1 << 20 {
        return Err(format!(
            "{heads} heads of size {size} do not share {groups} keys, or their sizes are not even"
        ));
    }
    let inner = config.size("intermediate_size")?;
    let epsilon = config.float("rms_norm_eps", 1e-6);
    let act = config.text_or("hidden_act", "silu");
    let window = match config.kind() == "mistral" || config.flag("use_sliding_window", false) {
        true => config.maybe_size("sliding_window")?,
        false => None,
    };
    if window.is_some() && config.kind() != "mistral" {
        return Err("some layers slide a window and some do not, which is not built yet".into());
    }
    let mut frequencies = frequencies(config, size)?;
    if let Some(factors) = b.numbers("/rope_freqs.weight") {
        if factors.len() != frequencies.len() {
            let (found, expected) = (factors.len(), frequencies.len());
            return Err(format!(
                "\"rope_freqs.weight\" holds {found} factors, where {expected} are expected"
            ));
        }
        frequencies.iter_mut().zip(factors).for_each(|(f, by)| *f /= by);
    }
    let turn_pairs = config.flag("rope_interleaved", false);
    let ids = b.input("input_ids", DType::I64, &tokens());
    let (mut x, mask, turn) = b.within("embeddings", |b| {
        let x = embedding(b, "word", "embed_tokens", ids, width)?;
        let places = positions(b, ids)?;
        Ok((
            x,
            causal_mask(b, places, window)?,
            angles(b, places, &frequencies)?,
        ))
    })?;
    // Each key and value serves several heads.
    let shared: Vec<i64> = (0..heads).map(|h| (h / (heads / groups)) as i64).collect();
    for i in 0..config.size("num_hidden_layers")? {
        let at = format!("layers.{i}");
        x = b.within(&at, |b| {
            let y = b.within("attention", |b| {
                let y = rms_norm(b, "norm", &format!("{at}.input_layernorm"), x, width, epsilon)?;
                let part = |b: &mut Build, name: &str, weight: &str, heads: u64| {
                    let weight = format!("{at}.self_attn.{weight}_proj");
                    let y = linear(b, name, &weight, y, width, heads * size)?;
                    split_heads(b, name, y, heads, size)
                };
                let query = part(b, "query", "q", heads)?;
                let key = part(b, "key", "k", groups)?;
                let mut value = part(b, "value", "v", groups)?;
                let query = rotate(b, "query", query, turn, (size, turn_pairs))?;
                let mut key = rotate(b, "key", key, turn, (size, turn_pairs))?;
                if groups != heads {
                    let places = b.ints(&shared);
                    let with = [("axis", Attribute::Int(1))];
                    key = b.op("Gather", "key_shared", &[key, places], &with)?;
                    value = b.op("Gather", "value_shared", &[value, places], &with)?;
                }
                let scale = 1.0 / (size as f32).sqrt();
                let y = attention(b, [query, key, value], heads * size, scale, &[mask])?;
                let y = linear(
                    b,
                    "output",
                    &format!("{at}.self_attn.o_proj"),
                    y,
                    heads * size,
                    width,
                )?;
                b.op("Add", "residual", &[y, x], &[])
            })?;
            b.within("feed_forward", |b| {
                let z = rms_norm(
                    b,
                    "norm",
                    &format!("{at}.post_attention_layernorm"),
                    y,
                    width,
                    epsilon,
                )?;
                let gate = linear(b, "gate", &format!("{at}.mlp.gate_proj"), z, width, inner)?;
                let gate = activation(b, act, gate)?;
                let z = linear(b, "up", &format!("{at}.mlp.up_proj"), z, width, inner)?;
                let z = b.op("Mul", "gated", &[gate, z], &[])?;
                let z = linear(b, "down", &format!("{at}.mlp.down_proj"), z, inner, width)?;
                b.op("Add", "residual", &[z, y], &[])
            })
        })?;
    }
    let x = b.within("head", |b| rms_norm(b, "norm", "norm", x, width, epsilon))?;
    b.output("last_hidden_state", x);
    // The bare decoder has no prefix, and then no head.
    if b.has("/model.embed_tokens.weight") {
        let logits = b.within("head", |b| vocabulary(b, x, "/lm_head", "embed_tokens", width))?;
        b.output("logits", logits);
    }
    Ok(())
}

/// Angle of each pair of elements at position 1, in radians: `size / 2` of them.
fn frequencies(config: &Config, size: u64) -> Made<Vec<f32>> {
    // Newer configurations keep the base with the scaling.
    let mut scaling = config.value("rope_scaling");
    if scaling.is_null() {
        scaling = config.value("rope_parameters");
    }
    let own = scaling["rope_theta"].as_f64().unwrap_or(10_000.0);
    let base = config.float("rope_theta", own);
    if config.float("partial_rotary_factor", 1.0) != 1.0 {
        return Err("\"partial_rotary_factor\" is not 1, which is not built yet".into());
    }
    let plain = (0..size / 2).map(|i| base.powf(-(2.0 * i as f64) / size as f64));
    if scaling.is_null() {
        return Ok(plain.map(|f| f as f32).collect());
    }
    let kind = scaling["rope_type"].as_str().or(scaling["type"].as_str());
    let number = |key: &str| {
        let value = scaling[key].as_f64().filter(|v| *v > 0.0);
        value.ok_or_else(|| format!("\"rope_scaling\" needs a positive number {key:?}"))
    };
    match kind {
        Some("default") => Ok(plain.map(|f| f as f32).collect()),
        Some("linear") => {
            let factor = number("factor")?;
            Ok(plain.map(|f| (f / factor) as f32).collect())
        }
        // Slow turns are slowed further, fast ones stay (Dubey et al. 2024).
        Some("llama3") => {
            let (factor, low, high) = (
                number("factor")?,
                number("low_freq_factor")?,
                number("high_freq_factor")?,
            );
            let length = number("original_max_position_embeddings")?;
            let scale = |f: f64| {
                let turns = length * f / std::f64::consts::TAU;
                let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                ((1.0 - smooth) * f / factor + smooth * f) as f32
            };
            Ok(plain.map(scale).collect())
        }
        _ => Err(format!("\"rope_scaling\" is {scaling}, which is not built yet")),
    }
}

/// Cosine and sine of each position's angles: `[T, size / 2]`.
fn angles(b: &mut Build, places: TensorId, frequencies: &[f32]) -> Made<[TensorId; 2]> {
    b.within("rotary", |b| {
        let places = b.op("Cast", "float", &[places], &[("to", to(DType::F32))])?;
        let axis = b.ints(&[1]);
        let places = b.op("Unsqueeze", "places", &[places, axis], &[])?;
        let frequencies = b.state("rotary_emb.inv_freq", frequencies)?;
        let angles = b.op("Mul", "angles", &[places, frequencies], &[])?;
        Ok([
            b.op("Cos", "cos", &[angles], &[])?,
            b.op("Sin", "sin", &[angles], &[])?,
        ])
    })
}

/// Turns each pair of elements by its position's angle: one of the first and one of the second half,
/// or neighbours, which come out sorted into halves; queries and keys alike, so that their products
/// are the same.
fn rotate(
    b: &mut Build,
    name: &str,
    x: TensorId,
    [cos, sin]: [TensorId; 2],
    (size, neighbours): (u64, bool),
) -> Made<TensorId> {
    b.within(&format!("{name}_rotary"), |b| {
        let with = [("axis", Attribute::Int(-1))];
        let parts = match neighbours {
            false => {
                let halves = b.ints(&[size as i64 / 2; 2]);
                b.ops("Split", "halves", &[x, halves], &with, 2)?
            }
            true => {
                let mut every_second = |name: &str, from: i64| {
                    let places: Vec<i64> = (from..size as i64).step_by(2).collect();
                    let places = b.ints(&places);
                    b.op("Gather", name, &[x, places], &with)
                };
                vec![every_second("even", 0)?, every_second("odd", 1)?]
            }
        };
        let mut mul = |name: &str, i: usize, by| b.op("Mul", name, &[parts[i], by], &[]);
        let (a, c) = (mul("first_cos", 0, cos)?, mul("second_sin", 1, sin)?);
        let (d, e) = (mul("second_cos", 1, cos)?, mul("first_sin", 0, sin)?);
        let first = b.op("Sub", "first", &[a, c], &[])?;
        let second = b.op("Add", "second", &[d, e], &[])?;
        b.op("Concat", "turned", &[first, second], &with)
    })
}
