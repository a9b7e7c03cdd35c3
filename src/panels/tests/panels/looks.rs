//! Pictures of the panels. After a wanted change: look at the `.new.png` beside each, then run with
//! `UPDATE_SNAPSHOTS=1`.

use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use panels::{PANELS, Panels, panel_of};
use session::{Ablated, Attend, Command, Session, Source};

use crate::states::{
    Shown, alone, compared, demo, empty, encoder, failed, pictured, residual, settle, trained, vision,
    weather, window,
};

fn options() -> SnapshotOptions {
    // Drivers round edges of glyphs differently.
    SnapshotOptions::new()
        .threshold(1.5_f32)
        .failed_pixel_count_threshold(120_usize)
}

fn take(results: &mut SnapshotResults, harness: &mut Harness<Shown>, name: &str) {
    results.add(harness.try_snapshot_options(name, &options()));
}

/// Without what differs from run to run.
fn still(mut session: Session) -> Session {
    let document = session.document.as_mut();
    if let Some(trace) = document.and_then(|d| d.trace.as_mut()) {
        let trace = std::sync::Arc::make_mut(trace);
        (trace.seconds, trace.device) = (0.0123, "processor".into());
        // As if each layer had been done at its own speed.
        for (layer, time) in &mut trace.times {
            *time = 1e-6 * (3 + 7 * layer.0 % 11) as f64;
        }
    }
    session
}

fn size(id: &str) -> [f32; 2] {
    match id {
        "training" => [900.0, 640.0],
        "sweep" => [900.0, 420.0],
        "surface" => [760.0, 560.0],
        "train" => [310.0, 460.0],
        "runs" => [330.0, 560.0],
        "dynamics" => [820.0, 330.0],
        "timeline" | "log" => [760.0, 120.0],
        "cost" | "attribution" | "features" => [760.0, 270.0],
        "output" => [310.0, 220.0],
        "inspector" => [310.0, 760.0],
        "colors" => [310.0, 360.0],
        "settings" => [310.0, 400.0],
        "compare" => [420.0, 640.0],
        "draw" => [250.0, 330.0],
        _ => [250.0, 420.0],
    }
}

#[test]
fn each_panel_looks_as_it_did() {
    let mut results = SnapshotResults::new();
    let mut session = Some(still(demo()));
    for panel in PANELS {
        let mut harness = alone(session.take().unwrap(), panel, size(panel.id));
        take(&mut results, &mut harness, panel.id);
        session = Some(std::mem::take(&mut harness.state_mut().session));
    }
    let mut harness = alone(still(compared()), panel_of("compare").unwrap(), size("compare"));
    take(&mut results, &mut harness, "compared");
    let mut session = session.unwrap();
    session.roofs = Some(session::Roofs {
        flops: 120e9,
        bandwidth: 20e9,
    });
    let mut harness = alone(session, panel_of("cost").unwrap(), size("cost"));
    take(&mut results, &mut harness, "cost_measured");
    let mut session = std::mem::take(&mut harness.state_mut().session);
    session.apply(Command::Light(true));
    let mut session = Some(session);
    for id in ["outline", "input", "output", "inspector", "cost"] {
        let mut harness = alone(session.take().unwrap(), panel_of(id).unwrap(), size(id));
        take(&mut results, &mut harness, &format!("{id}_light"));
        session = Some(std::mem::take(&mut harness.state_mut().session));
    }
}

