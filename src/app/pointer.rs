//! What the pointer touches in the scene.

use bevy_egui::egui;
use session::Command;

use crate::explorer::Explorer;

/// Points at the scene, and gives what a click there means. True while the pointer steers the
/// scene: the wheel over a panel scrolls that panel only.
pub fn point(explorer: &mut Explorer, context: &egui::Context, out: &mut Vec<Command>) -> bool {
    let pointer = context.pointer_latest_pos().unwrap_or_default();
    let over = explorer.rect.contains(pointer) && !context.egui_wants_pointer_input();
    let at = pointer - explorer.rect.min;
    let (at, size) = (glam::Vec2::new(at.x, at.y), explorer.size());
    explorer.stage.point(&explorer.session, over.then_some(at), size);
    let (down, up, double, held) = context.input(|i| {
        let button = egui::PointerButton::Primary;
        (
            i.pointer.primary_pressed(),
            i.pointer.primary_released(),
            i.pointer.button_double_clicked(button),
            i.pointer.any_down(),
        )
    });
    if down && over {
        explorer.pressed = Some(pointer);
    }
    let steers = over || explorer.pressed.is_some();
    if up && over && explorer.pressed.take().is_some_and(|p| p.distance(pointer) < 4.0) {
        out.extend(scene::hover::click(
            &explorer.session,
            explorer.stage.hover,
            double,
        ));
    }
    if !held {
        explorer.pressed = None;
    }
    steers
}
