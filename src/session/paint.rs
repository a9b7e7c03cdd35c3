//! How values are coloured.

use serde::{Deserialize, Serialize};

/// Which values share the two ends of the colour map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    /// Those of one layer.
    #[default]
    Layer,
    /// Those of the whole network: the same colour is the same value everywhere.
    Network,
    /// Those of one channel, where channels are open; else those of one layer.
    Channel,
}

impl Range {
    /// All choices, each with its words.
    pub const ALL: [(Range, &'static str); 3] = [
        (Range::Layer, "each layer"),
        (Range::Network, "whole network"),
        (Range::Channel, "each channel"),
    ];
}

/// How values are coloured. What a file does not state is as at first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paint {
    /// Sequential map: 0 viridis, 1 magma, 2 cividis, 3 grey.
    pub map: u32,
    /// Values lose their sign.
    pub magnitude: bool,
    /// Which values share a range.
    pub range: Range,
    /// Percent of the values that a range leaves out at each end, so that single outliers do not
    /// flatten the rest; 0 reaches from the least to the greatest.
    pub cut: f32,
    /// Channel tiles by their mean, largest first.
    pub sorted: bool,
}

impl Paint {
    /// Cuts to choose from, percent.
    pub const CUTS: [f32; 5] = [0.0, 0.5, 1.0, 2.0, 5.0];
}

impl Default for Paint {
    fn default() -> Self {
        Paint {
            map: 0,
            magnitude: false,
            range: Range::default(),
            cut: 0.5,
            sorted: false,
        }
    }
}
