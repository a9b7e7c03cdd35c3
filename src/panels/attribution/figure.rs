//! Pictures of a map: the input, the map, both.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{
    Align2, Color32, ColorImage, FontId, Label, Rect, Response, RichText, Sense, Stroke, StrokeKind,
    TextureHandle, TextureOptions, Ui, pos2, vec2,
};
use session::Document;
use session::asking::{Explained, Map};
use session::colormap::{diverging, sequential, srgb};

use crate::widgets::{enlarged, value};

/// What is drawn of a map.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    Input,
    Map,
    Both,
}

/// Share of the cells that the range leaves out at its end, so that single ones do not flatten the rest.
const CUT: f32 = 0.005;
/// Below so many cells a side they are seen as cells.
const CELLS: usize = 96;
/// Textures that are kept.
const MOST: usize = 64;
/// Height of a legend's bar, points.
const BAR: f32 = 8.0;

/// How the values of a map become colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    signed: bool,
    top: f32,
    light: bool,
}

impl Scale {
    /// For the values of places.
    pub fn of(places: &[f32], light: bool) -> Self {
        let mut sizes: Vec<f32> = places.iter().map(|v| v.abs()).filter(|v| v.is_finite()).collect();
        sizes.sort_by(f32::total_cmp);
        let last = sizes.len().saturating_sub(1);
        let cut = last - (last as f32 * CUT) as usize;
        let top = sizes.get(cut).copied().unwrap_or(0.0).max(f32::MIN_POSITIVE);
        Scale {
            signed: places.iter().any(|v| *v < 0.0),
            top,
            light,
        }
    }

    /// From -1 or 0 to 1.
    fn share(&self, v: f32) -> f32 {
        let share = (v / self.top).clamp(-1.0, 1.0);
        if share.is_finite() { share } else { 0.0 }
    }

    /// Of a share.
    fn paint(&self, share: f32) -> [f32; 3] {
        match self.signed {
            true => diverging(0.5 + 0.5 * share, self.light),
            false => sequential(share, 1),
        }
    }

    /// The colour of a value.
    pub fn color(&self, v: f32) -> Color32 {
        rgb(self.paint(self.share(v)))
    }

    /// How much a value stands out, 0 to 1.
    pub fn weight(&self, v: f32) -> f32 {
        self.share(v).abs()
    }
}

fn rgb(color: [f32; 3]) -> Color32 {
    let [r, g, b] = srgb(color);
    Color32::from_rgb(r, g, b)
}

/// Pictures on the graphics device, by what they are of.
#[derive(Default)]
pub struct Gallery {
    kept: HashMap<(usize, Figure, bool), Kept>,
}

struct Kept {
    /// The address is not given to another map while this lives.
    of: Arc<Explained>,
    texture: TextureHandle,
    places: Vec<f32>,
    scale: Scale,
}

/// Cells of an input from 0 to 255, red, green and blue of each place.
fn pixels(document: &Document, example: &Map) -> Vec<[u8; 3]> {
    let plane = example.height * example.width;
    let how = document
        .preprocess
        .as_ref()
        .filter(|p| p.channels == example.channels);
    let known = |v: &[f32], c: usize, none: f32| v.get(c).or(v.last()).copied().unwrap_or(none);
    let finite = || example.values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (
        finite().fold(f32::INFINITY, f32::min),
        finite().fold(f32::NEG_INFINITY, f32::max),
    );
    let level = |c: usize, i: usize| {
        let v = example.values.get(c * plane + i).copied().unwrap_or(0.0);
        let level = match how {
            Some(how) => (v * known(&how.std, c, 1.0) + known(&how.mean, c, 0.0)) / how.scale,
            None => 255.0 * (v - low) / (high - low).max(f32::MIN_POSITIVE),
        };
        level.clamp(0.0, 255.0)
    };
    let one = |i: usize| match example.channels {
        3 => [0, 1, 2].map(|c| level(c, i) as u8),
        n => [((0..n).map(|c| level(c, i)).sum::<f32>() / n.max(1) as f32) as u8; 3],
    };
    (0..plane).map(one).collect()
}

