//! Networks of files that keep channels last (Keras, TensorFlow), built channels first.
//!
//! A [`Flow`] is a tensor with the shape that its file gives it. Each tensor has an [`Order`]: how
//! its elements are kept here. Layers over space read and write [`Order::ChannelsFirst`]; what
//! does not care keeps the order it finds; a `Transpose` stands only where the two meet. Graph
//! inputs take the order that their first reader wants.

mod arrays;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::network::TensorKind;
use model::op::{Attributes, Op, Unary};
use model::{
    DType, Dim, Graph, GraphId, Layer, LayerId, Network, ScopeId, Tensor, TensorData, TensorId, TensorSpec,
};

use crate::error::Fault;
pub(crate) use arrays::{broadcasting, permute, reshaped, to_file, to_first, windowed};

/// Sizes in the file's order, batch included; `None` where free.
pub(crate) type Sizes = Vec<Option<u64>>;

/// Most layers of one network: files that use one inner network again and again grow exponentially.
const MAX_LAYERS: usize = 200_000;

/// How a tensor's elements are kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As in the file.
    File,
    /// The last axis of the file's order stands second.
    ChannelsFirst,
    /// A matrix of flattened images: the file runs through space first, this through channels.
    Flat {
        /// Channels of the image.
        channels: u64,
        /// Pixels of the image.
        space: u64,
    },
}

/// A tensor with the shape that the file gives it.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) tensor: TensorId,
    pub(crate) shape: Option<Sizes>,
}

impl Flow {
    /// Number of axes, or `expected` where the file leaves it open.
    pub(crate) fn rank_or(&self, expected: usize) -> usize {
        self.shape.as_ref().map_or(expected, Vec::len)
    }

    /// Number of axes.
    pub(crate) fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }

    /// The size of axis `axis` of the file's order.
    pub(crate) fn size(&self, axis: usize) -> Option<u64> {
        self.shape.as_ref().and_then(|s| s.get(axis).copied().flatten())
    }

    /// The size of the last axis.
    pub(crate) fn last(&self) -> Option<u64> {
        self.shape.as_ref().and_then(|s| s.last().copied().flatten())
    }
}

/// A layer to add.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) op: Op,
    pub(crate) inputs: Vec<Option<TensorId>>,
    pub(crate) outputs: usize,
    pub(crate) attributes: Attributes,
    pub(crate) activation: Option<Unary>,
}

impl Node {
    /// A layer with one output.
    pub(crate) fn new(name: &str, kind: &str, op: Op, inputs: &[TensorId]) -> Self {
        Node {
            name: name.to_string(),
            kind: kind.to_string(),
            op,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: 1,
            attributes: Attributes::new(),
            activation: None,
        }
    }
}

/// A network being built.
pub(crate) struct Builder {
    pub(crate) network: Network,
    /// How often each layer name was asked for.
    names: HashMap<String, u32>,
    orders: HashMap<TensorId, Order>,
    /// Graph inputs whose order nothing has settled yet.
    free: HashSet<TensorId>,
    /// Tensors in their other order.
    turned: HashMap<TensorId, TensorId>,
    /// Stored tensors by name: shared layers share them.
    stored: HashMap<String, TensorId>,
    /// Types of layers that are shown as they are, with why and how often.
    unknown: BTreeMap<(String, String), usize>,
}

impl Builder {
    pub(crate) fn new(name: &str, format: &str) -> Self {
        let graph = Graph {
            name: name.to_string(),
            ..Graph::default()
        };
        Builder {
            network: Network {
                name: name.to_string(),
                format: format.to_string(),
                graphs: vec![graph],
                ..Network::default()
            },
            names: HashMap::new(),
            orders: HashMap::new(),
            free: HashSet::new(),
            turned: HashMap::new(),
            stored: HashMap::new(),
            unknown: BTreeMap::new(),
        }
    }

    /// A sentence for the user.
    pub(crate) fn warn(&mut self, sentence: String) {
        if !self.network.warnings.contains(&sentence) {
            self.network.warnings.push(sentence);
        }
    }

    /// Counts a layer that is shown as it is.
    pub(crate) fn note_unknown(&mut self, kind: &str, why: &str) {
        *self
            .unknown
            .entry((kind.to_string(), why.to_string()))
            .or_default() += 1;
    }

    /// A graph input of the file's `shape`.
    pub(crate) fn input(&mut self, name: &str, dtype: DType, shape: Option<Sizes>) -> Flow {
        let spec = match &shape {
            Some(sizes) => TensorSpec::new(dtype, dims(sizes, self.network.graphs[0].inputs.len())),
            None => TensorSpec { axes: None, dtype },
        };
        let tensor = self.tensor(name, TensorKind::Input, spec, None);
        self.network.graphs[0].inputs.push(tensor);
        if shape.as_ref().is_some_and(|s| s.len() >= 3) {
            self.free.insert(tensor);
        }
        Flow { tensor, shape }
    }

