//! The wgpu backend, on a device of its own or on the one that draws.

use std::sync::{Arc, Mutex, PoisonError};

use burn_backend::TensorMetadata;
use burn_backend::tensor::FloatTensor;
use burn_cubecl::cubecl::Runtime;
use burn_cubecl::kernel::into_contiguous;
use burn_wgpu::{CubeTensor, RuntimeOptions, WgpuDevice, WgpuRuntime, WgpuSetup, init_device};
use model::{DType, Remote, TraceTensor, Values};

use crate::place::Place;
use crate::summaries::{Source, Summaries};
use crate::value::{dims, read_async, wait};

/// Burn's wgpu backend: WGSL, float32 and int32, without fusion and without autotuning.
pub type Wgpu = burn_wgpu::Wgpu<f32, i32, u32>;

/// A graphics device that computes.
#[derive(Clone)]
pub struct Gpu {
    burn: WgpuDevice,
    device: wgpu::Device,
    queue: wgpu::Queue,
    summaries: Arc<Summaries>,
    name: String,
    software: bool,
    /// The first error of a device of one's own.
    failure: Arc<Mutex<Option<String>>>,
}

impl Gpu {
    /// Computes on a device that something else draws on, all on one queue.
    ///
    /// The device should have all features of its adapter: the backend goes by the adapter's.
    pub fn shared(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let info = adapter.get_info();
        let setup = WgpuSetup {
            instance,
            adapter,
            device: device.clone(),
            queue: queue.clone(),
            backend: info.backend,
        };
        Gpu {
            burn: init_device(setup, RuntimeOptions::default()),
            summaries: Arc::new(Summaries::new(&device)),
            device,
            queue,
            software: info.device_type == wgpu::DeviceType::Cpu,
            name: info.name,
            failure: Arc::default(),
        }
    }

    /// A device of `adapter` as the backend wants it: with every settled feature, and all limits.
    pub fn descriptor(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
        let left_out = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask();
        wgpu::DeviceDescriptor {
            label: Some("layerscope"),
            required_features: adapter.features().difference(left_out),
            required_limits: adapter.limits(),
            ..Default::default()
        }
    }

    /// Whether the backend can compute on devices of `adapter`: in a browser cubecl stops the page
    /// where there are no timestamp queries.
    pub fn fits(adapter: &wgpu::Adapter) -> bool {
        cfg!(not(target_family = "wasm")) || adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Opens a device for computing alone, a software one where there is no other.
    ///
    /// # Errors
    /// A sentence where no driver is installed.
    pub fn open() -> Result<Self, String> {
        wait(Self::open_async()).ok_or("a device cannot be waited for here")?
    }

    /// [`Gpu::open`] without waiting.
    ///
    /// # Errors
    /// A sentence where there is no device.
    pub async fn open_async() -> Result<Self, String> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance.request_adapter(&options).await;
        let adapter = adapter.map_err(|e| {
            format!("no graphics adapter was found (a Vulkan driver is needed; mesa-vulkan-drivers has a software one): {e}")
        })?;
        let found = adapter.request_device(&Gpu::descriptor(&adapter)).await;
        let (device, queue) =
            found.map_err(|e| format!("{} gave no device: {e}", adapter.get_info().name))?;
        let gpu = Gpu::shared(instance, adapter, device, queue);
        let failure = gpu.failure.clone();
        gpu.device.on_uncaptured_error(Arc::new(move |error| {
            let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| error.to_string());
        }));
        Ok(gpu)
    }

    /// Name of the adapter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True for an adapter that computes on the processor: there `burn-flex` is faster.
    pub fn software(&self) -> bool {
        self.software
    }

    /// Burn's handle, to make executors with.
    pub fn burn(&self) -> &WgpuDevice {
        &self.burn
    }

    /// Bytes of the largest tensor that it can compute with.
    pub fn largest(&self) -> u64 {
        let limits = self.device.limits();
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
    }

    /// The device, which may draw too.
    pub fn wgpu(&self) -> (&wgpu::Device, &wgpu::Queue) {
        (&self.device, &self.queue)
    }

    /// Submits what this thread has computed so far, and says what failed: kernels, or the device
    /// itself where it is our own.
    ///
    /// # Errors
    /// A sentence about the first failure.
    pub fn submit(&self) -> Result<(), String> {
        let client = WgpuRuntime::client(&self.burn);
        client.flush().map_err(|e| format!("{e:?}"))?;
        let first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.clone().map_or(Ok(()), Err)
    }
}

/// A tensor in device memory, which stays as it is while this lives.
pub struct Resident {
    tensor: CubeTensor<WgpuRuntime>,
    device: wgpu::Device,
    buffer: wgpu::Buffer,
    offset: u64,
}

impl Resident {
    /// The device tensor behind `values`, where there is one.
    pub fn of(values: &Values) -> Option<&Resident> {
        match values {
            Values::Device(remote) => remote.handle.downcast_ref(),
            Values::Host(_) => None,
        }
    }

    /// The device that the buffer belongs to. wgpu tells devices of one instance apart, not those
    /// of two.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// Buffer and first byte of the values, row-major float32. Other tensors share the buffer.
    pub fn buffer(&self) -> (&wgpu::Buffer, u64) {
        (&self.buffer, self.offset)
    }

    pub(crate) async fn read(&self) -> Result<Vec<f32>, String> {
        read_async::<Wgpu>(self.tensor.clone()).await
    }
}

impl Place for Gpu {
    type Backend = Wgpu;

    const UNIT_STRIDES: bool = true;

    const WAITS: bool = false;

    fn device(&self) -> WgpuDevice {
        self.burn.clone()
    }

    fn largest(&self) -> u64 {
        Gpu::largest(self)
    }

    fn words(&self) -> String {
        format!("{} (wgpu)", self.name)
    }

    async fn keep(&self, tensors: Vec<FloatTensor<Wgpu>>) -> Result<(Vec<TraceTensor>, u64), String> {
        let mut residents = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let tensor = into_contiguous(tensor);
            let resource = tensor.client.get_resource(tensor.handle.clone());
            let resource = resource.map_err(|e| format!("{e:?}"))?;
            let (buffer, offset) = (resource.resource().buffer.clone(), resource.resource().offset);
            residents.push(Resident {
                tensor,
                device: self.device.clone(),
                buffer,
                offset,
            });
        }
        // On the thread that made the tensors: cubecl keeps a queue for each thread, and what reads
        // the buffers from here on goes by what has been submitted.
        self.submit()?;
        let sources: Vec<Source> = residents
            .iter()
            .map(|r| Source {
                buffer: &r.buffer,
                offset: r.offset,
                len: r.tensor.shape().num_elements(),
            })
            .collect();
        let summaries = self.summaries.of(&self.device, &self.queue, &sources).await?;
        self.submit()?;
        let bytes = 32 * summaries.len() as u64;
        let kept = residents
            .into_iter()
            .zip(summaries)
            .map(|(resident, summary)| TraceTensor {
                shape: dims::<Wgpu>(&resident.tensor),
                dtype: DType::F32,
                summary: Some(summary),
                values: Values::Device(Arc::new(Remote {
                    handle: Box::new(resident),
                    host: Default::default(),
                })),
            });
        Ok((kept.collect(), bytes))
    }
}
