//! A surface in space, drawn far parts first.

use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{Align2, Color32, FontId, Pos2, Rect, RichText, Sense, Shape, Stroke, Ui, pos2, vec2};
use session::colormap::{sequential, srgb};
use session::learning::{Plane, Surface};

use crate::widgets::{grouped, value};

/// Where it is looked at from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Angles around the upright axis and above the ground, radians.
    yaw: f32,
    pitch: f32,
    zoom: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Camera {
            yaw: 0.65,
            pitch: 0.6,
            zoom: 1.0,
        }
    }
}

impl Camera {
    /// Straight down: a map.
    pub fn above() -> Self {
        Camera {
            yaw: 0.0,
            pitch: std::f32::consts::FRAC_PI_2,
            zoom: 1.0,
        }
    }

    /// A place of the box from -1 to 1 (z from 0 to 1) on the screen, and how near it is.
    fn project(&self, [x, y, z]: [f32; 3], rect: Rect) -> (Pos2, f32) {
        let (sin, cos) = self.yaw.sin_cos();
        let (x, y) = (cos * x - sin * y, sin * x + cos * y);
        let (sin, cos) = self.pitch.sin_cos();
        let z = (z - 0.4) * HEIGHT;
        let (up, near) = (sin * y + cos * z, sin * z - cos * y);
        // A little perspective tells front from back.
        let scale = 0.5 * rect.height().min(rect.width() * 0.8) * 0.78 * self.zoom / (1.0 - 0.16 * near);
        (rect.center() + vec2(x, -up) * scale, near)
    }
}

/// Height of the box, of its half side.
const HEIGHT: f32 = 1.1;
/// Share of the highest losses that the height leaves out, so that one spike does not flatten the rest.
const CUT: f64 = 0.04;
/// How far paths stand above the surface, of its height.
const LIFT: f32 = 0.012;

/// Losses as heights, 0 to 1.
pub struct Heights {
    low: f64,
    high: f64,
    log: bool,
}

impl Heights {
    /// Between the least loss and all but the highest.
    pub fn of(losses: &[f64], log: bool) -> Option<Self> {
        let mut known: Vec<f64> = losses.iter().copied().filter(|l| l.is_finite()).collect();
        known.sort_by(f64::total_cmp);
        let (&low, last) = (known.first()?, known.len() - 1);
        let high = known[((1.0 - CUT) * last as f64).ceil() as usize];
        Some(Heights {
            low,
            high: high.max(low + 1e-12),
            log: log && low > 0.0,
        })
    }

    /// The height of a loss; what is above all is at the top.
    pub fn at(&self, loss: f64) -> f32 {
        let share = match self.log {
            true => (loss / self.low).ln() / (self.high / self.low).ln(),
            false => (loss - self.low) / (self.high - self.low),
        };
        if share.is_nan() {
            1.0
        } else {
            share.clamp(0.0, 1.0) as f32
        }
    }

    /// Losses at even heights, for the scale.
    fn marks(&self) -> [(f32, f64); 3] {
        [0.0f32, 0.5, 1.0].map(|h| {
            let h64 = f64::from(h);
            let loss = match self.log {
                true => self.low * (self.high / self.low).powf(h64),
                false => self.low + (self.high - self.low) * h64,
            };
            (h, loss)
        })
    }
}

/// A part of the picture.
enum Part {
    Quad([Pos2; 4], Color32),
    Line([Pos2; 2], Stroke),
}

