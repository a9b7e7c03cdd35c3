//! TensorFlow.js models: `model.json` with its weights in shards beside it.
//!
//! A layers model is a Keras configuration ([`crate::keras`]). A graph model is a frozen TensorFlow
//! graph: its nodes become operators where they are known.

mod graph;
mod manifest;
mod nodes;

use bytes::Bytes;
use model::Network;
use serde_json::Value;

use crate::error::Fault;
use crate::{Source, json, keras};

/// Where the key that tells these files from other JSON is looked for.
const HEAD: usize = 64 << 20;

/// True for `model.json` files.
pub(crate) fn recognises(bytes: &Bytes) -> bool {
    let key = b"\"modelTopology\"";
    json::recognises(bytes)
        && bytes[..bytes.len().min(HEAD)]
            .windows(key.len())
            .any(|w| w == key)
}

/// Reads a model; weights come from its own folder only.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    let document: Value = serde_json::from_slice(&source.bytes).map_err(|e| {
        let place = format!("line {} column {}", e.line(), e.column());
        Fault::new(place, format!("expected JSON: {e}"))
    })?;
    let topology = document.get("modelTopology").unwrap_or(&Value::Null);
    let stored = manifest::read(&document, source.folder)?;
    let state = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").to_string();
    let mut network = if topology.get("node").is_some() {
        graph::network(topology, &stored.tensors, source.stem)?
    } else {
        let config = topology.get("model_config").unwrap_or(topology);
        let version = state(topology, "keras_version");
        keras::of_names(
            config,
            &stored.tensors,
            source.stem,
            "TensorFlow.js layers",
            &version,
        )?
    };
    for (key, name) in [("generatedBy", "producer"), ("convertedBy", "converter")] {
        let found = state(&document, key);
        if !found.is_empty() {
            network.metadata.push((name.into(), found));
        }
    }
    network.warnings.extend(stored.warnings);
    Ok(network)
}
