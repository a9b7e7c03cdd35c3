//! What undo brings back.

use std::sync::Arc;

use layout::{Arrangement, Way};

use crate::{Ablated, Attend, Board, Bookmark, Connection, Folds, Input, Node, Paint, Quantity};

/// What undo brings back.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The selected volume.
    pub selection: Option<Node>,
    /// The selected connection; never together with a volume.
    pub connection: Option<Connection>,
    /// Paths of the selected volume that are lit, the rest faint.
    pub trail: Option<Way>,
    /// Scopes that are closed, and repeats shown once.
    pub folds: Folds,
    /// Volumes in space, or a flat diagram.
    pub arrangement: Arrangement,
    /// How far the flow has come, columns of the layout.
    pub playhead: f32,
    /// The gradients flow instead of the activations, from the output to the input.
    pub backward: bool,
    /// Element of the output that gradients are of; `None`: the largest.
    pub unit: Option<usize>,
    /// What flows through.
    pub input: Input,
    /// Flow speed; 1 takes [`Session::seconds`] from end to end.
    pub speed: f32,
    /// Begin again at the end.
    pub looping: bool,
    /// Scores pass a softmax before they are shown.
    pub softmax: bool,
    /// Light colours.
    pub light: bool,
    /// How values are coloured.
    pub paint: Paint,
    /// Volumes are coloured by it as a whole, instead of by their values.
    pub color: Option<Quantity>,
    /// Volumes are as large as it, instead of as their shapes.
    pub size: Option<Quantity>,
    /// Share of the names that are written beside volumes where there is room: 0 to 1, the most
    /// telling ones first.
    pub labels: f32,
    /// Kept places of the camera.
    pub bookmarks: Vec<Bookmark>,
    /// How training histories are shown.
    pub board: Arc<Board>,
    /// The attention that is looked at.
    pub attend: Option<Attend>,
    /// Heads of attention that are put out.
    pub ablated: Vec<Ablated>,
}

impl State {
    /// The bookmark of this name.
    pub fn bookmark(&self, name: &str) -> Option<&Bookmark> {
        self.bookmarks.iter().find(|b| b.name == name)
    }
}

impl Default for State {
    fn default() -> Self {
        State {
            selection: None,
            connection: None,
            trail: None,
            folds: Folds::default(),
            arrangement: Arrangement::default(),
            playhead: f32::MAX,
            backward: false,
            unit: None,
            input: Input::None,
            speed: 1.0,
            looping: false,
            softmax: true,
            light: false,
            paint: Paint::default(),
            color: None,
            size: None,
            labels: 1.0,
            bookmarks: Vec::new(),
            board: Arc::default(),
            attend: None,
            ablated: Vec::new(),
        }
    }
}
