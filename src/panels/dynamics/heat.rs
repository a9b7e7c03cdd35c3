//! A picture of layers by steps.

use std::sync::Arc;

use egui::{
    Color32, ColorImage, Rect, RichText, ScrollArea, Sense, Stroke, TextureHandle, TextureOptions, Ui, pos2,
    vec2,
};
use layout::Node;
use model::Run;
use session::colormap::{diverging, sequential, srgb};
use session::dynamics::{self, Row, Statistic};
use session::{Quantity, Spread};

use crate::style;
use crate::widgets::{grouped, value};

/// Columns of the picture at most.
const COLUMNS: usize = 480;
/// Room for names, points.
const NAMES: f32 = 150.0;
/// Heights of a row, points: what rows shrink to before they scroll, and what they grow to.
const ROW: [f32; 2] = [9.0, 20.0];
/// Height of the legend below, points.
const LEGEND: f32 = 20.0;

/// The picture, and what it is of.
#[derive(Default)]
pub struct Heat {
    of: Option<(Arc<Run>, Statistic, Vec<Row>)>,
    /// Row by row; NaN where nothing was recorded.
    cells: Vec<f64>,
    columns: usize,
    spread: Option<Spread>,
    texture: Option<TextureHandle>,
}

/// `run`'s numbers by row and column, and the number of columns.
fn cells(run: &Run, statistic: Statistic, rows: &[Row]) -> (Vec<f64>, usize) {
    let Some((first, last)) = run.steps() else {
        return (Vec::new(), 0);
    };
    let columns = ((last - first + 1).clamp(1, COLUMNS as i64)) as usize;
    let mut cells = Vec::with_capacity(rows.len() * columns);
    for row in rows {
        let series = run.series.get(&dynamics::tag(&row.name, statistic));
        cells.extend((0..columns).map(|column| {
            // The last number of the steps under the column.
            let step = step_of(column, columns, [first, last]);
            let point = series.and_then(|s| s.at(step));
            point.map_or(f64::NAN, |p| p.value)
        }));
    }
    (cells, columns)
}

/// The last step under a column.
fn step_of(column: usize, columns: usize, [first, last]: [i64; 2]) -> i64 {
    let share = (column + 1) as f64 / columns as f64;
    first + ((last - first + 1) as f64 * share).round() as i64 - 1
}

impl Heat {
    fn update(&mut self, ui: &Ui, run: &Arc<Run>, statistic: Statistic, rows: &[Row]) {
        let same =
            |(r, s, w): &(Arc<Run>, Statistic, Vec<Row>)| Arc::ptr_eq(r, run) && *s == statistic && w == rows;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        (self.cells, self.columns) = cells(run, statistic, rows);
        let finite = self.cells.iter().copied().filter(|v| v.is_finite());
        self.spread = match statistic.scale() {
            Some([low, high]) => Some(Spread {
                low,
                high,
                log: false,
            }),
            None => Spread::of(finite.map(f64::abs)),
        };
        let dark = ui.visuals().dark_mode;
        let nothing = if dark {
            Color32::from_gray(34)
        } else {
            Color32::from_gray(222)
        };
        let odd = style::wrong(ui.visuals());
        let pixels: Vec<Color32> = self
            .cells
            .iter()
            .map(|&v| match self.spread {
                Some(spread) if v.is_finite() => {
                    let v = if spread.low < 0.0 { v } else { v.abs() };
                    color(spread, spread.place(v), dark)
                }
                _ if v.is_infinite() => odd,
                _ => nothing,
            })
            .collect();
        if self.columns > 0 {
            let image = ColorImage::new([self.columns, rows.len()], pixels);
            self.texture = Some(ui.ctx().load_texture("layers", image, TextureOptions::NEAREST));
        }
        self.of = Some((run.clone(), statistic, rows.to_vec()));
    }

