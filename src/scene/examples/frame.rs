//! What a frame of a large network costs on the processor, part by part:
//! `cargo run --release -p scene --example frame -- MODEL`.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use egui::{Pos2, Rect, pos2, vec2};
use glam::Vec2;
use scene::{Stage, overlay};
use session::{Command, Session, Source};

const SIZE: Vec2 = Vec2::new(1280.0, 720.0);
/// Frames that are averaged.
const FRAMES: u32 = 5;

fn main() {
    let Some(file) = std::env::args().nth(1) else {
        println!("a model file is expected");
        return;
    };
    let mut session = Session::new();
    timed("open, inferred, scopes, first layout", 1, || {
        session.apply(Command::Open(Source::File(PathBuf::from(&file))));
        session.wait();
    });
    measure("as it opens", &mut session);
    timed("layout of everything", 1, || session.apply(Command::ExpandAll));
    measure("everything expanded", &mut session);
}

fn measure(what: &str, session: &mut Session) {
    let Some(layout) = session.layout().cloned() else {
        println!("nothing is open: {:?}", session.log);
        return;
    };
    let (volumes, links, frames) = (layout.volumes.len(), layout.links.len(), layout.frames.len());
    println!("{what}: {volumes} volumes, {links} links, {frames} frames");
    let mut stage = Stage::default();
    stage.update(session, 0.0, SIZE);
    // Until the camera stands.
    for _ in 0..60 {
        stage.update(session, 0.1, SIZE);
    }
    timed("  session and stage", FRAMES, || {
        session.update(0.0);
        stage.update(session, 1e-3, SIZE);
    });
    timed("  boxes", FRAMES, || {
        black_box(stage.boxes(session, &Default::default()));
    });
    timed("  links and frames", FRAMES, || {
        black_box(stage.segments(session));
    });
    timed("  what the pointer touches", FRAMES, || {
        stage.point(session, Some(SIZE / 2.0), SIZE);
    });
    let context = egui::Context::default();
    let rect = Rect::from_min_size(Pos2::ZERO, vec2(SIZE.x, SIZE.y));
    let input = egui::RawInput {
        screen_rect: Some(rect),
        ..Default::default()
    };
    let frame = || {
        black_box(context.run_ui(input.clone(), |ui| {
            let painter = ui.ctx().layer_painter(egui::LayerId::background());
            overlay::draw(&painter, rect, session, &stage, Some(pos2(640.0, 360.0)));
        }));
    };
    frame();
    timed("  text", FRAMES, frame);
}

fn timed(what: &str, times: u32, mut run: impl FnMut()) {
    let started = Instant::now();
    (0..times).for_each(|_| run());
    println!(
        "{what}: {:.1} ms",
        started.elapsed().as_secs_f64() * 1e3 / f64::from(times)
    );
}
