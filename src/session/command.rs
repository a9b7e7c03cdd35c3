//! Every action, as data.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use data::Picture;
use layout::{Arrangement, Way};
use serde::{Deserialize, Serialize};

use crate::Board;
use crate::arithmetic::Cell;
use crate::asking::Question;
use crate::attention::{Ablated, Attend};
use crate::beside::Known;
use crate::cloud;
use crate::document::Input;
use crate::learning::Lesson;
use crate::view::{Bookmark, Goal, Kept};
use crate::worker::Job;
use crate::{Level, Paint, Quantity, Session, Tour};

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// A model that is built in: `fashion-mnist`, `sentiment`.
    Bundled(String),
    /// A file.
    File(PathBuf),
    /// Bytes that were dropped on the page.
    #[serde(skip)]
    #[allow(missing_docs)]
    Bytes { name: String, bytes: Bytes },
    /// A model with what belongs to it, by name, the model first: a page has no folders.
    #[serde(skip)]
    Together(Vec<(String, Bytes)>),
}

impl Source {
    /// For messages.
    pub fn name(&self) -> String {
        match self {
            Source::Bundled(name) => name.clone(),
            Source::File(path) => path.display().to_string(),
            Source::Bytes { name, .. } => name.clone(),
            Source::Together(files) => files.first().map_or(String::new(), |(name, _)| name.clone()),
        }
    }
}

/// One action. Layers are named as in the file, scopes by their path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Command {
    /// Opens a model; what was open stays until it is read.
    Open(Source),
    /// Opens a model beside what is open, to compare them.
    Compare(Source),
    /// Takes one of the compared models away, by its place.
    Part(usize),
    /// Opens a picture or `.npz` as the input; the one in place stays until it is read.
    Feed(Source),
    /// Opens training histories, a file or a folder, and follows them while they grow; `None` closes
    /// those that are open.
    History(Option<Source>),
    /// Trains the open network, or does something with the training.
    Learn(Lesson),
    /// Shows points in two or three dimensions; `None` takes them away.
    Project(Option<cloud::Wanted>),
    /// Finds so many groups of the points on show, by k-means.
    Group(usize),
    /// Asks the open network something, or gives a question up.
    Ask(Question),
    /// Sets how training histories are shown.
    Board(Arc<Board>),
    /// Takes texts as the input, a row of tokens each.
    Text(Vec<String>),
    /// Opens a tokenizer, of one or more files, for the networks that are open.
    Tokenizer(Vec<Source>),
    /// Sets the size of a symbol, as `sequence`.
    Bind(String, u64),
    /// Takes a drawing as the input. `begins`: with a new stroke, which undo takes back alone.
    Draw {
        picture: Arc<Picture>,
        begins: bool,
    },
    /// Takes a sample of the data set as the input.
    Sample(usize),
    /// Selects a layer, scope or tensor; a layer inside collapsed scopes expands them.
    Select(Option<String>),
    /// Selects the connection that carries a tensor from one volume to another.
    #[allow(missing_docs)]
    Connection {
        tensor: String,
        from: String,
        to: String,
    },
    /// Lights the paths that lead to the selected volume, from it, or both; the rest turns faint.
    Trail(Option<Way>),
    /// Closes a scope. A repeat closes in two steps: to one copy with their number, to a volume.
    Collapse(String),
    /// Opens a scope. A repeat opens in two steps: to one copy with their number, to all copies.
    Expand(String),
    /// Shows all copies of a repeat.
    Spread(String),
    CollapseAll,
    ExpandAll,
    /// Volumes in space, or a flat diagram.
    Arrange(Arrangement),
    Play,
    Pause,
    /// Moves the playhead to a column.
    Seek(f32),
    /// Moves the playhead by columns.
    Step(i32),
    Speed(f32),
    Loop(bool),
    /// Gradients from the output to the input, instead of activations.
    Backward(bool),
    /// Element of the output that gradients are of.
    Unit(Option<usize>),
    Softmax(bool),
    /// Looks at an attention, one of its heads, or one of the places that ask; or at none any more.
    Attend(Option<Attend>),
    /// Puts out these heads of attention, and no others.
    Ablate(Vec<Ablated>),
    /// Looks at how the pass came to a number; undo knows nothing of it.
    Cell(Option<Cell>),
    Light(bool),
    Paint(Paint),
    /// Colours volumes by a quantity, or by their values.
    Color(Option<Quantity>),
    /// Makes volumes as large as a quantity, or as their shapes.
    Size(Option<Quantity>),
    /// Share of the names that are written in the scene, 0 to 1.
    Labels(f32),
    Look(Goal),
    /// Flies the camera freely, instead of circling.
    Fly(bool),
    /// Keeps the flow's front in sight while it plays.
    Follow(bool),
    /// Keeps a pose under a name, instead of one of the same name.
    Bookmark(Bookmark),
    /// Forgets the bookmark of this name.
    Forget(String),
    /// Takes in bookmarks that were kept in earlier runs.
    Keep(Kept),
    /// Begins a guided tour, or ends it.
    Tour(Option<Tour>),
    /// Goes to a stop of the tour.
    Stop(usize),
    /// Measures what the processor can do at best.
    Measure,
    /// Stops what the worker is doing, as far as it can be stopped.
    Cancel,
    Undo,
    Redo,
}

