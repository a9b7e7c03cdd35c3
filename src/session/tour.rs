//! Guided tours: stops with captions, each a list of commands.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::{Command, Level, Session, Source};

/// A tour (`scenes/*.ron`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tour {
    /// What it is called.
    pub title: String,
    /// Done before the first stop, usually to open a model.
    pub begin: Vec<Command>,
    /// The stops in order.
    pub stops: Vec<Stop>,
}

/// A place of a tour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Text for the visitor.
    pub caption: String,
    /// How long it is shown, seconds.
    pub seconds: f32,
    /// Done on arrival.
    pub commands: Vec<Command>,
}

/// A tour is text; more is no tour.
const MOST_BYTES: u64 = 1 << 20;

/// The built-in tours, by the name that commands have for them.
pub const TOURS: &[(&str, &str)] = &[
    ("tour", include_str!("../../scenes/demo.ron")),
    ("tour-images", include_str!("../../scenes/images.ron")),
    ("tour-text", include_str!("../../scenes/text.ron")),
];

/// The built-in tour of this name.
///
/// # Errors
/// A sentence with the names that there are.
pub fn built_in(name: &str) -> Result<Tour, String> {
    let found = TOURS.iter().find(|(known, _)| *known == name);
    let names = || TOURS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (_, text) =
        found.ok_or_else(|| format!("there is no tour {name:?}: one of {} is expected", names()))?;
    parse(name, text)
}

/// Reads a tour; `file` is named in errors.
///
/// # Errors
/// Text with the line and column of what is wrong.
pub fn parse(file: &str, text: &str) -> Result<Tour, String> {
    let tour: Tour = ron::from_str(text).map_err(|e| format!("{file}: {e}"))?;
    if tour.stops.is_empty() {
        return Err(format!("{file}: a tour needs at least one stop"));
    }
    match tour
        .stops
        .iter()
        .position(|s| !(s.seconds > 0.0 && s.seconds < 3600.0))
    {
        Some(i) => Err(format!(
            "{file}: stop {i} lasts {} s: 0 to 3600 is expected",
            tour.stops[i].seconds
        )),
        None => Ok(tour),
    }
}

/// Reads a tour from wherever it is.
pub fn read(source: &Source) -> Result<Tour, String> {
    match source {
        Source::File(path) => open(path),
        Source::Bytes { name, bytes } => {
            let text = std::str::from_utf8(bytes).map_err(|e| format!("{name}: {e}"))?;
            parse(name, text)
        }
        Source::Bundled(name) => built_in(name),
        Source::Together(_) => Err(format!("{}: it is no tour", source.name())),
    }
}

/// Reads a tour file. The files that it names lie in its folder or below.
pub fn open(file: &Path) -> Result<Tour, String> {
    let name = file.display().to_string();
    let size = std::fs::metadata(file).map_err(|e| format!("{name}: {e}"))?.len();
    if size > MOST_BYTES {
        return Err(format!(
            "{name}: {size} bytes are more than a tour needs ({MOST_BYTES})"
        ));
    }
    let text = std::fs::read_to_string(file).map_err(|e| format!("{name}: {e}"))?;
    let mut tour = parse(&name, &text)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let stops = tour.stops.iter_mut().flat_map(|s| &mut s.commands);
    for command in tour.begin.iter_mut().chain(stops) {
        if let Command::Open(Source::File(path)) | Command::Feed(Source::File(path)) = command {
            let inside = path
                .components()
                .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
            if !inside {
                let path = path.display();
                return Err(format!(
                    "{name}: {path}: a path inside the tour's folder is expected"
                ));
            }
            *path = folder.join(&path);
        }
    }
    Ok(tour)
}

/// A new tour: what comes before its first stop, and soon the first stop.
pub(crate) fn begin(session: &mut Session) {
    session.arriving = session.tour.is_some();
    let begin = session.tour.as_ref().map(|(tour, ..)| tour.begin.clone());
    act(session, begin.unwrap_or_default());
}

/// Does what the present stop says, once nothing is opened or computed any more.
pub(crate) fn arrive(session: &mut Session) {
    if !session.arriving || session.worker.pending() {
        return;
    }
    session.arriving = false;
    let stop = session
        .tour
        .as_ref()
        .map(|(tour, stop, _)| tour.stops[*stop].commands.clone());
    act(session, stop.unwrap_or_default());
}

fn act(session: &mut Session, commands: Vec<Command>) {
    for command in commands {
        // A tour inside a tour would never end.
        if matches!(command, Command::Tour(_) | Command::Stop(_)) {
            session.say(Level::Error, "a stop of a tour cannot begin another one");
        } else {
            session.apply(command);
        }
    }
}

/// Goes on to the next stop when its time has come; the last one stays.
pub(crate) fn advance(session: &mut Session, dt: f32) {
    arrive(session);
    let Some((tour, stop, time)) = session.tour.as_mut().filter(|_| !session.arriving) else {
        return;
    };
    *time += dt;
    if *time >= tour.stops[*stop].seconds && *stop + 1 < tour.stops.len() {
        (*stop, *time) = (*stop + 1, 0.0);
        session.arriving = true;
        arrive(session);
    }
}
