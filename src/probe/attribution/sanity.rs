//! The sanity check of Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency
//! Maps", 2018 (arXiv:1810.03292): the weights are made random layer by layer, from the output down, and
//! the map is made again. One that stays the same says nothing of what the network has learned.

use std::sync::Arc;

use analyze::{spearman, ssim};
use model::{LayerId, Network, Random, TensorData, TensorKind};
use web_time::Instant;

use super::{Attribution, Map, Method, Settings, Subject, Target};
use crate::ProbeError;

/// The map after one more layer has random weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The layer that has become random in this stage; those before it in the list are random too.
    pub layer: LayerId,
    /// Its name.
    pub name: String,
    /// Rank correlation of the magnitudes of both maps; NaN where one of them is the same everywhere.
    pub magnitudes: f64,
    /// Rank correlation of the maps as they are, with their signs; NaN likewise.
    pub signed: f64,
    /// Structural similarity of the magnitudes, each from 0 to 1; NaN for pictures below 7 x 7.
    pub similarity: f64,
}

/// What the check says of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another one with random weights.
    Depends,
    /// It changes, but part of it stays.
    Partly,
    /// It stays much the same whatever the upper layers have learned.
    Hardly,
}

/// How alike maps are up to which they count as others, and from which on as the same. The paper gives
/// curves and no bounds; these part its examples.
const OTHER: f64 = 0.4;
const SAME: f64 = 0.7;
/// Draws weights.
const STREAM: u64 = 0xadeb;

/// A sanity check that is worked out layer by layer.
pub struct Sanity {
    source: Arc<Network>,
    method: &'static Method,
    settings: Settings,
    target: Target,
    seed: u64,
    first: Map,
    /// Layers with weights, from the output down.
    layers: Vec<LayerId>,
    stages: Vec<Stage>,
    now: Option<(Subject, Attribution)>,
}

impl Sanity {
    /// Of `map`, which `method` has made of `subject` with `settings`. Nothing runs yet.
    ///
    /// # Errors
    /// [`ProbeError::Tensor`] for a network without weights.
    pub fn new(
        subject: &Subject,
        map: Map,
        method: &'static Method,
        settings: &Settings,
        seed: u64,
    ) -> Result<Self, ProbeError> {
        let source = subject.network().clone();
        let weighted = |l: &LayerId| !weights(&source, *l).is_empty();
        let layers: Vec<LayerId> = source
            .main()
            .layers
            .iter()
            .rev()
            .copied()
            .filter(weighted)
            .collect();
        if layers.is_empty() {
            return Err(ProbeError::Tensor {
                name: source.tensor(subject.tensor()).name.clone(),
                problem: "it depends on no weights that could be made random".into(),
            });
        }
        Ok(Sanity {
            source,
            method,
            settings: settings.clone(),
            target: Target {
                tensor: Some(subject.tensor()),
                element: Some(subject.element()),
            },
            seed,
            first: map,
            layers,
            stages: Vec::new(),
            now: None,
        })
    }

    /// Layers that become random in all.
    pub fn total(&self) -> usize {
        self.layers.len()
    }

    /// Stages that are known, from the output down.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// True once every layer has been random.
    pub fn finished(&self) -> bool {
        self.stages.len() == self.layers.len()
    }

    /// What is known of the map, `None` before all stages are: by the mean over the stages of the upper
    /// half of the layers, of structural similarity or rank correlation of magnitudes, whichever is
    /// higher. (With the lowest layers random every map changes; the maps that the paper warns of stay
    /// the same for most of the way down there.)
    pub fn verdict(&self) -> Option<Verdict> {
        if !self.finished() {
            return None;
        }
        let upper = &self.stages[..self.stages.len().div_ceil(2)];
        // NaN, a map that has become the same everywhere, is another one.
        let alike = |s: &Stage| s.similarity.max(s.magnitudes).max(0.0);
        let mean = upper.iter().map(alike).sum::<f64>() / upper.len().max(1) as f64;
        Some(match mean {
            m if m >= SAME => Verdict::Hardly,
            m if m > OTHER => Verdict::Partly,
            _ => Verdict::Depends,
        })
    }

