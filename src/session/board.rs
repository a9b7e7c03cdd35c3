//! How training histories are shown: which runs, which charts, along what, how smooth.

use std::collections::{BTreeMap, BTreeSet};

use analyze::Smoothing;
use serde::{Deserialize, Serialize};

/// What a chart's x axis is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Along {
    /// The recorded step.
    #[default]
    Step,
    /// Seconds since the run's first point.
    Relative,
    /// Time of day.
    Wall,
}

impl Along {
    /// All, in the order of menus.
    pub const ALL: [Along; 3] = [Along::Step, Along::Relative, Along::Wall];

    /// For menus and axes.
    pub fn name(self) -> &'static str {
        match self {
            Along::Step => "step",
            Along::Relative => "relative time",
            Along::Wall => "wall time",
        }
    }
}

/// What runs are coloured and averaged by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grouping {
    /// Each run by itself.
    #[default]
    Run,
    /// The folder that a run stands in.
    Folder,
    /// The same value of this hyperparameter.
    Setting(String),
}

/// Settings of the dashboard; undo brings them back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Board {
    /// X axis of all charts.
    pub along: Along,
    /// How curves are smoothed; the raw ones stay, faint.
    pub smoothing: Smoothing,
    /// Leaves outliers out of the y range.
    pub clip: bool,
    /// Which runs are listed and drawn.
    pub filter: String,
    /// Which charts are shown: part of the metric's name.
    pub search: String,
    /// Parts of the axes of hyperparameters and results that runs must stand in, 0 to 1 of each axis.
    pub brushes: BTreeMap<String, [f32; 2]>,
    /// Runs that are not drawn, by name.
    pub hidden: BTreeSet<String>,
    /// The run whose curves stand out, by name.
    pub chosen: Option<String>,
    /// The step that the scene and the panel of layers show; `None`: the last one.
    pub moment: Option<i64>,
    /// Metrics whose charts come first.
    pub pinned: Vec<String>,
    /// Metrics with a logarithmic y axis.
    pub log: BTreeSet<String>,
    /// The x axis is logarithmic.
    pub log_x: bool,
    /// Groups of charts that are closed.
    pub closed: BTreeSet<String>,
    /// What runs are coloured by.
    pub grouping: Grouping,
    /// Draws the mean of each group with its confidence band, instead of the runs.
    pub band: bool,
    /// Width of a chart, points.
    pub width: f32,
    /// Height of a chart, points.
    pub height: f32,
    /// Charts of a size of their own by metric: columns, and height in points.
    pub sizes: BTreeMap<String, (u8, f32)>,
    /// The metric that the table sorts runs by; largest first where true.
    pub sort: Option<(String, bool)>,
    /// What the user wrote about a run, by its name.
    pub notes: BTreeMap<String, String>,
}

impl Default for Board {
    fn default() -> Self {
        Board {
            along: Along::Step,
            smoothing: Smoothing::Exponential { weight: 0.6 },
            clip: true,
            filter: String::new(),
            search: String::new(),
            brushes: BTreeMap::new(),
            hidden: BTreeSet::new(),
            chosen: None,
            moment: None,
            pinned: Vec::new(),
            log: BTreeSet::new(),
            log_x: false,
            closed: BTreeSet::new(),
            grouping: Grouping::default(),
            band: false,
            width: 320.0,
            height: 200.0,
            sizes: BTreeMap::new(),
            sort: None,
            notes: BTreeMap::new(),
        }
    }
}

impl Board {
    /// True when this differs from `other` by what is dragged or typed alone: one step of undo,
    /// however many places it passes.
    pub(crate) fn adjusts(&self, other: &Board) -> bool {
        let same = Board {
            smoothing: other.smoothing,
            filter: other.filter.clone(),
            brushes: other.brushes.clone(),
            search: other.search.clone(),
            width: other.width,
            height: other.height,
            sizes: other.sizes.clone(),
            notes: other.notes.clone(),
            moment: other.moment,
            ..self.clone()
        };
        self != other && same == *other
    }
}
