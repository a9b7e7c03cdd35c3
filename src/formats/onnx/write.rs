//! [`Network`] to `ModelProto`: nodes from their operator names and raw attributes.

use std::collections::HashSet;

use bytes::Bytes;
use model::op::Attribute;
use model::{DType, Dim, GraphId, Layer, LayerId, Network, Op, Tensor, TensorData, TensorId, TensorKind};
use prost::Message;

use super::proto::*;
use super::tensor::{type_number, unpack_strings};
use crate::error::Fault;

/// Most bytes of weights in one file: protobuf counts in 31 bits.
const MAX_BYTES: u64 = (1 << 31) - (1 << 24);

/// The bytes of `network` as an ONNX model. Its layers must be ONNX's operators: those of a network
/// read from ONNX, or of one that was rebuilt from weights. The latter computes in float32.
pub(crate) fn write(network: &Network) -> Result<Vec<u8>, Fault> {
    let opset = network.metadata.iter().any(|(key, _)| key == "opset");
    if !opset || network.graphs.is_empty() {
        let problem = format!(
            "expected a network of ONNX's operators, found {:?}",
            network.format
        );
        return Err(Fault::new("format", problem));
    }
    let writer = Writer {
        network,
        names: names(network),
        widen: !network.format.starts_with("ONNX"),
    };
    let stored = network.tensors.iter().filter(|t| t.producer.is_none());
    let sizes = stored.filter_map(|t| Some(writer.dtype(t.spec.dtype).bytes(t.data.as_ref()?.len() as u64)));
    let size = sizes.fold(0u64, u64::saturating_add);
    if size > MAX_BYTES {
        let problem = format!("expected at most {MAX_BYTES} bytes, which protobuf can count, found {size}");
        return Err(Fault::new("weights", problem));
    }
    let mut model = header(network);
    model.graph = Some(writer.main()?);
    Ok(model.encode_to_vec())
}

/// The header that the reader put into the metadata.
fn header(network: &Network) -> ModelProto {
    let mut model = ModelProto::default();
    let import = |domain: &str, version: &str| OperatorSetId {
        domain: domain.to_string(),
        version: version.parse().unwrap_or(1),
    };
    for (key, value) in &network.metadata {
        match key.as_str() {
            "producer" => model.producer_name = value.clone(),
            "producer version" => model.producer_version = value.clone(),
            "domain" => model.domain = value.clone(),
            "model version" => model.model_version = value.parse().ok(),
            "IR version" => model.ir_version = value.parse().ok(),
            "opset" => model.opset_import.push(import("", value)),
            "description" => model.doc_string = value.clone(),
            "graph description" => {}
            key => match key.strip_prefix("opset ") {
                Some(domain) => model.opset_import.push(import(domain, value)),
                None => model.metadata_props.push(StringStringEntry {
                    key: key.to_string(),
                    value: value.clone(),
                }),
            },
        }
    }
    model
}

/// A name for every tensor, its own unless an earlier tensor has it: nested graphs may then
/// read initializers of the main graph without one hiding another.
fn names(network: &Network) -> Vec<String> {
    let taken: HashSet<&str> = network.tensors.iter().map(|t| t.name.as_str()).collect();
    let mut given: HashSet<&str> = HashSet::new();
    let mut made: Vec<Option<String>> = vec![None; network.tensors.len()];
    let mut count = 1;
    for (i, tensor) in network.tensors.iter().enumerate() {
        if given.insert(&tensor.name) {
            continue;
        }
        loop {
            count += 1;
            let name = format!("{}_{count}", tensor.name);
            if !taken.contains(name.as_str()) {
                made[i] = Some(name);
                break;
            }
        }
    }
    let name = |(tensor, made): (&Tensor, Option<String>)| made.unwrap_or(tensor.name.clone());
    network.tensors.iter().zip(made).map(name).collect()
}

