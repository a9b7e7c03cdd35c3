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

/// Bookmarks by model, those of the model that was last seen first. A model goes by its path, so
/// that it is known again in the next run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept(Vec<(String, Vec<Bookmark>)>);

/// Models whose bookmarks are kept at most.
const MODELS: usize = 200;

impl Kept {
    /// Those of the model in `file`.
    pub fn of(&self, file: &str) -> &[Bookmark] {
        let key = key(file);
        let found = self.0.iter().find(|(name, _)| *name == key);
        found.map_or(&[], |(_, bookmarks)| bookmarks)
    }

    /// Keeps these for the model in `file`, instead of those that were kept.
    pub(crate) fn set(&mut self, file: &str, bookmarks: &[Bookmark]) {
        let key = key(file);
        self.0.retain(|(name, _)| *name != key);
        if !bookmarks.is_empty() {
            self.0.insert(0, (key, bookmarks.to_vec()));
            self.0.truncate(MODELS);
        }
    }

    /// Takes in what `other` has and this has not.
    pub(crate) fn add(&mut self, other: Kept) {
        let known = |name: &String| self.0.iter().any(|(own, _)| own == name);
        let poses = |b: &Bookmark| b.pose.problem().is_none();
        let fresh = other.0.into_iter().filter(|(name, _)| !known(name));
        let fresh = fresh.map(|(name, marks)| (name, marks.into_iter().filter(poses).collect()));
        let fresh: Vec<_> = fresh.collect();
        self.0.extend(fresh);
        self.0.truncate(MODELS);
    }
}

/// Its whole path, wherever the program is started; a name where there is no such file.
fn key(file: &str) -> String {
    std::fs::canonicalize(file).map_or_else(|_| file.to_string(), |path| path.display().to_string())
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
