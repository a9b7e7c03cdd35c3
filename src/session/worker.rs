//! Long work, beside the frame: all of Burn's on one worker, since cubecl orders work by thread.
//!
//! `worker/native.rs` is a thread, `worker/wasm.rs` a task between frames; both take jobs in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use compute::roofs::Roofs;
use compute::{Device, Engine, Patch, RunError, RunOptions};
use data::Tokenizer;
use model::{Network, TensorData, Trace, TraceTensor};

use crate::asking;
use crate::beside::Known;
use crate::learning::{self, Learned, Tutor};
use crate::predictions::{Batch, Guess};
use crate::{Document, Input, Source};

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
use native::{GIVE_WAY, Queue};
#[cfg(target_arch = "wasm32")]
use wasm::{GIVE_WAY, Queue};

/// Arrays by input name.
pub(crate) type Arrays = Vec<(String, TensorData)>;

/// What the worker can do.
#[derive(Clone)]
pub(crate) enum Job {
    Open(Source),
    /// Opens a network beside those that are known, or these alone.
    Compare(Vec<Known>, Option<Source>),
    /// Reads an input.
    Read(Source),
    /// Reads a tokenizer.
    Tokenizer(Vec<Source>),
    Run {
        network: Arc<Network>,
        arrays: Arrays,
        files: Files,
        patches: Arc<[Patch]>,
    },
    Gradients {
        network: Arc<Network>,
        arrays: Arrays,
        unit: usize,
        patches: Arc<[Patch]>,
    },
    /// Asks about a few samples of the data set.
    Predict(Batch),
    /// Brings host copies of device tensors.
    Fetch(Vec<TraceTensor>),
    /// Reads weights that were kept.
    Replay(crate::replay::Wanted),
    /// A piece of a training.
    Learn(crate::learning::Order),
    /// A piece of a cloud of points.
    Map(crate::cloud::Order),
    /// A slice of an answer.
    Ask(asking::Order),
    /// Measures what the processor can do.
    Measure,
    /// Computes there from now on.
    Device(Device),
}

/// Where a pass comes from, for its messages.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) model: String,
    pub(crate) inputs: String,
}

/// What comes of it.
pub(crate) enum Reply {
    Opened {
        document: Box<Document>,
        notes: Vec<String>,
    },
    Read(Input),
    Tokenizer(Arc<Tokenizer>),
    Passed(Trace),
    Differentiated(Trace),
    /// Of the network of this number.
    Predicted(usize, Result<Vec<Guess>, String>),
    /// Host copies are there; bytes that were read for them.
    Fetched(u64),
    Learned(Box<Learned>),
    Mapped(Box<crate::cloud::Mapped>),
    /// A cloud that could not be placed, and why.
    NotMapped(String),
    Answered(Box<asking::Told>),
    Replayed(Box<crate::replay::Replayed>),
    /// A piece of a training that could not be done, and why.
    NotLearned(String),
    Measured(Roofs),
    Moved,
    Cancelled,
    /// A pass that could not be made, and why.
    NotPassed(String),
    Failed(String),
}

impl Reply {
    /// What went wrong.
    fn problem(&self) -> Option<&str> {
        match self {
            Reply::NotPassed(problem) | Reply::Failed(problem) => Some(problem),
            _ => None,
        }
    }
}

/// A reply, and what the graphics device failed with where the processor took over.
pub(crate) struct Done {
    pub ticket: u64,
    pub reply: Reply,
    pub fallback: Option<String>,
}

/// How the frame watches and stops a job.
#[derive(Clone, Default)]
struct Control {
    cancel: Arc<AtomicBool>,
    /// Layers done and in all.
    progress: Arc<(AtomicU32, AtomicU32)>,
}

/// A job on its way to where the work is done.
#[derive(Clone)]
struct Order {
    ticket: u64,
    job: Job,
    control: Control,
    /// Bytes of activations that a pass may keep.
    budget: u64,
}

/// What the worker holds from job to job.
#[derive(Default)]
struct Bench {
    engine: Engine,
    /// The trainings that were begun.
    tutor: Tutor,
    /// The cloud of points that is being placed.
    mapper: crate::cloud::Mapper,
    /// The questions that are worked on.
    desk: asking::Desk,
}

