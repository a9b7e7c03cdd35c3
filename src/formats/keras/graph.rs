//! A configuration with its weights to a network.

use std::collections::HashMap;

use model::network::TensorKind;
use model::op::Op;
use model::{DType, LayerId, Network};
use serde_json::Value;

use super::at::{At, Reader, dtype};
use super::config::{Call, Layer, Model, Ref, shape};
use super::layers;
use super::weights::Weights;
use crate::channels::{Builder, Flow, Node, Order, Sizes};
use crate::error::Fault;

/// Most outputs of a layer that is not known.
const MAX_OUTPUTS: usize = 64;

/// The network of `model`. `format` is what [`Network::format`] says.
pub(super) fn network(
    model: &Model,
    weights: &Weights,
    name: &str,
    format: &str,
    keras3: bool,
) -> Result<Network, Fault> {
    let mut reader = Reader {
        b: Builder::new(name, format),
        weights,
        keras3,
    };
    let inputs = inputs(&mut reader, model);
    let outputs = run(&mut reader, model, "", inputs)?;
    let mut network = reader.b.finish(outputs);
    tokens(&mut network);
    Ok(network)
}

/// Graph inputs, one for each input layer.
fn inputs(r: &mut Reader, model: &Model) -> Vec<Flow> {
    let stated = |layer: &Layer| {
        let keys = ["batch_shape", "batch_input_shape"];
        keys.iter().find_map(|k| shape(layer.config.get(*k)?))
    };
    let kind = |layer: &Layer| {
        layer
            .config
            .get("dtype")
            .and_then(Value::as_str)
            .map_or(DType::F32, dtype)
    };
    if model.sequential {
        let first = model.layers.first();
        let name = first
            .filter(|l| l.class == "InputLayer")
            .map_or("input", |l| &l.name);
        let shape = first.and_then(stated).or_else(|| entry(model));
        let dtype = first.filter(|l| l.class == "InputLayer").map_or(DType::F32, kind);
        return vec![r.b.input(name, dtype, shape)];
    }
    let mut flows = Vec::new();
    for end in &model.inputs {
        let layer = model.layers.iter().find(|l| l.name == end.layer);
        let dtype = layer.map_or(DType::F32, kind);
        flows.push(r.b.input(&end.layer, dtype, layer.and_then(stated)));
    }
    flows
}

/// The shape that a sequential model's first layers state.
fn entry(model: &Model) -> Option<Sizes> {
    let mut model = model;
    loop {
        if let Some(shape) = &model.input_shape {
            return Some(shape.clone());
        }
        let first = model.layers.first()?;
        let keys = ["batch_shape", "batch_input_shape"];
        if let Some(found) = keys.iter().find_map(|k| shape(first.config.get(*k)?)) {
            return Some(found);
        }
        match &first.inner {
            Some(inner) => model = inner,
            None => return first.input_shape.clone(),
        }
    }
}

fn run(r: &mut Reader, model: &Model, prefix: &str, inputs: Vec<Flow>) -> Result<Vec<Flow>, Fault> {
    match model.sequential {
        true => chain(r, model, prefix, inputs),
        false => functional(r, model, prefix, inputs),
    }
}

fn chain(r: &mut Reader, model: &Model, prefix: &str, mut flows: Vec<Flow>) -> Result<Vec<Flow>, Fault> {
    let call = Call::default();
    for layer in &model.layers {
        if layer.class == "InputLayer" {
            continue;
        }
        for flow in &mut flows {
            if flow.shape.is_none() {
                flow.shape = layer.input_shape.clone();
            }
        }
        flows = apply(r, layer, &call, prefix, &flows, 1)?;
    }
    Ok(flows)
}

fn join(prefix: &str, name: &str) -> String {
    match prefix {
        "" => name.to_string(),
        _ => format!("{prefix}/{name}"),
    }
}

/// One use of a layer or of an inner model.
fn apply(
    r: &mut Reader,
    layer: &Layer,
    call: &Call,
    prefix: &str,
    inputs: &[Flow],
    outputs: usize,
) -> Result<Vec<Flow>, Fault> {
    let path = join(prefix, &layer.name);
    if let Some(inner) = &layer.inner {
        return run(r, inner, &path, inputs.to_vec());
    }
    let at = At {
        layer,
        path,
        part: String::new(),
        call,
    };
    if let Some(made) = layers::layer(r, &at, inputs)? {
        return Ok(made);
    }
    let why = match super::weights::slots(layer) {
        _ if layer.class == "Lambda" => "is code in the file, which is never run",
        Some(_) => "has settings that cannot be computed",
        None => "is not known",
    };
    r.b.note_unknown(&layer.class, why);
    generic(r, &at, inputs, outputs)
}

