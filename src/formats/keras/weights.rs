//! Which stored arrays belong to which layer.
//!
//! Three ways of keeping them: Keras 3's tree (`layers/dense/vars/0`, groups named after classes),
//! the older flat lists (`model_weights/dense` with `weight_names`, inner models flattened), and
//! plain names (TensorFlow.js).

use std::collections::{BTreeMap, HashMap};

use model::TensorData;
use serde_json::Value;

use super::config::{self, Layer, Model};
use super::hdf5::Contents;

/// A weight that a layer of a known class has.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Parts of the layer that hold it: `cell`, `forward_layer/cell`.
    pub(super) part: String,
    /// Its place among the weights of that part.
    pub(super) index: usize,
    /// Its name in the layer: `kernel`.
    pub(super) role: String,
    /// True when it is not trained by gradient.
    buffer: bool,
}

/// Arrays by layer path (`inner/dense`) and role.
#[derive(Default)]
pub(super) struct Weights {
    by_layer: HashMap<String, BTreeMap<String, TensorData>>,
    /// What did not fit, in sentences.
    pub(super) warnings: Vec<String>,
}

impl Weights {
    /// The weight `role` of the layer at `path`.
    pub(super) fn get(&self, path: &str, role: &str) -> Option<&TensorData> {
        self.by_layer.get(path)?.get(role)
    }

    /// All weights of the layer at `path`.
    pub(super) fn all(&self, path: &str) -> impl Iterator<Item = (&String, &TensorData)> {
        self.by_layer.get(path).into_iter().flatten()
    }

    fn put(&mut self, path: &str, role: &str, data: &TensorData) {
        let layer = self.by_layer.entry(path.to_string()).or_default();
        layer.insert(role.to_string(), data.clone());
    }
}

/// The weights of a layer in the order in which Keras keeps them; `None` for an unknown class.
pub(super) fn slots(layer: &Layer) -> Option<Vec<Slot>> {
    let flag = |key: &str, default: bool| layer.config.get(key).and_then(Value::as_bool).unwrap_or(default);
    let of = |part: &str, roles: &[(&str, bool)]| -> Vec<Slot> {
        let slot = |(index, (role, _)): (usize, &(&str, bool))| Slot {
            part: part.to_string(),
            index,
            role: role.to_string(),
            buffer: false,
        };
        roles.iter().filter(|r| r.1).enumerate().map(slot).collect()
    };
    let bias = flag("use_bias", true);
    let (scale, center) = (flag("scale", true), flag("center", true));
    Some(match layer.class.as_str() {
        "Dense" | "Conv1D" | "Conv2D" | "Conv3D" | "Conv1DTranspose" | "Conv2DTranspose"
        | "Conv3DTranspose" | "DepthwiseConv1D" | "DepthwiseConv2D" => {
            of("", &[("kernel", true), ("bias", bias)])
        }
        "EinsumDense" => {
            let bias = layer.config.get("bias_axes").is_some_and(|v| !v.is_null());
            of("", &[("kernel", true), ("bias", bias)])
        }
        "SeparableConv1D" | "SeparableConv2D" => {
            let roles = [
                ("depthwise_kernel", true),
                ("pointwise_kernel", true),
                ("bias", bias),
            ];
            of("", &roles)
        }
        "BatchNormalization" => {
            let roles = [
                ("gamma", scale),
                ("beta", center),
                ("moving_mean", true),
                ("moving_variance", true),
            ];
            let mut slots = of("", &roles);
            slots
                .iter_mut()
                .for_each(|s| s.buffer = s.role.starts_with("moving"));
            slots
        }
        "LayerNormalization" if flag("rms_scaling", false) => of("", &[("gamma", scale)]),
        "LayerNormalization" | "GroupNormalization" => of("", &[("gamma", scale), ("beta", center)]),
        "RMSNormalization" => of("", &[("gamma", true)]),
        "Embedding" => of("", &[("embeddings", true)]),
        "PReLU" => of("", &[("alpha", true)]),
        "LSTM" | "GRU" | "SimpleRNN" => of(
            "cell",
            &[("kernel", true), ("recurrent_kernel", true), ("bias", bias)],
        ),
        "MultiHeadAttention" => {
            let mut slots = Vec::new();
            for part in ["query", "key", "value", "output"] {
                for mut slot in of(&format!("{part}_dense"), &[("kernel", true), ("bias", bias)]) {
                    slot.role = format!("{part}/{}", slot.role);
                    slots.push(slot);
                }
            }
            slots
        }
        "Normalization" if layer.config.get("mean").is_none_or(Value::is_null) => {
            let mut slots = of("", &[("mean", true), ("variance", true), ("count", true)]);
            slots.iter_mut().for_each(|s| s.buffer = true);
            slots
        }
        "Bidirectional" => {
            let forward = wrapped(layer, "layer")?;
            let backward = wrapped(layer, "backward_layer").unwrap_or_else(|| forward.clone());
            let mut slots = Vec::new();
            for (part, inner) in [("forward", forward), ("backward", backward)] {
                slots.extend(inside(&format!("{part}_layer"), part, slots_of(&inner)?));
            }
            slots
        }
        "TimeDistributed" => inside("layer", "layer", slots_of(&wrapped(layer, "layer")?)?),
        class if super::layers::is_known(class) => Vec::new(),
        _ => return None,
    })
}

