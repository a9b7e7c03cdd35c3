//! Networks out of named tensors alone, for files that state weights and no computation.
//!
//! Dotted or slashed names give the scopes; tensors that differ in the last part of their names
//! only are one layer ([`Op::Weights`]). Layers stand in the order in which their tensors come.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use model::network::TensorKind;
use model::op::{Attributes, Op};
use model::{DType, Graph, GraphId, Layer, LayerId, Network, ScopeId, Tensor, TensorData, TensorSpec};

/// Most tensors of one file.
pub(crate) const MAX_TENSORS: usize = 1 << 20;

/// A stored tensor under its name in the file.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Name, unique in its file.
    pub(crate) name: String,
    /// Shape and element type.
    pub(crate) spec: TensorSpec,
    /// Its values; `None` where they cannot be kept.
    pub(crate) data: Option<Arc<TensorData>>,
}

impl Named {
    /// A tensor with its values.
    pub(crate) fn new(name: impl Into<String>, data: TensorData) -> Self {
        Named {
            name: name.into(),
            spec: data.spec(),
            data: Some(Arc::new(data)),
        }
    }
}

/// What the name of a weight ends with when its matrix is kept transposed, as products want it.
pub(crate) const TRANSPOSED: &str = "^T";

/// All that a file of weights holds.
#[derive(Default)]
pub(crate) struct Weights {
    /// What [`Network::format`] says.
    pub(crate) format: String,
    /// What the file states besides.
    pub(crate) metadata: Vec<(String, String)>,
    /// Tensors whose names differ, in an order that is worth showing.
    pub(crate) tensors: Vec<Named>,
    /// Element types without values here, each with a tensor of that type.
    pub(crate) unread: Vec<(String, String)>,
    /// What else was odd.
    pub(crate) warnings: Vec<String>,
}

impl Weights {
    /// What was odd, in sentences.
    pub(crate) fn remarks(&mut self) -> Vec<String> {
        let mut remarks = std::mem::take(&mut self.warnings);
        let mut kinds: std::collections::BTreeMap<String, Vec<String>> = Default::default();
        for (kind, name) in std::mem::take(&mut self.unread) {
            kinds.entry(kind).or_default().push(name);
        }
        for (kind, names) in kinds {
            let more = match names.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            remarks.push(format!(
                "{:?}{more}: values of type {kind} are not read",
                names[0]
            ));
        }
        remarks
    }

    /// Layers by name alone.
    pub(crate) fn tree(mut self, name: &str) -> Network {
        let remarks = self.remarks();
        let mut network = network(name, &self.format, self.tensors);
        network.metadata = self.metadata;
        network.warnings.extend(remarks);
        network
    }
}

/// Number of elements of a tensor of `shape`.
pub(crate) fn elements(shape: &[u64]) -> Result<u64, String> {
    // Without its zeros too, so that no partial product can overflow later on.
    let mut nonzero = shape.iter().filter(|&&d| d > 0);
    let product = nonzero.try_fold(1u64, |n, &d| n.checked_mul(d));
    let product = product.filter(|&p| p <= i64::MAX as u64);
    let product = product.ok_or_else(|| format!("expected at most 2^63 elements, found shape {shape:?}"))?;
    Ok(if shape.contains(&0) { 0 } else { product })
}

/// The network of `tensors`, whose names differ. `format` is what [`Network::format`] says.
pub(crate) fn network(name: &str, format: &str, tensors: Vec<Named>) -> Network {
    let mut network = Network {
        name: name.to_string(),
        format: format.to_string(),
        graphs: vec![Graph::default()],
        ..Network::default()
    };
    network.warnings.push(
        "the file holds weights and does not state what is computed with them: \
         layers stand in the order of their weights, and the network cannot be run"
            .into(),
    );
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut before = None;
    for named in tensors {
        let layer = layer_of(&named.name).unwrap_or_else(|| name.to_string());
        let kind = kind(&named.name, named.spec.dtype);
        let tensor = network.add_tensor(Tensor {
            name: named.name,
            spec: named.spec,
            kind,
            data: named.data,
            producer: None,
        });
        if let Some(&at) = places.get(&layer) {
            // What the layer before gives stays last.
            let inputs = &mut network.layers[at].inputs;
            let end = inputs.len() - usize::from(at > 0);
            inputs.insert(end, Some(tensor));
            continue;
        }
        let id = LayerId(network.layers.len() as u32);
        places.insert(layer.clone(), id.0 as usize);
        // A link to the next layer keeps them in order; nothing is known about its shape.
        let output = network.add_tensor(Tensor {
            name: format!("{layer} -> next"),
            spec: TensorSpec::unknown(),
            kind: TensorKind::Activation,
            data: None,
            producer: None,
        });
        network.graphs[0].layers.push(id);
        network.layers.push(Layer {
            name: layer,
            op: Op::Weights,
            kind: "Weights".into(),
            inputs: [Some(tensor)].into_iter().chain(before.map(Some)).collect(),
            outputs: vec![Some(output)],
            attributes: Attributes::new(),
            activation: None,
            subgraphs: Vec::new(),
            graph: GraphId(0),
            scope: ScopeId(0),
        });
        before = Some(output);
    }
    network
}

