//! Blocks that are built alike and follow each other become one scope of kind `repeat`, whose
//! children are its copies.

use std::cmp::Reverse;

use crate::parts::flow::Flow;
use crate::scope::REPEAT;

use super::draft::Draft;
use super::naming::computes;
use super::runs::{self, Run};
use super::same::{same, token};

/// Copies of a run at least.
const LEAST: usize = 4;
/// Layers above which a network is large, so that fewer copies count.
const LARGE: usize = 1000;
/// Layers of a block of which three count in a large network, and even two.
const LONG: [usize; 2] = [6, 20];

/// What stands directly in a scope: another scope, or a layer.
struct Item {
    node: Option<usize>,
    /// Its layers, by place.
    layers: Vec<usize>,
}

/// Folds every scope's repeats, inner ones first.
pub(super) fn fold(draft: &mut Draft, flow: &Flow) {
    let search = Search {
        flow,
        tokens: (0..flow.layers.len()).map(|i| token(flow, i)).collect(),
        alive: alive(flow),
    };
    let depths = draft.depths();
    let deepest = depths.iter().copied().max().unwrap_or(0);
    for depth in (0..=deepest).rev() {
        for (node, items) in items(draft, &depths, depth) {
            let runs = search.runs(&items);
            search.apply(draft, node, items, &runs);
        }
    }
}

/// Items of each scope at `depth`, in flow order.
fn items(draft: &Draft, depths: &[usize], depth: usize) -> Vec<(usize, Vec<Item>)> {
    let mut of: std::collections::BTreeMap<usize, Vec<Item>> = Default::default();
    let mut place: std::collections::HashMap<usize, usize> = Default::default();
    for (i, &at) in draft.at.iter().enumerate() {
        // The ancestor at this depth, and the one below it. Scopes made meanwhile are deeper.
        let mut path = draft.ancestors(at).collect::<Vec<usize>>();
        path.reverse();
        let Some(&node) = path.get(depth).filter(|n| depths.get(**n) == Some(&depth)) else {
            continue;
        };
        let items = of.entry(node).or_default();
        match path.get(depth + 1) {
            None => items.push(Item {
                node: None,
                layers: vec![i],
            }),
            Some(&child) => match place.get(&child) {
                Some(&at) => items[at].layers.push(i),
                None => {
                    place.insert(child, items.len());
                    items.push(Item {
                        node: Some(child),
                        layers: vec![i],
                    });
                }
            },
        }
    }
    of.into_iter().collect()
}

/// For each place the tensors that come from before it and are read at it or later.
fn alive(flow: &Flow) -> Vec<i32> {
    let mut changes = vec![0; flow.layers.len() + 1];
    for (i, after) in flow.after.iter().enumerate().filter(|(i, _)| !flow.side[*i]) {
        if let Some(&last) = after.iter().max() {
            changes[i + 1] += 1;
            changes[last + 1] -= 1;
        }
    }
    changes
        .iter()
        .scan(0, |open, change| {
            *open += change;
            Some(*open)
        })
        .collect()
}

/// Copies of `copy` items each from `start` on, with the runs inside one copy.
struct Found {
    start: usize,
    copy: usize,
    count: usize,
    inner: Vec<Found>,
}

struct Search<'a> {
    flow: &'a Flow<'a>,
    tokens: Vec<u64>,
    alive: Vec<i32>,
}

