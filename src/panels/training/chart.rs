//! One chart: the curves of a metric, the values under the pointer, what happened on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use analyze::clip_outliers;
use egui::{Color32, Rect, RichText, Stroke, Ui, vec2};
use egui_plot::{
    FilledArea, Line, LineStyle, MarkerShape, Plot, PlotBounds, PlotPoints, PlotUi, Points, VLine,
};
use model::run::{Mark, MarkKind};
use session::histories::{Chart, Groups, Split};
use session::{Board, Histories};

use super::axis;
use super::bands::{Band, averaged};
use super::curves::{Curve, Curves};
use crate::style;
use crate::widgets::grouped;

/// Room around curves within the chart, as a share of their range.
const MARGIN: f64 = 0.05;
/// Values that quantiles are found from at most.
const SAMPLED: usize = 50_000;
/// Points of all curves of a chart, about, and columns of one at least.
const POINTS: f32 = 40_000.0;
const COARSE: f32 = 24.0;
/// Curves of a chart at most; of more, some that are evenly spread.
pub const CURVES: usize = 100;
/// Curves that the tooltip tells of at most.
const TOLD: usize = 10;
/// Marks are drawn of so many runs at most: more would hide the curves.
const MARKED: usize = 3;
/// Height of a checkpoint's tick, of the chart.
const TICK: f64 = 0.035;

/// What all charts share while the pointer moves.
#[derive(Default)]
pub struct Zoom {
    /// What is seen of the x axis, where the user chose it.
    pub x: Option<[f64; 2]>,
    /// What is seen of y, by metric, where the user chose it.
    pub y: BTreeMap<String, [f64; 2]>,
    /// Where the pointer is along x, and on which chart.
    pub cursor: Option<(String, f64)>,
    /// Ranges that were found last, by metric, with what they were found for.
    heights: BTreeMap<String, (u64, Option<Heights>)>,
}

/// The range of a chart's y axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heights {
    /// Both ends.
    pub range: [f64; 2],
    /// Values that stand outside.
    outside: usize,
    /// They were counted in a sample.
    about: bool,
}

/// A curve as this chart draws it.
#[derive(Clone)]
pub struct Drawn {
    pub curve: Arc<Curve>,
    /// Of a mean.
    pub band: Option<Band>,
    /// In legends.
    pub name: String,
    pub run: usize,
    pub split: Split,
    pub color: Color32,
    /// Another run is chosen: this one steps back.
    pub faint: bool,
}

impl Drawn {
    /// Validation is dashed, tests are dotted.
    fn style(&self) -> LineStyle {
        match self.split {
            Split::None | Split::Train => LineStyle::Solid,
            Split::Validation => LineStyle::Dashed { length: 7.0 },
            Split::Test => LineStyle::Dotted { spacing: 5.0 },
        }
    }

    fn width(&self) -> f32 {
        if self.faint { 1.0 } else { 1.7 }
    }

    fn ink(&self) -> Color32 {
        if self.faint {
            self.color.gamma_multiply(0.3)
        } else {
            self.color
        }
    }

    /// Run and part of the data.
    pub fn told(&self) -> String {
        match self.split {
            Split::None => self.name.clone(),
            split => format!("{} · {}", self.name, split.name()),
        }
    }
}

/// The curves of `chart` that are drawn, those that stand back first.
pub fn drawn(
    chart: &Chart,
    histories: &Histories,
    board: &Board,
    groups: &Groups,
    shown: &[bool],
    curves: &mut Curves,
    light: bool,
) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    let lines: Vec<_> = chart.lines.iter().filter(|l| shown[l.run]).collect();
    let chosen = |run: usize| board.chosen.as_ref() == Some(&histories.runs[run].name);
    // A mean is of all; that many single curves could neither be told apart nor drawn in a frame's time.
    let every = match board.band {
        true => 1,
        false => lines.len().div_ceil(CURVES).max(1),
    };
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(i, l)| i % every == 0 || chosen(l.run));
    for line in kept.map(|(_, line)| line) {
        let run = &histories.runs[line.run];
        let Some(curve) = curves.get(run, &line.tag, &chart.metric, board) else {
            continue;
        };
        drawn.push(Drawn {
            curve,
            band: None,
            name: line.name.clone(),
            run: line.run,
            split: line.split,
            color: style::run(groups.of[line.run], light),
            faint: board.chosen.as_ref().is_some_and(|c| *c != run.name),
        });
    }
    if board.band {
        return averaged(drawn, &groups.of, &groups.names);
    }
    drawn.sort_by_key(|d| !d.faint);
    drawn
}

