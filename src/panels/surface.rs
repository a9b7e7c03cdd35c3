//! The loss around the path that training took, as a surface in space with the paths on it.

mod view;

use egui::{Button, Color32, ComboBox, ProgressBar, RichText, Ui, vec2};
use session::learning::{Lesson, Plane, Surface, Training};
use session::{Command, Session};

use crate::panel::{Panel, Side, View};
use crate::widgets::{empty, grouped, value};

use view::Camera;

/// The panel.
pub const PANEL: Panel = Panel {
    id: "surface",
    title: "Loss surface",
    about: "The loss on a plane through the weights, with the paths that trainings took across it",
    side: Side::Middle,
    open: false,
    show,
};

/// Cells along a side to choose from.
const SIZES: [usize; 4] = [17, 25, 41, 65];

/// What the panel keeps.
struct Memory {
    random: bool,
    seed: u64,
    size: usize,
    camera: Camera,
    log: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            random: false,
            seed: 1,
            size: 25,
            camera: Camera::default(),
            log: true,
        }
    }
}

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    let Some(training) = &session.training else {
        return empty(
            ui,
            "No training is open",
            "Begin one in the panel Train; after some steps its path can be looked around from here.",
        );
    };
    let memory = view.memory.of::<Memory>();
    ui.horizontal(|ui| {
        if let Some(lesson) = ask(ui, training, memory) {
            view.out.push(Command::Learn(lesson));
        }
    });
    let Some(surface) = &training.surface else {
        let told = format!(
            "{} snapshots of the path are kept. Look around takes the loss of up to 256 examples in each cell of a plane through the present weights; training waits meanwhile.",
            training.shown().snapshots.len()
        );
        return empty(ui, "The surface has not been computed yet", &told);
    };
    ui.add(egui::Label::new(RichText::new(words(surface)).weak()).wrap());
    ui.horizontal(|ui| {
        ui.toggle_value(&mut memory.log, "logarithmic");
        if ui.button("From above").clicked() {
            memory.camera = Camera::above();
        }
        if ui.button("From the side").clicked() {
            memory.camera = Camera::default();
        }
    });
    let light = session.state.light;
    let inks: Vec<Color32> = surface
        .traces
        .iter()
        .map(|t| ink(session, &t.name, light))
        .collect();
    view::show(ui, surface, &inks, &mut memory.camera, memory.log);
}

fn ink(session: &Session, name: &str, light: bool) -> Color32 {
    crate::training::color_of(session, name, light)
}

/// What is to be computed.
fn ask(ui: &mut Ui, training: &Training, memory: &mut Memory) -> Option<Lesson> {
    ComboBox::from_id_salt("plane")
        .width(190.0)
        .selected_text(if memory.random { "random directions" } else { "plane of the path" })
        .show_ui(ui, |ui| {
            ui.selectable_value(&mut memory.random, false, "plane of the path")
                .on_hover_text("The two directions in which the weights moved most: principal components of the path");
            ui.selectable_value(&mut memory.random, true, "random directions")
                .on_hover_text("Two random directions, each filter as long as the filter of the weights (Li et al. 2018)");
        });
    if memory.random {
        ui.add(
            egui::DragValue::new(&mut memory.seed)
                .range(0..=9999)
                .prefix("seed "),
        );
    }
    ComboBox::from_id_salt("cells")
        .width(90.0)
        .selected_text(format!("{0} × {0}", memory.size))
        .show_ui(ui, |ui| {
            for size in SIZES {
                ui.selectable_value(&mut memory.size, size, format!("{size} × {size} cells"));
            }
        });
    if training.exploring {
        let (done, all) = training
            .surface
            .as_ref()
            .map_or((0, 1), |s| (s.done, s.losses.len()));
        let bar = ProgressBar::new(done as f32 / all as f32).desired_width(150.0);
        ui.add(bar.text(format!("{} of {}", grouped(done as u64), grouped(all as u64))));
        return ui.button("Stop").clicked().then_some(Lesson::Pause);
    }
    let button = Button::new(RichText::new("Look around").strong()).min_size(vec2(96.0, 24.0));
    let plane = match memory.random {
        true => Plane::Random { seed: memory.seed },
        false => Plane::Path,
    };
    let moved = training.shown().steps[0] > 0 || memory.random;
    let asked = ui
        .add_enabled(training.idle() && moved, button)
        .on_disabled_hover_text("take some steps first")
        .clicked();
    asked.then_some(Lesson::Explore {
        plane,
        size: memory.size,
    })
}

/// What is seen, in a line.
fn words(surface: &Surface) -> String {
    let plane = match surface.plane {
        Plane::Path => {
            let explained = 100.0 * (surface.explained[0] + surface.explained[1]);
            format!("the plane holds {explained:.0} % of the way")
        }
        Plane::Random { seed } => format!("random directions, seed {seed}"),
    };
    let known = surface.losses.iter().copied().filter(|l| l.is_finite());
    let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), l| {
        (a.min(l), b.max(l))
    });
    let losses = match low <= high {
        true => format!("loss {} to {}", value(low), value(high)),
        false => "no finite loss yet".into(),
    };
    format!(
        "around step {}: {plane}; {losses}; mean of {} examples",
        grouped(surface.step),
        surface.examples
    )
}