/// The layer as it is: its inputs and its weights, and nothing said about what it gives.
fn generic(r: &mut Reader, at: &At, inputs: &[Flow], outputs: usize) -> Result<Vec<Flow>, Fault> {
    let mut read: Vec<_> = inputs.iter().map(|f| Some(f.tensor)).collect();
    let weights = r.weights;
    for (role, data) in weights.all(&at.path) {
        read.push(Some(
            r.b.stored(&format!("{}/{role}", at.path), || Ok(data.clone()))?,
        ));
    }
    let made = r.b.add(Node {
        name: at.path.clone(),
        kind: at.class().to_string(),
        op: Op::Other {
            name: at.class().to_string(),
            domain: "keras".into(),
        },
        inputs: read,
        outputs: outputs.clamp(1, MAX_OUTPUTS),
        attributes: at.attributes(),
        activation: None,
    })?;
    Ok(made.into_iter().map(|t| r.b.flow(t, None, Order::File)).collect())
}

/// Arguments by name in the order in which layers take them by place.
const NAMED: &[&str] = &[
    "query",
    "inputs",
    "x",
    "x1",
    "sequence",
    "value",
    "x2",
    "key",
    "initial_state",
];

fn functional(r: &mut Reader, model: &Model, prefix: &str, given: Vec<Flow>) -> Result<Vec<Flow>, Fault> {
    let place = || match prefix {
        "" => "model configuration".to_string(),
        _ => format!("model {prefix:?}"),
    };
    let mut places = HashMap::new();
    for (i, layer) in model.layers.iter().enumerate() {
        if places.insert(layer.name.as_str(), i).is_some() {
            return Err(Fault::new(
                place(),
                format!("two layers are called {:?}; names must differ", layer.name),
            ));
        }
    }
    if given.len() != model.inputs.len() {
        let (wanted, found) = (model.inputs.len(), given.len());
        return Err(Fault::new(
            place(),
            format!("expected {wanted} inputs, found {found}"),
        ));
    }
    // Every use of every layer, in file order.
    let mut uses = Vec::new();
    let mut known: HashMap<(usize, usize), usize> = HashMap::new();
    for (i, layer) in model.layers.iter().enumerate() {
        for (k, call) in layer.calls.iter().enumerate() {
            if layer.class != "InputLayer" {
                known.insert((i, k), uses.len());
                uses.push((i, call));
            }
        }
    }
    let mut flows: HashMap<usize, Flow> = HashMap::new();
    for (end, flow) in model.inputs.iter().zip(given) {
        let at = places.get(end.layer.as_str()).copied();
        let at =
            at.ok_or_else(|| Fault::new(place(), format!("the input layer {:?} is not there", end.layer)))?;
        flows.insert(at, flow);
    }
    let shifted = shifted(r, model, &places);
    let source = |found: &Ref, end: bool| -> Result<Source, Fault> {
        let wrong = || {
            let (layer, call) = (&found.layer, found.call);
            Fault::new(
                place(),
                format!("use {call} of the layer {layer:?} is read, and is not there"),
            )
        };
        let at = *places.get(found.layer.as_str()).ok_or_else(wrong)?;
        if flows.contains_key(&at) {
            return Ok(Source::Input(at));
        }
        let shift = shifted.get(&at).map_or(0, |s| if end { s.1 } else { s.0 });
        let call = found.call.checked_sub(shift).ok_or_else(wrong)?;
        let at = known.get(&(at, call)).copied();
        Ok(Source::Use(at.ok_or_else(wrong)?))
    };
    let mut reads = Vec::with_capacity(uses.len());
    let mut outputs = vec![1usize; uses.len()];
    let mut feeds = vec![Vec::new(); uses.len()];
    let mut waits = vec![0usize; uses.len()];
    for (u, (_, call)) in uses.iter().enumerate() {
        let mut refs: Vec<&Ref> = call.inputs.iter().collect();
        let mut named: Vec<&(String, Vec<Ref>)> = call.named.iter().collect();
        named.sort_by_key(|(name, _)| NAMED.iter().position(|n| n == name).unwrap_or(NAMED.len()));
        refs.extend(named.iter().flat_map(|n| &n.1));
        let mut read = Vec::with_capacity(refs.len());
        for found in refs {
            let from = source(found, false)?;
            if let Source::Use(from) = from {
                feeds[from].push(u);
                waits[u] += 1;
                outputs[from] = outputs[from].max(found.output.saturating_add(1));
            }
            read.push((from, found));
        }
        reads.push(read);
    }
    let mut ready: std::collections::BinaryHeap<_> = (0..uses.len())
        .filter(|&u| waits[u] == 0)
        .map(std::cmp::Reverse)
        .collect();
    let mut made: Vec<Option<Vec<Flow>>> = vec![None; uses.len()];
    let fetch = |made: &[Option<Vec<Flow>>], from: &Source, found: &Ref| -> Result<Flow, Fault> {
        let flow = match from {
            Source::Input(at) => flows.get(at),
            Source::Use(u) => made[*u].as_ref().and_then(|m| m.get(found.output)),
        };
        let flow = flow.cloned().ok_or_else(|| {
            let (layer, output) = (&found.layer, found.output);
            Fault::new(
                place(),
                format!("output {output} of the layer {layer:?} is read, and is not there"),
            )
        })?;
        Ok(Flow {
            shape: flow.shape.or_else(|| found.shape.clone()),
            ..flow
        })
    };
    let mut done = 0;
    while let Some(std::cmp::Reverse(u)) = ready.pop() {
        let (i, call) = uses[u];
        let inputs = reads[u].iter().map(|(from, found)| fetch(&made, from, found));
        let inputs = inputs.collect::<Result<Vec<Flow>, Fault>>()?;
        made[u] = Some(apply(r, &model.layers[i], call, prefix, &inputs, outputs[u])?);
        done += 1;
        for &next in &feeds[u] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push(std::cmp::Reverse(next));
            }
        }
    }
    if done < uses.len() {
        let stuck = (0..uses.len()).filter(|&u| waits[u] > 0).take(8);
        let names: Vec<&str> = stuck.map(|u| model.layers[uses[u].0].name.as_str()).collect();
        return Err(Fault::new(
            place(),
            format!("expected no cycle, found one among {}", names.join(", ")),
        ));
    }
    let ends = model
        .outputs
        .iter()
        .map(|end| fetch(&made, &source(end, true)?, end));
    ends.collect()
}

