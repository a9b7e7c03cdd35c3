//! The main graph as the patterns see it: layers by place, what feeds each and what each feeds.

use std::collections::BTreeSet;

use crate::network::TensorKind;
use crate::op::{Binary, Op, Unary};
use crate::{Layer, LayerId, Network, TensorId};

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Left out.
    Nothing,
    /// Stored, or computed from what is stored alone.
    Stored(TensorId),
    /// Fed into the graph.
    Fed(TensorId),
    /// Computed by the layer at this place.
    Layer(usize),
}

impl From {
    /// The layer that computes it, by its place.
    pub fn layer(self) -> Option<usize> {
        match self {
            From::Layer(place) => Some(place),
            _ => None,
        }
    }
}

/// Layers of the main graph in flow order.
pub(crate) struct Flow<'a> {
    pub network: &'a Network,
    pub layers: &'a [LayerId],
    /// Where each layer's inputs come from.
    pub inputs: Vec<Vec<From>>,
    /// Places that read each layer's outputs, each once.
    pub after: Vec<Vec<usize>>,
    /// Layers that compute indices, sizes or conditions, or that depend on nothing fed.
    pub side: Vec<bool>,
}

impl<'a> Flow<'a> {
    pub fn new(network: &'a Network, layers: &'a [LayerId]) -> Self {
        let mut place = vec![usize::MAX; network.layers.len()];
        for (i, l) in layers.iter().enumerate() {
            place[l.0 as usize] = i;
        }
        let mut stored: Vec<bool> = network
            .tensors
            .iter()
            .map(|t| {
                let kept = matches!(
                    t.kind,
                    TensorKind::Parameter | TensorKind::Buffer | TensorKind::Constant
                );
                t.data.is_some() || kept && t.producer.is_none()
            })
            .collect();
        let mut flow = Flow {
            network,
            layers,
            inputs: Vec::with_capacity(layers.len()),
            after: vec![Vec::new(); layers.len()],
            side: Vec::with_capacity(layers.len()),
        };
        for (i, &id) in layers.iter().enumerate() {
            let layer = network.layer(id);
            let from = |t: &Option<TensorId>| match t {
                None => From::Nothing,
                Some(t) if stored[t.0 as usize] => From::Stored(*t),
                Some(t) => match network.tensor(*t).producer.map(|p| place[p.0 as usize]) {
                    Some(p) if p < i => From::Layer(p),
                    _ => From::Fed(*t),
                },
            };
            let inputs: Vec<From> = layer.inputs.iter().map(from).collect();
            for from in &inputs {
                if let From::Layer(p) = *from
                    && flow.after[p].last() != Some(&i)
                {
                    flow.after[p].push(i);
                }
            }
            let fixed = layer.subgraphs.is_empty()
                && !matches!(layer.op, Op::Input | Op::Other { .. })
                && inputs
                    .iter()
                    .all(|f| matches!(f, From::Stored(_) | From::Nothing));
            if fixed {
                layer
                    .outputs
                    .iter()
                    .flatten()
                    .for_each(|t| stored[t.0 as usize] = true);
            }
            let whole = |t: &TensorId| {
                let dtype = network.tensor(*t).spec.dtype;
                dtype.name() == "bool" || dtype.is_integer() && dtype.bits() > 16
            };
            let mut outputs = layer.outputs.iter().flatten().peekable();
            let sizes = outputs.peek().is_some() && outputs.all(whole);
            let product = matches!(layer.op, Op::MatMulInteger | Op::ConvInteger { .. });
            flow.side.push(fixed || sizes && !product);
            flow.inputs.push(inputs);
        }
        flow
    }

