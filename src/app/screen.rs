//! What a frame shows: panels, text over the scene, and the scene in GPU memory.

use bevy::camera::ClearColorConfig;
use bevy::prelude::*;
use bevy::render::renderer::{RenderAdapterInfo, RenderDevice, RenderQueue};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui};
use bevy_panorbit_camera::PanOrbitCamera;

use crate::explorer::Explorer;
use crate::pass::{Place, Target};
use crate::pointer;

/// Adds both halves of a frame.
pub fn plugin(app: &mut App) {
    app.add_systems(EguiPrimaryContextPass, show)
        .add_systems(PostUpdate, fill.after(TransformSystems::Propagate));
}

/// Panels, overlay, and what the pointer touches.
fn show(
    mut contexts: EguiContexts,
    mut explorer: ResMut<Explorer>,
    mut orbit: Single<&mut PanOrbitCamera>,
) -> Result {
    let context = contexts.ctx_mut()?.clone();
    let explorer = &mut *explorer;
    let mut out = Vec::new();
    let builder = egui::UiBuilder::new()
        .layer_id(egui::LayerId::background())
        .max_rect(context.viewport_rect());
    let mut ui = egui::Ui::new(context.clone(), "explorer".into(), builder);
    explorer.rect = explorer
        .panels
        .show(&mut ui, &explorer.session, &explorer.status, &mut out);
    scene::controls::show(&context, explorer.rect, &explorer.session, &mut out);
    explorer.steers = pointer::point(explorer, &context, &mut out);
    let orbits = explorer.steers && !explorer.session.view.fly;
    if orbit.enabled != orbits {
        orbit.enabled = orbits;
    }
    let painter = context
        .layer_painter(egui::LayerId::background())
        .with_clip_rect(explorer.rect);
    let pointer = context.pointer_latest_pos().unwrap_or_default();
    let (session, stage) = (&explorer.session, &explorer.stage);
    scene::overlay::draw(&painter, explorer.rect, session, stage, Some(pointer));
    for command in out {
        explorer.session.apply(command);
    }
    Ok(())
}

/// Brings GPU memory and the instances up to date.
fn fill(
    mut explorer: ResMut<Explorer>,
    mut view: Single<&mut Camera>,
    window: Single<&Window>,
    target: Res<Target>,
    (device, queue, adapter): (Res<RenderDevice>, Res<RenderQueue>, Res<RenderAdapterInfo>),
) {
    let explorer = &mut *explorer;
    let [r, g, b] = scene::stage::theme(&explorer.session).background();
    view.clear_color = ClearColorConfig::Custom(Color::linear_rgb(r, g, b));
    // Browsers do not tell the adapter's name.
    explorer.status.device = match adapter.name.as_str() {
        "" => "WebGPU".into(),
        name => name.into(),
    };
    if explorer.session.document.is_none() {
        return;
    }
    let (device, queue) = (device.wgpu_device(), &**queue.0);
    let mut target = target.lock();
    let place = target.get_or_insert_with(|| Place::new(device));
    let (scale, rect) = (window.scale_factor(), explorer.rect);
    let most = (window.physical_width() as f32, window.physical_height() as f32);
    let clip = |v: f32, most: f32| (v * scale).round().clamp(0.0, most);
    let (x, y) = (clip(rect.min.x, most.0), clip(rect.min.y, most.1));
    let (right, bottom) = (clip(rect.max.x, most.0), clip(rect.max.y, most.1));
    place.rect = [x, y, (right - x).max(0.0), (bottom - y).max(0.0)];
    let size = glam::Vec2::new(place.rect[2].max(1.0), place.rect[3].max(1.0));
    place
        .shown
        .fill(&explorer.session, &explorer.stage, device, queue, (size, scale));
}
