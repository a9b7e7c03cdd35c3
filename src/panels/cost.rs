//! Where the work is done: layers by what they cost, and how near each comes to what is possible.

mod pareto;
mod roofline;

use egui::{Color32, Response, ScrollArea, Ui, Visuals};
use session::{Document, Session};

use crate::drawing;
use crate::panel::{Ask, Memory, Panel, Side, View};
use crate::widgets::empty;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "cost",
    title: "Cost",
    about: "Layers by what they cost, and how near each comes to what the processor can do",
    side: Side::Charts,
    open: false,
    show,
};

/// Width from which on both charts stand beside each other, points.
const BOTH: f32 = 520.0;

fn show(ui: &mut Ui, view: &mut View) {
    if view.session.document.is_none() {
        return empty(ui, "Nothing is open", "Open a model to see what its layers cost.");
    }
    if ui.available_width() >= BOTH {
        return ui.columns(2, |columns| {
            pareto::show(&mut columns[0], view);
            roofline::show(&mut columns[1], view);
        });
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        pareto::show(ui, view);
        ui.separator();
        roofline::show(ui, view);
    });
}

/// Height of a chart that fills what is left, points.
fn height(ui: &Ui) -> f32 {
    let left = ui.available_height();
    if left.is_finite() {
        left.clamp(120.0, 420.0)
    } else {
        200.0
    }
}

/// Makes a drawing of what is open; `None` where there is nothing to draw.
type Draw = fn(&Session, &mut Memory, &Visuals) -> Option<drawing::Chart>;

/// The charts that can be saved, by name.
const CHARTS: [(&str, Draw); 2] = [("pareto", pareto::drawing), ("roofline", roofline::drawing)];

/// A chart as SVG, by its name.
pub(crate) fn svg(name: &str, session: &Session, memory: &mut Memory, visuals: &Visuals) -> Option<String> {
    let (_, draw) = CHARTS.iter().find(|c| c.0 == name)?;
    Some(draw(session, memory, visuals)?.svg())
}

/// What a right click on a chart offers.
fn menu(response: &Response, name: &'static str, view: &mut View) {
    response.context_menu(|ui| {
        if ui.button("Save as SVG…").clicked() {
            view.asks.push(Ask::Chart(name));
            ui.close();
        }
    });
}

/// Paper, lines and text of a drawing.
fn paper(visuals: &Visuals) -> [Color32; 3] {
    let line = visuals.widgets.noninteractive.bg_stroke.color;
    [visuals.panel_fill, line, visuals.text_color()]
}

/// The file without its folders.
fn name(document: &Document) -> &str {
    document.file.rsplit(['/', '\\']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use session::{Command, Source};

    use super::*;

    #[test]
    fn charts_hold_what_the_panel_shows() {
        let mut session = Session::new();
        let (mut memory, visuals) = (Memory::default(), Visuals::dark());
        let mut draw = |session: &Session, name| svg(name, session, &mut memory, &visuals);
        for (name, _) in CHARTS {
            assert_eq!(draw(&session, name), None, "nothing is open");
        }
        session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
        session.wait();
        let document = session.document.as_ref().unwrap();
        let pareto = draw(&session, "pareto").unwrap();
        // Paper, and a bar for each layer that computes.
        let bars = document.ranked(session::Quantity::Flops);
        assert_eq!(pareto.matches("<rect").count(), 1 + bars.len());
        assert!(pareto.contains(&document.network.layer(bars[0].layer).name));
        let roofline = draw(&session, "roofline").unwrap();
        let timed = document.trace.as_ref().unwrap().times.len();
        let dots = roofline.matches("<circle").count();
        assert!(
            dots > timed / 2 && roofline.contains("convolution"),
            "{dots} of {timed}"
        );
        assert_eq!(draw(&session, "no such chart"), None);
    }
}