#[test]
fn panels_without_anything_to_show() {
    let mut results = SnapshotResults::new();
    for id in [
        "outline",
        "input",
        "output",
        "inspector",
        "log",
        "cost",
        "training",
        "runs",
        "dynamics",
        "sweep",
        "surface",
    ] {
        let mut harness = alone(empty(), panel_of(id).unwrap(), [250.0, 170.0]);
        take(&mut results, &mut harness, &format!("{id}_empty"));
    }
    let mut session = Some(pictured());
    for id in ["input", "draw"] {
        let mut harness = alone(session.take().unwrap(), panel_of(id).unwrap(), size(id));
        take(&mut results, &mut harness, &format!("{id}_picture"));
        session = Some(std::mem::take(&mut harness.state_mut().session));
    }
    let mut session = residual(16);
    session.apply(Command::Select(Some("stage2".into())));
    let mut session = Some(session);
    for id in ["outline", "input", "inspector"] {
        let mut harness = alone(session.take().unwrap(), panel_of(id).unwrap(), size(id));
        take(&mut results, &mut harness, &format!("{id}_structure"));
        session = Some(std::mem::take(&mut harness.state_mut().session));
    }
    let mut harness = alone(failed(), panel_of("log").unwrap(), size("log"));
    take(&mut results, &mut harness, "log_failed");
}

#[test]
fn training_histories() {
    let mut results = SnapshotResults::new();
    let board = |session: &mut Session, change: &dyn Fn(&mut session::Board)| {
        let mut board = session::Board::clone(&session.state.board);
        change(&mut board);
        session.apply(Command::Board(board.into()));
    };
    let mut session = trained();
    let mut next = |session: Session, id: &str, name: &str| {
        let mut harness = alone(session, panel_of(id).unwrap(), size(id));
        take(&mut results, &mut harness, name);
        std::mem::take(&mut harness.state_mut().session)
    };
    session = next(session, "training", "training_runs");
    session = next(session, "runs", "runs_table");
    session = next(session, "dynamics", "dynamics_gradients");
    session = next(session, "sweep", "sweep_runs");
    board(&mut session, &|b| {
        b.chosen = Some("adam/seed1".into());
        b.grouping = session::Grouping::Setting("optimizer".into());
        b.moment = Some(420);
        b.pinned = vec!["loss".into()];
        b.log.insert("loss".into());
        b.sizes.insert("loss".into(), (2, 280.0));
    });
    session.apply(Command::Select(Some("stem/conv".into())));
    session = next(session, "training", "training_chosen");
    session = next(session, "runs", "runs_chosen");
    session = next(session, "dynamics", "dynamics_layer");
    session.apply(Command::Light(true));
    board(&mut session, &|b| {
        b.chosen = None;
        b.band = true;
        b.along = session::Along::Relative;
    });
    session = next(session, "training", "training_light_mean");
    board(&mut session, &|b| b.search = "no such metric".into());
    next(session, "training", "training_nothing_fits");
    let mut harness = window(still(trained()), Panels::default());
    take(&mut results, &mut harness, "window_training");
}

#[test]
fn a_training_in_the_window() {
    use session::learning::{Data, Lesson, Plan};
    let mut results = SnapshotResults::new();
    let mut session = demo();
    let plan = Plan {
        steps: Some(40),
        batch: 20,
        ..Plan::default()
    };
    let begin = Lesson::Begin {
        plan: Box::new(plan),
        data: Data::Sample,
    };
    for lesson in [begin, Lesson::Pause, Lesson::Step, Lesson::Step] {
        session.apply(Command::Learn(lesson));
        session.wait();
    }
    // Time differs from run to run.
    if let Some(training) = &mut session.training {
        training.racers[0].seconds = 0.0123;
    }
    let mut harness = alone(session, panel_of("train").unwrap(), size("train"));
    take(&mut results, &mut harness, "train_running");
}