impl Gallery {
    fn kept(
        &mut self,
        ui: &Ui,
        document: &Document,
        found: &Arc<Explained>,
        figure: Figure,
        light: bool,
    ) -> &Kept {
        let key = (Arc::as_ptr(found) as usize, figure, light);
        if self.kept.len() > MOST {
            // Maps that nobody else holds are of the past.
            self.kept.retain(|_, k| Arc::strong_count(&k.of) > 1);
        }
        self.kept.entry(key).or_insert_with(|| {
            let places = found.map.places();
            let scale = Scale::of(&places, light);
            let size = match figure {
                Figure::Map => [found.map.width, found.map.height],
                _ => [found.example.width, found.example.height],
            };
            let colors: Vec<Color32> = match figure {
                Figure::Map => places.iter().map(|v| scale.color(*v)).collect(),
                Figure::Input => pixels(document, &found.example)
                    .into_iter()
                    .map(|[r, g, b]| Color32::from_rgb(r, g, b))
                    .collect(),
                Figure::Both => both(
                    &pixels(document, &found.example),
                    &places,
                    &found.map,
                    size,
                    scale,
                ),
            };
            let options = match size[0].max(size[1]) < CELLS {
                true => TextureOptions::NEAREST,
                false => TextureOptions::LINEAR,
            };
            let image = match colors.len() == size[0] * size[1] && !colors.is_empty() {
                true => ColorImage::new(size, colors),
                false => ColorImage::filled([1, 1], Color32::TRANSPARENT),
            };
            Kept {
                texture: {
                    let times = (CELLS / size[0].max(size[1]).max(1)).max(1);
                    ui.ctx()
                        .load_texture("attribution", enlarged(&image, times), options)
                },
                of: found.clone(),
                places,
                scale,
            }
        })
    }

    /// One picture with its title above and its legend below.
    #[allow(clippy::too_many_arguments)]
    pub fn figure(
        &mut self,
        ui: &mut Ui,
        document: &Document,
        found: &Arc<Explained>,
        figure: Figure,
        title: &str,
        side: f32,
        light: bool,
    ) {
        ui.vertical(|ui| {
            ui.set_width(side);
            self.small(ui, document, found, figure, title, side, light);
            let scale = self.kept(ui, document, found, figure, light).scale;
            match figure {
                Figure::Map => legend(ui, scale, side),
                Figure::Input => {
                    let example = &found.example;
                    let told = format!("{} × {}, {}", example.width, example.height, found.input);
                    ui.add(Label::new(RichText::new(told).small().weak()).truncate());
                }
                Figure::Both => {
                    let told = match scale.signed {
                        true => "orange speaks for it, blue against",
                        false => "bright cells speak for it",
                    };
                    ui.add(Label::new(RichText::new(told).small().weak()).truncate());
                }
            }
        });
    }

    /// One picture with its title.
    #[allow(clippy::too_many_arguments)]
    pub fn small(
        &mut self,
        ui: &mut Ui,
        document: &Document,
        found: &Arc<Explained>,
        figure: Figure,
        title: &str,
        side: f32,
        light: bool,
    ) -> Response {
        let kept = self.kept(ui, document, found, figure, light);
        let map = match figure {
            Figure::Input => &found.example,
            _ => &found.map,
        };
        let size = vec2(map.width as f32, map.height as f32);
        let shown = size * (side / size.max_elem().max(1.0));
        framed(ui, title, side, |ui, rect| {
            // As wide as it is; a single row is as high as can be seen.
            let inner = Rect::from_center_size(rect.center(), shown.max(vec2(1.0, 8.0)));
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(kept.texture.id(), inner, uv, Color32::WHITE);
            if figure == Figure::Input {
                return;
            }
            let Some(at) = ui
                .ctx()
                .pointer_hover_pos()
                .filter(|p| inner.contains(*p) && ui.rect_contains_pointer(inner))
            else {
                return;
            };
            let [x, y] = [
                ((at.x - inner.left()) / inner.width() * size.x).min(size.x - 1.0),
                ((at.y - inner.top()) / inner.height() * size.y).min(size.y - 1.0),
            ]
            .map(|v| v.max(0.0) as usize);
            if let Some(v) = kept.places.get(y * map.width + x) {
                let told = format!("row {y}, column {x}: {}", value(f64::from(*v)));
                let font = FontId::proportional(11.0);
                let back = ui.visuals().extreme_bg_color;
                let ink = ui.visuals().text_color();
                let place = rect.left_bottom() + vec2(4.0, -4.0);
                let galley = ui.painter().layout_no_wrap(told, font, ink);
                let behind = Rect::from_min_size(
                    place - vec2(2.0, galley.size().y + 1.0),
                    galley.size() + vec2(4.0, 2.0),
                );
                ui.painter().rect_filled(behind, 3.0, back);
                ui.painter().galley(behind.min + vec2(2.0, 1.0), galley, ink);
            }
        })
    }

