//! Entries in flow order to a network.

use std::sync::Arc;

use model::network::TensorKind;
use model::op::{Attribute, Attributes, Op};
use model::{DType, Dim, Graph, GraphId, Layer, Network, ScopeId, Tensor, TensorId, TensorSpec};
use serde_json::Value;

use super::layer::{self, Made, Padding};
use super::{Entry, shape};
use crate::error::Fault;

/// Sizes without the batch, or nothing.
pub(super) type Sizes = Option<Vec<Dim>>;

pub(super) fn build(name: &str, entries: &[Entry], order: &[usize]) -> Result<Network, Fault> {
    let mut network = Network {
        name: name.to_string(),
        format: "layerscope JSON".into(),
        graphs: vec![Graph::default()],
        ..Network::default()
    };
    let mut outputs: Vec<TensorId> = vec![TensorId(0); entries.len()];
    let mut sizes: Vec<Sizes> = vec![None; entries.len()];
    let mut read = vec![false; entries.len()];
    for &i in order {
        let entry = &entries[i];
        entry.from.iter().for_each(|&f| read[f] = true);
        let given: Vec<Sizes> = entry.from.iter().map(|&f| sizes[f].clone()).collect();
        let stated = shape::stated(entry, "shape")?;
        let made = choose(entry, &given, stated.as_deref())?;
        sizes[i] = made.sizes.clone();
        check(&mut network, entry, &made, stated.as_deref());
        let spec = match &sizes[i] {
            Some(sizes) => {
                let batch = std::iter::once(Dim::Symbol("N".into()));
                TensorSpec::new(DType::F32, batch.chain(sizes.iter().cloned()))
            }
            None => TensorSpec {
                axes: None,
                dtype: DType::F32,
            },
        };
        outputs[i] = network.add_tensor(Tensor {
            name: entry.name.to_string(),
            spec,
            kind: if made.op == Op::Input {
                TensorKind::Input
            } else {
                TensorKind::Activation
            },
            data: None,
            producer: None,
        });
        if made.op == Op::Input {
            network.graphs[0].inputs.push(outputs[i]);
            continue;
        }
        add(
            &mut network,
            entry,
            made,
            entry.from.iter().map(|&f| outputs[f]).collect(),
            outputs[i],
        );
    }
    let last = (0..entries.len()).filter(|&i| !read[i]).map(|i| outputs[i]);
    network.graphs[0].outputs = last.collect();
    Ok(network)
}

/// The layer with the padding that agrees with the stated shape, where none is stated.
fn choose(entry: &Entry, given: &[Sizes], stated: Option<&[Option<u64>]>) -> Result<Made, Fault> {
    let plain = layer::make(entry, given, Padding::Valid)?;
    let Some(stated) = stated.filter(|_| plain.padding_open) else {
        return Ok(plain);
    };
    if fits(&plain, stated) {
        return Ok(plain);
    }
    let same = layer::make(entry, given, Padding::Same)?;
    Ok(if fits(&same, stated) { same } else { plain })
}

fn fits(made: &Made, stated: &[Option<u64>]) -> bool {
    let Some(sizes) = &made.sizes else { return true };
    let stated = shape::without_batch(stated, Some(sizes.len()));
    shape::agrees(stated, sizes) || shape::agrees(&shape::channels_first(stated), sizes)
}

/// Reports what the file states and the inference denies.
fn check(network: &mut Network, entry: &Entry, made: &Made, stated: Option<&[Option<u64>]>) {
    if let (Some(stated), Some(sizes)) = (stated, &made.sizes)
        && made.op != Op::Input
        && !fits(made, stated)
    {
        let show = |s: &[Option<u64>]| {
            s.iter()
                .map(|d| d.map_or("?".into(), |n| n.to_string()))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let inferred: Vec<String> = sizes.iter().map(Dim::to_string).collect();
        let sentence = format!(
            "layer {:?}: the file states the shape [{}], its settings give [{}] (without batch, channels first)",
            entry.name,
            show(stated),
            inferred.join(", ")
        );
        network.warnings.push(sentence);
    }
    let mut counted = made.weights.iter().filter(|w| w.1 == TensorKind::Parameter);
    let counted = counted.try_fold(0u64, |n, w| n.checked_add(w.2.elements(&Default::default())?));
    let stated = entry.fields.get("parameters").and_then(Value::as_u64);
    if let (Some(stated), Some(counted)) = (stated, counted)
        && stated != counted
    {
        let sentence = format!(
            "layer {:?}: the file states {stated} parameters, its settings give {counted}",
            entry.name
        );
        network.warnings.push(sentence);
    }
    if let Op::Other { name, .. } = &made.op {
        network.warnings.push(format!(
            "layer {:?}: the type {name:?} is not known; it is shown as it is",
            entry.name
        ));
    }
}

fn add(network: &mut Network, entry: &Entry, made: Made, from: Vec<TensorId>, output: TensorId) {
    let mut inputs: Vec<Option<TensorId>> = from.into_iter().map(Some).collect();
    for (suffix, kind, spec) in made.weights {
        let weight = Tensor {
            name: format!("{}.{suffix}", entry.name),
            spec,
            kind,
            data: None,
            producer: None,
        };
        inputs.push(Some(network.add_tensor(weight)));
    }
    for (suffix, data) in made.constants {
        let constant = Tensor {
            name: format!("{}.{suffix}", entry.name),
            spec: data.spec(),
            kind: TensorKind::Constant,
            data: Some(Arc::new(data)),
            producer: None,
        };
        inputs.push(Some(network.add_tensor(constant)));
    }
    let hidden = ["name", "type", "shape", "parameters"];
    let attributes: Attributes = entry
        .fields
        .iter()
        .filter(|(k, _)| !hidden.contains(&k.as_str()))
        .filter_map(|(k, v)| Some((k.clone(), attribute(v)?)))
        .collect();
    network.graphs[0]
        .layers
        .push(model::LayerId(network.layers.len() as u32));
    network.layers.push(Layer {
        name: entry.name.to_string(),
        op: made.op,
        kind: entry.kind.to_string(),
        inputs,
        outputs: vec![Some(output)],
        attributes,
        activation: made.activation,
        subgraphs: Vec::new(),
        graph: GraphId(0),
        scope: ScopeId(0),
    });
}

/// Any JSON value as an attribute; objects and mixed lists as their text.
fn attribute(value: &Value) -> Option<Attribute> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(b) => Attribute::String(b.to_string()),
        Value::Number(n) => match n.as_i64() {
            Some(i) => Attribute::Int(i),
            None => Attribute::Float(n.as_f64()? as f32),
        },
        Value::String(s) => Attribute::String(s.clone()),
        Value::Array(list) => match list.iter().map(Value::as_i64).collect() {
            Some(ints) => Attribute::Ints(ints),
            None => Attribute::String(value.to_string()),
        },
        Value::Object(_) => Attribute::String(value.to_string()),
    })
}
