//! Training the open network: what it learns from, how, and hands on the run.

use std::collections::BTreeSet;
use std::path::PathBuf;

use data::Generated;
use egui::{
    Button, ComboBox, DragValue, Label, ProgressBar, RichText, ScrollArea, Slider, TextEdit, Ui, vec2,
};
use layout::Node;
use session::learning::{
    Change, Clip, Data, Lesson, Loss, Moments, Optimizer, Plan, Racer, Reconstruction, Schedule, Training,
    Unit, Warmup,
};
use session::{Command, Session};

use crate::panel::{Ask, Panel, Side, View};
use crate::widgets::{empty, fact, grouped, section, value};

/// The panel.
pub const PANEL: Panel = Panel {
    id: "train",
    title: "Train",
    about: "Train the open network: data, optimizer, schedule, and changes while it runs",
    side: Side::Right,
    open: false,
    show,
};

/// What the form holds.
struct Form {
    plan: Plan,
    data: usize,
    path: String,
    /// Optimizers that race, by their places in the list; none: one training.
    racers: BTreeSet<usize>,
}

impl Default for Form {
    fn default() -> Self {
        Form {
            plan: Plan {
                optimizer: Optimizer::AdamW(Moments::default()),
                batch: 16,
                ..Plan::default()
            },
            data: 0,
            path: String::new(),
            racers: BTreeSet::new(),
        }
    }
}

/// Losses whose mean ranks racers.
const LAST: usize = 20;

/// Data sets by name; the last one is named by a path.
const DATA: [(&str, &str); 6] = [
    ("built-in images", "200 images of Fashion-MNIST, ten classes"),
    ("two moons", "Points in the plane, two classes"),
    ("circles", "A circle in a circle, two classes"),
    ("spirals", "Two arms that wind around each other"),
    ("waves", "Sums of two sine waves; the next value is foretold"),
    (
        "folder or .npz",
        "Fashion-MNIST or CIFAR-10 in a folder, or arrays with `targets`",
    ),
];

fn chosen(form: &Form) -> Data {
    let (count, noise) = (1000, 0.1);
    match form.data {
        1 => Data::Generated(Generated::Moons { count, noise }),
        2 => Data::Generated(Generated::Circles { count, noise: 0.05 }),
        3 => Data::Generated(Generated::Spirals {
            count,
            noise: 0.02,
            classes: 2,
        }),
        4 => Data::Generated(Generated::Sines {
            count,
            noise: 0.05,
            window: 32,
        }),
        5 => Data::Path(PathBuf::from(form.path.trim())),
        _ => Data::Sample,
    }
}

/// Optimizers with their usual constants, and a learning rate that suits them.
fn optimizers() -> [(Optimizer, f64); 7] {
    let momentum = 0.9;
    [
        (Optimizer::Sgd {}, 0.05),
        (
            Optimizer::Momentum {
                momentum,
                dampening: 0.0,
            },
            0.02,
        ),
        (Optimizer::Nesterov { momentum }, 0.02),
        (Optimizer::Adam(Moments::default()), 1e-3),
        (Optimizer::AdamW(Moments::default()), 1e-3),
        (
            Optimizer::RmsProp {
                alpha: 0.99,
                epsilon: 1e-8,
                momentum: 0.0,
                centered: false,
            },
            1e-3,
        ),
        (
            Optimizer::Adagrad {
                lr_decay: 0.0,
                epsilon: 1e-10,
                initial: 0.0,
            },
            0.01,
        ),
    ]
}

fn schedules() -> [Schedule; 5] {
    [
        Schedule::Constant,
        Schedule::Step { every: 5, gamma: 0.3 },
        Schedule::Cosine {
            length: None,
            minimum: 0.0,
        },
        Schedule::OneCycle {
            length: None,
            rise: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            linear: false,
            momentum: None,
        },
        Schedule::Plateau {
            factor: 0.3,
            patience: 3,
            threshold: 1e-4,
            cooldown: 0,
            minimum: 0.0,
        },
    ]
}

fn losses() -> [Loss; 4] {
    [
        Loss::CrossEntropy { smoothing: 0.0 },
        Loss::Mse {},
        Loss::Binary { probabilities: false },
        Loss::Vae {
            reconstruction: Reconstruction::default(),
            beta: 1.0,
            outputs: None,
        },
    ]
}

fn same<T>(a: &T, b: &T) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

fn show(ui: &mut Ui, view: &mut View) {
    let session = view.session;
    if session.document.is_none() {
        return empty(ui, "No network is open", "Open a model to train it.");
    }
    let mut lessons = Vec::new();
    ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| match &session.training {
            Some(training) => running(ui, session, training, &mut lessons, view.asks),
            None => form(ui, view.memory.of::<Form>(), &mut lessons),
        });
    view.out.extend(lessons.into_iter().map(Command::Learn));
}