    /// An input that is no picture: its cells in a row.
    pub fn row(&mut self, ui: &mut Ui, found: &Arc<Explained>, light: bool) {
        let places = found.map.places();
        let scale = Scale::of(&places, light);
        let told = format!("{}: {} cells in a row", found.input, places.len());
        ui.label(RichText::new(told).weak());
        let size = vec2(ui.available_width(), 36.0);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        let wide = rect.width() / places.len().max(1) as f32;
        let painter = ui.painter_at(rect);
        for (i, v) in places.iter().enumerate() {
            let left = rect.left() + i as f32 * wide;
            let cell = Rect::from_min_size(pos2(left, rect.top()), vec2(wide.max(1.0), rect.height()));
            painter.rect_filled(cell, 0.0, scale.color(*v));
        }
        let edge = Stroke::new(1.0, ui.visuals().widgets.noninteractive.bg_stroke.color);
        ui.painter().rect_stroke(rect, 0.0, edge, StrokeKind::Outside);
        if let Some(at) = response.hover_pos() {
            let i = (((at.x - rect.left()) / wide) as usize).min(places.len().saturating_sub(1));
            let v = places.get(i).copied().unwrap_or(0.0);
            let input = found.example.values.get(i).copied().unwrap_or(0.0);
            response.on_hover_text_at_pointer(format!(
                "cell {i}: {}; the input has {}",
                value(f64::from(v)),
                value(f64::from(input))
            ));
        }
        legend(ui, scale, size.x.min(240.0));
    }
}

/// The input in grey with the map over it, where that stands out.
fn both(input: &[[u8; 3]], places: &[f32], map: &Map, size: [usize; 2], scale: Scale) -> Vec<Color32> {
    let of = |i: usize| {
        let (x, y) = (i % size[0], i / size[0]);
        // A map that was not enlarged is coarser than its input.
        let at = (y * map.height / size[1].max(1)) * map.width + x * map.width / size[0].max(1);
        let v = places.get(at).copied().unwrap_or(0.0);
        let [r, g, b] = input[i].map(f32::from);
        let grey = 0.7 * (0.3 * r + 0.59 * g + 0.11 * b);
        let weight = scale.weight(v).sqrt() * 0.85;
        // The full colour of the sign: a pale one over grey would be lost.
        let strong = match scale.signed {
            true => srgb(diverging(if v < 0.0 { 0.0 } else { 1.0 }, scale.light)),
            false => srgb(sequential(scale.share(v), 1)),
        };
        let [r, g, b] = strong.map(|c| (f32::from(c) * weight + grey * (1.0 - weight)) as u8);
        Color32::from_rgb(r, g, b)
    };
    (0..input.len()).map(of).collect()
}

/// A square with a title above it.
fn framed(ui: &mut Ui, title: &str, side: f32, draw: impl FnOnce(&mut Ui, Rect)) -> Response {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.set_width(side);
        ui.add(Label::new(RichText::new(title).small()).truncate());
        let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
        ui.painter().rect_filled(rect, 2.0, ui.visuals().extreme_bg_color);
        draw(ui, rect);
        response
    })
    .inner
}

/// A square in place of a map that could not be made.
pub fn missing(ui: &mut Ui, title: &str, problem: &str, side: f32) -> Response {
    framed(ui, title, side, |ui, rect| {
        let inner = rect.shrink(6.0);
        let font = FontId::proportional(11.0);
        let ink = ui.visuals().weak_text_color();
        let galley = ui.painter().layout(problem.into(), font, ink, inner.width());
        ui.painter_at(rect).galley(inner.min, galley, ink);
    })
}

/// The colours from end to end, with the values there.
fn legend(ui: &mut Ui, scale: Scale, width: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(width, BAR + 15.0), Sense::hover());
    let bar = rect.with_max_y(rect.top() + BAR);
    let steps = 64;
    for i in 0..steps {
        let (a, b) = (i as f32 / steps as f32, (i + 1) as f32 / steps as f32);
        let share = if scale.signed { a + b - 1.0 } else { (a + b) / 2.0 };
        let piece = Rect::from_x_y_ranges(
            bar.left() + a * bar.width()..=bar.left() + b * bar.width() + 0.5,
            bar.y_range(),
        );
        ui.painter().rect_filled(piece, 0.0, rgb(scale.paint(share)));
    }
    let edge = Stroke::new(1.0, ui.visuals().widgets.noninteractive.bg_stroke.color);
    ui.painter().rect_stroke(bar, 0.0, edge, StrokeKind::Outside);
    let (font, ink) = (FontId::proportional(11.0), ui.visuals().weak_text_color());
    let top = value(f64::from(scale.top));
    let low = if scale.signed {
        format!("-{top}")
    } else {
        "0".into()
    };
    let painter = ui.painter();
    painter.text(rect.left_bottom(), Align2::LEFT_BOTTOM, low, font.clone(), ink);
    if scale.signed {
        let middle = pos2(rect.center().x, rect.bottom());
        painter.text(middle, Align2::CENTER_BOTTOM, "0", font.clone(), ink);
    }
    painter.text(rect.right_bottom(), Align2::RIGHT_BOTTOM, top, font, ink);
}
