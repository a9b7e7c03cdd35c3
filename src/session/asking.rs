//! Questions to the open network: what in the input speaks for its answer, what a channel would like to
//! see, which examples it answers to most. The worker answers a slice at a time, between other jobs, and
//! what is known so far is on show.
//!
//! A newer question of a [`Line`] replaces the older one. What is about an input goes with that input,
//! all else with the network, its weights and the heads that are put out of it. Undo knows nothing of it.
//! `asking/task.rs` makes tasks of questions, `asking/work.rs`, `asking/parts.rs`, `asking/layers.rs` and
//! `asking/maps.rs` are what the worker does, `asking/answers.rs` what comes of it.

mod answers;
mod layers;
mod maps;
mod parts;
mod task;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compute::Patch;
use model::Network;
use serde::{Deserialize, Serialize};

pub use answers::{Checked, Crossed, Examples, Explained, Maximized, Placed};
pub use layers::{Alike, Similar};
pub use maps::Maps;
pub use probe::Projected;
pub use probe::attribution::{Curve, Kind, METHODS, Map, Method, Setting, Stage, Verdict, logits, method};
pub use probe::maximize::Top;

use crate::worker::Job;
use crate::{Ablated, Input, Level, Session};

use answers::News;

pub(crate) use work::{Desk, Order, Told};

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Question {
    /// How much each cell of the input speaks for an element of the output; `None`: the largest.
    Attribute {
        /// Id of one of [`METHODS`].
        method: String,
        /// What differs from the method's defaults, by id.
        #[serde(default)]
        settings: BTreeMap<String, f64>,
        /// The layer that layered methods look at; `None`: the deepest convolution.
        #[serde(default)]
        layer: Option<String>,
        #[serde(default)]
        element: Option<usize>,
        /// Of several texts that flow, the one that is explained.
        #[serde(default)]
        text: usize,
    },
    /// The same by every method, one after the other, as they are by default.
    Every {
        #[serde(default)]
        layer: Option<String>,
        #[serde(default)]
        element: Option<usize>,
        #[serde(default)]
        text: usize,
    },
    /// What becomes of the answer when cells are deleted and inserted in the order of the finished map.
    Curves,
    /// Whether the finished map depends on what the network has learned.
    Sanity,
    /// The picture that a part of a layer's output would like to see most.
    Maximize {
        layer: String,
        part: Part,
        #[serde(default)]
        search: Search,
    },
    /// Which examples of the data set each channel of a layer's output answers to most.
    Examples { layer: String },
    /// How alike what the layers on show make of the same rows is, and what a linear classifier reads from
    /// each: of the tokens of a text, else of the examples of the data set.
    Layers {
        #[serde(default)]
        measure: Alike,
    },
    /// What a layer makes of several examples of the data set.
    Maps { layer: String, examples: Vec<usize> },
    /// What the filters of a layer come to in the input.
    Project { layer: String },
    /// No further work on these; what is known stays.
    Stop(Line),
}

/// A part of a layer's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The mean of a channel over its places.
    Channel(usize),
    /// One element, row-major: a unit, a logit.
    Element(usize),
    /// The mean of all.
    All,
}

/// How a picture is sought.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Search {
    /// Steps in all.
    pub steps: u64,
    /// Pictures at once, pushed apart.
    pub images: usize,
    /// How strongly: what the mean cosine of what they are to a layer counts beside the objective.
    pub apart: f32,
    /// The network sees it shifted, turned and scaled at random.
    pub shake: bool,
    /// The same seed gives the same pictures.
    pub seed: u64,
}

impl Default for Search {
    fn default() -> Self {
        Search {
            steps: 192,
            images: 1,
            apart: 1.0,
            shake: true,
            seed: 0,
        }
    }
}

/// Questions of a kind: one at a time is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Line {
    Map,
    Every,
    Curves,
    Sanity,
    Maximize,
    Examples,
    Layers,
    Maps,
    Project,
}

impl Line {
    const ALL: [Line; 9] = [
        Line::Map,
        Line::Every,
        Line::Curves,
        Line::Sanity,
        Line::Maximize,
        Line::Examples,
        Line::Layers,
        Line::Maps,
        Line::Project,
    ];

    /// True where the answer is about the input.
    fn of_input(self) -> bool {
        matches!(self, Line::Map | Line::Every | Line::Curves | Line::Sanity)
    }

