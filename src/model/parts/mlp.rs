//! Multilayer perceptrons: projections with an activation, or an activation and a gate (Shazeer
//! 2020), between them.

use std::collections::BTreeSet;

use crate::op::{Binary, Op};

use super::Part;
use super::flow::{Flow, From};

/// Layers between a projection and the activation.
const STEPS: usize = 6;

pub(super) fn find(flow: &Flow, found: &[Part]) -> Vec<Part> {
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut units = Vec::new();
    let mut inner: BTreeSet<usize> = BTreeSet::new();
    for part in found {
        match part.kind {
            "activation" => {
                inner.extend(&part.members);
                units.push(part.members.clone());
            }
            "normalization" => (),
            _ => taken.extend(&part.members),
        }
    }
    let single = (0..flow.layers.len()).filter(|&i| flow.activates(i) && !inner.contains(&i));
    units.extend(single.map(|i| BTreeSet::from([i])));
    units.sort_by_key(|u| u.last().copied());
    let mut parts: Vec<BTreeSet<usize>> = Vec::new();
    for unit in units {
        let Some(members) = around(flow, &unit) else {
            continue;
        };
        if !members.is_disjoint(&taken) {
            continue;
        }
        // What ends where the next one begins is one chain.
        match parts.iter_mut().rev().take(4).find(|p| !p.is_disjoint(&members)) {
            Some(part) => part.extend(members),
            None => parts.push(members),
        }
    }
    let part = |members| Part {
        kind: "MLP",
        name: "MLP",
        members,
    };
    parts.into_iter().map(part).collect()
}

/// The projections around an activation, with all between.
fn around(flow: &Flow, unit: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
    let mut members = unit.clone();
    let sources = unit.iter().flat_map(|&u| flow.computed(u));
    let mut sources: Vec<From> = sources
        .filter(|f| !matches!(f, From::Layer(p) if unit.contains(p)))
        .collect();
    sources.dedup();
    let [source] = sources[..] else { return None };
    let first = back(flow, source, &mut members)?;
    let mut at = *unit.last()?;
    for _ in 0..STEPS {
        let next = flow.reader(at)?;
        members.insert(next);
        if flow.projects(next) {
            members.extend(flow.reader(next).filter(|&b| flow.bias(b)));
            let within = |m: &usize| flow.readers(*m).all(|a| members.contains(&a));
            let last = *members.last()?;
            return members.iter().all(|m| *m == last || within(m)).then_some(members);
        }
        if matches!(flow.op(next), Op::Binary(Binary::Mul)) && flow.computed(next).count() == 2 {
            let gate = flow.computed(next).find(|f| *f != From::Layer(at))?;
            let gate = back(flow, gate, &mut members)?;
            // Both read the same.
            if gate != first && flow.sole(gate) != flow.sole(first) {
                return None;
            }
        } else if !flow.moves(next) && !matches!(flow.op(next), Op::LayerNorm { .. }) {
            return None;
        }
        at = next;
    }
    None
}

/// The projection that `from` comes from, by a bias and moves; `members` gets the way.
fn back(flow: &Flow, mut from: From, members: &mut BTreeSet<usize>) -> Option<usize> {
    for _ in 0..STEPS {
        let From::Layer(i) = from else { return None };
        members.insert(i);
        if flow.projects(i) {
            return Some(i);
        }
        if !flow.bias(i) && !flow.moves(i) && !dequantizes(flow, i) {
            return None;
        }
        from = flow.sole(i)?;
    }
    None
}

/// A product with a stored scale, as after integer products.
fn dequantizes(flow: &Flow, i: usize) -> bool {
    flow.scales(i)
}
