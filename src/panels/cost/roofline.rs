//! The roofline: how fast each layer ran, below what memory and arithmetic allow.

use egui::{Pos2, Ui, vec2};
use egui_plot::{AxisHints, GridInput, GridMark, Line, LineStyle, Plot, PlotPoints, PlotUi, Points};
use layout::Node;
use model::LayerId;
use session::words::si;
use session::{Command, Document, Roofs};

use super::height;
use crate::panel::View;
use crate::style;
use crate::widgets::empty;

/// A layer in the chart.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dot {
    layer: LayerId,
    /// Operations per byte.
    intensity: f64,
    /// Operations a second.
    rate: f64,
}

/// Where a layer stands that took `seconds`; `None` without work.
fn dot(layer: LayerId, cost: &model::LayerCost, seconds: f64) -> Option<Dot> {
    let (flops, intensity) = (cost.flops? as f64, cost.intensity()?);
    (flops > 0.0 && seconds > 0.0).then(|| Dot {
        layer,
        intensity,
        rate: flops / seconds,
    })
}

/// What the pointer is told about a layer.
fn told(document: &Document, dot: &Dot, roofs: Option<Roofs>) -> String {
    let name = &document.network.layer(dot.layer).name;
    let mut text = format!(
        "{name}\n{} at {:.2} FLOPs per byte",
        si(dot.rate, "FLOP/s"),
        dot.intensity
    );
    if let Some(roofs) = roofs {
        let share = 100.0 * dot.rate / roofs.at(dot.intensity);
        let limit = match dot.intensity < roofs.ridge() {
            true => "memory",
            false => "arithmetic",
        };
        text += &format!("\n{share:.0} % of what {limit} allows");
    }
    text
}

pub(super) fn show(ui: &mut Ui, view: &mut View) {
    let Some(document) = &view.session.document else {
        return;
    };
    let Some(trace) = &document.trace else {
        let advice = "Give the network an input: each layer's time is measured as it runs.";
        return empty(ui, "No pass yet", advice);
    };
    if trace.times.is_empty() {
        let advice = "A graphics device takes orders and computes later. Times of layers are measured where the processor computes.";
        return empty(ui, "Times of layers are not known", advice);
    }
    let roofs = view.session.roofs;
    ui.horizontal_wrapped(|ui| {
        let name = if roofs.is_some() {
            "Measure again"
        } else {
            "Measure the roofs"
        };
        let button = ui.add_enabled(view.session.busy().is_none(), egui::Button::new(name));
        let about =
            "A large matrix product and a large copy, about a second: the most that this processor does";
        if button.on_hover_text(about).clicked() {
            view.out.push(Command::Measure);
        }
        match roofs {
            Some(r) => ui.weak(format!("{}, {}", si(r.flops, "FLOP/s"), si(r.bandwidth, "B/s"))),
            None => ui.weak("to see what is possible"),
        };
    });
    let times = trace.times.iter();
    let dots: Vec<Dot> = times
        .filter_map(|(&l, &t)| dot(l, document.cost.layers.get(l.0 as usize)?, t))
        .collect();
    if dots.is_empty() {
        return empty(ui, "No layer with work", "None of the layers counts operations.");
    }
    chart(ui, view, document, &dots, roofs);
}

/// One mark a power of ten.
fn decades(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let mark = |power: i64| GridMark {
        value: power as f64,
        step_size: 1.0,
    };
    // A zoomed-out chart would have more marks than pixels.
    let step = (((high - low) / 12.0).ceil() as i64).max(1) as usize;
    (low.ceil() as i64..=high.floor() as i64)
        .step_by(step)
        .map(mark)
        .collect()
}

/// `0.01`, `1`, `100`.
fn power(value: f64) -> String {
    let number = 10f64.powf(value);
    match value {
        0.0.. => format!("{number:.0}"),
        _ => format!("{number}"),
    }
}