    fn words(self) -> &'static str {
        match self {
            Line::Map => "attribution",
            Line::Every => "attribution by every method",
            Line::Curves => "deletion and insertion",
            Line::Sanity => "sanity check",
            Line::Maximize => "maximisation",
            Line::Examples => "top examples",
            Line::Layers => "similarity of layers",
            Line::Maps => "maps of several examples",
            Line::Project => "filters in the input",
        }
    }
}

impl Question {
    /// Where it belongs.
    pub fn line(&self) -> Line {
        match self {
            Question::Attribute { .. } => Line::Map,
            Question::Every { .. } => Line::Every,
            Question::Curves => Line::Curves,
            Question::Sanity => Line::Sanity,
            Question::Maximize { .. } => Line::Maximize,
            Question::Examples { .. } => Line::Examples,
            Question::Layers { .. } => Line::Layers,
            Question::Maps { .. } => Line::Maps,
            Question::Project { .. } => Line::Project,
            Question::Stop(line) => *line,
        }
    }
}

/// How far the last question of a line has come.
#[derive(Clone, Debug)]
pub struct Course {
    /// The question.
    pub question: Question,
    /// Share that is done, 0 to 1.
    pub progress: f32,
    /// It is worked on.
    pub running: bool,
    /// Why there is no answer, or no whole one.
    pub problem: Option<String>,
    number: u64,
    cancel: Arc<AtomicBool>,
}

impl Course {
    /// True once the answer is whole.
    pub fn done(&self) -> bool {
        !self.running && self.problem.is_none() && self.progress >= 1.0
    }
}

/// What answers are about: a network, what flows through it, and the heads that are put out.
type About = (Arc<Network>, Input, Vec<Ablated>);

/// What was asked and what is known.
#[derive(Default)]
pub struct Asked {
    courses: [Option<Course>; Line::ALL.len()],
    /// The map of [`Question::Attribute`].
    pub map: Option<Arc<Explained>>,
    /// Of [`Question::Every`]: method by method, a map or why there is none.
    pub every: Vec<(&'static Method, Result<Arc<Explained>, String>)>,
    /// Of [`Question::Curves`].
    pub curves: Option<Arc<Crossed>>,
    /// Of [`Question::Sanity`].
    pub sanity: Option<Arc<Checked>>,
    /// Of [`Question::Maximize`].
    pub maximized: Option<Arc<Maximized>>,
    /// Of [`Question::Examples`].
    pub examples: Option<Arc<Examples>>,
    /// Of [`Question::Layers`].
    pub layers: Option<Arc<Similar>>,
    /// Of [`Question::Maps`].
    pub maps: Option<Arc<Maps>>,
    /// Of [`Question::Project`]: the layer, and its filters.
    pub projected: Option<(String, Arc<Projected>)>,
    /// What the answers are about.
    of: Option<About>,
    /// Grows with each question.
    number: u64,
    /// Slices that the worker has.
    slices: usize,
    /// The line that had the last slice.
    last: usize,
}

impl Asked {
    /// How far the last question of `line` has come; `None` where none was asked.
    pub fn course(&self, line: Line) -> Option<&Course> {
        self.courses[line as usize].as_ref()
    }

    /// True while a question of `line` is worked on.
    pub fn running(&self, line: Line) -> bool {
        self.course(line).is_some_and(|c| c.running)
    }

    /// Forgets a question and its answer; true where the worker may hold something of it.
    fn forget(&mut self, line: Line) -> bool {
        match line {
            Line::Map => self.map = None,
            Line::Every => self.every.clear(),
            Line::Curves => self.curves = None,
            Line::Sanity => self.sanity = None,
            Line::Maximize => self.maximized = None,
            Line::Examples => self.examples = None,
            Line::Layers => self.layers = None,
            Line::Maps => self.maps = None,
            Line::Project => self.projected = None,
        }
        let course = self.courses[line as usize].take();
        course
            .inspect(|c| c.cancel.store(true, Ordering::Relaxed))
            .is_some()
    }

