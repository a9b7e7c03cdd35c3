//! The dashboard: every metric of all runs, as charts that zoom together.

mod axis;
mod bands;
mod card;
mod chart;
mod curves;
mod export;
mod shelf;

use std::collections::HashMap;
use std::sync::Arc;

use analyze::Smoothing;
use egui::{Color32, ComboBox, Rect, RichText, ScrollArea, Sense, Slider, TextEdit, Ui, pos2, vec2};
use session::findings::Finding;
use session::histories::{self, Chart, Groups};
use session::{Along, Board, Command, Histories, Session};

use crate::panel::{Ask, Panel, Side, View};
use crate::widgets::{empty, grouped};

use chart::{Drawn, Zoom};
use curves::Curves;
use shelf::{GAP, Group, What};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "training",
    title: "Training",
    about: "Losses, metrics and everything else that was recorded while networks learned",
    side: Side::Middle,
    open: false,
    show,
};

/// Heights that a chart may have, points.
const HEIGHTS: std::ops::RangeInclusive<f32> = 110.0..=900.0;

/// What the dashboard holds, until the runs or the board change.
#[derive(Default)]
struct Memory {
    of: Option<(u64, Arc<Board>)>,
    charts: Vec<Chart>,
    groups: Groups,
    /// Whether each run is drawn.
    shown: Vec<bool>,
    /// What is seen on the curves that are drawn, by metric: run and finding, gravest first.
    seen: HashMap<String, Vec<(usize, Finding)>>,
    /// Title, charts, how many stand below it, closed.
    sections: Vec<Section>,
    curves: Curves,
    /// Means by metric, while they are drawn instead of the runs.
    means: HashMap<String, Vec<Drawn>>,
    zoom: Zoom,
    /// The metric whose chart is to be saved.
    wanted: Option<String>,
    /// The chart that is being resized, its columns and height.
    resizing: Option<(String, u8, f32)>,
}

/// The colour that a run has in all charts.
pub(crate) fn color_of(session: &Session, name: &str, light: bool) -> Color32 {
    let place = session.histories.as_ref().and_then(|histories| {
        let place = histories.runs.iter().position(|r| r.name == name)?;
        let groups = histories::groups(&histories.runs, &session.state.board.grouping);
        groups.of.get(place).copied()
    });
    crate::style::run(place.unwrap_or(0), light)
}

struct Section {
    title: String,
    /// Name in [`Board::closed`].
    key: String,
    charts: Vec<usize>,
    closed: bool,
}

/// The group of charts that the user pinned.
const PINNED: &str = "pinned";

impl Memory {
    fn update(&mut self, histories: &Histories, board: &Arc<Board>) {
        let same = |(version, known): &(u64, Arc<Board>)| *version == histories.version && known == board;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        if self
            .of
            .as_ref()
            .is_none_or(|(version, _)| *version != histories.version)
        {
            self.charts = histories::charts(&histories.runs);
        }
        self.groups = histories::groups(&histories.runs, &board.grouping);
        self.shown = vec![false; histories.runs.len()];
        for row in histories::rows(&histories.runs, board) {
            self.shown[row] = !board.hidden.contains(&histories.runs[row].name);
        }
        self.sections = sections(&self.charts, board);
        self.means.clear();
        self.seen.clear();
        for (i, run) in histories.runs.iter().enumerate().filter(|(i, _)| self.shown[*i]) {
            for finding in histories
                .findings
                .get(&run.name)
                .into_iter()
                .flat_map(|f| f.iter())
            {
                let list = self.seen.entry(finding.metric.clone()).or_default();
                list.push((i, finding.clone()));
            }
        }
        self.seen
            .values_mut()
            .for_each(|list| list.sort_by_key(|(_, f)| f.sort));
        self.of = Some((histories.version, board.clone()));
    }
}

