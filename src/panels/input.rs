//! What flows through: the data set's samples with label and prediction, or what was opened.

mod preview;
mod text;

use egui::{
    Align2, ColorImage, Label, Pos2, Rect, RichText, ScrollArea, Sense, Stroke, TextureHandle, Ui, Vec2,
    pos2, vec2,
};
use session::{Command, Document, Guess, Input};

use crate::draw;
use crate::panel::{Ask, Panel, Side, View};
use crate::style;
use crate::widgets::{cell, empty, grouped, mark, mark_here};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "input",
    title: "Input",
    about: "Samples with label and prediction, or a file of your own",
    side: Side::LeftBelow,
    open: true,
    show,
};

#[derive(Default)]
struct State {
    /// One texture with all samples: by the name of the set.
    sheet: Option<(String, TextureHandle)>,
    wrong_only: bool,
    /// Names beside the pictures.
    names: bool,
}

fn show(ui: &mut Ui, view: &mut View) {
    let Some(document) = &view.session.document else {
        return empty(
            ui,
            "No input yet",
            "Open a model first, then choose what flows through it.",
        );
    };
    ui.horizontal(|ui| {
        if !document.weighted() {
            return;
        }
        if ui
            .button("Open…")
            .on_hover_text(
                "A picture, an .npz with arrays under the input names, or an .npy for the only input",
            )
            .clicked()
        {
            view.asks.push(Ask::OpenInput);
        }
        if draw::possible(document) && ui.button("Draw").on_hover_text("Draw one by hand").clicked() {
            view.asks.push(Ask::Show(draw::PANEL.id));
        }
        present(ui, document, &view.session.state.input);
    });
    if text::show(ui, document, &view.session.state.input, view.memory, view.out) {
        return;
    }
    let Some(samples) = document.samples.as_ref().filter(|s| !s.is_empty()) else {
        if view.session.state.input == Input::None {
            let advice = match &document.preprocess {
                _ if !document.weighted() => {
                    "The file holds no weights, so nothing can flow. Shapes and cost are in the inspector."
                        .into()
                }
                Some(how) => format!("Drop a picture on the window. {}", how.describe()),
                None => format!(
                    "Open an .npz, or an .npy for a single input, with {}.",
                    wanted(document)
                ),
            };
            empty(ui, "Structure only", &advice);
        } else if let Some(how) = &document.preprocess {
            if let Input::Picture { picture, .. } | Input::Drawing(picture) = &view.session.state.input {
                preview::show(ui, view.memory, picture, how);
            }
            ui.add(Label::new(RichText::new(how.describe()).weak()).wrap());
        }
        return;
    };
    let guesses = document.predictions.first().map_or(&[][..], |p| &p.guesses);
    let state = view.memory.of::<State>();
    summary(ui, document, state);
    let chosen = match view.session.state.input {
        Input::Sample(i) => Some(i),
        _ => None,
    };
    let right = |i: usize| guesses.get(i).map(|g| g.class == usize::from(samples.labels[i]));
    let shown: Vec<usize> = (0..samples.len())
        .filter(|&i| !state.wrong_only || right(i) == Some(false))
        .collect();
    if shown.is_empty() {
        return empty(ui, "None is wrong", "Every answer so far is the label.");
    }
    let texture = sheet(ui, state, samples);
    let columns = columns(samples.len());
    let place = |i: usize| cell(i, columns, samples.len().div_ceil(columns));
    let (size, height) = if state.names { (34.0, 38.0) } else { (38.0, 44.0) };
    let across = match state.names {
        true => 1,
        false => ((ui.available_width() - 8.0) / (size + 5.0)).floor().max(1.0) as usize,
    };
    let rows = shown.len().div_ceil(across);
    ui.spacing_mut().item_spacing = vec2(5.0, 2.0);
    ScrollArea::vertical()
        .auto_shrink(false)
        .show_rows(ui, height, rows, |ui, range| {
            for row in range {
                ui.horizontal(|ui| {
                    for &i in shown.iter().skip(row * across).take(across) {
                        let room = if state.names { ui.available_width() } else { size };
                        let (rect, response) = ui.allocate_exact_size(vec2(room, height), Sense::click());
                        let label = samples.class_of(i);
                        response.widget_info(|| {
                            let text = format!("sample {i}: {label}");
                            egui::WidgetInfo::selected(
                                egui::WidgetType::Button,
                                true,
                                chosen == Some(i),
                                text,
                            )
                        });
                        let fill = match (chosen == Some(i), response.hovered()) {
                            (true, _) => Some(ui.visuals().selection.bg_fill),
                            (_, true) => Some(ui.visuals().widgets.inactive.bg_fill),
                            _ => None,
                        };
                        if let Some(fill) = fill.filter(|_| state.names) {
                            ui.painter().rect_filled(rect, 4.0, fill);
                        }
                        let at = match state.names {
                            true => rect.left_center() - vec2(-2.0, size / 2.0),
                            false => rect.left_top() + vec2(0.0, 1.0),
                        };
                        let picture = Rect::from_min_size(at, Vec2::splat(size));
                        thumbnail(ui, texture.id(), place(i), picture, right(i), state.names);
                        if !state.names && (chosen == Some(i) || response.hovered()) {
                            let stroke = Stroke::new(2.0, ui.visuals().hyperlink_color);
                            ui.painter()
                                .rect_stroke(picture, 2.0, stroke, egui::StrokeKind::Outside);
                        }
                        if state.names {
                            words(
                                ui,
                                document,
                                label,
                                guesses.get(i),
                                right(i),
                                picture.right() + 8.0,
                                rect,
                            );
                        }
                        if response.clicked() {
                            view.out.push(Command::Sample(i));
                        }
                        response.on_hover_ui(|ui| about(ui, document, i, guesses.get(i), right(i)));
                    }
                });
            }
        });
}

