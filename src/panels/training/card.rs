//! A chart with its title, legend and buttons.

use egui::{Align, Color32, Layout, Rect, RichText, Sense, Ui, UiBuilder, pos2, vec2};
use session::findings::Finding;
use session::histories::{Chart, Split};
use session::{Board, Histories};

use super::chart::{self, Drawn, Zoom};
use super::curves::Curves;
use super::shelf::GAP;
use super::{HEIGHTS, Memory};
use crate::widgets::grouped;

/// Height of the line over a chart, points.
const TITLE: f32 = 24.0;
/// Curves whose names are written over a chart.
const NAMED: usize = 4;
/// What a chart can be saved as.
const SAVED: &[(&str, &str)] = &[
    #[cfg(not(target_arch = "wasm32"))]
    ("png", "Picture (PNG)…"),
    ("svg", "Drawing (SVG)…"),
    ("csv", "Numbers (CSV)…"),
];

/// A chart with its title; `(span, columns, width)` is what it takes of the shelf. Gives the ending of
/// the file that it is to be saved as.
pub fn show(
    ui: &mut Ui,
    rect: Rect,
    index: usize,
    (span, columns, width): (usize, usize, f32),
    histories: &Histories,
    memory: &mut Memory,
    board: &mut Board,
) -> Option<&'static str> {
    let light = !ui.visuals().dark_mode;
    let chart = &memory.charts[index];
    let made = |curves: &mut Curves| {
        chart::drawn(
            chart,
            histories,
            board,
            &memory.groups,
            &memory.shown,
            curves,
            light,
        )
    };
    let drawn = match board.band {
        false => made(&mut memory.curves),
        // Averaging takes longer than drawing.
        true => match memory.means.get(&chart.metric) {
            Some(means) => means.clone(),
            None => {
                let means = made(&mut memory.curves);
                memory.means.insert(chart.metric.clone(), means.clone());
                means
            }
        },
    };
    let frame = ui.visuals().faint_bg_color;
    ui.painter().rect_filled(rect, 6.0, frame);
    let inner = rect.shrink2(vec2(6.0, 2.0));
    let head = Rect::from_min_size(inner.min, vec2(inner.width(), TITLE));
    let mut below = inner;
    below.min.y += TITLE;
    let mut top = ui.new_child(
        UiBuilder::new()
            .max_rect(head)
            .layout(Layout::right_to_left(Align::Center)),
    );
    let saved = buttons(&mut top, chart, board, &mut memory.zoom);
    top.with_layout(Layout::left_to_right(Align::Center), |ui| {
        let name = if board.pinned.contains(&chart.metric) {
            &chart.metric
        } else {
            chart.title()
        };
        ui.add(egui::Label::new(RichText::new(name).strong()).truncate())
            .on_hover_text(&chart.metric);
        sign(ui, histories, memory.seen.get(&chart.metric));
    });
    let named = !drawn.is_empty() && drawn.len() <= NAMED || splits(&drawn).len() > 1;
    if named {
        let line = Rect::from_min_size(below.min, vec2(below.width() - 90.0, 16.0));
        below.min.y += 18.0;
        let mut legend_ui = ui.new_child(
            UiBuilder::new()
                .max_rect(line)
                .layout(Layout::left_to_right(Align::Center)),
        );
        legend(&mut legend_ui, &drawn);
    }
    let mut plot = ui.new_child(UiBuilder::new().max_rect(below).id_salt(("plot", &chart.metric)));
    let unseen = chart::show(
        &mut plot,
        below,
        chart,
        &drawn,
        histories,
        board,
        &mut memory.zoom,
    );
    let all = chart.lines.iter().filter(|l| memory.shown[l.run]).count();
    let some = (!board.band && all > chart::CURVES).then(|| {
        format!(
            "{} of {} curves",
            grouped(drawn.len() as u64),
            grouped(all as u64)
        )
    });
    let unseen = match (some, unseen) {
        (Some(some), Some(text)) => Some(format!("{some}, {text}")),
        (some, text) => some.or(text),
    };
    if let Some(text) = unseen {
        // Over the plot, where no curve is.
        let at = match named {
            true => pos2(inner.right(), head.bottom() + 8.0),
            false => pos2(inner.right() - 96.0, head.center().y),
        };
        let font = egui::TextStyle::Small.resolve(ui.style());
        let color = ui.visuals().weak_text_color();
        ui.painter()
            .text(at, egui::Align2::RIGHT_CENTER, text, font, color);
    }
    corner(
        ui,
        rect,
        &chart.metric,
        (span, columns, width),
        &mut memory.resizing,
        board,
    );
    saved
}

