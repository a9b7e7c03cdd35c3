//! What a network costs: parameters, multiply-accumulates, FLOPs, activation memory.

use std::collections::HashSet;

use crate::network::TensorKind;
use crate::op::{Cell, Op};
use crate::{Bindings, Dim, GraphId, Layer, LayerId, Network, TensorId};

/// Cost of one layer for one pass.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct LayerCost {
    /// Trained values that this layer reads; a tensor shared by several layers is counted at the first.
    pub parameters: u64,
    /// Untrained state (running statistics), same rule.
    pub buffers: u64,
    /// Multiply-accumulates; `None` when a size is unknown.
    pub macs: Option<u64>,
    /// Floating-point operations: two per multiply-accumulate, one per bias added, one per element
    /// and elementwise function (a sigmoid counts one), window size per pooled element.
    pub flops: Option<u64>,
    /// Bytes of all outputs that are computed from the inputs.
    pub activation_bytes: Option<u64>,
    /// Bytes of the parameters and buffers that are counted here, as they are stored.
    pub weight_bytes: u64,
    /// Bytes that have to pass between memory and processor at least: every tensor that the layer
    /// reads, stored ones too, and every one that it writes, each whole and once.
    pub moved_bytes: Option<u64>,
}

impl LayerCost {
    /// Arithmetic intensity: FLOPs per moved byte. `None` where one of them is not known, or
    /// nothing is moved.
    pub fn intensity(&self) -> Option<f64> {
        let moved = self.moved_bytes.filter(|b| *b > 0)?;
        Some(self.flops? as f64 / moved as f64)
    }
}

/// Cost of a network.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Cost {
    /// By layer id.
    pub layers: Vec<LayerCost>,
    /// Totals over all layers of the main graph; unknown layers count as 0 and are listed in
    /// `unknown`.
    pub total: LayerCost,
    /// Largest sum of live activation bytes while the layers run in order and each tensor is
    /// freed after its last reader; graph inputs and outputs live throughout.
    pub peak_activation_bytes: Option<u64>,
    /// Layers whose cost could not be told.
    pub unknown: Vec<LayerId>,
}

/// Values for symbols that can be chosen without asking: 1 for the batch axis of each input.
pub fn default_bindings(network: &Network) -> Bindings {
    let mut bindings = Bindings::new();
    for &input in &network.main().inputs {
        if let Some(Dim::Symbol(name)) = network
            .tensor(input)
            .spec
            .dims()
            .and_then(|d| d.into_iter().next())
        {
            bindings.insert(name, 1);
        }
    }
    bindings
}

/// The cost of `network` with its symbols bound.
pub fn cost(network: &Network, bindings: &Bindings) -> Cost {
    let mut cost = Cost {
        layers: vec![LayerCost::default(); network.layers.len()],
        ..Cost::default()
    };
    let mut counted = HashSet::new();
    let order: Vec<LayerId> = network.graphs.iter().flat_map(|g| g.layers.clone()).collect();
    for id in order {
        let layer = network.layer(id);
        let at = &mut cost.layers[id.0 as usize];
        for input in layer.inputs.iter().flatten() {
            count(network, *input, &mut counted, at);
        }
        let work = Work {
            network,
            layer,
            bindings,
        };
        if work.constant() {
            (at.macs, at.flops, at.activation_bytes) = (Some(0), Some(0), Some(0));
            at.moved_bytes = Some(0);
            continue;
        }
        at.macs = work.macs();
        at.flops = work.flops(at.macs);
        at.activation_bytes = total_bytes(network, layer.outputs.iter().flatten(), bindings);
        at.moved_bytes = work.moved();
        if at.macs.is_none() || at.flops.is_none() || at.activation_bytes.is_none() {
            cost.unknown.push(id);
        }
    }
    let total = &mut cost.total;
    (total.macs, total.flops, total.activation_bytes) = (Some(0), Some(0), Some(0));
    total.moved_bytes = Some(0);
    let add =
        |sum: &mut Option<u64>, part: Option<u64>| *sum = sum.map(|s| s.saturating_add(part.unwrap_or(0)));
    for layer in &cost.layers {
        total.parameters = total.parameters.saturating_add(layer.parameters);
        total.buffers = total.buffers.saturating_add(layer.buffers);
        add(&mut total.macs, layer.macs);
        add(&mut total.flops, layer.flops);
        add(&mut total.activation_bytes, layer.activation_bytes);
        add(&mut total.moved_bytes, layer.moved_bytes);
        total.weight_bytes = total.weight_bytes.saturating_add(layer.weight_bytes);
    }
    cost.peak_activation_bytes = peak(network, bindings);
    cost
}

