//! Hyperparameters against a result: parallel coordinates, and which of them matter.

use std::sync::Arc;

use analyze::{Column, Importances, importance};
use egui::{Align2, Color32, ComboBox, Rect, RichText, Sense, Stroke, TextStyle, Ui, pos2, vec2};
use model::run::Setting;
use session::colormap::{sequential, srgb};
use session::histories::{self, Axis, Chart};
use session::{Board, Command, Histories};

use crate::panel::{Panel, Side, View};
use crate::style;
use crate::widgets::{bar, empty};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "sweep",
    title: "Hyperparameters",
    about: "Which settings lead to which results: parallel coordinates, and the importance of each",
    side: Side::Middle,
    open: false,
    show,
};

/// Axes at most.
const AXES: usize = 10;
/// Width of the bars of importance, points.
const BARS: f32 = 260.0;
/// Seed of the forest: the same runs give the same answer.
const SEED: u64 = 7;

#[derive(Default)]
struct Memory {
    of: Option<(u64, String, Vec<String>)>,
    /// The result that is asked about.
    metric: Option<String>,
    metrics: Vec<String>,
    axes: Vec<Axis>,
    importance: Option<Result<(Vec<String>, Importances), String>>,
    /// Axis and place where a brush began.
    brushing: Option<(String, f32)>,
}

impl Memory {
    fn update(&mut self, histories: &Histories) {
        let metrics = || {
            histories::charts(&histories.runs)
                .into_iter()
                .filter(judged)
                .map(|c| c.metric)
        };
        if self
            .of
            .as_ref()
            .is_none_or(|(version, ..)| *version != histories.version)
        {
            self.metrics = metrics().collect();
        }
        let known = self.metric.as_ref().filter(|m| self.metrics.contains(m));
        let metric = known.or(self.metrics.first()).cloned();
        self.metric.clone_from(&metric);
        let Some(metric) = metric else { return };
        let settings = histories::settings(&histories.runs);
        let of = (histories.version, metric.clone(), settings.clone());
        if self.of.as_ref() == Some(&of) {
            return;
        }
        let keys = settings.iter().take(AXES - 1).chain([&metric]);
        self.axes = keys.filter_map(|k| Axis::of(&histories.runs, k)).collect();
        self.importance = Some(matter(histories, &settings, &metric));
        self.of = Some(of);
    }
}

/// Metrics of layers are no results of a run.
fn judged(chart: &Chart) -> bool {
    !["gradients", "weights", "updates", "activations"].contains(&chart.group())
}

/// What each hyperparameter that differs matters for `metric`.
fn matter(
    histories: &Histories,
    settings: &[String],
    metric: &str,
) -> Result<(Vec<String>, Importances), String> {
    let runs = &histories.runs;
    let results: Vec<f64> = runs
        .iter()
        .map(|r| histories::figures(r, metric).map_or(f64::NAN, |f| f.last))
        .collect();
    enum Values {
        Numbers(Vec<f64>),
        Names(Vec<Option<u32>>),
    }
    let mut names = Vec::new();
    let mut columns = Vec::new();
    for key in settings {
        let Some(axis) = Axis::of(runs, key) else { continue };
        columns.push(match &axis.kind {
            histories::Kind::Numbers { .. } => {
                let number = |r: &Arc<model::Run>| match r.hyperparameters.get(key) {
                    Some(Setting::Number(v)) => *v,
                    _ => f64::NAN,
                };
                Values::Numbers(runs.iter().map(number).collect())
            }
            histories::Kind::Names(all) => {
                let name = |r: &Arc<model::Run>| {
                    let value = r.hyperparameters.get(key)?;
                    all.binary_search(&value.to_string()).ok().map(|i| i as u32)
                };
                Values::Names(runs.iter().map(name).collect())
            }
        });
        names.push(key.clone());
    }
    if names.is_empty() {
        return Err("All runs have the same hyperparameters.".into());
    }
    let columns: Vec<Column> = columns
        .iter()
        .map(|c| match c {
            Values::Numbers(v) => Column::Numbers(v),
            Values::Names(v) => Column::Categories(v),
        })
        .collect();
    let found = importance(&columns, &results, SEED).map_err(|e| e.to_string())?;
    Ok((names, found))
}