/// By how much the uses of inner models are counted too far, where layers and where the outputs
/// name them. Such a model comes with a use of its own, which TensorFlow's Keras 2 counts
/// everywhere, and Keras 3 where a model names its outputs.
fn shifted(r: &Reader, model: &Model, places: &HashMap<&str, usize>) -> HashMap<usize, (usize, usize)> {
    let inner = |layer: &Layer| layer.inner.as_ref().is_some_and(|m| !m.sequential);
    let mut lowest: HashMap<usize, usize> = HashMap::new();
    let refs = model
        .layers
        .iter()
        .flat_map(|l| l.calls.iter().flat_map(Call::refs));
    for found in refs.chain(&model.outputs) {
        if let Some(&at) = places
            .get(found.layer.as_str())
            .filter(|at| inner(&model.layers[**at]))
        {
            let low = lowest.entry(at).or_insert(usize::MAX);
            *low = found.call.min(*low);
        }
    }
    let shift = |low: usize| {
        if r.keras3 {
            (0, 1)
        } else {
            (low.min(1), low.min(1))
        }
    };
    lowest.into_iter().map(|(at, low)| (at, shift(low))).collect()
}

/// Where a tensor comes from.
enum Source {
    /// The input layer with this number.
    Input(usize),
    /// The use with this number.
    Use(usize),
}

/// Inputs that only tables read are tokens, whatever element type the file notes for them.
fn tokens(network: &mut Network) {
    let consumers = network.consumers();
    for input in network.main().inputs.clone() {
        let looked_up = |l: &LayerId| {
            let layer = network.layer(*l);
            layer.op == Op::Embedding && layer.inputs.first() == Some(&Some(input))
        };
        let readers = &consumers[input.0 as usize];
        if !readers.is_empty() && readers.iter().all(looked_up) {
            network.tensors[input.0 as usize].spec.dtype = DType::I64;
        }
    }
    debug_assert!(
        network
            .main()
            .inputs
            .iter()
            .all(|&t| network.tensor(t).kind == TensorKind::Input)
    );
}
