//! Shape inference: every tensor's spec from the inputs on, constants folded, parameters told
//! from constants.

mod kinds;
mod roles;
mod shapes;
mod values;

use std::collections::HashMap;
use std::sync::Arc;

use crate::network::TensorKind;
use crate::op::Op;
use crate::{DType, Dim, GraphId, LayerId, Network, Payload, TensorData, TensorId, TensorSpec};

use values::Item;

/// Largest integer tensor whose elements are followed through the graph.
const MAX_FOLLOWED: usize = 256;

/// What the rules know about the tensors so far.
struct Facts<'a> {
    network: &'a Network,
    /// Elements of small integer tensors.
    items: HashMap<TensorId, Vec<Item>>,
}

impl Facts<'_> {
    fn spec(&self, id: TensorId) -> &TensorSpec {
        &self.network.tensor(id).spec
    }
}

/// Fills in every tensor's spec, folds what the graph builds from constants, names axis roles,
/// tells parameters from constants, and builds the scopes. Contradictions become warnings.
pub fn infer(network: &mut Network) {
    let mut items = HashMap::new();
    for (i, tensor) in network.tensors.iter().enumerate() {
        if let Some(data) = &tensor.data
            && let Some(known) = values::of_data(data)
        {
            items.insert(TensorId(i as u32), known);
        }
    }
    graph(network, GraphId(0), &mut items);
    kinds::assign(network);
    roles::assign(network);
    crate::scopes::build(network);
}

fn graph(network: &mut Network, graph_id: GraphId, items: &mut HashMap<TensorId, Vec<Item>>) {
    for layer in network.graph(graph_id).layers.clone() {
        for (_, inner) in network.layer(layer).subgraphs.clone() {
            graph(network, inner, items);
        }
        let facts = Facts {
            network,
            items: std::mem::take(items),
        };
        let specs = shapes::outputs(&facts, layer);
        let known = values::output(&facts, layer);
        *items = facts.items;
        if let (Some(known), Some(&Some(output))) = (known, network.layer(layer).outputs.first()) {
            items.insert(output, known);
        }
        fold(network, layer);
        match specs {
            Ok(specs) => merge(network, layer, specs),
            Err(problem) => {
                let layer = network.layer(layer);
                let sentence = format!("layer {:?} ({}): {problem}", layer.name, layer.kind);
                network.warnings.push(sentence);
            }
        }
    }
}

/// Gives a constant's tensor its values.
fn fold(network: &mut Network, layer: LayerId) {
    let Some(&Some(output)) = network.layer(layer).outputs.first() else {
        return;
    };
    let data = match &network.layer(layer).op {
        Op::Constant { value } => Some(value.clone()),
        Op::ConstantOfShape { value } => {
            let shape = network.layer(layer).inputs.first().copied().flatten();
            let shape = shape
                .and_then(|s| network.tensor(s).data.as_ref())
                .and_then(|d| d.to_i64());
            let shape: Option<Vec<u64>> =
                shape.and_then(|s| s.into_iter().map(|d| u64::try_from(d).ok()).collect());
            let fits = |s: &Vec<u64>| {
                s.iter()
                    .try_fold(1u64, |p, &d| p.checked_mul(d))
                    .is_some_and(|n| n < 1 << 40)
            };
            let one = match &value.payload {
                Payload::Bytes(b) | Payload::Splat(b) => b.clone(),
                Payload::Strided(s) => s.bytes().clone(),
                Payload::Blocks(b) => b.bytes().clone(),
            };
            shape.filter(fits).map(|shape| TensorData {
                dtype: value.dtype,
                shape,
                payload: Payload::Splat(one),
            })
        }
        _ => None,
    };
    if let Some(data) = data {
        network.tensors[output.0 as usize].data = Some(Arc::new(data));
    }
}

/// Refines the stated specs of a layer's outputs.
fn merge(network: &mut Network, layer: LayerId, specs: Vec<Option<TensorSpec>>) {
    let outputs = network.layer(layer).outputs.clone();
    for (output, inferred) in outputs.into_iter().zip(specs) {
        let (Some(id), Some(inferred)) = (output, inferred) else {
            continue;
        };
        let tensor = &mut network.tensors[id.0 as usize];
        let stated = std::mem::replace(&mut tensor.spec, TensorSpec::unknown());
        let conflict = contradicts(&stated, &inferred);
        tensor.spec = join(&stated, &inferred);
        if conflict {
            let sentence = format!(
                "tensor {:?}: the file states {stated}, its layer gives {inferred}",
                tensor.name
            );
            network.warnings.push(sentence);
        }
    }
}

fn contradicts(a: &TensorSpec, b: &TensorSpec) -> bool {
    let (Some(x), Some(y)) = (a.dims(), b.dims()) else {
        return false;
    };
    x.len() != y.len()
        || x.iter()
            .zip(&y)
            .any(|(x, y)| matches!((x, y), (Dim::Known(p), Dim::Known(q)) if p != q))
}

/// What is inferred, completed by what is stated.
fn join(stated: &TensorSpec, inferred: &TensorSpec) -> TensorSpec {
    let dtype = if inferred.dtype == DType::Unknown {
        stated.dtype
    } else {
        inferred.dtype
    };
    let dims = match (stated.dims(), inferred.dims()) {
        (Some(s), Some(i)) if s.len() == i.len() => {
            let one = |(s, i): (&Dim, &Dim)| match (s, i) {
                (Dim::Known(_), Dim::Symbol(_) | Dim::Expr(_) | Dim::Unknown) => s.clone(),
                (_, Dim::Unknown) => s.clone(),
                _ => i.clone(),
            };
            Some(s.iter().zip(&i).map(one).collect::<Vec<_>>())
        }
        (s, i) => i.or(s),
    };
    match dims {
        Some(dims) => TensorSpec::new(dtype, dims),
        None => TensorSpec { axes: None, dtype },
    }
}

/// The layer inputs' kinds are looked at by several passes.
fn is_stored(network: &Network, id: TensorId) -> bool {
    let tensor = network.tensor(id);
    tensor.data.is_some()
        || matches!(
            tensor.kind,
            TensorKind::Parameter | TensorKind::Buffer | TensorKind::Constant
        )
}
