//! A session as it stands in the scene in this frame: the one way from state to what is drawn.

use std::sync::Arc;

use glam::{Vec2, Vec3};
use gpu::{Segment, Slot};
use layout::{Layout, Node, Way};
use model::Trace;
use session::{Connection, Document, Paint, Session};

use crate::hover::Hover;
use crate::ranges::Ranges;
use crate::rig::Rig;
use crate::tiles::Tile;
use crate::{Display, Look, Theme, compose, frames, hover, links, marks, tiles, tint, transition};

/// Seconds that volumes take to their new places.
const MOVE: f32 = 0.6;

/// What stands where, and who looks at it. The window and a headless picture share it.
#[derive(Default)]
pub struct Stage {
    /// The layout as it stands in this frame.
    pub layout: Arc<Layout>,
    /// Where its links run, corners rounded.
    paths: Vec<Vec<Vec3>>,
    /// Open channels of the selection.
    pub tiles: Vec<Tile>,
    opened: Option<Opened>,
    /// What the pointer is over.
    pub hover: Hover,
    /// The camera.
    pub rig: Rig,
    /// Colour ranges.
    pub ranges: Ranges,
    /// The layout that is shown, or on its way.
    placed: Option<Arc<Layout>>,
    /// Origins of the volumes on their way to it, and seconds since it came.
    moving: Option<(Vec<(Vec3, Vec3)>, f32)>,
    /// Lit paths, with what they are of.
    trail: Option<(Trail, Arc<[bool]>)>,
    /// Colours of whole volumes.
    tint: tint::Kept,
    /// Since the start.
    seconds: f32,
}

/// A layout by its number, a volume of it, and the paths of that volume.
type Trail = (u64, usize, Way);

impl Stage {
    /// Follows the session by `dt` seconds: volumes move, channels open, the camera flies.
    /// `size` is that of the picture, points.
    pub fn update(&mut self, session: &Session, dt: f32, size: Vec2) {
        self.seconds += dt;
        self.place(session, dt);
        self.open(session);
        self.follow(session);
        if let Some(document) = &session.document {
            self.ranges.update(session, document);
            self.tint.update(session, document);
        }
        self.rig.update(session, &self.tiles, size, dt);
    }

    /// Moves volumes towards the session's layout.
    fn place(&mut self, session: &Session, dt: f32) {
        let Some(document) = &session.document else {
            return;
        };
        let known = self.placed.as_ref();
        if known.is_none_or(|p| !Arc::ptr_eq(p, &document.layout)) {
            if known.is_some_and(|p| p.volumes != document.layout.volumes) {
                let origins = transition::origins(&document.network, &self.layout, &document.layout);
                self.moving = Some((origins, 0.0));
            }
            self.placed = Some(document.layout.clone());
            self.layout = document.layout.clone();
            self.paths = links::paths(&self.layout);
        }
        if let Some((origins, seconds)) = &mut self.moving {
            *seconds += dt;
            let share = *seconds / MOVE;
            self.layout = match share < 1.0 {
                true => transition::between(&document.layout, origins, share).into(),
                false => document.layout.clone(),
            };
            self.paths = links::paths(&self.layout);
            if share >= 1.0 {
                self.moving = None;
            }
        }
    }

    /// Opens the selection's channels, where they are not open already.
    fn open(&mut self, session: &Session) {
        // A diagram has no room for them; lit paths and quantities are seen as a whole.
        let state = &session.state;
        let room = self.moving.is_none()
            && !state.arrangement.flat()
            && state.trail.is_none()
            && state.color.is_none();
        let document = session.document.as_ref().filter(|_| room);
        let wanted = document.map(|document| Opened {
            layout: document.layout.clone(),
            passed: document.passed,
            selection: session.state.selection,
            backward: session.state.backward,
            paint: session.state.paint,
        });
        if wanted == self.opened {
            return;
        }
        self.opened = wanted;
        self.tiles.clear();
        let Some(document) = document else {
            return;
        };
        let selection = session.state.selection;
        let volume = document.layout.volumes.iter().find(|v| selection == Some(v.node));
        let trace = trace(session, document);
        let values = volume.and_then(|v| trace?.tensors.get(&v.tensor?)?.host());
        if let (Some(volume), Some(values)) = (volume, values) {
            self.tiles = tiles::tiles(&document.layout, volume, values, session.state.paint);
        }
    }

    /// Finds the lit paths, where they are not known already.
    fn follow(&mut self, session: &Session) {
        let state = &session.state;
        let wanted = session.document.as_ref().and_then(|document| {
            let volumes = &document.layout.volumes;
            let volume = volumes.iter().position(|v| Some(v.node) == state.selection)?;
            Some((document.placed, volume, state.trail?))
        });
        if wanted == self.trail.as_ref().map(|t| t.0) {
            return;
        }
        let layout = session.layout();
        self.trail = wanted
            .zip(layout)
            .map(|(of, layout)| (of, layout.reached(of.1, of.2).into()));
    }

