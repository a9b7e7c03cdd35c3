//! Boxes and ribbons in GPU memory, drawn together.

use std::ops::Range;

use bytemuck::Pod;

use crate::arena::{Arena, Slot};
use crate::renderer::{Segment, Volume, group, storage};

/// A buffer that grows with what is written.
struct Growing {
    buffer: wgpu::Buffer,
    label: &'static str,
    len: u32,
}

impl Growing {
    fn new(device: &wgpu::Device, label: &'static str) -> Self {
        Growing {
            buffer: storage(device, label, 256),
            label,
            len: 0,
        }
    }

    fn write<T: Pod>(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, items: &[T]) {
        let bytes: &[u8] = bytemuck::cast_slice(items);
        self.len = items.len() as u32;
        if bytes.len() as u64 > self.buffer.size() {
            self.buffer = storage(device, self.label, (bytes.len() as u64).next_power_of_two());
        }
        queue.write_buffer(&self.buffer, 0, bytes);
    }
}

/// Boxes by arena page, and ribbons.
pub(crate) struct Batch {
    volumes: Growing,
    segments: Growing,
    segments_group: Option<wgpu::BindGroup>,
    /// One group an arena page, with the instances that read it.
    pages: Vec<(wgpu::BindGroup, Range<u32>)>,
    empty: wgpu::Buffer,
}

impl Batch {
    /// Nothing yet.
    pub(crate) fn new(device: &wgpu::Device) -> Self {
        Batch {
            volumes: Growing::new(device, "volumes"),
            segments: Growing::new(device, "segments"),
            segments_group: None,
            pages: Vec::new(),
            empty: storage(device, "empty page", 256),
        }
    }

    /// Holds these boxes, with the arena slots that they read, and these ribbons. `layouts` are
    /// those of both pipelines' groups.
    pub(crate) fn write(
        &mut self,
        (device, queue): (&wgpu::Device, &wgpu::Queue),
        [boxes, ribbons]: [&wgpu::BindGroupLayout; 2],
        arena: &Arena,
        volumes: &[(Volume, Option<Slot>)],
        segments: &[Segment],
    ) {
        let mut sorted: Vec<&(Volume, Option<Slot>)> = volumes.iter().collect();
        let page = |v: &(Volume, Option<Slot>)| v.1.map_or(0, |s| s.page);
        sorted.sort_by_key(|v| page(v));
        let instances: Vec<Volume> = sorted.iter().map(|v| v.0).collect();
        self.volumes.write(device, queue, &instances);
        self.pages.clear();
        let buffers: Vec<&wgpu::Buffer> = arena.pages().collect();
        let mut begin = 0;
        while begin < sorted.len() {
            let of = page(sorted[begin]);
            let end = begin + sorted[begin..].iter().take_while(|v| page(v) == of).count();
            let buffer = buffers.get(of as usize).copied().unwrap_or(&self.empty);
            let group = group(device, "volumes", boxes, &[&self.volumes.buffer, buffer]);
            self.pages.push((group, begin as u32..end as u32));
            begin = end;
        }
        self.segments.write(device, queue, segments);
        self.segments_group = Some(group(device, "segments", ribbons, &[&self.segments.buffer]));
    }

    /// Draws the boxes with the pipeline that is set.
    pub(crate) fn boxes(&self, pass: &mut wgpu::RenderPass<'_>) {
        for (group, instances) in &self.pages {
            pass.set_bind_group(1, group, &[]);
            pass.draw(0..36, instances.clone());
        }
    }

    /// Draws the ribbons with the pipeline that is set.
    pub(crate) fn ribbons(&self, pass: &mut wgpu::RenderPass<'_>) {
        if let Some(group) = self.segments_group.as_ref().filter(|_| self.segments.len > 0) {
            pass.set_bind_group(1, group, &[]);
            pass.draw(0..6, 0..self.segments.len);
        }
    }
}
