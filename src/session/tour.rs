//! Guided tours: stops with captions, each a list of commands.

use serde::{Deserialize, Serialize};

use crate::{Command, Level, Session};

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

/// The tour of the built-in model.
pub const DEMO: &str = include_str!("../../scenes/demo.ron");

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

/// Does what the present stop says.
pub(crate) fn arrive(session: &mut Session) {
    let Some((tour, stop, _)) = &session.tour else {
        return;
    };
    let commands = tour.stops[*stop].commands.clone();
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
    let Some((tour, stop, time)) = &mut session.tour else {
        return;
    };
    *time += dt;
    if *time >= tour.stops[*stop].seconds && *stop + 1 < tour.stops.len() {
        (*stop, *time) = (*stop + 1, 0.0);
        arrive(session);
    }
}
