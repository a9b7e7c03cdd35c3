//! The runs of the open training histories: which are drawn, what they were set to, what came of them.

use std::sync::Arc;

use egui::{Align, Color32, ComboBox, Label, Layout, RichText, ScrollArea, Sense, TextEdit, Ui, vec2};
use egui_extras::{Column, TableBody, TableBuilder};
use model::Run;
use session::histories::{self, Groups};
use session::{Board, Command, Grouping, Histories};

use crate::panel::{Panel, Side, View};
use crate::style;
use crate::widgets::{empty, fact, grouped, line, section, value};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "runs",
    title: "Runs",
    about: "Training runs: which are drawn, what they were set to, what came of them",
    side: Side::Left,
    open: false,
    show,
};

/// How runs are filtered.
const FILTER: &str = "Words that the run's name holds, or an expression: lr < 0.01 and optimizer == \"adam\" and \
                      min(loss/validation) < 0.3 and name ~ \"seed[0-3]\"";
/// Hyperparameters that the table shows at most; the chosen run tells all of its own.
const SETTINGS: usize = 12;

/// What the table holds, until the runs or the board change.
#[derive(Default)]
struct Table {
    of: Option<(u64, Arc<Board>)>,
    groups: Groups,
    rows: Vec<usize>,
    metrics: Vec<String>,
    settings: Vec<String>,
}

impl Table {
    fn update(&mut self, histories: &Histories, board: &Arc<Board>) {
        let same = |(version, known): &(u64, Arc<Board>)| *version == histories.version && known == board;
        if self.of.as_ref().is_some_and(same) {
            return;
        }
        let runs = &histories.runs;
        self.groups = histories::groups(runs, &board.grouping);
        self.rows = histories::rows(runs, board);
        self.metrics = histories::metrics(runs, board);
        self.settings = histories::settings(runs);
        self.of = Some((histories.version, board.clone()));
    }
}

fn show(ui: &mut Ui, view: &mut View) {
    let Some(histories) = &view.session.histories else {
        let advice = "Open a TensorBoard folder, a CSV or JSON lines file: \
                      layerscope FOLDER, or drop it here.";
        return empty(ui, "No training history is open", advice);
    };
    let board = &view.session.state.board;
    let table = view.memory.of::<Table>();
    table.update(histories, board);
    let mut next = Board::clone(board);
    tools(ui, histories, table, &mut next);
    if histories.runs.is_empty() {
        let advice =
            "Nothing recorded yet: event files, CSV and JSON lines are read, and the folder is watched.";
        match histories.reading() {
            true => empty(ui, "Reading …", &histories.source),
            false => empty(ui, "No runs", advice),
        }
    } else if table.rows.is_empty() {
        empty(ui, "No run fits", "Change the filter to see runs.");
    } else {
        let chosen = next.chosen.as_ref().and_then(|name| histories.run(name));
        let below = if chosen.is_some() { 0.42 } else { 0.0 };
        let height = ui.available_height() * (1.0 - below);
        let size = vec2(ui.available_width(), height);
        ui.allocate_ui(size, |ui| {
            ui.set_min_size(size);
            ScrollArea::horizontal()
                .auto_shrink(false)
                .show(ui, |ui| rows(ui, histories, table, &mut next));
        });
        if let Some(run) = chosen {
            ui.separator();
            about(ui, run, &histories.findings, &mut next);
        }
    }
    if next != **board {
        view.out.push(Command::Board(next.into()));
    }
}

