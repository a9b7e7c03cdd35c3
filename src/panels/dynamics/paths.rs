//! The ways of single weights through the snapshots of a training.

use egui::{Align2, DragValue, FontId, Pos2, RichText, Sense, Shape, Stroke, Ui, pos2, vec2};
use model::network::TensorKind;
use model::{LayerId, Network};
use session::learning::Racer;

use crate::style;
use crate::widgets::{section, value};

/// Weights that moved most and are drawn.
const MOST: usize = 5;
/// Height of the chart, points.
const HEIGHT: f32 = 110.0;

/// The ways, until another layer is chosen or a snapshot is made.
#[derive(Default)]
pub struct Paths {
    of: Option<(String, LayerId, usize, usize)>,
    /// The one that the user chose.
    chosen: usize,
    /// Place in the parameter, and step and value of each snapshot.
    lines: Vec<(usize, Vec<(u64, f32)>)>,
}

impl Paths {
    /// Draws them for the weights of a layer; false where it has none.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        racer: &Racer,
        network: &Network,
        layer: LayerId,
        moment: Option<i64>,
    ) -> bool {
        let inputs = network.layer(layer).inputs.iter().flatten();
        let mut parameters = inputs.map(|t| network.tensor(*t));
        let Some(parameter) = parameters.find(|t| t.kind == TensorKind::Parameter) else {
            return false;
        };
        let count = parameter.data.as_ref().map_or(0, |d| d.len());
        if count == 0 || racer.snapshots.len() < 2 {
            return false;
        }
        self.chosen = self.chosen.min(count - 1);
        let of = (racer.name.clone(), layer, racer.snapshots.len(), self.chosen);
        if self.of.as_ref() != Some(&of) {
            let mut places = racer.movers(&parameter.name, MOST);
            if !places.contains(&self.chosen) {
                places.push(self.chosen);
            }
            let way = |place| (place, racer.path(&parameter.name, place));
            self.lines = places.into_iter().map(way).collect();
            self.of = Some(of);
        }
        section(ui, &format!("Paths of weights of {}", parameter.name));
        ui.horizontal(|ui| {
            ui.label(RichText::new("the ones that moved most, and number").weak());
            ui.add(DragValue::new(&mut self.chosen).range(0..=count - 1));
        });
        self.chart(ui, moment);
        true
    }

    fn chart(&self, ui: &mut Ui, moment: Option<i64>) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
        let inner = rect.shrink2(vec2(4.0, 6.0)).with_min_x(rect.left() + 52.0);
        let points = || self.lines.iter().flat_map(|(_, line)| line);
        let (low, high) = points().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), (_, v)| {
            (a.min(*v), b.max(*v))
        });
        let (Some(first), Some(last)) = (points().map(|p| p.0).min(), points().map(|p| p.0).max()) else {
            return;
        };
        let painter = ui.painter_at(rect);
        let place = |(step, v): &(u64, f32)| -> Pos2 {
            let x = (step - first) as f32 / (last - first).max(1) as f32;
            let y = (v - low) / (high - low).max(1e-12);
            pos2(
                inner.left() + x * inner.width(),
                inner.bottom() - y * inner.height(),
            )
        };
        let weak = ui.visuals().weak_text_color();
        for (at, v) in [(inner.bottom(), low), (inner.top(), high)] {
            let font = FontId::proportional(11.0);
            let corner = pos2(inner.left() - 6.0, at);
            painter.text(corner, Align2::RIGHT_CENTER, value(f64::from(v)), font, weak);
            painter.hline(inner.x_range(), at, Stroke::new(1.0, weak.gamma_multiply(0.3)));
        }
        if let Some(step) = moment
            .and_then(|m| u64::try_from(m).ok())
            .filter(|m| (first..=last).contains(m))
        {
            let x = place(&(step, low)).x;
            painter.vline(x, inner.y_range(), Stroke::new(1.0, weak));
        }
        let light = !ui.visuals().dark_mode;
        for (i, (place_of, line)) in self.lines.iter().enumerate() {
            let width = if *place_of == self.chosen { 2.5 } else { 1.4 };
            let stroke = Stroke::new(width, style::run(i, light));
            painter.add(Shape::line(line.iter().map(place).collect(), stroke));
        }
        let Some(pointer) = response.hover_pos() else {
            return;
        };
        let far = |p: &(u64, f32)| place(p).distance_sq(pointer);
        let near = self
            .lines
            .iter()
            .flat_map(|(i, line)| line.iter().map(move |p| (*i, p)));
        if let Some((i, p)) = near.min_by(|a, b| far(a.1).total_cmp(&far(b.1))) {
            painter.circle_stroke(place(p), 4.0, Stroke::new(1.5, ui.visuals().strong_text_color()));
            response.on_hover_text_at_pointer(format!(
                "weight {i}: {} at step {}",
                value(f64::from(p.1)),
                p.0
            ));
        }
    }
}