/// Has `known` and `source` put beside each other.
fn compare(session: &mut Session, known: Vec<Known>, source: Option<Source>) {
    session.playing = false;
    session.ticket += 1;
    let job = Job::Compare(known, source);
    session.worker.submit(session.ticket, session.budget, job);
}

pub(crate) fn apply(session: &mut Session, command: Command) -> Result<(), String> {
    let end = session.columns();
    let state = &mut session.state;
    match command {
        Command::Open(source) => {
            session.playing = false;
            session.ticket += 1;
            session
                .worker
                .submit(session.ticket, session.budget, Job::Open(source));
        }
        Command::Compare(source) => {
            let document = session.document.as_ref();
            let known = document.map(|d| d.known()).unwrap_or_default();
            compare(session, known, Some(source));
        }
        Command::Part(place) => {
            let document = session.document.as_ref();
            let mut known = document.map(|d| d.known()).unwrap_or_default();
            if place >= known.len() || known.len() < 2 {
                return Err(format!("model {place} of {} cannot be taken away", known.len()));
            }
            known.remove(place);
            compare(session, known, None);
        }
        Command::Feed(source) => {
            if session.document.is_none() {
                return Err(format!("{}: open a model first, then its input", source.name()));
            }
            session
                .worker
                .submit(session.ticket, session.budget, Job::Read(source));
        }
        Command::Draw { picture, .. } => {
            let document = session.document.as_ref().ok_or("open a model first, then draw")?;
            let input = Input::Drawing(picture);
            document.arrays(&input)?;
            state.input = input;
        }
        Command::Text(texts) => {
            let document = session.document.as_ref();
            let document = document.ok_or("open a model first, then give it text")?;
            document.feed(&texts)?;
            state.input = Input::Text(texts.into());
        }
        Command::Tokenizer(sources) => {
            let job = Job::Tokenizer(sources);
            session.worker.submit(session.ticket, session.budget, job);
        }
        Command::Bind(symbol, size) => {
            let document = session.document.as_mut().ok_or("nothing is open")?;
            document.bind(symbol, size);
            session.place();
        }
        Command::Sample(index) => {
            let samples = session.document.as_ref().and_then(|d| d.samples.as_ref());
            let count = samples.map_or(0, |s| s.len());
            if index >= count {
                return Err(format!("sample {index} of {count} was asked for"));
            }
            state.input = Input::Sample(index);
        }
        Command::Select(None) => (state.selection, state.connection) = (None, None),
        Command::Connection { tensor, from, to } => {
            let document = session.document.as_ref().ok_or("nothing is open")?;
            let found = document.connection(&tensor, &from, &to);
            let missing = || format!("no connection shown carries {tensor:?} from {from:?} to {to:?}");
            state.connection = Some(found.ok_or_else(missing)?);
            state.selection = None;
        }
        Command::Select(Some(name)) => {
            state.connection = None;
            let document = session.document.as_ref().ok_or("nothing is open")?;
            state.selection = Some(match document.find(&name) {
                Some(node) => node,
                None => {
                    let layer = document.layer(&name)?;
                    state.folds.reveal(&document.network, layer);
                    layer
                }
            });
        }
        Command::Collapse(ref path) | Command::Expand(ref path) | Command::Spread(ref path) => {
            let document = session.document.as_ref();
            let document = document.ok_or_else(|| format!("{path}: nothing is open"))?;
            let scope = document.scope(path);
            let scope = scope.ok_or_else(|| format!("there is no scope {path:?}"))?;
            let scopes = &document.network.scopes;
            match command {
                Command::Collapse(_) => state.folds.collapse(scopes, scope),
                Command::Expand(_) => state.folds.expand(scopes, scope),
                _ => state.folds.spread(scope),
            }
        }
        Command::CollapseAll => {
            let document = session.document.as_ref();
            state.folds = document
                .map(|d| crate::folds::outermost(&d.network))
                .unwrap_or_default();
            session.goal = (session.goal.0 + 1, Goal::Home);
        }
        Command::Arrange(arrangement) => {
            state.arrangement = arrangement;
            session.goal = (session.goal.0 + 1, Goal::Home);
        }
        Command::ExpandAll => {
            state.folds = Default::default();
            session.goal = (session.goal.0 + 1, Goal::Home);
        }
        Command::Play => {
            let (begin, done) = match state.backward {
                false => (0.0, state.playhead >= end),
                true => (end, state.playhead <= 0.0),
            };
            if done {
                state.playhead = begin;
            }
            session.playing = true;
        }
        Command::Pause => session.playing = false,
        Command::Seek(to) if to.is_finite() => state.playhead = to.clamp(0.0, end),
        Command::Seek(to) => return Err(format!("the playhead cannot go to {to}")),
        Command::Step(by) => {
            session.playing = false;
            state.playhead = (state.playhead.round() + by as f32).clamp(0.0, end);
        }
        Command::Speed(speed) if speed.is_finite() => state.speed = speed.clamp(0.1, 10.0),
        Command::Speed(speed) => {
            return Err(format!(
                "the flow cannot go at speed {speed}: 0.1 to 10 is expected"
            ));
        }
        Command::Loop(on) => state.looping = on,
        Command::Backward(on) => {
            state.backward = on;
            state.playhead = if on { 0.0 } else { end };
        }
        Command::Unit(unit) => state.unit = unit,
        Command::Attend(Some(attend)) => {
            let document = session.document.as_ref().ok_or("nothing is open")?;
            let site = document.site_of(&attend.layer);
            site.ok_or_else(|| format!("{:?} is no attention of this network", attend.layer))?;
            state.attend = Some(attend);
        }
        Command::Attend(None) => state.attend = None,
        Command::Ablate(heads) => {
            let document = session.document.as_ref().ok_or("nothing is open")?;
            heads.iter().try_for_each(|head| document.can_ablate(head))?;
            state.ablated = heads;
            state.ablated.sort();
            state.ablated.dedup();
        }
        Command::Cell(Some(cell)) => {
            let document = session.document.as_ref().ok_or("nothing is open")?;
            let layer = document.source.layer_named(&cell.layer);
            let layer = layer.ok_or_else(|| format!("there is no layer {:?}", cell.layer))?;
            let size = document.shape_of(layer).map(|s| s.iter().product::<usize>());
            if size.is_some_and(|size| cell.place >= size) {
                let size = size.unwrap_or_default();
                return Err(format!(
                    "number {} of {size} of {:?} was asked for",
                    cell.place, cell.layer
                ));
            }
            // The way back through a large graph is too long for every frame.
            session.cell_reads = probe::arithmetic::reads(&document.source, layer);
            session.cell = Some(cell);
            session.fetch_usual();
        }
        Command::Cell(None) => session.cell = None,
        Command::Softmax(on) => state.softmax = on,
        Command::Trail(Some(_)) if state.selection.is_none() => {
            return Err("select a layer first, then its paths".into());
        }
        Command::Trail(way) => state.trail = way,
        Command::Light(on) => state.light = on,
        Command::Paint(paint) => state.paint = paint,
        Command::Ask(question) => return crate::asking::apply(session, question),
        Command::Learn(lesson) => return crate::learning::apply(session, lesson),
        Command::Project(wanted) => return cloud::apply(session, wanted),
        Command::Group(clusters) => return cloud::group(session, clusters),
        Command::Board(board) => state.board = board,
        Command::History(source) => session.follow_history(source.as_ref()),
        Command::Color(quantity) => state.color = quantity,
        Command::Size(quantity) => state.size = quantity,
        Command::Labels(share) if share.is_finite() => state.labels = share.clamp(0.0, 1.0),
        Command::Labels(share) => {
            return Err(format!(
                "{share} of the names cannot be written: 0 to 1 is expected"
            ));
        }
        Command::Look(goal) => {
            let problem = match &goal {
                Goal::Pose(pose) => pose.problem(),
                Goal::Bookmark(name) if state.bookmark(name).is_none() => {
                    Some(format!("there is no bookmark {name:?}"))
                }
                _ => None,
            };
            if let Some(problem) = problem {
                return Err(problem);
            }
            session.goal = (session.goal.0 + 1, goal);
        }
        Command::Fly(on) => session.view.fly = on,
        Command::Follow(on) => session.view.follow = on,
        Command::Bookmark(bookmark) => {
            if let Some(problem) = bookmark.pose.problem() {
                return Err(problem);
            }
            match state.bookmarks.iter_mut().find(|b| b.name == bookmark.name) {
                Some(known) => *known = bookmark,
                None => state.bookmarks.push(bookmark),
            }
        }
        Command::Forget(name) => state.bookmarks.retain(|b| b.name != name),
        Command::Tour(tour) => {
            session.tour = tour.map(|t| (t.into(), 0, 0.0));
            crate::tour::begin(session);
        }
        Command::Stop(stop) => {
            if let Some((tour, at, time)) = &mut session.tour
                && stop < tour.stops.len()
            {
                (*at, *time) = (stop, 0.0);
                session.arriving = true;
            }
        }
        Command::Measure => {
            session
                .worker
                .submit(session.ticket, session.budget, Job::Measure);
        }
        Command::Cancel if session.worker.cancel() => session.say(Level::Info, "cancelled"),
        Command::Cancel => (),
        // The session itself travels in time, and remembers.
        Command::Undo | Command::Redo | Command::Keep(_) => (),
    }
    Ok(())
}
