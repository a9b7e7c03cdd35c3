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

/// What is kept of the channel that is looked at.
#[derive(Default)]
pub struct Channel {
    search: Search,
    /// The question of the session that the search was last brought up to.
    seen: Option<Question>,
    shown: Option<(Arc<Maximized>, TextureHandle)>,
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
        let part = match filters.dense {
            true => Part::Element(place),
            false => Part::Channel(place),
        };
        self.maximise(ui, session, layer, part, sheet, out);
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
        if let Some(course) = course.filter(|c| self.seen.as_ref() != Some(&c.question)) {
            self.seen = Some(course.question.clone());
            if let Question::Maximize { search, .. } = course.question {
                self.search = search;
            }
        }
        ui.horizontal(|ui| {
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
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 10.0;
            self.picture(ui, found);
            chart(ui, found);
        });
    }

    fn picture(&mut self, ui: &mut Ui, found: &Arc<Maximized>) {
        if !self
            .shown
            .as_ref()
            .is_some_and(|(was, _)| Arc::ptr_eq(was, found))
        {
            let [channels, height, width] = found.shape;
            let Some(pixels) = found.pictures.first() else {
                return;
            };
            let plane = height * width;
            let level = |c: usize, i: usize| {
                let v = pixels.get(c * plane + i).copied().unwrap_or(0.0);
                (255.0 * v).clamp(0.0, 255.0) as u8
            };
            let color = |i: usize| match channels {
                3 => Color32::from_rgb(level(0, i), level(1, i), level(2, i)),
                _ => Color32::from_gray(level(0, i)),
            };
            let image = ColorImage::new([width, height], (0..plane).map(color).collect());
            let options = match width < 96 {
                true => TextureOptions::NEAREST,
                false => TextureOptions::LINEAR,
            };
            let image = enlarged(&image, (96 / width.max(height).max(1)).max(1));
            self.shown = Some((found.clone(), ui.ctx().load_texture("sought", image, options)));
        }
        let Some((_, texture)) = &self.shown else { return };
        let size = texture.size_vec2();
        let size = size * (PICTURE / size.max_elem().max(1.0));
        ui.add(egui::Image::new((texture.id(), size)).fit_to_exact_size(size));
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
    let now = now.and_then(|v| v.first().copied());
    let what = match found.part {
        Part::Channel(_) | Part::All => "mean ",
        Part::Element(_) => "",
    };
    let reached = match now {
        None => return "the examples are looked through first".into(),
        Some(now) => format!("{what}{}", value(f64::from(now))),
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
    let points: PlotPoints = found
        .history
        .iter()
        .enumerate()
        .filter_map(|(i, v)| Some([i as f64 + 1.0, f64::from(*v.first()?)]))
        .collect();
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
            plot.line(Curve::new("objective", points).color(color).width(1.8));
        });
}
