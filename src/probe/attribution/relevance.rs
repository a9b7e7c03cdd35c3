//! Layer-wise relevance propagation: the score handed back layer by layer, to each input of a layer in
//! proportion to what it added to the output.
//!
//! The epsilon rule for every layer that adds up (`R_x = x * J' (R_y / (y + e sign(y)))`), and relevance
//! passed on by activations, as Captum has it. Written for `G` with `R_x = x G_x` instead of `R` it is a
//! gradient with two rules ([`Turn::Stabilised`], [`Turn::Ratio`]), so that shared tensors, reshapes and
//! concatenations need none. With a tiny epsilon and rectifiers alone it is the gradient times the input
//! (Ancona et al. 2018, proposition 1).

use std::collections::HashSet;

use compute::Turn;
use model::op::{Binary, Op, Reduction, Unary, Variadic};
use model::{Layer, TensorId};

use super::averaged::Averaged;
use super::{Kind, Method, Setting, Settings, Subject, Work};
use crate::ProbeError;

pub(super) const METHOD: Method = Method {
    id: "relevance",
    name: "Layer-wise relevance propagation",
    about: "The score, handed back layer by layer in proportion to what each input added.",
    source: "Bach, Binder, Montavon, Klauschen, Mueller, Samek: On Pixel-Wise Explanations, 2015 \
             (doi:10.1371/journal.pone.0130140)",
    settings: &[Setting {
        id: "epsilon",
        name: "Epsilon",
        about: "Added to what a layer's inputs add up to: more of it leaves out what is weak and contradictory.",
        kind: Kind::Number {
            // Captum's default.
            default: 1e-9,
            low: 1e-12,
            high: 1e3,
        },
    }],
    layered: false,
    start,
};

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let epsilon = settings.of(&METHOD, "epsilon") as f32;
    let network = subject.network();
    let mut reached = HashSet::from([subject.input()]);
    for &id in &network.main().layers {
        let layer = network.layer(id);
        if !network.dependencies(id).iter().any(|t| reached.contains(t)) {
            continue;
        }
        let known = rule(layer, &reached, epsilon).is_some() && layer.subgraphs.is_empty();
        if !known {
            return Err(ProbeError::NoRule {
                layer: layer.name.clone(),
                op: layer.kind.clone(),
            });
        }
        reached.extend(layer.outputs.iter().flatten());
    }
    let turn = move |layer: &Layer| {
        let on_the_way = layer.inputs.iter().flatten().any(|t| reached.contains(t));
        let split = matches!(layer.op, Op::Unary(_)) && !on_the_way;
        // An activation that was part of another layer has an input of its own, unknown here.
        match rule(layer, &reached, epsilon) {
            Some(turn) if on_the_way => turn,
            _ if split => activation(&layer.op).unwrap_or(Turn::Own),
            _ => Turn::Own,
        }
    };
    let factor = subject.example().to_vec();
    Ok(Box::new(Averaged::one(subject).turned(turn).times(factor)))
}

/// What relevance does at a layer; `reached` are the tensors that depend on the input.
fn rule(layer: &Layer, reached: &HashSet<TensorId>, epsilon: f32) -> Option<Turn> {
    let live = |i: usize| {
        layer
            .inputs
            .get(i)
            .copied()
            .flatten()
            .is_some_and(|t| reached.contains(&t))
    };
    let others = (1..layer.inputs.len()).any(live);
    let fused = match layer.activation {
        Some(kind) => activation(&Op::Unary(kind)).is_some(),
        None => true,
    };
    if !fused {
        return None;
    }
    let linear = Some(Turn::Stabilised { epsilon });
    match &layer.op {
        Op::Binary(Binary::Add | Binary::Sub) | Op::Variadic(Variadic::Sum | Variadic::Mean) => linear,
        // Of two that depend on the input none can be called a weight.
        Op::Binary(Binary::Mul) | Op::MatMul if live(0) != live(1) => linear,
        Op::Concat { .. } => Some(Turn::Own),
        _ if others => None,
        Op::Conv { .. }
        | Op::ConvTranspose { .. }
        | Op::Gemm { .. }
        | Op::BatchNorm { .. }
        | Op::MaxPool { .. }
        | Op::AveragePool { .. }
        | Op::GlobalAveragePool
        | Op::GlobalMaxPool
        | Op::Binary(Binary::Div)
        | Op::Unary(Unary::Neg)
        | Op::Resize(_)
        | Op::Reduce {
            kind: Reduction::Sum | Reduction::Mean | Reduction::Max | Reduction::Min,
            ..
        } => linear,
        Op::Identity
        | Op::Dropout { .. }
        | Op::Cast { .. }
        | Op::Reshape { .. }
        | Op::Flatten { .. }
        | Op::Squeeze { .. }
        | Op::Unsqueeze { .. }
        | Op::Transpose { .. }
        | Op::Split { .. }
        | Op::Slice { .. }
        | Op::Gather { .. }
        | Op::Pad { .. }
        | Op::Expand
        | Op::Tile
        | Op::DepthToSpace { .. }
        | Op::SpaceToDepth { .. }
        | Op::Shape { .. } => Some(Turn::Own),
        op => activation(op),
    }
}

/// Activations pass on what they get, where 0 stays 0: others make something of nothing.
fn activation(op: &Op) -> Option<Turn> {
    use Unary::{Erf, Shrink, Softsign, Tanh};
    let passes = match op {
        Op::Unary(kind) => kind.rectifies() || matches!(kind, Softsign | Tanh | Erf | Shrink { .. }),
        Op::PRelu | Op::Clip { .. } => true,
        _ => false,
    };
    passes.then_some(Turn::Ratio)
}
