//! The units of a layer: which answered, which are dead.

use egui::{Label, Rect, RichText, Sense, Ui, vec2};
use model::{LayerId, Network, Run};
use session::dynamics::plain;

use crate::style;
use crate::widgets::section;

/// Layers after the chosen one that are looked at for its units: a normalisation and an activation.
const STEPS: usize = 3;
/// Units of a row, and the size of their cells, points.
const ROW: usize = 32;
const CELL: f32 = 11.0;
/// Numbers of dead units that are written out.
const LISTED: usize = 24;

/// The layer whose units were recorded: the chosen one, or what is applied to it alone.
fn recorded<'a>(run: &'a Run, network: &Network, layer: LayerId) -> Option<(&'a String, LayerId)> {
    let of = |layer: LayerId| {
        let wanted = plain(&format!("units/{}", network.layer(layer).name));
        let tag = run.tensors.keys().find(|tag| plain(tag) == wanted);
        tag.map(|tag| (tag, layer))
    };
    let mut at = layer;
    for _ in 0..STEPS {
        if let Some(found) = of(at) {
            return Some(found);
        }
        let output = network.layer(at).outputs.first().copied().flatten()?;
        let mut readers = network.main().layers.iter().filter(|l| {
            let inputs = &network.layer(**l).inputs;
            inputs.iter().flatten().any(|t| *t == output)
        });
        match (readers.next(), readers.next()) {
            (Some(&only), None) => at = only,
            _ => return None,
        }
    }
    of(at)
}

/// Draws the units of a layer as they were at `moment`; false where none were recorded.
pub fn show(ui: &mut Ui, run: &Run, network: &Network, layer: LayerId, moment: Option<i64>) -> bool {
    let Some((tag, of)) = recorded(run, network, layer) else {
        return false;
    };
    let track = &run.tensors[tag];
    let at = match moment {
        Some(step) => track.iter().rev().find(|at| at.step <= step).or(track.first()),
        None => track.last(),
    };
    let Some((step, shares)) = at.and_then(|at| Some((at.step, at.value.to_f32()?))) else {
        return false;
    };
    let name = &network.layer(of).name;
    section(ui, &format!("Units of {name}, step {step}"));
    let dead: Vec<usize> = (0..shares.len()).filter(|&i| shares[i] == 0.0).collect();
    let text = match dead.len() {
        0 => format!("all {} answer to some example", shares.len()),
        n => {
            let listed: Vec<String> = dead.iter().take(LISTED).map(usize::to_string).collect();
            let more = if n > LISTED { ", …" } else { "" };
            format!(
                "{n} of {} answer to none: {}{more}",
                shares.len(),
                listed.join(", ")
            )
        }
    };
    ui.add(Label::new(RichText::new(text).weak()).wrap());
    let columns = ROW.min((ui.available_width() / CELL) as usize).max(1);
    let rows = shares.len().div_ceil(columns);
    let size = vec2(columns as f32 * CELL, rows as f32 * CELL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let cell = |i: usize| {
        let at = vec2((i % columns) as f32, (i / columns) as f32) * CELL;
        Rect::from_min_size(rect.min + at, vec2(CELL - 1.0, CELL - 1.0))
    };
    let [quiet, full] = [ui.visuals().extreme_bg_color, style::bar(ui.visuals())];
    for (i, &share) in shares.iter().enumerate() {
        ui.painter()
            .rect_filled(cell(i), 1.5, quiet.lerp_to_gamma(full, share.clamp(0.0, 1.0)));
        if share == 0.0 {
            crate::widgets::mark(
                ui.painter(),
                cell(i).center(),
                6.0,
                false,
                style::wrong(ui.visuals()),
            );
        }
    }
    let under = |at| (0..shares.len()).find(|&i| cell(i).contains(at));
    if let Some(unit) = response.hover_pos().and_then(under) {
        let told = format!("unit {unit}: active {:.1} % of the time", 100.0 * shares[unit]);
        response.on_hover_text_at_pointer(told);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::run::At;
    use model::{Record, TensorData};

    use super::*;

    #[test]
    fn the_units_of_a_convolution_are_those_of_its_activation() {
        let network = model::templates::residual_cnn("net", 1, 8, 2, 4, 3);
        let layer = |name: &str| {
            let place = network.layers.iter().position(|l| l.name == name);
            LayerId(place.unwrap_or_else(|| panic!("no {name}")) as u32)
        };
        let mut run = Run::new("run");
        let value = Arc::new(TensorData::from_f32(&[2], &[0.0, 1.0]));
        run.take(Record::Tensor {
            tag: "units/stem/relu".into(),
            at: At {
                step: 1,
                wall: 0.0,
                value,
            },
        });
        let found = recorded(&run, &network, layer("stem/conv"));
        assert_eq!(found.map(|f| f.1), Some(layer("stem/relu")));
        assert_eq!(recorded(&run, &network, layer("head/classifier")), None);
    }
}
