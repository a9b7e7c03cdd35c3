//! The roofline: how fast each layer ran, below what memory and arithmetic allow.

use egui::text::{LayoutJob, TextFormat};
use egui::{Label, Pos2, TextStyle, TextWrapMode, Ui, Visuals, vec2};
use egui_plot::{AxisHints, GridInput, GridMark, Line, LineStyle, Plot, PlotPoints, PlotUi, Points};
use layout::Node;
use model::LayerId;
use session::hues::{self, Family};
use session::words::si;
use session::{Command, Document, Roofs, Session};

use super::height;
use crate::drawing::{Axis, Chart, Mark};
use crate::panel::{Memory, View};
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

impl Dot {
    /// Where it stands in the chart: powers of ten.
    fn place(&self) -> [f64; 2] {
        [self.intensity.log10(), self.rate.log10()]
    }
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
    let dots = dots_of(document);
    if dots.is_empty() {
        return empty(ui, "No layer with work", "None of the layers counts operations.");
    }
    legend(ui, document, &dots);
    chart(ui, view, document, &dots, roofs);
}

/// Every layer whose time and work are known.
fn dots_of(document: &Document) -> Vec<Dot> {
    let times = document.trace.iter().flat_map(|t| &t.times);
    times
        .filter_map(|(&l, &t)| dot(l, document.cost.layers.get(l.0 as usize)?, t))
        .collect()
}

/// The family of a layer's operator.
fn family_of(document: &Document, layer: LayerId) -> &'static Family {
    hues::family(&document.network.layer(layer).kind)
}

/// What the colours of the dots mean.
fn legend(ui: &mut Ui, document: &Document, dots: &[Dot]) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(12.0, 1.0);
        let font = TextStyle::Small.resolve(ui.style());
        for family in &hues::FAMILIES {
            if !dots.iter().any(|d| family_of(document, d.layer) == family) {
                continue;
            }
            // The dot never stands on another line than its name.
            let mut words = LayoutJob::default();
            let color = style::family(ui.visuals(), family);
            let weak = ui.visuals().weak_text_color();
            words.append("⏺ ", 0.0, TextFormat::simple(font.clone(), color));
            words.append(family.name, 0.0, TextFormat::simple(font.clone(), weak));
            ui.add(Label::new(words).wrap_mode(TextWrapMode::Extend));
        }
    });
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

/// Both ends of both axes, powers of ten: of intensity, and of the rate.
fn ends(dots: &[Dot], roofs: Option<Roofs>) -> [[f64; 2]; 2] {
    let ends = |axis: usize| {
        let all = dots.iter().map(|d| d.place()[axis]);
        let (low, high) = all.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        [low.floor(), high.ceil().max(low.floor() + 1.0)]
    };
    let ([left, right], [low, high]) = (ends(0), ends(1));
    let right = roofs.map_or(right, |r| right.max((r.ridge().log10() + 0.5).ceil()));
    let high = roofs.map_or(high, |r| high.max(r.flops.log10() + 0.2));
    [[left, right], [low, high]]
}

/// The line that no layer can be above, and the one down from its bend.
fn roof(roofs: Roofs, [[left, right], [low, _]]: [[f64; 2]; 2]) -> [Vec<[f64; 2]>; 2] {
    let at = |x: f64| [x, roofs.at(10f64.powf(x)).log10()];
    let bend = roofs.ridge().log10();
    [
        vec![at(left), at(bend.max(left)), at(right)],
        vec![[bend, low], at(bend)],
    ]
}

/// `10 GFLOP/s`.
fn rate(power: f64) -> String {
    let text = si(10f64.powf(power), "FLOP/s");
    text.replace(".00", "").replace(".0", "")
}

/// The chart as a drawing; `None` without any layer in it.
pub(super) fn drawing(session: &Session, _: &mut Memory, visuals: &Visuals) -> Option<Chart> {
    let document = session.document.as_ref()?;
    let dots = dots_of(document);
    let roofs = session.roofs;
    let ends = (!dots.is_empty()).then(|| ends(&dots, roofs))?;
    let color = |d: &Dot| style::family(visuals, family_of(document, d.layer));
    let lines = roofs
        .map(|r| roof(r, ends))
        .into_iter()
        .flatten()
        .zip([false, true]);
    let lines = lines.map(|(points, dashed)| Mark::Line {
        points,
        color: visuals.weak_text_color(),
        dashed,
    });
    let marks = lines.chain(dots.iter().map(|dot| Mark::Dot {
        at: dot.place(),
        color: color(dot),
        told: told(document, dot, roofs),
    }));
    let shown = |f: &&Family| dots.iter().any(|d| family_of(document, d.layer) == *f);
    let keys = hues::FAMILIES.iter().filter(shown);
    let powers = |[low, high]: [f64; 2], words: fn(f64) -> String| {
        let all = low.ceil() as i64..=high.floor() as i64;
        all.map(|p| (p as f64, words(p as f64))).collect()
    };
    Some(Chart {
        title: format!("{}: roofline", super::name(document)),
        axes: [
            Axis {
                label: "FLOPs per byte".into(),
                ends: ends[0],
                marks: powers(ends[0], power),
            },
            Axis {
                label: "attained".into(),
                ends: ends[1],
                marks: powers(ends[1], rate),
            },
        ],
        marks: marks.collect(),
        keys: keys
            .map(|f| (style::family(visuals, f), f.name.to_string()))
            .collect(),
        notes: Vec::new(),
        colors: super::paper(visuals),
    })
}

fn chart(ui: &mut Ui, view: &mut View, document: &Document, dots: &[Dot], roofs: Option<Roofs>) {
    let marked = style::marked(ui.visuals());
    let visuals = ui.visuals().clone();
    let line = ui.visuals().weak_text_color();
    let limits = ends(dots, roofs);
    let [[left, right], [low, high]] = limits;
    let x = AxisHints::new_x()
        .label("FLOPs per byte")
        .formatter(|mark, _| power(mark.value));
    let y = AxisHints::new_y()
        .label("attained")
        .formatter(|mark, _| rate(mark.value));
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
            let [roof, ridge] = roof(roofs, limits);
            let roof = PlotPoints::from(roof);
            plot.line(Line::new("", roof).color(line).width(1.6).allow_hover(false));
            let ridge = Line::new("", PlotPoints::from(ridge)).color(line).width(1.0);
            plot.line(ridge.style(LineStyle::dotted_dense()).allow_hover(false));
        }
        let (chosen, others): (Vec<&Dot>, Vec<&Dot>) =
            dots.iter().partition(|d| selected == Some(Node::Layer(d.layer)));
        // What is chosen stands out, whatever its kind, and is drawn last.
        for (dots, radius, ring) in [(others, 3.5, None), (chosen, 4.5, Some(marked))] {
            for dot in dots {
                let name = told(document, dot, roofs);
                let color = style::family(&visuals, family_of(document, dot.layer));
                let points = |radius: f32, color| {
                    Points::new(name.clone(), vec![dot.place()])
                        .radius(radius)
                        .color(color)
                };
                if let Some(ring) = ring {
                    plot.points(points(radius + 2.5, ring));
                }
                plot.points(points(radius, color));
            }
        }
        let at = plot.response().interact_pointer_pos();
        at.filter(|_| plot.response().clicked())
            .and_then(|at| nearest(plot, dots.iter().map(Dot::place), at))
    });
    super::menu(&clicked.response, "roofline", view);
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
