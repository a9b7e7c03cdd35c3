//! The display arena: pages of GPU memory that hold what the boxes show.

/// Bytes of a page; a larger tensor gets a page of its own.
const PAGE_BYTES: u64 = 64 << 20;

/// Where a tensor's values lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Page index.
    pub page: u32,
    /// First element within the page.
    pub first: u32,
    /// Elements.
    pub len: u32,
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
}

impl Arena {
    /// Copies `values` in from the host.
    ///
    /// # Errors
    /// [`TooLarge`] above the device's limit for one storage binding.
    pub fn upload(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        values: &[f32],
    ) -> Result<Slot, TooLarge> {
        let slot = self.reserve(device, values.len())?;
        let buffer = &self.pages[slot.page as usize].buffer;
        queue.write_buffer(buffer, slot.first as u64 * 4, bytemuck::cast_slice(values));
        Ok(slot)
    }

    /// Copies values in from another buffer of the same device, without touching the host.
    ///
    /// # Errors
    /// [`TooLarge`] above the device's limit for one storage binding.
    pub fn copy(
        &mut self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        source: &wgpu::Buffer,
        offset: u64,
        len: usize,
    ) -> Result<Slot, TooLarge> {
        let slot = self.reserve(device, len)?;
        let to = &self.pages[slot.page as usize].buffer;
        encoder.copy_buffer_to_buffer(source, offset, to, slot.first as u64 * 4, len as u64 * 4);
        Ok(slot)
    }

    fn reserve(&mut self, device: &wgpu::Device, len: usize) -> Result<Slot, TooLarge> {
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
        Ok(Slot {
            page: page as u32,
            first,
            len: len as u32,
        })
    }

    /// Frees every slot; the first page's memory is kept for what comes next.
    pub fn clear(&mut self) {
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