/// What flows now, in a word.
fn present(ui: &mut Ui, document: &Document, input: &Input) {
    let text = match input {
        Input::None => return,
        Input::Sample(i) => {
            let label = document.samples.as_ref().map_or("", |s| s.class_of(*i));
            format!("sample {i}: {label}")
        }
        Input::Drawing(_) => "a drawing".into(),
        Input::Text(texts) if texts.len() == 1 => "a text".into(),
        Input::Text(texts) => format!("{} texts", texts.len()),
        Input::Picture { name, .. } | Input::Arrays { name, .. } => {
            name.rsplit(['/', '\\']).next().unwrap_or(name).to_string()
        }
    };
    ui.add(Label::new(text).truncate());
}

/// Names and shapes of the graph's inputs.
fn wanted(document: &Document) -> String {
    let inputs = document.source.main().inputs.iter();
    let names = inputs.map(|&i| {
        let tensor = document.source.tensor(i);
        format!("“{}”: {}", tensor.name, tensor.spec)
    });
    names.collect::<Vec<_>>().join(", ")
}

/// How many are right, or how far the question is, and what to show.
fn summary(ui: &mut Ui, document: &Document, state: &mut State) {
    let Some(samples) = &document.samples else { return };
    ui.add(Label::new(RichText::new(&samples.name).weak()).truncate());
    if let Some(known) = document.predictions.first() {
        let (done, all) = (known.guesses.len(), samples.len());
        let right = known.right(samples);
        let share = 100.0 * right as f32 / done.max(1) as f32;
        if let Some(problem) = &known.problem {
            let color = ui.visuals().warn_fg_color;
            ui.add(Label::new(RichText::new(problem).color(color)).wrap());
        } else if done < all {
            let text = format!("asked {} of {}", grouped(done as u64), grouped(all as u64));
            ui.add(
                egui::ProgressBar::new(done as f32 / all as f32)
                    .desired_height(16.0)
                    .text(text),
            );
        } else {
            let text = format!(
                "{} of {} right ({share:.1} %)",
                grouped(right as u64),
                grouped(all as u64)
            );
            ui.label(text);
        }
    }
    ui.horizontal(|ui| {
        ui.selectable_value(&mut state.wrong_only, false, "All");
        ui.selectable_value(&mut state.wrong_only, true, "Wrong only");
        ui.separator();
        ui.toggle_value(&mut state.names, "Names");
    });
}

fn columns(count: usize) -> usize {
    (count as f32).sqrt().ceil() as usize
}

