//! Keras models: HDF5 files of Keras 1 to 3, `.keras` archives, and files of weights alone.
//!
//! The structure comes from the configuration, the values from HDF5. Keras keeps channels last;
//! the network here is channels first (see [`crate::channels`]). Code in files (`Lambda`, custom
//! classes) is shown and never run.

mod activation;
mod at;
mod config;
mod graph;
mod hdf5;
mod layers;
mod weights;

use bytes::Bytes;
use model::Network;
use serde_json::Value;

use crate::archive::Archive;
use crate::error::Fault;
use crate::weights::Named;
use crate::{Source, archive};

/// True for HDF5 files.
pub(crate) fn recognises_hdf5(bytes: &Bytes) -> bool {
    bytes.starts_with(hdf5::MAGIC)
}

/// True for `.keras` archives.
pub(crate) fn recognises_archive(bytes: &Bytes) -> bool {
    archive::holds(bytes, |name| name == "config.json")
        && archive::holds(bytes, |name| name == "metadata.json")
}

fn json(place: &str, text: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(text).map_err(|e| Fault::new(place, format!("expected JSON: {e}")))
}

/// True from Keras 3 on.
fn keras3(version: &str) -> bool {
    version
        .split('.')
        .next()
        .and_then(|v| v.parse::<u32>().ok())
        .is_some_and(|v| v >= 3)
}

/// Reads an HDF5 file: a whole model, or weights alone.
pub(crate) fn read_hdf5(source: &Source) -> Result<Network, Fault> {
    let mut contents = hdf5::read(source.bytes.clone())?;
    let version = contents.root.get("keras_version").cloned().unwrap_or_default();
    let Some(config) = contents.root.get("model_config") else {
        return weights_alone(source.stem, contents);
    };
    let document = json("attribute \"model_config\"", config.as_bytes())?;
    let model = config::model(&document)?;
    let weights = weights::of_lists(&model, "model_weights", &contents);
    let format = format!("Keras {version} HDF5").replace("  ", " ");
    let name = if model.name.is_empty() {
        source.stem
    } else {
        &model.name
    };
    let mut network = graph::network(&model, &weights, name, &format, keras3(&version))?;
    if let Some(backend) = contents.root.remove("backend") {
        network.metadata.push(("backend".into(), backend));
    }
    network.warnings.extend(weights.warnings);
    network.warnings.extend(contents.warnings);
    Ok(network)
}

/// Reads a `.keras` archive.
pub(crate) fn read_archive(source: &Source) -> Result<Network, Fault> {
    let zip = Archive::open(&source.bytes)?;
    let document = json("config.json", &zip.read("config.json")?)?;
    let metadata = json("metadata.json", &zip.read("metadata.json")?)?;
    let state = |key: &str| {
        metadata
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_string()
    };
    let version = state("keras_version");
    let model = config::model(&document)?;
    let (mut weights, mut warnings) = (weights::Weights::default(), Vec::new());
    match zip.find("model.weights.h5") {
        Some(_) => {
            let contents =
                hdf5::read(zip.read("model.weights.h5")?).map_err(|f| f.within("model.weights.h5"))?;
            weights = weights::of_tree(&model, &contents);
            warnings = contents.warnings;
        }
        None => warnings.push("the archive has no weights (model.weights.h5)".into()),
    }
    let format = format!("Keras {version} archive").replace("  ", " ");
    let name = if model.name.is_empty() {
        source.stem
    } else {
        &model.name
    };
    let mut network = graph::network(&model, &weights, name, &format, keras3(&version))?;
    network.metadata.push(("saved".into(), state("date_saved")));
    network.warnings.extend(weights.warnings);
    network.warnings.extend(warnings);
    Ok(network)
}

/// The network of a configuration whose weights have names of their own (TensorFlow.js).
pub(crate) fn of_names(
    document: &Value,
    named: &std::collections::BTreeMap<String, model::TensorData>,
    stem: &str,
    format: &str,
    version: &str,
) -> Result<Network, Fault> {
    let model = config::model(document)?;
    let weights = weights::of_names(&model, named);
    let name = if model.name.is_empty() { stem } else { &model.name };
    graph::network(&model, &weights, name, format, keras3(version))
}

/// Weights without a configuration, layers named as the file names them.
fn weights_alone(stem: &str, contents: hdf5::Contents) -> Result<Network, Fault> {
    if contents.datasets.is_empty() {
        return Err(Fault::new("", "an HDF5 file without a Keras model or weights"));
    }
    let mut named: Vec<Named> = Vec::with_capacity(contents.datasets.len());
    for (path, data) in contents.datasets {
        // `layers/conv2d_1/vars/0` of the layer "block1_conv2" is block1_conv2/0.
        let (group, variable) = path.rsplit_once('/').unwrap_or(("", &path));
        let mut name = path.clone();
        if let Some(layer) = contents.names.get(group) {
            let around = group.strip_suffix("vars").unwrap_or(group).trim_end_matches('/');
            let around: Vec<&str> = around.split('/').filter(|p| *p != "layers").collect();
            let around = around.split_last().map_or(String::new(), |(_, a)| {
                a.iter().map(|p| format!("{p}/")).collect()
            });
            name = format!("{around}{layer}/{variable}");
        }
        named.push(Named::new(name, data));
    }
    let mut seen = std::collections::HashSet::new();
    named
        .iter_mut()
        .filter(|n| !seen.insert(n.name.clone()))
        .enumerate()
        .for_each(|(i, n)| n.name = format!("{}#{i}", n.name));
    named.sort_by(|a, b| crate::weights::natural_order(&a.name, &b.name));
    let mut network = crate::weights::network(stem, "Keras weights (HDF5)", named);
    network.warnings.extend(contents.warnings);
    Ok(network)
}
