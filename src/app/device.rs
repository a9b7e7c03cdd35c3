//! What computes: the device that draws, where it is a real one, else the processor.

use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::error_handler::{ErrorType, RenderErrorHandler, RenderErrorPolicy};
use bevy::render::renderer::{RenderAdapter, RenderDevice, RenderInstance, RenderQueue};
use bevy::render::settings::RenderCreation;
use compute::{Device, Gpu};

use crate::explorer::Explorer;
use crate::pass::Target;

/// Gives the session Bevy's device to compute on, and survives its loss.
pub struct DevicePlugin;

impl Plugin for DevicePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(RenderErrorHandler(survive));
    }

    /// The renderer's device is there only now.
    fn finish(&self, app: &mut App) {
        let Some(world) = app.get_sub_app(RenderApp).map(SubApp::world) else {
            return;
        };
        let found = (
            world.get_resource::<RenderInstance>(),
            world.get_resource::<RenderAdapter>(),
            world.get_resource::<RenderDevice>(),
            world.get_resource::<RenderQueue>(),
        );
        let (Some(instance), Some(adapter), Some(device), Some(queue)) = found else {
            return;
        };
        // On a software adapter burn-flex is many times faster, and only pictures go to the adapter.
        let software = adapter.get_info().device_type == wgpu::DeviceType::Cpu;
        let asked = std::env::var("LAYERSCOPE_DEVICE").unwrap_or_default();
        let gpu = match asked.as_str() {
            "gpu" => true,
            "cpu" => false,
            "" => !software || cfg!(target_arch = "wasm32"),
            other => {
                warn!("LAYERSCOPE_DEVICE is {other:?}: cpu or gpu is expected");
                !software
            }
        };
        if !gpu || !Gpu::fits(adapter) {
            return;
        }
        let device = Gpu::shared(
            (**instance.0).clone(),
            (**adapter.0).clone(),
            device.wgpu_device().clone(),
            (**queue.0).clone(),
        );
        let mut explorer = app.world_mut().resource_mut::<Explorer>();
        explorer.session.compute_on(Device::Gpu(device));
    }
}

/// A lost device comes back as a new one, with the processor computing; any other error is logged
/// by Bevy and the next frame tries again.
fn survive(
    error: &bevy::render::error_handler::RenderError,
    main: &mut World,
    _: &mut World,
) -> RenderErrorPolicy {
    if error.ty != ErrorType::DeviceLost {
        return RenderErrorPolicy::Ignore;
    }
    // Everything that was drawn with belongs to the old device.
    **main.resource::<Target>().lock() = None;
    let mut explorer = main.resource_mut::<Explorer>();
    explorer.session.compute_on(Device::Cpu);
    RenderErrorPolicy::Recover(RenderCreation::default())
}
