//! Calls of a model's own functions, replaced by the functions' bodies before anything is read.

use std::collections::{HashMap, HashSet};

use super::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};
use crate::error::Fault;

/// Functions that call functions.
const DEPTH: usize = 32;

/// Nodes that all calls together may become.
const NODES: usize = 1 << 20;

/// Replaces every call in the graphs of `model`. A body's own tensors and nodes get the call's name
/// in front, which makes the call a scope.
///
/// # Errors
/// [`Fault`] for functions that call themselves, or that would become too many nodes.
pub(super) fn expand(model: &mut ModelProto) -> Result<(), Fault> {
    if model.functions.is_empty() {
        return Ok(());
    }
    let functions = std::mem::take(&mut model.functions);
    let key = |f: &FunctionProto| (domain(&f.domain).to_string(), f.name.clone(), f.overload.clone());
    let mut expander = Expander {
        functions: functions.iter().map(|f| (key(f), f)).collect(),
        left: NODES,
        prefixes: HashSet::new(),
    };
    match &mut model.graph {
        Some(graph) => expander.graph(graph, 0),
        None => Ok(()),
    }
}

fn domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

struct Expander<'a> {
    /// By domain, name and overload.
    functions: HashMap<(String, String, String), &'a FunctionProto>,
    left: usize,
    prefixes: HashSet<String>,
}

impl<'a> Expander<'a> {
    fn graph(&mut self, graph: &mut GraphProto, depth: usize) -> Result<(), Fault> {
        let nodes = std::mem::take(&mut graph.node);
        graph.node = self.nodes(nodes, depth)?;
        Ok(())
    }

    fn nodes(&mut self, nodes: Vec<NodeProto>, depth: usize) -> Result<Vec<NodeProto>, Fault> {
        let mut all = Vec::with_capacity(nodes.len());
        for mut node in nodes {
            let key = (
                domain(&node.domain).to_string(),
                node.op_type.clone(),
                node.overload.clone(),
            );
            if let Some(&function) = self.functions.get(&key) {
                let place = format!("function {:?}", function.name);
                if depth >= DEPTH {
                    let problem = format!("expected functions at most {DEPTH} deep, found more");
                    return Err(Fault::new(place, problem));
                }
                self.left = (self.left.checked_sub(function.node.len() + 1)).ok_or_else(|| {
                    Fault::new(
                        place,
                        format!("expected at most {NODES} nodes in all calls, found more"),
                    )
                })?;
                let body = self.call(&node, function);
                all.append(&mut self.nodes(body, depth + 1)?);
                continue;
            }
            for attribute in &mut node.attribute {
                if let Some(graph) = &mut attribute.g {
                    self.graph(graph, depth)?;
                }
            }
            all.push(node);
        }
        Ok(all)
    }

    /// The body of `function` with the names and attributes of the call `node`.
    fn call(&mut self, node: &NodeProto, function: &FunctionProto) -> Vec<NodeProto> {
        let output = node.output.iter().find(|o| !o.is_empty());
        let base = match (node.name.as_str(), output) {
            ("", Some(output)) => format!("{}_{output}", function.name),
            ("", None) => function.name.clone(),
            (name, _) => name.to_string(),
        };
        let mut prefix = base.clone();
        let mut count = 1;
        while !self.prefixes.insert(prefix.clone()) {
            count += 1;
            prefix = format!("{base}_{count}");
        }
        let mut names: HashMap<&str, String> = HashMap::new();
        let given = |list: &[String], i: usize| list.get(i).cloned().unwrap_or_default();
        for (i, name) in function.input.iter().enumerate() {
            names.insert(name, given(&node.input, i));
        }
        let mut passed = Vec::new();
        for (i, name) in function.output.iter().enumerate() {
            let to = given(&node.output, i);
            if to.is_empty() {
                continue;
            }
            match names.get(name.as_str()) {
                // An input that is an output, too.
                Some(from) => passed.push((from.clone(), to)),
                None => drop(names.insert(name, to)),
            }
        }
        let call = Call {
            node,
            function,
            names,
            prefix,
        };
        let mut body: Vec<NodeProto> = function.node.iter().map(|n| call.node(n, &[])).collect();
        body.extend(passed.into_iter().map(|(from, to)| NodeProto {
            input: vec![from],
            output: vec![to],
            op_type: "Identity".into(),
            ..NodeProto::default()
        }));
        body
    }
}

/// One call of a function.
struct Call<'a> {
    node: &'a NodeProto,
    function: &'a FunctionProto,
    /// What the function's inputs and outputs are called where it is called.
    names: HashMap<&'a str, String>,
    prefix: String,
}

