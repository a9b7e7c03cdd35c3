//! What comes of questions.

use std::sync::Arc;

use probe::Projected;
use probe::attribution::{Curve, Map, Method, Stage, Verdict};
use probe::maximize::Top;

use super::{Maps, Part, Similar};

/// How much each cell of an input speaks for an element of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Id of the method.
    pub method: &'static str,
    /// The element that is explained.
    pub element: usize,
    /// Its value.
    pub score: f32,
    /// As far as it is known.
    pub map: Map,
    /// The input itself, in planes as the map is.
    pub example: Arc<Map>,
    /// The input's name.
    pub input: String,
    /// Where it is a text, its tokens.
    pub tokens: Arc<[String]>,
}

/// What becomes of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crossed {
    /// When cells are taken away, the highest first.
    pub deletion: Curve,
    /// When they are shown, the highest first.
    pub insertion: Curve,
}

/// How a map changes when layer after layer has random weights, from the output down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// As far as it is known.
    pub stages: Vec<Stage>,
    /// Layers in all.
    pub total: usize,
    /// Once all is known.
    pub verdict: Option<Verdict>,
}

/// Pictures on their way to what a part of a layer would like to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Maximized {
    /// The layer.
    pub layer: String,
    /// The part of its output.
    pub part: Part,
    /// Planes, rows and columns of a picture.
    pub shape: [usize; 3],
    /// Each `[C, H, W]`, from 0 to 1.
    pub pictures: Vec<Vec<f32>>,
    /// After each step, the objective of each picture as the network saw it.
    pub history: Vec<Vec<f32>>,
    /// Of the finished pictures, seen as they are.
    pub now: Option<Vec<f32>>,
    /// The example of the data set with the highest objective, and that; `None` without a data set.
    pub best: Option<(usize, f32)>,
}

/// The examples that a layer's channels answer to most.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// The layer.
    pub layer: String,
    /// Of each channel, the best first.
    pub channels: Vec<Vec<Top>>,
    /// Examples that were seen, and all.
    pub seen: [usize; 2],
}

/// A method, and its map or why there is none.
pub type Placed = (&'static Method, Result<Arc<Explained>, String>);

/// A piece of an answer.
pub(crate) enum News {
    Map(Arc<Explained>),
    Every(Vec<Placed>),
    Curves(Arc<Crossed>),
    Sanity(Arc<Checked>),
    Maximize(Arc<Maximized>),
    Examples(Arc<Examples>),
    Layers(Arc<Similar>),
    Maps(Arc<Maps>),
    Project(String, Arc<Projected>),
}
