//! Merging of layers for passes whose intermediates nobody wants: what is constant is computed once,
//! constants go into weights, written-out functions become one operator, and what follows a product
//! becomes part of it.
//!
//! The merged network computes the same outputs up to rounding. Tensors keep their ids; layers that
//! were merged away stay in the list of layers but in no graph.

mod constants;
mod follow;
mod written;

use std::collections::{HashMap, HashSet};

use model::op::Op;
use model::{Layer, LayerId, Network, Tensor, TensorData, TensorId, TensorKind, TensorSpec};

/// Layers that become one.
struct Merge {
    /// The layer that does the work of all.
    base: LayerId,
    /// What it is from now on; its outputs are those of `last`.
    layer: Layer,
    /// The layers that go, `last` among them.
    absorbed: Vec<LayerId>,
    /// The one whose place in the order it takes.
    last: LayerId,
    /// Stored tensors to add; the layer refers to them by [`Work::next`] and what follows.
    added: Vec<Tensor>,
}

/// Finds what can be merged around a layer.
type Rule = fn(&Work, LayerId) -> Option<Merge>;

/// Written-out functions first: what follows a product may be one of them.
const ROUNDS: [&[Rule]; 2] = [
    &[
        written::layer_norm,
        written::gelu,
        written::gate,
        written::hard_swish,
    ],
    &[follow::affine, follow::bias, follow::sum, follow::activation],
];

/// `network` with layers of its main graph merged; constant ones are run here, on the processor.
pub fn fuse(network: &Network) -> Network {
    let mut work = Work::new(constants::fold(network.clone()));
    for rules in ROUNDS {
        for place in 0..work.order.len() {
            while let Some(layer) = work.order[place] {
                let Some(merge) = rules.iter().find_map(|rule| rule(&work, layer)) else {
                    break;
                };
                work.merge(merge);
            }
        }
    }
    let order = work.order.into_iter().flatten().collect();
    work.network.graphs[0].layers = order;
    work.network
}

/// A network being merged, with who reads what.
struct Work {
    network: Network,
    order: Vec<Option<LayerId>>,
    places: HashMap<LayerId, usize>,
    /// Layers of the main graph by what they read, once for each time.
    readers: HashMap<TensorId, Vec<LayerId>>,
    /// Outputs, and what nested graphs read.
    kept: HashSet<TensorId>,
}

impl Work {
    fn new(network: Network) -> Self {
        let order: Vec<_> = network.main().layers.iter().copied().map(Some).collect();
        let places = order.iter().flatten().copied().zip(0..).collect();
        let mut readers: HashMap<TensorId, Vec<LayerId>> = HashMap::new();
        let mut kept: HashSet<TensorId> = network.main().outputs.iter().copied().collect();
        for &id in network.main().layers.iter() {
            let layer = network.layer(id);
            for t in layer.inputs.iter().flatten() {
                readers.entry(*t).or_default().push(id);
            }
            if !layer.subgraphs.is_empty() {
                kept.extend(network.dependencies(id));
            }
        }
        Work {
            network,
            order,
            places,
            readers,
            kept,
        }
    }

    fn layer(&self, id: LayerId) -> &Layer {
        self.network.layer(id)
    }

    /// The id that the first added tensor gets.
    fn next(&self) -> TensorId {
        TensorId(self.network.tensors.len() as u32)
    }

    /// Input `i` of `id`, where it is given.
    fn input(&self, id: LayerId, i: usize) -> Option<TensorId> {
        self.layer(id).inputs.get(i).copied().flatten()
    }

    /// The only output of `id`.
    fn output(&self, id: LayerId) -> Option<TensorId> {
        match self.layer(id).outputs[..] {
            [Some(output)] => Some(output),
            _ => None,
        }
    }

    /// The readers of the only output of `id`, which nothing else needs.
    fn readers(&self, id: LayerId) -> &[LayerId] {
        let output = self.output(id).filter(|t| !self.kept.contains(t));
        output
            .and_then(|t| self.readers.get(&t))
            .map_or(&[], Vec::as_slice)
    }

    /// The layer that alone reads what `id` gives, once.
    fn reader(&self, id: LayerId) -> Option<LayerId> {
        match *self.readers(id) {
            [reader] if self.layer(reader).activation.is_none() => Some(reader),
            _ => None,
        }
    }

    /// What `id`, of two inputs, reads beside `known`.
    fn beside(&self, id: LayerId, known: TensorId) -> Option<TensorId> {
        match self.layer(id).inputs[..] {
            [Some(a), Some(b)] if a == known && b != known => Some(b),
            [Some(a), Some(b)] if b == known && a != known => Some(a),
            _ => None,
        }
    }

    /// Stored float values and their shape, small enough to look at.
    fn stored(&self, t: TensorId) -> Option<(Vec<f32>, Vec<u64>)> {
        let data = self.network.tensor(t).data.as_ref()?;
        if !data.dtype.is_float() {
            return None;
        }
        Some((data.to_f32()?, data.shape.clone()))
    }

    /// The single number that `t` stores.
    fn number(&self, t: TensorId) -> Option<f32> {
        let data = self.network.tensor(t).data.as_ref()?;
        match (data.len() == 1).then(|| self.stored(t)).flatten()?.0[..] {
            [number] => Some(number),
            _ => None,
        }
    }

    /// Whether `id` combines `known` with a stored number near `wanted`.
    fn with(&self, id: LayerId, known: TensorId, wanted: f32) -> bool {
        let number = self.beside(id, known).and_then(|t| self.number(t));
        number.is_some_and(|n| (n - wanted).abs() <= 1e-5 * wanted.abs())
    }

    fn op(&self, id: LayerId) -> &Op {
        &self.layer(id).op
    }

    fn merge(&mut self, merge: Merge) {
        let Merge {
            base,
            mut layer,
            absorbed,
            last,
            added,
        } = merge;
        self.network.tensors.extend(added);
        layer.outputs = self.layer(last).outputs.clone();
        for &id in absorbed.iter().chain([&base]) {
            for t in self.network.layers[id.0 as usize].inputs.iter().flatten() {
                if let Some(readers) = self.readers.get_mut(t) {
                    readers.retain(|r| *r != id);
                }
            }
            self.order[self.places[&id]] = None;
        }
        for t in layer.inputs.iter().flatten() {
            self.readers.entry(*t).or_default().push(base);
        }
        for t in layer.outputs.iter().flatten() {
            self.network.tensors[t.0 as usize].producer = Some(base);
        }
        let place = self.places[&last];
        self.order[place] = Some(base);
        self.places.insert(base, place);
        self.network.layers[base.0 as usize] = layer;
    }
}

/// A stored float32 tensor.
fn parameter(name: String, shape: &[u64], values: &[f32]) -> Option<Tensor> {
    let data = TensorData::from_floats(model::DType::F32, shape, values)?;
    Some(Tensor {
        name,
        spec: TensorSpec::fixed(model::DType::F32, shape),
        kind: TensorKind::Parameter,
        data: Some(data.into()),
        producer: None,
    })
}
