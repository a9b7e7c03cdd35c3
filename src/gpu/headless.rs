//! A device without a window, and pictures read back from it.

use std::time::Duration;

use crate::renderer::depth;

/// Why there is no device or no picture.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum DeviceError {
    #[error(
        "no graphics adapter was found (a Vulkan driver is needed; mesa-vulkan-drivers has a software one): {0}"
    )]
    Adapter(String),
    #[error("the graphics adapter {adapter:?} gave no device: {problem}")]
    Device { adapter: String, problem: String },
    #[error("a picture of {width} x {height} was asked for: 1 to {limit} pixels a side are possible here")]
    Size { width: u32, height: u32, limit: u32 },
    #[error("the picture could not be read back: {0}")]
    Read(String),
}

/// A device that draws into textures.
#[derive(Clone)]
pub struct Headless {
    /// Where the adapter comes from.
    pub instance: wgpu::Instance,
    /// What the device stands for.
    pub adapter: wgpu::Adapter,
    /// The device, with every settled feature of its adapter, so that it can compute too.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// Adapter name and driver.
    pub name: String,
    /// True for an adapter that computes on the CPU.
    pub software: bool,
}

/// Format of headless pictures.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8UnormSrgb;

impl Headless {
    /// Opens the best adapter, a software one included.
    ///
    /// # Errors
    /// [`DeviceError`] where no driver is installed.
    pub fn new() -> Result<Self, DeviceError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter =
            block_on(instance.request_adapter(&options)).map_err(|e| DeviceError::Adapter(e.to_string()))?;
        // The same device computes.
        let descriptor = compute::Gpu::descriptor(&adapter);
        let (device, queue) =
            block_on(adapter.request_device(&descriptor)).map_err(|e| DeviceError::Device {
                adapter: adapter.get_info().name,
                problem: e.to_string(),
            })?;
        Ok(Headless::of(instance, adapter, device, queue))
    }

    /// A device that draws elsewhere too.
    pub fn of(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let info = adapter.get_info();
        Headless {
            instance,
            adapter,
            device,
            queue,
            name: format!("{} ({})", info.name, info.driver_info),
            software: info.device_type == wgpu::DeviceType::Cpu,
        }
    }

    /// Draws one picture and reads it back: RGBA, 8 bits, row by row from the top.
    ///
    /// # Errors
    /// [`DeviceError::Size`] for sizes that the device cannot draw.
    pub fn picture(
        &self,
        width: u32,
        height: u32,
        clear: wgpu::Color,
        draw: impl FnOnce(&mut wgpu::RenderPass<'static>),
    ) -> Result<Vec<u8>, DeviceError> {
        self.drawn([width, height], |encoder, color| {
            let depth = depth(&self.device, [width, height]);
            let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("scene"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: color,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(clear),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                    view: &depth,
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
            // The pass ends here, before the encoder is used again.
            draw(&mut pass.forget_lifetime());
            Ok(())
        })
    }

    /// Has `draw` write commands that fill a texture of [`FORMAT`], and reads it back: RGBA, 8 bits, row by row
    /// from the top.
    ///
    /// # Errors
    /// [`DeviceError::Size`] for sizes that the device cannot draw, and what `draw` says.
    pub fn drawn(
        &self,
        [width, height]: [u32; 2],
        draw: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::TextureView) -> Result<(), DeviceError>,
    ) -> Result<Vec<u8>, DeviceError> {
        let limit = self.device.limits().max_texture_dimension_2d;
        if width == 0 || height == 0 || width > limit || height > limit {
            return Err(DeviceError::Size { width, height, limit });
        }
        let color = self.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d {
                width,
                height,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        draw(&mut encoder, &color.create_view(&Default::default()))?;
        self.read(encoder, &color)
    }

    fn read(
        &self,
        mut encoder: wgpu::CommandEncoder,
        texture: &wgpu::Texture,
    ) -> Result<Vec<u8>, DeviceError> {
        let (width, height) = (texture.width(), texture.height());
        let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: row as u64 * height as u64,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
        self.queue.submit([encoder.finish()]);
        let slice = buffer.slice(..);
        let (send, receive) = std::sync::mpsc::channel();
        slice.map_async(wgpu::MapMode::Read, move |result| {
            // The receiver outlives the wait below.
            let _ = send.send(result);
        });
        let wait = wgpu::PollType::Wait {
            submission_index: None,
            timeout: Some(Duration::from_secs(120)),
        };
        self.device
            .poll(wait)
            .map_err(|e| DeviceError::Read(e.to_string()))?;
        let mapped = receive.recv().map_err(|e| DeviceError::Read(e.to_string()))?;
        mapped.map_err(|e| DeviceError::Read(e.to_string()))?;
        let data = slice.get_mapped_range();
        let rows = data.chunks_exact(row as usize).map(|r| &r[..width as usize * 4]);
        Ok(rows.collect::<Vec<_>>().concat())
    }
}

/// wgpu's native futures are ready at once or woken by a poll inside them.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}
