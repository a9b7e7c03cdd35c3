//! What the network says about every sample of its data set: asked in the background, a few
//! samples at a time, so that what the user asks for never waits long.

use std::sync::Arc;

use compute::{Engine, Keep, RunOptions};
use data::{Images, Preprocess};
use model::{Network, Op, TensorData, TensorId};

use crate::worker::Job;
use crate::{Level, Session, Side};

/// The answer for one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The class with the largest score.
    pub class: usize,
    /// Its probability.
    pub probability: f32,
    /// Cross entropy of the example's own class, nats; NaN where the network does not know the class.
    pub loss: f32,
    /// Entropy of all probabilities, nats.
    pub entropy: f32,
}

/// Answers for all samples, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// By sample; shorter than the data set until all are asked.
    pub guesses: Vec<Guess>,
    /// Why no more will come.
    pub problem: Option<String>,
}

impl Predictions {
    /// How many of the known answers are the label.
    pub fn right(&self, samples: &Images) -> usize {
        let pairs = self.guesses.iter().zip(&samples.labels);
        pairs.filter(|(g, l)| g.class == usize::from(**l)).count()
    }
}

/// Samples in one go: short enough to give way to the user's own jobs.
const BATCH: usize = 10;

/// A part of the question.
#[derive(Clone)]
pub(crate) struct Batch {
    /// Which of the compared networks is asked; 0 is the only one.
    pub(crate) side: usize,
    network: Arc<Network>,
    samples: Arc<Images>,
    how: Preprocess,
    from: usize,
    count: usize,
}

impl Batch {
    /// For the status line.
    pub(crate) fn words(&self) -> String {
        format!("asking about sample {} of {}", self.from + 1, self.samples.len())
    }

    /// Asks, in one pass.
    pub(crate) async fn run(&self, engine: &mut Engine) -> Result<Vec<Guess>, String> {
        let until = (self.from + self.count).min(self.samples.len());
        let mut values = Vec::new();
        for i in self.from..until {
            values.extend(self.samples.to_f32(i, &self.how).map_err(|e| e.to_string())?);
        }
        let mut shape = self.how.shape();
        shape[0] = (until - self.from) as u64;
        let main = self.network.main();
        let name = self.network.tensor(main.inputs[0]).name.clone();
        let options = RunOptions {
            keep: Keep::Outputs,
            ..RunOptions::default()
        };
        let given = [(name, TensorData::from_f32(&shape, &values).into())];
        let outputs = engine.evaluate(&self.network, &given, &options).await;
        let outputs = outputs.map_err(|e| e.to_string())?;
        let output = outputs.first().and_then(|(_, value)| value.tensor()?.to_f32());
        let output = output.ok_or("the output holds no numbers")?;
        let guess = |(i, scores): (usize, &[f32])| {
            let best = analyze::top_k(scores, 1)[0];
            let shares = match gives_probabilities(&self.network, main.outputs[0]) {
                true => scores.to_vec(),
                false => analyze::softmax(scores),
            };
            let label = self.samples.labels.get(self.from + i);
            let own = label.and_then(|l| shares.get(usize::from(*l)));
            Guess {
                class: best.index,
                probability: shares[best.index],
                loss: own.map_or(f32::NAN, |p| -p.max(f32::MIN_POSITIVE).ln()),
                entropy: analyze::entropy(&shares) as f32,
            }
        };
        Ok(output
            .chunks_exact((output.len() / (until - self.from)).max(1))
            .enumerate()
            .map(guess)
            .collect())
    }
}

/// Whether `output` is a softmax of the network's own.
pub(crate) fn gives_probabilities(network: &Network, output: TensorId) -> bool {
    let producer = network.tensor(output).producer.map(|l| &network.layer(l).op);
    matches!(producer, Some(Op::Softmax { .. }))
}

impl Session {
    /// Asks about the next samples, when the user's own jobs are done: a new job of the user
    /// waits for one part at most.
    pub(crate) fn predict(&mut self) {
        if self.worker.pending() {
            return;
        }
        let Some(document) = &mut self.document else {
            return;
        };
        let Some(samples) = &document.samples else {
            return;
        };
        let alone = (&document.source, &document.preprocess, true);
        let sides: Vec<_> = match document.sides.is_empty() {
            true => vec![alone],
            false => {
                // A network of other classes cannot know the labels.
                let knows = |s: &Side| s.classes == samples.classes;
                let sides = document.sides.iter();
                sides.map(|s| (&s.network, &s.preprocess, knows(s))).collect()
            }
        };
        document.predictions.resize(sides.len(), Predictions::default());
        let open = |(known, side): (&Predictions, &(_, &Option<Preprocess>, bool))| {
            known.problem.is_none() && known.guesses.len() < samples.len() && side.1.is_some() && side.2
        };
        let next = document.predictions.iter().zip(&sides).position(open);
        let Some((side, (network, Some(how), _))) = next.map(|side| (side, sides[side])) else {
            return;
        };
        let input = network.tensor(network.main().inputs[0]);
        let batch = input.spec.dims().and_then(|d| d.first()?.known());
        let batch = Batch {
            side,
            network: network.clone(),
            samples: samples.clone(),
            how: how.clone(),
            from: document.predictions[side].guesses.len(),
            count: batch.map_or(BATCH, |n| n.max(1) as usize),
        };
        self.worker.submit(self.opened, self.budget, Job::Predict(batch));
    }

    /// Takes answers in; those about a network that is no longer open are dropped.
    pub(crate) fn guessed(&mut self, opened: u64, side: usize, guesses: Result<Vec<Guess>, String>) {
        let current = opened == self.opened;
        let document = self.document.as_mut().filter(|_| current);
        let Some(known) = document.and_then(|d| d.predictions.get_mut(side)) else {
            return;
        };
        match guesses {
            Ok(guesses) => known.guesses.extend(guesses),
            Err(problem) => {
                known.problem = Some(problem.clone());
                self.say(Level::Warning, format!("predictions for the data set: {problem}"));
            }
        }
    }

    /// Waits until every sample of the data set has its answer, or cannot have one.
    pub fn wait_for_predictions(&mut self) {
        loop {
            self.wait();
            self.predict();
            if !self.worker.pending() {
                return;
            }
        }
    }
}