/// Wrapped layers hold no further wrappers that can be computed.
fn slots_of(layer: &Layer) -> Option<Vec<Slot>> {
    match layer.class.as_str() {
        "Bidirectional" | "TimeDistributed" => None,
        _ => slots(layer),
    }
}

fn inside(part: &str, role: &str, slots: Vec<Slot>) -> Vec<Slot> {
    let one = |slot: Slot| Slot {
        part: match slot.part.as_str() {
            "" => part.to_string(),
            inner => format!("{part}/{inner}"),
        },
        role: format!("{role}/{}", slot.role),
        ..slot
    };
    slots.into_iter().map(one).collect()
}

/// The layer that `layer` wraps under `key`.
pub(super) fn wrapped(layer: &Layer, key: &str) -> Option<Layer> {
    config::wrapped(layer.config.get(key)?)
}

/// Arrays of a Keras 3 tree (`.weights.h5`).
pub(super) fn of_tree(model: &Model, contents: &Contents) -> Weights {
    let mut weights = Weights::default();
    tree(model, "", "", contents, &mut weights);
    let mut layers = Vec::new();
    leaves(model, "", &mut layers);
    share(&layers, &mut weights);
    weights
}

fn leaves<'a>(model: &'a Model, prefix: &str, into: &mut Vec<(String, &'a Layer)>) {
    for layer in &model.layers {
        let path = join(prefix, &layer.name);
        match &layer.inner {
            Some(inner) => leaves(inner, &path, into),
            None => into.push((path, layer)),
        }
    }
}

/// A layer that several models hold is kept where the first of them is: the others find it by
/// their common path (`inner/block/conv` and `block/conv`) and settings.
fn share(layers: &[(String, &Layer)], weights: &mut Weights) {
    let mut by_name: HashMap<&str, Vec<&(String, &Layer)>> = HashMap::new();
    for entry in layers {
        by_name.entry(&entry.1.name).or_default().push(entry);
    }
    for (path, layer) in layers {
        let has = |path: &String| weights.by_layer.contains_key(path);
        if has(path) || slots(layer).is_none_or(|s| s.is_empty()) {
            continue;
        }
        let below = |a: &str, b: &str| a.strip_suffix(b).is_some_and(|rest| rest.ends_with('/'));
        // Objects in a configuration may carry numbers that differ from copy to copy.
        let settings = |l: &Layer| {
            l.config
                .clone()
                .into_iter()
                .filter(|(k, _)| k != "dtype" && !k.ends_with("_initializer"))
                .collect::<HashMap<_, _>>()
        };
        let same = |a: &Layer, b: &Layer| a.class == b.class && settings(a) == settings(b);
        // Names may repeat a thousand times in a hostile file, and no more than this are looked at.
        let twin = by_name[layer.name.as_str()]
            .iter()
            .take(64)
            .find(|(other, it)| has(other) && (below(other, path) || below(path, other)) && same(it, layer));
        if let Some((other, _)) = twin {
            let arrays = weights.by_layer[other].clone();
            weights.by_layer.insert(path.clone(), arrays);
        }
    }
}

fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => name.to_string(),
        (path, "") => path.to_string(),
        _ => format!("{path}/{name}"),
    }
}

fn tree(model: &Model, group: &str, prefix: &str, contents: &Contents, weights: &mut Weights) {
    let containers = ["layers", "_layer_checkpoint_dependencies"];
    let has = |container: &&&str| {
        let start = format!("{}/", join(group, container));
        contents
            .datasets
            .range(start.clone()..)
            .next()
            .is_some_and(|(path, _)| path.starts_with(&start))
    };
    let Some(container) = containers.iter().find(has) else {
        return;
    };
    let container = join(group, container);
    // Groups by the name of the layer that they note, which newer files do.
    let inside = |path: &str| -> Option<String> {
        let rest = path.strip_prefix(&container)?.strip_prefix('/')?;
        let (child, vars) = rest.split_once('/')?;
        (vars == "vars").then(|| child.to_string())
    };
    let mut noted: HashMap<&str, Option<String>> = HashMap::new();
    for (path, name) in &contents.names {
        if let Some(child) = inside(path) {
            noted.entry(name).and_modify(|c| *c = None).or_insert(Some(child));
        }
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (i, layer) in model.layers.iter().enumerate() {
        let skipped = model.sequential && i == 0 && layer.class == "InputLayer";
        if !layer.is_layer || skipped {
            continue;
        }
        let stem = snake_case(&layer.class);
        let count = counts.entry(stem.clone()).or_default();
        let by_place = if *count == 0 {
            stem
        } else {
            format!("{stem}_{count}")
        };
        *count += 1;
        let child = noted
            .get(layer.name.as_str())
            .cloned()
            .flatten()
            .unwrap_or(by_place);
        let (own, path) = (join(&container, &child), join(prefix, &layer.name));
        if let Some(inner) = &layer.inner {
            tree(inner, &own, &path, contents, weights);
            continue;
        }
        match slots(layer) {
            Some(slots) => {
                for slot in slots {
                    let place = format!("{}/vars/{}", join(&own, &slot.part), slot.index);
                    if let Some(data) = contents.datasets.get(&place) {
                        weights.put(&path, &slot.role, data);
                    }
                }
            }
            None => {
                let start = format!("{own}/");
                let all = contents
                    .datasets
                    .range(start.clone()..)
                    .take_while(|(p, _)| p.starts_with(&start));
                for (place, data) in all {
                    weights.put(&path, &place[start.len()..], data);
                }
            }
        }
    }
}

/// Keras's name for a class in paths: `SeparableConv2D` is `separable_conv2d`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let mut out = String::new();
    for (i, &c) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|j| letters[j]);
        let word = letters.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let after_lower = before.is_some_and(|b| b.is_ascii_lowercase());
        if c.is_ascii_uppercase() && before.is_some() && (word || after_lower) && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Arrays of the older flat lists: below `group`, one group a layer with `weight_names`.
