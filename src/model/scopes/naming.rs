//! Which scope a recognised part becomes: one that names give already, or a new one inside.

use std::collections::BTreeMap;

use crate::op::{Binary, Op, Variadic};
use crate::parts::Part;
use crate::parts::flow::Flow;

use super::draft::Draft;
use super::residual::{BLOCK, Block};

/// Share of a network that is not one part of it.
const WHOLE: f64 = 0.8;

/// A layer that is more than a sum, a norm, a constant or a move.
fn heavy(flow: &Flow, light: &[bool], i: usize) -> bool {
    let sum = matches!(flow.op(i), Op::Binary(Binary::Add) | Op::Variadic(Variadic::Sum));
    let norm = matches!(
        flow.op(i),
        Op::LayerNorm { .. } | Op::RmsNorm { .. } | Op::BatchNorm { .. } | Op::GroupNorm { .. }
    );
    computes(flow, i) && !light[i] && !sum && !norm
}

/// A layer that a reader of the picture counts.
pub(super) fn computes(flow: &Flow, i: usize) -> bool {
    let passes = matches!(
        flow.op(i),
        Op::Identity | Op::Dropout { .. } | Op::Cast { .. } | Op::CastLike | Op::Constant { .. }
    );
    !flow.side[i] && !passes
}

/// Gives the scopes that are a part its kind, and makes scopes for the others. `parts`: those that
/// hold others first.
pub(super) fn settle(draft: &mut Draft, flow: &Flow, parts: &[Part]) {
    let mut light = vec![false; flow.layers.len()];
    for part in parts.iter().filter(|p| p.kind == "normalization") {
        part.members.iter().for_each(|&m| light[m] = true);
    }
    // Parts by how many others they stand in.
    let mut depth = vec![0usize; flow.layers.len()];
    let mut levels: BTreeMap<usize, Vec<&Part>> = BTreeMap::new();
    for part in parts {
        let level = part.members.first().map_or(0, |&m| depth[m]);
        part.members.iter().for_each(|&m| depth[m] = level + 1);
        levels.entry(level).or_default().push(part);
    }
    let all = (0..flow.layers.len()).filter(|&i| computes(flow, i)).count();
    for mut parts in levels.into_values() {
        let every = draft.count(|i| computes(flow, i));
        let weighty = draft.count(|i| heavy(flow, &light, i));
        parts.sort_by_key(|p| p.members.first().copied());
        let mut new: BTreeMap<(usize, &str), Vec<&Part>> = BTreeMap::new();
        for part in parts {
            let scope = draft.common(part.members.iter().copied());
            let counted = part.members.iter().filter(|&&m| computes(flow, m)).count();
            let hard = part.members.iter().filter(|&&m| heavy(flow, &light, m)).count();
            let main = hard > 0 && !matches!(part.kind, "activation" | "normalization");
            let exact = every[scope] == counted || main && weighty[scope] == hard;
            if exact && scope != 0 && draft.nodes[scope].kind == "scope" {
                draft.nodes[scope].kind = part.kind;
            } else if counted == 1 {
                // One operator says by itself what it is.
            } else if scope != 0 || (counted as f64) < WHOLE * all as f64 {
                new.entry((scope, part.name)).or_default().push(part);
            }
        }
        for ((scope, name), parts) in new {
            let known: Vec<String> = (draft.nodes.iter().skip(1))
                .filter(|n| n.parent == scope && n.name.starts_with(name))
                .map(|n| n.name.clone())
                .collect();
            let mut number = 0;
            let several = parts.len() > 1;
            for part in parts {
                let name = loop {
                    number += 1;
                    let name = match several || number > 1 {
                        true => format!("{name} {number}"),
                        false => name.to_string(),
                    };
                    if !known.contains(&name) {
                        break name;
                    }
                };
                draft.wrap(scope, name, part.kind, part.members.iter().copied());
            }
        }
    }
}

/// Gives the scopes that are a residual block, or hold nothing else, their kind.
pub(super) fn blocks(draft: &mut Draft, flow: &Flow, blocks: &[Block]) {
    let every = draft.count(|i| computes(flow, i));
    let mut within = vec![(0, false); draft.nodes.len()];
    for block in blocks.iter().filter(|b| b.kind == BLOCK) {
        let scope = draft.common(block.members.iter().copied());
        let counted = block.members.iter().filter(|&&m| computes(flow, m)).count();
        let convolves = |m: &usize| matches!(flow.op(*m), Op::Conv { .. } | Op::QLinearConv { .. });
        if scope != 0 && every[scope] == counted && draft.nodes[scope].kind == "scope" {
            draft.nodes[scope].kind = BLOCK;
            let (count, conv) = &mut within[draft.nodes[scope].parent];
            (*count, *conv) = (*count + counted, *conv || block.members.iter().any(convolves));
        }
    }
    for (scope, (count, convolves)) in within.into_iter().enumerate().skip(1) {
        if convolves && count == every[scope] && draft.nodes[scope].kind == "scope" {
            draft.nodes[scope].kind = "stage";
        }
    }
}
