//! Pipelines that draw boxes and ribbons into any target of the shared device.

use bytemuck::{Pod, Zeroable};

use crate::arena::{Arena, Slot};

/// Depth format of every scene pass.
pub const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;

/// What a box does with its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Reads its values from the arena.
    pub const VALUES: u32 = 1;
    /// The colour map diverges at the middle of the range.
    pub const SIGNED: u32 = 2;
    /// Shows an image: grey, or red, green and blue planes.
    pub const PICTURE: u32 = 4;
    /// Outlined as the selection.
    pub const SELECTED: u32 = 8;
    /// Outlined as what the pointer is over.
    pub const HOVERED: u32 = 16;
    /// The flow front comes from +x.
    pub const REVERSED: u32 = 32;
    /// Values lose their sign.
    pub const MAGNITUDE: u32 = 64;
    /// Faint: something else is to be seen.
    pub const FAINT: u32 = 128;
    /// Times 0 to 3: viridis, magma, cividis, grey.
    pub const MAP: u32 = 256;
    /// Times 0 to 8: how many levels of means follow the values.
    pub const LEVELS: u32 = 4096;
}

/// One box, as the shader reads it (`shaders/volume.wgsl`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Volume {
    /// Middle, scene units.
    pub center: [f32; 3],
    /// First element within its arena page.
    pub first: u32,
    /// Edge lengths, scene units.
    pub size: [f32; 3],
    /// See [`Flags`].
    pub flags: u32,
    /// Cells along x, y and z.
    pub counts: [u32; 3],
    /// Elements; cells past the last one stay empty.
    pub elements: u32,
    /// Distance in elements of neighbouring cells along x, y and z.
    pub strides: [u32; 3],
    /// 1: slabs along z have gaps.
    pub slabs: u32,
    /// Value at the low end of the colour map.
    pub low: f32,
    /// Value at the high end of the colour map.
    pub high: f32,
    /// The flow front, 0 dark to 1 lit.
    pub front: f32,
    /// Unused.
    pub pad: u32,
    /// Linear RGBA of the rim, and of the whole box without values.
    pub color: [f32; 4],
}

/// One straight piece of a link (`shaders/ribbon.wgsl`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct Segment {
    /// Begin, scene units.
    pub from: [f32; 3],
    /// Width, scene units.
    pub width: f32,
    /// End, scene units.
    pub to: [f32; 3],
    /// Least width on the screen, points.
    pub least: f32,
    /// Linear RGBA.
    pub color: [f32; 4],
    /// Places of both ends along the link or the pulse, 0 to 1.
    pub span: [f32; 2],
    /// 1: a pulse, which fades at both ends of its span.
    pub pulse: f32,
    /// Unused.
    pub pad: f32,
}

/// The camera and the frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct View {
    /// Clip space from world space, column major, depth reversed (1 near, 0 far).
    pub clip_from_world: [[f32; 4]; 4],
    /// Eye, scene units.
    pub eye: [f32; 4],
    /// Width and height in pixels, seconds, 1 for the light theme.
    pub frame: [f32; 4],
    /// Linear RGBA behind everything.
    pub background: [f32; 4],
    /// Fog begins and ends at these distances; then the pixels of a point.
    pub fog: [f32; 4],
}

struct Growing {
    buffer: wgpu::Buffer,
    len: u32,
}

impl Growing {
    fn new(device: &wgpu::Device, label: &str) -> Self {
        Growing {
            buffer: storage(device, label, 256),
            len: 0,
        }
    }

    /// Writes `items`; true when the buffer had to be replaced.
    fn write<T: Pod>(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        label: &str,
        items: &[T],
    ) -> bool {
        let bytes: &[u8] = bytemuck::cast_slice(items);
        self.len = items.len() as u32;
        let grow = bytes.len() as u64 > self.buffer.size();
        if grow {
            self.buffer = storage(device, label, (bytes.len() as u64).next_power_of_two());
        }
        queue.write_buffer(&self.buffer, 0, bytes);
        grow
    }
}

