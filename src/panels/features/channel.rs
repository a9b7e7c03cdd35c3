//! One channel: its filter, its examples, and the picture that it would like to see.

use std::sync::Arc;

use egui::{
    Align2, Color32, ColorImage, DragValue, FontId, Label, ProgressBar, Rect, RichText, Sense, Stroke,
    StrokeKind, TextureHandle, TextureOptions, Ui, vec2,
};
use egui_plot::{AxisHints, HLine, Line as Curve, LineStyle, Plot, PlotPoints};
use session::asking::{Line, Maximized, Part, Question, Search, Top, logits};
use session::{Command, Document, Session};

use super::alike::Alike;
use super::filters::Filters;
use super::maps::Sheets;
use super::samples::Sheet;
use crate::style;
use crate::widgets::{enlarged, section, value};

/// Side of a crop, points.
const CROP: f32 = 46.0;
/// Side of the picture that is sought, points.
const PICTURE: f32 = 132.0;

/// Pictures that are sought at once at most.
const PICTURES: usize = 6;

/// What of a layer a picture is to raise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum What {
    /// The channel, or the unit of a dense layer.
    #[default]
    Channel,
    /// The cell that is on show in the panel Arithmetic.
    Cell,
    /// All of the layer.
    Layer,
}

/// What is kept of the channel that is looked at.
#[derive(Default)]
pub struct Channel {
    search: Search,
    /// The question of the session that the search was last brought up to.
    seen: Option<Question>,
    /// What of the layer is sought.
    what: What,
    shown: Option<(Arc<Maximized>, Vec<TextureHandle>)>,
    sheets: Sheets,
}

