//! How values are coloured, and how channels are ordered.

use egui::{Color32, ComboBox, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use session::{Command, Paint, Quantity, Range};

use crate::panel::{Panel, Side, View};
use crate::widgets::section;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "colors",
    title: "Colours",
    about: "What colour and size stand for; map, range and sign of the values",
    side: Side::RightBelow,
    open: true,
    show,
};

/// Names of the maps in their order, with a few of their colours.
pub const MAPS: [(&str, [u32; 5]); 4] = [
    ("Viridis", [0x440154, 0x3b528b, 0x21918c, 0x5ec962, 0xfde725]),
    ("Magma", [0x000004, 0x51127c, 0xb73779, 0xfc8961, 0xfcfdbf]),
    ("Cividis", [0x00224e, 0x434e6c, 0x7d7c78, 0xbcae6c, 0xfee838]),
    ("Grey", [0x000000, 0x404040, 0x808080, 0xbfbfbf, 0xffffff]),
];

fn show(ui: &mut Ui, view: &mut View) {
    ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| all(ui, view));
}

fn all(ui: &mut Ui, view: &mut View) {
    let mut paint = view.session.state.paint;
    let (color, size) = (view.session.state.color, view.session.state.size);
    if let Some(color) = choice(ui, "Colour by", "values", color) {
        view.out.push(Command::Color(color));
    }
    if let Some(size) = choice(ui, "Size by", "shape", size) {
        view.out.push(Command::Size(size));
    }
    section(ui, "Colour map");
    let current = MAPS.get(paint.map as usize).map_or("?", |m| m.0);
    let width = ui.available_width().min(220.0);
    ComboBox::from_id_salt("map")
        .selected_text(current)
        .width(width)
        .show_ui(ui, |ui| {
            for (i, (name, colors)) in (0u32..).zip(MAPS) {
                ui.horizontal(|ui| {
                    ramp(ui, &colors, 56.0);
                    ui.selectable_value(&mut paint.map, i, name);
                });
            }
        });
    if let Some((_, colors)) = MAPS.get(paint.map as usize) {
        ramp(ui, colors, width);
    }
    ui.weak("Signed values: blue below 0, orange above.");
    section(ui, "Range");
    ui.horizontal_wrapped(|ui| {
        for (range, words) in Range::ALL {
            ui.selectable_value(&mut paint.range, range, words);
        }
    });
    ui.horizontal_wrapped(|ui| {
        ui.weak("leave out");
        for cut in Paint::CUTS {
            ui.selectable_value(&mut paint.cut, cut, format!("{cut} %"))
                .on_hover_text("Of the values at each end, so that outliers do not flatten the rest");
        }
    });
    ui.checkbox(&mut paint.magnitude, "Magnitude only")
        .on_hover_text("Leave signs out");
    section(ui, "Channels of the selection");
    ui.checkbox(&mut paint.sorted, "Sort by mean, largest first");
    if paint != view.session.state.paint {
        view.out.push(Command::Paint(paint));
    }
}

/// A quantity to choose, or what stands there without one; what was chosen, where that is new.
fn choice(
    ui: &mut Ui,
    title: &str,
    without: &'static str,
    chosen: Option<Quantity>,
) -> Option<Option<Quantity>> {
    let mut now = chosen;
    ui.horizontal(|ui| {
        ui.add_sized([70.0, 22.0], egui::Label::new(title));
        let width = ui.available_width().min(144.0);
        ComboBox::from_id_salt(title)
            .selected_text(chosen.map_or(without, Quantity::name))
            .width(width)
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut now, None, without);
                for quantity in Quantity::all() {
                    ui.selectable_value(&mut now, Some(quantity), quantity.name())
                        .on_hover_text(quantity.about());
                }
            });
    });
    (now != chosen).then_some(now)
}

/// A bar that runs through `colors`.
fn ramp(ui: &mut Ui, colors: &[u32; 5], width: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(width, 12.0), Sense::hover());
    let mut mesh = egui::Mesh::default();
    let color = |hex: u32| Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8);
    for (i, &hex) in colors.iter().enumerate() {
        let x = rect.left() + rect.width() * i as f32 / 4.0;
        mesh.colored_vertex(pos2(x, rect.top()), color(hex));
        mesh.colored_vertex(pos2(x, rect.bottom()), color(hex));
        if i > 0 {
            let at = 2 * i as u32;
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    }
    ui.painter().add(mesh);
    let line = ui.visuals().widgets.noninteractive.bg_stroke;
    ui.painter().rect_stroke(
        Rect::from_min_max(rect.min, rect.max),
        0.0,
        line,
        egui::StrokeKind::Outside,
    );
}
