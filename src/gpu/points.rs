//! Clouds of points that stay on the device: a frame sends a camera and nothing else.
//!
//! Positions come in pairs, before and now, and a number between them, so that points move without
//! being sent. Few points are discs with depth; many are added up by pixel in a compute pass and
//! brought to the screen by their density ([`Way`]). Only what core WebGPU has is used.

mod pipelines;

use bytemuck::{Pod, Zeroable};

use crate::headless::DeviceError;
use crate::renderer::{depth, group, storage};

use pipelines::{layout, pipeline_layout, render};

/// Most points: three float32 of each fit into the 128 MiB that a binding of core WebGPU may have.
pub const MOST_POINTS: usize = (128 << 20) / 12;
/// Most pixels of a target: 8 bytes of each fit into such a binding.
pub const MOST_PIXELS: u32 = (128 << 20) / 8;
/// Points in a row of work groups.
const ROW: u32 = 128 * 32_768;

/// How points become a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Round discs; near ones hide far ones.
    Discs,
    /// The more points under a pixel the brighter, in the colour of the nearest; where all are as near, of any.
    Density,
}

/// Why points are not drawn.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PointsError {
    #[error("{found} points were given: at most {MOST_POINTS} can be drawn")]
    TooMany { found: usize },
    #[error("{what} of {found} points were given: {expected} are expected")]
    Lengths {
        what: &'static str,
        found: usize,
        expected: usize,
    },
    #[error("a picture of {width} x {height} pixels was asked for: 1 to {MOST_PIXELS} pixels are possible")]
    Size { width: u32, height: u32 },
}

/// The camera and how points look; a few numbers a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointLook {
    /// Clip space from the space of the points, column major, depth reversed (1 near, 0 far).
    pub clip_from_world: [[f32; 4]; 4],
    /// Radius of a point of size 1 halfway between near and far, pixels.
    pub radius: f32,
    /// How far points are from the places before (0) to those now (1).
    pub moved: f32,
    /// Clip w of the nearest and of the farthest points: these are fainter and smaller. Equal: none is.
    pub depths: [f32; 2],
    /// Some points are chosen: the others are faint.
    pub chosen: bool,
    /// Opacity of points that are left out, 0 to 1.
    pub faint: f32,
    /// [`Way::Density`]: what the light of one point counts for; at 1 it is half seen.
    pub exposure: f32,
    /// [`Way::Density`]: opacity of a pixel on which a lone point falls, at least.
    pub least: f32,
    /// Linear RGB behind everything.
    pub background: [f32; 3],
    /// How the picture is made.
    pub way: Way,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Look {
    clip_from_world: [[f32; 4]; 4],
    frame: [f32; 4],
    depth: [f32; 4],
    counts: [u32; 4],
    behind: [f32; 4],
}

/// Colour, size and choice of a point in one number. `color` is sRGB; `size` times the common radius, from
/// 1/16 to 15.
pub fn ink(color: [u8; 3], size: f32, chosen: bool) -> u32 {
    let steps = (64.0 + 16.0 * size.max(1e-6).log2()).round().clamp(0.0, 127.0);
    u32::from_le_bytes([color[0], color[1], color[2], steps as u8 | u8::from(chosen) << 7])
}

/// What a target of one size needs beside it.
struct Room {
    size: [u32; 2],
    depth: wgpu::TextureView,
    sums: Option<(wgpu::Buffer, wgpu::BindGroup, wgpu::BindGroup)>,
}

/// Points in display memory, and the pipelines that draw them.
pub struct Points {
    solid: wgpu::RenderPipeline,
    soft: wgpu::RenderPipeline,
    resolve: wgpu::RenderPipeline,
    gather: wgpu::ComputePipeline,
    points_layout: wgpu::BindGroupLayout,
    sums_layout: wgpu::BindGroupLayout,
    light_layout: wgpu::BindGroupLayout,
    look: wgpu::Buffer,
    before: Option<wgpu::Buffer>,
    now: wgpu::Buffer,
    inks: wgpu::Buffer,
    group: wgpu::BindGroup,
    count: usize,
    room: Option<Room>,
}

