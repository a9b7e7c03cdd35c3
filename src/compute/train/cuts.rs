//! Operators that gradients do not come through, between the parameters and the loss.

use std::collections::HashSet;

use burn_backend::Backend;
use model::op::{Op, Unary};
use model::{LayerId, Network, TensorId};

use super::work::Parameter;
use crate::RunError;

/// What is seen of a pass: which tensors have a gradient.
pub(super) struct Cuts<'a> {
    network: &'a Network,
    tracked: HashSet<TensorId>,
    cut: Vec<(LayerId, TensorId)>,
}

impl<'a> Cuts<'a> {
    pub fn new<B: Backend>(network: &'a Network, parameters: &[Parameter<B>]) -> Self {
        let learning = parameters.iter().filter(|p| !p.frozen);
        Cuts {
            network,
            tracked: learning.map(|p| p.id).collect(),
            cut: Vec::new(),
        }
    }

    /// Takes in that `id`, floats, was computed, and whether it has a gradient.
    pub fn see(&mut self, id: TensorId, tracked: bool) {
        if tracked {
            self.tracked.insert(id);
            return;
        }
        let Some(producer) = self.network.tensor(id).producer else {
            return;
        };
        let reads = self.network.dependencies(producer);
        if reads.iter().any(|t| self.tracked.contains(t)) && !flat(self.network, producer) {
            self.cut.push((producer, id));
        }
    }

    /// An error for the first cut that one of `outputs` depends on.
    pub fn check(&self, outputs: &[TensorId]) -> Result<(), RunError> {
        let (mut seen, mut open) = (HashSet::new(), outputs.to_vec());
        while let Some(id) = open.pop() {
            if let Some(producer) = self.network.tensor(id).producer.filter(|_| seen.insert(id)) {
                open.extend(self.network.dependencies(producer));
            }
        }
        let Some(&(layer, _)) = self.cut.iter().find(|(_, id)| seen.contains(id)) else {
            return Ok(());
        };
        let layer = self.network.layer(layer);
        Err(RunError::Layer {
            layer: layer.name.clone(),
            op: layer.kind.clone(),
            problem: "this operator has no gradient, so that nothing before it would learn; \
                      freeze the parameters before it to train what comes after it"
                .into(),
        })
    }
}

/// True for operators whose slope is zero wherever it is one, and for those that only take a shape.
fn flat(network: &Network, layer: LayerId) -> bool {
    let layer = network.layer(layer);
    let shaped = layer.kind.starts_with("Random") || layer.kind == "EyeLike" || layer.kind == "Bernoulli";
    let steps = matches!(
        layer.op,
        Op::Unary(Unary::Floor | Unary::Ceil | Unary::Round | Unary::Sign)
    );
    shaped || steps || matches!(layer.op, Op::ConstantOfShape { .. } | Op::Shape { .. })
}
