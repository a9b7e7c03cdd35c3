//! Activation maximisation: the picture that a unit, a channel, a layer or an answer of a network would
//! like to see most, found by climbing its gradient.
//!
//! As Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017: the picture is held as a
//! spectrum in decorrelated colours, so that all scales move alike (`spectrum`, `colour`), and the
//! network sees it shifted, turned and scaled at random (`transform`), so that it must be robust.
//! Several pictures may be pushed apart (`diversity`).

mod colour;
mod diversity;
mod objective;
mod settings;
mod spectrum;
mod top;
mod transform;

use std::collections::BTreeMap;
use std::sync::Arc;

use compute::{Array, Backprop, Device, Question, RunOptions, Turn};
use model::op::Op;
use model::{Network, Random, TensorData, TensorId};

use crate::ProbeError;
use crate::attribution::target::cut;
use crate::attribution::{Picture, Subject, Target};
use spectrum::Spectrum;
use transform::Transform;

pub use objective::{Aim, Objective};
pub use settings::{Legal, Settings};
pub use top::{Top, TopExamples};
pub use transform::Shake;

/// After a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Steps that were taken.
    pub step: u64,
    /// The objective of each picture, as the network saw it in this step.
    pub values: Vec<f32>,
    /// How alike the pictures are to the layer that tells them apart: the mean cosine of their Gram
    /// matrices, 0 to 1; `None` where it is not asked for.
    pub alike: Option<f32>,
}

/// Deviation of the spectrum at the start (Lucid's).
const START: f64 = 0.01;
/// Draws starts and transforms.
const STREAM: u64 = 0x0b1e;
/// Adam's memories, and what keeps its division finite.
const BETAS: [f32; 2] = [0.9, 0.999];
const SMALL: f32 = 1e-8;

/// Seeks pictures, step by step. It is stopped by not taking one.
pub struct Maximizer {
    network: Arc<Network>,
    device: Device,
    options: RunOptions,
    backprop: Backprop,
    judge: Option<Subject>,
    objective: Objective,
    /// The tensor that pictures must differ in.
    apart: Option<TensorId>,
    settings: Settings,
    legal: Legal,
    picture: Picture,
    shape: Vec<u64>,
    input: TensorId,
    name: String,
    spectrum: Spectrum,
    /// Of all pictures, `[images, C, H, W]`.
    parameters: Vec<f32>,
    moments: [Vec<f32>; 2],
    step: u64,
}

impl Maximizer {
    /// Seeks what raises `objective` of `network`, an image network with one input of floats. `legal`
    /// says which values its pictures may have. Nothing runs yet.
    ///
    /// # Errors
    /// [`ProbeError::Input`] for networks that are fed other things, or sizes that are not known;
    /// [`ProbeError::Tensor`] for an objective that the main graph does not compute;
    /// [`ProbeError::Setting`] for settings that make no sense; [`ProbeError::Run`] as for a pass.
    pub fn new(
        network: &Arc<Network>,
        objective: Objective,
        legal: Legal,
        settings: Settings,
        device: &Device,
        options: &RunOptions,
    ) -> Result<Self, ProbeError> {
        settings::check(&settings)?;
        let (input, shape) = image_input(network, settings.size, settings.images)?;
        let tensor = network.tensor(input);
        let picture = Picture::of(&tensor.spec, &shape);
        if picture.height < 2 || picture.width < 2 || picture.is_empty() {
            return Err(ProbeError::Input {
                name: tensor.name.clone(),
                problem: format!("shape {shape:?}: a picture with rows and columns is expected"),
            });
        }
        let computed = network
            .tensor(objective.tensor)
            .producer
            .map(|l| network.layer(l).graph.0);
        if computed != Some(0) {
            return Err(ProbeError::Tensor {
                name: network.tensor(objective.tensor).name.clone(),
                problem: "a tensor that the main graph computes is expected".into(),
            });
        }
        let part = Arc::new(cut(network, objective.tensor, shape[0] == 1));
        let wanted = settings.images > 1 && settings.diversity != 0.0;
        let convolves = |t: &TensorId| {
            let producer = part.tensor(*t).producer.map(|l| &part.layer(l).op);
            matches!(producer, Some(Op::Conv { .. } | Op::ConvTranspose { .. }))
        };
        let outputs = part
            .main()
            .layers
            .iter()
            .rev()
            .flat_map(|&l| part.layer(l).outputs.iter().flatten());
        let apart = outputs.copied().find(convolves).filter(|_| wanted);
        let spectrum = Spectrum::new(picture.height, picture.width, settings.decay);
        let count = settings.images * picture.len();
        let mut random = Random::new(&[settings.seed, STREAM]);
        Ok(Maximizer {
            backprop: Backprop::new(&part, device)?,
            judge: None,
            device: device.clone(),
            options: options.clone(),
            objective,
            apart,
            legal,
            picture,
            shape,
            input,
            name: tensor.name.clone(),
            spectrum,
            parameters: (0..count).map(|_| (START * random.normal()) as f32).collect(),
            moments: [vec![0.0; count], vec![0.0; count]],
            step: 0,
            network: part,
            settings,
        })
    }

