//! The display arena: pages of GPU memory that hold what the boxes show.

use crate::means::{Cells, Means};

/// Bytes of a page; a larger tensor gets a page of its own.
const PAGE_BYTES: u64 = 64 << 20;

/// Bytes of means beyond which a tensor gets none: their places must be exact as floats.
const MOST_MEANS: u64 = 64 << 20;

/// Where a tensor's values lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Page index.
    pub page: u32,
    /// First element within the page.
    pub first: u32,
    /// Elements.
    pub len: u32,
    /// True when levels of means follow the elements.
    pub means: bool,
}

/// A tensor does not fit a storage buffer of this device.
#[derive(Debug, thiserror::Error)]
#[error("{elements} values need {bytes} bytes, but this device binds at most {limit} at once")]
pub struct TooLarge {
    elements: usize,
    bytes: u64,
    limit: u64,
}

struct Page {
    buffer: wgpu::Buffer,
    used: u64,
}

/// Pages of float32 values. Tensors are added one after another and freed all at once.
#[derive(Default)]
pub struct Arena {
    pages: Vec<Page>,
    means: Means,
}

impl Arena {
    /// Copies `values` in from the host, to be shown as `cells`.
    ///
    /// # Errors
    /// [`TooLarge`] above the device's limit for one storage binding.
    pub fn upload(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        values: &[f32],
        cells: &Cells,
    ) -> Result<Slot, TooLarge> {
        let slot = self.reserve(device, queue, values.len(), cells)?;
        let buffer = &self.pages[slot.page as usize].buffer;
        queue.write_buffer(buffer, slot.first as u64 * 4, bytemuck::cast_slice(values));
        Ok(slot)
    }

    /// Copies `len` values in from `offset` bytes into another buffer of the same device, without
    /// touching the host.
    ///
    /// # Errors
    /// [`TooLarge`] above the device's limit for one storage binding.
    pub fn copy(
        &mut self,
        (device, queue): (&wgpu::Device, &wgpu::Queue),
        encoder: &mut wgpu::CommandEncoder,
        (source, offset): (&wgpu::Buffer, u64),
        len: usize,
        cells: &Cells,
    ) -> Result<Slot, TooLarge> {
        let slot = self.reserve(device, queue, len, cells)?;
        let to = &self.pages[slot.page as usize].buffer;
        encoder.copy_buffer_to_buffer(source, offset, to, slot.first as u64 * 4, len as u64 * 4);
        Ok(slot)
    }

    /// Averages what has come in since the last call, for boxes that are seen from afar.
    pub fn average(&mut self, device: &wgpu::Device, encoder: &mut wgpu::CommandEncoder) {
        let pages: Vec<_> = self.pages.iter().map(|p| &p.buffer).collect();
        self.means.encode(device, encoder, &pages);
    }

    fn reserve(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        len: usize,
        cells: &Cells,
    ) -> Result<Slot, TooLarge> {
        let bytes = len as u64 * 4;
        let limits = device.limits();
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if bytes > limit {
            return Err(TooLarge {
                elements: len,
                bytes,
                limit,
            });
        }
        let more = cells.room() * 4;
        let means = more > 0 && more < MOST_MEANS && bytes + more <= limit;
        let bytes = bytes + if means { more } else { 0 };
        let room = |p: &Page| p.used + bytes <= p.buffer.size();
        let page = match self.pages.iter().position(room) {
            Some(page) => page,
            None => {
                self.pages.push(Page {
                    buffer: device.create_buffer(&wgpu::BufferDescriptor {
                        label: Some("display arena"),
                        size: bytes.max(PAGE_BYTES.min(limit)),
                        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                        mapped_at_creation: false,
                    }),
                    used: 0,
                });
                self.pages.len() - 1
            }
        };
        let at = &mut self.pages[page].used;
        let first = (*at / 4) as u32;
        *at += bytes;
        if means {
            let head = self.means.ask(page as u32, first, len as u32, cells);
            let place = (first as u64 + len as u64) * 4;
            queue.write_buffer(&self.pages[page].buffer, place, bytemuck::cast_slice(&head));
        }
        Ok(Slot {
            page: page as u32,
            first,
            len: len as u32,
            means,
        })
    }

    /// Frees every slot; the first page's memory is kept for what comes next.
    pub fn clear(&mut self) {
        self.means.clear();
        self.pages.truncate(1);
        self.pages.iter_mut().for_each(|p| p.used = 0);
    }

    /// Bytes of GPU memory held.
    pub fn bytes(&self) -> u64 {
        self.pages.iter().map(|p| p.buffer.size()).sum()
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        self.pages.iter().map(|p| &p.buffer)
    }
}
