//! Where everything stands: a network and a request in, boxes and links in space out.
//!
//! In: a [`Network`] with inferred shapes, and a [`LayoutRequest`]. Out: a [`Layout`] of
//! [`Volume`]s and [`Link`]s in scene units, computed from shapes alone, the same for equal input.
//! It knows no weights, no activations, no camera and no screen.
//!
//! Axes: the flow runs along +x, y points up, and the viewer looks mostly from +z. One scene unit
//! is about the edge of a box of eight cells (see [`extent`]).
//!
//! How it places: each volume has a rank, the longest path that leads to it, and each rank is a
//! column along x. Volumes of consecutive ranks form chains; a chain stands straight on a lane,
//! the longest one (the trunk) on y = 0, the others stacked above and below where there is room.
//! Links change height only in the gaps between columns and cross a column only on a lane that is
//! reserved for them, so no link meets a third volume.

use std::collections::{BTreeMap, BTreeSet};

use glam::Vec3;
use model::{Bindings, LayerId, Network, ScopeId, TensorId, TensorSpec};
use serde::{Deserialize, Serialize};

mod amounts;
mod arrangement;
mod bands;
mod cells;
mod cycles;
mod fold;
mod frames;
mod graph;
mod lanes;
mod once;
mod reach;
mod route;
mod skyline;
mod strip;

pub use arrangement::Arrangement;
pub use bands::band;
pub use cells::{batch_axis, cells, extent, size};
pub use frames::Frame;
pub use reach::Way;

/// What the layout depends on besides the network. Equal requests give equal layouts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutRequest {
    /// Scopes drawn as one volume. Inside a collapsed scope nothing else is drawn.
    pub collapsed: BTreeSet<ScopeId>,
    /// Repeats of which only the first copy is drawn. Links to and from the others' layers lead to
    /// those that stand for them.
    pub once: BTreeSet<ScopeId>,
    /// Values for the symbolic sizes, in elements.
    pub bindings: Bindings,
    /// Draw layers with no path from an input too.
    pub show_constants: bool,
    /// Leave out Identity, Dropout, Constant, Cast and shape arithmetic: their consumers' links
    /// start at what they read.
    pub hide_trivial: bool,
    /// Break long networks into rows.
    pub fold: bool,
    /// Volumes in space, or a flat diagram.
    pub arrangement: Arrangement,
    /// Of networks that stand beside each other: layers of the first one with those of another one
    /// that correspond to them. They stand in one column where the flow allows.
    pub matched: Vec<(LayerId, LayerId)>,
    /// How large the volumes are to be, in any unit: only proportions count, and what is missing
    /// has none. Without it they are as large as their shapes, the strip's bars as their FLOPs.
    pub amounts: Option<BTreeMap<Node, u64>>,
}

/// What a volume stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Node {
    /// A layer of the main graph.
    Layer(LayerId),
    /// A collapsed scope. One that other layers interrupt has several volumes, one for each
    /// stretch of the flow.
    Scope(ScopeId),
    /// A tensor fed from outside.
    Input(TensorId),
    /// A result of the network.
    Output(TensorId),
}

/// One box.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// What it stands for.
    pub node: Node,
    /// The tensor whose values it shows: the first output of a layer (of bare weights the largest
    /// of them), that of a scope's last layer, an input or output itself.
    pub tensor: Option<TensorId>,
    /// Middle of the box, scene units.
    pub center: Vec3,
    /// Edge lengths of the box, scene units; all positive.
    pub size: Vec3,
    /// How the tensor's elements are spread over the box.
    pub cells: Cells,
    /// Place along the flow, counted in columns from 0.
    pub rank: u32,
    /// Name to write beside it.
    pub label: String,
    /// Operator name, scope kind, `Input` or `Output`.
    pub kind: String,
}

impl Volume {
    /// The corner with the smallest coordinates, scene units.
    pub fn min(&self) -> Vec3 {
        self.center - self.size / 2.0
    }

    /// The corner with the largest coordinates, scene units.
    pub fn max(&self) -> Vec3 {
        self.center + self.size / 2.0
    }
}

/// What a box of cells looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Form {
    /// `[N, C, H, W]`: width along x, height along y, channels as slabs along z. Further axes
    /// between batch and height (attention heads) are slabs too.
    FeatureMap,
    /// `[N, F]`: a column along y, continued in further columns along z, each 128 cells high.
    /// Also `[N, C, 1, 1]`.
    Vector,
    /// `[N, L, F]`: tokens along z, features along y, one cell thick in x.
    Tokens,
    /// `[A, B]` without batch, or `[N, C, L]` of a 1D convolution: columns along x, rows along y.
    Matrix,
    /// `[N, C, D, H, W]`: width along x, height along y, C x D slabs along z.
    Volume3d,
    /// One element.
    Scalar,
    /// Not even the number of axes is known.
    Unknown,
}

