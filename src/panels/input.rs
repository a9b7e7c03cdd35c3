//! What flows through: the data set's thumbnails, or the opened file.

use egui::{ColorImage, TextureHandle, Ui};
use session::{Command, Input, Session};

/// One texture with all thumbnails of a data set.
#[derive(Default)]
pub struct Thumbnails {
    sheet: Option<(String, TextureHandle)>,
}

/// Thumbnails in a row of the sheet.
const ROW: usize = 20;

/// Shows the samples; a click runs one.
pub fn show(ui: &mut Ui, thumbnails: &mut Thumbnails, session: &Session, out: &mut Vec<Command>) {
    ui.heading("Input");
    let Some(document) = &session.document else {
        ui.weak("No model is open.");
        return;
    };
    match &session.state.input {
        Input::None => ui.weak("Drop a picture or an .npz on the window."),
        Input::Sample(i) => {
            let label = document.samples.as_ref().map_or("", |s| s.class_of(*i));
            ui.label(format!("sample {i}: {label}"))
        }
        Input::Picture { name, .. } | Input::Arrays { name, .. } => ui.label(name),
    };
    if let Some(how) = &document.preprocess {
        ui.weak(how.describe());
    }
    let Some(samples) = &document.samples else { return };
    let (w, h) = (samples.width, samples.height);
    if thumbnails
        .sheet
        .as_ref()
        .is_none_or(|(name, _)| *name != samples.name)
    {
        let rows = samples.len().div_ceil(ROW);
        let mut sheet = ColorImage::filled([ROW * w, rows * h], egui::Color32::BLACK);
        let plane = w * h;
        for i in 0..samples.len() {
            let pixels = samples.sample(i);
            for at in 0..plane {
                let color = match samples.channels {
                    3 => egui::Color32::from_rgb(pixels[at], pixels[plane + at], pixels[2 * plane + at]),
                    _ => egui::Color32::from_gray(pixels[at]),
                };
                let (x, y) = (i % ROW * w + at % w, i / ROW * h + at / w);
                sheet.pixels[y * ROW * w + x] = color;
            }
        }
        let texture = ui
            .ctx()
            .load_texture("samples", sheet, egui::TextureOptions::NEAREST);
        thumbnails.sheet = Some((samples.name.clone(), texture));
    }
    let Some((_, texture)) = &thumbnails.sheet else {
        return;
    };
    ui.weak(&samples.name);
    egui::ScrollArea::vertical()
        .id_salt("samples")
        .max_height(170.0)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing = egui::vec2(3.0, 3.0);
            ui.horizontal_wrapped(|ui| {
                let rows = samples.len().div_ceil(ROW) as f32;
                for i in 0..samples.len() {
                    let cell = egui::vec2(1.0 / ROW as f32, 1.0 / rows);
                    let min = egui::pos2((i % ROW) as f32 * cell.x, (i / ROW) as f32 * cell.y);
                    let image = egui::Image::new((texture.id(), egui::vec2(34.0, 34.0)))
                        .uv(egui::Rect::from_min_size(min, cell));
                    let chosen = session.state.input == Input::Sample(i);
                    let button = ui.add(egui::Button::image(image).selected(chosen).frame(chosen));
                    if button.on_hover_text(samples.class_of(i)).clicked() {
                        out.push(Command::Sample(i));
                    }
                }
            });
        });
}
