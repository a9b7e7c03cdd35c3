//! A network: layers, the tensors between them, nested graphs and scopes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::beside::Member;
use crate::op::{Attributes, Op};
use crate::scope::ScopeTree;
use crate::{ScopeId, TensorData, TensorSpec};

/// Index of a tensor in [`Network::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TensorId(pub u32);

/// Index of a layer in [`Network::layers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct LayerId(pub u32);

/// Index of a graph in [`Network::graphs`]; 0 is the main graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct GraphId(pub u32);

/// What a tensor is to its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TensorKind {
    /// Fed from outside.
    Input,
    /// Trained: weights, biases, scales, embeddings.
    Parameter,
    /// State that is not trained by gradient: batch-norm running statistics.
    Buffer,
    /// A fixed value of the graph: shapes, axes, bounds.
    Constant,
    /// Computed by a layer.
    Activation,
}

/// A named tensor of the network.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name in the file.
    pub name: String,
    /// Shape and element type: stated by the file, refined by inference.
    pub spec: TensorSpec,
    /// What it is.
    pub kind: TensorKind,
    /// Stored values, where the file carries them or the graph builds them from constants.
    pub data: Option<Arc<TensorData>>,
    /// The layer that computes it.
    pub producer: Option<LayerId>,
}

/// One operator of a graph.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name in the file, or one made from the operator and its first output; unique.
    pub name: String,
    /// The operator.
    pub op: Op,
    /// Operator name as the file has it (`Conv`, `conv2d`).
    pub kind: String,
    /// Tensors read, in operator order; `None` where an optional input is left out.
    pub inputs: Vec<Option<TensorId>>,
    /// Tensors written, in operator order; `None` where an optional output is left out.
    pub outputs: Vec<Option<TensorId>>,
    /// Attributes as the file states them, for display and export.
    pub attributes: Attributes,
    /// Activation fused into this layer (architecture files).
    pub activation: Option<crate::op::Unary>,
    /// Nested graphs by attribute name (`then_branch`, `body`).
    pub subgraphs: Vec<(String, GraphId)>,
    /// The graph that the layer stands in.
    pub graph: GraphId,
    /// The scope that it stands in.
    pub scope: ScopeId,
}

/// A graph: the main one, or the body of an `If`, `Loop` or `Scan`.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Name in the file.
    pub name: String,
    /// Tensors fed from outside.
    pub inputs: Vec<TensorId>,
    /// Results.
    pub outputs: Vec<TensorId>,
    /// Layers in topological order.
    pub layers: Vec<LayerId>,
}

/// A network. Tensor and layer ids index across all graphs, so an inner graph that reads a
/// tensor of an outer one simply holds its id.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Name: the file's graph name, or its file stem.
    pub name: String,
    /// Where it comes from (`ONNX opset 17`, `layerscope JSON`).
    pub format: String,
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// All layers.
    pub layers: Vec<Layer>,
    /// Main graph first, then every nested one.
    pub graphs: Vec<Graph>,
    /// Scopes of the main graph and, below their layer, of nested graphs.
    pub scopes: ScopeTree,
    /// The residual stream: tensors that travel from sum to sum, by id.
    pub stream: Vec<TensorId>,
    /// Producer, version, licence and whatever else the file states, in its order.
    pub metadata: Vec<(String, String)>,
    /// What was odd about the file, in sentences for the user.
    pub warnings: Vec<String>,
    /// The networks that stand beside each other in this one; none in an ordinary one.
    pub members: Vec<Member>,
}

/// Why a set of layers is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum NetworkError {
    #[error("the graph has a cycle through layers {}: a network must be acyclic", .layers.join(" -> "))]
    Cycle { layers: Vec<String> },
    #[error("tensor {tensor:?} is written by both {first:?} and {second:?}: each tensor needs one source")]
    TwoProducers {
        tensor: String,
        first: String,
        second: String,
    },
}

impl Network {
    /// Lets the first axis of each input take any size, where a number is stated: what was exported for one
    /// example often takes several.
    pub fn free_batches(&mut self) {
        for id in self.main().inputs.clone() {
            let axes = self.tensors[id.0 as usize].spec.axes.as_mut();
            let first = axes.and_then(|a| a.first_mut());
            // Inputs may name their batches differently.
            if let Some(first) = first.filter(|f| f.size.known().is_some()) {
                first.size = crate::Dim::Unknown;
            }
        }
    }

