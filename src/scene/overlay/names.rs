//! Names and shapes of the volumes.

use egui::{Align2, FontId};
use layout::Volume;
use session::Document;

use super::Sheet;

pub(super) fn draw(sheet: &Sheet) {
    let measure = |text: &str, size: f32| {
        let font = FontId::proportional(size);
        let galley = sheet.painter.layout_no_wrap(text.into(), font, sheet.strong);
        galley.size().x
    };
    let stage = sheet.stage;
    let chosen = stage.look(sheet.session).selected;
    let detail = |volume: &Volume| shape(sheet.document, volume);
    let camera = &stage.rig.camera;
    let names = crate::labels(&stage.layout, camera, sheet.size(), 1.0, chosen, measure, detail);
    // The most telling ones come first.
    let most = (names.len() as f32 * sheet.session.state.labels).round() as usize;
    for label in names.into_iter().take(most) {
        let at = sheet.at(label.at);
        sheet.text(at, Align2::CENTER_BOTTOM, &label.text, label.size, true);
        sheet.text(at, Align2::CENTER_TOP, &label.detail, label.size * 0.85, false);
    }
}

/// `64 × 56 × 56`, without the batch.
fn shape(document: &Document, volume: &Volume) -> String {
    let Some(dims) = volume.tensor.and_then(|t| document.network.tensor(t).spec.dims()) else {
        return String::new();
    };
    let name = |d: &model::Dim| {
        d.eval(&document.bindings)
            .map_or_else(|| d.to_string(), |n| n.to_string())
    };
    let skip = usize::from(dims.len() > 1);
    dims.iter().skip(skip).map(name).collect::<Vec<_>>().join(" × ")
}
