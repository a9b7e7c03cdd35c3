//! A pass that never leaves the graphics device, drawn from there.

use std::sync::Arc;

use compute::{Device, Engine, Gpu, wait};
use glam::Vec2;
use gpu::Headless;
use model::Values;
use scene::{Shown, Stage};
use session::{Command, Session, Source};

const SIZE: Vec2 = Vec2::new(640.0, 360.0);

fn draw(headless: &Headless, session: &Session) -> Vec<u8> {
    let mut stage = Stage::default();
    stage.update(session, 0.0, SIZE);
    let mut shown = Shown::new(&headless.device, gpu::headless::FORMAT);
    shown.fill(session, &stage, &headless.device, &headless.queue, (SIZE, 1.0));
    let (width, height) = (SIZE.x as u32, SIZE.y as u32);
    let picture = headless.picture(width, height, wgpu::Color::BLACK, |pass| {
        shown.renderer.draw(pass)
    });
    picture.unwrap()
}

#[test]
fn resident_tensors_draw_as_uploaded_ones_and_nothing_is_read_back() {
    let headless = Headless::new().unwrap();
    let gpu = Gpu::shared(
        headless.instance.clone(),
        headless.adapter.clone(),
        headless.device.clone(),
        headless.queue.clone(),
    );
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    let structure = {
        let mut bare = Session::new();
        bare.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
        bare.wait();
        bare.document.as_mut().unwrap().trace = None;
        draw(&headless, &bare)
    };
    session.compute_on(Device::Gpu(gpu));
    session.wait();
    let before = session.read_back();
    let resident = draw(&headless, &session);
    let trace = session.document.as_ref().unwrap().trace.clone().unwrap();
    // The output's ten scores were asked for; no other tensor came to the host to be drawn.
    assert_eq!(trace.tensors.values().filter(|t| t.host().is_some()).count(), 1);
    assert_eq!(session.read_back(), before);
    let differ = |a: &[u8], b: &[u8]| a.chunks(4).zip(b.chunks(4)).filter(|(a, b)| a != b).count();
    assert!(differ(&structure, &resident) > 2000, "no values are shown");

    let mut uploaded = (*trace).clone();
    let engine = Engine::default();
    for tensor in uploaded.tensors.values_mut() {
        wait(engine.fetch(tensor)).unwrap().unwrap();
        tensor.values = Values::Host(tensor.host().unwrap().clone());
    }
    let document = session.document.as_mut().unwrap();
    document.trace = Some(Arc::new(uploaded));
    document.passed += 1;
    assert_eq!(differ(&resident, &draw(&headless, &session)), 0);
}