/// A sign beside the title where a fault is seen, with the reasons under the pointer.
fn sign(ui: &mut Ui, histories: &Histories, seen: Option<&Vec<(usize, Finding)>>) {
    let Some(seen) = seen else { return };
    let faults = seen.iter().filter(|(_, f)| f.sort.is_fault());
    let (count, first) = (faults.clone().count(), faults.clone().next());
    let text = match first {
        Some((_, finding)) if count == 1 => format!("⚠ {}", finding.sort.name()),
        Some((_, finding)) => format!("⚠ {} and {} more", finding.sort.name(), count - 1),
        None => "ℹ".into(),
    };
    let color = match first {
        Some(_) => ui.visuals().warn_fg_color,
        None => ui.visuals().weak_text_color(),
    };
    let label = egui::Label::new(RichText::new(text).small().color(color)).truncate();
    ui.add(label).on_hover_ui(|ui| {
        ui.set_max_width(440.0);
        for (run, finding) in seen.iter().take(8) {
            ui.label(
                RichText::new(format!("{}: {}", histories.runs[*run].name, finding.sort.name())).strong(),
            );
            ui.label(&finding.why);
        }
        if seen.len() > 8 {
            ui.label(RichText::new(format!("and {} more", seen.len() - 8)).weak());
        }
    });
}

/// The parts of the data that are drawn.
fn splits(drawn: &[Drawn]) -> Vec<Split> {
    let mut splits: Vec<Split> = drawn.iter().map(|d| d.split).collect();
    splits.sort_unstable();
    splits.dedup();
    splits
}

/// Names of few curves, or what dashes mean.
fn legend(ui: &mut Ui, drawn: &[Drawn]) {
    ui.spacing_mut().item_spacing.x = 5.0;
    let entry = |ui: &mut Ui, color: Color32, split: Split, text: &str| {
        if ui.available_width() < 60.0 {
            return;
        }
        let (rect, _) = ui.allocate_exact_size(vec2(18.0, 10.0), Sense::hover());
        let (left, right) = (rect.left_center(), rect.right_center());
        let stroke = egui::Stroke::new(1.7, color);
        match split {
            Split::None | Split::Train => {
                ui.painter().line_segment([left, right], stroke);
            }
            Split::Validation => {
                ui.painter()
                    .extend(egui::Shape::dashed_line(&[left, right], stroke, 5.0, 3.0));
            }
            Split::Test => {
                ui.painter()
                    .extend(egui::Shape::dotted_line(&[left, right], color, 4.0, 1.2));
            }
        }
        ui.add(egui::Label::new(RichText::new(text).small()).truncate());
        ui.add_space(6.0);
    };
    if drawn.len() <= NAMED {
        for line in drawn {
            entry(ui, line.color, line.split, &line.told());
        }
    } else {
        let ink = ui.visuals().weak_text_color();
        for split in splits(drawn) {
            entry(
                ui,
                ink,
                split,
                if split == Split::None {
                    "other"
                } else {
                    split.name()
                },
            );
        }
    }
}

/// Pin, logarithmic axis, save.
fn buttons(ui: &mut Ui, chart: &Chart, board: &mut Board, zoom: &mut Zoom) -> Option<&'static str> {
    ui.spacing_mut().item_spacing.x = 2.0;
    let metric = &chart.metric;
    let pinned = board.pinned.contains(metric);
    let small = |ui: &mut Ui, on: bool, text: &str, about: &str| {
        let text = RichText::new(text).small();
        let response = ui.selectable_label(on, if on { text } else { text.weak() });
        response.widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Button, true, on, about));
        response.on_hover_text(about).clicked()
    };
    if small(
        ui,
        pinned,
        "📌",
        "Keep this chart at the top, and the metric in the table of runs",
    ) {
        match pinned {
            true => board.pinned.retain(|m| m != metric),
            false => board.pinned.push(metric.clone()),
        }
    }
    let log = board.log.contains(metric);
    if small(ui, log, "log", "Logarithmic y axis") {
        zoom.y.remove(metric);
        if !board.log.remove(metric) {
            board.log.insert(metric.clone());
        }
    }
    let mut saved = None;
    ui.menu_button(RichText::new("⬇").small().weak(), |ui| {
        for (ending, text) in SAVED {
            if ui.button(*text).clicked() {
                saved = Some(*ending);
                ui.close();
            }
        }
    })
    .response
    .on_hover_text("Save this chart");
    saved
}

/// The corner that resizes a chart.
fn corner(
    ui: &mut Ui,
    rect: Rect,
    metric: &str,
    (span, columns, width): (usize, usize, f32),
    resizing: &mut Option<(String, u8, f32)>,
    board: &mut Board,
) {
    let place = Rect::from_min_max(rect.max - vec2(14.0, 14.0), rect.max);
    let response = ui.interact(place, ui.id().with(("corner", metric)), Sense::drag());
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeNwSe);
        let stroke = egui::Stroke::new(1.2, ui.visuals().weak_text_color());
        for inset in [4.0, 8.0] {
            ui.painter()
                .line_segment([rect.max - vec2(inset, 2.0), rect.max - vec2(2.0, inset)], stroke);
        }
    }
    if response.dragged()
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let wanted = ((pointer.x - rect.left() + GAP) / (width + GAP)).round();
        let height = (pointer.y - rect.top()).clamp(*HEIGHTS.start(), *HEIGHTS.end());
        *resizing = Some((
            metric.to_string(),
            wanted.clamp(1.0, columns as f32) as u8,
            height,
        ));
    } else if response.drag_stopped()
        && let Some((metric, wide, height)) = resizing.take()
    {
        board.sizes.insert(metric, (wide, height));
    }
    if response.double_clicked() {
        let wide = if span == columns { 1 } else { columns as u8 };
        board.sizes.insert(metric.to_string(), (wide, rect.height()));
    }
}
