//! What a picture shows; in the window the bar says it, and in a tour the caption.

use egui::{Align2, Rect, vec2};
use session::words::short;

use super::Sheet;

/// Where it stands, in a picture.
pub(super) fn place(sheet: &Sheet) -> Option<Rect> {
    // Networks beside each other have a title each.
    let alone = sheet.document.sides.is_empty();
    let shown = alone && sheet.pointer.is_none() && sheet.session.tour.is_none();
    shown.then(|| Rect::from_min_size(sheet.rect.min, vec2(360.0, 64.0)))
}

/// Where the answer stands, in a picture.
pub(super) fn answer(sheet: &Sheet) -> Option<Rect> {
    let shown = place(sheet).is_some() && !sheet.document.classes.is_empty();
    let size = vec2(300.0, 44.0);
    shown.then(|| Rect::from_min_size(sheet.rect.right_top() - vec2(size.x, 0.0), size))
}

pub(super) fn draw(sheet: &Sheet) {
    if place(sheet).is_none() {
        return;
    }
    let (network, total) = (&sheet.document.network, &sheet.document.cost.total);
    let title = match network.name.as_str() {
        "" => "network",
        name => name,
    };
    let corner = sheet.rect.left_top();
    sheet.text(corner + vec2(20.0, 16.0), Align2::LEFT_TOP, title, 22.0, true);
    let mut facts = format!(
        "{} layers · {} parameters",
        network.main().layers.len(),
        short(total.parameters)
    );
    if let Some(macs) = total.macs.filter(|_| sheet.document.cost.unknown.is_empty()) {
        facts += &format!(" · {} MACs", short(macs));
    }
    sheet.text(corner + vec2(20.0, 44.0), Align2::LEFT_TOP, facts, 13.0, false);
    // The answer, once the flow has come to it.
    let (session, document) = (sheet.session, sheet.document);
    let there = session.state.playhead >= session.columns() && !session.state.backward;
    let output = session.output().filter(|_| there && !document.classes.is_empty());
    if let Some(best) = output.and_then(|o| o.ranked(1).into_iter().next()) {
        let percent = match session.state.softmax {
            true => format!("  {:.1} %", 100.0 * best.value),
            false => String::new(),
        };
        let at = sheet.rect.right_top() + vec2(-20.0, 16.0);
        sheet.text(
            at,
            Align2::RIGHT_TOP,
            format!("{}{percent}", best.name),
            22.0,
            true,
        );
    }
}