    pub fn layer(&self, i: usize) -> &'a Layer {
        self.network.layer(self.layers[i])
    }

    pub fn op(&self, i: usize) -> &'a Op {
        &self.layer(i).op
    }

    /// Operands of layer `i` that are neither stored nor indices or sizes.
    pub fn computed(&self, i: usize) -> impl Iterator<Item = From> + '_ {
        self.inputs[i].iter().copied().filter(|f| match f {
            From::Layer(p) => !self.side[*p],
            From::Fed(_) => true,
            _ => false,
        })
    }

    /// The only computed operand of layer `i`.
    pub fn sole(&self, i: usize) -> Option<From> {
        let mut computed = self.computed(i);
        computed.next().filter(|_| computed.next().is_none())
    }

    /// True when an operand of layer `i` is stored.
    pub fn stored(&self, i: usize) -> bool {
        self.inputs[i].iter().any(|f| matches!(f, From::Stored(_)))
    }

    /// Readers of layer `i` that do not only ask for its size.
    pub fn readers(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        self.after[i].iter().copied().filter(|&a| !self.side[a])
    }

    /// The only reader of layer `i`, where its result leaves the graph nowhere.
    pub fn reader(&self, i: usize) -> Option<usize> {
        let mut readers = self.readers(i);
        readers.next().filter(|_| readers.next().is_none())
    }

    /// True for the sum of a computed tensor and a stored one.
    pub fn bias(&self, i: usize) -> bool {
        matches!(self.op(i), Op::Binary(Binary::Add)) && self.stored(i) && self.sole(i).is_some()
    }

    /// True for a product with one stored number, or a quotient by one.
    pub fn scales(&self, i: usize) -> bool {
        let factor = matches!(self.op(i), Op::Binary(Binary::Mul | Binary::Div));
        factor && self.stored(i) && self.sole(i).is_some()
    }

    /// True for a matrix product, or a 1 x 1 convolution, of a computed tensor with stored weights.
    pub fn projects(&self, i: usize) -> bool {
        let weights = self.inputs[i].iter().find_map(|f| match f {
            From::Stored(t) => self.network.tensor(*t).spec.dims().filter(|d| d.len() >= 2),
            _ => None,
        });
        let Some(weights) = weights else { return false };
        match self.op(i) {
            Op::MatMul | Op::Gemm { .. } | Op::Einsum { .. } => self.sole(i).is_some(),
            Op::MatMulInteger | Op::QLinearMatMul => true,
            Op::Conv { groups: 1, .. } | Op::QLinearConv { groups: 1, .. } => {
                weights.len() > 2 && weights[2..].iter().all(|d| d.known() == Some(1))
            }
            Op::Other { name, .. } => matches!(
                name.as_str(),
                "FusedMatMul" | "FusedGemm" | "MatMulNBits" | "GemmFastGelu"
            ),
            _ => false,
        }
    }

    /// True for a product of two computed tensors.
    pub fn multiplies(&self, i: usize) -> bool {
        let matrices = match self.op(i) {
            Op::MatMul | Op::Einsum { .. } | Op::Gemm { .. } => true,
            Op::Other { name, .. } => matches!(name.as_str(), "FusedMatMul" | "TransposeMatMul"),
            _ => false,
        };
        matrices && self.computed(i).count() >= 2
    }

    /// True for layers that move or copy elements of one tensor.
    pub fn moves(&self, i: usize) -> bool {
        matches!(
            self.op(i),
            Op::Reshape { .. }
                | Op::Transpose { .. }
                | Op::Squeeze { .. }
                | Op::Unsqueeze { .. }
                | Op::Flatten { .. }
                | Op::Identity
                | Op::Cast { .. }
                | Op::CastLike
                | Op::Dropout { .. }
                | Op::Expand
                | Op::Slice { .. }
                | Op::Split { .. }
                | Op::Tile
                | Op::QuantizeLinear(_)
                | Op::DequantizeLinear(_)
        )
    }

    /// True for a function of one element that has a name of its own.
    pub fn activates(&self, i: usize) -> bool {
        let Op::Unary(unary) = self.op(i) else {
            return matches!(self.op(i), Op::Clip { .. } | Op::PRelu)
                || matches!(self.op(i), Op::Other { name, .. }
                    if matches!(name.as_str(), "Gelu" | "FastGelu" | "BiasGelu" | "QuickGelu"));
        };
        use Unary::*;
        let plain = matches!(
            unary,
            Exp | Log | Sqrt | Reciprocal | Abs | Neg | Sign | Floor | Ceil
        );
        let plain = plain || matches!(unary, Round | Sin | Cos | Tan | Erf | Not | IsNan | IsInf);
        !plain
    }

    /// Layers between `join` and the last place through which all its operands pass, where `admit`
    /// holds for each; with that place.
    pub fn enclosed(
        &self,
        join: usize,
        reach: usize,
        admit: impl Fn(usize) -> bool,
    ) -> Option<(From, BTreeSet<usize>)> {
        let mut frontier: BTreeSet<usize> = BTreeSet::new();
        let mut fed = BTreeSet::new();
        let mut members = BTreeSet::from([join]);
        let mut next = join;
        loop {
            for from in self.computed(next) {
                match from {
                    From::Layer(p) => {
                        frontier.insert(p);
                    }
                    From::Fed(t) => {
                        fed.insert(t);
                    }
                    _ => (),
                }
            }
            match (frontier.len(), fed.len()) {
                (1, 0) => {
                    let fork = frontier.pop_first()?;
                    return Some((From::Layer(fork), members));
                }
                (0, 1) => return Some((From::Fed(fed.pop_first()?), members)),
                (0, _) => return None,
                _ => (),
            }
            next = frontier.pop_last()?;
            if join - next > reach || !admit(next) {
                return None;
            }
            members.insert(next);
        }
    }

    /// Takes out of `members` what is read outside, but for those to `keep`.
    pub fn prune(&self, members: &mut BTreeSet<usize>, keep: impl Fn(usize) -> bool) {
        let all: Vec<usize> = members.iter().copied().rev().filter(|&m| !keep(m)).collect();
        for m in all {
            if !self.readers(m).all(|a| members.contains(&a)) {
                members.remove(&m);
            }
        }
    }

    /// Adds the indices and sizes that only members read.
    pub fn close(&self, members: &mut BTreeSet<usize>) {
        let Some((&first, &last)) = members.first().zip(members.last()) else {
            return;
        };
        for i in (first.saturating_sub(64)..last).rev() {
            let inner = self.side[i] && !self.after[i].is_empty();
            if inner && self.after[i].iter().all(|a| members.contains(a)) {
                members.insert(i);
            }
        }
    }
}
