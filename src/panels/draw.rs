//! Draw an input by hand; the network answers while the pen moves.

use std::sync::Arc;

use data::Picture;
use egui::{
    Color32, ColorImage, PointerButton, Pos2, Rect, Sense, Slider, Stroke, TextureHandle, Ui, Vec2, vec2,
};
use session::{Command, Document, Input};

use crate::panel::{Panel, Side, View};
use crate::widgets::empty;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "draw",
    title: "Draw",
    about: "Draw an input by hand and see what the network makes of it",
    side: Side::LeftBelow,
    open: true,
    show,
};

/// True for networks that take one picture and can be run.
pub fn possible(document: &Document) -> bool {
    document.preprocess.is_some() && document.weighted()
}

struct State {
    picture: Arc<Picture>,
    texture: Option<TextureHandle>,
    /// Radius of the brush, pixels.
    radius: f32,
    color: [u8; 3],
    erase: bool,
    /// Where the pen was, pixels.
    pen: Option<Pos2>,
    /// The stroke has not been sent yet.
    begins: bool,
    /// Pixels have changed since they were sent.
    unsent: bool,
    /// When they were sent, seconds.
    sent: f64,
}

impl Default for State {
    fn default() -> Self {
        State {
            picture: Arc::new(blank(1, 1, 1)),
            texture: None,
            radius: 1.3,
            color: [255; 3],
            erase: false,
            pen: None,
            begins: true,
            unsent: false,
            sent: 0.0,
        }
    }
}

/// Seconds between two answers while the pen moves.
const EVERY: f64 = 0.06;

fn blank(width: usize, height: usize, channels: usize) -> Picture {
    Picture {
        width,
        height,
        channels,
        pixels: vec![0; width * height * channels],
    }
}

fn show(ui: &mut Ui, view: &mut View) {
    let document = view.session.document.as_ref();
    let how = document
        .filter(|d| possible(d))
        .and_then(|d| d.preprocess.as_ref());
    let Some(how) = how else {
        let advice = match document {
            None => "Open a model first.",
            Some(d) if d.weighted() => "This network does not take a picture.",
            Some(_) => "The file holds no weights, so nothing can flow.",
        };
        return empty(ui, "Nothing to draw for", advice);
    };
    let state = view.memory.of::<State>();
    let size = (how.width, how.height, how.channels);
    if (state.picture.width, state.picture.height, state.picture.channels) != size {
        state.take(Arc::new(blank(size.0, size.1, size.2)));
        state.radius = (size.0 as f32 / 22.0).max(0.8);
    }
    // Undo and tours bring other drawings back.
    if let Input::Drawing(picture) = &view.session.state.input
        && !Arc::ptr_eq(picture, &state.picture)
        && state.pen.is_none()
        && !state.unsent
    {
        state.take(picture.clone());
    }
    tools(
        ui,
        view.session.document.as_ref(),
        &view.session.state.input,
        state,
    );
    canvas(ui, state);
    let time = ui.input(|i| i.time);
    // The next answer is asked for when the last one is there.
    let free = view.session.busy().is_none() && time - state.sent > EVERY;
    if state.unsent && (state.pen.is_none() || free) {
        let begins = std::mem::replace(&mut state.begins, false);
        (state.unsent, state.sent) = (false, time);
        view.out.push(Command::Draw {
            picture: state.picture.clone(),
            begins,
        });
    }
    if state.unsent {
        ui.ctx().request_repaint();
    }
    if state.pen.is_none() {
        state.begins = true;
    }
}

fn tools(ui: &mut Ui, document: Option<&Document>, input: &Input, state: &mut State) {
    ui.horizontal_wrapped(|ui| {
        ui.selectable_value(&mut state.erase, false, "Brush");
        ui.selectable_value(&mut state.erase, true, "Eraser");
        if state.picture.channels == 3 {
            ui.color_edit_button_srgb(&mut state.color)
                .on_hover_text("Colour of the brush");
        }
        if ui.button("Clear").clicked() {
            let Picture {
                width,
                height,
                channels,
                ..
            } = *state.picture;
            state.take(Arc::new(blank(width, height, channels)));
            state.unsent = true;
        }
        let shown = document.and_then(|d| now(d, input));
        let copy = ui.add_enabled(shown.is_some(), egui::Button::new("From input"));
        if copy.on_hover_text("Begin with the input that is shown").clicked()
            && let Some(picture) = shown
        {
            state.take(Arc::new(picture));
            state.unsent = true;
        }
    });
    ui.horizontal(|ui| {
        let most = (state.picture.width as f32 / 6.0).max(2.0);
        ui.weak("Size");
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).clamp(40.0, 160.0);
        ui.add(Slider::new(&mut state.radius, 0.6..=most).fixed_decimals(1))
            .on_hover_text("Radius of the brush, pixels");
    });
}

