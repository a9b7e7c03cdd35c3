//! Activations written out in elementwise operators: GELU by its error function or its hyperbolic
//! tangent (Hendrycks and Gimpel 2016), SiLU (Elfwing et al. 2017), Mish (Misra 2019).

use crate::op::{Binary, Op, Unary};

use super::Part;
use super::flow::Flow;

/// Layers from the function to the product that ends it, and from there back to the input.
const STEPS: usize = 5;
const REACH: usize = 16;

pub(super) fn find(flow: &Flow, _: &[Part]) -> Vec<Part> {
    (0..flow.layers.len()).filter_map(|i| at(flow, i)).collect()
}

/// The activation around the nonlinear layer at `i`.
fn at(flow: &Flow, i: usize) -> Option<Part> {
    let Op::Unary(function) = flow.op(i) else {
        return None;
    };
    let name = match function {
        Unary::Erf => "GELU",
        Unary::Tanh => "GELU",
        Unary::Sigmoid | Unary::HardSigmoid { .. } => "SiLU",
        _ => return None,
    };
    let mut end = i;
    for _ in 0..STEPS {
        end = flow.reader(end)?;
        if !elementwise(flow, end) {
            return None;
        }
        let joins = matches!(flow.op(end), Op::Binary(Binary::Mul)) && flow.computed(end).count() == 2;
        if !joins {
            continue;
        }
        let (_, mut members) = flow.enclosed(end, REACH, |m| elementwise(flow, m))?;
        // `0.5 * (x * (1 + erf))` ends with its factor.
        if name == "GELU"
            && let Some(factor) = flow.reader(end).filter(|&f| flow.scales(f) && small(flow, f))
        {
            members.insert(factor);
        }
        let has = |op: &dyn Fn(&Op) -> bool| members.iter().any(|&m| op(flow.op(m)));
        let name = match function {
            Unary::Tanh if has(&|op| matches!(op, Op::Unary(Unary::Softplus | Unary::Exp))) => "Mish",
            // A cube tells the approximation from a gate.
            Unary::Tanh if members.len() < 5 => return None,
            Unary::HardSigmoid { .. } => "HardSwish",
            _ => name,
        };
        return Some(Part {
            kind: "activation",
            name,
            members,
        });
    }
    None
}

/// Whether `i` works on single elements, with single stored numbers beside.
fn elementwise(flow: &Flow, i: usize) -> bool {
    let known = match flow.op(i) {
        Op::Unary(_) | Op::Cast { .. } | Op::Identity => true,
        Op::Binary(b) => matches!(
            b,
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Pow
        ),
        _ => false,
    };
    known && small(flow, i)
}

/// True when what is stored of `i` is single numbers.
fn small(flow: &Flow, i: usize) -> bool {
    flow.inputs[i].iter().all(|f| match f {
        super::flow::From::Stored(t) => flow.network.tensor(*t).spec.elements(&Default::default()) == Some(1),
        _ => true,
    })
}
