//! Networks beside each other: what each costs and knows, and what differs.

use egui::{Align2, Grid, Rangef, RichText, ScrollArea, Ui, vec2};
use egui_plot::{AxisHints, GridMark, Line, Plot, PlotPoints, Points, Text};
use model::LayerId;
use session::{Command, Document, Goal, Mark, Session, Side};

use crate::panel::{Ask, Panel, Side as Place, View};
use crate::style;
use crate::widgets::{bytes, empty, line, section, short};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "compare",
    title: "Compare",
    about: "Networks beside each other: cost, accuracy and differences",
    side: Place::RightBelow,
    open: false,
    show,
};

fn show(ui: &mut Ui, view: &mut View) {
    let Some(document) = &view.session.document else {
        return empty(
            ui,
            "Nothing to compare",
            "Open a model first, then another one beside it.",
        );
    };
    if ui
        .button("Compare with…")
        .on_hover_text("Opens another model beside what is open")
        .clicked()
    {
        view.asks.push(Ask::OpenBeside);
    }
    if document.sides.is_empty() {
        let advice = "Layers that correspond stand below each other, and what was added, removed or changed is marked.";
        return empty(ui, "One network is open", advice);
    }
    ScrollArea::both().show(ui, |ui| {
        table(ui, view.session, document, view.out);
        if accuracy(document, 0).is_some() {
            section(ui, "Accuracy and cost");
            front(ui, document);
        }
        for (number, side) in document.sides.iter().enumerate().skip(1) {
            section(
                ui,
                &format!("{} and the first", document.source.members[number].name),
            );
            differences(ui, document, number, side, view.out);
        }
    });
}

/// Share of the data set that network `number` has right, once all of it was asked.
fn accuracy(document: &Document, number: usize) -> Option<f64> {
    let samples = document.samples.as_ref()?;
    let known = document.predictions.get(number)?;
    let whole = known.guesses.len() == samples.len() && !samples.is_empty();
    whole.then(|| known.right(samples) as f64 / samples.len() as f64)
}

/// Share of the data set about which network `number` says what the first one says.
fn agreement(document: &Document, number: usize) -> Option<f64> {
    let [first, own] = [0, number].map(|n| document.predictions.get(n));
    let (first, own) = (&first?.guesses, &own?.guesses);
    let whole = document.samples.as_ref()?.len();
    let both = first.len() == whole && own.len() == whole && whole > 0;
    both.then(|| first.iter().zip(own).filter(|(a, b)| a.class == b.class).count() as f64 / whole as f64)
}

/// One row a quantity, one column a network.
fn table(ui: &mut Ui, session: &Session, document: &Document, out: &mut Vec<Command>) {
    let sides = &document.sides;
    let number = |n: Option<u64>, write: fn(u64) -> String| n.map_or("?".to_string(), write);
    let percent = |share: Option<f64>| share.map_or(String::new(), |s| format!("{:.1} %", 100.0 * s));
    let answers = session.answers();
    let answer = |i: usize| {
        let best = answers
            .get(i)
            .and_then(|a| a.as_ref()?.ranked(1).into_iter().next());
        best.map_or(String::new(), |b| b.name)
    };
    type Row<'a> = (&'a str, &'a str, Box<dyn Fn(usize, &Side) -> String + 'a>);
    let rows: Vec<Row> = vec![
        (
            "Layers",
            "Of the main graph",
            Box::new(|_, s| short(s.network.main().layers.len() as u64)),
        ),
        (
            "Parameters",
            "Trained values",
            Box::new(|_, s| short(s.cost.total.parameters)),
        ),
        (
            "MACs",
            "Multiply-accumulates of one pass",
            Box::new(|_, s| number(s.cost.total.macs, short)),
        ),
        (
            "FLOPs",
            "Floating-point operations of one pass",
            Box::new(|_, s| number(s.cost.total.flops, short)),
        ),
        (
            "Peak memory",
            "The most that activations take at once, as each is freed after its last use",
            Box::new(|_, s| number(s.cost.peak_activation_bytes, bytes)),
        ),
        (
            "Accuracy",
            "Of the data set's samples",
            Box::new(|i, _| percent(accuracy(document, i))),
        ),
        (
            "Agreement",
            "Samples with the answer of the first network",
            Box::new(|i, _| percent(agreement(document, i))),
        ),
        ("Answer", "About the input on show", Box::new(|i, _| answer(i))),
    ];
    Grid::new("compared")
        .striped(true)
        .spacing([14.0, 3.0])
        .show(ui, |ui| {
            ui.label("");
            for (i, member) in document.source.members.iter().enumerate() {
                ui.horizontal(|ui| {
                    ui.strong(&member.name);
                    let away = ui.small_button("×").on_hover_text("Take this network away");
                    if away.clicked() {
                        out.push(Command::Part(i));
                    }
                });
            }
            ui.end_row();
            for (name, about, write) in rows {
                let texts: Vec<String> = sides.iter().enumerate().map(|(i, s)| write(i, s)).collect();
                if texts.iter().all(String::is_empty) {
                    continue;
                }
                ui.label(RichText::new(name).weak()).on_hover_text(about);
                for text in &texts {
                    match *text == texts[0] {
                        true => ui.label(text),
                        false => ui.strong(text),
                    };
                }
                ui.end_row();
            }
        });
}