/// A row of the form: a name, then what is chosen.
fn row(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(92.0, 20.0), egui::Sense::hover());
        let font = egui::TextStyle::Body.resolve(ui.style());
        let color = ui.visuals().weak_text_color();
        ui.painter()
            .text(rect.left_center(), egui::Align2::LEFT_CENTER, name, font, color);
        add(ui);
    });
}

fn rate(ui: &mut Ui, rate: &mut f64) -> egui::Response {
    let speed = (*rate * 0.02).max(1e-7);
    let drag = DragValue::new(rate)
        .range(0.0..=100.0)
        .speed(speed)
        .custom_formatter(|v, _| value(v));
    ui.add(drag).on_hover_text("Drag, or click to type")
}

fn form(ui: &mut Ui, form: &mut Form, lessons: &mut Vec<Lesson>) {
    let plan = &mut form.plan;
    row(ui, "Data", |ui| {
        ComboBox::from_id_salt("data")
            .selected_text(DATA[form.data].0)
            .show_ui(ui, |ui| {
                for (i, (name, about)) in DATA.iter().enumerate() {
                    // A page reads no folders.
                    if i < 5 || cfg!(not(target_arch = "wasm32")) {
                        ui.selectable_value(&mut form.data, i, *name)
                            .on_hover_text(*about);
                    }
                }
            });
    });
    if form.data == 5 {
        row(ui, "", |ui| {
            ui.add(TextEdit::singleline(&mut form.path).hint_text("/path/to/fashion-mnist"));
        });
    } else {
        ui.add(Label::new(RichText::new(DATA[form.data].1).weak()).wrap());
    }
    row(ui, "Loss", |ui| {
        ComboBox::from_id_salt("loss")
            .selected_text(plan.loss.name())
            .show_ui(ui, |ui| {
                for loss in losses() {
                    let on = same(&plan.loss, &loss);
                    if ui.selectable_label(on, loss.name()).clicked() {
                        plan.loss = loss;
                    }
                }
            });
    });
    row(ui, "Optimizer", |ui| {
        if let Some((optimizer, usual)) = optimizer(ui, &plan.optimizer) {
            (plan.optimizer, plan.learning_rate) = (optimizer, usual);
        }
    });
    row(ui, "Learning rate", |ui| {
        rate(ui, &mut plan.learning_rate);
    });
    row(ui, "Schedule", |ui| {
        ComboBox::from_id_salt("schedule")
            .selected_text(plan.schedule.name())
            .show_ui(ui, |ui| {
                for schedule in schedules() {
                    if ui
                        .selectable_label(same(&plan.schedule, &schedule), schedule.name())
                        .clicked()
                    {
                        plan.schedule = schedule;
                        plan.schedule_by = match schedule {
                            Schedule::Step { .. } => Unit::Epoch,
                            _ => Unit::Step,
                        };
                    }
                }
            });
    });
    row(ui, "Warm-up", |ui| {
        let mut steps = plan.warmup.map_or(0, |w| w.steps);
        if ui
            .add(DragValue::new(&mut steps).range(0..=100_000).suffix(" steps"))
            .changed()
        {
            plan.warmup = (steps > 0).then_some(Warmup { steps, start: 0.1 });
        }
    });
    row(ui, "Epochs", |ui| {
        ui.add(DragValue::new(&mut plan.epochs).range(1..=100_000));
    });
    row(ui, "Batch", |ui| {
        ui.add(DragValue::new(&mut plan.batch).range(1..=65_536));
    });
    row(ui, "Weight decay", |ui| {
        rate(ui, &mut plan.weight_decay);
    });
    row(ui, "Clip gradients", |ui| clip(ui, &mut plan.clip));
    row(ui, "Vary pictures", |ui| {
        ui.checkbox(&mut plan.augmentation.flip, "mirror");
        ui.add(
            DragValue::new(&mut plan.augmentation.shift)
                .range(0..=16)
                .prefix("move ")
                .suffix(" px"),
        );
    });
    row(ui, "Seed", |ui| {
        ui.add(DragValue::new(&mut plan.seed).range(0..=u64::MAX / 2));
    });
    ui.add_space(6.0);
    let problem = plan.check().err();
    let ready = problem.is_none() && (form.data != 5 || !form.path.trim().is_empty());
    let button = Button::new(RichText::new("Begin").strong()).min_size(vec2(96.0, 26.0));
    ui.horizontal(|ui| {
        if ui.add_enabled(ready, button).clicked() {
            let plan = Box::new(form.plan.clone());
            lessons.push(Lesson::Begin {
                plan,
                data: chosen(form),
            });
        }
        let racing = form.racers.len() > 1;
        let button = Button::new(format!("Race {}", form.racers.len())).min_size(vec2(72.0, 26.0));
        let race = ui.add_enabled(ready && racing, button);
        if race
            .on_hover_text("The same start under each of the optimizers below, step by step")
            .clicked()
        {
            let list = optimizers();
            let plan = |&i: &usize| Plan {
                optimizer: list[i].0,
                learning_rate: list[i].1,
                ..form.plan.clone()
            };
            lessons.push(Lesson::Race {
                plans: form.racers.iter().map(plan).collect(),
                data: chosen(form),
            });
        }
    });
    section(ui, "Race");
    ui.horizontal_wrapped(|ui| {
        for (i, (optimizer, usual)) in optimizers().iter().enumerate() {
            let mut on = form.racers.contains(&i);
            let told = format!("learning rate {}", value(*usual));
            if ui
                .toggle_value(&mut on, optimizer.name())
                .on_hover_text(told)
                .changed()
            {
                match on {
                    true => form.racers.insert(i),
                    false => form.racers.remove(&i),
                };
            }
        }
    });
    if let Some(problem) = problem {
        ui.colored_label(ui.visuals().error_fg_color, problem);
    }
}

