//! Architectures rebuilt from `config.json` and names (`make_families.py`): sizes, counts, scopes.
//! What they compute is compared in `src/compute/tests/families.rs`.

mod mutate;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::{Bindings, Network, TensorKind};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/families")
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

/// Opens the weights in the folder `name`.
fn open(name: &str) -> Network {
    formats::open(&weights_in(&folder().join(name))).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_family_is_rebuilt_without_a_warning() {
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let network = open(&name);
        assert_eq!(network.warnings, Vec::<String>::new(), "{name}");
        let stored = network.tensors.iter().filter(|t| t.kind == TensorKind::Parameter);
        let stored: u64 = stored.map(|t| t.spec.elements(&Bindings::new()).unwrap()).sum();
        let bound = ["N", "T", "D", "H", "W"].map(|s| (s.to_string(), if s < "I" { 64 } else { 5 }));
        let cost = model::cost(&network, &Bindings::from(bound));
        assert_eq!(
            cost.total.parameters, stored,
            "{name}: every parameter is read by a layer"
        );
        assert_eq!(cost.unknown, [], "{name}: every size is known");
        assert!(cost.total.macs.unwrap() > 1000, "{name}");
        for &output in &network.main().outputs {
            let spec = &network.tensor(output).spec;
            assert!(spec.to_string().starts_with("float32 [N, "), "{name}: {spec}");
        }
        count += 1;
    }
    assert_eq!(count, 14);
}

#[test]
fn scopes_are_those_of_the_architecture() {
    let bert = open("bert");
    let paths: Vec<String> = (0..bert.scopes.scopes.len() as u32)
        .map(|s| bert.scopes.path(model::ScopeId(s)))
        .collect();
    for path in [
        "embeddings",
        "encoder/layer.1/attention",
        "encoder/layer.0/feed_forward",
        "pooler",
    ] {
        assert!(paths.iter().any(|p| p == path), "{path} is missing in {paths:?}");
    }
    let logits = bert.tensor_named("logits").unwrap();
    assert_eq!(bert.tensor(logits).spec.to_string(), "float32 [N, 3]");
}

/// A folder of a hub is opened as the model in it, and gives its name where the file has none.
#[test]
fn a_folder_is_opened_as_the_model_in_it() {
    let bert = folder().join("bert");
    let network = formats::open(&bert).unwrap();
    assert_eq!(network.name, "bert");
    assert_eq!(network.warnings, Vec::<String>::new());
    assert_eq!(network.layers.len(), open("bert").layers.len());
    let config = formats::beside(&bert, "config.json")
        .expect("it lies there")
        .unwrap();
    assert_eq!(config, std::fs::read(bert.join("config.json")).unwrap());
}

/// Caches keep contents in one folder and links with their names in another.
#[test]
#[cfg(unix)]
fn a_file_behind_a_link_finds_its_configuration_behind_a_link() {
    let outer = tempfile::tempdir().unwrap();
    let (blobs, names) = (outer.path().join("blobs"), outer.path().join("snapshots/main"));
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::create_dir_all(&names).unwrap();
    for (blob, name) in [("1", "model.safetensors"), ("2", "config.json")] {
        std::fs::copy(folder().join("bert").join(name), blobs.join(blob)).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{blob}"), names.join(name)).unwrap();
    }
    let network = formats::open(&names.join("model.safetensors")).unwrap();
    assert_eq!(network.warnings, Vec::<String>::new());
    assert!(network.layers.len() > 50);
    // A link to anywhere else is not followed.
    std::fs::rename(blobs.join("2"), outer.path().join("2")).unwrap();
    std::fs::remove_file(names.join("config.json")).unwrap();
    std::os::unix::fs::symlink("../../2", names.join("config.json")).unwrap();
    let network = formats::open(&names.join("model.safetensors")).unwrap();
    let all = network.warnings.join("\n");
    assert!(all.contains("a link that leaves it"), "{all}");
}

