//! One channel's maps of several examples, beside each other.

use std::sync::Arc;

use egui::{Color32, ColorImage, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, vec2};
use session::asking::{Line, Maps, Question, Top};
use session::colormap::{sequential, srgb};
use session::{Command, Document, Input, Session};

use crate::style;
use crate::widgets::{enlarged, section, value};

/// Side of a picture, points.
const SIDE: f32 = 46.0;
/// Examples beside each other.
const SHOWN: usize = 6;

/// The pictures, and what they are of.
#[derive(Default)]
pub struct Sheets {
    of: Option<(Arc<Maps>, usize)>,
    /// Of each example: itself, the channel's map, and its largest value.
    drawn: Vec<(TextureHandle, TextureHandle, f32)>,
}

/// The examples that are compared: those that the channel answers to most, else the first of the data set,
/// after the one that flows.
fn wanted(session: &Session, document: &Document, top: &[Top]) -> Vec<usize> {
    let count = document.samples.as_ref().map_or(0, |s| s.len());
    let now = match session.state.input {
        Input::Sample(i) => Some(i),
        _ => None,
    };
    let mut found: Vec<usize> = now.into_iter().collect();
    let others: Vec<usize> = match top.is_empty() {
        true => (0..count).collect(),
        false => top.iter().map(|t| t.example as usize).collect(),
    };
    found.extend(others.into_iter().filter(|e| Some(*e) != now));
    found.truncate(SHOWN);
    found
}

impl Sheets {
    /// Draws them, once they were asked for.
    #[allow(clippy::too_many_arguments)]
    pub fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        document: &Document,
        layer: &str,
        channel: usize,
        top: &[Top],
        out: &mut Vec<Command>,
    ) {
        if document.samples.is_none() {
            return;
        }
        section(ui, "On several inputs");
        let examples = wanted(session, document, top);
        let question = Question::Maps {
            layer: layer.into(),
            examples: examples.clone(),
        };
        let course = session.asked.course(Line::Maps);
        let known = course.filter(|c| c.question == question);
        if known.is_none() {
            let about = "Runs the example that flows and those that the channel answers to most (after Find \
                         examples), and shows this channel's map of each";
            if ui.button("Show its maps").on_hover_text(about).clicked() {
                out.push(Command::Ask(question));
            }
        }
        if let Some(problem) = known.and_then(|c| c.problem.as_ref()) {
            ui.colored_label(style::wrong(ui.visuals()), problem);
        }
        let Some(maps) = session.asked.maps.as_ref().filter(|m| m.layer == layer) else {
            return;
        };
        self.update(ui, document, maps, channel);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(6.0, 4.0);
            for ((picture, map, peak), &example) in self.drawn.iter().zip(&maps.examples) {
                ui.vertical(|ui| {
                    for (texture, what) in [(picture, "example"), (map, "its map")] {
                        let image = egui::Image::new((texture.id(), vec2(SIDE, SIDE))).sense(Sense::click());
                        let response = ui.add(image);
                        let line = Stroke::new(1.0, ui.visuals().weak_text_color().gamma_multiply(0.4));
                        ui.painter()
                            .rect_stroke(response.rect, 0.0, line, StrokeKind::Outside);
                        let told = format!("{what} {example}: a click lets it flow");
                        if response.on_hover_text(told).clicked() {
                            out.push(Command::Sample(example));
                        }
                    }
                    ui.weak(value(f64::from(*peak)))
                        .on_hover_text("The largest value of the channel; all maps have one scale");
                });
            }
        });
    }

    fn update(&mut self, ui: &Ui, document: &Document, maps: &Arc<Maps>, channel: usize) {
        let same = |(of, c): &(Arc<Maps>, usize)| Arc::ptr_eq(of, maps) && *c == channel;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        self.of = Some((maps.clone(), channel));
        self.drawn.clear();
        let Some(samples) = &document.samples else { return };
        let [channels, height, width] = maps.shape;
        let plane = height * width;
        if channel >= channels || plane == 0 {
            return;
        }
        let of = |values: &Arc<[f32]>| values[channel * plane..(channel + 1) * plane].to_vec();
        let planes: Vec<Vec<f32>> = maps.values.iter().map(of).collect();
        let all = || planes.iter().flatten().copied().filter(|v| v.is_finite());
        let (low, high) = all().fold((0f32, 1e-9f32), |(l, h), v| (l.min(v), h.max(v)));
        for (values, &example) in planes.iter().zip(&maps.examples) {
            let color = |v: &f32| {
                let [r, g, b] = srgb(sequential((v - low) / (high - low), 0));
                Color32::from_rgb(r, g, b)
            };
            let image = ColorImage::new([width, height], values.iter().map(color).collect());
            let times = (64 / width.max(height)).max(1);
            let load = |name: &str, image: ColorImage, times: usize| {
                let image = enlarged(&image, times);
                ui.ctx().load_texture(name, image, TextureOptions::NEAREST)
            };
            let picture = crate::draw::image(&samples.picture(example));
            let peak = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            self.drawn
                .push((load("example", picture, 2), load("map", image, times), peak));
        }
    }
}
