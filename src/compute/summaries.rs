//! Statistics of device tensors, computed beside them (`shaders/summary.wgsl`).

use bytemuck::{Pod, Zeroable};
use model::Summary;

/// Where one tensor lies.
pub struct Source<'a> {
    /// Buffer of float32.
    pub buffer: &'a wgpu::Buffer,
    /// Its first byte.
    pub offset: u64,
    /// Elements.
    pub len: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Found {
    min: f32,
    max: f32,
    mean: f32,
    std: f32,
    zeros: u32,
    finite: u32,
    low: f32,
    high: f32,
}

/// The compiled shader.
pub struct Summaries {
    pipeline: wgpu::ComputePipeline,
}

impl Summaries {
    /// Compiles it.
    pub fn new(device: &wgpu::Device) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("summary"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/summary.wgsl").into()),
        });
        let entry = |binding, ty, dynamic| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: dynamic,
                min_binding_size: None,
            },
            count: None,
        };
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let group = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("summary"),
            entries: &[
                entry(0, storage(true), false),
                entry(1, storage(false), false),
                entry(2, wgpu::BufferBindingType::Uniform, true),
            ],
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("summary"),
            bind_group_layouts: &[Some(&group)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("summary"),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("summarise"),
            compilation_options: Default::default(),
            cache: None,
        });
        Summaries { pipeline }
    }

    /// Statistics of `tensors`, in order. What makes the tensors must be submitted already.
    ///
    /// # Errors
    /// A sentence where the device fails.
    pub async fn of(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        tensors: &[Source<'_>],
    ) -> Result<Vec<Summary>, String> {
        if tensors.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = (tensors.len() * size_of::<Found>()) as u64;
        let buffer = |label, size, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        use wgpu::BufferUsages as Usage;
        let results = buffer("summaries", bytes, Usage::STORAGE | Usage::COPY_SRC);
        let staging = buffer("summaries read", bytes, Usage::MAP_READ | Usage::COPY_DST);
        let limits = device.limits();
        let step = limits.min_uniform_buffer_offset_alignment.max(16) as usize;
        let align = limits.min_storage_buffer_offset_alignment as u64;
        let mut places = vec![0u8; step * tensors.len()];
        for (i, t) in tensors.iter().enumerate() {
            // The binding begins at an aligned place before the tensor.
            let place = [(t.offset % align / 4) as u32, t.len as u32, i as u32, 0];
            places[i * step..i * step + 16].copy_from_slice(bytemuck::cast_slice(&place));
        }
        let uniform = buffer(
            "summary places",
            places.len() as u64,
            Usage::UNIFORM | Usage::COPY_DST,
        );
        queue.write_buffer(&uniform, 0, &places);
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            for (i, t) in tensors.iter().enumerate().filter(|(_, t)| t.len > 0) {
                let from = t.offset - t.offset % align;
                let size = (t.offset - from + 4 * t.len as u64).min(t.buffer.size() - from);
                let bind = |binding, buffer, offset, size| wgpu::BindGroupEntry {
                    binding,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer,
                        offset,
                        size: std::num::NonZeroU64::new(size),
                    }),
                };
                let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("summary"),
                    layout: &self.pipeline.get_bind_group_layout(0),
                    entries: &[
                        bind(0, t.buffer, from, size),
                        bind(1, &results, 0, bytes),
                        bind(2, &uniform, 0, 16),
                    ],
                });
                pass.set_bind_group(0, &group, &[(i * step) as u32]);
                pass.dispatch_workgroups(1, 1, 1);
            }
        }
        encoder.copy_buffer_to_buffer(&results, 0, &staging, 0, bytes);
        let index = queue.submit([encoder.finish()]);
        map(device, &staging, index).await?;
        let found: Vec<Found> = bytemuck::pod_collect_to_vec(&staging.slice(..).get_mapped_range());
        let whole = |(f, t): (&Found, &Source)| Summary {
            min: f.min,
            max: f.max,
            mean: f.mean,
            std: f.std,
            zeros: f.zeros as f32 / t.len.max(1) as f32,
            non_finite: (t.len - f.finite as usize) as u64,
            low: f.low,
            high: f.high,
        };
        Ok(found.iter().zip(tensors).map(whole).collect())
    }
}

/// Maps `buffer` for reading once `index` is done.
async fn map(
    device: &wgpu::Device,
    buffer: &wgpu::Buffer,
    index: wgpu::SubmissionIndex,
) -> Result<(), String> {
    let (send, receive) = futures_channel::oneshot::channel();
    buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        // The receiver waits below.
        let _ = send.send(result);
    });
    // The browser calls back by itself.
    if cfg!(not(target_family = "wasm")) {
        let wait = wgpu::PollType::Wait {
            submission_index: Some(index),
            timeout: None,
        };
        device.poll(wait).map_err(|e| e.to_string())?;
    }
    let mapped = receive.await.map_err(|e| e.to_string())?;
    mapped.map_err(|e| e.to_string())
}
