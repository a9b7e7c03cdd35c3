//! What the network says about every sample of its data set: asked in the background, a few
//! samples at a time, so that what the user asks for never waits long.

use std::sync::Arc;

use compute::RunOptions;
use data::{Images, Preprocess};
use model::{Network, Op, TensorData};

use crate::worker::Job;
use crate::{Level, Session};

/// The answer for one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The class with the largest score.
    pub class: usize,
    /// Its probability.
    pub probability: f32,
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
    pub(crate) fn run(&self) -> Result<Vec<Guess>, String> {
        let until = (self.from + self.count).min(self.samples.len());
        let mut values = Vec::new();
        for i in self.from..until {
            values.extend(self.samples.to_f32(i, &self.how).map_err(|e| e.to_string())?);
        }
        let mut shape = self.how.shape();
        shape[0] = (until - self.from) as u64;
        let main = self.network.main();
        let name = self.network.tensor(main.inputs[0]).name.clone();
        // Nothing but the output is kept.
        let options = RunOptions {
            budget: 0,
            ..RunOptions::default()
        };
        let given = [(name, TensorData::from_f32(&shape, &values))];
        let trace = compute::run_cpu(&self.network, &given, &options).map_err(|e| e.to_string())?;
        let output = trace.tensors.get(&main.outputs[0]).and_then(|t| t.host());
        let output = output.ok_or("the output was not kept")?;
        let guess = |scores: &[f32]| {
            let best = analyze::top_k(scores, 1)[0];
            let probability = match gives_probabilities(&self.network) {
                true => best.value,
                false => analyze::softmax(scores)[best.index],
            };
            Guess {
                class: best.index,
                probability,
            }
        };
        Ok(output
            .chunks_exact((output.len() / (until - self.from)).max(1))
            .map(guess)
            .collect())
    }
}

/// Whether the network ends in a softmax of its own.
pub(crate) fn gives_probabilities(network: &Network) -> bool {
    let output = network.main().outputs.first().map(|&o| network.tensor(o));
    let producer = output.and_then(|t| t.producer).map(|l| &network.layer(l).op);
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
        let (Some(samples), Some(how)) = (&document.samples, &document.preprocess) else {
            return;
        };
        let known = document.predictions.get_or_insert_default();
        let from = known.guesses.len();
        if known.problem.is_some() || from >= samples.len() {
            return;
        }
        let input = document.source.tensor(document.source.main().inputs[0]);
        let batch = input.spec.dims().and_then(|d| d.first()?.known());
        let batch = Batch {
            network: document.source.clone(),
            samples: samples.clone(),
            how: how.clone(),
            from,
            count: batch.map_or(BATCH, |n| n.max(1) as usize),
        };
        self.worker.submit(self.opened, self.budget, Job::Predict(batch));
    }

    /// Takes answers in; those about a network that is no longer open are dropped.
    pub(crate) fn guessed(&mut self, opened: u64, guesses: Result<Vec<Guess>, String>) {
        let current = opened == self.opened;
        let document = self.document.as_mut().filter(|_| current);
        let Some(known) = document.and_then(|d| d.predictions.as_mut()) else {
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