impl Search<'_> {
    /// Runs among `items`, and inside their copies.
    fn runs(&self, items: &[Item]) -> Vec<Found> {
        if items.len() < 2 {
            return Vec::new();
        }
        let tokens: Vec<u64> = items.iter().map(|item| self.of(item)).collect();
        let sizes: Vec<usize> = items
            .iter()
            .map(|item| item.layers.iter().filter(|&&l| computes(self.flow, l)).count())
            .collect();
        let large = self.flow.layers.len() > LARGE;
        let least = if large { 2 } else { LEAST };
        let enough = |run: &Run| {
            let layers: usize = sizes[run.range.start..run.range.start + run.period].iter().sum();
            let least = match layers {
                _ if !large => LEAST,
                _ if layers >= LONG[1] => 2,
                _ if layers >= LONG[0] => 3,
                _ => LEAST,
            };
            layers >= 2 && run.copies() >= least
        };
        let accept = |run: Run| {
            let run = self.aligned(items, run);
            let run = self.verified(items, run);
            enough(&run).then_some(run)
        };
        let runs = runs::find(&tokens, least, accept);
        let found = |run: Run| {
            let first = &items[run.range.start..run.range.start + run.period];
            Found {
                start: run.range.start,
                copy: run.period,
                count: run.copies(),
                inner: match run.period < items.len() {
                    true => self.runs(first),
                    false => Vec::new(),
                },
            }
        };
        runs.into_iter().map(found).collect()
    }

    /// Equal for items that may be alike.
    fn of(&self, item: &Item) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hash = DefaultHasher::new();
        item.node.is_some().hash(&mut hash);
        item.layers.iter().for_each(|&l| self.tokens[l].hash(&mut hash));
        hash.finish()
    }

    /// The run cut to whole copies, where least crosses their ends; of such places, where most
    /// reads what crosses.
    fn aligned(&self, items: &[Item], run: Run) -> Run {
        let rest = run.range.len() % run.period;
        let score = |offset: &usize| {
            let place = items[run.range.start + offset].layers[0];
            let forks = place.checked_sub(1).map_or(0, |p| self.flow.readers(p).count());
            (self.alive[place], Reverse(forks), *offset)
        };
        // Another offset costs a copy: worth it only where less crosses.
        let near = (0..=rest).min_by_key(score).unwrap_or(0);
        let far = (rest + 1..run.period).min_by_key(score);
        let spare = run.copies() > LEAST;
        let offset = far
            .filter(|f| spare && (score(f).0, score(f).1) < (score(&near).0, score(&near).1))
            .unwrap_or(near);
        let start = run.range.start + offset;
        let copies = (run.range.end - start) / run.period;
        Run {
            range: start..start + copies * run.period,
            period: run.period,
        }
    }

    /// The longest stretch of copies that are alike, with their wiring.
    fn verified(&self, items: &[Item], run: Run) -> Run {
        let copies: Vec<Vec<usize>> = items[run.range.clone()]
            .chunks(run.period)
            .map(|items| {
                let mut layers: Vec<usize> = items.iter().flat_map(|i| i.layers.clone()).collect();
                layers.sort_unstable();
                layers
            })
            .collect();
        let (mut best, mut begin) = (0..1, 0);
        for k in 1..=copies.len() {
            if k == copies.len() || !same(self.flow, &copies[k - 1], &copies[k]) {
                if k - begin > best.len() {
                    best = begin..k;
                }
                begin = k;
            }
        }
        let at = |copy: usize| run.range.start + copy * run.period;
        Run {
            range: at(best.start)..at(best.end),
            period: run.period,
        }
    }

    /// Makes the scopes of `runs` among the `items` of `node`.
    fn apply(&self, draft: &mut Draft, node: usize, items: Vec<Item>, runs: &[Found]) {
        for run in runs {
            let all = &items[run.start..run.start + run.count * run.copy];
            let single: Option<Vec<usize>> = match run.copy {
                1 => all.iter().map(|i| i.node).collect(),
                _ => None,
            };
            // A scope that holds its copies and nothing else.
            let whole = all.len() == items.len() && node != 0 && draft.nodes[node].kind == "scope";
            if let (true, Some(_)) = (whole, &single) {
                draft.nodes[node].kind = REPEAT;
                continue;
            }
            let group = match &single {
                Some(nodes) => {
                    let ends = [nodes[0], nodes[nodes.len() - 1]].map(|n| draft.nodes[n].name.clone());
                    draft.add(node, format!("{} … {}", ends[0], ends[1]), REPEAT)
                }
                None => {
                    let what = self.noun(draft, &all[..run.copy]);
                    let name = free(draft, node, &format!("{what} x {}", run.count));
                    draft.add(node, name, REPEAT)
                }
            };
            for (k, copy) in all.chunks(run.copy).enumerate() {
                let within = match &single {
                    Some(_) => group,
                    None => {
                        let what = self.noun(draft, copy);
                        draft.add(group, format!("{what} {}", k + 1), "block")
                    }
                };
                for item in copy {
                    match item.node {
                        Some(child) => draft.nodes[child].parent = within,
                        None => draft.at[item.layers[0]] = within,
                    }
                }
                if !run.inner.is_empty() {
                    let copy = copy.iter().map(|i| Item {
                        node: i.node,
                        layers: i.layers.clone(),
                    });
                    self.apply(draft, within, copy.collect(), &run.inner);
                }
            }
        }
    }

    /// What a copy is called.
    fn noun(&self, draft: &Draft, copy: &[Item]) -> &'static str {
        let mut kinds = copy.iter().filter_map(|i| Some(draft.nodes[i.node?].kind));
        match kinds.any(|k| k == "recurrent cell") {
            true => "step",
            false => "block",
        }
    }
}

/// `name`, or with a number where `parent` has a scope of that name.
fn free(draft: &Draft, parent: usize, name: &str) -> String {
    let taken = |name: &str| {
        let mut nodes = draft.nodes.iter().skip(1);
        nodes.any(|n| n.parent == parent && n.name == name)
    };
    let numbered = (2..).map(|k| format!("{name} ({k})"));
    let mut names = std::iter::once(name.to_string()).chain(numbered);
    names.find(|n| !taken(n)).unwrap_or_default()
}
