//! What lies under the pointer, what a click on it does, and the words for it.

use glam::Vec3;
use layout::{Form, Layout, Node, Volume};
use model::receptive::{Patch, receptive_field};
use session::{Command, Document, Goal, Session};

use crate::compose;
use crate::stage;

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
}

impl Hover {
    /// The volume, over a cell of one.
    pub fn volume(&self) -> Option<usize> {
        match *self {
            Hover::Cell { volume, .. } => Some(volume),
            Hover::Nothing => None,
        }
    }
}

/// What a ray meets first.
pub fn under(layout: &Layout, (origin, direction): (Vec3, Vec3)) -> Hover {
    match compose::pick(layout, origin, direction) {
        Some((volume, distance)) => Hover::Cell {
            volume,
            cell: compose::cell(&layout.volumes[volume], origin + direction * distance),
        },
        None => Hover::Nothing,
    }
}

/// What a click means: select; a second one opens a scope or looks at a layer.
pub fn click(session: &Session, hover: Hover, double: bool) -> Vec<Command> {
    let Some(document) = &session.document else {
        return Vec::new();
    };
    let volume = hover.volume().and_then(|v| document.layout.volumes.get(v));
    let node = volume.map(|v| v.node);
    let mut out = vec![Command::Select(node.map(|n| document.name(n)))];
    match node {
        Some(Node::Scope(s)) if double => out.push(Command::Expand(document.network.scopes.path(s))),
        Some(_) if double => out.push(Command::Look(Goal::Selection)),
        _ => (),
    }
    out
}

/// Name, index, value and receptive field of what is hovered.
pub fn describe(session: &Session, document: &Document, hover: Hover) -> Option<String> {
    let Hover::Cell { volume, cell } = hover else {
        return None;
    };
    let volume = document.layout.volumes.get(volume)?;
    let mut text = format!("{}  ({})", volume.label, volume.kind);
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
    }
    for patch in field(document, volume, cell) {
        let ([top, bottom], [left, right]) = (patch.rows, patch.columns);
        text += &format!(
            "\nsees rows {top} to {} and columns {left} to {} of the input",
            bottom - 1,
            right - 1
        );
    }
    Some(text)
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
