//! Clouds of points in Bevy's frame: what the panel asks for is drawn into a texture, which it shows a frame
//! later. A picture that is wanted again is not drawn again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bevy::asset::RenderAssetUsages;
use bevy::core_pipeline::{Core3d, Core3dSystems};
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::TextureFormat;
use bevy::render::renderer::{RenderAdapterInfo, RenderContext, RenderDevice, RenderQueue, WgpuWrapper};
use bevy::render::texture::GpuImage;
use bevy_egui::{EguiTextureHandle, EguiUserTextures};
use gpu::points::MOST_PIXELS;
use gpu::{PointLook, Points, Way};
use panels::PointView;

use crate::explorer::Explorer;

/// Format of the texture; egui reads it as sRGB.
const FORMAT: TextureFormat = TextureFormat::Rgba8UnormSrgb;
/// Opacity of points that are left out, and the least of a pixel with a point.
const FAINT: f32 = 0.07;
const LEAST: f32 = 0.22;
/// Points that are drawn as discs at most, by a graphics device and by software; measured in
/// `docs/performance.md`.
const DISCS: usize = 200_000;
const SOFTWARE_DISCS: usize = 3_000;

/// What both worlds know of the points.
#[derive(Resource, Clone)]
pub struct Cloud(Arc<Mutex<WgpuWrapper<Held>>>);

/// Points on the device and what is wanted of them.
#[derive(Default)]
pub struct Held {
    /// What is wanted, and the texture that it goes to.
    wanted: Option<(PointView, Handle<Image>)>,
    /// What stands in that texture.
    drawn: Option<(PointView, AssetId<Image>)>,
    points: Option<Points>,
    /// What was sent to the device.
    sent: Option<PointView>,
}

/// The textures: the one that is shown, and one of another size that is not drawn yet.
#[derive(Resource, Default)]
struct Textures {
    shown: Option<Handle<Image>>,
    next: Option<([u32; 2], Handle<Image>)>,
}

impl Cloud {
    /// What is held.
    pub fn lock(&self) -> MutexGuard<'_, WgpuWrapper<Held>> {
        // A panic elsewhere leaves at worst an old picture.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Forgets everything on a device that is lost.
    pub fn forget(&mut self) {
        (self.points, self.sent, self.drawn) = (None, None, None);
    }
}

/// Adds the hand-over and the drawing.
pub fn plugin(app: &mut App) {
    let cloud = Cloud(Arc::new(Mutex::new(WgpuWrapper::new(Held::default()))));
    app.insert_resource(cloud.clone())
        .init_resource::<Textures>()
        .add_systems(PostUpdate, hand_over);
    if let Some(render) = app.get_sub_app_mut(RenderApp) {
        render.insert_resource(cloud);
        render.add_systems(Core3d, draw.before(Core3dSystems::MainPass));
    }
}

/// Takes what the panel wants, and gives it the texture of what it wanted before.
fn hand_over(
    mut explorer: ResMut<Explorer>,
    cloud: Res<Cloud>,
    mut textures: ResMut<Textures>,
    mut images: ResMut<Assets<Image>>,
    mut user: ResMut<EguiUserTextures>,
) {
    let handed = explorer.panels.points();
    handed.drawn = true;
    let mut held = cloud.lock();
    let Some(mut view) = handed.wanted.take() else {
        // What is not seen is not drawn; the texture stays for the next time.
        held.wanted = None;
        return;
    };
    view.size = fitted(view.size);
    let textures = &mut *textures;
    if textures.next.as_ref().is_none_or(|(size, _)| *size != view.size) {
        let [width, height] = view.size;
        let mut image = Image::new_target_texture(width, height, FORMAT, None);
        image.asset_usage = RenderAssetUsages::RENDER_WORLD;
        textures.next = Some((view.size, images.add(image)));
    }
    if let Some((_, next)) = &textures.next {
        // Another size is shown as soon as something stands in it.
        let ready = held.drawn.as_ref().is_some_and(|(_, id)| *id == next.id());
        if ready && textures.shown.as_ref() != Some(next) {
            if let Some(old) = textures.shown.replace(next.clone()) {
                user.remove_image(&old);
            }
            handed.texture = Some(user.add_image(EguiTextureHandle::Strong(next.clone())));
        }
        held.wanted = Some((view, next.clone()));
    }
}

