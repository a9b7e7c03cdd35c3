//! Two networks beside each other: which layers correspond, and what differs between them.
//!
//! Layers of the main graphs are matched by name where most names agree, and else by what they are:
//! the longest common run of operators with the shapes of their weights (Myers 1986).

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::{Bindings, Layer, LayerId, Network, TensorData, TensorId, TensorKind};

/// After this the alignment settles for a coarser one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Share of the smaller network's layers whose names must be found in the other one, to trust names.
const KNOWN: f64 = 0.5;

/// What differs between two layers.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// Another operator.
    #[allow(missing_docs)]
    Operator { a: String, b: String },
    /// An attribute, absent ones as empty text.
    #[allow(missing_docs)]
    Attribute { name: String, a: String, b: String },
    /// The shape of an output.
    #[allow(missing_docs)]
    Shape { output: usize, a: String, b: String },
    /// Another number of stored tensors.
    #[allow(missing_docs)]
    Weights { a: usize, b: usize },
    /// The shape of a stored tensor.
    #[allow(missing_docs)]
    WeightShape { name: String, a: String, b: String },
    /// The values of a stored tensor: the norm of the difference over the norm of the first, and
    /// the cosine between both.
    #[allow(missing_docs)]
    Values {
        name: String,
        distance: f64,
        cosine: f64,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or = |text: &str| match text {
            "" => "not stated".to_string(),
            text => text.to_string(),
        };
        match self {
            Difference::Operator { a, b } => write!(f, "operator {a} -> {b}"),
            Difference::Attribute { name, a, b } => write!(f, "{name}: {} -> {}", or(a), or(b)),
            Difference::Shape { output: 0, a, b } => write!(f, "shape {a} -> {b}"),
            Difference::Shape { output, a, b } => write!(f, "shape of output {output} {a} -> {b}"),
            Difference::Weights { a, b } => write!(f, "{a} stored tensors -> {b}"),
            Difference::WeightShape { name, a, b } => write!(f, "{name}: {a} -> {b}"),
            Difference::Values {
                name,
                distance,
                cosine,
            } => write!(
                f,
                "{name}: values {distance:.3e} apart (relative), cosine {cosine:.6}"
            ),
        }
    }
}

/// A layer of one network or of both.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// In the first network; `None`: added.
    pub a: Option<LayerId>,
    /// In the second network; `None`: removed.
    pub b: Option<LayerId>,
    /// What differs, for a layer of both.
    pub differences: Vec<Difference>,
}

impl Pair {
    /// `same`, `changed`, `added` or `removed`.
    pub fn status(&self) -> &'static str {
        match (self.a, self.b) {
            (None, _) => "added",
            (_, None) => "removed",
            _ if self.differences.is_empty() => "same",
            _ => "changed",
        }
    }
}

/// Aligns the main graphs of `a` and `b` and compares the layers that correspond, in the flow order
/// of `a` with what `b` adds in its place.
pub fn diff(a: &Network, b: &Network) -> Vec<Pair> {
    let (first, second) = (layers(a), layers(b));
    let matched = align(a, b, &first, &second);
    let of_b: HashMap<LayerId, LayerId> = matched.iter().map(|(&x, &y)| (y, x)).collect();
    let place: HashMap<LayerId, usize> = first.iter().copied().zip(1..).collect();
    let mut rows: Vec<(usize, Pair)> = first
        .iter()
        .map(|&x| {
            let y = matched.get(&x).copied();
            let differences = y.map_or(Vec::new(), |y| compare((a, x), (b, y)));
            let pair = Pair {
                a: Some(x),
                b: y,
                differences,
            };
            (place[&x], pair)
        })
        .collect();
    let mut after = 0;
    for &y in &second {
        match of_b.get(&y) {
            Some(x) => after = place[x],
            None => rows.push((
                after,
                Pair {
                    a: None,
                    b: Some(y),
                    differences: Vec::new(),
                },
            )),
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, pair)| pair).collect()
}

fn layers(network: &Network) -> Vec<LayerId> {
    network.graphs.first().map_or(Vec::new(), |g| g.layers.clone())
}

/// The layer of `b` that corresponds to each of `a`.
fn align(a: &Network, b: &Network, first: &[LayerId], second: &[LayerId]) -> HashMap<LayerId, LayerId> {
    let named: HashMap<&str, LayerId> = second.iter().map(|&y| (b.layer(y).name.as_str(), y)).collect();
    let by_name = first.iter().filter_map(|&x| {
        let y = *named.get(a.layer(x).name.as_str())?;
        (a.layer(x).kind == b.layer(y).kind).then_some((x, y))
    });
    let by_name: HashMap<LayerId, LayerId> = by_name.collect();
    let fewer = first.len().min(second.len());
    let mut matched = match by_name.len() as f64 >= KNOWN * fewer as f64 {
        true => by_name,
        false => HashMap::new(),
    };
    // From what is alike in its weights too, to what is only the same operator.
    let exact = |n: &Network, l: LayerId| (n.layer(l).kind.clone(), weights_shape(n, n.layer(l)));
    follow(first, second, &mut matched, |x| exact(a, x), |y| exact(b, y));
    let kind = |n: &Network, l: LayerId| n.layer(l).kind.clone();
    follow(first, second, &mut matched, |x| kind(a, x), |y| kind(b, y));
    matched
}

