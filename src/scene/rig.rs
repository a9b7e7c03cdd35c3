//! The camera on its way: goals send it, the flow leads it, and it moves with ease.

use glam::{Vec2, Vec3};
use layout::{Layout, Node, Volume};
use session::{Goal, Session};

use crate::camera::{Camera, Margins};
use crate::fly::{Fly, Hands};
use crate::tiles::Tile;

/// Seconds that the camera takes to a goal.
const FLIGHT: f32 = 0.9;

/// Seconds after which a following camera has done about two thirds of its way.
const LAG: f32 = 0.5;

/// Width of what a following camera sees, in scene units; a nearer one stays where it is.
const FOLLOWED: f32 = 22.0;

/// A camera that follows the session's goals.
#[derive(Default)]
pub struct Rig {
    /// As it stands in this frame.
    pub camera: Camera,
    /// The goal that it was last sent to.
    sent: Option<u64>,
    /// The size of the picture and the layout that it was last aimed for.
    aimed: (Vec2, u64),
    /// Since a hand has moved it, a new size or layout leaves it alone.
    held: bool,
    flight: Option<Flight>,
    fly: Fly,
}

struct Flight {
    from: Camera,
    to: Camera,
    seconds: f32,
}

impl Rig {
    /// Moves on by `dt` seconds, towards a new goal where there is one. Waits while the picture
    /// has no size or the network no layout.
    pub fn update(&mut self, session: &Session, tiles: &[Tile], size: Vec2, dt: f32) {
        let (number, goal) = &session.goal;
        let aim = (size, session.document.as_ref().map_or(0, |d| d.placed));
        let sent = self.sent == Some(*number);
        let kept = self.held || *goal != Goal::Home || (session.view.follow && session.playing);
        if size.min_element() > 0.0
            && (!sent || (!kept && self.aimed != aim))
            && let Some(to) = self.seen_from(session, goal, tiles, size)
        {
            // The first look is there at once, and what only changes its size stays framed.
            let at_once = self.sent.is_none() || (sent && self.aimed.1 == aim.1);
            let from = self.camera;
            match &mut self.flight {
                Some(flight) if sent && at_once => flight.to = to,
                flight => {
                    let seconds = if at_once { FLIGHT } else { 0.0 };
                    *flight = Some(Flight { from, to, seconds });
                }
            }
            self.sent = Some(*number);
            self.aimed = aim;
            self.held = false;
        }
        if let Some(flight) = &mut self.flight {
            flight.seconds += dt;
            let share = (flight.seconds / FLIGHT).min(1.0);
            self.camera = between(&flight.from, &flight.to, share);
            if share >= 1.0 {
                self.flight = None;
            }
        } else if session.view.follow && session.playing {
            self.follow(session, size, dt);
        }
    }

    /// A hand has taken the camera and holds it there.
    pub fn hold(&mut self, camera: Camera) {
        self.flight = None;
        self.held = true;
        self.camera = camera;
    }

    /// Flies freely for `dt` seconds.
    pub fn fly(&mut self, hands: &Hands, dt: f32) {
        let next = self.fly.step(&self.camera, hands, dt);
        if *hands != Hands::default() {
            self.flight = None;
            self.held = true;
        }
        if self.flight.is_none() {
            self.camera = next;
        }
    }

    /// Brings the flow's front to the middle, and near enough to see what happens there.
    fn follow(&mut self, session: &Session, size: Vec2, dt: f32) {
        let front = session.layout().and_then(|l| front(l, session.state.playhead));
        let Some(front) = front.filter(|_| size.min_element() > 0.0) else {
            return;
        };
        let share = 1.0 - (-dt / LAG).exp();
        let near = 0.5 * FOLLOWED / ((self.camera.fov / 2.0).tan() * size.x / size.y);
        self.camera.target = self.camera.target.lerp(front, share);
        if self.camera.distance > near {
            self.camera.distance *= (near / self.camera.distance).powf(share);
        }
    }