pub(super) fn of_lists(model: &Model, group: &str, contents: &Contents) -> Weights {
    let mut weights = Weights::default();
    for layer in &model.layers {
        let own = join(group, &layer.name);
        let Some(names) = contents.lists.get(&format!("{own} weight_names")) else {
            continue;
        };
        let arrays: Vec<(&String, Option<&TensorData>)> = names
            .iter()
            .map(|n| (n, contents.datasets.get(&join(&own, n))))
            .collect();
        let mut places = Vec::new();
        if places_of(layer, "", true, &mut places).is_none() {
            // A layer that is not known shows all that it has.
            for (name, data) in arrays {
                if let Some(data) = data {
                    weights.put(&layer.name, name, data);
                }
            }
            continue;
        }
        // Keras writes what is trained first.
        places.sort_by_key(|p| !p.trained);
        if places.len() != arrays.len() {
            let (wanted, found) = (places.len(), arrays.len());
            weights.warnings.push(format!(
                "layer {:?}: expected {wanted} weights, the file has {found}; they are left out",
                layer.name
            ));
            continue;
        }
        for (place, (_, data)) in places.iter().zip(arrays) {
            if let Some(data) = data {
                weights.put(&place.path, &place.role, data);
            }
        }
    }
    weights
}

struct Place {
    path: String,
    role: String,
    trained: bool,
}

fn places_of(layer: &Layer, prefix: &str, trained: bool, into: &mut Vec<Place>) -> Option<()> {
    let path = join(prefix, &layer.name);
    let own = layer
        .config
        .get("trainable")
        .and_then(Value::as_bool)
        .unwrap_or(true)
        && trained;
    if let Some(inner) = &layer.inner {
        return inner
            .layers
            .iter()
            .try_for_each(|l| places_of(l, &path, own, into));
    }
    for slot in slots(layer)? {
        let trained = own && !slot.buffer;
        into.push(Place {
            path: path.clone(),
            role: slot.role,
            trained,
        });
    }
    Some(())
}

/// Arrays by plain names, as TensorFlow.js keeps them: `dense/kernel`, `model/dense/kernel`.
pub(super) fn of_names(model: &Model, named: &BTreeMap<String, TensorData>) -> Weights {
    let mut weights = Weights::default();
    names(model, "", named, &mut weights);
    weights
}

fn names(model: &Model, prefix: &str, named: &BTreeMap<String, TensorData>, weights: &mut Weights) {
    for layer in &model.layers {
        let path = join(prefix, &layer.name);
        if let Some(inner) = &layer.inner {
            names(inner, &path, named, weights);
            continue;
        }
        // Names may begin with those of the models around, and have parts in between.
        let start = format!("{}/", layer.name);
        let own: Vec<(&str, &TensorData)> = named
            .iter()
            .filter_map(|(name, data)| {
                let rest = name.strip_prefix(&start).or_else(|| {
                    let (_, rest) = name.split_once(&format!("/{start}"))?;
                    Some(rest)
                })?;
                Some((rest, data))
            })
            .collect();
        for slot in slots(layer).unwrap_or_default() {
            let (part, role) = slot.role.rsplit_once('/').unwrap_or(("", &slot.role));
            // TensorFlow.js says depthwise_kernel, and names the halves of a wrapper.
            let fits = |(rest, _): &&(&str, &TensorData)| {
                let last = rest.rsplit('/').next().unwrap_or(rest);
                let last = last.split(':').next().unwrap_or(last);
                let same = last == role || (role == "kernel" && last == "depthwise_kernel");
                same && (matches!(part, "" | "layer") || rest.contains(part))
            };
            if let Some((_, data)) = own.iter().find(fits) {
                weights.put(&path, &slot.role, data);
            }
        }
        if slots(layer).is_none() {
            own.iter().for_each(|(rest, data)| weights.put(&path, rest, data));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn classes_have_the_names_that_keras_gives_them() {
        let check = |class, name| assert_eq!(super::snake_case(class), name);
        check("Dense", "dense");
        check("SeparableConv2D", "separable_conv2d");
        check("GRU", "gru");
        check("PReLU", "p_re_lu");
        check("MultiHeadAttention", "multi_head_attention");
        check("BatchNormalization", "batch_normalization");
        check("Conv2DTranspose", "conv2d_transpose");
    }
}
