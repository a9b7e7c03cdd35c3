//! `ModelProto` to [`Network`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::op::{Attribute, Attributes};
use model::{
    Graph, GraphId, Layer, LayerId, Network, Op, ScopeTree, Tensor, TensorId, TensorKind, TensorSpec,
};
use prost::Message;

use super::external::External;
use super::node::Node;
use super::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetId, TensorProto,
    attribute_type as kind,
};
use super::tensor::{self, Stored};
use crate::Source;
use crate::error::Fault;

/// Operator sets that this reader was written for.
pub(super) const OPSETS: std::ops::RangeInclusive<i64> = 7..=27;

/// Reads an ONNX model.
pub(crate) fn read(source: &Source) -> Result<Network, Fault> {
    let mut proto = ModelProto::decode(source.bytes.clone())
        .map_err(|e| Fault::new("", format!("bytes that are not one, or not all of one ({e})")))?;
    if proto.graph.is_none() {
        return Err(Fault::new("", "a protobuf message without a graph"));
    }
    let mut reader = Reader {
        network: Network::default(),
        external: External::new(source.folder),
        opset: 1,
        layer_names: HashMap::new(),
        names: Vec::new(),
        unknown: BTreeMap::new(),
        remarks: BTreeMap::new(),
    };
    reader.header(&proto, source.stem);
    super::functions::expand(&mut proto)?;
    reader.graph(&proto.graph.unwrap_or_default())?;
    Ok(reader.finish())
}

struct Reader<'a> {
    network: Network,
    external: External<'a>,
    /// Version of the default operator set.
    opset: i64,
    /// How often each layer name was asked for.
    layer_names: HashMap<String, u32>,
    /// Tensors by name, of the main graph first and the innermost last.
    names: Vec<HashMap<String, TensorId>>,
    /// Unknown operators with their counts.
    unknown: BTreeMap<String, usize>,
    /// Warnings that repeat, with the tensors or nodes that they are about.
    remarks: BTreeMap<String, Vec<String>>,
}