    /// Draws it; gives the row and the step that were clicked.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        run: &Arc<Run>,
        statistic: Statistic,
        rows: &[Row],
        moment: Option<i64>,
        chosen: Option<Node>,
    ) -> Option<(usize, i64)> {
        self.update(ui, run, statistic, rows);
        let (first, last) = run.steps()?;
        let texture = self.texture.as_ref()?;
        let room = ui.available_height() - LEGEND - 6.0;
        let height = (room / rows.len() as f32).clamp(ROW[0], ROW[1]);
        let mut picked = None;
        ScrollArea::vertical()
            .id_salt("heat")
            .auto_shrink(false)
            .max_height(room.max(30.0))
            .show(ui, |ui| {
                let size = vec2(ui.available_width(), height * rows.len() as f32);
                let (whole, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
                let names = NAMES.min(whole.width() * 0.4);
                let picture = Rect::from_min_max(pos2(whole.left() + names, whole.top()), whole.max);
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), picture, uv, Color32::WHITE);
                let font = egui::FontId::proportional((height - 3.0).clamp(7.0, 12.0));
                for (i, row) in rows.iter().enumerate() {
                    let top = whole.top() + i as f32 * height;
                    let here = row.layer.is_some_and(|l| chosen == Some(Node::Layer(l)));
                    let color = match (here, row.layer.is_some()) {
                        (true, _) => style::marked(ui.visuals()),
                        (false, true) => ui.visuals().text_color(),
                        (false, false) => ui.visuals().weak_text_color(),
                    };
                    let mut job =
                        egui::text::LayoutJob::simple_singleline(row.name.clone(), font.clone(), color);
                    job.wrap = egui::text::TextWrapping::truncate_at_width(names - 8.0);
                    let galley = ui.painter().layout_job(job);
                    let at = pos2(
                        picture.left() - 6.0 - galley.size().x,
                        top + (height - galley.size().y) / 2.0,
                    );
                    ui.painter().galley(at, galley, color);
                    if here {
                        let frame =
                            Rect::from_min_size(pos2(picture.left(), top), vec2(picture.width(), height));
                        let stroke = Stroke::new(1.5, style::marked(ui.visuals()));
                        ui.painter()
                            .rect_stroke(frame, 0.0, stroke, egui::StrokeKind::Inside);
                    }
                }
                let span = (last - first + 1) as f32;
                if let Some(step) = moment {
                    let x = picture.left() + picture.width() * ((step - first) as f32 + 0.5) / span;
                    let stroke = Stroke::new(1.5, ui.visuals().strong_text_color());
                    ui.painter().vline(x, picture.y_range(), stroke);
                }
                let Some(at) = response.hover_pos().or(response.interact_pointer_pos()) else {
                    return;
                };
                let row = (((at.y - whole.top()) / height).max(0.0) as usize).min(rows.len() - 1);
                let column = (at.x - picture.left()) / picture.width() * self.columns as f32;
                let column = (column.max(0.0) as usize).min(self.columns - 1);
                let step = step_of(column, self.columns, [first, last]);
                if response.clicked() || response.dragged() {
                    picked = Some((row, step));
                }
                let told = self.cells[row * self.columns + column];
                response.on_hover_ui_at_pointer(|ui| {
                    ui.label(RichText::new(&rows[row].name).strong());
                    let number = if told.is_nan() {
                        "nothing recorded yet".into()
                    } else {
                        value(told)
                    };
                    ui.label(format!("{} {number}", statistic.name()));
                    ui.label(RichText::new(format!("step {}", grouped(step.unsigned_abs()))).weak());
                    if rows[row].layer.is_none() {
                        ui.label(RichText::new("no layer of the open network has this name").weak());
                    }
                });
            });
        self.legend(ui);
        picked
    }

    /// What colours mean.
    fn legend(&self, ui: &mut Ui) {
        let Some(spread) = self.spread else { return };
        ui.horizontal(|ui| {
            ui.label(RichText::new(value(spread.low)).weak());
            let (rect, _) = ui.allocate_exact_size(vec2(160.0, 10.0), Sense::hover());
            let (steps, dark) = (64, ui.visuals().dark_mode);
            for i in 0..steps {
                let part = |i: usize| rect.left() + rect.width() * i as f32 / steps as f32;
                let cell = Rect::from_x_y_ranges(part(i)..=part(i + 1), rect.y_range());
                ui.painter()
                    .rect_filled(cell, 0.0, color(spread, i as f32 / (steps - 1) as f32, dark));
            }
            ui.label(RichText::new(value(spread.high)).weak());
            if spread.log {
                ui.label(RichText::new("logarithmic").weak());
            }
        });
    }
}

/// The colour of a share of the way from the lowest to the highest.
fn color(spread: Spread, share: f32, dark: bool) -> Color32 {
    let [r, g, b] = srgb(match spread.low < 0.0 {
        true => diverging(share, !dark),
        false => sequential(share, 0),
    });
    Color32::from_rgb(r, g, b)
}

/// Quantities by which the scene shows what this panel does.
pub fn quantity(statistic: Statistic) -> Option<Quantity> {
    Quantity::all().find(|q| q.recorded() == Some(statistic))
}

#[cfg(test)]
mod tests {
    use model::{Point, Record};

    use super::*;

    #[test]
    fn columns_hold_the_latest_number_of_their_steps() {
        let mut run = Run::new("run");
        for step in 0..1000 {
            let tag = "gradients/a/norm".to_string();
            let point = Point {
                step,
                wall: 0.0,
                value: step as f64,
            };
            run.take(Record::Scalar { tag, point });
        }
        let row = |name: &str| Row {
            name: name.into(),
            layer: None,
        };
        let (found, columns) = cells(&run, Statistic::GradientNorm, &[row("a"), row("b")]);
        assert_eq!((columns, found.len()), (COLUMNS, 2 * COLUMNS));
        assert_eq!((found[0], found[COLUMNS - 1]), (1.0, 999.0));
        assert!(found[COLUMNS..].iter().all(|v| v.is_nan()));
        assert!(cells(&Run::new("empty"), Statistic::Zeros, &[]).0.is_empty());
        let all: Vec<i64> = (0..4).map(|c| step_of(c, 4, [5, 8])).collect();
        assert_eq!(all, [5, 6, 7, 8]);
    }

    #[test]
    fn most_statistics_colour_the_scene() {
        let hidden: Vec<Statistic> = Statistic::all().filter(|s| quantity(*s).is_none()).collect();
        let expected = [
            Statistic::Alpha,
            Statistic::ActivationMean,
            Statistic::ActivationStd,
            Statistic::Saturated,
        ];
        assert_eq!(hidden, expected);
    }
}
