//! The picture that flows, as the network gets it.

use std::sync::Arc;

use data::{Picture, Preprocess};
use egui::{Image, TextureHandle, Ui, Vec2};

use crate::draw;

/// The picture that was last shown, on the graphics device.
#[derive(Default)]
struct Shown(Option<(Arc<Picture>, TextureHandle)>);

/// Draws `picture` as `how` brings it to size.
pub fn show(ui: &mut Ui, memory: &mut crate::Memory, picture: &Arc<Picture>, how: &Preprocess) {
    let Shown(shown) = memory.of::<Shown>();
    if !shown.as_ref().is_some_and(|(p, _)| Arc::ptr_eq(p, picture)) {
        // A picture that cannot be brought to size was refused as an input.
        let Ok(fitted) = how.fitted(picture) else { return };
        let options = egui::TextureOptions::NEAREST;
        let texture = ui.ctx().load_texture("input", draw::image(&fitted), options);
        *shown = Some((picture.clone(), texture));
    }
    let Some((_, texture)) = shown else { return };
    let room = ui
        .available_width()
        .min(ui.available_height().max(60.0))
        .min(260.0);
    let size = texture.size_vec2();
    let scale = (room / size.x).min(room / size.y);
    ui.add(Image::new((texture.id(), size * scale)).fit_to_exact_size(Vec2::new(size.x, size.y) * scale))
        .on_hover_text(format!("{} × {} pixels, as the network gets it", size.x, size.y));
}
