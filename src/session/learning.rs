//! Training inside the app: the worker takes a few steps at a time, between other jobs, so that the
//! scene, the charts and the user's hands stay beside the run. Several trainings from one beginning
//! run in step: a race.
//!
//! `learning/work.rs` is what the worker does.

mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use compute::train::{
    Cadence, Change, Clip, Loss, Moments, Optimizer, Plan, Reconstruction, Schedule, Unit, Warmup,
};

pub use probe::{Plane, Surface};

use compute::train::Checkpoint;
use data::Generated;
use model::{Dataset, Network, Run};
use serde::{Deserialize, Serialize};
use web_time::Instant;

use crate::worker::Job;
use crate::{Histories, Level, Session};

pub(crate) use work::{Learned, Order, Tutor, work};

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
    /// Trains it several times from there, each as a plan says, step by step beside each other.
    #[allow(missing_docs)]
    Race { plans: Vec<Plan>, data: Data },
    /// Shows the weights of the racer at this place, and has changes apply to it.
    Show(usize),
    /// Goes on until it is paused or done.
    Go,
    /// Stands still between two steps.
    Pause,
    /// Takes one step.
    Step,
    /// Changes how the shown racer goes on.
    Change(Change),
    /// Goes back to the snapshot of this step, and stands still there.
    Back(u64),
    /// Computes the loss over a plane, so many cells a side.
    #[allow(missing_docs)]
    Explore { plane: Plane, size: usize },
    /// Ends it; the network keeps what it has learned.
    End,
}

/// Most trainings of a race.
pub const MOST_RACERS: usize = 8;

/// One training of those that are open.
pub struct Racer {
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
    /// It has come to its end.
    pub done: bool,
    /// What stopped it.
    pub problem: Option<String>,
    /// States that can be gone back to, by step.
    pub snapshots: BTreeMap<u64, Arc<Checkpoint>>,
    /// How many times the usual distance lies between snapshots: it doubles with each thinning.
    stretch: u64,
    run: Run,
}

/// Trainings that are open: one, or a race.
pub struct Training {
    /// At least one.
    pub racers: Vec<Racer>,
    shown: usize,
    /// It goes on by itself.
    pub playing: bool,
    /// The loss around the path, as far as it is computed.
    pub surface: Option<Arc<Surface>>,
    /// A surface is being computed; training stands still meanwhile.
    pub exploring: bool,
    /// A lesson is on its way.
    waiting: bool,
    /// When the scene last got new weights.
    drawn: Option<Instant>,
}

/// Seconds of work between two looks at what else is to be done.
const SLICE: f64 = 0.1;
/// Seconds between two looks at the weights in the scene.
const SHOW: f64 = 1.0;
/// Snapshots over a whole training.
const SNAPSHOTS: u64 = 40;
/// Bytes of snapshots of all racers; beyond them every other one goes.
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

impl Racer {
    fn new(name: String) -> Self {
        Racer {
            run: Run::new(&name),
            name,
            plan: Plan::default(),
            steps: [0, 0],
            epoch: 0,
            loss: f64::NAN,
            rate: f64::NAN,
            seconds: 0.0,
            done: false,
            problem: None,
            snapshots: BTreeMap::new(),
            stretch: 1,
        }
    }

    fn keep(&mut self, step: u64, checkpoint: Arc<Checkpoint>, budget: usize) {
        self.snapshots.insert(step, checkpoint);
        while self.snapshots.len() > 2 && self.snapshots.values().map(|c| size(c)).sum::<usize>() > budget {
            self.stretch = (2 * self.stretch).min(1 << 16);
            // Every other one, and never the first or the last.
            let gone: Vec<u64> = self.snapshots.keys().copied().skip(1).step_by(2).collect();
            let last = self.snapshots.keys().next_back().copied();
            gone.into_iter().filter(|s| Some(*s) != last).for_each(|s| {
                self.snapshots.remove(&s);
            });
        }
    }

    /// True once it takes no further step.
    pub fn rests(&self) -> bool {
        self.done || self.problem.is_some()
    }

    /// The way of one weight through the snapshots: step and value. `parameter` is a tensor's name,
    /// `index` a place in it, row-major.
    pub fn path(&self, parameter: &str, index: usize) -> Vec<(u64, f32)> {
        let value = |(step, kept): (&u64, &Arc<Checkpoint>)| {
            let (_, tensor) = kept.weights.iter().find(|(name, _)| name == parameter)?;
            Some((*step, *tensor.to_f32()?.get(index)?))
        };
        self.snapshots.iter().filter_map(value).collect()
    }