    /// Where the camera stands for `goal`.
    fn seen_from(&self, session: &Session, goal: &Goal, tiles: &[Tile], size: Vec2) -> Option<Camera> {
        let layout = session.layout().filter(|l| !l.volumes.is_empty())?;
        let state = &session.state;
        match goal {
            Goal::Pose(pose) => return Some(Camera::at(*pose)),
            Goal::Bookmark(name) => return state.bookmark(name).map(|b| Camera::at(b.pose)),
            Goal::Home | Goal::Selection => (),
        }
        let ends = state.connection.map(|c| [c.from, c.to]);
        // An open scope is all that it holds.
        let network = session.document.as_ref().map(|d| &d.network)?;
        let within = |v: &Volume| match (state.selection, v.node) {
            (Some(Node::Scope(scope)), Node::Layer(layer)) => {
                let mut around = network.scopes.ancestors(network.layer(layer).scope);
                around.any(|a| a == scope)
            }
            (Some(Node::Scope(scope)), Node::Scope(inner)) => {
                network.scopes.ancestors(inner).any(|a| a == scope)
            }
            (Some(node), other) => node == other,
            (None, other) => ends.is_some_and(|e| e.contains(&other)),
        };
        let volumes: Vec<&Volume> = layout.volumes.iter().filter(|v| within(v)).collect();
        if *goal == Goal::Home || volumes.is_empty() {
            return Some(match layout.arrangement.flat() {
                true => Camera::front(&outline(layout), size),
                false => Camera::overview(&outline(layout), layout.bounds, size),
            });
        }
        let mut points: Vec<Vec3> = Vec::new();
        for volume in volumes {
            let room = Vec3::splat(0.35 * volume.size.length().max(1.0));
            points.extend(corners(volume.min() - room, volume.max() + room));
        }
        for tile in tiles {
            // Room below each for its number.
            let foot = Vec3::Y * 0.3;
            points.extend(corners(
                tile.center - tile.size / 2.0 - foot,
                tile.center + tile.size / 2.0,
            ));
        }
        let (yaw, pitch) = match layout.arrangement.flat() {
            true => (0.0, 0.0),
            false => (-0.25, 0.12),
        };
        let mut camera = Camera {
            yaw,
            pitch,
            ..self.camera
        };
        let margins = Margins {
            left: 40.0,
            right: 40.0,
            top: if session.tour.is_some() { 96.0 } else { 56.0 },
            bottom: 64.0,
        };
        camera.frame(&points, size, margins);
        Some(camera)
    }
}

/// The flow's front at `playhead`: the middle of the volumes that it passes, and on to the next.
fn front(layout: &Layout, playhead: f32) -> Option<Vec3> {
    let last = layout.volumes.iter().map(|v| v.rank).max()?;
    let rank = (playhead.max(0.0) as u32).min(last);
    let middle = |rank: u32| {
        let column = layout.volumes.iter().filter(|v| v.rank == rank);
        let (sum, count) = column.fold((Vec3::ZERO, 0.0), |(s, n), v| (s + v.center, n + 1.0));
        (count > 0.0).then(|| sum / count)
    };
    let here = middle(rank)?;
    let next = middle((rank + 1).min(last)).unwrap_or(here);
    Some(here.lerp(next, (playhead - rank as f32).clamp(0.0, 1.0)))
}

/// What an overview has to show: corners of all volumes and links.
fn outline(layout: &Layout) -> Vec<Vec3> {
    let boxes = layout.volumes.iter().flat_map(|v| corners(v.min(), v.max()));
    boxes
        .chain(layout.links.iter().flat_map(|l| l.path.iter().copied()))
        .collect()
}

fn corners(min: Vec3, max: Vec3) -> impl Iterator<Item = Vec3> {
    (0..8).map(move |i| Vec3::select(glam::BVec3::new(i & 1 == 0, i & 2 == 0, i & 4 == 0), min, max))
}

/// The camera at `share` of the way: slow at both ends, zooming evenly.
fn between(from: &Camera, to: &Camera, share: f32) -> Camera {
    use std::f32::consts::{PI, TAU};
    if share >= 1.0 {
        return *to;
    }
    let t = share * share * (3.0 - 2.0 * share);
    let turn = (to.yaw - from.yaw + PI).rem_euclid(TAU) - PI;
    Camera {
        target: from.target.lerp(to.target, t),
        yaw: from.yaw + turn * t,
        pitch: from.pitch + (to.pitch - from.pitch) * t,
        distance: from.distance * (to.distance / from.distance).powf(t),
        fov: to.fov,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_turns_the_short_way_and_arrives() {
        let from = Camera {
            yaw: 3.0,
            ..Camera::default()
        };
        let to = Camera {
            yaw: -3.0,
            distance: 40.0,
            target: Vec3::X,
            ..from
        };
        let half = between(&from, &to, 0.5);
        assert!((half.yaw - std::f32::consts::PI).abs() < 1e-4, "{}", half.yaw);
        assert!((half.distance - 20.0).abs() < 1e-3);
        assert_eq!(between(&from, &to, 1.0), to);
    }
}
