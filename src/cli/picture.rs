//! `layerscope render`: one picture of a network, without a window.

use std::path::Path;
use std::sync::Arc;

use glam::{Vec2, Vec3};
use gpu::{Arena, Headless, Renderer};
use layout::{Layout, LayoutRequest};
use model::{Bindings, Network, TensorSpec, Trace};
use scene::{Camera, Display, Look, Theme};

use crate::Failure;

/// How the picture is made.
pub struct Options {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// How far the flow has come, seconds.
    pub at: Option<f32>,
    /// Scopes are drawn as single volumes.
    pub collapsed: bool,
    /// Light colours.
    pub light: bool,
    /// Sizes for symbols.
    pub bindings: Vec<(String, u64)>,
}

/// Pixels drawn for each pixel of the picture, along each side.
const SUPERSAMPLING: u32 = 2;

/// Columns that the flow passes in a second.
const COLUMNS_A_SECOND: f32 = 8.0;

/// Draws `file` to `out`, after a pass over `inputs` where given.
pub fn render(file: &Path, out: &Path, inputs: Option<&Path>, options: &Options) -> Result<(), Failure> {
    if !out.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        return Err(Failure::Other(format!(
            "{}: a name ending in .png is expected",
            out.display()
        )));
    }
    let mut network = formats::open(file)?;
    let mut bindings = model::cost::default_bindings(&network);
    bindings.extend(options.bindings.iter().cloned());
    let trace = match inputs {
        None => Trace::default(),
        Some(inputs) => {
            let shared = Arc::new(network);
            let given = crate::run::read_inputs(&shared, inputs)?;
            let trace = compute::run_cpu(&shared, &given.arrays, &compute::RunOptions::default())?;
            network = Arc::unwrap_or_clone(shared);
            concrete(&mut network, &trace);
            trace
        }
    };
    let mut request = LayoutRequest {
        bindings: bindings.clone(),
        hide_trivial: true,
        fold: true,
        ..LayoutRequest::default()
    };
    if options.collapsed {
        request.collapsed = network
            .scopes
            .get(model::ScopeTree::ROOT)
            .children
            .iter()
            .copied()
            .collect();
    }
    let layout = layout::layout(&network, &request);
    let theme = if options.light { Theme::Light } else { Theme::Dark };
    let look = Look {
        playhead: options.at.map(|t| t * COLUMNS_A_SECOND),
        theme,
        ..Look::default()
    };
    let pixels = draw(&network, &bindings, &layout, &trace, &look, options)?;
    image::save_buffer(
        out,
        &pixels,
        options.size.0,
        options.size.1,
        image::ColorType::Rgba8,
    )
    .map_err(|e| Failure::Other(format!("{}: {e}", out.display())))
}

/// Replaces symbolic sizes by those of a pass.
fn concrete(network: &mut Network, trace: &Trace) {
    for (id, tensor) in &trace.tensors {
        let spec = &mut network.tensors[id.0 as usize].spec;
        let roles: Vec<_> = spec.axes.iter().flatten().map(|a| a.role).collect();
        let shape: Vec<u64> = tensor.shape.iter().map(|&d| d as u64).collect();
        *spec = TensorSpec::fixed(tensor.dtype, &shape);
        if let Some(axes) = spec.axes.as_mut().filter(|a| a.len() == roles.len()) {
            axes.iter_mut()
                .zip(roles)
                .for_each(|(axis, role)| axis.role = role);
        }
    }
}

fn draw(
    network: &Network,
    bindings: &Bindings,
    layout: &Layout,
    trace: &Trace,
    look: &Look,
    options: &Options,
) -> Result<Vec<u8>, Failure> {
    let (width, height) = (options.size.0 * SUPERSAMPLING, options.size.1 * SUPERSAMPLING);
    let size = Vec2::new(width as f32, height as f32);
    let headless = Headless::new()?;
    let (device, queue) = (&headless.device, &headless.queue);
    let mut arena = Arena::default();
    let display = Display::upload(network, layout, trace, &mut arena, device, queue);
    let mut renderer = Renderer::new(device, gpu::headless::FORMAT);
    let boxes = scene::compose::boxes(layout, &display, look);
    renderer.set_scene(
        device,
        queue,
        &arena,
        &boxes,
        &scene::compose::ribbons(layout, look),
    );
    let (min, max) = layout.bounds;
    // Room below for the names.
    let camera = Camera::overview((min - Vec3::Y * 0.6, max), size);
    let view = scene::view(
        &camera,
        size,
        options.at.unwrap_or(0.0),
        look.theme,
        (max - min).length(),
    );
    renderer.set_view(queue, &view);
    let mut text = Text::new(&headless, SUPERSAMPLING as f32);
    let jobs = text.paint(&headless, size, |painter| {
        overlay(
            painter,
            network,
            bindings,
            layout,
            &camera,
            trace,
            look.theme,
            size / SUPERSAMPLING as f32,
        );
    });
    let [r, g, b] = look.theme.background().map(f64::from);
    let large = headless.picture(width, height, wgpu::Color { r, g, b, a: 1.0 }, |pass| {
        renderer.draw(pass);
        text.draw(pass, &jobs, size);
    })?;
    let large = image::RgbaImage::from_raw(width, height, large)
        .ok_or_else(|| Failure::Other("the picture has the wrong size".into()))?;
    let small = image::imageops::resize(
        &large,
        options.size.0,
        options.size.1,
        image::imageops::FilterType::Triangle,
    );
    Ok(small.into_raw())
}

