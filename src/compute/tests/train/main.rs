//! Training against PyTorch, and against itself: resumed, changed, stopped.

mod graphics;
mod nets;
mod pytorch;
mod resume;
mod texts;
mod watch;

use std::sync::Arc;

use compute::train::{Plan, Step, Trainer};
use compute::{Device, wait};
use model::{Dataset, Network};

/// A plan of small batches in order, on which nothing random has a hand.
fn plain() -> Plan {
    Plan {
        epochs: 1000,
        steps: Some(100),
        batch: 8,
        shuffle: false,
        statistics: compute::train::Cadence::Off,
        ..Plan::default()
    }
}

fn trainer(network: Network, data: Dataset, plan: Plan) -> Trainer {
    Trainer::new(Arc::new(network), Arc::new(data), plan, &Device::Cpu).expect("they fit")
}

fn step(trainer: &mut Trainer) -> Step {
    wait(trainer.step())
        .expect("the processor can be waited for")
        .expect("the step is taken")
}

/// Takes steps to the end.
fn steps(trainer: &mut Trainer) -> Vec<Step> {
    let mut all = Vec::new();
    while !trainer.done() {
        all.push(step(trainer));
    }
    all
}
