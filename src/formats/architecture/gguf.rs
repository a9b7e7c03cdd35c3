//! What a GGUF file states, as the configuration and the names that the families are built from.
//! llama.cpp keeps what transformers has under names of its own
//! (<https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py>).

use serde_json::{Map, Value, json};

use super::config::Config;
use crate::weights::{Named, Weights};

/// Keys after the architecture's name, with those of `config.json`.
const KEYS: &[(&str, &str)] = &[
    ("embedding_length", "hidden_size"),
    ("block_count", "num_hidden_layers"),
    ("feed_forward_length", "intermediate_size"),
    ("attention.head_count", "num_attention_heads"),
    ("attention.head_count_kv", "num_key_value_heads"),
    ("attention.key_length", "head_dim"),
    ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
    ("attention.sliding_window", "sliding_window"),
    ("rope.freq_base", "rope_theta"),
];

/// Weights outside the blocks.
const OUTER: &[(&str, &str)] = &[
    ("token_embd", "model.embed_tokens"),
    ("output_norm", "model.norm"),
    ("output", "lm_head"),
];

/// Weights of block `N`: `blk.N.NAME` with what follows `model.layers.N.`.
const BLOCK: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// The configuration that `weights` state; `None` for architectures that are not built.
pub(super) fn config(weights: &Weights) -> Option<Config> {
    let stated = |key: &str| {
        let found = weights.metadata.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    };
    let kind = stated("general.architecture").filter(|k| ["llama", "qwen2"].contains(k))?;
    let mut config = Map::new();
    config.insert("model_type".into(), json!(kind));
    // LLaMA's rows are sorted so that neighbours turn together.
    config.insert("rope_interleaved".into(), json!(kind == "llama"));
    for (key, name) in KEYS {
        if let Some(text) = stated(&format!("{kind}.{key}")) {
            let number = text.parse::<u64>().map(Value::from);
            let number = number.or_else(|_| text.parse::<f64>().map(Value::from));
            config.insert(name.to_string(), number.unwrap_or(json!(text)));
        }
    }
    match stated(&format!("{kind}.rope.scaling.type")) {
        None | Some("none") => {}
        Some(scaling) => {
            let factor = stated(&format!("{kind}.rope.scaling.factor"));
            let factor = factor.and_then(|f| f.parse::<f64>().ok());
            config.insert("rope_scaling".into(), json!({"type": scaling, "factor": factor}));
        }
    }
    Some(Config::of(Value::Object(config)))
}

/// The weights under the names that transformers gives them.
pub(super) fn renamed(weights: &Weights) -> Weights {
    let tensors = weights.tensors.iter().map(|named| Named {
        name: rename(&named.name).unwrap_or(named.name.clone()),
        ..named.clone()
    });
    Weights {
        format: weights.format.clone(),
        tensors: tensors.collect(),
        ..Weights::default()
    }
}

fn rename(name: &str) -> Option<String> {
    let (stem, end) = name.rsplit_once('.')?;
    if let Some((_, own)) = OUTER.iter().find(|(n, _)| *n == stem) {
        return Some(format!("{own}.{end}"));
    }
    let (number, part) = stem.strip_prefix("blk.")?.split_once('.')?;
    let (_, own) = BLOCK.iter().find(|(n, _)| *n == part)?;
    Some(format!("model.layers.{number}.{own}.{end}"))
}
