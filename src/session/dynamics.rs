//! What a run recorded of each layer, brought to the layers of the open network.
//!
//! Whoever records writes tags of one scheme: `gradients/LAYER/norm`, `weights/LAYER/norm`,
//! `updates/LAYER/ratio`, `activations/LAYER/mean`, `.../std`, `.../zeros`, and histograms
//! `weights/LAYER`, `gradients/LAYER`, `activations/LAYER`; the rest of [`LIST`], and `units/LAYER`, the
//! share of examples and of their places that each unit was active at. LAYER is a layer's or a parameter's name;
//! `.` and `/` in it are the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::network::TensorKind;
use model::{LayerId, Network, Run};
use serde::{Deserialize, Serialize};

use crate::{Histories, Session};

/// A number that is recorded of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Statistic {
    GradientNorm,
    GradientCosine,
    Agreement,
    NoiseScale,
    UpdateRatio,
    WeightNorm,
    StableRank,
    Alpha,
    ActivationMean,
    ActivationStd,
    Zeros,
    Dead,
    Saturated,
    Used,
}

/// What is known of a statistic.
struct Entry {
    statistic: Statistic,
    /// First and last part of its tags.
    tag: (&'static str, &'static str),
    name: &'static str,
    about: &'static str,
    /// Ends of its scale, where these are fixed; one that begins below 0 has two colours.
    scale: Option<[f64; 2]>,
}

const LIST: [Entry; 14] = [
    Entry {
        statistic: Statistic::GradientNorm,
        tag: ("gradients", "norm"),
        name: "gradient norm",
        about: "Euclidean norm of the loss's gradient with respect to the layer's parameters",
        scale: None,
    },
    Entry {
        statistic: Statistic::GradientCosine,
        tag: ("gradients", "cosine"),
        name: "gradient direction",
        about: "Cosine between the gradients of this step and of the one before: near 1 on a straight way, below 0 where steps go back and forth",
        scale: Some([-1.0, 1.0]),
    },
    Entry {
        statistic: Statistic::Agreement,
        tag: ("gradients", "agreement"),
        name: "gradient agreement",
        about: "Cosine between the gradient of one batch and that of many together (up to 1,024 examples), on average: near 1 where batches agree, near 0 where a batch is mostly noise",
        scale: Some([-1.0, 1.0]),
    },
    Entry {
        statistic: Statistic::NoiseScale,
        tag: ("gradients", "noise"),
        name: "gradient noise scale",
        about: "Variance of one example's gradient over the squared norm of the mean (McCandlish et al. 2018): about the largest batch that is worth its cost, in examples",
        scale: None,
    },
    Entry {
        statistic: Statistic::UpdateRatio,
        tag: ("updates", "ratio"),
        name: "update ratio",
        about: "Norm of one step's change over the norm of the weights; about 1e-3 is usual",
        scale: None,
    },
    Entry {
        statistic: Statistic::WeightNorm,
        tag: ("weights", "norm"),
        name: "weight norm",
        about: "Euclidean norm of the layer's parameters",
        scale: None,
    },
    Entry {
        statistic: Statistic::StableRank,
        tag: ("weights", "stable rank"),
        name: "stable rank",
        about: "Squared Frobenius norm over squared spectral norm of the weights: in how many directions the layer works",
        scale: None,
    },
    Entry {
        statistic: Statistic::Alpha,
        tag: ("weights", "alpha"),
        name: "power-law exponent",
        about: "Exponent of the tail of the weights' eigenvalues (WeightWatcher's alpha): 2 to 6 in well-trained layers of large networks, more where little was learned",
        scale: None,
    },
    Entry {
        statistic: Statistic::ActivationMean,
        tag: ("activations", "mean"),
        name: "activation mean",
        about: "Mean of what the layer computed",
        scale: None,
    },
    Entry {
        statistic: Statistic::ActivationStd,
        tag: ("activations", "std"),
        name: "activation deviation",
        about: "Standard deviation of what the layer computed",
        scale: None,
    },
    Entry {
        statistic: Statistic::Zeros,
        tag: ("activations", "zeros"),
        name: "zero activations",
        about: "Share of exact zeros among what the layer computed",
        scale: Some([0.0, 1.0]),
    },
    Entry {
        statistic: Statistic::Dead,
        tag: ("activations", "dead"),
        name: "dead units",
        about: "Share of units that answered to none of up to 256 examples",
        scale: Some([0.0, 1.0]),
    },
    Entry {
        statistic: Statistic::Saturated,
        tag: ("activations", "saturated"),
        name: "saturated units",
        about: "Share of units that stood at a bound of their function at 95 of 100 places or more, over up to 256 examples",
        scale: Some([0.0, 1.0]),
    },
    Entry {
        statistic: Statistic::Used,
        tag: ("activations", "used"),
        name: "utilisation",
        about: "How evenly activity is spread over the units: 1 where all are active equally often, less where a few do the work",
        scale: Some([0.0, 1.0]),
    },
];

