//! Ways to arrange a network: volumes in space, and three flat diagrams.

use glam::Vec3;
use serde::{Deserialize, Serialize};

use crate::Cells;

/// How a network is arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Arrangement {
    /// Boxes sized by their shapes.
    #[default]
    Volumes,
    /// Equal plates and the connections between them.
    Nodes,
    /// Blocks with their operator, name and shape written inside.
    Blocks,
    /// Bars side by side in the order of execution, as high as their work.
    Strip,
}

impl Arrangement {
    /// Every one, in the order in which they are offered.
    pub const ALL: [Arrangement; 4] = [
        Arrangement::Volumes,
        Arrangement::Nodes,
        Arrangement::Blocks,
        Arrangement::Strip,
    ];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Arrangement::Volumes => "volumes",
            Arrangement::Nodes => "nodes",
            Arrangement::Blocks => "blocks",
            Arrangement::Strip => "strip",
        }
    }

    /// What it shows, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Arrangement::Volumes => "Volumes in space, sized by their shapes",
            Arrangement::Nodes => "Nodes and links, every layer alike",
            Arrangement::Blocks => "A block diagram: operator, name and shape of each layer",
            Arrangement::Strip => "A strip of bars in the order of execution, as high as their FLOPs",
        }
    }

    /// True for diagrams in a plane, which are looked at from the front.
    pub fn flat(self) -> bool {
        self != Arrangement::Volumes
    }
}

/// Thickness of flat boxes, scene units.
pub(crate) const THICKNESS: f32 = 0.08;

/// Size of the box for `cells`, scene units. The strip gives its bars their height later.
pub(crate) fn size(arrangement: Arrangement, cells: &Cells) -> Vec3 {
    match arrangement {
        Arrangement::Volumes => crate::size(cells),
        Arrangement::Nodes => Vec3::new(1.1, 1.1, THICKNESS),
        Arrangement::Blocks => Vec3::new(3.6, 1.5, THICKNESS),
        Arrangement::Strip => Vec3::new(0.3, 0.3, THICKNESS),
    }
}