/// Each network by its cost and its accuracy, and the front: those that no other one beats in both.
fn front(ui: &mut Ui, document: &Document) {
    let all: Vec<(String, [f64; 2])> = document
        .sides
        .iter()
        .enumerate()
        .filter_map(|(i, side)| {
            let cost = side.cost.total.macs.filter(|m| *m > 0)? as f64;
            let name = document.source.members[i].name.clone();
            Some((name, [cost.log10(), 100.0 * accuracy(document, i)?]))
        })
        .collect();
    let best = pareto(&all.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    let color = style::bar(ui.visuals());
    let text = ui.visuals().text_color();
    // Every mark has its number: there are few.
    let x = AxisHints::new_x()
        .label("MACs")
        .label_spacing(Rangef::new(10.0, 20.0))
        .formatter(|mark, _| short(10f64.powf(mark.value).round() as u64));
    let y = AxisHints::new_y()
        .label("accuracy, %")
        .label_spacing(Rangef::new(10.0, 22.0));
    Plot::new("front")
        .height(170.0)
        .allow_scroll(false)
        .set_margin_fraction(vec2(0.18, 0.34))
        .custom_x_axes(vec![x])
        .custom_y_axes(vec![y])
        .x_grid_spacer(|input| marks(input.bounds))
        .show(ui, |plot| {
            let line: PlotPoints = best.iter().map(|&i| all[i].1).collect();
            plot.line(Line::new("", line).color(color));
            for (name, at) in &all {
                plot.points(Points::new(name.clone(), vec![*at]).radius(5.0).color(color));
                let written = RichText::new(format!("{name}\n")).color(text);
                let above = Text::new("", (*at).into(), written);
                plot.text(above.anchor(Align2::CENTER_BOTTOM));
            }
        });
}

/// Two to five round numbers between two powers of ten, by their powers: where several decades are
/// seen these, else steps between.
fn marks((low, high): (f64, f64)) -> Vec<GridMark> {
    let mark = |value: f64| GridMark {
        value,
        step_size: (high - low) / 4.0,
    };
    let decades = (low.ceil() as i64..=high.floor() as i64).count();
    if decades >= 2 {
        let step = decades.div_ceil(5);
        let all = (low.ceil() as i64..=high.floor() as i64).step_by(step);
        return all.map(|power| mark(power as f64)).collect();
    }
    let (begin, end) = (10f64.powf(low), 10f64.powf(high));
    let rough = (end - begin) / 5.0;
    let unit = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|k| k * unit)
        .into_iter()
        .find(|s| *s >= rough);
    let step = step.unwrap_or(10.0 * unit);
    let first = (begin / step - 1e-6).ceil() as i64;
    let last = (end / step + 1e-6).floor() as i64;
    // Beyond that a chart holds nothing that could be told apart.
    (first..=last.min(first + 5))
        .map(|k| mark((k as f64 * step).log10()))
        .collect()
}

