//! Beside the cloud: what colours and sizes stand for, groups, what is chosen, and what is near.

use egui::{ComboBox, DragValue, RichText, Sense, TextEdit, Ui, vec2};
use session::cloud::{Cloud, Projection, Wanted};
use session::{Command, Session};

use super::paint::{Ink, offered, viridis};
use super::{Memory, Tool, bar, sums};
use crate::style;
use crate::widgets::{grouped, section, value};

/// Lines of a list.
const LISTED: usize = 24;
/// Most groups of k-means that are offered.
const GROUPS: usize = 200;

/// Draws the column; gives a point that was clicked.
pub(super) fn show(
    ui: &mut Ui,
    memory: &mut Memory,
    (cloud, session): (&Cloud, &Session),
    point: Option<usize>,
    next: &mut Wanted,
    out: &mut Vec<Command>,
) -> Option<usize> {
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
        let count = cloud.subject.len();
        match words.is_empty() {
            true => memory.chosen.clear(),
            false => memory.chosen.set(count, (0..count).filter(matches)),
        }
    }
    match memory.ink {
        Ink::Class => classes(ui, memory, cloud),
        Ink::Cluster => {
            groups(ui, memory, cloud.version, &cloud.clusters, &cloud.cluster_names);
            let between = cloud.clusters.iter().filter(|c| c.is_none()).count();
            ui.weak(format!("{} points lie in no group", grouped(between as u64)));
        }
        Ink::Means => {
            let most = cloud.subject.len().clamp(1, GROUPS);
            ui.horizontal(|ui| {
                let drag = DragValue::new(&mut memory.groups)
                    .range(1..=most)
                    .suffix(" groups");
                ui.add(drag.update_while_editing(false));
                let rests = cloud.stage.is_none() && !cloud.subject.is_empty();
                let button = ui.add_enabled(rests, egui::Button::new("Find them"));
                if button.on_hover_text(Ink::Means.about()).clicked() {
                    out.push(Command::Group(memory.groups));
                }
            });
            if let Some(kmeans) = &cloud.kmeans {
                groups(ui, memory, kmeans.version, &kmeans.of, &kmeans.names);
            }
        }
        Ink::Right => {
            ui.weak("Bright orange: the network is wrong about it");
        }
        _ => scale(ui, memory),
    }
    ui.horizontal(|ui| {
        if memory.chosen.is_empty() {
            ui.weak("Shift and drag:");
        } else {
            ui.label(format!("{} chosen", grouped(memory.chosen.count as u64)));
        }
        let about = "Hold Shift and drag over the points to choose those in a box";
        ui.selectable_value(&mut memory.tool, Tool::Box, "box")
            .on_hover_text(about);
        let about = "Hold Shift and drag around the points to choose those in the loop";
        ui.selectable_value(&mut memory.tool, Tool::Lasso, "loop")
            .on_hover_text(about);
        if !memory.chosen.is_empty() {
            if ui
                .small_button("All")
                .on_hover_text("Every point counts again")
                .clicked()
            {
                memory.chosen.clear();
                memory.query.clear();
            }
            let about =
                "Places the points along the way from the mean of the chosen ones to the mean of the rest";
            let apart = memory.chosen.count < cloud.subject.len();
            let button = ui.add_enabled(apart, egui::Button::new("Direction").small());
            if button.on_hover_text(about).clicked() {
                next.projection = Projection::Direction;
                next.group = memory.chosen.all().map(|i| i as u32).collect();
            }
        }
    });
    let point = point.filter(|p| *p < cloud.subject.len())?;
    let class = cloud
        .subject
        .class(point)
        .map_or(String::new(), |c| format!(", {c}"));
    section(ui, &format!("Near {}{class}", cloud.subject.name(point)));
    let found = memory.nearest(cloud, point).clone();
    let picked = list(ui, cloud, Some(point), &found);
    sums::show(ui, &mut memory.sums, cloud, point).or(picked)
}

