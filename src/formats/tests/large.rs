//! A model far larger than memory opens from its headers.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// A sparse safetensors file of bfloat16 tensors, of which only the header takes room.
fn shard(path: &Path, tensors: &[(String, Vec<u64>)], missing: u64) {
    let (mut header, mut end) = (serde_json::Map::new(), 0u64);
    for (name, shape) in tensors {
        let from = end;
        end += 2 * shape.iter().product::<u64>();
        let about = serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [from, end]});
        header.insert(name.clone(), about);
    }
    let text = serde_json::Value::Object(header).to_string();
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&(text.len() as u64).to_le_bytes()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_len(8 + text.len() as u64 + end - missing).unwrap();
}

/// A sparse GGUF file of Q4_K blocks, of which only the header takes room.
fn gguf(path: &Path, tensors: &[(String, Vec<u64>)]) {
    let mut out = b"GGUF\x03\x00\x00\x00".to_vec();
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(0u64.to_le_bytes());
    let mut end = 0u64;
    for (name, shape) in tensors {
        out.extend((name.len() as u64).to_le_bytes());
        out.extend(name.as_bytes());
        out.extend((shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|size| out.extend(size.to_le_bytes()));
        out.extend(12u32.to_le_bytes());
        out.extend(end.to_le_bytes());
        end += (shape.iter().product::<u64>() / 256 * 144).next_multiple_of(32);
    }
    let start = (out.len() as u64).next_multiple_of(32);
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&out).unwrap();
    file.set_len(start + end).unwrap();
}

/// Resident memory of this process, bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}

/// LLaMA of 70 billion parameters (Touvron et al. 2023, table 1; 8 groups of keys), in ten files.
#[test]
#[cfg(target_os = "linux")]
fn seventy_billion_parameters_open_in_a_second() {
    let (layers, width, inner, words, keys) = (80u64, 8192u64, 28_672u64, 32_000u64, 1024u64);
    let folder = tempfile::tempdir().unwrap();
    let mut shards: Vec<Vec<(String, Vec<u64>)>> = vec![Vec::new(); 10];
    for i in 0..layers {
        let parts: [(&str, &[u64]); 9] = [
            ("input_layernorm", &[width]),
            ("self_attn.q_proj", &[width, width]),
            ("self_attn.k_proj", &[keys, width]),
            ("self_attn.v_proj", &[keys, width]),
            ("self_attn.o_proj", &[width, width]),
            ("post_attention_layernorm", &[width]),
            ("mlp.gate_proj", &[inner, width]),
            ("mlp.up_proj", &[inner, width]),
            ("mlp.down_proj", &[width, inner]),
        ];
        let named = parts.map(|(name, shape)| (format!("model.layers.{i}.{name}.weight"), shape.to_vec()));
        shards[(i / 8) as usize].extend(named);
    }
    shards[0].push(("model.embed_tokens.weight".into(), vec![words, width]));
    shards[9].push(("model.norm.weight".into(), vec![width]));
    shards[9].push(("lm_head.weight".into(), vec![words, width]));
    let mut map = serde_json::Map::new();
    for (k, tensors) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-00010.safetensors", k + 1);
        shard(&folder.path().join(&name), tensors, 0);
        map.extend(tensors.iter().map(|(t, _)| (t.clone(), serde_json::json!(name))));
    }
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, serde_json::json!({"weight_map": map}).to_string()).unwrap();
    let config = serde_json::json!({
        "model_type": "llama", "hidden_size": width, "num_attention_heads": 64, "num_key_value_heads": 8,
        "intermediate_size": inner, "num_hidden_layers": layers, "vocab_size": words, "rms_norm_eps": 1e-5,
    });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();

    let (begun, before) = (Instant::now(), resident());
    let network = formats::open(&index).unwrap();
    let (took, used) = (begun.elapsed(), resident() - before);
    println!("{} layers in {took:?}, {} MB", network.layers.len(), used >> 20);
    assert_eq!(network.warnings, Vec::<String>::new());
    let parameters = model::cost(
        &network,
        &model::Bindings::from([("N".into(), 1), ("T".into(), 8)]),
    );
    assert_eq!(parameters.total.parameters, 68_976_648_192);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(used < 500 << 20, "{used} bytes");
    // What is not looked at is not read, and what is looked at is there.
    let scale = network.tensor(network.tensor_named("model.norm.weight").unwrap());
    assert_eq!(
        scale.data.as_ref().unwrap().to_f32().unwrap(),
        vec![0.0; width as usize]
    );

    // The same weights in one file of blocks.
    let all: Vec<(String, Vec<u64>)> = shards.concat();
    let path = folder.path().join("model.gguf");
    gguf(&path, &all);
    let (begun, before) = (Instant::now(), resident());
    let blocks = formats::open(&path).unwrap();
    let (took, used) = (begun.elapsed(), resident() - before);
    println!("GGUF in {took:?}, {} MB", used >> 20);
    let parameters = model::cost(&blocks, &model::Bindings::new()).total.parameters;
    assert_eq!(parameters, 68_976_648_192);
    assert!(
        took < Duration::from_secs(1) && used < 500 << 20,
        "{took:?}, {used} bytes"
    );

    // A file that ends before its data does is refused.
    shard(
        &folder.path().join("model-00004-of-00010.safetensors"),
        &shards[3],
        1,
    );
    let error = formats::open(&index).unwrap_err().to_string();
    assert!(
        error.contains("model-00004-of-00010") && error.contains("reaches beyond the"),
        "{error}"
    );
}