impl Channel {
    /// Draws it.
    #[allow(clippy::too_many_arguments)]
    pub fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        document: &Document,
        filters: &Filters,
        alike: &mut Alike,
        place: usize,
        top: &[Top],
        sheet: Option<&Sheet>,
        out: &mut Vec<Command>,
    ) {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(CROP, CROP), Sense::hover());
            filters.draw(ui, rect, place);
            alike.spectrum(ui, filters, place);
            ui.vertical(|ui| {
                ui.label(RichText::new(title(document, filters, place)).strong());
                let norm = value(f64::from(filters.norm(place)));
                let told = match filters.dead(place) {
                    true => format!("norm {norm}: dead, it does next to nothing"),
                    false => format!("norm {norm}"),
                };
                ui.label(RichText::new(told).weak());
                if let Some([most, least]) = alike.nearest(place) {
                    let told = format!(
                        "most like {} (cosine {:.2}), least {} ({:.2})",
                        most.0, most.1, least.0, least.1
                    );
                    ui.label(RichText::new(told).weak());
                }
            });
        });
        if let Some(sheet) = sheet.filter(|_| !top.is_empty()) {
            section(ui, "Answers most to");
            crops(ui, sheet, top);
        }
        let layer = &document.network.layer(filters.layer).name;
        self.sheets.show(ui, session, document, layer, place, top, out);
        section(ui, "Would like to see");
        let own = match filters.dense {
            true => Part::Element(place),
            false => Part::Channel(place),
        };
        let cell = session.cell.as_ref().filter(|c| c.layer == *layer);
        let cell = cell.map(|c| Part::Element(c.place));
        self.adopt(session, layer, own, cell);
        let part = match (self.what, cell) {
            (What::Cell, Some(cell)) => cell,
            (What::Layer, _) => Part::All,
            _ => own,
        };
        self.choose(ui, own, cell);
        self.maximise(ui, session, layer, part, sheet, out);
    }

    /// Takes over what was asked of this layer elsewhere.
    fn adopt(&mut self, session: &Session, layer: &str, own: Part, cell: Option<Part>) {
        let course = session.asked.course(Line::Maximize);
        let Some(course) = course.filter(|c| self.seen.as_ref() != Some(&c.question)) else {
            return;
        };
        let Question::Maximize {
            layer: of,
            part,
            search,
        } = &course.question
        else {
            return;
        };
        if of != layer {
            return;
        }
        self.seen = Some(course.question.clone());
        self.search = *search;
        self.what = match *part {
            Part::All => What::Layer,
            part if part == own => What::Channel,
            part if Some(part) == cell => What::Cell,
            _ => self.what,
        };
    }

    /// Lets it be chosen what is sought.
    fn choose(&mut self, ui: &mut Ui, own: Part, cell: Option<Part>) {
        let name = |part: Part| match part {
            Part::Channel(c) => format!("channel {c}"),
            Part::Element(e) if part == own => format!("unit {e}"),
            Part::Element(e) => format!("cell {e}"),
            Part::All => "the whole layer".into(),
        };
        ui.horizontal(|ui| {
            ui.selectable_value(&mut self.what, What::Channel, name(own));
            if let Some(cell) = cell.filter(|c| *c != own) {
                ui.selectable_value(&mut self.what, What::Cell, name(cell))
                    .on_hover_text("The one that the panel Arithmetic shows");
            }
            ui.selectable_value(&mut self.what, What::Layer, name(Part::All));
        });
    }

    fn maximise(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        layer: &str,
        part: Part,
        sheet: Option<&Sheet>,
        out: &mut Vec<Command>,
    ) {
        let of = |question: &Question| match question {
            Question::Maximize {
                layer: l, part: p, ..
            } => l == layer && *p == part,
            _ => false,
        };
        let course = session.asked.course(Line::Maximize).filter(|c| of(&c.question));
        ui.horizontal_wrapped(|ui| {
            if let Some(course) = course.filter(|c| c.running) {
                let steps = (course.progress * 100.0).round();
                ui.add(
                    ProgressBar::new(course.progress)
                        .desired_width(120.0)
                        .text(format!("{steps} %")),
                );
                if ui.button("Stop").clicked() {
                    out.push(Command::Ask(Question::Stop(Line::Maximize)));
                }
                return;
            }
            let asked = ui
                .button("Maximise")
                .on_hover_text(
                    "Climbs from noise to a picture that raises it most: Olah, Mordvintsev, Schubert: Feature \
                     Visualization, 2017",
                )
                .clicked();
            ui.add(
                DragValue::new(&mut self.search.steps)
                    .range(1..=4096)
                    .suffix(" steps"),
            );
            ui.add(
                DragValue::new(&mut self.search.seed)
                    .range(0..=9999)
                    .prefix("seed "),
            )
            .on_hover_text("The same seed gives the same picture");
            let suffix = if self.search.images == 1 { " picture" } else { " pictures" };
            let many = DragValue::new(&mut self.search.images).range(1..=PICTURES);
            ui.add(many.suffix(suffix)).on_hover_text("Several at once are pushed apart, to show all that it answers to");
            if self.search.images > 1 {
                let apart = DragValue::new(&mut self.search.apart).range(0.0..=100.0).speed(0.02);
                ui.add(apart.prefix("apart ").max_decimals(2)).on_hover_text(
                    "How strongly: what the likeness of the pictures to a layer (mean cosine of its Gram \
                     matrices) counts beside what is sought",
                );
            }
            ui.toggle_value(&mut self.search.shake, "Shake")
                .on_hover_text("The network sees it shifted, turned and scaled a little in each step");
            if asked {
                out.push(Command::Ask(Question::Maximize {
                    layer: layer.into(),
                    part,
                    search: self.search,
                }));
            }
        });
        if let Some(problem) = course.and_then(|c| c.problem.as_ref()) {
            let color = style::wrong(ui.visuals());
            ui.add(Label::new(RichText::new(problem).color(color)).wrap());
        }
        let found = session.asked.maximized.as_ref();
        let Some(found) = found.filter(|m| m.layer == layer && m.part == part) else {
            return;
        };
        ui.add(Label::new(words(found, sheet)).wrap());
        ui.spacing_mut().item_spacing.x = 10.0;
        match found.pictures.len() {
            0 | 1 => {
                _ = ui.horizontal_top(|ui| {
                    self.pictures(ui, found);
                    chart(ui, found);
                })
            }
            _ => {
                ui.horizontal_wrapped(|ui| self.pictures(ui, found));
                chart(ui, found);
            }
        }
    }

    fn pictures(&mut self, ui: &mut Ui, found: &Arc<Maximized>) {
        if !self
            .shown
            .as_ref()
            .is_some_and(|(was, _)| Arc::ptr_eq(was, found))
        {
            let [channels, height, width] = found.shape;
            let plane = height * width;
            let options = match width < 96 {
                true => TextureOptions::NEAREST,
                false => TextureOptions::LINEAR,
            };
            let draw = |pixels: &Vec<f32>| {
                let level = |c: usize, i: usize| {
                    let v = pixels.get(c * plane + i).copied().unwrap_or(0.0);
                    (255.0 * v).clamp(0.0, 255.0) as u8
                };
                let color = |i: usize| match channels {
                    3 => Color32::from_rgb(level(0, i), level(1, i), level(2, i)),
                    _ => Color32::from_gray(level(0, i)),
                };
                let image = ColorImage::new([width, height], (0..plane).map(color).collect());
                let image = enlarged(&image, (96 / width.max(height).max(1)).max(1));
                ui.ctx().load_texture("sought", image, options)
            };
            self.shown = Some((found.clone(), found.pictures.iter().map(draw).collect()));
        }
        let Some((_, textures)) = &self.shown else { return };
        let side = if textures.len() > 1 {
            0.7 * PICTURE
        } else {
            PICTURE
        };
        for texture in textures {
            let size = texture.size_vec2();
            let size = size * (side / size.max_elem().max(1.0));
            ui.add(egui::Image::new((texture.id(), size)).fit_to_exact_size(size));
        }
    }
}