fn chart(ui: &mut Ui, view: &mut View, document: &Document, dots: &[Dot], roofs: Option<Roofs>) {
    let (plain, marked) = (ui.visuals().hyperlink_color, style::marked(ui.visuals()));
    let line = ui.visuals().weak_text_color();
    let place = |d: &Dot| [d.intensity.log10(), d.rate.log10()];
    let ends = |axis: usize| {
        let all = dots.iter().map(|d| place(d)[axis]);
        let (low, high) = all.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        (low.floor(), high.ceil().max(low.floor() + 1.0))
    };
    let ((left, right), (low, high)) = (ends(0), ends(1));
    let right = roofs.map_or(right, |r| right.max((r.ridge().log10() + 0.5).ceil()));
    let high = roofs.map_or(high, |r| high.max(r.flops.log10() + 0.2));
    let x = AxisHints::new_x()
        .label("FLOPs per byte")
        .formatter(|mark, _| power(mark.value));
    let y = AxisHints::new_y().label("attained").formatter(|mark, _| {
        si(10f64.powf(mark.value), "FLOP/s")
            .replace(".00", "")
            .replace(".0", "")
    });
    let plot = Plot::new("roofline")
        .height(height(ui))
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .set_margin_fraction(vec2(0.03, 0.04))
        .include_x(left)
        .include_x(right)
        .include_y(low)
        .include_y(high)
        .x_grid_spacer(decades)
        .y_grid_spacer(decades)
        .label_formatter(|name, _| name.to_string())
        .custom_x_axes(vec![x])
        .custom_y_axes(vec![y]);
    let selected = view.session.state.selection;
    let clicked = plot.show(ui, |plot| {
        if let Some(roofs) = roofs {
            let at = |x: f64| [x, roofs.at(10f64.powf(x)).log10()];
            let bend = roofs.ridge().log10();
            let roof: PlotPoints = vec![at(left), at(bend.max(left)), at(right)].into();
            plot.line(Line::new("", roof).color(line).width(1.6).allow_hover(false));
            let ridge: PlotPoints = vec![[bend, low], at(bend)].into();
            let ridge = Line::new("", ridge).color(line).width(1.0);
            plot.line(ridge.style(LineStyle::dotted_dense()).allow_hover(false));
        }
        let (chosen, others): (Vec<&Dot>, Vec<&Dot>) =
            dots.iter().partition(|d| selected == Some(Node::Layer(d.layer)));
        for (dots, radius, color) in [(others, 3.5, plain), (chosen, 6.0, marked)] {
            for dot in dots {
                let name = told(document, dot, roofs);
                plot.points(Points::new(name, vec![place(dot)]).radius(radius).color(color));
            }
        }
        let at = plot.response().interact_pointer_pos();
        at.filter(|_| plot.response().clicked())
            .and_then(|at| nearest(plot, dots.iter().map(place), at))
    });
    if let Some(dot) = clicked.inner.and_then(|i| dots.get(i)) {
        let name = document.network.layer(dot.layer).name.clone();
        view.out.push(Command::Select(Some(name)));
    }
}

/// The place that a click at `at` means, within reach of a finger.
fn nearest(plot: &PlotUi, places: impl Iterator<Item = [f64; 2]>, at: Pos2) -> Option<usize> {
    let far = places.map(|p| plot.screen_from_plot(p.into()).distance(at));
    let best = far.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    best.filter(|(_, distance)| *distance < 14.0).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stand_where_work_over_bytes_and_seconds_says() {
        let cost = |flops, moved| model::LayerCost {
            flops,
            moved_bytes: moved,
            ..Default::default()
        };
        let layer = LayerId(3);
        // 2 M operations on 4 MB in a millisecond.
        let found = dot(layer, &cost(Some(2_000_000), Some(4_000_000)), 1e-3).unwrap();
        assert_eq!(found.intensity, 0.5);
        assert!((found.rate - 2e9).abs() < 1.0);
        // Nothing computed, nothing known, nothing measured.
        assert_eq!(dot(layer, &cost(Some(0), Some(8)), 1.0), None);
        assert_eq!(dot(layer, &cost(None, Some(8)), 1.0), None);
        assert_eq!(dot(layer, &cost(Some(8), None), 1.0), None);
        assert_eq!(dot(layer, &cost(Some(8), Some(8)), 0.0), None);
    }

    #[test]
    fn powers_of_ten_are_written_out() {
        assert_eq!([-2.0, -1.0, 0.0, 2.0].map(power), ["0.01", "0.1", "1", "100"]);
    }
}
