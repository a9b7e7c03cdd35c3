//! What costs more than a look of [`compute::train`] and is asked less often: how far gradients of
//! different examples agree, spectra of weights, use of units.

use std::collections::BTreeMap;
use std::sync::Arc;

use analyze::{NoiseScale, NoiseScaleAverage, Spectrum, UnitUse, cosines_with_mean};
use compute::RunError;
use compute::train::{Cadence, Step, Trainer};
use model::run::At;
use model::{Point, Random, Record, TensorData};
use web_time::Instant;

use crate::units::Units;

/// Share of the time of all steps that surveys may take under [`Cadence::Auto`]; looks take
/// [`compute::train::SHARE`].
const SHARE: f64 = 0.03;
/// Steps before the first survey under [`Cadence::Auto`], when steps have a steady pace.
const FIRST: u64 = 8;
/// Steps of a cadence of looks that one survey is made in.
const LOOKS: u64 = 5;
/// Batches whose gradients are compared, and examples in all of them.
const PARTS: usize = 8;
const EXAMPLES: usize = 1024;
/// Examples whose activations are counted.
const SEEN: usize = 256;
/// Longest short side of a weight matrix that is decomposed; the time grows with its cube.
const SIDE: usize = 512;
/// Fewest eigenvalues that a power law is fitted to.
const FEWEST: usize = 5;
/// Draws the examples of surveys.
const STREAM: u64 = 5;
/// What is kept of older estimates of the noise scale, which single ones are too noisy for.
const MEMORY: f64 = 0.9;

/// Makes surveys of a training, as often as its plan says.
#[derive(Default)]
pub struct Surveyor {
    /// Of each parameter, and of all together under the empty name.
    noise: BTreeMap<String, NoiseScaleAverage>,
    /// Seconds of a step, smoothed; of the last survey; steps since.
    step: f64,
    took: f64,
    since: u64,
}

impl Surveyor {
    /// Takes note of a step, and makes a survey after it where one is due.
    ///
    /// # Errors
    /// [`RunError`] as for a step.
    pub async fn after(&mut self, trainer: &mut Trainer, step: &Step) -> Result<Vec<Record>, RunError> {
        self.step = match self.step == 0.0 {
            true => step.seconds,
            false => 0.8 * self.step + 0.2 * step.seconds,
        };
        self.since += 1;
        let due = match trainer.plan().statistics {
            Cadence::Off => false,
            Cadence::Steps(n) => self.since >= n.saturating_mul(LOOKS),
            Cadence::Auto if self.took == 0.0 => self.since >= FIRST,
            Cadence::Auto => self.since as f64 * self.step * SHARE >= self.took,
        };
        if !due || step.problem.is_some() {
            return Ok(Vec::new());
        }
        let begin = Instant::now();
        let records = self.survey(trainer, step).await?;
        self.took = begin.elapsed().as_secs_f64();
        self.since = 0;
        Ok(records)
    }

    async fn survey(&mut self, trainer: &mut Trainer, step: &Step) -> Result<Vec<Record>, RunError> {
        let wall = web_time::SystemTime::now().duration_since(web_time::UNIX_EPOCH);
        let mut out = Out {
            step: step.step as i64,
            wall: wall.map_or(f64::NAN, |d| d.as_secs_f64()),
            records: Vec::new(),
        };
        let mut picks = trainer.data().training.clone();
        Random::new(&[trainer.plan().seed, STREAM, step.step]).shuffle(&mut picks);
        self.gradients(trainer, &picks, &mut out).await?;
        weights(trainer, &mut out).await?;
        picks.truncate(SEEN);
        for (layer, tensor) in trainer.activations(&picks).await? {
            let layer = trainer.source().layer(layer);
            let spec = layer.outputs.first().copied().flatten();
            let spec = spec.map(|t| &trainer.source().tensor(t).spec);
            let Some(seen) = spec.and_then(|spec| Units::of(&layer.op, spec, &tensor)) else {
                continue;
            };
            let name = &layer.name;
            if let Some(found) = UnitUse::of(&seen.active, &seen.saturated, seen.places) {
                out.scalar(format!("activations/{name}/dead"), found.dead);
                out.scalar(format!("activations/{name}/saturated"), found.saturated);
                let share = found.effective / seen.active.len().max(1) as f64;
                out.scalar(format!("activations/{name}/used"), share);
            }
            out.tensor(format!("units/{name}"), seen.shares());
        }
        Ok(out.records)
    }

