//! What is open now: a document, a selection, a playhead, undo. It changes only by [`Command`].
//!
//! In: commands from any panel, the scene, a tour file or a test; results from the worker. Out:
//! the state that everything on screen is drawn from. It knows no window and no GPU.

pub mod arithmetic;
pub mod asking;
mod attention;
mod beside;
mod board;
pub mod cloud;
pub mod colormap;
mod command;
mod document;
pub mod dynamics;
mod feed;
mod fetch;
pub mod findings;
mod folds;
pub mod histories;
pub mod hues;
pub mod learning;
mod output;
mod paint;
mod passes;
mod predictions;
mod quantity;
mod receive;
mod replay;
mod state;
pub mod text;
pub mod tour;
mod view;
pub mod words;
mod worker;

pub use crate::attention::{Ablated, Attend, Change, Heads};
pub use crate::beside::{Mark, Side};
pub use crate::histories::Histories;
pub use crate::output::{Output, Score};
pub use board::{Along, Board, Grouping};
pub use command::{Command, Source};
pub use compute::roofs::Roofs;
pub use document::{Connection, Document, Input};
pub use folds::Folds;
pub use paint::{Paint, Range};
pub use predictions::{Guess, Predictions};
pub use quantity::{Amounts, Quantity, Ranked, Spread};
pub use state::State;
pub use text::Text;
pub use tour::{Stop, Tour};
pub use view::{Bookmark, Goal, Kept, Pose, View};
pub use worker::Busy;

use std::collections::BTreeSet;
use std::sync::Arc;

use layout::{Layout, Node};
use model::TensorId;

use worker::{Job, Worker};

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Info,
    Warning,
    Error,
}

/// Everything that is open.
pub struct Session {
    /// Changed by commands, brought back by undo.
    pub state: State,
    /// The open network.
    pub document: Option<Document>,
    /// Training histories that are open.
    pub histories: Option<Histories>,
    /// Questions to the open network, and what is known of their answers.
    pub asked: asking::Asked,
    /// A training of the open network.
    pub training: Option<learning::Training>,
    /// Points in two or three dimensions.
    pub cloud: Option<cloud::Cloud>,
    /// The number whose arithmetic is on show.
    pub cell: Option<arithmetic::Cell>,
    /// Tensors that it is worked out from.
    cell_reads: Vec<TensorId>,
    /// Messages, oldest first.
    pub log: Vec<(Level, String)>,
    /// True while the flow moves.
    pub playing: bool,
    /// Where the camera is to go, with a number that grows by each request.
    pub goal: (u64, Goal),
    /// How the camera is steered.
    pub view: View,
    /// Bookmarks of this model and of others, for the next run.
    pub kept: Kept,
    /// What the processor can do at best, once that was measured.
    pub roofs: Option<Roofs>,
    /// Guided tour, its stop, and seconds since that stop began.
    pub tour: Option<(Arc<Tour>, usize, f32)>,
    /// What the tour's stop says is still to be done, once the worker is idle.
    arriving: bool,
    /// What the recorded numbers of layers were brought up to: runs, board, number of the document.
    settled: Option<(Option<histories::Runs>, Arc<Board>, u64)>,
    /// The last command dragged or typed on the board.
    adjusting: bool,
    undo: Vec<(std::mem::Discriminant<Command>, State)>,
    redo: Vec<State>,
    worker: Worker,
    /// Bytes of activations that a pass may keep.
    pub budget: u64,
    /// Bytes read back from the graphics device since the start.
    read_back: u64,
    /// Device tensors whose host copies were asked for since the last pass, activations and
    /// gradients apart.
    wanted: BTreeSet<(bool, TensorId)>,
    /// Gradients wait for the output that they are of.
    undecided: bool,
    /// Grows with each pass that is asked for; replies to older ones are dropped.
    ticket: u64,
    /// Grows with each document.
    opened: u64,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// Nothing open.
    pub fn new() -> Self {
        Session {
            state: State::default(),
            document: None,
            histories: None,
            asked: asking::Asked::default(),
            training: None,
            cloud: None,
            cell: None,
            cell_reads: Vec::new(),
            log: Vec::new(),
            playing: false,
            goal: (0, Goal::Home),
            view: View::default(),
            kept: Kept::default(),
            roofs: None,
            tour: None,
            arriving: false,
            settled: None,
            adjusting: false,
            undo: Vec::new(),
            redo: Vec::new(),
            worker: Worker::new(),
            // A page has 4 GiB of addresses for everything.
            budget: if cfg!(target_arch = "wasm32") {
                1 << 29
            } else {
                4 << 30
            },
            read_back: 0,
            wanted: BTreeSet::new(),
            undecided: false,
            ticket: 0,
            opened: 0,
        }
    }

    /// The layout of the open network.
    pub fn layout(&self) -> Option<&Arc<Layout>> {
        self.document.as_ref().map(|d| &d.layout)
    }

    /// Columns of the layout, where the flow ends.
    pub fn columns(&self) -> f32 {
        self.layout().map_or(0.0, |l| l.columns() as f32)
    }

    /// Seconds that the flow takes at speed 1.
    pub fn seconds(&self) -> f32 {
        (self.columns() * 0.4).clamp(3.0, 20.0)
    }

    /// Work under way.
    pub fn busy(&self) -> Option<Busy> {
        self.worker.busy()
    }

    /// Computes there from now on, and the present pass again: its tensors may be lost.
    pub fn compute_on(&mut self, device: compute::Device) {
        self.worker.submit(self.ticket, self.budget, Job::Device(device));
        if let Some(document) = self.document.as_mut().filter(|d| d.trace.is_some()) {
            document.clear_pass();
            self.run();
        }
    }