/// Names, title and legend, in points.
#[allow(clippy::too_many_arguments)]
fn overlay(
    painter: &egui::Painter,
    network: &Network,
    bindings: &Bindings,
    layout: &Layout,
    camera: &Camera,
    trace: &Trace,
    theme: Theme,
    size: Vec2,
) {
    use egui::{Align2, Color32, FontId, pos2};
    let [strong, faint] = theme.text().map(|[r, g, b]| Color32::from_rgb(r, g, b));
    let measure = |text: &str, size: f32| {
        painter
            .layout_no_wrap(text.into(), FontId::proportional(size), strong)
            .size()
            .x
    };
    let detail = |volume: &layout::Volume| shape(network, bindings, volume);
    for label in scene::labels(layout, camera, size, 1.0, None, measure, detail) {
        let at = pos2(label.at.x, label.at.y);
        painter.text(
            at,
            Align2::CENTER_BOTTOM,
            &label.text,
            FontId::proportional(label.size),
            strong,
        );
        painter.text(
            at,
            Align2::CENTER_TOP,
            &label.detail,
            FontId::proportional(label.size * 0.85),
            faint,
        );
    }
    let title = if network.name.is_empty() {
        "network"
    } else {
        &network.name
    };
    painter.text(
        pos2(20.0, 16.0),
        Align2::LEFT_TOP,
        title,
        FontId::proportional(22.0),
        strong,
    );
    let cost = model::cost::cost(network, bindings);
    let large = |n: u64| match n {
        1_000_000_000.. => format!("{:.2} G", n as f64 / 1e9),
        1_000_000.. => format!("{:.2} M", n as f64 / 1e6),
        1_000.. => format!("{:.1} k", n as f64 / 1e3),
        _ => n.to_string(),
    };
    let mut facts = format!(
        "{} layers · {}parameters",
        network.main().layers.len(),
        large(cost.total.parameters) + " "
    );
    if cost.unknown.is_empty() {
        facts += &format!(" · {} MACs", cost.total.macs.map_or("?".into(), large));
    }
    painter.text(
        pos2(20.0, 44.0),
        Align2::LEFT_TOP,
        facts,
        FontId::proportional(13.0),
        faint,
    );
    if trace.tensors.is_empty() {
        return;
    }
    let foot = pos2(20.0, size.y - 20.0);
    let legend =
        "each layer in its own range: dark is low, yellow is high; blue is negative, orange positive";
    painter.text(
        foot,
        Align2::LEFT_BOTTOM,
        legend,
        FontId::proportional(12.0),
        faint,
    );
}

/// `64 × 56 × 56`, without the batch.
fn shape(network: &Network, bindings: &Bindings, volume: &layout::Volume) -> String {
    let Some(dims) = volume.tensor.and_then(|t| network.tensor(t).spec.dims()) else {
        return String::new();
    };
    let sizes = dims
        .iter()
        .map(|d| d.eval(bindings).map_or_else(|| d.to_string(), |n| n.to_string()));
    let skip = usize::from(dims.len() > 1);
    sizes.skip(skip).collect::<Vec<_>>().join(" × ")
}

/// egui's painter without a window.
struct Text {
    context: egui::Context,
    renderer: egui_wgpu::Renderer,
    scale: f32,
}

impl Text {
    fn new(headless: &Headless, scale: f32) -> Self {
        let options = egui_wgpu::RendererOptions {
            depth_stencil_format: Some(gpu::renderer::DEPTH),
            ..Default::default()
        };
        let renderer = egui_wgpu::Renderer::new(&headless.device, gpu::headless::FORMAT, options);
        Text {
            context: egui::Context::default(),
            renderer,
            scale,
        }
    }

    fn screen(&self, size: Vec2) -> egui_wgpu::ScreenDescriptor {
        egui_wgpu::ScreenDescriptor {
            size_in_pixels: [size.x as u32, size.y as u32],
            pixels_per_point: self.scale,
        }
    }

    fn paint(
        &mut self,
        headless: &Headless,
        size: Vec2,
        draw: impl Fn(&egui::Painter),
    ) -> Vec<egui::ClippedPrimitive> {
        self.context.set_pixels_per_point(self.scale);
        let rect = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size.x, size.y) / self.scale);
        let input = || egui::RawInput {
            screen_rect: Some(rect),
            ..Default::default()
        };
        // The first pass loads the fonts at the new scale.
        let _ = self.context.run_ui(input(), |_| ());
        let output = self.context.run_ui(input(), |ui| {
            draw(&ui.ctx().layer_painter(egui::LayerId::background()));
        });
        for (id, delta) in &output.textures_delta.set {
            self.renderer
                .update_texture(&headless.device, &headless.queue, *id, delta);
        }
        let jobs = self.context.tessellate(output.shapes, output.pixels_per_point);
        let mut encoder = headless.device.create_command_encoder(&Default::default());
        let extra = self.renderer.update_buffers(
            &headless.device,
            &headless.queue,
            &mut encoder,
            &jobs,
            &self.screen(size),
        );
        headless.queue.submit(extra.into_iter().chain([encoder.finish()]));
        jobs
    }

    fn draw(&self, pass: &mut wgpu::RenderPass<'static>, jobs: &[egui::ClippedPrimitive], size: Vec2) {
        self.renderer.render(pass, jobs, &self.screen(size));
    }
}
