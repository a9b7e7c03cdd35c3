//! What is mapped, and how.

use egui::{ComboBox, DragValue, RichText, Ui};
use session::cloud::{Cloud, Origin, Projection, Wanted};

use super::{Memory, told};
use crate::panel::Ask;
use crate::widgets::grouped;

/// Dimensions up to which a menu names them all.
const LISTED: usize = 64;

/// Chooses a dimension.
pub(super) fn dimension(ui: &mut Ui, cloud: &Cloud, axis: &mut usize, last: usize) {
    if last < LISTED {
        let id = ui.next_auto_id();
        ComboBox::from_id_salt(id)
            .selected_text(cloud.subject.dimension(*axis))
            .width(96.0)
            .truncate()
            .show_ui(ui, |ui| {
                for i in 0..=last {
                    ui.selectable_value(axis, i, cloud.subject.dimension(i));
                }
            });
        return;
    }
    let drag = DragValue::new(axis).range(0..=last).prefix("dimension ");
    let drag = ui.add(drag.update_while_editing(false));
    drag.on_hover_text(format!("0 to {last}"));
}

/// Draws the bar; changes to `next` what is asked for.
pub(super) fn show(
    ui: &mut Ui,
    memory: &mut Memory,
    cloud: &Cloud,
    origins: &[(String, Origin)],
    next: &mut Wanted,
    asks: &mut Vec<Ask>,
) {
    ui.horizontal_wrapped(|ui| {
        ComboBox::from_id_salt("origin")
            .selected_text(told(&cloud.wanted.origin))
            .width(220.0)
            .truncate()
            .show_ui(ui, |ui| {
                for (name, origin) in origins {
                    ui.selectable_value(&mut next.origin, origin.clone(), name);
                }
                if ui.selectable_label(false, "Open a table…").clicked() {
                    asks.push(Ask::OpenTable);
                }
            });
        for projection in Projection::ALL {
            let led = projection == Projection::Direction;
            if led && next.projection != projection && memory.chosen.is_empty() {
                continue;
            }
            let about = match projection {
                Projection::Axes => "Dimensions of the points as they are",
                Projection::Direction => "From the mean of the chosen points to the mean of the rest, then what differs most apart from that",
                Projection::Pca => "The directions in which points differ most",
                Projection::Tsne => "Neighbours stay neighbours; distances between groups say little (van der Maaten and Hinton 2008)",
                Projection::Umap => "Neighbours stay neighbours, groups stand apart (McInnes, Healy and Melville 2018)",
            };
            let chosen = ui.selectable_value(&mut next.projection, projection, projection.name());
            if chosen.on_hover_text(about).clicked() && led && !memory.chosen.is_empty() {
                next.group = memory.chosen.all().map(|i| i as u32).collect();
            }
        }
        ui.separator();
        for dimensions in [2, 3] {
            ui.selectable_value(&mut next.dimensions, dimensions, format!("{dimensions}D"));
        }
        if next.projection == Projection::Axes {
            let last = cloud.subject.width.saturating_sub(1);
            let dimensions = next.dimensions;
            for axis in &mut next.axes[..dimensions] {
                dimension(ui, cloud, axis, last);
            }
        }
        if matches!(next.projection, Projection::Tsne | Projection::Umap) {
            let name = if next.projection == Projection::Tsne { "perplexity " } else { "neighbours " };
            let most = cloud.subject.len().saturating_sub(1).clamp(2, 200);
            ui.add(DragValue::new(&mut next.neighbours).range(2..=most).prefix(name).update_while_editing(false));
            ui.toggle_value(&mut next.cosine, "cosine").on_hover_text("Near means of one direction, whatever the length");
        }
        if matches!(next.origin, Origin::Layer(_)) {
            ui.toggle_value(&mut memory.follow, "follow").on_hover_text("A layer that is chosen in the scene is mapped at once");
        }
        if cloud.subject.pictures().is_some() {
            ui.toggle_value(&mut memory.pictures, "pictures").on_hover_text("Points as the pictures that they are");
        }
        match &cloud.stage {
            Some(stage) => {
                ui.spinner();
                ui.weak(format!("{} {:.0} %", stage.words, 100.0 * stage.share));
            }
            None => {
                let counts = format!("{} points of {}", grouped(cloud.subject.len() as u64), cloud.subject.width);
                ui.label(RichText::new(counts).weak()).on_hover_text("Points, and the dimensions that they have");
            }
        }
    });
}