impl Call<'_> {
    /// `name` outside; `own` are the names of nested graphs, which stay.
    fn name(&self, name: &str, own: &[HashSet<String>]) -> String {
        if name.is_empty() || own.iter().any(|names| names.contains(name)) {
            return name.to_string();
        }
        match self.names.get(name) {
            Some(outside) => outside.clone(),
            None => format!("{}/{name}", self.prefix),
        }
    }

    fn node(&self, node: &NodeProto, own: &[HashSet<String>]) -> NodeProto {
        let renamed = |list: &[String]| list.iter().map(|n| self.name(n, own)).collect();
        NodeProto {
            input: renamed(&node.input),
            output: renamed(&node.output),
            name: match node.name.as_str() {
                "" => String::new(),
                name => format!("{}/{name}", self.prefix),
            },
            attribute: node
                .attribute
                .iter()
                .filter_map(|a| self.attribute(a, own))
                .collect(),
            ..node.clone()
        }
    }

    /// An attribute with the call's value where it refers to one; `None` where the call has none.
    fn attribute(&self, attribute: &AttributeProto, own: &[HashSet<String>]) -> Option<AttributeProto> {
        if !attribute.ref_attr_name.is_empty() {
            let wanted = &attribute.ref_attr_name;
            let given = self.node.attribute.iter().find(|a| a.name == *wanted);
            let value = given.or_else(|| self.function.attribute_proto.iter().find(|a| a.name == *wanted))?;
            return Some(AttributeProto {
                name: attribute.name.clone(),
                ..value.clone()
            });
        }
        let mut copy = attribute.clone();
        if let Some(graph) = &mut copy.g {
            let inputs = graph.input.iter().map(|v| &v.name);
            let stored = graph.initializer.iter().map(|t| &t.name);
            let made = graph.node.iter().flat_map(|n| &n.output);
            let inner: HashSet<String> = inputs.chain(stored).chain(made).cloned().collect();
            let own = [own, &[inner]].concat();
            for node in &mut graph.node {
                // Nodes of nested graphs keep their names.
                *node = NodeProto {
                    name: node.name.clone(),
                    ..self.node(node, &own)
                };
            }
            for value in &mut graph.output {
                value.name = self.name(&value.name, &own);
            }
        }
        Some(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op: &str, input: &[&str], output: &[&str]) -> NodeProto {
        let list = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        NodeProto {
            op_type: op.into(),
            domain: if op.starts_with("My") {
                "own".into()
            } else {
                String::new()
            },
            input: list(input),
            output: list(output),
            ..NodeProto::default()
        }
    }

    fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
        FunctionProto {
            name: name.into(),
            domain: "own".into(),
            input: vec!["a".into()],
            output: vec!["b".into()],
            node: nodes,
            ..FunctionProto::default()
        }
    }

    fn model(functions: Vec<FunctionProto>, nodes: Vec<NodeProto>) -> ModelProto {
        ModelProto {
            functions,
            graph: Some(GraphProto {
                node: nodes,
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        }
    }

    #[test]
    fn calls_become_bodies_with_names_of_their_own() {
        let mut alpha = node("Elu", &["t"], &["b"]);
        alpha.attribute.push(AttributeProto {
            name: "alpha".into(),
            ref_attr_name: "slope".into(),
            ..AttributeProto::default()
        });
        let outer = function("MyOuter", vec![node("MyInner", &["a"], &["t"]), alpha]);
        let inner = function(
            "MyInner",
            vec![node("Neg", &["a"], &["u"]), node("Abs", &["u"], &["b"])],
        );
        let mut call = node("MyOuter", &["x"], &["y"]);
        call.attribute.push(AttributeProto {
            name: "slope".into(),
            f: Some(2.0),
            ..AttributeProto::default()
        });
        let mut model = model(vec![outer, inner], vec![call, node("MyInner", &["y"], &["z"])]);
        expand(&mut model).unwrap();
        let nodes = model.graph.unwrap().node;
        let text = |n: &NodeProto| format!("{} {:?} {:?}", n.op_type, n.input, n.output);
        let found: Vec<String> = nodes.iter().map(text).collect();
        assert_eq!(
            found,
            [
                r#"Neg ["x"] ["MyInner_MyOuter_y/t/u"]"#,
                r#"Abs ["MyInner_MyOuter_y/t/u"] ["MyOuter_y/t"]"#,
                r#"Elu ["MyOuter_y/t"] ["y"]"#,
                r#"Neg ["y"] ["MyInner_z/u"]"#,
                r#"Abs ["MyInner_z/u"] ["z"]"#,
            ]
        );
        assert_eq!(nodes[2].attribute[0].f, Some(2.0));
        assert_eq!(nodes[2].attribute[0].name, "alpha");
    }

    #[test]
    fn functions_that_call_themselves_or_explode_are_refused() {
        let problem = |functions| {
            let mut model = model(functions, vec![node("My0", &["x"], &["y"])]);
            expand(&mut model).unwrap_err().problem
        };
        let circle = function("My0", vec![node("My0", &["a"], &["b"])]);
        assert!(problem(vec![circle]).contains("deep"));
        // Ten calls in each of eight functions would be 10^8 nodes.
        let tens = (0..8).map(|i| {
            let call = |k: usize| {
                let (from, to) = (format!("t{k}"), format!("t{}", k + 1));
                node(&format!("My{}", i + 1), &[&from], &[&to])
            };
            function(&format!("My{i}"), (0..10).map(call).collect())
        });
        assert!(problem(tens.collect()).contains("nodes in all calls"));
    }
}