/// The job of `order` at `bench`. A failing graphics device hands over to the processor for good; a
/// training does not, since it is there.
async fn work(bench: &mut Bench, order: Order) -> Done {
    let ticket = order.ticket;
    if let Job::Learn(lesson) = &order.job {
        let device = bench.engine.device().clone();
        let reply = match learning::work(&mut bench.tutor, &device, GIVE_WAY, lesson).await {
            Ok(Some(learned)) => Reply::Learned(learned.into()),
            Ok(None) => Reply::Moved,
            Err(problem) => Reply::NotLearned(problem),
        };
        let fallback = None;
        return Done {
            ticket,
            reply,
            fallback,
        };
    }
    if let Job::Ask(question) = &order.job {
        let told = bench.desk.work(&mut bench.engine, GIVE_WAY, question).await;
        return Done {
            ticket,
            reply: told.map_or(Reply::Moved, |t| Reply::Answered(t.into())),
            fallback: None,
        };
    }
    if let Job::Map(part) = order.job {
        let options = RunOptions {
            give_way: GIVE_WAY,
            ..RunOptions::default()
        };
        let mapped = crate::cloud::work(&mut bench.mapper, &mut bench.engine, &options, part).await;
        return Done {
            ticket,
            reply: mapped.map_or(Reply::Moved, |mapped| Reply::Mapped(mapped.into())),
            fallback: None,
        };
    }
    let engine = &mut bench.engine;
    let mut fallback = None;
    let mut reply = attempt(engine, &order).await;
    if let (Some(problem), Device::Gpu(_)) = (reply.problem(), engine.device()) {
        let problem = problem.to_string();
        let mut processor = Engine::new(Device::Cpu);
        let again = attempt(&mut processor, &order).await;
        // What fails on both is the network's or its input's fault.
        if again.problem().is_none() {
            (*engine, reply, fallback) = (processor, again, Some(problem));
        }
    }
    Done {
        ticket,
        reply,
        fallback,
    }
}

async fn attempt(engine: &mut Engine, order: &Order) -> Reply {
    if order.control.cancel.load(Ordering::Relaxed) {
        return Reply::Cancelled;
    }
    let watch = order.control.progress.clone();
    let mut options = RunOptions {
        budget: order.budget,
        cancel: order.control.cancel.clone(),
        progress: Some(Arc::new(move |p| {
            watch.0.store(p.done as u32, Ordering::Relaxed);
            watch.1.store(p.total as u32, Ordering::Relaxed);
        })),
        give_way: GIVE_WAY,
        ..RunOptions::default()
    };
    match &order.job {
        Job::Open(source) => opened(crate::beside::open(Vec::new(), Some(source))),
        Job::Compare(known, source) => opened(crate::beside::open(known.clone(), source.as_ref())),
        Job::Read(source) => Input::read(source).map_or_else(Reply::Failed, Reply::Read),
        Job::Tokenizer(sources) => {
            crate::text::tokenizer(sources).map_or_else(Reply::Failed, Reply::Tokenizer)
        }
        Job::Predict(batch) => Reply::Predicted(batch.side, batch.run(engine).await),
        Job::Run {
            network,
            arrays,
            files,
            patches,
        } => {
            options.patches = patches.clone();
            match engine.run(network, arrays, &options).await {
                Err(RunError::Cancelled) => Reply::Cancelled,
                Err(error) => Reply::NotPassed(error.in_files(&files.model, &files.inputs)),
                Ok(trace) => Reply::Passed(trace),
            }
        }
        Job::Gradients {
            network,
            arrays,
            unit,
            patches,
        } => {
            options.patches = patches.clone();
            match engine.gradients(network, arrays, *unit, &options).await {
                Err(RunError::Cancelled) => Reply::Cancelled,
                Err(error) => Reply::Failed(format!("gradients: {error}")),
                Ok(trace) => Reply::Differentiated(trace),
            }
        }
        Job::Fetch(tensors) => {
            let all: Vec<&TraceTensor> = tensors.iter().collect();
            engine
                .fetch_all(&all)
                .await
                .map_or_else(Reply::Failed, Reply::Fetched)
        }
        Job::Replay(wanted) => Reply::Replayed(wanted.read().into()),
        // Done before.
        Job::Learn(_) | Job::Map(_) | Job::Ask(_) => Reply::Moved,
        Job::Measure => compute::roofs::measure().map_or_else(Reply::Failed, Reply::Measured),
        Job::Device(device) => {
            *engine = Engine::new(device.clone());
            Reply::Moved
        }
    }
}