/// Adds a stored tensor, or what it is computed from, to the first layer that reads it.
fn count(network: &Network, id: TensorId, counted: &mut HashSet<TensorId>, at: &mut LayerCost) {
    let tensor = network.tensor(id);
    let stored = match tensor.kind {
        TensorKind::Parameter => &mut at.parameters,
        TensorKind::Buffer => &mut at.buffers,
        _ => return,
    };
    if counted.insert(id) {
        let elements = tensor.spec.elements(&Bindings::new()).unwrap_or(0);
        *stored = stored.saturating_add(elements);
        at.weight_bytes = at.weight_bytes.saturating_add(tensor.spec.dtype.bytes(elements));
    }
}

struct Work<'a> {
    network: &'a Network,
    layer: &'a Layer,
    bindings: &'a Bindings,
}

impl Work<'_> {
    /// True when nothing that is known to be computed depends on the inputs.
    fn constant(&self) -> bool {
        let stored = |t: &TensorId| self.network.tensor(*t).data.is_some();
        matches!(self.layer.op, Op::Constant { .. } | Op::Input | Op::Weights)
            || self.layer.outputs.iter().flatten().all(stored)
    }

    fn shape(&self, place: usize) -> Option<Vec<u64>> {
        let id = self.layer.inputs.get(place).copied().flatten()?;
        self.network.tensor(id).spec.shape(self.bindings)
    }

    fn output(&self) -> Option<u64> {
        let id = self.layer.outputs.first().copied().flatten()?;
        self.network.tensor(id).spec.elements(self.bindings)
    }

    /// Bytes of all that it reads and writes.
    fn moved(&self) -> Option<u64> {
        let mut read: Vec<TensorId> = self.layer.inputs.iter().flatten().copied().collect();
        read.sort_unstable();
        read.dedup();
        let all = read.iter().chain(self.layer.outputs.iter().flatten());
        all.copied().try_fold(0u64, |sum, id| {
            let spec = &self.network.tensor(id).spec;
            sum.checked_add(spec.dtype.bytes(spec.elements(self.bindings)?))
        })
    }

    fn has(&self, place: usize) -> bool {
        self.layer.inputs.get(place).is_some_and(Option::is_some)
    }

    fn macs(&self) -> Option<u64> {
        let product = |s: &[u64]| s.iter().try_fold(1u64, |p, &d| p.checked_mul(d));
        match &self.layer.op {
            // Each output element reads one group's channels under the kernel.
            Op::Conv { .. } => self.output()?.checked_mul(product(self.shape(1)?.get(1..)?)?),
            // Each input element writes one group's channels under the kernel.
            Op::ConvTranspose { .. } => {
                product(&self.shape(0)?)?.checked_mul(product(self.shape(1)?.get(1..)?)?)
            }
            Op::Gemm { trans_a, .. } => {
                let a = self.shape(0)?;
                self.output()?.checked_mul(*a.get(if *trans_a { 0 } else { 1 })?)
            }
            Op::MatMul => self.output()?.checked_mul(*self.shape(0)?.last()?),
            Op::Recurrent(cell) => {
                let gates = match cell.cell {
                    Cell::Lstm => 4,
                    Cell::Gru => 3,
                    Cell::Rnn => 1,
                };
                let (x, r) = (self.shape(0)?, self.shape(2)?);
                let (directions, hidden) = (*r.first()?, *r.last()?);
                let steps = x.first()?.checked_mul(*x.get(1)?)?;
                let each = hidden
                    .checked_mul(x.get(2)?.checked_add(hidden)?)?
                    .checked_mul(gates)?;
                steps.checked_mul(directions)?.checked_mul(each)
            }
            Op::Attention(o) => self.attention(o.heads, o.kv_heads, self.has(4).then_some(4)),
            Op::FlexAttention { .. } => self.attention(0, 0, None),
            // Each step writes to the state and reads from it, and twice that with a correction.
            Op::LinearAttention(o) => {
                let (q, v) = (self.shape(0)?, self.shape(2)?);
                let ([n, length, width], [.., values]) = (&q[..], &v[..]) else {
                    return None;
                };
                let heads = u64::try_from(o.heads).ok().filter(|&h| h > 0)?;
                let shared = u64::try_from(o.kv_heads).ok().filter(|&h| h > 0)?;
                let each = (width / heads).checked_mul(values / shared)?;
                let writes = shared.checked_mul(if o.delta { 2 } else { 1 })?;
                n.checked_mul(*length)?
                    .checked_mul(each)?
                    .checked_mul(heads.checked_add(writes)?)
            }
            Op::CausalConv { .. } => self.output()?.checked_mul(*self.shape(1)?.last()?),
            Op::QLinearConv { .. } => self.output()?.checked_mul(product(self.shape(3)?.get(1..)?)?),
            Op::ConvInteger { .. } | Op::DeformConv(_) => {
                self.output()?.checked_mul(product(self.shape(1)?.get(1..)?)?)
            }
            Op::QLinearMatMul | Op::MatMulInteger => self.output()?.checked_mul(*self.shape(0)?.last()?),
            Op::Other { .. }
            | Op::Einsum { .. }
            | Op::Dft { .. }
            | Op::Stft { .. }
            | Op::Loop
            | Op::Scan { .. } => None,
            // The branches' layers are counted where they stand.
            _ => Some(0),
        }
    }

    /// Every query meets every key, those of the past in input `past` too, and takes its share of
    /// every value. Without `heads` they have an axis of their own.
    fn attention(&self, heads: i64, kv_heads: i64, past: Option<usize>) -> Option<u64> {
        let (q, k, v) = (self.shape(0)?, self.shape(1)?, self.shape(2)?);
        let past = match past {
            Some(place) => *self.shape(place)?.get(2)?,
            None => 0,
        };
        let keys = k.get(k.len().checked_sub(2)?)?.checked_add(past)?;
        let rows = q[..q.len().checked_sub(1)?]
            .iter()
            .try_fold(1u64, |p, &d| p.checked_mul(d))?;
        let (width, mut value) = (*q.last()?, *v.last()?);
        if q.len() == 3 {
            // The last axis holds all heads; shared ones serve several queries.
            let heads = u64::try_from(heads).ok().filter(|&h| h > 0)?;
            let shared = u64::try_from(kv_heads).ok().filter(|&h| h > 0).unwrap_or(heads);
            value = (value / shared).checked_mul(heads)?;
        }
        rows.checked_mul(keys)?.checked_mul(width.checked_add(value)?)
    }

    fn flops(&self, macs: Option<u64>) -> Option<u64> {
        let twice = macs?.checked_mul(2)?;
        let per = |n: u64| self.output().and_then(|o| o.checked_mul(n));
        match &self.layer.op {
            Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Gemm { .. } => {
                twice.checked_add(if self.has(2) { self.output()? } else { 0 })
            }
            Op::MatMul
            | Op::Recurrent(_)
            | Op::Attention(_)
            | Op::FlexAttention { .. }
            | Op::LinearAttention(_)
            | Op::CausalConv { .. }
            | Op::DeformConv(_)
            | Op::QLinearConv { .. }
            | Op::ConvInteger { .. }
            | Op::QLinearMatMul
            | Op::MatMulInteger => Some(twice),
            Op::MaxPool { window, .. } | Op::AveragePool { window, .. } | Op::LpPool { window, .. } => {
                let mut sizes = window.kernel.iter().map(|&k| k.max(1) as u64);
                per(sizes.try_fold(1u64, |p, k| p.checked_mul(k))?)
            }
            Op::GlobalAveragePool
            | Op::GlobalMaxPool
            | Op::Reduce { .. }
            | Op::ArgMax { .. }
            | Op::ArgMin { .. } => self.shape(0)?.iter().try_fold(1u64, |p, &d| p.checked_mul(d)),
            // A scale and a shift; the statistics of a layer norm take two more passes.
            Op::BatchNorm { .. } => per(2),
            Op::LayerNorm { .. } | Op::InstanceNorm { .. } | Op::GroupNorm { .. } | Op::RmsNorm { .. } => {
                per(6)
            }
            Op::Softmax { .. } | Op::LogSoftmax { .. } => per(3),
            Op::Lrn { size, .. } => per(((*size).max(0) as u64).checked_mul(2)?.checked_add(3)?),
            Op::Variadic(_) => per(self.layer.inputs.len().saturating_sub(1) as u64),
            Op::Unary(_) | Op::PRelu | Op::Clip { .. } | Op::Binary(_) | Op::Where | Op::CumSum { .. } => {
                per(1)
            }
            Op::Resize(_) => per(
                if matches!(&self.layer.op, Op::Resize(r) if r.mode == "nearest") {
                    0
                } else {
                    7
                },
            ),
            _ => Some(0),
        }
    }
}

