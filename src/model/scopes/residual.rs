//! Residual blocks and their stages, in graphs whose names tell no scopes.

use std::collections::{BTreeSet, HashSet};

use crate::op::{Binary, Op, Variadic};
use crate::parts::flow::{Flow, From};

/// Farthest that a fork is looked for, in layers before its join.
const REACH: usize = 128;

/// The scope of residual blocks.
pub(crate) const BLOCK: &str = "residual block";

/// A sum of two branches that begin at one tensor, the layers between, and the activation that
/// follows; with the sizes of its result.
pub(crate) struct Block {
    pub members: BTreeSet<usize>,
    /// [`BLOCK`] where the branches are added.
    pub kind: &'static str,
    shape: Option<Vec<u64>>,
}

/// Every block, in flow order.
pub(crate) fn blocks(flow: &Flow) -> Vec<Block> {
    let mut taken = vec![false; flow.layers.len()];
    let mut blocks = Vec::new();
    for i in 0..flow.layers.len() {
        let joins = matches!(
            flow.op(i),
            Op::Binary(Binary::Add) | Op::Variadic(Variadic::Sum) | Op::Concat { .. }
        );
        let sources: Vec<usize> = before(flow, i).collect();
        if !joins || flow.computed(i).count() < 2 || taken[i] {
            continue;
        }
        let members = match sources.len() {
            1 => from_input(flow, i),
            _ => fork(flow, &sources, i).map(|fork| between(flow, fork, i)),
        };
        let Some(mut members) = members else { continue };
        members.insert(i);
        // The activation after the join belongs to the block.
        let next = flow.reader(i).filter(|&n| flow.activates(n));
        members.extend(next);
        if members.len() < 3 || members.iter().any(|&m| taken[m]) {
            continue;
        }
        let output = flow.layer(i).outputs.first().copied().flatten();
        let shape = output.and_then(|t| {
            let dims = flow.network.tensor(t).spec.dims()?;
            Some(dims.iter().skip(1).map(|d| d.known().unwrap_or(0)).collect())
        });
        members.iter().for_each(|&m| taken[m] = true);
        let kind = match flow.op(i) {
            Op::Concat { .. } => "block",
            _ => BLOCK,
        };
        blocks.push(Block { members, kind, shape });
    }
    blocks
}

/// The path of each layer: its stage, where there are several, and its block.
pub(crate) fn paths(blocks: &[Block], layers: usize) -> Vec<Vec<(String, &'static str)>> {
    let mut paths = vec![Vec::new(); layers];
    // Consecutive blocks of one shape are a stage.
    let mut stages = Vec::with_capacity(blocks.len());
    let (mut stage, mut number) = (0, 0);
    for (i, block) in blocks.iter().enumerate() {
        if i == 0 || block.shape != blocks[i - 1].shape {
            (stage, number) = (stage + 1, 0);
        }
        number += 1;
        stages.push((stage, number));
    }
    let several = stage > 1 && stage < blocks.len();
    for (i, block) in blocks.iter().enumerate() {
        let (stage, number) = stages[i];
        let path = match several {
            true => vec![
                (format!("stage {stage}"), "stage"),
                (format!("block {number}"), block.kind),
            ],
            false => vec![(format!("block {}", i + 1), block.kind)],
        };
        block.members.iter().for_each(|&m| paths[m] = path.clone());
    }
    paths
}

fn before<'a>(flow: &'a Flow, i: usize) -> impl Iterator<Item = usize> + 'a {
    flow.computed(i).filter_map(|f| match f {
        From::Layer(p) => Some(p),
        _ => None,
    })
}

/// The last layer before `join` through which every path to it passes.
fn fork(flow: &Flow, sources: &[usize], join: usize) -> Option<usize> {
    let mut frontier: BTreeSet<usize> = sources.iter().copied().collect();
    while frontier.len() > 1 {
        let last = frontier.pop_last()?;
        if join - last > REACH {
            return None;
        }
        let known = frontier.len();
        frontier.extend(before(flow, last));
        if known == frontier.len() && before(flow, last).next().is_none() {
            return None;
        }
    }
    frontier.into_iter().next().filter(|&f| join - f <= REACH)
}

/// The layers before a join that has an input of the network as its shortcut.
fn from_input(flow: &Flow, join: usize) -> Option<BTreeSet<usize>> {
    let input = flow.computed(join).find(|f| matches!(f, From::Fed(_)))?;
    let mut found = BTreeSet::new();
    let mut stack: Vec<usize> = before(flow, join).collect();
    while let Some(i) = stack.pop() {
        if join - i > REACH {
            return None;
        }
        if found.insert(i) {
            stack.extend(before(flow, i));
        }
    }
    let reads = |&m: &usize| flow.computed(m).any(|f| f == input);
    found.iter().any(reads).then_some(found)
}

/// Layers on paths from `fork` to `join`, both left out.
fn between(flow: &Flow, fork: usize, join: usize) -> BTreeSet<usize> {
    let mut found = HashSet::new();
    let mut stack: Vec<usize> = before(flow, join).collect();
    while let Some(i) = stack.pop() {
        if i != fork && found.insert(i) {
            stack.extend(before(flow, i));
        }
    }
    found.into_iter().collect()
}