/// Draws `surface`, whose paths have the colours `inks`; a drag turns it, the wheel brings it nearer.
pub fn show(ui: &mut Ui, surface: &Surface, inks: &[Color32], camera: &mut Camera, log: bool) {
    let size = ui.available_size().max(vec2(120.0, 120.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    if response.dragged() {
        let by = response.drag_delta();
        camera.yaw += 0.008 * by.x;
        camera.pitch = (camera.pitch + 0.008 * by.y).clamp(0.05, std::f32::consts::FRAC_PI_2);
    }
    if response.hovered() {
        let wheel = ui.input(|i| i.smooth_scroll_delta.y + 100.0 * (i.zoom_delta() - 1.0));
        camera.zoom = (camera.zoom * (1.0 + 0.002 * wheel)).clamp(0.4, 6.0);
    }
    let painter = ui.painter_at(rect);
    let Some(heights) = Heights::of(&surface.losses, log) else {
        let font = FontId::proportional(13.0);
        let text = "every loss so far is infinite or no number";
        painter.text(
            rect.center(),
            Align2::CENTER_CENTER,
            text,
            font,
            ui.visuals().weak_text_color(),
        );
        return;
    };
    frame(ui, surface, &heights, camera, rect);
    let mut parts = quads(surface, &heights, camera, rect);
    parts.extend(paths(surface, &heights, inks, camera, rect));
    parts.sort_by(|a, b| a.0.total_cmp(&b.0));
    draw(&painter, parts);
    // What a ridge hides shines through.
    let faint: Vec<Color32> = inks.iter().map(|ink| ink.gamma_multiply(0.45)).collect();
    draw(&painter, paths(surface, &heights, &faint, camera, rect));
    let spots = spots(surface, &heights, camera, rect);
    for (trace, _, at, _) in spots.iter().filter(|(_, _, _, end)| *end) {
        painter.circle(*at, 5.0, inks[*trace], Stroke::new(1.5, ui.visuals().panel_fill));
    }
    legend(ui, surface, inks, rect);
    let Some(pointer) = response.hover_pos() else {
        return;
    };
    let near = spots.into_iter().min_by(|a, b| {
        let far = |s: &Spot| s.2.distance_sq(pointer);
        far(a).total_cmp(&far(b))
    });
    if let Some((trace, spot, at, _)) = near.filter(|s| s.2.distance(pointer) < 14.0) {
        painter.circle_stroke(at, 6.0, Stroke::new(1.5, ui.visuals().strong_text_color()));
        let (trace, spot) = (&surface.traces[trace], surface.traces[trace].spots[spot]);
        response.on_hover_ui_at_pointer(|ui| {
            ui.label(RichText::new(&trace.name).strong());
            ui.label(format!("step {}", grouped(spot.step)));
            if let Some(loss) = surface.at(spot.at) {
                ui.label(format!("loss of the surface here {}", value(loss)));
            }
            let beside = format!(
                "{:.0} % of its distance lies beside the plane",
                100.0 * spot.beside
            );
            ui.label(RichText::new(beside).weak());
        });
    }
}

/// A cell's or spot's place in the box.
fn placed(surface: &Surface, at: [f64; 2], height: f32) -> [f32; 3] {
    let along = |[first, last]: [f64; 2], v: f64| (2.0 * (v - first) / (last - first) - 1.0) as f32;
    [
        along(surface.extent[0], at[0]),
        along(surface.extent[1], at[1]),
        height,
    ]
}

/// Cells between four known losses; while it is coarse, larger ones.
fn quads(surface: &Surface, heights: &Heights, camera: &Camera, rect: Rect) -> Vec<(f32, Part)> {
    let n = surface.size;
    let known = |i: usize, j: usize| !surface.losses[j * n + i].is_nan();
    let stride = [8, 4, 2, 1].into_iter().rev().find(|&s| {
        let mut cells = (0..n)
            .step_by(s)
            .flat_map(|j| (0..n).step_by(s).map(move |i| (i, j)));
        cells.all(|(i, j)| known(i, j))
    });
    let stride = stride.unwrap_or(8);
    let corner = |i: usize, j: usize| {
        let height = heights.at(surface.losses[j * n + i]);
        placed(surface, surface.place(i, j), height)
    };
    let mut quads = Vec::new();
    for j in (0..n - 1).step_by(stride) {
        for i in (0..n - 1).step_by(stride) {
            let (i1, j1) = (i + stride, j + stride);
            let places = [(i, j), (i1, j), (i1, j1), (i, j1)];
            if i1 >= n || j1 >= n || !places.iter().all(|&(i, j)| known(i, j)) {
                continue;
            }
            let corners = places.map(|(i, j)| corner(i, j));
            let height = corners.iter().map(|c| c[2]).sum::<f32>() / 4.0;
            let seen = corners.map(|c| camera.project(c, rect));
            let near = seen.iter().map(|s| s.1).sum::<f32>() / 4.0;
            quads.push((near, Part::Quad(seen.map(|s| s.0), shaded(height, corners))));
        }
    }
    quads
}

/// The colour of a height, darker where the surface turns away from the light.
fn shaded(height: f32, corners: [[f32; 3]; 4]) -> Color32 {
    let [a, b, c, d] = corners;
    let edge = |p: [f32; 3], q: [f32; 3]| [q[0] - p[0], q[1] - p[1], HEIGHT * (q[2] - p[2])];
    let (u, v) = (edge(a, c), edge(b, d));
    let normal = [
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    ];
    let length = normal.iter().map(|n| n * n).sum::<f32>().sqrt().max(1e-9);
    let light = [-0.35, -0.45, 0.82];
    let turned = normal.iter().zip(light).map(|(n, l)| n * l).sum::<f32>() / length;
    let bright = 0.55 + 0.45 * turned.abs();
    let [r, g, b] = srgb(sequential(height, 0)).map(|c| (f32::from(c) * bright) as u8);
    Color32::from_rgb(r, g, b)
}

/// The paths, a line between each two spots.
fn paths(
    surface: &Surface,
    heights: &Heights,
    inks: &[Color32],
    camera: &Camera,
    rect: Rect,
) -> Vec<(f32, Part)> {
    let mut parts = Vec::new();
    for (trace, &ink) in surface.traces.iter().zip(inks) {
        for pair in trace.spots.windows(2) {
            // In pieces, so that they follow the surface.
            let cells = (0..2).map(|k| {
                let span = surface.extent[k][1] - surface.extent[k][0];
                (pair[1].at[k] - pair[0].at[k]).abs() / span * surface.size as f64
            });
            let pieces = cells.fold(1.0, f64::max).ceil().min(64.0) as usize;
            let at = |k: usize| {
                let share = k as f64 / pieces as f64;
                [0, 1].map(|i| pair[0].at[i] + share * (pair[1].at[i] - pair[0].at[i]))
            };
            for k in 0..pieces {
                let ends = [at(k), at(k + 1)].map(|p| {
                    let height = surface.at(p).map_or(0.0, |loss| heights.at(loss) + LIFT);
                    camera.project(placed(surface, p, height), rect)
                });
                let near = 0.5 * (ends[0].1 + ends[1].1) + 0.03;
                parts.push((near, Part::Line([ends[0].0, ends[1].0], Stroke::new(2.5, ink))));
            }
        }
    }
    parts
}

/// Trace, spot, place on the screen, whether it is the last.
type Spot = (usize, usize, Pos2, bool);

fn spots(surface: &Surface, heights: &Heights, camera: &Camera, rect: Rect) -> Vec<Spot> {
    let mut all = Vec::new();
    for (i, trace) in surface.traces.iter().enumerate() {
        for (k, spot) in trace.spots.iter().enumerate() {
            let height = surface.at(spot.at).map_or(0.0, |loss| heights.at(loss) + LIFT);
            let (at, _) = camera.project(placed(surface, spot.at, height), rect);
            all.push((i, k, at, k + 1 == trace.spots.len()));
        }
    }
    all
}

/// Quads that follow each other share a mesh.
fn draw(painter: &egui::Painter, parts: Vec<(f32, Part)>) {
    let mut mesh = Mesh::default();
    for (_, part) in parts {
        match part {
            Part::Quad(corners, color) => {
                let first = mesh.vertices.len() as u32;
                mesh.vertices.extend(corners.map(|pos| Vertex {
                    pos,
                    uv: WHITE_UV,
                    color,
                }));
                mesh.add_triangle(first, first + 1, first + 2);
                mesh.add_triangle(first, first + 2, first + 3);
            }
            Part::Line(ends, stroke) => {
                painter.add(Shape::mesh(std::mem::take(&mut mesh)));
                painter.line_segment(ends, stroke);
            }
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// The ground with its directions, and the scale of losses.
fn frame(ui: &Ui, surface: &Surface, heights: &Heights, camera: &Camera, rect: Rect) {
    let painter = ui.painter_at(rect);
    let (weak, line) = (
        ui.visuals().weak_text_color(),
        ui.visuals().weak_text_color().gamma_multiply(0.35),
    );
    let project = |at: [f32; 3]| camera.project(at, rect);
    let stroke = Stroke::new(1.0, line);
    for k in 0..=4 {
        let t = -1.0 + 0.5 * k as f32;
        for ends in [[[t, -1.0, 0.0], [t, 1.0, 0.0]], [[-1.0, t, 0.0], [1.0, t, 0.0]]] {
            painter.line_segment(ends.map(|e| project(e).0), stroke);
        }
    }
    let font = FontId::proportional(12.0);
    let names = match surface.plane {
        Plane::Path => [0, 1].map(|k| {
            let part = 100.0 * surface.explained[k];
            format!("component {} · {part:.0} %", k + 1)
        }),
        Plane::Random { .. } => [1, 2].map(|k| format!("random direction {k}")),
    };
    // Each name beside the edge that is in front.
    let front = |a: [f32; 3], b: [f32; 3]| if project(a).1 > project(b).1 { a } else { b };
    let along_x = front([0.0, -1.22, 0.0], [0.0, 1.22, 0.0]);
    let along_y = front([-1.22, 0.0, 0.0], [1.22, 0.0, 0.0]);
    for (at, name) in [along_x, along_y].into_iter().zip(&names) {
        painter.text(project(at).0, Align2::CENTER_CENTER, name, font.clone(), weak);
    }
    if camera.pitch > 1.4 {
        return;
    }
    // The upright edge that is leftmost on the screen.
    let corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]];
    let left = |c: &[f32; 2]| project([c[0], c[1], 0.0]).0.x;
    let Some([x, y]) = corners.into_iter().min_by(|a, b| left(a).total_cmp(&left(b))) else {
        return;
    };
    painter.line_segment([0.0, 1.0].map(|z| project([x, y, z]).0), Stroke::new(1.0, weak));
    for (height, loss) in heights.marks() {
        let at = project([x, y, height]).0;
        painter.line_segment([at, at - vec2(5.0, 0.0)], Stroke::new(1.0, weak));
        painter.text(
            at - vec2(8.0, 0.0),
            Align2::RIGHT_CENTER,
            value(loss),
            font.clone(),
            weak,
        );
    }
    let top = project([x, y, 1.0]).0;
    painter.text(top - vec2(0.0, 14.0), Align2::CENTER_BOTTOM, "loss", font, weak);
}

/// Names of the paths.
fn legend(ui: &Ui, surface: &Surface, inks: &[Color32], rect: Rect) {
    let painter = ui.painter_at(rect);
    let mut at = rect.left_top() + vec2(10.0, 12.0);
    for (trace, &ink) in surface.traces.iter().zip(inks) {
        painter.line_segment([at, at + vec2(16.0, 0.0)], Stroke::new(3.0, ink));
        let text = at + vec2(22.0, 0.0);
        let font = FontId::proportional(12.0);
        painter.text(
            text,
            Align2::LEFT_CENTER,
            &trace.name,
            font,
            ui.visuals().text_color(),
        );
        at.y += 17.0;
    }
    let told = "drag to turn, wheel to come nearer";
    let font = FontId::proportional(11.0);
    let corner = pos2(rect.right() - 8.0, rect.bottom() - 8.0);
    painter.text(
        corner,
        Align2::RIGHT_BOTTOM,
        told,
        font,
        ui.visuals().weak_text_color(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spike_does_not_flatten_the_rest() {
        let mut losses: Vec<f64> = (1..=100).map(f64::from).collect();
        losses[99] = 1e9;
        losses.push(f64::NAN);
        let heights = Heights::of(&losses, false).unwrap();
        assert_eq!(
            (heights.at(1.0), heights.at(1e9), heights.at(f64::NAN)),
            (0.0, 1.0, 1.0)
        );
        assert!((heights.at(50.0) - 0.5).abs() < 0.05);
        let log = Heights::of(&losses, true).unwrap();
        assert!((log.at(10.0) - 0.5).abs() < 0.01);
        assert!(Heights::of(&[f64::NAN], true).is_none());
    }

    #[test]
    fn from_above_it_is_a_map() {
        let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(200.0, 200.0));
        let at = |p| Camera::above().project(p, rect).0;
        // A higher place stays where it is, but for perspective.
        let (low, high) = (at([0.5, 0.5, 0.3]), at([0.5, 0.5, 0.5]));
        assert!(low.distance(high) < 3.0);
        assert!(at([1.0, 0.0, 0.4]).x > 100.0 && at([0.0, 1.0, 0.4]).y < 100.0);
        // The side that is turned to the eye is nearer.
        let side = Camera::default();
        assert!(side.project([0.0, -1.0, 0.0], rect).1 > side.project([0.0, 1.0, 0.0], rect).1);
    }
}
