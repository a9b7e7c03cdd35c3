//! Training inside the app: the worker takes a few steps at a time, between other jobs, so that the
//! scene, the charts and the user's hands stay beside the run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use compute::train::{
    Change, Clip, Loss, Moments, Optimizer, Plan, Reconstruction, Schedule, Unit, Warmup,
};

use compute::train::{Checkpoint, Trainer};
use compute::{Device, GiveWay};
use data::Generated;
use model::{Dataset, Network, Record, Run};
use serde::{Deserialize, Serialize};
use web_time::Instant;

use crate::worker::Job;
use crate::{Histories, Level, Session};

/// What a network learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Data {
    /// The images that are built in.
    Sample,
    /// A set that is made.
    Generated(Generated),
    /// A folder of Fashion-MNIST (IDX) or CIFAR-10, or an `.npz` file with `targets`.
    Path(PathBuf),
}

/// Share of the examples that is kept aside, where a set has no part of its own to judge by.
const VALIDATION: f64 = 0.2;

impl Data {
    fn load(&self, seed: u64) -> Result<Dataset, String> {
        let told = |e: data::DataError| e.to_string();
        match self {
            Data::Sample => Ok(data::sample::fashion_sample().dataset(VALIDATION, seed)),
            Data::Generated(set) => set.make(VALIDATION, seed).map_err(told),
            Data::Path(path) if path.is_dir() => {
                let fashion = data::idx::fashion_mnist(path);
                let cifar = || data::cifar::folder(path);
                let split = fashion.or_else(|first| cifar().map_err(|second| format!("{first}; {second}")));
                Ok(split?.dataset())
            }
            Data::Path(path) => data::arrays::read(path, VALIDATION, seed).map_err(told),
        }
    }
}

/// What the user does with a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Lesson {
    /// Trains the open network from its present weights.
    #[allow(missing_docs)]
    Begin { plan: Box<Plan>, data: Data },
    /// Goes on until it is paused or done.
    Go,
    /// Stands still between two steps.
    Pause,
    /// Takes one step.
    Step,
    /// Changes how it goes on.
    Change(Change),
    /// Goes back to the snapshot of this step, and stands still there.
    Back(u64),
    /// Ends it; the network keeps what it has learned.
    End,
}

/// A training that is open.
pub struct Training {
    /// Name of its run.
    pub name: String,
    /// How it is trained, with what was changed on the way.
    pub plan: Plan,
    /// Steps done, and steps in all as far as is known.
    pub steps: [u64; 2],
    /// Epochs done.
    pub epoch: u64,
    /// Mean loss of the last batch.
    pub loss: f64,
    /// Learning rate of the next step.
    pub rate: f64,
    /// Seconds that a step takes.
    pub seconds: f64,
    /// It goes on by itself.
    pub playing: bool,
    /// It has come to its end.
    pub done: bool,
    /// What stopped it.
    pub problem: Option<String>,
    /// States that can be gone back to, by step.
    pub snapshots: BTreeMap<u64, Arc<Checkpoint>>,
    run: Run,
    /// A lesson is on its way.
    waiting: bool,
    /// When the scene last got new weights.
    shown: Option<Instant>,
}

/// An order to the worker.
#[derive(Clone)]
pub(crate) enum Order {
    Begin {
        network: Arc<Network>,
        plan: Box<Plan>,
        data: Data,
    },
    /// Steps for about so many seconds, at most so many; then the weights, where they are wanted.
    Go {
        seconds: f64,
        most: u64,
        weights: bool,
        snapshot: bool,
    },
    Change(Change),
    Back(Arc<Checkpoint>),
    End,
}

/// What came of it.
pub(crate) struct Learned {
    begun: bool,
    records: Vec<Record>,
    plan: Plan,
    steps: [u64; 2],
    epoch: u64,
    loss: f64,
    rate: f64,
    /// Seconds a step, where some were taken.
    seconds: Option<f64>,
    done: bool,
    problem: Option<String>,
    snapshot: Option<(u64, Arc<Checkpoint>)>,
    weights: Option<Network>,
}