/// Points with their distances; gives the one that was clicked. Those of another class than `own` stand out.
pub(super) fn list(
    ui: &mut Ui,
    cloud: &Cloud,
    own: Option<usize>,
    found: &Result<Vec<(usize, f32)>, String>,
) -> Option<usize> {
    let found = match found {
        Err(problem) => {
            ui.weak(problem.as_str());
            return None;
        }
        Ok(found) => found,
    };
    let mut picked = None;
    for (other, distance) in found {
        let class = cloud.subject.class(*other).unwrap_or_default();
        let same = own.is_none_or(|own| cloud.subject.class(own).unwrap_or_default() == class);
        let text = format!("{}  {class}", cloud.subject.name(*other));
        let text = match same {
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
    picked
}

fn inks(ui: &mut Ui, memory: &mut Memory, cloud: &Cloud, session: &Session) {
    let all = offered(cloud, session);
    // A first sight of a table without classes.
    if memory.ink == Ink::Class && !all.contains(&Ink::Class) && cloud.kmeans.is_some() {
        memory.ink = Ink::Means;
    }
    let last = cloud.subject.width.saturating_sub(1);
    for (name, ink, numbers) in [
        ("Colour", &mut memory.ink, false),
        ("Size", &mut memory.size, true),
    ] {
        ui.horizontal_wrapped(|ui| {
            ui.weak(name);
            let now = match *ink {
                Ink::Dimension(_) => "a dimension".to_string(),
                other => other.name(&cloud.subject),
            };
            ComboBox::from_id_salt(name)
                .selected_text(now)
                .width(110.0)
                .show_ui(ui, |ui| {
                    for offer in &all {
                        let number = matches!(offer, Ink::Confidence | Ink::Loss | Ink::Entropy | Ink::Plain);
                        if number || !numbers {
                            let choice = ui.selectable_value(ink, *offer, offer.name(&cloud.subject));
                            choice.on_hover_text(offer.about());
                        }
                    }
                    let chosen = matches!(*ink, Ink::Dimension(_));
                    if cloud.subject.width > 0
                        && ui.selectable_label(chosen, "a dimension").clicked()
                        && !chosen
                    {
                        *ink = Ink::Dimension(0);
                    }
                });
            if let Ink::Dimension(axis) = ink {
                *axis = (*axis).min(last);
                bar::dimension(ui, cloud, axis, last);
            }
        });
    }
    if memory.pictures && cloud.subject.pictures().is_some() {
        ui.checkbox(&mut memory.tinted, "Pictures in these colours");
    }
}

/// What colours of numbers stand for.
fn scale(ui: &mut Ui, memory: &Memory) {
    let Some([low, high]) = memory.paint.range else {
        return;
    };
    ui.horizontal(|ui| {
        ui.weak(value(f64::from(low)));
        let (rect, _) = ui.allocate_exact_size(vec2(100.0, 10.0), Sense::hover());
        let width = rect.width() / 50.0;
        for i in 0..50 {
            let at = rect.left_top() + vec2(i as f32 * width, 0.0);
            let part = egui::Rect::from_min_size(at, vec2(width + 0.5, rect.height()));
            let dark = ui.visuals().dark_mode;
            ui.painter()
                .rect_filled(part, 0.0, viridis(i as f32 / 49.0, dark));
        }
        ui.weak(value(f64::from(high)));
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

/// How many points each class or group has, counted once.
#[derive(Default)]
pub(super) struct Counts {
    /// Of what: an address, and a version.
    of: (usize, u64),
    counts: Vec<usize>,
}

impl Counts {
    fn update(&mut self, of: (usize, u64), names: usize, all: impl Iterator<Item = u32>) {
        if self.of == of && self.counts.len() == names {
            return;
        }
        self.of = of;
        self.counts = vec![0; names];
        for index in all {
            if let Some(count) = self.counts.get_mut(index as usize) {
                *count += 1;
            }
        }
    }
}

fn classes(ui: &mut Ui, memory: &mut Memory, cloud: &Cloud) {
    let light = !ui.visuals().dark_mode;
    let (labels, names) = (&cloud.subject.labels, &cloud.subject.classes);
    let of = (labels.as_ptr() as usize, 0);
    memory.counts.update(of, names.len(), labels.iter().copied());
    for (i, name) in names.iter().enumerate().take(LISTED) {
        if line(ui, style::run(i, light), name, memory.counts.counts[i]) {
            let of = labels.iter().enumerate().filter(|(_, l)| **l as usize == i);
            memory.chosen.set(cloud.subject.len(), of.map(|(k, _)| k));
        }
    }
}

fn groups(ui: &mut Ui, memory: &mut Memory, version: u64, of: &[Option<u32>], names: &[String]) {
    let light = !ui.visuals().dark_mode;
    let key = (of.as_ptr() as usize, version);
    memory
        .counts
        .update(key, names.len(), of.iter().flatten().copied());
    for (i, name) in names.iter().enumerate().take(LISTED) {
        if line(ui, style::run(i, light), name, memory.counts.counts[i]) {
            let members = of.iter().enumerate().filter(|(_, c)| **c == Some(i as u32));
            memory.chosen.set(of.len(), members.map(|(k, _)| k));
        }
    }
}
