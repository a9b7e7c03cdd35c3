//! What the palette offers.

use model::ScopeId;
use session::{Command, Goal, Quantity, Range, Session, Source};

use crate::colors::MAPS;
use crate::dock::Dock;
use crate::panel::Ask;
use crate::{PANELS, bar, draw, keys};

/// What an entry does.
pub enum Do {
    /// In the session.
    Commands(Vec<Command>),
    /// In the window.
    Ask(Ask),
}

/// A line of the palette.
pub struct Entry {
    /// What is searched.
    pub name: String,
    /// Its key, or its kind.
    pub hint: String,
    /// What it does.
    pub does: Do,
}

/// Commands first, then panels, scopes and layers in flow order.
pub fn all(session: &Session, dock: &Dock) -> Vec<Entry> {
    let mut list = Vec::new();
    let mut add = |name: &str, hint: &str, does: Do| {
        list.push(Entry {
            name: name.into(),
            hint: hint.into(),
            does,
        });
    };
    let one = |command: Command| Do::Commands(vec![command]);
    let state = &session.state;
    add("Open a model…", keys::OPEN, Do::Ask(Ask::OpenModel));
    add("Open a training history…", "", Do::Ask(Ask::OpenHistory));
    if cfg!(not(target_arch = "wasm32")) {
        add(
            "Open a folder of training histories…",
            "",
            Do::Ask(Ask::OpenHistoryFolder),
        );
    }
    if session.histories.is_some() {
        add("Close the training history", "", one(Command::History(None)));
        add("Save a report of the training", "", Do::Ask(Ask::Curves("html")));
    }
    add(
        "Open Fashion-MNIST",
        "built in",
        one(Command::Open(Source::Bundled("fashion-mnist".into()))),
    );
    if let Some(document) = &session.document {
        add("Open an input…", "", Do::Ask(Ask::OpenInput));
        match session.playing {
            true => add("Pause", "Space", one(Command::Pause)),
            false => add("Play the flow", "Space", one(Command::Play)),
        }
        add("One layer back", "Left", one(Command::Step(-1)));
        add("One layer on", "Right", one(Command::Step(1)));
        add("To the beginning of the flow", "", one(Command::Seek(0.0)));
        add(
            "To the end of the flow",
            "",
            one(Command::Seek(session.columns())),
        );
        match state.backward {
            true => add("Show activations", "G", one(Command::Backward(false))),
            false => add("Show gradients", "G", one(Command::Backward(true))),
        }
        add("Look at the whole network", "H", one(Command::Look(Goal::Home)));
        add("Look at the selection", "F", one(Command::Look(Goal::Selection)));
        add("Select nothing", "Escape", one(Command::Select(None)));
        add("Collapse all scopes", "C", one(Command::CollapseAll));
        add("Expand all scopes", "E", one(Command::ExpandAll));
        for (name, command) in folds(session) {
            add(&name, "", one(command));
        }
        if state.selection.is_some() {
            for way in layout::Way::ALL {
                let name = format!("Paths {} of the selection", way.name());
                add(&name, "P", one(Command::Trail(Some(way))));
            }
        }
        if state.trail.is_some() {
            add("No paths of the selection", "P", one(Command::Trail(None)));
        }
        for (number, other) in (1..).zip(layout::Arrangement::ALL) {
            if other != state.arrangement {
                add(
                    &format!("Show as {}", other.name()),
                    &format!("Shift+{number}"),
                    one(Command::Arrange(other)),
                );
            }
        }
        match session.view.fly {
            true => add("Circle with the camera", "V", one(Command::Fly(false))),
            false => add("Fly freely with the camera", "V", one(Command::Fly(true))),
        }
        match session.view.follow {
            true => add("Stop following the flow", "B", one(Command::Follow(false))),
            false => add("Follow the flow with the camera", "B", one(Command::Follow(true))),
        }
        for bookmark in &state.bookmarks {
            let goal = Goal::Bookmark(bookmark.name.clone());
            add(
                &format!("Go to bookmark {}", bookmark.name),
                "",
                one(Command::Look(goal)),
            );
            let forget = Command::Forget(bookmark.name.clone());
            add(&format!("Forget bookmark {}", bookmark.name), "", one(forget));
        }
        add("Compare with a model…", "", Do::Ask(Ask::OpenBeside));
        for (i, member) in document.source.members.iter().enumerate() {
            let name = format!("Take {} away from the comparison", member.name);
            add(&name, "", one(Command::Part(i)));
        }
        for (ending, _, name) in bar::EXPORTS {
            add(name, "", Do::Ask(Ask::Export(ending)));
        }
        if draw::possible(document) {
            add("Draw an input", "", Do::Ask(Ask::Show(draw::PANEL.id)));
        }
    }
    add(
        "Open the sentence classifier",
        "built in",
        one(Command::Open(Source::Bundled("sentiment".into()))),
    );
    match session.tour {
        Some(_) => add("End the tour", "", one(Command::Tour(None))),
        None => {
            for tour in bar::tours() {
                let name = format!("Guided tour: {}", tour.title);
                add(&name, "", one(Command::Tour(Some(tour))));
            }
        }
    }
    let (undo, redo) = session.history();
    if undo {
        add("Undo", "Ctrl+Z", one(Command::Undo));
    }
    if redo {
        add("Redo", "Ctrl+Y", one(Command::Redo));
    }
    add(
        if state.light { "Dark theme" } else { "Light theme" },
        "L",
        one(Command::Light(!state.light)),
    );
    add(
        if state.looping {
            "Play once"
        } else {
            "Loop the flow"
        },
        "",
        one(Command::Loop(!state.looping)),
    );
    add(
        if state.softmax {
            "Raw scores"
        } else {
            "Scores as probabilities"
        },
        "",
        one(Command::Softmax(!state.softmax)),
    );
    for (i, (name, _)) in (0u32..).zip(MAPS) {
        let paint = session::Paint {
            map: i,
            ..state.paint
        };
        add(&format!("Colour map: {name}"), "", one(Command::Paint(paint)));
    }
    for (range, words) in Range::ALL {
        let paint = session::Paint { range, ..state.paint };
        add(&format!("Colour range: {words}"), "", one(Command::Paint(paint)));
    }
    let quantities = || std::iter::once(None).chain(Quantity::all().map(Some));
    for quantity in quantities().filter(|q| *q != state.color) {
        let name = format!("Colour by {}", quantity.map_or("values", Quantity::name));
        add(&name, "", one(Command::Color(quantity)));
    }
    for quantity in quantities().filter(|q| *q != state.size) {
        let name = format!("Size by {}", quantity.map_or("shape", Quantity::name));
        add(&name, "", one(Command::Size(quantity)));
    }
    for panel in PANELS {
        add(
            &format!("Show panel: {}", panel.title),
            "",
            Do::Ask(Ask::Show(panel.id)),
        );
        if dock.has(panel.id) {
            add(
                &format!("Close panel: {}", panel.title),
                "",
                Do::Ask(Ask::Close(panel.id)),
            );
        }
    }
    add("Arrange panels as at first", "", Do::Ask(Ask::Rearrange));
    add("Show the keys", keys::HELP, Do::Ask(Ask::Help));
    if let Some(document) = &session.document {
        let network = &document.network;
        let go = |name: &str| {
            Do::Commands(vec![
                Command::Select(Some(name.into())),
                Command::Look(Goal::Selection),
            ])
        };
        for s in (1..network.scopes.scopes.len() as u32).map(ScopeId) {
            let (path, kind) = (network.scopes.path(s), &network.scopes.get(s).kind);
            let kind = if kind.is_empty() { "scope" } else { kind };
            add(&path, kind, go(&path));
        }
        for &l in &network.main().layers {
            let layer = network.layer(l);
            add(&layer.name, &layer.kind, go(&layer.name));
        }
    }
    list
}