impl Statistic {
    /// All, in the order of menus.
    pub fn all() -> impl Iterator<Item = Statistic> {
        LIST.iter().map(|e| e.statistic)
    }

    fn entry(self) -> &'static Entry {
        // A test finds every one in the list.
        &LIST[self as usize]
    }

    /// First and last part of its tags.
    fn tag(self) -> (&'static str, &'static str) {
        self.entry().tag
    }

    /// For menus.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What it is, in a sentence.
    pub fn about(self) -> &'static str {
        self.entry().about
    }

    /// Ends of its scale, where these are fixed; one that begins below 0 has two colours.
    pub fn scale(self) -> Option<[f64; 2]> {
        self.entry().scale
    }

    /// True where several parameters of a layer are the parts of one norm.
    fn squares(self) -> bool {
        matches!(self, Statistic::GradientNorm | Statistic::WeightNorm)
    }
}

/// The name of a layer in a tag of this statistic.
fn layer_of(tag: &str, statistic: Statistic) -> Option<&str> {
    let (first, last) = statistic.tag();
    tag.strip_prefix(first)?
        .strip_prefix('/')?
        .strip_suffix(last)?
        .strip_suffix('/')
}

/// A layer of a run, under the name that it has there.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As recorded.
    pub name: String,
    /// The layer of the open network, where there is one of this name.
    pub layer: Option<LayerId>,
}

/// Names by which layers of a network may be recorded.
pub struct Names(HashMap<String, LayerId>);

/// A name as names are compared: `.` and `/` are the same, and so are capitals.
pub fn plain(name: &str) -> String {
    name.replace('.', "/").to_lowercase()
}

impl Names {
    /// Those of `network`: layers, and parameters with and without the last part of their name.
    pub fn of(network: &Network) -> Self {
        let mut names = HashMap::new();
        for (i, layer) in network.layers.iter().enumerate() {
            let id = LayerId(i as u32);
            names.entry(plain(&layer.name)).or_insert(id);
            for tensor in layer.inputs.iter().flatten() {
                let tensor = network.tensor(*tensor);
                if tensor.kind == TensorKind::Parameter {
                    let name = plain(&tensor.name);
                    if let Some((owner, _)) = name.rsplit_once('/') {
                        names.entry(owner.to_string()).or_insert(id);
                    }
                    names.entry(name).or_insert(id);
                }
            }
        }
        Names(names)
    }

    /// The layer of this name, or, of a parameter that is not known, the layer that it belongs to.
    pub fn get(&self, name: &str) -> Option<LayerId> {
        let name = plain(name);
        let owner = || self.0.get(name.rsplit_once('/')?.0);
        self.0.get(&name).or_else(owner).copied()
    }
}

