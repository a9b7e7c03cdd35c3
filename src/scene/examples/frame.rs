//! What a frame of a large network costs on the processor, part by part:
//! `cargo run --release -p scene --example frame -- MODEL`.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use egui::{Pos2, Rect, pos2, vec2};
use glam::Vec2;
use scene::{Camera, Display, Stage, Standing, overlay};
use session::{Command, Session, Source};

const SIZE: Vec2 = Vec2::new(1280.0, 720.0);
/// Frames that are averaged.
const FRAMES: u32 = 10;

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
    let first = || stage.update(session, 0.0, SIZE);
    timed("  first frame of the stage", 1, first);
    // Until the camera stands.
    for _ in 0..60 {
        stage.update(session, 0.1, SIZE);
    }
    let display = Display::default();
    timed("  boxes and ribbons, made anew", FRAMES, || {
        black_box(Standing::default()).update(session, &stage, &display);
    });
    let mut frame = Frame {
        standing: Standing::default(),
        display,
        context: egui::Context::default(),
    };
    frame.draw(session, &mut stage);
    let home = stage.rig.camera;
    let last = |v: &layout::Volume| v.rank == layout.columns() / 2;
    let target = layout
        .volumes
        .iter()
        .find(|v| last(v))
        .map_or(home.target, |v| v.center);
    println!("  a frame: session and stage, boxes and ribbons, pointer, text; all of it");
    for (name, share) in [("all of it", 1.0), ("a tenth", 0.1), ("near", 0.0)] {
        let close = 12.0 + (home.distance - 12.0) * share;
        for moves in [false, true] {
            let mut spent = [0.0; 4];
            for step in 0..=FRAMES {
                let at = if moves { step as f32 } else { 0.0 };
                stage.rig.hold(Camera {
                    yaw: home.yaw + 0.01 * at,
                    distance: close * 1.02f32.powf(at),
                    target: if share < 1.0 { target } else { home.target },
                    ..home
                });
                let parts = frame.draw(session, &mut stage);
                // The first one lays words out that egui then knows.
                if step > 0 {
                    spent = std::array::from_fn(|i| spent[i] + parts[i] / f64::from(FRAMES));
                }
            }
            let [stage, instances, pointer, text] = spent;
            let all: f64 = spent.iter().sum();
            let camera = if moves { "moving" } else { "still" };
            println!(
                "  {name:9} {camera:6} {stage:5.1} {instances:5.1} {pointer:5.1} {text:5.1} ms; {all:5.1} ms"
            );
        }
    }
}

/// What a window keeps from frame to frame.
struct Frame {
    standing: Standing,
    display: Display,
    context: egui::Context,
}

impl Frame {
    /// Milliseconds of each part.
    fn draw(&mut self, session: &mut Session, stage: &mut Stage) -> [f64; 4] {
        let rect = Rect::from_min_size(Pos2::ZERO, vec2(SIZE.x, SIZE.y));
        let input = egui::RawInput {
            screen_rect: Some(rect),
            ..Default::default()
        };
        let mut last = Instant::now();
        let mut lap = || {
            let now = Instant::now();
            1e3 * now
                .duration_since(std::mem::replace(&mut last, now))
                .as_secs_f64()
        };
        session.update(0.0);
        stage.update(session, 1e-3, SIZE);
        let follow = lap();
        self.standing.update(session, stage, &self.display);
        black_box(stage.boxes(session, &self.display));
        black_box(stage.segments(session));
        black_box(stage.view(session, SIZE, 1.0));
        let instances = lap();
        stage.point(session, Some(SIZE / 2.0), SIZE);
        let pointer = lap();
        black_box(self.context.run_ui(input, |ui| {
            let painter = ui.ctx().layer_painter(egui::LayerId::background());
            overlay::draw(&painter, rect, session, stage, Some(pos2(640.0, 360.0)));
        }));
        [follow, instances, pointer, lap()]
    }
}

fn timed(what: &str, times: u32, mut run: impl FnMut()) {
    let started = Instant::now();
    (0..times).for_each(|_| run());
    println!(
        "{what}: {:.1} ms",
        started.elapsed().as_secs_f64() * 1e3 / f64::from(times)
    );
}