fn bytes(network: &Network, id: TensorId, bindings: &Bindings) -> Option<u64> {
    let tensor = network.tensor(id);
    if tensor.data.is_some() {
        return Some(0);
    }
    Some(tensor.spec.dtype.bytes(tensor.spec.elements(bindings)?))
}

/// Bytes of several tensors; `None` when a size is unknown or the sum has no number.
fn total_bytes<'a>(
    network: &Network,
    mut tensors: impl Iterator<Item = &'a TensorId>,
    bindings: &Bindings,
) -> Option<u64> {
    tensors.try_fold(0u64, |sum, &t| sum.checked_add(bytes(network, t, bindings)?))
}

fn peak(network: &Network, bindings: &Bindings) -> Option<u64> {
    let main = network.graph(GraphId(0));
    let mut last = vec![usize::MAX; network.tensors.len()];
    for (place, &layer) in main.layers.iter().enumerate() {
        for id in network.layer(layer).outputs.iter().flatten() {
            last[id.0 as usize] = place;
        }
        for id in network.dependencies(layer) {
            last[id.0 as usize] = place;
        }
    }
    for id in main.inputs.iter().chain(&main.outputs) {
        last[id.0 as usize] = usize::MAX;
    }
    let mut live = total_bytes(network, main.inputs.iter(), bindings)?;
    let mut peak = live;
    for (place, &layer) in main.layers.iter().enumerate() {
        let outputs = network.layer(layer).outputs.iter().flatten();
        live = live.saturating_add(total_bytes(network, outputs, bindings)?);
        peak = peak.max(live);
        let mut done: Vec<TensorId> = network.dependencies(layer);
        done.extend(network.layer(layer).outputs.iter().flatten());
        done.sort_unstable();
        done.dedup();
        // What an outer layer computed, not what stands inside a branch.
        done.retain(|t| {
            last[t.0 as usize] == place
                && network
                    .tensor(*t)
                    .producer
                    .is_some_and(|p| network.layer(p).graph == GraphId(0))
        });
        for id in done {
            live = live.saturating_sub(bytes(network, id, bindings)?);
        }
    }
    Some(peak)
}
