//! A network in the making: named weights are taken into layers one by one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::network::TensorKind;
use model::op::{Attribute, Attributes};
use model::{
    DType, Dim, Graph, GraphId, Layer, LayerId, Network, ScopeId, Tensor, TensorData, TensorId, TensorSpec,
};

use super::Made;
use crate::weights::{Named, TRANSPOSED, Weights};

/// Attributes of a layer to be.
pub(super) type With<'a> = &'a [(&'a str, Attribute)];

/// A network in the making.
pub(super) struct Build {
    network: Network,
    weights: HashMap<String, Named>,
    /// Weights in use, by name and by whether they are transposed.
    used: HashMap<(String, bool), TensorId>,
    constants: HashMap<String, TensorId>,
    scopes: Vec<String>,
    names: HashSet<String>,
    /// What all names of weights begin with.
    prefix: String,
    /// Channels of convolved tensors.
    channels: HashMap<TensorId, u64>,
    opset: &'static str,
}

impl Build {
    /// Nothing yet, with `weights` to take from.
    pub(super) fn new(name: &str, weights: &Weights) -> Self {
        let named = |n: &Named| (n.name.clone(), n.clone());
        Build {
            network: Network {
                name: name.to_string(),
                graphs: vec![Graph {
                    name: name.to_string(),
                    ..Graph::default()
                }],
                ..Network::default()
            },
            weights: weights.tensors.iter().map(named).collect(),
            used: HashMap::new(),
            constants: HashMap::new(),
            scopes: Vec::new(),
            names: HashSet::new(),
            prefix: String::new(),
            channels: HashMap::new(),
            opset: "20",
        }
    }

    /// The finished network. Weights that no layer reads stay in it.
    pub(super) fn finish(mut self, format: &str) -> Network {
        self.network.format = format.to_string();
        let ir = if self.opset == "20" { "9" } else { "11" };
        self.network.metadata = [("operators", "ONNX"), ("opset", self.opset), ("IR version", ir)]
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .into();
        let rest = self.rest();
        let odd: Vec<&Named> = rest.iter().filter(|n| is_parameter(n)).collect();
        if let Some(first) = odd.first() {
            let more = match odd.len() {
                1 => " is".to_string(),
                n => format!(" and {} more are", n - 1),
            };
            let sentence = format!("{:?}{more} not part of the network that was built", first.name);
            self.network.warnings.push(sentence);
        }
        for named in rest {
            let kind = crate::weights::kind(&named.name, named.spec.dtype);
            self.network.add_tensor(Tensor {
                name: named.name,
                spec: named.spec,
                kind,
                data: named.data,
                producer: None,
            });
        }
        self.network
    }

    /// Weights that no layer reads, in the order of their names.
    fn rest(&self) -> Vec<Named> {
        let used: HashSet<&str> = self.used.keys().map(|(name, _)| name.as_str()).collect();
        let rest = self.weights.values().filter(|n| !used.contains(n.name.as_str()));
        let mut rest: Vec<Named> = rest.cloned().collect();
        rest.sort_by(|a, b| crate::weights::natural_order(&a.name, &b.name));
        rest
    }

    /// The name of a parameter that no layer reads.
    pub(super) fn unread(&self) -> Option<String> {
        let odd = self.rest().into_iter().find(is_parameter);
        odd.map(|n| n.name)
    }

    /// Names of weights begin with the first of `prefixes` under which there is `probe`.
    pub(super) fn prefix(&mut self, prefixes: &[&str], probe: &str) -> Made<()> {
        let found = prefixes
            .iter()
            .find(|p| self.weights.contains_key(&format!("{p}{probe}")));
        let found = found.ok_or_else(|| format!("the weights have no {probe:?}"))?;
        self.prefix = found.to_string();
        Ok(())
    }

    /// Layers need operators that came with ONNX's `opset`.
    pub(super) fn needs_opset(&mut self, opset: &'static str) {
        self.opset = opset;
    }

    /// Runs `part` with names below `scope`.
    pub(super) fn within<T>(&mut self, scope: &str, part: impl FnOnce(&mut Self) -> Made<T>) -> Made<T> {
        self.scopes.push(scope.to_string());
        let made = part(self);
        self.scopes.pop();
        made
    }

    fn tensor(&mut self, name: &str, kind: TensorKind, spec: TensorSpec) -> TensorId {
        self.network.add_tensor(Tensor {
            name: name.to_string(),
            spec,
            kind,
            data: None,
            producer: None,
        })
    }

    /// A tensor fed from outside.
    pub(super) fn input(&mut self, name: &str, dtype: DType, dims: &[Dim]) -> TensorId {
        let spec = TensorSpec::new(dtype, dims.iter().cloned());
        let id = self.tensor(name, TensorKind::Input, spec);
        self.network.graphs[0].inputs.push(id);
        id
    }

    /// Makes a computed tensor a result, called `name`.
    pub(super) fn output(&mut self, name: &str, id: TensorId) {
        self.network.tensors[id.0 as usize].name = name.to_string();
        self.network.graphs[0].outputs.push(id);
    }

    /// True when there is a weight `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.weights.contains_key(&self.full(name))
    }

    /// The shape of the weight `name`.
    pub(super) fn shape(&self, name: &str) -> Made<Vec<u64>> {
        let full = self.full(name);
        let found = self
            .weights
            .get(&full)
            .and_then(|n| n.spec.shape(&Default::default()));
        found.ok_or_else(|| format!("the weight {full:?} is missing"))
    }

    /// A name that begins with `/` stands without the prefix.
    fn full(&self, name: &str) -> String {
        match name.strip_prefix('/') {
            Some(whole) => whole.to_string(),
            None => format!("{}{name}", self.prefix),
        }
    }

    /// The weight `name`, which must be of `shape`.
    pub(super) fn weight(&mut self, name: &str, shape: &[u64]) -> Made<TensorId> {
        self.take(name, shape, TensorKind::Parameter, false)
    }

    /// The state `name`, which must be of `shape`.
    pub(super) fn buffer(&mut self, name: &str, shape: &[u64]) -> Made<TensorId> {
        self.take(name, shape, TensorKind::Buffer, false)
    }

    /// The numbers of the weight `name`, which is no part of the network then.
    pub(super) fn numbers(&mut self, name: &str) -> Option<Vec<f32>> {
        let named = self.weights.remove(&self.full(name))?;
        named.data?.to_f32()
    }

    /// The matrix `name`, which must be of `shape`, transposed.
    pub(super) fn transposed(&mut self, name: &str, shape: &[u64; 2]) -> Made<TensorId> {
        let full = self.full(name);
        let stored = self.weights.get(&full).and_then(|n| n.data.as_ref());
        // A matrix that is read both ways is one parameter, and blocks run along rows.
        let plain =
            self.used.contains_key(&(full, false)) || stored.is_some_and(|d| d.transposed().is_none());
        match plain {
            true => {
                let plain = self.weight(name, shape)?;
                self.op(
                    "Transpose",
                    "transposed",
                    &[plain],
                    &[("perm", Attribute::Ints(vec![1, 0]))],
                )
            }
            false => self.take(name, shape, TensorKind::Parameter, true),
        }
    }

    fn take(&mut self, name: &str, shape: &[u64], kind: TensorKind, turn: bool) -> Made<TensorId> {
        let full = self.full(name);
        let found = self.shape(name)?;
        if found != shape {
            return Err(format!(
                "the weight {full:?} is {found:?}, where {shape:?} is expected"
            ));
        }
        let key = (full, turn);
        if let Some(&id) = self.used.get(&key) {
            return Ok(id);
        }
        let named = &self.weights[&key.0];
        let mut data = named.data.clone();
        let (mut spec, mut own) = (named.spec.clone(), key.0.clone());
        if turn {
            let turned = match &data {
                Some(data) => {
                    Some(Arc::new(data.transposed().ok_or_else(|| {
                        format!("the weight {own:?} cannot be transposed")
                    })?))
                }
                None => None,
            };
            spec = TensorSpec::fixed(spec.dtype, &[shape[1], shape[0]]);
            data = turned;
            own += TRANSPOSED;
        }
        let id = self.tensor(&own, kind, spec);
        self.network.tensors[id.0 as usize].data = data;
        self.used.insert(key, id);
        Ok(id)
    }

    /// Channels of `[N, C, ...]`, where they were told; operators of one input hand them on.
    pub(super) fn channels(&self, mut id: TensorId) -> Option<u64> {
        loop {
            if let Some(&channels) = self.channels.get(&id) {
                return Some(channels);
            }
            let tensor = self.network.tensor(id);
            if let Some(dims) = tensor.spec.dims().filter(|d| d.len() > 1) {
                return dims[1].known();
            }
            let layer = self
                .network
                .layers
                .iter()
                .rev()
                .find(|l| l.outputs.contains(&Some(id)))?;
            id = layer.inputs.first().copied().flatten()?;
        }
    }

    /// Batch normalisation (Ioffe and Szegedy 2015) of `channels` with the running statistics.
    pub(super) fn batch_norm(
        &mut self,
        name: &str,
        weight: &str,
        x: TensorId,
        channels: u64,
        epsilon: f32,
    ) -> Made<TensorId> {
        let mut inputs = vec![x];
        for part in ["weight", "bias"] {
            inputs.push(self.weight(&format!("{weight}.{part}"), &[channels])?);
        }
        for state in ["running_mean", "running_var"] {
            inputs.push(self.buffer(&format!("{weight}.{state}"), &[channels])?);
        }
        let with = [("epsilon", Attribute::Float(epsilon))];
        let y = self.op("BatchNormalization", name, &inputs, &with)?;
        self.channels.insert(y, channels);
        Ok(y)
    }

    /// A fixed tensor of the graph; equal ones are one.
    fn constant(&mut self, name: String, data: TensorData) -> TensorId {
        if let Some(&id) = self.constants.get(&name) {
            return id;
        }
        let id = self.tensor(&name, TensorKind::Constant, data.spec());
        self.network.tensors[id.0 as usize].data = Some(Arc::new(data));
        self.constants.insert(name, id);
        id
    }

    /// Integers, such as a shape: `[count]`.
    pub(super) fn ints(&mut self, values: &[i64]) -> TensorId {
        let data = TensorData::from_i64(&[values.len() as u64], values);
        self.constant(format!("{values:?}"), data)
    }

    /// One integer without axes.
    pub(super) fn int(&mut self, value: i64) -> TensorId {
        self.constant(value.to_string(), TensorData::from_i64(&[], &[value]))
    }

    /// One number without axes.
    pub(super) fn float(&mut self, value: f32) -> TensorId {
        self.constant(format!("{value:?}f"), TensorData::from_f32(&[], &[value]))
    }

    /// Numbers that older files store as the state `name` and newer ones leave out: `[count]`.
    pub(super) fn state(&mut self, name: &str, values: &[f32]) -> Made<TensorId> {
        if self.has(name) {
            return self.buffer(name, &[values.len() as u64]);
        }
        let data = TensorData::from_f32(&[values.len() as u64], values);
        let id = self.constant(self.full(name), data);
        self.network.tensors[id.0 as usize].kind = TensorKind::Buffer;
        Ok(id)
    }

    /// A layer of ONNX's operator `kind` with one output.
    pub(super) fn op(&mut self, kind: &str, name: &str, inputs: &[TensorId], with: With) -> Made<TensorId> {
        Ok(self.ops(kind, name, inputs, with, 1)?[0])
    }

    /// A layer of ONNX's operator `kind` with `count` outputs.
    pub(super) fn ops(
        &mut self,
        kind: &str,
        name: &str,
        inputs: &[TensorId],
        with: With,
        count: usize,
    ) -> Made<Vec<TensorId>> {
        let attributes: Attributes = with.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
        let op = crate::onnx::op_of(kind, &attributes).map_err(|f| format!("{kind}: {}", f.problem))?;
        let own = [&self.scopes[..], &[name.to_string()]].concat().join("/");
        let mut name = own.clone();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{own}_{number}");
        }
        let outputs: Vec<TensorId> = (0..count)
            .map(|i| {
                let output = match count {
                    1 => format!("{name}.out"),
                    _ => format!("{name}.out{i}"),
                };
                self.tensor(&output, TensorKind::Activation, TensorSpec::unknown())
            })
            .collect();
        let id = LayerId(self.network.layers.len() as u32);
        self.network.layers.push(Layer {
            name,
            op,
            kind: kind.to_string(),
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: outputs.iter().copied().map(Some).collect(),
            attributes,
            activation: None,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope: ScopeId(0),
        });
        self.network.graphs[0].layers.push(id);
        Ok(outputs)
    }
}

fn is_parameter(named: &Named) -> bool {
    crate::weights::kind(&named.name, named.spec.dtype) == TensorKind::Parameter
}