fn storage(device: &wgpu::Device, label: &str, size: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// Draws a scene with two pipelines: boxes, one draw call an arena page, and ribbons, one.
pub struct Renderer {
    volumes_pipeline: wgpu::RenderPipeline,
    segments_pipeline: wgpu::RenderPipeline,
    view: wgpu::Buffer,
    view_group: wgpu::BindGroup,
    volumes_layout: wgpu::BindGroupLayout,
    segments_layout: wgpu::BindGroupLayout,
    volumes: Growing,
    segments: Growing,
    segments_group: Option<wgpu::BindGroup>,
    /// One group an arena page, with the instances that read it.
    pages: Vec<(wgpu::BindGroup, std::ops::Range<u32>)>,
    empty: wgpu::Buffer,
}

impl Renderer {
    /// Compiles the pipelines for targets of `format`.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let view_layout = layout(device, "view", &[wgpu::BufferBindingType::Uniform]);
        let read = wgpu::BufferBindingType::Storage { read_only: true };
        let volumes_layout = layout(device, "volumes", &[read, read]);
        let segments_layout = layout(device, "segments", &[read]);
        let view = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("view"),
            size: size_of::<View>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let view_group = group(device, "view", &view_layout, &[&view]);
        let volume = concat!(
            include_str!("../../shaders/colormap.wgsl"),
            include_str!("../../shaders/volume.wgsl")
        );
        let ribbon = include_str!("../../shaders/ribbon.wgsl");
        Renderer {
            volumes_pipeline: pipeline(
                device,
                "volumes",
                volume,
                [&view_layout, &volumes_layout],
                format,
                true,
            ),
            segments_pipeline: pipeline(
                device,
                "ribbons",
                ribbon,
                [&view_layout, &segments_layout],
                format,
                false,
            ),
            volumes: Growing::new(device, "volumes"),
            segments: Growing::new(device, "segments"),
            empty: storage(device, "empty page", 256),
            segments_group: None,
            pages: Vec::new(),
            view,
            view_group,
            volumes_layout,
            segments_layout,
        }
    }

    /// Sets what is drawn from now on. Boxes come with the arena slot that they read.
    pub fn set_scene(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        arena: &Arena,
        volumes: &[(Volume, Option<Slot>)],
        segments: &[Segment],
    ) {
        let mut sorted: Vec<&(Volume, Option<Slot>)> = volumes.iter().collect();
        let page = |v: &(Volume, Option<Slot>)| v.1.map_or(0, |s| s.page);
        sorted.sort_by_key(|v| page(v));
        let instances: Vec<Volume> = sorted.iter().map(|v| v.0).collect();
        self.volumes.write(device, queue, "volumes", &instances);
        self.pages.clear();
        let buffers: Vec<&wgpu::Buffer> = arena.pages().collect();
        let mut begin = 0;
        while begin < sorted.len() {
            let of = page(sorted[begin]);
            let end = begin + sorted[begin..].iter().take_while(|v| page(v) == of).count();
            let buffer = buffers.get(of as usize).copied().unwrap_or(&self.empty);
            let group = group(
                device,
                "volumes",
                &self.volumes_layout,
                &[&self.volumes.buffer, buffer],
            );
            self.pages.push((group, begin as u32..end as u32));
            begin = end;
        }
        self.segments.write(device, queue, "segments", segments);
        self.segments_group = Some(group(
            device,
            "segments",
            &self.segments_layout,
            &[&self.segments.buffer],
        ));
    }

    /// Sets the camera.
    pub fn set_view(&self, queue: &wgpu::Queue, view: &View) {
        queue.write_buffer(&self.view, 0, bytemuck::bytes_of(view));
    }

    /// Draws into a pass whose depth attachment is [`DEPTH`], cleared to 0.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>) {
        pass.set_bind_group(0, &self.view_group, &[]);
        pass.set_pipeline(&self.volumes_pipeline);
        for (group, instances) in &self.pages {
            pass.set_bind_group(1, group, &[]);
            pass.draw(0..36, instances.clone());
        }
        if let Some(group) = self.segments_group.as_ref().filter(|_| self.segments.len > 0) {
            pass.set_pipeline(&self.segments_pipeline);
            pass.set_bind_group(1, group, &[]);
            pass.draw(0..6, 0..self.segments.len);
        }
    }
}

fn layout(device: &wgpu::Device, label: &str, kinds: &[wgpu::BufferBindingType]) -> wgpu::BindGroupLayout {
    let entry = |(binding, &ty): (usize, &wgpu::BufferBindingType)| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = kinds.iter().enumerate().map(entry).collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(label),
        entries: &entries,
    })
}

fn group(
    device: &wgpu::Device,
    label: &str,
    layout: &wgpu::BindGroupLayout,
    buffers: &[&wgpu::Buffer],
) -> wgpu::BindGroup {
    let entries: Vec<_> = (0u32..)
        .zip(buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        })
        .collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(label),
        layout,
        entries: &entries,
    })
}

fn pipeline(
    device: &wgpu::Device,
    label: &str,
    source: &str,
    layouts: [&wgpu::BindGroupLayout; 2],
    format: wgpu::TextureFormat,
    opaque: bool,
) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &layouts.map(Some),
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(label),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("vertex"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState {
            cull_mode: opaque.then_some(wgpu::Face::Back),
            ..Default::default()
        },
        depth_stencil: Some(wgpu::DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(opaque),
            depth_compare: Some(wgpu::CompareFunction::GreaterEqual),
            stencil: Default::default(),
            bias: Default::default(),
        }),
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fragment"),
            compilation_options: Default::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format,
                blend: (!opaque).then_some(wgpu::BlendState::ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
