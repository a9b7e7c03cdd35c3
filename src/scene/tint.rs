//! Volumes coloured as a whole by a quantity: what the colours span, and the place of each volume.

use std::sync::Arc;

use layout::{Arrangement, Layout, Node};
use session::{Document, Quantity, Session, Spread};

use crate::colormap::sequential;
use crate::{Theme, stage};

/// How the volumes of a layout are coloured by a quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Tint {
    /// What it is.
    pub quantity: Quantity,
    /// Both ends of the colours; `None` where no volume's value is known.
    pub spread: Option<Spread>,
    /// True when a layer or scope has no value.
    pub gaps: bool,
    map: u32,
    theme: Theme,
    /// Words stand on the colours.
    ground: bool,
    /// By volume, where it lies between both ends.
    places: Vec<Option<f32>>,
}

impl Tint {
    /// How the volumes of `layout` are coloured, where the session says so.
    pub(crate) fn of(session: &Session, document: &Document, layout: &Layout) -> Option<Self> {
        let quantity = session.state.color?;
        let amounts = document.amounts(quantity);
        let values: Vec<Option<f64>> = layout.volumes.iter().map(|v| amounts.get(v.node)).collect();
        let spread = Spread::of(values.iter().flatten().copied());
        let place = |v: &Option<f64>| Some(spread?.place((*v)?));
        let inner = |n: Node| matches!(n, Node::Layer(_) | Node::Scope(_));
        let gap = |(volume, value): (&layout::Volume, &Option<f64>)| inner(volume.node) && value.is_none();
        Some(Tint {
            quantity,
            spread,
            gaps: layout.volumes.iter().zip(&values).any(gap),
            map: session.state.paint.map,
            theme: stage::theme(session),
            ground: layout.arrangement == Arrangement::Blocks,
            places: values.iter().map(place).collect(),
        })
    }

    /// The colour of a volume, linear RGB: grey where its value is not known.
    pub fn volume(&self, index: usize) -> [f32; 3] {
        match self.places.get(index).copied().flatten() {
            Some(place) => self.color(place),
            None => self.unknown(),
        }
    }

    /// The colour at a place between both ends.
    pub fn color(&self, place: f32) -> [f32; 3] {
        self.on(sequential(place, self.map))
    }

    /// The colour of what has no value.
    pub fn unknown(&self) -> [f32; 3] {
        self.on(match self.theme {
            Theme::Dark => [0.09, 0.09, 0.10],
            Theme::Light => [0.62, 0.62, 0.63],
        })
    }

    fn on(&self, color: [f32; 3]) -> [f32; 3] {
        match self.ground {
            true => self.theme.ground(color),
            false => color,
        }
    }
}

/// The last tint with what it was made of.
#[derive(Default)]
pub(crate) struct Kept(Option<(Of, Arc<Tint>)>);

struct Of {
    layout: Arc<Layout>,
    passed: [u64; 2],
    color: Option<Quantity>,
    map: u32,
    light: bool,
}

impl Kept {
    /// Follows the session.
    pub(crate) fn update(&mut self, session: &Session, document: &Document) {
        let state = &session.state;
        let same = |(of, _): &(Of, _)| {
            Arc::ptr_eq(&of.layout, &document.layout)
                && (of.passed, of.color) == ([document.passed, document.told], state.color)
                && (of.map, of.light) == (state.paint.map, state.light)
        };
        if self.0.as_ref().is_some_and(same) {
            return;
        }
        let tint = Tint::of(session, document, &document.layout);
        let of = Of {
            layout: document.layout.clone(),
            passed: [document.passed, document.told],
            color: state.color,
            map: state.paint.map,
            light: state.light,
        };
        self.0 = tint.map(|tint| (of, tint.into()));
    }

    pub(crate) fn get(&self) -> Option<&Arc<Tint>> {
        self.0.as_ref().map(|(_, tint)| tint)
    }
}