    fn put(&mut self, news: News) {
        match news {
            News::Map(map) => self.map = Some(map),
            News::Every(every) => self.every = every,
            News::Curves(curves) => self.curves = Some(curves),
            News::Sanity(sanity) => self.sanity = Some(sanity),
            News::Maximize(maximized) => self.maximized = Some(maximized),
            News::Examples(examples) => self.examples = Some(examples),
            News::Layers(layers) => self.layers = Some(layers),
            News::Maps(maps) => self.maps = Some(maps),
            News::Project(layer, projected) => self.projected = Some((layer, projected)),
        }
    }
}

/// Does what `question` says. What cannot be asked is told in the place of the answer, too.
pub(crate) fn apply(session: &mut Session, question: Question) -> Result<(), String> {
    let line = question.line();
    if let Question::Stop(line) = question {
        if let Some(course) = &mut session.asked.courses[line as usize] {
            course.running = false;
        }
        return Ok(());
    }
    let task = match session.document.is_some() {
        true => task::of(session, &question),
        false => Err("open a network first, then ask about it".into()),
    };
    session.forget(&|l| l == line || line == Line::Map && matches!(l, Line::Curves | Line::Sanity));
    session.asked.number += 1;
    let course = Course {
        question,
        progress: 0.0,
        running: task.is_ok(),
        problem: task.as_ref().err().cloned(),
        number: session.asked.number,
        cancel: Arc::default(),
    };
    let number = course.number;
    let cancel = course.cancel.clone();
    session.asked.courses[line as usize] = Some(course);
    session.asked.of = session.about();
    let task = task.map_err(|problem| format!("{}: {problem}", line.words()))?;
    session.asked.last = line as usize;
    session.slice(Order::Begin {
        line,
        number,
        task: Box::new(task),
        cancel,
        patches: session.put_out(),
    });
    Ok(())
}

impl Session {
    fn slice(&mut self, order: Order) {
        self.asked.slices += 1;
        self.worker.submit(self.ticket, self.budget, Job::Ask(order));
    }

    fn about(&self) -> Option<About> {
        let (document, state) = (self.document.as_ref()?, &self.state);
        Some((
            document.source.clone(),
            state.input.clone(),
            state.ablated.clone(),
        ))
    }

    /// What heads that are put out change in the passes of a question.
    fn put_out(&self) -> Arc<[Patch]> {
        let document = self.document.as_ref();
        document.map_or_else(Arc::default, |d| d.patches(&self.state.ablated))
    }

    /// Forgets the questions of some lines, here and at the worker.
    fn forget(&mut self, which: &dyn Fn(Line) -> bool) {
        for line in Line::ALL.into_iter().filter(|l| which(*l)) {
            if self.asked.forget(line) {
                let order = Job::Ask(Order::Drop(line));
                self.worker.submit(self.ticket, self.budget, order);
            }
        }
    }

    /// Forgets what is about another network, other weights, other heads or another input than those that are
    /// open.
    pub(crate) fn outdate_answers(&mut self) {
        let Some((network, input, ablated)) = &self.asked.of else {
            // Those that could not be asked for want of a network.
            return self.forget(&|_| true);
        };
        let open = self.document.as_ref();
        let same = open.is_some_and(|d| Arc::ptr_eq(&d.source, network));
        let other_network = !same || *ablated != self.state.ablated;
        let other_input = *input != self.state.input;
        self.forget(&|line| other_network || other_input && line.of_input());
        self.asked.of = self.about().filter(|_| !other_network);
    }

    /// Has the open questions go on, in turn, once the worker has done the last slice.
    pub(crate) fn follow_questions(&mut self) {
        if self.asked.slices > 0 {
            return;
        }
        let count = Line::ALL.len();
        let turns = (1..=count).map(|i| (self.asked.last + i) % count);
        let open = |place: usize| Some((place, self.asked.courses[place].as_ref()?));
        let mut running = turns.filter_map(open).filter(|(_, c)| c.running);
        let Some((place, course)) = running.next() else {
            return;
        };
        let order = Order::Go {
            line: Line::ALL[place],
            number: course.number,
            patches: self.put_out(),
        };
        self.asked.last = place;
        self.slice(order);
    }

    /// Takes a slice of an answer in; that of an older question is dropped.
    pub(crate) fn take_answer(&mut self, told: Told) {
        self.asked.slices -= 1;
        let course = self.asked.courses[told.line as usize].as_mut();
        let Some(course) = course.filter(|c| c.number == told.number) else {
            return;
        };
        match told.news {
            Ok(Some((news, progress))) => {
                course.progress = progress;
                course.running &= progress < 1.0;
                self.asked.put(news);
            }
            Ok(None) => {
                // The worker began anew, after its backend broke.
                course.running = false;
                course.problem = Some("what was known of it is lost: ask again".into());
            }
            Err(problem) => {
                course.running = false;
                course.problem = Some(problem.clone());
                self.say(Level::Error, format!("{}: {problem}", told.line.words()));
            }
        }
    }

    /// Waits until every question has its answer, or cannot have one.
    pub fn wait_for_answers(&mut self) {
        loop {
            self.wait();
            self.follow_questions();
            if !self.worker.pending() {
                return;
            }
        }
    }
}