/// Both ends of all curves along x; `None` without points.
pub fn extent(drawn: &[Drawn]) -> Option<[f64; 2]> {
    let ends = drawn.iter().flat_map(|d| {
        let paths = std::iter::once(&d.curve.now).chain(&d.curve.old);
        paths.filter_map(|p| Some([*p.xs.first()?, *p.xs.last()?]))
    });
    ends.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
}

/// A range with room around; one that is a single place gets some.
fn roomy([low, high]: [f64; 2], share: f64) -> [f64; 2] {
    let span = high - low;
    let room = match span > 0.0 {
        true => span * share,
        false => (low.abs() * 0.1).max(0.5),
    };
    [low - room, high + room]
}

/// The y range of what is seen in `x`, `pixels` wide, without outliers where the board says so.
pub fn heights(drawn: &[Drawn], x: [f64; 2], pixels: f32, clip: bool) -> Option<Heights> {
    // Where curves are smoothed, their raw ones may leave the chart.
    let paths = || drawn.iter().map(|d| d.curve.main());
    if clip {
        let slices: Vec<&[f64]> = paths().map(|p| &p.ys[p.within(x)]).collect();
        let total: usize = slices.iter().map(|s| s.len()).sum();
        let every = total.div_ceil(SAMPLED).max(1);
        let some: Vec<Vec<f64>> = match every {
            1 => Vec::new(),
            _ => slices
                .iter()
                .map(|s| s.iter().step_by(every).copied().collect())
                .collect(),
        };
        let some: Vec<&[f64]> = some.iter().map(Vec::as_slice).collect();
        let found = clip_outliers(if every > 1 { &some } else { &slices }, (0.01, 0.99), MARGIN);
        if let Some(found) = found.filter(|f| f.low < f.high) {
            return Some(Heights {
                range: [found.low, found.high],
                outside: (found.below + found.above) * every,
                about: every > 1,
            });
        }
    }
    let columns = columns(drawn, pixels);
    let ends = paths().flat_map(|p| {
        let seen = p.seen(x, columns);
        let values = seen.points.iter().map(|p| [p[1], p[1]]);
        values.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
    });
    let range = ends.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])?;
    Some(Heights {
        range: roomy(range, MARGIN),
        outside: 0,
        about: false,
    })
}

/// Columns of points that each curve of a chart is drawn with: as many as pixels, or as many curves allow.
fn columns(drawn: &[Drawn], pixels: f32) -> f32 {
    (POINTS / (4 * drawn.len().max(1)) as f32).clamp(COARSE, pixels.max(COARSE))
}

/// A number for curves in a window: the same for the same picture.
fn picture(drawn: &[Drawn], x: [f64; 2], pixels: f32, clip: bool) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut state = DefaultHasher::new();
    (x.map(f64::to_bits), pixels.to_bits(), clip, drawn.len()).hash(&mut state);
    for line in drawn {
        let path = line.curve.main();
        (Arc::as_ptr(&line.curve) as usize, path.xs.len()).hash(&mut state);
        path.ys.last().map(|y| y.to_bits()).hash(&mut state);
    }
    state.finish()
}

