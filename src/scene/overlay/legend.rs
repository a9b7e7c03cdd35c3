//! What colour means: a bar of the map in use, with the numbers at its ends, or the kinds of
//! operators.

use egui::{Align2, Color32, Mesh, Rect, Shape, Vec2, pos2, vec2};
use session::Range;

use super::Sheet;
use crate::colormap::{diverging, sequential, srgb};
use crate::compose;
use crate::legend::{Legend, Part, kinds, size, tinted};
use crate::ranges::Scale;

/// Width and height of a bar, and width of a single colour, points.
const BAR: Vec2 = vec2(150.0, 9.0);
const SWATCH: f32 = 14.0;
/// From the corner of the scene, points.
const EDGE: Vec2 = vec2(14.0, 12.0);
/// Sizes of the title and of the other words, points.
const TITLE: f32 = 12.0;
const WORDS: f32 = 11.0;

/// The words and where they stand.
pub(super) struct Placed {
    legend: Legend,
    /// How many parts there is room for.
    fit: usize,
    /// Others keep off.
    place: Rect,
}

/// Where it stands.
pub(super) fn place(sheet: &Sheet) -> Option<Rect> {
    Some(placed(sheet).place)
}

fn placed<'a>(sheet: &'a Sheet) -> &'a Placed {
    sheet.found.legend.get_or_init(|| {
        let legend = find(sheet);
        let room = sheet.rect.width() - 2.0 * EDGE.x;
        let (mut wide, mut fit) = (0.0, 0);
        for part in &legend.parts {
            let width = wide + width(sheet, part);
            if width > room && fit > 0 {
                break;
            }
            (wide, fit) = (width + gap(part), fit + 1);
        }
        let title = sheet.width(&legend.title, TITLE);
        let high = if legend.parts.is_empty() { 16.0 } else { 44.0 };
        let size = vec2(title.max(wide) + EDGE.x + 8.0, high + EDGE.y);
        let corner = sheet.rect.left_bottom() - vec2(0.0, size.y);
        Placed {
            legend,
            fit,
            place: Rect::from_min_size(corner, size),
        }
    })
}

/// Free room after a part, points.
fn gap(part: &Part) -> f32 {
    match part {
        Part::Bar { .. } => 18.0,
        Part::Swatch { .. } => 12.0,
    }
}

fn width(sheet: &Sheet, part: &Part) -> f32 {
    match part {
        Part::Bar { .. } => BAR.x,
        Part::Swatch { name, .. } => SWATCH + 6.0 + sheet.width(name, WORDS),
    }
}

pub(super) fn draw(sheet: &Sheet) {
    let Placed { legend, fit, .. } = placed(sheet);
    let left = sheet.rect.left_bottom() + vec2(EDGE.x, -EDGE.y);
    let above = if legend.parts.is_empty() {
        0.0
    } else {
        BAR.y + 18.0
    };
    let title = left - vec2(0.0, above);
    sheet.haloed(title, Align2::LEFT_BOTTOM, &legend.title, TITLE, false);
    let mut at = left;
    for part in &legend.parts[..*fit] {
        match part {
            Part::Bar { colors, ends, zero } => {
                bar(
                    sheet,
                    Rect::from_min_size(at - vec2(0.0, BAR.y + 14.0), BAR),
                    colors,
                );
                let [low, high] = ends;
                sheet.haloed(at, Align2::LEFT_BOTTOM, low, WORDS, false);
                let right = at + vec2(BAR.x, 0.0);
                sheet.haloed(right, Align2::RIGHT_BOTTOM, high, WORDS, false);
                if let Some(zero) = zero.filter(|zero| (0.2..0.8).contains(zero)) {
                    let at = at + vec2(BAR.x * zero, 0.0);
                    sheet.haloed(at, Align2::CENTER_BOTTOM, "0", WORDS, false);
                }
            }
            Part::Swatch { color, name } => {
                let [r, g, b] = srgb(*color);
                let corner = at - vec2(0.0, BAR.y + 7.0);
                let swatch = Rect::from_min_size(corner, vec2(SWATCH, BAR.y));
                sheet.painter.rect_filled(swatch, 1.0, Color32::from_rgb(r, g, b));
                let at = swatch.right_center() + vec2(6.0, 0.0);
                sheet.haloed(at, Align2::LEFT_CENTER, name, WORDS, false);
            }
        }
        at.x += width(sheet, part) + gap(part);
    }
}

fn find(sheet: &Sheet) -> Legend {
    let (state, layout) = (&sheet.session.state, &sheet.stage.layout);
    if let Some(tint) = &sheet.look.tint {
        return tinted(tint, layout.arrangement, state);
    }
    if compose::plain(layout.arrangement) || sheet.document.trace.is_none() {
        return kinds(layout.arrangement, sheet.stage.families(), state, sheet.theme);
    }
    values(sheet)
}

/// Of volumes that show values.
fn values(sheet: &Sheet) -> Legend {
    let (state, layout) = (&sheet.session.state, &sheet.stage.layout);
    let ranges = &sheet.stage.ranges;
    let hovered = sheet.stage.hover.cell().map(|(volume, _)| volume);
    let volume = hovered
        .or(sheet.look.selected)
        .and_then(|v| layout.volumes.get(v));
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
    let network = &sheet.document.network;
    let picture = volume.is_some_and(|v| compose::picture(network, v)) && !state.backward;
    let map = if picture { 3 } else { state.paint.map };
    let part = |(i, scale): (usize, &Option<Scale>)| {
        let signed = scale.map_or(i == 1, |s| s.signed && !picture);
        if scale.is_none() && signed && state.paint.magnitude {
            return None;
        }
        let ends = match (scale, signed) {
            (Some(s), _) => [number(s.low), number(s.high)],
            (None, true) => ["negative".into(), "positive".into()],
            (None, false) => ["low".into(), "high".into()],
        };
        let zero = scale.map_or(if signed { 0.5 } else { 0.0 }, |s| -s.low / (s.high - s.low));
        Some(Part::bar(ends, Some(zero), |t| match signed {
            true => diverging(t, sheet.theme),
            false => sequential(t, map),
        }))
    };
    Legend {
        title: size(layout.arrangement, state) + &title,
        parts: scales.iter().enumerate().filter_map(part).collect(),
    }
}

/// Colours as a strip.
fn bar(sheet: &Sheet, rect: Rect, colors: &[[f32; 3]]) {
    let mut mesh = Mesh::default();
    for (i, color) in colors.iter().enumerate() {
        let [r, g, b] = srgb(*color);
        let x = rect.left() + rect.width() * i as f32 / (colors.len() - 1).max(1) as f32;
        for y in [rect.top(), rect.bottom()] {
            mesh.colored_vertex(pos2(x, y), Color32::from_rgb(r, g, b));
        }
        if i > 0 {
            let v = 2 * i as u32;
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
