//! A session as it stands in the scene in this frame: the one way from state to what is drawn.

use std::sync::Arc;

use glam::{Vec2, Vec3};
use gpu::{Segment, Slot};
use layout::{Form, Layout, Node, Way};
use model::Trace;
use model::receptive::Patch;
use session::hues::Family;
use session::{Connection, Document, Paint, Session};

use crate::hover::Hover;
use crate::labels::Placed;
use crate::links::Paths;
use crate::ranges::Ranges;
use crate::rig::Rig;
use crate::stood::Stood;
use crate::tiles::Tile;
use crate::tree::Tree;
use crate::{Display, Look, Theme, compose, hover, links, tiles, tint, transition};

/// Seconds that volumes take to their new places.
const MOVE: f32 = 0.6;

/// What stands where, and who looks at it. The window and a headless picture share it.
#[derive(Default)]
pub struct Stage {
    /// The layout as it stands in this frame.
    pub layout: Arc<Layout>,
    /// What follows from it.
    stood: Stood,
    /// Open channels of the selection.
    pub tiles: Vec<Tile>,
    opened: Option<Opened>,
    /// What the pointer is over.
    pub hover: Hover,
    /// What the hovered cell sees of the inputs, with the layout and the cell.
    sees: (Option<Cell>, Vec<Patch>),
    /// The number whose arithmetic is on show: the layout with it, its volume and cell, and what it sees.
    pinned: Option<Pinned>,
    /// The cell that is hovered, and since when, seconds.
    pointed: (Option<Cell>, f32),
    /// The camera.
    pub rig: Rig,
    /// Colour ranges.
    pub ranges: Ranges,
    /// The layout that is shown, or on its way, and where its links run.
    placed: Option<(Arc<Layout>, Arc<Paths>)>,
    /// Origins of the volumes on their way to it, and seconds since it came.
    moving: Option<(Vec<(Vec3, Vec3)>, f32)>,
    /// Lit paths, with what they are of.
    trail: Option<(Trail, Arc<[bool]>)>,
    /// Colours of whole volumes.
    tint: tint::Kept,
    /// Since the start.
    seconds: f32,
}

/// Layers above which a cell's receptive field takes too long to be found in every frame.
const DEEP: usize = 2000;
/// Seconds after which a pointer rests.
const REST: f32 = 0.15;

