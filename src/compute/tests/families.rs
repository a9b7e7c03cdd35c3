//! Networks that are rebuilt from their weights compute what transformers computes with them
//! (`src/formats/tests/make_families.py` and `LAYERSCOPE_MINILM`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use compute::{Executor, Flex, FlexDevice, RunOptions};
use model::{Network, TensorData};

/// Tensors of a file of weights whose names begin with `prefix`, which is cut off.
fn tensors(path: &Path, prefix: &str) -> Vec<(String, TensorData)> {
    let network = formats::open(path).unwrap_or_else(|e| panic!("{e}"));
    let named = network.tensors.iter().filter_map(|t| {
        let name = t.name.strip_prefix(prefix)?.to_string();
        Some((name, (**t.data.as_ref()?).clone()))
    });
    named.collect()
}

/// The largest error of each result, as a share of its largest magnitude.
fn compare(network: Network, reference: &Path) -> Vec<(String, f32)> {
    let executor = Executor::<Flex>::new(Arc::new(network), FlexDevice).unwrap();
    let inputs = executor.inputs(&tensors(reference, "in.")).unwrap();
    let pass = executor.run(inputs, &RunOptions::default());
    let pass = pass.unwrap_or_else(|e| panic!("{}: {e}", reference.display()));
    let mut errors = Vec::new();
    for (name, wanted) in tensors(reference, "out.") {
        let network = executor.network();
        let id = network
            .tensor_named(&name)
            .unwrap_or_else(|| panic!("no tensor {name}"));
        let found = &pass.values[&id];
        let shape: Vec<u64> = found.shape().iter().map(|&d| d as u64).collect();
        assert_eq!(shape, wanted.shape, "{name}");
        let (found, wanted) = (found.to_host().unwrap(), wanted.to_f32().unwrap());
        let largest = wanted.iter().fold(0f32, |m, v| m.max(v.abs()));
        let differences = found.iter().zip(&wanted).map(|(f, w)| (f - w).abs() / largest);
        errors.push((
            name,
            differences.fold(0f32, |m, e| if e.is_nan() { e } else { m.max(e) }),
        ));
    }
    errors
}

/// The file of weights in `folder`.
fn weights_in(folder: &Path) -> PathBuf {
    let names = [
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "model.pth",
    ];
    let mut paths = names.iter().map(|name| folder.join(name));
    paths
        .find(|p| p.exists())
        .unwrap_or_else(|| panic!("no weights in {}", folder.display()))
}

#[test]
fn every_family_computes_what_transformers_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/families");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_string();
        let path = weights_in(&folder);
        let network = formats::open(&path).unwrap_or_else(|e| panic!("{e}"));
        let errors = compare(network, &folder.join("reference.safetensors"));
        println!("{name}: {errors:?}");
        assert!(!errors.is_empty(), "{name}");
        wrong.extend(
            errors
                .into_iter()
                .filter(|(_, e)| e.is_nan() || *e >= 1e-4)
                .map(|(t, e)| (name.clone(), t, e)),
        );
        count += 1;
    }
    assert_eq!(wrong, []);
    assert_eq!(count, 14);
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// MiniLM-L6 in the folder `LAYERSCOPE_MINILM`, with the `reference.safetensors` that
/// `make_families.py FOLDER` writes: every token's state, and the mean over each sentence.
#[test]
fn minilm_gives_the_embeddings_of_transformers() {
    let Ok(folder) = std::env::var("LAYERSCOPE_MINILM") else {
        println!("LAYERSCOPE_MINILM is not set: nothing is compared");
        return;
    };
    let reference = Path::new(&folder).join("reference.safetensors");
    let network = formats::open(&Path::new(&folder).join("model.safetensors")).unwrap();
    assert_eq!(network.warnings, Vec::<String>::new());
    let executor = Executor::<Flex>::new(Arc::new(network), FlexDevice).unwrap();
    let given = tensors(&reference, "in.");
    let (_, mask) = given.iter().find(|(n, _)| n == "attention_mask").unwrap();
    let mask = mask.to_f32().unwrap();
    let pass = executor
        .run(executor.inputs(&given).unwrap(), &RunOptions::default())
        .unwrap();
    let hidden = executor.network().tensor_named("last_hidden_state").unwrap();
    let [batch, length, width] = pass.values[&hidden].shape()[..] else {
        panic!("three axes are expected")
    };
    let hidden = pass.values[&hidden].to_host().unwrap();
    let (_, wanted) = tensors(&reference, "out.")
        .into_iter()
        .find(|(n, _)| n == "last_hidden_state")
        .unwrap();
    let wanted = wanted.to_f32().unwrap();
    let all = cosine(&hidden, &wanted);
    let rows = hidden.chunks(width).zip(wanted.chunks(width)).zip(&mask);
    let worst = rows
        .filter(|(_, m)| **m > 0.0)
        .map(|((f, w), _)| cosine(f, w))
        .fold(1.0, f64::min);
    let (_, means) = tensors(&reference, "mean.").remove(0);
    let means = means.to_f32().unwrap();
    let mut least = 1.0f64;
    for n in 0..batch {
        let mut mean = vec![0f32; width];
        let count: f32 = mask[n * length..(n + 1) * length].iter().sum();
        for t in 0..length {
            let row = &hidden[(n * length + t) * width..][..width];
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, v)| *m += v * mask[n * length + t] / count);
        }
        least = least.min(cosine(&mean, &means[n * width..(n + 1) * width]));
    }
    println!("cosine: all {all:.9}, worst token {worst:.9}, worst sentence {least:.9}");
    assert!(all > 0.99999 && worst > 0.99999 && least > 0.99999);
}

