//! Grad-CAM: the channels of a layer, each by how much the score rises with it.

use std::collections::HashMap;

use compute::{Array, Turn};
use model::op::Op;
use model::{LayerId, TensorId};

use super::map::enlarged;
use super::{Kind, Map, Method, Setting, Settings, Subject, Task, Work};
use crate::ProbeError;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "rectify",
        name: "For only",
        about: "Places that speak against the score count as 0.",
        kind: Kind::Switch { default: true },
    },
    Setting {
        id: "enlarge",
        name: "Enlarge",
        about: "To the size of the input, by linear interpolation.",
        kind: Kind::Switch { default: true },
    },
];

pub(super) const METHOD: Method = Method {
    id: "grad_cam",
    name: "Grad-CAM",
    about: "Where the channels of a layer are active that raise the score.",
    source: "Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: Grad-CAM, 2016 (arXiv:1610.02391)",
    settings: SETTINGS,
    layered: true,
    start,
};

fn start(subject: &Subject, settings: &Settings) -> Result<Box<dyn Work>, ProbeError> {
    let weights = |_: &[f32], gradient: &[f32]| gradient.iter().sum::<f32>() / gradient.len().max(1) as f32;
    Ok(Box::new(Cam::new(subject, settings, &METHOD, weights)?))
}

/// The layer that is looked at when none is chosen: the convolution with the most others before it on a
/// way from the input, the last of these. (The last in the file may be the short way around a block.)
pub(super) fn last_convolution(subject: &Subject) -> Option<LayerId> {
    let network = subject.network();
    let (mut depths, mut deepest) = (HashMap::new(), None);
    for &id in &network.main().layers {
        let layer = network.layer(id);
        let reads = network.dependencies(id);
        let before = reads.iter().filter_map(|t| depths.get(t)).copied().max();
        let convolves = matches!(
            layer.op,
            Op::Conv { .. } | Op::ConvTranspose { .. } | Op::QLinearConv { .. }
        );
        let depth = before.unwrap_or(0) + usize::from(convolves);
        if convolves && deepest.is_none_or(|(most, _)| depth >= most) {
            deepest = Some((depth, id));
        }
        depths.extend(layer.outputs.iter().flatten().map(|&t| (t, depth)));
    }
    deepest.map(|(_, id)| id)
}

/// The weight of a channel, from its values and gradients.
type Weight = fn(&[f32], &[f32]) -> f32;

/// A weighted sum of a layer's channels.
pub(super) struct Cam {
    tensor: TensorId,
    layer: LayerId,
    rectify: bool,
    enlarge: bool,
    weight: Weight,
    found: Option<([usize; 2], Vec<f32>)>,
}

impl Cam {
    pub fn new(
        subject: &Subject,
        settings: &Settings,
        method: &'static Method,
        weight: Weight,
    ) -> Result<Self, ProbeError> {
        let network = subject.network();
        let chosen = settings.layer.or_else(|| last_convolution(subject));
        let layer = chosen.ok_or(ProbeError::NoConvolution { method: method.name })?;
        let known = network.layers.get(layer.0 as usize);
        let on_the_way = known.filter(|_| network.main().layers.contains(&layer));
        let Some(named) = on_the_way else {
            return Err(ProbeError::Layer {
                layer: known.map_or_else(|| layer.0.to_string(), |l| l.name.clone()),
                op: known.map_or_else(String::new, |l| l.kind.clone()),
                problem: "what is asked about does not depend on it".into(),
            });
        };
        let tensor = named.outputs.first().copied().flatten();
        let tensor = tensor.ok_or_else(|| wrong(subject, layer, "it has no output".into()))?;
        Ok(Cam {
            tensor,
            layer,
            rectify: settings.on(method, "rectify"),
            enlarge: settings.on(method, "enlarge"),
            weight,
            found: None,
        })
    }
}

fn wrong(subject: &Subject, layer: LayerId, problem: String) -> ProbeError {
    let layer = subject.network().layer(layer);
    ProbeError::Layer {
        layer: layer.name.clone(),
        op: layer.kind.clone(),
        problem,
    }
}

impl Work for Cam {
    fn progress(&self) -> (usize, usize) {
        (usize::from(self.found.is_some()), 1)
    }

    fn step<'a>(&'a mut self, subject: &'a mut Subject) -> Task<'a, ()> {
        Box::pin(async move {
            let example = subject.example().to_vec();
            let found = subject.slopes(&example, &[self.tensor], &|_| Turn::Own).await?;
            let (Array { shape, values }, gradient) = found
                .into_values()
                .next()
                .ok_or_else(|| wrong(subject, self.layer, "it was not computed".into()))?;
            let [1, channels, ref places @ ..] = shape[..] else {
                return Err(wrong(
                    subject,
                    self.layer,
                    format!(
                        "its output has shape {shape:?}: one example of channels with places is expected"
                    ),
                ));
            };
            let size = match *places {
                [height, width] => [height, width],
                [width] => [1, width],
                _ => {
                    return Err(wrong(
                        subject,
                        self.layer,
                        format!(
                            "its output has shape {shape:?}: channels with rows and columns are expected"
                        ),
                    ));
                }
            };
            let plane = size[0] * size[1];
            let mut sum = vec![0f32; plane];
            for c in 0..channels {
                let range = c * plane..(c + 1) * plane;
                let (values, gradient) = (&values[range.clone()], &gradient[range]);
                let weight = (self.weight)(values, gradient);
                sum.iter_mut().zip(values).for_each(|(s, v)| *s += weight * v);
            }
            if self.rectify {
                sum.iter_mut().for_each(|v| *v = v.max(0.0));
            }
            self.found = Some((size, sum));
            Ok(())
        })
    }

    fn map(&self, subject: &Subject) -> Map {
        let Some((size, values)) = &self.found else {
            return Map::default();
        };
        let own = subject.picture();
        let to = match self.enlarge {
            true => [own.height, own.width],
            false => *size,
        };
        Map {
            channels: 1,
            height: to[0],
            width: to[1],
            values: match self.enlarge {
                true => enlarged(values, *size, to),
                false => values.clone(),
            },
        }
    }
}
