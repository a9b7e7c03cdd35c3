//! `layerscope inspect`: layers, shapes, cost and warnings of a model file.

use std::path::Path;

use model::{Bindings, Network};
use serde_json::{Value, json};

use crate::Failure;

/// Prints what a file holds, for people or as JSON.
pub fn inspect(file: &Path, as_json: bool, bindings: &[(String, u64)]) -> Result<(), Failure> {
    let network = formats::open(file)?;
    let mut bound = model::cost::default_bindings(&network);
    bound.extend(bindings.iter().cloned());
    let told = crate::text::told(&network, file);
    if as_json {
        let mut document = document(&network, &bound);
        document["text"] = json!(told);
        crate::print(&format!("{document:#}"))
    } else {
        crate::print(&text(&network, &bound, told.as_deref()))
    }
}

/// The JSON document.
pub fn document(network: &Network, bindings: &Bindings) -> Value {
    let cost = model::cost::cost(network, bindings);
    let name = |t: &Option<model::TensorId>| t.map(|t| network.tensor(t).name.clone());
    let layers: Vec<Value> = network
        .layers
        .iter()
        .zip(&cost.layers)
        .map(|(layer, cost)| {
            let shape = layer.outputs.first().copied().flatten().and_then(|t| sizes(network, t));
            json!({
                "name": layer.name,
                "op": layer.kind,
                "scope": network.scopes.path(layer.scope),
                "inputs": layer.inputs.iter().map(name).collect::<Vec<_>>(),
                "outputs": layer.outputs.iter().map(name).collect::<Vec<_>>(),
                "shape": shape,
                "attributes": layer.attributes.iter().map(|(k, v)| (k.clone(), json!(v.to_string()))).collect::<serde_json::Map<_, _>>(),
                "parameters": cost.parameters,
                "buffers": cost.buffers,
                "macs": cost.macs,
                "flops": cost.flops,
                "activation_bytes": cost.activation_bytes,
            })
        })
        .collect();
    let tensors = |ids: &[model::TensorId]| -> Vec<Value> {
        let one = |&t: &model::TensorId| {
            let tensor = network.tensor(t);
            json!({"name": tensor.name, "dtype": tensor.spec.dtype.name(), "shape": sizes(network, t)})
        };
        ids.iter().map(one).collect()
    };
    json!({
        "name": network.name,
        "format": network.format,
        "metadata": network.metadata.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<serde_json::Map<_, _>>(),
        "bindings": bindings,
        "inputs": tensors(&network.main().inputs),
        "outputs": tensors(&network.main().outputs),
        "parameters": cost.total.parameters,
        "buffers": cost.total.buffers,
        "macs": cost.total.macs,
        "flops": cost.total.flops,
        "activation_bytes": cost.total.activation_bytes,
        "peak_activation_bytes": cost.peak_activation_bytes,
        "unknown_layers": cost.unknown.iter().map(|&l| network.layer(l).name.clone()).collect::<Vec<_>>(),
        "warnings": network.warnings,
        "layers": layers,
    })
}

/// Numbers where known, the expression as text where not.
fn sizes(network: &Network, tensor: model::TensorId) -> Option<Vec<Value>> {
    let dims = network.tensor(tensor).spec.dims()?;
    Some(
        dims.iter()
            .map(|d| d.known().map_or_else(|| json!(d.to_string()), |n| json!(n)))
            .collect(),
    )
}

fn text(network: &Network, bindings: &Bindings, told: Option<&str>) -> String {
    let cost = model::cost::cost(network, bindings);
    let mut out = format!("{}  ({})\n\n", network.name, network.format);
    let width = |of: fn(&model::Layer) -> &String, most: usize| {
        network
            .layers
            .iter()
            .map(|l| of(l).chars().count())
            .max()
            .unwrap_or(0)
            .clamp(5, most)
    };
    let (names, kinds) = (width(|l| &l.name, 48), width(|l| &l.kind, 24));
    let row = |name: &str, kind: &str, shape: &str, parameters: &str, macs: &str, bytes: &str| {
        format!(
            "{:names$}  {:kinds$}  {shape:28}  {parameters:>12}  {macs:>14}  {bytes:>10}\n",
            fit(name, names),
            fit(kind, kinds)
        )
    };
    out += &row("layer", "op", "output", "parameters", "MACs", "memory");
    for (layer, cost) in network.layers.iter().zip(&cost.layers) {
        let shape = layer.outputs.first().copied().flatten().map(|t| {
            let spec = network.tensor(t).spec.to_string();
            spec.split_once(' ').map_or(String::new(), |(_, s)| s.to_string())
        });
        let (macs, bytes) = (
            optional(cost.macs, count),
            optional(cost.activation_bytes, memory),
        );
        out += &row(
            &layer.name,
            &layer.kind,
            &shape.unwrap_or_default(),
            &count(cost.parameters),
            &macs,
            &bytes,
        );
    }
    out += &format!("\nparameters              {}\n", count(cost.total.parameters));
    out += &format!("buffers                 {}\n", count(cost.total.buffers));
    out += &format!("multiply-accumulates    {}\n", optional(cost.total.macs, count));
    out += &format!("floating-point ops      {}\n", optional(cost.total.flops, count));
    out += &format!(
        "activations             {}\n",
        optional(cost.total.activation_bytes, memory)
    );
    out += &format!(
        "peak activation memory  {}\n",
        optional(cost.peak_activation_bytes, memory)
    );
    if let Some(told) = told {
        out += &format!("text                    {told}\n");
    }
    if !bindings.is_empty() {
        let bound: Vec<String> = bindings.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        out += &format!("for                     {}\n", bound.join(", "));
    }
    if !cost.unknown.is_empty() {
        out += &format!(
            "{} layers have unknown sizes and are not in these sums; --bind NAME=SIZE sets a symbol\n",
            cost.unknown.len()
        );
    }
    for warning in &network.warnings {
        out += &format!("warning: {warning}\n");
    }
    out
}

/// The end of a text that is too long.
fn fit(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_string();
    }
    format!("…{}", text.chars().skip(count - width + 1).collect::<String>())
}

fn optional(n: Option<u64>, show: fn(u64) -> String) -> String {
    n.map_or("?".into(), show)
}

/// `25,557,032`.
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// `6.1 MiB`.
fn memory(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut at = 0;
    let mut value = bytes as f64;
    while value >= 1024.0 && at + 1 < units.len() {
        value /= 1024.0;
        at += 1;
    }
    if at == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", units[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(25_557_032), "25,557,032");
        assert_eq!(count(7), "7");
        assert_eq!(memory(512), "512 B");
        assert_eq!(memory(6_422_528), "6.1 MiB");
    }
}