/// The layer's name and the channel's, or the class where it is an answer.
fn title(document: &Document, filters: &Filters, place: usize) -> String {
    let network = &document.network;
    let layer = network.layer(filters.layer);
    let answers = logits(network).is_some_and(|t| network.tensor(t).producer == Some(filters.layer));
    match document.classes.get(place).filter(|_| answers && filters.dense) {
        Some(class) => format!("{}, {class}", layer.name),
        None if filters.dense => format!("{}, unit {place}", layer.name),
        None => format!("{}, channel {place}", layer.name),
    }
}

/// What was reached, beside the best example.
fn words(found: &Maximized, sheet: Option<&Sheet>) -> String {
    let now = found.now.as_ref().or(found.history.last());
    let now = now.filter(|v| !v.is_empty());
    let what = match found.part {
        Part::Channel(_) | Part::All => "mean ",
        Part::Element(_) => "",
    };
    let reached = match now {
        None => return "the examples are looked through first".into(),
        Some(now) => {
            let least = now.iter().copied().fold(f32::INFINITY, f32::min);
            let most = now.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            match now.len() {
                1 => format!("{what}{}", value(f64::from(most))),
                _ => format!("{what}{} to {}", value(f64::from(least)), value(f64::from(most))),
            }
        }
    };
    match found.best {
        None => reached,
        Some((example, best)) => {
            let class = sheet.map_or("", |s| s.class(example));
            format!(
                "{reached}; the best example {} (sample {example}, {class})",
                value(f64::from(best))
            )
        }
    }
}

/// The examples, each cut to what its place sees.
fn crops(ui: &mut Ui, sheet: &Sheet, top: &[Top]) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for example in top {
            let (rect, response) = ui.allocate_exact_size(vec2(CROP, CROP + 15.0), Sense::hover());
            let place = Rect::from_min_size(rect.min, vec2(CROP, CROP));
            ui.painter()
                .rect_filled(place, 0.0, ui.visuals().extreme_bg_color);
            sheet.crop(ui, place, example);
            let edge = Stroke::new(1.0, ui.visuals().widgets.noninteractive.bg_stroke.color);
            ui.painter().rect_stroke(place, 0.0, edge, StrokeKind::Outside);
            ui.painter().text(
                rect.left_bottom(),
                Align2::LEFT_BOTTOM,
                value(f64::from(example.value)),
                FontId::proportional(11.0),
                ui.visuals().weak_text_color(),
            );
            let index = example.example as usize;
            let told = format!(
                "sample {index}, {}: {} at row {}, column {}",
                sheet.class(index),
                value(f64::from(example.value)),
                example.at[0],
                example.at[1]
            );
            response.on_hover_ui(|ui| {
                ui.label(told);
                let (rect, _) = ui.allocate_exact_size(vec2(140.0, 140.0), Sense::hover());
                sheet.draw(ui, rect, index, None);
            });
        }
    });
}

/// The objective over the steps, with the best example as a line across.
fn chart(ui: &mut Ui, found: &Maximized) {
    let points = |picture: usize| -> PlotPoints {
        let steps = found.history.iter().enumerate();
        let point = |(i, v): (usize, &Vec<f32>)| Some([i as f64 + 1.0, f64::from(*v.get(picture)?)]);
        steps.filter_map(point).collect()
    };
    let faint = ui.visuals().weak_text_color();
    let color = ui.visuals().hyperlink_color;
    Plot::new("objective")
        .height(PICTURE)
        .width(ui.available_width().max(60.0))
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .set_margin_fraction(vec2(0.02, 0.08))
        .custom_x_axes(vec![AxisHints::new_x().label("steps")])
        .custom_y_axes(vec![AxisHints::new_y()])
        .show(ui, |plot| {
            if let Some((_, best)) = found.best {
                let line = HLine::new("the best example", f64::from(best)).color(faint);
                plot.hline(line.width(1.0).style(LineStyle::dashed_loose()));
            }
            for picture in 0..found.pictures.len().max(1) {
                plot.line(Curve::new("objective", points(picture)).color(color).width(1.8));
            }
        });
}
