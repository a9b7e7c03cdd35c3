//! Passes over the open network: what the worker is given, and what becomes of all that comes back.

use std::sync::Arc;

use layout::Arrangement;

use crate::worker::{Done, Files, Job, Reply};
use crate::{Command, Goal, Input, Level, Session, State};

impl Session {
    /// Has the input that is chosen flow.
    pub(crate) fn run(&mut self) {
        self.outdate_answers();
        let Some(document) = &mut self.document else {
            return;
        };
        self.ticket += 1;
        let (mut notes, mut tokens) = (Vec::new(), None);
        let found = match &self.state.input {
            Input::Text(texts) => document.feed(texts).map(|fed| {
                (notes, tokens) = (fed.notes, Some(fed.tokens));
                Some(fed.arrays)
            }),
            other => document.arrays(other),
        };
        document.tokens = tokens;
        match found {
            Ok(Some(arrays)) => {
                let network = document.source.clone();
                let patches = document.patches(&self.state.ablated);
                let files = Files {
                    model: document.file.clone(),
                    inputs: self.state.input.name(),
                };
                let job = Job::Run {
                    network,
                    arrays,
                    files,
                    patches,
                };
                self.worker.submit(self.ticket, self.budget, job);
            }
            Ok(None) => self.clear_pass(),
            Err(problem) => self.say(Level::Error, problem),
        }
        for note in notes {
            self.say(Level::Warning, note);
        }
    }

    /// Forgets the pass, and sizes that it told.
    pub(crate) fn clear_pass(&mut self) {
        if let Some(document) = &mut self.document {
            document.clear_pass();
        }
        if self.state.size.is_some() {
            self.place();
        }
    }

    /// Has the gradients of the unit that is chosen computed, or of the largest answer.
    pub(crate) fn differentiate(&mut self) {
        let Some(document) = &self.document else { return };
        let unit = self
            .state
            .unit
            .or_else(|| self.output().map(|o| o.ranked(1)[0].index));
        self.undecided = unit.is_none();
        let (Ok(Some(arrays)), Some(unit)) = (document.arrays(&self.state.input), unit) else {
            return;
        };
        let network = document.source.clone();
        let job = Job::Gradients {
            network,
            arrays,
            unit,
            patches: document.patches(&self.state.ablated),
        };
        self.worker.submit(self.ticket, self.budget, job);
    }

    /// Takes an input that was read. A wrong one is told before the one in place is given up.
    pub(crate) fn give(&mut self, input: Input) {
        let Some(document) = &self.document else { return };
        if let Err(problem) = document.arrays(&input) {
            return self.say(Level::Error, problem);
        }
        let before = self.state.clone();
        self.state.input = input;
        let kind = std::mem::discriminant(&Command::Undo);
        self.changed(before, kind, false);
    }

    /// Takes in what the worker has done.
    pub(crate) fn take(&mut self, done: Done) {
        let Done {
            ticket,
            reply,
            fallback,
        } = done;
        if let Some(problem) = fallback {
            let text = format!("the graphics device failed, the processor computes from now on: {problem}");
            self.say(Level::Warning, text);
        }
        match reply {
            Reply::Failed(problem) => self.say(Level::Error, problem),
            Reply::NotPassed(problem) => {
                self.say(Level::Error, problem);
                // The answer on show belongs to another input.
                if ticket == self.ticket {
                    self.clear_pass();
                }
            }
            Reply::Opened { document, notes } => {
                for note in notes {
                    self.say(Level::Warning, note);
                }
                self.say(Level::Info, format!("{} is open", document.file));
                // Another network beside the same ones is asked about the same input.
                let now = &self.state.input;
                let input = match document.sides.is_empty() || document.arrays(now).is_err() {
                    true => document.first_input(),
                    false => now.clone(),
                };
                // What the user set stays; what belongs to the network is new.
                self.state = State {
                    folds: document.folds.clone(),
                    input,
                    selection: None,
                    playhead: f32::MAX,
                    backward: false,
                    unit: None,
                    attend: None,
                    ablated: Vec::new(),
                    bookmarks: self.kept.of(&document.file).to_vec(),
                    ..self.state.clone()
                };
                self.cell = None;
                self.document = Some(*document);
                if self.state.arrangement != Arrangement::default() || self.state.size.is_some() {
                    self.place();
                }
                self.opened += 1;
                self.undo.clear();
                self.redo.clear();
                self.state.playhead = self.columns();
                self.goal = (self.goal.0 + 1, Goal::Home);
                self.run();
            }
            Reply::Passed(trace) => {
                self.read_back += trace.read_back;
                if ticket != self.ticket {
                    return;
                }
                if !trace.dropped.is_empty() {
                    let text = format!(
                        "{} tensors are not shown: the pass keeps at most {} MiB",
                        trace.dropped.len(),
                        self.budget >> 20
                    );
                    self.say(Level::Warning, text);
                }
                if let Some(document) = &mut self.document {
                    document.set_pass(trace);
                    document.ablated.clone_from(&self.state.ablated);
                    self.place();
                }
                self.remember_output();
                self.wanted.clear();
                self.fetch_usual();
                if self.state.backward {
                    self.differentiate();
                }
            }
            Reply::Differentiated(trace) => {
                self.read_back += trace.read_back;
                if let Some(document) = self.document.as_mut().filter(|_| ticket == self.ticket) {
                    document.gradients = Some(Arc::new(trace));
                    document.passed += 1;
                    self.wanted.retain(|(backward, _)| !backward);
                }
            }
            Reply::NotMapped(problem) => self.not_mapped(problem),
            Reply::Mapped(mapped) => self.take_mapped(*mapped),
            Reply::Learned(learned) => self.take_learned(*learned),
            Reply::Answered(told) => self.take_answer(*told),
            Reply::Replayed(found) => self.take_replayed(*found),
            Reply::NotLearned(problem) => self.not_learned(problem),
            Reply::Measured(roofs) => self.roofs = Some(roofs),
            Reply::Read(input) if ticket == self.ticket => self.give(input),
            Reply::Tokenizer(tokenizer) => self.take_tokenizer(&tokenizer),
            Reply::Predicted(side, guesses) => self.guessed(ticket, side, guesses),
            Reply::Fetched(bytes) => {
                self.read_back += bytes;
                self.remember_output();
                if self.undecided && self.state.backward {
                    self.differentiate();
                }
            }
            Reply::Read(_) | Reply::Moved | Reply::Cancelled => (),
        }
    }
}
