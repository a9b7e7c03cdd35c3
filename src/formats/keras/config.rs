//! Model configurations of Keras 2 and 3: layers with their settings, and who reads whom.

use serde_json::{Map, Value};

use crate::channels::Sizes;
use crate::error::Fault;

/// Most models inside one another.
const MAX_DEPTH: usize = 32;

/// A tensor that a layer reads: output `output` of call `call` of layer `layer`.
#[derive(Clone, Debug)]
pub(super) struct Ref {
    pub(super) layer: String,
    pub(super) call: usize,
    pub(super) output: usize,
    /// The shape that Keras 3 notes at the reference.
    pub(super) shape: Option<Sizes>,
}

/// One use of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// Tensors given by place, lists flattened.
    pub(super) inputs: Vec<Ref>,
    /// Tensors given by name.
    pub(super) named: Vec<(String, Vec<Ref>)>,
    /// Everything given by name, as it stands.
    pub(super) settings: Map<String, Value>,
    /// Arguments by place that are no tensors, with their places.
    pub(super) plain: Vec<(usize, Value)>,
}

impl Call {
    /// Every tensor read.
    pub(super) fn refs(&self) -> impl Iterator<Item = &Ref> {
        self.inputs.iter().chain(self.named.iter().flat_map(|n| &n.1))
    }
}

/// A layer.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) class: String,
    /// False for operations (`keras.ops`), which are no layers and hold no weights.
    pub(super) is_layer: bool,
    pub(super) name: String,
    pub(super) config: Map<String, Value>,
    pub(super) calls: Vec<Call>,
    /// Shape of its input, where Keras 3 notes it.
    pub(super) input_shape: Option<Sizes>,
    /// The model that it is.
    pub(super) inner: Option<Box<Model>>,
}

/// A model.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) name: String,
    /// A chain of layers; otherwise the calls say who reads whom.
    pub(super) sequential: bool,
    pub(super) layers: Vec<Layer>,
    pub(super) inputs: Vec<Ref>,
    pub(super) outputs: Vec<Ref>,
    /// Shape of a sequential model's input, where no input layer states it.
    pub(super) input_shape: Option<Sizes>,
}

/// Reads a model's configuration: `{"class_name": "Functional", "config": ...}`.
pub(super) fn model(document: &Value) -> Result<Model, Fault> {
    nested(document, 0)
}

/// True for the class names of models that a configuration describes whole.
pub(super) fn is_model(class: &str, config: &Value) -> bool {
    matches!(class, "Sequential" | "Functional" | "Model")
        || config.get("layers").is_some_and(Value::is_array)
}

fn nested(document: &Value, depth: usize) -> Result<Model, Fault> {
    let class = document.get("class_name").and_then(Value::as_str).unwrap_or("");
    let config = document.get("config").unwrap_or(&Value::Null);
    if depth > MAX_DEPTH {
        let problem = format!("expected at most {MAX_DEPTH} models inside one another, found more");
        return Err(Fault::new("model configuration", problem));
    }
    if !is_model(class, config) && !config.is_array() {
        let problem = format!(
            "expected a Sequential or Functional model, found the class {class:?}, whose layers only its code knows"
        );
        return Err(Fault::new("model configuration", problem));
    }
    // Keras 2.0 to 2.2 write a sequential model's layers without their frame.
    let list = config.as_array().or_else(|| config.get("layers")?.as_array());
    let list =
        list.ok_or_else(|| Fault::new("model configuration", "expected an array \"layers\", found none"))?;
    let layers = list
        .iter()
        .map(|value| layer(value, depth))
        .collect::<Result<Vec<_>, _>>()?;
    let ends = |key: &str| {
        let mut refs = Vec::new();
        ends(config.get(key).unwrap_or(&Value::Null), &mut refs, 0);
        refs
    };
    Ok(Model {
        name: config
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_string(),
        sequential: class == "Sequential" || config.get("output_layers").is_none(),
        inputs: ends("input_layers"),
        outputs: ends("output_layers"),
        input_shape: ["build_input_shape", "batch_input_shape"]
            .iter()
            .find_map(|k| shape(config.get(*k)?)),
        layers,
    })
}