/// Points with which no other one competes, by rising cost: `[cost, gain]` each, less cost and more
/// gain are better.
fn pareto(points: &[[f64; 2]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| {
        let gain = points[b][1].total_cmp(&points[a][1]);
        points[a][0].total_cmp(&points[b][0]).then(gain)
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|&i| {
        let better = points[i][1] > best;
        best = best.max(points[i][1]);
        better
    });
    order
}

/// Rows of differing layers; more are counted only.
const MOST: usize = 500;

fn differences(ui: &mut Ui, document: &Document, number: usize, side: &Side, out: &mut Vec<Command>) {
    let count = |status: &str| side.pairs.iter().filter(|p| p.status() == status).count();
    let counts = ["same", "changed", "added", "removed"].map(|s| format!("{} {s}", count(s)));
    ui.weak(counts.join(", "));
    let members = &document.source.members;
    let differing = side.pairs.iter().filter(|p| p.status() != "same");
    for pair in differing.take(MOST) {
        let layer: Option<LayerId> = match (pair.a, pair.b) {
            (_, Some(b)) => Some(members[number].layer(b)),
            (Some(a), None) => Some(members[0].layer(a)),
            (None, None) => None,
        };
        let Some(layer) = layer.map(|l| document.source.layer(l)) else {
            continue;
        };
        let (sign, mark) = match pair.status() {
            "added" => ("+", Mark::Added),
            "removed" => ("−", Mark::Removed),
            _ => ("≠", Mark::Changed(None)),
        };
        let words: Vec<String> = pair.differences.iter().map(ToString::to_string).collect();
        ui.horizontal(|ui| {
            ui.label(
                RichText::new(sign)
                    .strong()
                    .color(style::mark(ui.visuals(), mark)),
            );
            let own = layer.name.split_once('/').map_or(&*layer.name, |(_, own)| own);
            let text = format!("{own}  {}", words.first().map_or(&*layer.kind, |w| w));
            let row = line(ui, text).interact(egui::Sense::click());
            let row = row.on_hover_text(if words.is_empty() {
                layer.kind.clone()
            } else {
                words.join("\n")
            });
            if row.clicked() {
                out.push(Command::Select(Some(layer.name.clone())));
                out.push(Command::Look(Goal::Selection));
            }
        });
    }
    let all = side.pairs.len() - count("same");
    if all > MOST {
        ui.weak(format!("and {} more", all - MOST));
    }
}

#[cfg(test)]
mod tests {
    use super::{marks, pareto};

    #[test]
    fn an_axis_of_powers_has_a_few_round_numbers() {
        let of = |a: f64, b: f64| {
            let found = marks((a.log10(), b.log10()));
            found
                .iter()
                .map(|m| 10f64.powf(m.value).round())
                .collect::<Vec<_>>()
        };
        assert_eq!(of(5e5, 2e8), [1e6, 1e7, 1e8]);
        assert_eq!(of(1.1e6, 4.9e6), [2e6, 3e6, 4e6]);
        assert_eq!(of(3.30e6, 3.36e6), [3.3e6, 3.32e6, 3.34e6, 3.36e6]);
        for (a, b) in [(1.0, 1e15), (999.0, 1001.0), (2e9, 9e9), (7e4, 2e5)] {
            let found = of(a, b);
            assert!((2..=6).contains(&found.len()), "{a} to {b}: {found:?}");
        }
    }

    #[test]
    fn only_what_no_other_beats_is_on_the_front() {
        // The second costs more and knows less, the last as much as the third for more.
        let points = [[1.0, 50.0], [2.0, 40.0], [3.0, 70.0], [4.0, 70.0], [0.5, 10.0]];
        assert_eq!(pareto(&points), [4, 0, 2]);
        assert_eq!(pareto(&[]), Vec::<usize>::new());
        assert_eq!(pareto(&[[1.0, 5.0], [1.0, 9.0]]), [1]);
    }
}