    /// Bytes read back from the graphics device since the start: host copies that were asked for,
    /// and the few numbers of each pass.
    pub fn read_back(&self) -> u64 {
        self.read_back
    }

    /// True when there is something to undo, and to redo.
    pub fn history(&self) -> (bool, bool) {
        (!self.undo.is_empty(), !self.redo.is_empty())
    }

    /// Adds a message to the log.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.log.push((level, text.into()));
    }

    /// Does what `command` says. What is impossible is logged, and changes nothing.
    pub fn apply(&mut self, command: Command) {
        match command {
            Command::Undo => return self.undo(),
            Command::Redo => return self.redo(),
            // No step of the user's: undo does not know it.
            Command::Keep(kept) => return self.keep(kept),
            _ => (),
        }
        let before = self.state.clone();
        let kind = std::mem::discriminant(&command);
        // Scrubbing is one step, however many places it passes, and so is a stroke.
        let adjusts = matches!(&command, Command::Board(board) if board.adjusts(&self.state.board));
        let continues = match &command {
            Command::Seek(_) | Command::Attend(_) | Command::Draw { begins: false, .. } => true,
            // What was changed at once, before a drag, is a step of its own.
            Command::Board(_) => adjusts && self.adjusting,
            _ => false,
        };
        self.adjusting = adjusts;
        if let Err(problem) = command::apply(self, command) {
            self.say(Level::Error, problem);
        }
        let continued = continues && matches!(self.undo.last(), Some((last, _)) if *last == kind);
        self.changed(before, kind, continued);
    }

    /// Keeps what undo needs, and follows the state.
    fn changed(&mut self, before: State, kind: std::mem::Discriminant<Command>, continued: bool) {
        if self.state == before {
            return;
        }
        if !continued {
            self.undo.push((kind, before.clone()));
        }
        self.redo.clear();
        self.follow(&before);
    }

    /// Takes in bookmarks of earlier runs.
    fn keep(&mut self, kept: Kept) {
        self.kept.add(kept);
        if let Some(document) = self.document.as_ref().filter(|_| self.state.bookmarks.is_empty()) {
            self.state.bookmarks = self.kept.of(&document.file).to_vec();
        }
    }

    fn travel(&mut self, to: State) {
        let playhead = to.playhead;
        let before = std::mem::replace(&mut self.state, to);
        self.follow(&before);
        // It belongs to the layout travelled to, and needs no share of the one that was left.
        self.state.playhead = playhead.min(self.columns());
    }

    fn undo(&mut self) {
        if let Some((_, state)) = self.undo.pop() {
            self.redo.push(self.state.clone());
            self.travel(state);
        }
    }

    fn redo(&mut self) {
        if let Some(state) = self.redo.pop() {
            let kind = std::mem::discriminant(&Command::Redo);
            self.undo.push((kind, self.state.clone()));
            self.travel(state);
        }
    }

    /// Brings what depends on the state after it: layout, pass, gradients.
    fn follow(&mut self, before: &State) {
        let columns = self.columns();
        if self.state.playhead > columns {
            self.state.playhead = columns;
        }
        if self.state.bookmarks != before.bookmarks
            && let Some(document) = &self.document
        {
            self.kept.set(&document.file, &self.state.bookmarks);
        }
        let placed = |s: &State| (s.folds.clone(), s.arrangement, s.size);
        if placed(&self.state) != placed(before) {
            self.place();
        }
        if self.state.input != before.input || self.state.ablated != before.ablated {
            self.run();
        } else if self.state.backward && (!before.backward || self.state.unit != before.unit) {
            self.differentiate();
        }
    }

    /// Lays the network out again.
    pub(crate) fn place(&mut self) {
        let Some(document) = &mut self.document else {
            return;
        };
        let end = document.layout.columns() as f32;
        let whole = self.state.playhead >= end;
        let share = self.state.playhead / end.max(1.0);
        document.size = self.state.size;
        document.place(&self.state.folds, self.state.arrangement);
        let end = document.layout.columns() as f32;
        self.state.playhead = if whole { end } else { share * end };
        let shown = |n: &Node| self.state.folds.around(&document.network, *n).is_empty();
        self.state.selection = self.state.selection.filter(shown);
        let runs = |c: &Connection| shown(&c.from) && shown(&c.to);
        self.state.connection = self.state.connection.filter(runs);
    }

    /// Takes finished work in and moves the playhead by `dt` seconds. Call once a frame.
    pub fn update(&mut self, dt: f32) {
        while let Some(done) = self.worker.poll() {
            self.take(done);
        }
        self.follow_training();
        self.follow_cloud();
        self.follow_questions();
        self.update_histories();
        self.follow_moment();
        self.follow_replay();
        // Before the worker is given more to do.
        tour::arrive(self);
        self.fetch_usual();
        self.predict();
        if self.playing {
            let (end, step) = (
                self.columns(),
                dt * self.state.speed * self.columns() / self.seconds(),
            );
            let to = self.state.playhead + if self.state.backward { -step } else { step };
            self.state.playhead = to.clamp(0.0, end);
            if !(0.0..end).contains(&to) {
                if self.state.looping {
                    self.state.playhead = if self.state.backward { end } else { 0.0 };
                } else {
                    self.playing = false;
                }
            }
        }
        tour::advance(self, dt);
    }

    /// Waits until the worker has nothing left to do.
    pub fn wait(&mut self) {
        while self.worker.pending() || self.fetch_usual() {
            let Some(done) = self.worker.wait() else {
                return;
            };
            self.take(done);
        }
    }
}