impl Reader<'_> {
    fn header(&mut self, proto: &ModelProto, stem: &str) {
        let graph_name = proto.graph.as_ref().map_or("", |g| g.name.as_str());
        let name = if graph_name.is_empty() { stem } else { graph_name };
        self.network.name = name.to_string();
        let mut state = |key: &str, value: String| {
            if !value.is_empty() {
                self.network.metadata.push((key.to_string(), value));
            }
        };
        state("producer", proto.producer_name.clone());
        state("producer version", proto.producer_version.clone());
        state("domain", proto.domain.clone());
        state("model version", number(proto.model_version));
        state("IR version", number(proto.ir_version));
        let mut opset = None;
        for import in &proto.opset_import {
            match import.domain.as_str() {
                "" | "ai.onnx" => {
                    opset = Some(import.version);
                    state("opset", import.version.to_string());
                }
                domain => state(&format!("opset {domain}"), import.version.to_string()),
            }
        }
        state("description", proto.doc_string.clone());
        state(
            "graph description",
            proto
                .graph
                .as_ref()
                .map_or(String::new(), |g| g.doc_string.clone()),
        );
        for entry in &proto.metadata_props {
            let pair = (entry.key.clone(), entry.value.clone());
            self.network.metadata.push(pair);
        }
        self.opset = opset.unwrap_or(1);
        self.network.format = format!("ONNX opset {}", self.opset);
        if opset.is_none() {
            let warning = "the file states no opset for the default domain; read as opset 1";
            self.network.warnings.push(warning.into());
        }
        if !OPSETS.contains(&self.opset) {
            let (low, high) = (OPSETS.start(), OPSETS.end());
            self.network.warnings.push(format!(
                "opset {} is outside {low} to {high}: operators may mean something else",
                self.opset
            ));
        }
        let own = |f: &&FunctionProto| {
            let version = |i: &&OperatorSetId| matches!(i.domain.as_str(), "" | "ai.onnx");
            let stated = f.opset_import.iter().find(version);
            stated.is_some_and(|i| i.version != self.opset)
        };
        if let Some(function) = proto.functions.iter().find(own) {
            self.network.warnings.push(format!(
                "function {:?} states another opset than the model; it is read by the model's",
                function.name
            ));
        }
    }

    /// Reads a graph and all graphs inside it.
    fn graph(&mut self, proto: &GraphProto) -> Result<GraphId, Fault> {
        let id = GraphId(self.network.graphs.len() as u32);
        self.network.graphs.push(Graph {
            name: proto.name.clone(),
            ..Graph::default()
        });
        let place = format!("graph {:?}", proto.name);
        self.graph_parts(proto, id)
            .map_err(|fault| fault.within(&place))?;
        Ok(id)
    }

    fn graph_parts(&mut self, proto: &GraphProto, id: GraphId) -> Result<(), Fault> {
        let mut stated: HashMap<&str, TensorSpec> = HashMap::new();
        for value in proto.value_info.iter().chain(&proto.output) {
            let (spec, remark) = tensor::spec(value)?;
            if let Some(remark) = remark {
                self.remark(format!("{remark} instead of a tensor"), &value.name);
            }
            stated.insert(&value.name, spec);
        }
        let names = self.declare(proto, id, stated)?;
        self.names.push(names);
        for (i, node) in proto.node.iter().enumerate() {
            let place = match node.name.as_str() {
                "" => format!("node {i} ({})", node.op_type),
                name => format!("node {i} {name:?}"),
            };
            self.node(node, id).map_err(|fault| fault.within(&place))?;
        }
        for value in &proto.output {
            let tensor = self.find(&value.name).ok_or_else(|| {
                let problem = "expected a node, input or initializer that provides it, found none";
                Fault::new(format!("output {:?}", value.name), problem)
            })?;
            self.network.graphs[id.0 as usize].outputs.push(tensor);
        }
        self.names.pop();
        Ok(())
    }

    /// Adds every tensor of a graph: inputs, initializers, what its nodes write.
    fn declare(
        &mut self,
        proto: &GraphProto,
        id: GraphId,
        mut stated: HashMap<&str, TensorSpec>,
    ) -> Result<HashMap<String, TensorId>, Fault> {
        let mut names: HashMap<String, TensorId> = HashMap::new();
        let mut inputs = Vec::new();
        for value in &proto.input {
            let (spec, remark) = tensor::spec(value)?;
            if let Some(remark) = remark {
                self.remark(format!("{remark} instead of a tensor"), &value.name);
            }
            let input = self.add(&value.name, spec, TensorKind::Input);
            if value.name.is_empty() || names.insert(value.name.clone(), input).is_some() {
                let problem = "expected a name that no other input has";
                return Err(Fault::new(format!("input {:?}", value.name), problem));
            }
            inputs.push(input);
        }
        let mut stored = HashSet::new();
        for initializer in &proto.initializer {
            let content = tensor::tensor(initializer, &self.external)?;
            let tensor = self.initializer(&initializer.name, content, &mut names);
            if !stored.insert(tensor) {
                self.remark(
                    "stated more than once; the last one is used".into(),
                    &initializer.name,
                );
            }
        }
        for sparse in &proto.sparse_initializer {
            let name = sparse.values.as_ref().map_or("", |v| v.name.as_str());
            let why = "sparse initializers are not expanded".to_string();
            let content = Stored::Spec(tensor::sparse_spec(sparse)?, why);
            stored.insert(self.initializer(name, content, &mut names));
        }
        inputs.retain(|input| !stored.contains(input));
        self.network.graphs[id.0 as usize].inputs = inputs;
        let mut written: HashSet<&str> = HashSet::new();
        for (i, node) in proto.node.iter().enumerate() {
            for output in node.output.iter().filter(|o| !o.is_empty()) {
                if !written.insert(output) || names.contains_key(output) {
                    let place = format!("node {i} {:?} output {output:?}", node.name);
                    let problem = "expected a name of its own, found one that another node, an \
                                   input or an initializer has";
                    return Err(Fault::new(place, problem));
                }
                let spec = stated.remove(output.as_str()).unwrap_or_else(TensorSpec::unknown);
                let tensor = self.add(output, spec, TensorKind::Activation);
                names.insert(output.clone(), tensor);
            }
        }
        Ok(names)
    }

    fn initializer(
        &mut self,
        name: &str,
        content: Stored,
        names: &mut HashMap<String, TensorId>,
    ) -> TensorId {
        let (spec, data) = match content {
            Stored::Data(data) => (data.spec(), Some(Arc::new(data))),
            Stored::Spec(spec, why) => {
                self.remark(format!("has no values: {why}"), name);
                (spec, None)
            }
        };
        let known = names.get(name).copied();
        let id = known.unwrap_or_else(|| self.add(name, TensorSpec::unknown(), TensorKind::Constant));
        names.insert(name.to_string(), id);
        let tensor = &mut self.network.tensors[id.0 as usize];
        tensor.kind = TensorKind::Constant;
        tensor.spec = spec;
        tensor.data = data;
        id
    }

    fn add(&mut self, name: &str, spec: TensorSpec, kind: TensorKind) -> TensorId {
        self.network.add_tensor(Tensor {
            name: name.to_string(),
            spec,
            kind,
            data: None,
            producer: None,
        })
    }

    fn find(&self, name: &str) -> Option<TensorId> {
        self.names.iter().rev().find_map(|names| names.get(name).copied())
    }

    fn node(&mut self, proto: &NodeProto, graph: GraphId) -> Result<(), Fault> {
        let mut inputs = Vec::with_capacity(proto.input.len());
        for (i, name) in proto.input.iter().enumerate() {
            let id = self.find(name);
            if id.is_none() && !name.is_empty() {
                return Err(Fault::new(
                    format!("input {i}"),
                    format!(
                        "expected the name of a tensor, found {name:?}, which no node, input or initializer provides"
                    ),
                ));
            }
            inputs.push(id.filter(|_| !name.is_empty()));
        }
        let own = self.names.last();
        let outputs: Vec<_> = (proto.output.iter())
            .map(|name| own.and_then(|names| names.get(name).copied()))
            .collect();
        let (attributes, incomplete) = self.attributes(proto)?;
        let node = Node {
            kind: &proto.op_type,
            domain: &proto.domain,
            opset: self.opset,
            attributes: &attributes,
            incomplete,
        };
        let op = super::ops::op(&node)?;
        let kind = match proto.domain.as_str() {
            "" | "ai.onnx" => proto.op_type.clone(),
            domain => format!("{domain}.{}", proto.op_type),
        };
        if matches!(op, Op::Other { .. }) && !model::op::NAMED.contains(&kind.as_str()) {
            *self.unknown.entry(kind.clone()).or_default() += 1;
        }
        self.scales_as_input(proto, &attributes, &mut inputs);
        let id = LayerId(self.network.layers.len() as u32);
        let name = self.layer_name(proto);
        self.network.layers.push(Layer {
            name,
            op,
            kind,
            inputs,
            outputs,
            attributes,
            activation: None,
            subgraphs: Vec::new(),
            graph,
            scope: ScopeTree::ROOT,
        });
        self.network.graphs[graph.0 as usize].layers.push(id);
        for attribute in &proto.attribute {
            if let Some(inner) = &attribute.g {
                let place = format!("attribute {:?}", attribute.name);
                let inner = self.graph(inner).map_err(|fault| fault.within(&place))?;
                let layer = &mut self.network.layers[id.0 as usize];
                layer.subgraphs.push((attribute.name.clone(), inner));
            }
        }
        self.check_subgraphs(id)
    }

    /// `If` and loops cannot do without their graphs.
    fn check_subgraphs(&self, id: LayerId) -> Result<(), Fault> {
        let layer = self.network.layer(id);
        let required: &[&str] = match layer.op {
            Op::If => &["then_branch", "else_branch"],
            Op::Loop | Op::Scan { .. } => &["body"],
            _ => &[],
        };
        for name in required {
            if !layer.subgraphs.iter().any(|(n, _)| n == name) {
                let problem = "expected a graph, found none";
                return Err(Fault::new(format!("attribute {name:?}"), problem));
            }
        }
        Ok(())
    }

    /// `Upsample` of opsets 7 and 8 states its scales as an attribute; the model wants an input.
    fn scales_as_input(
        &mut self,
        proto: &NodeProto,
        attributes: &Attributes,
        inputs: &mut Vec<Option<TensorId>>,
    ) {
        let Some(Attribute::Floats(scales)) = attributes.get("scales") else {
            return;
        };
        if proto.op_type == "Upsample" && inputs.len() == 1 {
            let data = model::TensorData::from_f32(&[scales.len() as u64], scales);
            let output = proto.output.first().map_or("", String::as_str);
            let name = format!("{output}/scales");
            let id = self.add(&name, data.spec(), TensorKind::Constant);
            self.network.tensors[id.0 as usize].data = Some(Arc::new(data));
            inputs.push(Some(id));
        }
    }

    /// Attributes that the model can hold, and whether any was left out.
    fn attributes(&mut self, proto: &NodeProto) -> Result<(Attributes, bool), Fault> {
        let (mut attributes, mut incomplete) = (Attributes::new(), false);
        for attribute in &proto.attribute {
            let place = format!("attribute {:?}", attribute.name);
            match self.attribute(attribute).map_err(|fault| fault.within(&place))? {
                Some(value) => {
                    attributes.insert(attribute.name.clone(), value);
                }
                None if attribute.g.is_some() => {}
                None => {
                    incomplete = true;
                    let what = format!("attribute {:?} cannot be shown", attribute.name);
                    self.remark(what, &proto.name);
                }
            }
        }
        Ok((attributes, incomplete))
    }

    fn attribute(&mut self, proto: &AttributeProto) -> Result<Option<Attribute>, Fault> {
        let text = |bytes: &bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
        let absent = || Fault::new("", "expected the value that its type announces, found none");
        Ok(Some(match attribute_kind(proto) {
            kind::FLOAT => Attribute::Float(proto.f.unwrap_or_default()),
            kind::INT => Attribute::Int(proto.i.unwrap_or_default()),
            kind::STRING => Attribute::String(proto.s.as_ref().map(text).unwrap_or_default()),
            kind::FLOATS => Attribute::Floats(proto.floats.clone()),
            kind::INTS => Attribute::Ints(proto.ints.clone()),
            kind::STRINGS => Attribute::Strings(proto.strings.iter().map(text).collect()),
            kind::TENSOR => {
                let value: &TensorProto = proto.t.as_ref().ok_or_else(absent)?;
                match tensor::tensor(value, &self.external)? {
                    Stored::Data(data) => Attribute::Tensor(data),
                    Stored::Spec(..) => return Ok(None),
                }
            }
            kind::GRAPH if proto.g.is_none() => return Err(absent()),
            _ => return Ok(None),
        }))
    }

    /// The node's name, or one made from its operator and first output; never one given before.
    fn layer_name(&mut self, proto: &NodeProto) -> String {
        let base = if !proto.name.is_empty() {
            proto.name.clone()
        } else {
            let output = proto.output.iter().find(|o| !o.is_empty());
            let output = output.map_or("", String::as_str);
            // The part before the last slash is the scope that the name stands in.
            match output.rsplit_once('/') {
                Some((scope, last)) => format!("{scope}/{}_{last}", proto.op_type),
                None => format!("{}_{output}", proto.op_type),
            }
        };
        let mut name = base.clone();
        let mut count = self.layer_names.get(&base).copied().unwrap_or(0);
        while self.layer_names.contains_key(&name) {
            count += 1;
            name = format!("{base}_{}", count + 1);
        }
        self.layer_names.insert(base, count);
        self.layer_names.entry(name.clone()).or_insert(0);
        name
    }

    fn remark(&mut self, what: String, about: &str) {
        self.remarks.entry(what).or_default().push(about.to_string());
    }

    fn finish(mut self) -> Network {
        for (kind, count) in self.unknown {
            let times = if count == 1 {
                "once"
            } else {
                &format!("{count} times")
            };
            self.network
                .warnings
                .push(format!("operator {kind:?} is not known (used {times})"));
        }
        for (what, about) in self.remarks {
            let more = match about.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            self.network
                .warnings
                .push(format!("{:?}{more}: {what}", about[0]));
        }
        self.network
    }
}

fn number(value: Option<i64>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

/// The stated kind, or for files that state none the field that is filled.
fn attribute_kind(proto: &AttributeProto) -> i32 {
    match proto {
        p if p.r#type != kind::UNDEFINED => p.r#type,
        p if p.f.is_some() => kind::FLOAT,
        p if p.i.is_some() => kind::INT,
        p if p.s.is_some() => kind::STRING,
        p if p.t.is_some() => kind::TENSOR,
        p if p.g.is_some() => kind::GRAPH,
        p if !p.floats.is_empty() => kind::FLOATS,
        p if !p.ints.is_empty() => kind::INTS,
        p if !p.strings.is_empty() => kind::STRINGS,
        _ => kind::UNDEFINED,
    }
}