/// Matches what is left between two layers that are matched already, by equal keys in equal order.
fn follow<K: std::hash::Hash + Ord>(
    first: &[LayerId],
    second: &[LayerId],
    matched: &mut HashMap<LayerId, LayerId>,
    key_a: impl Fn(LayerId) -> K,
    key_b: impl Fn(LayerId) -> K,
) {
    let deadline = Some(Instant::now() + PATIENCE);
    let place: HashMap<LayerId, usize> = second.iter().copied().zip(0..).collect();
    let mut begin = (0, 0);
    let mut gaps = Vec::new();
    for (i, x) in first.iter().enumerate() {
        // Only pairs in order bound a gap.
        if let Some(j) = matched.get(x).map(|y| place[y]).filter(|&j| j >= begin.1) {
            gaps.push((begin.0..i, begin.1..j));
            begin = (i + 1, j + 1);
        }
    }
    gaps.push((begin.0..first.len(), begin.1..second.len()));
    let taken: HashSet<LayerId> = matched.values().copied().collect();
    for (of_a, of_b) in gaps {
        let left: Vec<LayerId> = first[of_a]
            .iter()
            .copied()
            .filter(|x| !matched.contains_key(x))
            .collect();
        let right: Vec<LayerId> = second[of_b]
            .iter()
            .copied()
            .filter(|y| !taken.contains(y))
            .collect();
        let keys = (
            left.iter().map(|&x| key_a(x)).collect::<Vec<K>>(),
            right.iter().map(|&y| key_b(y)).collect::<Vec<K>>(),
        );
        for run in capture_diff_slices_deadline(Algorithm::Myers, &keys.0, &keys.1, deadline) {
            if let DiffOp::Equal {
                old_index,
                new_index,
                len,
            } = run
            {
                matched.extend((0..len).map(|i| (left[old_index + i], right[new_index + i])));
            }
        }
    }
}

/// Stored tensors that a layer reads, in the order of its inputs.
fn weights(network: &Network, layer: &Layer) -> Vec<TensorId> {
    let stored = |t: &&TensorId| {
        let kind = network.tensor(**t).kind;
        matches!(kind, TensorKind::Parameter | TensorKind::Buffer)
    };
    layer.inputs.iter().flatten().filter(stored).copied().collect()
}

fn weights_shape(network: &Network, layer: &Layer) -> Vec<Vec<Option<u64>>> {
    let none = Bindings::new();
    let sizes = |t: TensorId| {
        let dims = network.tensor(t).spec.dims().unwrap_or_default();
        dims.iter().map(|d| d.eval(&none)).collect()
    };
    weights(network, layer).into_iter().map(sizes).collect()
}

fn compare((a, x): (&Network, LayerId), (b, y): (&Network, LayerId)) -> Vec<Difference> {
    let (first, second) = (a.layer(x), b.layer(y));
    let mut found = Vec::new();
    if first.kind != second.kind {
        found.push(Difference::Operator {
            a: first.kind.clone(),
            b: second.kind.clone(),
        });
    }
    let mut names: Vec<&String> = first.attributes.keys().chain(second.attributes.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (p, q) = (first.attributes.get(name), second.attributes.get(name));
        if p != q {
            let text = |v: Option<&crate::Attribute>| v.map_or(String::new(), |v| v.to_string());
            found.push(Difference::Attribute {
                name: name.clone(),
                a: text(p),
                b: text(q),
            });
        }
    }
    for (output, (p, q)) in first.outputs.iter().zip(&second.outputs).enumerate() {
        if let (Some(p), Some(q)) = (p, q) {
            let (p, q) = (&a.tensor(*p).spec, &b.tensor(*q).spec);
            if p.dims() != q.dims() || p.dtype != q.dtype {
                let (a, b) = (p.to_string(), q.to_string());
                found.push(Difference::Shape { output, a, b });
            }
        }
    }
    let (own, other) = (weights(a, first), weights(b, second));
    if own.len() != other.len() {
        found.push(Difference::Weights {
            a: own.len(),
            b: other.len(),
        });
    }
    for (p, q) in own.into_iter().zip(other) {
        let (p, q) = (a.tensor(p), b.tensor(q));
        let name = q.name.clone();
        if p.spec.dims() != q.spec.dims() {
            let (a, b) = (p.spec.to_string(), q.spec.to_string());
            found.push(Difference::WeightShape { name, a, b });
        } else if let (Some(p), Some(q)) = (&p.data, &q.data)
            && let Some((distance, cosine)) = apart(p, q)
            && distance > 0.0
        {
            found.push(Difference::Values {
                name,
                distance,
                cosine,
            });
        }
    }
    found
}