fn layer(value: &Value, depth: usize) -> Result<Layer, Fault> {
    let class = value.get("class_name").and_then(Value::as_str);
    let class =
        class.ok_or_else(|| Fault::new("model configuration", "expected a layer with a \"class_name\""))?;
    let config = value.get("config").unwrap_or(&Value::Null);
    let name = [value.get("name"), config.get("name")]
        .into_iter()
        .flatten()
        .find_map(Value::as_str);
    let name = name.unwrap_or(class).to_string();
    let module = value.get("module").and_then(Value::as_str).unwrap_or("");
    let mut calls = Vec::new();
    for node in value
        .get("inbound_nodes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        calls.push(call(node));
    }
    let inner = match is_model(class, config) && class != "Bidirectional" {
        true => Some(Box::new(
            nested(value, depth + 1).map_err(|f| f.within(&format!("model {name:?}")))?,
        )),
        false => None,
    };
    Ok(Layer {
        class: class.to_string(),
        is_layer: !module.contains(".ops."),
        config: match (&inner, config) {
            (None, Value::Object(map)) => map.clone(),
            _ => Map::new(),
        },
        name,
        calls,
        input_shape: ["build_config"]
            .iter()
            .find_map(|k| shape(value.get(*k)?.get("input_shape")?)),
        inner,
    })
}

/// A shape with its batch.
pub(super) fn shape(value: &Value) -> Option<Sizes> {
    let list = value.as_array().filter(|l| (1..=8).contains(&l.len()))?;
    let one = |v: &Value| match v {
        Value::Null => Some(None),
        v => Some(Some(v.as_u64().filter(|n| *n < 1 << 32)?)),
    };
    list.iter().map(one).collect()
}

/// `["dense", 0, 0]`, `[["dense", 0, 0], ...]`, or names with such entries.
fn ends(value: &Value, into: &mut Vec<Ref>, depth: usize) {
    if let Some(found) = old_ref(value) {
        into.push(found);
    } else if depth < 4 {
        match value {
            Value::Array(list) => list.iter().for_each(|v| ends(v, into, depth + 1)),
            Value::Object(map) => map.values().for_each(|v| ends(v, into, depth + 1)),
            _ => {}
        }
    }
}

fn old_ref(value: &Value) -> Option<Ref> {
    let list = value.as_array().filter(|l| l.len() >= 3)?;
    Some(Ref {
        layer: list[0].as_str()?.to_string(),
        call: usize::try_from(list[1].as_u64()?).ok()?,
        output: usize::try_from(list[2].as_u64()?).ok()?,
        shape: None,
    })
}

fn call(node: &Value) -> Call {
    let mut call = Call::default();
    match node {
        // Keras 3: {"args": [...], "kwargs": {...}}.
        Value::Object(map) => {
            for (place, value) in map
                .get("args")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .enumerate()
            {
                let before = call.inputs.len();
                tensors(value, &mut call.inputs, 0);
                if call.inputs.len() == before && !value.is_null() {
                    call.plain.push((place, value.clone()));
                }
            }
            for (name, value) in map.get("kwargs").and_then(Value::as_object).into_iter().flatten() {
                let mut refs = Vec::new();
                tensors(value, &mut refs, 0);
                if !refs.is_empty() {
                    call.named.push((name.clone(), refs));
                }
                call.settings.insert(name.clone(), value.clone());
            }
        }
        // Keras 2: [["dense", 0, 0, {...}], ...], or one such entry.
        Value::Array(list) => {
            let entries: &[Value] = if old_ref(node).is_some() {
                std::slice::from_ref(node)
            } else {
                list
            };
            for entry in entries {
                call.inputs.extend(old_ref(entry));
                for (name, value) in entry.get(3).and_then(Value::as_object).into_iter().flatten() {
                    let mut refs = Vec::new();
                    ends(value, &mut refs, 0);
                    if !refs.is_empty() {
                        call.named.push((name.clone(), refs));
                    }
                    call.settings.insert(name.clone(), value.clone());
                }
            }
        }
        _ => {}
    }
    call
}

fn tensors(value: &Value, into: &mut Vec<Ref>, depth: usize) {
    match value {
        Value::Object(map) if map.get("class_name").and_then(Value::as_str) == Some("__keras_tensor__") => {
            let config = map.get("config").unwrap_or(&Value::Null);
            if let Some(mut found) = config.get("keras_history").and_then(old_ref) {
                found.shape = config.get("shape").and_then(shape);
                into.push(found);
            }
        }
        Value::Object(map) if depth < 4 => map.values().for_each(|v| tensors(v, into, depth + 1)),
        Value::Array(list) if depth < 4 => list.iter().for_each(|v| tensors(v, into, depth + 1)),
        _ => {}
    }
}

/// A wrapped layer: `{"class_name": ..., "config": ...}`.
pub(super) fn wrapped(value: &Value) -> Option<Layer> {
    // A model inside a wrapper is not taken apart.
    layer(value, MAX_DEPTH).ok().filter(|l| l.inner.is_none())
}
