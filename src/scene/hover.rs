//! What lies under the pointer, what a click on it does, and the words for it.

use glam::Vec3;
use layout::{Form, Layout, Node, Volume};
use model::receptive::{Patch, receptive_field};
use model::{Dim, Role, TensorId};
use session::{Command, Document, Goal, Session};

use crate::camera::hit;
use crate::tiles::Tile;
use crate::{compose, stage};

/// What the pointer is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hover {
    /// Nothing.
    #[default]
    Nothing,
    /// A cell of a volume.
    Cell {
        /// Index of the volume.
        volume: usize,
        /// Cell along x, y and z.
        cell: [u32; 3],
    },
    /// A cell of an open channel.
    Tile {
        /// Index of the volume whose channel it is.
        volume: usize,
        /// Cell of that volume.
        cell: [u32; 3],
    },
    /// A connection.
    Link(usize),
}

impl Hover {
    /// The volume, over a cell of one.
    pub fn volume(&self) -> Option<usize> {
        match *self {
            Hover::Cell { volume, .. } => Some(volume),
            _ => None,
        }
    }

    /// The volume and cell whose value is shown there, in the volume or in a tile.
    pub fn cell(&self) -> Option<(usize, [u32; 3])> {
        match *self {
            Hover::Cell { volume, cell } | Hover::Tile { volume, cell } => Some((volume, cell)),
            _ => None,
        }
    }

    /// The channel, over a tile.
    pub fn tile(&self) -> Option<u32> {
        match *self {
            Hover::Tile { cell, .. } => Some(cell[2]),
            _ => None,
        }
    }
}

/// What a ray meets first: of the volumes, where `volume` is the first of them with its distance, of
/// the open channels of one of them, and of the links, where `link` is the one under the pointer.
pub(crate) fn under(
    layout: &Layout,
    volume: Option<(usize, f32)>,
    open: Option<(usize, &[Tile])>,
    link: Option<(usize, f32)>,
    (origin, direction): (Vec3, Vec3),
) -> Hover {
    let mut found = (f32::INFINITY, Hover::Nothing);
    if let Some((volume, distance)) = volume {
        let cell = compose::cell(&layout.volumes[volume], origin + direction * distance);
        found = (distance, Hover::Cell { volume, cell });
    }
    if let Some((volume, tiles)) = open {
        for tile in tiles {
            let (min, max) = (tile.center - tile.size / 2.0, tile.center + tile.size / 2.0);
            let distance = hit(origin, direction, min, max).filter(|d| *d < found.0);
            let Some(distance) = distance else { continue };
            let place = (origin + direction * distance - min) / tile.size;
            let counts = layout.volumes[volume].cells.counts;
            let along = |share: f32, count: u32| ((share * count as f32).max(0.0) as u32).min(count - 1);
            let cell = [
                along(place.x, counts[0].max(1)),
                along(1.0 - place.y, counts[1].max(1)),
                tile.channel,
            ];
            found = (distance, Hover::Tile { volume, cell });
        }
    }
    // A volume's own link ends inside its face; what is before it wins.
    match link.filter(|(_, distance)| *distance < found.0) {
        Some((link, _)) => Hover::Link(link),
        None => found.1,
    }
}

/// What a click means: select; a second one opens a scope or looks at a layer.
pub fn click(session: &Session, hover: Hover, double: bool) -> Vec<Command> {
    let Some(document) = &session.document else {
        return Vec::new();
    };
    let layout = &document.layout;
    if let Hover::Link(link) = hover {
        let Some(link) = layout.links.get(link) else {
            return Vec::new();
        };
        let name = |v: usize| document.name(layout.volumes[v].node);
        let mut out = vec![Command::Connection {
            tensor: document.network.tensor(link.tensor).name.clone(),
            from: name(link.from),
            to: name(link.to),
        }];
        if double {
            out.push(Command::Look(Goal::Selection));
        }
        return out;
    }
    let pointed = hover
        .cell()
        .and_then(|(volume, cell)| number(document, volume, cell));
    if let Hover::Tile { .. } = hover {
        // The selection stays open.
        let looks = double.then_some(Command::Look(Goal::Selection));
        return looks.into_iter().chain(pointed).collect();
    }
    let volume = hover.volume().and_then(|v| layout.volumes.get(v));
    let node = volume.map(|v| v.node);
    let mut out = vec![Command::Select(node.map(|n| document.name(n)))];
    match node {
        Some(Node::Scope(s)) if double => out.push(Command::Expand(document.network.scopes.path(s))),
        Some(_) if double => out.push(Command::Look(Goal::Selection)),
        _ => (),
    }
    out.extend(pointed);
    out
}

/// Looks at the number that a cell of a layer's volume shows.
fn number(document: &Document, volume: usize, cell: [u32; 3]) -> Option<Command> {
    let volume = document.layout.volumes.get(volume)?;
    let Node::Layer(id) = volume.node else { return None };
    let layer = document.network.layer(id);
    let first = layer.outputs.first().copied().flatten()?;
    let strides = volume.cells.strides;
    let place = (0..3).map(|i| cell[i] as usize * strides[i] as usize).sum();
    (volume.tensor == Some(first) && document.source.layer_named(&layer.name).is_some()).then(|| {
        Command::Cell(Some(session::arithmetic::Cell {
            layer: layer.name.clone(),
            place,
        }))
    })
}