fn opened(found: Result<(Document, Vec<String>), String>) -> Reply {
    match found {
        Ok((document, notes)) => Reply::Opened {
            document: Box::new(document),
            notes,
        },
        Err(problem) => Reply::Failed(problem),
    }
}

impl Job {
    fn words(&self) -> String {
        match self {
            Job::Open(source) => format!("opening {}", source.name()),
            Job::Compare(_, Some(source)) => format!("comparing with {}", source.name()),
            Job::Compare(_, None) => "comparing".into(),
            Job::Read(source) => format!("reading {}", source.name()),
            Job::Tokenizer(_) => "reading the tokenizer".into(),
            Job::Predict(batch) => batch.words(),
            Job::Run { network, .. } => format!("running {}", network.name),
            Job::Gradients { network, .. } => format!("gradients of {}", network.name),
            Job::Fetch(_) => "reading values".into(),
            Job::Replay(wanted) => wanted.words(),
            Job::Learn(_) => "training".into(),
            Job::Map(_) => "placing points".into(),
            Job::Ask(_) => "answering a question".into(),
            Job::Measure => "measuring the processor".into(),
            Job::Device(_) => "changing the device".into(),
        }
    }

    /// True when `newer` makes this job's result worthless.
    fn outdated(&self, newer: &Job) -> bool {
        match newer {
            Job::Open(_) | Job::Compare(..) | Job::Run { .. } => {
                matches!(self, Job::Run { .. } | Job::Gradients { .. })
            }
            Job::Gradients { .. } => matches!(self, Job::Gradients { .. }),
            Job::Read(_)
            | Job::Tokenizer(_)
            | Job::Predict(_)
            | Job::Fetch(_)
            | Job::Learn(_)
            | Job::Map(_)
            | Job::Ask(_)
            | Job::Replay(_)
            | Job::Measure
            | Job::Device(_) => false,
        }
    }
}

/// Work under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    /// What it is.
    pub words: String,
    /// Share that is done, where that is known.
    pub share: Option<f32>,
}

/// One queue, in order.
pub(crate) struct Worker {
    waiting: VecDeque<(Job, Control)>,
    queue: Queue,
}

impl Worker {
    pub(crate) fn new() -> Self {
        Worker {
            waiting: VecDeque::new(),
            queue: Queue::new(),
        }
    }

    /// Adds a job; running and waiting ones that it makes worthless stop.
    pub(crate) fn submit(&mut self, ticket: u64, budget: u64, job: Job) {
        for (_, control) in self.waiting.iter().filter(|(old, _)| old.outdated(&job)) {
            control.cancel.store(true, Ordering::Relaxed);
        }
        let control = Control::default();
        self.waiting.push_back((job.clone(), control.clone()));
        self.queue.send(Order {
            ticket,
            job,
            control,
            budget,
        });
    }

    /// Stops all passes, and files that have not been begun. False when there is nothing to stop.
    pub(crate) fn cancel(&mut self) -> bool {
        let mut any = false;
        for (job, control) in &self.waiting {
            if !matches!(
                job,
                Job::Fetch(_) | Job::Device(_) | Job::Predict(_) | Job::Learn(_) | Job::Map(_) | Job::Ask(_)
            ) {
                control.cancel.store(true, Ordering::Relaxed);
                any = true;
            }
        }
        any
    }

    pub(crate) fn poll(&mut self) -> Option<Done> {
        let done = self.queue.poll()?;
        self.waiting.pop_front();
        Some(done)
    }

    pub(crate) fn wait(&mut self) -> Option<Done> {
        let done = self.queue.wait()?;
        self.waiting.pop_front();
        Some(done)
    }

    pub(crate) fn pending(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn busy(&self) -> Option<Busy> {
        let (job, control) = self.waiting.front()?;
        // Trainings, clouds and questions have panels of their own.
        if matches!(
            job,
            Job::Fetch(_) | Job::Device(_) | Job::Learn(_) | Job::Map(_) | Job::Ask(_)
        ) {
            return None;
        }
        let (done, total) = (&control.progress.0, &control.progress.1);
        let total = total.load(Ordering::Relaxed);
        Some(Busy {
            words: job.words(),
            share: (total > 0).then(|| done.load(Ordering::Relaxed) as f32 / total as f32),
        })
    }
}