/// Another optimizer, with the learning rate that suits it.
fn optimizer(ui: &mut Ui, now: &Optimizer) -> Option<(Optimizer, f64)> {
    let mut picked = None;
    ComboBox::from_id_salt("optimizer")
        .selected_text(now.name())
        .show_ui(ui, |ui| {
            for (optimizer, usual) in optimizers() {
                if ui
                    .selectable_label(same(now, &optimizer), optimizer.name())
                    .clicked()
                {
                    picked = Some((optimizer, usual));
                }
            }
        });
    picked
}

fn clip(ui: &mut Ui, clip: &mut Clip) {
    let mut on = *clip != Clip::None;
    if ui.checkbox(&mut on, "norm").changed() {
        *clip = if on { Clip::Norm(1.0) } else { Clip::None };
    }
    if let Clip::Norm(most) = clip {
        ui.add(DragValue::new(most).range(1e-6..=1e6).speed(0.02));
    }
}

/// Progress, and hands on the run.
fn running(
    ui: &mut Ui,
    session: &Session,
    training: &Training,
    lessons: &mut Vec<Lesson>,
    asks: &mut Vec<Ask>,
) {
    let racer = training.shown();
    let [step, all] = racer.steps;
    let share = step as f32 / all.max(1) as f32;
    let text = format!("step {} of {}", grouped(step), grouped(all));
    ui.add(ProgressBar::new(share).text(text));
    ui.horizontal(|ui| {
        let button = |text: &str| Button::new(text).min_size(vec2(64.0, 24.0));
        match training.playing {
            true if ui.add(button("⏸ Pause")).clicked() => lessons.push(Lesson::Pause),
            false if ui.add_enabled(!training.done(), button("▶ Go on")).clicked() => {
                lessons.push(Lesson::Go)
            }
            _ => (),
        }
        if ui
            .add_enabled(!training.done() && training.idle(), button("⏭ One step"))
            .clicked()
        {
            lessons.push(Lesson::Step);
        }
        let end = ui
            .add(button("■ End"))
            .on_hover_text("The network keeps what it has learned");
        if end.clicked() {
            lessons.push(Lesson::End);
        }
    });
    if ui
        .button("Loss surface")
        .on_hover_text("The loss around the path that training took")
        .clicked()
    {
        asks.push(Ask::Show(crate::surface::PANEL.id));
    }
    if training.racers.len() > 1 {
        race(ui, session, training, lessons);
    }
    if let Some(problem) = &racer.problem {
        ui.add(Label::new(RichText::new(problem).color(ui.visuals().error_fg_color)).wrap());
    }
    fact(
        ui,
        "Loss",
        if racer.loss.is_nan() {
            "—".into()
        } else {
            value(racer.loss)
        },
    );
    fact(ui, "Epoch", format!("{} of {}", racer.epoch, racer.plan.epochs));
    fact(ui, "Step takes", session::words::si(racer.seconds, "s"));
    section(ui, "Change while it runs");
    ui.add(Label::new(RichText::new("Each change is marked on the charts").weak()).wrap());
    row(ui, "Learning rate", |ui| {
        let mut now = racer.rate;
        let id = ui.id().with("new rate");
        // Sent once the pointer lets go, so that a drag is one intervention.
        if let Some(kept) = ui.data(|d| d.get_temp::<f64>(id)) {
            now = kept;
        }
        let response = rate(ui, &mut now);
        if response.changed() {
            ui.data_mut(|d| d.insert_temp(id, now));
        }
        if response.drag_stopped() || response.lost_focus() {
            if ui
                .data(|d| d.get_temp::<f64>(id))
                .is_some_and(|kept| kept != racer.rate)
            {
                lessons.push(Lesson::Change(Change::LearningRate(now)));
            }
            ui.data_mut(|d| d.remove_temp::<f64>(id));
        }
        for (text, factor) in [("÷ 10", 0.1), ("× 10", 10.0)] {
            if ui.small_button(text).clicked() {
                lessons.push(Lesson::Change(Change::LearningRate(racer.rate * factor)));
            }
        }
    });
    row(ui, "Optimizer", |ui| {
        if let Some((next, _)) = optimizer(ui, &racer.plan.optimizer) {
            lessons.push(Lesson::Change(Change::Optimizer(next)));
        }
    });
    row(ui, "Batch", |ui| {
        for (text, batch) in [("half", racer.plan.batch / 2), ("double", racer.plan.batch * 2)] {
            if ui.add_enabled(batch > 0, Button::new(text).small()).clicked() {
                lessons.push(Lesson::Change(Change::Batch(batch)));
            }
        }
        ui.label(racer.plan.batch.to_string());
    });
    let selected = match (&session.document, session.state.selection) {
        (Some(document), Some(Node::Layer(layer))) => Some(document.network.layer(layer).name.clone()),
        _ => None,
    };
    row(ui, "Selected layer", |ui| match selected {
        Some(name) => {
            let frozen = racer.plan.frozen.contains(&name);
            let (text, change) = match frozen {
                false => ("Freeze", Change::Freeze(name.clone())),
                true => ("Let it learn", Change::Unfreeze(name.clone())),
            };
            if ui.button(text).on_hover_text(&name).clicked() {
                lessons.push(Lesson::Change(change));
            }
        }
        None => {
            ui.label(RichText::new("select one to freeze it").weak());
        }
    });
    snapshots(ui, training, lessons);
}