/// Name, index and value of what is hovered, and what it `sees` of the input.
pub fn describe(session: &Session, document: &Document, hover: Hover, sees: &[Patch]) -> Option<String> {
    if let Hover::Link(link) = hover {
        return connection(document, link);
    }
    let (volume, cell) = hover.cell()?;
    let volume = document.layout.volumes.get(volume)?;
    let mut text = format!("{}  ({})", volume.label, volume.kind);
    if let Some(channel) = hover.tile() {
        text += &format!("\nchannel {channel}");
    }
    let state = &session.state;
    let size = state.size.filter(|s| state.color != Some(*s));
    for quantity in state.color.into_iter().chain(size) {
        let told = document.told(quantity, volume.node);
        text += &told.map_or(String::new(), |t| format!("\n{}: {t}", quantity.name()));
    }
    let Some(tensor) = volume.tensor else {
        return Some(text);
    };
    let strides = volume.cells.strides;
    let element: usize = (0..3).map(|i| cell[i] as usize * strides[i] as usize).sum();
    let values = stage::trace(session, document).and_then(|t| t.tensors.get(&tensor));
    if let Some((values, shape)) = values.and_then(|t| Some((t.host()?, &t.shape)))
        && let Some(value) = values.get(element)
    {
        // Row-major index, without the batch.
        let mut rest = element;
        let mut index: Vec<usize> = Vec::new();
        for &n in shape.iter().rev() {
            index.push(rest % n.max(1));
            rest /= n.max(1);
        }
        index.reverse();
        let shown = if index.len() > 1 { &index[1..] } else { &index[..] };
        text += &format!("\n{shown:?} = {value:.5}");
        text += &tokens(document, tensor, &index);
    }
    for patch in sees {
        let ([top, bottom], [left, right]) = (patch.rows, patch.columns);
        text += &format!(
            "\nsees rows {top} to {} and columns {left} to {} of the input",
            bottom - 1,
            right - 1
        );
    }
    Some(text)
}

/// The tokens that an element belongs to: `"the"`, or `"the" → "cat"` for one of two.
fn tokens(document: &Document, tensor: TensorId, index: &[usize]) -> String {
    let axes = document.network.tensor(tensor).spec.axes.iter().flatten();
    let axes: Vec<_> = axes.zip(index).collect();
    let batch = axes.iter().find(|(a, _)| a.role == Role::Batch);
    let rows = document.tokens.as_ref();
    let Some(row) = rows.and_then(|r| r.get(batch.map_or(0, |b| *b.1))) else {
        return String::new();
    };
    // Other things than tokens may be counted under this role.
    let whole = Dim::Known(row.len() as u64);
    let along = axes
        .iter()
        .filter(|(a, _)| a.role == Role::Token && a.size == whole);
    let names: Vec<String> = along.map(|(_, i)| format!("{:?}", row[**i])).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("\n{}", names.join(" → ")),
    }
}

/// Name, shape and ends of a connection.
fn connection(document: &Document, link: usize) -> Option<String> {
    let layout = &document.layout;
    let link = layout.links.get(link)?;
    let tensor = document.network.tensor(link.tensor);
    let shape = shape(document, link.tensor);
    let label = |v: usize| &layout.volumes[v].label;
    let (from, to) = (label(link.from), label(link.to));
    Some(format!("{}\n{shape}\nfrom {from}\nto {to}", tensor.name))
}

/// `64 × 56 × 56`, without the batch; empty where nothing is known.
pub fn shape(document: &Document, tensor: TensorId) -> String {
    sizes(document, tensor, usize::MAX)
}

/// As [`shape`], with a question mark for a size that only a long expression tells.
pub fn brief(document: &Document, tensor: TensorId) -> String {
    sizes(document, tensor, 10)
}

fn sizes(document: &Document, tensor: TensorId, longest: usize) -> String {
    let Some(dims) = document.network.tensor(tensor).spec.dims() else {
        return String::new();
    };
    let name = |d: &Dim| match d.eval(&document.bindings) {
        Some(n) => n.to_string(),
        None => Some(d.to_string())
            .filter(|text| text.chars().count() <= longest)
            .unwrap_or_else(|| "?".into()),
    };
    let skip = usize::from(dims.len() > 1);
    dims.iter().skip(skip).map(name).collect::<Vec<_>>().join(" × ")
}

/// The patch of the input that a cell sees; nothing for volumes that are the input.
pub fn field(document: &Document, volume: &Volume, cell: [u32; 3]) -> Vec<Patch> {
    let inner = !matches!(volume.node, Node::Input(_));
    let Some(tensor) = volume.tensor.filter(|_| inner) else {
        return Vec::new();
    };
    let (row, column) = match volume.cells.form {
        Form::FeatureMap => (cell[1], cell[0]),
        _ => (0, 0),
    };
    let mut found = receptive_field(
        &document.network,
        tensor,
        row.into(),
        column.into(),
        &document.bindings,
    );
    found.retain(|p| p.rows[0] < p.rows[1] && p.columns[0] < p.columns[1]);
    found
}
