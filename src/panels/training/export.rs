//! Charts as files: SVG, the numbers as CSV, everything that is shown as one page.

use std::fmt::Write;

use egui::{Color32, Visuals};
use model::run::MarkKind;
use session::findings::Finding;
use session::histories::{self, Chart};
use session::{Board, Histories};

use super::chart::{self, Drawn};
use super::{Memory, axis};
use crate::drawing::{self, Axis, Mark};
use crate::style;
use crate::widgets::{grouped, value};

/// Points of a curve in a drawing, about.
const PIXELS: f32 = 640.0;
/// Curves whose names stand below a drawing.
const KEYS: usize = 12;

/// `over` on `paper`, opaque.
fn blend(over: Color32, share: f32, paper: Color32) -> Color32 {
    let mix = |a: u8, b: u8| (f32::from(a) * share + f32::from(b) * (1.0 - share)) as u8;
    let (a, b) = (over.to_array(), paper.to_array());
    Color32::from_rgb(mix(a[0], b[0]), mix(a[1], b[1]), mix(a[2], b[2]))
}

/// Sentences below a drawing, and letters of a line of them.
const NOTES: usize = 6;
const LETTERS: usize = 108;

/// `text` in lines of at most [`LETTERS`], but for longer words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LETTERS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// `chart` as SVG with what was marked and what is `seen` on it; `None` where nothing is drawn.
fn svg(
    chart: &Chart,
    drawn: &[Drawn],
    histories: &Histories,
    seen: &[(usize, Finding)],
    board: &Board,
    x: Option<[f64; 2]>,
    visuals: &Visuals,
) -> Option<String> {
    let x = x.or_else(|| chart::extent(drawn))?;
    let y = chart::heights(drawn, x, PIXELS, board.clip)?.range;
    let log = board.log.contains(&chart.metric);
    let paper = visuals.panel_fill;
    let mut marks = Vec::new();
    let within = |(at, _): &(f64, _)| (x[0]..=x[1]).contains(at);
    for (at, mark) in chart::marked(drawn, histories, board).into_iter().filter(within) {
        marks.push(Mark::Place {
            at,
            tick: mark.kind == MarkKind::Checkpoint,
            color: match mark.kind {
                MarkKind::Problem => visuals.error_fg_color,
                _ => visuals.weak_text_color(),
            },
            told: format!("step {}: {}", mark.step, mark.text),
        });
    }
    let mut add = |path: &super::curves::Path, color: Color32, dashed: bool| {
        for points in path.seen(x, PIXELS).lines() {
            let points = points.to_vec();
            marks.push(Mark::Line {
                points,
                color,
                dashed,
            });
        }
    };
    for line in drawn {
        let share = if line.faint { 0.3 } else { 1.0 };
        let dashed = line.split == histories::Split::Validation;
        for old in &line.curve.old {
            add(old, blend(line.color, 0.3 * share, paper), false);
        }
        if line.curve.smooth.is_some() {
            add(&line.curve.now, blend(line.color, 0.28 * share, paper), false);
        }
        add(line.curve.main(), blend(line.color, share, paper), dashed);
    }
    let grid = |ends: [f64; 2], words: &dyn Fn(f64) -> String| Axis {
        label: String::new(),
        ends,
        marks: axis::marks(ends, 6).into_iter().map(|v| (v, words(v))).collect(),
    };
    let mut across = grid(x, &|v| axis::place(v, x[1] - x[0], board.along, board.log_x));
    across.label = board.along.name().into();
    let mut up = grid(y, &|v| axis::number(v, log));
    up.label.clone_from(&chart.metric);
    let mut keys: Vec<(Color32, String)> = drawn.iter().map(|d| (d.color, d.told())).collect();
    keys.truncate(KEYS);
    let notes = seen.iter().take(NOTES).flat_map(|(run, finding)| {
        let color = match finding.sort.is_fault() {
            true => visuals.warn_fg_color,
            false => visuals.weak_text_color(),
        };
        let name = &histories.runs[*run].name;
        let lines = wrapped(&format!("{name}: {}. {}", finding.sort.name(), finding.why));
        lines.into_iter().map(move |line| (color, line))
    });
    let line = visuals.widgets.noninteractive.bg_stroke.color;
    let drawing = drawing::Chart {
        title: chart.metric.clone(),
        axes: [across, up],
        marks,
        keys,
        notes: notes.collect(),
        colors: [paper, line, visuals.text_color()],
    };
    Some(drawing.svg())
}

/// A field of a CSV file.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

