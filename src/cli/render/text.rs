//! egui's painter without a window.

use glam::Vec2;
use gpu::Headless;

/// Draws text over a picture.
pub struct Text {
    context: egui::Context,
    renderer: egui_wgpu::Renderer,
    scale: f32,
}

impl Text {
    /// One point is `scale` pixels.
    pub fn new(headless: &Headless, scale: f32) -> Self {
        let options = egui_wgpu::RendererOptions {
            depth_stencil_format: Some(gpu::renderer::DEPTH),
            ..Default::default()
        };
        let renderer = egui_wgpu::Renderer::new(&headless.device, gpu::headless::FORMAT, options);
        let mut text = Text {
            context: egui::Context::default(),
            renderer,
            scale,
        };
        // The scale takes effect, and the fonts load, in the pass after the first.
        text.context.set_pixels_per_point(scale);
        text.run(headless, egui::RawInput::default(), |_| ());
        text
    }

    fn run(
        &mut self,
        headless: &Headless,
        input: egui::RawInput,
        mut draw: impl FnMut(&egui::Painter),
    ) -> egui::FullOutput {
        let output = self.context.run_ui(input, |ui| {
            draw(&ui.ctx().layer_painter(egui::LayerId::background()));
        });
        for (id, delta) in &output.textures_delta.set {
            self.renderer
                .update_texture(&headless.device, &headless.queue, *id, delta);
        }
        output
    }

    fn screen(&self, size: Vec2) -> egui_wgpu::ScreenDescriptor {
        egui_wgpu::ScreenDescriptor {
            size_in_pixels: [size.x as u32, size.y as u32],
            pixels_per_point: self.scale,
        }
    }

    /// What `draw` paints into a picture of `size` pixels.
    pub fn paint(
        &mut self,
        headless: &Headless,
        size: Vec2,
        draw: impl Fn(&egui::Painter, egui::Rect),
    ) -> Vec<egui::ClippedPrimitive> {
        let rect = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size.x, size.y) / self.scale);
        let input = egui::RawInput {
            screen_rect: Some(rect),
            ..Default::default()
        };
        let output = self.run(headless, input, |painter| draw(painter, rect));
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

    /// Draws what was painted.
    pub fn draw(&self, pass: &mut wgpu::RenderPass<'static>, jobs: &[egui::ClippedPrimitive], size: Vec2) {
        self.renderer.render(pass, jobs, &self.screen(size));
    }
}