    /// The places in a parameter whose values moved farthest between the first and the last
    /// snapshot, the farthest first.
    pub fn movers(&self, parameter: &str, most: usize) -> Vec<usize> {
        let values = |kept: Option<&Arc<Checkpoint>>| -> Option<Vec<f32>> {
            let (_, tensor) = kept?.weights.iter().find(|(name, _)| name == parameter)?;
            tensor.to_f32()
        };
        let first = values(self.snapshots.values().next());
        let last = values(self.snapshots.values().next_back());
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        let mut moved: Vec<(usize, f32)> = first
            .iter()
            .zip(&last)
            .map(|(a, b)| (b - a).abs())
            .enumerate()
            .collect();
        moved.sort_by(|a, b| b.1.total_cmp(&a.1));
        moved.truncate(most);
        moved.into_iter().map(|(i, _)| i).collect()
    }
}

impl Training {
    /// True while nothing is under way.
    pub fn idle(&self) -> bool {
        !self.waiting
    }

    /// The one whose weights the scene has.
    pub fn shown(&self) -> &Racer {
        &self.racers[self.shown]
    }

    /// Its place.
    pub fn place(&self) -> usize {
        self.shown
    }

    /// True once none takes a further step.
    pub fn done(&self) -> bool {
        self.racers.iter().all(Racer::rests)
    }

    /// The next piece of work.
    fn next(&self, most: u64) -> Order {
        // In a race all are at the same step, but for those that rest.
        let open = self.racers.iter().filter(|r| !r.rests());
        let Some(first) = open.clone().next() else {
            return Order::Show(self.shown);
        };
        let every = (first.steps[1] / SNAPSHOTS).max(1) * first.stretch;
        let last = first.snapshots.keys().next_back().copied().unwrap_or(0);
        let left = (last + every).saturating_sub(first.steps[0]).max(1);
        // A slice ends where a snapshot is due.
        let most = most.min(left);
        let seconds: f64 = open.map(|r| r.seconds.max(1e-4)).sum();
        let due = seconds * most as f64 <= SLICE || most == 1;
        let fresh = self.drawn.is_none_or(|t| t.elapsed().as_secs_f64() > SHOW);
        Order::Go {
            seconds: SLICE,
            most,
            shown: self.shown,
            weights: most == 1 || fresh,
            snapshot: due && most == left,
        }
    }
}

/// Does what `lesson` says.
pub(crate) fn apply(session: &mut Session, lesson: Lesson) -> Result<(), String> {
    let lesson = match lesson {
        Lesson::Begin { plan, data } => return begin(session, vec![*plan], data),
        Lesson::Race { plans, data } => return begin(session, plans, data),
        other => other,
    };
    let training = session.training.as_mut().ok_or("no training has been begun")?;
    let next = match lesson {
        Lesson::Begin { .. } | Lesson::Race { .. } => return Ok(()),
        Lesson::Go => {
            training.playing = !training.done();
            return Ok(());
        }
        Lesson::Pause => {
            (training.playing, training.exploring) = (false, false);
            return Ok(());
        }
        Lesson::Step => {
            training.playing = false;
            training.next(1)
        }
        Lesson::Show(place) => {
            let count = training.racers.len();
            if place >= count {
                return Err(format!("training {} of {count} is asked for", place + 1));
            }
            training.shown = place;
            Order::Show(place)
        }
        Lesson::Change(change) => Order::Change(training.shown, change),
        Lesson::Back(step) => {
            training.playing = false;
            let found = training.racers.iter().map(|r| r.snapshots.get(&step).cloned());
            let found: Option<Vec<_>> = found.collect();
            let found = found.ok_or_else(|| format!("no snapshot of step {step} is kept"))?;
            Order::Back(found, training.shown)
        }
        Lesson::Explore { plane, size } => {
            (training.playing, training.exploring) = (false, true);
            let path = |r: &Racer| (r.name.clone(), r.snapshots.clone());
            Order::Explore {
                plane,
                size,
                paths: training.racers.iter().map(path).collect(),
                shown: training.shown,
            }
        }
        Lesson::End => {
            session.training = None;
            Order::End
        }
    };
    order(session, next)
}