fn tools(ui: &mut Ui, histories: &Histories, table: &Table, board: &mut Board) {
    ui.horizontal(|ui| {
        let count = match table.rows.len() == histories.runs.len() {
            true => grouped(histories.runs.len() as u64),
            false => format!(
                "{} of {}",
                grouped(table.rows.len() as u64),
                grouped(histories.runs.len() as u64)
            ),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(count).weak());
            let problem = histories::Filter::of(&board.filter).err();
            let mut field =
                TextEdit::singleline(&mut board.filter).hint_text("Filter runs: words, or lr < 0.01");
            if problem.is_some() {
                field = field.text_color(ui.visuals().error_fg_color);
            }
            let response = ui.add(field.desired_width(f32::INFINITY));
            match problem {
                Some(problem) => response.on_hover_text(problem.to_string()),
                None => response.on_hover_text(FILTER),
            };
        });
    });
    ui.horizontal_wrapped(|ui| {
        let names = |i: &usize| histories.runs[*i].name.clone();
        let shown = table
            .rows
            .iter()
            .filter(|i| !board.hidden.contains(&histories.runs[**i].name));
        let all = shown.count() == table.rows.len();
        let (text, about) = match all {
            true => ("Hide all", "Draws none of the listed runs"),
            false => ("Show all", "Draws all listed runs"),
        };
        if ui.button(text).on_hover_text(about).clicked() {
            match all {
                true => board.hidden.extend(table.rows.iter().map(names)),
                false => table.rows.iter().map(names).for_each(|n| {
                    board.hidden.remove(&n);
                }),
            }
        }
        let words = match &board.grouping {
            Grouping::Run => "by run".to_string(),
            Grouping::Folder => "by folder".into(),
            Grouping::Setting(name) => format!("by {name}"),
        };
        ComboBox::from_id_salt("grouping")
            .selected_text(words)
            .width(90.0)
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut board.grouping, Grouping::Run, "by run");
                ui.selectable_value(&mut board.grouping, Grouping::Folder, "by folder");
                for name in &table.settings {
                    let value = Grouping::Setting(name.clone());
                    ui.selectable_value(&mut board.grouping, value, format!("by {name}"));
                }
            })
            .response
            .on_hover_text("Runs of a group share a colour, and a mean with its band");
        ui.toggle_value(&mut board.band, "Mean")
            .on_hover_text("The mean of each group with its 95 % confidence interval, instead of the runs");
    });
}

/// Text of a header or a cell; what does not fit is under the pointer.
fn cell(ui: &mut Ui, text: impl Into<RichText>) {
    ui.add(Label::new(text.into()).truncate().selectable(false));
}

fn rows(ui: &mut Ui, histories: &Histories, table: &Table, board: &mut Board) {
    let light = !ui.visuals().dark_mode;
    let height = ui.text_style_height(&egui::TextStyle::Body) + 6.0;
    let settings = &table.settings[..table.settings.len().min(SETTINGS)];
    let columns: Vec<&String> = table.metrics.iter().chain(settings).collect();
    TableBuilder::new(ui)
        .id_salt("runs")
        .striped(false)
        .sense(Sense::click())
        .cell_layout(Layout::left_to_right(Align::Center))
        .column(Column::exact(18.0))
        .column(Column::initial(130.0).at_least(60.0).clip(true).resizable(true))
        .columns(
            Column::initial(72.0).at_least(36.0).clip(true).resizable(true),
            columns.len(),
        )
        .header(height, |mut header| {
            header.col(|_| ());
            header.col(|ui| cell(ui, RichText::new("run").weak()));
            for name in &columns {
                let sorted = board
                    .sort
                    .as_ref()
                    .filter(|(key, _)| key == *name)
                    .map(|(_, falling)| *falling);
                let arrow = match sorted {
                    None => "",
                    Some(true) => " ⏷",
                    Some(false) => " ⏶",
                };
                let (_, response) = header.col(|ui| cell(ui, RichText::new(format!("{name}{arrow}")).weak()));
                let response = response.on_hover_text(format!("{name}: click to sort"));
                if response.clicked() {
                    board.sort = match sorted {
                        None => Some(((*name).clone(), false)),
                        Some(false) => Some(((*name).clone(), true)),
                        Some(true) => None,
                    };
                }
            }
        })
        .body(|body| filled(body, height, histories, table, settings, board, light));
}