/// The layer that the tensor `name` belongs to, `encoder/layer.3/attention/query` for
/// `encoder.layer.3.attention.query.weight`; `None` for a name of one part.
pub(crate) fn layer_of(name: &str) -> Option<String> {
    let parts = parts(name);
    let (_, parts) = parts.split_last()?;
    let mut path = String::new();
    for (i, part) in parts.iter().enumerate() {
        let number = part.bytes().all(|b| b.is_ascii_digit());
        if i > 0 {
            path.push(if number { '.' } else { '/' });
        }
        path.push_str(part);
    }
    Some(path).filter(|p| !p.is_empty())
}

fn parts(name: &str) -> Vec<&str> {
    let separator = if name.contains('/') { '/' } else { '.' };
    name.split(separator).filter(|p| !p.is_empty()).collect()
}

/// What a stored tensor is, as far as its name and element type tell.
pub(crate) fn kind(name: &str, dtype: DType) -> TensorKind {
    const STATE: &[&str] = &[
        "running_mean",
        "running_var",
        "num_batches_tracked",
        "moving_mean",
        "moving_variance",
        "inv_freq",
        "position_ids",
        "masked_bias",
    ];
    let last = parts(name)
        .last()
        .map_or("", |p| p.split(':').next().unwrap_or(p));
    // Quantised weights have 4 or 8 bits an element; wider integers count or point.
    let wide = matches!(
        dtype,
        DType::Bool
            | DType::I64
            | DType::I32
            | DType::I16
            | DType::U64
            | DType::U32
            | DType::U16
            | DType::String
    );
    match wide || STATE.contains(&last) || last.ends_with("_buffer") {
        true => TensorKind::Buffer,
        false => TensorKind::Parameter,
    }
}

/// Order of names in which `layer.2` comes before `layer.10`, for files that sort them otherwise.
pub(crate) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    let digits = |s: &[u8]| s.iter().take_while(|c| c.is_ascii_digit()).count();
    loop {
        let (&[x, ..], &[y, ..]) = (a, b) else {
            return a.len().cmp(&b.len());
        };
        let (m, n) = (digits(a), digits(b));
        let order = if m > 0 && n > 0 {
            let strip = |s: &[u8]| s.iter().take_while(|&&c| c == b'0').count();
            let (p, q) = (&a[strip(&a[..m])..m], &b[strip(&b[..n])..n]);
            let order = p.len().cmp(&q.len()).then(p.cmp(q)).then(m.cmp(&n));
            (a, b) = (&a[m..], &b[n..]);
            order
        } else {
            (a, b) = (&a[1..], &b[1..]);
            x.cmp(&y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_layers_and_scopes() {
        let check = |name: &str, layer: Option<&str>| assert_eq!(layer_of(name).as_deref(), layer);
        check(
            "encoder.layer.3.attention.query.weight",
            Some("encoder/layer.3/attention/query"),
        );
        check("features.0.weight", Some("features.0"));
        check("block1/conv1/kernel:0", Some("block1/conv1"));
        check("weight", None);
        check(".", None);
        check("0.1.bias", Some("0.1"));
    }

    #[test]
    fn numbers_in_names_count() {
        let check = |a, b| assert_eq!(natural_order(a, b), Ordering::Less, "{a} {b}");
        check("layer.2.x", "layer.10.a");
        check("a", "a.b");
        check("a.01", "a.2");
        check("a.1", "a.01");
        check("b1", "b1a");
        assert_eq!(natural_order("x.12", "x.12"), Ordering::Equal);
    }

    #[test]
    fn parameters_and_buffers_are_counted() {
        let float = |name: &str, shape: &[u64]| {
            let count = shape.iter().product::<u64>() as usize;
            Named::new(name, TensorData::from_f32(shape, &vec![0.5; count]))
        };
        let tensors = vec![
            float("block.0.conv.weight", &[8, 3, 3, 3]),
            float("block.0.bn.weight", &[8]),
            float("block.0.bn.running_mean", &[8]),
            Named::new("block.0.bn.num_batches_tracked", TensorData::from_i64(&[], &[7])),
            float("block.0.conv.bias", &[8]),
            float("scale", &[1]),
        ];
        let mut network = network("net", "test", tensors);
        network.link_producers().unwrap();
        network.sort_layers().unwrap();
        model::infer::infer(&mut network);
        let cost = model::cost(&network, &model::Bindings::new());
        assert_eq!(cost.total.parameters, 216 + 8 + 8 + 1);
        assert_eq!(cost.total.buffers, 8 + 1);
        assert_eq!(cost.unknown, []);
        let names: Vec<&str> = network.layers.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names, ["block.0/conv", "block.0/bn", "net"]);
        let scopes: Vec<&str> = network.scopes.scopes.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(scopes, ["", "block.0"]);
    }
}