/// The numbers of `chart` as recorded: a line a point, runs that are drawn.
fn csv(chart: &Chart, histories: &Histories, shown: &[bool]) -> String {
    let mut text = String::from("run,tag,step,wall,value\n");
    for line in chart.lines.iter().filter(|l| shown[l.run]) {
        let run = &histories.runs[line.run];
        let (name, tag) = (field(&run.name), field(&line.tag));
        for point in run.series.get(&line.tag).into_iter().flat_map(|s| s.points()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name},{tag},{},{},{}", point.step, point.wall, point.value);
        }
    }
    text
}

/// The chart of `metric` as a file with this ending.
pub fn chart_file(
    ending: &str,
    metric: &str,
    memory: &mut Memory,
    histories: &Histories,
    board: &Board,
    visuals: &Visuals,
) -> Option<String> {
    let chart = memory.charts.iter().find(|c| c.metric == metric)?;
    if ending == "csv" {
        return Some(csv(chart, histories, &memory.shown));
    }
    let (groups, shown, light) = (&memory.groups, &memory.shown, !visuals.dark_mode);
    let drawn = chart::drawn(chart, histories, board, groups, shown, &mut memory.curves, light);
    let seen = memory.seen.get(metric).map_or(&[][..], Vec::as_slice);
    svg(chart, &drawn, histories, seen, board, memory.zoom.x, visuals)
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Everything that is shown as one page of HTML: the table of runs, and every chart.
pub fn report(memory: &mut Memory, histories: &Histories, board: &Board, visuals: &Visuals) -> String {
    let hex = |c: Color32| format!("#{:02x}{:02x}{:02x}", c.r(), c.g(), c.b());
    let (paper, ink, weak) = (
        hex(visuals.panel_fill),
        hex(visuals.text_color()),
        hex(visuals.weak_text_color()),
    );
    let source = escape(&histories.source);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{source}</title>\n<style>\
         body{{background:{paper};color:{ink};font:14px/1.5 Ubuntu,Helvetica,Arial,sans-serif;margin:24px}}\
         table{{border-collapse:collapse;margin:12px 0 24px}}td,th{{padding:3px 12px 3px 0;text-align:left}}\
         th{{color:{weak};font-weight:normal}}i{{display:inline-block;width:11px;height:11px;border-radius:3px}}\
         svg{{max-width:100%;height:auto;margin:0 12px 12px 0}}</style>\n<h1>{source}</h1>\n"
    );
    let rows: Vec<usize> = histories::rows(&histories.runs, board)
        .into_iter()
        .filter(|&i| memory.shown[i])
        .collect();
    let metrics = histories::metrics(&histories.runs, board);
    let settings = histories::settings(&histories.runs);
    let counts = format!(
        "{} of {} runs",
        grouped(rows.len() as u64),
        grouped(histories.runs.len() as u64)
    );
    let smoothing = match board.smoothing {
        analyze::Smoothing::None => "as recorded".to_string(),
        ref smoothing => super::words(smoothing).to_lowercase(),
    };
    page += &format!("<p>{counts}, {smoothing}.</p>\n<table><tr><th></th><th>run</th><th>steps</th>");
    for name in metrics.iter().chain(&settings) {
        page += &format!("<th>{}</th>", escape(name));
    }
    page += "<th>notes</th></tr>\n";
    for &row in &rows {
        let run = &histories.runs[row];
        let color = hex(style::run(memory.groups.of[row], !visuals.dark_mode));
        let steps = run.steps().map_or(String::new(), |(a, b)| format!("{a} to {b}"));
        page += &format!(
            "<tr><td><i style=\"background:{color}\"></i></td><td>{}</td><td>{steps}</td>",
            escape(&run.name)
        );
        for metric in &metrics {
            let last = histories::figures(run, metric).map_or(String::new(), |f| value(f.last));
            page += &format!("<td>{last}</td>");
        }
        for name in &settings {
            let text = run
                .hyperparameters
                .get(name)
                .map_or(String::new(), |v| escape(&v.to_string()));
            page += &format!("<td>{text}</td>");
        }
        let note = board.notes.get(&run.name).map_or(String::new(), |n| escape(n));
        page += &format!("<td>{note}</td></tr>\n");
    }
    page += "</table>\n";
    let (groups, shown, light) = (memory.groups.clone(), memory.shown.clone(), !visuals.dark_mode);
    for section in &memory.sections {
        page += &format!("<h2>{}</h2>\n", escape(&section.title));
        for &index in &section.charts {
            let chart = &memory.charts[index];
            let drawn = chart::drawn(
                chart,
                histories,
                board,
                &groups,
                &shown,
                &mut memory.curves,
                light,
            );
            let seen = memory.seen.get(&chart.metric).map_or(&[][..], Vec::as_slice);
            if let Some(svg) = svg(chart, &drawn, histories, seen, board, memory.zoom.x, visuals) {
                page += &svg;
                page.push('\n');
            }
        }
    }
    page + "</html>\n"
}