/// What the worker does for `order`; `None` once the training has ended.
pub(crate) async fn work(
    held: &mut Option<Trainer>,
    device: &Device,
    give_way: Option<GiveWay>,
    order: &Order,
) -> Result<Option<Learned>, String> {
    let mut records = Vec::new();
    let (mut begun, mut loss, mut problem, mut took) = (false, f64::NAN, None, None);
    let (mut weights, mut snapshot) = (false, false);
    match order {
        Order::Begin { network, plan, data } => {
            let data = Arc::new(data.load(plan.seed)?);
            let made = Trainer::new(network.clone(), data, Plan::clone(plan), device);
            let mut trainer = made.map_err(|e| e.to_string())?;
            trainer.give_way(give_way);
            records = trainer.hyperparameters();
            (begun, snapshot) = (true, true);
            *held = Some(trainer);
        }
        Order::End => {
            *held = None;
            return Ok(None);
        }
        _ => (),
    }
    let trainer = held.as_mut().ok_or("no training has been begun")?;
    let told = |e: compute::RunError| e.to_string();
    match order {
        Order::Go {
            seconds,
            most,
            weights: shown,
            snapshot: kept,
        } => {
            let begin = Instant::now();
            let mut count = 0;
            while count < *most {
                let step = trainer.step().await.map_err(told)?;
                count += 1;
                records.extend(step.records);
                (loss, problem) = (step.loss, step.problem);
                if step.done || begin.elapsed().as_secs_f64() > *seconds {
                    break;
                }
            }
            took = Some(begin.elapsed().as_secs_f64() / count.max(1) as f64);
            weights = *shown || trainer.done() || problem.is_some();
            snapshot = *kept || trainer.done();
        }
        Order::Change(change) => records.push(Record::Mark(trainer.change(change).map_err(told)?)),
        Order::Back(checkpoint) => {
            records.push(Record::Mark(trainer.resume(checkpoint).map_err(told)?));
            weights = true;
        }
        Order::Begin { .. } | Order::End => (),
    }
    let step = trainer.progress().step;
    let snapshot = match snapshot {
        true => Some((step, Arc::new(trainer.checkpoint().await.map_err(told)?))),
        false => None,
    };
    let weights = match weights {
        true => Some(trainer.network().await.map_err(told)?),
        false => None,
    };
    Ok(Some(Learned {
        begun,
        records,
        plan: trainer.plan().clone(),
        steps: [step, trainer.total_steps()],
        epoch: trainer.progress().epoch,
        loss,
        rate: trainer.rates().0,
        seconds: took,
        done: trainer.done(),
        problem,
        snapshot,
        weights,
    }))
}

/// Seconds of work between two looks at what else is to be done.
const SLICE: f64 = 0.1;
/// Seconds between two looks at the weights in the scene.
const SHOW: f64 = 1.0;
/// Snapshots over a whole training.
const SNAPSHOTS: u64 = 40;
/// Bytes of snapshots; beyond them every other one goes.
const BUDGET: usize = if cfg!(target_arch = "wasm32") {
    64 << 20
} else {
    512 << 20
};

/// Bytes that a snapshot holds.
fn size(checkpoint: &Checkpoint) -> usize {
    let weights = checkpoint.weights.iter().map(|(_, t)| t.len());
    let states = checkpoint.states.iter().map(|(_, _, t)| t.len());
    4 * weights.chain(states).sum::<usize>()
}

impl Training {
    /// True while nothing is under way.
    pub fn idle(&self) -> bool {
        !self.waiting
    }

    fn keep(&mut self, step: u64, checkpoint: Arc<Checkpoint>) {
        self.snapshots.insert(step, checkpoint);
        while self.snapshots.len() > 2 && self.snapshots.values().map(|c| size(c)).sum::<usize>() > BUDGET {
            // Every other one, and never the first or the last.
            let gone: Vec<u64> = self.snapshots.keys().copied().skip(1).step_by(2).collect();
            let last = self.snapshots.keys().next_back().copied();
            gone.into_iter().filter(|s| Some(*s) != last).for_each(|s| {
                self.snapshots.remove(&s);
            });
        }
    }

    /// The next piece of work.
    fn next(&self, most: u64) -> Order {
        let every = (self.steps[1] / SNAPSHOTS).max(1);
        let last = self.snapshots.keys().next_back().copied().unwrap_or(0);
        let left = (last + every).saturating_sub(self.steps[0]).max(1);
        // A slice ends where a snapshot is due.
        let most = most.min(left);
        let due = self.seconds.max(1e-4) * most as f64 <= SLICE || most == 1;
        Order::Go {
            seconds: SLICE,
            most,
            weights: most == 1 || self.shown.is_none_or(|t| t.elapsed().as_secs_f64() > SHOW),
            snapshot: due && most == left,
        }
    }
}