/// A size that the device can draw.
fn fitted([width, height]: [u32; 2]) -> [u32; 2] {
    let (width, height) = (width.clamp(1, 8192), height.clamp(1, 8192));
    let share = (MOST_PIXELS as f32 / (width as f32 * height as f32))
        .sqrt()
        .min(1.0);
    [width, height].map(|side| ((side as f32 * share) as u32).max(1))
}

fn look(view: &PointView, count: usize, software: bool) -> PointLook {
    let discs = if software { SOFTWARE_DISCS } else { DISCS };
    PointLook {
        clip_from_world: view.clip_from_world,
        radius: view.radius,
        moved: view.moved,
        depths: view.depths,
        chosen: view.chosen,
        faint: FAINT,
        exposure: view.exposure,
        least: LEAST,
        background: view.background,
        way: if count > discs { Way::Density } else { Way::Discs },
    }
}

/// Draws what is wanted, where it is something else than what is there.
fn draw(
    cloud: Res<Cloud>,
    images: Res<RenderAssets<GpuImage>>,
    (device, queue, adapter): (Res<RenderDevice>, Res<RenderQueue>, Res<RenderAdapterInfo>),
    mut context: RenderContext,
) {
    let mut held = cloud.lock();
    let held = &mut **held;
    let Some((view, handle)) = &held.wanted else {
        return;
    };
    let Some(image) = images.get(handle) else { return };
    if let Some((drawn, id)) = &held.drawn
        && *id == handle.id()
        && drawn.same(view)
    {
        return;
    }
    let device = (device.wgpu_device(), &**queue.0);
    let points = held.points.get_or_insert_with(|| Points::new(device.0, FORMAT));
    let software = adapter.device_type == wgpu::DeviceType::Cpu;
    let done = send(points, held.sent.as_ref(), view, device).and_then(|()| {
        let look = look(view, points.len(), software);
        let target = (&*image.texture_view, view.size);
        points.draw(device, context.command_encoder(), target, &look)
    });
    if let Err(problem) = done {
        // Told once: the same picture is not tried again.
        error!("points are not drawn: {problem}");
    }
    held.sent = Some(view.clone());
    held.drawn = Some((view.clone(), handle.id()));
}

/// Sends what the device does not have yet.
fn send(
    points: &mut Points,
    sent: Option<&PointView>,
    view: &PointView,
    device: (&wgpu::Device, &wgpu::Queue),
) -> Result<(), gpu::PointsError> {
    let places = &view.places;
    let moved = |sent: &&PointView| {
        let before = match (&sent.places.before, &places.before) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        before && Arc::ptr_eq(&sent.places.now, &places.now)
    };
    let same = sent.filter(moved);
    if same.is_none() {
        points.set_places(device, &places.now, places.before.as_deref())?;
    }
    if same.is_none_or(|s| !Arc::ptr_eq(&s.inks, &view.inks)) {
        points.set_inks(device.1, &view.inks)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panel_and_device_mean_the_same_ink() {
        for (color, size, chosen) in [
            ([1, 2, 3], 1.0, false),
            ([255, 0, 128], 0.3, true),
            ([9, 9, 9], 40.0, true),
        ] {
            assert_eq!(
                panels::point_ink(color, size, chosen),
                gpu::points::ink(color, size, chosen)
            );
        }
    }

    #[test]
    fn textures_fit_the_device() {
        assert_eq!(fitted([640, 480]), [640, 480]);
        let [width, height] = fitted([100_000, 6000]);
        assert!(width * height <= MOST_PIXELS && width > height);
        assert_eq!(fitted([0, 5]), [1, 5]);
    }
}
