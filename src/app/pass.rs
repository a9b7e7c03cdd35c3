//! The scene in Bevy's frame: one pass after Bevy's own, on Bevy's device.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bevy::core_pipeline::{Core3d, Core3dSystems};
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::renderer::{RenderContext, ViewQuery, WgpuWrapper};
use bevy::render::view::{ViewDepthTexture, ViewTarget};
use scene::Shown;

/// What is drawn, and where. Both worlds hold it.
#[derive(Resource, Clone)]
pub struct Target(Arc<Mutex<WgpuWrapper<Option<Place>>>>);

/// The scene in GPU memory with its place in the window.
pub struct Place {
    /// What is drawn.
    pub shown: Shown,
    /// Where in the window, physical pixels: x, y, width, height.
    pub rect: [f32; 4],
}

impl Place {
    /// Nothing yet.
    pub fn new(device: &wgpu::Device) -> Self {
        Place {
            shown: Shown::new(device, wgpu::TextureFormat::Rgba8UnormSrgb),
            rect: [0.0; 4],
        }
    }
}

impl Target {
    /// The scene, made at first use.
    pub fn lock(&self) -> MutexGuard<'_, WgpuWrapper<Option<Place>>> {
        // A panic elsewhere leaves at worst an old picture.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds the pass.
pub fn plugin(app: &mut App) {
    let target = Target(Arc::new(Mutex::new(WgpuWrapper::new(None))));
    app.insert_resource(target.clone());
    if let Some(render) = app.get_sub_app_mut(RenderApp) {
        render.insert_resource(target);
        render.add_systems(
            Core3d,
            draw.after(Core3dSystems::MainPass)
                .before(Core3dSystems::EarlyPostProcess),
        );
    }
}

fn draw(view: ViewQuery<(&ViewTarget, &ViewDepthTexture)>, target: Res<Target>, mut context: RenderContext) {
    let (color, depth) = view.into_inner();
    let target = target.lock();
    let Some(place) = target.as_ref().filter(|s| s.rect[2] >= 1.0 && s.rect[3] >= 1.0) else {
        return;
    };
    let mut pass = context
        .command_encoder()
        .begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("layerscope scene"),
            color_attachments: &[Some(color.get_color_attachment())],
            depth_stencil_attachment: Some(depth.get_attachment(wgpu::StoreOp::Store)),
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        });
    let [x, y, width, height] = place.rect;
    pass.set_viewport(x, y, width, height, 0.0, 1.0);
    pass.set_scissor_rect(x as u32, y as u32, width as u32, height as u32);
    place.shown.renderer.draw(&mut pass);
}