/// Pinned charts, those without a group, then group by group; only what the search lets through.
fn sections(charts: &[Chart], board: &Board) -> Vec<Section> {
    let words: Vec<String> = board.search.split_whitespace().map(str::to_lowercase).collect();
    let fits = |chart: &Chart| {
        let name = chart.metric.to_lowercase();
        words.iter().all(|w| name.contains(w))
    };
    let mut sections: Vec<Section> = Vec::new();
    let pinned = board
        .pinned
        .iter()
        .filter_map(|m| charts.iter().position(|c| c.metric == *m));
    let pinned: Vec<usize> = pinned.filter(|&i| fits(&charts[i])).collect();
    let mut add = |title: &str, key: &str, chart: usize| match sections.iter_mut().find(|s| s.key == key) {
        Some(section) => section.charts.push(chart),
        None => sections.push(Section {
            title: title.to_string(),
            key: key.to_string(),
            charts: vec![chart],
            // While something is looked for, all that was found is shown.
            closed: board.closed.contains(key) && words.is_empty(),
        }),
    };
    pinned.iter().for_each(|&i| add("Pinned", PINNED, i));
    let others = (0..charts.len()).filter(|i| fits(&charts[*i]) && !pinned.contains(i));
    for i in others {
        let group = charts[i].group();
        let key = format!("group {group}");
        add(if group.is_empty() { "Metrics" } else { group }, &key, i);
    }
    sections
}

fn show(ui: &mut Ui, view: &mut View) {
    let Some(histories) = &view.session.histories else {
        let advice = "Open a TensorBoard folder, a CSV or JSON lines file, or a Lightning or Keras log: \
                      layerscope FOLDER, or drop it on the window.";
        return empty(ui, "No training history is open", advice);
    };
    let board = &view.session.state.board;
    let memory = view.memory.of::<Memory>();
    memory.update(histories, board);
    memory.curves.begin();
    let mut next = Board::clone(board);
    let mut asks = Vec::new();
    tools(ui, histories, memory, &mut next, &mut asks);
    ui.add_space(4.0);
    if histories.runs.is_empty() {
        let advice = "Nothing is recorded there yet. Event files, CSV and JSON lines are read as they \
                      appear.";
        match histories.reading() {
            true => empty(ui, "Reading …", &histories.source),
            false => empty(ui, &histories.source, advice),
        }
    } else if memory.charts.is_empty() {
        empty(ui, "No scalars", "These runs hold no numbers over steps.");
    } else if memory.sections.is_empty() {
        empty(ui, "No metric fits", "Change the search to see charts.");
    } else {
        charts(ui, histories, memory, &mut next, &mut asks);
    }
    if histories.reading() {
        ui.ctx()
            .request_repaint_after(std::time::Duration::from_millis(100));
    }
    view.asks.extend(asks);
    if next != **board {
        view.out.push(Command::Board(next.into()));
    }
}

/// Training curves as a file with this ending: the chart that was asked for, or all as `html`.
pub(crate) fn file(
    ending: &str,
    session: &session::Session,
    memory: &mut crate::panel::Memory,
    visuals: &egui::Visuals,
) -> Option<String> {
    let histories = session.histories.as_ref()?;
    let board = &session.state.board;
    let memory = memory.of::<Memory>();
    memory.update(histories, board);
    if ending == "html" {
        return Some(export::report(memory, histories, board, visuals));
    }
    let metric = memory.wanted.clone()?;
    export::chart_file(ending, &metric, memory, histories, board, visuals)
}

/// A strength of smoothing from 0 to 1 in the method's own measure.
fn smoothing(kind: &Smoothing, strength: f64) -> Smoothing {
    // Windows up to a few hundred points: beyond that all curves are flat.
    let window = |most: f64| (most.powf(strength).round() as usize).max(1);
    match kind {
        Smoothing::None | Smoothing::Exponential { .. } => Smoothing::Exponential {
            weight: strength.min(0.999),
        },
        Smoothing::Gaussian { .. } => Smoothing::Gaussian {
            sigma: window(300.0) as f64 - 1.0,
        },
        Smoothing::Median { .. } => Smoothing::Median {
            window: 2 * window(300.0) - 1,
        },
        Smoothing::SavitzkyGolay { degree, .. } => Smoothing::SavitzkyGolay {
            window: 2 * window(300.0) + 1,
            degree: *degree,
        },
    }
}