/// Draws the plot into `rect`; gives a word about what cannot be seen there.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    chart: &Chart,
    drawn: &[Drawn],
    histories: &Histories,
    board: &Board,
    zoom: &mut Zoom,
) -> Option<String> {
    let log = board.log.contains(&chart.metric);
    let Some(whole) = extent(drawn) else {
        let problem = match drawn.is_empty() {
            true => "No run that is drawn has it",
            false => "Nothing can stand on these axes",
        };
        ui.painter().text(
            rect.center(),
            egui::Align2::CENTER_CENTER,
            problem,
            egui::TextStyle::Body.resolve(ui.style()),
            ui.visuals().weak_text_color(),
        );
        return None;
    };
    let x = zoom.x.unwrap_or_else(|| roomy(whole, 0.01));
    let of = picture(drawn, x, rect.width(), board.clip);
    let automatic = match zoom.heights.get(&chart.metric) {
        Some((known, heights)) if *known == of => *heights,
        _ => {
            let found = heights(drawn, x, rect.width(), board.clip);
            zoom.heights.insert(chart.metric.clone(), (of, found));
            found
        }
    };
    let chosen = zoom.y.get(&chart.metric).copied();
    let y = chosen.or(automatic.map(|h| h.range)).unwrap_or([0.0, 1.0]);
    let (along, log_x) = (board.along, board.log_x);
    let across = (rect.width() / 90.0).clamp(2.0, 10.0) as usize;
    let down = (rect.height() / 28.0).clamp(2.0, 8.0) as usize;
    let plot = Plot::new(("chart", &chart.metric))
        .width(rect.width())
        .height(rect.height())
        .allow_scroll(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_crosshair(false)
        .show_x(false)
        .show_y(false)
        .label_formatter(|_, _| String::new())
        .set_margin_fraction(vec2(0.0, 0.0))
        .y_axis_min_width(44.0)
        .grid_color(ui.visuals().widgets.noninteractive.bg_stroke.color)
        .grid_spacing(egui::Rangef::new(4.0, 12.0))
        .x_grid_spacer(move |input| axis::grid(input.bounds.into(), across, log_x))
        .y_grid_spacer(move |input| axis::grid(input.bounds.into(), down, log))
        .x_axis_formatter(move |mark, range| {
            let span = range.end() - range.start();
            axis::place(mark.value, span, along, log_x)
        })
        .y_axis_formatter(move |mark, _| axis::number(mark.value, log));
    let wanted = PlotBounds::from_min_max([x[0], y[0]], [x[1], y[1]]);
    let cursor = zoom.cursor.clone();
    let weak = ui.visuals().weak_text_color();
    let problem = ui.visuals().error_fg_color;
    let strong = ui.visuals().strong_text_color();
    let answer = plot.show(ui, |plot| {
        plot.set_plot_bounds(wanted);
        marks(plot, &marked(drawn, histories, board), [weak, problem]);
        let columns = columns(drawn, rect.width());
        for line in drawn {
            curve(plot, line, x, columns, y);
        }
        if let Some(step) = board.moment.filter(|_| along == session::Along::Step && !log_x) {
            plot.vline(
                VLine::new("", step as f64)
                    .stroke(Stroke::new(1.5, strong))
                    .allow_hover(false),
            );
        }
        if let Some((_, at)) = cursor.filter(|(_, at)| (x[0]..=x[1]).contains(at)) {
            plot.vline(
                VLine::new("", at)
                    .stroke(Stroke::new(1.0, weak.gamma_multiply(0.6)))
                    .allow_hover(false),
            );
        }
        plot.pointer_coordinate()
    });
    let response = answer.response;
    if response.double_clicked() {
        zoom.x = None;
        zoom.y.remove(&chart.metric);
    } else {
        // Panned or zoomed: the others follow along x.
        let bounds = answer.transform.bounds();
        let (left, right) = (
            bounds.range_x().start().to_owned(),
            bounds.range_x().end().to_owned(),
        );
        let (low, high) = (
            bounds.range_y().start().to_owned(),
            bounds.range_y().end().to_owned(),
        );
        let moved = |a: f64, b: f64, span: f64| (a - b).abs() > span * 1e-6;
        if moved(left, x[0], x[1] - x[0]) || moved(right, x[1], x[1] - x[0]) {
            zoom.x = Some([left, right]);
        }
        if moved(low, y[0], y[1] - y[0]) || moved(high, y[1], y[1] - y[0]) {
            zoom.y.insert(chart.metric.clone(), [low, high]);
        }
    }
    match (response.hovered(), answer.inner) {
        (true, Some(at)) => {
            zoom.cursor = Some((chart.metric.clone(), at.x));
            let lines = under(drawn, at.x, at.y, y[1] - y[0]);
            response.on_hover_ui_at_pointer(|ui| told(ui, &lines, board, at.x, x[1] - x[0], log));
        }
        _ if zoom
            .cursor
            .as_ref()
            .is_some_and(|(metric, _)| *metric == chart.metric) =>
        {
            zoom.cursor = None
        }
        _ => (),
    }
    let outside = automatic.filter(|_| chosen.is_none());
    let clipped = outside.map_or(0, |h| h.outside);
    let about = outside.is_some_and(|h| h.about);
    let left_out: usize = drawn.iter().map(|d| d.curve.left_out).sum();
    let words = [(clipped, "clipped"), (left_out, "not on these axes")];
    let told = words.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told
        .map(|(n, word)| match about && *word == "clipped" {
            true => format!("about {} {word}", rounded(*n)),
            false => format!("{} {word}", grouped(*n as u64)),
        })
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Two digits of a count.
fn rounded(count: usize) -> String {
    let unit = 10usize.pow((count.max(1).ilog10()).saturating_sub(1));
    grouped((count / unit * unit) as u64)
}

/// One curve: superseded parts and the raw numbers faint, the smoothed ones over them.
fn curve(plot: &mut PlotUi, line: &Drawn, x: [f64; 2], pixels: f32, y: [f64; 2]) {
    let ink = line.ink();
    if let Some(band) = line.band.as_ref().filter(|b| b.xs.len() > 1) {
        let fill = ink.gamma_multiply(0.22);
        plot.add(
            FilledArea::new("", &band.xs, &band.low, &band.high)
                .fill_color(fill)
                .allow_hover(false),
        );
    }
    let draw = |plot: &mut PlotUi, path: &super::curves::Path, ink: Color32, width: f32, style: LineStyle| {
        let seen = path.seen(x, pixels);
        for points in seen.lines() {
            if let [only] = points {
                let dot = Points::new("", vec![*only])
                    .radius(2.2)
                    .color(ink)
                    .allow_hover(false);
                plot.points(dot);
                continue;
            }
            let points = PlotPoints::from(points.to_vec());
            plot.line(
                Line::new("", points)
                    .color(ink)
                    .width(width)
                    .style(style)
                    .allow_hover(false),
            );
        }
        seen
    };
    for path in &line.curve.old {
        draw(plot, path, ink.gamma_multiply(0.35), 1.0, LineStyle::Solid);
    }
    let seen = match &line.curve.smooth {
        Some(smooth) => {
            let seen = draw(
                plot,
                &line.curve.now,
                ink.gamma_multiply(0.28),
                1.0,
                LineStyle::Solid,
            );
            draw(plot, smooth, ink, line.width(), line.style());
            seen
        }
        None => draw(plot, &line.curve.now, ink, line.width(), line.style()),
    };
    // What no height can show stands at the edge: NaN as a cross, infinities as arrows.
    let edge = |share: f64| y[0] + share * (y[1] - y[0]);
    for (places, shape, height) in [
        (&seen.nan, MarkerShape::Cross, edge(0.04)),
        (&seen.above, MarkerShape::Up, edge(0.97)),
        (&seen.below, MarkerShape::Down, edge(0.03)),
    ] {
        if !places.is_empty() {
            let points: Vec<[f64; 2]> = places.iter().map(|&x| [x, height]).collect();
            plot.points(
                Points::new("", points)
                    .shape(shape)
                    .radius(4.0)
                    .color(ink)
                    .allow_hover(false),
            );
        }
    }
}

/// Interventions, checkpoints, restarts and problems with their places along x, of few runs at most:
/// along steps only.
pub fn marked<'a>(drawn: &[Drawn], histories: &'a Histories, board: &Board) -> Vec<(f64, &'a Mark)> {
    let mut runs: Vec<usize> = drawn.iter().filter(|d| !d.faint).map(|d| d.run).collect();
    runs.sort_unstable();
    runs.dedup();
    if board.along != session::Along::Step || runs.len() > MARKED {
        return Vec::new();
    }
    let marks = runs.iter().flat_map(|&r| &histories.runs[r].marks);
    let place = |step: i64| match board.log_x {
        true => (step > 0).then(|| (step as f64).log10()),
        false => Some(step as f64),
    };
    marks.filter_map(|mark| Some((place(mark.step)?, mark))).collect()
}

/// What was marked, as lines.
fn marks(plot: &mut PlotUi, marked: &[(f64, &Mark)], [weak, problem]: [Color32; 2]) {
    for &(at, mark) in marked {
        let color = match mark.kind {
            MarkKind::Problem => problem,
            MarkKind::Intervention | MarkKind::Restart | MarkKind::Checkpoint => weak,
        };
        // Each epoch may save one: a tick is enough.
        if mark.kind == MarkKind::Checkpoint {
            let bounds = plot.plot_bounds();
            let (low, high) = (bounds.min()[1], bounds.min()[1] + TICK * bounds.height());
            let tick = vec![[at, low], [at, high]];
            plot.line(
                Line::new("", tick)
                    .stroke(Stroke::new(1.0, color))
                    .allow_hover(false),
            );
            continue;
        }
        let style = LineStyle::Dashed { length: 3.0 };
        plot.vline(
            VLine::new("", at)
                .stroke(Stroke::new(1.0, color))
                .style(style)
                .allow_hover(false),
        );
    }
}

/// A curve under the pointer: color, words, place and number.
struct Under {
    color: Color32,
    words: String,
    at: [f64; 2],
    raw: f64,
}

/// The curves at `x`, nearest to `y` first.
fn under(drawn: &[Drawn], x: f64, y: f64, span: f64) -> Vec<Under> {
    let mut found: Vec<(f64, Under)> = drawn
        .iter()
        .filter_map(|d| {
            let at = d.curve.main().nearest(x)?;
            let raw = d.curve.now.nearest(x)?[1];
            let away = (at[1] - y).abs() / span + if d.faint { 10.0 } else { 0.0 };
            let words = d.told();
            let color = d.color;
            Some((
                away,
                Under {
                    color,
                    words,
                    at,
                    raw,
                },
            ))
        })
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().map(|(_, u)| u).collect()
}

fn told(ui: &mut Ui, lines: &[Under], board: &Board, x: f64, span: f64, log: bool) {
    ui.set_max_width(420.0);
    let place = axis::place(
        lines.first().map_or(x, |l| l.at[0]),
        span,
        board.along,
        board.log_x,
    );
    ui.label(RichText::new(format!("{} {place}", board.along.name())).weak());
    egui::Grid::new("under")
        .num_columns(3)
        .spacing(vec2(10.0, 2.0))
        .show(ui, |ui| {
            for line in lines.iter().take(TOLD) {
                ui.horizontal(|ui| {
                    let (rect, _) = ui.allocate_exact_size(vec2(9.0, 9.0), egui::Sense::hover());
                    ui.painter().rect_filled(rect, 2.0, line.color);
                    ui.add(egui::Label::new(&line.words).truncate());
                });
                ui.label(RichText::new(axis::number(line.at[1], log)).strong());
                if line.raw.to_bits() != line.at[1].to_bits() {
                    ui.label(RichText::new(format!("raw {}", axis::number(line.raw, log))).weak());
                }
                ui.end_row();
            }
        });
    if lines.len() > TOLD {
        ui.label(RichText::new(format!("and {} more", lines.len() - TOLD)).weak());
    }
}
