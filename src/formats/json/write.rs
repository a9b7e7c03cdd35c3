//! A network as an architecture file.

use model::op::{Attribute, Op};
use model::{Bindings, Network, TensorId};
use serde_json::{Map, Value, json};

use crate::error::Fault;

/// The file's bytes. Layers keep their type where the network came from such a file; operators of
/// other formats keep their operator's name in lower case.
pub(crate) fn write(network: &Network) -> Result<Vec<u8>, Fault> {
    let cost = model::cost::cost(network, &Bindings::new());
    let mut layers = Vec::new();
    for &input in &network.main().inputs {
        let tensor = network.tensor(input);
        layers.push(json!({"name": tensor.name, "type": "input", "shape": sizes(network, input)}));
    }
    let mut connections = Vec::new();
    for &id in &network.main().layers {
        let layer = network.layer(id);
        if matches!(layer.op, Op::Constant { .. } | Op::ConstantOfShape { .. }) {
            continue;
        }
        let mut fields = Map::new();
        fields.insert("name".into(), json!(layer.name));
        fields.insert("type".into(), json!(kind(layer)));
        for (key, value) in &layer.attributes {
            fields.insert(key.clone(), attribute(value));
        }
        if let Op::Conv { .. } | Op::Gemm { .. } | Op::MatMul = &layer.op {
            weights(network, layer, &mut fields);
        }
        if let Some(shape) = layer
            .outputs
            .first()
            .copied()
            .flatten()
            .and_then(|t| sizes(network, t))
        {
            fields.insert("shape".into(), json!(shape));
        }
        fields.insert("parameters".into(), json!(cost.layers[id.0 as usize].parameters));
        layers.push(Value::Object(fields));
        for &input in layer.inputs.iter().flatten() {
            let tensor = network.tensor(input);
            let from = match tensor.producer {
                Some(p) if tensor.data.is_none() => Some(network.layer(p).name.clone()),
                _ => network
                    .main()
                    .inputs
                    .contains(&input)
                    .then(|| tensor.name.clone()),
            };
            if let Some(from) = from {
                connections.push(json!({"from": from, "to": layer.name}));
            }
        }
    }
    let document = json!({"name": network.name, "layers": layers, "connections": connections});
    serde_json::to_vec_pretty(&document).map_err(|e| Fault::new("document", e.to_string()))
}

/// Sizes of a tensor, free ones as null.
fn sizes(network: &Network, tensor: TensorId) -> Option<Vec<Option<u64>>> {
    Some(
        network
            .tensor(tensor)
            .spec
            .dims()?
            .iter()
            .map(|d| d.known())
            .collect(),
    )
}

fn kind(layer: &model::Layer) -> String {
    let spatial = match &layer.op {
        Op::MaxPool { window, .. } | Op::AveragePool { window, .. } => window.kernel.len(),
        _ => 2,
    };
    match (&layer.op, layer.kind.as_str()) {
        (Op::Conv { .. }, "Conv") => "conv2d".into(),
        (Op::MaxPool { .. }, "MaxPool") => format!("maxpool{spatial}d"),
        (Op::AveragePool { .. }, "AveragePool") => format!("avgpool{spatial}d"),
        (Op::GlobalAveragePool, "GlobalAveragePool") => "globalavgpool2d".into(),
        (Op::Gemm { .. }, "Gemm") => "dense".into(),
        (Op::BatchNorm { .. }, "BatchNormalization") => "batchnorm".into(),
        (_, kind) => kind.to_ascii_lowercase(),
    }
}

/// What the weights say and the attributes of other formats do not.
fn weights(network: &Network, layer: &model::Layer, fields: &mut Map<String, Value>) {
    let weight = layer
        .inputs
        .get(1)
        .copied()
        .flatten()
        .and_then(|t| sizes(network, t));
    let Some(weight) = weight else { return };
    let at = |i: usize| weight.get(i).copied().flatten();
    let mut state = |key: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|_| !fields.contains_key(key)) {
            fields.insert(key.to_string(), value);
        }
    };
    match &layer.op {
        Op::Conv { window, groups } => {
            state("filters", at(0).map(|n| json!(n)));
            state("kernel_size", weight.get(2..).map(|k| json!(k)));
            state(
                "strides",
                (!window.strides.is_empty()).then(|| json!(window.strides)),
            );
            state("groups", Some(json!(groups)));
            state(
                "use_bias",
                Some(json!(layer.inputs.get(2).is_some_and(Option::is_some))),
            );
        }
        Op::Gemm { trans_b, .. } => {
            state("units", at(if *trans_b { 0 } else { 1 }).map(|n| json!(n)));
            state(
                "use_bias",
                Some(json!(layer.inputs.get(2).is_some_and(Option::is_some))),
            );
        }
        _ => {}
    }
}

fn attribute(value: &Attribute) -> Value {
    match value {
        Attribute::Int(v) => json!(v),
        Attribute::Float(v) => json!(v),
        // Truth values are kept as text inside.
        Attribute::String(v) if v == "true" || v == "false" => json!(v == "true"),
        Attribute::String(v) => json!(v),
        Attribute::Ints(v) => json!(v),
        Attribute::Floats(v) => json!(v),
        Attribute::Strings(v) => json!(v),
        Attribute::Tensor(v) => json!(v.spec().to_string()),
    }
}
