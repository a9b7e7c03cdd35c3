//! Networks that are compared: each of them alone, and how each differs from the first.

use std::collections::HashMap;
use std::sync::Arc;

use data::Preprocess;
use layout::Node;
use model::diff::{Difference, Pair};
use model::{Cost, LayerId, Member, Network, ScopeTree};

use crate::document::{self, Document};
use crate::{Output, Session, Source, Text};

/// One of the networks that stand beside each other.
pub struct Side {
    /// Its file, or built-in name.
    pub file: String,
    /// The network alone.
    pub network: Arc<Network>,
    /// What it costs alone.
    pub cost: Cost,
    /// How a picture becomes its input; `None` for networks of other input.
    pub preprocess: Option<Preprocess>,
    /// Whether it takes text.
    pub text: Text,
    /// Its classes: those that its file states, else those of the data set.
    pub classes: Vec<String>,
    /// The first network's layers with this one's; empty for the first itself.
    pub pairs: Vec<Pair>,
}

/// How a volume differs from what corresponds to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    /// The first network has nothing like it.
    Added,
    /// Another network has nothing like it.
    Removed,
    /// Both have it, with a difference. Where stored values differ: how far they are apart at most,
    /// as [`model::diff::apart`] measures it.
    Changed(Option<f64>),
}

/// A network that is open.
#[derive(Clone)]
pub(crate) struct Known {
    /// Its file, or built-in name.
    pub(crate) file: String,
    pub(crate) network: Arc<Network>,
    pub(crate) text: Text,
}

/// Opens `source` beside the networks that are `known`.
pub(crate) fn open(
    mut known: Vec<Known>,
    source: Option<&Source>,
) -> Result<(Document, Vec<String>), String> {
    let mut notes = Vec::new();
    if let Some(source) = source {
        let network = document::read(source)?;
        notes = network.warnings.clone();
        known.push(Known {
            file: source.name(),
            text: crate::text::beside(source, &network),
            network: network.into(),
        });
    }
    if let [only] = &known[..] {
        return Ok((document::of(only.clone()), notes));
    }
    let stem = |file: &str| {
        let stem = std::path::Path::new(file).file_stem();
        stem.map_or(file.to_string(), |s| s.to_string_lossy().into_owned())
    };
    let named: Vec<(String, &Network)> = known.iter().map(|k| (stem(&k.file), &*k.network)).collect();
    let all = model::beside(&named);
    let files: Vec<&str> = known.iter().map(|k| k.file.as_str()).collect();
    let first = known.first().map(|k| (k.network.clone(), k.text.clone()));
    let (first, text) = first.ok_or("nothing is open")?;
    let mut document = document::of(Known {
        file: files.join(" · "),
        network: all.into(),
        text,
    });
    for (i, Known { file, network, text }) in known.into_iter().enumerate() {
        let pairs = match i {
            0 => Vec::new(),
            _ => model::diff::diff(&first, &network),
        };
        document.sides.push(Side {
            cost: model::cost(&network, &document.bindings),
            preprocess: document::preprocess(&network),
            classes: match document::classes(&network) {
                Some(stated) => stated,
                None => document.classes.clone(),
            },
            file,
            network,
            text,
            pairs,
        });
    }
    document.compare();
    Ok((document, notes))
}

impl Document {
    /// The networks that are open, each alone.
    pub(crate) fn known(&self) -> Vec<Known> {
        let known = |file: &String, network: &Arc<Network>, text: &Text| Known {
            file: file.clone(),
            network: network.clone(),
            text: text.clone(),
        };
        match self.sides.is_empty() {
            true => vec![known(&self.file, &self.source, &self.text)],
            false => {
                let sides = self.sides.iter();
                sides.map(|s| known(&s.file, &s.network, &s.text)).collect()
            }
        }
    }

    /// Layers of the first network with those of others that correspond to them, among all.
    pub(crate) fn matched(&self) -> Vec<(LayerId, LayerId)> {
        let members = &self.source.members;
        let Some(first) = members.first() else {
            return Vec::new();
        };
        let sides = self.sides.iter().zip(members);
        let pairs = sides.flat_map(|(side, member)| side.pairs.iter().map(move |p| (p, member)));
        pairs
            .filter_map(|(p, member)| Some((first.layer(p.a?), member.layer(p.b?))))
            .collect()
    }

    /// What differs at a volume; `None` where nothing does.
    pub fn mark(&self, node: Node) -> Option<Mark> {
        self.marks.get(&node).copied()
    }

    /// Takes the differences of all sides in.
    fn compare(&mut self) {
        let mut layers: HashMap<LayerId, Mark> = HashMap::new();
        let members = &self.source.members;
        let Some(first) = members.first() else { return };
        for (side, member) in self.sides.iter().zip(members) {
            for pair in &side.pairs {
                match (pair.a, pair.b) {
                    (Some(a), None) => drop(layers.insert(first.layer(a), Mark::Removed)),
                    (None, Some(b)) => drop(layers.insert(member.layer(b), Mark::Added)),
                    (Some(a), Some(b)) if !pair.differences.is_empty() => {
                        let mark = Mark::Changed(distance(&pair.differences));
                        layers.insert(member.layer(b), mark);
                        let own = layers.entry(first.layer(a)).or_insert(mark);
                        *own = both(*own, mark);
                    }
                    _ => (),
                }
            }
        }
        // A scope is what all of its layers are, and else changed.
        let mut scopes: HashMap<_, (usize, Vec<Mark>)> = HashMap::new();
        for &id in &self.source.main().layers {
            for scope in self.source.scopes.ancestors(self.source.layer(id).scope) {
                let (count, marks) = scopes.entry(scope).or_default();
                *count += 1;
                marks.extend(layers.get(&id));
            }
        }
        self.marks = layers.into_iter().map(|(l, m)| (Node::Layer(l), m)).collect();
        for (scope, (count, marks)) in scopes {
            let alike = marks.len() == count && marks.windows(2).all(|m| m[0] == m[1]);
            let merged = marks.into_iter().reduce(both);
            let merged = merged.map(|m| if alike { m } else { both(m, Mark::Changed(None)) });
            if let Some(mark) = merged.filter(|_| scope != ScopeTree::ROOT) {
                self.marks.insert(Node::Scope(scope), mark);
            }
        }
    }
}

/// How far stored values are apart at most.
fn distance(differences: &[Difference]) -> Option<f64> {
    let values = differences.iter().filter_map(|d| match d {
        Difference::Values { distance, .. } => Some(*distance),
        _ => None,
    });
    values.reduce(f64::max)
}

fn both(a: Mark, b: Mark) -> Mark {
    let far = |m: Mark| match m {
        Mark::Changed(distance) => distance,
        _ => None,
    };
    match a == b {
        true => a,
        false => Mark::Changed(far(a).into_iter().chain(far(b)).reduce(f64::max)),
    }
}

impl Session {
    /// What each of the compared networks says about the input.
    pub fn answers(&self) -> Vec<Option<Output>> {
        let members = self.document.iter().flat_map(|d| &d.source.members);
        let sides = self.document.iter().flat_map(|d| &d.sides);
        let answer = |(m, side): (&Member, &Side)| self.output_of(*m.outputs.first()?, &side.classes);
        members.zip(sides).map(answer).collect()
    }
}