fn begin(session: &mut Session, plans: Vec<Plan>, data: Data) -> Result<(), String> {
    let document = session
        .document
        .as_ref()
        .ok_or("open a network first, then train it")?;
    if !document.sides.is_empty() {
        return Err("one network is trained at a time: close the comparison first".into());
    }
    if plans.is_empty() || plans.len() > MOST_RACERS {
        return Err(format!(
            "a race of 1 to {MOST_RACERS} trainings is expected, {} are asked for",
            plans.len()
        ));
    }
    for plan in &plans {
        plan.check()?;
    }
    let network = document.source.clone();
    // It begins from the weights that are on show, which are the present ones from now on.
    if let Some(document) = &mut session.document {
        document.replay = None;
    }
    if session.state.board.moment.is_some() {
        Arc::make_mut(&mut session.state.board).moment = None;
    }
    order(session, Order::Begin { network, plans, data })
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

/// What tells racers apart: optimizer, then rate, schedule or batch where these differ.
fn names(plans: &[Plan]) -> Vec<String> {
    let differ = |of: &dyn Fn(&Plan) -> String| plans.iter().any(|p| of(p) != of(&plans[0]));
    let parts: [&dyn Fn(&Plan) -> String; 5] = [
        &|p| p.optimizer.name().to_string(),
        &|p| format!("rate {}", p.learning_rate),
        &|p| p.schedule.name().to_string(),
        &|p| format!("batch {}", p.batch),
        &|p| format!("seed {}", p.seed),
    ];
    let telling: Vec<_> = parts.into_iter().filter(|of| differ(of)).collect();
    let mut names: Vec<String> = Vec::new();
    for plan in plans {
        let words: Vec<String> = telling.iter().map(|of| of(plan)).collect();
        let name = match words.is_empty() {
            true => plan.optimizer.name().to_string(),
            false => words.join(", "),
        };
        let again = names
            .iter()
            .filter(|n| n.split(" #").next() == Some(&name))
            .count();
        names.push(match again {
            0 => name,
            n => format!("{name} #{}", n + 1),
        });
    }
    names
}

impl Session {
    /// Has the training go on, once the worker has nothing better to do.
    pub(crate) fn follow_training(&mut self) {
        let ready = |t: &&Training| !t.waiting && (t.exploring || t.playing && !t.done());
        let Some(training) = self.training.as_ref().filter(ready) else {
            return;
        };
        let next = match training.exploring {
            true => Order::Look,
            false => training.next(u64::MAX),
        };
        // It cannot fail: there is a training.
        let _ = order(self, next);
    }

    /// Takes in what was learned.
    pub(crate) fn take_learned(&mut self, learned: Learned) {
        if let Some(plans) = &learned.begun {
            self.open_training(plans);
        }
        let Some(training) = &mut self.training else {
            return;
        };
        training.waiting = false;
        if let Some(surface) = learned.surface {
            training.exploring &= surface.done < surface.losses.len();
            training.surface = Some(surface);
        }
        let budget = BUDGET / training.racers.len();
        let mut news = Vec::new();
        let mut told = Vec::new();
        for (racer, heat) in training.racers.iter_mut().zip(learned.heats) {
            (racer.plan, racer.steps, racer.epoch) = (heat.plan, heat.steps, heat.epoch);
            (racer.rate, racer.done) = (heat.rate, heat.done);
            if let Some((seconds, loss)) = heat.took {
                (racer.seconds, racer.loss) = (seconds, loss);
            }
            let grew = !heat.records.is_empty();
            heat.records.into_iter().for_each(|r| racer.run.take(r));
            if let Some((step, checkpoint)) = heat.snapshot {
                racer.keep(step, checkpoint, budget);
            }
            let rested = racer.rests();
            if heat.problem.is_some() && heat.problem != racer.problem {
                told.extend(heat.problem.clone());
            }
            racer.problem = heat.problem;
            if grew {
                news.push((Arc::new(racer.run.clone()), racer.rests() && !rested));
            }
        }
        training.playing &= !training.done();
        if learned.weights.is_some() {
            training.drawn = Some(Instant::now());
        }
        let histories = self
            .histories
            .get_or_insert_with(|| Histories::new("this session", Vec::new()));
        for (run, judged) in news {
            histories.put(run, judged);
        }
        // A scrubbed step stays on show.
        if let Some(network) = learned.weights
            && !self.replaying()
        {
            self.take_weights(network);
        }
        for problem in told {
            self.say(Level::Error, problem);
        }
    }

    /// Trainings have begun as `plans` say.
    fn open_training(&mut self, plans: &[Plan]) {
        let taken = |name: &str| {
            let folder = format!("{name}/");
            let runs = self.histories.iter().flat_map(|h| h.runs.iter());
            runs.into_iter()
                .any(|r| r.name == name || r.name.starts_with(&folder))
        };
        let kind = if plans.len() > 1 { "race" } else { "training" };
        let number = (1..).find(|n| !taken(&format!("{kind} {n}"))).unwrap_or(1);
        let all = format!("{kind} {number}");
        let names = match plans {
            [_] => vec![all.clone()],
            _ => names(plans).into_iter().map(|n| format!("{all}/{n}")).collect(),
        };
        self.say(Level::Info, format!("{all} has begun"));
        self.training = Some(Training {
            racers: names.into_iter().map(Racer::new).collect(),
            shown: 0,
            playing: true,
            surface: None,
            exploring: false,
            waiting: true,
            drawn: None,
        });
    }

    /// A lesson that could not be given.
    pub(crate) fn not_learned(&mut self, problem: String) {
        if let Some(training) = &mut self.training {
            (training.waiting, training.playing, training.exploring) = (false, false, false);
        }
        self.say(Level::Error, problem);
    }

    /// Shows the open network with other weights, and what it computes with them.
    pub(crate) fn take_weights(&mut self, network: Network) {
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