    /// How far the gradients of different batches agree: of each parameter the cosine between a
    /// batch's gradient and that of all of them, and the noise scale.
    async fn gradients(
        &mut self,
        trainer: &mut Trainer,
        picks: &[u32],
        out: &mut Out,
    ) -> Result<(), RunError> {
        let batch = trainer.plan().batch.min(EXAMPLES / PARTS);
        let parts: Vec<&[u32]> = picks.chunks_exact(batch.max(1)).take(PARTS).collect();
        if parts.len() < 2 {
            return Ok(());
        }
        let mut found: BTreeMap<usize, Vec<Vec<f32>>> = BTreeMap::new();
        for part in &parts {
            for (place, values) in trainer.gradients(part).await?.gradients {
                found.entry(place).or_default().push(values);
            }
        }
        let names = trainer.parameters();
        // The estimates of the parts of a vector add up to those of the whole.
        let mut whole = NoiseScale {
            gradient: 0.0,
            variance: 0.0,
        };
        for (place, gradients) in found {
            let (name, _) = &names[place];
            let gradients: Vec<&[f32]> = gradients.iter().map(Vec::as_slice).collect();
            if let Some(cosines) = cosines_with_mean(&gradients) {
                let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
                out.scalar(format!("gradients/{name}/agreement"), mean);
            }
            if let Some(noise) = NoiseScale::of_gradients(&gradients, batch as f64) {
                whole.gradient += noise.gradient;
                whole.variance += noise.variance;
                let scale = self.noise(name, &noise);
                out.scalar(format!("gradients/{name}/noise"), scale);
            }
        }
        let scale = self.noise("", &whole);
        out.scalar("gradients/noise scale".into(), scale);
        Ok(())
    }

    /// The noise scale after one more estimate; NaN where the estimates say nothing yet.
    fn noise(&mut self, name: &str, estimate: &NoiseScale) -> f64 {
        let average = self.noise.entry(name.to_string());
        let average = average.or_insert_with(|| NoiseScaleAverage::new(MEMORY));
        average.add(estimate);
        average.estimate().map_or(f64::NAN, |e| e.simple())
    }
}

/// Spectra of the weights that are matrices.
async fn weights(trainer: &Trainer, out: &mut Out) -> Result<(), RunError> {
    let values = trainer.values().await?;
    for ((name, shape), values) in trainer.parameters().iter().zip(&values) {
        let rows = shape.first().copied().unwrap_or(0);
        let columns = values.len() / rows.max(1);
        if shape.len() < 2 || !(2..=SIDE).contains(&rows.min(columns)) {
            continue;
        }
        // Weights that are no numbers have no spectrum; the training itself says so.
        let Ok(spectrum) = Spectrum::of(values, rows) else {
            continue;
        };
        out.scalar(format!("weights/{name}/stable rank"), spectrum.stable_rank());
        let law = spectrum.power_law();
        let law = law.filter(|l| l.tail >= FEWEST);
        out.scalar(format!("weights/{name}/alpha"), law.map_or(f64::NAN, |l| l.alpha));
    }
    Ok(())
}

/// Where records of one step go.
struct Out {
    step: i64,
    wall: f64,
    records: Vec<Record>,
}

impl Out {
    /// Adds a number; what is none is left out.
    fn scalar(&mut self, tag: String, value: f64) {
        let (step, wall) = (self.step, self.wall);
        if value.is_finite() {
            let point = Point { step, wall, value };
            self.records.push(Record::Scalar { tag, point });
        }
    }

    fn tensor(&mut self, tag: String, values: Vec<f32>) {
        let (step, wall) = (self.step, self.wall);
        let value = Arc::new(TensorData::from_f32(&[values.len() as u64], &values));
        let at = At { step, wall, value };
        self.records.push(Record::Tensor { tag, at });
    }
}