#[test]
fn a_race_and_the_loss_around_it() {
    use session::learning::{Cadence, Data, Lesson, Moments, Optimizer, Plan, Plane};
    let mut results = SnapshotResults::new();
    let mut session = demo();
    let plan = |optimizer, learning_rate| Plan {
        // Few, so that rounding of another processor changes no digit.
        steps: Some(12),
        statistics: Cadence::Steps(1),
        batch: 20,
        seed: 4,
        optimizer,
        learning_rate,
        ..Plan::default()
    };
    let plans = vec![
        plan(Optimizer::Sgd {}, 0.3),
        plan(Optimizer::Adam(Moments::default()), 0.01),
        plan(Optimizer::Nesterov { momentum: 0.9 }, 0.05),
    ];
    let data = Data::Sample;
    session.apply(Command::Learn(Lesson::Race { plans, data }));
    session.wait();
    while session.training.as_ref().is_some_and(|t| t.playing) {
        session.update(0.01);
        session.wait();
    }
    let look = Lesson::Explore {
        plane: Plane::Path,
        size: 17,
    };
    session.apply(Command::Learn(look));
    session.wait();
    while session.training.as_ref().is_some_and(|t| t.exploring) {
        session.update(0.01);
        session.wait();
    }
    // Time differs from run to run.
    if let Some(training) = &mut session.training {
        training.racers.iter_mut().for_each(|r| r.seconds = 0.0123);
    }
    session.apply(Command::Select(Some("stem/conv".into())));
    for (id, name) in [
        ("train", "train_race"),
        ("surface", "surface_race"),
        ("dynamics", "dynamics_units"),
    ] {
        let mut harness = alone(session, panel_of(id).unwrap(), size(id));
        take(&mut results, &mut harness, name);
        session = std::mem::take(&mut harness.state_mut().session);
    }
}

#[test]
fn text_and_its_tokens() {
    let mut results = SnapshotResults::new();
    let panel = || panel_of("input").unwrap();
    let cases: [(&str, bool, &[&str]); 4] = [
        ("input_text", true, &["The cats sat on the mat."]),
        (
            "input_texts",
            true,
            &["The cats sat on the mat.", "He ran, walking a dog."],
        ),
        ("input_text_ready", true, &[]),
        ("input_text_missing", false, &[]),
    ];
    for (name, vocabulary, texts) in cases {
        let mut harness = alone(encoder(vocabulary, texts), panel(), [250.0, 260.0]);
        take(&mut results, &mut harness, name);
    }
}

#[test]
fn attention_of_heads() {
    let mut results = SnapshotResults::new();
    let panel = || panel_of("attention").unwrap();
    let size = [1000.0, 420.0];
    for (name, session) in [
        ("attention_empty", empty()),
        ("attention_none", demo()),
        ("attention_waiting", encoder(true, &[])),
    ] {
        let mut harness = alone(session, panel(), [500.0, 200.0]);
        take(&mut results, &mut harness, name);
    }
    let mut session = encoder(true, &["the cats sat on the red mat.", "he ran, walking a dog"]);
    let document = session.document.as_ref().unwrap();
    let layer = document.source.layer(document.attention()[1].layer).name.clone();
    let attend = |head, query| {
        let layer = layer.clone();
        Command::Attend(Some(Attend {
            layer,
            head,
            item: 0,
            query,
        }))
    };
    session.apply(attend(Some(1), Some(3)));
    let mut harness = alone(session, panel(), size);
    take(&mut results, &mut harness, "attention_head");
    harness.get_by_label("Rollout").click();
    settle(&mut harness);
    take(&mut results, &mut harness, "attention_rollout");
    harness.get_by_label("Weights").click();
    let session = &mut harness.state_mut().session;
    session.apply(Command::Ablate(vec![Ablated {
        layer: layer.clone(),
        head: 1,
    }]));
    session.wait();
    settle(&mut harness);
    take(&mut results, &mut harness, "attention_out");
}