/// What can be opened and closed of the selected scope, or of the repeats of a network of few.
fn folds(session: &Session) -> Vec<(String, Command)> {
    const FEW: usize = 12;
    let Some(document) = &session.document else {
        return Vec::new();
    };
    let (scopes, folds) = (&document.network.scopes, &session.state.folds);
    let all = (1..scopes.scopes.len() as u32).map(ScopeId);
    let repeats: Vec<ScopeId> = all.filter(|s| scopes.copies(*s).is_some()).collect();
    let chosen = match session.state.selection {
        Some(layout::Node::Scope(s)) => Some(s),
        _ => None,
    };
    let near = repeats.into_iter().filter(|s| {
        folds
            .around(&document.network, layout::Node::Scope(*s))
            .is_empty()
    });
    let mut list = Vec::new();
    for scope in near
        .take(FEW)
        .chain(chosen.filter(|s| scopes.copies(*s).is_none()))
    {
        let (name, path) = (scopes.label(scope), scopes.path(scope));
        let repeat = scopes.copies(scope).is_some();
        let closed = folds.collapsed.contains(&scope);
        let once = repeat && !closed && folds.once.contains(&scope);
        let open = !closed && !once;
        if !open && repeat {
            list.push((
                format!("Show all copies of {name}"),
                Command::Spread(path.clone()),
            ));
        }
        if closed {
            let what = if repeat { "one copy of " } else { "" };
            list.push((format!("Open {what}{name}"), Command::Expand(path.clone())));
        }
        if !closed {
            let what = if repeat && open {
                "Show one copy of"
            } else {
                "Close"
            };
            list.push((format!("{what} {name}"), Command::Collapse(path)));
        }
    }
    list
}
