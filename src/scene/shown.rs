//! The GPU side of a stage: pipelines, tensors, and what of them is up to date.

use std::sync::Arc;

use glam::Vec2;
use gpu::{Arena, Renderer};
use model::Network;
use session::Session;

use crate::{Display, Stage, Standing, stage};

/// What is drawn, in GPU memory.
pub struct Shown {
    /// Pipelines and instances.
    pub renderer: Renderer,
    arena: Arena,
    display: Display,
    standing: Standing,
    /// What `display` was made of: network, layout, pass, direction.
    made_of: Option<(Arc<Network>, u64, u64, bool)>,
}

impl Shown {
    /// Compiles the pipelines for targets of `format`.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        Shown {
            renderer: Renderer::new(device, format),
            arena: Arena::default(),
            display: Display::default(),
            standing: Standing::default(),
            made_of: None,
        }
    }

    /// Tensors in display memory.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// Brings GPU memory and the instances up to date for a picture of `size` pixels, `scale` of
    /// them to a point. Tensors travel only when the layout, the pass or the direction has changed.
    pub fn fill(
        &mut self,
        session: &Session,
        stage: &Stage,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        (size, scale): (Vec2, f32),
    ) {
        if let Some(document) = &session.document {
            let backward = session.state.backward && document.gradients.is_some();
            let fresh = |(network, placed, passed, back): &(Arc<Network>, u64, u64, bool)| {
                let counts = (*placed, *passed, *back) == (document.placed, document.passed, backward);
                Arc::ptr_eq(network, &document.source) && counts
            };
            if !self.made_of.as_ref().is_some_and(fresh) {
                let trace = stage::trace(session, document);
                let trace = trace.map(|t| (**t).clone()).unwrap_or_default();
                self.display = Display::upload(
                    &document.network,
                    &document.layout,
                    &trace,
                    &mut self.arena,
                    device,
                    queue,
                );
                let source = document.source.clone();
                self.made_of = Some((source, document.placed, document.passed, backward));
            }
        }
        if self.standing.update(session, stage, &self.display) {
            let Standing { boxes, segments, .. } = &self.standing;
            self.renderer
                .set_scene(device, queue, &self.arena, boxes, segments);
        }
        let boxes = stage.boxes(session, &self.display);
        let segments = stage.segments(session);
        self.renderer
            .set_moving(device, queue, &self.arena, &boxes, &segments);
        let view = stage.view(session, size, scale);
        self.renderer.set_view(queue, &view);
    }
}
