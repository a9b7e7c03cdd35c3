//! What colour means: a bar of the map in use, with the numbers at its ends.

use egui::{Align2, Color32, Mesh, Rect, Shape, pos2, vec2};
use layout::Arrangement;
use session::Range;

use super::Sheet;
use crate::colormap::{diverging, sequential, srgb};
use crate::compose;
use crate::ranges::Scale;
use crate::tint::Tint;

/// Width and height of a bar, points.
const BAR: egui::Vec2 = vec2(150.0, 9.0);

/// Where it stands.
pub(super) fn place(sheet: &Sheet) -> Option<Rect> {
    let size = vec2(2.0 * BAR.x + 50.0, 52.0);
    let corner = sheet.rect.left_bottom();
    Some(Rect::from_min_size(corner - vec2(0.0, size.y), size))
}

pub(super) fn draw(sheet: &Sheet) {
    let left = sheet.rect.left_bottom() + vec2(14.0, -12.0);
    let (state, document) = (&sheet.session.state, sheet.document);
    let look = sheet.stage.look(sheet.session);
    if let Some(tint) = &look.tint {
        return tinted(sheet, left, tint);
    }
    let diagram = match sheet.stage.layout.arrangement {
        Arrangement::Blocks | Arrangement::Strip => Some("colour: kind of operator"),
        Arrangement::Volumes | Arrangement::Nodes if document.trace.is_none() => {
            Some("structure only: give an input to see values")
        }
        Arrangement::Volumes | Arrangement::Nodes => None,
    };
    if let Some(text) = diagram {
        let text = format!("{}{text}", size(sheet));
        sheet.text(left, Align2::LEFT_BOTTOM, text, 12.0, false);
        return;
    }
    let ranges = &sheet.stage.ranges;
    let hovered = sheet.stage.hover.cell().map(|(volume, _)| volume);
    let volume = hovered.or(look.selected).map(|v| &sheet.stage.layout.volumes[v]);
    let tile = sheet
        .stage
        .hover
        .tile()
        .filter(|_| state.paint.range == Range::Channel);
    let own = volume.and_then(|v| Some((v, ranges.of(v.tensor?)?)));
    let shared = (state.paint.range == Range::Network)
        .then(|| ranges.shared())
        .flatten();
    let what = if state.backward {
        "gradient of the chosen output"
    } else {
        "activation"
    };
    let (title, scales): (String, Vec<Option<Scale>>) = match (own, shared) {
        (Some((volume, _)), _) if tile.is_some() => {
            let channel = sheet.stage.tiles.iter().find(|t| Some(t.channel) == tile);
            let title = format!("{what}, channel {} of {}", tile.unwrap_or(0), volume.label);
            (title, vec![channel.map(|t| t.scale)])
        }
        (_, Some(scale)) => (
            format!("{what}, the whole network in one range"),
            vec![Some(scale)],
        ),
        (Some((volume, scale)), None) => (format!("{what}, {}", volume.label), vec![Some(scale)]),
        // Nothing in particular: what each kind of map means.
        (None, None) => (format!("{what}, each layer in its own range"), vec![None, None]),
    };
    let picture = volume.is_some_and(|v| compose::picture(&document.network, v)) && !state.backward;
    let map = if picture { 3 } else { state.paint.map };
    let mut at = left;
    for (i, scale) in scales.iter().enumerate() {
        let signed = scale.map_or(i == 1, |s| s.signed && !picture);
        if scale.is_none() && signed && state.paint.magnitude {
            continue;
        }
        bar(
            sheet,
            Rect::from_min_size(at - vec2(0.0, BAR.y + 14.0), BAR),
            |t| match signed {
                true => diverging(t, sheet.theme),
                false => sequential(t, map),
            },
        );
        let ends = match (scale, signed) {
            (Some(s), _) => [number(s.low), number(s.high)],
            (None, true) => ["negative".into(), "positive".into()],
            (None, false) => ["low".into(), "high".into()],
        };
        let foot = at;
        sheet.text(foot, Align2::LEFT_BOTTOM, &ends[0], 11.0, false);
        sheet.text(
            foot + vec2(BAR.x, 0.0),
            Align2::RIGHT_BOTTOM,
            &ends[1],
            11.0,
            false,
        );
        // Where zero lies inside.
        let zero = scale.map_or(if signed { 0.5 } else { 0.0 }, |s| -s.low / (s.high - s.low));
        if (0.2..0.8).contains(&zero) {
            let at = foot + vec2(BAR.x * zero, 0.0);
            sheet.text(at, Align2::CENTER_BOTTOM, "0", 11.0, false);
        }
        at += vec2(BAR.x + 28.0, 0.0);
    }
    sheet.text(
        left - vec2(0.0, BAR.y + 18.0),
        Align2::LEFT_BOTTOM,
        size(sheet) + &title,
        12.0,
        false,
    );
}