/// The input as a picture of the network's size.
fn now(document: &Document, input: &Input) -> Option<Picture> {
    let picture = match input {
        Input::Sample(i) => document.samples.as_ref()?.picture(*i),
        Input::Picture { picture, .. } | Input::Drawing(picture) => (**picture).clone(),
        Input::None | Input::Text(_) | Input::Arrays { .. } => return None,
    };
    document.preprocess.as_ref()?.fitted(&picture).ok()
}

fn canvas(ui: &mut Ui, state: &mut State) {
    let (w, h) = (state.picture.width as f32, state.picture.height as f32);
    let room = ui.available_size() - vec2(2.0, 20.0);
    let scale = (room.x / w).min(room.y / h).max(40.0 / w);
    let size = vec2(w, h) * scale;
    let (rect, response) = ui.allocate_exact_size(size, Sense::drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Image, true, "canvas"));
    let texture = state.texture.get_or_insert_with(|| {
        ui.ctx()
            .load_texture("drawing", image(&state.picture), egui::TextureOptions::NEAREST)
    });
    let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
    ui.painter().image(texture.id(), rect, whole, Color32::WHITE);
    let line = Stroke::new(1.0, ui.visuals().widgets.hovered.bg_fill);
    ui.painter()
        .rect_stroke(rect, 0.0, line, egui::StrokeKind::Outside);
    if state.picture.pixels.iter().all(|&p| p == 0) && state.pen.is_none() {
        let font = egui::TextStyle::Body.resolve(ui.style());
        let color = Color32::from_gray(150);
        ui.painter().text(
            rect.center(),
            egui::Align2::CENTER_CENTER,
            "Draw here",
            font,
            color,
        );
    }
    if let Some(at) = response.hover_pos().filter(|p| rect.contains(*p)) {
        ui.painter().circle_stroke(
            at,
            state.radius * scale,
            Stroke::new(1.0, Color32::from_gray(160)),
        );
        ui.ctx().set_cursor_icon(egui::CursorIcon::Crosshair);
    }
    ui.weak(format!(
        "{} × {} pixels",
        state.picture.width, state.picture.height
    ));
    let held =
        response.is_pointer_button_down_on() && ui.input(|i| i.pointer.button_down(PointerButton::Primary));
    match response.interact_pointer_pos().filter(|_| held) {
        Some(at) => {
            let at = ((at - rect.min) / scale).to_pos2();
            let from = state.pen.replace(at).unwrap_or(at);
            state.stroke(from, at);
        }
        None => state.pen = None,
    }
}

impl State {
    fn take(&mut self, picture: Arc<Picture>) {
        self.picture = picture;
        self.show();
    }

    /// Brings the texture after the picture.
    fn show(&mut self) {
        if let Some(texture) = &mut self.texture {
            texture.set(image(&self.picture), egui::TextureOptions::NEAREST);
        }
    }

    /// Draws a line with soft edges.
    fn stroke(&mut self, from: Pos2, to: Pos2) {
        let (radius, color) = (self.radius, if self.erase { [0; 3] } else { self.color });
        let picture = Arc::make_mut(&mut self.picture);
        let (w, h) = (picture.width, picture.height);
        let bounds = Rect::from_two_pos(from, to).expand(radius + 1.0);
        let end = |v: f32, most: usize| (v.ceil().max(0.0) as usize).min(most);
        let begin = |v: f32| v.floor().max(0.0) as usize;
        let mut changed = false;
        for y in begin(bounds.top())..end(bounds.bottom(), h) {
            for x in begin(bounds.left())..end(bounds.right(), w) {
                let center = Pos2::new(x as f32 + 0.5, y as f32 + 0.5);
                // One pixel wide, the edge falls off.
                let cover = (radius + 0.5 - distance(center, from, to)).clamp(0.0, 1.0);
                for (c, &ink) in color.iter().enumerate().take(picture.channels) {
                    let old = &mut picture.pixels[(c * h + y) * w + x];
                    let aim = f32::from(ink);
                    let mixed = (f32::from(*old) + (aim - f32::from(*old)) * cover).round() as u8;
                    changed |= mixed != *old;
                    *old = mixed;
                }
            }
        }
        if changed {
            self.unsent = true;
            self.show();
        }
    }
}

/// From a point to a line segment.
fn distance(point: Pos2, from: Pos2, to: Pos2) -> f32 {
    let along: Vec2 = to - from;
    let share = match along.length_sq() {
        0.0 => 0.0,
        length => ((point - from).dot(along) / length).clamp(0.0, 1.0),
    };
    point.distance(from + along * share)
}

/// A picture for the screen.
pub fn image(picture: &Picture) -> ColorImage {
    let plane = picture.width * picture.height;
    let at = |c: usize, i: usize| picture.pixels[c * plane + i];
    let pixels = (0..plane).map(|i| match picture.channels {
        3 => Color32::from_rgb(at(0, i), at(1, i), at(2, i)),
        _ => Color32::from_gray(at(0, i)),
    });
    ColorImage::new([picture.width, picture.height], pixels.collect())
}