    /// Steps that were taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// How the cells of an input are planes, rows and columns.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The pictures as they are now, each `[C, H, W]` from 0 to 1.
    pub fn pixels(&self) -> Vec<Vec<f32>> {
        let each = self.parameters.chunks(self.picture.len());
        each.map(|p| self.colours(p)).collect()
    }

    /// The pictures as the network is fed them, each in the order of the input's axes.
    pub fn images(&self) -> Vec<Vec<f32>> {
        let one = |pixels: Vec<f32>| self.picture.example(&self.values(&pixels));
        self.pixels().into_iter().map(one).collect()
    }

    /// The objective of the pictures as they are, without any transform.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for a pass.
    pub async fn values_now(&mut self) -> Result<Vec<f32>, ProbeError> {
        let images = self.images();
        let mut judge = match self.judge.take() {
            Some(judge) => judge,
            None => {
                let first = images.first().cloned().unwrap_or_default();
                let inputs = vec![(self.name.clone(), TensorData::from_f32(&self.shape, &first))];
                let target = Target {
                    tensor: Some(self.objective.tensor),
                    element: Some(0),
                };
                Subject::open(&self.network, inputs, target, &self.device, &self.options).await?
            }
        };
        let found = judge.run(&images.concat(), images.len()).await;
        let shape = judge.shape().to_vec();
        self.judge = Some(judge);
        let one = |outputs: Vec<f32>| {
            let weights = self.objective.weights(&self.network, &shape, outputs.len())?;
            Ok(outputs.iter().zip(&weights).map(|(o, w)| o * w).sum())
        };
        found?.into_iter().map(one).collect()
    }

    /// One step.
    ///
    /// # Errors
    /// [`ProbeError::Run`] as for [`Backprop::ask`]; [`ProbeError::Setting`] for several pictures in a
    /// network that takes one at a time; [`ProbeError::Element`] for a unit or channel that is not there.
    pub async fn step(&mut self) -> Result<Progress, ProbeError> {
        let (count, length) = (self.settings.images, self.picture.len());
        let pixels = self.pixels();
        let places = [self.picture.height, self.picture.width];
        let shakes: Vec<Transform> = (0..count as u64)
            .map(|i| {
                let mut random = Random::new(&[self.settings.seed, STREAM, self.step + 1, i]);
                Transform::draw(&self.settings.shake, places, &mut random)
            })
            .collect();
        let mut fed = Vec::with_capacity(count * length);
        for (pixels, shake) in pixels.iter().zip(&shakes) {
            fed.extend(self.picture.example(&shake.apply(&self.values(pixels))));
        }
        let mut shape = self.shape.clone();
        shape[0] *= count as u64;
        let inputs = [(self.name.clone(), TensorData::from_f32(&shape, &fed))];
        let (mut values, mut alike, mut problem) = (Vec::new(), None, None);
        let of: Vec<TensorId> = [Some(self.objective.tensor), self.apart]
            .into_iter()
            .flatten()
            .collect();
        // A layer is told apart by what it computes, which may be the objective's own tensor.
        let of = match self.apart == Some(self.objective.tensor) {
            true => vec![self.objective.tensor],
            false => of,
        };
        let (objective, network, diversity) = (&self.objective, &self.network, self.settings.diversity);
        let wants_apart = self.apart.is_some();
        let mut weigh = |found: &[Array]| -> Result<Vec<Vec<f32>>, String> {
            let first = &found[0];
            if count > 1 && first.shape.first() != Some(&count) {
                let words = format!("{count} given, but the network takes one picture at a time");
                problem = Some(ProbeError::Setting {
                    name: "images".into(),
                    problem: words.clone(),
                });
                return Err(words);
            }
            let each = first.values.len() / count;
            let one = match objective.weights(network, &first.shape, each) {
                Ok(weights) => weights,
                Err(e) => {
                    let words = e.to_string();
                    problem = Some(e);
                    return Err(words);
                }
            };
            let sum = |outputs: &[f32]| outputs.iter().zip(&one).map(|(o, w)| o * w).sum();
            values = first.values.chunks(each.max(1)).map(sum).collect();
            let mut weights = vec![one.repeat(count)];
            if wants_apart {
                let last = &found[found.len() - 1];
                let (mean, slopes) = diversity::slopes(&last.shape, &last.values, count);
                alike = Some(mean);
                let slopes = slopes.iter().map(|s| -diversity * s);
                match found.len() {
                    1 => weights[0].iter_mut().zip(slopes).for_each(|(w, s)| *w += s),
                    _ => weights.push(slopes.collect()),
                }
            }
            Ok(weights)
        };
        let question = Question {
            inputs: &inputs,
            of: &of,
            weigh: &mut weigh,
            by: &[self.input],
            turn: &|_| Turn::Own,
        };
        let found = self.backprop.ask(question, &self.options).await;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let by: BTreeMap<_, _> = found?.by;
        let (_, slopes) = by.into_values().next().unwrap_or_default();
        self.step += 1;
        let mut gradient = Vec::with_capacity(count * length);
        for ((pixels, shake), slopes) in pixels.iter().zip(&shakes).zip(slopes.chunks(length)) {
            let back = shake.adjoint(&self.picture.planes(slopes));
            gradient.extend(self.uncoloured(pixels, back));
        }
        self.climb(&gradient);
        Ok(Progress {
            step: self.step,
            values,
            alike,
        })
    }