/// The layers of which `run` recorded `statistic`: in the network's order, then by name.
pub fn rows(run: &Run, statistic: Statistic, names: Option<&Names>) -> Vec<Row> {
    let found = run.series.keys().filter_map(|tag| layer_of(tag, statistic));
    let mut rows: Vec<Row> = found
        .map(|name| Row {
            name: name.to_string(),
            layer: names.and_then(|n| n.get(name)),
        })
        .collect();
    rows.sort_by(|a, b| {
        let key = |r: &Row| (r.layer.is_none(), r.layer);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    rows
}

/// The tag of a row.
pub fn tag(row: &str, statistic: Statistic) -> String {
    let (first, last) = statistic.tag();
    format!("{first}/{row}/{last}")
}

/// What was recorded of the open network's layers at a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// The step that was asked for; `None` is the last one.
    pub step: Option<i64>,
    values: BTreeMap<(Statistic, LayerId), f64>,
}

impl Moment {
    /// `run` at `step`: the latest number up to there.
    pub fn of(run: &Run, step: Option<i64>, names: &Names) -> Self {
        let mut sums: BTreeMap<(Statistic, LayerId), (f64, usize)> = BTreeMap::new();
        for (tag, series) in &run.series {
            for statistic in Statistic::all() {
                let Some(layer) = layer_of(tag, statistic).and_then(|name| names.get(name)) else {
                    continue;
                };
                let point = match step {
                    Some(step) => series.at(step),
                    None => series.last(),
                };
                let Some(value) = point.map(|p| p.value) else {
                    continue;
                };
                let (sum, count) = sums.entry((statistic, layer)).or_default();
                *count += 1;
                match statistic.squares() {
                    true => *sum = sum.hypot(value),
                    // Of weight and bias the mean.
                    false => *sum += (value - *sum) / *count as f64,
                }
            }
        }
        Moment {
            step,
            values: sums.into_iter().map(|(key, (sum, _))| (key, sum)).collect(),
        }
    }

    /// The number of a layer.
    pub fn get(&self, statistic: Statistic, layer: LayerId) -> Option<f64> {
        self.values.get(&(statistic, layer)).copied()
    }

    /// True where nothing of this network was recorded.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Histories {
    /// The run whose layers the scene and the panel of layers show: the chosen one, else the first
    /// that is drawn and recorded something of layers, else the first that is drawn.
    pub fn shown(&self, board: &crate::Board) -> Option<&Arc<Run>> {
        let chosen = board.chosen.as_ref().and_then(|name| self.run(name));
        let drawn = || self.runs.iter().filter(|r| !board.hidden.contains(&r.name));
        let dynamic = |r: &&Arc<Run>| {
            let mut tags = r.series.keys();
            tags.any(|t| Statistic::all().any(|s| layer_of(t, s).is_some()))
        };
        chosen
            .or_else(|| drawn().find(dynamic))
            .or_else(|| drawn().next())
    }
}

impl Session {
    /// Brings what was recorded to the layers, after the run, its length, the step or the network
    /// changed.
    pub(crate) fn follow_moment(&mut self) {
        let board = self.state.board.clone();
        let Some(document) = &mut self.document else {
            return;
        };
        let runs = self.histories.as_ref().map(|h| h.runs.clone());
        // Which run is shown is a search through all of them: not in each frame.
        if let Some((known, settled, opened)) = &self.settled
            && *opened == self.opened
            && Arc::ptr_eq(settled, &board)
            && known.as_ref().map(Arc::as_ptr) == runs.as_ref().map(Arc::as_ptr)
        {
            return;
        }
        self.settled = Some((runs, board.clone(), self.opened));
        let run = self.histories.as_ref().and_then(|h| h.shown(&board));
        let same = match (&document.recorded, run) {
            (None, None) => return,
            (Some((known, moment)), Some(run)) => Arc::ptr_eq(known, run) && moment.step == board.moment,
            _ => false,
        };
        if same {
            return;
        }
        document.recorded = run.map(|run| {
            let moment = Moment::of(run, board.moment, &Names::of(&document.network));
            (run.clone(), moment)
        });
        document.forget_recorded();
    }
}

#[cfg(test)]
mod tests {
    use model::{Point, Record};

    use super::*;

    fn run() -> Run {
        let mut run = Run::new("run");
        for step in 0..3 {
            for (tag, value) in [
                ("gradients/stem/conv.weight/norm", 3.0 + step as f64),
                ("gradients/stem.conv.bias/norm", 4.0),
                ("updates/STEM/conv/ratio", 0.001),
                ("gradients/elsewhere/norm", 9.0),
                ("loss/train", 1.0),
            ] {
                let (wall, tag) = (0.0, tag.to_string());
                run.take(Record::Scalar {
                    tag,
                    point: Point { step, wall, value },
                });
            }
        }
        run
    }

    #[test]
    fn every_statistic_stands_at_its_place_in_the_list() {
        for (i, statistic) in Statistic::all().enumerate() {
            assert_eq!(statistic as usize, i);
        }
    }

    #[test]
    fn recorded_numbers_find_their_layers() {
        let network = model::templates::residual_cnn("net", 1, 8, 2, 4, 3);
        let names = Names::of(&network);
        let conv = names.get("stem.conv").expect("the stem");
        let rows = rows(&run(), Statistic::GradientNorm, Some(&names));
        let known: Vec<_> = rows.iter().map(|r| (&*r.name, r.layer == Some(conv))).collect();
        assert_eq!(
            known,
            [
                ("stem.conv.bias", true),
                ("stem/conv.weight", true),
                ("elsewhere", false)
            ]
        );
        let moment = Moment::of(&run(), Some(0), &names);
        assert_eq!(
            moment.get(Statistic::GradientNorm, conv),
            Some(5.0),
            "3 and 4 at right angles"
        );
        assert_eq!(moment.get(Statistic::UpdateRatio, conv), Some(0.001));
        assert_eq!(moment.get(Statistic::Zeros, conv), None);
        let last = Moment::of(&run(), None, &names);
        assert_eq!(last.get(Statistic::GradientNorm, conv), Some(5f64.hypot(4.0)));
        assert!(Moment::of(&run(), Some(-1), &names).is_empty());
    }
}
