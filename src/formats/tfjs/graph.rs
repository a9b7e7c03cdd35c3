//! Frozen TensorFlow graphs as TensorFlow.js keeps them.

use std::collections::{BTreeMap, HashMap};

use model::op::{Attribute, Attributes};
use model::{Network, TensorData};
use serde_json::Value;

use super::nodes;
use crate::channels::{Builder, Flow, Node as Layer, Order, Sizes};
use crate::error::Fault;

/// Most nodes of a graph.
const MAX_NODES: usize = 200_000;

/// A node as the file states it.
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    /// Names of what it reads, control inputs left out, each with the output's number.
    pub(super) inputs: Vec<(&'a str, usize)>,
    attributes: &'a Value,
}

impl<'a> Node<'a> {
    fn read(value: &'a Value) -> Result<Self, Fault> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let (Some(name), Some(op)) = (text("name"), text("op")) else {
            return Err(Fault::new(
                "modelTopology",
                "expected nodes with \"name\" and \"op\"",
            ));
        };
        let inputs = value.get("input").and_then(Value::as_array).into_iter().flatten();
        let inputs = inputs.filter_map(Value::as_str).filter(|i| !i.starts_with('^'));
        let one = |input: &'a str| match input.rsplit_once(':') {
            Some((name, output)) => (name, output.parse().unwrap_or(0)),
            None => (input, 0),
        };
        Ok(Node {
            name,
            op,
            inputs: inputs.map(one).collect(),
            attributes: value.get("attr").unwrap_or(&Value::Null),
        })
    }

    fn attribute(&self, key: &str, kind: &str) -> Option<&'a Value> {
        self.attributes.get(key)?.get(kind)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.attribute(key, "b").and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn float(&self, key: &str, default: f32) -> f32 {
        self.attribute(key, "f")
            .and_then(Value::as_f64)
            .map_or(default, |v| v as f32)
    }

    /// A list of whole numbers, which may be written as texts.
    pub(super) fn ints(&self, key: &str) -> Vec<i64> {
        let list = self.attribute(key, "list").and_then(|l| l.get("i")?.as_array());
        list.into_iter().flatten().filter_map(int).collect()
    }

    /// A text, in base64 as the format has it.
    pub(super) fn text(&self, key: &str) -> String {
        self.attribute(key, "s")
            .and_then(Value::as_str)
            .map_or(String::new(), decoded)
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let list = self.attribute(key, "list").and_then(|l| l.get("s")?.as_array());
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(decoded)
            .collect()
    }

    /// The shape of a placeholder.
    fn shape(&self) -> Option<Sizes> {
        let dims = self.attribute("shape", "shape")?.get("dim")?.as_array()?;
        let one = |d: &Value| int(d.get("size")?).map(|n| u64::try_from(n).ok());
        dims.iter()
            .map(one)
            .collect::<Option<Sizes>>()
            .filter(|s| s.len() <= 8)
    }

    fn shown(&self) -> Attributes {
        let mut shown = Attributes::new();
        for (key, value) in self.attributes.as_object().into_iter().flatten() {
            let found = match value.as_object().and_then(|m| m.iter().next()) {
                Some((kind, value)) if kind == "s" => value.as_str().map(|s| Attribute::String(decoded(s))),
                Some((kind, value)) if kind == "i" => int(value).map(Attribute::Int),
                Some((kind, value)) if kind == "f" => value.as_f64().map(|v| Attribute::Float(v as f32)),
                Some((kind, _)) if kind == "list" && !self.ints(key).is_empty() => {
                    Some(Attribute::Ints(self.ints(key)))
                }
                _ => None,
            };
            if let Some(found) = found {
                shown.insert(key.clone(), found);
            }
        }
        shown
    }
}

fn int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Base64; what is none stays as it is.
fn decoded(text: &str) -> String {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Option<Vec<u8>> = text.trim_end_matches('=').bytes().map(digit).collect();
    let Some(digits) = digits else {
        return text.to_string();
    };
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for digit in digits {
        bits = (bits << 6 | u32::from(digit)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_string())
}

/// The graph being built.
pub(super) struct Graph<'a> {
    pub(super) b: Builder,
    pub(super) stored: HashMap<&'a str, &'a TensorData>,
    flows: HashMap<&'a str, Vec<Flow>>,
}

