//! Layers by a quantity, largest first, with the share that they make together.

use egui::{ComboBox, Rangef, Ui, vec2};
use egui_plot::{AxisHints, Bar, BarChart, HLine, Line, LineStyle, Plot, PlotPoints};
use layout::Node;
use session::{Command, Quantity, Ranked};

use super::height;
use crate::panel::View;
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
            let (few, all) = (needed(&rows, MOSTLY), rows.len());
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
        let name = &document.network.layer(row.layer).name;
        let share = format!("{:.1} %", 100.0 * row.share);
        let told = format!(
            "{name}\n{} {}\n{share} of all",
            chosen.write(row.value),
            chosen.unit()
        );
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