    /// Works for about so many seconds, one batch at least. `subject` is the one that it was made for.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for a pass.
    pub async fn go(&mut self, subject: &Subject, seconds: f64) -> Result<(), ProbeError> {
        let begin = Instant::now();
        while !self.finished() {
            let (mut random, mut attribution) = match self.now.take() {
                Some(now) => now,
                None => {
                    let network = Arc::new(self.randomised(self.stages.len() + 1));
                    let inputs = subject.inputs().to_vec();
                    let (device, options) = (subject.device(), subject.options());
                    let random = Subject::open(&network, inputs, self.target, device, options).await?;
                    let attribution = Attribution::new(&random, self.method, &self.settings)?;
                    (random, attribution)
                }
            };
            attribution
                .go(&mut random, seconds - begin.elapsed().as_secs_f64())
                .await?;
            match attribution.finished() {
                true => {
                    let map = attribution.map(&random).unwrap_or_default();
                    self.stages.push(self.compared(&map));
                }
                false => self.now = Some((random, attribution)),
            }
            if begin.elapsed().as_secs_f64() > seconds {
                break;
            }
        }
        Ok(())
    }

    fn compared(&self, map: &Map) -> Stage {
        let layer = self.layers[self.stages.len()];
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let rank = |a: &[f32], b: &[f32]| spearman(&wide(a), &wide(b)).map_or(f64::NAN, |c| c.rho);
        let (a, b) = (self.first.magnitudes(), map.magnitudes());
        let unit = |v: &[f32]| -> Vec<f32> {
            let low = v.iter().fold(f32::INFINITY, |a, &b| a.min(b));
            let high = v.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            let range = if high > low { high - low } else { 1.0 };
            v.iter().map(|v| (v - low) / range).collect()
        };
        Stage {
            layer,
            name: self.source.layer(layer).name.clone(),
            magnitudes: rank(&a, &b),
            signed: rank(&self.first.places(), &map.places()),
            similarity: ssim(&unit(&a), &unit(&b), map.width, 1.0).unwrap_or(f64::NAN),
        }
    }

    /// The network with random weights in the `count` uppermost layers: kernels and matrices drawn from a
    /// normal distribution of their own deviation, vectors put in another order, so that activations stay
    /// about as large.
    fn randomised(&self, count: usize) -> Network {
        let mut network = Network::clone(&self.source);
        for &layer in &self.layers[..count] {
            for id in weights(&self.source, layer) {
                let tensor = &mut network.tensors[id];
                let Some((data, mut values)) = tensor.data.as_ref().and_then(|d| Some((d, d.to_f32()?)))
                else {
                    continue;
                };
                let mut random = Random::new(&[self.seed, STREAM, id as u64]);
                let shape = data.shape.clone();
                match shape.len() {
                    0 | 1 => random.shuffle(&mut values),
                    _ => {
                        let n = values.len().max(1) as f64;
                        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
                        let squares: f64 = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
                        let deviation = (squares / n).sqrt();
                        values
                            .iter_mut()
                            .for_each(|v| *v = (deviation * random.normal()) as f32);
                    }
                }
                tensor.data = Some(Arc::new(TensorData::from_f32(&shape, &values)));
            }
        }
        network
    }
}

/// Stored tensors of floats that `layer` has learned.
fn weights(network: &Network, layer: LayerId) -> Vec<usize> {
    let learned = |id: &usize| {
        let tensor = &network.tensors[*id];
        let stored = tensor
            .data
            .as_ref()
            .is_some_and(|d| d.dtype.is_float() && d.len() > 1);
        stored && tensor.kind == TensorKind::Parameter
    };
    let inputs = network.layer(layer).inputs.iter().flatten();
    inputs.map(|t| t.0 as usize).filter(learned).collect()
}