/// What the boxes are as large as, where that is not their shapes.
fn size(sheet: &Sheet) -> String {
    let quantity = sheet.session.state.size.map(|q| q.name());
    match (sheet.stage.layout.arrangement, quantity) {
        (Arrangement::Strip, quantity) => {
            format!("height: square root of {}  ·  ", quantity.unwrap_or("the FLOPs"))
        }
        (_, Some(quantity)) => format!("size: {quantity}  ·  "),
        (_, None) => String::new(),
    }
}

/// The legend of volumes that are coloured as a whole.
fn tinted(sheet: &Sheet, left: egui::Pos2, tint: &Tint) {
    let quantity = tint.quantity;
    let mut title = format!("{}colour: {}", size(sheet), quantity.name());
    let Some(spread) = tint.spread else {
        title += ", not known yet: give an input";
        sheet.text(left, Align2::LEFT_BOTTOM, title, 12.0, false);
        return;
    };
    let notes = [quantity.unit(), if spread.log { "logarithmic" } else { "" }];
    let notes: Vec<&str> = notes.into_iter().filter(|n| !n.is_empty()).collect();
    if !notes.is_empty() {
        title += &format!(" ({})", notes.join(", "));
    }
    let strip = Rect::from_min_size(left - vec2(0.0, BAR.y + 14.0), BAR);
    bar(sheet, strip, |t| tint.color(t));
    sheet.text(left, Align2::LEFT_BOTTOM, quantity.write(spread.low), 11.0, false);
    let right = left + vec2(BAR.x, 0.0);
    sheet.text(
        right,
        Align2::RIGHT_BOTTOM,
        quantity.write(spread.high),
        11.0,
        false,
    );
    if tint.gaps {
        let [r, g, b] = srgb(tint.unknown());
        let corner = strip.right_top() + vec2(18.0, 0.0);
        let swatch = Rect::from_min_size(corner, vec2(14.0, BAR.y));
        sheet.painter.rect_filled(swatch, 0.0, Color32::from_rgb(r, g, b));
        let at = swatch.right_center() + vec2(6.0, 0.0);
        sheet.text(at, Align2::LEFT_CENTER, "not known", 11.0, false);
    }
    let above = left - vec2(0.0, BAR.y + 18.0);
    sheet.text(above, Align2::LEFT_BOTTOM, title, 12.0, false);
}

/// Colours as a strip.
fn bar(sheet: &Sheet, rect: Rect, color: impl Fn(f32) -> [f32; 3]) {
    const STEPS: u32 = 32;
    let mut mesh = Mesh::default();
    for i in 0..=STEPS {
        let t = i as f32 / STEPS as f32;
        let [r, g, b] = srgb(color(t));
        let x = rect.left() + rect.width() * t;
        for y in [rect.top(), rect.bottom()] {
            mesh.colored_vertex(pos2(x, y), Color32::from_rgb(r, g, b));
        }
        if i > 0 {
            let v = 2 * i;
            mesh.add_triangle(v - 2, v - 1, v);
            mesh.add_triangle(v - 1, v, v + 1);
        }
    }
    sheet.painter.add(Shape::mesh(mesh));
}

/// Three digits that matter.
pub(super) fn number(value: f32) -> String {
    let size = value.abs();
    match size {
        0.0 => "0".into(),
        _ if !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        _ => {
            let digits = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
            format!("{value:.digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short_and_true() {
        let pairs = [
            (0.0, "0"),
            (1.0, "1.00"),
            (-12.345, "-12.3"),
            (0.01234, "0.0123"),
            (1234.4, "1234"),
            (1e-7, "1.00e-7"),
        ];
        for (value, text) in pairs {
            assert_eq!(number(value), text);
        }
    }
}
