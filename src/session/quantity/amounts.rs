//! A quantity of every layer, added up to scopes and to the whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use layout::Node;
use model::ScopeTree;

use super::{Part, Quantity, Ranked};
use crate::Document;

/// A quantity of all layers and scopes.
#[derive(Clone, Debug, Default)]
pub struct Amounts {
    nodes: HashMap<Node, f64>,
    /// Of the whole network; what is not known adds nothing.
    pub total: Option<f64>,
    /// Layers, largest first, once they were asked for.
    pub(super) ranked: OnceLock<Vec<Ranked>>,
}

/// Parts of one scope on the way to its value.
#[derive(Default)]
struct Sum {
    over: f64,
    under: f64,
    known: usize,
    unknown: usize,
    mean: bool,
}

impl Sum {
    fn add(&mut self, part: Option<Part>) {
        match part {
            None => self.unknown += 1,
            Some(Part::Sum(v)) => (self.over, self.known) = (self.over + v, self.known + 1),
            Some(Part::Mean(over, under)) => {
                (self.over, self.under) = (self.over + over, self.under + under);
                (self.known, self.mean) = (self.known + 1, true);
            }
        }
    }

    /// A mean of what is known; a sum only where all of it is known, or `partial`.
    fn value(&self, partial: bool) -> Option<f64> {
        let whole = self.unknown == 0 || partial;
        match self.mean {
            true => (self.under > 0.0).then(|| self.over / self.under),
            false => (self.known > 0 && whole).then_some(self.over),
        }
    }
}

impl Amounts {
    /// Adds up what the layers of the main graph have; branches inside a layer are not counted.
    pub(crate) fn of(document: &Document, quantity: Quantity) -> Self {
        let network = &document.network;
        let mut scopes: HashMap<_, Sum> = HashMap::new();
        let mut nodes = HashMap::new();
        for &id in network.graphs.first().map_or(&[][..], |g| &g.layers) {
            let part = (quantity.entry().part)(document, id);
            let mut own = Sum::default();
            own.add(part);
            nodes.extend(own.value(false).map(|v| (Node::Layer(id), v)));
            for scope in network.scopes.ancestors(network.layer(id).scope) {
                scopes.entry(scope).or_default().add(part);
            }
        }
        let total = scopes.remove(&ScopeTree::ROOT).and_then(|s| s.value(true));
        let inner = scopes
            .into_iter()
            .filter_map(|(s, sum)| Some((Node::Scope(s), sum.value(false)?)));
        nodes.extend(inner);
        Amounts {
            nodes,
            total,
            ranked: OnceLock::new(),
        }
    }

    /// In whole numbers of the same proportions.
    pub(crate) fn grains(&self) -> BTreeMap<Node, u64> {
        let most = self.nodes.values().copied().fold(0.0, f64::max);
        let scale = if most > 0.0 { 1e15 / most } else { 0.0 };
        self.nodes.iter().map(|(n, v)| (*n, (v * scale) as u64)).collect()
    }

    /// That of a layer or scope; `None` where it is not known.
    pub fn get(&self, node: Node) -> Option<f64> {
        self.nodes.get(&node).copied()
    }

    /// Its share of the whole, of quantities that add up.
    pub fn share(&self, quantity: Quantity, node: Node) -> Option<f64> {
        let total = self.total.filter(|t| *t > 0.0 && quantity.adds())?;
        Some(self.get(node)? / total)
    }
}

impl Document {
    /// `quantity` of everything, counted at the first call after a pass.
    pub fn amounts(&self, quantity: Quantity) -> &Amounts {
        self.amounts[quantity as usize].get_or_init(|| Amounts::of(self, quantity))
    }

    /// The value of `node` in words with its share of the whole: `1.2 M  (34.5 %)`.
    pub fn told(&self, quantity: Quantity, node: Node) -> Option<String> {
        let amounts = self.amounts(quantity);
        let value = quantity.write(amounts.get(node)?);
        Some(match amounts.share(quantity, node) {
            Some(share) => format!("{value}  ({:.1} %)", 100.0 * share),
            None if quantity == Quantity::Intensity => format!("{value} {}", quantity.unit()),
            None => value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_need_all_parts_and_means_those_known() {
        let value = |parts: &[Option<Part>]| {
            let mut sum = Sum::default();
            parts.iter().for_each(|p| sum.add(*p));
            [sum.value(false), sum.value(true)]
        };
        assert_eq!(
            value(&[Some(Part::Sum(2.0)), Some(Part::Sum(3.0))]),
            [Some(5.0); 2]
        );
        assert_eq!(value(&[Some(Part::Sum(2.0)), None]), [None, Some(2.0)]);
        // 10 zeros of 20 elements and 10 of 80: a fifth, not the mean of both shares.
        let means = [Some(Part::Mean(10.0, 20.0)), None, Some(Part::Mean(10.0, 80.0))];
        assert_eq!(value(&means), [Some(0.2); 2]);
        assert_eq!(value(&[None]), [None; 2]);
    }
}
