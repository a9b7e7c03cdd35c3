//! TFLite operators as operators of this program.

mod elementwise;
mod moves;
mod windows;

use super::op::{Graph, Op};
use crate::channels::Flow;
use crate::error::Fault;

/// What an operator gives; `None` where it can only be shown as it is.
pub(super) type Made = Result<Option<Vec<Flow>>, Fault>;

/// The operators of one operator of the file.
pub(super) fn make(g: &mut Graph, op: &Op) -> Made {
    if op.inputs.is_empty() || op.outputs.is_empty() {
        return Ok(None);
    }
    let families = [windows::make, elementwise::make, moves::make];
    for family in families {
        if let Some(flows) = family(g, op)? {
            return Ok(Some(flows));
        }
    }
    Ok(None)
}

/// Input `i`, -1 where it is left out.
fn input(op: &Op, i: usize) -> i32 {
    op.inputs.get(i).copied().unwrap_or(-1)
}