impl Graph<'_> {
    /// Input `i` of `node`; stored tensors in the file's order.
    pub(super) fn flow(&mut self, node: &Node, i: usize) -> Result<Flow, Fault> {
        let missing = || {
            Fault::new(
                format!("node {:?}", node.name),
                format!("expected an input {i}, found none"),
            )
        };
        let &(name, output) = node.inputs.get(i).ok_or_else(missing)?;
        if let Some(data) = self.stored.get(name) {
            let tensor = self.b.stored(name, || Ok((*data).clone()))?;
            let shape = Some(data.shape.iter().map(|&d| Some(d)).collect());
            return Ok(Flow { tensor, shape });
        }
        let found = self
            .flows
            .get(name)
            .and_then(|f| f.get(output).or(f.first()))
            .cloned();
        found.ok_or_else(|| {
            Fault::new(
                format!("node {:?}", node.name),
                format!("its input {name:?} is not there"),
            )
        })
    }

    /// The stored values of input `i`.
    pub(super) fn data(&self, node: &Node, i: usize) -> Option<&TensorData> {
        self.stored.get(node.inputs.get(i)?.0).copied()
    }

    /// The stored whole numbers of input `i`.
    pub(super) fn ints(&self, node: &Node, i: usize) -> Option<Vec<i64>> {
        self.data(node, i)?.to_i64()
    }

    /// A layer named after its node.
    pub(super) fn layer(
        &mut self,
        node: &Node,
        op: model::Op,
        inputs: Vec<Option<model::TensorId>>,
        shape: Option<Sizes>,
        order: Order,
    ) -> Result<Flow, Fault> {
        let made = self.b.add(Layer {
            name: node.name.to_string(),
            kind: node.op.to_string(),
            op,
            inputs,
            outputs: 1,
            attributes: node.shown(),
            activation: None,
        })?;
        Ok(self.b.flow(made[0], shape, order))
    }
}

/// The network of a frozen graph with the weights `stored`.
pub(super) fn network(
    topology: &Value,
    stored: &BTreeMap<String, TensorData>,
    stem: &str,
) -> Result<Network, Fault> {
    let list = topology.get("node").and_then(Value::as_array);
    let list = list.ok_or_else(|| Fault::new("modelTopology", "expected an array \"node\", found none"))?;
    if list.len() > MAX_NODES {
        let found = list.len();
        return Err(Fault::new(
            "modelTopology",
            format!("expected at most {MAX_NODES} nodes, found {found}"),
        ));
    }
    let nodes = list.iter().map(Node::read).collect::<Result<Vec<_>, _>>()?;
    let mut places = HashMap::new();
    for (i, node) in nodes.iter().enumerate() {
        if places.insert(node.name, i).is_some() {
            return Err(Fault::new(
                "modelTopology",
                format!("two nodes are called {:?}", node.name),
            ));
        }
    }
    let order = order(&nodes, &places)?;
    let mut graph = Graph {
        b: Builder::new(stem, "TensorFlow.js graph"),
        stored: HashMap::new(),
        flows: HashMap::new(),
    };
    let mut read = vec![false; nodes.len()];
    for &i in &order {
        let node = &nodes[i];
        node.inputs
            .iter()
            .filter_map(|(n, _)| places.get(n))
            .for_each(|&p| read[p] = true);
        match node.op {
            "Const" => {
                if let Some(data) = stored.get(node.name) {
                    graph.stored.insert(node.name, data);
                } else {
                    let tensor = graph.b.missing(node.name);
                    graph.flows.insert(node.name, vec![Flow { tensor, shape: None }]);
                }
            }
            "Placeholder" => {
                let flow = graph.b.input(node.name, model::DType::F32, node.shape());
                graph.flows.insert(node.name, vec![flow]);
            }
            _ => {
                let flows = match nodes::make(&mut graph, node)? {
                    Some(flow) => vec![flow],
                    None => vec![generic(&mut graph, node)?],
                };
                graph.flows.insert(node.name, flows);
            }
        }
    }
    let last = (0..nodes.len()).filter(|&i| !read[i] && nodes[i].op != "Const");
    let outputs = last
        .filter_map(|i| graph.flows.get(nodes[i].name)?.first().cloned())
        .collect();
    Ok(graph.b.finish(outputs))
}

/// Places in topological order.
fn order(nodes: &[Node], places: &HashMap<&str, usize>) -> Result<Vec<usize>, Fault> {
    let (mut waits, mut feeds) = (vec![0usize; nodes.len()], vec![Vec::new(); nodes.len()]);
    for (i, node) in nodes.iter().enumerate() {
        for (name, _) in &node.inputs {
            let missing = || {
                Fault::new(
                    format!("node {:?}", node.name),
                    format!("its input {name:?} is not there"),
                )
            };
            feeds[*places.get(name).ok_or_else(missing)?].push(i);
            waits[i] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..nodes.len()).rev().filter(|&i| waits[i] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(i) = ready.pop() {
        order.push(i);
        for &next in &feeds[i] {
            waits[next] -= 1;
            if waits[next] == 0 {
                ready.push(next);
            }
        }
    }
    match order.len() == nodes.len() {
        true => Ok(order),
        false => Err(Fault::new(
            "modelTopology",
            "expected no cycle among the nodes, found one",
        )),
    }
}

fn generic(graph: &mut Graph, node: &Node) -> Result<Flow, Fault> {
    graph.b.note_unknown(node.op, "cannot be computed");
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for i in 0..node.inputs.len() {
        let flow = graph.flow(node, i)?;
        inputs.push(Some(graph.b.file(&flow)?.tensor));
    }
    let op = model::Op::Other {
        name: node.op.to_string(),
        domain: "tensorflow".into(),
    };
    graph.layer(node, op, inputs, None, Order::File)
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_base64() {
        assert_eq!(super::decoded("U0FNRQ=="), "SAME");
        assert_eq!(super::decoded("Tk hXQw"), "Tk hXQw");
        assert_eq!(super::decoded("Qmlhc0FkZA=="), "BiasAdd");
    }
}
