//! A layout and a trace as boxes and ribbons to draw.

use std::collections::HashMap;
use std::sync::Arc;

use compute::Resident;
use glam::Vec3;
use gpu::{Arena, Cells, Flags, Segment, Slot, View};
use layout::{Arrangement, Form, Layout, Node, Volume};
use model::{Network, TensorId, Trace};

use crate::ranges::Ranges;
use crate::theme::{Theme, family_color};
use crate::tint::Tint;

/// A traced tensor in display memory.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Where it lies.
    pub slot: Slot,
    /// How its box lays it out.
    cells: Cells,
    /// True for an input image.
    pub picture: bool,
}

/// How `volume` lays its tensor out for the shader.
fn cells(volume: &Volume) -> Cells {
    Cells {
        counts: volume.cells.counts.map(|c| c.max(1)),
        strides: volume.cells.strides,
    }
}

/// Traced tensors in display memory.
#[derive(Clone, Default)]
pub struct Display {
    shown: Arc<HashMap<TensorId, Shown>>,
}

impl Display {
    /// Puts what the volumes of `layout` show into `arena`, first batch item first: from device to
    /// device where the tensors were computed on this one, else from host memory. Tensors of
    /// another device and those too large for this one are left out.
    pub fn upload(
        network: &Network,
        layout: &Layout,
        trace: &Trace,
        arena: &mut Arena,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
    ) -> Self {
        arena.clear();
        let mut display = HashMap::new();
        let mut encoder = device.create_command_encoder(&Default::default());
        for volume in &layout.volumes {
            let Some(id) = volume.tensor.filter(|id| !display.contains_key(id)) else {
                continue;
            };
            let Some(tensor) = trace.tensors.get(&id) else {
                continue;
            };
            let resident = Resident::of(&tensor.values).filter(|r| r.device() == device);
            let cells = cells(volume);
            let placed = match (resident, tensor.host()) {
                (Some(resident), _) => {
                    let (buffer, offset) = resident.buffer();
                    let gpu = (device, queue);
                    arena.copy(gpu, &mut encoder, (buffer, offset), tensor.len(), &cells)
                }
                (None, Some(values)) => arena.upload(device, queue, values, &cells),
                (None, None) => continue,
            };
            let slot = match placed {
                Ok(slot) => slot,
                Err(error) => {
                    log::warn!("{}: {error}", network.tensor(id).name);
                    continue;
                }
            };
            let picture = picture(network, volume);
            display.insert(id, Shown { slot, cells, picture });
        }
        arena.average(device, &mut encoder);
        queue.submit([encoder.finish()]);
        let shown = Arc::new(display);
        Display { shown }
    }

    /// True where both are one upload.
    pub(crate) fn same(&self, other: &Display) -> bool {
        Arc::ptr_eq(&self.shown, &other.shown)
    }

    /// How tensor `id` is shown.
    pub fn get(&self, id: TensorId) -> Option<&Shown> {
        self.shown.get(&id)
    }
}

/// True for an input image, which is shown as one.
pub fn picture(network: &Network, volume: &Volume) -> bool {
    let input = volume.tensor.is_some_and(|t| network.main().inputs.contains(&t));
    input && volume.cells.form == Form::FeatureMap && matches!(volume.cells.counts[2], 1 | 3)
}

impl Look {
    /// Colour flags that all boxes share.
    pub(crate) fn paint(&self) -> u32 {
        (self.map.min(3) * Flags::MAP) | if self.magnitude { Flags::MAGNITUDE } else { 0 }
    }
}

/// What changes from frame to frame without a new layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// How far the flow has come, in columns; `None`: everything is lit.
    pub playhead: Option<f32>,
    /// The flow runs from the output to the input.
    pub backward: bool,
    /// Sequential colour map: 0 viridis, 1 magma, 2 cividis, 3 grey.
    pub map: u32,
    /// Values lose their sign.
    pub magnitude: bool,
    /// The selected volume.
    pub selected: Option<usize>,
    /// The volume under the pointer.
    pub hovered: Option<usize>,
    /// The selected connection.
    pub link: Option<usize>,
    /// The connection under the pointer.
    pub hovered_link: Option<usize>,
    /// Colours.
    pub theme: Theme,
    /// By volume, whether it stands on a lit path; `None`: all are seen alike.
    pub trail: Option<Arc<[bool]>>,
    /// Colours of whole volumes, instead of their values.
    pub tint: Option<Arc<Tint>>,
}

impl Look {
    /// How far the flow has come, as the shader reads it.
    pub(crate) fn flow(&self) -> [f32; 4] {
        let [_, _, a, b] = View::DONE;
        match self.playhead {
            Some(columns) => [columns, self.backward as u32 as f32, a, b],
            None => View::DONE,
        }
    }