/// How one batch item of a tensor is spread over a box.
///
/// Cell `(i, j, k)` shows element `i * strides[0] + j * strides[1] + k * strides[2]`, counted from
/// the first element of the batch item; a [`Form::Vector`] of several columns may have cells past
/// the last element, which stay empty. `i` counts along +x, `j` downwards from the top (-y), `k`
/// away from the viewer (-z).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cells {
    /// What it looks like.
    pub form: Form,
    /// Cells along x, y and z.
    pub counts: [u32; 3],
    /// Distance of neighbouring cells in the tensor along x, y and z, in elements; 0 along an
    /// axis that the tensor does not have.
    pub strides: [u32; 3],
    /// True when all counts and strides are the tensor's own; false when an unknown size was
    /// replaced by a stand-in.
    pub concrete: bool,
}

/// A tensor on its way from one volume to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Index in [`Layout::volumes`] of the volume that writes the tensor.
    pub from: usize,
    /// Index in [`Layout::volumes`] of the volume that reads it.
    pub to: usize,
    /// The tensor.
    pub tensor: TensorId,
    /// Corners of a polyline from the +x face of `from` to the -x face of `to`, scene units.
    /// x never decreases, but for a link that goes to the next row. Straight between the corners it meets no other volume; rounding a
    /// corner on its inner side is safe too.
    pub path: Vec<Vec3>,
    /// True when it arcs above the volumes that it passes.
    pub skip: bool,
    /// True when it is a piece of the residual stream.
    pub stream: bool,
}

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// How it is arranged.
    pub arrangement: Arrangement,
    /// The boxes, by rank.
    pub volumes: Vec<Volume>,
    /// The connections, by the volume they end at.
    pub links: Vec<Link>,
    /// Frames around open scopes, outer ones first.
    pub frames: Vec<Frame>,
    /// Smallest and largest corner of all boxes and links, scene units; zero when empty.
    pub bounds: (Vec3, Vec3),
}

impl Layout {
    /// Columns along the flow.
    pub fn columns(&self) -> u32 {
        self.volumes.last().map_or(0, |v| v.rank + 1)
    }
}

/// Places `network` as `request` asks.
pub fn layout(network: &Network, request: &LayoutRequest) -> Layout {
    let mut graph = graph::build(network, request);
    let mut volumes = Vec::with_capacity(graph.items.len());
    let nodes = graph.items.iter().map(|i| i.node);
    let shares = request.amounts.as_ref().map(|a| amounts::shares(nodes, a));
    for (i, item) in graph.items.iter_mut().enumerate() {
        let unknown = TensorSpec::unknown();
        let spec = item.tensor.map_or(&unknown, |t| &network.tensor(t).spec);
        let cells = cells(spec, &request.bindings);
        volumes.push(Volume {
            node: item.node,
            tensor: item.tensor,
            center: Vec3::ZERO,
            size: match &shares {
                Some(shares) => amounts::sized(request.arrangement, &cells, shares[i]),
                None => arrangement::size(request.arrangement, &cells),
            },
            cells,
            rank: 0,
            label: std::mem::take(&mut item.label),
            kind: std::mem::take(&mut item.kind),
        });
    }
    // What is deep hides more of what stands behind it and beside it.
    let depth = match (request.arrangement, &shares) {
        (Arrangement::Volumes, Some(_)) => amounts::ROOM,
        _ => 0.0,
    };
    let tall = |v: &Volume| v.size + Vec3::Y * depth * v.size.z;
    let sizes: Vec<Vec3> = volumes.iter().map(tall).collect();
    let lanes = match network.members.is_empty() {
        true => lanes::assign(&graph, &sizes),
        false => bands::assign(&graph, &sizes, network, &request.matched),
    };
    let mut placed = route::place(graph, &lanes, volumes, depth);
    placed.arrangement = request.arrangement;
    for link in &mut placed.links {
        link.stream = network.stream.binary_search(&link.tensor).is_ok();
    }
    let mut placed = match request.arrangement {
        Arrangement::Strip => strip::strip(placed, network, request),
        _ if request.fold => fold::fold(placed),
        _ => placed,
    };
    placed.frames = frames::frames(network, request, &placed);
    for frame in &placed.frames {
        let (min, max) = placed.bounds;
        placed.bounds = (min.min(frame.min), max.max(frame.max));
    }
    placed
}