struct Writer<'a> {
    network: &'a Network,
    /// By tensor id.
    names: Vec<String>,
    /// Weights of fewer bits become float32, as the constants of a rebuilt graph are.
    widen: bool,
}

impl Writer<'_> {
    /// The element type to write for `dtype`.
    fn dtype(&self, dtype: DType) -> DType {
        match self.widen && dtype.is_float() {
            true => DType::F32,
            false => dtype,
        }
    }

    fn initializer(&self, name: &str, data: &TensorData) -> Result<TensorProto, Fault> {
        if self.dtype(data.dtype) == data.dtype {
            return tensor_proto(name, data);
        }
        let values = data.to_f32().ok_or_else(|| {
            let problem = format!("values of type {} are not decoded", data.dtype.name());
            Fault::new(format!("tensor {name:?}"), problem)
        })?;
        tensor_proto(name, &TensorData::from_f32(&data.shape, &values))
    }

    fn main(&self) -> Result<GraphProto, Fault> {
        let mut graph = self.graph(GraphId(0))?;
        let about = self
            .network
            .metadata
            .iter()
            .find(|(key, _)| key == "graph description");
        graph.doc_string = about.map(|(_, text)| text.clone()).unwrap_or_default();
        if graph.name.is_empty() {
            graph.name = self.network.name.clone();
        }
        let inputs: HashSet<TensorId> = self
            .network
            .graphs
            .iter()
            .flat_map(|g| g.inputs.iter().copied())
            .collect();
        let skipped = self.upsample_scales();
        // Files of weights may hold some that no layer reads, such as counters of training.
        let read = self.network.consumers();
        let idle = |id: TensorId| self.widen && read[id.0 as usize].is_empty();
        for (i, tensor) in self.network.tensors.iter().enumerate() {
            let id = TensorId(i as u32);
            let computed = tensor.producer.is_some() || tensor.kind == TensorKind::Activation;
            if computed || inputs.contains(&id) || skipped.contains(&id) || idle(id) {
                continue;
            }
            let Some(data) = &tensor.data else {
                let problem = "expected values to write as an initializer, found none";
                return Err(Fault::new(format!("tensor {:?}", tensor.name), problem));
            };
            graph.initializer.push(self.initializer(self.name(id), data)?);
        }
        Ok(graph)
    }

    /// Scales that the reader made out of an attribute.
    fn upsample_scales(&self) -> HashSet<TensorId> {
        let scales = |layer: &Layer| match attribute_scales(layer) {
            true => layer.inputs.get(1).copied().flatten(),
            false => None,
        };
        self.network.layers.iter().filter_map(scales).collect()
    }

    fn name(&self, id: TensorId) -> &str {
        &self.names[id.0 as usize]
    }

    fn graph(&self, id: GraphId) -> Result<GraphProto, Fault> {
        let graph = self.network.graph(id);
        let mut proto = GraphProto {
            name: graph.name.clone(),
            ..GraphProto::default()
        };
        let infos = |ids: &[TensorId]| ids.iter().map(|&id| self.value_info(id)).collect();
        proto.input = infos(&graph.inputs);
        proto.output = infos(&graph.outputs);
        for &layer in &graph.layers {
            proto.node.push(self.node(layer)?);
        }
        Ok(proto)
    }

    fn value_info(&self, id: TensorId) -> ValueInfoProto {
        let tensor = self.network.tensor(id);
        let shape = tensor.spec.dims().map(|dims| TensorShapeProto {
            dim: dims.iter().map(dimension).collect(),
        });
        // Nothing known at all: a sequence, or a nested graph's bare name.
        let known = tensor.spec.dtype != DType::Unknown || shape.is_some();
        let tensor_type = known.then(|| TensorTypeProto {
            elem_type: type_number(self.dtype(tensor.spec.dtype)).unwrap_or(0),
            shape,
        });
        ValueInfoProto {
            name: self.name(id).to_string(),
            r#type: tensor_type.map(|t| TypeProto {
                tensor_type: Some(t),
                ..TypeProto::default()
            }),
        }
    }

    fn node(&self, id: LayerId) -> Result<NodeProto, Fault> {
        let layer = self.network.layer(id);
        let place = format!("layer {:?}", layer.name);
        let name = |id: &Option<TensorId>| match id {
            Some(id) => self.name(*id).to_string(),
            None => String::new(),
        };
        let (domain, kind) = match &layer.op {
            Op::Other { name, domain } => (domain.as_str(), name.as_str()),
            _ => layer.kind.rsplit_once('.').unwrap_or(("", &layer.kind)),
        };
        let mut proto = NodeProto {
            input: layer.inputs.iter().map(name).collect(),
            output: layer.outputs.iter().map(name).collect(),
            name: layer.name.clone(),
            op_type: kind.to_string(),
            domain: domain.to_string(),
            attribute: Vec::new(),
        };
        if attribute_scales(layer) {
            proto.input.truncate(1);
        }
        for (name, value) in &layer.attributes {
            let fault = |f: Fault| f.within(&format!("{place} attribute {name:?}"));
            proto.attribute.push(attribute(name, value).map_err(fault)?);
        }
        for (name, graph) in &layer.subgraphs {
            proto.attribute.push(AttributeProto {
                name: name.clone(),
                g: Some(self.graph(*graph)?),
                r#type: attribute_type::GRAPH,
                ..AttributeProto::default()
            });
        }
        Ok(proto)
    }
}

