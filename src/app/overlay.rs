//! Text over the scene: labels, caption, legend, and what the pointer is over.

use egui::{Align2, Color32, FontId, Painter, Rect, pos2, vec2};
use glam::Vec2;
use scene::{Camera, Theme};
use session::{Document, Session};

/// What the pointer is over.
#[derive(Clone, Debug, Default)]
pub struct Hover {
    /// Index of the volume.
    pub volume: Option<usize>,
    /// Cell along x, y and z.
    pub cell: [u32; 3],
}

/// Draws into `rect` of the painter's layer; `layout` as it stands in this frame, with open tiles.
pub fn draw(
    painter: &Painter,
    rect: Rect,
    session: &Session,
    (layout, tiles): (&layout::Layout, &[scene::tiles::Tile]),
    camera: &Camera,
    hover: &Hover,
    pointer: egui::Pos2,
) {
    let theme = if session.state.light {
        Theme::Light
    } else {
        Theme::Dark
    };
    let [strong, faint] = theme.text().map(|[r, g, b]| Color32::from_rgb(r, g, b));
    let Some(document) = &session.document else {
        let text = "Drop a model file here (ONNX, or layerscope's JSON)";
        painter.text(
            rect.center(),
            Align2::CENTER_CENTER,
            text,
            FontId::proportional(20.0),
            faint,
        );
        return;
    };
    let size = Vec2::new(rect.width(), rect.height());
    let measure = |text: &str, size: f32| {
        painter
            .layout_no_wrap(text.into(), FontId::proportional(size), strong)
            .size()
            .x
    };
    let chosen = session
        .state
        .selection
        .and_then(|n| layout.volumes.iter().position(|v| v.node == n));
    let detail = |volume: &layout::Volume| shape(document, volume);
    for label in scene::labels(layout, camera, size, 1.0, chosen, measure, detail) {
        let at = rect.min + vec2(label.at.x, label.at.y);
        painter.text(
            at,
            Align2::CENTER_BOTTOM,
            &label.text,
            FontId::proportional(label.size),
            strong,
        );
        let small = FontId::proportional(label.size * 0.85);
        painter.text(at, Align2::CENTER_TOP, &label.detail, small, faint);
    }
    let small = FontId::proportional(12.0);
    for tile in tiles {
        let foot = tile.center - glam::Vec3::Y * tile.size.y * 0.5;
        let Some((at, depth)) = camera.project(foot, size) else {
            continue;
        };
        let points = tile.size.x / depth * size.y / (2.0 * (camera.fov / 2.0).tan());
        // Too small to read is better left out.
        let font = (points * 0.14).min(13.0);
        if font >= 7.0 {
            let text = format!("{}  ({:.2})", tile.channel, tile.mean);
            let at = rect.min + vec2(at.x, at.y + 1.0);
            painter.text(at, Align2::CENTER_TOP, text, FontId::proportional(font), faint);
        }
    }
    if let Some(more) = tiles.first().and_then(|_| hidden(session)) {
        let at = rect.right_bottom() + vec2(-14.0, -10.0);
        painter.text(at, Align2::RIGHT_BOTTOM, more, small.clone(), faint);
    }
    let legend = match (session.state.backward, document.trace.is_some()) {
        (_, false) => "structure only: give an input to see values",
        (false, _) => {
            "each layer in its own range: dark is low, yellow is high; blue is negative, orange positive"
        }
        (true, _) => {
            "gradient of the chosen output: orange raises it, blue lowers it; each layer in its own range"
        }
    };
    painter.text(
        rect.left_bottom() + vec2(14.0, -10.0),
        Align2::LEFT_BOTTOM,
        legend,
        small.clone(),
        faint,
    );
    if let Some((tour, stop, _)) = &session.tour {
        let width = (rect.width() - 80.0).clamp(100.0, 640.0);
        let text = painter.layout(
            tour.stops[*stop].caption.clone(),
            FontId::proportional(17.0),
            strong,
            width,
        );
        let at = pos2(rect.center().x - text.size().x / 2.0, rect.top() + 24.0);
        panel(painter, theme, Rect::from_min_size(at, text.size()));
        painter.galley(at, text, strong);
    }
    if let Some(text) = hover
        .volume
        .map(|v| describe(document, session.state.backward, v, hover.cell))
    {
        let text = painter.layout_no_wrap(text, small, strong);
        let at = pointer + vec2(16.0, 16.0);
        let most = rect.max - text.size() - vec2(10.0, 10.0);
        let at = pos2(at.x.min(most.x), at.y.min(most.y));
        panel(painter, theme, Rect::from_min_size(at, text.size()));
        painter.galley(at, text, strong);
    }
}

