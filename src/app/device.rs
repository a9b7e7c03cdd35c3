//! What computes: the device that draws, where it is a real one, else the processor.

use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::error_handler::{ErrorType, RenderErrorHandler, RenderErrorPolicy};
use bevy::render::renderer::{RenderAdapter, RenderDevice, RenderInstance, RenderQueue};
use bevy::render::settings::RenderCreation;
use compute::{Device, Gpu};
use gpu::Headless;

use crate::explorer::Explorer;
use crate::pass::Target;

/// The device that draws the window, once the renderer has one.
pub(crate) fn drawing(app: &App) -> Option<Headless> {
    let world = app.get_sub_app(RenderApp)?.world();
    Some(Headless::of(
        (**world.get_resource::<RenderInstance>()?.0).clone(),
        (**world.get_resource::<RenderAdapter>()?.0).clone(),
        world.get_resource::<RenderDevice>()?.wgpu_device().clone(),
        (**world.get_resource::<RenderQueue>()?.0).clone(),
    ))
}

/// Gives the session Bevy's device to compute on, and survives its loss.
pub struct DevicePlugin;

impl Plugin for DevicePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(RenderErrorHandler(survive));
    }

    /// The renderer's device is there only now.
    fn finish(&self, app: &mut App) {
        let Some(drawing) = drawing(app) else {
            return;
        };
        // On a software adapter burn-flex is many times faster, and only pictures go to the adapter.
        let software = drawing.software;
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
        if !gpu || !Gpu::fits(&drawing.adapter) {
            return;
        }
        let device = Gpu::shared(drawing.instance, drawing.adapter, drawing.device, drawing.queue);
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
    main.resource::<crate::points::Cloud>().lock().forget();
    let mut explorer = main.resource_mut::<Explorer>();
    explorer.session.compute_on(Device::Cpu);
    RenderErrorPolicy::Recover(RenderCreation::default())
}