fn show(ui: &mut Ui, view: &mut View) {
    let Some(histories) = &view.session.histories else {
        let advice = "Open a folder of training runs to see which settings lead to which results.";
        return empty(ui, "No training history is open", advice);
    };
    let board = &view.session.state.board;
    let memory = view.memory.of::<Memory>();
    memory.update(histories);
    let Some(metric) = memory.metric.clone() else {
        return empty(ui, "No results", "These runs hold no metric to compare them by.");
    };
    let mut next = Board::clone(board);
    ui.horizontal(|ui| {
        ui.label("Result");
        ComboBox::from_id_salt("result")
            .selected_text(&metric)
            .width(150.0)
            .show_ui(ui, |ui| {
                for name in &memory.metrics {
                    ui.selectable_value(&mut memory.metric, Some(name.clone()), name);
                }
            });
        if !next.brushes.is_empty()
            && ui
                .button("All runs")
                .on_hover_text("Forget the ranges on the axes")
                .clicked()
        {
            next.brushes.clear();
        }
        ui.label(RichText::new("Drag along an axis to keep the runs there").weak());
    });
    if memory.axes.len() < 2 {
        empty(
            ui,
            "Nothing differs",
            "All runs have the same settings, or recorded none.",
        );
    } else {
        let whole = ui.available_rect_before_wrap();
        let mut left = whole;
        if whole.width() > 2.2 * BARS {
            left.max.x -= BARS + 16.0;
            let right = Rect::from_min_max(pos2(left.right() + 16.0, whole.top()), whole.max);
            let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(right));
            bars(&mut ui, memory, &metric);
        }
        lines(ui, left, histories, memory, &mut next);
    }
    if next != **board {
        view.out.push(Command::Board(next.into()));
    }
}

/// What matters, most first.
fn bars(ui: &mut Ui, memory: &Memory, metric: &str) {
    ui.label(RichText::new(format!("What matters for {metric}")).strong());
    let (names, found) = match &memory.importance {
        Some(Ok((names, found))) => (names, found),
        Some(Err(problem)) => {
            ui.add(egui::Label::new(RichText::new(problem).weak()).wrap());
            return;
        }
        None => return,
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| found.columns[b].share.total_cmp(&found.columns[a].share));
    for i in order {
        let column = &found.columns[i];
        let sign = column
            .correlation
            .map(|c| format!("  ρ {:+.2}", c.rho))
            .unwrap_or_default();
        let text = format!("{:.0} %{sign}", 100.0 * column.share);
        let response = bar(ui, &names[i], &text, column.share as f32, false);
        let mut told = format!(
            "Share of the variance of {metric} that splits on it take away in a random forest.\n\
             Shuffling it costs the forest {:.3} of its R².",
            column.permutation
        );
        if let Some(c) = column.correlation {
            told += &format!("\nSpearman's ρ {:+.3} (p = {:.2e}, {} runs)", c.rho, c.p, c.count);
        }
        response.on_hover_text(told);
    }
    let words = match found.reliable() {
        true => format!(
            "Explains {:.0} % of the variance of runs that it has not seen.",
            100.0 * found.explained
        ),
        false => {
            "These runs do not tell what the result depends on: the forest predicts unseen runs no better \
                  than their mean does."
                .into()
        }
    };
    ui.add_space(4.0);
    ui.add(egui::Label::new(RichText::new(words).weak()).wrap());
    if found.left_out > 0 {
        ui.label(RichText::new(format!("{} runs without a result are left out.", found.left_out)).weak());
    }
}