#[test]
fn arithmetic_of_a_number() {
    let mut results = SnapshotResults::new();
    let panel = || panel_of("arithmetic").unwrap();
    for (name, session) in [
        ("arithmetic_empty", empty()),
        ("arithmetic_waiting", encoder(true, &[])),
    ] {
        let mut harness = alone(session, panel(), [560.0, 200.0]);
        take(&mut results, &mut harness, name);
    }
    let mut session = demo();
    let select = |session: &mut Session, fits: &dyn Fn(&model::Layer) -> bool| {
        let document = session.document.as_ref().unwrap();
        let mut layers = document.network.main().layers.iter();
        let found = layers.find(|l| fits(document.network.layer(**l))).unwrap();
        let name = document.network.layer(*found).name.clone();
        session.apply(Command::Select(Some(name)));
    };
    let mut harness = alone(demo(), panel(), [1000.0, 520.0]);
    take(&mut results, &mut harness, "arithmetic_convolution");
    harness.get_by_label("Go through the terms").click();
    harness.run_steps(3);
    harness.get_by_label("Pause").click();
    settle(&mut harness);
    take(&mut results, &mut harness, "arithmetic_step");
    select(&mut session, &|l| matches!(l.op, model::Op::Gemm { .. }));
    let mut harness = alone(session, panel(), [1000.0, 520.0]);
    take(&mut results, &mut harness, "arithmetic_dense");
    let mut session = encoder(true, &["the cats sat on the red mat."]);
    for (name, wanted) in [
        ("arithmetic_softmax", "Softmax"),
        ("arithmetic_norm", "LayerNormalization"),
        ("arithmetic_moved", "Transpose"),
        ("arithmetic_refused", "Range"),
    ] {
        select(&mut session, &|l| l.kind == wanted);
        let mut harness = alone(session, panel(), [1000.0, 420.0]);
        take(&mut results, &mut harness, name);
        session = std::mem::take(&mut harness.state_mut().session);
    }
}

#[test]
fn attention_of_two_texts_a_picture_and_a_series() {
    let mut results = SnapshotResults::new();
    let panel = || panel_of("attention").unwrap();
    let size = [1100.0, 420.0];
    let mut session = encoder(true, &["the cats sat on the red mat.", "he ran, walking a dog"]);
    let attend = |session: &mut Session, head| {
        let document = session.document.as_ref().unwrap();
        let layer = document.source.layer(document.attention()[1].layer).name.clone();
        session.apply(Command::Attend(Some(Attend {
            layer,
            head,
            item: 0,
            query: None,
        })));
        session.wait();
    };
    attend(&mut session, Some(0));
    let mut harness = alone(session, panel(), size);
    harness.get_by_value("beside no other").click();
    settle(&mut harness);
    harness.get_by_label("text 2").click();
    settle(&mut harness);
    take(&mut results, &mut harness, "attention_pair");
    let mut session = vision();
    attend(&mut session, None);
    let mut harness = alone(session, panel(), size);
    take(&mut results, &mut harness, "attention_picture");
    let mut session = weather();
    attend(&mut session, None);
    let mut harness = alone(session, panel(), size);
    take(&mut results, &mut harness, "attention_series");
}

#[test]
fn similarity_of_layers_and_of_rows() {
    use session::asking::Question;
    let mut results = SnapshotResults::new();
    let panel = || panel_of("similarity").unwrap();
    for (name, session) in [("similarity_empty", empty()), ("similarity_begin", demo())] {
        let mut harness = alone(session, panel(), [560.0, 200.0]);
        take(&mut results, &mut harness, name);
    }
    let mut session = encoder(true, &[]);
    let ask = |session: &mut Session| {
        session.apply(Command::Ask(Question::Layers {
            measure: Default::default(),
        }));
        session.wait_for_answers();
    };
    ask(&mut session);
    let mut harness = alone(session, panel(), [560.0, 200.0]);
    take(&mut results, &mut harness, "similarity_refused");
    let mut session = demo();
    ask(&mut session);
    let mut harness = alone(session, panel(), [940.0, 500.0]);
    take(&mut results, &mut harness, "similarity_layers");
    harness.get_by_label("Group").click();
    settle(&mut harness);
    take(&mut results, &mut harness, "similarity_grouped");
    let mut session = encoder(true, &["the cats sat on the red mat.", "he ran, walking a dog"]);
    let document = session.document.as_ref().unwrap();
    let layer = document.attention()[1].layer;
    let norm = document
        .source
        .main()
        .layers
        .iter()
        .copied()
        .skip_while(|l| *l != layer);
    let norm = norm
        .into_iter()
        .find(|l| document.source.layer(*l).kind == "LayerNormalization");
    let name = document.source.layer(norm.unwrap()).name.clone();
    session.apply(Command::Select(Some(name)));
    let mut harness = alone(session, panel(), [560.0, 420.0]);
    harness.get_by_label("Examples or tokens").click();
    settle(&mut harness);
    take(&mut results, &mut harness, "similarity_tokens");
}

