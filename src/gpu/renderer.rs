//! Pipelines that draw boxes and ribbons into any target of the shared device.

use bytemuck::{Pod, Zeroable};

use crate::arena::{Arena, Slot};
use crate::batch::Batch;

/// Depth format of every scene pass.
pub const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;

/// A depth attachment of this size.
pub(crate) fn depth(device: &wgpu::Device, [width, height]: [u32; 2]) -> wgpu::TextureView {
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("depth"),
        size: wgpu::Extent3d {
            width,
            height,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: DEPTH,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    texture.create_view(&Default::default())
}

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
    /// Lit, wherever the flow stands.
    pub const LIT: u32 = 8;
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
    /// Place along the flow, columns: the front passes it when the playhead goes on from here.
    pub rank: f32,
    /// What [`View::marked`] calls it by, from 1; 0: nothing.
    pub number: u32,
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
    /// How far the flow has come, columns; then 1 where it runs from the output to the input.
    pub flow: [f32; 4],
    /// Numbers of the selected box and of the one under the pointer; 0: none.
    pub marked: [u32; 4],
}

impl View {
    /// [`View::flow`] that has come past everything.
    pub const DONE: [f32; 4] = [f32::MAX, 0.0, 0.0, 0.0];
}

pub(crate) fn storage(device: &wgpu::Device, label: &str, size: u64) -> wgpu::Buffer {
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
    standing: Batch,
    moving: Batch,
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
            standing: Batch::new(device),
            moving: Batch::new(device),
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
        let layouts = [&self.volumes_layout, &self.segments_layout];
        self.standing
            .write((device, queue), layouts, arena, volumes, segments);
    }

    /// Sets what is drawn over the scene: the little that changes from frame to frame.
    pub fn set_moving(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        arena: &Arena,
        volumes: &[(Volume, Option<Slot>)],
        segments: &[Segment],
    ) {
        let layouts = [&self.volumes_layout, &self.segments_layout];
        self.moving
            .write((device, queue), layouts, arena, volumes, segments);
    }

    /// Sets the camera.
    pub fn set_view(&self, queue: &wgpu::Queue, view: &View) {
        queue.write_buffer(&self.view, 0, bytemuck::bytes_of(view));
    }

    /// Draws into a pass whose depth attachment is [`DEPTH`], cleared to 0.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'_>) {
        pass.set_bind_group(0, &self.view_group, &[]);
        pass.set_pipeline(&self.volumes_pipeline);
        self.standing.boxes(pass);
        self.moving.boxes(pass);
        pass.set_pipeline(&self.segments_pipeline);
        self.standing.ribbons(pass);
        self.moving.ribbons(pass);
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

pub(crate) fn group(
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