/// The trainings of a race, the best loss first; a click shows one in the scene.
fn race(ui: &mut Ui, session: &Session, training: &Training, lessons: &mut Vec<Lesson>) {
    section(ui, "Race");
    let light = session.state.light;
    let mut order: Vec<usize> = (0..training.racers.len()).collect();
    let loss = |i: usize| smooth_loss(session, &training.racers[i]);
    order.sort_by(|&a, &b| loss(a).total_cmp(&loss(b)));
    let worst = order
        .iter()
        .map(|&i| loss(i))
        .filter(|l| l.is_finite())
        .fold(0.0, f64::max);
    for i in order {
        let racer = &training.racers[i];
        let name = racer.name.rsplit('/').next().unwrap_or(&racer.name);
        let (text, share) = match loss(i) {
            _ if racer.problem.is_some() => ("stopped".to_string(), 0.0),
            l if l.is_finite() => (value(l), (l / worst.max(1e-12)) as f32),
            _ => ("—".to_string(), 0.0),
        };
        let response = crate::widgets::bar(ui, name, &text, share, i == training.place());
        let rect = response.rect;
        let ink = crate::training::color_of(session, &racer.name, light);
        let stripe = egui::Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
        ui.painter().rect_filled(stripe, 1.0, ink);
        let told = format!(
            "{}: mean loss of the last steps. A click shows its weights in the scene",
            racer.name
        );
        if response.on_hover_text(told).clicked() {
            lessons.push(Lesson::Show(i));
        }
    }
}

/// The mean of the last losses of a training: one batch tells little.
fn smooth_loss(session: &Session, racer: &Racer) -> f64 {
    let run = session.histories.as_ref().and_then(|h| h.run(&racer.name));
    let series = run.and_then(|r| r.series.get("loss/train"));
    let Some(series) = series.filter(|s| !s.is_empty()) else {
        return f64::NAN;
    };
    let count = series.len().min(LAST);
    let last = series.points().skip(series.len() - count);
    last.map(|p| p.value).sum::<f64>() / count as f64
}

/// States that can be gone back to.
fn snapshots(ui: &mut Ui, training: &Training, lessons: &mut Vec<Lesson>) {
    let steps: Vec<u64> = training.shown().snapshots.keys().copied().collect();
    if steps.len() < 2 {
        return;
    }
    section(ui, "Go back");
    let id = ui.id().with("snapshot");
    let last = steps.len() - 1;
    let mut at = ui.data(|d| d.get_temp::<usize>(id)).unwrap_or(last).min(last);
    ui.horizontal(|ui| {
        ui.spacing_mut().slider_width = (ui.available_width() - 120.0).max(60.0);
        if ui.add(Slider::new(&mut at, 0..=last).show_value(false)).changed() {
            ui.data_mut(|d| d.insert_temp(id, at));
        }
        let button = ui.add_enabled(
            training.idle(),
            Button::new(format!("to step {}", grouped(steps[at]))),
        );
        if button
            .on_hover_text("Weights and optimizer as they were; what was recorded since stays, faint")
            .clicked()
        {
            lessons.push(Lesson::Back(steps[at]));
        }
    });
}