#[test]
fn clouds_of_points() {
    use session::cloud::{Origin, Wanted};
    let mut results = SnapshotResults::new();
    let panel = || panel_of("embedding").unwrap();
    for (name, session) in [("embedding_empty", empty()), ("embedding_begin", demo())] {
        let mut harness = alone(session, panel(), [560.0, 260.0]);
        take(&mut results, &mut harness, name);
    }
    let size = [1000.0, 460.0];
    let project = |session: &mut Session, wanted: Wanted| {
        session.apply(Command::Project(Some(wanted)));
        session.wait_for_cloud();
    };
    let mut session = demo();
    let layers = &session.document.as_ref().unwrap().network;
    let last = layers.main().layers[layers.main().layers.len() - 2];
    let layer = layers.layer(last).name.clone();
    session.apply(Command::Select(Some(layer.clone())));
    let mut wanted = Wanted::new(Origin::Layer(layer));
    project(&mut session, wanted.clone());
    let mut harness = alone(session, panel(), size);
    take(&mut results, &mut harness, "embedding_pca");
    // UMAP would be another picture with the rounding of another processor.
    wanted.dimensions = 2;
    project(&mut harness.state_mut().session, wanted);
    harness.get_by_label("pictures").click();
    settle(&mut harness);
    take(&mut results, &mut harness, "embedding_flat");
    harness.get_by_label("pictures").click();
    let colour = |harness: &mut Harness<Shown>, from: &str, to: &str| {
        harness.get_by_value(from).click();
        settle(harness);
        harness.get_by_label(to).click();
        settle(harness);
    };
    colour(&mut harness, "class", "dense groups");
    take(&mut results, &mut harness, "embedding_groups");
    colour(&mut harness, "dense groups", "loss");
    take(&mut results, &mut harness, "embedding_loss");
    colour(&mut harness, "loss", "k-means");
    harness.state_mut().session.apply(Command::Group(6));
    harness.state_mut().session.wait_for_cloud();
    settle(&mut harness);
    take(&mut results, &mut harness, "embedding_kmeans");
    let mut session = encoder(true, &["the cats sat on the red mat.", "he ran, walking a dog"]);
    let network = &session.document.as_ref().unwrap().network;
    let rank = |l: &model::Layer| network.tensor(l.outputs[0]?).spec.rank();
    let layer = network
        .layers
        .iter()
        .rev()
        .find(|l| rank(l) == Some(3))
        .unwrap()
        .name
        .clone();
    project(&mut session, Wanted::new(Origin::Tokens(layer)));
    let mut harness = alone(session, panel(), size);
    take(&mut results, &mut harness, "embedding_tokens");
    let mut session = empty();
    let bytes = b"1,2\n3,x\n".to_vec().into();
    let source = Source::Bytes {
        name: "vectors.npy".into(),
        bytes,
    };
    project(&mut session, Wanted::new(Origin::File(source)));
    let mut harness = alone(session, panel(), [560.0, 260.0]);
    take(&mut results, &mut harness, "embedding_wrong");
}

#[test]
fn the_whole_window() {
    let mut results = SnapshotResults::new();
    let mut harness = window(still(demo()), Panels::default());
    take(&mut results, &mut harness, "window");
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::P);
    settle(&mut harness);
    harness.event(egui::Event::Text("conv".into()));
    settle(&mut harness);
    take(&mut results, &mut harness, "window_palette");
    harness.key_press(egui::Key::Escape);
    harness.key_press(egui::Key::F1);
    harness.state_mut().session.apply(Command::Light(true));
    settle(&mut harness);
    take(&mut results, &mut harness, "window_light_help");
    let mut harness = window(empty(), Panels::default());
    take(&mut results, &mut harness, "window_empty");
}