/// True for an `Upsample` whose scales stand in an attribute.
fn attribute_scales(layer: &Layer) -> bool {
    layer.kind == "Upsample" && layer.attributes.contains_key("scales")
}

fn dimension(dim: &Dim) -> DimensionProto {
    DimensionProto {
        dim_value: dim.known().map(|size| size.min(i64::MAX as u64) as i64),
        dim_param: match dim {
            Dim::Symbol(name) => Some(name.clone()),
            _ => None,
        },
    }
}

fn attribute(name: &str, value: &Attribute) -> Result<AttributeProto, Fault> {
    let mut proto = AttributeProto {
        name: name.to_string(),
        ..AttributeProto::default()
    };
    let bytes = |text: &String| Bytes::copy_from_slice(text.as_bytes());
    proto.r#type = match value {
        Attribute::Float(v) => {
            proto.f = Some(*v);
            attribute_type::FLOAT
        }
        Attribute::Int(v) => {
            proto.i = Some(*v);
            attribute_type::INT
        }
        Attribute::String(v) => {
            proto.s = Some(bytes(v));
            attribute_type::STRING
        }
        Attribute::Floats(v) => {
            proto.floats = v.clone();
            attribute_type::FLOATS
        }
        Attribute::Ints(v) => {
            proto.ints = v.clone();
            attribute_type::INTS
        }
        Attribute::Strings(v) => {
            proto.strings = v.iter().map(bytes).collect();
            attribute_type::STRINGS
        }
        Attribute::Tensor(v) => {
            proto.t = Some(tensor_proto("", v)?);
            attribute_type::TENSOR
        }
    };
    Ok(proto)
}

fn tensor_proto(name: &str, data: &TensorData) -> Result<TensorProto, Fault> {
    let data_type = type_number(data.dtype).ok_or_else(|| {
        let problem = "which of the float8 formats it has is not known";
        Fault::new(format!("tensor {name:?}"), problem)
    })?;
    let mut proto = TensorProto {
        name: name.to_string(),
        dims: data.shape.iter().map(|&d| d as i64).collect(),
        data_type,
        ..TensorProto::default()
    };
    if data.dtype == DType::String {
        proto.string_data = unpack_strings(data);
    } else {
        proto.raw_data = Some(match &data.payload {
            model::Payload::Bytes(bytes) => bytes.clone(),
            _ => Bytes::from(data.to_bytes().into_owned()),
        });
    }
    Ok(proto)
}