/// `|a - b| / |a|` in the 2-norm, and the cosine between both; `None` for what holds no numbers.
/// From nothing to something is infinitely far.
pub fn apart(a: &TensorData, b: &TensorData) -> Option<(f64, f64)> {
    if a == b {
        return Some((0.0, 1.0));
    }
    let (a, b) = (a.to_f32()?, b.to_f32()?);
    let (mut apart, mut own, mut other, mut both) = (0.0, 0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(&b).map(|(x, y)| (f64::from(*x), f64::from(*y))) {
        apart += (x - y) * (x - y);
        own += x * x;
        other += y * y;
        both += x * y;
    }
    let distance = if apart == 0.0 { 0.0 } else { (apart / own).sqrt() };
    let cosine = if own * other > 0.0 {
        both / (own * other).sqrt()
    } else {
        0.0
    };
    Some((distance, cosine))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::templates::residual_cnn;

    fn counts(pairs: &[Pair]) -> [usize; 4] {
        ["same", "changed", "added", "removed"].map(|s| pairs.iter().filter(|p| p.status() == s).count())
    }

    #[test]
    fn a_network_is_the_same_as_itself() {
        let network = residual_cnn("t", 1, 28, 10, 8, 1);
        let pairs = diff(&network, &network);
        assert_eq!(counts(&pairs), [network.main().layers.len(), 0, 0, 0]);
        assert!(pairs.iter().all(|p| p.a == p.b));
    }

    #[test]
    fn a_changed_weight_is_found_with_its_distance() {
        let a = residual_cnn("t", 1, 28, 10, 8, 1);
        let mut b = a.clone();
        let index = b
            .tensors
            .iter()
            .position(|t| t.name.contains("block1/conv1") && t.data.is_some());
        let tensor = &mut b.tensors[index.unwrap()];
        let old = tensor.data.clone().unwrap();
        let doubled: Vec<f32> = old.to_f32().unwrap().iter().map(|v| 2.0 * v).collect();
        tensor.data = Some(Arc::new(TensorData::from_f32(&old.shape, &doubled)));
        let pairs = diff(&a, &b);
        assert_eq!(counts(&pairs)[1..], [1, 0, 0]);
        let changed = pairs.iter().find(|p| p.status() == "changed").unwrap();
        let [Difference::Values { distance, cosine, .. }] = &changed.differences[..] else {
            panic!("{:?}", changed.differences)
        };
        // |a - 2a| = |a|, and both point the same way.
        assert!((distance - 1.0).abs() < 1e-6 && (cosine - 1.0).abs() < 1e-6);
    }

    /// Renamed throughout, with a layer left out: structure alone tells what corresponds.
    #[test]
    fn renamed_layers_are_matched_by_what_they_are() {
        let a = residual_cnn("t", 1, 28, 10, 8, 1);
        let mut b = a.clone();
        for (i, layer) in b.layers.iter_mut().enumerate() {
            layer.name = format!("node_{i}");
        }
        let gone = b.main().layers[4];
        b.graphs[0].layers.retain(|l| *l != gone);
        let pairs = diff(&a, &b);
        assert_eq!(counts(&pairs), [a.main().layers.len() - 1, 0, 0, 1]);
        let removed = pairs.iter().find(|p| p.status() == "removed").unwrap();
        assert_eq!(a.layer(removed.a.unwrap()).kind, a.layer(gone).kind);
        // And back: what was removed is added, in its place.
        let back = diff(&b, &a);
        assert_eq!(counts(&back), [a.main().layers.len() - 1, 0, 1, 0]);
        assert_eq!(back.iter().position(|p| p.status() == "added"), Some(4));
    }

    #[test]
    fn a_wider_network_differs_in_shapes_alone() {
        let (a, b) = (
            residual_cnn("t", 1, 28, 10, 8, 1),
            residual_cnn("t", 1, 28, 10, 16, 1),
        );
        let pairs = diff(&a, &b);
        assert_eq!(counts(&pairs)[2..], [0, 0]);
        let shapes = |p: &Pair| {
            let is = |d: &Difference| matches!(d, Difference::Shape { .. } | Difference::WeightShape { .. });
            p.differences.iter().all(is)
        };
        assert!(pairs.iter().filter(|p| p.status() == "changed").all(|p| {
            shapes(p)
                || p.differences
                    .iter()
                    .any(|d| matches!(d, Difference::Values { .. }))
        }));
        assert!(counts(&pairs)[1] > 10);
    }
}