    /// The selected volume and that under the pointer, as the shader reads them.
    pub(crate) fn marked(&self) -> [u32; 4] {
        let number = |volume: Option<usize>| volume.map_or(0, |v| v as u32 + 1);
        [number(self.selected), number(self.hovered), 0, 0]
    }

    /// False where paths are lit and volume `index` is on none of them.
    pub(crate) fn clear(&self, index: usize) -> bool {
        self.trail.as_ref().is_none_or(|t| t.get(index) == Some(&true))
    }
}

/// True where no values are shown: blocks are written on, and bars too thin.
pub(crate) fn plain(arrangement: Arrangement) -> bool {
    matches!(arrangement, Arrangement::Blocks | Arrangement::Strip)
}

/// Boxes in the layout's order, each with the slot that it reads. Selection, pointer and playhead
/// are no part of them: the shader is told.
pub fn boxes(
    layout: &Layout,
    display: &Display,
    ranges: &Ranges,
    look: &Look,
) -> Vec<(gpu::Volume, Option<Slot>)> {
    let plain = plain(layout.arrangement) || look.tint.is_some();
    let mut families: HashMap<&str, [f32; 3]> = HashMap::new();
    let one = |(i, volume)| {
        let volume: &Volume = volume;
        let shown = volume.tensor.and_then(|t| display.get(t)).filter(|_| !plain);
        let scale = volume.tensor.and_then(|t| ranges.of(t));
        let signed = scale.is_some_and(|s| s.signed);
        // Gradients of a picture are no picture.
        let picture = shown.is_some_and(|s| s.picture) && !look.backward;
        let mut flags = 0;
        if shown.is_some() {
            flags |= Flags::VALUES;
            flags |= if signed && !picture { Flags::SIGNED } else { 0 };
            flags |= if picture { Flags::PICTURE } else { look.paint() };
        }
        let laid = cells(volume);
        if shown.is_some_and(|s| s.slot.means && s.cells == laid) {
            flags |= laid.levels() * Flags::LEVELS;
        }
        flags |= if look.clear(i) { 0 } else { Flags::FAINT };
        // A legend's colours are those of lit volumes.
        flags |= if look.tint.is_some() { Flags::LIT } else { 0 };
        let form = volume.cells.form;
        let slabs = matches!(form, Form::FeatureMap | Form::Volume3d) && laid.counts[2] > 1;
        let [r, g, b] = match (&look.tint, layout.arrangement) {
            (Some(tint), _) => tint.volume(i),
            (None, arrangement) => *families.entry(&volume.kind).or_insert_with(|| {
                let color = family_color(&volume.kind, look.theme);
                match arrangement {
                    Arrangement::Blocks => look.theme.ground(color),
                    _ => color,
                }
            }),
        };
        let instance = gpu::Volume {
            center: volume.center.to_array(),
            first: shown.map_or(0, |s| s.slot.first),
            size: volume.size.to_array(),
            flags,
            counts: laid.counts,
            elements: shown.map_or(0, |s| s.slot.len),
            strides: laid.strides,
            slabs: (slabs && !picture) as u32,
            low: scale.map_or(0.0, |s| s.low),
            high: scale.map_or(1.0, |s| s.high),
            rank: volume.rank as f32,
            number: i as u32 + 1,
            color: [r, g, b, 1.0],
        };
        (instance, shown.map(|s| s.slot))
    };
    layout.volumes.iter().enumerate().map(one).collect()
}

/// The cell of `volume` that a ray meets at `point` on its surface: indices along x, y and z.
pub fn cell(volume: &Volume, point: Vec3) -> [u32; 3] {
    let local = (point - volume.min()) / volume.size;
    let place = Vec3::new(local.x, 1.0 - local.y, 1.0 - local.z);
    let counts = volume.cells.counts.map(|c| c.max(1));
    [0, 1, 2].map(|i| ((place[i] * counts[i] as f32).max(0.0) as u32).min(counts[i] - 1))
}

/// A frame around the cells `columns` by `rows` (half open) on the front face of `volume`.
pub fn frame(volume: &Volume, columns: [u64; 2], rows: [u64; 2]) -> Vec<Segment> {
    let counts = volume.cells.counts.map(|c| c.max(1) as f32);
    let x = columns.map(|c| volume.min().x + volume.size.x * c as f32 / counts[0]);
    let y = rows.map(|r| volume.max().y - volume.size.y * r as f32 / counts[1]);
    let z = volume.max().z + 0.01;
    let corners = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])].map(|(x, y)| Vec3::new(x, y, z));
    let side = |i: usize| Segment {
        from: corners[i].to_array(),
        width: 0.05,
        to: corners[(i + 1) % 4].to_array(),
        least: 2.0,
        color: [1.0, 0.35, 0.2, 1.0],
        ..Segment::default()
    };
    (0..4).map(side).collect()
}

/// True for what a newcomer wants labelled first: inputs, outputs and collapsed scopes.
pub fn landmark(volume: &Volume) -> bool {
    !matches!(volume.node, Node::Layer(_))
}