impl Points {
    /// Compiles the pipelines for targets of `format`.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        use wgpu::{BufferBindingType::Storage, ShaderStages};
        let all = ShaderStages::VERTEX_FRAGMENT | ShaderStages::COMPUTE;
        let read = Storage { read_only: true };
        let uniform = wgpu::BufferBindingType::Uniform;
        let points_layout = layout(device, "points", all, &[uniform, read, read, read]);
        let sums_layout = layout(
            device,
            "sums",
            ShaderStages::COMPUTE,
            &[Storage { read_only: false }],
        );
        let light_layout = layout(device, "light", ShaderStages::FRAGMENT, &[read]);
        let shared = include_str!("../../shaders/points.wgsl");
        let shader = |label: &str, more: &str| {
            device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(label),
                source: wgpu::ShaderSource::Wgsl(format!("{shared}\n{more}").into()),
            })
        };
        let discs = shader("points", "");
        let density = shader("density", include_str!("../../shaders/density.wgsl"));
        let resolve = shader("resolve", include_str!("../../shaders/resolve.wgsl"));
        let look = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("look"),
            size: size_of::<Look>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let (now, inks) = (storage(device, "places", 12), storage(device, "inks", 4));
        let group = group(device, "points", &points_layout, &[&look, &now, &now, &inks]);
        let made = |module, entries, group, depth| render(device, format, module, entries, group, depth);
        Points {
            solid: made(&discs, ["vertex", "solid"], &[&points_layout], Some(true)),
            soft: made(&discs, ["vertex", "soft"], &[&points_layout], Some(false)),
            resolve: made(
                &resolve,
                ["whole", "resolve"],
                &[&points_layout, &light_layout],
                None,
            ),
            gather: device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("gather"),
                layout: Some(&pipeline_layout(device, &[&points_layout, &sums_layout])),
                module: &density,
                entry_point: Some("gather"),
                compilation_options: Default::default(),
                cache: None,
            }),
            points_layout,
            sums_layout,
            light_layout,
            look,
            before: None,
            now,
            inks,
            group,
            count: 0,
            room: None,
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True without points.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Sends places, three numbers a point, and the places that they come from, where they move. Points of
    /// another number have no inks until these are sent.
    ///
    /// # Errors
    /// [`PointsError`] for more points than can be drawn, and for another number of places before.
    pub fn set_places(
        &mut self,
        (device, queue): (&wgpu::Device, &wgpu::Queue),
        now: &[f32],
        before: Option<&[f32]>,
    ) -> Result<(), PointsError> {
        let count = now.len() / 3;
        if count > MOST_POINTS {
            return Err(PointsError::TooMany { found: count });
        }
        if let Some(before) = before.filter(|b| b.len() != now.len()) {
            return Err(PointsError::Lengths {
                what: "places before",
                found: before.len() / 3,
                expected: count,
            });
        }
        if self.count != count {
            self.now = storage(device, "places", 12 * count.max(1) as u64);
            self.inks = storage(device, "inks", 4 * count.max(1) as u64);
            self.before = None;
            self.count = count;
        }
        queue.write_buffer(&self.now, 0, bytemuck::cast_slice(now));
        match before {
            Some(before) => {
                let buffer = self
                    .before
                    .get_or_insert_with(|| storage(device, "places before", 12 * count.max(1) as u64));
                queue.write_buffer(buffer, 0, bytemuck::cast_slice(before));
            }
            None => self.before = None,
        }
        let before = self.before.as_ref().unwrap_or(&self.now);
        let buffers = [&self.look, before, &self.now, &self.inks];
        self.group = group(device, "points", &self.points_layout, &buffers);
        Ok(())
    }

    /// Sends an [`ink`] for each point.
    ///
    /// # Errors
    /// [`PointsError::Lengths`] for another number than there are places.
    pub fn set_inks(&mut self, queue: &wgpu::Queue, inks: &[u32]) -> Result<(), PointsError> {
        if inks.len() != self.count {
            return Err(PointsError::Lengths {
                what: "inks",
                found: inks.len(),
                expected: self.count,
            });
        }
        queue.write_buffer(&self.inks, 0, bytemuck::cast_slice(inks));
        Ok(())
    }

    /// Draws the points into the whole of `target`, of `size` pixels, over the background.
    ///
    /// # Errors
    /// [`PointsError::Size`] for targets without pixels or with more than [`MOST_PIXELS`].
    pub fn draw(
        &mut self,
        (device, queue): (&wgpu::Device, &wgpu::Queue),
        encoder: &mut wgpu::CommandEncoder,
        (target, size): (&wgpu::TextureView, [u32; 2]),
        look: &PointLook,
    ) -> Result<(), PointsError> {
        let [width, height] = size;
        let pixels = width.saturating_mul(height);
        if !(1..=MOST_PIXELS).contains(&pixels) {
            return Err(PointsError::Size { width, height });
        }
        let [near, far] = look.depths;
        let row = ROW.min(self.count as u32);
        let [r, g, b] = look.background;
        let sent = Look {
            clip_from_world: look.clip_from_world,
            frame: [width as f32, height as f32, look.radius, look.moved],
            depth: [near, far, look.faint, look.exposure],
            counts: [self.count as u32, width, u32::from(look.chosen), row.max(1)],
            behind: [r, g, b, look.least],
        };
        queue.write_buffer(&self.look, 0, bytemuck::bytes_of(&sent));
        self.fit(device, size, look.way);
        let Some(room) = &self.room else { return Ok(()) };
        let light = room
            .sums
            .as_ref()
            .filter(|_| look.way == Way::Density && self.count > 0);
        if let Some((sums, gather, _)) = light {
            encoder.clear_buffer(sums, 0, None);
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.gather);
            pass.set_bind_group(0, &self.group, &[]);
            pass.set_bind_group(1, gather, &[]);
            pass.dispatch_workgroups(row.div_ceil(128), (self.count as u32).div_ceil(row), 1);
        }
        let [r, g, b] = look.background.map(f64::from);
        let discs = look.way == Way::Discs;
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("points"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 }),
                    store: wgpu::StoreOp::Store,
                },
            })],
            depth_stencil_attachment: discs.then_some(wgpu::RenderPassDepthStencilAttachment {
                view: &room.depth,
                depth_ops: Some(wgpu::Operations {
                    load: wgpu::LoadOp::Clear(0.0),
                    store: wgpu::StoreOp::Discard,
                }),
                stencil_ops: None,
            }),
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        });
        pass.set_bind_group(0, &self.group, &[]);
        if let Some((.., light)) = light {
            pass.set_pipeline(&self.resolve);
            pass.set_bind_group(1, light, &[]);
            pass.draw(0..3, 0..1);
        } else if discs {
            for pipeline in [&self.solid, &self.soft] {
                pass.set_pipeline(pipeline);
                pass.draw(0..6 * self.count as u32, 0..1);
            }
        }
        Ok(())
    }

    /// Makes what a target of this size needs.
    fn fit(&mut self, device: &wgpu::Device, size: [u32; 2], way: Way) {
        let room = self.room.take().filter(|r| r.size == size);
        let mut room = room.unwrap_or_else(|| Room {
            size,
            depth: depth(device, size),
            sums: None,
        });
        if way == Way::Density && room.sums.is_none() {
            let sums = storage(device, "pixels", 8 * u64::from(size[0]) * u64::from(size[1]));
            let gather = group(device, "sums", &self.sums_layout, &[&sums]);
            let light = group(device, "light", &self.light_layout, &[&sums]);
            room.sums = Some((sums, gather, light));
        }
        self.room = Some(room);
    }

    /// Draws one picture of the points and reads it back: RGBA, 8 bits, row by row from the top. The pipelines
    /// must be for [`crate::headless::FORMAT`].
    ///
    /// # Errors
    /// [`DeviceError`] for sizes that the device cannot draw.
    pub fn picture(
        &mut self,
        gpu: &crate::Headless,
        size: [u32; 2],
        look: &PointLook,
    ) -> Result<Vec<u8>, DeviceError> {
        gpu.drawn(size, |encoder, target| {
            self.draw((&gpu.device, &gpu.queue), encoder, (target, size), look)
                .map_err(|e| DeviceError::Read(e.to_string()))
        })
    }
}
