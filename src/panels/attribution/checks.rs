//! What a map is worth: deletion and insertion, and the sanity check.

use egui::{Label, ProgressBar, RichText, Ui, vec2};
use egui_plot::{AxisHints, Line as Curve, Plot, PlotPoints};
use session::asking::{Line, Question, Verdict};
use session::{Command, Session};

use crate::style;
use crate::widgets::{bar, section};

/// Height of the chart, points.
const HEIGHT: f32 = 132.0;

/// Draws both, or buttons that ask for them.
pub fn show(ui: &mut Ui, session: &Session, out: &mut Vec<Command>) {
    let ready = session.asked.course(Line::Map).is_some_and(|c| c.done());
    section(ui, "Does it matter to the network?");
    if head(
        ui,
        session,
        Line::Curves,
        "Delete and insert",
        "Takes cells away, and shows them, in the order of the map: a good map makes the answer fall fast \
         and rise fast",
        ready,
        out,
    ) {
        out.push(Command::Ask(Question::Curves));
    }
    curves(ui, session);
    section(ui, "Does it depend on what was learned?");
    if head(
        ui,
        session,
        Line::Sanity,
        "Sanity check",
        "Gives layer after layer random weights, from the output down, and makes the map again: one that \
         stays the same says nothing of the network",
        ready,
        out,
    ) {
        out.push(Command::Ask(Question::Sanity));
    }
    sanity(ui, session);
}

/// A button, or how far it has come; true where it is clicked.
fn head(
    ui: &mut Ui,
    session: &Session,
    line: Line,
    words: &str,
    about: &str,
    ready: bool,
    out: &mut Vec<Command>,
) -> bool {
    let course = session.asked.course(line);
    if let Some(course) = course.filter(|c| c.running) {
        ui.horizontal(|ui| {
            let percent = format!("{:.0} %", 100.0 * course.progress);
            ui.add(
                ProgressBar::new(course.progress)
                    .desired_width(110.0)
                    .text(percent),
            );
            if ui.button("Stop").clicked() {
                out.push(Command::Ask(Question::Stop(line)));
            }
        });
        return false;
    }
    if let Some(problem) = course.and_then(|c| c.problem.as_ref()) {
        super::problem(ui, problem);
    }
    if course.is_some_and(|c| c.done()) {
        return false;
    }
    ui.add_enabled(ready, egui::Button::new(words))
        .on_hover_text(about)
        .on_disabled_hover_text("the map is not finished yet")
        .clicked()
}

fn curves(ui: &mut Ui, session: &Session) {
    let Some(crossed) = &session.asked.curves else {
        return;
    };
    let light = session.state.light;
    let lines = [
        ("deletion", &crossed.deletion, style::run(1, light), "low is good"),
        (
            "insertion",
            &crossed.insertion,
            style::run(0, light),
            "high is good",
        ),
    ];
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = 14.0;
        ui.spacing_mut().item_spacing.y = 2.0;
        for (name, curve, color, good) in &lines {
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(vec2(14.0, 12.0), egui::Sense::hover());
                let stroke = egui::Stroke::new(2.0, *color);
                ui.painter().hline(rect.x_range(), rect.center().y, stroke);
                let area = curve.area();
                let text = match area.is_finite() {
                    true => format!("{name}, area {area:.2}"),
                    false => name.to_string(),
                };
                ui.label(text);
                ui.label(RichText::new(*good).small().weak());
            });
        }
    });
    let x = AxisHints::new_x().label("cells, %");
    let y = AxisHints::new_y().label("probability");
    Plot::new("deletion and insertion")
        .height(HEIGHT)
        .width(ui.available_width().min(380.0))
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .set_margin_fraction(vec2(0.06, 0.05))
        .include_x(0.0)
        .include_x(100.0)
        .include_y(0.0)
        .include_y(1.0)
        .custom_x_axes(vec![x])
        .custom_y_axes(vec![y])
        .show(ui, |plot| {
            for (name, curve, color, _) in lines {
                let points: PlotPoints = curve
                    .points
                    .iter()
                    .map(|p| [100.0 * f64::from(p[0]), f64::from(p[1])])
                    .collect();
                plot.line(Curve::new(name, points).color(color).width(1.8));
            }
        });
}

fn sanity(ui: &mut Ui, session: &Session) {
    let Some(checked) = &session.asked.sanity else {
        return;
    };
    let words = match checked.verdict {
        None => "Layer by layer, from the output down, weights become random.",
        Some(Verdict::Depends) => {
            "Yes: with random weights in the upper layers it is another map. It shows what was learned."
        }
        Some(Verdict::Partly) => {
            "In part: with random weights in the upper layers some of the map stays. Read it with care."
        }
        Some(Verdict::Hardly) => {
            "Hardly: with random weights in the upper layers it stays much the same. It shows the input \
             more than what was learned."
        }
    };
    ui.add(Label::new(words).wrap());
    if checked.stages.is_empty() {
        return;
    }
    let told = "Likeness of both maps, with random weights from the output down to the layer: structure \
                (SSIM) and ranks of magnitudes";
    ui.add(Label::new(RichText::new(told).small().weak()).wrap());
    ui.spacing_mut().item_spacing.y = 2.0;
    // The share is the higher one, which the verdict goes by.
    for stage in &checked.stages {
        // Pictures below 7 x 7 have no structure to compare, and a map of one value has no ranks.
        let said = |v: f64| match v.is_finite() {
            true => format!("{v:.2}"),
            false => "–".into(),
        };
        let text = format!("{}   {}", said(stage.similarity), said(stage.magnitudes));
        let share = stage.similarity.max(stage.magnitudes);
        bar(ui, &stage.name, &text, share.max(0.0) as f32, false).on_hover_text(format!(
            "SSIM {:.3}, rank correlation of magnitudes {:.3}, with signs {:.3}",
            stage.similarity, stage.magnitudes, stage.signed
        ));
    }
}