/// What does not fit is said, and the weights are still shown.
#[test]
fn a_wrong_configuration_leaves_a_tree() {
    let from = folder().join("bert");
    let check = |change: &dyn Fn(&str) -> String, expected: &str| {
        let to = tempfile::tempdir().unwrap();
        let path = to.path().join("model.safetensors");
        std::fs::copy(from.join("model.safetensors"), &path).unwrap();
        let config = std::fs::read_to_string(from.join("config.json")).unwrap();
        std::fs::write(to.path().join("config.json"), change(&config)).unwrap();
        let network = formats::open(&path).unwrap();
        let all = network.warnings.join("\n");
        assert!(all.contains(expected), "{expected:?} is missing in {all}");
        assert!(network.layers.iter().all(|l| l.op == model::Op::Weights), "{all}");
    };
    let replace = |from: &'static str, to: &'static str| move |s: &str| s.replace(from, to);
    check(&replace("\"bert\"", "\"ernie\""), "is not known");
    check(
        &replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
        "encoder.layer.2",
    );
    check(
        &replace("\"hidden_size\": 8", "\"hidden_size\": 16"),
        "where [2, 16] is expected",
    );
    check(
        &replace("\"num_attention_heads\": 2", "\"num_attention_heads\": 3"),
        "3 heads",
    );
    check(
        &replace("\"num_attention_heads\": 2", "\"num_attention_heads\": 0"),
        "2^32",
    );
    check(&replace("\"absolute\"", "\"relative_key\""), "relative_key");
    check(&replace("\"gelu\"", "\"snake\""), "snake");
    check(&|_| "{".into(), "EOF");
}

/// A block of squeeze and excitation among the weights of a ResNet makes it another network.
#[test]
fn a_weight_too_many_is_another_network() {
    let network = open("torchvision-basic");
    let to = tempfile::tempdir().unwrap();
    let path = to.path().join("model.safetensors");
    formats::save(&network, &path).unwrap();
    assert!(!formats::open(&path).unwrap().main().outputs.is_empty());
    let mut more = network.clone();
    let known = network.tensor_named("layer1.0.bn1.weight").unwrap();
    let mut extra = network.tensor(known).clone();
    extra.name = "layer1.0.se.fc1.weight".into();
    more.add_tensor(extra);
    formats::save(&more, &path).unwrap();
    let again = formats::open(&path).unwrap();
    assert!(again.main().outputs.is_empty());
    let all = again.warnings.join("\n");
    assert!(
        all.contains("\"layer1.0.se.fc1.weight\" is no part of that"),
        "{all}"
    );
}

/// Seeded mutations of each `config.json` for `LAYERSCOPE_FUZZ_SECONDS` (2 unless set): every file
/// opens, as a network or as its weights.
#[test]
fn no_configuration_panics_or_hangs() {
    let seconds = std::env::var("LAYERSCOPE_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let to = tempfile::tempdir().unwrap();
    let mut configs = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let from = entry.unwrap().path();
        let Ok(config) = std::fs::read(from.join("config.json")) else {
            continue;
        };
        let into = to.path().join(from.file_name().unwrap());
        std::fs::create_dir(&into).unwrap();
        for file in std::fs::read_dir(&from).unwrap().map(|f| f.unwrap()) {
            std::fs::copy(file.path(), into.join(file.file_name())).unwrap();
        }
        configs.push((into, config));
    }
    let mut random = mutate::Random(0x2545_f491_4f6c_dd1d);
    let (begun, mut rounds, mut built) = (Instant::now(), 0, 0);
    while begun.elapsed() < Duration::from_secs(seconds.unwrap_or(2)) {
        let (folder, config) = &configs[random.below(configs.len())];
        let (_, other) = &configs[random.below(configs.len())];
        std::fs::write(
            folder.join("config.json"),
            mutate::mutate(config, other, &mut random),
        )
        .unwrap();
        let start = Instant::now();
        let network = formats::open(&weights_in(folder)).unwrap_or_else(|e| panic!("{e}"));
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        built += usize::from(!network.main().outputs.is_empty());
        rounds += 1;
    }
    println!("{rounds} configurations, {built} still built");
    assert!(rounds > 50 && built > 0 && built < rounds);
}