/// EfficientNet-Lite0 in the folder `LAYERSCOPE_WEIGHTS`, with the reference that
/// `make_families.py WEIGHTS.pth` writes: a photograph of a daisy.
#[test]
fn efficientnet_sees_a_daisy() {
    let Ok(folder) = std::env::var("LAYERSCOPE_WEIGHTS") else {
        println!("LAYERSCOPE_WEIGHTS is not set: nothing is compared");
        return;
    };
    let path = Path::new(&folder).join("efficientnet-lite0-57934424.pth");
    let reference = path.with_extension("reference.safetensors");
    if !reference.exists() {
        println!("{} is not there: nothing is compared", reference.display());
        return;
    }
    let network = formats::open(&path).unwrap();
    assert_eq!(network.warnings, Vec::<String>::new());
    let errors = compare(network, &reference);
    println!("{errors:?}");
    assert!(errors.len() == 1 && errors[0].1 < 1e-4, "{errors:?}");
    let (_, logits) = tensors(&reference, "out.").remove(0);
    let logits = logits.to_f32().unwrap();
    let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    assert_eq!(best, Some(985));
}

/// A GGUF file of version 3 with `metadata` and `tensors`, as llama.cpp writes it.
fn gguf(metadata: &[(&str, Stated)], tensors: &[(String, TensorData)]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        text(&mut out, key);
        match value {
            Stated::Count(n) => out.extend([4u32.to_le_bytes(), n.to_le_bytes()].concat()),
            Stated::Number(f) => out.extend([6u32.to_le_bytes(), f.to_le_bytes()].concat()),
            Stated::Text(t) => {
                out.extend(8u32.to_le_bytes());
                text(&mut out, t);
            }
        }
    }
    let mut data: Vec<u8> = Vec::new();
    for (name, tensor) in tensors {
        text(&mut out, name);
        out.extend((tensor.shape.len() as u32).to_le_bytes());
        tensor
            .shape
            .iter()
            .rev()
            .for_each(|d| out.extend(d.to_le_bytes()));
        out.extend(0u32.to_le_bytes());
        out.extend((data.len() as u64).to_le_bytes());
        data.extend(tensor.to_f32().unwrap().iter().flat_map(|v| v.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    out.resize(out.len().next_multiple_of(32), 0);
    [out, data].concat()
}

enum Stated {
    Count(u32),
    Number(f32),
    Text(&'static str),
}

/// llama.cpp's order of the rows of queries and keys: those that turn together become neighbours.
fn neighbours(tensor: &TensorData, heads: usize) -> TensorData {
    let (rows, width) = (tensor.shape[0] as usize, tensor.shape[1] as usize);
    let size = rows / heads;
    let values = tensor.to_f32().unwrap();
    let from = (0..rows).map(|r| r / size * size + r % size / 2 + r % 2 * size / 2);
    let moved: Vec<f32> = from
        .flat_map(|r| values[r * width..(r + 1) * width].to_vec())
        .collect();
    TensorData::from_f32(&tensor.shape, &moved)
}

/// The LLaMA of the families as a GGUF file, its slowed turns as factors: what transformers says.
#[test]
fn a_gguf_file_computes_what_transformers_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/families/llama");
    let names = [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("input_layernorm", "attn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("post_attention_layernorm", "ffn_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("model.layers", "blk"),
    ];
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    // Without its configuration: the stored matrices as they are.
    let plain = formats::open_bytes("model.safetensors", bytes.into(), None).unwrap();
    let stored = plain.tensors.iter().filter_map(|t| {
        let data = t.data.as_ref()?;
        let data = match &t.name {
            n if n.contains("q_proj") => neighbours(data, 2),
            n if n.contains("k_proj") => neighbours(data, 1),
            _ => (**data).clone(),
        };
        let name = names
            .iter()
            .fold(t.name.clone(), |n, (from, to)| n.replace(from, to));
        Some((name, data))
    });
    let mut tensors: Vec<(String, TensorData)> = stored.collect();
    // As its configuration scales them: the first of two turns fast, the second is slowed.
    let scaled = |plain: f64| {
        let turns = 8.0 * plain / std::f64::consts::TAU;
        let smooth = ((turns - 1.0) / 3.0).clamp(0.0, 1.0);
        (1.0 - smooth) * plain / 4.0 + smooth * plain
    };
    let factors = [1.0, 0.1].map(|f: f64| (f / scaled(f)) as f32);
    tensors.push(("rope_freqs.weight".into(), TensorData::from_f32(&[2], &factors)));
    let metadata = [
        ("general.architecture", Stated::Text("llama")),
        ("llama.embedding_length", Stated::Count(8)),
        ("llama.block_count", Stated::Count(2)),
        ("llama.feed_forward_length", Stated::Count(12)),
        ("llama.attention.head_count", Stated::Count(2)),
        ("llama.attention.head_count_kv", Stated::Count(1)),
        ("llama.attention.layer_norm_rms_epsilon", Stated::Number(1e-6)),
        ("llama.rope.freq_base", Stated::Number(100.0)),
    ];
    let network = formats::open_bytes("tiny.gguf", gguf(&metadata, &tensors).into(), None).unwrap();
    assert_eq!(network.warnings, Vec::<String>::new());
    let errors = compare(network, &folder.join("reference.safetensors"));
    assert!(!errors.is_empty());
    for (name, error) in errors {
        assert!(error < 1e-5, "{name}: {error}");
    }
}