    /// The tensor `id`.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0 as usize]
    }

    /// The layer `id`.
    pub fn layer(&self, id: LayerId) -> &Layer {
        &self.layers[id.0 as usize]
    }

    /// The graph `id`.
    pub fn graph(&self, id: GraphId) -> &Graph {
        &self.graphs[id.0 as usize]
    }

    /// The main graph.
    pub fn main(&self) -> &Graph {
        &self.graphs[0]
    }

    /// The first tensor called `name`.
    pub fn tensor_named(&self, name: &str) -> Option<TensorId> {
        let i = self.tensors.iter().position(|t| t.name == name)?;
        Some(TensorId(i as u32))
    }

    /// The layer called `name`.
    pub fn layer_named(&self, name: &str) -> Option<LayerId> {
        let i = self.layers.iter().position(|l| l.name == name)?;
        Some(LayerId(i as u32))
    }

    /// Adds a tensor and returns its id.
    pub fn add_tensor(&mut self, tensor: Tensor) -> TensorId {
        self.tensors.push(tensor);
        TensorId(self.tensors.len() as u32 - 1)
    }

    /// For every tensor, the layers that read it, in layer order, each once.
    pub fn consumers(&self) -> Vec<Vec<LayerId>> {
        let mut readers = vec![Vec::new(); self.tensors.len()];
        for (i, layer) in self.layers.iter().enumerate() {
            let id = LayerId(i as u32);
            for tensor in layer.inputs.iter().flatten() {
                let of: &mut Vec<LayerId> = &mut readers[tensor.0 as usize];
                if of.last() != Some(&id) {
                    of.push(id);
                }
            }
        }
        readers
    }

    /// The version of the operator set that layer `id` was written for, where the file states one.
    pub fn opset(&self, id: LayerId) -> Option<i64> {
        let member = self.members.iter().find(|m| m.layers.contains(&id.0));
        let stated = member.map_or(&self.metadata, |m| &m.metadata);
        let opset = stated.iter().find(|(key, _)| key == "opset");
        opset.and_then(|(_, version)| version.parse().ok())
    }

    /// Sets every tensor's producer from the layers' outputs.
    pub fn link_producers(&mut self) -> Result<(), NetworkError> {
        for tensor in &mut self.tensors {
            tensor.producer = None;
        }
        for (i, layer) in self.layers.iter().enumerate() {
            for out in layer.outputs.iter().flatten() {
                let tensor = &mut self.tensors[out.0 as usize];
                if let Some(first) = tensor.producer {
                    return Err(NetworkError::TwoProducers {
                        tensor: tensor.name.clone(),
                        first: self.layers[first.0 as usize].name.clone(),
                        second: layer.name.clone(),
                    });
                }
                tensor.producer = Some(LayerId(i as u32));
                if tensor.kind != TensorKind::Parameter && tensor.data.is_none() {
                    tensor.kind = TensorKind::Activation;
                }
            }
        }
        Ok(())
    }

    /// Puts each graph's layer list in topological order (stable: file order where free).
    /// A layer with subgraphs also waits for what they read from this graph.
    /// Call [`Network::link_producers`] first.
    pub fn sort_layers(&mut self) -> Result<(), NetworkError> {
        for g in 0..self.graphs.len() {
            let order = self.topological(GraphId(g as u32))?;
            self.graphs[g].layers = order;
        }
        Ok(())
    }

    /// Tensors that `layer` needs: its inputs, and all that its subgraphs read from outside.
    pub fn dependencies(&self, layer: LayerId) -> Vec<TensorId> {
        let mut needs: Vec<TensorId> = self.layer(layer).inputs.iter().flatten().copied().collect();
        let mut stack: Vec<GraphId> = self.layer(layer).subgraphs.iter().map(|s| s.1).collect();
        while let Some(graph) = stack.pop() {
            needs.extend(&self.graph(graph).outputs);
            for &inner in &self.graph(graph).layers {
                needs.extend(self.layer(inner).inputs.iter().flatten());
                stack.extend(self.layer(inner).subgraphs.iter().map(|s| s.1));
            }
        }
        needs
    }

    fn topological(&self, graph: GraphId) -> Result<Vec<LayerId>, NetworkError> {
        let layers = &self.graph(graph).layers;
        let place: HashMap<LayerId, usize> = layers.iter().copied().zip(0..).collect();
        let mut waits = vec![0usize; layers.len()];
        let mut feeds = vec![Vec::new(); layers.len()];
        for (i, &layer) in layers.iter().enumerate() {
            for tensor in self.dependencies(layer) {
                let from = self.tensor(tensor).producer.and_then(|p| place.get(&p));
                if let Some(&from) = from {
                    feeds[from].push(i);
                    waits[i] += 1;
                }
            }
        }
        let mut ready: std::collections::BinaryHeap<std::cmp::Reverse<usize>> = (0..layers.len())
            .filter(|&i| waits[i] == 0)
            .map(std::cmp::Reverse)
            .collect();
        let mut order = Vec::with_capacity(layers.len());
        while let Some(std::cmp::Reverse(i)) = ready.pop() {
            order.push(layers[i]);
            for &next in &feeds[i] {
                waits[next] -= 1;
                if waits[next] == 0 {
                    ready.push(std::cmp::Reverse(next));
                }
            }
        }
        if order.len() == layers.len() {
            return Ok(order);
        }
        Err(NetworkError::Cycle {
            layers: self.find_cycle(layers, &feeds, &waits),
        })
    }

    /// Names along one cycle among the layers that still wait.
    fn find_cycle(&self, layers: &[LayerId], feeds: &[Vec<usize>], waits: &[usize]) -> Vec<String> {
        let mut before: BTreeMap<usize, usize> = BTreeMap::new();
        for (from, next) in feeds.iter().enumerate() {
            if waits[from] > 0 {
                next.iter().filter(|&&n| waits[n] > 0).for_each(|&n| {
                    before.insert(n, from);
                });
            }
        }
        // Every waiting layer has a waiting predecessor, so walking back must repeat.
        let Some((&start, _)) = before.iter().next() else {
            return Vec::new();
        };
        let mut seen = vec![start];
        let mut at = start;
        while let Some(&from) = before.get(&at) {
            if let Some(i) = seen.iter().position(|&s| s == from) {
                seen.drain(..i);
                break;
            }
            seen.push(from);
            at = from;
        }
        seen.reverse();
        seen.push(seen[0]);
        seen.iter().map(|&i| self.layer(layers[i]).name.clone()).collect()
    }
}
