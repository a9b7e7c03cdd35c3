//! What a frame of the dashboard costs on the processor, from the panel's first line to triangles:
//! `cargo bench -p panels --bench dashboard` (or with `--profile dev`, which is what tests run).
//!
//! Charts of 1 M and 10 M points while the pointer moves and while they are zoomed, and the table of a
//! thousand runs while it is scrolled, filtered and sorted.

use std::sync::Arc;
use std::time::Instant;

use egui::{Context, Event, Modifiers, MouseWheelUnit, RawInput, Rect, TouchPhase, Vec2, pos2, vec2};
use model::run::Setting;
use model::{Point, Record, Run};
use panels::{Memory, Panel, View};
use session::{Board, Command, Histories, Session};

const SIZE: Vec2 = vec2(1280.0, 720.0);

/// A panel alone in a window.
struct Window {
    context: Context,
    session: Session,
    memory: Memory,
    panel: &'static Panel,
    time: f64,
}

impl Window {
    fn new(session: Session, id: &str) -> Self {
        let panel = panels::panel_of(id).expect("its name is right");
        let mut window = Window {
            context: Context::default(),
            session,
            memory: Memory::default(),
            panel,
            time: 0.0,
        };
        // Sizes settle, curves are read.
        (0..5).for_each(|_| _ = window.frame(Vec::new()));
        window
    }

    /// Milliseconds of a frame in which `events` happen.
    fn frame(&mut self, events: Vec<Event>) -> f64 {
        self.time += 1.0 / 60.0;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), SIZE)),
            time: Some(self.time),
            events,
            ..RawInput::default()
        };
        let (mut out, mut asks) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        let full = self.context.run_ui(input, |ui| {
            panels::style::apply(ui.ctx(), false);
            let mut view = View {
                session: &self.session,
                status: &panels::Status::default(),
                memory: &mut self.memory,
                out: &mut out,
                asks: &mut asks,
            };
            (self.panel.show)(ui, &mut view);
        });
        let triangles = self.context.tessellate(full.shapes, full.pixels_per_point);
        let taken = begin.elapsed().as_secs_f64() * 1e3;
        assert!(!triangles.is_empty());
        out.into_iter().for_each(|command| self.session.apply(command));
        taken
    }

    /// Prints the median and the longest of 60 frames.
    fn measure(&mut self, what: &str, mut events: impl FnMut(usize, &mut Session) -> Vec<Event>) {
        let mut times: Vec<f64> = (0..60)
            .map(|i| {
                let events = events(i, &mut self.session);
                self.frame(events)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{what:<60} {:>8.2} ms {:>8.2} ms", times[30], times[59]);
    }
}

fn noise(i: u64) -> f64 {
    let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((z ^ (z >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1u64 << 53) as f64
}

fn scalar(run: &mut Run, tag: &str, step: i64, value: f64) {
    let point = Point {
        step,
        wall: 1.7e9 + 0.01 * step as f64,
        value,
    };
    let tag = tag.into();
    run.take(Record::Scalar { tag, point });
}

fn with(runs: Vec<Run>) -> Session {
    let mut session = Session::new();
    session.histories = Some(Histories::new("logs", runs.into_iter().map(Arc::new).collect()));
    session
}

fn pointer(i: usize) -> Event {
    Event::PointerMoved(pos2(200.0 + 3.0 * i as f32, 260.0))
}

fn wheel(by: f32, modifiers: Modifiers) -> Event {
    Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, by),
        phase: TouchPhase::Move,
        modifiers,
    }
}

fn main() {
    println!("{:<60} {:>11} {:>11}", "a frame", "median", "longest");
    for millions in [1, 10] {
        let mut run = Run::new("long");
        for i in 0..millions * 1_000_000 {
            let value = 2.0 * (-(i as f64) / 2e5).exp() + 0.3 * noise(i);
            scalar(&mut run, "loss", i as i64, value);
        }
        let mut session = with(vec![run]);
        let board = Board {
            width: 1200.0,
            height: 600.0,
            ..Board::clone(&session.state.board)
        };
        session.apply(Command::Board(board.into()));
        let mut window = Window::new(session, "training");
        let name = format!("one chart of {millions} M points");
        window.measure(&format!("{name}, the pointer moves"), |i, _| vec![pointer(i)]);
        window.measure(&format!("{name}, zoomed in and out"), |i, _| {
            let by = if i < 30 { 20.0 } else { -20.0 };
            vec![pointer(0), wheel(by, Modifiers::COMMAND)]
        });
    }
    let runs = (0..1000u64).map(|r| {
        let mut run = Run::new(format!("sweep/{r:04}"));
        for (name, value) in [
            ("lr", Setting::Number(10f64.powf(-4.0 + 3.0 * noise(r)))),
            ("optimizer", Setting::Text(["sgd", "adam"][r as usize % 2].into())),
            ("seed", Setting::Number((r % 5) as f64)),
        ] {
            let name = name.into();
            run.take(Record::Hyperparameter { name, value });
        }
        for step in 0..1000u64 {
            for tag in ["loss/train", "loss/validation", "accuracy/validation"] {
                let value = (-(step as f64) / 300.0).exp() + 0.1 * noise(r * 1000 + step);
                scalar(&mut run, tag, step as i64, value);
            }
        }
        run
    });
    let session = with(runs.collect());
    let mut window = Window::new(session, "runs");
    let name = "table of 1,000 runs of 3,000 points";
    window.measure(&format!("{name}, the pointer moves"), |i, _| vec![pointer(i)]);
    window.measure(&format!("{name}, scrolled"), |_, _| {
        vec![pointer(0), wheel(-50.0, Modifiers::NONE)]
    });
    window.measure(&format!("{name}, another filter each frame"), |i, session| {
        let board = Board {
            filter: format!(
                "lr < 0.0{} and optimizer == \"adam\" and min(loss/validation) < 0.3",
                i + 10
            ),
            ..Board::clone(&session.state.board)
        };
        session.apply(Command::Board(board.into()));
        vec![pointer(0)]
    });
    let session = window.session;
    let mut window = Window::new(session, "training");
    window.measure("charts of these 1,000 runs, the pointer moves", |i, _| {
        vec![pointer(i)]
    });
}