/// Does what `lesson` says.
pub(crate) fn apply(session: &mut Session, lesson: Lesson) -> Result<(), String> {
    if let Lesson::Begin { plan, data } = lesson {
        let document = session
            .document
            .as_ref()
            .ok_or("open a network first, then train it")?;
        if !document.sides.is_empty() {
            return Err("one network is trained at a time: close the comparison first".into());
        }
        plan.check()?;
        let network = document.source.clone();
        return order(session, Order::Begin { network, plan, data });
    }
    let training = session.training.as_mut().ok_or("no training has been begun")?;
    let next = match lesson {
        Lesson::Begin { .. } => return Ok(()),
        Lesson::Go => {
            training.playing = !training.done;
            return Ok(());
        }
        Lesson::Pause => {
            training.playing = false;
            return Ok(());
        }
        Lesson::Step => {
            training.playing = false;
            training.next(1)
        }
        Lesson::Change(change) => Order::Change(change),
        Lesson::Back(step) => {
            training.playing = false;
            let found = training.snapshots.get(&step);
            Order::Back(
                found
                    .ok_or_else(|| format!("no snapshot of step {step} is kept"))?
                    .clone(),
            )
        }
        Lesson::End => {
            session.training = None;
            Order::End
        }
    };
    order(session, next)
}

fn order(session: &mut Session, next: Order) -> Result<(), String> {
    if let Some(training) = &mut session.training {
        training.waiting = true;
    }
    session
        .worker
        .submit(session.ticket, session.budget, Job::Learn(next));
    Ok(())
}

impl Session {
    /// Has the training go on, once the worker has nothing better to do.
    pub(crate) fn follow_training(&mut self) {
        let ready = |t: &&Training| t.playing && !t.waiting && !t.done;
        let Some(training) = self.training.as_ref().filter(ready) else {
            return;
        };
        let next = training.next(u64::MAX);
        // It cannot fail: there is a training.
        let _ = order(self, next);
    }

    /// Takes in what was learned.
    pub(crate) fn take_learned(&mut self, learned: Learned) {
        if learned.begun {
            let taken = |name: &str| self.histories.as_ref().is_some_and(|h| h.run(name).is_some());
            let number = (1..).find(|n| !taken(&format!("training {n}"))).unwrap_or(1);
            let name = format!("training {number}");
            self.say(
                Level::Info,
                format!("{name} has begun: {} steps", learned.steps[1]),
            );
            self.training = Some(Training {
                run: Run::new(&name),
                name,
                plan: learned.plan.clone(),
                steps: learned.steps,
                epoch: 0,
                loss: f64::NAN,
                rate: learned.rate,
                seconds: 0.0,
                playing: true,
                done: learned.done,
                problem: None,
                snapshots: BTreeMap::new(),
                waiting: true,
                shown: None,
            });
        }
        let Some(training) = &mut self.training else {
            return;
        };
        training.waiting = false;
        (training.plan, training.steps, training.epoch) = (learned.plan, learned.steps, learned.epoch);
        (training.rate, training.done) = (learned.rate, learned.done);
        if let Some(seconds) = learned.seconds {
            training.seconds = seconds;
            training.loss = learned.loss;
        }
        learned.records.into_iter().for_each(|r| training.run.take(r));
        if let Some((step, checkpoint)) = learned.snapshot {
            training.keep(step, checkpoint);
        }
        let stopped = learned.done || learned.problem.is_some();
        training.playing &= !stopped;
        let told = learned.problem.clone();
        training.problem = learned.problem;
        let run = Arc::new(training.run.clone());
        if learned.weights.is_some() {
            training.shown = Some(Instant::now());
        }
        self.histories
            .get_or_insert_with(|| Histories::new("this session", Vec::new()))
            .put(run, stopped);
        if let Some(network) = learned.weights {
            self.take_weights(network);
        }
        if let Some(problem) = told {
            self.say(Level::Error, problem);
        }
    }

    /// A lesson that could not be given.
    pub(crate) fn not_learned(&mut self, problem: String) {
        if let Some(training) = &mut self.training {
            (training.waiting, training.playing) = (false, false);
        }
        self.say(Level::Error, problem);
    }

    /// Shows the open network with other weights, and what it computes with them.
    fn take_weights(&mut self, network: Network) {
        let Some(document) = &mut self.document else {
            return;
        };
        if document.source.tensors.len() != network.tensors.len() {
            // Another network was opened meanwhile.
            return;
        }
        for (shown, learned) in document.network.tensors.iter_mut().zip(&network.tensors) {
            shown.data.clone_from(&learned.data);
        }
        document.source = Arc::new(network);
        document.passed += 1;
        self.run();
    }
}