    /// Notes what lies under `at`, a point of a picture of `size` points.
    pub fn point(&mut self, session: &Session, at: Option<Vec2>, size: Vec2) {
        self.hover = match at.filter(|_| session.document.is_some()) {
            Some(at) => {
                let link = links::under(&self.paths, &self.rig.camera, at, size);
                let chosen = self.look(session).selected;
                let tiles = chosen.map(|volume| (volume, &self.tiles[..]));
                hover::under(&self.layout, tiles, link, self.rig.camera.ray(at, size))
            }
            None => Hover::Nothing,
        };
    }

    /// What changes from frame to frame without a new layout.
    pub fn look(&self, session: &Session) -> Look {
        let state = &session.state;
        let volume = |n| self.layout.volumes.iter().position(|v| v.node == n);
        let link = |c: Connection| {
            let ends = (volume(c.from)?, volume(c.to)?);
            self.layout
                .links
                .iter()
                .position(|l| (l.from, l.to) == ends && l.tensor == c.tensor)
        };
        let lit = session.document.as_ref().is_some_and(|d| d.trace.is_some());
        Look {
            playhead: lit.then_some(state.playhead),
            backward: state.backward,
            selected: state.selection.and_then(volume),
            hovered: self.hover.volume(),
            link: state.connection.and_then(link),
            hovered_link: match self.hover {
                Hover::Link(link) => Some(link),
                _ => None,
            },
            theme: theme(session),
            map: state.paint.map,
            magnitude: state.paint.magnitude,
            trail: self.trail.as_ref().map(|t| t.1.clone()),
            tint: self.tint.get().cloned(),
        }
    }

    /// Boxes to draw: volumes and open channels.
    pub fn boxes(&self, session: &Session, display: &Display) -> Vec<(gpu::Volume, Option<Slot>)> {
        let look = self.look(session);
        let mut boxes = compose::boxes(&self.layout, display, &self.ranges, &look);
        if let Some(volume) = look.selected.map(|v| &self.layout.volumes[v]) {
            let paint = (&look, session.state.paint);
            boxes.extend(tiles::boxes(volume, &self.tiles, display, &self.ranges, paint));
        }
        boxes
    }

    /// Ribbons to draw: connections, and on the input what the hovered cell sees.
    pub fn segments(&self, session: &Session) -> Vec<Segment> {
        let mut segments = frames::segments(&self.layout, theme(session));
        segments.extend(links::ribbons(&self.layout, &self.paths, &self.look(session)));
        if let Some(document) = &session.document {
            segments.extend(marks::edges(&self.layout, document, theme(session)));
        }
        if let (Some(document), Some((volume, cell))) = (&session.document, self.hover.cell())
            && let Some(volume) = self.layout.volumes.get(volume)
        {
            if let Some(tile) = self.tiles.iter().find(|t| self.hover.tile() == Some(t.channel)) {
                segments.extend(tiles::outline(tile));
            }
            for patch in hover::field(document, volume, cell) {
                let input = Node::Input(patch.input);
                if let Some(input) = self.layout.volumes.iter().find(|v| v.node == input) {
                    segments.extend(compose::frame(input, patch.columns, patch.rows));
                }
            }
        }
        segments
    }

    /// The camera and frame for a picture of `size` pixels, `scale` of them to a point.
    pub fn view(&self, session: &Session, size: Vec2, scale: f32) -> gpu::View {
        let (min, max) = session.layout().map_or_else(Default::default, |l| l.bounds);
        crate::view(
            &self.rig.camera,
            size,
            scale,
            self.seconds,
            theme(session),
            (max - min).length(),
        )
    }
}

/// What open channels depend on.
struct Opened {
    layout: Arc<Layout>,
    passed: u64,
    selection: Option<Node>,
    backward: bool,
    paint: Paint,
}

impl PartialEq for Opened {
    fn eq(&self, other: &Self) -> bool {
        let rest = |o: &Opened| (o.passed, o.selection, o.backward, o.paint);
        Arc::ptr_eq(&self.layout, &other.layout) && rest(self) == rest(other)
    }
}

/// Dark or light, as the session says.
pub fn theme(session: &Session) -> Theme {
    match session.state.light {
        true => Theme::Light,
        false => Theme::Dark,
    }
}

/// What volumes show now: activations, or gradients once these are there.
pub fn trace<'a>(session: &Session, document: &'a Document) -> Option<&'a Arc<Trace>> {
    let gradients = document.gradients.as_ref().filter(|_| session.state.backward);
    gradients.or(document.trace.as_ref())
}