/// A layout by its number, a volume of it, and a cell of that.
type Cell = (u64, usize, [u32; 3]);
/// A number of a layer with the layout that it was looked up in, its volume and cell, and what that sees.
type Pinned = (
    (u64, session::arithmetic::Cell),
    Option<(usize, [u32; 3])>,
    Vec<Patch>,
);

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
        self.pin(session);
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
        let known = self.placed.as_ref().map(|p| &p.0);
        if known.is_none_or(|p| !Arc::ptr_eq(p, &document.layout)) {
            if known.is_some_and(|p| p.volumes != document.layout.volumes) {
                let origins = transition::origins(&document.network, &self.layout, &document.layout);
                self.moving = Some((origins, 0.0));
            }
            let paths = Arc::new(links::paths(&document.layout));
            self.placed = Some((document.layout.clone(), paths));
            self.stand(document.layout.clone());
        }
        if let Some((origins, seconds)) = &mut self.moving {
            *seconds += dt;
            let share = *seconds / MOVE;
            let layout = match share < 1.0 {
                true => transition::between(&document.layout, origins, share).into(),
                false => document.layout.clone(),
            };
            if share >= 1.0 {
                self.moving = None;
            }
            self.stand(layout);
        }
    }

    /// Shows `layout`, whose links are those of the one that it becomes, or not there yet.
    fn stand(&mut self, layout: Arc<Layout>) {
        let paths = self.placed.as_ref().map(|p| p.1.clone());
        let paths = paths.filter(|p| p.len() == layout.links.len());
        self.stood = Stood::along(paths.unwrap_or_default());
        self.layout = layout;
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
        // Nothing moves, so that the layout stands.
        let volume = selection.and_then(|n| self.stood.volume(&document.layout, n));
        let volume = volume.map(|v| &document.layout.volumes[v]);
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
            let way = state.trail?;
            let volumes = &document.layout.volumes;
            let volume = volumes.iter().position(|v| Some(v.node) == state.selection)?;
            Some((document.placed, volume, way))
        });
        if wanted == self.trail.as_ref().map(|t| t.0) {
            return;
        }
        let layout = session.layout();
        self.trail = wanted
            .zip(layout)
            .map(|(of, layout)| (of, layout.reached(of.1, of.2).into()));
    }

    /// Finds the number whose arithmetic is on show, where it is not known already.
    fn pin(&mut self, session: &Session) {
        let now = session.document.as_ref().zip(session.cell.as_ref());
        let of = now.map(|(document, cell)| (document.placed, cell.clone()));
        if of.as_ref() == self.pinned.as_ref().map(|p| &p.0) {
            return;
        }
        self.pinned = now.zip(of).map(|((document, cell), of)| {
            let node = document.network.layer_named(&cell.layer).map(Node::Layer);
            let volumes = &document.layout.volumes;
            let volume = volumes.iter().position(|v| Some(v.node) == node);
            let found = volume.map(|at| {
                let cells = &volumes[at].cells;
                let along = |i: usize| {
                    (cell.place as u64 / u64::from(cells.strides[i].max(1))
                        % u64::from(cells.counts[i].max(1))) as u32
                };
                (at, [0, 1, 2].map(along))
            });
            let shallow = document.network.main().layers.len() <= DEEP;
            let sees = found.filter(|_| shallow);
            let sees = sees.map(|(at, cell)| hover::field(document, &volumes[at], cell));
            (of, found, sees.unwrap_or_default())
        });
    }

    /// Notes what lies under `at`, a point of a picture of `size` points.
    pub fn point(&mut self, session: &Session, at: Option<Vec2>, size: Vec2) {
        self.hover = match at.filter(|_| session.document.is_some()) {
            Some(at) => {
                let camera = &self.rig.camera;
                let link = links::under(&self.stood.paths, self.stood.links(), camera, at, size);
                let ray = camera.ray(at, size);
                let volume = self.volumes().0.first_hit(ray.0, ray.1);
                let chosen = session.state.selection.and_then(|n| self.volume(n));
                let tiles = chosen.map(|volume| (volume, &self.tiles[..]));
                hover::under(&self.layout, volume, tiles, link, ray)
            }
            None => Hover::Nothing,
        };
        let document = session.document.as_ref();
        let cell = document.zip(self.hover.cell());
        let of = cell.map(|(document, (volume, cell))| (document.placed, volume, cell));
        if of == self.sees.0 {
            return;
        }
        // The way back through a deep network is long: once the pointer rests on a cell.
        let deep = document.is_some_and(|d| d.network.main().layers.len() > DEEP);
        if self.pointed.0 != of {
            self.pointed = (of, self.seconds);
        }
        let rests = self.seconds - self.pointed.1 >= REST;
        if deep && !rests {
            self.sees = (None, Vec::new());
        } else {
            let found = cell.and_then(|(document, (volume, cell))| {
                let volume = self.layout.volumes.get(volume)?;
                Some(hover::field(document, volume, cell))
            });
            self.sees = (of, found.unwrap_or_default());
        }
    }

    /// What the hovered cell sees of the inputs.
    pub fn sees(&self) -> &[Patch] {
        &self.sees.1
    }

    /// The volume of a node, as everything stands now.
    pub(crate) fn volume(&self, node: Node) -> Option<usize> {
        self.stood.volume(&self.layout, node)
    }

    /// Volumes by their place.
    pub(crate) fn volumes(&self) -> &Placed {
        self.stood.volumes(&self.layout)
    }

    /// Families of operators that stand there.
    pub(crate) fn families(&self) -> &[&'static Family] {
        self.stood.families(&self.layout)
    }

    /// Links by their place.
    pub(crate) fn links(&self) -> &Tree {
        self.stood.links()
    }

    /// Where links run.
    pub(crate) fn paths(&self) -> &Paths {
        &self.stood.paths
    }

    /// What changes from frame to frame without a new layout.
    pub fn look(&self, session: &Session) -> Look {
        let state = &session.state;
        let volume = |n| self.volume(n);
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

    /// Boxes to draw besides those that stand: open channels.
    pub fn boxes(&self, session: &Session, display: &Display) -> Vec<(gpu::Volume, Option<Slot>)> {
        let look = self.look(session);
        let volume = look.selected.map(|v| &self.layout.volumes[v]);
        let paint = (&look, session.state.paint);
        let boxes = volume.map(|v| tiles::boxes(v, &self.tiles, display, &self.ranges, paint));
        boxes.unwrap_or_default()
    }

    /// Ribbons to draw over those that stand: chosen connections, pulses, and what the hovered cell,
    /// else the one whose arithmetic is on show, sees of the input.
    pub fn segments(&self, session: &Session) -> Vec<Segment> {
        let look = self.look(session);
        let spans = self.stood.spans(&self.layout);
        let mut segments = links::moving(&self.layout, self.paths(), spans, &look);
        if let Some(tile) = self.tiles.iter().find(|t| self.hover.tile() == Some(t.channel)) {
            segments.extend(tiles::outline(tile));
        }
        let pinned = self.pinned.as_ref();
        if let Some((_, Some((volume, [x, y, _])), _)) = pinned
            && let Some(volume) = self.layout.volumes.get(*volume)
            && volume.cells.form == Form::FeatureMap
        {
            let [x, y] = [*x, *y].map(u64::from);
            segments.extend(compose::frame(volume, [x, x + 1], [y, y + 1]));
        }
        let seen = match self.sees().is_empty() {
            true => pinned.map_or(&[][..], |p| &p.2),
            false => self.sees(),
        };
        for patch in seen {
            let input = self.volume(Node::Input(patch.input));
            if let Some(input) = input.map(|v| &self.layout.volumes[v]) {
                segments.extend(compose::frame(input, patch.columns, patch.rows));
            }
        }
        segments
    }

    /// The camera and frame for a picture of `size` pixels, `scale` of them to a point.
    pub fn view(&self, session: &Session, size: Vec2, scale: f32) -> gpu::View {
        let (min, max) = session.layout().map_or_else(Default::default, |l| l.bounds);
        let look = self.look(session);
        gpu::View {
            flow: look.flow(),
            marked: look.marked(),
            ..crate::view(
                &self.rig.camera,
                size,
                scale,
                self.seconds,
                look.theme,
                (max - min).length(),
            )
        }
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