    fn tensor(
        &mut self,
        name: &str,
        kind: TensorKind,
        spec: TensorSpec,
        data: Option<TensorData>,
    ) -> TensorId {
        self.network.add_tensor(Tensor {
            name: name.to_string(),
            spec,
            kind,
            data: data.map(Arc::new),
            producer: None,
        })
    }

    /// The stored tensor `name`, made on first use.
    pub(crate) fn stored(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<TensorData, Fault>,
    ) -> Result<TensorId, Fault> {
        if let Some(&known) = self.stored.get(name) {
            return Ok(known);
        }
        let data = make()?;
        let id = self.tensor(name, TensorKind::Parameter, data.spec(), Some(data));
        self.stored.insert(name.to_string(), id);
        Ok(id)
    }

    /// A weight that the file should have and has not.
    pub(crate) fn missing(&mut self, name: &str) -> TensorId {
        if let Some(&known) = self.stored.get(name) {
            return known;
        }
        let spec = TensorSpec {
            axes: None,
            dtype: DType::F32,
        };
        let id = self.tensor(name, TensorKind::Parameter, spec, None);
        self.stored.insert(name.to_string(), id);
        id
    }

    /// A fixed tensor of the graph.
    pub(crate) fn constant(&mut self, name: &str, data: TensorData) -> TensorId {
        self.tensor(name, TensorKind::Constant, data.spec(), Some(data))
    }

    /// Adds a layer; its name is made unique, and its tensors are named after it.
    pub(crate) fn add(&mut self, node: Node) -> Result<Vec<TensorId>, Fault> {
        if self.network.layers.len() >= MAX_LAYERS {
            let problem = format!("expected at most {MAX_LAYERS} layers, found more");
            return Err(Fault::new(format!("layer {:?}", node.name), problem));
        }
        let name = self.unique(&node.name);
        let unknown = TensorSpec {
            axes: None,
            dtype: DType::F32,
        };
        let outputs: Vec<TensorId> = (0..node.outputs)
            .map(|i| {
                let name = if i == 0 {
                    name.clone()
                } else {
                    format!("{name}:{i}")
                };
                self.tensor(&name, TensorKind::Activation, unknown.clone(), None)
            })
            .collect();
        self.network.graphs[0]
            .layers
            .push(LayerId(self.network.layers.len() as u32));
        self.network.layers.push(Layer {
            name,
            op: node.op,
            kind: node.kind,
            inputs: node.inputs,
            outputs: outputs.iter().copied().map(Some).collect(),
            attributes: node.attributes,
            activation: node.activation,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope: ScopeId(0),
        });
        Ok(outputs)
    }

    /// [`Builder::add`] of a layer with one output.
    pub(crate) fn one(
        &mut self,
        name: &str,
        kind: &str,
        op: Op,
        inputs: &[TensorId],
    ) -> Result<TensorId, Fault> {
        Ok(self.add(Node::new(name, kind, op, inputs))?[0])
    }

    fn unique(&mut self, name: &str) -> String {
        let mut name = name.to_string();
        loop {
            let count = self.names.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 {
                return name;
            }
            name = format!("{name}#{count}");
        }
    }

    /// How the elements of `flow` are kept.
    pub(crate) fn order(&self, flow: &Flow) -> Order {
        self.orders.get(&flow.tensor).copied().unwrap_or(Order::File)
    }

    /// A tensor that was computed in `order`.
    pub(crate) fn flow(&mut self, tensor: TensorId, shape: Option<Sizes>, order: Order) -> Flow {
        self.orders.insert(tensor, order);
        Flow { tensor, shape }
    }

    /// `flow` channels first.
    pub(crate) fn first(&mut self, flow: &Flow) -> Result<Flow, Fault> {
        if self.order(flow) == Order::ChannelsFirst {
            return Ok(flow.clone());
        }
        if self.free.remove(&flow.tensor) {
            let axes = &mut self.network.tensors[flow.tensor.0 as usize].spec.axes;
            if let Some(axes) = axes {
                axes[1..].rotate_right(1);
            }
            self.orders.insert(flow.tensor, Order::ChannelsFirst);
            return Ok(flow.clone());
        }
        let flow = self.file(flow)?;
        match flow.rank() {
            // Nothing is known of it, so nothing will be computed from it either.
            None | Some(0..3) => {
                self.orders.insert(flow.tensor, Order::ChannelsFirst);
                Ok(flow)
            }
            Some(rank) => self.turn(&flow, to_first(rank), Order::ChannelsFirst),
        }
    }

    /// `flow` in the file's order.
    pub(crate) fn file(&mut self, flow: &Flow) -> Result<Flow, Fault> {
        self.free.remove(&flow.tensor);
        match (self.order(flow), flow.rank()) {
            (Order::File, _) => Ok(flow.clone()),
            (Order::ChannelsFirst, None | Some(0..3)) => {
                self.orders.insert(flow.tensor, Order::File);
                Ok(flow.clone())
            }
            (Order::ChannelsFirst, Some(rank)) => self.turn(flow, to_file(rank), Order::File),
            (Order::Flat { channels, space }, _) => self.unflatten(flow, channels, space),
        }
    }