/// The samples in one texture.
fn sheet(ui: &Ui, state: &mut State, samples: &data::Images) -> TextureHandle {
    if let Some((name, texture)) = &state.sheet
        && *name == samples.name
    {
        return texture.clone();
    }
    let (w, h) = (samples.width, samples.height);
    let columns = columns(samples.len());
    let mut sheet = ColorImage::filled(
        [columns * w, samples.len().div_ceil(columns) * h],
        egui::Color32::BLACK,
    );
    let plane = w * h;
    for i in 0..samples.len() {
        let pixels = samples.sample(i);
        for at in 0..plane {
            let color = match samples.channels {
                3 => egui::Color32::from_rgb(pixels[at], pixels[plane + at], pixels[2 * plane + at]),
                _ => egui::Color32::from_gray(pixels[at]),
            };
            let (x, y) = (i % columns * w + at % w, i / columns * h + at / w);
            sheet.pixels[y * columns * w + x] = color;
        }
    }
    let texture = ui
        .ctx()
        .load_texture("samples", sheet, egui::TextureOptions::LINEAR);
    state.sheet = Some((samples.name.clone(), texture.clone()));
    texture
}

/// The picture with a mark: a thin line below what is right, a cross on what is wrong.
fn thumbnail(ui: &Ui, texture: egui::TextureId, uv: Rect, rect: Rect, right: Option<bool>, names: bool) {
    let painter = ui.painter();
    painter.image(texture, rect, uv, egui::Color32::WHITE);
    let Some(right) = right.filter(|_| !names) else {
        return;
    };
    let color = match right {
        true => style::right(ui.visuals()),
        false => style::wrong(ui.visuals()),
    };
    let line = Rect::from_min_size(rect.left_bottom() + vec2(0.0, 1.0), vec2(rect.width(), 2.0));
    painter.rect_filled(line, 0.0, color);
    if !right {
        let corner = Rect::from_min_size(rect.right_top() - vec2(14.0, 0.0), Vec2::splat(14.0));
        painter.rect_filled(corner, 2.0, egui::Color32::from_black_alpha(190));
        let bright = egui::Color32::from_rgb(0xff, 0xb0, 0x60);
        mark(painter, corner.center(), 9.0, false, bright);
    }
}

/// Label and prediction beside the picture.
fn words(
    ui: &Ui,
    document: &Document,
    label: &str,
    guess: Option<&Guess>,
    right: Option<bool>,
    x: f32,
    rect: Rect,
) {
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let font = egui::TextStyle::Body.resolve(ui.style());
    let small = egui::TextStyle::Small.resolve(ui.style());
    let at = |y: f32| -> Pos2 { pos2(x, rect.center().y + y) };
    painter.text(
        at(-9.0),
        Align2::LEFT_CENTER,
        label,
        font,
        ui.visuals().text_color(),
    );
    let weak = ui.visuals().weak_text_color();
    let (Some(guess), Some(right)) = (guess, right) else {
        painter.text(at(9.0), Align2::LEFT_CENTER, "not asked yet", small, weak);
        return;
    };
    let color = match right {
        true => style::right(ui.visuals()),
        false => style::wrong(ui.visuals()),
    };
    mark(&painter, at(9.0) + vec2(6.0, 0.0), 9.0, right, color);
    let name = class(document, guess.class);
    let text = format!("{name}  {:.0} %", 100.0 * guess.probability);
    painter.text(
        at(9.0) + vec2(16.0, 0.0),
        Align2::LEFT_CENTER,
        text,
        small,
        if right { weak } else { color },
    );
}

fn class(document: &Document, index: usize) -> String {
    document
        .classes
        .get(index)
        .cloned()
        .unwrap_or_else(|| format!("#{index}"))
}

fn about(ui: &mut Ui, document: &Document, i: usize, guess: Option<&Guess>, right: Option<bool>) {
    let label = document.samples.as_ref().map_or("", |s| s.class_of(i));
    ui.weak(format!("sample {i}"));
    ui.label(format!("label: {label}"));
    if let (Some(guess), Some(right)) = (guess, right) {
        ui.horizontal(|ui| {
            mark_here(ui, right);
            ui.label(format!(
                "prediction: {}, {:.1} %",
                class(document, guess.class),
                100.0 * guess.probability
            ));
        });
    }
}
