//! Beside the cloud: classes, groups, what is chosen, and what is near.

use egui::{RichText, Sense, TextEdit, Ui, vec2};
use session::Session;
use session::cloud::Cloud;

use super::{Ink, Memory};
use crate::style;
use crate::widgets::{grouped, section, value};

/// Lines of a list.
const LISTED: usize = 24;

/// Draws the column; gives a point that was clicked.
pub(super) fn show(
    ui: &mut Ui,
    memory: &mut Memory,
    cloud: &Cloud,
    session: &Session,
    point: Option<usize>,
) -> Option<usize> {
    let mut picked = None;
    inks(ui, memory, cloud, session);
    let field = TextEdit::singleline(&mut memory.query)
        .hint_text("Find a name or class")
        .desired_width(f32::INFINITY);
    if ui.add(field).changed() {
        let words = memory.query.to_lowercase();
        let matches = |i: &usize| {
            let name = cloud.subject.name(*i).to_lowercase();
            let class = cloud.subject.class(*i).unwrap_or_default().to_lowercase();
            name.contains(&words) || class.contains(&words)
        };
        memory.chosen = match words.is_empty() {
            true => Default::default(),
            false => (0..cloud.subject.len()).filter(matches).collect(),
        };
    }
    match memory.ink {
        Ink::Class => classes(ui, memory, cloud),
        Ink::Cluster => clusters(ui, memory, cloud),
        Ink::Right => {
            ui.weak("Bright orange: the network is wrong about it");
        }
    }
    if !memory.chosen.is_empty() {
        ui.horizontal(|ui| {
            ui.label(format!("{} chosen", grouped(memory.chosen.len() as u64)));
            if ui
                .small_button("All")
                .on_hover_text("Every point counts again")
                .clicked()
            {
                memory.chosen.clear();
                memory.query.clear();
            }
        });
    } else {
        ui.weak("Shift and drag chooses points in a box");
    }
    let point = point.filter(|p| *p < cloud.subject.len())?;
    let class = cloud
        .subject
        .class(point)
        .map_or(String::new(), |c| format!(", {c}"));
    section(ui, &format!("Near {}{class}", cloud.subject.name(point)));
    match memory.nearest(cloud, point) {
        Err(problem) => {
            ui.weak(problem.as_str());
        }
        Ok(found) => {
            for (other, distance) in found {
                let class = cloud.subject.class(*other).unwrap_or_default();
                let own = cloud.subject.class(point).unwrap_or_default();
                let text = format!("{}  {class}", cloud.subject.name(*other));
                let text = match class == own {
                    true => RichText::new(text),
                    false => RichText::new(text).color(ui.visuals().warn_fg_color),
                };
                let row = ui.horizontal(|ui| {
                    let label = ui.add(egui::Label::new(text).truncate().sense(Sense::click()));
                    ui.weak(value(f64::from(*distance)));
                    label
                });
                if row.inner.clicked() {
                    picked = Some(*other);
                }
            }
        }
    }
    picked
}

fn inks(ui: &mut Ui, memory: &mut Memory, cloud: &Cloud, session: &Session) {
    ui.horizontal_wrapped(|ui| {
        ui.weak("Colour");
        ui.selectable_value(&mut memory.ink, Ink::Class, "class");
        if !cloud.clusters.is_empty() {
            ui.selectable_value(&mut memory.ink, Ink::Cluster, "groups")
                .on_hover_text("Dense groups of places (HDBSCAN, Campello et al. 2013)");
        }
        let known = session
            .document
            .as_ref()
            .is_some_and(|d| d.predictions.first().is_some_and(|p| !p.guesses.is_empty()));
        if known && cloud.subject.examples.is_some() {
            ui.selectable_value(&mut memory.ink, Ink::Right, "mistakes")
                .on_hover_text("What the network is wrong about");
        }
    });
}

/// A line with a colour; true when it was clicked.
fn line(ui: &mut Ui, color: egui::Color32, text: &str, count: usize) -> bool {
    let row = ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
        ui.painter().circle_filled(rect.center(), 4.5, color);
        let label = ui.add(egui::Label::new(text).truncate().sense(Sense::click()));
        ui.weak(grouped(count as u64));
        label
    });
    row.inner.on_hover_text("Chooses these points").clicked()
}

fn classes(ui: &mut Ui, memory: &mut Memory, cloud: &Cloud) {
    let light = !ui.visuals().dark_mode;
    let mut counts = vec![0; cloud.subject.classes.len()];
    for label in &cloud.subject.labels {
        if let Some(count) = counts.get_mut(*label as usize) {
            *count += 1;
        }
    }
    for (i, name) in cloud.subject.classes.iter().enumerate().take(LISTED) {
        if line(ui, style::run(i, light), name, counts[i]) {
            let of = cloud
                .subject
                .labels
                .iter()
                .enumerate()
                .filter(|(_, l)| **l as usize == i);
            memory.chosen = of.map(|(k, _)| k).collect();
        }
    }
}

fn clusters(ui: &mut Ui, memory: &mut Memory, cloud: &Cloud) {
    let light = !ui.visuals().dark_mode;
    for (i, name) in cloud.cluster_names.iter().enumerate().take(LISTED) {
        let members = || {
            cloud
                .clusters
                .iter()
                .enumerate()
                .filter(|(_, c)| **c == Some(i as u32))
        };
        if line(ui, style::run(i, light), name, members().count()) {
            memory.chosen = members().map(|(k, _)| k).collect();
        }
    }
    let between = cloud.clusters.iter().filter(|c| c.is_none()).count();
    ui.weak(format!("{} points lie in no group", grouped(between as u64)));
}
