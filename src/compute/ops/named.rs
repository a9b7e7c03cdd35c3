//! Operators that run by their name: those that [`Op`](model::Op) has no variant for, and those
//! whose variant only names them. One line each; [`model::op::NAMED`] lists the former.

use burn_backend::Backend;

use super::plain::HostOperator;
use super::{Context, Outputs, plain};

/// An operator on backend tensors, and which of its float inputs it looks at.
pub struct DeviceOperator<B: Backend> {
    run: fn(&Context<B>) -> Outputs<B>,
    looks: fn(usize) -> bool,
}

/// Operators on host copies.
const HOST: &[(&str, HostOperator)] = &[];

/// Operators on backend tensors, differentiable.
fn device<B: Backend>(kind: &str) -> Option<DeviceOperator<B>> {
    let _none: fn(usize) -> bool = |_| false;
    match kind {
        _ => None,
    }
}

fn host(kind: &str) -> Option<HostOperator> {
    HOST.iter().find(|(name, _)| *name == kind).map(|(_, run)| *run)
}

/// True when the operator called `kind` looks at the numbers of float input `i`.
pub fn looks<B: Backend>(kind: &str, i: usize) -> bool {
    device::<B>(kind).map_or(true, |operator| (operator.looks)(i))
}

/// True when an operator called `kind` can be executed by its name.
pub fn known<B: Backend>(kind: &str) -> bool {
    host(kind).is_some() || device::<B>(kind).is_some()
}

/// Runs a layer by its name.
///
/// # Errors
/// A sentence for operators that no list has.
pub fn run<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let kind = c.layer.kind.as_str();
    if let Some(operator) = device::<B>(kind) {
        return (operator.run)(c);
    }
    match host(kind) {
        Some(operator) => plain::run(c, operator),
        None => Err(format!(
            "operator {kind} is unknown here, so it cannot be executed"
        )),
    }
}
