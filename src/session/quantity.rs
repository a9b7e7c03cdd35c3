//! What layers are coloured, sized and sorted by: one entry in a list a quantity.

mod amounts;
mod ranked;
mod spread;

use model::LayerId;
use serde::{Deserialize, Serialize};

pub use amounts::Amounts;
pub use ranked::Ranked;
pub use spread::Spread;

use crate::Document;
use crate::dynamics::Statistic;
use crate::words::{bytes, short, si};

/// A number that each layer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Quantity {
    Parameters,
    Flops,
    Weights,
    Activations,
    Intensity,
    Time,
    Sparsity,
    GradientNorm,
    UpdateRatio,
    WeightNorm,
    RecordedZeros,
    GradientCosine,
    Agreement,
    NoiseScale,
    StableRank,
    DeadUnits,
    Utilisation,
}

/// What a layer adds to a quantity: an amount, or the two sides of a mean.
#[derive(Clone, Copy)]
enum Part {
    Sum(f64),
    Mean(f64, f64),
}

/// How many there are.
pub(crate) const COUNT: usize = 17;

struct Entry {
    quantity: Quantity,
    /// In commands.
    id: &'static str,
    name: &'static str,
    about: &'static str,
    /// What its numbers count, where [`Quantity::write`] leaves that out.
    unit: &'static str,
    write: fn(f64) -> String,
    part: fn(&Document, LayerId) -> Option<Part>,
}

const ENTRIES: [Entry; COUNT] = [
    Entry {
        quantity: Quantity::Parameters,
        id: "parameters",
        name: "parameters",
        about: "Trained values, counted at the first layer that reads them",
        unit: "values",
        write: count,
        part: |d, l| Some(Part::Sum(d.cost.layers.get(l.0 as usize)?.parameters as f64)),
    },
    Entry {
        quantity: Quantity::Flops,
        id: "flops",
        name: "FLOPs",
        about: "Floating-point operations of one pass",
        unit: "operations",
        write: count,
        part: |d, l| Some(Part::Sum(d.cost.layers.get(l.0 as usize)?.flops? as f64)),
    },
    Entry {
        quantity: Quantity::Weights,
        id: "weights",
        name: "weight memory",
        about: "Bytes of parameters and running statistics, as they are stored",
        unit: "",
        write: |v| bytes(v as u64),
        part: |d, l| Some(Part::Sum(d.cost.layers.get(l.0 as usize)?.weight_bytes as f64)),
    },
    Entry {
        quantity: Quantity::Activations,
        id: "activations",
        name: "activation memory",
        about: "Bytes of all that a layer computes in one pass",
        unit: "",
        write: |v| bytes(v as u64),
        part: |d, l| {
            Some(Part::Sum(
                d.cost.layers.get(l.0 as usize)?.activation_bytes? as f64,
            ))
        },
    },
    Entry {
        quantity: Quantity::Intensity,
        id: "intensity",
        name: "arithmetic intensity",
        about: "FLOPs per byte that a layer reads and writes, weights too, each tensor whole and once",
        unit: "FLOPs per byte",
        write: decimal,
        part: |d, l| {
            let cost = d.cost.layers.get(l.0 as usize)?;
            Some(Part::Mean(cost.flops? as f64, cost.moved_bytes? as f64))
        },
    },
    Entry {
        quantity: Quantity::Time,
        id: "time",
        name: "measured time",
        about: "Time of the layer in the last pass; known where the processor computes",
        unit: "",
        write: |v| si(v, "s"),
        part: |d, l| Some(Part::Sum(*d.trace.as_ref()?.times.get(&l)?)),
    },
    Entry {
        quantity: Quantity::Sparsity,
        id: "sparsity",
        name: "activation sparsity",
        about: "Share of exact zeros among what a layer computed in the last pass",
        unit: "zeros",
        write: |v| format!("{:.1} %", 100.0 * v),
        part: sparsity,
    },
    Entry {
        quantity: Quantity::GradientNorm,
        id: "gradient-norm",
        name: "gradient norm",
        about: "Norm of the gradient of the layer's parameters, as the open training history recorded it",
        unit: "",
        write: figure,
        part: |d, l| recorded(d, l, Statistic::GradientNorm),
    },
    Entry {
        quantity: Quantity::UpdateRatio,
        id: "update-ratio",
        name: "update ratio",
        about: "Norm of one step's change over that of the weights, as recorded; about 1e-3 is usual",
        unit: "",
        write: figure,
        part: |d, l| recorded(d, l, Statistic::UpdateRatio),
    },
    Entry {
        quantity: Quantity::WeightNorm,
        id: "weight-norm",
        name: "weight norm",
        about: "Norm of the layer's parameters, as the open training history recorded it",
        unit: "",
        write: figure,
        part: |d, l| recorded(d, l, Statistic::WeightNorm),
    },
    Entry {
        quantity: Quantity::RecordedZeros,
        id: "recorded-zeros",
        name: "zeros in training",
        about: "Share of exact zeros among the layer's activations, as recorded while it was trained",
        unit: "zeros",
        write: |v| format!("{:.1} %", 100.0 * v),
        part: |d, l| recorded(d, l, Statistic::Zeros),
    },
    Entry {
        quantity: Quantity::GradientCosine,
        id: "gradient-direction",
        name: "gradient direction",
        about: "Cosine of this step's gradient with that of the step before, as recorded",
        unit: "",
        write: decimal,
        part: |d, l| recorded(d, l, Statistic::GradientCosine),
    },
    Entry {
        quantity: Quantity::Agreement,
        id: "gradient-agreement",
        name: "gradient agreement",
        about: "Cosine of a batch's gradient with that of many, as recorded: near 0 where it is mostly noise",
        unit: "",
        write: decimal,
        part: |d, l| recorded(d, l, Statistic::Agreement),
    },
    Entry {
        quantity: Quantity::NoiseScale,
        id: "noise-scale",
        name: "gradient noise scale",
        about: "About the largest batch that is worth its cost for this layer, as recorded",
        unit: "examples",
        write: figure,
        part: |d, l| recorded(d, l, Statistic::NoiseScale),
    },
    Entry {
        quantity: Quantity::StableRank,
        id: "stable-rank",
        name: "stable rank",
        about: "In how many directions the layer's weights work, as recorded",
        unit: "",
        write: decimal,
        part: |d, l| recorded(d, l, Statistic::StableRank),
    },
    Entry {
        quantity: Quantity::DeadUnits,
        id: "dead-units",
        name: "dead units",
        about: "Share of the layer's units that answered to no example, as recorded",
        unit: "of the units",
        write: |v| format!("{:.1} %", 100.0 * v),
        part: |d, l| recorded(d, l, Statistic::Dead),
    },
    Entry {
        quantity: Quantity::Utilisation,
        id: "utilisation",
        name: "utilisation",
        about: "How evenly activity is spread over the layer's units, as recorded; 1 is even",
        unit: "",
        write: decimal,
        part: |d, l| recorded(d, l, Statistic::Used),
    },
];