    /// Adam (Kingma and Ba 2014), upwards.
    fn climb(&mut self, gradient: &[f32]) {
        let t = self.step as i32;
        let rests = BETAS.map(|b| 1.0 - b.powi(t));
        let [first, second] = &mut self.moments;
        for (i, &g) in gradient.iter().enumerate() {
            // What is no number moves nothing, and is not remembered.
            if !g.is_finite() {
                continue;
            }
            first[i] = BETAS[0] * first[i] + (1.0 - BETAS[0]) * g;
            second[i] = BETAS[1] * second[i] + (1.0 - BETAS[1]) * g * g;
            let by = (first[i] / rests[0]) / ((second[i] / rests[1]).sqrt() + SMALL);
            self.parameters[i] += self.settings.rate * by;
        }
    }

    /// Pixels from 0 to 1 of one picture's spectrum.
    fn colours(&self, parameters: &[f32]) -> Vec<f32> {
        let planes = self.spectrum.image(parameters);
        let mixed = match self.mixes() {
            true => colour::correlated(&planes),
            false => planes,
        };
        mixed.into_iter().map(|v| 1.0 / (1.0 + (-v).exp())).collect()
    }

    /// The gradient of the spectrum, from that of the input's values.
    fn uncoloured(&self, pixels: &[f32], mut slopes: Vec<f32>) -> Vec<f32> {
        let places = self.picture.places();
        for (i, (s, p)) in slopes.iter_mut().zip(pixels).enumerate() {
            *s *= self.legal.of(i / places).1 * p * (1.0 - p);
        }
        if self.mixes() {
            slopes = colour::adjoint(&slopes);
        }
        self.spectrum.adjoint(&slopes)
    }

    fn mixes(&self) -> bool {
        self.settings.decorrelate && self.picture.channels == 3
    }

    /// What the network is fed for pixels from 0 to 1.
    fn values(&self, pixels: &[f32]) -> Vec<f32> {
        let places = self.picture.places();
        let one = |(i, p): (usize, &f32)| {
            let (low, range) = self.legal.of(i / places);
            low + p * range
        };
        pixels.iter().enumerate().map(one).collect()
    }
}

/// The only input, and its shape for one picture.
pub(crate) fn image_input(
    network: &Network,
    size: Option<[usize; 2]>,
    images: usize,
) -> Result<(TensorId, Vec<u64>), ProbeError> {
    let fed: Vec<TensorId> = network.main().inputs.clone();
    let fail = |problem: String| ProbeError::Input {
        name: fed
            .first()
            .map_or(network.name.clone(), |&t| network.tensor(t).name.clone()),
        problem,
    };
    let [input] = fed[..] else {
        return Err(fail(format!(
            "one of {} inputs, but only networks with one picture as input are asked",
            fed.len()
        )));
    };
    let spec = &network.tensor(input).spec;
    if spec.dtype.is_integer() {
        return Err(fail(format!(
            "{}: a picture of floats is expected",
            spec.dtype.name()
        )));
    }
    let axes = spec.axes.as_ref().filter(|a| a.len() >= 3);
    let axes = axes.ok_or_else(|| fail(format!("{spec}: a picture with rows and columns is expected")))?;
    let mut sizes = size.into_iter().flatten().map(|s| s as u64);
    let mut shape = Vec::with_capacity(axes.len());
    for (i, axis) in axes.iter().enumerate() {
        shape.push(match (i, axis.size.known()) {
            (0, None) => 1,
            (_, Some(known)) => known,
            _ => sizes
                .next()
                .ok_or_else(|| fail(format!("{spec}: say how many rows and columns it shall have")))?,
        });
    }
    if shape[0] != 1 && images > 1 {
        return Err(fail(format!("it takes {} examples, none more", shape[0])));
    }
    Ok((input, shape))
}
