//! What follows from where everything stands, found once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use glam::{Vec2, Vec3};
use layout::{Layout, Node};
use session::hues::Family;

use crate::labels::Placed;
use crate::legend;
use crate::links::{self, Paths};
use crate::tree::Tree;

/// What follows from a layout; most of it when it is first asked for.
#[derive(Default)]
pub(crate) struct Stood {
    /// Where links run, corners rounded.
    pub paths: Arc<Paths>,
    spans: OnceLock<Vec<links::Span>>,
    index: OnceLock<HashMap<Node, usize>>,
    volumes: OnceLock<Placed>,
    links: OnceLock<Tree>,
    families: OnceLock<Vec<&'static Family>>,
}

impl Stood {
    /// With links along `paths`.
    pub(crate) fn along(paths: Arc<Paths>) -> Self {
        Stood {
            paths,
            ..Stood::default()
        }
    }

    /// The first volume of a node.
    pub(crate) fn volume(&self, layout: &Layout, node: Node) -> Option<usize> {
        let index = self.index.get_or_init(|| {
            let numbered = layout.volumes.iter().enumerate().rev();
            numbered.map(|(i, v)| (v.node, i)).collect()
        });
        index.get(&node).copied()
    }

    /// Volumes by their place.
    pub(crate) fn volumes(&self, layout: &Layout) -> &Placed {
        self.volumes.get_or_init(|| Placed::of(layout))
    }

    /// Links by their place.
    pub(crate) fn links(&self) -> &Tree {
        self.links.get_or_init(|| {
            let around = |path: &Vec<Vec3>| {
                let corners = |(min, max): (Vec3, Vec3), p: &Vec3| (min.min(*p), max.max(*p));
                path.iter().fold((Vec3::INFINITY, Vec3::NEG_INFINITY), corners)
            };
            let boxes: Vec<(Vec3, Vec3)> = self.paths.iter().map(around).collect();
            let wide: Vec<f32> = boxes.iter().map(|(min, max)| max.x - min.x).collect();
            Tree::of(boxes, |i| Vec2::new(wide[i], 0.0))
        })
    }

    /// Families of operators that there are.
    pub(crate) fn families(&self, layout: &Layout) -> &[&'static Family] {
        self.families.get_or_init(|| legend::families(layout))
    }

    /// When a pulse is on each link.
    pub(crate) fn spans(&self, layout: &Layout) -> &[links::Span] {
        self.spans.get_or_init(|| links::spans(layout))
    }
}
