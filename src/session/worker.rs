//! Long work, beside the frame: on a thread natively, between frames in the browser.

use std::collections::VecDeque;
use std::sync::Arc;

use compute::RunOptions;
use model::{Network, TensorData, Trace};

use crate::predictions::{Batch, Guess};
use crate::{Document, Input, Source};

/// Arrays by input name.
pub(crate) type Arrays = Vec<(String, TensorData)>;

/// What the worker can do.
pub(crate) enum Job {
    Open(Source),
    /// Reads an input.
    Read(Source),
    Run {
        network: Arc<Network>,
        arrays: Arrays,
    },
    Gradients {
        network: Arc<Network>,
        arrays: Arrays,
        unit: usize,
    },
    /// Asks about a few samples of the data set.
    Predict(Batch),
}

/// What comes of it.
pub(crate) enum Reply {
    Opened {
        document: Box<Document>,
        notes: Vec<String>,
    },
    Read(Input),
    Passed(Trace),
    Differentiated(Trace),
    Predicted(Result<Vec<Guess>, String>),
    Failed(String),
}

fn work(job: Job) -> Reply {
    let options = RunOptions::default();
    let done = match job {
        Job::Open(source) => crate::document::open(&source).map(|(document, notes)| Reply::Opened {
            document: Box::new(document),
            notes,
        }),
        Job::Read(source) => Input::read(&source).map(Reply::Read),
        Job::Run { network, arrays } => compute::run_cpu(&network, &arrays, &options)
            .map(Reply::Passed)
            .map_err(|e| e.to_string()),
        Job::Gradients {
            network,
            arrays,
            unit,
        } => compute::gradients(&network, &arrays, unit, &options)
            .map(Reply::Differentiated)
            .map_err(|e| format!("gradients: {e}")),
        Job::Predict(batch) => Ok(Reply::Predicted(batch.run())),
    };
    done.unwrap_or_else(Reply::Failed)
}

impl Job {
    fn words(&self) -> String {
        match self {
            Job::Open(source) => format!("opening {}", source.name()),
            Job::Read(source) => format!("reading {}", source.name()),
            Job::Run { network, .. } => format!("running {}", network.name),
            Job::Gradients { network, .. } => format!("gradients of {}", network.name),
            Job::Predict(batch) => batch.words(),
        }
    }
}

/// One queue, in order.
pub(crate) struct Worker {
    waiting: VecDeque<String>,
    #[cfg(not(target_arch = "wasm32"))]
    jobs: std::sync::mpsc::Sender<(u64, Job)>,
    // The mutex only makes the session shareable; nobody waits for it.
    #[cfg(not(target_arch = "wasm32"))]
    replies: std::sync::Mutex<std::sync::mpsc::Receiver<(u64, Reply)>>,
    #[cfg(target_arch = "wasm32")]
    jobs: VecDeque<(u64, Job)>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Worker {
    pub(crate) fn new() -> Self {
        let (jobs, queue) = std::sync::mpsc::channel::<(u64, Job)>();
        let (done, replies) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for (ticket, job) in queue {
                if done.send((ticket, work(job))).is_err() {
                    return;
                }
            }
        });
        Worker {
            waiting: VecDeque::new(),
            jobs,
            replies: std::sync::Mutex::new(replies),
        }
    }

    pub(crate) fn submit(&mut self, ticket: u64, job: Job) {
        self.waiting.push_back(job.words());
        // The thread ends only with this struct.
        let _ = self.jobs.send((ticket, job));
    }

    pub(crate) fn poll(&mut self) -> Option<(u64, Reply)> {
        let reply = self.replies.get_mut().ok()?.try_recv().ok()?;
        self.waiting.pop_front();
        Some(reply)
    }

    pub(crate) fn wait(&mut self) -> Option<(u64, Reply)> {
        let reply = self.replies.get_mut().ok()?.recv().ok();
        self.waiting.pop_front();
        reply
    }
}

#[cfg(target_arch = "wasm32")]
impl Worker {
    pub(crate) fn new() -> Self {
        Worker {
            waiting: VecDeque::new(),
            jobs: VecDeque::new(),
        }
    }

    pub(crate) fn submit(&mut self, ticket: u64, job: Job) {
        self.waiting.push_back(job.words());
        self.jobs.push_back((ticket, job));
    }

    pub(crate) fn poll(&mut self) -> Option<(u64, Reply)> {
        let (ticket, job) = self.jobs.pop_front()?;
        self.waiting.pop_front();
        Some((ticket, work(job)))
    }

    pub(crate) fn wait(&mut self) -> Option<(u64, Reply)> {
        self.poll()
    }
}

impl Worker {
    pub(crate) fn pending(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn busy(&self) -> Option<String> {
        self.waiting.front().cloned()
    }
}