fn recorded(document: &Document, layer: LayerId, statistic: Statistic) -> Option<Part> {
    let (_, moment) = document.recorded.as_ref()?;
    // Of several layers the mean.
    Some(Part::Mean(moment.get(statistic, layer)?, 1.0))
}

/// Three digits, and the power of ten where that is far from 1.
fn figure(v: f64) -> String {
    match v.abs() {
        s if s == 0.0 || (1e-3..1e5).contains(&s) => decimal(v),
        _ => format!("{v:.2e}"),
    }
}

fn count(v: f64) -> String {
    short(v as u64)
}

/// Three digits that matter.
fn decimal(v: f64) -> String {
    match v {
        _ if v >= 1000.0 => short(v as u64),
        _ if v >= 100.0 => format!("{v:.0}"),
        _ if v >= 10.0 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    }
}

fn sparsity(document: &Document, layer: LayerId) -> Option<Part> {
    let trace = document.trace.as_ref()?;
    let outputs = document.network.layer(layer).outputs.iter().flatten();
    let known = outputs.filter_map(|t| {
        let tensor = trace.tensors.get(t)?;
        Some((tensor.summary?.zeros as f64, tensor.len() as f64))
    });
    let (zeros, all) = known.fold((0.0, 0.0), |(z, n), (share, len)| (z + share * len, n + len));
    (all > 0.0).then_some(Part::Mean(zeros, all))
}

impl Quantity {
    /// Every one, in the order in which they are offered.
    pub fn all() -> impl Iterator<Item = Quantity> {
        ENTRIES.iter().map(|e| e.quantity)
    }

    /// The one of this id: `flops`.
    pub fn of(id: &str) -> Option<Self> {
        ENTRIES.iter().find(|e| e.id == id).map(|e| e.quantity)
    }

    fn entry(self) -> &'static Entry {
        // A test finds every quantity in the list.
        ENTRIES.iter().find(|e| e.quantity == self).unwrap_or(&ENTRIES[0])
    }

    /// How commands name it.
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// What it is called in a sentence.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What it is, in a sentence.
    pub fn about(self) -> &'static str {
        self.entry().about
    }

    /// What the written numbers count; empty where they say so themselves.
    pub fn unit(self) -> &'static str {
        self.entry().unit
    }

    /// A value of it, in words.
    pub fn write(self, value: f64) -> String {
        (self.entry().write)(value)
    }

    /// The statistic that a training history recorded, where it is one.
    pub fn recorded(self) -> Option<Statistic> {
        match self {
            Quantity::GradientNorm => Some(Statistic::GradientNorm),
            Quantity::UpdateRatio => Some(Statistic::UpdateRatio),
            Quantity::WeightNorm => Some(Statistic::WeightNorm),
            Quantity::RecordedZeros => Some(Statistic::Zeros),
            Quantity::GradientCosine => Some(Statistic::GradientCosine),
            Quantity::Agreement => Some(Statistic::Agreement),
            Quantity::NoiseScale => Some(Statistic::NoiseScale),
            Quantity::StableRank => Some(Statistic::StableRank),
            Quantity::DeadUnits => Some(Statistic::Dead),
            Quantity::Utilisation => Some(Statistic::Used),
            _ => None,
        }
    }

    /// True where parts add up to the whole, so that each has a share of it.
    pub fn adds(self) -> bool {
        !matches!(self, Quantity::Intensity | Quantity::Sparsity) && self.recorded().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_is_in_the_list_once() {
        for (i, entry) in ENTRIES.iter().enumerate() {
            assert_eq!(entry.quantity as usize, i);
            assert_eq!(Quantity::of(entry.id), Some(entry.quantity));
        }
    }
}