/// The inverse of [`smoothing`].
fn strength(kind: &Smoothing) -> f64 {
    let of = |window: f64| window.max(1.0).ln() / 300f64.ln();
    match kind {
        Smoothing::None => 0.0,
        Smoothing::Exponential { weight } => *weight,
        Smoothing::Gaussian { sigma } => of(sigma + 1.0),
        Smoothing::Median { window } => of((*window as f64 + 1.0) / 2.0),
        Smoothing::SavitzkyGolay { window, .. } => of((*window as f64 - 1.0) / 2.0),
    }
}

fn tools(ui: &mut Ui, histories: &Histories, memory: &mut Memory, board: &mut Board, asks: &mut Vec<Ask>) {
    ui.horizontal_wrapped(|ui| {
        let search = TextEdit::singleline(&mut board.search).hint_text("Search metrics");
        ui.add(search.desired_width(130.0));
        let kinds = [
            ("as recorded", Smoothing::None),
            ("exponential", Smoothing::Exponential { weight: 0.6 }),
            ("Gaussian", Smoothing::Gaussian { sigma: 0.0 }),
            ("median", Smoothing::Median { window: 1 }),
            (
                "Savitzky-Golay",
                Smoothing::SavitzkyGolay { window: 3, degree: 2 },
            ),
        ];
        let same = |a: &Smoothing| std::mem::discriminant(a) == std::mem::discriminant(&board.smoothing);
        let now = kinds.iter().find(|(_, k)| same(k)).map_or("", |(name, _)| name);
        let mut at = strength(&board.smoothing);
        ComboBox::from_id_salt("smoothing")
            .selected_text(now)
            .width(110.0)
            .show_ui(ui, |ui| {
                for (name, kind) in &kinds {
                    if ui.selectable_label(*name == now, *name).clicked() {
                        let strength = if at > 0.0 { at } else { 0.6 };
                        board.smoothing = match kind {
                            Smoothing::None => Smoothing::None,
                            kind => smoothing(kind, strength),
                        };
                    }
                }
            })
            .response
            .on_hover_text("How curves are smoothed; the numbers as recorded stay, faint");
        if board.smoothing != Smoothing::None {
            ui.spacing_mut().slider_width = 90.0;
            let slider = Slider::new(&mut at, 0.0..=1.0).show_value(false);
            if ui.add(slider).on_hover_text(words(&board.smoothing)).changed() {
                board.smoothing = smoothing(&board.smoothing, at);
            }
        }
        ComboBox::from_id_salt("along")
            .selected_text(format!("by {}", board.along.name()))
            .width(110.0)
            .show_ui(ui, |ui| {
                for along in Along::ALL {
                    if ui
                        .selectable_value(&mut board.along, along, along.name())
                        .changed()
                    {
                        memory.zoom.x = None;
                        board.log_x &= along != Along::Wall;
                    }
                }
                ui.separator();
                ui.add_enabled_ui(board.along != Along::Wall, |ui| {
                    if ui.checkbox(&mut board.log_x, "logarithmic").changed() {
                        memory.zoom.x = None;
                    }
                });
            });
        ui.toggle_value(&mut board.clip, "Clip outliers")
            .on_hover_text("The y axis leaves out the lowest and highest hundredth");
        ui.menu_button("Size", |ui| {
            ui.spacing_mut().slider_width = 130.0;
            ui.add(
                Slider::new(&mut board.width, 160.0..=1200.0)
                    .show_value(false)
                    .text("width"),
            );
            ui.add(
                Slider::new(&mut board.height, HEIGHTS)
                    .show_value(false)
                    .text("height"),
            );
            if ui.button("All charts the same").clicked() {
                board.sizes.clear();
            }
        });
        let zoomed = memory.zoom.x.is_some() || !memory.zoom.y.is_empty();
        if zoomed
            && ui
                .button("Whole range")
                .on_hover_text("Undo all zooming")
                .clicked()
        {
            memory.zoom = Zoom::default();
        }
        if !histories.runs.is_empty()
            && ui
                .button("Report…")
                .on_hover_text("All charts that are shown and the table of runs, as one page")
                .clicked()
        {
            asks.push(Ask::Curves("html"));
        }
        if histories.reading() {
            let bar = egui::ProgressBar::new(histories.share)
                .desired_width(110.0)
                .desired_height(12.0);
            ui.add(bar).on_hover_text("Reading");
        }
        findings(ui, histories, memory, board);
        if !histories.warnings.is_empty() {
            let text =
                RichText::new(format!("⚠ {}", histories.warnings.len())).color(ui.visuals().warn_fg_color);
            let told: Vec<&str> = histories.warnings.iter().take(12).map(String::as_str).collect();
            ui.label(text).on_hover_text(told.join("\n"));
        }
    });
}

