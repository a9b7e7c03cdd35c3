//! Boxes and ribbons that stay as they are while only the camera, the pointer, the selection or the
//! playhead moves: made once for large networks, not in every frame.

use std::collections::HashMap;
use std::sync::Arc;

use gpu::{Segment, Slot};
use layout::Layout;
use model::{Network, TensorId};
use session::Session;

use crate::compose::Look;
use crate::ranges::Scale;
use crate::tint::Tint;
use crate::{Display, Stage, Theme, compose, frames, links, marks};

/// What stands, and what it was made of.
#[derive(Default)]
pub struct Standing {
    /// Volumes, each with the slot that it reads.
    pub boxes: Vec<(gpu::Volume, Option<Slot>)>,
    /// Frames, links and the edges of marks.
    pub segments: Vec<Segment>,
    boxes_of: Option<BoxesOf>,
    segments_of: Option<SegmentsOf>,
}

/// What boxes depend on.
struct BoxesOf {
    layout: Arc<Layout>,
    display: Display,
    scales: Arc<HashMap<TensorId, Scale>>,
    trail: Option<Arc<[bool]>>,
    tint: Option<Arc<Tint>>,
    look: (Theme, u32, bool, bool),
}

/// What ribbons depend on.
struct SegmentsOf {
    layout: Arc<Layout>,
    /// Marks belong to it.
    network: Option<Arc<Network>>,
    trail: Option<Arc<[bool]>>,
    theme: Theme,
}

impl Standing {
    /// Follows the stage; true where something had to be made anew.
    pub fn update(&mut self, session: &Session, stage: &Stage, display: &Display) -> bool {
        let look = stage.look(session);
        let boxes = self.update_boxes(stage, display, &look);
        self.update_segments(session, stage, &look) || boxes
    }

    fn update_boxes(&mut self, stage: &Stage, display: &Display, look: &Look) -> bool {
        let now = BoxesOf {
            layout: stage.layout.clone(),
            display: display.clone(),
            scales: stage.ranges.scales().clone(),
            trail: look.trail.clone(),
            tint: look.tint.clone(),
            look: (look.theme, look.map, look.magnitude, look.backward),
        };
        if self.boxes_of.as_ref().is_some_and(|of| of.same(&now)) {
            return false;
        }
        self.boxes = compose::boxes(&stage.layout, display, &stage.ranges, look);
        self.boxes_of = Some(now);
        true
    }

    fn update_segments(&mut self, session: &Session, stage: &Stage, look: &Look) -> bool {
        let document = session.document.as_ref();
        let now = SegmentsOf {
            layout: stage.layout.clone(),
            network: document.map(|d| d.source.clone()),
            trail: look.trail.clone(),
            theme: look.theme,
        };
        if self.segments_of.as_ref().is_some_and(|of| of.same(&now)) {
            return false;
        }
        self.segments = frames::segments(&stage.layout, look.theme);
        let ribbons = links::ribbons(&stage.layout, stage.paths(), look);
        self.segments.extend(ribbons);
        let edges = document.map(|d| marks::edges(&stage.layout, d, look.theme));
        self.segments.extend(edges.unwrap_or_default());
        self.segments_of = Some(now);
        true
    }
}

/// Both are one, or neither is there.
fn one<T: ?Sized>(a: &Option<Arc<T>>, b: &Option<Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

impl BoxesOf {
    fn same(&self, now: &Self) -> bool {
        Arc::ptr_eq(&self.layout, &now.layout)
            && self.display.same(&now.display)
            && Arc::ptr_eq(&self.scales, &now.scales)
            && one(&self.trail, &now.trail)
            && one(&self.tint, &now.tint)
            && self.look == now.look
    }
}

impl SegmentsOf {
    fn same(&self, now: &Self) -> bool {
        Arc::ptr_eq(&self.layout, &now.layout)
            && one(&self.network, &now.network)
            && one(&self.trail, &now.trail)
            && self.theme == now.theme
    }
}