/// What the tiles do not show.
fn hidden(session: &Session) -> Option<String> {
    let document = session.document.as_ref()?;
    let volume = document
        .layout
        .volumes
        .iter()
        .find(|v| session.state.selection == Some(v.node))?;
    let all = volume.cells.counts[2] as usize;
    let most = scene::tiles::MOST;
    (all > most).then(|| format!("{most} of {all} channels; number and mean under each"))
}

fn panel(painter: &Painter, theme: Theme, rect: Rect) {
    let fill = match theme {
        Theme::Dark => Color32::from_rgba_unmultiplied(20, 24, 31, 225),
        Theme::Light => Color32::from_rgba_unmultiplied(250, 250, 252, 225),
    };
    painter.rect_filled(rect.expand(8.0), 6.0, fill);
}

/// Name, index, value and receptive field of a cell.
fn describe(document: &Document, backward: bool, volume: usize, cell: [u32; 3]) -> String {
    let volume = &document.layout.volumes[volume];
    let mut text = format!("{}  ({})", volume.label, volume.kind);
    let Some(tensor) = volume.tensor else { return text };
    let element: usize = (0..3)
        .map(|i| cell[i] as usize * volume.cells.strides[i] as usize)
        .sum();
    let trace = if backward {
        &document.gradients
    } else {
        &document.trace
    };
    let values = trace.as_ref().and_then(|t| t.tensors.get(&tensor));
    if let Some((values, shape)) = values.and_then(|t| Some((t.host()?, &t.shape)))
        && let Some(value) = values.get(element)
    {
        // Row-major index, without the batch.
        let mut rest = element;
        let mut index: Vec<usize> = Vec::new();
        for &n in shape.iter().rev() {
            index.push(rest % n.max(1));
            rest /= n.max(1);
        }
        index.reverse();
        let shown = if index.len() > 1 { &index[1..] } else { &index[..] };
        text += &format!("\n{shown:?} = {value:.5}");
    }
    for patch in field(document, volume, cell) {
        let ([top, bottom], [left, right]) = (patch.rows, patch.columns);
        text += &format!(
            "\nsees rows {top} to {} and columns {left} to {} of the input",
            bottom - 1,
            right - 1
        );
    }
    text
}

/// The patch of the input that a cell sees; nothing for volumes that are the input.
pub fn field(document: &Document, volume: &layout::Volume, cell: [u32; 3]) -> Vec<model::receptive::Patch> {
    let Some(tensor) = volume
        .tensor
        .filter(|_| !matches!(volume.node, layout::Node::Input(_)))
    else {
        return Vec::new();
    };
    let (row, column) = match volume.cells.form {
        layout::Form::FeatureMap => (cell[1], cell[0]),
        _ => (0, 0),
    };
    let mut found = model::receptive::receptive_field(
        &document.network,
        tensor,
        row.into(),
        column.into(),
        &document.bindings,
    );
    found.retain(|p| p.rows[0] < p.rows[1] && p.columns[0] < p.columns[1]);
    found
}

/// `64 × 56 × 56`, without the batch.
fn shape(document: &Document, volume: &layout::Volume) -> String {
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