/// Every fault of the runs that are drawn; a click goes to its run and chart.
fn findings(ui: &mut Ui, histories: &Histories, memory: &Memory, board: &mut Board) {
    let mut faults: Vec<&(usize, Finding)> = memory
        .seen
        .values()
        .flatten()
        .filter(|(_, f)| f.sort.is_fault())
        .collect();
    if faults.is_empty() {
        return;
    }
    faults.sort_by_key(|(run, f)| (f.sort, *run));
    let text = format!("⚠ {} found", grouped(faults.len() as u64));
    let text = RichText::new(text).color(ui.visuals().warn_fg_color);
    ui.menu_button(text, |ui| {
        ui.set_min_width(380.0);
        ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
            for (run, finding) in faults.iter().take(200) {
                let name = &histories.runs[*run].name;
                let title = format!("{name}: {} {}", finding.metric, finding.sort.name());
                if ui
                    .selectable_label(board.chosen.as_ref() == Some(name), title)
                    .on_hover_text(&finding.why)
                    .clicked()
                {
                    board.chosen = Some(name.clone());
                    board.search.clone_from(&finding.metric);
                    ui.close();
                }
            }
        });
    })
    .response
    .on_hover_text("Faults that are seen on the curves that are drawn, with their reasons");
}

/// What the smoothing is, in figures.
fn words(smoothing: &Smoothing) -> String {
    match smoothing {
        Smoothing::None => "As recorded".into(),
        Smoothing::Exponential { weight } => format!("Weight {weight:.3} of what was before"),
        Smoothing::Gaussian { sigma } => format!("Standard deviation {sigma:.0} points"),
        Smoothing::Median { window } => format!("Median of {window} points"),
        Smoothing::SavitzkyGolay { window, degree } => {
            format!("Polynomials of degree {degree} over {window} points")
        }
    }
}