fn filled(
    body: TableBody,
    height: f32,
    histories: &Histories,
    table: &Table,
    settings: &[String],
    board: &mut Board,
    light: bool,
) {
    body.rows(height, table.rows.len(), |mut row| {
        let index = table.rows[row.index()];
        let run = &histories.runs[index];
        let hidden = board.hidden.contains(&run.name);
        row.set_selected(board.chosen.as_ref() == Some(&run.name));
        let color = style::run(table.groups.of[index], light);
        let mut toggled = None;
        row.col(|ui| toggled = Some(swatch(ui, color, hidden)));
        let (_, name) = row.col(|ui| {
            let text = RichText::new(&run.name);
            cell(ui, if hidden { text.weak() } else { text });
        });
        name.on_hover_text(&run.name);
        for metric in &table.metrics {
            let figures = histories::figures(run, metric);
            let (_, response) = row.col(|ui| cell(ui, figures.map_or(String::new(), |f| value(f.last))));
            if let Some((low, high)) = figures.and_then(|f| f.range) {
                response.on_hover_text(format!("{metric}\n{} to {}", value(low), value(high)));
            }
        }
        for name in settings {
            row.col(|ui| {
                cell(
                    ui,
                    run.hyperparameters
                        .get(name)
                        .map_or(String::new(), ToString::to_string),
                )
            });
        }
        if let Some(response) = toggled.filter(egui::Response::clicked) {
            if response.ctx.input(|i| i.modifiers.alt) {
                board.hidden = histories
                    .runs
                    .iter()
                    .map(|r| r.name.clone())
                    .filter(|n| *n != run.name)
                    .collect();
            } else if !board.hidden.remove(&run.name) {
                board.hidden.insert(run.name.clone());
            }
        } else if row.response().clicked() {
            let same = board.chosen.as_ref() == Some(&run.name);
            board.chosen = (!same).then(|| run.name.clone());
        }
    });
}

/// The colour of a run; hollow while it is not drawn.
fn swatch(ui: &mut Ui, color: Color32, hidden: bool) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(14.0, 14.0), Sense::click());
    let square = egui::Rect::from_center_size(rect.center(), vec2(11.0, 11.0));
    match hidden {
        true => {
            let stroke = egui::Stroke::new(1.5, color);
            ui.painter()
                .rect_stroke(square, 3.0, stroke, egui::StrokeKind::Inside);
        }
        false => {
            ui.painter().rect_filled(square, 3.0, color);
        }
    }
    response.widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Checkbox, true, !hidden, "drawn"));
    response.on_hover_text("Click: draw this run or not. Alt and click: this one alone")
}

/// Everything about the chosen run.
fn about(ui: &mut Ui, run: &Run, findings: &histories::Found, board: &mut Board) {
    line(ui, RichText::new(&run.name).strong());
    ScrollArea::vertical()
        .id_salt("about run")
        .auto_shrink(false)
        .show(ui, |ui| {
            if let Some((first, last)) = run.steps() {
                fact(ui, "Steps", format!("{} to {}", words(first), words(last)));
            }
            fact(
                ui,
                "Points",
                format!("{} in {} curves", grouped(run.points() as u64), run.series.len()),
            );
            let note = board.notes.entry(run.name.clone()).or_default();
            ui.add(
                TextEdit::multiline(note)
                    .hint_text("Notes")
                    .desired_rows(2)
                    .desired_width(f32::INFINITY),
            );
            if note.is_empty() {
                board.notes.remove(&run.name);
            }
            let seen = findings.get(&run.name).filter(|f| !f.is_empty());
            if let Some(seen) = seen {
                section(ui, "What is seen");
                for finding in seen.iter() {
                    let text = RichText::new(format!("{} {}", finding.metric, finding.sort.name()));
                    let text = if finding.sort.is_fault() {
                        text.color(ui.visuals().warn_fg_color)
                    } else {
                        text
                    };
                    ui.label(text);
                    ui.add(Label::new(RichText::new(&finding.why).weak()).wrap());
                }
            }
            if !run.marks.is_empty() {
                section(ui, "What happened");
                for mark in run.marks.iter().take(200) {
                    line(ui, format!("{}  {}", words(mark.step), mark.text));
                }
            }
            if !run.hyperparameters.is_empty() {
                section(ui, "Hyperparameters");
                for (name, value) in &run.hyperparameters {
                    fact(ui, name, value.to_string());
                }
            }
            if !run.texts.is_empty() {
                section(ui, "Texts");
                for (tag, track) in &run.texts {
                    if let Some(last) = track.last() {
                        fact(ui, tag, last.value.to_string());
                    }
                }
            }
        });
}

/// A step, its digits in groups.
fn words(step: i64) -> String {
    let sign = if step < 0 { "−" } else { "" };
    format!("{sign}{}", grouped(step.unsigned_abs()))
}
