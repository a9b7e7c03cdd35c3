//! What can be asked about: a number that the network computes, and the layers that it takes.

use std::collections::HashSet;

use compute::RunError;
use model::op::{Op, Unary};
use model::{DType, LayerId, Network, TensorData, TensorId};

use crate::ProbeError;

/// The number that an example is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// A tensor that the main graph computes; `None`: the first output, before a softmax or a sigmoid
    /// that it ends in ([`logits`]).
    pub tensor: Option<TensorId>,
    /// Element of what the tensor holds for one example, row-major; `None`: the largest.
    pub element: Option<usize>,
}

/// The first output of `network`, or what goes into the softmax or sigmoid that it ends in: after those
/// the gradient of a sure answer is 0. `None` for a network without outputs.
pub fn logits(network: &Network) -> Option<TensorId> {
    let mut at = *network.main().outputs.first()?;
    loop {
        let producer = network.tensor(at).producer.map(|l| network.layer(l));
        let squashes = |op: &Op| {
            matches!(
                op,
                Op::Softmax { .. } | Op::LogSoftmax { .. } | Op::Unary(Unary::Sigmoid) | Op::Identity
            )
        };
        let before = producer
            .filter(|l| squashes(&l.op))
            .and_then(|l| l.inputs.first().copied().flatten());
        match before.filter(|&t| network.tensor(t).producer.is_some()) {
            Some(before) => at = before,
            None => return Some(at),
        }
    }
}

/// What the numbers of the target's tensor are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Scores of classes.
    Logits,
    /// One score for yes or no.
    Logit,
    /// Probabilities already, or numbers without a scale.
    Plain,
}

impl Scale {
    /// Of the tensor `id`, which has `shape` for one example.
    pub fn of(network: &Network, id: TensorId, shape: &[usize]) -> Self {
        let op = network.tensor(id).producer.map(|l| &network.layer(l).op);
        let squashed = matches!(
            op,
            Some(Op::Softmax { .. } | Op::LogSoftmax { .. } | Op::Unary(_))
        );
        let elements: usize = shape.iter().product();
        let vector = elements == shape.last().copied().unwrap_or(1);
        match (squashed, vector) {
            (false, true) if elements > 1 => Scale::Logits,
            (false, true) => Scale::Logit,
            _ => Scale::Plain,
        }
    }

    /// See [`super::Subject::probability`].
    pub fn probability(self, outputs: &[f32], element: usize) -> f32 {
        let chosen = outputs[element];
        match self {
            Scale::Plain => chosen,
            Scale::Logit => 1.0 / (1.0 + (-chosen).exp()),
            Scale::Logits => {
                let highest = outputs.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f32 = outputs.iter().map(|v| (v - highest).exp()).sum();
                (chosen - highest).exp() / sum
            }
        }
    }
}

/// The place among `inputs`, and the id, of the first input of floats.
pub(super) fn asked(
    network: &Network,
    inputs: &[(String, TensorData)],
) -> Result<(usize, TensorId), ProbeError> {
    for &id in &network.main().inputs {
        let tensor = network.tensor(id);
        let place = inputs
            .iter()
            .position(|(name, d)| *name == tensor.name && d.dtype.is_float());
        if let Some(place) = place
            && (tensor.spec.dtype.is_float() || tensor.spec.dtype == DType::Unknown)
        {
            return Ok((place, id));
        }
    }
    let (name, found) = match network.main().inputs.first() {
        Some(&id) => (
            network.tensor(id).name.clone(),
            network.tensor(id).spec.dtype.name(),
        ),
        None => {
            return Err(ProbeError::Run(RunError::Input {
                name: network.name.clone(),
                problem: "the network has no input".into(),
            }));
        }
    };
    Err(ProbeError::Input {
        name,
        problem: format!(
            "{found}: an input of floats is expected, since only those have gradients and can be changed \
             a little"
        ),
    })
}

/// The layers that `target` needs, with it as the only output; ids stay. With `batches`, first axes of
/// inputs take any size.
pub(crate) fn cut(network: &Network, target: TensorId, batches: bool) -> Network {
    let mut part = network.clone();
    let (mut needed, mut open): (HashSet<LayerId>, _) = (HashSet::new(), vec![target]);
    while let Some(id) = open.pop() {
        let producer = network.tensor(id).producer;
        if let Some(layer) = producer.filter(|&l| needed.insert(l)) {
            open.extend(network.dependencies(layer));
        }
    }
    let main = &mut part.graphs[0];
    main.layers.retain(|l| needed.contains(l));
    main.outputs = vec![target];
    if batches {
        part.free_batches();
    }
    part
}
