//! How the network is looked at: goals of the camera, bookmarks, modes.

use glam::Vec3;
use serde::{Deserialize, Serialize};

/// Where a camera stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// What it looks at, scene units.
    pub target: Vec3,
    /// Turn around the vertical, radians; 0 looks along -z, positive moves the eye towards +x.
    pub yaw: f32,
    /// Height of the eye over the horizontal, radians.
    pub pitch: f32,
    /// Eye to target, scene units.
    pub distance: f32,
}

impl Pose {
    /// What is wrong with a pose that no camera can take.
    pub(crate) fn problem(&self) -> Option<String> {
        let all = [self.yaw, self.pitch, self.distance];
        let fine = all.iter().all(|v| v.is_finite()) && self.target.is_finite();
        (!fine || self.distance <= 0.0).then(|| {
            format!("no camera can stand at {self:?}: finite numbers and a distance above 0 are expected")
        })
    }
}

/// A pose with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bookmark {
    /// What it is called.
    pub name: String,
    /// Where the camera stood.
    pub pose: Pose,
}

/// Where the camera is to go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Goal {
    /// The whole network.
    Home,
    /// The selection.
    Selection,
    /// A place.
    Pose(Pose),
    /// A bookmark, by its name.
    Bookmark(String),
}

/// How the camera is steered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// It flies freely, instead of circling what it looks at.
    pub fly: bool,
    /// It keeps the flow's front in sight while that plays.
    pub follow: bool,
    /// Where it stands; whoever draws the scene writes it each frame.
    #[serde(skip)]
    pub pose: Option<Pose>,
}
