//! What a panel is: one value that names it and draws it.

use std::any::{Any, TypeId};
use std::collections::HashMap;

use egui::Ui;
use session::{Command, Session};

use crate::Status;

/// A panel that can be docked, closed and opened again.
pub struct Panel {
    /// Name in the remembered arrangement; never changes.
    pub id: &'static str,
    /// Name on its tab.
    pub title: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// Where it opens.
    pub side: Side,
    /// True when it is part of the first arrangement.
    pub open: bool,
    /// Draws it.
    pub show: fn(&mut Ui, &mut View),
}

/// Where a panel opens, seen from the scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Left, upper part.
    Left,
    /// Left, lower part.
    LeftBelow,
    /// Right, upper part.
    Right,
    /// Right, lower part.
    RightBelow,
    /// Below the scene.
    Below,
    /// Below the scene too, with room for charts.
    Charts,
    /// In the place of the scene, as a tab beside it.
    Middle,
}

/// What a panel reads, and where it asks.
pub struct View<'a> {
    /// What is open.
    pub session: &'a Session,
    /// What the app knows.
    pub status: &'a Status,
    /// What panels remember between frames.
    pub memory: &'a mut Memory,
    /// Commands for the session.
    pub out: &'a mut Vec<Command>,
    /// Wishes about the panels themselves.
    pub asks: &'a mut Vec<Ask>,
}

/// A wish about the window: nothing that the session knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A file dialog for a model.
    OpenModel,
    /// A file dialog for a model beside the one that is open.
    OpenBeside,
    /// A file dialog for a training history.
    OpenHistory,
    /// A dialog for a folder of training histories.
    OpenHistoryFolder,
    /// A file dialog for a picture or arrays.
    OpenInput,
    /// A file dialog for a table of points.
    OpenTable,
    /// The scene as a file with this ending: `png`, `svg` or `pdf`.
    Export(&'static str),
    /// A chart of the cost panel as SVG, by its name.
    Chart(&'static str),
    /// The chart of training curves that the panel remembers, as a file with this ending: `png`,
    /// `svg` or `csv`; `html`: all charts that are shown and the table of runs.
    Curves(&'static str),
    /// Brings a panel to the front, opening it where needed.
    Show(&'static str),
    /// Closes a panel.
    Close(&'static str),
    /// The first arrangement again.
    Rearrange,
    /// The command palette.
    Palette,
    /// The keys.
    Help,
}

/// One value of each type: what a panel keeps is known to that panel alone.
#[derive(Default)]
pub struct Memory(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Memory {
    /// The value of this type, made at first use.
    pub fn of<T: Any + Send + Sync + Default>(&mut self) -> &mut T {
        let slot = self.0.entry(TypeId::of::<T>());
        let slot = slot.or_insert_with(|| Box::<T>::default());
        slot.downcast_mut().expect("the key is the type")
    }
}
