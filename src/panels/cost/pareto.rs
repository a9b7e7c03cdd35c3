//! Layers by a quantity, largest first, with the share that they make together.

use egui::{ComboBox, Rangef, Ui, Visuals, vec2};
use egui_plot::{AxisHints, Bar, BarChart, HLine, Line, LineStyle, Plot, PlotPoints};
use layout::Node;
use session::{Command, Document, Quantity, Ranked, Session};

use super::height;
use crate::drawing::{Axis, Chart, Mark};
use crate::panel::{Memory, View};
use crate::style;
use crate::widgets::{empty, grouped};

/// Bars at most; the others are told in a sentence.
const MOST: usize = 120;
/// The share that is asked about.
const MOSTLY: f64 = 0.8;

/// What layers are sorted by.
struct Chosen(Quantity);

impl Default for Chosen {
    fn default() -> Self {
        Chosen(Quantity::Flops)
    }
}

/// How many of the first rows make `share` of the whole.
fn needed(rows: &[Ranked], share: f64) -> usize {
    let less = rows.iter().take_while(|r| r.together < share - 1e-9).count();
    (less + 1).min(rows.len())
}

pub(super) fn show(ui: &mut Ui, view: &mut View) {
    let Some(document) = &view.session.document else {
        return;
    };
    let chosen = &mut view.memory.of::<Chosen>().0;
    let rows = document.ranked(*chosen);
    ui.horizontal_wrapped(|ui| {
        ComboBox::from_id_salt("sorted by")
            .selected_text(chosen.name())
            .show_ui(ui, |ui| {
                for quantity in Quantity::all().filter(|q| q.adds()) {
                    ui.selectable_value(chosen, quantity, quantity.name())
                        .on_hover_text(quantity.about());
                }
            });
        if !rows.is_empty() {
            let (few, all) = (needed(rows, MOSTLY), rows.len());
            let told = format!(
                "{} of {} layers make 80 %",
                grouped(few as u64),
                grouped(all as u64)
            );
            ui.weak(match all > MOST {
                true => format!("{told}; the {MOST} largest are shown"),
                false => told,
            });
        }
    });
    let chosen = *chosen;
    if rows.is_empty() {
        let advice = match document.trace {
            Some(_) => "No layer of this network has any, as far as it is known.",
            None => "Give the network an input: it is measured as the layers run.",
        };
        return empty(ui, &format!("No {} to show", chosen.name()), advice);
    }
    let rows = &rows[..rows.len().min(MOST)];
    let (plain, marked) = (style::bar(ui.visuals()), style::marked(ui.visuals()));
    let curve = ui.visuals().hyperlink_color;
    let faint = ui.visuals().weak_text_color();
    let selection = view.session.state.selection;
    let bars = rows.iter().enumerate().map(|(i, row)| {
        let told = told(document, chosen, row);
        let color = if selection == Some(Node::Layer(row.layer)) {
            marked
        } else {
            plain
        };
        let bar = Bar::new(i as f64, 100.0 * row.share).width(0.8).fill(color);
        bar.stroke((0.0, color)).name(told)
    });
    let bars = BarChart::new("", bars.collect())
        .color(plain)
        .element_formatter(Box::new(|bar, _| bar.name.clone()));
    let together = rows.iter().enumerate();
    let together: PlotPoints = together.map(|(i, r)| [i as f64, 100.0 * r.together]).collect();
    let x = AxisHints::new_x()
        .label("layers, largest first")
        .formatter(|_, _| String::new());
    let y = AxisHints::new_y()
        .label("share, %")
        .label_spacing(Rangef::new(10.0, 22.0));
    let plot = Plot::new("pareto")
        .height(height(ui))
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .show_grid([false, true])
        .set_margin_fraction(vec2(0.02, 0.04))
        .include_x(-0.6)
        .include_x(rows.len() as f64 - 0.4)
        .include_y(0.0)
        .include_y(100.0)
        .custom_x_axes(vec![x])
        .custom_y_axes(vec![y]);
    let clicked = plot.show(ui, |plot| {
        plot.bar_chart(bars);
        let most = HLine::new("", 100.0 * MOSTLY).color(faint).width(1.0);
        plot.hline(most.style(LineStyle::dashed_loose()).allow_hover(false));
        plot.line(Line::new("", together).color(curve).width(1.8).allow_hover(false));
        let clicked = plot.response().clicked();
        plot.pointer_coordinate().filter(|_| clicked)
    });
    super::menu(&clicked.response, "pareto", view);
    // Low bars are hard to hit: the column counts.
    let row = clicked
        .inner
        .filter(|at| at.x > -0.5)
        .map(|at| at.x.round() as usize);
    if let Some(row) = row.and_then(|i| rows.get(i)) {
        let name = document.network.layer(row.layer).name.clone();
        view.out.push(Command::Select(Some(name)));
    }
}

/// The chart as a drawing; `None` without any layer in it.
pub(super) fn drawing(session: &Session, memory: &mut Memory, visuals: &Visuals) -> Option<Chart> {
    let document = session.document.as_ref()?;
    let chosen = memory.of::<Chosen>().0;
    let rows = document.ranked(chosen);
    let rows = &rows[..rows.len().min(MOST)];
    let last = rows.len().checked_sub(1)? as f64;
    let percent = |share: f64| (100.0 * share, format!("{:.0}", 100.0 * share));
    let mut marks: Vec<Mark> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| Mark::Bar {
            sides: [i as f64 - 0.4, i as f64 + 0.4],
            top: 100.0 * row.share,
            color: style::bar(visuals),
            told: told(document, chosen, row),
        })
        .collect();
    let ends = [-0.6, last + 0.6];
    marks.push(Mark::Line {
        points: ends.map(|x| [x, 100.0 * MOSTLY]).to_vec(),
        color: visuals.weak_text_color(),
        dashed: true,
    });
    let together = rows.iter().enumerate();
    marks.push(Mark::Line {
        points: together.map(|(i, r)| [i as f64, 100.0 * r.together]).collect(),
        color: visuals.hyperlink_color,
        dashed: false,
    });
    Some(Chart {
        title: format!("{}: layers by {}", super::name(document), chosen.name()),
        axes: [
            Axis {
                label: "layers, largest first".into(),
                ends,
                marks: Vec::new(),
            },
            Axis {
                label: "share, %".into(),
                ends: [0.0, 100.0],
                marks: [0.0, 0.2, 0.4, 0.6, 0.8, 1.0].map(percent).to_vec(),
            },
        ],
        marks,
        keys: Vec::new(),
        notes: Vec::new(),
        colors: super::paper(visuals),
    })
}

/// A layer in words.
fn told(document: &Document, quantity: Quantity, row: &Ranked) -> String {
    let name = &document.network.layer(row.layer).name;
    let (value, unit) = (quantity.write(row.value), quantity.unit());
    format!("{name}\n{value} {unit}\n{:.1} % of all", 100.0 * row.share)
}

#[cfg(test)]
mod tests {
    use model::LayerId;

    use super::*;

    #[test]
    fn the_first_few_make_most_of_it() {
        let row = |together| Ranked {
            layer: LayerId(0),
            value: 1.0,
            share: 0.0,
            together,
        };
        let rows = [0.6, 0.8, 0.9, 1.0].map(row);
        assert_eq!([0.5, 0.8, 0.81, 1.0].map(|s| needed(&rows, s)), [1, 2, 3, 4]);
        assert_eq!(needed(&[], 0.8), 0);
    }
}
