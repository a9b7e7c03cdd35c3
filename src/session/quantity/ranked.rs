//! Layers by a quantity, largest first.

use layout::Node;
use model::LayerId;

use super::Quantity;
use crate::Document;

/// A layer among the sorted ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The layer.
    pub layer: LayerId,
    /// What it has, more than nothing.
    pub value: f64,
    /// Of what all of them have together; says nothing where values do not add up.
    pub share: f64,
    /// Of what all of them have together, with those before it.
    pub together: f64,
}

impl Document {
    /// The layers of the main graph that have something of `quantity`, largest first; sorted at the
    /// first call after a pass.
    pub fn ranked(&self, quantity: Quantity) -> &[Ranked] {
        let amounts = self.amounts(quantity);
        amounts.ranked.get_or_init(|| {
            let layers = self.network.main().layers.iter();
            let known = layers.filter_map(|l| Some((*l, amounts.get(Node::Layer(*l))?)));
            sorted(known.collect())
        })
    }
}

fn sorted(mut values: Vec<(LayerId, f64)>) -> Vec<Ranked> {
    values.retain(|(_, v)| *v > 0.0);
    values.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let total: f64 = values.iter().map(|(_, v)| v).sum();
    let mut before = 0.0;
    let row = |(layer, value): (LayerId, f64)| {
        before += value;
        Ranked {
            layer,
            value,
            share: value / total,
            together: before / total,
        }
    };
    values.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_rise_to_the_whole() {
        let values = [(0, 10.0), (1, 0.0), (2, 60.0), (3, 20.0), (4, 10.0)];
        let rows = sorted(values.map(|(l, v)| (LayerId(l), v)).to_vec());
        let order: Vec<u32> = rows.iter().map(|r| r.layer.0).collect();
        assert_eq!(order, [2, 3, 0, 4]);
        let near = |found: Vec<f64>, wanted: [f64; 4]| {
            let close = |(a, b): (&f64, f64)| (a - b).abs() < 1e-12;
            assert!(found.iter().zip(wanted).all(close), "{found:?}");
        };
        near(rows.iter().map(|r| r.share).collect(), [0.6, 0.2, 0.1, 0.1]);
        near(rows.iter().map(|r| r.together).collect(), [0.6, 0.8, 0.9, 1.0]);
    }
}