    /// `flow` in an order that layers without a wish keep: images channels first.
    pub(crate) fn settled(&mut self, flow: &Flow) -> Result<Flow, Fault> {
        if self.free.contains(&flow.tensor) {
            return match flow.rank() {
                Some(4 | 5) => self.first(flow),
                _ => self.file(flow),
            };
        }
        Ok(flow.clone())
    }

    fn turn(&mut self, flow: &Flow, perm: Vec<i64>, order: Order) -> Result<Flow, Fault> {
        if let Some(&known) = self.turned.get(&flow.tensor) {
            let shape = flow.shape.clone();
            return Ok(Flow { tensor: known, shape });
        }
        let name = &self.network.tensor(flow.tensor).name;
        let suffix = if order == Order::File {
            "channels last"
        } else {
            "channels first"
        };
        let name = format!("{name}:{suffix}");
        let op = Op::Transpose { perm: Some(perm) };
        let tensor = self.one(&name, "Transpose", op, &[flow.tensor])?;
        self.turned.insert(flow.tensor, tensor);
        self.turned.insert(tensor, flow.tensor);
        Ok(self.flow(tensor, flow.shape.clone(), order))
    }

    /// Flattened images back to the file's order of features.
    fn unflatten(&mut self, flow: &Flow, channels: u64, space: u64) -> Result<Flow, Fault> {
        if let Some(&known) = self.turned.get(&flow.tensor) {
            let shape = flow.shape.clone();
            return Ok(Flow { tensor: known, shape });
        }
        let name = self.network.tensor(flow.tensor).name.clone();
        let reshape = |shape: Vec<i64>| Op::Reshape {
            shape: Some(shape),
            allow_zero: false,
        };
        let (c, s) = (channels as i64, space as i64);
        let x = self.one(
            &format!("{name}:channels"),
            "Reshape",
            reshape(vec![-1, c, s]),
            &[flow.tensor],
        )?;
        let op = Op::Transpose {
            perm: Some(vec![0, 2, 1]),
        };
        let x = self.one(&format!("{name}:channels last"), "Transpose", op, &[x])?;
        let x = self.one(
            &format!("{name}:features"),
            "Reshape",
            reshape(vec![-1, c * s]),
            &[x],
        )?;
        self.turned.insert(flow.tensor, x);
        Ok(self.flow(x, flow.shape.clone(), Order::File))
    }

    /// The place of the file's axis `axis` (negative: from the end) in the order of `flow`.
    pub(crate) fn axis(&self, flow: &Flow, axis: i64) -> Option<i64> {
        let rank = flow.rank()? as i64;
        let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
        if !(0..rank).contains(&axis) {
            return None;
        }
        Some(match self.order(flow) {
            Order::ChannelsFirst if axis == 0 => 0,
            Order::ChannelsFirst if axis == rank - 1 => 1,
            Order::ChannelsFirst => axis + 1,
            _ => axis,
        })
    }

    /// The network, with `outputs` and what is to be said about unknown layers.
    pub(crate) fn finish(mut self, outputs: Vec<Flow>) -> Network {
        for ((kind, why), count) in std::mem::take(&mut self.unknown) {
            let times = if count == 1 {
                "once".to_string()
            } else {
                format!("{count} times")
            };
            self.network.warnings.push(format!(
                "layer type {kind:?} {why} (used {times}); it is shown as it is"
            ));
        }
        // Flattened images leave in the file's order of features.
        let mut whole = |flow: &Flow| match self.order(flow) {
            Order::Flat { .. } => self.file(flow).map_or(flow.tensor, |f| f.tensor),
            _ => flow.tensor,
        };
        let outputs = outputs.iter().map(&mut whole).collect();
        self.network.graphs[0].outputs = outputs;
        let turned = self
            .network
            .main()
            .inputs
            .iter()
            .chain(&self.network.main().outputs)
            .filter(|t| self.orders.get(t) == Some(&Order::ChannelsFirst))
            .filter(|t| self.network.tensor(**t).spec.rank().is_none_or(|r| r > 2))
            .map(|t| self.network.tensor(*t).name.clone())
            .collect::<Vec<_>>();
        if !turned.is_empty() {
            let pair = ("channels first here, last in the file".into(), turned.join(", "));
            self.network.metadata.push(pair);
        }
        self.network
    }
}

/// Sizes as dimensions: the first free one is the batch `N`, others are named after their place
/// in the input number `input`.
fn dims(sizes: &Sizes, input: usize) -> Vec<Dim> {
    let names: &[&str] = match sizes.len() {
        3 => &["N", "T", "F"],
        4 => &["N", "H", "W", "C"],
        5 => &["N", "D", "H", "W", "C"],
        _ => &["N"],
    };
    let number = match input {
        0 => String::new(),
        n => (n + 1).to_string(),
    };
    let free = |i: usize| match names.get(i) {
        Some(&"N") => "N".to_string(),
        Some(name) => format!("{name}{number}"),
        None => format!("D{i}{number}"),
    };
    let one = |(i, s): (usize, &Option<u64>)| s.map_or_else(|| Dim::Symbol(free(i)), Dim::Known);
    sizes.iter().enumerate().map(one).collect()
}