/// Parallel coordinates.
fn lines(ui: &mut Ui, rect: Rect, histories: &Histories, memory: &mut Memory, board: &mut Board) {
    let axes = &memory.axes;
    let inner = Rect::from_min_max(rect.min + vec2(50.0, 34.0), rect.max - vec2(60.0, 16.0));
    if inner.width() < 40.0 || inner.height() < 40.0 {
        return;
    }
    let x = |axis: usize| inner.left() + inner.width() * axis as f32 / (axes.len() - 1) as f32;
    let y = |share: f32| inner.bottom() - inner.height() * share;
    let painter = ui.painter_at(rect);
    let kept: Vec<usize> = histories::rows(&histories.runs, board);
    let result = axes.last();
    let dark = ui.visuals().dark_mode;
    let nothing = ui.visuals().weak_text_color();
    let ink = |run: &model::Run| match result.and_then(|a| a.place(run)) {
        Some(share) => {
            // The ends of the map are too dark or too light for lines on paper of that kind.
            let share = if dark { 0.25 + 0.75 * share } else { 0.8 * share };
            let [r, g, b] = srgb(sequential(share, 0));
            Color32::from_rgb(r, g, b)
        }
        None => nothing,
    };
    let pointer = ui.ctx().pointer_hover_pos().filter(|p| rect.contains(*p));
    let places = |index: usize| {
        let run = &histories.runs[index];
        let places = axes.iter().enumerate();
        let places: Vec<_> = places
            .map(|(i, a)| a.place(run).map(|s| pos2(x(i), y(s))))
            .collect();
        places
    };
    let segments = |index: usize| {
        let places = places(index);
        let pairs = (1..places.len()).filter_map(move |i| Some([places[i - 1]?, places[i]?]));
        pairs.collect::<Vec<_>>()
    };
    let draw = |index: usize, color: Color32, width: f32| {
        for ends in segments(index) {
            painter.line_segment(ends, Stroke::new(width, color));
        }
    };
    // How far the pointer is from a line, where that is near.
    let away = |index: usize| {
        let p = pointer?;
        let all = segments(index);
        let [a, b] = all.into_iter().find(|[a, b]| (a.x..=b.x).contains(&p.x))?;
        let at = a.y + (b.y - a.y) * (p.x - a.x) / (b.x - a.x);
        Some((p.y - at).abs()).filter(|d| *d < 6.0)
    };
    let mut is_kept = vec![false; histories.runs.len()];
    kept.iter().for_each(|&i| is_kept[i] = true);
    let faint = ui.visuals().widgets.noninteractive.bg_stroke.color;
    (0..histories.runs.len())
        .filter(|&i| !is_kept[i])
        .for_each(|i| draw(i, faint, 1.0));
    let share = if kept.len() > 100 { 0.5 } else { 0.85 };
    for &i in &kept {
        draw(i, ink(&histories.runs[i]).gamma_multiply(share), 1.5);
    }
    let chosen = board
        .chosen
        .as_ref()
        .and_then(|n| histories.runs.iter().position(|r| r.name == *n));
    if let Some(i) = chosen {
        draw(i, style::marked(ui.visuals()), 3.0);
    }
    let near = kept
        .iter()
        .filter_map(|&i| Some((away(i)?, i)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, i)) = near {
        draw(i, ui.visuals().strong_text_color(), 2.5);
    }
    let (body, small) = (
        TextStyle::Body.resolve(ui.style()),
        TextStyle::Small.resolve(ui.style()),
    );
    let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    for (i, axis) in axes.iter().enumerate() {
        let at = x(i);
        painter.vline(at, inner.y_range(), Stroke::new(1.2, weak));
        painter.text(
            pos2(at, rect.top() + 14.0),
            Align2::CENTER_CENTER,
            &axis.key,
            body.clone(),
            text,
        );
        for (share, words) in axis.words() {
            let last = i + 1 == axes.len();
            let (side, align) = if last {
                (6.0, Align2::LEFT_CENTER)
            } else {
                (-6.0, Align2::RIGHT_CENTER)
            };
            let galley = painter.layout_no_wrap(words, small.clone(), weak);
            let place = align.anchor_size(pos2(at + side, y(share)), galley.size());
            // Lines pass below the words.
            painter.rect_filled(
                place.expand(1.0),
                2.0,
                ui.visuals().panel_fill.gamma_multiply(0.8),
            );
            painter.galley(place.min, galley, weak);
        }
        let grip = Rect::from_center_size(pos2(at, inner.center().y), vec2(18.0, inner.height() + 12.0));
        let response = ui.interact(grip, ui.id().with(("axis", &axis.key)), Sense::click_and_drag());
        let share = |p: egui::Pos2| ((inner.bottom() - p.y) / inner.height()).clamp(0.0, 1.0);
        if response.hovered() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeVertical);
        }
        if let Some(p) = response.interact_pointer_pos() {
            if response.drag_started() {
                memory.brushing = Some((axis.key.clone(), share(p)));
            }
            if let Some((key, begin)) = memory
                .brushing
                .as_ref()
                .filter(|(k, _)| *k == axis.key && response.dragged())
            {
                let (a, b) = (begin.min(share(p)), begin.max(share(p)));
                board.brushes.insert(key.clone(), [a, b]);
            }
        }
        if response.clicked() {
            board.brushes.remove(&axis.key);
        }
        if let Some([low, high]) = board.brushes.get(&axis.key) {
            let block = Rect::from_x_y_ranges(at - 6.0..=at + 6.0, y(*high)..=y(*low));
            painter.rect_filled(block, 3.0, ui.visuals().hyperlink_color.gamma_multiply(0.45));
        }
    }
    let over = ui.interact(rect, ui.id().with("lines"), Sense::hover());
    if let Some((_, i)) = near {
        let run = &histories.runs[i];
        over.on_hover_ui_at_pointer(|ui| {
            ui.label(RichText::new(&run.name).strong());
            for axis in axes {
                if let Some(value) = histories::value_of(run, &axis.key) {
                    ui.label(format!("{} {value}", axis.key));
                }
            }
        });
        if ui.input(|i| i.pointer.primary_clicked()) {
            board.chosen = Some(run.name.clone());
        }
    }
}