fn charts(ui: &mut Ui, histories: &Histories, memory: &mut Memory, board: &mut Board, asks: &mut Vec<Ask>) {
    ScrollArea::vertical()
        .auto_shrink(false)
        .show_viewport(ui, |ui, seen| {
            let (columns, width) = shelf::columns(ui.available_width() - 8.0, board.width);
            let groups: Vec<Group> = memory
                .sections
                .iter()
                .map(|s| Group {
                    charts: s.charts.clone(),
                    closed: s.closed,
                    titled: memory.sections.len() > 1 || s.key == PINNED,
                })
                .collect();
            let size = |i: usize| {
                let metric = &memory.charts[i].metric;
                let own = memory
                    .resizing
                    .as_ref()
                    .filter(|(m, ..)| m == metric)
                    .map(|&(_, c, h)| (c, h));
                let (columns, height) = own
                    .or_else(|| board.sizes.get(metric).copied())
                    .unwrap_or((1, board.height));
                (columns as usize, height)
            };
            let shelves = shelf::shelves(&groups, columns, size);
            let whole = shelves.last().map_or(0.0, |s| s.top + s.height);
            ui.set_height(whole + GAP);
            let origin = ui.max_rect().min;
            for shelf in shelves
                .iter()
                .filter(|s| s.top + s.height >= seen.top() && s.top <= seen.bottom())
            {
                let top = origin.y + shelf.top;
                match &shelf.what {
                    What::Title(number) => {
                        let rect = Rect::from_min_size(
                            pos2(origin.x, top),
                            vec2(ui.available_width(), shelf.height),
                        );
                        title(ui, rect, &memory.sections[*number], board);
                    }
                    What::Charts(charts) => {
                        for &(index, column, span, height) in charts {
                            let left = origin.x + column as f32 * (width + GAP);
                            let across = width * span as f32 + GAP * (span - 1) as f32;
                            let rect = Rect::from_min_size(pos2(left, top), vec2(across, height));
                            let taken = (span, columns, width);
                            if let Some(ending) = card::show(ui, rect, index, taken, histories, memory, board)
                            {
                                memory.wanted = Some(memory.charts[index].metric.clone());
                                asks.push(Ask::Curves(ending));
                            }
                        }
                    }
                }
            }
        });
}

/// The title of a group, which opens and closes it.
fn title(ui: &mut Ui, rect: Rect, section: &Section, board: &mut Board) {
    let response = ui.interact(rect, ui.id().with(&section.key), Sense::click());
    let arrow = if section.closed { "⏵" } else { "⏷" };
    let color = match response.hovered() {
        true => ui.visuals().strong_text_color(),
        false => ui.visuals().text_color(),
    };
    let font = egui::TextStyle::Heading.resolve(ui.style());
    let text = format!("{arrow} {}", section.title);
    let place = ui
        .painter()
        .text(rect.left_center(), egui::Align2::LEFT_CENTER, text, font, color);
    ui.painter().text(
        pos2(place.right() + 8.0, rect.center().y),
        egui::Align2::LEFT_CENTER,
        grouped(section.charts.len() as u64),
        egui::TextStyle::Body.resolve(ui.style()),
        ui.visuals().weak_text_color(),
    );
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::CollapsingHeader, true, &section.title));
    if response.clicked() && !board.closed.remove(&section.key) {
        board.closed.insert(section.key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_go_there_and_back() {
        for kind in [
            Smoothing::Exponential { weight: 0.0 },
            Smoothing::Gaussian { sigma: 0.0 },
            Smoothing::Median { window: 1 },
            Smoothing::SavitzkyGolay { window: 3, degree: 2 },
        ] {
            for at in [0.0, 0.3, 0.9] {
                let back = strength(&smoothing(&kind, at));
                assert!((back - at).abs() < 0.06, "{kind:?} {at} {back}");
            }
        }
    }

    #[test]
    fn charts_are_searched_pinned_and_grouped() {
        let chart = |metric: &str| Chart {
            metric: metric.into(),
            lines: Vec::new(),
        };
        let charts = ["loss", "gradients/a", "gradients/b"].map(chart);
        let told = |board: &Board| -> Vec<(String, Vec<usize>)> {
            let sections = sections(&charts, board);
            sections.into_iter().map(|s| (s.title, s.charts)).collect()
        };
        let mut board = Board::default();
        assert_eq!(
            told(&board),
            [("Metrics".into(), vec![0]), ("gradients".into(), vec![1, 2])]
        );
        board.pinned = vec!["gradients/b".into(), "gone".into()];
        assert_eq!(told(&board)[0], ("Pinned".into(), vec![2]));
        board.search = "GRAD /a".into();
        assert_eq!(told(&board), [("gradients".into(), vec![1])]);
    }
}
